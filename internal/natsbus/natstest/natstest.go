// Package natstest is NATS servers of a test's own: one that listens and may be stopped, and one with somebody who listens to all that is
// said on it.
package natstest

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Wiretap is a NATS server with a subscriber to every subject, who keeps what it hears: subjects, headers and payloads.
type Wiretap struct {
	server   *server.Server
	mutex    sync.Mutex
	heard    bytes.Buffer
	messages int
}

// StartWiretap starts one, which ends with the test.
func StartWiretap(t *testing.T) *Wiretap {
	t.Helper()
	tapped, err := server.NewServer(&server.Options{ServerName: "tapped", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	tapped.Start()
	t.Cleanup(func() { tapped.Shutdown(); tapped.WaitForShutdown() })
	if !tapped.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server to be tapped did not start")
	}
	w := &Wiretap{server: tapped}
	ear, err := nats.Connect("", nats.InProcessServer(tapped))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ear.Close)
	if _, err := ear.Subscribe(">", w.keep); err != nil {
		t.Fatal(err)
	}
	if err := ear.Flush(); err != nil { // the server knows of it before any node is there
		t.Fatal(err)
	}
	return w
}

// URL is where nodes find it.
func (w *Wiretap) URL() string { return w.server.ClientURL() }

func (w *Wiretap) keep(message *nats.Msg) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.heard.WriteString(message.Subject + "\n")
	for name, values := range message.Header {
		for _, value := range values {
			w.heard.WriteString(name + ": " + value + "\n")
		}
	}
	w.heard.Write(append(message.Data, '\n'))
	w.messages++
}

// All is what was heard so far, and how many messages are in it.
func (w *Wiretap) All() (said []byte, messages int) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return bytes.Clone(w.heard.Bytes()), w.messages
}
