package keyservice

import (
	"context"
	"errors"
	"net/http"
	"os"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/tink"

	"folioscope/internal/fault"
)

const kindAWS = "AWS KMS"

var arnOfKey = regexp.MustCompile(`^arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]+$`)

// newAWS takes the ARN of a symmetric key or of an alias.
func newAWS(name string) (*Service, error) {
	parts := arnOfKey.FindStringSubmatch(name)
	if parts == nil {
		return nil, fault.New(fault.Invalid, "keys.kek: aws-kms:// needs the ARN of a key, such as aws-kms://arn:aws:kms:eu-central-1:111122223333:key/ID, got %.120q", name)
	}
	region := parts[1]
	return &Service{
		kind: kindAWS,
		// Where the network of the machine has an endpoint of its own for these they lie at a private address.
		addresses: []string{"https://kms." + region + ".amazonaws.com", "https://sts." + region + ".amazonaws.com", os.Getenv("AWS_ENDPOINT_URL_KMS")},
		networks:  []string{metadataOfBoth, "169.254.170.2/32", "169.254.170.23/32", "fd00:ec2::254/128", "fd00:ec2::23/128"},
		connect: func(ctx context.Context, client *http.Client, _ time.Duration) (tink.AEADWithContext, error) {
			return connectAWS(ctx, client, name, region)
		},
		explain: explainAWS,
	}, nil
}

func connectAWS(ctx context.Context, client *http.Client, name, region string) (tink.AEADWithContext, error) {
	if os.Getenv("AWS_CA_BUNDLE") != "" { // AWS's library would put it into a client of its own
		return nil, fault.New(fault.Invalid, "AWS_CA_BUNDLE is set, which isn't read here: take it away, and set SSL_CERT_FILE where certificates of your own are to be trusted")
	}
	settings, err := config.LoadDefaultConfig(ctx, config.WithRegion(region), config.WithHTTPClient(client),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} })) // we ask again ourselves
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the AWS settings of this machine can't be read")
	}
	if _, err := settings.Credentials.Retrieve(ctx); err != nil {
		return nil, fault.Wrap(fault.Denied, err, "this machine has no credentials for AWS KMS: give it a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	remote, err := awskms.NewAEADWithContext(ctx, name, awskms.WithKMS(kms.NewFromConfig(settings)))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "keys.kek: AWS KMS can't be set up")
	}
	return remote, nil
}

// explainAWS says what an error of AWS KMS means.
func explainAWS(err error) error {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return unreachable(kindAWS, err)
	}
	switch answer.ErrorCode() {
	case "InvalidCiphertextException", "IncorrectKeyException":
		return err
	case "AccessDeniedException":
		return fault.Wrap(fault.Denied, err, "AWS KMS doesn't let this machine use the key: its role needs kms:Encrypt and kms:Decrypt for it")
	case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "InvalidClientTokenId", "MissingAuthenticationTokenException", "IncompleteSignatureException", "SignatureDoesNotMatch":
		return fault.Wrap(fault.Denied, err, "AWS KMS doesn't accept the credentials of this machine: they are wrong or have ended")
	case "NotFoundException":
		return fault.Wrap(fault.Invalid, err, "keys.kek: AWS KMS knows no such key")
	case "DisabledException", "KMSInvalidStateException":
		return fault.Wrap(fault.Denied, err, "the key at AWS KMS is disabled or is going to be deleted: enable it again")
	case "InvalidKeyUsageException", "ValidationException":
		return fault.Wrap(fault.Invalid, err, "keys.kek: the key at AWS KMS isn't one to encrypt and decrypt with")
	}
	return fault.Wrap(fault.Unavailable, err, "AWS KMS can't answer at the moment")
}
