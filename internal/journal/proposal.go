package journal

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// PicksMax is how many proposals are accepted at once: a page of a list, and one transaction that stays short.
const PicksMax = 100

// ProposalStore is what proposals need of the truth beside the journal's own.
type ProposalStore interface {
	// Actions are the splits and dividends that are known of instruments, rising by date.
	Actions(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID][]market.Action, error)
	Decisions(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) ([]ledger.Decision, error)
	// Decide gives fault.Conflict where one was decided on, Undecide fault.NotFound where one wasn't; then nothing changes.
	Decide(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, decided []ledger.Decision, write audit.Write) error
	Undecide(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, proposals []ledger.ProposalID, write audit.Write) error
}

// Proposals are the splits and dividends that portfolios call for, and what their holders say to them. They are worked out anew each
// time, so that all nodes say the same; only decisions are stored.
type Proposals struct {
	journal *Journal
	store   ProposalStore
}

// NewProposals makes Proposals whose activities go through a journal.
func NewProposals(j *Journal, store ProposalStore) *Proposals {
	return &Proposals{journal: j, store: store}
}

// Proposed is what waits in a portfolio, with the book that it is worked out from.
type Proposed struct {
	ledger.Proposals
	Book *ledger.Book
}

// List gives a portfolio's proposals at a sequence or a later one, as Book does.
func (p *Proposals) List(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64) (Proposed, error) {
	out, _, err := p.list(ctx, owner, portfolio, atLeastSequence)
	return out, err
}

func (p *Proposals) list(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeast int64) (Proposed, []ledger.Decision, error) {
	decided, err := p.store.Decisions(ctx, owner, portfolio)
	if err != nil {
		return Proposed{}, nil, fmt.Errorf("list proposals: %w", err)
	}
	for _, d := range decided { // another node may have accepted one since this node read the book
		atLeast = max(atLeast, d.Sequence)
	}
	book, err := p.journal.Book(ctx, owner, portfolio, atLeast)
	if err != nil {
		return Proposed{}, nil, err
	}
	ids := make([]market.InstrumentID, 0, len(book.Instruments))
	for id := range book.Instruments {
		ids = append(ids, id)
	}
	actions, err := p.store.Actions(ctx, ids)
	if err != nil {
		return Proposed{}, nil, fmt.Errorf("list proposals: %w", err)
	}
	today := market.DateOf(p.journal.now().UTC())
	return Proposed{Proposals: ledger.Propose(*book, actions, decided, today), Book: book}, decided, nil
}

// Pick is a proposal that is accepted: as it is, or as the activity that stands beside it.
type Pick struct {
	Proposal ledger.ProposalID
	Activity *ledger.Activity
}

// Accept books proposals, all or none, each at most once however often and wherever it is asked for. A proposal that doesn't wait gives
// fault.NotFound, one that was decided on fault.Conflict; what the ledger refuses is as in Record, with places by the order of dates.
func (p *Proposals) Accept(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64, picks []Pick,
	write func(Recorded) audit.Write,
) (Recorded, error) {
	if len(picks) == 0 || len(picks) > PicksMax {
		return Recorded{}, fault.At("ids", "between 1 and %d at once", PicksMax)
	}
	var stale error
	for range attemptsMax {
		proposed, decided, err := p.list(ctx, owner, portfolio, atLeastSequence)
		if err != nil {
			return Recorded{}, err
		}
		added, accepted, err := p.book(proposed, decided, picks)
		if err == nil {
			var done Recorded
			sequence := proposed.Book.Portfolio.Sequence
			if done, err = p.journal.record(ctx, owner, portfolio, &sequence, ledger.Changes{Added: added}, accepted, write); err == nil {
				return done, nil
			}
		}
		if !fault.Is(err, fault.Stale) {
			return Recorded{}, err
		}
		stale = err // what is proposed may be booked by now: it is looked at again
		p.journal.books.Drop(key{owner, portfolio})
		if err := p.journal.standBack(ctx); err != nil {
			return Recorded{}, err
		}
	}
	return Recorded{}, fault.Wrap(fault.Unavailable, stale, "the portfolio changes too often right now; try again")
}

// book turns picks into activities, in the order of their actions, and the decisions that go with them.
func (p *Proposals) book(proposed Proposed, decided []ledger.Decision, picks []Pick) ([]ledger.Activity, []ledger.Decision, error) {
	type booking struct {
		action   *market.Action
		activity ledger.Activity
		decision ledger.Decision
	}
	var bookings []booking
	for i, pick := range picks {
		at := slices.IndexFunc(proposed.Open, func(one ledger.Proposal) bool { return one.ID == pick.Proposal })
		twice := slices.ContainsFunc(picks[:i], func(other Pick) bool { return other.Proposal == pick.Proposal })
		switch {
		case twice:
			return nil, nil, fault.At(fmt.Sprintf("ids[%d]", i), "is named twice")
		case at < 0 && slices.ContainsFunc(decided, func(d ledger.Decision) bool { return d.Proposal == pick.Proposal }):
			return nil, nil, fault.New(fault.Conflict, "This was decided on already. Load the list again.")
		case at < 0:
			return nil, nil, fault.New(fault.NotFound, "This doesn't wait any more: it is booked, or what it rests on has changed.")
		}
		one := booking{action: &proposed.Open[at].Action, activity: proposed.Open[at].Activity}
		if pick.Activity != nil {
			one.activity = *pick.Activity
		}
		one.activity.ID = ledger.ActivityID(p.journal.newID())
		one.decision = ledger.Decision{Proposal: pick.Proposal, Activity: one.activity.ID}
		bookings = append(bookings, one)
	}
	slices.SortStableFunc(bookings, func(a, b booking) int { return cmp.Compare(a.action.Date, b.action.Date) })
	var added []ledger.Activity
	var accepted []ledger.Decision
	for _, one := range bookings {
		added, accepted = append(added, one.activity), append(accepted, one.decision)
	}
	return added, accepted, nil
}

// Ignore keeps a proposal from being made again. One that doesn't wait gives fault.NotFound, one that was decided on fault.Conflict,
// unless it is ignored already.
func (p *Proposals) Ignore(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64, id ledger.ProposalID, write audit.Write) error {
	proposed, decided, err := p.list(ctx, owner, portfolio, atLeastSequence)
	if err != nil {
		return err
	}
	for _, d := range decided {
		if d.Proposal == id && d.Activity == "" {
			return nil
		}
	}
	if !slices.ContainsFunc(proposed.Open, func(one ledger.Proposal) bool { return one.ID == id }) {
		_, _, err := p.book(proposed, decided, []Pick{{Proposal: id}})
		return err
	}
	if err := p.store.Decide(ctx, owner, portfolio, []ledger.Decision{{Proposal: id}}, write); err != nil {
		return fmt.Errorf("ignore proposal: %w", err)
	}
	return nil
}

// Restore lets a proposal be made again that was ignored, or accepted and voided since; fault.NotFound where nothing of the kind was
// said. One whose activity stands gives fault.Conflict: it would be booked twice.
func (p *Proposals) Restore(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64, id ledger.ProposalID, write audit.Write) error {
	proposed, decided, err := p.list(ctx, owner, portfolio, atLeastSequence)
	if err != nil {
		return err
	}
	for _, d := range decided {
		stands := func(a ledger.Activity) bool { return a.ID == d.Activity }
		if d.Proposal == id && slices.ContainsFunc(proposed.Book.Activities, stands) {
			return fault.New(fault.Conflict, "This is booked. Void its activity first.")
		}
	}
	if err := p.store.Undecide(ctx, owner, portfolio, []ledger.ProposalID{id}, write); err != nil {
		return fmt.Errorf("restore proposal: %w", err)
	}
	return nil
}
