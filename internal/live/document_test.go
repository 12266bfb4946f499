package live

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// A read costs nothing while nothing that it shows has changed, and is never older than asked for.
func TestDocumentCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a", "b")
		w.price(map[string]string{"a": "10", "b": "20", "z": "1", usd: "1.25"})
		synctest.Wait()
		valued := func() int { return w.valued[w.portfolios[k]] }
		read := func(minSequence int64) Rendered {
			t.Helper()
			d, err := w.hub.Document(t.Context(), k.Owner, k.Portfolio, minSequence)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		first := read(0)
		if again := read(1); &again.JSON[0] != &first.JSON[0] || valued() != 1 {
			t.Error("worked out twice")
		}
		w.price(map[string]string{"z": "2"}) // not held
		if again := read(1); &again.JSON[0] != &first.JSON[0] || valued() != 1 {
			t.Error("worked out for a price that is not held")
		}
		w.price(map[string]string{"a": "11"})
		second := read(1)
		if second.ETag == first.ETag || bytes.Equal(second.JSON, first.JSON) || valued() != 2 {
			t.Error("the price is not in it")
		}
		time.Sleep(time.Minute)
		if third := read(1); third.ETag != second.ETag || valued() != 3 {
			t.Error("another ETag although only time went by")
		}
		time.Sleep(market.StaleAfter)
		if fourth := read(1); fourth.ETag == second.ETag {
			t.Error("the price is stale now, and nothing says so")
		}
		w.hold("u", "p", "a")
		if changed := read(2); changed.Sequence != 2 {
			t.Errorf("sequence %d, want 2", changed.Sequence)
		}
		if _, err := w.hub.Document(t.Context(), k.Owner, k.Portfolio, 3); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a sequence that is not there: %v", err)
		}
		if _, err := w.hub.Document(t.Context(), "other", k.Portfolio, 0); !fault.Is(err, fault.NotFound) {
			t.Errorf("somebody else's portfolio, cached for its owner: %v", err)
		}
	})
}

// The same document whether it is read or streamed.
func TestSnapshotIsTheDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "b", "a")
		w.price(map[string]string{"a": "10", "b": "20", usd: "1.25"})
		synctest.Wait()
		b := w.browse("u", "", "p")
		defer b.leave()
		b.names()
		d, err := w.hub.Document(t.Context(), k.Owner, k.Portfolio, 0)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "snapshot", b.events[0].data, string(d.JSON))
	})
}

func TestDocumentWithoutPrices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a", "b")
		empty := w.hold("u", "empty")
		synctest.Wait()
		v, err := w.hub.Value(t.Context(), k.Owner, k.Portfolio, 0)
		if err != nil {
			t.Fatal(err)
		}
		d := v.Document
		expect(t, "state", d.State, market.StateNone)
		expect(t, "stale share", d.StaleShare, "1")
		expect(t, "price", string(d.Holdings[0].Price.AppendJSON(nil)),
			`{"amount":null,"currency":null,"source":null,"observed_at":null,"market_time":null,"state":"none","previous_close":null,"previous_date":null}`)
		expect(t, "problems", len(d.Problems), 3)

		// A price without a rate: known in its own currency, unknown in the base.
		w.price(map[string]string{"a": "10"})
		v, _ = w.hub.Value(t.Context(), k.Owner, k.Portfolio, 0)
		i := slices.IndexFunc(v.Document.Holdings, func(h event.Holding) bool { return h.InstrumentID == "a" })
		h := v.Document.Holdings[i]
		if h.Value == nil || h.ValueBase != nil || h.Weight != nil || h.Price.Amount == nil {
			t.Errorf("without a rate: %s", h.AppendJSON(nil))
		}
		expect(t, "state without a rate", v.Document.State, market.StateNone)

		v, _ = w.hub.Value(t.Context(), empty.Owner, empty.Portfolio, 0)
		expect(t, "empty state", v.Document.State, market.StateLive)
		expect(t, "empty share", v.Document.StaleShare, "0")
		if d := v.Document; d.Holdings == nil || d.Contributions == nil || d.Markets == nil || d.Rates == nil || d.Problems == nil {
			t.Errorf("a list is null: %s", d.AppendJSON(nil))
		}
	})
}

func TestDocumentDetails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a", "b") // 1 of a, 2 of b
		w.price(map[string]string{"a": "40", "b": "30", usd: "1.25"})
		w.mu.Lock()
		m := w.marks["b"]
		m.HeldBack = &market.HeldBack{Price: money.MustParse("300"), Reason: "10 times the last price"}
		m.Source = market.SourceSimulate
		m.Sequence = 100
		w.marks["b"] = m
		w.mu.Unlock()
		w.bus.lose()
		synctest.Wait()
		v, err := w.hub.Value(t.Context(), k.Owner, k.Portfolio, 0)
		if err != nil {
			t.Fatal(err)
		}
		d := v.Document
		expect(t, "value", d.Value, "80")
		expect(t, "state", d.State, market.StateQuarantined)
		expect(t, "stale share: quarantined is worse than stale", d.StaleShare, "0.6")
		expect(t, "simulated", d.Simulated, true)
		expect(t, "first holding", d.Holdings[0].InstrumentID, "b")
		expect(t, "weight", d.Holdings[0].Weight, "0.6")
		expect(t, "held back", d.Holdings[0].Price.HeldBack.Amount, "300")
		expect(t, "rate", string(d.Rates[0].AppendJSON(nil)), `{"currency":"USD","rate":"0.8","as_of":"2000-01-01T00:00:00.000000Z","source":"test"}`)
		expect(t, "market", string(d.Markets[0].AppendJSON(nil)), `{"mic":"XTST","name":"Market XTST","state":"open","until":null}`)
		var sum money.Decimal
		for _, c := range d.Contributions {
			sum = sum.Add(c.Amount)
		}
		if !sum.Equal(*d.DayChange) {
			t.Errorf("contributions sum to %s, the day's change is %s", sum, d.DayChange)
		}
		s := status(&event.Delta{State: d.State}, tally{sortLive: 1, sortLate: 1}, true)
		expect(t, "connection", s.Connection, event.ConnectionDelayed)
		expect(t, "detail", s.Detail, "1 of 2 holdings with a delayed price, one of a second source, or one held back")
	})
}

func TestStatusOf(t *testing.T) {
	for _, test := range []struct {
		states    []market.State
		simulated bool
		want      event.Connection
	}{
		{nil, false, event.ConnectionLive},
		{[]market.State{market.StateLive, market.StateClosed}, false, event.ConnectionLive},
		{[]market.State{market.StateNAV, market.StateClosed, market.StateManual}, false, event.ConnectionClosed},
		{[]market.State{market.StateLive, market.StateFallback}, false, event.ConnectionDelayed},
		{[]market.State{market.StateStale, market.StateFallback}, false, event.ConnectionStale},
		{[]market.State{market.StateLive, market.StateClosed}, true, event.ConnectionSimulated},
		{[]market.State{market.StateStale}, true, event.ConnectionStale},
		{[]market.State{market.StateNone, market.StateNone}, false, event.ConnectionStale},
	} {
		d := &event.Delta{State: market.StateLive}
		var prices tally
		for _, s := range test.states {
			prices[sortOf(s)]++
			d.State = market.Worse(d.State, s)
		}
		if got := status(d, prices, test.simulated); got.Connection != test.want {
			t.Errorf("%v simulated %t: %s, want %s", test.states, test.simulated, got.Connection, test.want)
		}
	}
}

// An id that we wrote is read as it was; anything else is as if nothing had been seen.
func TestIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		quotes := rapid.Int64Min(0).Draw(t, "quotes")
		v := &viewer{seen: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) resumePoint {
			return resumePoint{quotes: quotes, sequence: rapid.Int64Min(0).Draw(t, "sequence"), epoch: rapid.Uint32().Draw(t, "epoch"), frame: rapid.Uint64().Draw(t, "frame")}
		}), 1, streamPortfoliosMax).Draw(t, "points")}
		line := string(v.appendID(nil))
		id := line[len("id: ") : len(line)-1]
		if got := parseID(id, len(v.seen)); !slices.Equal(got, v.seen) {
			t.Fatalf("%s reads as %v, want %v", id, got, v.seen)
		}
	})
}

func FuzzID(f *testing.F) {
	for _, seed := range []string{"", "q1.p2-3-4", "q1.p2-3-4,p5-6-7", "q.p--", "q-1.p-1--1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		for n := 1; n < 4; n++ {
			if got := parseID(id, n); len(got) != n {
				t.Fatalf("%d points, want %d", len(got), n)
			}
		}
	})
}

// What is left out of the value counts as stale with its cost.
func TestStaleShareCountsWhatIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a", "b")
		w.price(map[string]string{"a": "40", usd: "1.25"})
		w.bus.lose()
		synctest.Wait()
		v, err := w.hub.Value(t.Context(), k.Owner, k.Portfolio, 0)
		if err != nil {
			t.Fatal(err)
		}
		var value, cost money.Decimal
		for _, h := range v.Document.Holdings {
			switch {
			case h.ValueBase != nil:
				value = value.Add(*h.ValueBase)
			case h.CostBase != nil:
				cost = cost.Add(*h.CostBase)
			}
		}
		if value.Sign() <= 0 {
			t.Fatalf("value %s, cost %s", value, cost)
		}
		t.Logf("value %s, cost of what has no price %s", value, cost)
		expect(t, "stale share", v.Document.StaleShare, cost.Quo(value.Add(cost)).Round(sharePlaces).Reduced().String())
	})
}
