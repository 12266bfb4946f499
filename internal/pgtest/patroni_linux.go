package pgtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// patroniWaitMax bounds what Patroni takes its time for: a leader's place in etcd lasts 20 s, and a server that comes back is rewound first.
const patroniWaitMax = 5 * time.Minute

const readOnly = "25006" // how PostgreSQL says that it takes no writes

// Patroni is two servers of which Patroni makes one the primary and the other its synchronous standby, whatever dies. They settle it in etcd.
type Patroni struct {
	URL string // of both

	t       testing.TB
	members []*member
}

// member is one of the servers, with the Patroni that looks after it.
type member struct {
	name, dir, address, url string
	patroni                 *exec.Cmd
	ended                   chan struct{}
}

// patroniSettings are those of a member: name, address of its own REST, of etcd, where its data and its sockets are, where PostgreSQL's programs are.
const patroniSettings = `scope: folioscope
name: %[1]s
restapi: {listen: "%[2]s", connect_address: "%[2]s"}
etcd3: {host: "%[3]s"}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 5
    retry_timeout: 5
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {wal_log_hints: "on", max_connections: 300}
  initdb: [encoding: UTF8, locale: C, no-sync]
  pg_hba:
    - local all postgres trust
    - host all postgres 127.0.0.1/32 trust
    - host replication follower 127.0.0.1/32 trust
postgresql:
  listen: "%[4]s"
  connect_address: "%[4]s"
  data_dir: "%[5]s/data"
  bin_dir: "%[6]s"
  pgpass: "%[5]s/pgpass"
  authentication:
    superuser: {username: postgres}
    replication: {username: follower}
    rewind: {username: postgres}
  parameters: {unix_socket_directories: "%[5]s", fsync: "off", timezone: UTC}
watchdog: {mode: "off"}
`

// StartPatroni starts both and waits until the standby is synchronous. The test is skipped where Patroni, etcd or PostgreSQL is missing.
func StartPatroni(t testing.TB) *Patroni {
	t.Helper()
	for _, program := range []string{"patroni", "etcd"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("skipped: no %s", program)
		}
	}
	programs, err := rewinding()
	if err != nil {
		t.Skipf("skipped: no PostgreSQL with pg_rewind: %v", err)
	}
	account, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	p := &Patroni{t: t}
	registry := p.startEtcd(account)
	var addresses []string
	for _, name := range []string{"one", "two"} {
		m := &member{name: name, dir: p.newDir(account), address: p.freeAddress()}
		m.url = "postgres://postgres@" + m.address + "/postgres?sslmode=disable&connect_timeout=2"
		text := fmt.Sprintf(patroniSettings, name, p.freeAddress(), registry, m.address, m.dir, programs)
		p.ok(os.WriteFile(filepath.Join(m.dir, "patroni.yml"), []byte(text), 0o644)) // no secret is in it
		p.members, addresses = append(p.members, m), append(addresses, m.address)
		t.Cleanup(func() { m.kill() })
		p.begin(m, account)
	}
	p.URL = "postgres://postgres@" + strings.Join(addresses, ",") + "/postgres?sslmode=disable"
	p.Synchronised()
	return p
}

// rewinding is where PostgreSQL's programs are with pg_rewind among them, which what comes from npm lacks.
func rewinding() (dir string, err error) {
	found, err := find()
	if err != nil {
		return "", err
	}
	server, err := filepath.EvalSymlinks(filepath.Join(found.dir, "postgres"))
	if err != nil {
		return "", err
	}
	dir = filepath.Dir(server)
	_, err = os.Stat(filepath.Join(dir, "pg_rewind"))
	return dir, err
}

func (p *Patroni) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// newDir makes a directory that the servers' account owns. It ends with the test.
func (p *Patroni) newDir(account runAs) string {
	p.t.Helper()
	dir, err := newOwnedDir(clusterPlace())
	p.ok(err)
	p.t.Cleanup(func() {
		if err := dir.remove(); err != nil {
			p.t.Error(err)
		}
	})
	p.ok(account.own(dir.path))
	return dir.path
}

// freeAddress is one that nobody listens at, below the ports that connections leave from and that other tests take.
func (p *Patroni) freeAddress() string {
	p.t.Helper()
	const first, ports, attempts = 12_000, 8_000, 100
	for range attempts {
		address := fmt.Sprint("127.0.0.1:", first+rand.IntN(ports))
		if listener, err := net.Listen("tcp", address); err == nil {
			p.ok(listener.Close())
			return address
		}
	}
	p.t.Fatal("no port is free")
	return ""
}

// startEtcd starts one etcd, and gives where it is asked.
func (p *Patroni) startEtcd(account runAs) (address string) {
	p.t.Helper()
	dir, client, peer := p.newDir(account), p.freeAddress(), p.freeAddress()
	command := exec.Command("etcd", "--data-dir", filepath.Join(dir, "etcd"), "--unsafe-no-fsync", "--name", "etcd",
		"--listen-client-urls", "http://"+client, "--advertise-client-urls", "http://"+client,
		"--listen-peer-urls", "http://"+peer, "--initial-advertise-peer-urls", "http://"+peer, "--initial-cluster", "etcd=http://"+peer)
	ended := p.launch(command, account, dir)
	p.t.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended by itself
		<-ended
	})
	return client
}

// launch starts a program with its log in a directory.
func (p *Patroni) launch(command *exec.Cmd, account runAs, dir string) (ended chan struct{}) {
	p.t.Helper()
	path := filepath.Join(dir, "log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	p.ok(err)
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	account.apply(command, dir)
	command.SysProcAttr.Pdeathsig = syscall.SIGTERM // Patroni stops its server with it
	p.ok(command.Start())
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // how it ended is in its log
	}()
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.t.Logf("%s: %s", filepath.Base(command.Path), logTail(path))
		}
	})
	return ended
}

// begin starts the Patroni of a server, which starts the server.
func (p *Patroni) begin(m *member, account runAs) {
	p.t.Helper()
	m.patroni = exec.Command("patroni", filepath.Join(m.dir, "patroni.yml"))
	m.ended = p.launch(m.patroni, account, m.dir)
}

// kill ends Patroni and its server as kill -9 does: first the one that would start the other again.
func (m *member) kill() {
	if m.ended == nil {
		return
	}
	_ = m.patroni.Process.Kill() // it may have ended by itself
	<-m.ended
	if text, err := os.ReadFile(filepath.Join(m.dir, "data", "postmaster.pid")); err == nil {
		first, _, _ := strings.Cut(string(text), "\n")
		if pid, err := strconv.Atoi(first); err == nil && serves(pid, m.dir) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// serves says whether a process is a server over the data in a directory: a number in an old file may be anybody's by now.
func serves(pid int, dir string) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.Contains(string(line), dir)
}

// until waits for what Patroni does sooner or later.
func (p *Patroni) until(what string, done func(context.Context) bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patroniWaitMax)
	defer cancel()
	for !done(ctx) {
		if ctx.Err() != nil {
			p.t.Fatalf("%s: not within %s", what, patroniWaitMax)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Synchronised waits until one server is the primary and the other its synchronous standby.
func (p *Patroni) Synchronised() {
	p.t.Helper()
	p.until("a synchronous standby follows", func(ctx context.Context) bool {
		leader := p.leader(ctx)
		if leader == nil {
			return false
		}
		var count int
		err := ask(ctx, leader.url, "SELECT COUNT(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'", &count)
		return err == nil && count > 0
	})
}

// leader is the server that takes writes; nil where none does.
func (p *Patroni) leader(ctx context.Context) *member {
	for _, m := range p.members {
		follows := true
		if err := ask(ctx, m.url, "SELECT pg_is_in_recovery()", &follows); err == nil && !follows {
			return m
		}
	}
	return nil
}

// KillPrimary ends the primary and its Patroni as kill -9 does, and returns once the standby is the primary. back starts them again, and returns once what was the primary is the other's
// synchronous standby; it gives how often it refused a write until then. A write that it takes fails the test.
func (p *Patroni) KillPrimary() (back func() (refused int)) {
	p.t.Helper()
	account, err := serverAccount()
	p.ok(err)
	old := p.leader(p.t.Context())
	if old == nil {
		p.t.Fatal("there is no primary")
	}
	old.kill()
	moved := func(ctx context.Context) bool {
		leader := p.leader(ctx)
		return leader != nil && leader != old
	}
	p.until("the standby is the primary", moved)
	refuses := func(ctx context.Context) bool {
		err := execute(ctx, old.url, "CREATE TABLE taken_by_the_old_primary ()")
		if err == nil {
			p.t.Fatal("the old primary took a write after it came back")
		}
		server, ok := errors.AsType[*pgconn.PgError](err)
		return ok && server.Code == readOnly
	}
	return func() (refused int) {
		p.t.Helper()
		p.begin(old, account)
		p.until("what was the primary follows", func(ctx context.Context) bool {
			follows := false
			if refuses(ctx) {
				refused++
			}
			return refused > 0 && moved(ctx) && ask(ctx, old.url, "SELECT pg_is_in_recovery()", &follows) == nil && follows
		})
		p.Synchronised()
		return refused
	}
}
