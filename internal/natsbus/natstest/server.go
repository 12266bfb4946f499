package natstest

import (
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"folioscope/internal/bus"
)

// startWaitMax is how long a server may take to listen, on a loaded machine.
const startWaitMax = 2 * time.Minute

// Server is one that listens, as an installation of several nodes has it. It may be stopped and started again.
type Server struct {
	Address string // HOST:PORT, the same after every start

	t      testing.TB
	change []func(*server.Options)
	server *server.Server // nil while it is stopped
}

// Start starts one, which ends with the test.
func Start(t testing.TB, change ...func(*server.Options)) *Server {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Address: free.Addr().String(), t: t, change: change}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Start starts it again. It may be called while it runs.
func (s *Server) Start() {
	s.t.Helper()
	if s.server != nil {
		return
	}
	address, err := net.ResolveTCPAddr("tcp", s.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	options := &server.Options{Host: address.IP.String(), Port: address.Port, NoLog: true, NoSigs: true, MaxPayload: bus.PayloadBytesMax}
	for _, f := range s.change {
		f(options)
	}
	if s.server, err = server.NewServer(options); err != nil {
		s.t.Fatal(err)
	}
	go s.server.Start()
	if !s.server.ReadyForConnections(startWaitMax) {
		s.t.Fatal("the server is not ready")
	}
}

// Stop ends all conversations. It may be called while it is stopped.
func (s *Server) Stop() {
	if s.server != nil {
		s.server.Shutdown()
		s.server.WaitForShutdown()
		s.server = nil
	}
}
