//go:build unix

package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// What is asked for, in the order in which it is turned away last.
const (
	asksChange = iota
	asksStream
	asksRead
	asksChart
	asksKinds
)

var asksNames = [asksKinds]string{"changes", "streams", "dashboards", "charts"}

// ask is one request of one person; in an open loop it comes when it comes, whatever became of those before.
type ask struct {
	at           time.Duration
	kind, person int
}

const (
	overloadPeople   = 200
	overloadTimes    = 5     // what is offered, of what a node answers at its best
	overloadAtOnce   = 24    // clients who wait for an answer before they ask again: enough to keep all cores busy, and nobody is turned away
	overloadConnsMax = 8_000 // of the 20,000 files that a process may often have open
	overloadTimeout  = 10 * time.Second
	overloadFor      = time.Second // ten times as long with FOLIOSCOPE_LONG
	overloadGoodput  = 0.8         // of the best: looked at in the long form alone, since it takes a machine with nothing else to do
)

// nextAsk draws a request: of twenty two are changes, one opens a stream, three are charts over the whole past, the rest are dashboards.
func nextAsk(random *rand.Rand) ask {
	a := ask{person: random.IntN(overloadPeople)}
	ofTwenty := [asksKinds]int{asksChange: 2, asksStream: 1, asksRead: 14, asksChart: 3}
	for at := random.IntN(20); at >= ofTwenty[a.kind]; a.kind++ {
		at -= ofTwenty[a.kind]
	}
	return a
}

// arrivalsAt draws when requests come, at a constant rate and independent of each other.
func arrivalsAt(random *rand.Rand, perSecond float64, lasting time.Duration) []ask {
	var all []ask
	at := time.Duration(0)
	for {
		at += time.Duration(random.ExpFloat64() / perSecond * float64(time.Second))
		if at >= lasting {
			return all
		}
		next := nextAsk(random)
		next.at = at
		all = append(all, next)
	}
}

// TestOverload offers a node five times what it answers at its best. It goes on answering nearly as much; who is turned away hears at once when
// to come again, nobody waits in vain, and changes and streams are turned away for charts never. What came is counted from when it should
// have been sent, so that a generator that falls behind hides nothing.
func TestOverload(t *testing.T) {
	long, lasting := os.Getenv("FOLIOSCOPE_LONG") != "", overloadFor
	if long {
		lasting *= 10
	}
	o := newOverload(t)
	random := rand.New(rand.NewPCG(21, 7))
	o.closed(random, lasting/4) // warm
	best := o.closed(random, lasting)
	offered := overloadTimes * best.perSecond()
	came := o.open(arrivalsAt(random, offered, lasting))
	t.Logf("at its best: %s", best)
	t.Logf("offered %.0f a second, five times as many: %s", offered, came)
	if bad := came.bad.Load(); bad > 0 {
		t.Errorf("%d requests were neither answered nor turned away in time, such as %v", bad, came.first.Load())
	}
	if got := came.perCPU() / best.perCPU(); long && got < overloadGoodput {
		t.Errorf("%.0f %% of what it answers at its best for each second of its processors", 100*got)
	}
	for kind := range asksChart {
		if came.share(kind) < came.share(asksChart) {
			t.Errorf("%.2f of %s were answered, and %.2f of charts", came.share(kind), asksNames[kind], came.share(asksChart))
		}
	}
}

// overload is a node with people who ask it.
type overload struct {
	t     testing.TB
	node  *child
	host  string
	idle  chan *connection
	conns atomic.Int64
	keys  atomic.Int64
}

func newOverload(t testing.TB) *overload {
	t.Helper()
	c := &crowd{dir: t.TempDir(), count: overloadPeople}
	c.settings = settingsIn(c.dir)
	c.fill(t)
	store, err := openStore(t.Context(), c.settings, nil, Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	const days = 500
	var past []market.Series
	for _, in := range c.instruments {
		var bars []market.Bar
		for day := range days {
			bars = append(bars, market.Bar{Date: market.DateOf(time.Now().UTC()) - days + market.Date(day), Close: c.marks[0].Price})
		}
		past = append(past, market.NewSeries(in.ID, in.Currency, bars))
	}
	if err := store.PutSeries(t.Context(), past); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	o := &overload{t: t, node: startChild(t, "cached", c.dir, nil), idle: make(chan *connection, overloadConnsMax)}
	address, err := url.Parse(o.node.url)
	if err != nil {
		t.Fatal(err)
	}
	o.host = address.Host
	return o
}

// request is one as it goes over the wire.
func (o *overload) request(a ask) []byte {
	id := crowdID(a.person)
	portfolio := "pf-" + ledger.PortfolioID(id)
	method, path, body := "GET", "/api/v1/portfolios/"+string(portfolio), ""
	switch a.kind {
	case asksChange:
		method, path = "POST", path+"/activities"
		body = fmt.Sprintf(`{"activities":[{"date":"2024-03-04","type":"deposit","account":"ac-%s","amount":"1"}]}`, id)
	case asksStream:
		path = "/api/v1/stream?portfolio=" + string(portfolio)
	case asksChart:
		path += "/history"
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: %s\r\nCookie: folioscope=%s\r\nSec-Fetch-Site: same-origin\r\n", method, path, o.host, identity.OwnedToken(id, crowdSecret(a.person)))
	if body != "" {
		fmt.Fprintf(&out, "Content-Type: application/json\r\nIdempotency-Key: overload-%d\r\nContent-Length: %d\r\n", o.keys.Add(1), len(body))
	}
	out.WriteString("\r\n" + body)
	return out.Bytes()
}

// closed has a few clients ask one request after the other, and gives what came of it.
func (o *overload) closed(random *rand.Rand, lasting time.Duration) *outcome {
	return o.measured(func(out *outcome) {
		var clients sync.WaitGroup
		until := time.Now().Add(lasting)
		for range overloadAtOnce {
			own := rand.New(rand.NewPCG(random.Uint64(), random.Uint64()))
			clients.Go(func() {
				for time.Now().Before(until) {
					o.one(nextAsk(own), time.Now(), out)
				}
			})
		}
		clients.Wait()
	})
}

// open sends every request at its time.
func (o *overload) open(all []ask) *outcome {
	return o.measured(func(out *outcome) {
		var sent sync.WaitGroup
		began := time.Now()
		for _, a := range all {
			due := began.Add(a.at)
			time.Sleep(time.Until(due))
			sent.Go(func() { o.one(a, due, out) })
		}
		sent.Wait()
	})
}

func (o *overload) measured(do func(*outcome)) *outcome {
	out := &outcome{}
	used, began := o.node.used(o.t), time.Now()
	do(out)
	out.took, out.used = time.Since(began), o.node.used(o.t)-used
	return out
}

// one asks and counts what became of it.
func (o *overload) one(a ask, due time.Time, out *outcome) {
	conn, err := o.connection()
	if err != nil {
		out.failed(err)
		return
	}
	response, err := conn.ask(o.request(a), due.Add(overloadTimeout))
	if err != nil || a.kind == asksStream || response.Close {
		_ = conn.Close() // a stream goes on: it is enough that it began
		o.conns.Add(-1)
	} else {
		o.idle <- conn
	}
	switch {
	case err != nil:
		out.failed(fmt.Errorf("one of %s: %w", asksNames[a.kind], err))
	case response.StatusCode == http.StatusOK, response.StatusCode == http.StatusCreated:
		out.answered(a.kind, time.Since(due))
	case response.StatusCode == http.StatusTooManyRequests && response.Header.Get("Retry-After") != "":
		out.refused[a.kind].Add(1)
	default:
		out.failed(fmt.Errorf("one of %s: %s", asksNames[a.kind], response.Status))
	}
}

// connection is one that is open, or a new one.
func (o *overload) connection() (*connection, error) {
	select {
	case c := <-o.idle:
		return c, nil
	default:
	}
	if o.conns.Add(1) > overloadConnsMax {
		o.conns.Add(-1)
		return nil, fmt.Errorf("%d connections are open", overloadConnsMax)
	}
	conn, err := net.DialTimeout("tcp", o.host, overloadTimeout)
	if err != nil {
		o.conns.Add(-1)
		return nil, err
	}
	return newConnection(conn), nil
}

// outcome is what became of requests.
type outcome struct {
	good, refused [asksKinds]atomic.Int64
	bad           atomic.Int64
	first         atomic.Value // one of the bad
	took, used    time.Duration

	mu   sync.Mutex
	late [asksKinds][]time.Duration // of the answered, from when they were due
}

func (o *outcome) answered(kind int, after time.Duration) {
	o.good[kind].Add(1)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.late[kind] = append(o.late[kind], after)
}

func (o *outcome) failed(err error) {
	o.bad.Add(1)
	o.first.CompareAndSwap(nil, err.Error())
}

func (o *outcome) all() (n float64) {
	for kind := range o.good {
		n += float64(o.good[kind].Load())
	}
	return n
}

func (o *outcome) perSecond() float64 { return o.all() / o.took.Seconds() }

func (o *outcome) perCPU() float64 { return o.all() / o.used.Seconds() }

// share is how much of a kind was answered.
func (o *outcome) share(kind int) float64 {
	good := float64(o.good[kind].Load())
	return good / max(1, good+float64(o.refused[kind].Load()))
}

// String implements fmt.Stringer.
func (o *outcome) String() string {
	text := fmt.Sprintf("%.0f answered a second, %.0f for each second of the node's processors (%.2f of them busy)", o.perSecond(), o.perCPU(), o.used.Seconds()/o.took.Seconds())
	for kind := range asksKinds {
		text += fmt.Sprintf("; %s: %d answered, %d turned away", asksNames[kind], o.good[kind].Load(), o.refused[kind].Load())
		if len(o.late[kind]) > 0 {
			sorted := slices.Sorted(slices.Values(o.late[kind]))
			text += fmt.Sprintf(", p50 %s, p99 %s", sorted[len(sorted)/2].Round(time.Millisecond/10), sorted[len(sorted)*99/100].Round(time.Millisecond/10))
		}
	}
	return text
}
