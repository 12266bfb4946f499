package sqlstore

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// Many small transactions of several connections, and as many reads at the same time: what is read is what was written, always, and so is
// what a checkpoint puts into the file.
func TestReadsBesideWritesAreWhole(t *testing.T) {
	const (
		writers  = 3
		readers  = 3
		rows     = 4 // of about a page each
		commits  = 6_000
		cacheKiB = 32 // so that most pages are read from the files
	)
	path := filepath.Join(t.TempDir(), "whole.db")
	key := make([]byte, fileKeyBytes)
	open := func(readOnly bool) *sql.DB {
		db, err := openFile(path, fileVFS, key, cacheKiB, readOnly)
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	said := func(n int64) string { // whose bytes say what they have to be
		sum := sha256.Sum256(fmt.Append(nil, n))
		text := hex.EncodeToString(sum[:])
		for len(text) < 2000 {
			text += text
		}
		return text
	}
	exec := func(db *sql.DB, text string, args ...any) error {
		_, err := db.ExecContext(t.Context(), text, args...)
		return err
	}
	first := open(false)
	for _, text := range []string{"PRAGMA wal_autocheckpoint=50", "CREATE TABLE whole (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, body TEXT NOT NULL)"} {
		if err := exec(first, text); err != nil {
			t.Fatal(err)
		}
	}
	for id := range rows {
		if err := exec(first, "INSERT INTO whole VALUES ($1, $2, $3)", id, 0, said(0)); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	var wrote, read atomic.Int64
	for w := range writers {
		db := open(false)
		all.Go(func() {
			_ = exec(db, "PRAGMA wal_autocheckpoint=50; PRAGMA synchronous=off") // the system doesn't crash here
			for n := int64(1); n <= commits; n++ {
				if err := exec(db, "UPDATE whole SET n = ?1, body = ?2 WHERE id = ?3", n, said(n), (int(n)*writers+w)%rows); err != nil {
					t.Errorf("write: %v", err)
					return
				}
				wrote.Add(1)
			}
		})
	}
	for range readers {
		db := open(true)
		all.Go(func() {
			for wrote.Load() < writers*commits && !t.Failed() {
				found, err := db.QueryContext(t.Context(), "SELECT n, body FROM whole")
				if err != nil {
					t.Errorf("read: %v", err)
					return
				}
				for found.Next() {
					var n int64
					var body string
					if err := found.Scan(&n, &body); err != nil || body != said(n) {
						t.Errorf("row %d is not what was written: %v", n, err)
					}
					read.Add(1)
				}
				if err := found.Err(); err != nil {
					t.Errorf("read: %v", err)
				}
				_ = found.Close()
			}
		})
	}
	all.Wait()
	var verdict string
	if err := first.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("%s, %v", verdict, err)
	}
	t.Logf("%d transactions, %d rows read", wrote.Load(), read.Load())
}

// A write-ahead log whose last block came to the disk in part is read up to there.
func TestALogThatEndsWithinABlock(t *testing.T) {
	root := mustRoot(t)
	b := openBench(t, Options{Path: filepath.Join(t.TempDir(), "whole.db"), FileKey: root.FileKey(), Root: root})
	b.user("anna")
	var whole [2][]byte
	for i, suffix := range []string{"", "-wal"} {
		var err error
		whole[i], err = os.ReadFile(b.options.Path + suffix)
		b.ok(err)
	}
	const sector = 512
	for blocks := range 3 {
		for part := sector; part < blockBytes; part += sector {
			cut := Options{Path: filepath.Join(t.TempDir(), "cut.db"), FileKey: root.FileKey(), Root: root}
			b.ok(os.WriteFile(cut.Path, whole[0], fileMode))
			b.ok(os.WriteFile(cut.Path+"-wal", whole[1][:blocks*blockBytes+part], fileMode))
			s, err := Open(t.Context(), cut)
			if err != nil {
				t.Errorf("%d blocks and %d bytes: %v", blocks, part, err)
				continue
			}
			b.ok(s.Close())
		}
	}
}
