// Package natsbus carries the bus over core NATS: a server inside this process, or the servers named by URL.
//
// It owns connection, limits and the news of gaps. Nothing is ever stored: JetStream stays off, so what is published while
// a connection is down is gone, and subscribers are told by Gap to look at the store. One node and many run the same code. The
// server inside opens no port to others, unless it is joined with those of other nodes.
package natsbus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	"folioscope/internal/bus"
	"folioscope/internal/fault"
	"folioscope/internal/trace"
)

// Bounds and times of the connection.
const (
	pendingBytesMax   = 4 << 20         // bytes waiting for one slow subscriber: 64 full messages
	serverPendingMax  = 4 << 20         // bytes the server keeps for one connection before it cuts it off
	writeTimeout      = 2 * time.Second // a peer that takes no bytes for longer is cut off
	pingInterval      = 2 * time.Second // a hung peer is noticed after two of them
	pingsOutMax       = 2
	reconnectWait     = 250 * time.Millisecond
	reconnectJitter   = 250 * time.Millisecond
	reconnectBytesMax = 1 << 20 // published while the connection is down; more is refused
	startTimeout      = 5 * time.Second
	closeTimeout      = 5 * time.Second
	carriedHeader     = "Traceparent" // only where hints are traced
	ofHeader          = "Folioscope-Installation"
	strangersSaid     = time.Hour // between two lines of the log about hints of another installation
	subjectBytesMax   = 255       // ours have less than 100
)

// Options says where the bus is.
type Options struct {
	URLs    []string     // servers; empty for one inside this process
	TLS     *tls.Config  // for servers that are spoken to over TLS; nil: whom the machine trusts, and no certificate of our own
	Cluster *Cluster     // joins the server inside with those of other nodes; nil: it is alone
	Tracer  trace.Tracer // nil: nobody wants to know
	Name    string       // of this node, as servers show it; no two nodes have the same
	// Installation is told with every hint, and hints of another one are dropped: their prices and sequences are others. Where it is empty, or a
	// hint says nothing, as those of earlier releases, nobody asks.
	Installation string
	Log          *slog.Logger
}

// Bus is a bus.Bus.
type Bus struct {
	connection *nats.Conn
	embedded   *server.Server // nil where URLs were given
	watched    sync.WaitGroup // what watches its routes
	watchEnd   chan struct{}
	log        *slog.Logger
	tracer     trace.Tracer
	of         string // the installation
	strangers  rate.Sometimes
	closed     chan struct{}

	mu            sync.Mutex
	subscriptions map[*nats.Subscription]*subscription
	done          bool
}

var _ bus.Bus = (*Bus)(nil)

// Open connects. The server inside answers before Open returns; servers elsewhere may be down: then hints flow, after a Gap,
// once they are up.
func Open(ctx context.Context, options Options) (*Bus, error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Tracer == nil {
		options.Tracer = trace.Off{}
	}
	b := &Bus{log: options.Log, tracer: options.Tracer, of: options.Installation, strangers: rate.Sometimes{Interval: strangersSaid}, closed: make(chan struct{}), watchEnd: make(chan struct{}), subscriptions: map[*nats.Subscription]*subscription{}}
	settings := []nats.Option{
		nats.Name(options.Name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectJitter, reconnectJitter),
		nats.ReconnectBufSize(reconnectBytesMax),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsOutMax),
		nats.FlusherTimeout(writeTimeout),
		nats.ErrorHandler(b.trouble),
		nats.ConnectHandler(func(*nats.Conn) { b.gapEverywhere() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if !b.isDone() { // a connection that we close is no news
				b.log.Warn("bus disconnected", "error", errorText(err))
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			b.log.Info("bus connected again")
			b.gapEverywhere()
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(b.closed) }),
	}
	if len(options.URLs) == 0 {
		embedded, access, err := startServer(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("start the bus: %w", err)
		}
		b.embedded = embedded
		settings = append(settings, nats.InProcessServer(embedded), access)
	} else {
		settings = append(settings, nats.RetryOnFailedConnect(true))
		if options.TLS != nil {
			settings = append(settings, nats.Secure(options.TLS))
		}
	}
	connection, err := nats.Connect(strings.Join(options.URLs, ","), settings...)
	if err != nil {
		b.stopServer()
		return nil, fmt.Errorf("connect to the bus: %w", withoutURL(err))
	}
	b.connection = connection
	if options.Cluster != nil {
		b.watched.Go(b.watchRoutes)
	}
	return b, nil
}

func (b *Bus) stopServer() {
	if b.embedded != nil {
		b.embedded.Shutdown()
		b.embedded.WaitForShutdown()
	}
}

// Connected says whether hints flow now; readiness asks it. A bus that is down only delays.
func (b *Bus) Connected() bool { return b.connection.IsConnected() }

// Publish hands the message to the connection; see bus.Bus.
func (b *Bus) Publish(ctx context.Context, subject string, payload []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkSubject(subject, false); err != nil {
		return err
	}
	if len(payload) > bus.PayloadBytesMax {
		return fault.New(fault.TooLarge, "publish %s: %d bytes, at most %d", subject, len(payload), bus.PayloadBytesMax)
	}
	ctx, span := b.tracer.Start(ctx, trace.Producer, "send "+noun(subject))
	message := &nats.Msg{Subject: subject, Data: payload, Header: nats.Header{}}
	if carried := b.tracer.Carry(ctx); carried != "" {
		message.Header[carriedHeader] = []string{carried}
	}
	if b.of != "" {
		message.Header[ofHeader] = []string{b.of}
	}
	err := b.connection.PublishMsg(message)
	span.End(err != nil)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "publish %s", subject)
	}
	return nil
}

// subscription calls handle and gap one at a time: handle from the client's goroutine, gap from its own.
type subscription struct {
	handle  func(string, []byte)
	tracer  trace.Tracer
	gap     func()
	wake    chan struct{} // holds one: gaps that come together are one
	stopped chan struct{}
	once    sync.Once
	turn    sync.Mutex // held during handle and gap
}

// Subscribe listens; see bus.Bus. A call of handle or gap that is under way when stop is called may still end after it.
func (b *Bus) Subscribe(subject string, handle func(string, []byte), gap func()) (func(), error) {
	if err := checkSubject(subject, true); err != nil {
		return nil, err
	}
	s := &subscription{handle: handle, tracer: b.tracer, gap: gap, wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return nil, fault.New(fault.Unavailable, "subscribe %s: the bus is closed", subject)
	}
	inner, err := b.connection.Subscribe(subject, func(m *nats.Msg) {
		if b.ours(m) {
			s.deliver(m)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe %s: %w", subject, err)
	}
	if err := inner.SetPendingLimits(bus.PendingMax, pendingBytesMax); err != nil {
		_ = inner.Unsubscribe() // the error that counts is on its way
		return nil, fmt.Errorf("subscribe %s: %w", subject, err)
	}
	// The server must know of it when Subscribe returns, or the next message would pass by without a gap.
	if b.connection.IsConnected() {
		if err := b.connection.FlushTimeout(writeTimeout); err != nil {
			s.missed() // and the reconnect that follows tells everybody
		}
	}
	b.subscriptions[inner] = s
	go s.run()
	return func() { b.stop(inner, s) }, nil
}

// ours says whether a message is of this installation.
func (b *Bus) ours(m *nats.Msg) bool {
	of := m.Header.Get(ofHeader)
	if of == "" || b.of == "" || of == b.of {
		return true
	}
	b.strangers.Do(func() {
		b.log.Error("hints of another installation come over the bus, and are dropped: give each its own servers in nats.urls, or nodes of its own in nats.cluster.routes", "installation", b.of, "other", of)
	})
	return false
}

func (b *Bus) stop(inner *nats.Subscription, s *subscription) {
	b.mu.Lock()
	delete(b.subscriptions, inner)
	b.mu.Unlock()
	s.end()
	if err := inner.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrBadSubscription) {
		b.log.Warn("bus unsubscribe", "error", errorText(err))
	}
}

func (s *subscription) end() { s.once.Do(func() { close(s.stopped) }) }

func (s *subscription) ended() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}

func (s *subscription) deliver(m *nats.Msg) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.ended() {
		return
	}
	ctx := s.tracer.Adopt(context.Background(), m.Header.Get(carriedHeader))
	_, span := s.tracer.Start(ctx, trace.Consumer, "receive "+noun(m.Subject))
	defer span.End(false)
	s.handle(m.Subject, m.Data)
}

// run calls gap when messages may have been lost, until the subscription ends.
func (s *subscription) run() {
	for {
		select {
		case <-s.stopped:
			return
		case <-s.wake:
		}
		s.turn.Lock()
		if s.gap != nil && !s.ended() {
			s.gap()
		}
		s.turn.Unlock()
	}
}

func (s *subscription) missed() {
	select {
	case s.wake <- struct{}{}:
	default: // one is waiting already
	}
}

// trouble is told of everything that goes wrong between calls.
func (b *Bus) trouble(_ *nats.Conn, inner *nats.Subscription, err error) {
	if inner != nil && errors.Is(err, nats.ErrSlowConsumer) {
		b.mu.Lock()
		s := b.subscriptions[inner]
		b.mu.Unlock()
		if s != nil {
			s.missed()
		}
		b.log.Warn("bus subscriber is slow, messages dropped", "subject", inner.Subject)
		return
	}
	b.log.Warn("bus trouble", "error", errorText(err))
}

func (b *Bus) gapEverywhere() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.subscriptions {
		s.missed()
	}
}

func (b *Bus) isDone() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done
}

// Close stops all; see bus.Bus. What was published before is on its way.
func (b *Bus) Close() error {
	b.mu.Lock()
	if b.done {
		b.mu.Unlock()
		return nil
	}
	b.done = true
	close(b.watchEnd)
	for inner, s := range b.subscriptions {
		s.end()
		delete(b.subscriptions, inner)
	}
	b.mu.Unlock()
	b.watched.Wait()
	var flushed error
	if b.connection.IsConnected() {
		flushed = b.connection.FlushTimeout(writeTimeout)
	}
	b.connection.Close()
	select {
	case <-b.closed:
	case <-time.After(closeTimeout):
		flushed = errors.Join(flushed, errors.New("the connection did not close in time"))
	}
	b.stopServer()
	if flushed != nil {
		return fmt.Errorf("close the bus: %w", withoutURL(flushed))
	}
	return nil
}

// noun is what a subject is about, without whose it is: "portfolio.changed" of folioscope.v1.portfolio.changed.KEY.
func noun(subject string) string {
	const about, verb = 2, 4
	parts := strings.Split(subject, ".")
	if len(parts) < verb {
		return "hint"
	}
	return strings.Join(parts[about:verb], ".")
}

// checkSubject refuses what NATS would take as something else.
func checkSubject(subject string, wildcard bool) error {
	rest := subject
	if wildcard {
		rest = strings.TrimSuffix(rest, ".>")
	}
	bad := len(subject) > subjectBytesMax || rest == ""
	for part := range strings.SplitSeq(rest, ".") {
		bad = bad || part == "" || strings.ContainsAny(part, "*> \t\r\n\x00")
	}
	if bad {
		return fault.New(fault.Invalid, "not a subject: %.40q", subject)
	}
	return nil
}

// withoutURL drops what the client's errors say about servers: URLs may carry passwords.
func withoutURL(err error) error { return errors.New(errorText(err)) }

func errorText(err error) string {
	if err == nil {
		return "none"
	}
	words := strings.Fields(err.Error())
	for i, word := range words {
		if strings.Contains(word, "://") {
			words[i] = "(url)"
		}
	}
	return strings.Join(words, " ")
}
