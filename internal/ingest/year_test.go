package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/jobs"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// The simulated year: 2026 with its holidays, half days and changes of clocks, in markets of five zones and some more, polled by
// two nodes that take turns and are started anew at times, from sources that fail, stand still and make things up.

var yearMarkets = []string{"XNYS", "XLON", "XETR", "XTKS", "XASX", "XBOM", "XHKG", ""}

// openMinutes counts the minutes in which each market is open, one by one: nothing of how ages are worked out is in it.
type openMinutes struct {
	start  time.Time
	before map[string][]int32
}

func newOpenMinutes(calendar *market.Calendar, start time.Time, days int) *openMinutes {
	o := &openMinutes{start: start, before: map[string][]int32{}}
	for _, mic := range yearMarkets {
		sums := make([]int32, days*24*60+1)
		for n := range len(sums) - 1 {
			sums[n+1] = sums[n]
			if calendar.At(mic, start.Add(time.Duration(n)*time.Minute)).Open {
				sums[n+1]++
			}
		}
		o.before[mic] = sums
	}
	return o
}

// between is the open time between two times, to the minute below.
func (o *openMinutes) between(mic string, from, to time.Time) time.Duration {
	a, b := from.Add(time.Minute-time.Nanosecond).Sub(o.start)/time.Minute, to.Sub(o.start)/time.Minute
	if b <= a {
		return 0
	}
	return time.Duration(o.before[mic][b]-o.before[mic][max(a, 0)]) * time.Minute
}

// trouble is when a source fails, and when it stands still.
type trouble struct{ from, to time.Time }

func troubles(random *rand.Rand, start time.Time, count int, longest time.Duration) []trouble {
	var all []trouble
	for range count {
		from := start.Add(time.Duration(random.Int64N(int64(364 * 24 * time.Hour))))
		all = append(all, trouble{from, from.Add(time.Duration(random.Int64N(int64(longest))))})
	}
	return all
}

func during(all []trouble, at time.Time) (trouble, bool) {
	n := slices.IndexFunc(all, func(t trouble) bool { return !at.Before(t.from) && at.Before(t.to) })
	if n < 0 {
		return trouble{}, false
	}
	return all[n], true
}

// yearSource is a source with a delay of its own and troubles of its own.
type yearSource struct {
	name     string
	delay    time.Duration
	calendar *market.Calendar
	mics     map[string]string // by name
	failing  []trouble
	still    []trouble
	random   *rand.Rand
	asked    map[string][]time.Time
	wild     int
}

func (s *yearSource) Name() string               { return s.name }
func (s *yearSource) Classes() []market.Class    { return []market.Class{market.Stock, market.Crypto} }
func (s *yearSource) BatchMax() int              { return 50 }
func (s *yearSource) Delay(string) time.Duration { return s.delay }

// value is what everything is worth at a time: it moves, but never by much.
func value(at time.Time) money.Decimal {
	return money.NewDecimal(100_000+at.Unix()/600%997, -3)
}

// Latest tells the price of when the market was last open, as late as the source is.
func (s *yearSource) Latest(_ context.Context, names []string, now time.Time) (provider.Batch, error) {
	for _, name := range names {
		s.asked[name] = append(s.asked[name], now)
	}
	if _, down := during(s.failing, now); down {
		return provider.Batch{}, &provider.Error{Provider: s.name, Outcome: provider.Transient}
	}
	seen := now
	if t, still := during(s.still, now); still {
		seen = t.from
	}
	var b provider.Batch
	for _, name := range names {
		at := seen.Add(-s.delay)
		if session := s.calendar.At(s.mics[name], at); !session.Open && !session.LastClose.IsZero() {
			if lunch := s.calendar.At(s.mics[name], at.Add(-90*time.Minute)); lunch.Open && lunch.Until.After(session.LastClose) {
				at = lunch.Until
			} else {
				at = session.LastClose
			}
		}
		price := value(at)
		if s.random.IntN(2000) == 0 {
			s.wild++
			price = price.Mul(money.NewDecimal(10, 0))
		}
		b.Quotes = append(b.Quotes, provider.Quote{Name: name, Price: price, MarketTime: at, PreviousDate: market.NoDate})
	}
	return b, nil
}

type yearCounts struct {
	looked, fresh, stale, quarantined, violations, staleInPeace, wrongPrice int
}

func TestASimulatedYear(t *testing.T) {
	calendar, err := market.NewCalendar()
	if err != nil {
		t.Fatal(err)
	}
	const days = 365
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	open := newOpenMinutes(calendar, start.AddDate(0, 0, -14), days+15)
	synctest.Test(t, func(t *testing.T) {
		offset := time.Until(start)
		now := func() time.Time { return time.Now().Add(offset) }
		random := rand.New(rand.NewPCG(4, 2026))
		first := &yearSource{name: "first", failing: troubles(random, start, 120, 30*time.Hour), still: troubles(random, start, 40, 8*time.Hour)}
		second := &yearSource{name: "second", delay: 15 * time.Minute, failing: troubles(random, start, 120, 30*time.Hour)}
		sources := []*yearSource{first, second}
		var wanted []market.Instrument
		for _, s := range sources {
			s.calendar, s.random, s.mics, s.asked = calendar, random, map[string]string{}, map[string][]time.Time{}
		}
		for n, mic := range yearMarkets {
			i := stock(fmt.Sprintf("I%d-%s", n, mic), mic)
			if mic == "" {
				i.Class = market.Crypto
			}
			wanted = append(wanted, i)
			for _, s := range sources {
				s.mics[string(i.ID)] = mic
			}
		}
		store := newMemory(wanted)
		chain := []provider.Provider{first, second}
		node := func() []jobs.Kind {
			g, err := New(Options{Store: store, Publisher: &hints{down: true}, Sessions: calendar, Log: slog.New(slog.DiscardHandler),
				Chains: map[string][]provider.Provider{ChainStock: chain, ChainCrypto: chain}, Interval: slot, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			return g.Kinds()
		}
		nodes := [][]jobs.Kind{node(), node()}
		var c yearCounts
		for n := range days * 24 * 6 {
			if random.IntN(500) == 0 {
				nodes[random.IntN(2)] = node() // a restart
			}
			for _, kind := range nodes[random.IntN(2)] {
				if kind.Name == "poll.stock" || kind.Name == "poll.crypto" {
					if err := kind.Work(t.Context(), jobs.Job{}); err != nil {
						t.Fatal(err)
					}
				}
			}
			next := start.Add(time.Duration(n+1) * slot)
			for now().Before(next) {
				peace := true
				for _, s := range sources {
					for _, all := range [][]trouble{s.failing, s.still} {
						_, is := during(all, now())
						_, was := during(all, now().Add(-45*time.Minute))
						peace = peace && !is && !was
					}
				}
				for _, i := range wanted {
					c.look(t, open, calendar, store.marks[i.ID], i, now(), peace)
				}
				time.Sleep(min(time.Duration(1+random.IntN(5))*time.Minute, next.Sub(now())))
			}
			store.raw = store.raw[:0]
		}
		polled := pollsByDay(calendar, first.asked["I0-XNYS"], second.asked["I0-XNYS"], start, days)
		t.Logf("%d looks at prices: %d fresh, %d stale, %d held back; %d made up by sources", c.looked, c.fresh, c.stale, c.quarantined, first.wild+second.wild)
		t.Logf("%d shown as fresh that weren't, %d stale without a reason, %d wrong prices shown", c.violations, c.staleInPeace, c.wrongPrice)
		t.Logf("XNYS: %s", polled)
		if c.violations > 0 || c.staleInPeace > 0 || c.wrongPrice > 0 || c.stale == 0 || c.quarantined == 0 || c.looked < 500_000 {
			t.Errorf("%+v", c)
		}
		if first.wild+second.wild < 50 {
			t.Errorf("only %d prices were made up", first.wild+second.wild)
		}
	})
}

// look compares what would be shown of a price with what is true.
func (c *yearCounts) look(t *testing.T, open *openMinutes, calendar *market.Calendar, mark market.Mark, i market.Instrument, now time.Time, peace bool) {
	c.looked++
	state := market.StateOf(mark, i, calendar, now)
	if mark.Price.Cmp(money.NewDecimal(200, 0)) > 0 {
		c.wrongPrice++
	}
	const ageMax = 21 * time.Minute
	switch state {
	case market.StateNone:
		return
	case market.StateQuarantined:
		c.quarantined++
		return
	case market.StateStale:
		c.stale++
		if peace && now.Sub(open.start) > 15*24*time.Hour {
			c.staleInPeace++
			if c.staleInPeace < 10 {
				t.Errorf("%s at %s: stale, seen %s, made %s", i.ID, now, mark.ObservedAt, mark.MarketTime)
			}
		}
		return
	}
	c.fresh++
	age := open.between(i.MIC, mark.ObservedAt, now)
	made := open.between(i.MIC, mark.MarketTime, now)
	if age > ageMax || state == market.StateLive && made > ageMax {
		c.violations++
		if c.violations < 10 {
			t.Errorf("%s at %s: %s, but seen %s ago and made %s ago in open time", i.ID, now, state, age, made)
		}
	}
}

// pollsPerDay is how often an instrument was asked for on the days of a market.
type pollsPerDay struct {
	tradingDays, fewest, most, total, onDaysOff int
}

func (p pollsPerDay) String() string {
	return fmt.Sprintf("%d to %d polls on %d trading days, %d in the year, %d on days off", p.fewest, p.most, p.tradingDays, p.total, p.onDaysOff)
}

func pollsByDay(calendar *market.Calendar, first, second []time.Time, start time.Time, days int) pollsPerDay {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err) // the zone that the calendar has
	}
	at := map[time.Time]bool{} // whoever was asked: one poll
	for _, t := range slices.Concat(first, second) {
		at[t.Truncate(slot)] = true
	}
	byDay := map[market.Date]int{}
	for t := range at {
		byDay[market.DateOf(t.In(newYork))]++
	}
	p := pollsPerDay{fewest: 1 << 30}
	for n := range days {
		day := market.DateOf(start) + market.Date(n)
		year, month, date := day.Time().Date()
		noon := time.Date(year, month, date, 12, 0, 0, 0, newYork)
		p.total += byDay[day]
		if !calendar.At("XNYS", noon).Open {
			p.onDaysOff += byDay[day]
			continue
		}
		p.tradingDays++
		p.fewest, p.most = min(p.fewest, byDay[day]), max(p.most, byDay[day])
	}
	return p
}

// A year in which nothing fails: what trades in New York alone costs at most 45 polls on a trading day, and none on others.
func TestPollsOfAYearInNewYork(t *testing.T) {
	calendar, err := market.NewCalendar()
	if err != nil {
		t.Fatal(err)
	}
	const days = 365
	start := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC) // a year begins with the first poll of all, on whatever day
	synctest.Test(t, func(t *testing.T) {
		offset := time.Until(start)
		now := func() time.Time { return time.Now().Add(offset) }
		for _, delay := range []time.Duration{0, 15 * time.Minute} {
			source := &yearSource{name: "first", delay: delay, calendar: calendar, random: rand.New(rand.NewPCG(1, 1)), mics: map[string]string{"A": "XNYS"}, asked: map[string][]time.Time{}}
			began := now()
			store := newMemory([]market.Instrument{stock("A", "XNYS")})
			g, err := New(Options{Store: store, Publisher: &hints{down: true}, Sessions: calendar, Log: slog.New(slog.DiscardHandler),
				Chains: map[string][]provider.Provider{ChainStock: {source}}, Interval: slot, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			for range days * 24 * 6 {
				if err := g.Poll(t.Context(), ChainStock); err != nil {
					t.Fatal(err)
				}
				time.Sleep(slot)
			}
			polled := pollsByDay(calendar, source.asked["A"], nil, began, days)
			t.Logf("a source that is %s late: %s", delay, polled)
			if polled.most > 45 || polled.fewest < 20 || polled.onDaysOff > 0 || polled.tradingDays < 240 {
				t.Errorf("%+v", polled)
			}
		}
	})
}
