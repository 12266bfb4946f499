package sqlstore

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"folioscope/internal/engine"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func (b *bench) claim(node string) []engine.Lease {
	b.t.Helper()
	now := b.clock.Now()
	held, err := b.ClaimPartitions(b.t.Context(), engine.Claim{Node: node, Now: now, Until: now.Add(10 * time.Second), Latest: now.Add(time.Hour)})
	b.ok(err)
	return held
}

func TestPartitionsAreShared(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		first := b.claim("one")
		if len(first) != engine.PartitionsCount {
			t.Fatalf("the only node holds %d partitions", len(first))
		}
		if got := b.claim("two"); len(got) != 0 {
			t.Errorf("%d partitions are held twice", len(got))
		}
		again := b.claim("one") // gives back what is above its share
		if len(again) != engine.PartitionsCount/2 || again[0].Fence != first[0].Fence {
			t.Errorf("a lease that is renewed: %d of %d, %+v after %+v", len(again), len(first), again[0], first[0])
		}
		theirs := b.claim("two")
		if len(theirs) != engine.PartitionsCount/2 || theirs[0].Fence <= first[theirs[0].Partition].Fence {
			t.Errorf("what was given back: %d, %+v", len(theirs), theirs)
		}
		third := b.claim("three")
		b.claim("one")
		b.claim("two")
		third = append(third, b.claim("three")...)
		all := slices.Concat(b.claim("one"), b.claim("two"), third)
		slices.SortFunc(all, func(x, y engine.Lease) int { return x.Partition - y.Partition })
		all = slices.CompactFunc(all, func(x, y engine.Lease) bool { return x.Partition == y.Partition })
		if len(all) != engine.PartitionsCount {
			t.Errorf("three nodes hold %d partitions together", len(all))
		}

		b.clock.advance(9 * time.Second)
		b.claim("one")
		b.clock.advance(2 * time.Second) // two and three say nothing any more
		if got := b.claim("one"); len(got) != engine.PartitionsCount {
			t.Errorf("the last node holds %d partitions", len(got))
		}
		b.ok(b.ReleasePartitions(t.Context(), "one"))
		if got := b.claim("four"); len(got) != engine.PartitionsCount {
			t.Errorf("after a node went, the next holds %d partitions", len(got))
		}
	})
}

// A clock that is years ahead doesn't keep a partition for years.
func TestALeaseOfAWrongClock(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		future := b.clock.Now().AddDate(3, 0, 0)
		_, err := b.ClaimPartitions(t.Context(), engine.Claim{Node: "wrong", Now: future, Until: future.Add(10 * time.Second), Latest: future.Add(time.Hour)})
		b.ok(err)
		if got := b.claim("right"); len(got) != engine.PartitionsCount {
			t.Errorf("%d partitions are left to the others", len(got))
		}
	})
}

func TestCursorsOfALostLease(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		lost := b.claim("one")
		for i := range lost {
			lost[i].Cursor = 7
		}
		b.ok(b.SaveCursors(t.Context(), lost))
		b.clock.advance(11 * time.Second)
		taken := b.claim("two")
		if taken[0].Cursor != 7 {
			t.Errorf("the cursor that was saved is read as %d", taken[0].Cursor)
		}
		lost[0].Cursor = 9
		b.ok(b.SaveCursors(t.Context(), lost[:1]))
		taken[1].Cursor = 5 // back: it may have been another goroutine's that was late
		b.ok(b.SaveCursors(t.Context(), taken[1:2]))
		for _, l := range b.claim("two")[:2] {
			if l.Cursor != 7 {
				t.Errorf("partition %d is at %d after a lost lease wrote, and one that went back", l.Partition, l.Cursor)
			}
		}
	})
}

func TestNodesClaimAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const nodes = 12
		for range 3 { // the first give back, in the second all is taken
			var mu sync.Mutex
			holders := make(map[int]string)
			var group sync.WaitGroup
			for n := range nodes {
				group.Go(func() {
					node := fmt.Sprint("node", n)
					held, err := b.ClaimPartitions(t.Context(), engine.Claim{Node: node, Now: b.clock.Now(), Until: b.clock.Now().Add(10 * time.Second), Latest: b.clock.Now().Add(time.Hour)})
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					for _, l := range held {
						holders[l.Partition] = node
					}
				})
			}
			group.Wait()
		}
		all := make(map[int]int)
		for n := range nodes {
			for _, l := range b.claim(fmt.Sprint("node", n)) {
				all[l.Partition]++
			}
		}
		for p, held := range all {
			if held != 1 {
				t.Errorf("partition %d is held by %d nodes", p, held)
			}
		}
		if len(all) != engine.PartitionsCount {
			t.Errorf("%d partitions are held", len(all))
		}
	})
}

func TestTheQuotesJournal(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		var want []int64
		for n := range 5 {
			var marks []market.Mark
			for _, id := range []market.InstrumentID{"a", "b"} {
				marks = append(marks, market.Mark{Quote: market.Quote{Instrument: id, Price: money.NewDecimal(int64(100+n), 0), Currency: "EUR", Source: "yahoo", ObservedAt: testStart.Add(time.Duration(n) * time.Minute), MarketTime: testStart.Add(time.Duration(n) * time.Minute)}, PreviousDate: market.NoDate})
			}
			_, accepted, err := b.Accept(t.Context(), marks)
			b.ok(err)
			for _, m := range accepted {
				want = append(want, m.Sequence)
			}
		}
		var got []int64
		for cursor := int64(0); ; {
			page, err := b.QuotesAfter(t.Context(), cursor, 3)
			b.ok(err)
			if len(page) == 0 {
				break
			}
			for _, quote := range page {
				got = append(got, quote.Sequence)
			}
			cursor = got[len(got)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("read %v, accepted %v", got, want)
		}
		last, err := b.LastQuote(t.Context(), "a", want[5])
		b.ok(err)
		if last == nil || last.Sequence != want[4] || last.Price.String() != "102" || last.Currency != "EUR" || !last.MarketTime.Equal(testStart.Add(2*time.Minute)) {
			t.Errorf("the last quote of a up to %d: %+v", want[5], last)
		}
		if none, err := b.LastQuote(t.Context(), "c", want[9]); err != nil || none != nil {
			t.Errorf("of what has no price: %+v, %v", none, err)
		}
	})
}

// Rules were evaluated until now where no price waits, until the first that does, and until nobody knows where no node lives.
func TestUntilWhenAlertsWereEvaluated(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		until := func() time.Time {
			t.Helper()
			at, err := b.AlertsEvaluated(t.Context(), "anna")
			b.ok(err)
			return at
		}
		if at := until(); !at.IsZero() {
			t.Errorf("without a node: %s", at)
		}
		held := b.claim("one")
		if at := until(); !at.Equal(b.clock.Now()) {
			t.Errorf("without a price: %s", at)
		}
		came := b.clock.Now().Truncate(time.Microsecond)
		for i, id := range []market.InstrumentID{"aapl", "msft"} {
			at := came.Add(time.Duration(i) * time.Second)
			_, _, err := b.Accept(t.Context(), []market.Mark{{Quote: market.Quote{Instrument: id, Price: money.One, Currency: "USD", Source: "yahoo", ObservedAt: at, MarketTime: at}, PreviousDate: market.NoDate}})
			b.ok(err)
		}
		b.clock.advance(5 * time.Second)
		if at := until(); !at.Equal(came) {
			t.Errorf("two prices wait: %s, not %s", at, came)
		}
		newest, err := b.CurrentSequence(t.Context())
		b.ok(err)
		for i := range held {
			held[i].Cursor = newest - 1
		}
		b.ok(b.SaveCursors(t.Context(), held))
		if at := until(); !at.Equal(came.Add(time.Second)) {
			t.Errorf("one price waits: %s", at)
		}
		for i := range held {
			held[i].Cursor = newest
		}
		b.ok(b.SaveCursors(t.Context(), held))
		if at := until(); !at.Equal(b.clock.Now()) {
			t.Errorf("nothing waits: %s", at)
		}
		b.clock.advance(time.Minute)
		if at := until(); !at.IsZero() {
			t.Errorf("the node is dead: %s", at)
		}
	})
}
