//go:build unix

package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"folioscope/internal/config"
)

// nodeAsChild serves a stage as one of its nodes, until it is killed or whoever started it is gone.
func nodeAsChild(ctx context.Context, stop func()) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	port, err := strconv.Atoi(os.Getenv("APP_TEST_MAIL"))
	if err != nil {
		return err
	}
	settings := settingsIn(os.Getenv("APP_TEST_DIR"))
	settings.DataDir += os.Getenv("APP_TEST_NODE")
	settings.Database.URL = config.Secret(os.Getenv("APP_TEST_DATABASE"))
	settings.NATS.URLs = []string{os.Getenv("APP_TEST_NATS")}
	settings.Outbound.Messages = strings.Fields(os.Getenv("APP_TEST_HOOKS"))
	settings.SMTP = config.SMTP{Host: "127.0.0.1", Port: port, From: "Folioscope <folio@example.org>", TLS: config.TLSNone}
	o := quiet(func(string) {})
	o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if text := os.Getenv("APP_TEST_AHEAD"); text != "" {
		ahead, err := time.ParseDuration(text)
		if err != nil {
			return err
		}
		o.Now = func() time.Time { return time.Now().Add(ahead) }
	}
	return Serve(ctx, settings, o)
}

// process is a node of a stage in a process of its own, which can be killed.
type process struct {
	stage *stage
	name  string // of its own data; empty: the installation's
	cmd   *exec.Cmd
	said  bytes.Buffer // once it has ended
	alive io.Closer    // its end tells the process that nobody is there any more
	kills []time.Time
	ahead time.Duration // of its clock
}

// spawn starts a node. It ends with the test.
func (s *stage) spawn(name string) *process {
	s.t.Helper()
	return s.spawnAhead(name, 0)
}

// spawnAhead starts a node whose clock is ahead.
func (s *stage) spawnAhead(name string, ahead time.Duration) *process {
	s.t.Helper()
	p := &process{stage: s, name: name, ahead: ahead}
	p.start()
	s.t.Cleanup(p.end)
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("node %q said: %s", p.name, p.said.String())
		}
	})
	return p
}

func (p *process) start() {
	s := p.stage
	s.t.Helper()
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), childVariable+"=node", "APP_TEST_DIR="+filepath.Dir(s.settings.DataDir), "APP_TEST_NODE="+p.name,
		"APP_TEST_DATABASE="+s.settings.Database.URL.Reveal(), "APP_TEST_NATS="+s.settings.NATS.URLs[0],
		fmt.Sprint("APP_TEST_MAIL=", s.mail.Port), "APP_TEST_HOOKS="+strings.Join(s.settings.Outbound.Messages, " "), fmt.Sprint("APP_TEST_AHEAD=", p.ahead))
	p.cmd.Stderr = &p.said
	alive, err := p.cmd.StdinPipe()
	s.ok(err)
	p.alive = alive
	s.ok(p.cmd.Start())
}

// hang stops it where it is, and goOn has it go on as if no time had passed.
func (p *process) hang() { p.stage.ok(p.cmd.Process.Signal(syscall.SIGSTOP)) }

func (p *process) goOn() { p.stage.ok(p.cmd.Process.Signal(syscall.SIGCONT)) }

// kill ends it as kill -9 does.
func (p *process) kill() {
	p.kills = append(p.kills, time.Now())
	p.end()
}

func (p *process) end() {
	if p.cmd == nil {
		return // it was ended before
	}
	if err := p.cmd.Process.Kill(); err != nil {
		p.stage.t.Errorf("node %q ended by itself: %s", p.name, p.said.String())
	}
	_ = p.cmd.Wait() // says that it was killed
	_ = p.alive.Close()
	p.cmd = nil
}
