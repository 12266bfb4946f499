package ingest

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// What sources may say of an instrument in GBP whose last price was 100, made ten minutes ago. NaN, Inf and 1e400 can't be
// said at all: a decimal can't hold them, and adapters refuse them where they read.
func TestWhatIsBelieved(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	last := market.Mark{Quote: market.Quote{Price: money.MustParse("100"), Currency: "GBP", Source: "first", ObservedAt: now.Add(-slot), MarketTime: now.Add(-slot)}}
	heldAt := func(price, source string, at time.Time) *market.HeldBack {
		return &market.HeldBack{Price: money.MustParse(price), Source: source, ObservedAt: at, MarketTime: at}
	}
	before := now.Add(-slot)
	for _, test := range []struct {
		name, price, unit string
		at                time.Time
		held              *market.HeldBack
		want              verdict
		reason            string
	}{
		{"as usual", "101", "GBP", now, nil, accept, ""},
		{"20 decimals", "100.12345678901234567890", "GBP", now, nil, accept, ""},
		{"its own currency meant", "101", "", now, nil, accept, ""},
		{"zero", "0", "GBP", now, nil, refuse, "not above zero"},
		{"below zero", "-1", "GBP", now, nil, refuse, "not above zero"},
		{"below zero in pence", "-100", "GBp", now, nil, refuse, "not above zero"},
		{"wrong currency", "101", "USD", now, nil, refuse, "in USD, the instrument is in GBP"},
		{"pence, said so", "10100", "GBp", now, nil, accept, ""},
		{"pence, said so otherwise", "10100", "GBX", now, nil, accept, ""},
		{"pence, not said", "10100", "", now, nil, hold, "another unit"},
		{"pence taken for pounds", "10100", "GBP", now, nil, hold, "another unit"},
		{"pounds said to be pence", "101", "GBp", now, nil, hold, "another unit"},
		{"pence again at the next poll", "10100", "GBP", now, heldAt("10100", "first", before), hold, "another unit"},
		{"a second source says it too", "10150", "GBP", now, heldAt("10100", "other", before), accept, ""},
		{"25 % up", "125", "GBP", now, nil, accept, ""},
		{"a little more", "125.01", "GBP", now, nil, hold, "25 % above the last price, waits"},
		{"25 % down", "75", "GBP", now, nil, accept, ""},
		{"60 % down", "40", "GBP", now, nil, hold, "60 % below the last price, waits"},
		{"ten times", "1000", "GBP", now, nil, hold, "10.0 times the last price, waits"},
		{"a tenth", "10", "GBP", now, nil, hold, "90 % below"},
		{"ten times, the next poll agrees", "1010", "GBP", now, heldAt("1000", "first", before), accept, ""},
		{"ten times, a second source agrees", "1010", "GBP", now, heldAt("1000", "other", now), accept, ""},
		{"ten times, said again in the same breath", "1000", "GBP", now, heldAt("1000", "first", now), hold, "10.0 times"},
		{"ten times, the next poll says yet another", "600", "GBP", now, heldAt("1000", "first", before), hold, "6.0 times"},
		{"back to normal", "101", "GBP", now, heldAt("1000", "first", before), accept, ""},
		{"a split of 4:1, held until the next poll", "25.3", "GBP", now, nil, hold, "75 % below"},
		{"from the future", "101", "GBP", now.Add(futureMax + time.Second), nil, refuse, "from the future"},
		{"a clock that is a little ahead", "101", "GBP", now.Add(futureMax), nil, accept, ""},
		{"without a time", "101", "GBP", time.Time{}, nil, refuse, "without a market time"},
		{"out of order", "101", "GBP", before.Add(-time.Second), nil, older, ""},
		{"out of order and wild", "1000", "GBP", before.Add(-time.Second), nil, older, ""},
		{"the same once more, long after", "100.0", "GBP", before, nil, accept, ""},
		{"a correction of the same moment", "100.5", "GBP", before, nil, accept, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := offer{instrument: market.Instrument{ID: "i", Currency: "GBP"}, source: "first", price: money.MustParse(test.price), observed: now, marketTime: test.at}
			if test.unit != "" {
				unit, err := money.ParseUnit(test.unit)
				if err != nil {
					t.Fatal(err)
				}
				o.unit, o.hasUnit = unit, true
			}
			got, reason := judge(o, &last, test.held, now)
			if got != test.want || !strings.Contains(reason, test.reason) || (test.reason == "") != (reason == "") {
				t.Errorf("got %s %q, want %s %q", got, reason, test.want, test.reason)
			}
		})
	}
	o := offer{instrument: market.Instrument{ID: "i", Currency: "GBP"}, source: "first", price: money.MustParse("100"), observed: before.Add(time.Minute), marketTime: before}
	if got, _ := judge(o, &last, nil, now); got != again {
		t.Errorf("said twice within a minute: %s", got)
	}
	if got, _ := judge(o, nil, nil, now); got != accept {
		t.Errorf("the first price ever: %s", got)
	}
}

// step polls once more, one slot later, with what the sources then say.
func (w *world) step(t *testing.T) market.Mark {
	t.Helper()
	time.Sleep(slot)
	w.poll(t, ChainStock)
	return w.store.mark(t, "A")
}

func TestASpikeWaitsForTheNextPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first"}).says("100")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first)
		w.step(t)
		first.says("1000")
		m := w.step(t)
		if m.Price.String() != "100" || m.HeldBack == nil || m.HeldBack.Price.String() != "1000" || m.HeldBack.Source != "first" || m.HeldBack.Reason == "" || m.HeldBack.MarketTime.IsZero() {
			t.Fatalf("spike: %+v %+v", m, m.HeldBack)
		}
		if got := market.StateOf(m, stock("A", "OPEN"), w.Sessions, time.Now()); got != market.StateQuarantined {
			t.Errorf("state %s", got)
		}
		first.says("980")
		if m = w.step(t); m.Price.String() != "980" || m.HeldBack != nil {
			t.Errorf("confirmed: %+v", m)
		}
		first.says("100")
		w.step(t)
		first.says("985")
		if m = w.step(t); m.Price.String() != "985" || m.HeldBack != nil {
			t.Errorf("a spike down that passed: %+v", m)
		}
	})
}

func TestASecondSourceDecidesInTheSamePoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := (&source{name: "first"}).says("100"), (&source{name: "second"}).says("100")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first, second)
		w.step(t)
		first.says("200")
		second.says("199")
		if m := w.step(t); m.Price.String() != "200" || m.Source != "first" || m.Fallback || m.HeldBack != nil {
			t.Errorf("confirmed by the second, the first's own price counts: %+v", m)
		}
		first.says("20000") // pence for pounds
		second.says("201")
		if m := w.step(t); m.Price.String() != "201" || m.Source != "second" || !m.Fallback || m.HeldBack != nil {
			t.Errorf("contradicted by the second: %+v", m)
		}
		if first.asked() != 3 || second.asked() != 2 {
			t.Errorf("%d and %d calls", first.asked(), second.asked())
		}
	})
}

func TestAnErrorOfUnitNeverConfirmsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first"}).says("100")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first)
		w.step(t)
		stored := len(w.store.raw)
		at := time.Now()
		first.latest = func(_ []string, _ time.Time) (provider.Batch, error) {
			return provider.Batch{Quotes: []provider.Quote{quote("A", "10000", "USD", at)}}, nil
		}
		for range 5 {
			if m := w.step(t); m.Price.String() != "100" || m.HeldBack == nil {
				t.Fatalf("believed: %+v", m)
			}
		}
		if got := len(w.store.raw) - stored; got != 1 {
			t.Errorf("the same price was held back %d times", got)
		}
	})
}

// An unchanged price is noted again by each poll, or it would grow old while the market just stands still.
func TestAStillMarketStaysFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := time.Now()
		first := &source{name: "first", latest: func([]string, time.Time) (provider.Batch, error) {
			return provider.Batch{Quotes: []provider.Quote{quote("A", "100", "USD", made)}}, nil
		}}
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first)
		for range 4 {
			if m := w.step(t); time.Since(m.ObservedAt) > time.Second || !m.MarketTime.Equal(made) {
				t.Errorf("seen %s ago", time.Since(m.ObservedAt))
			}
		}
		time.Sleep(time.Minute)
		stored := len(w.store.raw)
		w.poll(t, ChainStock)
		if len(w.store.raw) != stored {
			t.Error("the same price within a minute is news")
		}
	})
}

// 10^4 generated quotes of two sources, polled and pushed: no mark is ever at or below zero, in another currency, from the future,
// or older than the one before.
func TestMarksOnlyGoForward(t *testing.T) {
	prices := rapid.Map(rapid.IntRange(-20, 1_200_000), func(n int) string {
		return big.NewRat(int64(n), 100).FloatString(2)
	})
	quotes := 0
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.IntRange(100, 160).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			said := rt
			wild := func(s *source) func(names []string, now time.Time) (provider.Batch, error) {
				return func(names []string, now time.Time) (provider.Batch, error) {
					if rapid.IntRange(0, 9).Draw(said, "down") == 0 {
						return provider.Batch{}, s.fails(rapid.SampledFrom([]provider.Outcome{provider.Transient, provider.RateMinute, provider.SchemaDrift}).Draw(said, "outcome"), time.Minute)
					}
					var b provider.Batch
					for _, name := range names {
						quotes++
						at := now.Add(time.Duration(rapid.IntRange(-3600, 600).Draw(said, "age")) * time.Second)
						b.Quotes = append(b.Quotes, quote(name, prices.Draw(said, "price"), rapid.SampledFrom([]string{"USD", "USD", "USD", "USX", "EUR"}).Draw(said, "unit"), at))
					}
					return b, nil
				}
			}
			first, second := &source{name: "first", batch: 5}, &source{name: "second", batch: 5}
			first.latest, second.latest = wild(first), wild(second)
			w := newWorld(t, []market.Instrument{stock("A", "OPEN"), stock("B", "")}, first, second)
			for range steps {
				time.Sleep(time.Duration(rapid.IntRange(1, 900).Draw(rt, "wait")) * time.Second)
				if rapid.IntRange(0, 3).Draw(rt, "pushed") > 0 {
					w.poll(t, ChainStock)
					continue
				}
				quotes++
				err := w.Offer(t.Context(), "pushed", []Offered{{
					Instrument: "A", Price: money.MustParse(prices.Draw(rt, "price")), Currency: rapid.SampledFrom([]money.Currency{"USD", "EUR"}).Draw(rt, "currency"),
					MarketTime: time.Now().Add(time.Duration(rapid.IntRange(-3600, 600).Draw(rt, "age")) * time.Second), PreviousDate: market.NoDate,
				}})
				if err != nil {
					t.Fatal(err)
				}
			}
			known := map[market.InstrumentID]market.Mark{}
			for _, m := range w.store.raw {
				before := known[m.Instrument]
				if err := forward(before, m); err != nil {
					t.Fatalf("%v: %+v after %+v", err, m, before)
				}
				known[m.Instrument] = m
			}
		})
	})
	if quotes < 10_000 {
		t.Errorf("only %d quotes", quotes)
	}
	t.Logf("%d quotes", quotes)
}

// forward says what is wrong with a mark that follows another.
func forward(before, m market.Mark) error {
	switch {
	case m.Price.Sign() <= 0:
		return fmt.Errorf("price %s", m.Price)
	case m.Currency != "USD":
		return fmt.Errorf("currency %s", m.Currency)
	case m.MarketTime.Before(before.MarketTime):
		return fmt.Errorf("market time went back")
	case m.MarketTime.After(m.ObservedAt.Add(futureMax)):
		return fmt.Errorf("from the future")
	case m.Source == "" || m.ObservedAt.IsZero() || m.MarketTime.IsZero():
		return fmt.Errorf("a field is missing")
	case m.HeldBack != nil && (m.HeldBack.Reason == "" || m.HeldBack.Price.Sign() <= 0 || !m.Price.Equal(before.Price)):
		return fmt.Errorf("held back without a reason, or with a new price")
	}
	return nil
}
