package ledger

import (
	"cmp"
	"fmt"
	"slices"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

const splitDaysApart = 3 // between a split's ex-date and the day on which somebody booked it

// holdings is how much was held when, of the instruments that are watched; under everyAccount of all together, where they share
// their lots.
type holdings struct {
	of      map[inAccount][]step
	holders map[market.InstrumentID][]AccountID
	shared  bool
}

// step is what is held from an activity on.
type step struct {
	date     market.Date
	quantity money.Decimal
	by       ActivityID
}

func (h *holdings) note(key inAccount, a *Activity, quantity money.Decimal) {
	if len(h.of[key]) == 0 && !(h.shared && key.account == everyAccount) {
		h.holders[key.instrument] = append(h.holders[key.instrument], key.account)
	}
	h.of[key] = append(h.of[key], step{a.Date, quantity, a.ID})
}

// accounts are those that ever held an instrument, by id.
func (h *holdings) accounts(id market.InstrumentID) []AccountID {
	return slices.Sorted(slices.Values(h.holders[id]))
}

// pays says whether a dividend that is booked on a day is paid, not received: by the sign of the position at its end.
func (h *holdings) pays(id market.InstrumentID, account AccountID, date market.Date) bool {
	if h.shared {
		account = everyAccount
	}
	return after(h.of[inAccount{id, account}], date).Sign() < 0
}

// before is the quantity at the start of a day. Splits that are booked for that very day on one before it, as their day has trades, don't
// count yet.
func before(steps []step, date market.Date, splits []*Activity) money.Decimal {
	i, _ := slices.BinarySearchFunc(steps, date, func(s step, d market.Date) int { return cmp.Compare(s.date, d) })
	for i > 0 && slices.ContainsFunc(splits, func(s *Activity) bool { return s.ID == steps[i-1].by }) {
		i--
	}
	if i == 0 {
		return money.Zero
	}
	return steps[i-1].quantity
}

// after is the quantity at the end of a day.
func after(steps []step, date market.Date) money.Decimal {
	i, _ := slices.BinarySearchFunc(steps, date+1, func(s step, d market.Date) int { return cmp.Compare(s.date, d) })
	if i == 0 {
		return money.Zero
	}
	return steps[i-1].quantity
}

// splitsThatFit are the splits to propose, and what is held as if those that wait were booked. One that the activities after it
// contradict is left out: the ledger would refuse it, most likely since they were entered with the split in them already. It is not
// ok where the book by itself makes no sense.
func (p *proposer) splitsThatFit() (splits []Proposal, held *holdings, ok bool) {
	contradicted := map[ProposalID]struct{}{}
	for {
		splits, held, wrong := p.follow(contradicted)
		if wrong == nil {
			return splits, held, true
		}
		if *wrong == "" {
			return nil, nil, false
		}
		contradicted[*wrong] = struct{}{} // one more each time, so this ends
	}
}

// following is one pass through a book, with the splits that wait as if they were booked.
type following struct {
	*proposer
	contradicted map[ProposalID]struct{}
	stock        *stock
	held         *holdings
	found        []Proposal
	taken        []int // of found, those that are followed
	missing      map[ActivityID]money.Decimal
}

// follow goes through the book. wrong is the split that can't be, "" where the book can't be, nil where all is well.
func (p *proposer) follow(contradicted map[ProposalID]struct{}) (splits []Proposal, held *holdings, wrong *ProposalID) {
	book := p.book
	book.Portfolio.LotMethod = FIFO // by quantity alone, all methods are the same
	f := &following{proposer: p, contradicted: contradicted, stock: newStock(book),
		held: &holdings{of: map[inAccount][]step{}, holders: map[market.InstrumentID][]AccountID{}, shared: book.Portfolio.LotScope == ScopePortfolio}}
	waiting := p.splitActions()
	for i := range p.book.Activities {
		a := &p.book.Activities[i]
		for ; len(waiting) > 0 && waiting[0].Date <= a.Date; waiting = waiting[1:] {
			if wrong := f.split(waiting[0]); wrong != nil {
				return nil, nil, wrong
			}
		}
		if a.Instrument == "" {
			continue
		}
		if bad := f.stock.take(a); bad != nil && !f.stood(a, bad) {
			return nil, nil, f.blame(a)
		}
		f.note(a)
	}
	for _, action := range waiting {
		if wrong := f.split(action); wrong != nil {
			return nil, nil, wrong
		}
	}
	return f.found, f.held, nil
}

// splitActions are all splits, rising by date.
func (p *proposer) splitActions() []*market.Action {
	var all []*market.Action
	for _, id := range sortedKeys(p.actions) {
		for i := range p.actions[id] {
			if a := &p.actions[id][i]; a.Kind == market.ActionSplit {
				all = append(all, a)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *market.Action) int { return cmp.Compare(a.Date, b.Date) })
	return all
}

// stood says whether a sale was short of as much before anything was proposed: then it stays as it is.
func (f *following) stood(a *Activity, bad *refusal) bool {
	if bad.missing.IsZero() {
		return false
	}
	if f.missing == nil {
		f.missing = shortSales(f.book)
	}
	was, ok := f.missing[a.ID]
	return ok && bad.missing.Cmp(was) <= 0
}

// blame finds the split without which an activity may be possible: the last one of its instrument, else the last of all.
func (f *following) blame(a *Activity) *ProposalID {
	none := ProposalID("")
	if len(f.taken) == 0 {
		return &none
	}
	at := f.taken[len(f.taken)-1]
	for _, i := range slices.Backward(f.taken) {
		if f.found[i].Action.Instrument == a.Instrument {
			at = i
			break
		}
	}
	return &f.found[at].ID
}

// note keeps what is held after an activity.
func (f *following) note(a *Activity) {
	for _, id := range [...]market.InstrumentID{a.Instrument, a.ToInstrument} {
		if _, watched := f.watched[id]; !watched {
			continue
		}
		accounts := []AccountID{a.Account}
		switch {
		case a.Account == "":
			accounts = f.accountsOf(id)
		case a.ToAccount != "":
			accounts = append(accounts, a.ToAccount)
		}
		for _, account := range accounts {
			f.held.note(inAccount{id, account}, a, f.stock.has(id, account))
		}
		if f.stock.shared() {
			f.held.note(inAccount{id, everyAccount}, a, f.stock.position(id, everyAccount).Quantity())
		}
	}
}

// accountsOf are those that hold an instrument or did, by id.
func (f *following) accountsOf(id market.InstrumentID) []AccountID {
	if !f.stock.shared() {
		return slices.Sorted(slices.Values(f.stock.of[id]))
	}
	var all []AccountID
	for key := range f.stock.held {
		if key.instrument == id {
			all = append(all, key.account)
		}
	}
	slices.Sort(all)
	return all
}

// split proposes a split to the accounts that hold the instrument and don't have it booked, and follows it where it waits.
func (f *following) split(action *market.Action) *ProposalID {
	var missing []AccountID
	holders := 0
	for _, account := range f.accountsOf(action.Instrument) {
		if f.stock.has(action.Instrument, account).IsZero() {
			continue
		}
		holders++
		if !slices.ContainsFunc(f.splits[action.Instrument], func(b *Activity) bool { return f.books(b, action, account) }) {
			missing = append(missing, account)
		}
	}
	all := f.id(action, "")
	if f.accepted(all) || len(missing) == 0 {
		return nil
	}
	if len(missing) == holders {
		return f.propose(action, all, "", missing)
	}
	for _, account := range missing {
		id := f.id(action, account)
		_, open := f.open[account]
		if f.accepted(id) || !open || !f.waits(all) {
			continue
		}
		if wrong := f.propose(action, id, account, []AccountID{account}); wrong != nil {
			return wrong
		}
	}
	return nil
}

// books says whether an activity is what a split calls for in an account. One that came of a proposal stands for that one alone.
func (p *proposer) books(b *Activity, action *market.Action, account AccountID) bool {
	if _, proposed := p.cameOf[b.ID]; proposed {
		return p.decided[p.id(action, "")].Activity == b.ID || p.decided[p.id(action, account)].Activity == b.ID
	}
	return b.Date >= action.Date-splitDaysApart && b.Date <= action.Date+splitDaysApart && (b.Account == "" || b.Account == account) &&
		b.Ratio.New.Mul(action.Old).Equal(b.Ratio.Old.Mul(action.New))
}

// propose makes the proposal of a split and, where it waits, follows it; holders are those whom it touches.
func (f *following) propose(action *market.Action, id ProposalID, account AccountID, holders []AccountID) *ProposalID {
	if _, contradicted := f.contradicted[id]; contradicted {
		return nil
	}
	ratio := Ratio{New: action.New, Old: action.Old}
	one := Proposal{ID: id, Action: *action, Account: account, Activity: Activity{
		Date: action.Date, Type: Split, Account: account, Instrument: action.Instrument, Ratio: &ratio,
		Note: fmt.Sprintf("Split %s of %s. Source: %s.", ratio, action.Date, action.Source),
	}}
	// Trades of the day itself are in new shares already. Within a day what is entered last counts last, so it is booked before them.
	if f.movedOn(onDay{action.Instrument, action.Date}, account) {
		one.Activity.Date--
	}
	for _, holder := range holders {
		quantity := f.stock.has(action.Instrument, holder)
		one.Quantity, one.After = one.Quantity.Add(quantity), one.After.Add(ratio.Apply(quantity))
	}
	f.found = append(f.found, one)
	if !f.waits(id) {
		return nil
	}
	f.taken = append(f.taken, len(f.found)-1)
	booked := one.Activity
	booked.Date = action.Date
	if bad := f.stock.take(&booked); bad != nil {
		return &f.found[len(f.found)-1].ID
	}
	f.note(&booked)
	return nil
}
