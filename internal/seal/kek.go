package seal

import (
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
	environmentPrefix = "env:"
	kekFileBytesMax   = 1 << 10 // a key takes 32 to 65 bytes; more is some other file
	kekFileMode       = 0o400
)

// KEK is the key-encryption key. It lies outside of the data that it protects and opens nothing but the keyring.
type KEK struct{ aead tink.AEAD }

// NewKEK takes 32 bytes.
func NewKEK(secret []byte) (*KEK, error) {
	if len(secret) != keyBytes {
		return nil, fault.New(fault.Invalid, "the key-encryption key must have %d bytes, not %d", keyBytes, len(secret))
	}
	aead, err := subtle.NewAESGCM(secret)
	if err != nil {
		return nil, fmt.Errorf("key-encryption key: %w", err)
	}
	return &KEK{aead: aead}, nil
}

// ReadKEK reads the key that a reference names: the path of a file, or env:NAME for an environment variable. The key is 32
// bytes as they are (in a file), 64 hexadecimal digits, or base64. What is missing gives fault.NotFound, what is no key fault.Invalid.
func ReadKEK(reference string) (*KEK, error) {
	if reference == "" {
		return nil, fault.New(fault.NotFound, "no key-encryption key is named: set keys.kek to a file's path or env:NAME")
	}
	if name, ok := strings.CutPrefix(reference, environmentPrefix); ok {
		text, found := os.LookupEnv(name)
		if !found || text == "" {
			return nil, fault.New(fault.NotFound, "the environment variable %s, which should hold the key-encryption key, is not set", name)
		}
		return parseKEK([]byte(text))
	}
	file, err := os.Open(reference)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.NotFound, err, "the key-encryption key %s does not exist", reference)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the key-encryption key %s can't be read", reference)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, kekFileBytesMax))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the key-encryption key %s can't be read", reference)
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

// writeNew writes a file that must not exist, so that it is there whole or not at all, even after a loss of power.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	temporary := path + ".new" // created exclusively: of two that make the same file one is refused
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory makes a rename last. Systems that can't sync a directory make it last by themselves.
func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer directory.Close()
	if err := directory.Sync(); err != nil && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
