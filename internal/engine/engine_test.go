package engine_test

import (
	"slices"
	"testing"
	"time"

	"folioscope/internal/alert"
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
