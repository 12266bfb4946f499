package natsbus

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"folioscope/internal/bus"
	"folioscope/internal/bus/bustest"
	"folioscope/internal/natsbus/natstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEmbedded(t *testing.T) {
	bustest.Run(t, bustest.Fixture{Open: func(t *testing.T) bus.Bus { return open(t, Options{Name: "test"}) }})
}

func TestRemote(t *testing.T) {
	r := natstest.Start(t)
	bustest.Run(t, bustest.Fixture{
		Open: func(t *testing.T) bus.Bus {
			return open(t, Options{URLs: []string{"nats://" + r.Address}, Name: "test"})
		},
		Interrupt: func(t *testing.T) {
			r.Stop()
			r.Start()
		},
	})
}

// Servers that are down at the start don't keep a node from starting.
func TestRemoteDownAtStart(t *testing.T) {
	r := natstest.Start(t)
	r.Stop()
	b := open(t, Options{URLs: []string{"nats://" + r.Address}, Name: "test"})
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
	r.Start()
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
