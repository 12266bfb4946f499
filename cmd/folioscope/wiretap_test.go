package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// wiretap is as much of a NATS server as a lone node needs, and keeps all that the node says: what a subscriber to every subject
// would hear, and how the node introduces itself.
type wiretap struct {
	listener net.Listener
	mutex    sync.Mutex
	heard    bytes.Buffer
	hints    int
}

func startWiretap(t *testing.T) *wiretap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wiretap{listener: listener}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { w.serve(connection) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		open.Wait() // the node is gone by then, and its connections with it
	})
	return w
}

// url is where the node finds it.
func (w *wiretap) url() string { return "nats://" + w.listener.Addr().String() }

// serve speaks the protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol.
func (w *wiretap) serve(connection net.Conn) {
	defer connection.Close()
	fmt.Fprintf(connection, "INFO {\"server_id\":\"tap\",\"version\":\"2.10.0\",\"proto\":1,\"headers\":true,\"max_payload\":1048576}\r\n")
	for from := bufio.NewReader(connection); ; {
		line, err := from.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		var payload []byte
		switch {
		case len(words) == 0:
		case words[0] == "PING":
			_, err = io.WriteString(connection, "PONG\r\n")
		case words[0] == "PUB" || words[0] == "HPUB":
			length, _ := strconv.Atoi(words[len(words)-1])
			payload = make([]byte, length+len("\r\n"))
			_, err = io.ReadFull(from, payload)
		}
		w.keep(line, payload)
		if err != nil {
			return
		}
	}
}

func (w *wiretap) keep(line string, payload []byte) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.heard.WriteString(line)
	w.heard.Write(payload)
	if len(payload) > 0 {
		w.hints++
	}
}

// all is what was said so far, and how many hints are in it.
func (w *wiretap) all() (said []byte, hints int) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return bytes.Clone(w.heard.Bytes()), w.hints
}
