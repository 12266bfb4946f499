package ledger

import (
	"cmp"
	"fmt"
	"maps"
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

func newHoldings(shared bool) *holdings {
	return &holdings{of: map[inAccount][]step{}, holders: map[market.InstrumentID][]AccountID{}, shared: shared}
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

// relatedPassesMax bounds how often related instruments are followed. More splits than that which the activities contradict were
// booked under other instruments, and none is proposed any more.
const relatedPassesMax = 64

// splitsThatFit are the splits to propose, and what is held as if those that wait were booked. One that the activities after it
// contradict is left out: the ledger would refuse it, most likely since they were entered with the split in them already. It is not
// ok where the book by itself makes no sense.
func (p *proposer) splitsThatFit() (splits []Proposal, held *holdings, ok bool) {
	held = newHoldings(p.book.Portfolio.LotScope == ScopePortfolio)
	for _, one := range p.relations() {
		followed := p.fitting(one)
		if followed == nil {
			return nil, nil, false
		}
		splits = append(splits, followed.found...)
		maps.Copy(held.of, followed.held.of)
		maps.Copy(held.holders, followed.held.holders)
	}
	return splits, held, true
}

// relation is what happened to instruments that became one another, by the book and by what is known of them. Nothing in it
// depends on what happened to others: a split that one of them contradicts costs another look at these alone.
type relation struct {
	activities []*Activity
	splits     []*market.Action // rising by date
}

// relations parts the book.
func (p *proposer) relations() []*relation {
	root := map[market.InstrumentID]market.InstrumentID{}
	find := func(id market.InstrumentID) market.InstrumentID {
		for root[id] != "" {
			if above := root[root[id]]; above != "" {
				root[id] = above // so that nobody goes a long way twice
			}
			id = root[id]
		}
		return id
	}
	for i := range p.book.Activities {
		a := &p.book.Activities[i]
		if from, to := find(a.Instrument), find(a.ToInstrument); from != "" && to != "" && from != to {
			root[max(from, to)] = min(from, to)
		}
	}
	var all []*relation
	byRoot := map[market.InstrumentID]*relation{}
	of := func(id market.InstrumentID) *relation {
		id = find(id)
		if byRoot[id] == nil {
			byRoot[id] = &relation{}
			all = append(all, byRoot[id])
		}
		return byRoot[id]
	}
	for i := range p.book.Activities {
		if a := &p.book.Activities[i]; a.Instrument != "" {
			one := of(a.Instrument)
			one.activities = append(one.activities, a)
		}
	}
	for _, action := range p.splitActions() {
		one := of(action.Instrument)
		one.splits = append(one.splits, action)
	}
	return all
}

// fitting follows a relation with the splits that its activities don't contradict; nil where it makes no sense even without.
func (p *proposer) fitting(one *relation) *following {
	contradicted := map[ProposalID]struct{}{}
	for range relatedPassesMax {
		followed, wrong := p.follow(one, contradicted)
		if wrong == nil {
			return followed
		}
		if *wrong == "" {
			return nil
		}
		contradicted[*wrong] = struct{}{}
	}
	if followed, wrong := p.follow(&relation{activities: one.activities}, nil); wrong == nil {
		return followed
	}
	return nil
}

// following is one pass through a relation, with the splits that wait as if they were booked.
type following struct {
	*proposer
	contradicted map[ProposalID]struct{}
	stock        *stock
	held         *holdings
	found        []Proposal
	taken        []int // of found, those that are followed
}

// follow goes through a relation. wrong is the split that can't be, "" where the activities can't be, nil where all is well.
func (p *proposer) follow(one *relation, contradicted map[ProposalID]struct{}) (followed *following, wrong *ProposalID) {
	book := p.book
	book.Portfolio.LotMethod = FIFO // by quantity alone, all methods are the same
	f := &following{proposer: p, contradicted: contradicted, stock: newStock(book), held: newHoldings(book.Portfolio.LotScope == ScopePortfolio)}
	waiting := one.splits
	for _, a := range one.activities {
		for ; len(waiting) > 0 && waiting[0].Date <= a.Date; waiting = waiting[1:] {
			if wrong := f.split(waiting[0]); wrong != nil {
				return nil, wrong
			}
		}
		if bad := f.stock.take(a); bad != nil && !f.stood(a, bad) {
			return nil, f.blame(a)
		}
		f.note(a)
	}
	for _, action := range waiting {
		if wrong := f.split(action); wrong != nil {
			return nil, wrong
		}
	}
	return f, nil
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
	if f.short == nil {
		f.short = shortSales(f.book)
	}
	was, ok := f.short[a.ID]
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
