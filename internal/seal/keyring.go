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
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

const (
	keyringFormat   = 1
	keyringBytesMax = 64 << 10 // a keyset of a hundred keys; today's has one
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

// Place is where a keyring lies: a file beside an SQLite database, or a table in PostgreSQL.
type Place interface {
	// Load gives what Create stored, fault.NotFound where there is nothing.
	Load(ctx context.Context) ([]byte, error)
	// Create stores a keyring where there is neither one nor data that another keyring sealed, else it gives fault.Conflict.
	Create(ctx context.Context, data []byte) error
}

// Root is an open keyring. It is safe for concurrent use.
type Root struct {
	fingerprint string
	wrapping    tink.AEAD
	fileKey     []byte
	indexKey    []byte
}

// Init makes a new root keyset and stores it, encrypted with the KEK. It never replaces a keyring and makes none beside data.
func Init(ctx context.Context, kek *KEK, place Place) (*Root, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("create root keyset: %w", err)
	}
	var encrypted bytes.Buffer
	if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&encrypted), kek.aead, []byte(boundKeyset)); err != nil {
		return nil, fmt.Errorf("encrypt root keyset: %w", err)
	}
	wrapping, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("create root keyset: %w", err)
	}
	root := &Root{wrapping: wrapping, fileKey: newSecret(), indexKey: newSecret()}
	root.fingerprint = root.nameOf()
	ring := keyring{Format: keyringFormat, Fingerprint: root.fingerprint, Keyset: encrypted.Bytes()}
	if ring.FileKey, err = wrapping.Encrypt(root.fileKey, []byte(boundFile)); err != nil {
		return nil, fmt.Errorf("wrap file key: %w", err)
	}
	if ring.IndexKey, err = wrapping.Encrypt(root.indexKey, []byte(boundIndex)); err != nil {
		return nil, fmt.Errorf("wrap index key: %w", err)
	}
	data, err := json.MarshalIndent(ring, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode keyring: %w", err)
	}
	if err := place.Create(ctx, append(data, '\n')); err != nil {
		return nil, fmt.Errorf("create keyring: %w", err)
	}
	return root, nil
}

// Open reads a keyring. A keyring that is not there gives fault.NotFound, one that this KEK does not open fault.Denied;
// nothing is ever created.
func Open(ctx context.Context, kek *KEK, place Place) (*Root, error) {
	data, err := place.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("open keyring: %w", err)
	}
	var ring keyring
	if err := json.Unmarshal(data, &ring); err != nil || ring.Format != keyringFormat {
		return nil, fault.Wrap(fault.Invalid, err, "the keyring is damaged or of a later release (format %d)", ring.Format)
	}
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(ring.Keyset)), kek.aead, []byte(boundKeyset))
	if err != nil {
		return nil, fault.Wrap(fault.Denied, err, "the key-encryption key does not open the keyring %s: it is another key, or the keyring is damaged", printable(ring.Fingerprint))
	}
	wrapping, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("open root keyset: %w", err)
	}
	root := &Root{fingerprint: ring.Fingerprint, wrapping: wrapping}
	if root.fileKey, err = wrapping.Decrypt(ring.FileKey, []byte(boundFile)); err != nil {
		return nil, fault.Wrap(fault.Denied, err, "the keyring's file key does not open")
	}
	if root.indexKey, err = wrapping.Decrypt(ring.IndexKey, []byte(boundIndex)); err != nil {
		return nil, fault.Wrap(fault.Denied, err, "the keyring's index key does not open")
	}
	if len(root.fileKey) != keyBytes || len(root.indexKey) != keyBytes || root.nameOf() != ring.Fingerprint {
		return nil, fault.New(fault.Invalid, "the keyring is damaged: its parts don't belong together")
	}
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

// NewUserKey makes the key of a user, and its wrapped form, which is what gets stored.
func (r *Root) NewUserKey(owner ledger.OwnerID, version int) (key *Key, wrapped []byte, err error) {
	secret := newSecret()
	defer clear(secret)
	bound, err := userKeyBound(owner, version)
	if err != nil {
		return nil, nil, err
	}
	if wrapped, err = r.wrapping.Encrypt(secret, bound); err != nil {
		return nil, nil, fmt.Errorf("wrap user key: %w", err)
	}
	key, err = newKey(owner, uint32(version), secret)
	return key, wrapped, err
}

// UserKey opens a wrapped key of this owner and version, else it gives ErrOpen.
func (r *Root) UserKey(owner ledger.OwnerID, version int, wrapped []byte) (*Key, error) {
	bound, err := userKeyBound(owner, version)
	if err != nil {
		return nil, err
	}
	secret, err := r.wrapping.Decrypt(wrapped, bound)
	if err != nil {
		return nil, fmt.Errorf("user key: %w", ErrOpen)
	}
	defer clear(secret)
	return newKey(owner, uint32(version), secret)
}

func userKeyBound(owner ledger.OwnerID, version int) ([]byte, error) {
	const versionMax = 1 << 30 // a key a second for decades; keeps the number inside its 4 bytes
	if owner == "" || version < 1 || version > versionMax {
		return nil, fmt.Errorf("user key: no key belongs to owner %q and version %d", owner, version)
	}
	out := binary.BigEndian.AppendUint32([]byte(boundUserKey), uint32(version))
	return append(out, owner...), nil
}

// File is the place of a keyring beside an SQLite database.
type File struct {
	Path    string
	Guarded []string // data that a keyring sealed: while one of these exists no new keyring is made
}

// Load implements Place.
func (f File) Load(context.Context) ([]byte, error) {
	file, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.NotFound, err, "there is no keyring at %s", f.Path)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the keyring %s can't be read", f.Path)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, keyringBytesMax))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the keyring %s can't be read", f.Path)
	}
	return data, nil
}

// Create implements Place.
func (f File) Create(_ context.Context, data []byte) error {
	for _, guarded := range f.Guarded {
		if _, err := os.Lstat(guarded); !errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.Conflict, "%s exists: a new keyring could never open it", guarded)
		}
	}
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		return fmt.Errorf("create keyring: %w", err)
	}
	err := writeNew(f.Path, data, keyringFileMode)
	if errors.Is(err, fs.ErrExist) {
		return fault.Wrap(fault.Conflict, err, "there is a keyring at %s already", f.Path)
	}
	return err
}
