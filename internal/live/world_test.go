package live

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"folioscope/internal/bus"
	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is everything around a hub, in memory and with the time of synctest.
type world struct {
	t     testing.TB
	hub   *Hub
	bus   *hints
	stop  context.CancelFunc
	ended chan error
	rolls *dice

	mu         sync.Mutex
	sequence   int64
	marks      map[market.InstrumentID]market.Mark
	portfolios map[Key]*journal.Held
	valued     map[*journal.Held]int // how often
	broken     bool                  // the store answers nothing
	mute       bool                  // hints are lost
	shut       bool                  // markets are closed
}

type dice struct{ roll float64 }

func newWorld(t testing.TB, prepare ...func(*world)) *world {
	w := &world{t: t, bus: &hints{}, ended: make(chan error, 1), rolls: &dice{},
		marks: map[market.InstrumentID]market.Mark{}, portfolios: map[Key]*journal.Held{}, valued: map[*journal.Held]int{}}
	w.hub = New(w, w, w.bus, w, Options{Workers: 2, Random: func() float64 { return w.rolls.roll }})
	w.hub.positions = func(h *journal.Held) *figures.Holdings {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.valued[h]++
		return h.Holdings
	}
	for _, change := range prepare {
		change(w)
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() { w.ended <- w.hub.Run(ctx) }()
	return w
}

// close ends the hub, which has to let go of everything.
func (w *world) close() {
	w.t.Helper()
	w.stop()
	if err := <-w.ended; err != nil {
		w.t.Errorf("the hub ended with %v", err)
	}
}

var errBroken = fault.New(fault.Unavailable, "the store is down")

// Marks, Sequences and Holdings are the store's and the journal's side.
func (w *world) Marks(_ context.Context, after int64) ([]market.Mark, int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return nil, 0, errBroken
	}
	var found []market.Mark
	for _, m := range w.marks {
		if m.Sequence > after {
			found = append(found, m)
			after = max(after, 0)
		}
	}
	slices.SortFunc(found, func(a, b market.Mark) int { return cmp.Compare(a.Sequence, b.Sequence) })
	if n := len(found); n > 0 {
		after = found[n-1].Sequence
	}
	return found, after, nil
}

func (w *world) Sequences(_ context.Context, keys []Key) (map[Key]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return nil, errBroken
	}
	found := map[Key]int64{}
	for _, k := range keys {
		if h, ok := w.portfolios[k]; ok {
			found[k] = h.Portfolio.Sequence
		}
	}
	return found, nil
}

func (w *world) Holdings(_ context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeast int64) (*journal.Held, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return nil, errBroken
	}
	h, ok := w.portfolios[Key{owner, portfolio}]
	if !ok {
		return nil, fault.New(fault.NotFound, "no such portfolio")
	}
	if h.Portfolio.Sequence < atLeast {
		return nil, fault.New(fault.Unavailable, "not yet")
	}
	return h, nil
}

// At, TradingTime and Name are markets that are all open or all shut.
func (w *world) At(_ string, t time.Time) market.Session {
	w.mu.Lock()
	defer w.mu.Unlock()
	return market.Session{Open: !w.shut, Date: market.DateOf(t.UTC())}
}
func (w *world) TradingTime(_ string, from, to time.Time) time.Duration { return to.Sub(from) }
func (w *world) Name(mic string) string                                 { return "Market " + mic }

// hold gives an owner a portfolio of instruments, one more of each than of the one before.
func (w *world) hold(owner, portfolio string, ids ...string) Key {
	k := Key{ledger.OwnerID(owner), ledger.PortfolioID(portfolio)}
	w.mu.Lock()
	defer w.mu.Unlock()
	var sequence int64 = 1
	if before := w.portfolios[k]; before != nil {
		sequence = before.Portfolio.Sequence + 1
	}
	h := &journal.Held{
		Portfolio:   ledger.Portfolio{ID: k.Portfolio, Owner: k.Owner, Name: "Mine", BaseCurrency: "EUR", Sequence: sequence},
		Instruments: map[market.InstrumentID]market.Instrument{},
	}
	book := ledger.Book{Portfolio: h.Portfolio, Instruments: h.Instruments}
	for i, id := range ids {
		instrument := market.Instrument{ID: market.InstrumentID(id), Symbol: strings.ToUpper(id), MIC: "XTST", Name: "Name of " + id, Currency: "USD", Class: market.Stock}
		h.Instruments[instrument.ID] = instrument
		h.Needs = append(h.Needs, instrument.ID)
		quantity, price := money.NewDecimal(int64(i+1), 0), money.NewDecimal(7, 0)
		book.Activities = append(book.Activities, ledger.Activity{ID: ledger.ActivityID(id), Date: market.MustDate("1999-01-04"), Type: ledger.Buy,
			Account: "a", Instrument: instrument.ID, Quantity: &quantity, Price: &price, Currency: "USD", Position: int64(i + 1), Version: 1})
	}
	rates := market.NewSeries(market.RateID("USD"), "USD", []market.Bar{{Date: market.MustDate("1999-01-04"), Close: money.MustParse("1.1789")}})
	holdings, err := figures.Hold(book, &figures.Market{Series: map[market.InstrumentID]*market.Series{rates.Instrument: &rates}})
	if err != nil {
		w.t.Fatal(err)
	}
	h.Holdings = holdings
	slices.Sort(h.Needs)
	h.Needs = append(h.Needs, market.RateID("USD"))
	w.portfolios[k] = h
	return k
}

// price makes the market move; unless hints are lost, the hub hears of it.
func (w *world) price(prices map[string]string) {
	w.mu.Lock()
	previous := w.sequence
	var accepted []market.Mark
	for _, id := range slices.Sorted(maps.Keys(prices)) {
		w.sequence++
		close := money.NewDecimal(100, 0)
		currency := money.Currency("USD")
		m := market.Mark{
			Quote: market.Quote{Instrument: market.InstrumentID(id), Price: money.MustParse(prices[id]), Currency: currency, Source: "test",
				ObservedAt: time.Now(), MarketTime: time.Now()},
			PreviousClose: &close, PreviousDate: market.DateOf(time.Now().UTC()) - 1, Sequence: w.sequence,
		}
		w.marks[m.Instrument] = m
		accepted = append(accepted, m)
	}
	sequence, mute := w.sequence, w.mute
	w.mu.Unlock()
	if mute {
		return
	}
	parts, err := event.QuotesParts(sequence, previous, accepted, bus.PayloadBytesMax)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, part := range parts {
		w.bus.send(event.QuotesAcceptedSubject, part)
	}
}

func (w *world) announce(k Key) {
	w.mu.Lock()
	sequence := w.portfolios[k].Portfolio.Sequence
	w.mu.Unlock()
	w.bus.send(event.PortfolioChangedSubject(k.Portfolio), event.PortfolioChanged{OwnerID: k.Owner, PortfolioID: k.Portfolio, Sequence: sequence}.Payload())
}

// hints is a bus without a wire.
type hints struct {
	mu            sync.Mutex
	subscriptions []*subscribed
}

type subscribed struct {
	subject string
	handle  func(string, []byte)
	gap     func()
}

func (b *hints) Publish(_ context.Context, subject string, payload []byte) error {
	b.send(subject, payload)
	return nil
}

func (b *hints) all() []*subscribed {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.subscriptions)
}

func (b *hints) send(subject string, payload []byte) {
	for _, s := range b.all() {
		if strings.HasPrefix(subject, strings.TrimSuffix(s.subject, ">")) {
			s.handle(subject, payload)
		}
	}
}

func (b *hints) lose() {
	for _, s := range b.all() {
		s.gap()
	}
}

func (b *hints) Subscribe(subject string, handle func(string, []byte), gap func()) (func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &subscribed{subject, handle, gap}
	b.subscriptions = append(b.subscriptions, s)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.subscriptions = slices.DeleteFunc(b.subscriptions, func(x *subscribed) bool { return x == s })
	}, nil
}

func (b *hints) Close() error { return nil }

// browser is a client: a response writer that takes the stream in as dashboards do.
type browser struct {
	world  *world
	cancel context.CancelFunc
	done   chan struct{}
	err    error

	mu       sync.Mutex
	header   http.Header
	blocked  chan struct{} // while not nil, nothing is taken
	deadline time.Time
	buf      bytes.Buffer
	taken    int // of buf
	events   []received
	writes   []time.Time // of every flush
	lastID   string
	state    map[string]map[string]any // portfolio → document, holdings by instrument
}

type received struct {
	name, data string
	at         time.Time
}

// browse opens a stream.
func (w *world) browse(owner, after string, portfolios ...string) *browser {
	ctx, cancel := context.WithCancel(context.Background())
	b := &browser{world: w, cancel: cancel, done: make(chan struct{}), header: http.Header{}, state: map[string]map[string]any{}, lastID: after}
	return b.open(ctx, owner, portfolios...)
}

func (b *browser) open(ctx context.Context, owner string, portfolios ...string) *browser {
	request := StreamRequest{Viewer: ledger.OwnerID(owner), After: b.lastID}
	for _, p := range portfolios {
		request.Portfolios = append(request.Portfolios, Key{ledger.OwnerID(owner), ledger.PortfolioID(p)})
	}
	go func() {
		defer close(b.done)
		b.err = b.world.hub.Stream(b, httptest.NewRequest(http.MethodGet, "/api/v1/stream", nil).WithContext(ctx), request)
	}()
	return b
}

// again opens a stream where this one ended, as the same client.
func (b *browser) again(owner string, portfolios ...string) {
	b.leave()
	ctx, cancel := context.WithCancel(context.Background())
	b.mu.Lock()
	b.cancel, b.done, b.events = cancel, make(chan struct{}), nil
	b.mu.Unlock()
	b.open(ctx, owner, portfolios...)
}

func (b *browser) leave() {
	b.cancel()
	<-b.done
}

func (b *browser) Header() http.Header { return b.header }
func (b *browser) WriteHeader(int)     {}

func (b *browser) SetWriteDeadline(t time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deadline = t
	return nil
}

func (b *browser) Write(p []byte) (int, error) {
	b.mu.Lock()
	blocked, deadline := b.blocked, b.deadline
	b.mu.Unlock()
	if blocked != nil {
		select {
		case <-blocked:
		case <-time.After(time.Until(deadline)):
			return 0, os.ErrDeadlineExceeded
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *browser) FlushError() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writes = append(b.writes, time.Now())
	b.parse()
	return nil
}

// block and unblock hold the client's network.
func (b *browser) block() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.blocked = make(chan struct{})
}

func (b *browser) unblock() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.blocked)
	b.blocked = nil
}

func (b *browser) parse() {
	var one received
	scanner := bufio.NewScanner(bytes.NewReader(b.buf.Bytes()[b.taken:]))
	scanner.Buffer(nil, 1<<20)
	b.taken = b.buf.Len()
	for scanner.Scan() {
		line := scanner.Text()
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "":
			if one.name != "" {
				one.at = time.Now()
				b.events = append(b.events, one)
				b.apply(one)
			}
			one = received{}
		case field == "event":
			one.name = value
		case field == "data":
			one.data = value
		case field == "id":
			b.lastID = value
		}
	}
}

// apply does what a dashboard does with an event.
func (b *browser) apply(e received) {
	if e.name == "inbox" || e.name == "degraded" {
		return // is of no portfolio
	}
	var next map[string]any
	if err := json.Unmarshal([]byte(e.data), &next); err != nil {
		b.world.t.Errorf("%v in %s", err, e.data)
		return
	}
	id := next["id"].(string)
	switch e.name {
	case "snapshot":
		next["holdings"] = byInstrument(next["holdings"].([]any))
		b.state[id] = next
	case "delta":
		shown := b.state[id]
		if shown == nil {
			b.world.t.Errorf("a delta before any snapshot")
			return
		}
		for key, value := range next {
			switch key {
			case "holdings":
				maps.Copy(shown["holdings"].(map[string]any), byInstrument(value.([]any)))
			case "contributions":
				shown[key] = mergeContributions(shown[key].([]any), value.([]any))
			default:
				shown[key] = value
			}
		}
		reweigh(shown)
	}
}

// mergeContributions puts what came in place of what came from the same before; nothing is no reason.
func mergeContributions(shown, changed []any) []any {
	field := func(c any, name string) string {
		text, _ := c.(map[string]any)[name].(string)
		return text
	}
	amount := func(c any) money.Decimal { return money.MustParse(field(c, "amount")) }
	merged := []any{}
	for _, c := range shown {
		if !slices.ContainsFunc(changed, func(x any) bool {
			return field(x, "kind") == field(c, "kind") && field(x, "instrument_id") == field(c, "instrument_id") && field(x, "currency") == field(c, "currency")
		}) {
			merged = append(merged, c)
		}
	}
	for _, c := range changed {
		if !amount(c).IsZero() {
			merged = append(merged, c)
		}
	}
	slices.SortFunc(merged, func(a, b any) int {
		return cmp.Or(amount(b).Abs().Cmp(amount(a).Abs()), cmp.Compare(field(a, "kind"), field(b, "kind")),
			cmp.Compare(field(a, "instrument_id"), field(b, "instrument_id")), cmp.Compare(field(a, "currency"), field(b, "currency")))
	})
	return merged
}

// reweigh works out each holding's share of the value, which deltas leave to who reads them.
func reweigh(shown map[string]any) {
	text, _ := shown["value"].(string)
	for _, one := range shown["holdings"].(map[string]any) {
		h := one.(map[string]any)
		h["weight"] = nil
		worth, known := h["value_base"].(string)
		if value, err := money.Parse(text); err == nil && known && value.Sign() > 0 {
			h["weight"] = money.MustParse(worth).Quo(value).Round(8).Reduced().String()
		}
	}
}

func byInstrument(list []any) map[string]any {
	m := map[string]any{}
	for _, one := range list {
		m[one.(map[string]any)["instrument_id"].(string)] = one
	}
	return m
}

// shows says what the client shows of a portfolio, and what it should.
func (b *browser) shows(k Key) (got, want string) {
	rendered, err := b.world.hub.Value(context.Background(), k.Owner, k.Portfolio, 0)
	if err != nil {
		return "", err.Error()
	}
	var fresh map[string]any
	if err := json.Unmarshal(rendered.Document.AppendJSON(nil), &fresh); err != nil {
		return "", err.Error()
	}
	fresh["holdings"] = byInstrument(fresh["holdings"].([]any))
	b.mu.Lock()
	defer b.mu.Unlock()
	return text(b.state[string(k.Portfolio)]), text(fresh)
}

func text(v any) string {
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// names are those of the events that came, once nothing moves any more.
func (b *browser) names() string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for _, e := range b.events {
		names = append(names, e.name)
	}
	return strings.Join(names, " ")
}

func (b *browser) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events, b.writes = nil, nil
}

// same fails where the client shows something else than is.
func (b *browser) same(k Key) {
	b.world.t.Helper()
	synctest.Wait()
	if got, want := b.shows(k); got != want {
		b.world.t.Errorf("%s shows\n%s\nand is\n%s", k.Portfolio, got, want)
	}
}

// repeat is a name that comes so many times.
func repeat(name string, times int) string {
	return strings.TrimSuffix(strings.Repeat(name+" ", times), " ")
}

func expect(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
