package sqlstore

import (
	"context"
	"encoding/hex"
	"strconv"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

const (
	sqlNewDecision = `INSERT INTO proposal_decisions (owner, portfolio, proposal, decided_at, body) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (owner, portfolio, proposal) DO NOTHING`
	sqlDecisions    = `SELECT proposal, body FROM proposal_decisions WHERE owner = $1 AND portfolio = $2`
	sqlDropDecision = `DELETE FROM proposal_decisions WHERE owner = $1 AND portfolio = $2 AND proposal = $3`
)

// The fields of a decision.
const (
	decisionProposal tag = 1
	decisionActivity tag = 2
	decisionSequence tag = 3
)

var columnDecision = seal.Column{Table: "proposal_decisions", Name: "body"}

// decisionIndex hashes a proposal's name: it is made of what somebody holds.
func (s *Store) decisionIndex(owner ledger.OwnerID, portfolio ledger.PortfolioID, proposal ledger.ProposalID) []byte {
	sum := s.root.Index("proposal to "+string(owner), string(portfolio)+"/"+string(proposal))
	return sum[:]
}

func openDecision(key *seal.Key, portfolio ledger.PortfolioID, index, sealed []byte) (d ledger.Decision, err error) {
	plain, err := key.Open(sealed, columnDecision, string(portfolio), hex.EncodeToString(index))
	if err != nil {
		return d, err
	}
	return d, fields(plain, func(t tag, value []byte) (err error) {
		switch t {
		case decisionProposal:
			d.Proposal = ledger.ProposalID(value)
		case decisionActivity:
			d.Activity = ledger.ActivityID(value)
		case decisionSequence:
			d.Sequence, err = strconv.ParseInt(string(value), 10, 64)
		default:
			err = errUnknownField
		}
		return err
	})
}

// decide adds decisions; one on a proposal that was decided on gives fault.Conflict.
func (s *Store) decide(ctx context.Context, q queries, key *seal.Key, portfolio ledger.PortfolioID, decided []ledger.Decision) error {
	for _, d := range decided {
		index := s.decisionIndex(key.Owner(), portfolio, d.Proposal)
		var r record
		r.text(decisionProposal, string(d.Proposal))
		r.text(decisionActivity, string(d.Activity))
		r.text(decisionSequence, strconv.FormatInt(d.Sequence, 10))
		added, err := q.exec(ctx, sqlNewDecision, string(key.Owner()), string(portfolio), index, stamp(s.now()),
			key.Seal(r, columnDecision, string(portfolio), hex.EncodeToString(index)))
		if err != nil {
			return err
		}
		if added == 0 {
			return fault.New(fault.Conflict, "This was decided on already. Load the list again.")
		}
	}
	return nil
}

// Decisions gives what an owner said to proposals, in no order.
func (s *Store) Decisions(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) ([]ledger.Decision, error) {
	var decided []ledger.Decision
	key, err := s.key(ctx, s.db, owner)
	if err == nil {
		err = s.db.each(ctx, sqlDecisions, []any{string(owner), string(portfolio)}, func(row scanner) error {
			var index, body []byte
			if err := row.Scan(&index, &body); err != nil {
				return err
			}
			d, err := openDecision(key, portfolio, index, body)
			decided = append(decided, d)
			return err
		})
	}
	if err != nil {
		return nil, s.explain("read decisions", err)
	}
	return decided, nil
}

// Decide keeps decisions that book nothing; those that do go with Append. A proposal that was decided on gives fault.Conflict, then
// nothing is kept; a portfolio that is not this owner's fault.NotFound.
func (s *Store) Decide(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, decided []ledger.Decision, w Write) error {
	return s.explain("decide on proposals", s.db.write(ctx, func(q queries) error {
		_, key, err := s.readPortfolio(ctx, q, owner, portfolio)
		if err != nil {
			return err
		}
		if err := s.decide(ctx, q, key, portfolio, decided); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	}))
}

// Undecide takes decisions back; fault.NotFound where one of them isn't there.
func (s *Store) Undecide(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, proposals []ledger.ProposalID, w Write) error {
	return s.explain("take back decisions", s.db.write(ctx, func(q queries) error {
		for _, id := range proposals {
			dropped, err := q.exec(ctx, sqlDropDecision, string(owner), string(portfolio), s.decisionIndex(owner, portfolio, id))
			if err != nil {
				return err
			}
			if dropped == 0 {
				return fault.New(fault.NotFound, "Nothing was decided here.")
			}
		}
		return s.record(ctx, q, owner, w)
	}))
}
