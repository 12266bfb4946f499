package keyservice

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"

	"folioscope/internal/fault"
)

const (
	kindVault      = "Vault"
	vaultToken     = "VAULT_TOKEN"
	vaultTokenFile = "VAULT_TOKEN_FILE" // what Vault's agent keeps a token in
)

var pathOfTransitKey = regexp.MustCompile(`^(/[A-Za-z0-9_.-]+)+/keys/[A-Za-z0-9_.-]+$`)

// newVault takes HOST[:PORT]/MOUNT/keys/NAME. It is always asked over TLS.
func newVault(name string) (*Service, error) {
	at, err := url.Parse("https://" + name)
	if err != nil || at.Hostname() == "" || at.User != nil || at.RawQuery != "" || at.Fragment != "" || !pathOfTransitKey.MatchString(at.EscapedPath()) {
		return nil, fault.New(fault.Invalid, "keys.kek: hcvault:// needs a host and a key of the transit engine, such as hcvault://vault.example:8200/transit/keys/folioscope")
	}
	address := "https://" + at.Host
	return &Service{
		kind:      kindVault,
		addresses: []string{address},
		connect: func(_ context.Context, client *http.Client, wait time.Duration) (tink.AEADWithContext, error) {
			return connectVault(client, address, at.EscapedPath(), wait)
		},
		explain: explainVault,
	}, nil
}

func connectVault(client *http.Client, address, path string, wait time.Duration) (tink.AEADWithContext, error) {
	asks, err := api.NewClient(&api.Config{Address: address, HttpClient: client, Timeout: wait, DisableRedirects: true}) // and tries once: we ask again ourselves
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "keys.kek: Vault can't be set up")
	}
	remote, err := hcvault.NewAEAD(path, asks.Logical())
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "keys.kek: Vault can't be set up")
	}
	at := &transit{asks, unaware{remote}}
	return at, at.authorize()
}

// transit is a key of the transit engine. The token is read each time, since tokens are renewed while a node runs.
type transit struct {
	client *api.Client
	remote unaware
}

// EncryptWithContext implements tink.AEADWithContext.
func (t *transit) EncryptWithContext(ctx context.Context, plain, bound []byte) ([]byte, error) {
	if err := t.authorize(); err != nil {
		return nil, err
	}
	return t.remote.EncryptWithContext(ctx, plain, bound)
}

// DecryptWithContext implements tink.AEADWithContext.
func (t *transit) DecryptWithContext(ctx context.Context, sealed, bound []byte) ([]byte, error) {
	if err := t.authorize(); err != nil {
		return nil, err
	}
	return t.remote.DecryptWithContext(ctx, sealed, bound)
}

func (t *transit) authorize() error {
	token, err := readToken()
	if err != nil {
		return fault.Wrap(fault.Denied, err, "the file that %s names, with the token for Vault, can't be read", vaultTokenFile)
	}
	if token == "" {
		return fault.New(fault.Denied, "this machine has no token for Vault: set %s to the path of a file that holds one, or %s", vaultTokenFile, vaultToken)
	}
	t.client.SetToken(token)
	return nil
}

func readToken() (string, error) {
	path := os.Getenv(vaultTokenFile)
	if path == "" {
		return os.Getenv(vaultToken), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	token, err := io.ReadAll(io.LimitReader(file, tokenBytesMax))
	return strings.TrimSpace(string(token)), err
}

// explainVault says what an error of Vault means.
func explainVault(err error) error {
	answer, ok := errors.AsType[*api.ResponseError](err)
	if !ok {
		return unreachable(kindVault, err)
	}
	text := strings.Join(answer.Errors, "; ")
	switch {
	case answer.StatusCode == http.StatusBadRequest && (strings.Contains(text, "message authentication failed") || strings.Contains(text, "invalid ciphertext")):
		return err
	case answer.StatusCode == http.StatusForbidden:
		return fault.Wrap(fault.Denied, err, "Vault doesn't let this machine use the key: its token is wrong or has ended, or its policy lacks update on encrypt and decrypt of the key")
	case answer.StatusCode == http.StatusNotFound, answer.StatusCode == http.StatusBadRequest:
		return fault.Wrap(fault.Invalid, err, "keys.kek: Vault has no such key to encrypt and decrypt with")
	case answer.StatusCode == http.StatusServiceUnavailable:
		return fault.Wrap(fault.Unavailable, err, "Vault is sealed or starting")
	}
	return fault.Wrap(fault.Unavailable, err, "Vault can't answer at the moment")
}
