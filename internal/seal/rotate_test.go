package seal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// apply makes a change and puts it in its place.
func apply(t *testing.T, c *Change, err error) {
	t.Helper()
	if err == nil {
		err = c.Apply(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestRootKeysComeAndGo(t *testing.T) {
	root, place := testRoot(t)
	first, digest := root.RootKeys()[0], root.Digest()
	key, byFirst := userKey(t, root, "anna", 1)
	sealed := key.Seal([]byte("x"), Column{"t", "c"})

	c, second, err := root.AddRootKey(t.Context())
	apply(t, c, err)
	if root.Digest() != c.Digest() || root.Digest() == digest {
		t.Error("the keyring's state is named wrongly")
	}
	if !slices.Equal(root.RootKeys(), []RootKey{first, second}) {
		t.Fatalf("root keys %v", root.RootKeys())
	}
	bySecond, err := root.RewrapUserKey("anna", 1, byFirst, second)
	if err != nil {
		t.Fatal(err)
	}
	for wrapped, want := range map[string]RootKey{string(byFirst): first, string(bySecond): second} {
		if got, ok := WrappedBy([]byte(wrapped)); !ok || got != want || !bytes.HasPrefix([]byte(wrapped), want.Prefix()) {
			t.Errorf("wrapped by %s, want %s", got, want)
		}
	}
	if _, err := root.RewrapUserKey("berta", 1, byFirst, second); !errors.Is(err, ErrOpen) {
		t.Errorf("the key of somebody else: %v", err)
	}

	c, err = root.RetireRootKeys(t.Context(), second)
	apply(t, c, err)
	again, err := Open(t.Context(), testKEK(t, testSecret), place)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*Root{"changed": root, "opened again": again} {
		if !slices.Equal(r.RootKeys(), []RootKey{second}) || !r.same(root) {
			t.Errorf("%s: root keys %v, or another keyring", name, r.RootKeys())
		}
		opened, err := r.UserKey("anna", 1, bySecond)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := opened.Open(sealed, Column{"t", "c"}); err != nil || string(got) != "x" {
			t.Errorf("%s: the user's key became another: %v", name, err)
		}
		if _, err := r.UserKey("anna", 1, byFirst); !errors.Is(err, ErrRootKey) || !errors.Is(err, ErrOpen) {
			t.Errorf("%s: by a retired root key: %v", name, err)
		}
		if _, _, err := r.NewUserKey("berta", 1, first); !errors.Is(err, ErrRootKey) {
			t.Errorf("%s: a new key by a retired one: %v", name, err)
		}
	}
	if _, err := root.RetireRootKeys(t.Context(), first); err == nil {
		t.Error("a key that is gone was kept")
	}
}

// A node reads what another one changed, and keeps what it has where it can't.
func TestReload(t *testing.T) {
	root, place := testRoot(t)
	node, err := Open(t.Context(), testKEK(t, testSecret), place)
	if err != nil {
		t.Fatal(err)
	}
	c, second, err := root.AddRootKey(t.Context())
	apply(t, c, err)
	if err := node.Reload(t.Context()); err != nil || !slices.Contains(node.RootKeys(), second) || node.Digest() != root.Digest() {
		t.Fatalf("%v: %v", node.RootKeys(), err)
	}
	good, err := os.ReadFile(place.Path)
	if err != nil {
		t.Fatal(err)
	}
	another := File{Path: filepath.Join(t.TempDir(), "keyring")}
	if _, err := Init(t.Context(), testKEK(t, testSecret), another); err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(another.Path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want fault.Kind
	}{
		"another keyring": {foreign, fault.Denied},
		"half a keyring":  {good[:len(good)/2], fault.Invalid},
		"nothing":         {nil, fault.Invalid},
	} {
		if err := os.WriteFile(place.Path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := node.Reload(t.Context()); !fault.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Contains(node.RootKeys(), second) {
			t.Errorf("%s: the keys are gone", name)
		}
	}
}

func TestRewrap(t *testing.T) {
	root, place := testRoot(t)
	_, wrapped := userKey(t, root, "anna", 1)
	other := bytes.Repeat([]byte{8}, keyBytes)
	c, err := root.Rewrap(t.Context(), testKEK(t, other))
	apply(t, c, err)
	if _, err := Open(t.Context(), testKEK(t, testSecret), place); !fault.Is(err, fault.Denied) {
		t.Errorf("the key of before: %v", err)
	}
	again, err := Open(t.Context(), testKEK(t, other), place)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.UserKey("anna", 1, wrapped); err != nil || !again.same(root) {
		t.Errorf("another keyring: %v", err)
	}
	if err := root.Reload(t.Context()); err != nil {
		t.Errorf("who changed it can't read it: %v", err)
	}
	c, _, err = root.AddRootKey(t.Context()) // by the new one
	apply(t, c, err)
	if _, err := Open(t.Context(), testKEK(t, other), place); err != nil {
		t.Error(err)
	}
}

func TestFileIsReplacedWholeOrNotAtAll(t *testing.T) {
	place := File{Path: filepath.Join(t.TempDir(), "keyring")}
	if err := place.Replace(t.Context(), nil, []byte("new")); !fault.Is(err, fault.NotFound) {
		t.Errorf("nothing is there: %v", err)
	}
	if err := place.Create(t.Context(), []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(place.Path+".new", []byte("a half that somebody who was killed left behind"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // done twice it does nothing more
		if err := place.Replace(t.Context(), []byte("old"), []byte("new")); err != nil {
			t.Fatal(err)
		}
	}
	if err := place.Replace(t.Context(), []byte("old"), []byte("newer")); !fault.Is(err, fault.Conflict) {
		t.Errorf("changed meanwhile: %v", err)
	}
	got, err := place.Load(t.Context())
	if err != nil || string(got) != "new" {
		t.Errorf("%q, %v", got, err)
	}
	if left, _ := filepath.Glob(place.Path + ".*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if info, err := os.Stat(place.Path); err != nil || info.Mode().Perm() != keyringFileMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// A keyring is never written that its key-encryption key doesn't open: some key services encrypt for whom they don't decrypt.
func TestKeyThatOnlyEncrypts(t *testing.T) {
	kek := testKEK(t, testSecret)
	denied := fault.New(fault.Denied, "decrypting is not allowed")
	place := &memory{}
	_, err := Init(t.Context(), RemoteKEK(encryptsOnly{kek.aead.(local), denied}), place)
	if !errors.Is(err, denied) || place.data != nil {
		t.Errorf("%v; stored: %d bytes", err, len(place.data))
	}
	root, file := testRoot(t)
	before, _ := file.Load(t.Context())
	if _, err := root.Rewrap(t.Context(), RemoteKEK(encryptsOnly{kek.aead.(local), denied})); !errors.Is(err, denied) {
		t.Errorf("rewrap: %v", err)
	}
	if after, _ := file.Load(t.Context()); !bytes.Equal(before, after) {
		t.Error("the keyring changed")
	}
}

type encryptsOnly struct {
	local
	denied error
}

func (e encryptsOnly) DecryptWithContext(context.Context, []byte, []byte) ([]byte, error) {
	return nil, e.denied
}

func TestNamesOfRootKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := RootKey(rapid.Uint32().Draw(t, "key"))
		if got, err := ParseRootKey(key.String()); err != nil || got != key {
			t.Fatalf("%s: %v, %v", key, got, err)
		}
		if got, ok := WrappedBy(key.Prefix()); !ok || got != key {
			t.Fatalf("%s: %v, %v", key, got, ok)
		}
		text := rapid.String().Draw(t, "text")
		if got, err := ParseRootKey(text); err == nil && got.String() != text {
			t.Fatalf("%q was read as %s", text, got)
		}
	})
	for _, none := range [][]byte{nil, {1, 2, 3, 4}, {0, 1, 2, 3, 4, 5}} {
		if key, ok := WrappedBy(none); ok {
			t.Errorf("%x: wrapped by %s", none, key)
		}
	}
}

// A credential is what systemd gave the service, and nothing else on the disk.
func TestCredential(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "credentials")
	for _, path := range []string{filepath.Join(dir, "kek"), filepath.Join(parent, "kek")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, testSecret, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	place := &memory{}
	if _, err := Init(t.Context(), testKEK(t, testSecret), place); err != nil {
		t.Fatal(err)
	}
	t.Setenv(credentialsDirectory, dir)
	kek, err := ReadKEK("credential:kek")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), kek, place); err != nil {
		t.Error(err)
	}
	for reference, want := range map[string]fault.Kind{
		"credential:":            fault.Invalid,
		"credential:.":           fault.Invalid,
		"credential:..":          fault.Invalid,
		"credential:../kek":      fault.Invalid,
		`credential:..\kek`:      fault.Invalid,
		"credential:/etc/passwd": fault.Invalid,
		"credential:c:kek":       fault.Invalid,
		"credential:a\x00b":      fault.Invalid,
		"credential:" + strings.Repeat("k", credentialNameMax+1): fault.Invalid,
		"credential:other": fault.NotFound,
		"aws-kms://key":    fault.Invalid, // a service, which is no file
		"nothing://key":    fault.Invalid,
	} {
		if _, err := ReadKEK(reference); !fault.Is(err, want) {
			t.Errorf("%s: %v", reference, err)
		}
	}
	for _, none := range []string{"", "relative"} {
		t.Setenv(credentialsDirectory, none)
		if _, err := ReadKEK("credential:kek"); !fault.Is(err, fault.NotFound) {
			t.Errorf("credentials at %q: %v", none, err)
		}
	}
	for reference, want := range map[string]string{"/a/file": KindFile, "env:A": KindEnvironment, "credential:a": KindCredential} {
		if got := KindOf(reference); got != want {
			t.Errorf("%s: %s", reference, got)
		}
	}
}

// What nobody wrapped never opens and never ends the process.
func FuzzUserKey(f *testing.F) {
	place := &memory{}
	kek, err := NewKEK(testSecret)
	if err != nil {
		f.Fatal(err)
	}
	root, err := Init(context.Background(), kek, place)
	if err != nil {
		f.Fatal(err)
	}
	_, wrapped, err := root.NewUserKey("anna", 1, root.RootKeys()[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add("anna", 1, wrapped[1:])
	f.Add("", -1, []byte{1})
	f.Fuzz(func(t *testing.T, owner string, version int, data []byte) {
		if key, err := root.UserKey(ledger.OwnerID(owner), version, data); err == nil && !bytes.Equal(data, wrapped) {
			t.Errorf("%x opened as a key of %s", data, key.Owner())
		}
	})
}
