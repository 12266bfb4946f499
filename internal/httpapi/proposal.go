package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/transfer"
)

// Proposer knows which splits and dividends portfolios call for; *journal.Proposals is one.
type Proposer interface {
	List(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64) (journal.Proposed, error)
	Accept(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64, picks []journal.Pick,
		write func(journal.Recorded) audit.Write) (journal.Recorded, error)
	Ignore(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64, id ledger.ProposalID, write audit.Write) error
	Restore(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64, id ledger.ProposalID, write audit.Write) error
}

// Proposal is a split or dividend of something held, and the activity that would book it.
type Proposal struct {
	ID            string         `json:"id"`
	State         string         `json:"state" enum:"open,ignored"`
	Kind          string         `json:"kind" enum:"split,dividend"`
	InstrumentID  string         `json:"instrument_id"`
	Symbol        string         `json:"symbol"`
	Name          string         `json:"name"`
	Date          string         `json:"date" doc:"The ex-date"`
	PayDate       *string        `json:"pay_date" doc:"Of a dividend, where it is known"`
	PerShare      *string        `json:"per_share" doc:"Of a dividend, for one share as it was on the ex-date"`
	Currency      *string        `json:"currency" doc:"Of per_share"`
	Ratio         *string        `json:"ratio" doc:"Of a split, new:old"`
	Quantity      string         `json:"quantity" doc:"Held at the start of the ex-date; below 0 where it was held short"`
	QuantityAfter *string        `json:"quantity_after" doc:"Of a split: what quantity becomes"`
	AccountID     *string        `json:"account_id" doc:"null: every account that holds it"`
	AccountName   *string        `json:"account_name"`
	Activity      activityFields `json:"activity" doc:"What accepting books, ready to be posted or edited"`
	Source        string         `json:"source"`
	ObservedAt    time.Time      `json:"observed_at"`
	Note          *string        `json:"note" doc:"What there is to know before accepting it"`
	Assumes       []string       `json:"assumes" nullable:"false" doc:"Splits that wait, too, and that quantity counts as if they were booked"`
}

// Proposals is what waits for a decision, or was decided against, newest first.
type Proposals struct {
	Items    []Proposal `json:"items" nullable:"false"`
	Open     int        `json:"open" doc:"How many wait"`
	Ignored  int        `json:"ignored" doc:"How many were decided against"`
	Sequence int64      `json:"sequence"`
}

// DecidedProposal says where a proposal is now.
type DecidedProposal struct {
	ID    string `json:"id"`
	State string `json:"state" enum:"open,ignored"`
}

type listProposalsInput struct {
	PortfolioPath
	State string `query:"state" enum:"open,ignored" default:"open"`
	Limit int    `query:"limit" minimum:"0" maximum:"500" default:"500" doc:"0 for the counts alone"`
}

type acceptProposalInput struct {
	PortfolioPath
	Proposal string `path:"proposal" maxLength:"64"`
	Body     *struct {
		Activity *activityFields `json:"activity,omitempty" doc:"What to book instead of what is proposed"`
	}
}

type acceptProposalsInput struct {
	PortfolioPath
	Body struct {
		IDs []string `json:"ids" minItems:"1" maxItems:"100" nullable:"false"`
	}
}

type decideProposalInput struct {
	PortfolioPath
	Proposal string `path:"proposal" maxLength:"64"`
}

func (s *Server) addProposalRoutes() {
	const tag = "Proposals"
	path := portfolioPrefix + "/proposals"
	one := path + "/{proposal}"
	typed(s, route{method: "GET", path: path, class: classRead, action: access.ReadPortfolio, tag: tag, summary: "Splits and dividends of what is held that are not booked yet"}, http.StatusOK, s.listProposals)
	typed(s, route{method: "POST", path: path + "/accept", class: classChange, action: access.WriteActivities, creates: true, tag: tag, summary: "Book several as proposed, all or none"}, http.StatusCreated, s.acceptProposals)
	typed(s, route{method: "POST", path: one + "/accept", class: classChange, action: access.WriteActivities, creates: true, tag: tag, summary: "Book one, as proposed or edited"}, http.StatusCreated, s.acceptProposal)
	typed(s, route{method: "POST", path: one + "/ignore", class: classChange, action: access.WriteActivities, tag: tag, summary: "Don't propose it again"}, http.StatusOK, s.ignoreProposal)
	typed(s, route{method: "POST", path: one + "/restore", class: classChange, action: access.WriteActivities, tag: tag, summary: "Propose it again"}, http.StatusOK, s.restoreProposal)
}

// proposals is who makes them, where this node has one.
func (s *Server) proposals() (Proposer, error) {
	if s.options.Proposals == nil {
		return nil, fault.New(fault.Unavailable, "This node makes no proposals.")
	}
	return s.options.Proposals, nil
}

func (s *Server) listProposals(ctx context.Context, in *listProposalsInput) (*answer[Proposals], error) {
	proposer, err := s.proposals()
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	found, err := proposer.List(ctx, c.owner(), ledger.PortfolioID(in.ID), c.sequence)
	if err != nil {
		return nil, err
	}
	list := found.Open
	if in.State == "ignored" {
		list = found.Ignored
	}
	list = list[:min(len(list), in.Limit)]
	out := Proposals{Items: make([]Proposal, 0, len(list)), Open: found.OpenCount, Ignored: found.IgnoredCount, Sequence: found.Book.Portfolio.Sequence}
	for i := range list {
		out.Items = append(out.Items, proposalOf(&list[i], in.State, found.Book))
	}
	return &answer[Proposals]{out}, nil
}

func proposalOf(p *ledger.Proposal, state string, book *ledger.Book) Proposal {
	instrument := book.Instruments[p.Action.Instrument]
	out := Proposal{
		ID: string(p.ID), State: state, Kind: string(p.Action.Kind), InstrumentID: string(p.Action.Instrument), Symbol: instrument.Symbol, Name: instrument.Name,
		Date: p.Action.Date.String(), Quantity: p.Quantity.Reduced().String(), AccountID: given(string(p.Account)),
		Activity: fieldsOf(&p.Activity), Source: p.Action.Source, ObservedAt: p.Action.ObservedAt, Note: given(remarks(p)), Assumes: make([]string, 0, len(p.Assumes)),
	}
	if p.Action.Kind == market.ActionSplit {
		after := p.After.Reduced()
		out.Ratio, out.QuantityAfter = given(p.Activity.Ratio.String()), decimal(&after)
	} else {
		out.PerShare, out.Currency = decimal(&p.Action.Amount), given(string(p.Action.Currency))
	}
	if p.Action.PayDate != market.NoDate {
		out.PayDate = given(p.Action.PayDate.String())
	}
	for _, a := range book.Accounts {
		if a.ID == p.Account {
			out.AccountName = &a.Name
		}
	}
	for _, id := range p.Assumes {
		out.Assumes = append(out.Assumes, string(id))
	}
	return out
}

// remarks is what somebody should know who accepts a proposal.
func remarks(p *ledger.Proposal) string {
	var all []string
	say := func(when bool, text string) {
		if when {
			all = append(all, text)
		}
	}
	dividend := p.Action.Kind == market.ActionDividend
	say(p.Voided != "", "You accepted this once and voided the activity.")
	say(dividend && p.Quantity.Sign() < 0, "You were short of it, so you pay this.")
	say(len(p.Assumes) > 0, "Counts a split that waits, too, as if it were booked.")
	say(dividend && p.Action.PayDate == market.NoDate, "The day of payment is not known; the ex-date stands for it.")
	say(dividend && p.Action.PayDate > p.Activity.Date, "Booked on the ex-date: until the payment the position had changed sides.")
	say(!dividend && p.Activity.Date < p.Action.Date, "Booked a day early: it goes before what you traded on the day itself.")
	return strings.Join(all, " ")
}

// fieldsOf is an activity as somebody would enter it.
func fieldsOf(a *ledger.Activity) activityFields {
	out := activityFields{
		Date: a.Date.String(), Type: string(a.Type), Account: given(string(a.Account)), Symbol: given(string(a.Instrument)),
		Amount: decimal(a.Amount), Currency: given(string(a.Currency)), Note: given(a.Note),
	}
	if a.Ratio != nil {
		out.Ratio = given(a.Ratio.String())
	}
	return out
}

func (s *Server) acceptProposal(ctx context.Context, in *acceptProposalInput) (*answer[Recorded], error) {
	pick := journal.Pick{Proposal: ledger.ProposalID(in.Proposal)}
	if in.Body != nil && in.Body.Activity != nil {
		edited, err := s.edited(ctx, in.ID, in.Body.Activity)
		if err != nil {
			return nil, err
		}
		pick.Activity = &edited
	}
	done, err := s.accept(ctx, in.ID, []journal.Pick{pick})
	return done, single(err)
}

// edited reads what somebody made of a proposal.
func (s *Server) edited(ctx context.Context, portfolio string, fields *activityFields) (ledger.Activity, error) {
	c := callOf(ctx)
	book, err := s.journal.Book(ctx, c.owner(), ledger.PortfolioID(portfolio), c.sequence)
	if err != nil {
		return ledger.Activity{}, err
	}
	read, err := s.reader(book).Batch(ctx, []transfer.Entry{fields.entry()}, func(_ int, field string) string { return field })
	if err != nil {
		return ledger.Activity{}, offering(err)
	}
	return read[0], nil
}

func (s *Server) acceptProposals(ctx context.Context, in *acceptProposalsInput) (*answer[Recorded], error) {
	picks := make([]journal.Pick, 0, len(in.Body.IDs))
	for _, id := range in.Body.IDs {
		picks = append(picks, journal.Pick{Proposal: ledger.ProposalID(id)})
	}
	return s.accept(ctx, in.ID, picks)
}

func (s *Server) accept(ctx context.Context, portfolio string, picks []journal.Pick) (*answer[Recorded], error) {
	proposer, err := s.proposals()
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	done, err := proposer.Accept(ctx, c.owner(), ledger.PortfolioID(portfolio), c.sequence, picks, func(r journal.Recorded) audit.Write {
		return c.write(c.entry(audit.ProposalsAccepted, portfolio), recordedOf(r))
	})
	if err != nil {
		return nil, err
	}
	return &answer[Recorded]{recordedOf(done)}, nil
}

func (s *Server) ignoreProposal(ctx context.Context, in *decideProposalInput) (*answer[DecidedProposal], error) {
	proposer, err := s.proposals()
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	// The audit row names the portfolio alone: of a proposal's name somebody who knows all instruments could guess which one it is of.
	if err := proposer.Ignore(ctx, c.owner(), ledger.PortfolioID(in.ID), c.sequence, ledger.ProposalID(in.Proposal), audit.Write{Audit: c.entry(audit.ProposalIgnored, in.ID)}); err != nil {
		return nil, err
	}
	return &answer[DecidedProposal]{DecidedProposal{ID: in.Proposal, State: "ignored"}}, nil
}

func (s *Server) restoreProposal(ctx context.Context, in *decideProposalInput) (*answer[DecidedProposal], error) {
	proposer, err := s.proposals()
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	if err := proposer.Restore(ctx, c.owner(), ledger.PortfolioID(in.ID), c.sequence, ledger.ProposalID(in.Proposal), audit.Write{Audit: c.entry(audit.ProposalRestored, in.ID)}); err != nil {
		return nil, err
	}
	return &answer[DecidedProposal]{DecidedProposal{ID: in.Proposal, State: "open"}}, nil
}
