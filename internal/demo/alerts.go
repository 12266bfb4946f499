package demo

import (
	"fmt"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/figures"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// alertPeople is how many of the people want to be told of something, so that the first visits of each find it alive.
const alertPeople = 20

// Alerts are what the first people want to be told of. The first of them has a rule of every kind.
func (w *World) Alerts() (all []alert.Rule) {
	ids, prices := make(map[string]market.InstrumentID), make(map[market.InstrumentID]money.Decimal)
	for i := range w.Instruments {
		ids[w.Instruments[i].Symbol] = w.Instruments[i].ID
	}
	for i := range w.Marks {
		prices[w.Marks[i].Instrument] = w.Marks[i].Price
	}
	for n, p := range w.People[:min(len(w.People), alertPeople)] {
		conditions := []alert.Condition{near(ids["NVDA"], prices), near(ids["MSFT"], prices)}
		if n == 0 {
			conditions = ofEveryKind(p, ids, prices)
		}
		for i, c := range conditions {
			all = append(all, alert.Rule{
				Owner: p.User.ID, ID: alert.RuleID(fmt.Sprintf("demo-rule-%03d-%02d", n+1, i+1)), Version: 1, Condition: c,
				Repeat: alert.RepeatEach, Cooldown: time.Hour, CreatedAt: w.Marks[0].ObservedAt,
			})
		}
	}
	return all
}

// near is a price that the made-up market crosses within minutes or hours.
func near(id market.InstrumentID, prices map[market.InstrumentID]money.Decimal) alert.Condition {
	threshold := prices[id].Mul(money.MustParse("1.002")).Round(2)
	return alert.Condition{Kind: alert.Price, Instrument: id, Direction: alert.Crossing, Threshold: threshold}
}

func ofEveryKind(p Person, ids map[string]market.InstrumentID, prices map[market.InstrumentID]money.Decimal) []alert.Condition {
	portfolio, target, percent := p.Portfolio.ID, money.MustParse("60"), money.MustParse
	return []alert.Condition{
		near(ids["NVDA"], prices),
		{Kind: alert.Change, Instrument: ids["NVDA"], Direction: alert.Below, Threshold: percent("-3"), Days: 1},
		{Kind: alert.OffHigh, Instrument: ids["MSFT"], Direction: alert.Above, Threshold: percent("10"), Days: 90},
		{Kind: alert.CurrencyRate, Base: "EUR", Quote: "USD", Direction: alert.Crossing, Threshold: prices[market.RateID("USD")].Round(3)},
		{Kind: alert.Value, Portfolio: portfolio, Direction: alert.Above, Threshold: percent("200000")},
		{Kind: alert.Gain, Portfolio: portfolio, Direction: alert.Above, Threshold: percent("50"), Unit: alert.UnitPercent},
		{Kind: alert.PortfolioChange, Portfolio: portfolio, Direction: alert.Below, Threshold: percent("-2"), Days: 1},
		{Kind: alert.Drawdown, Portfolio: portfolio, Direction: alert.Above, Threshold: percent("10"), Days: 365},
		{Kind: alert.Weight, Portfolio: portfolio, Instrument: ids["NVDA"], Direction: alert.Above, Threshold: percent("20")},
		{Kind: alert.Drift, Portfolio: portfolio, Group: alert.Group{By: figures.ByClass, Name: string(market.Stock)}, Target: &target, Direction: alert.Above, Threshold: percent("10")},
		{Kind: alert.Dividend, Portfolio: portfolio},
		{Kind: alert.ExDate, Portfolio: portfolio, Threshold: percent("7")},
		{Kind: alert.Stale, Portfolio: portfolio, Threshold: percent("4")},
		{Kind: alert.ImportFailed},
		{Kind: alert.SignIn},
		{Kind: alert.Expressed, Portfolio: portfolio, Expression: `holding("NVDA").weight > 0.2 && day.change_percent < -1`},
	}
}
