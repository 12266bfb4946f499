package sqlstore

import (
	"slices"
	"strings"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// decisions are what anna said, by proposal.
func (b *bench) decisions(owner ledger.OwnerID, portfolio ledger.PortfolioID) []ledger.Decision {
	b.t.Helper()
	decided, err := b.Decisions(b.t.Context(), owner, portfolio)
	b.ok(err)
	slices.SortFunc(decided, func(a, b ledger.Decision) int { return strings.Compare(string(a.Proposal), string(b.Proposal)) })
	return decided
}

func TestDecisionsOnProposals(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		b.user("bert")
		b.portfolio("anna", "p1")
		b.portfolio("anna", "p2")
		b.instruments("aapl")
		ignore := entry("anna", audit.ProposalIgnored)
		b.ok(b.Decide(ctx, "anna", "p1", []ledger.Decision{{Proposal: "x"}, {Proposal: "y"}}, ignore))
		b.kind(b.Decide(ctx, "anna", "p1", []ledger.Decision{{Proposal: "z"}, {Proposal: "y"}}, ignore), fault.Conflict)
		b.kind(b.Decide(ctx, "bert", "p1", []ledger.Decision{{Proposal: "z"}}, entry("bert", audit.ProposalIgnored)), fault.NotFound)

		accepted := Change{Added: []ledger.Activity{buy("a1", "2024-05-02", "aapl")}, Accepted: []ledger.Decision{{Proposal: "w", Activity: "a1"}}}
		sequence := b.appended("anna", "p1", accepted)
		again := Change{Added: []ledger.Activity{buy("a2", "2024-05-02", "aapl")}, Accepted: []ledger.Decision{{Proposal: "w", Activity: "a2"}}}
		_, err := b.Append(ctx, "anna", "p1", sequence, again, entry("anna", audit.ProposalsAccepted))
		b.kind(err, fault.Conflict)
		book, err := b.Book(ctx, "anna", "p1")
		b.ok(err)
		if len(book.Activities) != 1 || book.Portfolio.Sequence != sequence {
			t.Errorf("accepted twice: %d activities at %d", len(book.Activities), book.Portfolio.Sequence)
		}

		b.reopen()
		want := []ledger.Decision{{Proposal: "w", Activity: "a1", Sequence: sequence}, {Proposal: "x"}, {Proposal: "y"}}
		if got := b.decisions("anna", "p1"); !slices.Equal(got, want) {
			t.Errorf("decisions %+v, want %+v", got, want)
		}
		for _, other := range []struct {
			owner     ledger.OwnerID
			portfolio ledger.PortfolioID
		}{{"anna", "p2"}, {"bert", "p1"}} {
			if got := b.decisions(other.owner, other.portfolio); len(got) > 0 {
				t.Errorf("%s has decisions on %s: %+v", other.owner, other.portfolio, got)
			}
		}

		restore := entry("anna", audit.ProposalRestored)
		b.kind(b.Undecide(ctx, "anna", "p1", []ledger.ProposalID{"x", "none"}, restore), fault.NotFound)
		b.kind(b.Undecide(ctx, "bert", "p1", []ledger.ProposalID{"x"}, entry("bert", audit.ProposalRestored)), fault.NotFound)
		b.ok(b.Undecide(ctx, "anna", "p1", []ledger.ProposalID{"x"}, restore))
		if got := b.decisions("anna", "p1"); len(got) != 2 {
			t.Errorf("after one was taken back: %+v", got)
		}
		b.ok(b.Decide(ctx, "anna", "p1", []ledger.Decision{{Proposal: "x"}}, ignore))
		rows, err := b.Audits(ctx, "anna", 0, 100)
		b.ok(err)
		said := 0
		for _, row := range rows {
			if row.Action == audit.ProposalIgnored || row.Action == audit.ProposalRestored {
				said++
			}
		}
		if said != 3 {
			t.Errorf("%d audit rows of what was done, want 3", said)
		}
	})
}
