package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"folioscope/internal/audit"
	"folioscope/internal/bus"
	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var today = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// truth is a store in memory, as strict as the real one about sequences and owners.
type truth struct {
	mu          sync.Mutex
	books       map[key]ledger.Book
	instruments map[market.InstrumentID]market.Instrument
	series      map[market.InstrumentID]market.Series
	reads       int // of books
	seriesReads int
	changes     map[market.InstrumentID]int64 // of series
	closesRead  int
	down        bool // for series and their changes
	writes      []Change
	audits      []audit.Entry
	meet        func() // called before an append, as if another writer came first
	pause       chan struct{}
}

func (s *truth) Book(_ context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) (ledger.Book, error) {
	if s.pause != nil {
		<-s.pause
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	book, ok := s.books[key{owner, portfolio}]
	if !ok {
		return ledger.Book{}, fault.New(fault.NotFound, "no such portfolio")
	}
	book.Activities = slices.Clone(book.Activities)
	book.Instruments = maps.Clone(book.Instruments)
	return book, nil
}

func (s *truth) Append(_ context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expected int64, change Change, write audit.Write) (int64, error) {
	if s.meet != nil {
		s.meet()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	book, ok := s.books[key{owner, portfolio}]
	if !ok {
		return 0, fault.New(fault.NotFound, "no such portfolio")
	}
	if book.Portfolio.Sequence != expected {
		return 0, fault.New(fault.Stale, "at %d, not at %d", book.Portfolio.Sequence, expected)
	}
	for _, list := range [][]ledger.Activity{change.Added, change.Corrected} {
		for _, a := range list {
			if one, ok := s.instruments[a.Instrument]; ok {
				book.Instruments = maps.Clone(book.Instruments)
				book.Instruments[one.ID] = one
			}
		}
	}
	after, err := ledger.Apply(book, ledger.Changes{Added: change.Added, Corrected: change.Corrected, Voided: change.Voided}, market.DateOf(today))
	if err != nil {
		return 0, err
	}
	after.Portfolio.Sequence = expected + 1
	s.books[key{owner, portfolio}] = after
	s.writes = append(s.writes, change)
	s.audits = append(s.audits, write.Audit)
	return expected + 1, nil
}

func (s *truth) Instruments(_ context.Context, ids []market.InstrumentID) ([]market.Instrument, error) {
	var found []market.Instrument
	for _, id := range ids {
		if one, ok := s.instruments[id]; ok {
			found = append(found, one)
		}
	}
	return found, nil
}

func (s *truth) Series(_ context.Context, id market.InstrumentID, _, _ market.Date) (market.Series, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return market.Series{}, fault.New(fault.Unavailable, "away")
	}
	s.seriesReads++
	return s.series[id], nil
}

func (s *truth) SeriesChanges(_ context.Context, after int64) (changed map[market.InstrumentID]int64, newest int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closesRead++
	if s.down {
		return nil, 0, fault.New(fault.Unavailable, "away")
	}
	changed, newest = make(map[market.InstrumentID]int64), max(after, 0)
	for id, sequence := range s.changes {
		if sequence > after {
			changed[id] = sequence
		}
		newest = max(newest, sequence)
	}
	if after < 0 {
		clear(changed)
	}
	return changed, newest, nil
}

// putSeries changes an instrument's closes, as the store does.
func (s *truth) putSeries(series market.Series) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.series[series.Instrument] = series
	if s.changes == nil {
		s.changes = make(map[market.InstrumentID]int64)
	}
	newest := int64(0)
	for _, sequence := range s.changes {
		newest = max(newest, sequence)
	}
	s.changes[series.Instrument] = newest + 1
}

// told is a bus that remembers.
type told struct {
	mu     sync.Mutex
	events []event.PortfolioChanged
	broken bool
}

func (b *told) Publish(_ context.Context, _ string, payload []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken {
		return errors.New("no bus")
	}
	e, err := event.ParsePortfolioChanged(payload)
	b.events = append(b.events, e)
	return err
}

func (b *told) Subscribe(string, func(string, []byte), func()) (func(), error) {
	return func() {}, nil
}
func (b *told) Close() error { return nil }

var _ bus.Bus = (*told)(nil)

type fixture struct {
	*Journal
	store *truth
	bus   *told
	clock time.Time
}

func newFixture() *fixture {
	f := &fixture{store: &truth{
		books: map[key]ledger.Book{{"u", "p"}: {
			Portfolio:   ledger.Portfolio{ID: "p", Owner: "u", Name: "Mine", BaseCurrency: "EUR", LotMethod: ledger.FIFO, Sequence: 1},
			Accounts:    []ledger.Account{{ID: "acc", Name: "Broker", Currency: "EUR"}},
			Instruments: map[market.InstrumentID]market.Instrument{},
		}},
		instruments: map[market.InstrumentID]market.Instrument{
			"vwce": {ID: "vwce", Symbol: "VWCE", Currency: "EUR", Class: market.ETF},
			"aapl": {ID: "aapl", Symbol: "AAPL", Currency: "USD", Class: market.Stock},
		},
		series: map[market.InstrumentID]market.Series{
			market.RateID("USD"): market.NewSeries(market.RateID("USD"), "USD", []market.Bar{{Date: market.MustDate("2020-01-01"), Close: money.MustParse("1.25")}}),
		},
	}, bus: &told{}, clock: today}
	n := 0
	f.Journal = New(f.store, f.bus, Options{Now: func() time.Time { return f.clock }, NewID: func() string {
		n++
		return fmt.Sprintf("new%d", n)
	}})
	return f
}

func trade(kind ledger.Type, instrument market.InstrumentID, currency money.Currency, day, quantity, price string) ledger.Activity {
	q, p := money.MustParse(quantity), money.MustParse(price)
	return ledger.Activity{Date: market.MustDate(day), Type: kind, Account: "acc", Instrument: instrument, Quantity: &q, Price: &p, Currency: currency}
}

func add(list ...ledger.Activity) ledger.Changes { return ledger.Changes{Added: list} }

func entry(Recorded) audit.Write {
	return audit.Write{Audit: audit.Entry{Action: audit.ActivitiesAdded, Result: "ok"}}
}

func (f *fixture) record(t *testing.T, changes ledger.Changes) Recorded {
	t.Helper()
	done, err := f.Record(t.Context(), "u", "p", nil, changes, entry)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func (f *fixture) quantity(t *testing.T, atLeast int64, id market.InstrumentID) string {
	t.Helper()
	held, err := f.Holdings(t.Context(), "u", "p", atLeast)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range held.Holdings.Value(figures.Quotes{}, market.DateOf(today), nil).Positions {
		if p.Instrument == id {
			return p.Quantity.String()
		}
	}
	return "none"
}

func TestRecord(t *testing.T) {
	f := newFixture()
	asked := 0
	done, err := f.Record(t.Context(), "u", "p", nil, add(
		trade(ledger.Buy, "vwce", "EUR", "2026-01-05", "10", "100"), trade(ledger.Buy, "aapl", "USD", "2026-01-06", "2", "150")),
		func(r Recorded) audit.Write {
			asked++
			if r.Sequence != 2 || !slices.Equal(r.IDs, []ledger.ActivityID{"new1", "new2"}) {
				t.Errorf("asked for what travels with %+v", r)
			}
			return entry(r)
		})
	if err != nil {
		t.Fatal(err)
	}
	if done.Sequence != 2 || len(done.IDs) != 2 || asked != 1 {
		t.Errorf("recorded %+v, asked %d times", done, asked)
	}
	if got := f.quantity(t, 2, "vwce"); got != "10" {
		t.Errorf("holds %s", got)
	}
	change := f.store.writes[0]
	if want := map[market.InstrumentID]int{"vwce": 1, "aapl": 1, "fx-eur-USD": 1}; !maps.Equal(change.Interest, want) {
		t.Errorf("interest %v, want %v", change.Interest, want)
	}
	snapshot, err := figures.ReadSnapshot(change.Snapshot)
	if err != nil || snapshot.Sequence != 2 || len(snapshot.Positions) != 2 {
		t.Errorf("snapshot %+v, %v", snapshot, err)
	}
	if want := []event.PortfolioChanged{{OwnerID: "u", PortfolioID: "p", Sequence: 2}}; !slices.Equal(f.bus.events, want) {
		t.Errorf("hints %v", f.bus.events)
	}

	f.record(t, add(trade(ledger.Sell, "aapl", "USD", "2026-01-07", "2", "160")))
	if want := map[market.InstrumentID]int{"aapl": -1, "fx-eur-USD": -1}; !maps.Equal(f.store.writes[1].Interest, want) {
		t.Errorf("interest %v, want %v", f.store.writes[1].Interest, want)
	}
	f.record(t, ledger.Changes{Voided: []ledger.ActivityID{"new3"}})
	if got := f.quantity(t, 4, "aapl"); got != "2" {
		t.Errorf("after the void: %s", got)
	}
}

// What the ledger refuses is stored nowhere, and its place comes through.
func TestRecordRefuses(t *testing.T) {
	f := newFixture()
	_, err := f.Record(t.Context(), "u", "p", nil, add(trade(ledger.Sell, "vwce", "EUR", "2026-01-05", "10", "100")), entry)
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("an oversell: %v", err)
	}
	if e, ok := errors.AsType[*fault.Error](err); !ok || len(e.Places) == 0 {
		t.Errorf("no place in %v", err)
	}
	if _, err := f.Record(t.Context(), "other", "p", nil, add(), entry); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else's portfolio: %v", err)
	}
	tomorrow := trade(ledger.Buy, "vwce", "EUR", "2026-03-04", "1", "1")
	if _, err := f.Record(t.Context(), "u", "p", nil, add(tomorrow), entry); !fault.Is(err, fault.Invalid) {
		t.Errorf("the day after tomorrow: %v", err)
	}
	if len(f.store.writes) > 0 || len(f.bus.events) > 0 {
		t.Error("something was stored or said")
	}
}

func TestRecordExpects(t *testing.T) {
	f := newFixture()
	buy := add(trade(ledger.Buy, "vwce", "EUR", "2026-01-05", "10", "100"))
	for _, expected := range []int64{0, 2, 99} {
		if _, err := f.Record(t.Context(), "u", "p", &expected, buy, entry); !fault.Is(err, fault.Stale) {
			t.Errorf("expected %d: %v", expected, err)
		}
	}
	one := int64(1)
	f.store.meet = sync.OnceFunc(func() { f.elsewhere(t) })
	if _, err := f.Record(t.Context(), "u", "p", &one, buy, entry); !fault.Is(err, fault.Stale) {
		t.Errorf("another writer came first: %v", err)
	}
	two := int64(2)
	if done, err := f.Record(t.Context(), "u", "p", &two, buy, entry); err != nil || done.Sequence != 3 {
		t.Errorf("with the right sequence: %+v, %v", done, err)
	}
}

// elsewhere changes the portfolio as another node would.
func (f *fixture) elsewhere(t *testing.T) {
	t.Helper()
	f.store.mu.Lock()
	meet := f.store.meet
	f.store.meet = nil
	f.store.mu.Unlock()
	other := New(f.store, &told{}, Options{Now: func() time.Time { return today }})
	if _, err := other.Record(t.Context(), "u", "p", nil, add(trade(ledger.Buy, "vwce", "EUR", "2026-01-04", "1", "1")), entry); err != nil {
		t.Error(err)
	}
	f.store.mu.Lock()
	f.store.meet = meet
	f.store.mu.Unlock()
}

// Writers that meet are put in a row, and each is checked against what came before it.
func TestRecordMeets(t *testing.T) {
	f := newFixture()
	meetings := 0
	f.store.meet = func() {
		if meetings++; meetings <= 2 {
			f.elsewhere(t)
		}
	}
	done := f.record(t, add(trade(ledger.Buy, "vwce", "EUR", "2026-01-05", "10", "100")))
	if done.Sequence != 4 {
		t.Errorf("sequence %d, want 4", done.Sequence)
	}
	if got := f.quantity(t, 4, "vwce"); got != "12" {
		t.Errorf("holds %s, want 12", got)
	}

	f.store.meet = func() { f.elsewhere(t) }
	if _, err := f.Record(t.Context(), "u", "p", nil, add(trade(ledger.Buy, "vwce", "EUR", "2026-01-05", "1", "1")), entry); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a writer that never gets through: %v", err)
	}
}

// What the book at hand refuses may be right by now: the newest decides.
func TestRecordAfterOthers(t *testing.T) {
	f := newFixture()
	if _, err := f.Book(t.Context(), "u", "p", 0); err != nil { // now it is at hand
		t.Fatal(err)
	}
	f.elsewhere(t) // buys 1
	done := f.record(t, add(trade(ledger.Sell, "vwce", "EUR", "2026-01-05", "1", "100")))
	if done.Sequence != 3 {
		t.Errorf("sequence %d, want 3", done.Sequence)
	}
	if _, err := f.Book(t.Context(), "u", "p", 3); err != nil {
		t.Fatal(err)
	}
	f.elsewhere(t)
	three := int64(3)
	if _, err := f.Record(t.Context(), "u", "p", &three, add(trade(ledger.Sell, "vwce", "EUR", "2026-01-06", "5", "100")), entry); !fault.Is(err, fault.Stale) {
		t.Errorf("wrong by the book at hand, which is not the newest: %v", err)
	}
}

func TestRecordTogether(t *testing.T) {
	f := newFixture()
	const writers = 3 // fewer than attempts, so that all get through
	var group errgroup.Group
	for i := range writers {
		group.Go(func() error {
			a := trade(ledger.Buy, "vwce", "EUR", "2026-01-05", "1", "100")
			a.ID = ledger.ActivityID(fmt.Sprintf("own%d", i))
			_, err := f.Record(context.Background(), "u", "p", nil, add(a), entry)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := f.quantity(t, 1+writers, "vwce"); got != "3" {
		t.Errorf("holds %s", got)
	}
}

// A change is made even if nobody can be told.
func TestRecordWithoutBus(t *testing.T) {
	f := newFixture()
	f.bus.broken = true
	if done := f.record(t, add(trade(ledger.Buy, "vwce", "EUR", "2026-01-05", "1", "1"))); done.Sequence != 2 {
		t.Errorf("%+v", done)
	}
}

// Positions and books are read once per sequence; a read that names a newer one is never answered from older state.
func TestReadsAreCached(t *testing.T) {
	f := newFixture()
	f.record(t, add(trade(ledger.Buy, "aapl", "USD", "2026-01-05", "1", "1")))
	before := f.store.reads
	for range 3 {
		f.quantity(t, 0, "aapl")
		f.quantity(t, 2, "aapl")
	}
	if f.store.reads != before {
		t.Errorf("%d reads of what was just written", f.store.reads-before)
	}
	f.elsewhere(t)
	before = f.store.reads
	if got := f.quantity(t, 2, "vwce"); got != "none" || f.store.reads != before {
		t.Errorf("the older sequence was asked for: %s, %d reads", got, f.store.reads-before)
	}
	if got := f.quantity(t, 3, "vwce"); got != "1" {
		t.Errorf("the newer: %s", got)
	}
	book, err := f.Book(t.Context(), "u", "p", 3)
	if err != nil || book.Portfolio.Sequence != 3 || len(book.Activities) != 2 {
		t.Errorf("book %+v, %v", book, err)
	}
	if _, err := f.Holdings(t.Context(), "other", "p", 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	if _, err := f.Book(t.Context(), "other", "p", 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else's book: %v", err)
	}
}

// A sequence that this node can't see yet is waited for, but not long.
func TestSequenceIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		start := time.Now()
		if _, err := f.Holdings(t.Context(), "u", "p", 99); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a sequence that is not there: %v", err)
		}
		if waited := time.Since(start); waited != sequenceWait {
			t.Errorf("gave up after %s", waited)
		}
		time.AfterFunc(time.Second, func() { f.elsewhere(t) })
		book, err := f.Book(t.Context(), "u", "p", 2)
		if err != nil || book.Portfolio.Sequence != 2 {
			t.Errorf("a sequence that comes: %+v, %v", book, err)
		}
	})
}

// Those who want the same at the same time share one read, and it outlives the one who gave up.
func TestReadsAreShared(t *testing.T) {
	f := newFixture()
	f.store.pause = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := f.Holdings(ctx, "u", "p", 1)
		first <- err
	}()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("gave up with %v", err)
	}
	var group errgroup.Group
	for range 20 {
		group.Go(func() error {
			_, err := f.Holdings(context.Background(), "u", "p", 1)
			return err
		})
	}
	close(f.store.pause)
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if f.store.reads > 3 { // those who came after the first read had ended begin another at most
		t.Errorf("%d reads for 21 readers", f.store.reads)
	}
}

// Positions that were worked out while rates of past days were missing are worked out again.
func TestRatesThatComeLate(t *testing.T) {
	f := newFixture()
	rate := f.store.series[market.RateID("USD")]
	delete(f.store.series, market.RateID("USD"))
	f.record(t, add(trade(ledger.Buy, "aapl", "USD", "2026-01-05", "1", "100")))
	cost := func() string {
		held, err := f.Holdings(t.Context(), "u", "p", 2)
		if err != nil {
			t.Fatal(err)
		}
		return held.Holdings.Value(figures.Quotes{}, market.DateOf(today), nil).Positions[0].CostBase.String()
	}
	if got := cost(); got != "unknown" {
		t.Errorf("cost without a rate: %s", got)
	}
	f.store.mu.Lock()
	f.store.series[market.RateID("USD")] = rate
	f.store.mu.Unlock()
	f.clock = f.clock.Add(incompleteAgeMax)
	if got := cost(); got != "80" && got != "80.0" && got != "80.00" {
		t.Errorf("cost with the rate: %s, want 80", got)
	}
	held, _ := f.Holdings(t.Context(), "u", "p", 2)
	if held.Outdated(f.clock.Add(time.Hour)) {
		t.Error("still thought incomplete")
	}
}

func TestMarketOfABook(t *testing.T) {
	f := newFixture()
	f.store.series["aapl"] = market.NewSeries("aapl", "USD", []market.Bar{{Date: market.MustDate("2026-01-05"), Close: money.MustParse("150")}})
	f.record(t, add(trade(ledger.Buy, "aapl", "USD", "2026-01-05", "1", "100")))
	book, err := f.Book(t.Context(), "u", "p", 2)
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Market(t.Context(), book)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(m.Series)), []market.InstrumentID{"aapl", "fx-eur-USD"}; !slices.Equal(got, want) {
		t.Errorf("series of %v, want %v", got, want)
	}
	before := f.store.seriesReads
	if _, err := f.Market(t.Context(), book); err != nil || f.store.seriesReads != before {
		t.Errorf("read again: %d, %v", f.store.seriesReads-before, err)
	}
	f.clock = f.clock.Add(seriesAgeMax) // what an earlier release wrote has no number
	if _, err := f.Market(t.Context(), book); err != nil || f.store.seriesReads != before+2 {
		t.Errorf("after a while: %d reads, %v", f.store.seriesReads-before, err)
	}
}

// A book that can't be worked out is an error to whoever asked for it, and to nobody else.
func TestPanicOfOneBookEndsNothing(t *testing.T) {
	f := newFixture()
	f.record(t, add(trade(ledger.Buy, "aapl", "USD", "2026-01-05", "1", "1")))
	_, err := share(t.Context(), f.Journal, "broken", func(context.Context) (int, error) { panic("a broken invariant") })
	if fault.KindOf(err) != fault.Internal {
		t.Errorf("got %v", err)
	}
	if got := f.quantity(t, 0, "aapl"); got != "1" {
		t.Errorf("after it, others hold %s", got)
	}
}

// Closes are asked for from the first activity of each instrument on, rates from the first of all, and only where that is earlier
// than before; nobody is asked for what an own instrument is worth.
func TestRecordAsksForHistory(t *testing.T) {
	f := newFixture()
	since := func(want map[market.InstrumentID]string) {
		t.Helper()
		got := f.store.writes[len(f.store.writes)-1].Since
		if len(got) != len(want) {
			t.Errorf("since %v, want %v", got, want)
		}
		for id, day := range want {
			if got[id] != market.MustDate(day) {
				t.Errorf("%s since %s, want %s", id, got[id], day)
			}
		}
	}
	f.record(t, add(trade(ledger.Buy, "vwce", "EUR", "2024-03-05", "10", "100"), trade(ledger.Buy, "aapl", "USD", "2024-05-06", "2", "150")))
	since(map[market.InstrumentID]string{"vwce": "2024-03-05", "aapl": "2024-05-06", "fx-eur-USD": "2024-03-05"})
	f.record(t, add(trade(ledger.Buy, "vwce", "EUR", "2024-06-05", "10", "100"), trade(ledger.Buy, "aapl", "USD", "2025-05-06", "2", "150")))
	since(nil)
	f.record(t, add(trade(ledger.Buy, "aapl", "USD", "2024-04-01", "2", "150")))
	since(map[market.InstrumentID]string{"aapl": "2024-04-01"})
	f.record(t, add(trade(ledger.Buy, "aapl", "USD", "2019-04-01", "2", "150")))
	since(map[market.InstrumentID]string{"aapl": "2019-04-01", "fx-eur-USD": "2019-04-01"})
	first := firstDays(ledger.Book{Activities: []ledger.Activity{{Date: 5, Instrument: ledger.OwnID("house")}, {Date: 6, Instrument: "vwce"}}})
	if len(first) != 1 || first["vwce"] != 6 {
		t.Errorf("%v", first)
	}
}
