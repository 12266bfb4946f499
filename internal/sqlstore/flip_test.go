package sqlstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"folioscope/internal/audit"
)

const (
	flips     = 20
	flipsLong = 200
)

// everything is what all tables hold, as a hash of its rows.
func everything(ctx context.Context, s *Store) (sum [sha256.Size]byte, err error) {
	db, err := bare(s.db).(*sqlite).migrating()
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var tables []string
	all := sha256.New()
	see := func(text string, each func(values []any)) error {
		rows, err := db.QueryContext(ctx, text)
		if err != nil {
			return err
		}
		columns, err := rows.Columns()
		if err != nil {
			return errors.Join(err, rows.Close())
		}
		for rows.Next() {
			values := make([]any, len(columns))
			into := make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				return errors.Join(err, rows.Close())
			}
			each(values)
		}
		return errors.Join(rows.Err(), rows.Close())
	}
	if err := see(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`, func(values []any) { tables = append(tables, fmt.Sprint(values[0])) }); err != nil {
		return sum, err
	}
	for _, table := range tables {
		if err := see(`SELECT * FROM "`+table+`"`, func(values []any) { fmt.Fprintf(all, "%s %q\n", table, values) }); err != nil {
			return sum, err
		}
	}
	return [sha256.Size]byte(all.Sum(nil)), nil
}

// flipped is what comes of a copy of the store's files in which one bit of one is another.
func (a *audited) flipped(files map[string][]byte, suffix string, at int, bit byte, want [sha256.Size]byte) (same bool, found error) {
	a.t.Helper()
	options := a.options
	options.Path = filepath.Join(a.t.TempDir(), "flipped.db")
	for name, data := range files {
		if name == suffix {
			data = bytes.Clone(data)
			data[at] ^= bit
		}
		a.ok(os.WriteFile(options.Path+name, data, fileMode))
	}
	s, err := Open(a.t.Context(), options)
	if err != nil {
		return false, err
	}
	defer func() { _ = s.Close() }() // which may not be able to write to it either
	copies, err := audit.NewCopy(a.path, s, a.signer.Verifier(), slog.New(slog.DiscardHandler))
	a.ok(err)
	if err := copies.Check(a.t.Context()); err != nil { // as a node does that starts
		return false, err
	}
	got, err := everything(a.t.Context(), s)
	return got == want, err
}

// A bit that flips on the disk is found when the node starts, or by what looks through the file, or is one that nothing is kept in: it never is
// what somebody reads. One in the write-ahead log ends that there; the audit log's checkpoints say then that something is missing.
func TestFlippedBitsAreFound(t *testing.T) {
	t.Parallel()
	count := flips
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		count = flipsLong
	}
	root := mustRoot(t)
	a := openBench(t, Options{Path: filepath.Join(t.TempDir(), "whole.db"), FileKey: root.FileKey(), Root: root}).audited()
	a.lived()
	a.sql(`CREATE TABLE unsealed (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT`) // fills pages of its own, as series of prices do
	for id := range 20 {
		a.sql(`INSERT INTO unsealed VALUES ($1, randomblob(100000))`, id)
		a.changed("anna", 100+id)
	}
	a.signed()
	want, err := everything(t.Context(), a.Store)
	a.ok(err)
	read := func(suffixes ...string) map[string][]byte {
		files := make(map[string][]byte)
		for _, suffix := range suffixes {
			files[suffix], err = os.ReadFile(a.options.Path + suffix)
			a.ok(err)
		}
		return files
	}
	both := read("", "-wal")
	a.reopen() // which leaves nothing in the log
	dice := rand.New(rand.NewPCG(3, 4))
	for suffix, files := range map[string]map[string][]byte{"": read(""), "-wal": both} {
		found, harmless := 0, 0
		for range count {
			at := dice.IntN(len(files[suffix]))
			switch same, err := a.flipped(files, suffix, at, 1<<dice.IntN(8), want); {
			case err != nil:
				found++
			case same:
				harmless++
			default:
				t.Errorf("a bit at %d of the file%s was another, and nobody saw", at, suffix)
			}
		}
		t.Logf("of %d flips in the file%s of %d bytes %d were found, %d changed nothing", count, suffix, len(files[suffix]), found, harmless)
	}
}

// A bit that flips in the copy of checkpoints is found by who verifies, and one in its newest line by the node that starts. The end of the newest
// line is no part of it: a line without is one that a power cut left, and is written anew.
func TestFlippedBitsInTheAuditCopyAreFound(t *testing.T) {
	root := mustRoot(t)
	a := openBench(t, Options{Path: filepath.Join(t.TempDir(), "whole.db"), FileKey: root.FileKey(), Root: root}).audited()
	a.lived()
	whole, err := os.ReadFile(a.path)
	a.ok(err)
	signed, err := audit.ReadCopy(a.path)
	a.ok(err)
	newest := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	dice := rand.New(rand.NewPCG(5, 6))
	for range flipsLong {
		at := dice.IntN(len(whole) - 1)
		data := bytes.Clone(whole)
		data[at] ^= 1 << dice.IntN(8)
		a.ok(os.WriteFile(a.path, data, fileMode))
		lines, err := audit.ReadCopy(a.path)
		if err == nil && slices.Equal(lines, signed) {
			continue // such as a field's name in other letters
		}
		if _, refused := audit.NewCopy(a.path, a.Store, a.signer.Verifier(), slog.New(slog.DiscardHandler)); refused == nil && at >= newest {
			t.Errorf("a node starts with another bit at %d of %d", at, len(whole))
		}
		if err != nil {
			continue
		}
		report, err := audit.Verify(t.Context(), a.Store, a.signer.Verifier(), lines)
		a.ok(err)
		if len(report.Findings) == 0 {
			t.Errorf("nobody sees another bit at %d of %d", at, len(whole))
		}
	}
}
