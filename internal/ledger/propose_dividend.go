package ledger

import (
	"fmt"
	"slices"

	"folioscope/internal/market"
)

const paidOneDayMax = 4 // bookings of an account, an instrument and a day that are told apart: regular, special, and parts of these

// dividends proposes those of an instrument that an account held and has not booked.
func (p *proposer) dividends(id market.InstrumentID, account AccountID, held *holdings, splits []Proposal) []Proposal {
	if _, open := p.open[account]; !open { // a closed account takes no activities
		return nil
	}
	var found []Proposal
	for _, one := range p.unbooked(id, account, held) {
		a, date := &one.Action, one.Activity.Date
		if date > p.today {
			continue // not paid yet
		}
		amount := one.Quantity.Abs().Mul(a.Amount)
		one.Activity = Activity{
			Date: date, Type: Dividend, Account: account, Instrument: p.nameOn(id, account, a.Date, date), Amount: &amount, Currency: a.Currency,
			Note: fmt.Sprintf("%s %s a share, ex-date %s. Source: %s.", a.Amount, a.Currency, a.Date, a.Source),
		}
		for j := range splits {
			if s := &splits[j]; p.waits(s.ID) && s.Action.Instrument == id && s.Action.Date < a.Date && (s.Account == "" || s.Account == account) &&
				!before(held.of[inAccount{id, account}], s.Action.Date, nil).IsZero() {
				one.Assumes = append(one.Assumes, s.ID)
			}
		}
		found = append(found, one)
	}
	return found
}

// bookedEarly are the splits of an action's day that are booked on a day before it.
func (p *proposer) bookedEarly(a *market.Action, account AccountID) []*Activity {
	var early []*Activity
	if s := p.splitOn[onDay{a.Instrument, a.Date}]; s != nil {
		for _, b := range p.splits[a.Instrument] {
			if b.Date < s.Date && p.books(b, s, account) {
				early = append(early, b)
			}
		}
	}
	return early
}

// payable is the day to book a dividend on: that of its payment, else its ex-date. The ledger takes who pays it from the position of
// the day that it is booked on. Where that has changed sides since the ex-date, such as a short position that was covered before the
// payment, no day of these says what happened, and nothing is proposed.
func (p *proposer) payable(one *Proposal, held *holdings) (market.Date, bool) {
	a := &one.Action
	for _, date := range []market.Date{max(a.PayDate, a.Date), a.Date} {
		if date > p.today {
			return date, true // nobody knows the position of that day
		}
		if held.pays(p.nameOn(a.Instrument, one.Account, a.Date, date), one.Account, date) == (one.Quantity.Sign() < 0) {
			return date, true
		}
	}
	return market.NoDate, false
}

// unbooked are the dividends of an instrument that an account held and for which it has no booking, with the day to book each on.
func (p *proposer) unbooked(id market.InstrumentID, account AccountID, held *holdings) []Proposal {
	var due []Proposal
	var payments []payment
	for i := range p.actions[id] {
		a := &p.actions[id][i]
		if a.Kind != market.ActionDividend {
			continue
		}
		one := Proposal{ID: p.id(a, account), Action: *a, Account: account}
		one.Quantity = before(held.of[inAccount{id, account}], a.Date, p.bookedEarly(a, account))
		if p.accepted(one.ID) || one.Quantity.IsZero() {
			continue
		}
		var ok bool
		if one.Activity.Date, ok = p.payable(&one, held); ok {
			due, payments = append(due, one), append(payments, paymentOf(a, one.Activity.Date))
		}
	}
	if len(due) == 0 {
		return nil
	}
	booked := match(payments, p.bookings(id, account))
	return slices.DeleteFunc(due, func(one Proposal) bool { return booked[one.Action.Date] })
}

// bookings are the days on which an account has dividends of an instrument booked, under whatever name, rising. Those that came of
// a proposal stand for that one alone.
func (p *proposer) bookings(id market.InstrumentID, account AccountID) []market.Date {
	var days []market.Date
	add := func(name market.InstrumentID, from market.Date) {
		for _, a := range p.paid[inAccount{name, account}] {
			if _, ours := p.cameOf[a.ID]; !ours && a.Date >= from {
				days = append(days, a.Date)
			}
		}
	}
	add(id, market.NoDate)
	seen := map[market.InstrumentID]struct{}{id: {}}
	for name, at := id, -1; ; {
		var more bool
		if at, more = p.renamed(name, account, at); !more {
			break
		}
		name = p.book.Activities[at].ToInstrument
		if _, known := seen[name]; !known {
			seen[name] = struct{}{}
			add(name, p.book.Activities[at].Date)
		}
	}
	slices.Sort(days)
	kept := days[:0]
	for _, day := range days {
		if len(kept) < paidOneDayMax || kept[len(kept)-paidOneDayMax] != day {
			kept = append(kept, day)
		}
	}
	return kept
}
