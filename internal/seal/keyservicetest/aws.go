package keyservicetest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The credentials that AWS takes, and the region of its key.
const (
	AWSAccessKey = "AKIDOFTHETEST"
	AWSSecretKey = "secret-of-the-test"
	AWSRegion    = "eu-central-1"
)

const arnOfKey = "arn:aws:kms:" + AWSRegion + ":111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// AWS serves KMS: https://docs.aws.amazon.com/kms/latest/APIReference. Its address goes into AWS_ENDPOINT_URL_KMS.
func AWS(t testing.TB) *Server {
	t.Helper()
	var s *Server
	s = newServer(t, func(w http.ResponseWriter, r *http.Request) { s.aws(w, r) })
	s.Reference = "aws-kms://" + arnOfKey
	return s
}

func (s *Server) aws(w http.ResponseWriter, r *http.Request) {
	refuse := func(kind string) {
		w.Header().Set("X-Amzn-Requestid", "1")
		answer(w, http.StatusBadRequest, map[string]string{"__type": kind, "message": "of the test"})
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		refuse("ValidationException")
		return
	}
	if !strings.Contains(r.Header.Get("Authorization"), "Credential="+AWSAccessKey+"/") {
		refuse("UnrecognizedClientException")
		return
	}
	if !signed(r, body) {
		refuse("InvalidSignatureException")
		return
	}
	var asked struct {
		KeyID             string `json:"KeyId"`
		Plaintext         []byte
		CiphertextBlob    []byte
		EncryptionContext map[string]string
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		refuse("SerializationException")
		return
	}
	if asked.KeyID != arnOfKey {
		refuse("NotFoundException")
		return
	}
	bound, _ := json.Marshal(asked.EncryptionContext) // its keys are sorted
	switch r.Header.Get("X-Amz-Target") {
	case "TrentService.Encrypt":
		answer(w, http.StatusOK, map[string]any{"KeyId": arnOfKey, "CiphertextBlob": s.seal(asked.Plaintext, bound), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
	case "TrentService.Decrypt":
		plain, err := s.open(asked.CiphertextBlob, bound)
		if err != nil {
			refuse("InvalidCiphertextException")
			return
		}
		answer(w, http.StatusOK, map[string]any{"KeyId": arnOfKey, "Plaintext": plain, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
	default:
		refuse("UnknownOperationException")
	}
}

// signed says whether a request bears the signature (version 4) of the one who has the secret.
func signed(r *http.Request, body []byte) bool {
	_, list, ok := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if !ok || err != nil {
		return false
	}
	list, _, _ = strings.Cut(list, ",")
	again, err := http.NewRequestWithContext(r.Context(), r.Method, "https://"+r.Host+r.URL.RequestURI(), nil)
	if err != nil {
		return false
	}
	for name := range strings.SplitSeq(list, ";") {
		switch name {
		case "host", "x-amz-date": // the signer's own
		case "content-length":
			again.ContentLength = r.ContentLength
		default:
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	sum := sha256.Sum256(body)
	who := aws.Credentials{AccessKeyID: AWSAccessKey, SecretAccessKey: AWSSecretKey}
	if err := v4.NewSigner().SignHTTP(r.Context(), who, again, hex.EncodeToString(sum[:]), "kms", AWSRegion, at); err != nil {
		return false
	}
	return again.Header.Get("Authorization") == r.Header.Get("Authorization")
}
