package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/event"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func (w *world) prices(at time.Time, prices map[market.InstrumentID]string) {
	w.t.Helper()
	parsed := make(map[market.InstrumentID]money.Decimal, len(prices))
	for id, p := range prices {
		parsed[id] = money.MustParse(p)
	}
	w.accept(at, parsed)
}

// values are what somebody was told, in order.
func (w *world) values(owner string) (values []string) {
	w.t.Helper()
	for _, n := range w.told(ledger.OwnerID(owner)) {
		values = append(values, n.Facts.Value.String())
	}
	return values
}

func TestAPriceIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		now := time.Now()
		w.user("anna")
		w.prices(now, map[market.InstrumentID]string{"aapl": "99", market.RateID("USD"): "1.25"})
		w.start("one")
		w.rule(price("anna", "above", "aapl", alert.Above, "100"))
		w.rule(price("anna", "so already", "aapl", alert.Below, "99"))
		w.rule(alert.Rule{Owner: "anna", ID: "rate", Condition: alert.Condition{Kind: alert.CurrencyRate, Base: "USD", Quote: "EUR", Direction: alert.Below, Threshold: money.MustParse("0.75")}})
		w.eventually("what is so already is told", func() bool { return slices.Equal(w.values("anna"), []string{"99"}) })
		for i, p := range []string{"100.5", "101", "98", "100"} {
			w.prices(now.Add(time.Duration(i+1)*time.Second), map[market.InstrumentID]string{"aapl": p})
		}
		w.prices(now.Add(9*time.Second), map[market.InstrumentID]string{market.RateID("USD"): "1.6"})
		w.eventually("each crossing is told", func() bool { return len(w.values("anna")) == 5 })
		if got, want := w.values("anna"), []string{"99", "100.5", "98", "100", "0.625"}; !slices.Equal(got, want) {
			t.Errorf("told %v, want %v", got, want)
		}
	})
}

// A portfolio is valued when a price in it changed, or it did, and not for anything else.
func TestAPortfolioIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		now := time.Now()
		w.user("anna")
		w.worth("p1", "900", "aapl")
		n := w.start("one")
		w.rule(alert.Rule{Owner: "anna", ID: "value", Condition: alert.Condition{Kind: alert.Value, Portfolio: "p1", Direction: alert.Above, Threshold: money.MustParse("1000")}})
		w.eventually("the portfolio is valued", func() bool { return n.Meters().Valued == 1 })
		w.worth("p1", "1010", "aapl", "msft")
		w.prices(now.Add(time.Second), map[market.InstrumentID]string{"aapl": "101"})
		w.eventually("its price changed", func() bool { return slices.Equal(w.values("anna"), []string{"1010"}) })
		w.prices(now.Add(2*time.Second), map[market.InstrumentID]string{"tsla": "5"})
		w.worth("p1", "990", "aapl", "msft")
		w.prices(now.Add(3*time.Second), map[market.InstrumentID]string{"msft": "5"})
		w.eventually("it is armed again", func() bool { return n.Meters().Valued == 3 })
		w.worth("p1", "1020", "aapl")
		w.bus.send(event.PortfolioChangedSubject("p1"), event.PortfolioChanged{OwnerID: "anna", PortfolioID: "p1", Sequence: 2}.Payload())
		w.eventually("it changed itself", func() bool { return slices.Equal(w.values("anna"), []string{"1010", "1020"}) })
		if valued := n.Meters().Valued; valued != 4 {
			t.Errorf("it was valued %d times", valued)
		}
	})
}

// A portfolio is asked for what its rules look at: the longest past, and the rates of expressions.
func TestAPortfolioIsAskedForWhatItsRulesNeed(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		w.user("anna")
		w.worth("p1", "900")
		w.start("one")
		about := func(id alert.RuleID, c alert.Condition) {
			c.Portfolio = "p1"
			w.rule(alert.Rule{Owner: "anna", ID: id, Condition: c})
		}
		about("fall", alert.Condition{Kind: alert.Drawdown, Direction: alert.Above, Threshold: money.MustParse("5"), Days: 90})
		about("week", alert.Condition{Kind: alert.PortfolioChange, Direction: alert.Above, Threshold: money.MustParse("5"), Days: 7})
		about("one", alert.Condition{Kind: alert.Expressed, Expression: `rate("EUR", "USD") > 1.2 || rate("CHF", "USD") > 1.2`})
		about("two", alert.Condition{Kind: alert.Expressed, Expression: `rate("USD", "SEK") > 9.0`})
		w.eventually("all of it is asked for", func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.asked.Days == 90 && slices.Equal(w.asked.Rates, []money.Currency{"CHF", "EUR", "SEK", "USD"})
		})
	})
}

// A change is counted from the close before, on the next day from that day's; a fall from the highest price of its days.
func TestAChangeIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		monday := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
		day := market.DateOf(monday)
		closes := func(last market.Date, prices ...string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.past = nil
			for i, p := range prices {
				w.past = append(w.past, market.Bar{Date: last - market.Date(len(prices)-1-i), Close: money.MustParse(p)})
			}
		}
		closes(day, "80", "100", "101")
		w.user("anna")
		w.prices(monday, map[market.InstrumentID]string{"aapl": "101"})
		w.start("one")
		about := func(id alert.RuleID, kind alert.Kind, direction alert.Direction, threshold string, days int) {
			w.rule(alert.Rule{Owner: "anna", ID: id, Condition: alert.Condition{Kind: kind, Instrument: "aapl", Direction: direction, Threshold: money.MustParse(threshold), Days: days}})
		}
		about("day", alert.Change, alert.Above, "10", 1)
		about("week", alert.Change, alert.Above, "40", 2)
		about("fall", alert.OffHigh, alert.Above, "50", 30)
		step := func(minutes int, p string) {
			w.prices(monday.Add(time.Duration(minutes)*time.Minute), map[market.InstrumentID]string{"aapl": p})
		}
		step(1, "110")
		w.eventually("10 % over 100", func() bool { return slices.Equal(w.values("anna"), []string{"10"}) })
		step(2, "112")
		w.eventually("40 % over 80", func() bool { return slices.Equal(w.values("anna"), []string{"10", "40"}) })
		closes(day+1, "80", "100", "112", "113")
		step(24*60, "113") // less than 10 % over the day before
		step(24*60+1, "124")
		w.eventually("10 % over 112", func() bool { return len(w.values("anna")) == 3 })
		if got := w.values("anna")[2]; !strings.HasPrefix(got, "10.714285714285714") {
			t.Errorf("told %s", got)
		}
		step(24*60+2, "62")
		w.eventually("50 % under 124", func() bool { return len(w.values("anna")) == 4 && w.values("anna")[3] == "50" })
	})
}

// What happens is told once, whatever node looks and however often.
func TestAnOccurrenceIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		w.user("anna")
		w.start("one")
		w.rule(alert.Rule{Owner: "anna", ID: "imports", Condition: alert.Condition{Kind: alert.ImportFailed}})
		fails := func(ids ...string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, id := range ids {
				w.scene.Incidents = append(w.scene.Incidents, alert.Incident{ID: id, Kind: alert.ImportFailed, At: time.Now().Add(time.Hour), Says: "Line 3 has no date."})
			}
		}
		fails("a", "b")
		w.eventually("both are told", func() bool { return len(w.told("anna")) == 2 })
		two := w.start("two") // and takes some of the partitions, perhaps hers
		w.eventually("the partitions are shared", func() bool { return two.Meters().Partitions > 0 })
		fails("c")
		w.eventually("the third is told", func() bool { return len(w.told("anna")) >= 3 })
		if told := w.told("anna"); len(told) != 3 || told[0].Facts.Subject != "Line 3 has no date." {
			t.Errorf("told %d times: %+v", len(told), told)
		}
	})
}

// An owner whose rules can't be settled is put aside; nobody waits for them, and once it works again they are told what they missed.
func TestNobodyWaitsForAnotherOwner(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		now := time.Now()
		n := w.start("one")
		n.store.fail("broken")
		for _, id := range []ledger.OwnerID{"anna", "broken"} {
			w.user(id)
		}
		for i := range alert.RulesMax {
			w.rule(price("broken", alert.RuleID(fmt.Sprint("r", i)), "aapl", alert.Above, "100"))
		}
		w.rule(price("anna", "r", "aapl", alert.Above, "100"))
		w.eventually("they are loaded", func() bool { return n.Meters().Rules > 0 })
		for i, p := range []string{"99", "101", "98", "102"} {
			w.prices(now.Add(time.Duration(i+1)*time.Second), map[market.InstrumentID]string{"aapl": p})
		}
		w.eventually("anna is told", func() bool { return slices.Equal(w.values("anna"), []string{"101", "102"}) })
		w.eventually("the others are put aside", func() bool { return n.Meters().Troubled == 1 })
		if told := len(w.told("broken")); told != 0 {
			t.Errorf("they were told %d times", told)
		}
		n.store.fail("")
		w.eventually("the others are told too", func() bool { return len(w.told("broken")) == 2*alert.RulesMax })
	})
}

// A rule that is made while its owner, who was put aside, is read again is not forgotten.
func TestARuleMadeWhileItsOwnerComesBackIsSeen(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		now := time.Now()
		w.user("anna")
		w.prices(now, map[market.InstrumentID]string{"aapl": "101"})
		n := w.start("one")
		n.store.fail("anna")
		w.rule(price("anna", "first", "aapl", alert.Above, "100"))
		w.eventually("she is put aside", func() bool { return n.Meters().Troubled == 1 })
		var once sync.Once
		made := make(chan struct{})
		comesBack := func(rules int) {
			if rules != 1 {
				return
			}
			once.Do(func() {
				before := n.store.changed.Load()
				w.rule(price("anna", "second", "aapl", alert.Above, "100"))
				w.eventually("it is heard of", func() bool { return n.store.changed.Load() > before })
				time.Sleep(10 * interval) // until the engine's loop has it
				n.store.fail("")
				close(made)
			})
		}
		n.store.read.Store(&comesBack)
		<-made
		w.eventually("both are told", func() bool { return len(w.told("anna")) == 2 })
	})
}

// Rules of one instrument end and are deleted in any order.
func TestRulesEndAndGo(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		w.user("anna")
		w.prices(time.Now(), map[market.InstrumentID]string{"aapl": "101"})
		n := w.start("one")
		once := price("anna", "once", "aapl", alert.Above, "100")
		once.Repeat = alert.RepeatOnce
		w.rule(once)
		w.rule(price("anna", "each", "aapl", alert.Below, "90"))
		w.eventually("one is told and has ended", func() bool { return len(w.told("anna")) == 1 && n.Meters().Rules == 2 })
		for gone, id := range []alert.RuleID{"each", "once"} {
			w.ok(w.DeleteRule(t.Context(), "anna", id, audit.Write{Audit: audit.Entry{Owner: "anna", Actor: "anna", Action: audit.AlertDeleted, RequestID: "r2", Result: "ok"}}))
			w.bus.send(event.AlertsChangedSubject("anna"), event.AlertsChanged{OwnerID: "anna"}.Payload())
			w.eventually("it is gone", func() bool { return n.Meters().Rules == int64(1-gone) })
		}
	})
}

// Where prices come all the time, so that cursors are saved all the time, leases are renewed all the same.
func TestLeasesAreRenewedWhilePricesCome(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		const saves, renewalsMin = 20, 5
		w.user("anna")
		n := w.start("one")
		w.rule(price("anna", "above", "aapl", alert.Above, "1000"))
		w.eventually("it is loaded", func() bool { return n.Meters().Rules == 1 })
		began, saved, claimed, prices := time.Now(), n.store.saves.Load(), n.store.claims.Load(), 0
		w.eventually("cursors are saved", func() bool {
			prices++
			w.prices(began.Add(time.Duration(prices)*time.Second), map[market.InstrumentID]string{"aapl": fmt.Sprint(100 + prices%9)})
			return n.store.saves.Load() >= saved+saves
		})
		if renewed := n.store.claims.Load() - claimed; renewed < renewalsMin {
			t.Errorf("leases were renewed %d times while cursors were saved %d times", renewed, saves)
		}
	})
}
