package ingest

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// memory is a store without guards: what ingest must never do shows in it.
type memory struct {
	mutex    sync.Mutex
	wanted   []market.Instrument
	marks    map[market.InstrumentID]market.Mark
	raw      []market.Mark
	bars     map[market.InstrumentID][]market.Bar
	sequence int64
	folded   time.Time
	down     error

	holders  map[market.InstrumentID]int
	asked    map[market.InstrumentID]Asked
	slots    map[string]slotRow
	used     map[string]Usage
	states   map[string]SourceState
	trials   map[string]time.Time
	refusals []Refusal
	held     []Held
	tallies  []Tally

	histories
}

type slotRow struct {
	slot, lease time.Time
	done        bool
}

func newMemory(wanted []market.Instrument) *memory {
	return &memory{
		wanted: wanted, marks: map[market.InstrumentID]market.Mark{}, bars: map[market.InstrumentID][]market.Bar{},
		asked: map[market.InstrumentID]Asked{}, slots: map[string]slotRow{}, used: map[string]Usage{},
		states: map[string]SourceState{}, trials: map[string]time.Time{},
	}
}

func (m *memory) Wanted(context.Context) ([]market.Instrument, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return slices.Clone(m.wanted), m.down
}

func (m *memory) Instruments(_ context.Context, ids []market.InstrumentID) (found []market.Instrument, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, i := range m.wanted {
		if slices.Contains(ids, i.ID) {
			found = append(found, i)
		}
	}
	return found, m.down
}

func (m *memory) Marks(_ context.Context, after int64) (found []market.Mark, sequence int64, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, mark := range m.marks {
		if mark.Sequence > after {
			found = append(found, mark)
		}
	}
	return found, m.sequence, m.down
}

func (m *memory) Accept(_ context.Context, marks []market.Mark) (int64, []market.Mark, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.down != nil {
		return 0, nil, m.down
	}
	accepted := slices.Clone(marks)
	for n := range accepted {
		m.sequence++
		accepted[n].Sequence = m.sequence
		m.hold(m.marks[accepted[n].Instrument], accepted[n])
		m.marks[accepted[n].Instrument] = accepted[n]
		m.raw = append(m.raw, accepted[n])
	}
	return m.sequence, accepted, nil
}

func (m *memory) Series(_ context.Context, id market.InstrumentID, from, to market.Date) (market.Series, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	bars := slices.DeleteFunc(slices.Clone(m.bars[id]), func(b market.Bar) bool { return b.Date < from || b.Date > to })
	slices.SortStableFunc(bars, func(a, b market.Bar) int { return cmp.Compare(a.Date, b.Date) })
	return market.NewSeries(id, "", bars), m.down
}

func (m *memory) PutBars(_ context.Context, id market.InstrumentID, bars []market.Bar) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	known := slices.DeleteFunc(slices.Clone(m.bars[id]), func(k market.Bar) bool {
		return slices.ContainsFunc(bars, func(b market.Bar) bool { return b.Date == k.Date })
	})
	m.bars[id] = append(known, bars...)
	return m.down
}

func (m *memory) FoldQuotes(_ context.Context, before time.Time) (int, error) {
	m.folded = before
	return 7, m.down
}

// mark is what the store holds of an instrument.
func (m *memory) mark(t *testing.T, id market.InstrumentID) market.Mark {
	t.Helper()
	m.mutex.Lock()
	defer m.mutex.Unlock()
	mark, ok := m.marks[id]
	if !ok {
		t.Fatalf("no mark of %s", id)
	}
	return mark
}

// source is a scripted provider. Its answers are functions of what it is asked.
type source struct {
	name    string
	classes []market.Class
	batch   int
	latest  func(names []string, now time.Time) (provider.Batch, error)
	history func(name string, from, to market.Date) ([]market.Bar, money.Unit, error)

	mutex sync.Mutex
	calls []call
}

type call struct {
	at    time.Time
	names []string
}

func (s *source) Name() string { return s.name }

func (s *source) Classes() []market.Class {
	if s.classes == nil {
		return []market.Class{market.Stock, market.ETF, market.Fund, market.Crypto, market.FX}
	}
	return s.classes
}

func (s *source) BatchMax() int { return max(s.batch, 1) }

func (s *source) Latest(ctx context.Context, names []string, now time.Time) (provider.Batch, error) {
	if _, ok := ctx.Deadline(); !ok {
		return provider.Batch{}, errors.New("a call without a deadline")
	}
	s.mutex.Lock()
	s.calls = append(s.calls, call{now, slices.Clone(names)})
	s.mutex.Unlock()
	return s.latest(names, now)
}

func (s *source) History(_ context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	if s.history == nil {
		return nil, money.Unit{}, s.fails(provider.UnknownSymbol, 0)
	}
	return s.history(name, from, to)
}

func (s *source) asked() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.calls)
}

func (s *source) fails(outcome provider.Outcome, after time.Duration) *provider.Error {
	return &provider.Error{Provider: s.name, Outcome: outcome, RetryAfter: after, Cause: errors.New("scripted")}
}

// says makes the source answer every name with one price, made now.
func (s *source) says(price string) *source {
	s.latest = func(names []string, now time.Time) (provider.Batch, error) {
		var b provider.Batch
		for _, name := range names {
			b.Quotes = append(b.Quotes, quote(name, price, "USD", now))
		}
		return b, nil
	}
	return s
}

// down makes the source fail as a whole.
func (s *source) down(outcome provider.Outcome, after time.Duration) *source {
	s.latest = func([]string, time.Time) (provider.Batch, error) { return provider.Batch{}, s.fails(outcome, after) }
	return s
}

func quote(name, price, unit string, at time.Time) provider.Quote {
	parsed, err := money.ParseUnit(unit)
	if err != nil {
		panic(err)
	}
	return provider.Quote{Name: name, Price: money.MustParse(price), Unit: parsed, HasCurrency: true, MarketTime: at, PreviousDate: market.NoDate}
}

// hours are markets with known sessions: OPEN always trades, SHUT closed at a fixed time for good, DAILY trades 09:00-17:00 UTC each
// day; an empty MIC never closes.
type hours struct{ closed time.Time }

func (h hours) At(mic string, at time.Time) market.Session {
	at = at.UTC()
	day := market.DateOf(at)
	switch mic {
	case "SHUT":
		return market.Session{LastClose: h.closed, Date: market.DateOf(h.closed)}
	case "DAILY":
		opens, closes := day.Time().Add(9*time.Hour), day.Time().Add(17*time.Hour)
		switch {
		case at.Before(opens):
			return market.Session{Until: opens, LastClose: closes.Add(-24 * time.Hour), Date: day - 1}
		case at.Before(closes):
			return market.Session{Open: true, Until: closes, LastClose: closes.Add(-24 * time.Hour), Date: day}
		}
		return market.Session{Until: opens.Add(24 * time.Hour), LastClose: closes, Date: day}
	}
	return market.Session{Open: true, Date: day}
}

func (h hours) TradingTime(_ string, from, to time.Time) time.Duration { return to.Sub(from) }
func (h hours) Name(mic string) string                                 { return mic }

// hints collects what was published.
type hints struct {
	mutex  sync.Mutex
	all    []hint
	closes int // how often was told that some changed
	down   bool
}

func (h *hints) ClosesChanged(context.Context) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.down {
		return errors.New("no bus")
	}
	h.closes++
	return nil
}

type hint struct {
	sequence, previous int64
	marks              []market.Mark
}

func (h *hints) QuotesAccepted(_ context.Context, sequence, previous int64, marks []market.Mark) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.down {
		return errors.New("no bus")
	}
	h.all = append(h.all, hint{sequence, previous, marks})
	return nil
}

// stock is an instrument that all scripted sources know by its id.
func stock(id, mic string) market.Instrument {
	i := market.Instrument{ID: market.InstrumentID(id), Symbol: id, MIC: mic, Currency: "USD", Class: market.Stock, Names: map[string]string{}}
	for _, name := range []string{"first", "second", "third"} {
		i.Names[name] = id
	}
	return i
}

type world struct {
	*Ingest
	store *memory
	hints *hints
}

func newWorld(t *testing.T, wanted []market.Instrument, chain ...*source) *world {
	t.Helper()
	store := newMemory(wanted)
	w := &world{store: store, hints: &hints{}}
	sources := make([]provider.Provider, len(chain))
	for n, s := range chain {
		sources[n] = s
	}
	chains := map[string][]provider.Provider{}
	for _, name := range ChainNames() {
		chains[name] = sources
	}
	w.Ingest = w.node(t, chains)
	return w
}

// node is one more node over the same store.
func (w *world) node(t *testing.T, chains map[string][]provider.Provider) *Ingest {
	t.Helper()
	made, err := New(Options{Store: w.store, Publisher: w.hints, Sessions: hours{closed: time.Now().Add(-24 * time.Hour)},
		Log: slog.New(slog.DiscardHandler), Chains: maps.Clone(chains), Interval: slot})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (w *world) poll(t *testing.T, chain string) {
	t.Helper()
	if err := w.Poll(t.Context(), chain); err != nil {
		t.Fatal(err)
	}
}

func (w *world) statusOf(t *testing.T, name string) Status {
	t.Helper()
	for _, s := range w.Status() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no status of %s", name)
	return Status{}
}
