package sqlstore

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ingest"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func TestAskedIsShared(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.instruments("aapl", "msft")
		b.user("anna")
		b.portfolio("anna", "p1")
		b.appended("anna", "p1", Change{Interest: map[market.InstrumentID]int{"aapl": 1}})
		b.ok(b.PutTried(t.Context(), []market.InstrumentID{"aapl", "fx-eur-USD"}, testStart))
		b.ok(b.PutSettled(t.Context(), []market.InstrumentID{"aapl"}, testStart.Add(time.Second)))
		b.ok(b.PutTried(t.Context(), []market.InstrumentID{"aapl"}, testStart.Add(time.Minute)))
		b.reopen()
		asked, err := b.Asked(t.Context())
		b.ok(err)
		if a := asked["aapl"]; a.Holders != 1 || !a.Tried.Equal(moment(stamp(testStart.Add(time.Minute)))) || !a.Settled.Equal(moment(stamp(testStart.Add(time.Second)))) {
			t.Errorf("%+v", a)
		}
		if a := asked["fx-eur-USD"]; a.Tried.IsZero() || !a.Settled.IsZero() {
			t.Errorf("a rate: %+v", a)
		}
		if _, there := asked["msft"]; there {
			t.Error("nobody holds it and nobody asked")
		}
		refresh := func(at time.Time) []market.InstrumentID {
			t.Helper()
			got, err := b.ClaimRefresh(t.Context(), []market.InstrumentID{"aapl", "msft"}, at, at.Add(-time.Minute), at.Add(10*time.Minute))
			b.ok(err)
			return got
		}
		if got := refresh(testStart.Add(90 * time.Second)); !slices.Equal(got, []market.InstrumentID{"msft"}) {
			t.Errorf("30 s after it was tried: %v", got)
		}
		if got := refresh(testStart.Add(2 * time.Minute)); !slices.Equal(got, []market.InstrumentID{"aapl"}) {
			t.Errorf("a minute after: %v", got)
		}
		if got := refresh(testStart.Add(-24 * time.Hour)); len(got) != 2 {
			t.Errorf("after a clock that was a day ahead: %v", got)
		}
	})
}

func TestSlotsAreClaimedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const length, lease, skew = 10 * time.Minute, 5 * time.Minute, 10 * time.Minute
		slot := testStart.Truncate(length)
		claim := func(slot, now time.Time) bool {
			t.Helper()
			ok, err := b.ClaimSlot(t.Context(), "poll.stock", slot, now, now.Add(lease), now.Add(length+skew))
			b.ok(err)
			return ok
		}
		var won atomic.Int64
		var nodes sync.WaitGroup
		for range 8 {
			nodes.Go(func() {
				if ok, err := b.ClaimSlot(t.Context(), "poll.stock", slot, slot, slot.Add(lease), slot.Add(length+skew)); err != nil {
					t.Error(err)
				} else if ok {
					won.Add(1)
				}
			})
		}
		nodes.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 8 nodes got the slot", won.Load())
		}
		if claim(slot, slot.Add(lease-time.Second)) || !claim(slot, slot.Add(lease)) {
			t.Error("the lease")
		}
		b.ok(b.EndSlot(t.Context(), "poll.stock", slot, true))
		if claim(slot, slot.Add(9*time.Minute)) || claim(slot.Add(-length), slot.Add(9*time.Minute)) {
			t.Error("done, and given again")
		}
		b.ok(b.EndSlot(t.Context(), "poll.stock", slot, false))
		if !claim(slot, slot.Add(9*time.Minute)) {
			t.Error("given back, and not given again")
		}
		if ahead := slot.Add(24 * time.Hour); !claim(ahead, ahead) || !claim(slot.Add(length), slot.Add(length)) || claim(slot.Add(length), slot.Add(length)) {
			t.Error("a clock that was a day ahead stands in the way")
		}
	})
}

func TestQuotasAreSpentByAllNodesTogether(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ration := func(now time.Time) ingest.Ration {
			return ingest.Ration{
				ingest.Minute: {Cost: 1, Max: 10, Ends: now.Truncate(time.Minute).Add(time.Minute), EndsMax: now.Add(10 * time.Minute).Truncate(time.Minute).Add(time.Minute)},
				ingest.Hour:   {Cost: 1, Max: 1 << 62, Ends: now.Truncate(time.Hour).Add(time.Hour), EndsMax: now.Add(10 * time.Minute).Truncate(time.Hour).Add(time.Hour)},
				ingest.Day:    {Cost: 3, Max: 60, Ends: now.Truncate(24 * time.Hour).Add(24 * time.Hour), EndsMax: now.Add(10 * time.Minute).Truncate(24 * time.Hour).Add(24 * time.Hour)},
				ingest.Month:  {Cost: 1, Max: 1 << 62, Ends: now.AddDate(0, 1, 0), EndsMax: now.AddDate(0, 1, 0)},
			}
		}
		spend := func(at time.Time, times int) int {
			t.Helper()
			var won atomic.Int64
			var nodes sync.WaitGroup
			for range 4 {
				nodes.Go(func() {
					for range times / 4 {
						if ok, err := b.SpendQuota(t.Context(), "tiingo", ration(at)); err != nil {
							t.Error(err)
						} else if ok {
							won.Add(1)
						}
					}
				})
			}
			nodes.Wait()
			return int(won.Load())
		}
		at := testStart.Truncate(time.Minute)
		if got := spend(at, 24); got != 10 {
			t.Errorf("%d of 10 in the first minute", got)
		}
		b.reopen()
		if got := spend(at.Add(59*time.Second), 4); got != 0 {
			t.Errorf("%d more after a restart", got)
		}
		if got := spend(at.Add(-5*time.Minute), 4); got != 0 {
			t.Errorf("%d by a node whose clock is five minutes behind", got)
		}
		if got := spend(at.Add(time.Minute), 24); got != 10 {
			t.Errorf("%d of 10 in the second minute", got)
		}
		if got := spend(at.Add(2*time.Minute), 24); got != 0 {
			t.Errorf("%d beyond the day's 60", got)
		}
		used, err := b.QuotasUsed(t.Context())
		if now := ration(at.Add(time.Minute)); err != nil || used["tiingo"][ingest.Day].In(now[ingest.Day]) != 60 || used["tiingo"][ingest.Minute].In(now[ingest.Minute]) != 10 {
			t.Errorf("%+v, %v", used, err)
		}
		if got := spend(at.Add(24*time.Hour), 4); got != 4 {
			t.Errorf("%d of 4 on the next day", got)
		}
		if got := spend(at.Add(3*time.Minute), 4); got != 4 {
			t.Errorf("%d of 4 once a clock that was a day ahead is right again", got)
		}
	})
}

func TestSourceStatesAreShared(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		at := testStart
		state := func() ingest.SourceState {
			t.Helper()
			all, err := b.SourceStates(t.Context())
			b.ok(err)
			return all["yahoo"]
		}
		trial := func(at time.Time) bool {
			t.Helper()
			ok, err := b.ClaimTrial(t.Context(), "yahoo", at, at.Add(30*time.Second))
			b.ok(err)
			return ok
		}
		b.ok(b.SourceWorked(t.Context(), "yahoo", at))
		if s := state(); s.Failing || !s.WorkedAt.Equal(moment(stamp(at))) {
			t.Errorf("works: %+v", s)
		}
		failed := ingest.SourceState{Until: at.Add(time.Minute), Outcome: "RATE_MINUTE", FailedAt: at}
		b.ok(b.SourceFailed(t.Context(), "yahoo", failed))
		b.ok(b.SourceFailed(t.Context(), "yahoo", ingest.SourceState{Until: at.Add(30 * time.Second), Outcome: "TRANSIENT", FailedAt: at}))
		b.ok(b.SourceWorked(t.Context(), "yahoo", at.Add(time.Second))) // another node's call that was under way
		if s := state(); !s.Failing || !s.Until.Equal(moment(stamp(at.Add(time.Minute)))) || s.Outcome != "TRANSIENT" {
			t.Errorf("the later word stands: %+v", s)
		}
		if trial(at.Add(59*time.Second)) || !trial(at.Add(time.Minute)) || trial(at.Add(time.Minute)) || trial(at.Add(89*time.Second)) || !trial(at.Add(90*time.Second)) {
			t.Error("trials")
		}
		b.ok(b.SourceFailed(t.Context(), "yahoo", ingest.SourceState{Until: at.Add(95 * time.Second), Outcome: "RATE_BURST", FailedAt: at.Add(90 * time.Second)}))
		if !trial(at.Add(95 * time.Second)) {
			t.Error("what the source says counts more than the trial that it ended")
		}
		b.ok(b.SourceWorked(t.Context(), "yahoo", at.Add(100*time.Second)))
		if s := state(); s.Failing {
			t.Errorf("works again: %+v", s)
		}
		b.ok(b.SourceFailed(t.Context(), "yahoo", ingest.SourceState{Until: at.Add(1000 * time.Hour), FailedAt: at.Add(999 * time.Hour)}))
		if !trial(at.Add(110 * time.Second)) {
			t.Error("a clock that was weeks ahead stands in the way")
		}
		refusals := []ingest.Refusal{{Source: "yahoo", Name: "A", Outcome: "UNKNOWN_SYMBOL", Until: at.Add(time.Hour)}, {Source: "yahoo", Name: "B", Outcome: "NOT_ENTITLED", Until: at.Add(2 * time.Hour)}}
		b.ok(b.PutRefusals(t.Context(), refusals))
		b.ok(b.PutRefusals(t.Context(), refusals[:1]))
		if got, err := b.Refusals(t.Context(), at.Add(time.Hour)); err != nil || len(got) != 1 || got[0].Name != "B" || got[0].Outcome != "NOT_ENTITLED" {
			t.Errorf("%+v, %v", got, err)
		}
		b.ok(b.PruneRefusals(t.Context(), at.Add(time.Hour)))
		if got, err := b.Refusals(t.Context(), at); err != nil || len(got) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestQuarantineFollowsTheMarks(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		at := moment(stamp(testStart))
		mark := func(price string, minutes int, held *market.HeldBack) market.Mark {
			when := at.Add(time.Duration(minutes) * time.Minute)
			return market.Mark{Quote: market.Quote{Instrument: "aapl", Price: money.MustParse(price), Currency: "USD", Source: "yahoo", ObservedAt: when, MarketTime: when},
				PreviousDate: market.NoDate, HeldBack: held}
		}
		heldBack := func(price string, minutes int) *market.HeldBack {
			when := at.Add(time.Duration(minutes) * time.Minute)
			return &market.HeldBack{Price: money.MustParse(price), Source: "tiingo", ObservedAt: when, MarketTime: when, Reason: "ten times the last price"}
		}
		put := func(m market.Mark) {
			t.Helper()
			_, accepted, err := b.Accept(t.Context(), []market.Mark{m})
			if err != nil || len(accepted) != 1 {
				t.Fatalf("%v, %v", accepted, err)
			}
		}
		all := func(states ...ingest.HeldState) []ingest.Held {
			t.Helper()
			held, err := b.Held(t.Context(), states, 0, 10)
			b.ok(err)
			return held
		}
		put(mark("100", 0, nil))
		put(mark("100", 0, heldBack("1000", 10)))
		put(mark("100", 0, heldBack("1010", 15)))
		if waiting := all(ingest.HeldWaiting); len(waiting) != 1 || waiting[0].Price.String() != "1010" || !waiting[0].MarketTime.Equal(at.Add(15*time.Minute)) {
			t.Errorf("as it moves: %+v", waiting)
		}
		put(mark("100", 0, heldBack("20", 20))) // another one takes its place
		waiting := all(ingest.HeldWaiting)
		if len(waiting) != 1 || waiting[0].Price.String() != "20" || waiting[0].LastPrice.String() != "100" || waiting[0].Source != "tiingo" || waiting[0].Reason == "" || !waiting[0].MarketTime.Equal(at.Add(20*time.Minute)) {
			t.Fatalf("%+v", waiting)
		}
		put(mark("19.9", 30, nil)) // confirmed
		if ended := all(ingest.HeldEnded); len(ended) != 2 || !ended[0].Confirmed() || ended[1].Confirmed() || ended[1].DecidedPrice != nil || ended[0].DecidedAt.IsZero() {
			t.Errorf("%+v", ended)
		}
		put(mark("19.9", 30, heldBack("2000", 40)))
		id := all(ingest.HeldWaiting)[0].ID
		next := mark("2000", 40, nil)
		next.Source = "tiingo"
		_, accepted, err := b.DecideHeld(t.Context(), id, ingest.HeldAccepted, next, entry("admin", audit.PriceAccepted))
		if err != nil || len(accepted) != 1 || accepted[0].Price.String() != "2000" {
			t.Fatalf("%+v, %v", accepted, err)
		}
		_, _, err = b.DecideHeld(t.Context(), id, ingest.HeldRefused, next, entry("admin", audit.PriceRefused))
		b.kind(err, fault.Conflict)
		if h, err := b.HeldByID(t.Context(), id); err != nil || h.State != ingest.HeldAccepted || h.DecidedPrice.String() != "2000" {
			t.Errorf("%+v, %v", h, err)
		}
		put(mark("2000", 40, heldBack("1", 50)))
		id = all(ingest.HeldWaiting)[0].ID
		_, _, err = b.DecideHeld(t.Context(), id, ingest.HeldAccepted, mark("1", 30, nil), entry("admin", audit.PriceAccepted))
		b.kind(err, fault.Conflict) // a later price is in use: nothing of it is done
		plain := mark("2000", 40, nil)
		_, _, err = b.DecideHeld(t.Context(), id, ingest.HeldRefused, plain, entry("admin", audit.PriceRefused))
		b.ok(err)
		if refused, err := b.RefusedSince(t.Context(), at.Add(-time.Hour)); err != nil || len(refused) != 1 || refused[0].ID != id {
			t.Errorf("%+v, %v", refused, err)
		}
		rows, err := b.Audits(t.Context(), "", 0, 10)
		if err != nil || len(rows) != 2 || rows[1].Action != audit.PriceRefused {
			t.Errorf("%+v, %v", rows, err)
		}
		if page, err := b.Held(t.Context(), []ingest.HeldState{ingest.HeldEnded, ingest.HeldAccepted, ingest.HeldRefused}, id, 2); err != nil || len(page) != 2 || page[0].ID >= id {
			t.Errorf("%+v, %v", page, err)
		}
		b.clock.advance(48 * time.Hour)
		b.ok(b.PruneHeld(t.Context(), b.clock.Now()))
		if left := all(ingest.HeldWaiting, ingest.HeldEnded, ingest.HeldAccepted, ingest.HeldRefused); len(left) != 0 {
			t.Errorf("%+v", left)
		}
		_, err = b.HeldByID(t.Context(), id)
		b.kind(err, fault.NotFound)
	})
}

func TestCalendarOverridesAreKept(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		day := market.MustDate("2026-11-18")
		o := market.Override{MIC: "XNYS", Day: day, Closed: true, Note: "a storm"}
		b.ok(b.PutCalendarOverride(t.Context(), o, entry("admin", audit.CalendarChanged)))
		o.Closed, o.Opens, o.Closes = false, 600, 780
		b.ok(b.PutCalendarOverride(t.Context(), o, entry("admin", audit.CalendarChanged)))
		b.ok(b.PutCalendarOverride(t.Context(), market.Override{MIC: "XLON", Day: day, Closed: true}, entry("admin", audit.CalendarChanged)))
		b.kind(b.PutCalendarOverride(t.Context(), market.Override{MIC: "XLON", Day: day}, entry("admin", audit.CalendarChanged)), fault.Invalid)
		b.reopen()
		got, err := b.CalendarOverrides(t.Context())
		if err != nil || len(got) != 2 || got[0].MIC != "XLON" || got[1] != o {
			t.Errorf("%+v, %v", got, err)
		}
		b.ok(b.DeleteCalendarOverride(t.Context(), "XLON", day, entry("admin", audit.CalendarChanged)))
		if got, err = b.CalendarOverrides(t.Context()); err != nil || len(got) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		if rows, err := b.Audits(t.Context(), "", 0, 10); err != nil || len(rows) != 4 {
			t.Errorf("%+v, %v", rows, err)
		}
	})
}
