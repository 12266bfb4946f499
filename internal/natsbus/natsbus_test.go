package natsbus

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"folioscope/internal/bus"
	"folioscope/internal/bus/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEmbedded(t *testing.T) {
	bustest.Run(t, bustest.Fixture{Open: func(t *testing.T) bus.Bus { return open(t, Options{Name: "test"}) }})
}

func TestRemote(t *testing.T) {
	r := startRemote(t)
	bustest.Run(t, bustest.Fixture{
		Open: func(t *testing.T) bus.Bus {
			return open(t, Options{URLs: []string{"nats://" + r.address}, Name: "test"})
		},
		Interrupt: func(t *testing.T) {
			r.stop()
			r.start(t)
		},
	})
}

// Servers that are down at the start don't keep a node from starting.
func TestRemoteDownAtStart(t *testing.T) {
	r := startRemote(t)
	r.stop()
	b := open(t, Options{URLs: []string{"nats://" + r.address}, Name: "test"})
	defer b.Close()
	if b.Connected() {
		t.Error("connected to nothing")
	}
	gap := make(chan struct{}, 8)
	stop, err := b.Subscribe("test.a", func(string, []byte) {}, func() { gap <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	r.start(t)
	select {
	case <-gap:
	case <-time.After(2 * time.Minute):
		t.Fatal("no gap after the first connect")
	}
	if !b.Connected() {
		t.Error("not connected")
	}
}

func TestErrorsHideAddresses(t *testing.T) {
	text := withoutURL(errors.New("dial nats://user:secret@host:4222: refused")).Error()
	if strings.Contains(text, "secret") || !strings.Contains(text, "refused") {
		t.Error(text)
	}
}

func open(t *testing.T, options Options) *Bus {
	t.Helper()
	b, err := Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// remote is a server that listens, as an installation of several nodes has it.
type remote struct {
	address string
	server  *server.Server
	change  []func(*server.Options)
}

func startRemote(t *testing.T, change ...func(*server.Options)) *remote {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &remote{address: free.Addr().String(), change: change}
	free.Close()
	r.start(t)
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *remote) start(t *testing.T) {
	t.Helper()
	address, err := net.ResolveTCPAddr("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	options := &server.Options{Host: "127.0.0.1", Port: address.Port, NoLog: true, NoSigs: true, MaxPayload: bus.PayloadBytesMax}
	for _, f := range r.change {
		f(options)
	}
	r.server, err = server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	go r.server.Start()
	if !r.server.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server is not ready")
	}
}

func (r *remote) stop() {
	r.server.Shutdown()
	r.server.WaitForShutdown()
}
