package natsbus

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	"folioscope/internal/bus"
	"folioscope/internal/fault"
)

const (
	clusterName       = "folioscope"    // servers of another name don't join
	routeHandshakeMax = 5 * time.Second // of TLS, between nodes
	routesLookedAt    = time.Second     // how often a route that ended is noticed
	complaintsAtOnce  = 10              // lines of the log, then one every complaintPause: a node that can't join tries each second
	complaintPause    = 10 * time.Second
)

// Cluster joins the server inside with those of other nodes, each with each.
type Cluster struct {
	Listen string      // HOST:PORT for the other nodes
	Routes []string    // HOST:PORT of the other nodes; one's own does no harm
	TLS    *tls.Config // who may join, and how a node shows that it may: for both ends of a route; nil: whoever gets through
}

// startServer starts the server inside. What it gives besides is how to sign in to it: a server that is joined with others has to listen for
// clients too, so it does so on loopback, with a password that nobody else learns.
func startServer(ctx context.Context, options Options) (*server.Server, nats.Option, error) {
	settings := &server.Options{
		ServerName:    options.Name,
		DontListen:    true, // connections of this process only
		MaxPayload:    bus.PayloadBytesMax,
		MaxPending:    serverPendingMax,
		WriteDeadline: writeTimeout,
		PingInterval:  pingInterval,
		MaxPingsOut:   pingsOutMax,
		NoLog:         true,
		NoSigs:        true, // signals are the process's own
	}
	access := nats.Option(func(*nats.Options) error { return nil })
	if options.Cluster != nil {
		if err := options.Cluster.join(settings); err != nil {
			return nil, nil, err
		}
		settings.DontListen, settings.Host, settings.Port = false, "127.0.0.1", server.RANDOM_PORT
		password := ownPassword(rand.Text())
		settings.CustomClientAuthentication = password
		access = nats.Token(string(password))
	}
	embedded, err := server.NewServer(settings)
	if err != nil {
		return nil, nil, err
	}
	said := &serverLog{log: options.Log, often: rate.Sometimes{First: complaintsAtOnce, Interval: complaintPause}}
	embedded.SetLogger(said, false, false)
	go embedded.Start() // ends with Shutdown
	wait := startTimeout
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline))
	}
	if !embedded.ReadyForConnections(wait) {
		embedded.Shutdown()
		embedded.WaitForShutdown()
		if why := said.fatal.Load(); why != nil {
			return nil, nil, fault.New(fault.Unavailable, "%s", *why)
		}
		return nil, nil, fault.New(fault.Unavailable, "the server inside did not get ready within %s", wait.Round(time.Millisecond))
	}
	return embedded, access, nil
}

// ownPassword lets this process alone in as a client.
type ownPassword string

// Check implements server.Authentication.
func (p ownPassword) Check(client server.ClientAuthentication) bool {
	return subtle.ConstantTimeCompare([]byte(client.GetOpts().Token), []byte(p)) == 1
}

// join writes the cluster into the server's settings.
func (c *Cluster) join(settings *server.Options) error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fault.At("nats.cluster.listen", "needs HOST:PORT, got %.60q", c.Listen)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fault.At("nats.cluster.listen", "needs HOST:PORT, got %.60q", c.Listen)
	}
	settings.Cluster = server.ClusterOpts{
		Name: clusterName, Host: host, Port: int(number), TLSConfig: c.TLS, TLSTimeout: routeHandshakeMax.Seconds(),
		NoAdvertise:   true, // where clients connect is nobody's business
		WriteDeadline: writeTimeout, PingInterval: pingInterval, MaxPingsOut: pingsOutMax,
	}
	if number == 0 {
		settings.Cluster.Port = server.RANDOM_PORT
	}
	for _, address := range c.Routes {
		settings.Routes = append(settings.Routes, &url.URL{Scheme: "nats-route", Host: address})
	}
	return nil
}

// watchRoutes tells of a gap whenever a route began or ended, until the bus is closed: what was published meanwhile didn't come here, and the
// connection to the server inside noticed nothing.
func (b *Bus) watchRoutes() {
	timer := time.NewTicker(routesLookedAt)
	defer timer.Stop()
	var before []uint64
	for {
		select {
		case <-b.watchEnd:
			return
		case <-timer.C:
		}
		found, err := b.embedded.Routez(nil)
		if err != nil {
			continue // it is shutting down
		}
		var now []uint64
		for _, route := range found.Routes {
			now = append(now, route.Rid)
		}
		slices.Sort(now)
		if !slices.Equal(now, before) {
			before = now
			b.gapEverywhere()
		}
	}
}

// serverLog hands on what the server inside says of trouble. Of messages it says nothing.
type serverLog struct {
	log   *slog.Logger
	often rate.Sometimes
	fatal atomic.Pointer[string] // why it can't start
}

var _ server.Logger = (*serverLog)(nil)

func (s *serverLog) complain(format string, args ...any) {
	s.often.Do(func() {
		text := strings.TrimSpace(fmt.Sprintf(format, args...))
		if fix := mends(text); fix != "" {
			s.log.Warn("bus trouble", "error", text, "fix", fix)
			return
		}
		s.log.Warn("bus trouble", "error", text)
	})
}

// mends is what to change where nodes don't come together, empty where that can't be told.
func mends(trouble string) string {
	has := func(any ...string) bool {
		return slices.ContainsFunc(any, func(part string) bool { return strings.Contains(trouble, part) })
	}
	switch {
	case has("x509", "certificate", "TLS", "tls:"):
		return "look at nats.tls on both nodes: each certificate has to be of the authority in nats.tls.ca, be valid now and bear the address in nats.cluster.routes"
	case has("connection refused", "no such host", "i/o timeout", "no route to host", "unreachable"):
		return "look at nats.cluster.routes: it has to name nodes that run, by the address in their nats.cluster.listen, and no firewall may stand between"
	case has("cluster name"):
		return "look at nats.cluster.routes: what answers there is no node of Folioscope"
	}
	return ""
}

// Fatalf implements server.Logger.
func (s *serverLog) Fatalf(format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	s.fatal.Store(&why)
}

// Errorf implements server.Logger.
func (s *serverLog) Errorf(format string, args ...any) { s.complain(format, args...) }

// Warnf implements server.Logger.
func (s *serverLog) Warnf(format string, args ...any) { s.complain(format, args...) }

// Noticef implements server.Logger.
func (s *serverLog) Noticef(string, ...any) {}

// Debugf implements server.Logger.
func (s *serverLog) Debugf(string, ...any) {}

// Tracef implements server.Logger.
func (s *serverLog) Tracef(string, ...any) {}
