package simulation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// The sources, the first choice first.
const (
	sourceFirst  = "first"
	sourceSecond = "second"
)

const (
	secondLate     = 15 * time.Minute // the second source tells later than the market
	minuteMax      = 6                // requests that a source grants
	dayMax         = 900
	lieEvery       = 4 * time.Hour // by one of the sources of one instrument; two that meet would confirm each other
	lieLasts       = 30 * time.Minute
	sourceSlowMax  = 3 * time.Second
	sourceHangs    = 90 * time.Second // longer than anybody waits
	sourceHangRare = 80               // one call in so many
)

// lie is what a source says once instead of a price.
type lie struct {
	span
	source string
	kind   string
	told   bool
}

var lieKinds = []string{"ten times", "a tenth", "another unit", "another currency", "from the future", "from the past", "nothing", "twice"}

// tell is a true price that a source told.
type tell struct {
	at         time.Time
	price      money.Decimal
	marketTime time.Time
}

// source is a provider with troubles of its own.
type source struct {
	world   *world
	name    string
	delay   time.Duration
	failing []span
	blocked []span
	limited []span
	still   []span

	mu      sync.Mutex
	granted map[time.Time]int // requests in each minute and day, by the clock of who asks
}

func newSource(w *world, name string, delay time.Duration) *source {
	what := "source " + name
	s := &source{world: w, name: name, delay: delay, granted: make(map[time.Time]int),
		failing: w.troubles(what+" fails", 6*time.Hour, time.Minute, 3*time.Hour),
		blocked: w.troubles(what+" refuses us", 20*time.Hour, time.Minute, 30*time.Minute),
		limited: w.troubles(what+" limits us", 15*time.Hour, time.Minute, 20*time.Minute),
		still:   w.troubles(what+" stands still", 12*time.Hour, 10*time.Minute, 3*time.Hour),
	}
	return s
}

// liesOf are what the sources will say of an instrument that isn't so: one at a time, with peace between them, and each of another kind
// than the ones before, since two that are alike confirm each other.
func (w *world) liesOf(id market.InstrumentID) (all []*lie) {
	r := w.dice.of("lies", string(id))
	kind := r.IntN(len(lieKinds))
	for at := w.start.Add(between(r, 0, lieEvery)); at.Before(w.quiet); at = at.Add(between(r, lieEvery/2, lieEvery*3/2)) {
		all = append(all, &lie{span: span{at, at.Add(lieLasts)}, source: pick(r, []string{sourceFirst, sourceSecond}), kind: lieKinds[kind%len(lieKinds)]})
		kind++
	}
	return all
}

// Name implements provider.Provider.
func (s *source) Name() string { return s.name }

// Classes implements provider.Provider.
func (s *source) Classes() []market.Class {
	return []market.Class{market.Stock, market.ETF, market.Crypto}
}

// BatchMax implements provider.Provider.
func (s *source) BatchMax() int { return 3 }

// Delay implements provider.Delayed.
func (s *source) Delay(string) time.Duration { return s.delay }

// Quotas implements provider.Rationed.
func (s *source) Quotas() []provider.Quota {
	return []provider.Quota{{Outcome: provider.RateMinute, Max: minuteMax}, {Outcome: provider.RateDay, Max: dayMax}}
}

// Latest implements provider.Provider.
func (s *source) Latest(ctx context.Context, names []string, now time.Time) (provider.Batch, error) {
	w := s.world
	s.count(now)
	r := w.dice.of("source", s.name, strings.Join(names, " "), w.now().Format(time.DateTime))
	wait := between(r, 50*time.Millisecond, sourceSlowMax)
	if r.IntN(sourceHangRare) == 0 && !w.calm() {
		w.trail.reached("source: hung")
		wait = sourceHangs
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return provider.Batch{}, s.fails(provider.Transient, 0)
	}
	at := w.now()
	switch {
	case during(s.blocked, at):
		w.trail.reached("source: refuses us")
		return provider.Batch{}, s.fails(provider.Blocked, 0)
	case during(s.limited, at):
		w.trail.reached("source: limits us")
		return provider.Batch{}, s.fails(provider.RateMinute, between(r, 5*time.Second, 3*time.Minute))
	case during(s.failing, at):
		w.trail.reached("source: fails")
		return provider.Batch{}, s.fails(provider.Transient, 0)
	}
	if n := slices.IndexFunc(s.still, func(t span) bool { return during([]span{t}, at) }); n >= 0 {
		w.trail.reached("source: stands still")
		at = s.still[n].from
	}
	var b provider.Batch
	for _, name := range names {
		b.Quotes = append(b.Quotes, s.quotes(market.InstrumentID(name), at)...)
	}
	return b, nil
}

func (s *source) fails(outcome provider.Outcome, after time.Duration) *provider.Error {
	return &provider.Error{Provider: s.name, Outcome: outcome, RetryAfter: after, Cause: errors.New("simulated")}
}

// quotes is what the source says of one name: the truth, as late as it is, or a lie.
func (s *source) quotes(id market.InstrumentID, at time.Time) []provider.Quote {
	w := s.world
	made := w.exchange.last(id, at.Add(-s.delay))
	q := provider.Quote{Name: string(id), Price: w.exchange.price(id, made), Unit: unit("USD"), HasCurrency: true, MarketTime: made, PreviousDate: market.NoDate}
	kind := w.lieOf(s.name, id)
	if kind != "" {
		w.trail.reached("source: lies, " + kind)
		w.trail.note(w.now(), "source %s lies about %s: %s", s.name, id, kind)
	}
	times := func(n, exponent int64) { q.Price = q.Price.Mul(money.NewDecimal(n, int32(exponent))) }
	switch kind {
	case "ten times":
		times(10, 0)
	case "a tenth":
		times(1, -1)
	case "another unit":
		times(100, 0)
	case "another currency":
		q.Unit = unit("EUR")
	case "from the future":
		q.MarketTime = w.now().Add(3 * time.Hour)
	case "from the past":
		q.MarketTime = w.exchange.last(id, at.Add(-26*time.Hour))
		q.Price = w.exchange.price(id, q.MarketTime)
	case "nothing":
		q.Price = money.Decimal{}
	default:
		w.told(id, tell{w.now(), q.Price, q.MarketTime})
		if kind == "twice" {
			return []provider.Quote{q, q}
		}
	}
	return []provider.Quote{q}
}

func unit(text string) money.Unit {
	unit, err := money.ParseUnit(text)
	if err != nil {
		panic(err) // it is one of two
	}
	return unit
}

// lieOf is what a source says of an instrument now instead of the truth; each once, and none before the first price of all, which is
// believed: there is nothing to hold it against.
func (w *world) lieOf(source string, id market.InstrumentID) string {
	if marks, err := w.store.MarksOf(context.Background(), []market.InstrumentID{id}); err != nil || len(marks) == 0 {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.lies[id] {
		if l.source == source && !l.told && during([]span{l.span}, w.now()) {
			l.told = true
			return l.kind
		}
	}
	return ""
}

// told notes a true price that was told.
func (w *world) told(id market.InstrumentID, t tell) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tells[id] = append(w.tells[id], t)
}

// count holds the requests of all nodes together against what the source grants.
func (s *source) count(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	minute, day := now.Truncate(time.Minute), now.Truncate(24*time.Hour).Add(1) // its own key
	s.granted[minute]++
	s.granted[day]++
	if n := s.granted[minute]; n > minuteMax {
		s.world.violated("source %s was asked %d times in a minute, %s", s.name, n, minute)
	}
	if n := s.granted[day]; n > dayMax {
		s.world.violated("source %s was asked %d times in a day, %s", s.name, n, day)
	}
}
