package live

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// benchPositions is what one portfolio holds, benchStreams how many users watch one each, benchManyStreams how many a node is to carry.
const (
	benchPositions   = 20
	benchStreams     = 250
	benchManyStreams = 10_000
)

// benchWorld is a world of portfolios whose positions figures worked out.
type benchWorld struct {
	*world
	server *httptest.Server
	mu     sync.Mutex
	conns  []net.Conn // the server's side, in order of arrival
}

func newBenchWorld(b *testing.B, handler http.Handler, portfolios int, written func(bytes int)) *benchWorld {
	w := &benchWorld{world: newWorld(b)}
	w.hub.positions = func(h *journal.Held) *figures.Holdings { return h.Holdings }
	prices := map[string]string{usd: "1.158", "fx-eur-CHF": "0.9312"}
	for i := range 2 * benchPositions {
		prices[fmt.Sprintf("i%02d", i)] = fmt.Sprintf("%d.%02d", 100+i, i)
	}
	w.price(prices)
	for i := range portfolios {
		w.add(b, i)
	}
	for !w.hub.Ready() {
		time.Sleep(time.Millisecond)
	}
	if handler == nil {
		handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			id := r.URL.Query().Get("p")
			if err := w.hub.Stream(rw, r, StreamRequest{Viewer: ledger.OwnerID("u" + id), Portfolios: []Key{{ledger.OwnerID("u" + id), ledger.PortfolioID("p" + id)}}}); err != nil {
				http.Error(rw, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	w.server = httptest.NewUnstartedServer(handler)
	w.server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		w.mu.Lock()
		defer w.mu.Unlock()
		if wrapped, ok := c.(*timedConn); ok {
			c = wrapped.Conn
		}
		w.conns = append(w.conns, c)
		return ctx
	}
	if written != nil {
		w.server.Listener = &timedListener{w.server.Listener, written}
	}
	w.server.Start()
	b.Cleanup(func() {
		w.close()
		w.server.CloseClientConnections()
		w.server.Close()
	})
	return w
}

// add gives user i a portfolio of 20 positions in three currencies, bought in 60 trades.
func (w *benchWorld) add(b *testing.B, i int) {
	owner, id := ledger.OwnerID(fmt.Sprintf("u%d", i)), ledger.PortfolioID(fmt.Sprintf("p%d", i))
	book := ledger.Book{
		Portfolio:   ledger.Portfolio{ID: id, Owner: owner, Name: "Savings", BaseCurrency: "EUR", LotMethod: ledger.FIFO, Sequence: 1},
		Accounts:    []ledger.Account{{ID: "acc", Name: "Broker", Currency: "EUR"}},
		Instruments: map[market.InstrumentID]market.Instrument{},
	}
	for n := range 3 * benchPositions {
		held := market.InstrumentID(fmt.Sprintf("i%02d", n%benchPositions))
		currency := []money.Currency{"EUR", "USD", "CHF"}[n%benchPositions%3]
		book.Instruments[held] = market.Instrument{ID: held, Symbol: string(held), MIC: "XTST", Name: "A company with a name of usual length", Currency: currency, Class: market.Stock, Sector: "Industrials", Country: "DE"}
		quantity, price := money.NewDecimal(int64(10+i%7+n), 0), money.NewDecimal(int64(9000+n*37), -2)
		book.Activities = append(book.Activities, ledger.Activity{ID: ledger.ActivityID(fmt.Sprint(n)), Date: market.MustDate("2020-01-01") + market.Date(n), Type: ledger.Buy,
			Account: "acc", Instrument: held, Quantity: &quantity, Price: &price, Currency: currency, Position: int64(n + 1), Version: 1})
	}
	rates := &figures.Market{Series: map[market.InstrumentID]*market.Series{}}
	for _, c := range []money.Currency{"USD", "CHF"} {
		s := market.NewSeries(market.RateID(c), c, []market.Bar{{Date: market.MustDate("2019-12-31"), Close: money.MustParse("1.1234")}})
		rates.Series[s.Instrument] = &s
	}
	holdings, err := figures.Hold(book, rates)
	if err != nil {
		b.Fatal(err)
	}
	w.world.mu.Lock()
	defer w.world.mu.Unlock()
	w.portfolios[Key{owner, id}] = &journal.Held{Portfolio: book.Portfolio, Accounts: book.Accounts, Instruments: book.Instruments, Holdings: holdings,
		Needs: append(holdings.Instruments(), "fx-eur-CHF", usd)}
}

// connect opens n streams, spread over so many portfolios, and gives the clients' sides once each has got its first bytes.
func (w *benchWorld) connect(b *testing.B, n, portfolios int) []net.Conn {
	clients := make([]net.Conn, n)
	for i := range n {
		c, err := net.Dial("tcp", w.server.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "GET /?p=%d HTTP/1.1\r\nHost: bench\r\n\r\n", i%portfolios)
		if _, err := bufio.NewReaderSize(c, 16).ReadByte(); err != nil {
			b.Fatal(err)
		}
		clients[i] = c
	}
	return clients
}

// drain reads and forgets what comes, so many bytes at once.
func drain(c net.Conn, room int) {
	buf := make([]byte, room)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// timedListener has connections that tell of each write that is done.
type timedListener struct {
	net.Listener
	written func(bytes int)
}

func (l *timedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &timedConn{c, l.written}, err
}

type timedConn struct {
	net.Conn
	written func(bytes int)
}

func (c *timedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written(n)
	return n, err
}

// BenchmarkRatioFanout: a price accepted → a frame written, on 250 streams of portfolios that all hold it, of 20
// positions each; against a loop that writes as many bytes to the same sockets. The result is the ratio of the p99s, each the
// median over all rounds.
//
// With a portfolio each, the price is worked into 250 portfolios; with 13 portfolios of 20 viewers each, into 13.
func BenchmarkRatioFanout(b *testing.B) {
	for _, portfolios := range []int{benchStreams, (benchStreams + streamsPerUserMax - 1) / streamsPerUserMax} {
		b.Run(fmt.Sprintf("portfolios=%d", portfolios), func(b *testing.B) { fanOut(b, benchStreams, portfolios, 20) })
	}
}

// BenchmarkRatioFanoutMany is the same with as many streams as a node is to carry, a portfolio each: the price is worked into each of
// them. Beside the ratio of processor time stands that of when the last byte went out.
func BenchmarkRatioFanoutMany(b *testing.B) {
	const streams, files = benchManyStreams, benchManyStreams + 500 // and the process's own
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max < files {
		b.Skipf("skipped: no %d open files: %d, %v", files, limit.Max, err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	fanOut(b, streams, streams, 5)
}

const viewersEnv = "FOLIOSCOPE_BENCH_VIEWERS" // "address count"

// connectElsewhere opens streams from a process of its own, which has files of its own, and waits until each got its first bytes.
func (w *benchWorld) connectElsewhere(b *testing.B, streams int) {
	viewers := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestViewersOfABenchmark$")
	viewers.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", viewersEnv, w.server.Listener.Addr(), streams))
	viewers.Stderr = os.Stderr
	out, err := viewers.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := viewers.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = viewers.Process.Kill()
		_ = viewers.Wait() // it was killed
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "watching\n" {
		b.Fatalf("the viewers say %q: %v", line, err)
	}
}

// The viewers of a benchmark, where it asks for them: they read and forget until they are killed.
func TestViewersOfABenchmark(t *testing.T) {
	var address string
	var count int
	if n, _ := fmt.Sscan(os.Getenv(viewersEnv), &address, &count); n != 2 {
		t.Skipf("skipped: no benchmark wants viewers")
	}
	for i := range count {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET /?p=%d HTTP/1.1\r\nHost: bench\r\n\r\n", i)
		var first [1]byte
		if _, err := c.Read(first[:]); err != nil {
			t.Fatal(err)
		}
		go drain(c, 1<<11)
	}
	fmt.Println("watching")
	select {}
}

func fanOut(b *testing.B, streams, portfolios, rounds int) {
	var (
		start   atomic.Int64
		frames  atomic.Int64
		took    = make([]time.Duration, streams)
		waiting sync.WaitGroup
		on      atomic.Bool
	)
	const heartbeatBytesMax = 64 // they aren't frames
	w := newBenchWorld(b, nil, portfolios, func(bytes int) {
		if on.Load() && bytes > heartbeatBytesMax {
			took[frames.Add(1)-1] = time.Duration(time.Now().UnixNano() - start.Load())
			waiting.Done()
		}
	})
	if streams > benchStreams {
		w.connectElsewhere(b, streams)
	} else {
		for _, c := range w.connect(b, streams, portfolios) {
			go drain(c, 64<<10)
		}
	}
	time.Sleep(time.Second)
	frame := make([]byte, 0, 32<<10)
	var oursUsed, floorUsed []time.Duration
	var oursLast, floorLast []time.Duration
	var ours, floor []time.Duration // the p99 of each round: a round that the machine spent elsewhere spoils itself, not all
	p99 := func(all []time.Duration) time.Duration {
		slices.Sort(all)
		return all[(len(all)*99+99)/100-1]
	}
	for b.Loop() {
		for round := range rounds {
			mark := w.next(round)
			runtime.GC() // neither side pays for the other's garbage
			waiting.Add(streams)
			on.Store(true)
			before := used()
			start.Store(time.Now().UnixNano())
			w.hub.changed(w.hub.marks.Apply([]market.Mark{mark}))
			waiting.Wait()
			on.Store(false)
			oursUsed = append(oursUsed, used()-before)
			ours, oursLast = append(ours, p99(took)), append(oursLast, slices.Max(took))
			frames.Store(0)

			frame = frame[:w.frameSize(b)]
			time.Sleep(frameInterval + 20*time.Millisecond) // as idle, and as cold, as before the price
			runtime.GC()
			before = used()
			begin := time.Now()
			var raw []time.Duration
			for _, c := range w.conns {
				if _, err := c.Write(frame); err != nil {
					b.Fatalf("of %d streams %d are left: %v", streams, w.hub.Streams(), err)
				}
				raw = append(raw, time.Since(begin))
			}
			floorUsed = append(floorUsed, used()-before)
			floor, floorLast = append(floor, p99(raw)), append(floorLast, slices.Max(raw))
			time.Sleep(frameInterval + 20*time.Millisecond) // prices ≥ 500 ms apart
		}
	}
	for _, all := range [][]time.Duration{ours, floor, oursLast, floorLast, oursUsed, floorUsed} {
		slices.Sort(all)
	}
	median := func(all []time.Duration) float64 { return float64(all[len(all)/2].Microseconds()) }
	b.ReportMetric(median(ours)/median(floor), "ratio")
	b.ReportMetric(median(oursLast)/median(floorLast), "last-byte-ratio")
	b.ReportMetric(median(oursUsed)/median(floorUsed), "cpu-ratio")
	b.ReportMetric(median(oursUsed), "cpu-µs")
	b.ReportMetric(median(floorUsed), "floor-cpu-µs")
	b.ReportMetric(median(ours), "p99-µs")
	b.ReportMetric(median(floor), "floor-p99-µs")
	b.ReportMetric(float64(ours[0].Microseconds())/float64(floor[0].Microseconds()), "best-ratio")
	b.ReportMetric(float64(len(frame)), "frame-B")
	b.ReportMetric(0, "ns/op")
}

// used is the CPU time of the process, which others on the machine don't stretch.
func used() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// next is a new price of an instrument that all hold.
func (w *benchWorld) next(round int) market.Mark {
	w.world.mu.Lock()
	defer w.world.mu.Unlock()
	w.sequence++
	m := w.marks["i01"]
	m.Sequence = w.sequence
	m.Price = money.NewDecimal(int64(10100+round), -2)
	m.ObservedAt, m.MarketTime = time.Now(), time.Now()
	w.marks["i01"] = m
	return m
}

// frameSize is what a delta of this world takes.
func (w *benchWorld) frameSize(b *testing.B) int {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	for _, one := range w.hub.watches {
		one.turn.Lock()
		defer one.turn.Unlock()
		s := newScratch(w.hub)
		s.assess(one, one.held, one.needs, one.revision, w.hub.marks, time.Now())
		return len(s.appendDelta(nil, one, one.frame-1))
	}
	b.Fatal("nothing is watched")
	return 0
}

// BenchmarkRatioStreamMemory: heap and stacks of an idle stream on a portfolio of its own, against a bare event stream of
// net/http. Positions, which a read of the dashboard caches too, are loaded before.
func BenchmarkRatioStreamMemory(b *testing.B) {
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		ticker := time.NewTicker(heartbeatInterval)
		defer ticker.Stop()
		for {
			if _, err := w.Write([]byte(":\n\n")); err != nil || control.Flush() != nil {
				return
			}
			select {
			case <-r.Context().Done():
				return
			case <-ticker.C:
			}
		}
	})
	measure := func(handler http.Handler) float64 {
		w := newBenchWorld(b, handler, benchStreams, nil)
		before := inUse()
		for _, c := range w.connect(b, benchStreams, benchStreams) {
			buf := make([]byte, 64<<10)
			for { // what came so far, so that nothing waits in buffers
				if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
					b.Fatal(err)
				}
				if _, err := c.Read(buf); err != nil {
					break
				}
			}
		}
		return (inUse() - before) / benchStreams
	}
	var ours, floor float64
	for b.Loop() {
		floor = measure(bare)
		ours = measure(nil)
	}
	b.ReportMetric(ours/floor, "ratio")
	b.ReportMetric(ours, "B/stream")
	b.ReportMetric(floor, "floor-B/stream")
	b.ReportMetric(0, "ns/op")
}

// inUse is what the process uses of heap and stacks once the garbage is gone and stacks have shrunk.
func inUse() float64 {
	var m runtime.MemStats
	for range 4 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// BenchmarkDocument: a read of a document that nothing changed in, and of one that a price changed in.
func BenchmarkDocument(b *testing.B) {
	w := newBenchWorld(b, nil, 1, nil)
	k := Key{"u0", "p0"}
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			if _, err := w.hub.Document(b.Context(), k.Owner, k.Portfolio, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("valued", func(b *testing.B) {
		round := 0
		for b.Loop() {
			round++
			w.hub.marks.Apply([]market.Mark{w.next(round)})
			if _, err := w.hub.Document(b.Context(), k.Owner, k.Portfolio, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("value alone", func(b *testing.B) {
		builder := w.hub.newBuilder()
		held := w.portfolios[k]
		builder.look(held, w.hub.marks.find(nil, held), w.hub.marks, time.Now())
		for b.Loop() {
			builder.value()
		}
	})
	b.Run("frame", func(b *testing.B) { w.frames(b, 1) })
}

// BenchmarkFrames: the frames of a price that as many portfolios hold as streams are watched, each out of the caches again.
func BenchmarkFrames(b *testing.B) {
	for _, portfolios := range []int{benchStreams, benchManyStreams} {
		b.Run(fmt.Sprintf("portfolios=%d", portfolios), func(b *testing.B) { newBenchWorld(b, nil, portfolios, nil).frames(b, portfolios) })
	}
}

// frames makes a frame for each of so many portfolios in turn; then comes the next price.
func (w *benchWorld) frames(b *testing.B, portfolios int) {
	s := newScratch(w.hub)
	var watches []*watch
	for i := range portfolios {
		one := &watch{held: w.portfolios[Key{ledger.OwnerID(fmt.Sprintf("u%d", i)), ledger.PortfolioID(fmt.Sprintf("p%d", i))}]}
		one.needs = w.hub.marks.find(nil, one.held)
		s.assess(one, one.held, one.needs, 1, w.hub.marks, time.Now())
		one.compare(s)
		watches = append(watches, one)
	}
	size, round := 0, 0
	before := used()
	b.ReportAllocs()
	for b.Loop() {
		if round++; round%portfolios == 0 {
			w.hub.marks.Apply([]market.Mark{w.next(round)})
		}
		one := watches[round%portfolios]
		s.assess(one, one.held, one.needs, 1, w.hub.marks, time.Now())
		one.compare(s)
		f := s.frameFor(one, &slot{greeted: true, sent: one.frame - 1})
		f.users.Add(1)
		size = len(f.bytes)
		f.release()
	}
	b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns")
	b.ReportMetric(float64(size), "frame-B")
}
