package journal

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// closesOf is a history of one close.
func closesOf(id market.InstrumentID, price string) market.Series {
	return market.NewSeries(id, "USD", []market.Bar{{Date: market.MustDate("2020-01-01"), Close: money.MustParse(price)}})
}

// Of two nodes over one store, each gives closes as they are, whoever changed them and whether or not it was told, and reads nothing again
// that didn't change.
func TestChangedClosesAreReadAtOnceAndOthersKept(t *testing.T) {
	f := newFixture()
	f.store.putSeries(closesOf("aapl", "150"))
	f.record(t, add(trade(ledger.Buy, "aapl", "USD", "2026-01-05", "1", "100")))
	other := New(f.store, &told{}, Options{Now: func() time.Time { return f.clock }})
	nodes := []*Journal{f.Journal, other}
	closes := func(j *Journal) string {
		t.Helper()
		book, err := j.Book(t.Context(), "u", "p", 2)
		if err != nil {
			t.Fatal(err)
		}
		m, err := j.Market(t.Context(), book)
		if err != nil {
			t.Fatal(err)
		}
		alone, err := j.Series(t.Context(), "aapl")
		if err != nil {
			t.Fatal(err)
		}
		if alone.Close(0).String() != m.Series["aapl"].Close(0).String() {
			t.Errorf("one by one %s, together %s", alone.Close(0), m.Series["aapl"].Close(0))
		}
		return m.Series["aapl"].Close(0).String() + " " + m.Series[market.RateID("USD")].Close(0).String()
	}
	for _, j := range nodes {
		closes(j)
	}
	for _, c := range []struct {
		change market.Series
		want   string
		reads  int
	}{
		{closesOf("aapl", "151"), "151 1.25", 1}, {closesOf(market.RateID("USD"), "1.5"), "151 1.5", 1}, {closesOf("vwce", "90"), "151 1.5", 0},
	} {
		f.store.putSeries(c.change)
		for i, j := range nodes {
			before := f.store.seriesReads
			for range 3 {
				if got := closes(j); got != c.want {
					t.Errorf("node %d after a change of %s: %s, want %s", i, c.change.Instrument, got, c.want)
				}
			}
			if got := f.store.seriesReads - before; got != c.reads {
				t.Errorf("node %d after a change of %s: %d reads, want %d", i, c.change.Instrument, got, c.reads)
			}
		}
	}
	if m := other.Caches().Series; m.Hits == 0 || m.Misses == 0 {
		t.Errorf("hits and misses: %+v", m)
	}
}

// What is known of closes goes on counting while the store is away, for as long as anything from memory does.
func TestClosesWhileTheStoreIsAway(t *testing.T) {
	f := newFixture()
	f.store.putSeries(closesOf("aapl", "150"))
	if _, err := f.Series(t.Context(), "aapl"); err != nil {
		t.Fatal(err)
	}
	f.store.down = true
	for _, c := range []struct {
		after time.Duration
		ok    bool
	}{{0, true}, {awayAgeMax - time.Second, true}, {time.Second, false}} {
		f.clock = f.clock.Add(c.after)
		if s, err := f.Series(t.Context(), "aapl"); err == nil != c.ok || err != nil && !fault.Is(err, fault.Unavailable) {
			t.Errorf("after another %v: %v, %v", c.after, s, err)
		}
	}
	if _, err := New(f.store, f.bus, Options{}).Series(t.Context(), "aapl"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a node that never saw the store: %v", err)
	}
}

// hinted is a bus with one subscriber.
type hinted struct {
	told
	handle func(string, []byte)
	gap    func()
}

func (b *hinted) Subscribe(subject string, handle func(string, []byte), gap func()) (func(), error) {
	if subject != event.ClosesChangedAll {
		return nil, fmt.Errorf("a subscription to %s", subject)
	}
	b.handle, b.gap = handle, gap
	return func() {}, nil
}

// Positions are worked out anew when a rate changes that they were worked out with: at once after a hint or where some may be lost, and after
// the next look by itself else.
func TestPositionsFollowTheRatesOfPastDays(t *testing.T) {
	for _, how := range []string{"hint", "gap", "nothing"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture()
				wire := &hinted{}
				began := time.Now() // years before today, in a bubble
				now := func() time.Time { return today.Add(time.Since(began)) }
				j := New(f.store, wire, Options{Now: now, NewID: func() string { return "new" }})
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- j.Run(ctx) }()
				synctest.Wait()
				if _, err := j.Record(ctx, "u", "p", nil, add(trade(ledger.Buy, "aapl", "USD", "2026-01-05", "1", "100")), entry); err != nil {
					t.Fatal(err)
				}
				cost := func() (*Held, string) {
					held, err := j.Holdings(ctx, "u", "p", 2)
					if err != nil {
						t.Fatal(err)
					}
					return held, held.Holdings.Value(figures.Quotes{}, market.DateOf(today), nil).Positions[0].CostBase.String()
				}
				before, was := cost()
				f.store.putSeries(closesOf("vwce", "5")) // none of its business
				f.store.putSeries(closesOf(market.RateID("USD"), "2"))
				switch how {
				case "hint":
					wire.handle(event.ClosesChangedSubject, nil)
				case "gap":
					wire.gap()
				default:
					if held, _ := cost(); held != before {
						t.Error("worked out anew before anything was known")
					}
					time.Sleep(closesPoll)
				}
				synctest.Wait()
				if !before.Outdated(now()) || before.Basis.Stands() {
					t.Error("positions are thought to stand")
				}
				if held, then := cost(); held == before || then == was || money.MustParse(then).Cmp(money.MustParse("50")) != 0 {
					t.Errorf("a cost of %s after %s, want 50", then, was)
				}
				after, _ := cost()
				f.store.putSeries(closesOf("vwce", "6"))
				wire.handle(event.ClosesChangedSubject, nil)
				synctest.Wait()
				if held, _ := cost(); held != after {
					t.Error("worked out anew though nothing changed that it needs")
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// What is known of changes is bounded: beyond the bound everything counts as changed, once.
func TestChangesOfClosesAreBounded(t *testing.T) {
	c := newCloses()
	c.note(nil, 7, today)
	if !c.stand(7, "a") || c.stand(6, "a") {
		t.Error("what was made before the first look counts")
	}
	many := make(map[market.InstrumentID]int64, closesChangedMax)
	for i := range int64(closesChangedMax) {
		many[market.InstrumentID(fmt.Sprint(i))] = 8 + i
	}
	c.note(many, 7+closesChangedMax, today)
	if len(c.changed) != closesChangedMax || !c.stand(7, "a") || c.stand(7, "5") || !c.stand(13, "5") {
		t.Errorf("%d known by name", len(c.changed))
	}
	last := int64(8 + closesChangedMax)
	c.note(map[market.InstrumentID]int64{"a": last}, last, today)
	if len(c.changed) != 0 || c.stand(last-1, "b") || !c.stand(last, "a", "b", "5") {
		t.Errorf("%d known by name beyond the bound", len(c.changed))
	}
	c.note(map[market.InstrumentID]int64{"5": 12}, 12, today) // a look that began long ago
	if c.at() != last || !c.stand(last, "5") {
		t.Errorf("went back to %d", c.at())
	}
}
