package seal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

var testSecret = bytes.Repeat([]byte{7}, keyBytes)

func testKEK(t *testing.T, secret []byte) *KEK {
	t.Helper()
	kek, err := NewKEK(secret)
	if err != nil {
		t.Fatal(err)
	}
	return kek
}

func testRoot(t *testing.T) (*Root, File) {
	t.Helper()
	place := File{Path: filepath.Join(t.TempDir(), "data", "keyring")}
	root, err := Init(t.Context(), testKEK(t, testSecret), place)
	if err != nil {
		t.Fatal(err)
	}
	return root, place
}

func userKey(t *testing.T, root *Root, owner ledger.OwnerID, version int) (*Key, []byte) {
	t.Helper()
	key, wrapped, err := root.NewUserKey(owner, version, root.RootKeys()[0])
	if err != nil {
		t.Fatal(err)
	}
	return key, wrapped
}

func TestSealedValueOpensOnlyWhereItBelongs(t *testing.T) {
	root, _ := testRoot(t)
	anna, _ := userKey(t, root, "anna", 1)
	later, _ := userKey(t, root, "anna", 2)
	berta, _ := userKey(t, root, "berta", 1)
	body := Column{"activities", "body"}
	sealed := anna.Seal([]byte("120 AAPL"), body, "p1", "a1", "1")
	if bytes.Contains(sealed, []byte("AAPL")) {
		t.Fatal("the text lies open")
	}
	got, err := anna.Open(sealed, body, "p1", "a1", "1")
	if err != nil || string(got) != "120 AAPL" {
		t.Fatalf("open at its own place: %q, %v", got, err)
	}
	elsewhere := map[string]func() ([]byte, error){
		"other row":     func() ([]byte, error) { return anna.Open(sealed, body, "p1", "a2", "1") },
		"other version": func() ([]byte, error) { return anna.Open(sealed, body, "p1", "a1", "2") },
		"parts shifted": func() ([]byte, error) { return anna.Open(sealed, body, "p1a", "1", "1") },
		"fewer parts":   func() ([]byte, error) { return anna.Open(sealed, body, "p1", "a1") },
		"other column":  func() ([]byte, error) { return anna.Open(sealed, Column{"activities", "note"}, "p1", "a1", "1") },
		"other table":   func() ([]byte, error) { return anna.Open(sealed, Column{"accounts", "body"}, "p1", "a1", "1") },
		"other owner":   func() ([]byte, error) { return berta.Open(sealed, body, "p1", "a1", "1") },
		"later key":     func() ([]byte, error) { return later.Open(sealed, body, "p1", "a1", "1") },
		"empty":         func() ([]byte, error) { return anna.Open(nil, body, "p1", "a1", "1") },
		"cut":           func() ([]byte, error) { return anna.Open(sealed[:len(sealed)-1], body, "p1", "a1", "1") },
	}
	for name, open := range elsewhere {
		if got, err := open(); !errors.Is(err, ErrOpen) || got != nil {
			t.Errorf("%s: got %q, %v; want ErrOpen", name, got, err)
		}
	}
	// A key that is given to another owner's name by a swap of key rows is no use either: it is bound to the owner.
	same := &Key{owner: "berta", version: 1, gcm: anna.gcm}
	if _, err := same.Open(sealed, body, "p1", "a1", "1"); !errors.Is(err, ErrOpen) {
		t.Errorf("the owner is not bound: %v", err)
	}
	renumbered := &Key{owner: "anna", version: 2, gcm: anna.gcm}
	changed := bytes.Clone(sealed)
	changed[4] = 2
	if _, err := renumbered.Open(changed, body, "p1", "a1", "1"); !errors.Is(err, ErrOpen) {
		t.Errorf("the key's version is not bound: %v", err)
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	root, _ := testRoot(t)
	key, _ := userKey(t, root, "anna", 1)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "plain")
		row := rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "row")
		at := Column{"t", "c"}
		sealed := key.Seal(plain, at, row...)
		if got, err := key.Open(sealed, at, row...); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("round trip: %x, %v", got, err)
		}
		if again := key.Seal(plain, at, row...); bytes.Equal(again, sealed) {
			t.Fatal("two sealings are alike")
		}
		bit := rapid.IntRange(0, len(sealed)*8-1).Draw(t, "bit")
		sealed[bit/8] ^= 1 << (bit % 8)
		if _, err := key.Open(sealed, at, row...); !errors.Is(err, ErrOpen) {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
	})
}

func TestUserKeysAreBoundToOwnerAndVersion(t *testing.T) {
	root, _ := testRoot(t)
	key, wrapped := userKey(t, root, "anna", 1)
	sealed := key.Seal([]byte("x"), Column{"t", "c"})
	opened, err := root.UserKey("anna", 1, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := opened.Open(sealed, Column{"t", "c"}); err != nil || string(got) != "x" {
		t.Fatalf("unwrapped key: %q, %v", got, err)
	}
	for _, c := range []struct {
		owner   ledger.OwnerID
		version int
		wrapped []byte
	}{{"berta", 1, wrapped}, {"anna", 2, wrapped}, {"anna", 1, wrapped[:10]}, {"anna", 1, nil}} {
		if _, err := root.UserKey(c.owner, c.version, c.wrapped); !errors.Is(err, ErrOpen) {
			t.Errorf("%s %d: %v", c.owner, c.version, err)
		}
	}
	if _, _, err := root.NewUserKey("", 1, root.RootKeys()[0]); err == nil {
		t.Error("a key for nobody was made")
	}
}

func TestKeyringOpensWithItsKEKAlone(t *testing.T) {
	root, place := testRoot(t)
	again, err := Open(t.Context(), testKEK(t, testSecret), place)
	if err != nil {
		t.Fatal(err)
	}
	if again.Fingerprint() != root.Fingerprint() || !bytes.Equal(again.FileKey(), root.FileKey()) || len(root.FileKey()) != keyBytes {
		t.Error("the opened keyring is another")
	}
	if again.Index("email", "a@b.example") != root.Index("email", "a@b.example") {
		t.Error("the blind index changed")
	}
	if root.Index("email", "a") == root.Index("idempotency", "a") || root.Index("ab", "c") == root.Index("a", "bc") {
		t.Error("the purpose is not part of the index")
	}

	other := bytes.Repeat([]byte{8}, keyBytes)
	if _, err := Open(t.Context(), testKEK(t, other), place); !fault.Is(err, fault.Denied) {
		t.Errorf("another KEK: %v", err)
	}
	if _, err := Open(t.Context(), testKEK(t, testSecret), File{Path: place.Path + "x"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("no keyring: %v", err)
	}
	before, err := os.ReadFile(place.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{root.fileKey, root.indexKey, testSecret} {
		if bytes.Contains(before, secret) || strings.Contains(string(before), base64.StdEncoding.EncodeToString(secret)) {
			t.Error("a key lies open in the keyring")
		}
	}
	if _, err := Init(t.Context(), testKEK(t, other), place); !fault.Is(err, fault.Conflict) {
		t.Errorf("init over a keyring: %v", err)
	}
	if after, _ := os.ReadFile(place.Path); !bytes.Equal(before, after) {
		t.Error("the keyring changed")
	}
}

func TestNoKeyringIsMadeBesideData(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "folioscope.db")
	if err := os.WriteFile(data, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	place := File{Path: filepath.Join(dir, "keyring"), Guarded: []string{data}}
	if _, err := Init(t.Context(), testKEK(t, testSecret), place); !fault.Is(err, fault.Conflict) {
		t.Errorf("init beside data: %v", err)
	}
	if _, err := os.Stat(place.Path); !os.IsNotExist(err) {
		t.Error("a keyring was left behind")
	}
}

type memory struct{ data []byte }

func (m *memory) Load(context.Context) ([]byte, error)            { return m.data, nil }
func (m *memory) Create(_ context.Context, data []byte) error     { m.data = data; return nil }
func (m *memory) Replace(_ context.Context, _, data []byte) error { m.data = data; return nil }

func TestDamagedKeyringIsRefused(t *testing.T) {
	place := &memory{}
	first, err := Init(t.Context(), testKEK(t, testSecret), place)
	if err != nil {
		t.Fatal(err)
	}
	whole := bytes.Clone(place.data)
	for i := range whole {
		place.data = bytes.Clone(whole)
		place.data[i] ^= 1
		root, err := Open(t.Context(), testKEK(t, testSecret), place)
		if err == nil && (!bytes.Equal(root.fileKey, first.fileKey) || !bytes.Equal(root.indexKey, first.indexKey)) {
			t.Fatalf("byte %d changed: it opens, with other keys", i)
		}
		if err != nil && root != nil {
			t.Fatalf("byte %d: an error and a root", i)
		}
	}
	place.data = whole[:len(whole)/2]
	if _, err := Open(t.Context(), testKEK(t, testSecret), place); !fault.Is(err, fault.Invalid) {
		t.Errorf("half a keyring: %v", err)
	}
}

func TestReadKEK(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o400); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("SEAL_TEST_KEK", hex.EncodeToString(testSecret))
	t.Setenv("SEAL_TEST_EMPTY", "")
	place := &memory{}
	if _, err := Init(t.Context(), testKEK(t, testSecret), place); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, reference string
		want            fault.Kind
	}{
		{"raw bytes", write("raw", string(testSecret)), ""},
		{"hexadecimal with a line end", write("hex", hex.EncodeToString(testSecret)+"\n"), ""},
		{"base64", write("base64", base64.StdEncoding.EncodeToString(testSecret)), ""},
		{"environment", "env:SEAL_TEST_KEK", ""},
		{"variable empty", "env:SEAL_TEST_EMPTY", fault.NotFound},
		{"variable missing", "env:SEAL_TEST_NONE", fault.NotFound},
		{"file missing", filepath.Join(dir, "none"), fault.NotFound},
		{"nothing named", "", fault.NotFound},
		{"too short", write("short", "abc"), fault.Invalid},
		{"too long", write("long", strings.Repeat("ab", 5000)), fault.Invalid},
		{"empty file", write("empty", ""), fault.Invalid},
		{"a directory", dir, fault.Unavailable},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			kek, err := ReadKEK(c.reference)
			if fault.KindOf(err) != c.want {
				t.Fatalf("got %v, want kind %q", err, c.want)
			}
			if c.want == "" {
				if _, err := Open(t.Context(), kek, place); err != nil {
					t.Errorf("not the same key: %v", err)
				}
			}
		})
	}
}

func TestCreateKEK(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "kek")
	made, err := CreateKEK(path)
	if err != nil {
		t.Fatal(err)
	}
	place := &memory{}
	if _, err := Init(t.Context(), made, place); err != nil {
		t.Fatal(err)
	}
	read, err := ReadKEK(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), read, place); err != nil {
		t.Errorf("the file holds another key: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := CreateKEK(path); !fault.Is(err, fault.Conflict) {
		t.Errorf("create again: %v", err)
	}
}

func BenchmarkSeal(b *testing.B) {
	key, err := newKey("01HZX3V7Q8", 1, testSecret)
	if err != nil {
		b.Fatal(err)
	}
	plain := bytes.Repeat([]byte{1}, 120)
	for b.Loop() {
		key.Seal(plain, Column{"activities", "body"}, "p1", "a1", "1")
	}
}
