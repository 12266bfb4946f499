package journal

import (
	"context"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// decisions is a store of proposals in memory; what is accepted it finds in what was appended.
type decisions struct {
	*truth
	actions map[market.InstrumentID][]market.Action

	mu      sync.Mutex
	ignored []ledger.Decision
}

func (d *decisions) Actions(_ context.Context, ids []market.InstrumentID) (map[market.InstrumentID][]market.Action, error) {
	found := map[market.InstrumentID][]market.Action{}
	for _, id := range ids {
		if all := d.actions[id]; len(all) > 0 {
			found[id] = all
		}
	}
	return found, nil
}

func (d *decisions) Decisions(context.Context, ledger.OwnerID, ledger.PortfolioID) ([]ledger.Decision, error) {
	d.mu.Lock()
	all := slices.Clone(d.ignored)
	d.mu.Unlock()
	d.truth.mu.Lock()
	defer d.truth.mu.Unlock()
	for _, change := range d.writes {
		all = append(all, change.Accepted...)
	}
	return all, nil
}

func (d *decisions) Decide(_ context.Context, _ ledger.OwnerID, _ ledger.PortfolioID, decided []ledger.Decision, _ audit.Write) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ignored = append(d.ignored, decided...)
	return nil
}

func (d *decisions) Undecide(_ context.Context, _ ledger.OwnerID, _ ledger.PortfolioID, ids []ledger.ProposalID, _ audit.Write) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := len(d.ignored)
	d.ignored = slices.DeleteFunc(d.ignored, func(one ledger.Decision) bool { return slices.Contains(ids, one.Proposal) })
	if before == len(d.ignored) {
		return fault.New(fault.NotFound, "nothing was decided")
	}
	return nil
}

// proposing is a portfolio with 10 shares, a split and a dividend.
func proposing(t *testing.T) (*fixture, *Proposals, *decisions) {
	t.Helper()
	f := newFixture()
	store := &decisions{truth: f.store, actions: map[market.InstrumentID][]market.Action{"vwce": {
		{Instrument: "vwce", Kind: market.ActionSplit, Date: market.MustDate("2026-01-20"), PayDate: market.NoDate, New: money.MustParse("2"), Old: money.One, Source: "tests"},
		{Instrument: "vwce", Kind: market.ActionDividend, Date: market.MustDate("2026-02-10"), PayDate: market.NoDate, Amount: money.MustParse("0.5"), Currency: "EUR", Source: "tests"},
	}}}
	f.record(t, add(trade(ledger.Buy, "vwce", "EUR", "2026-01-05", "10", "100")))
	return f, NewProposals(f.Journal, store), store
}

func list(t *testing.T, p *Proposals) Proposed {
	t.Helper()
	found, err := p.List(t.Context(), "u", "p", 0)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func picks(list []ledger.Proposal) []Pick {
	var all []Pick
	for _, one := range list {
		all = append(all, Pick{Proposal: one.ID})
	}
	return all
}

func TestProposalsAreAccepted(t *testing.T) {
	f, p, _ := proposing(t)
	open := list(t, p).Open
	if len(open) != 2 {
		t.Fatalf("%d wait: %+v", len(open), open)
	}
	done, err := p.Accept(t.Context(), "u", "p", 0, picks(open), entry)
	if err != nil {
		t.Fatal(err)
	}
	change := f.store.writes[len(f.store.writes)-1]
	if done.Sequence != 3 || len(done.IDs) != 2 || change.Added[0].Type != ledger.Split || change.Added[1].Amount.String() != "10.0" || len(change.Accepted) != 2 {
		t.Errorf("%+v booked %+v with %+v", done, change.Added, change.Accepted)
	}
	if left := list(t, p); len(left.Open)+len(left.Ignored) > 0 {
		t.Errorf("still there: %+v", left.Proposals)
	}
	if _, err := p.Accept(t.Context(), "u", "p", 0, picks(open)[:1], entry); !fault.Is(err, fault.Conflict) {
		t.Errorf("accepted again: %v", err)
	}
}

func TestProposalIsEditedAndVoided(t *testing.T) {
	f, p, _ := proposing(t)
	open := list(t, p).Open
	edited := open[0].Activity
	less := money.MustParse("9.31")
	edited.Amount = &less
	done, err := p.Accept(t.Context(), "u", "p", 0, []Pick{{Proposal: open[0].ID, Activity: &edited}}, entry)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Restore(t.Context(), "u", "p", 0, open[0].ID, audit.Write{}); !fault.Is(err, fault.Conflict) {
		t.Errorf("restored while it is booked: %v", err)
	}
	f.record(t, ledger.Changes{Voided: done.IDs})
	found := list(t, p)
	if len(found.Open) != 1 || len(found.Ignored) != 1 || found.Ignored[0].Voided != done.IDs[0] {
		t.Errorf("voided: %+v", found.Proposals)
	}
}

func TestProposalIsIgnoredAndRestored(t *testing.T) {
	_, p, _ := proposing(t)
	open := list(t, p).Open
	for range 2 { // the second time changes nothing
		if err := p.Ignore(t.Context(), "u", "p", 0, open[1].ID, audit.Write{}); err != nil {
			t.Fatal(err)
		}
	}
	found := list(t, p)
	if len(found.Open) != 1 || found.Open[0].Activity.Amount.String() != "5.0" || len(found.Ignored) != 1 {
		t.Errorf("with the split ignored: %+v", found.Proposals)
	}
	if _, err := p.Accept(t.Context(), "u", "p", 0, picks(open)[1:], entry); !fault.Is(err, fault.Conflict) {
		t.Errorf("accepted what is ignored: %v", err)
	}
	if err := p.Restore(t.Context(), "u", "p", 0, open[1].ID, audit.Write{}); err != nil {
		t.Fatal(err)
	}
	if found := list(t, p); len(found.Open) != 2 {
		t.Errorf("restored: %+v", found.Proposals)
	}
}

func TestProposalsThatAreNone(t *testing.T) {
	_, p, _ := proposing(t)
	open := picks(list(t, p).Open)
	for name, c := range map[string]struct {
		picks []Pick
		kind  fault.Kind
	}{
		"unknown": {[]Pick{{Proposal: "x"}}, fault.NotFound}, "one of two unknown": {append(slices.Clone(open), Pick{Proposal: "x"}), fault.NotFound},
		"none": {nil, fault.Invalid}, "too many": {make([]Pick, PicksMax+1), fault.Invalid}, "twice": {[]Pick{open[0], open[0]}, fault.Invalid},
	} {
		if _, err := p.Accept(t.Context(), "u", "p", 0, c.picks, entry); !fault.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := p.Ignore(t.Context(), "u", "p", 0, "x", audit.Write{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("ignored what isn't there: %v", err)
	}
	if _, err := p.List(t.Context(), "other", "p", 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else's: %v", err)
	}
}

// However many want the same proposal at once, it is booked once.
func TestProposalIsAcceptedOnce(t *testing.T) {
	f, p, _ := proposing(t)
	open := picks(list(t, p).Open)
	var group errgroup.Group
	results := make([]error, 4)
	for i := range results {
		group.Go(func() error {
			_, results[i] = p.Accept(context.Background(), "u", "p", 0, open, entry)
			return nil
		})
	}
	_ = group.Wait()
	booked := 0
	for _, err := range results {
		switch {
		case err == nil:
			booked++
		case !fault.Is(err, fault.Conflict):
			t.Errorf("another came first: %v", err)
		}
	}
	if book, err := f.Book(t.Context(), "u", "p", 0); err != nil || booked != 1 || len(book.Activities) != 3 {
		t.Errorf("booked %d times: %d activities, %v", booked, len(book.Activities), err)
	}
}

// What was booked by hand between looking and accepting is not booked again.
func TestProposalMeetsAnotherNode(t *testing.T) {
	f, p, _ := proposing(t)
	open := picks(list(t, p).Open)
	f.store.meet = sync.OnceFunc(func() {
		f.store.mu.Lock()
		f.store.meet = nil
		f.store.mu.Unlock()
		byHand := trade(ledger.Dividend, "vwce", "EUR", "2026-02-12", "1", "1")
		byHand.Quantity, byHand.Price, byHand.Amount = nil, nil, byHand.Price
		other := New(f.store, &told{}, Options{Now: f.now})
		if _, err := other.Record(t.Context(), "u", "p", nil, add(byHand), entry); err != nil {
			t.Error(err)
		}
	})
	if _, err := p.Accept(t.Context(), "u", "p", 0, open[:1], entry); !fault.Is(err, fault.NotFound) {
		t.Errorf("booked by hand meanwhile: %v", err)
	}
	if done, err := p.Accept(t.Context(), "u", "p", 0, open[1:], entry); err != nil || done.Sequence != 4 {
		t.Errorf("the other one: %+v, %v", done, err)
	}
}
