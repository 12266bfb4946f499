// Package webhook signs what is posted to others, and verifies it, as Standard Webhooks says (https://www.standardwebhooks.com).
//
// It owns the headers and the form of secrets. It never posts anything: who does brings a client of its own.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"folioscope/internal/fault"
)

// The headers of a message.
const (
	idHeader        = "Webhook-Id"        // the same in every try
	timestampHeader = "Webhook-Timestamp" // of this try, seconds since 1970
	signatureHeader = "Webhook-Signature" // one or more, separated by spaces
)

const (
	secretPrefix  = "whsec_"
	version       = "v1," // HMAC with SHA-256
	secretMin     = 24    // bytes, as the standard has it
	secretMax     = 64
	secretsMax    = 4 // one, and those before it that receivers still know
	toleranceMax  = 5 * time.Minute
	signaturesMax = 16 // in one header
)

// Secrets are what both ends know, the newest first. While one is replaced, messages are signed with both, and a receiver takes either.
type Secrets struct{ keys [][]byte }

// ParseSecrets reads secrets such as whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, separated by spaces. Its error is of kind Invalid and repeats
// nothing of them.
func ParseSecrets(text string) (Secrets, error) {
	var s Secrets
	for word := range strings.FieldsSeq(text) {
		encoded, ok := strings.CutPrefix(word, secretPrefix)
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(key) < secretMin || len(key) > secretMax || len(s.keys) == secretsMax {
			return Secrets{}, fault.New(fault.Invalid, "needs %s and %d to %d random bytes in base64, or at most %d of these separated by spaces", secretPrefix, secretMin, secretMax, secretsMax)
		}
		s.keys = append(s.keys, key)
	}
	if len(s.keys) == 0 {
		return Secrets{}, fault.New(fault.Invalid, "is empty: whoever learned the address could write there")
	}
	return s, nil
}

// String hides the secrets.
func (Secrets) String() string { return "(hidden)" }

// GoString hides the secrets from %#v.
func (s Secrets) GoString() string { return s.String() }

// Sign sets the headers of a message. The id is that of the message, whatever try this is; a receiver that saw it before ignores it.
func (s Secrets) Sign(header http.Header, id string, now time.Time, body []byte) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	signatures := make([]string, 0, len(s.keys))
	for _, key := range s.keys {
		signatures = append(signatures, version+base64.StdEncoding.EncodeToString(sum(key, id, timestamp, body)))
	}
	header.Set(idHeader, id)
	header.Set(timestampHeader, timestamp)
	header.Set(signatureHeader, strings.Join(signatures, " "))
}

// Verify says whether a message was signed with one of the secrets within five minutes, and gives its id. Its error is of kind Denied.
func (s Secrets) Verify(header http.Header, body []byte, now time.Time) (id string, err error) {
	id, timestamp := header.Get(idHeader), header.Get(timestampHeader)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil {
		return "", fault.New(fault.Denied, "the message is not signed")
	}
	if at := time.Unix(seconds, 0); at.Before(now.Add(-toleranceMax)) || at.After(now.Add(toleranceMax)) {
		return "", fault.New(fault.Denied, "the message is not of now")
	}
	for i, word := range strings.Fields(header.Get(signatureHeader)) {
		if i == signaturesMax {
			break
		}
		encoded, ok := strings.CutPrefix(word, version)
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil {
			continue // of another version, perhaps
		}
		for _, key := range s.keys {
			if hmac.Equal(signature, sum(key, id, timestamp, body)) {
				return id, nil
			}
		}
	}
	return "", fault.New(fault.Denied, "the message is signed by somebody else")
}

func sum(key []byte, id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}
