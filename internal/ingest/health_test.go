package ingest

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

func (w *world) healthOf(t *testing.T, g *Ingest, name string) SourceHealth {
	t.Helper()
	h, err := g.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range h.Sources {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no source %s in %+v", name, h.Sources)
	return SourceHealth{}
}

// The first source dies: every node, also one that polls nothing, sees whose prices are in use, how the calls went and when the
// next one is made.
func TestHealthOfADeadSourceIsTheSameOnEveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := (&source{name: "first", batch: 50}).says("100"), (&source{name: "second", batch: 50}).says("101")
		unknown := stock("nobody", "OPEN")
		unknown.Names = nil
		w := newWorld(t, append(many(3, "OPEN"), unknown), first, second)
		idle := w.node(t, w.Chains)
		w.poll(t, ChainStock)
		if s := w.healthOf(t, idle, "first"); s.Serves != 3 || s.Replaced != 0 || s.Circuit != "closed" || s.LastSuccess.IsZero() || s.Today.Outcomes[provider.OK] == 0 {
			t.Errorf("before: %+v", s)
		}
		first.down(provider.Blocked, 0)
		second.says("102")
		time.Sleep(slot)
		w.poll(t, ChainStock)
		dead, alive := w.healthOf(t, idle, "first"), w.healthOf(t, idle, "second")
		if dead.Serves != 0 || dead.Replaced != 3 || dead.Circuit != "open" || dead.Outcome != provider.Blocked || !dead.NextTry.After(time.Now()) {
			t.Errorf("dead: %+v", dead)
		}
		if calls, failed := dead.Today.Calls(); calls != 2 || failed != 1 || dead.Today.Outcomes[provider.Blocked] != 1 {
			t.Errorf("%d calls, %d failed: %+v", calls, failed, dead.Today)
		}
		if alive.Serves != 3 || alive.StandsIn != 3 || alive.Places[ChainStock] != 2 {
			t.Errorf("alive: %+v", alive)
		}
		h, err := idle.Health(t.Context())
		if err != nil || h.UnservedCount != 1 || h.Unserved[0].ID != "nobody" {
			t.Errorf("unserved: %+v, %v", h.Unserved, err)
		}
		if h.Open != 3 || h.Stale != 0 {
			t.Errorf("%d of %d are stale", h.Stale, h.Open)
		}
		time.Sleep(market.StaleAfter + time.Second)
		if h, err = idle.Health(t.Context()); err != nil || h.Open != 3 || h.Stale != 3 {
			t.Errorf("%d of %d are stale after nobody asked, %v", h.Stale, h.Open, err)
		}
		// A day later none of it counts any more.
		time.Sleep(tallyShown + time.Hour)
		if s := w.healthOf(t, idle, "first"); len(s.Today.Outcomes) != 0 {
			t.Errorf("a day later: %+v", s.Today)
		}
	})
}

func TestTalliesAreKeptUntilTheStoreTakesThem(t *testing.T) {
	first := (&source{name: "first", batch: 50}).says("100")
	w := newWorld(t, many(1, "OPEN"), first)
	w.tallies.ended("first", time.Now(), provider.OK)
	w.tallies.took("first", time.Now(), 70*time.Millisecond)
	w.store.down = errors.New("away")
	w.shareTallies(t.Context())
	w.tallies.ended("first", time.Now(), provider.Transient)
	w.store.down = nil
	today, err := w.today(t.Context())
	if err != nil || today["first"].Outcomes[provider.OK] != 1 || today["first"].Outcomes[provider.Transient] != 1 || today["first"].Latency(0.5) != 100*time.Millisecond {
		t.Errorf("%+v, %v", today, err)
	}
	if today, _ = w.today(t.Context()); today["first"].Outcomes[provider.OK] != 1 {
		t.Errorf("counted twice: %+v", today)
	}
}

func TestLatencyByBuckets(t *testing.T) {
	s := newTallies()
	for n := range 100 {
		took := 10 * time.Millisecond
		if n >= 94 {
			took = 2 * time.Second
		}
		s.took("first", time.Unix(0, 0), took)
	}
	s.took("slow", time.Unix(0, 0), time.Hour)
	got := map[string]Tally{}
	for _, tally := range s.drain() {
		got[tally.Source] = tally
	}
	for _, test := range []struct {
		source string
		share  float64
		want   time.Duration
	}{{"first", 0.5, 50 * time.Millisecond}, {"first", 0.94, 50 * time.Millisecond}, {"first", 0.95, 3 * time.Second}, {"slow", 0.5, 30 * time.Second}, {"none", 0.5, 0}} {
		if latency := got[test.source].Latency(test.share); latency != test.want {
			t.Errorf("%s at %v: %s, want %s", test.source, test.share, latency, test.want)
		}
	}
}

func TestASourceIsTestedThroughItsGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first", batch: 50}).says("100")
		w := newWorld(t, many(2, "OPEN"), first)
		limit(w.Ingest, "first", Limits{Day: 2})
		trial, err := w.TestSource(t.Context(), "first")
		if err != nil || !trial.Asked || trial.Outcome != provider.OK || trial.Price == nil || trial.Price.String() != "100" || trial.Currency != "USD" || trial.Name != "I0000" {
			t.Fatalf("%+v, %v", trial, err)
		}
		if len(w.store.marks) != 0 {
			t.Error("a trial was stored as a price")
		}
		if _, err = w.TestSource(t.Context(), "first"); !fault.Is(err, fault.Limited) {
			t.Errorf("at once again: %v", err)
		}
		if _, err = w.TestSource(t.Context(), "nobody"); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
		time.Sleep(trialFloor)
		first.down(provider.SchemaDrift, 0)
		if trial, err = w.TestSource(t.Context(), "first"); err != nil || trial.Outcome != provider.SchemaDrift || trial.Detail != "scripted" || trial.Price != nil {
			t.Errorf("%+v, %v", trial, err)
		}
		time.Sleep(trialFloor)
		if trial, err = w.TestSource(t.Context(), "first"); err != nil || trial.Asked || !trial.NextTry.After(time.Now()) {
			t.Errorf("the day's quota is spent: %+v, %v", trial, err)
		}
		if first.asked() != 2 {
			t.Errorf("%d calls", first.asked())
		}
	})
}

// What a page's address says stays with those who entered it.
func TestATrialTellsNoAddressOfPages(t *testing.T) {
	failed := &provider.Error{Provider: provider.HTTP, Outcome: provider.Transient, Symbol: "https://a.example/x?key=canary", Cause: errors.New("get canary")}
	var trial Trial
	trial.conclude(provider.HTTP, "https://a.example/x?key=canary", provider.Batch{}, failed)
	if strings.Contains(trial.Detail, "canary") || shownName(provider.HTTP, "https://a.example/x?key=canary#close") != "a.example" {
		t.Errorf("%+v", trial)
	}
}

func TestOutlooksSayWhatStandsInTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := (&source{name: "first", batch: 50}).says("100"), (&source{name: "second", batch: 50}).says("100")
		w := newWorld(t, many(2, "OPEN"), first, second)
		first.latest = func(names []string, now time.Time) (provider.Batch, error) {
			b := provider.Batch{Failed: map[string]*provider.Error{}}
			for _, name := range names {
				b.Failed[name] = first.fails(provider.UnknownSymbol, 0)
			}
			return b, nil
		}
		w.poll(t, ChainStock)
		second.down(provider.RateDay, 3*time.Hour)
		time.Sleep(slot)
		w.poll(t, ChainStock)
		outlooks, err := w.Outlooks(t.Context(), w.store.wanted)
		if err != nil {
			t.Fatal(err)
		}
		o := outlooks["I0000"]
		if o.First != "first" || len(o.Sources) != 2 || o.Sources[0].Refused != provider.UnknownSymbol || !o.Sources[1].Away || time.Until(o.Sources[1].Until) != 3*time.Hour {
			t.Errorf("%+v", o)
		}
		if !o.RefreshAt.Equal(o.Tried.Add(time.Minute)) || o.Tried.IsZero() {
			t.Errorf("asked again from %s, tried %s", o.RefreshAt, o.Tried)
		}
	})
}

func TestMetersCountVerdictsAndTheLastPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first", batch: 50}).says("100")
		w := newWorld(t, many(3, "OPEN"), first)
		w.poll(t, ChainStock)
		first.latest = func(names []string, now time.Time) (provider.Batch, error) {
			b := provider.Batch{}
			for n, name := range names {
				b.Quotes = append(b.Quotes, quote(name, []string{"0", "10000", "1000"}[n], "USD", now))
			}
			return b, nil
		}
		time.Sleep(slot)
		w.poll(t, ChainStock)
		m := w.Meters()
		want := map[Verdict]int64{{"accept", ""}: 3, {"refused", "not_positive"}: 1, {"hold", "unit"}: 1, {"hold", "jump"}: 1}
		for v, n := range want {
			if m.Verdicts[v] != n {
				t.Errorf("%v: %d, want %d", v, m.Verdicts[v], n)
			}
		}
		if c := m.Census[ChainStock]; c.Wanted != 3 || c.Due != 3 || c.Unpriced != 0 || c.Unserved != 0 {
			t.Errorf("%+v", c)
		}
		if len(m.Sources) != 1 || m.Sources[0].Outcomes[provider.OK] != 2 || m.Sources[0].Circuit != "closed" {
			t.Errorf("%+v", m.Sources)
		}
		held, err := w.HeldPrices(t.Context(), true, 0, 10)
		if err != nil || len(held) != 2 {
			t.Errorf("%v, %v", held, err)
		}
	})
}

// Every reason that judge gives has its word: a new one would be counted as a currency.
func TestEveryReasonHasItsWord(t *testing.T) {
	for why, want := range map[string]string{whyNotPositive: "not_positive", whyNoTime: "no_time", whyFuture: "future", whyRefusedBefore: "refused_before", "in EUR, the instrument is in USD": "currency"} {
		if got := reasonWord(refuse, why); got != want {
			t.Errorf("%s: %s", why, got)
		}
	}
	up, down := money.MustParse("10000"), money.MustParse("150")
	if got := reasonWord(hold, reason(up, money.MustParse("100"), true)); got != "unit" {
		t.Errorf("%s", got)
	}
	if got := reasonWord(hold, reason(down, money.MustParse("100"), false)); got != "jump" {
		t.Errorf("%s", got)
	}
}

func TestCalendarsThatEndAreNamed(t *testing.T) {
	calendar, err := market.NewCalendar()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, []market.Instrument{stock("A", "XNYS"), stock("B", "XNYS"), stock("C", "ZZZZ")})
	w.Sessions = calendar
	last := calendar.Horizon("XNYS")
	for _, test := range []struct {
		daysBefore market.Date
		want       int
	}{{horizonWarned, 1}, {horizonWarned - 1, 2}, {-10, 2}} {
		found := w.horizons(w.store.wanted, (last - test.daysBefore).Time())
		if len(found) != test.want || found[0].MIC != "ZZZZ" || test.want == 2 && found[1].Instruments != 2 {
			t.Errorf("%d days before: %+v", test.daysBefore, found)
		}
	}
}
