package engine_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/event"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/notify"
)

// standing is how a rule stands in the store.
func (w *world) standing(owner ledger.OwnerID, id alert.RuleID) alert.Standing {
	w.t.Helper()
	kept, err := w.Rule(w.t.Context(), owner, id)
	w.ok(err)
	return kept.Standing
}

// said is a price as a source gave it: when the market made it, and when it was asked for.
func (w *world) said(id market.InstrumentID, price string, made, asked time.Time) {
	w.t.Helper()
	_, _, err := w.Accept(w.t.Context(), []market.Mark{{Quote: market.Quote{
		Instrument: id, Price: money.MustParse(price), Currency: "USD", Source: "yahoo", ObservedAt: asked, MarketTime: made,
	}, PreviousDate: market.NoDate}})
	w.ok(err)
	w.bus.send(event.QuotesAcceptedSubject, nil)
}

// A rule that is read late begins with the price of when it was made, though that would be stale by now: it was replaced before it was.
func TestARuleThatIsReadLate(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		wednesday := time.Date(2026, 11, 18, 16, 0, 0, 0, time.UTC) // New York trades from 14:30 to 21:00
		w.clock = func() time.Time { return wednesday.Add(30 * time.Minute) }
		w.user("anna")
		w.ok(w.PutInstruments(t.Context(), []market.Instrument{{ID: "acme", Symbol: "ACME", MIC: "XNYS", Name: "Acme", Currency: "USD", Class: market.Stock}}))
		w.said("acme", "101", wednesday, wednesday)
		w.rule(price("anna", "crosses", "acme", alert.Crossing, "100"))
		w.said("acme", "99", wednesday.Add(15*time.Minute), wednesday.Add(15*time.Minute))
		w.start("one")
		w.eventually("the crossing is told", func() bool { return len(w.told("anna")) == 1 })
		if got := w.told("anna")[0].Facts.Value; got == nil || !got.Equal(money.NewDecimal(99, 0)) {
			t.Errorf("told %v", got)
		}
	})
}

// A price that grows stale is no data, whatever it is: nothing fires of it, not even what only waited for time to pass. It is data again with
// the next price, and when its source says the same again.
func TestAStalePriceIsNoData(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		wednesday := time.Date(2026, 11, 18, 16, 0, 0, 0, time.UTC) // New York trades from 14:30 to 21:00
		began, ahead := time.Now(), atomic.Int64{}
		w.clock = func() time.Time { return wednesday.Add(time.Since(began) + time.Duration(ahead.Load())) }
		w.user("anna")
		w.ok(w.PutInstruments(t.Context(), []market.Instrument{{ID: "acme", Symbol: "ACME", MIC: "XNYS", Name: "Acme", Currency: "USD", Class: market.Stock}}))
		w.said("acme", "101", wednesday, wednesday)
		n := w.start("one")
		w.rule(price("anna", "above", "acme", alert.Above, "100"))
		waits := price("anna", "waits", "acme", alert.Above, "100")
		waits.For = 30 * time.Minute
		w.rule(waits)
		w.eventually("one fires and one waits", func() bool {
			return len(w.told("anna")) == 1 && w.standing("anna", "waits").State == alert.StatePending
		})

		ahead.Store(int64(40 * time.Minute)) // For is over, and the price is stale since minute 21
		w.eventually("both are without data", func() bool {
			return w.standing("anna", "above").State == alert.StateNoData && w.standing("anna", "waits").State == alert.StateNoData
		})
		got := w.standing("anna", "above")
		if got.Why != "There has been no new price since 18 November 2026, 16:00 UTC." || !got.Since.Equal(wednesday.Add(market.StaleAfter+time.Second)) {
			t.Errorf("%+v", got)
		}
		w.ok(w.SetNoticeSettings(t.Context(), "anna", notify.Settings{Zone: "America/New_York"}, w.clock(), audit.Write{Audit: audit.Entry{Owner: "anna", Actor: "anna", Action: audit.NoticesSet, RequestID: "r2", Result: "ok"}}))
		w.said("acme", "101", wednesday, w.clock())
		w.eventually("its source says the same again", func() bool {
			return w.standing("anna", "above").State == alert.StateFiring && w.standing("anna", "waits").State == alert.StatePending
		})

		ahead.Store(int64(2 * time.Hour))
		w.eventually("again without data, by the clock where she is now", func() bool {
			return w.standing("anna", "above").Why == "There has been no new price since 18 November 2026, 11:00 EST."
		})
		w.said("acme", "99", w.clock(), w.clock())
		w.eventually("a new price", func() bool { return w.standing("anna", "above").State == alert.StateResolved })
		if told := w.told("anna"); len(told) != 1 {
			t.Errorf("told %d times", len(told))
		}
		n.stop()
	})
}

// What was already stale when it came fires nothing, nor does what a rule begins with. A market that is shut makes no price stale.
func TestAPriceThatComesStaleFiresNothing(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		saturday := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		began := time.Now()
		w.clock = func() time.Time { return saturday.Add(time.Since(began)) }
		w.user("anna")
		w.ok(w.PutInstruments(t.Context(), []market.Instrument{
			{ID: "acme", Symbol: "ACME", MIC: "XNYS", Name: "Acme", Currency: "USD", Class: market.Stock},
			{ID: "gone", Symbol: "GONE", MIC: "XNYS", Name: "Gone", Currency: "USD", Class: market.Stock},
		}))
		friday := time.Date(2026, 11, 20, 21, 0, 0, 0, time.UTC)
		w.said("acme", "101", friday, friday.Add(time.Minute))
		w.said("gone", "101", friday.AddDate(0, 0, -9), saturday)
		w.start("one")
		for _, r := range []alert.Rule{
			price("anna", "friday's close", "acme", alert.Above, "100"),
			price("anna", "begins", "gone", alert.Above, "100"),
			price("anna", "comes", "gone", alert.Above, "105"),
			{ID: "change", Condition: alert.Condition{Kind: alert.OffHigh, Instrument: "gone", Days: 30, Direction: alert.Above, Threshold: money.MustParse("0.01")}},
			{ID: "rate", Condition: alert.Condition{Kind: alert.CurrencyRate, Base: "EUR", Quote: "USD", Direction: alert.Above, Threshold: money.MustParse("1")}},
		} {
			r.Owner = "anna"
			w.rule(r)
		}
		w.said("gone", "106", friday.AddDate(0, 0, -8), saturday.Add(time.Second))
		w.said(market.RateID("USD"), "1.25", friday.AddDate(0, 0, -8), saturday)
		silent := func() bool {
			return !slices.ContainsFunc([]alert.RuleID{"begins", "comes", "change", "rate"}, func(id alert.RuleID) bool {
				s := w.standing("anna", id)
				return s.State != alert.StateNoData || !strings.Contains(s.Why, "no new price since")
			})
		}
		w.eventually("what is stale is no data", silent)
		w.eventually("Friday's close isn't stale on Saturday", func() bool { return slices.Equal(w.values("anna"), []string{"101"}) })
		w.said(market.RateID("USD"), "1.3", saturday.Add(time.Minute), saturday.Add(time.Minute))
		w.eventually("a new rate", func() bool { return slices.Equal(w.values("anna"), []string{"101", "1.3"}) })
	})
}
