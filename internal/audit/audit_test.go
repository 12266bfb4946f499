package audit

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// Every constant that is an Action is offered by filters.
func TestActionsAreAll(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "audit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if kind, ok := v.Type.(*ast.Ident); !ok || kind.Name != "Action" {
				continue
			}
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil || !slices.Contains(Actions(), Action(text)) {
				t.Errorf("%s is not in the list: %v", v.Names[0], err)
			}
			found++
		}
	}
	if found != len(Actions()) || found < 30 {
		t.Errorf("%d constants, %d in the list", found, len(Actions()))
	}
}

var leafAt = time.Date(2026, 3, 2, 14, 30, 0, 123456000, time.UTC)

// The bytes of a leaf never change: what was signed has to be verified for good.
func TestLeafIsWhatTheFormatSays(t *testing.T) {
	r := Row{Entry: Entry{Actor: "anna", Owner: "berta", Session: "0123", Action: SignIn, Object: "o", RequestID: "r", Result: "ok", Mark: Mark{"p", 7, 2}},
		Number: 5, At: leafAt, Node: "n1", Sealed: []byte("not in it"), Commitment: []byte{0xab, 0xcd}, Leaf: 9}
	const want = "01" + "0000000000000009" + "00064c0b6bf96c40" + "0000000000000005" + "0000000000000007" + "0000000000000002" +
		"056265727461" + "04616e6e61" + "0430313233" + "026e31" + "0e73657373696f6e2e637265617465" + "016f" + "0172" + "026f6b" + "0170" + "02abcd"
	if got := hex.EncodeToString(r.AppendLeaf(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if Hash(tlog.RecordHash(r.AppendLeaf(nil))) != r.Hash() {
		t.Error("the hash is not that of tlog")
	}
}

// No two rows have one leaf: every field is in it, with its length.
func TestLeafHoldsEveryField(t *testing.T) {
	row := rapid.Custom(func(t *rapid.T) Row {
		text := rapid.StringN(0, 3, 6)
		return Row{Entry: Entry{Actor: ledger.OwnerID(text.Draw(t, "actor")), Owner: ledger.OwnerID(text.Draw(t, "owner")), Session: text.Draw(t, "session"), Action: Action(text.Draw(t, "action")),
			Object: text.Draw(t, "object"), RequestID: text.Draw(t, "request"), Result: text.Draw(t, "result"),
			Mark: Mark{ledger.PortfolioID(text.Draw(t, "portfolio")), rapid.Int64().Draw(t, "sequence"), rapid.Int64().Draw(t, "rows")}},
			Number: rapid.Int64().Draw(t, "number"), At: time.UnixMicro(rapid.Int64Range(0, 1<<50).Draw(t, "at")), Node: text.Draw(t, "node"),
			Commitment: []byte(text.Draw(t, "commitment")), Leaf: rapid.Int64().Draw(t, "leaf")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := row.Draw(t, "a"), row.Draw(t, "b")
		same := fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b)
		if bytes.Equal(a.AppendLeaf(nil), b.AppendLeaf(nil)) != same {
			t.Fatalf("%#v\n%#v", a, b)
		}
	})
}

// The growing edge comes to the same roots as tlog, and so do tiles.
func TestTreeIsThatOfTlog(t *testing.T) {
	const leaves = 600
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = stored[x]
		}
		return out, nil
	})
	var g growing
	for n := range int64(leaves) {
		data := []byte(fmt.Sprint("leaf ", n))
		hashes, err := tlog.StoredHashes(n, data, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		g.push(Hash(tlog.RecordHash(data)), func(level int, n int64, h Hash) {
			if stored[tlog.StoredHashIndex(level, n)] != tlog.Hash(h) {
				t.Fatalf("level %d, %d: another hash", level, n)
			}
		})
		want, err := tlog.TreeHash(n+1, reader)
		if err != nil || Hash(want) != g.root() {
			t.Fatalf("size %d: another root, %v", n+1, err)
		}
	}
}

func testSigner(t *testing.T, name string) *Signer {
	t.Helper()
	s, err := NewSigner(name, bytes.Repeat([]byte{5}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCheckpointIsSigned(t *testing.T) {
	s := testSigner(t, "0011")
	c, signed, err := s.sign(7, Hash{1, 2}, leafAt)
	if err != nil {
		t.Fatal(err)
	}
	want := "folioscope/0011\n7\nAQIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\ntime 2026-03-02T14:30:00.123456Z\n\n— folioscope/0011 "
	if !strings.HasPrefix(string(signed), want) {
		t.Errorf("%q", signed)
	}
	if got, err := s.Verifier().Open(signed); err != nil || got != c {
		t.Errorf("%+v, %v", got, err)
	}
	other, err := NewSigner("0011", bytes.Repeat([]byte{6}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Verifier().Open(signed); !fault.Is(err, fault.Denied) {
		t.Errorf("another key: %v", err)
	}
	for i := range signed {
		changed := bytes.Clone(signed)
		changed[i] ^= 1
		if _, err := s.Verifier().Open(changed); err == nil {
			t.Errorf("byte %d changed, and it is taken", i)
		}
	}
}

func FuzzCheckpoint(f *testing.F) {
	f.Add("folioscope/0011\n7\nAQIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\ntime 2026-03-02T14:30:00.123456Z\n")
	f.Add("\n\n\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCheckpoint(text)
		if err == nil && (c.text() != text || c.Size < 0) {
			t.Errorf("%q reads as %+v", text, c)
		}
	})
}

// A line that a loss of power cut off is dropped; lines before it stay.
func TestCopySurvivesATornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoints")
	for i, line := range []string{`{"checkpoint":"one"}`, `{"checkpoint":"two"}`} {
		if err := appendLine(path, []byte(line)); err != nil {
			t.Fatal(err)
		}
		if lines, err := ReadCopy(path); err != nil || len(lines) != i+1 {
			t.Fatal(lines, err)
		}
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"checkpoint":"thr`); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if lines, err := ReadCopy(path); err != nil || len(lines) != 2 {
		t.Fatal(lines, err)
	}
	if err := appendLine(path, []byte(`{"checkpoint":"four"}`)); err != nil {
		t.Fatal(err)
	}
	if lines, err := ReadCopy(path); err != nil || !slices.Equal(lines, []string{"one", "two", "four"}) {
		t.Fatal(lines, err)
	}
	if err := os.WriteFile(path, []byte("no line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCopy(path); !fault.Is(err, fault.Invalid) {
		t.Errorf("a damaged line: %v", err)
	}
}

// An owner's rows keep their order whatever the clocks say.
func TestInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rows []Row
		for _, owner := range []ledger.OwnerID{"a", "b", "c"} {
			for n := range rapid.IntRange(0, 5).Draw(t, "count") {
				rows = append(rows, Row{Entry: Entry{Owner: owner}, Number: int64(n + 1), At: time.UnixMicro(rapid.Int64Range(0, 5).Draw(t, "at"))})
			}
		}
		inOrder(rows)
		last := map[ledger.OwnerID]int64{}
		for _, r := range rows {
			if r.Number != last[r.Owner]+1 {
				t.Fatalf("%s: %d after %d", r.Owner, r.Number, last[r.Owner])
			}
			last[r.Owner] = r.Number
		}
	})
}
