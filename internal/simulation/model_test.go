package simulation

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"folioscope/internal/audit"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// The checker's own idea of a portfolio: a list of activities, and sums of fractions over it. It shares nothing with package ledger but
// the shape of an activity, and nothing with package figures at all.

// model is a portfolio after some changes.
type model struct {
	activities []ledger.Activity // in the order of entry, those voided too
}

// apply takes a change over; ids are those that its answer gave to what it adds.
func (m *model) apply(q *request, ids []ledger.ActivityID) error {
	switch q.action {
	case audit.ActivitiesAdded:
		if len(ids) != len(q.changes.Added) {
			return fmt.Errorf("%d ids for %d activities", len(ids), len(q.changes.Added))
		}
		for i, a := range q.changes.Added {
			a.ID, a.Version = ids[i], 1
			m.activities = append(m.activities, a)
		}
		return nil
	case audit.ActivityCorrected:
		changed := q.changes.Corrected[0]
		at := m.find(changed.ID)
		if at < 0 {
			return fmt.Errorf("there is no %s to correct", changed.ID)
		}
		changed.Version = m.activities[at].Version + 1
		m.activities[at] = changed
		return nil
	}
	at := m.find(q.changes.Voided[0])
	if at < 0 {
		return fmt.Errorf("there is no %s to void", q.changes.Voided[0])
	}
	m.activities[at].Voided = true
	m.activities[at].Version++
	return nil
}

func (m *model) find(id ledger.ActivityID) int {
	return slices.IndexFunc(m.activities, func(a ledger.Activity) bool { return a.ID == id && !a.Voided })
}

// standing are the activities that count, by day and then by entry.
func (m *model) standing() []ledger.Activity {
	all := slices.DeleteFunc(slices.Clone(m.activities), func(a ledger.Activity) bool { return a.Voided })
	slices.SortStableFunc(all, func(a, b ledger.Activity) int { return cmp.Compare(a.Date, b.Date) })
	return all
}

type lot struct{ units, cost *big.Rat }

// figures works out what is held, what it cost, first in first out within an account, and the cash.
func (m *model) figures() string {
	type place struct {
		account    ledger.AccountID
		instrument market.InstrumentID
	}
	lots := make(map[place][]lot)
	cash := make(map[ledger.AccountID]*big.Rat)
	counted := false // cash is, where any came or went by itself
	for _, a := range m.standing() {
		at := place{a.Account, a.Instrument}
		if cash[a.Account] == nil {
			cash[a.Account] = new(big.Rat)
		}
		c := cash[a.Account]
		units, worth := new(big.Rat), new(big.Rat)
		if a.Amount != nil {
			worth = fraction(a.Amount.String())
		} else {
			units = fraction(a.Quantity.String())
			worth.Mul(units, fraction(a.Price.String()))
		}
		costs := new(big.Rat).Add(fraction(a.Fee.String()), fraction(a.Tax.String()))
		counted = counted || a.Type == ledger.Deposit || a.Type == ledger.Withdrawal
		switch a.Type {
		case ledger.Buy:
			worth.Add(worth, costs)
			lots[at] = append(lots[at], lot{units, worth})
			c.Sub(c, worth)
		case ledger.Sell:
			lots[at] = sold(lots[at], units)
			c.Add(c, worth.Sub(worth, costs))
		case ledger.Withdrawal:
			c.Sub(c, worth.Add(worth, costs))
		default: // deposits, dividends
			c.Add(c, worth.Sub(worth, costs))
		}
	}
	var all []string
	units, cost := make(map[market.InstrumentID]*big.Rat), make(map[market.InstrumentID]*big.Rat)
	for at, held := range lots {
		for _, l := range held {
			if units[at.instrument] == nil {
				units[at.instrument], cost[at.instrument] = new(big.Rat), new(big.Rat)
			}
			units[at.instrument].Add(units[at.instrument], l.units)
			cost[at.instrument].Add(cost[at.instrument], l.cost)
		}
	}
	for id := range units {
		all = append(all, fmt.Sprintf("%s: %s for %s", id, units[id].RatString(), cost[id].RatString()))
	}
	for account, c := range cash {
		if counted && c.Sign() != 0 {
			all = append(all, fmt.Sprintf("cash of %s: %s", account, c.RatString()))
		}
	}
	return lines(all)
}

// sold takes units out of lots, the oldest first.
func sold(lots []lot, units *big.Rat) []lot {
	for len(lots) > 0 && units.Sign() > 0 {
		first := lots[0]
		if first.units.Cmp(units) <= 0 {
			units = new(big.Rat).Sub(units, first.units)
			lots = lots[1:]
			continue
		}
		share := new(big.Rat).Quo(units, first.units)
		left := lot{new(big.Rat).Sub(first.units, units), new(big.Rat).Sub(first.cost, share.Mul(share, first.cost))}
		return append([]lot{left}, lots[1:]...)
	}
	return lots
}

func fraction(text string) *big.Rat {
	x, ok := new(big.Rat).SetString(text)
	if !ok {
		panic("no number: " + text)
	}
	return x
}

// inWords is what the product says of the same, in the same words.
func inWords(held *figures.Holdings, today market.Date) string {
	var all []string
	valued := held.Value(figures.Quotes{}, today, nil)
	for _, p := range valued.Positions {
		cost, known := p.Cost.Get()
		if !known {
			all = append(all, fmt.Sprintf("%s: cost unknown", p.Instrument))
			continue
		}
		all = append(all, fmt.Sprintf("%s: %s for %s", p.Instrument, fraction(p.Quantity.String()).RatString(), fraction(cost.String()).RatString()))
	}
	for _, c := range valued.CashBalances {
		if c.Amount.Sign() != 0 {
			all = append(all, fmt.Sprintf("cash of %s: %s", c.Account, fraction(c.Amount.String()).RatString()))
		}
	}
	return lines(all)
}
