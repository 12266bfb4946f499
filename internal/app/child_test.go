//go:build unix

package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"folioscope/internal/config"
	"folioscope/internal/httpapi"
)

// childVariable makes this test binary a server, so that a benchmark can tell the server's processor time from its own, or a command
// that can be killed.
const childVariable = "APP_TEST_CHILD"

func TestMain(m *testing.M) {
	if kind := os.Getenv(childVariable); kind != "" {
		if err := serveAsChild(kind); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serveAsChild serves what its kind says until it is told to stop. It prints two addresses: its own, and one that tells its
// processor time.
func serveAsChild(kind string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch kind {
	case "rotate":
		return rotateAsChild(ctx)
	case "node":
		return nodeAsChild(ctx, stop)
	}
	beside := http.NewServeMux()
	told, err := serveUsage(beside)
	if err != nil {
		return err
	}
	ready := func(url string) { fmt.Println(url, told) }
	if kind == "ready-made" {
		return serveReadyMade(ctx, ready)
	}
	cache := time.Duration(0)
	if kind == "cached" {
		cache = sessionCache
	}
	settings := settingsIn(os.Getenv("APP_TEST_DIR"))
	settings.Database.URL = config.Secret(os.Getenv("APP_TEST_DATABASE"))
	var large *semaphore.Weighted
	switch kind {
	case "revaluing":
		r := newRevaluing()
		large = r.large
		beside.HandleFunc("/revalue", func(http.ResponseWriter, *http.Request) { r.start() })
		beside.HandleFunc("/rest", func(http.ResponseWriter, *http.Request) { r.stop() })
	case "engine":
		settings.Roles = []string{config.RoleAPI, config.RoleEngine}
	default:
		settings.Roles = []string{config.RoleAPI}
	}
	return Serve(ctx, settings, Options{
		messagesHour: math.MaxInt32,
		Now:          time.Now, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), Ready: ready,
		limits: httpapi.Limits{PerUser: -1, PerAddress: -1}, sessionCache: &cache, large: large,
	})
}

// serveReadyMade is the floor: the bytes are there, and a handler writes them on a server of the same kind.
func serveReadyMade(ctx context.Context, ready func(url string)) error {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	listening, err := httpapi.Listen(ctx, httpapi.Serving{Address: "127.0.0.1:0", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	ready(listening.URL)
	size := strconv.Itoa(len(body))
	return listening.Serve(ctx, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", size)
		_, _ = w.Write(body)
	}), func() {})
}

// serveUsage tells the processor time of this process, user and system, in microseconds, among what else it is told to serve.
func serveUsage(beside *http.ServeMux) (url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	beside.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, time.Duration(used.Utime.Nano()+used.Stime.Nano()).Microseconds())
	})
	go func() { _ = http.Serve(listener, beside) }()
	return "http://" + listener.Addr().String(), nil
}

// child is a server in a process of its own.
type child struct {
	url, usage string
	request    []byte // as it goes over the wire
	process    *os.Process
}

// startChild runs a server on an installation until the benchmark ends; env says more.
func startChild(b testing.TB, kind, dir string, stdin []byte, env ...string) *child {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = slices.Concat(os.Environ(), []string{childVariable + "=" + kind, "APP_TEST_DIR=" + dir}, env)
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(stdin)), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatalf("%s: %v", kind, err)
	}
	url, usage, _ := strings.Cut(strings.TrimSpace(line), " ")
	return &child{url: url, usage: usage, process: cmd.Process}
}

// end has it stop before the benchmark does.
func (c *child) end(b *testing.B) {
	b.Helper()
	if err := c.process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
}

// used is the processor time that the server has taken so far.
func (c *child) used(b testing.TB) time.Duration {
	b.Helper()
	response, err := http.Get(c.usage)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	var micros int64
	if err := json.NewDecoder(response.Body).Decode(&micros); err != nil {
		b.Fatal(err)
	}
	return time.Duration(micros) * time.Microsecond
}

// settingsIn are those of a node that asks nobody for prices.
func settingsIn(dir string) config.Config {
	settings := config.Default()
	settings.DataDir, settings.Keys.KEK, settings.Listen = dir+"/data", dir+"/kek", "127.0.0.1:0"
	for name, provider := range settings.Providers {
		provider.Enabled = false
		settings.Providers[name] = provider
	}
	return settings
}
