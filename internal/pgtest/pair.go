//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// standbyName is how the standby calls itself at its primary.
const standbyName = "standby"

// Pair is a primary and a standby that follows it, for one test.
type Pair struct {
	URL              string // of both, the primary first
	Primary, Standby *Cluster

	t      testing.TB
	sender int // the process that sends to the standby, where it was stopped
}

// StartPair starts both. Where the standby is synchronous, the primary acknowledges a commit once the standby has it. The test is skipped where
// no PostgreSQL is found, or fails when PGTEST_REQUIRED=1.
func StartPair(t testing.TB, synchronous bool) *Pair {
	t.Helper()
	primary, err := Start()
	var none *NotFoundError
	if errors.As(err, &none) && os.Getenv("PGTEST_REQUIRED") != "1" {
		t.Skipf("skipped: %v", none)
	}
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	p := &Pair{t: t, Primary: primary, Standby: &Cluster{exited: make(chan struct{})}}
	t.Cleanup(func() {
		if err := errors.Join(p.Standby.Stop(), p.Primary.Stop()); err != nil {
			t.Error(err)
		}
	})
	if err := p.follow(synchronous); err != nil {
		t.Fatalf("start a standby: %v", err)
	}
	query := url.Values{"host": {home(p.Primary) + "," + home(p.Standby)}, "sslmode": {"disable"}}
	p.URL = (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: query.Encode()}).String()
	return p
}

// home is where a server's data and its socket are.
func home(c *Cluster) string { return c.dirs[len(c.dirs)-1].path }

func data(c *Cluster) string { return filepath.Join(home(c), "data") }

// follow makes the standby from a copy of the primary, and waits until it follows.
func (p *Pair) follow(synchronous bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), startWaitMax)
	defer cancel()
	account, err := serverAccount()
	if err != nil {
		return err
	}
	if _, err := p.Standby.newDir(clusterPlace()); err != nil {
		return err
	}
	// The server's own arguments say otherwise; what is said of the database wins.
	if err := execute(ctx, p.Primary.URL, "ALTER DATABASE postgres SET synchronous_commit = on"); err != nil {
		return err
	}
	if err := p.copy(ctx); err != nil {
		return fmt.Errorf("copy the primary: %w", err)
	}
	if err := account.own(home(p.Standby)); err != nil {
		return err
	}
	follows := fmt.Sprintf("primary_conninfo=host=%s user=postgres application_name=%s", home(p.Primary), standbyName)
	server := exec.Command(p.Primary.server.Path, append(serverArguments(data(p.Standby), home(p.Standby)), "-c", follows)...)
	if err := p.Standby.launch(server, account, home(p.Standby)); err != nil {
		return err
	}
	p.Standby.URL = (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: url.Values{"host": {home(p.Standby)}, "sslmode": {"disable"}}.Encode()}).String()
	if err := p.Standby.waitReady(filepath.Join(home(p.Standby), "log")); err != nil {
		return err
	}
	for {
		if pid, err := p.sending(ctx); err != nil {
			return err
		} else if pid > 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !synchronous {
		return nil
	}
	if err := execute(ctx, p.Primary.URL, "ALTER SYSTEM SET synchronous_standby_names = '"+standbyName+"'"); err != nil {
		return err
	}
	return p.synchronised(ctx)
}

// copy copies the running primary's files, as a base backup does.
func (p *Pair) copy(ctx context.Context) error {
	connection, err := pgx.Connect(ctx, p.Primary.URL)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // a backup that isn't ended ends with it
	if _, err := connection.Exec(ctx, "SELECT pg_backup_start('standby', true)"); err != nil {
		return err
	}
	if err := os.CopyFS(data(p.Standby), os.DirFS(data(p.Primary))); err != nil {
		return err
	}
	var label string
	if err := connection.QueryRow(ctx, "SELECT labelfile FROM pg_backup_stop(false)").Scan(&label); err != nil {
		return err
	}
	const owner = 0o700 // or the server refuses to start
	return errors.Join(
		os.Chmod(data(p.Standby), owner),
		os.Remove(filepath.Join(data(p.Standby), "postmaster.pid")),
		os.WriteFile(filepath.Join(data(p.Standby), "backup_label"), []byte(label), 0o600),
		os.WriteFile(filepath.Join(data(p.Standby), "standby.signal"), nil, 0o600),
	)
}

// sending is the process that sends to the standby, 0 while there is none.
func (p *Pair) sending(ctx context.Context) (pid int, err error) {
	err = ask(ctx, p.Primary.URL, "SELECT COALESCE(MAX(pid), 0) FROM pg_stat_replication WHERE state = 'streaming'", &pid)
	return pid, err
}

// synchronised waits until the primary waits for the standby.
func (p *Pair) synchronised(ctx context.Context) error {
	if err := execute(ctx, p.Primary.URL, "SELECT pg_reload_conf()"); err != nil {
		return err
	}
	for {
		var count int
		if err := ask(ctx, p.Primary.URL, "SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'", &count); err != nil || count > 0 {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// ask reads one value over a connection of its own.
func ask(ctx context.Context, server, question string, into any) error {
	connection, err := pgx.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return errors.Join(connection.QueryRow(ctx, question).Scan(into), connection.Close(ctx))
}

// Hold keeps from the standby whatever is written from now on.
func (p *Pair) Hold() {
	p.t.Helper()
	pid, err := p.sending(p.t.Context())
	if err == nil && pid > 0 {
		p.sender, err = pid, syscall.Kill(pid, syscall.SIGSTOP)
	}
	if err != nil || pid == 0 {
		p.t.Fatalf("hold the standby back: process %d, %v", pid, err)
	}
}

// Kill ends the primary as kill -9 does.
func (p *Pair) Kill() {
	p.t.Helper()
	if err := p.Primary.server.Process.Kill(); err != nil {
		p.t.Fatalf("kill the primary: %v", err)
	}
	<-p.Primary.exited
	if p.sender > 0 {
		_ = syscall.Kill(p.sender, syscall.SIGKILL) // what is stopped doesn't see that its parent died
	}
}

// Promote makes the standby a primary, and returns when it is one. The old one is left as it is.
func (p *Pair) Promote() {
	p.t.Helper()
	Execute(p.t, p.Standby.URL, "SELECT pg_promote(true, 60)")
}

// Return starts the primary that was killed again: it knows nothing of the other, and waits for no standby.
func (p *Pair) Return() {
	p.t.Helper()
	account, err := serverAccount()
	for until := time.Now().Add(startWaitMax); err == nil; { // what it left running is in the way for a moment
		before := p.Primary.server
		p.Primary.exited = make(chan struct{})
		if err = p.Primary.launch(exec.Command(before.Path, append(before.Args[1:], "-c", "synchronous_standby_names=")...), account, home(p.Primary)); err != nil {
			break
		}
		if err = p.Primary.waitReady(filepath.Join(home(p.Primary), "log")); err == nil {
			return
		}
		if time.Now().Before(until) {
			err = nil
		}
	}
	p.t.Fatalf("start the old primary: %v", err)
}

// Count is how many rows a table has, past the program that it belongs to.
func Count(t testing.TB, database, table string) (rows int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), databaseWaitMax)
	defer cancel()
	if err := ask(ctx, database, "SELECT COUNT(*) FROM "+table, &rows); err != nil {
		t.Fatalf("count %s: %v", table, err)
	}
	return rows
}
