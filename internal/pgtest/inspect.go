package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Dump gives the bytes of every value in every table of a test's database, by table, as the server sends them in binary.
// It is for tests that look for what must not be there.
func Dump(t *testing.T, server string) map[string][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), databaseWaitMax)
	defer cancel()
	connection, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // nothing was written
	rows, err := connection.Query(ctx, "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	dumped := make(map[string][]byte, len(tables))
	for _, table := range tables {
		var out bytes.Buffer
		if _, err := connection.PgConn().CopyTo(ctx, &out, "COPY "+table+" TO STDOUT (FORMAT binary)"); err != nil {
			t.Fatalf("dump %s: %v", table, err)
		}
		dumped[table] = out.Bytes()
	}
	return dumped
}

// Files gives the paths of what the server has written to files for a test's database since a time: tables, indexes, its log
// and the log ahead of writing, everything flushed before. Where this process can't read them (a server that others run), there are none.
func Files(t *testing.T, server string, since time.Time) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), databaseWaitMax)
	defer cancel()
	connection, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // nothing was written
	if _, err := connection.Exec(ctx, "CHECKPOINT"); err != nil {
		t.Fatal(err)
	}
	var data string
	var database uint32
	const asked = "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
	if err := connection.QueryRow(ctx, asked).Scan(&data, &database); err != nil {
		t.Fatal(err)
	}
	places := []string{filepath.Join(data, "base", fmt.Sprint(database)), filepath.Join(data, "pg_wal")}
	if parsed, err := url.Parse(server); err == nil && parsed.Query().Get("host") != "" {
		places = append(places, filepath.Join(parsed.Query().Get("host"), "log"))
	}
	var files []string
	for _, place := range places {
		_ = filepath.WalkDir(place, func(path string, entry fs.DirEntry, err error) error { // what can't be read is left out
			if err == nil && entry.IsDir() {
				return nil
			}
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && !info.ModTime().Before(since.Truncate(time.Second)) {
				files = append(files, path)
			}
			return nil
		})
	}
	return files
}
