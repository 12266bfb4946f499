package sqlstore

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"folioscope/internal/cluster"
	"folioscope/internal/engine"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func (b *bench) claim(node string, settling ...int) []engine.Lease {
	b.t.Helper()
	now := b.clock.Now()
	held, err := b.ClaimPartitions(b.t.Context(), engine.Claim{Node: node, Now: now, Until: now.Add(10 * time.Second), Latest: now.Add(time.Hour), Settling: settling})
	b.ok(err)
	return held
}

// falling are the partitions that hashing deals to a node.
func falling(node string, nodes ...string) (partitions []int) {
	for p := range engine.PartitionsCount {
		if cluster.Owner(p, nodes) == node {
			partitions = append(partitions, p)
		}
	}
	return partitions
}

func partitionsOf(leases []engine.Lease) (partitions []int) {
	for _, l := range leases {
		partitions = append(partitions, l.Partition)
	}
	slices.Sort(partitions)
	return partitions
}

// Each node takes what hashing deals to it: from nobody, from one that hands it over, and from one that is gone.
func TestPartitionsAreDealt(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		first := b.claim("one")
		if len(first) != engine.PartitionsCount {
			t.Fatalf("the only node holds %d partitions", len(first))
		}
		if got := b.claim("two"); len(got) != 0 {
			t.Errorf("%d partitions are held twice", len(got))
		}
		again := b.claim("one") // hands over what falls to the other
		if got, want := partitionsOf(again), falling("one", "one", "two"); !slices.Equal(got, want) || again[0].Fence != first[again[0].Partition].Fence {
			t.Errorf("one holds %v, and %v fall to it: %+v after %+v", got, want, again[0], first[0])
		}
		theirs := b.claim("two")
		if got, want := partitionsOf(theirs), falling("two", "one", "two"); !slices.Equal(got, want) || theirs[0].Fence <= first[theirs[0].Partition].Fence {
			t.Errorf("two holds %v, and %v fall to it: %+v", got, want, theirs[0])
		}
		b.claim("three")
		b.claim("one")
		b.claim("two")
		nodes := []string{"one", "two", "three"}
		for _, node := range []string{"three", "one", "two"} {
			if got, want := partitionsOf(b.claim(node)), falling(node, nodes...); !slices.Equal(got, want) {
				t.Errorf("of three nodes %s holds %v, and %v fall to it", node, got, want)
			}
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

// What is on its way to the store is awaited before its partition is handed over.
func TestAPartitionIsKeptWhileItSettles(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.claim("one")
		b.claim("two")
		goes, stays := falling("two", "one", "two")[0], falling("one", "one", "two")
		if got, want := partitionsOf(b.claim("one", goes)), slices.Sorted(slices.Values(append(slices.Clone(stays), goes))); !slices.Equal(got, want) {
			t.Errorf("while partition %d settles: %v, want %v", goes, got, want)
		}
		if slices.Contains(partitionsOf(b.claim("two")), goes) {
			t.Errorf("partition %d is held twice", goes)
		}
		if got := partitionsOf(b.claim("one")); !slices.Equal(got, stays) {
			t.Errorf("once it is settled: %v, want %v", got, stays)
		}
		if !slices.Contains(partitionsOf(b.claim("two")), goes) {
			t.Errorf("partition %d is nobody's", goes)
		}
	})
}

// sqlPresentBefore is how a node of the release before hashing says that it is there.
const sqlPresentBefore = `INSERT INTO alert_engines (node, until_at) VALUES ($1, $2) ON CONFLICT (node) DO UPDATE SET until_at = excluded.until_at`

// claimBefore claims as the release before hashing does.
func (b *bench) claimBefore(node string) (held []engine.Lease) {
	b.t.Helper()
	now := b.clock.Now()
	until := now.Add(12 * time.Second)
	b.ok(b.db.write(b.t.Context(), func(q queries) error {
		held = nil
		if _, err := q.exec(b.t.Context(), sqlPresentBefore, node, stamp(until)); err != nil {
			return err
		}
		var nodes int
		if err := q.one(b.t.Context(), `SELECT COUNT(*) FROM alert_engines`, nil, &nodes); err != nil {
			return err
		}
		share := deal{node: node, share: (engine.PartitionsCount + nodes - 1) / nodes}
		err := q.each(b.t.Context(), sqlRenewPartitions, []any{node, stamp(until)}, func(row scanner) error {
			var l engine.Lease
			err := row.Scan(&l.Partition, &l.Fence, &l.Sequence, &l.Cursor)
			held = append(held, l)
			return err
		})
		if err != nil {
			return err
		}
		for ; len(held) > share.share; held = held[:len(held)-1] {
			if _, err := q.exec(b.t.Context(), sqlLeavePartition, held[len(held)-1].Partition, held[len(held)-1].Fence); err != nil {
				return err
			}
		}
		return takeFree(b.t.Context(), q, engine.Claim{Node: node, Now: now, Until: until, Latest: now.Add(time.Hour)}, share, &held)
	}))
	return held
}

// For the time of a roll-out nodes with and without hashing share the partitions: never two hold one, and none is left alone for long.
// When the last one without is gone, hashing deals them.
func TestPartitionsWithNodesOfTheReleaseBefore(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		if got := b.claimBefore("old"); len(got) != engine.PartitionsCount {
			t.Fatalf("the old node holds %d", len(got))
		}
		claims := map[string]func(node string) []engine.Lease{
			"old": b.claimBefore, "new": func(node string) []engine.Lease { return b.claim(node) }, "newer": func(node string) []engine.Lease { return b.claim(node) },
		}
		round := func(nodes ...string) (all []int, of map[string][]int) {
			b.clock.advance(2 * time.Second)
			of = make(map[string][]int)
			for _, node := range nodes {
				of[node] = partitionsOf(claims[node](node))
				all = append(all, of[node]...)
			}
			slices.Sort(all)
			return all, of
		}
		for n := range 4 {
			all, of := round("new", "old", "newer")
			if once := slices.Compact(slices.Clone(all)); len(once) != len(all) {
				t.Errorf("round %d: held twice: %v", n, of)
			}
			if n == 3 && len(all) != engine.PartitionsCount {
				t.Errorf("together they hold %d: %v", len(all), of)
			}
		}
		b.ok(b.ReleasePartitions(t.Context(), "old"))
		round("new", "newer")
		round("new", "newer")
		for _, node := range []string{"new", "newer"} {
			if got, want := partitionsOf(claims[node](node)), falling(node, "new", "newer"); !slices.Equal(got, want) {
				t.Errorf("after the roll-out %s holds %v, and %v fall to it", node, got, want)
			}
		}
		// And back: the same node with the release before, that was killed and left its row.
		claims["newer"] = b.claimBefore
		for range 3 {
			round("new", "newer")
		}
		if all, of := round("new", "newer"); len(all) != engine.PartitionsCount || len(of["new"]) != engine.PartitionsCount/2 {
			t.Errorf("after a way back: %v", of)
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
