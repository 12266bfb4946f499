// Package enginetest makes up rules and prices for tests, and knows what has to be told of them: by a plain loop that has nothing of the
// engine.
//
// It is used by tests only, never by the service.
package enginetest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// What a walk is made of, besides the rules of each owner. Prices begin at 100.00 and come back there.
const (
	Seed        = 20261123
	Owners      = 20
	Instruments = 16
	Step        = time.Minute // between two prices of an instrument: mails name the minute
)

// Walk is so many owners with rules of prices, and prices that cross them. It is not safe for concurrent use.
type Walk struct {
	dice   *rand.Rand
	began  time.Time
	steps  int
	prices [Instruments]int64 // in cents
	rules  []*followed
	due    map[Crossing]struct{}
}

// Crossing is what somebody has to be told once.
type Crossing struct {
	Owner  ledger.OwnerID
	Rule   alert.RuleID
	Value  string // without zeros at its end
	Minute int64  // since 1970
}

// CrossingOf names one by what was told of it.
func CrossingOf(owner ledger.OwnerID, rule alert.RuleID, value money.Decimal, at time.Time) Crossing {
	return Crossing{owner, rule, value.Reduced().String(), MinuteOf(at)}
}

// MinuteOf is the minute that a price is of, since 1970.
func MinuteOf(at time.Time) int64 { return at.Unix() / int64(Step/time.Second) }

// followed is a rule as the plain loop has it.
type followed struct {
	rule             alert.Rule
	instrument       int
	threshold, rearm int64 // in cents
	seen             bool
	armed            bool // of above and below
	high             bool // of crossing: the last price was at the threshold or above
}

// NewWalk makes one whose first prices are of a time; each of the owners has so many rules.
func NewWalk(began time.Time, rules int) *Walk {
	w := &Walk{dice: rand.New(rand.NewPCG(Seed, 1)), began: began, due: make(map[Crossing]struct{})}
	for i := range w.prices {
		w.prices[i] = 10_000
	}
	for o := range Owners {
		for n := range rules {
			w.rules = append(w.rules, w.follow(Owner(o), alert.RuleID(fmt.Sprint("r", n))))
		}
	}
	return w
}

// follow makes up a rule.
func (w *Walk) follow(owner ledger.OwnerID, id alert.RuleID) *followed {
	directions := []alert.Direction{alert.Above, alert.Below, alert.Crossing}
	f := &followed{instrument: w.dice.IntN(Instruments), threshold: 9_700 + w.dice.Int64N(600), armed: true}
	f.rearm = f.threshold
	f.rule = alert.Rule{Owner: owner, ID: id, Name: string(id), Repeat: alert.RepeatEach, Condition: alert.Condition{
		Kind: alert.Price, Instrument: Instrument(f.instrument), Direction: directions[w.dice.IntN(len(directions))], Threshold: money.NewDecimal(f.threshold, -2),
	}}
	if f.rule.Condition.Direction != alert.Crossing && w.dice.IntN(2) == 0 { // a band before it is armed again
		f.rearm -= map[alert.Direction]int64{alert.Above: 50, alert.Below: -50}[f.rule.Condition.Direction]
		rearm := money.NewDecimal(f.rearm, -2)
		f.rule.Condition.Rearm = &rearm
	}
	return f
}

// Owner is the id of one of the owners.
func Owner(n int) ledger.OwnerID { return ledger.OwnerID(fmt.Sprint("owner", n)) }

// Instrument is the id of one of the instruments. All are priced in dollars.
func Instrument(n int) market.InstrumentID { return market.InstrumentID(fmt.Sprint("i", n)) }

// Rules are those of all owners, as they are made.
func (w *Walk) Rules() []alert.Rule {
	all := make([]alert.Rule, len(w.rules))
	for i, f := range w.rules {
		all[i] = f.rule
	}
	return all
}

// Next moves every price, and notes what has to be told of it. What it gives is accepted at once by whoever asks.
func (w *Walk) Next() []market.Mark {
	at := w.began.Add(time.Duration(w.steps) * Step)
	w.steps++
	marks := make([]market.Mark, Instruments)
	for i := range w.prices {
		w.prices[i] += w.dice.Int64N(301) - 150 - (w.prices[i]-10_000)/20 // comes back, so that it crosses
		quote := market.Quote{Instrument: Instrument(i), Price: money.NewDecimal(w.prices[i], -2), Currency: "USD", Source: "walk", ObservedAt: at, MarketTime: at}
		marks[i] = market.Mark{Quote: quote, PreviousDate: market.NoDate}
	}
	for _, f := range w.rules {
		if p := w.prices[f.instrument]; f.fires(p) {
			w.due[CrossingOf(f.rule.Owner, f.rule.ID, money.NewDecimal(p, -2), at)] = struct{}{}
		}
	}
	return marks
}

// fires takes a rule on by a price.
func (f *followed) fires(price int64) (fires bool) {
	switch f.rule.Condition.Direction {
	case alert.Above:
		fires = f.armed && price >= f.threshold
		f.armed = !fires && (f.armed || price < f.rearm)
	case alert.Below:
		fires = f.armed && price <= f.threshold
		f.armed = !fires && (f.armed || price > f.rearm)
	case alert.Crossing:
		high := price >= f.threshold
		fires = f.seen && high != f.high
		f.high = high
	}
	f.seen = true
	return fires
}

// Prices is how many there were so far.
func (w *Walk) Prices() int { return w.steps * Instruments }

// Due is how many crossings there were so far.
func (w *Walk) Due() int { return len(w.due) }

// Compare holds how often crossings were told against what had to be. What was told and wasn't due counts as doubled.
func (w *Walk) Compare(told map[Crossing]int) (missed, doubled int) {
	for crossing := range w.due {
		if told[crossing] == 0 {
			missed++
		}
	}
	for crossing, times := range told {
		if _, due := w.due[crossing]; due {
			times--
		}
		doubled += times
	}
	return missed, doubled
}
