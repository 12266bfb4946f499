// Package seal encrypts what is personal before it reaches a database, and keeps the keys for it.
//
// It owns three levels of keys: the key-encryption key (KEK), which lies outside the data and opens the keyring; the root
// keyset in the keyring, which wraps one key for each user; and the users' keys, which seal columns. It never stores a key
// unwrapped, never makes a new key where one should exist, and never gives an empty value for one that doesn't open.
//
// A sealed value is one byte of format, the version of the key (4 bytes, big-endian), then nonce, text and tag of AES-256-GCM.
// Its associated data names version, table, column, owner and row, each with its length, so that a value that was moved
// to another place doesn't open there.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"folioscope/internal/ledger"
)

const (
	keyBytes     = 32 // AES-256
	formatSealed = 1
	headerBytes  = 1 + 4 // format and key version
	overhead     = headerBytes + 12 + 16

	derivedCommit = "folioscope user key v1: commitments" // what the key for commitments is derived for
)

// ErrOpen says that a sealed value does not open: another key, another place, or changed bytes.
var ErrOpen = errors.New("sealed value does not open")

// Column is where a sealed value belongs.
type Column struct{ Table, Name string }

// Key is one user's key. It is safe for concurrent use.
type Key struct {
	owner   ledger.OwnerID
	version uint32
	gcm     cipher.AEAD
	commit  []byte
}

func newKey(owner ledger.OwnerID, version uint32, secret []byte) (*Key, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("user key: %w", err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("user key: %w", err)
	}
	commit, err := hkdf.Key(sha256.New, secret, nil, derivedCommit, keyBytes)
	if err != nil {
		return nil, fmt.Errorf("user key: %w", err)
	}
	return &Key{owner: owner, version: version, gcm: gcm, commit: commit}, nil
}

// Owner is whose key it is.
func (k *Key) Owner() ledger.OwnerID { return k.owner }

// Version counts an owner's keys from 1.
func (k *Key) Version() int { return int(k.version) }

// Seal encrypts a value for one place: its column, and the row as its key's parts beside the owner.
func (k *Key) Seal(plain []byte, at Column, row ...string) []byte {
	out := make([]byte, headerBytes, len(plain)+overhead)
	out[0] = formatSealed
	binary.BigEndian.PutUint32(out[1:], k.version)
	return k.gcm.Seal(out, nil, plain, k.place(at, row))
}

// Open decrypts a value that was sealed for this place, else it gives ErrOpen.
func (k *Key) Open(sealed []byte, at Column, row ...string) ([]byte, error) {
	if len(sealed) < overhead || sealed[0] != formatSealed || binary.BigEndian.Uint32(sealed[1:]) != k.version {
		return nil, fmt.Errorf("%s.%s: %w", at.Table, at.Name, ErrOpen)
	}
	plain, err := k.gcm.Open(make([]byte, 0, len(sealed)-overhead), nil, sealed[headerBytes:], k.place(at, row))
	if err != nil {
		return nil, fmt.Errorf("%s.%s: %w", at.Table, at.Name, ErrOpen)
	}
	return plain, nil
}

// Commit binds its holder to a value of one place without showing it: who has the key can check it, and once the key is gone
// nobody can find the value by trying.
func (k *Key) Commit(plain []byte, at Column, row ...string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, k.commit)
	place := k.place(at, row)
	mac.Write(binary.AppendUvarint(nil, uint64(len(place))))
	mac.Write(place)
	mac.Write(plain)
	return [sha256.Size]byte(mac.Sum(nil))
}

// place is the associated data. Lengths go before each part, so that no two places give the same bytes.
func (k *Key) place(at Column, row []string) []byte {
	const typical = 160 // bytes: a few ids
	out := binary.BigEndian.AppendUint32(make([]byte, 0, typical), k.version)
	for _, part := range [...]string{at.Table, at.Name, string(k.owner)} {
		out = append(binary.AppendUvarint(out, uint64(len(part))), part...)
	}
	for _, part := range row {
		out = append(binary.AppendUvarint(out, uint64(len(part))), part...)
	}
	return out
}

// newSecret gives the bytes of a new key.
func newSecret() []byte {
	out := make([]byte, keyBytes)
	_, _ = rand.Read(out) // never fails: it ends the process rather than give weak bytes
	return out
}
