package seal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// RootKey names a key of the root keyset; it is no secret.
type RootKey uint32

// String is the name as people read it, eight hexadecimal digits.
func (k RootKey) String() string { return fmt.Sprintf("%08x", uint32(k)) }

// ParseRootKey reads what String wrote.
func ParseRootKey(text string) (RootKey, error) {
	number, err := strconv.ParseUint(text, 16, 32)
	if err != nil || RootKey(number).String() != text {
		return 0, fmt.Errorf("%.20q names no root key", text)
	}
	return RootKey(number), nil
}

// ErrRootKey says that something was wrapped by a root key which the keyring, as it was read last, doesn't hold.
var ErrRootKey = errors.New("wrapped by a root key that the keyring does not hold")

// What a wrapped key begins with, as Tink writes it: one byte and the root key's id, big-endian.
const (
	wrappedStart = 1
	prefixBytes  = 1 + 4
)

// Prefix is what everything begins with that this root key wrapped.
func (k RootKey) Prefix() []byte {
	return binary.BigEndian.AppendUint32([]byte{wrappedStart}, uint32(k))
}

// WrappedBy names the root key that wrapped a user's key; false where the bytes are none of a wrapped key.
func WrappedBy(wrapped []byte) (RootKey, bool) {
	if len(wrapped) < prefixBytes || wrapped[0] != wrappedStart {
		return 0, false
	}
	return RootKey(binary.BigEndian.Uint32(wrapped[1:])), true
}

// rootKeys is the root keyset. It never changes.
type rootKeys struct {
	handle *keyset.Handle
	all    tink.AEAD // encrypts by the primary key, decrypts by any
	one    map[RootKey]tink.AEAD
	ids    []RootKey // as they were added
}

func newRootKeys() (*rootKeys, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("create root keyset: %w", err)
	}
	return rootKeysOf(handle)
}

func rootKeysOf(handle *keyset.Handle) (*rootKeys, error) {
	keys := &rootKeys{handle: handle, one: make(map[RootKey]tink.AEAD)}
	var err error
	if keys.all, err = aead.New(handle); err != nil {
		return nil, fmt.Errorf("open root keyset: %w", err)
	}
	for _, key := range handle.KeysetInfo().GetKeyInfo() {
		id := RootKey(key.GetKeyId())
		alone, err := only(handle, id)
		if err != nil {
			return nil, err
		}
		if keys.one[id], err = aead.New(alone); err != nil {
			return nil, fmt.Errorf("open root key %s: %w", id, err)
		}
		keys.ids = append(keys.ids, id)
	}
	return keys, nil
}

// only is a keyset without all keys but one.
func only(handle *keyset.Handle, kept RootKey) (*keyset.Handle, error) {
	manager := keyset.NewManagerFromHandle(handle)
	if err := manager.SetPrimary(uint32(kept)); err != nil {
		return nil, fmt.Errorf("root key %s: %w", kept, err)
	}
	for _, key := range handle.KeysetInfo().GetKeyInfo() {
		if RootKey(key.GetKeyId()) == kept {
			continue
		}
		if err := manager.Delete(key.GetKeyId()); err != nil {
			return nil, fmt.Errorf("root key %s: %w", RootKey(key.GetKeyId()), err)
		}
	}
	return manager.Handle()
}

// with is a keyset with one key more, by which nothing is wrapped yet.
func (k *rootKeys) with() (*rootKeys, error) {
	manager := keyset.NewManagerFromHandle(k.handle)
	if _, err := manager.Add(aead.AES256GCMKeyTemplate()); err != nil {
		return nil, fmt.Errorf("add a root key: %w", err)
	}
	handle, err := manager.Handle()
	if err != nil {
		return nil, fmt.Errorf("add a root key: %w", err)
	}
	return rootKeysOf(handle)
}

// keeping is a keyset of one key alone.
func (k *rootKeys) keeping(kept RootKey) (*rootKeys, error) {
	handle, err := only(k.handle, kept)
	if err != nil {
		return nil, err
	}
	return rootKeysOf(handle)
}

func (k *rootKeys) wrap(by RootKey, secret, bound []byte) ([]byte, error) {
	one, ok := k.one[by]
	if !ok {
		return nil, fmt.Errorf("wrap user key by %s: %w", by, ErrRootKey)
	}
	wrapped, err := one.Encrypt(secret, bound)
	if err != nil {
		return nil, fmt.Errorf("wrap user key: %w", err)
	}
	return wrapped, nil
}

func (k *rootKeys) unwrap(wrapped, bound []byte) ([]byte, error) {
	by, ok := WrappedBy(wrapped)
	if !ok {
		return nil, fmt.Errorf("user key: %w", ErrOpen)
	}
	one, ok := k.one[by]
	if !ok {
		return nil, fmt.Errorf("user key by %s: %w: %w", by, ErrRootKey, ErrOpen)
	}
	secret, err := one.Decrypt(wrapped, bound)
	if err != nil {
		return nil, fmt.Errorf("user key: %w", ErrOpen)
	}
	return secret, nil
}

// encrypted is the keyset as it lies in a keyring.
func (k *rootKeys) encrypted(ctx context.Context, kek *KEK) ([]byte, error) {
	var out bytes.Buffer
	asked := asked{AEADWithContext: kek.aead}
	err := k.handle.WriteWithContext(ctx, keyset.NewBinaryWriter(&out), &asked, []byte(boundKeyset))
	if err != nil {
		return nil, fmt.Errorf("encrypt root keyset: %w", asked.or(err))
	}
	return out.Bytes(), nil
}

func openRootKeys(ctx context.Context, kek *KEK, encrypted []byte) (*rootKeys, error) {
	asked := asked{AEADWithContext: kek.aead}
	handle, err := keyset.ReadWithContext(ctx, keyset.NewBinaryReader(bytes.NewReader(encrypted)), &asked, []byte(boundKeyset))
	if err != nil {
		return nil, asked.or(err)
	}
	return rootKeysOf(handle)
}

// asked keeps what a KEK said: Tink makes text of its errors.
type asked struct {
	tink.AEADWithContext
	err error
}

// EncryptWithContext implements tink.AEADWithContext.
func (a *asked) EncryptWithContext(ctx context.Context, plain, bound []byte) (out []byte, err error) {
	out, a.err = a.AEADWithContext.EncryptWithContext(ctx, plain, bound)
	return out, a.err
}

// DecryptWithContext implements tink.AEADWithContext.
func (a *asked) DecryptWithContext(ctx context.Context, sealed, bound []byte) (out []byte, err error) {
	out, a.err = a.AEADWithContext.DecryptWithContext(ctx, sealed, bound)
	return out, a.err
}

func (a *asked) or(err error) error {
	if a.err != nil {
		return a.err
	}
	return err
}
