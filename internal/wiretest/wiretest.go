// Package wiretest stands on the way from a client to a server and spoils it: slow, narrow, silent, cut, shut.
//
// It owns one listener and what goes through it. It knows nothing of what the two say to each other, and is for tests alone.
package wiretest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

const (
	pieceBytesMax = 16 << 10 // that pass at once
	dialWaitMax   = 10 * time.Second
)

// Trouble is how a wire is. The zero value is a good one.
type Trouble struct {
	Latency        time.Duration // of each piece, both ways
	BytesPerSecond int           // 0: as many as there are
	Silent         bool          // what is sent goes nowhere, and nobody is told
	Shut           bool          // nobody gets in, and who is in is cut off
}

// Wire is a way to one server.
type Wire struct {
	listener        net.Listener
	network, server string

	mu      sync.Mutex
	trouble Trouble
	changed chan struct{} // closed with the next trouble
	open    map[net.Conn]struct{}
	ended   bool
	all     sync.WaitGroup
}

// Start makes a way to a server for one test.
func Start(t testing.TB, network, server string) *Wire {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{listener: listener, network: network, server: server, changed: make(chan struct{}), open: make(map[net.Conn]struct{})}
	w.all.Go(w.accept)
	t.Cleanup(w.end)
	return w
}

// Port is where to connect on 127.0.0.1.
func (w *Wire) Port() int { return w.listener.Addr().(*net.TCPAddr).Port }

// Be makes the wire so from now on.
func (w *Wire) Be(trouble Trouble) {
	w.mu.Lock()
	w.trouble = trouble
	close(w.changed)
	w.changed = make(chan struct{})
	w.mu.Unlock()
	if trouble.Shut {
		w.Cut()
	}
}

// Cut resets every connection.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.open {
		if tcp, ok := one.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not an end
		}
		_ = one.Close()
	}
}

func (w *Wire) end() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	_ = w.listener.Close()
	w.Be(Trouble{Shut: true})
	w.all.Wait()
}

func (w *Wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := (&net.Dialer{Timeout: dialWaitMax}).DialContext(context.Background(), w.network, w.server)
		if err != nil || !w.enter(client, server) {
			_ = client.Close()
			if err == nil {
				_ = server.Close()
			}
			continue
		}
		w.all.Go(func() { w.pass(client, server) })
		w.all.Go(func() { w.pass(server, client) })
	}
}

func (w *Wire) enter(both ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range both {
		if w.trouble.Shut || w.ended {
			return false
		}
		w.open[one] = struct{}{}
	}
	return true
}

func (w *Wire) now() (Trouble, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trouble, w.changed
}

// pass carries what one side says to the other until either is gone.
func (w *Wire) pass(from, to net.Conn) {
	defer func() {
		_, _ = from.Close(), to.Close()
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.open, from)
	}()
	piece := make([]byte, pieceBytesMax)
	for {
		n, err := from.Read(piece)
		if n > 0 && !w.carry(to, piece[:n]) {
			return
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				w.hold()
			}
			return
		}
	}
}

// hold waits while the wire is silent: then nobody is told that the other has gone.
func (w *Wire) hold() (ok bool) {
	for {
		trouble, changed := w.now()
		if !trouble.Silent {
			return !trouble.Shut
		}
		<-changed
	}
}

func (w *Wire) carry(to net.Conn, piece []byte) bool {
	trouble, _ := w.now()
	wait := trouble.Latency
	if trouble.BytesPerSecond > 0 {
		wait += time.Duration(len(piece)) * time.Second / time.Duration(trouble.BytesPerSecond)
	}
	if wait > 0 {
		time.Sleep(wait)
	}
	if !w.hold() {
		return false
	}
	_, err := to.Write(piece)
	return err == nil
}
