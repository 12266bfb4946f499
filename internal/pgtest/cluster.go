package pgtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// dirPrefix begins the name of every directory made here, so that what a killed run left behind is known as ours.
	dirPrefix = "folioscope-pgtest-"
	// memoryDir is where Linux keeps files in memory: no disk, no checkpoints to wait for.
	memoryDir = "/dev/shm"
	// memoryFreeMin is what must be free there. Containers often get 64 MB, which one cluster fills.
	memoryFreeMin = 2 << 30
	// startWaitMax bounds initdb and start together: about 1 s on a quiet machine, 3 s on a loaded one.
	startWaitMax = 90 * time.Second
	// stopWaitMax bounds the shutdown before the server is killed: nothing in it is worth keeping.
	stopWaitMax = 10 * time.Second
	// socketPathMax is the longest path of a socket that all systems take (sun_path on macOS is 104 bytes with its end).
	socketPathMax = 103
	// connectionsMax is room for several test binaries at once, each with some pools.
	connectionsMax = "300"
)

// Cluster is a running PostgreSQL server of this process.
type Cluster struct {
	URL  string // of the database postgres, as its superuser
	Port int    // on 127.0.0.1, where it speaks TLS and nothing else; 0 where it doesn't listen

	base   string
	again  func() error // starts the server
	server *exec.Cmd
	exited chan struct{} // closed when the server has ended
	dirs   []*ownedDir   // everything it left on the file system
}

// Start finds PostgreSQL, makes a cluster in a new directory and waits until it answers. Directories that killed runs left
// behind are removed first. The error is a *NotFoundError where there is no PostgreSQL.
func Start() (*Cluster, error) { return start(nil) }

func start(encrypted *Encryption) (*Cluster, error) {
	if runtime.GOOS == "windows" {
		return nil, &NotFoundError{Looked: []string{"nowhere, since clusters for tests are not made on Windows"}}
	}
	found, err := find()
	if err != nil {
		return nil, err
	}
	place := clusterPlace()
	sweep(place)
	sweep(os.TempDir())
	cluster := &Cluster{exited: make(chan struct{})}
	if err := cluster.start(found, place, encrypted); err != nil {
		return nil, errors.Join(err, cluster.Stop())
	}
	return cluster, nil
}

// Stop ends the server and removes its files. Waiting is bounded; a server that does not end is killed.
func (c *Cluster) Stop() error {
	if c.server != nil {
		// SIGINT is PostgreSQL's fast shutdown: open sessions are cut off.
		if err := c.server.Process.Signal(os.Interrupt); err == nil {
			select {
			case <-c.exited:
			case <-time.After(stopWaitMax):
				_ = c.server.Process.Kill() // it may have ended by itself in between, which is as good
				<-c.exited
			}
		}
	}
	var errs []error
	for _, dir := range c.dirs {
		errs = append(errs, dir.remove())
	}
	return errors.Join(errs...)
}

func (c *Cluster) start(found binaries, place string, encrypted *Encryption) error {
	account, err := serverAccount()
	if err != nil {
		return err
	}
	if found.npm {
		if found, err = c.copyBinaries(found); err != nil {
			return fmt.Errorf("copy the binaries from npm: %w", err)
		}
	}
	base, err := c.newDir(place)
	if err != nil {
		return err
	}
	if err := account.own(base); err != nil {
		return fmt.Errorf("give the cluster's directory to its account: %w", err)
	}
	if longest := filepath.Join(base, ".s.PGSQL.5432"); len(longest) > socketPathMax {
		return fmt.Errorf("the path %s is too long for a socket: set PGTEST_TMP to a shorter one", longest)
	}
	data := filepath.Join(base, "data")
	initdb := exec.Command(filepath.Join(found.dir, "initdb"), "--pgdata", data, "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	account.apply(initdb, base)
	if printed, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(printed))
	}
	arguments := serverArguments(data, base)
	if encrypted != nil {
		more, err := c.encrypt(encrypted, account, data)
		if err != nil {
			return err
		}
		arguments = append(arguments, more...)
	}
	c.base = base
	c.again = func() error {
		return c.launch(exec.Command(filepath.Join(found.dir, "postgres"), arguments...), account, base)
	}
	if err := c.again(); err != nil {
		return err
	}
	query := url.Values{"host": {base}, "sslmode": {"disable"}}
	if c.Port != 0 {
		query.Set("port", strconv.Itoa(c.Port)) // its socket is named after the port
	}
	c.URL = (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: query.Encode()}).String()
	return c.waitReady(filepath.Join(base, "log"))
}

// launch starts the server with its log in a file, and notes its end.
func (c *Cluster) launch(server *exec.Cmd, account runAs, base string) error {
	log, err := os.Create(filepath.Join(base, "log"))
	if err != nil {
		return fmt.Errorf("make the server's log: %w", err)
	}
	defer log.Close()
	server.Stdout, server.Stderr = log, log
	account.apply(server, base)
	endWithParent(server)
	if err := server.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	c.server = server
	exited := c.exited
	go func() {
		defer close(exited)
		_ = server.Wait() // how it ended is in its log, which waitReady shows
	}()
	return nil
}

// serverArguments turn off all that guards against a power cut, unless a test asks for it.
func serverArguments(data, socketDir string) []string {
	flush := "off"
	if os.Getenv("PGTEST_FSYNC") == "on" {
		flush = "on"
	}
	arguments := []string{"-D", data}
	for _, setting := range []string{
		"listen_addresses=", "unix_socket_directories=" + socketDir, "unix_socket_permissions=0700",
		"fsync=" + flush, "full_page_writes=" + flush, "synchronous_commit=" + flush,
		"max_connections=" + connectionsMax, "shared_buffers=64MB", "max_wal_size=256MB", "timezone=UTC", "log_min_messages=warning",
	} {
		arguments = append(arguments, "-c", setting)
	}
	return arguments
}

func (c *Cluster) waitReady(logPath string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startWaitMax)
	defer cancel()
	for {
		connection, err := pgx.Connect(ctx, c.URL)
		if err == nil {
			return connection.Close(ctx)
		}
		select {
		case <-c.exited:
			return fmt.Errorf("postgres ended while it started: %s", logTail(logPath))
		case <-ctx.Done():
			return fmt.Errorf("postgres did not answer in %s (%w): %s", startWaitMax, err, logTail(logPath))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func logTail(path string) string {
	const bytesMax = 2000 // enough for the last few messages
	text, err := os.ReadFile(path)
	if err != nil {
		return "no log"
	}
	return strings.TrimSpace(string(text[max(0, len(text)-bytesMax):]))
}

// copyBinaries copies an npm package's files to where the server's account can reach them, and makes the links between its
// libraries that the package's install script would have made (it is never run).
func (c *Cluster) copyBinaries(from binaries) (binaries, error) {
	native := filepath.Dir(from.dir)
	place := os.TempDir()
	if dir := os.Getenv("PGTEST_TMP"); dir != "" {
		place = dir
	}
	base, err := c.newDir(place)
	if err != nil {
		return binaries{}, err
	}
	if err := os.Chmod(base, 0o755); err != nil {
		return binaries{}, fmt.Errorf("open the directory of the binaries: %w", err)
	}
	target := filepath.Join(base, "native")
	if err := os.CopyFS(target, os.DirFS(native)); err != nil {
		return binaries{}, err
	}
	listed, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if err != nil {
		return binaries{}, err
	}
	var links []struct{ Source, Target string } // both begin with native/
	if err := json.Unmarshal(listed, &links); err != nil {
		return binaries{}, fmt.Errorf("read pg-symlinks.json: %w", err)
	}
	for _, link := range links {
		err := os.Symlink(filepath.Base(link.Source), filepath.Join(base, filepath.FromSlash(link.Target)))
		if err != nil && !errors.Is(err, os.ErrExist) {
			return binaries{}, err
		}
	}
	return binaries{dir: filepath.Join(target, "bin")}, nil
}

func (c *Cluster) newDir(place string) (string, error) {
	dir, err := newOwnedDir(place)
	if err != nil {
		return "", err
	}
	c.dirs = append(c.dirs, dir)
	return dir.path, nil
}

// clusterPlace is the directory in which clusters are made: PGTEST_TMP, else memory where there is plenty, else the
// temporary directory.
func clusterPlace() string {
	if dir := os.Getenv("PGTEST_TMP"); dir != "" {
		return dir
	}
	if bytesFree(memoryDir) > memoryFreeMin {
		return memoryDir
	}
	return os.TempDir()
}
