// Package keyservice opens key-encryption keys that never leave the service which keeps them: AWS KMS, Google Cloud KMS, and the
// transit engine of Vault and OpenBao.
//
// It owns the references to such keys, how often and how long a service is asked, and what its refusals mean to an operator. It
// makes no connection of its own, never sees a key, and never falls back to another one.
package keyservice

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"folioscope/internal/fault"
	"folioscope/internal/seal"
)

const (
	answerWaitMax  = 10 * time.Second // of one question; services answer within a tenth of a second
	triesMax       = 3                // of one question; only where a service can't answer at the moment
	pauseMin       = 200 * time.Millisecond
	referenceMax   = 512 // bytes; the longest of real ones have 200
	tokenBytesMax  = 4 << 10
	metadataOfBoth = "169.254.169.254/32" // where a machine of either cloud is told its credentials
)

// Service is a key at a service, as a reference names it. Nothing is asked before Open.
type Service struct {
	kind       string
	addresses  []string
	networks   []string
	connect    func(ctx context.Context, client *http.Client, wait time.Duration) (tink.AEADWithContext, error)
	explain    func(error) error
	answerWait time.Duration
}

// Is says whether a reference names a key at a service, rather than a key that lies on this machine.
func Is(reference string) bool { return strings.Contains(reference, "://") }

// Parse reads a reference: fault.Invalid where it names no key.
func Parse(reference string) (*Service, error) {
	scheme, name, _ := strings.Cut(reference, "://")
	if len(reference) > referenceMax {
		return nil, fault.New(fault.Invalid, "keys.kek: a reference has at most %d bytes", referenceMax)
	}
	var s *Service
	var err error
	switch scheme {
	case "aws-kms":
		s, err = newAWS(name)
	case "gcp-kms":
		s, err = newGoogle(name, "")
	case "hcvault":
		s, err = newVault(name)
	default:
		return nil, fault.New(fault.Invalid, "keys.kek: no key service is called %.40q; there are aws-kms://, gcp-kms:// and hcvault://", scheme)
	}
	if err != nil {
		return nil, err
	}
	s.answerWait = answerWaitMax
	return s, nil
}

// Kind says in words what keeps the key.
func (s *Service) Kind() string { return s.kind }

// Reach says what a client for this service has to reach besides the public internet: hosts, as URLs, which may lie in a private
// network, and networks where the machine is told its credentials.
func (s *Service) Reach() (addresses, networks []string) { return s.addresses, s.networks }

// Open makes a key-encryption key of the service's key. Credentials are those that this machine has for the service, found where
// its own tools look for them; fault.Denied where there are none.
func (s *Service) Open(ctx context.Context, client *http.Client) (*seal.KEK, error) {
	ctx, cancel := context.WithTimeout(ctx, s.answerWait)
	defer cancel()
	remote, err := s.connect(ctx, client, s.answerWait)
	if err != nil {
		return nil, err
	}
	return seal.RemoteKEK(&asked{remote, s.explain, s.answerWait}), nil
}

// asked asks a service again where it couldn't answer, and says what its refusals mean. What is wrong with a ciphertext stays
// without a kind: seal says what that means.
type asked struct {
	remote     tink.AEADWithContext
	explain    func(error) error
	answerWait time.Duration
}

// EncryptWithContext implements tink.AEADWithContext.
func (a *asked) EncryptWithContext(ctx context.Context, plain, bound []byte) ([]byte, error) {
	return a.try(ctx, func(ctx context.Context) ([]byte, error) { return a.remote.EncryptWithContext(ctx, plain, bound) })
}

// DecryptWithContext implements tink.AEADWithContext.
func (a *asked) DecryptWithContext(ctx context.Context, sealed, bound []byte) ([]byte, error) {
	return a.try(ctx, func(ctx context.Context) ([]byte, error) { return a.remote.DecryptWithContext(ctx, sealed, bound) })
}

func (a *asked) try(ctx context.Context, ask func(context.Context) ([]byte, error)) ([]byte, error) {
	for try, pause := 1, pauseMin; ; try, pause = try+1, 2*pause {
		out, err := a.once(ctx, ask)
		if err == nil {
			return out, nil
		}
		if fault.KindOf(err) == fault.Internal { // else our client has said it
			err = a.explain(err)
		}
		if try == triesMax || !fault.Is(err, fault.Unavailable) {
			return nil, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		case <-timer.C:
		}
	}
}

func (a *asked) once(ctx context.Context, ask func(context.Context) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, a.answerWait)
	defer cancel()
	return ask(ctx)
}

// unaware is a key at a service whose client knows no context: its own deadline ends it.
type unaware struct{ tink.AEAD }

// EncryptWithContext implements tink.AEADWithContext.
func (u unaware) EncryptWithContext(_ context.Context, plain, bound []byte) ([]byte, error) {
	return u.Encrypt(plain, bound)
}

// DecryptWithContext implements tink.AEADWithContext.
func (u unaware) DecryptWithContext(_ context.Context, sealed, bound []byte) ([]byte, error) {
	return u.Decrypt(sealed, bound)
}

// unreachable says why a service gave no answer.
func unreachable(service string, err error) error {
	if strings.Contains(err.Error(), "failed to verify certificate") { // not all of their clients keep the type
		return fault.Wrap(fault.Denied, err, "this machine doesn't trust the certificate of %s", service)
	}
	return fault.Wrap(fault.Unavailable, err, "%s can't be reached", service)
}
