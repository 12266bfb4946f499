package sqlstore

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"testing"
)

// A connection that was opened while the first page lay in the write-ahead log copies pages from there to the file with their checksums: else
// nobody could read them after.
func TestLateConnectionsWriteChecksums(t *testing.T) {
	path, key := filepath.Join(t.TempDir(), "late.db"), bytes.Repeat([]byte{7}, fileKeyBytes)
	open := func() *sql.DB {
		db, err := openFile(path, fileVFS, key, readerCacheKiB, false)
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	run := func(db *sql.DB, statements ...string) {
		t.Helper()
		for _, statement := range statements {
			if _, err := db.Exec(statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
	first, reader := open(), open()
	run(first, `CREATE TABLE t (id INTEGER PRIMARY KEY, body INTEGER NOT NULL) STRICT`)
	for range 500 {
		run(first, `INSERT INTO t (body) VALUES (1000000)`)
	}
	run(reader, `BEGIN`, `SELECT COUNT(*) FROM t`) // what comes after it stays in the log for now
	run(first, `CREATE TABLE u (id INTEGER PRIMARY KEY) STRICT`)
	late := open()
	run(late, `PRAGMA wal_checkpoint(PASSIVE)`) // of all but the first page
	run(reader, `COMMIT`)
	run(open(), `PRAGMA wal_checkpoint(TRUNCATE)`)
	var said string
	if err := open().QueryRow(`PRAGMA integrity_check`).Scan(&said); err != nil || said != "ok" {
		t.Errorf("the file holds pages that can't be read: %v %s", err, said)
	}
}
