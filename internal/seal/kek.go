package seal

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"folioscope/internal/fault"
)

const (
	environmentPrefix    = "env:"
	credentialPrefix     = "credential:"
	credentialsDirectory = "CREDENTIALS_DIRECTORY" // where systemd puts a service's credentials
	credentialNameMax    = 255                     // bytes, as for any file's name
	kekFileBytesMax      = 1 << 10                 // a key takes 32 to 65 bytes; more is some other file
	kekFileMode          = 0o400
)

// KEK is the key-encryption key. It lies outside of the data that it protects and opens nothing but the keyring.
type KEK struct{ aead tink.AEADWithContext }

// RemoteKEK is a key that never leaves the service which keeps it: that encrypts and decrypts for us. Errors of it that have a
// fault kind are passed on; any other says that what was to be decrypted isn't of this key.
func RemoteKEK(remote tink.AEADWithContext) *KEK { return &KEK{aead: remote} }

// local is a key of our own memory, which never waits.
type local struct{ tink.AEAD }

func (l local) EncryptWithContext(_ context.Context, plain, bound []byte) ([]byte, error) {
	return l.Encrypt(plain, bound)
}

func (l local) DecryptWithContext(_ context.Context, sealed, bound []byte) ([]byte, error) {
	return l.Decrypt(sealed, bound)
}

// NewKEK takes 32 bytes.
func NewKEK(secret []byte) (*KEK, error) {
	if len(secret) != keyBytes {
		return nil, fault.New(fault.Invalid, "the key-encryption key must have %d bytes, not %d", keyBytes, len(secret))
	}
	aead, err := subtle.NewAESGCM(secret)
	if err != nil {
		return nil, fmt.Errorf("key-encryption key: %w", err)
	}
	return &KEK{aead: local{aead}}, nil
}

// Where a local key-encryption key lies, as KindOf says it.
const (
	KindFile        = "a file"
	KindEnvironment = "an environment variable"
	KindCredential  = "a systemd credential"
)

// KindOf says in words where the key of a local reference lies.
func KindOf(reference string) string {
	switch {
	case strings.HasPrefix(reference, environmentPrefix):
		return KindEnvironment
	case strings.HasPrefix(reference, credentialPrefix):
		return KindCredential
	}
	return KindFile
}

// ReadKEK reads the key that a reference names: the path of a file, env:NAME for an environment variable, or credential:NAME for
// a credential that systemd gave this service. The key is 32 bytes as they are (not in a variable), 64 hexadecimal digits, or
// base64. What is missing gives fault.NotFound, what is no key or no reference fault.Invalid.
func ReadKEK(reference string) (*KEK, error) {
	switch {
	case reference == "":
		return nil, fault.New(fault.NotFound, "no key-encryption key is named: set keys.kek to a file's path, credential:NAME or env:NAME")
	case strings.Contains(reference, "://"):
		scheme, _, _ := strings.Cut(reference, "://")
		return nil, fault.New(fault.Invalid, "keys.kek: no key service is called %.40q", scheme)
	}
	if name, ok := strings.CutPrefix(reference, environmentPrefix); ok {
		text, found := os.LookupEnv(name)
		if !found || text == "" {
			return nil, fault.New(fault.NotFound, "the environment variable %s, which should hold the key-encryption key, is not set", name)
		}
		return parseKEK([]byte(text))
	}
	if name, ok := strings.CutPrefix(reference, credentialPrefix); ok {
		path, err := credentialPath(name)
		if err != nil {
			return nil, err
		}
		return readKEKFile(path)
	}
	return readKEKFile(reference)
}

// credentialPath is where systemd put a credential. Its name is a plain one, so that it never leads out of that directory.
func credentialPath(name string) (string, error) {
	if name == "" || len(name) > credentialNameMax || strings.Trim(name, ".") == "" || strings.ContainsAny(name, "/\\:\x00") {
		return "", fault.New(fault.Invalid, "keys.kek: credential:NAME needs a plain name, got %.60q", name)
	}
	directory := os.Getenv(credentialsDirectory)
	if !filepath.IsAbs(directory) {
		return "", fault.New(fault.NotFound, "systemd gave this process no credentials: LoadCredential=%s:PATH in the unit does", name)
	}
	return filepath.Join(directory, name), nil
}

func readKEKFile(path string) (*KEK, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.NotFound, err, "the key-encryption key %s does not exist", path)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the key-encryption key %s can't be read", path)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, kekFileBytesMax))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the key-encryption key %s can't be read", path)
	}
	return parseKEK(data)
}

func parseKEK(data []byte) (*KEK, error) {
	if len(data) == keyBytes {
		return NewKEK(data)
	}
	text := strings.TrimSpace(string(data))
	if secret, err := hex.DecodeString(text); err == nil && len(secret) == keyBytes {
		return NewKEK(secret)
	}
	if secret, err := base64.StdEncoding.DecodeString(text); err == nil && len(secret) == keyBytes {
		return NewKEK(secret)
	}
	return nil, fault.New(fault.Invalid, "the key-encryption key is not %d bytes, %d hexadecimal digits or their base64", keyBytes, 2*keyBytes)
}

// CreateKEK makes a new key in a file that only its owner may read, as hexadecimal digits. A file that exists is never
// replaced: fault.Conflict.
func CreateKEK(path string) (*KEK, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("create key-encryption key: %w", err)
	}
	secret := newSecret()
	err := writeNew(path, append([]byte(hex.EncodeToString(secret)), '\n'), kekFileMode)
	if errors.Is(err, fs.ErrExist) {
		return nil, fault.Wrap(fault.Conflict, err, "the key-encryption key %s exists already", path)
	}
	if err != nil {
		return nil, fmt.Errorf("create key-encryption key: %w", err)
	}
	return NewKEK(secret)
}
