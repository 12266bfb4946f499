package audit

import (
	"cmp"
	"maps"
	"slices"

	"folioscope/internal/ledger"
)

// accounts follows what rows say of numbers, portfolios and users, and holds it against what is there.
type accounts struct {
	numbers    map[ledger.OwnerID]int64
	portfolios map[portfolioKey]*progress
	users      map[ledger.OwnerID]bool
}

type portfolioKey struct {
	owner ledger.OwnerID
	id    ledger.PortfolioID
}

// progress is how far rows say that a portfolio is.
type progress struct{ sequence, rows int64 }

func newAccounts() *accounts {
	return &accounts{numbers: make(map[ledger.OwnerID]int64), portfolios: make(map[portfolioKey]*progress), users: make(map[ledger.OwnerID]bool)}
}

// see takes the next row; each owner's come in the order of their numbers.
func (a *accounts) see(r *Report, row *Row) {
	if want := a.numbers[row.Owner] + 1; row.Number > want {
		r.find(FoundMissing, "before %s the rows with numbers %d to %d are missing", named(row), want, row.Number-1)
	} else if row.Number < want {
		r.find(FoundInserted, "%s has a number that was given before", named(row))
	}
	a.numbers[row.Owner] = max(a.numbers[row.Owner], row.Number)
	switch row.Action {
	case UserCreated, UserInvited:
		a.users[row.Owner] = true
	case UserErased:
		delete(a.users, row.Owner)
		maps.DeleteFunc(a.portfolios, func(key portfolioKey, _ *progress) bool { return key.owner == row.Owner })
	}
	if row.Mark.Portfolio == "" {
		return
	}
	key := portfolioKey{row.Owner, row.Mark.Portfolio}
	p := a.portfolios[key]
	switch {
	case p == nil:
		a.portfolios[key] = &progress{row.Mark.Sequence, row.Mark.Rows}
		return
	case row.Mark.Sequence <= p.sequence:
		r.find(FoundNoMutation, "%s says that portfolio %s reached %d, which it had passed: no change goes with it", named(row), key.id, row.Mark.Sequence)
		return
	case row.Mark.Sequence > p.sequence+1:
		r.find(FoundUnaudited, "portfolio %s went from %d to %d and no row tells of it, before %s", key.id, p.sequence, row.Mark.Sequence-1, named(row))
	}
	p.sequence = row.Mark.Sequence
	p.rows += row.Mark.Rows
}

// close compares the end of the rows with the state.
func (a *accounts) close(r *Report, state *State) {
	for _, p := range state.Portfolios {
		key := portfolioKey{p.Owner, p.ID}
		told := a.portfolios[key]
		if told == nil {
			r.find(FoundUnaudited, "portfolio %s of %.40q is there and no row tells of it", p.ID, p.Owner)
			continue
		}
		delete(a.portfolios, key)
		switch {
		case p.Sequence > told.sequence:
			r.find(FoundUnaudited, "portfolio %s of %.40q is at %d, but the rows tell of changes up to %d only", p.ID, p.Owner, p.Sequence, told.sequence)
		case p.Sequence < told.sequence:
			r.find(FoundNoMutation, "portfolio %s of %.40q is at %d, but the rows tell of changes up to %d", p.ID, p.Owner, p.Sequence, told.sequence)
		}
		switch {
		case p.Rows > told.rows:
			r.find(FoundUnaudited, "portfolio %s of %.40q has %d rows of activities, but the rows tell of %d", p.ID, p.Owner, p.Rows, told.rows)
		case p.Rows < told.rows:
			r.find(FoundNoMutation, "portfolio %s of %.40q has %d rows of activities, but the rows tell of %d: some are gone", p.ID, p.Owner, p.Rows, told.rows)
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(a.portfolios), func(x, y portfolioKey) int {
		return cmp.Or(cmp.Compare(x.owner, y.owner), cmp.Compare(x.id, y.id))
	}) {
		r.find(FoundNoMutation, "rows tell of portfolio %s of %.40q, which isn't there", key.id, key.owner)
	}
	for _, owner := range state.Users {
		if !a.users[owner] {
			r.find(FoundUnaudited, "user %.40q is there and no row tells who added them", owner)
		}
		delete(a.users, owner)
	}
	for _, owner := range slices.Sorted(maps.Keys(a.users)) {
		r.find(FoundNoMutation, "a row tells that user %.40q was added, who isn't there", owner)
	}
	for _, owner := range slices.Sorted(maps.Keys(state.Heads)) {
		if last := a.numbers[owner]; state.Heads[owner] != last {
			r.find(FoundMissing, "the rows of %.40q end at number %d, but %d were given: rows are missing, or numbers were changed", owner, last, state.Heads[owner])
		}
	}
}
