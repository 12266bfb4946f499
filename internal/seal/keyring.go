package seal

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

const (
	keyringFormat   = 1
	keyringBytesMax = 64 << 10 // a keyset of a hundred keys; it has one, and two while they are rotated
	keyringFileMode = 0o600
)

// What the keyring's parts are bound to, so that none can stand in for another.
const (
	boundKeyset  = "folioscope keyring v1: root keyset"
	boundFile    = "folioscope keyring v1: database file key"
	boundIndex   = "folioscope keyring v1: index key"
	boundUserKey = "folioscope keyring v1: user key"
)

// keyring is what lies at rest. Everything secret in it is wrapped.
type keyring struct {
	Format      int    `json:"format"`
	Fingerprint string `json:"fingerprint"` // names the keyring in messages; no secret
	Keyset      []byte `json:"keyset"`      // Tink's, encrypted with the KEK
	FileKey     []byte `json:"file_key"`    // wrapped by the root keyset
	IndexKey    []byte `json:"index_key"`   // wrapped by the root keyset
}

// Root is an open keyring. It is safe for concurrent use.
type Root struct {
	fingerprint string
	fileKey     []byte
	indexKey    []byte
	place       Place

	mu   sync.Mutex // held by whoever reads the keyring anew
	kek  *KEK
	held atomic.Pointer[held]
}

// held is the part of a keyring that changes.
type held struct {
	data []byte // the keyring as it lies at rest
	keys *rootKeys
}

// Init makes a new root keyset and stores it, encrypted with the KEK. It never replaces a keyring and makes none beside data.
func Init(ctx context.Context, kek *KEK, place Place) (*Root, error) {
	keys, err := newRootKeys()
	if err != nil {
		return nil, err
	}
	root := &Root{fileKey: newSecret(), indexKey: newSecret(), place: place, kek: kek}
	root.fingerprint = root.nameOf()
	data, err := root.encode(ctx, kek, keys)
	if err != nil {
		return nil, err
	}
	if err := place.Create(ctx, data); err != nil {
		return nil, fmt.Errorf("create keyring: %w", err)
	}
	root.held.Store(&held{data, keys})
	return root, nil
}

// Open reads a keyring. A keyring that is not there gives fault.NotFound, one that this KEK does not open fault.Denied, a service
// that keeps the KEK and can't be asked what that says; nothing is ever created.
func Open(ctx context.Context, kek *KEK, place Place) (*Root, error) {
	data, err := place.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("open keyring: %w", err)
	}
	root, err := decode(ctx, kek, data)
	if err != nil {
		return nil, err
	}
	root.place = place
	return root, nil
}

// Reload reads the keyring anew, whose root keys somebody may have rotated. On an error the keys stay as they were.
func (r *Root) Reload(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	data, err := r.place.Load(ctx)
	if err != nil {
		return fmt.Errorf("read the keyring again: %w", err)
	}
	if bytes.Equal(data, r.held.Load().data) {
		return nil
	}
	again, err := decode(ctx, r.kek, data)
	if err != nil {
		return fmt.Errorf("read the keyring again: %w", err)
	}
	if !r.same(again) {
		return fault.New(fault.Denied, "the keyring %s was put in the place of %s", again.fingerprint, r.fingerprint)
	}
	r.held.Store(again.held.Load())
	return nil
}

// same says whether two are one keyring, whatever its root keys are by now.
func (r *Root) same(other *Root) bool {
	return r.fingerprint == other.fingerprint && hmac.Equal(r.fileKey, other.fileKey) && hmac.Equal(r.indexKey, other.indexKey)
}

// encode writes a keyring with these root keys, and makes sure that the KEK opens it again: a key service may encrypt for
// somebody and not decrypt, or answer with nonsense.
func (r *Root) encode(ctx context.Context, kek *KEK, keys *rootKeys) ([]byte, error) {
	ring := keyring{Format: keyringFormat, Fingerprint: r.fingerprint}
	var err error
	if ring.Keyset, err = keys.encrypted(ctx, kek); err != nil {
		return nil, err
	}
	if ring.FileKey, err = keys.all.Encrypt(r.fileKey, []byte(boundFile)); err != nil {
		return nil, fmt.Errorf("wrap file key: %w", err)
	}
	if ring.IndexKey, err = keys.all.Encrypt(r.indexKey, []byte(boundIndex)); err != nil {
		return nil, fmt.Errorf("wrap index key: %w", err)
	}
	data, err := json.MarshalIndent(ring, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode keyring: %w", err)
	}
	data = append(data, '\n')
	again, err := decode(ctx, kek, data)
	if err != nil {
		return nil, fmt.Errorf("open what was just encrypted: %w", err)
	}
	if !r.same(again) || !slices.Equal(again.held.Load().keys.ids, keys.ids) {
		return nil, errors.New("a keyring opens as another one than was written")
	}
	return data, nil
}

// decode opens a keyring.
func decode(ctx context.Context, kek *KEK, data []byte) (*Root, error) {
	var ring keyring
	if err := json.Unmarshal(data, &ring); err != nil || ring.Format != keyringFormat {
		return nil, fault.Wrap(fault.Invalid, err, "the keyring is damaged or of a later release (format %d)", ring.Format)
	}
	keys, err := openRootKeys(ctx, kek, ring.Keyset)
	if err != nil {
		if fault.KindOf(err) != fault.Internal { // a key service said what is wrong
			return nil, fmt.Errorf("open keyring: %w", err)
		}
		return nil, fault.Wrap(fault.Denied, err, "the key-encryption key does not open the keyring %s: keys.kek names another key, or the keyring is damaged", printable(ring.Fingerprint))
	}
	root := &Root{fingerprint: ring.Fingerprint, kek: kek}
	if root.fileKey, err = keys.all.Decrypt(ring.FileKey, []byte(boundFile)); err != nil {
		return nil, fault.Wrap(fault.Denied, err, "the keyring's file key does not open")
	}
	if root.indexKey, err = keys.all.Decrypt(ring.IndexKey, []byte(boundIndex)); err != nil {
		return nil, fault.Wrap(fault.Denied, err, "the keyring's index key does not open")
	}
	if len(root.fileKey) != keyBytes || len(root.indexKey) != keyBytes || root.nameOf() != ring.Fingerprint {
		return nil, fault.New(fault.Invalid, "the keyring is damaged: its parts don't belong together")
	}
	root.held.Store(&held{data, keys})
	return root, nil
}

// printable keeps what an operator reads free of anything that a damaged file may hold.
func printable(fingerprint string) string {
	if _, err := hex.DecodeString(fingerprint); err != nil || len(fingerprint) > 2*sha256.Size {
		return "(without a name)"
	}
	return fingerprint
}

// nameOf is a name for the keyring that says nothing of its keys.
func (r *Root) nameOf() string {
	const shownBytes = 8 // enough to tell one installation's keyring from another's
	sum := r.Index("keyring fingerprint", "")
	return hex.EncodeToString(sum[:shownBytes])
}

// Fingerprint names the keyring; it is no secret.
func (r *Root) Fingerprint() string { return r.fingerprint }

// FileKey is the key of the SQLite file, 32 bytes.
func (r *Root) FileKey() []byte { return slices.Clone(r.fileKey) }

// Index is a blind index: the same text for the same purpose always gives the same bytes, which say nothing without the key.
func (r *Root) Index(purpose, text string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, r.indexKey)
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(purpose)))
	mac.Write(length[:])
	mac.Write([]byte(purpose))
	mac.Write([]byte(text))
	var sum [sha256.Size]byte
	mac.Sum(sum[:0])
	return sum
}

// Derived gives 32 secret bytes for a purpose of the whole installation, always the same ones.
func (r *Root) Derived(purpose string) []byte {
	sum := r.Index("derived key", purpose)
	return sum[:]
}

// Digest names the keyring's present state; it is no secret.
func (r *Root) Digest() string { return digestOf(r.held.Load().data) }

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// RootKeys names the keys of the root keyset, as they were added.
func (r *Root) RootKeys() []RootKey { return slices.Clone(r.held.Load().keys.ids) }

// NewUserKey makes the key of a user, and its form wrapped by a root key, which is what gets stored. A root key that the keyring
// doesn't hold gives ErrRootKey.
func (r *Root) NewUserKey(owner ledger.OwnerID, version int, by RootKey) (key *Key, wrapped []byte, err error) {
	secret := newSecret()
	defer clear(secret)
	bound, err := userKeyBound(owner, version)
	if err != nil {
		return nil, nil, err
	}
	if wrapped, err = r.held.Load().keys.wrap(by, secret, bound); err != nil {
		return nil, nil, err
	}
	key, err = newKey(owner, uint32(version), secret)
	return key, wrapped, err
}

// UserKey opens a wrapped key of this owner and version, else it gives ErrOpen, or ErrRootKey where it was wrapped by a root key
// that this keyring doesn't hold.
func (r *Root) UserKey(owner ledger.OwnerID, version int, wrapped []byte) (*Key, error) {
	secret, err := r.unwrap(owner, version, wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	return newKey(owner, uint32(version), secret)
}

// RewrapUserKey wraps a user's key by another root key. The key itself stays the same.
func (r *Root) RewrapUserKey(owner ledger.OwnerID, version int, wrapped []byte, by RootKey) ([]byte, error) {
	secret, err := r.unwrap(owner, version, wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	bound, err := userKeyBound(owner, version)
	if err != nil {
		return nil, err
	}
	return r.held.Load().keys.wrap(by, secret, bound)
}

func (r *Root) unwrap(owner ledger.OwnerID, version int, wrapped []byte) ([]byte, error) {
	bound, err := userKeyBound(owner, version)
	if err != nil {
		return nil, err
	}
	return r.held.Load().keys.unwrap(wrapped, bound)
}

func userKeyBound(owner ledger.OwnerID, version int) ([]byte, error) {
	const versionMax = 1 << 30 // a key a second for decades; keeps the number inside its 4 bytes
	if owner == "" || version < 1 || version > versionMax {
		return nil, fmt.Errorf("user key: no key belongs to owner %q and version %d", owner, version)
	}
	out := binary.BigEndian.AppendUint32([]byte(boundUserKey), uint32(version))
	return append(out, owner...), nil
}
