package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"slices"
	"strings"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of proposals.
const (
	ProposalsMax     = 500 // of each list, the newest: more than anybody decides on in one sitting
	paidAfterDaysMax = 400 // from ex-date to payment; a day of payment beyond it is a source's mistake
)

// ProposalID names a proposal for good, by its portfolio, instrument, kind, date and account. It is a hash, safe to show in an address.
type ProposalID string

// Proposal is an activity that a split or dividend of something held calls for, until its holder accepts or ignores it.
type Proposal struct {
	ID       ProposalID
	Action   market.Action // as its source told it, of the instrument as it was held that day
	Account  AccountID     // empty: every account that holds it
	Quantity money.Decimal // held at the start of the action's day, below 0 where short
	After    money.Decimal // of a split: what Quantity becomes; else 0
	Activity Activity      // what would be booked, without an id
	Assumes  []ProposalID  // splits that wait, too, and that Quantity counts as if they were booked
	Voided   ActivityID    // it was accepted as this activity, which was voided since
}

// Decision is what the holder said to a proposal.
type Decision struct {
	Proposal ProposalID
	Activity ActivityID // what it was accepted as; empty: it is ignored
	Sequence int64      // of the portfolio with that activity; kept by the store
}

// Proposals are what waits for a decision and what was decided against, each newest first and at most ProposalsMax.
type Proposals struct {
	Open, Ignored           []Proposal
	OpenCount, IgnoredCount int // of all, those that are left out included
}

// Propose says which splits and dividends of what a book holds, or held, are not booked yet.
//
// A split is proposed once for all accounts, or, where some have it booked, for each of the others; a dividend for each open
// account, with quantity × amount exactly, before tax, on the day of payment, or on the ex-date where that is unknown. Quantities
// are those at the start of the action's day, before a split of the same day; splits that wait count as booked. Nothing is
// proposed that the ledger could not book on today: not what is paid later, and no split that the activities after it contradict.
//
// What was decided is not proposed again. An accepted one whose activity was voided is listed with the ignored ones.
func Propose(book Book, actions map[market.InstrumentID][]market.Action, decided []Decision, today market.Date) Proposals {
	if book.Portfolio.Closed {
		return Proposals{}
	}
	p := newProposer(book, actions, decided, today)
	if len(p.actions) == 0 {
		return Proposals{}
	}
	splits, held, ok := p.splitsThatFit()
	if !ok {
		return Proposals{}
	}
	found := slices.Clone(splits)
	for _, id := range sortedKeys(p.actions) {
		for _, account := range held.accounts(id) {
			found = append(found, p.dividends(id, account, held, splits)...)
		}
	}
	return p.sorted(found)
}

// proposer is a Propose in the making.
type proposer struct {
	book    Book
	today   market.Date
	actions map[market.InstrumentID][]market.Action // by what it is held as, rising by date
	watched map[market.InstrumentID]struct{}        // those, and what they were renamed to
	decided map[ProposalID]Decision
	cameOf  map[ActivityID]struct{} // activities that proposals were accepted as
	open    map[AccountID]struct{}  // accounts that take activities

	stands  map[ActivityID]struct{}       // every activity of the book
	renames map[market.InstrumentID][]int // where in the book
	splits  map[market.InstrumentID][]*Activity
	splitOn map[onDay]*market.Action
	paid    map[inAccount][]*Activity    // dividends
	short   map[ActivityID]money.Decimal // see shortSales; nil until somebody asks
	moved   map[move]struct{}            // days on which the quantity of something changed; under everyAccount wherever it did
}

// onDay is an instrument on a day.
type onDay struct {
	instrument market.InstrumentID
	date       market.Date
}

// move is a change of what an account holds on a day; without an account, of every one that holds it.
type move struct {
	onDay
	account AccountID
}

func newProposer(book Book, actions map[market.InstrumentID][]market.Action, decided []Decision, today market.Date) *proposer {
	p := &proposer{
		book: book, today: today, actions: map[market.InstrumentID][]market.Action{}, watched: map[market.InstrumentID]struct{}{}, decided: make(map[ProposalID]Decision, len(decided)),
		cameOf: map[ActivityID]struct{}{}, open: map[AccountID]struct{}{}, stands: make(map[ActivityID]struct{}, len(book.Activities)),
		renames: map[market.InstrumentID][]int{}, splits: map[market.InstrumentID][]*Activity{}, splitOn: map[onDay]*market.Action{}, paid: map[inAccount][]*Activity{}, moved: map[move]struct{}{},
	}
	for _, d := range decided {
		p.decided[d.Proposal] = d
		if d.Activity != "" {
			p.cameOf[d.Activity] = struct{}{}
		}
	}
	for _, a := range book.Accounts {
		if !a.Closed {
			p.open[a.ID] = struct{}{}
		}
	}
	for i := range book.Activities {
		p.read(i)
	}
	for id := range book.Instruments {
		if all := p.actionsOf(id, actions); len(all) > 0 {
			p.actions[id] = all
			p.watch(id)
			for i := range all {
				if all[i].Kind == market.ActionSplit {
					p.splitOn[onDay{id, all[i].Date}] = &all[i]
				}
			}
		}
	}
	return p
}

// read notes what of an activity proposals are held against.
func (p *proposer) read(at int) {
	a := &p.book.Activities[at]
	p.stands[a.ID] = struct{}{}
	switch a.Type {
	case Dividend:
		key := inAccount{a.Instrument, a.Account}
		p.paid[key] = append(p.paid[key], a)
		if !a.Reinvest {
			return
		}
	case Interest, Fee, Tax, ReturnOfCapital, Deposit, Withdrawal, CashTransfer:
		return
	case Split:
		p.splits[a.Instrument] = append(p.splits[a.Instrument], a)
	case Rename:
		p.renames[a.Instrument] = append(p.renames[a.Instrument], at)
	}
	for _, id := range [...]market.InstrumentID{a.Instrument, a.ToInstrument} {
		for _, account := range [...]AccountID{a.Account, cmp.Or(a.ToAccount, a.Account), everyAccount} {
			p.moved[move{onDay{id, a.Date}, account}] = struct{}{}
		}
	}
}

// movedOn says whether something happened on a day to what an account holds, or any where none is named.
func (p *proposer) movedOn(day onDay, account AccountID) bool {
	if account == "" {
		account = everyAccount
	}
	_, here := p.moved[move{day, account}]
	_, everywhere := p.moved[move{day, ""}]
	return here || everywhere
}

// actionsOf is what happened to an instrument. One that nobody knows actions of, and that was renamed, has those of what it became: sources
// tell a company's whole past under its newest name.
func (p *proposer) actionsOf(id market.InstrumentID, known map[market.InstrumentID][]market.Action) []market.Action {
	until, source := p.today, id
	for at := -1; len(known[source]) == 0; {
		var more bool
		if at, more = p.renamed(source, "", at); !more {
			break
		}
		until, source = min(until, p.book.Activities[at].Date), p.book.Activities[at].ToInstrument
	}
	var all []market.Action
	for _, a := range known[source] {
		if a.Date > until || a.Check() != nil {
			continue
		}
		a.Instrument = id
		if a.PayDate < a.Date || a.PayDate > a.Date+paidAfterDaysMax {
			a.PayDate = market.NoDate
		}
		all = append(all, a)
	}
	slices.SortStableFunc(all, func(a, b market.Action) int { return cmp.Compare(a.Date, b.Date) })
	return all
}

// renamed finds the next renaming of an instrument, of any account where none is named, behind a place in the book.
func (p *proposer) renamed(id market.InstrumentID, account AccountID, behind int) (at int, ok bool) {
	places := p.renames[id]
	i, _ := slices.BinarySearch(places, behind+1)
	for _, at := range places[i:] {
		if of := p.book.Activities[at].Account; of == "" || account == "" || of == account {
			return at, true
		}
	}
	return 0, false
}

func (p *proposer) watch(id market.InstrumentID) {
	if _, known := p.watched[id]; known {
		return
	}
	p.watched[id] = struct{}{}
	for _, at := range p.renames[id] {
		p.watch(p.book.Activities[at].ToInstrument)
	}
}

// nameOn is what an instrument, held at the start of a day in an account, is called at the end of a later one.
func (p *proposer) nameOn(id market.InstrumentID, account AccountID, held, later market.Date) market.InstrumentID {
	first, _ := slices.BinarySearchFunc(p.book.Activities, held, func(a Activity, d market.Date) int { return cmp.Compare(a.Date, d) })
	for at := first - 1; ; {
		var more bool
		if at, more = p.renamed(id, account, at); !more || p.book.Activities[at].Date > later {
			return id
		}
		id = p.book.Activities[at].ToInstrument
	}
}

// id names the proposal of an action in an account.
func (p *proposer) id(a *market.Action, account AccountID) ProposalID {
	const shown = 16 // bytes: nobody meets a second of the kind
	hash := sha256.New()
	for _, part := range []string{string(p.book.Portfolio.ID), string(a.Instrument), string(a.Kind), a.Date.String(), string(account)} {
		fmt.Fprintf(hash, "%d:%s", len(part), part) // hashes never fail
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(hash.Sum(nil)[:shown])
	return ProposalID(strings.ToLower(text))
}

// accepted says whether a proposal was, and what it became still stands.
func (p *proposer) accepted(id ProposalID) bool {
	became := p.decided[id].Activity
	_, stands := p.stands[became]
	return stands && became != ""
}

// waits says whether nothing was decided yet.
func (p *proposer) waits(id ProposalID) bool {
	_, decided := p.decided[id]
	return !decided
}

// sorted parts what waits from what was decided against.
func (p *proposer) sorted(all []Proposal) Proposals {
	slices.SortFunc(all, func(a, b Proposal) int {
		return cmp.Or(cmp.Compare(b.Action.Date, a.Action.Date), cmp.Compare(a.Action.Instrument, b.Action.Instrument),
			cmp.Compare(b.Action.Kind, a.Action.Kind), cmp.Compare(a.Account, b.Account))
	})
	var out Proposals
	for _, one := range all {
		list, count := &out.Open, &out.OpenCount
		if !p.waits(one.ID) {
			one.Voided = p.decided[one.ID].Activity
			list, count = &out.Ignored, &out.IgnoredCount
		}
		if *count++; *count <= ProposalsMax {
			*list = append(*list, one)
		}
	}
	return out
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
