package keyservice

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go-gcpkms/v2/integration/gcpkms"
	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/cloudkms/v1"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"folioscope/internal/fault"
)

const (
	kindGoogle   = "Google Cloud KMS"
	schemeGoogle = "gcp-kms://"
)

var pathOfKey = regexp.MustCompile(`^projects/[a-z0-9.:-]+/locations/[a-z0-9-]+/keyRings/[A-Za-z0-9_-]+/cryptoKeys/[A-Za-z0-9_-]+$`)

// newGoogle takes the resource name of a symmetric key. The endpoint is the usual one where it is empty.
func newGoogle(name, endpoint string) (*Service, error) {
	if !pathOfKey.MatchString(name) {
		return nil, fault.New(fault.Invalid, "keys.kek: gcp-kms:// needs the name of a key, such as gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K, got %.120q", name)
	}
	return &Service{
		kind: kindGoogle,
		// With private access these lie at private addresses.
		addresses: []string{"https://cloudkms.googleapis.com", "https://oauth2.googleapis.com", "https://sts.googleapis.com"},
		networks:  []string{metadataOfBoth},
		connect: func(ctx context.Context, client *http.Client, wait time.Duration) (tink.AEADWithContext, error) {
			return connectGoogle(ctx, client, name, endpoint, wait)
		},
		explain: explainGoogle,
	}, nil
}

func connectGoogle(ctx context.Context, client *http.Client, name, endpoint string, wait time.Duration) (tink.AEADWithContext, error) {
	// Tokens are fetched anew for as long as the node runs, so what fetches them must not end with this call.
	lasting := context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, client)
	found, err := google.FindDefaultCredentials(lasting, cloudkms.CloudkmsScope)
	if err != nil {
		return nil, fault.Wrap(fault.Denied, err, "this machine has no credentials for Google Cloud KMS: give it a service account, or set GOOGLE_APPLICATION_CREDENTIALS to the path of its key")
	}
	signed := oauth2.NewClient(lasting, found.TokenSource)
	signed.Timeout = wait
	options := []option.ClientOption{option.WithHTTPClient(signed)}
	if endpoint != "" {
		options = append(options, option.WithEndpoint(endpoint))
	}
	// REST, not gRPC: it goes out by the client that was given.
	service, err := gcpkms.NewClient(ctx, schemeGoogle+name, gcpkms.WithTransport(gcpkms.TransportREST), gcpkms.WithGoogleAPIClientOptions(options...))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "keys.kek: Google Cloud KMS can't be set up")
	}
	remote, err := service.GetAEAD(schemeGoogle + name)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "keys.kek: Google Cloud KMS can't be set up")
	}
	return unaware{remote}, nil
}

// explainGoogle says what an error of Google Cloud KMS means.
func explainGoogle(err error) error {
	if _, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return fault.Wrap(fault.Denied, err, "Google doesn't accept the credentials of this machine: they are wrong or have ended")
	}
	answer, ok := errors.AsType[*googleapi.Error](err)
	switch {
	case !ok && strings.Contains(err.Error(), "checksum field"), !ok && strings.Contains(err.Error(), "corrupted in transit"):
		return fault.Wrap(fault.Unavailable, err, "the answer of Google Cloud KMS was damaged on its way")
	case !ok:
		return unreachable(kindGoogle, err)
	case answer.Code == http.StatusBadRequest && strings.Contains(answer.Message, "Decryption failed"):
		return err
	case answer.Code == http.StatusUnauthorized:
		return fault.Wrap(fault.Denied, err, "Google Cloud KMS doesn't accept the credentials of this machine: they are wrong or have ended")
	case answer.Code == http.StatusForbidden:
		return fault.Wrap(fault.Denied, err, "Google Cloud KMS doesn't let this machine use the key: its service account needs the role Cloud KMS CryptoKey Encrypter/Decrypter")
	case answer.Code == http.StatusNotFound:
		return fault.Wrap(fault.Invalid, err, "keys.kek: Google Cloud KMS knows no such key")
	case answer.Code == http.StatusBadRequest:
		return fault.Wrap(fault.Invalid, err, "keys.kek: Google Cloud KMS can't encrypt with this key: it is disabled, or of another kind")
	}
	return fault.Wrap(fault.Unavailable, err, "Google Cloud KMS can't answer at the moment")
}
