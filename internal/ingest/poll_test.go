package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/jobs"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

const slot = 10 * time.Minute

func TestTheSecondSourceTakesOverInTheSamePoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := (&source{name: "first", batch: 10}).says("100"), (&source{name: "second", batch: 10}).says("101")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN"), stock("B", "OPEN")}, first, second)
		w.poll(t, ChainStock)
		if m := w.store.mark(t, "A"); m.Source != "first" || m.Fallback || m.Price.String() != "100" || second.asked() != 0 {
			t.Fatalf("at first: %+v", m)
		}
		first.down(provider.Transient, 0)
		time.Sleep(slot)
		w.poll(t, ChainStock)
		for _, id := range []market.InstrumentID{"A", "B"} {
			if m := w.store.mark(t, id); m.Source != "second" || !m.Fallback || m.Price.String() != "101" {
				t.Errorf("second source: %+v", m)
			}
		}
		if s := w.statusOf(t, "first"); s.Circuit != "open" || s.Outcome != provider.Transient || s.NextTry.IsZero() || s.LastSuccess.IsZero() || !slices.Contains(s.Chains, ChainStock) {
			t.Errorf("status: %+v", s)
		}
		first.says("102")
		time.Sleep(slot)
		w.poll(t, ChainStock)
		if m := w.store.mark(t, "A"); m.Source != "first" || m.Fallback {
			t.Errorf("the first source is back, but: %+v", m)
		}
		if s := w.statusOf(t, "first"); s.Circuit != "closed" {
			t.Errorf("status: %+v", s)
		}
	})
}

// What one source can't give goes to the next one, which then is asked for nothing else.
func TestOnlyWhatIsMissingIsAskedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &source{name: "first", batch: 2}, (&source{name: "second", batch: 50}).says("7")
		first.latest = func(names []string, now time.Time) (provider.Batch, error) {
			b := provider.Batch{Failed: map[string]*provider.Error{}}
			for _, name := range names {
				if name == "C" {
					b.Failed[name] = first.fails(provider.UnknownSymbol, 0)
					continue
				}
				b.Quotes = append(b.Quotes, quote(name, "5", "USD", now))
			}
			b.Quotes = append(b.Quotes, quote("never asked", "1", "USD", now))
			return b, nil
		}
		only := stock("D", "OPEN")
		delete(only.Names, "first") // nobody but the second knows it, so it is the first of its chain
		w := newWorld(t, []market.Instrument{stock("A", "OPEN"), stock("B", "OPEN"), stock("C", "OPEN"), only}, first, second)
		w.poll(t, ChainStock)
		if got := first.calls; len(got) != 2 || len(got[0].names) != 2 || len(got[1].names) != 1 {
			t.Errorf("batches: %+v", got)
		}
		if got := second.calls; len(got) != 2 || !slices.Equal(got[0].names, []string{"D"}) || !slices.Equal(got[1].names, []string{"C"}) {
			t.Errorf("second was asked %+v", got)
		}
		if m := w.store.mark(t, "C"); !m.Fallback {
			t.Errorf("C: %+v", m)
		}
		if m := w.store.mark(t, "D"); m.Fallback {
			t.Errorf("D: %+v", m)
		}
		if s := w.statusOf(t, "first"); s.Circuit != "closed" || s.Failures != 0 {
			t.Errorf("an unknown symbol counts against the source: %+v", s)
		}
	})
}

// All down for an hour, with a poll every ten seconds: the marks stay, and each source costs three calls and then at most one in half a minute.
func TestAllDownLeavesTheMarksAndTheSourcesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := (&source{name: "first", batch: 1}).says("100"), (&source{name: "second", batch: 1}).says("100")
		var wanted []market.Instrument
		for n := range 40 {
			wanted = append(wanted, stock(fmt.Sprintf("I%02d", n), "OPEN"))
		}
		w := newWorld(t, wanted, first, second)
		w.poll(t, ChainStock)
		before, raw := w.store.mark(t, "I07"), len(w.store.raw)
		calls := first.asked()
		first.down(provider.Transient, 0)
		second.down(provider.SchemaDrift, 0)
		for range 360 {
			time.Sleep(10 * time.Second)
			w.poll(t, ChainStock)
		}
		if m := w.store.mark(t, "I07"); m.Sequence != before.Sequence || len(w.store.raw) != raw {
			t.Errorf("the mark changed: %+v", m)
		}
		for _, s := range []*source{first, second} {
			s.mutex.Lock()
			made := s.calls
			if s == first {
				made = made[calls:]
			}
			if len(made) > 3+3600/30 {
				t.Errorf("%s was called %d times in an hour", s.name, len(made))
			}
			for n := 3; n < len(made); n++ {
				if gap := made[n].at.Sub(made[n-1].at); gap < 30*time.Second {
					t.Errorf("%s: call %d came %s after the one before", s.name, n, gap)
				}
			}
			s.mutex.Unlock()
			if status := w.statusOf(t, s.name); status.Circuit == "closed" || status.LastFailure.IsZero() || status.Failures != int64(len(made)) {
				t.Errorf("status: %+v", status)
			}
		}
	})
}

func TestOnlyAMomentsTroubleIsTriedAgain(t *testing.T) {
	for outcome, calls := range map[provider.Outcome]int{
		provider.Transient: 3, provider.SchemaDrift: 1, provider.BadKey: 1, provider.Blocked: 1, provider.RateDay: 1, provider.RateMinute: 1,
	} {
		synctest.Test(t, func(t *testing.T) {
			first := (&source{name: "first"}).down(outcome, 0)
			w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first)
			w.poll(t, ChainStock)
			if got := first.asked(); got != calls {
				t.Errorf("%s: %d calls, want %d", outcome, got, calls)
			}
			if s := w.statusOf(t, "first"); outcome.OpensCircuit() != (s.Circuit == "open" && s.NextTry.After(time.Now())) && outcome != provider.Transient {
				t.Errorf("%s: %+v", outcome, s)
			}
		})
	}
}

// A moment's trouble that passes is no news at all.
func TestARetryThatWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &source{name: "first"}
		first.latest = func(names []string, now time.Time) (provider.Batch, error) {
			if first.asked() < 3 {
				return provider.Batch{}, first.fails(provider.Transient, 0)
			}
			return provider.Batch{Quotes: []provider.Quote{quote("A", "100", "USD", now)}}, nil
		}
		second := (&source{name: "second"}).says("1")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first, second)
		w.poll(t, ChainStock)
		if m := w.store.mark(t, "A"); m.Source != "first" || second.asked() != 0 {
			t.Errorf("%+v", m)
		}
	})
}

func TestRetryAfterIsObeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first"}).down(provider.RateMinute, 47*time.Second)
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first)
		start := time.Now()
		for range 300 {
			w.poll(t, ChainStock)
			time.Sleep(time.Second)
		}
		for n, c := range first.calls {
			if want := start.Add(time.Duration(n) * 47 * time.Second); !c.at.Equal(want) {
				t.Errorf("call %d after %s, want %s", n, c.at.Sub(start), want.Sub(start))
			}
		}
	})
}

// A source that asks for each name by itself and fails for all of them is down, whatever shape it says it in.
func TestFailuresByNameOpenTheCircuitToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &source{name: "first", batch: 5}
		first.latest = func(names []string, _ time.Time) (provider.Batch, error) {
			b := provider.Batch{Failed: map[string]*provider.Error{}}
			for _, name := range names {
				b.Failed[name] = first.fails(provider.Transient, 0)
			}
			return b, nil
		}
		w := newWorld(t, []market.Instrument{stock("A", "OPEN"), stock("B", "OPEN")}, first)
		w.poll(t, ChainStock)
		if s := w.statusOf(t, "first"); s.Circuit != "open" || first.asked() != 3 {
			t.Errorf("%d calls, %+v", first.asked(), s)
		}
	})
}

func TestADecoderThatPanicsIsItsSourcesFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &source{name: "first", latest: func([]string, time.Time) (provider.Batch, error) { panic("index out of range") }}
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first, (&source{name: "second"}).says("3"))
		w.poll(t, ChainStock)
		if m := w.store.mark(t, "A"); m.Source != "second" || w.statusOf(t, "first").Outcome != provider.SchemaDrift {
			t.Errorf("%+v", m)
		}
	})
}

func TestAStoreThatFailsFailsThePoll(t *testing.T) {
	w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, (&source{name: "first"}).says("3"))
	w.store.down = errors.New("disk full")
	if err := w.Poll(t.Context(), ChainStock); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("got %v", err)
	}
}

func TestALostHintLosesNothing(t *testing.T) {
	w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, (&source{name: "first"}).says("3"))
	w.hints.down = true
	w.poll(t, ChainStock)
	if m := w.store.mark(t, "A"); m.Price.String() != "3" {
		t.Errorf("%+v", m)
	}
}

func TestHintsFollowOnEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first", batch: 2}).says("10")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN"), stock("B", "OPEN"), stock("C", "OPEN")}, first)
		for range 3 {
			w.poll(t, ChainStock)
			time.Sleep(slot)
		}
		var cursor int64
		for _, h := range w.hints.all {
			if h.previous != cursor || h.sequence != cursor+int64(len(h.marks)) {
				t.Errorf("hint from %d to %d with %d marks after %d", h.previous, h.sequence, len(h.marks), cursor)
			}
			cursor = h.sequence
		}
		if cursor != 9 {
			t.Errorf("ends at %d", cursor)
		}
	})
}

// What was asked for longest ago comes first, so that a poll that is cut short doesn't starve the same ones each time.
func TestTheLongestUnseenComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first", batch: 10}).says("1")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN"), stock("B", "OPEN"), stock("C", "OPEN")}, first)
		now := time.Now()
		for id, d := range map[market.InstrumentID]time.Duration{"A": time.Hour, "B": 3 * time.Hour} {
			if _, _, err := w.store.Accept(t.Context(), []market.Mark{{Quote: market.Quote{Instrument: id, Price: money.One, Currency: "USD", Source: "first", ObservedAt: now.Add(-d), MarketTime: now.Add(-d)}}}); err != nil {
				t.Fatal(err)
			}
		}
		w.poll(t, ChainStock)
		if got := first.calls[0].names; !slices.Equal(got, []string{"C", "B", "A"}) {
			t.Errorf("order %v", got)
		}
	})
}

func TestAPollThatStillRunsIsNotDoubled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &source{name: "first"}
		first.latest = func(_ []string, now time.Time) (provider.Batch, error) {
			time.Sleep(30 * time.Second)
			return provider.Batch{Quotes: []provider.Quote{quote("A", "1", "USD", now)}}, nil
		}
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first)
		for range 5 {
			go func() {
				if err := w.Poll(t.Context(), ChainStock); err != nil {
					t.Error(err)
				}
			}()
		}
		time.Sleep(time.Minute)
		if first.asked() != 1 {
			t.Errorf("%d calls", first.asked())
		}
	})
}

// Another node's prices count: the checks go by the store, not by what this node happened to see.
func TestNodesShareWhatTheyKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first"}).says("100")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first)
		w.poll(t, ChainStock)
		other := w.node(t, w.Chains)
		time.Sleep(slot)
		first.says("1000")
		if err := other.Poll(t.Context(), ChainStock); err != nil {
			t.Fatal(err)
		}
		if m := w.store.mark(t, "A"); m.HeldBack == nil || m.Price.String() != "100" {
			t.Fatalf("the other node knew nothing of the last price: %+v", m)
		}
		time.Sleep(slot)
		w.poll(t, ChainStock) // and this one confirms what the other held back
		if m := w.store.mark(t, "A"); m.HeldBack != nil || m.Price.String() != "1000" {
			t.Errorf("%+v", m)
		}
	})
}

func TestKindsAreOneForEachChainAndTheUpkeep(t *testing.T) {
	w := newWorld(t, nil)
	ran := 0
	w.Upkeep = []Upkeep{{Name: "answers", Do: func(context.Context, time.Time) error { ran++; return nil }}}
	var names []string
	for _, kind := range w.Kinds() {
		names = append(names, kind.Name)
		if err := kind.Work(t.Context(), jobs.Job{}); err != nil {
			t.Error(kind.Name, err)
		}
	}
	if want := []string{"poll.stock", "poll.fund", "poll.fx", "poll.crypto", "poll.new", "history.backfill", "history.fold", "upkeep.answers"}; !slices.Equal(names, want) || ran != 1 {
		t.Errorf("kinds %v", names)
	}
	if age := time.Since(w.store.folded); age < 7*24*time.Hour || age > 8*24*time.Hour {
		t.Errorf("folded what is older than %s", age)
	}
}

// A first purchase gets its price without waiting for the slot, and what no source knows isn't asked for each minute.
func TestNewcomersDontWaitForTheSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first", batch: 10}).says("10")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first)
		w.poll(t, ChainStock)
		w.store.wanted = append(w.store.wanted, stock("B", "SHUT"))
		time.Sleep(time.Minute)
		if err := w.PollNew(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := first.calls; w.store.mark(t, "B").Price.String() != "10" || len(got) != 2 || !slices.Equal(got[1].names, []string{"B"}) {
			t.Fatalf("calls %+v", got)
		}
		first.latest = func([]string, time.Time) (provider.Batch, error) { return provider.Batch{}, nil }
		w.store.wanted = append(w.store.wanted, stock("C", "OPEN"))
		for range 10 {
			if err := w.PollNew(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if got := len(first.calls); got != 3 {
			t.Errorf("%d calls", got)
		}
	})
}

// A price is as old as the question that it answers: what a slow answer tells, or one that is judged late, isn't newer for that.
func TestAPriceIsAsOldAsItsQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slow = 20 * time.Second
		s := (&source{name: "first"}).says("100")
		says := s.latest
		s.latest = func(names []string, now time.Time) (provider.Batch, error) {
			time.Sleep(slow)
			return says(names, now)
		}
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, s)
		asked := time.Now()
		w.poll(t, ChainStock)
		if seen := w.store.mark(t, "A").ObservedAt; !seen.Equal(asked) {
			t.Errorf("seen %s after it was asked for", seen.Sub(asked))
		}
	})
}
