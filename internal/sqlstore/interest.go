package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/seal"
)

// interest is what one portfolio wants prices of, and why. It is sealed beside the portfolio, so that the unlinked counts of
// instrument_interest change by what really changed, and can be counted again.
type interest map[market.InstrumentID]reason

type reason uint8

const (
	becauseHeld     reason = 1 << iota // the portfolio holds it, as its appends said
	becauseCurrency                    // the rate of its base currency or of an account's
)

const (
	sqlInterest            = `SELECT interest FROM portfolios WHERE owner = $1 AND id = $2`
	sqlSetInterest         = `UPDATE portfolios SET interest = $3 WHERE owner = $1 AND id = $2`
	sqlCountInterest       = `INSERT INTO instrument_interest (instrument, holders) VALUES `
	sqlCountInterestSuffix = ` ON CONFLICT (instrument) DO UPDATE SET holders = instrument_interest.holders + excluded.holders`
	sqlInterestCounts      = `SELECT instrument, holders FROM instrument_interest`
	// A page begins in each of the tables where the last one ended: else the database goes through all that lies before, for each page anew.
	sqlSweepAllInterests = `SELECT p.owner, p.id, p.interest, k.version, k.wrapped FROM portfolios p
JOIN users u ON u.owner = p.owner JOIN user_keys k ON k.owner = u.owner AND k.version = u.key_version
WHERE (p.owner, p.id) > ($1, $2) AND u.owner >= $1 AND k.owner >= $1 ORDER BY p.owner, p.id LIMIT $3`
)

const interestColumns = 2

var columnInterest = seal.Column{Table: "portfolios", Name: "interest"}

func sealInterest(key *seal.Key, portfolio ledger.PortfolioID, i interest) []byte {
	var r record
	for _, id := range slices.Sorted(maps.Keys(i)) {
		r.text(tag(i[id]), string(id))
	}
	return key.Seal(r, columnInterest, string(portfolio))
}

func openInterest(key *seal.Key, portfolio ledger.PortfolioID, sealed []byte) (interest, error) {
	plain, err := key.Open(sealed, columnInterest, string(portfolio))
	if err != nil {
		return nil, err
	}
	i := make(interest)
	return i, fields(plain, func(t tag, value []byte) error {
		if t == 0 || reason(t) > becauseHeld|becauseCurrency {
			return errUnknownField
		}
		i[market.InstrumentID(value)] = reason(t)
		return nil
	})
}

// add applies what begins (above 0) and ends (below 0) to be held, and currencies of the portfolio's own. It gives the change
// of the counts: what was wanted before for another reason doesn't count twice.
func (i interest) add(changes map[market.InstrumentID]int, currencies []money.Currency) map[market.InstrumentID]int {
	deltas := make(map[market.InstrumentID]int)
	set := func(id market.InstrumentID, to reason) {
		was := i[id]
		switch {
		case was == 0 && to != 0:
			deltas[id]++
		case was != 0 && to == 0:
			deltas[id]--
		}
		if to == 0 {
			delete(i, id)
		} else {
			i[id] = to
		}
	}
	for id, change := range changes {
		switch {
		case change > 0:
			set(id, i[id]|becauseHeld)
		case change < 0:
			set(id, i[id]&^becauseHeld)
		}
	}
	for _, c := range currencies {
		if c != money.Currency("") && c != market.RateBase {
			id := market.RateID(c)
			set(id, i[id]|becauseCurrency)
		}
	}
	return deltas
}

// changeInterest applies a change to one portfolio's interest and to the counts.
func (s *Store) changeInterest(ctx context.Context, q queries, key *seal.Key, owner ledger.OwnerID, portfolio ledger.PortfolioID, changes map[market.InstrumentID]int, currencies []money.Currency) error {
	if len(changes) == 0 && len(currencies) == 0 {
		return nil
	}
	var sealed []byte
	if err := q.one(ctx, sqlInterest, []any{string(owner), string(portfolio)}, &sealed); err != nil {
		return err
	}
	wanted, err := openInterest(key, portfolio, sealed)
	if err != nil {
		return err
	}
	before := maps.Clone(wanted)
	deltas := wanted.add(changes, currencies)
	if maps.Equal(before, wanted) {
		return nil
	}
	if _, err := q.exec(ctx, sqlSetInterest, string(owner), string(portfolio), sealInterest(key, portfolio, wanted)); err != nil {
		return err
	}
	return countInterest(ctx, q, deltas)
}

// countInterest changes the counts, in one order everywhere, so that no two transactions wait for each other.
func countInterest(ctx context.Context, q queries, deltas map[market.InstrumentID]int) error {
	var rows []any
	for _, id := range slices.Sorted(maps.Keys(deltas)) {
		if delta := deltas[id]; delta != 0 {
			rows = append(rows, string(id), delta)
		}
	}
	return insertRows(ctx, q, sqlCountInterest, interestColumns, sqlCountInterestSuffix, rows)
}

// RecountInterest counts anew how many portfolios and rules want each instrument, from what is kept sealed of each, and mends the
// counts. It adds the difference between two figures of one moment, so appends go on meanwhile and none is lost.
func (s *Store) RecountInterest(ctx context.Context) error {
	ctx, cancel := bounded(ctx, bulkWaitMax)
	defer cancel()
	deltas := make(map[market.InstrumentID]int)
	err := s.db.read(ctx, func(q queries) error {
		clear(deltas)
		if err := q.each(ctx, sqlInterestCounts, nil, func(row scanner) error {
			var id string
			var holders int
			err := row.Scan(&id, &holders)
			deltas[market.InstrumentID(id)] -= holders
			return err
		}); err != nil {
			return err
		}
		if err := s.eachInterest(ctx, q, func(wanted interest) {
			for id := range wanted {
				deltas[id]++
			}
		}); err != nil {
			return err
		}
		return s.eachRuleInterest(ctx, q, func(wanted map[market.InstrumentID]int) {
			for id, rules := range wanted {
				deltas[id] += rules
			}
		})
	})
	if err == nil {
		err = s.db.write(ctx, func(q queries) error { return countInterest(ctx, q, deltas) })
	}
	return s.explain("recount interest", err)
}

// eachInterest goes through all portfolios, a page at a time.
func (s *Store) eachInterest(ctx context.Context, q queries, see func(interest)) error {
	const page = 500 // portfolios; some 100 KiB
	owner, portfolio := "", ""
	for {
		n := 0
		err := q.each(ctx, sqlSweepAllInterests, []any{owner, portfolio, page}, func(row scanner) error {
			var sealed, wrapped []byte
			var version int
			if err := row.Scan(&owner, &portfolio, &sealed, &version, &wrapped); err != nil {
				return err
			}
			n++
			key, err := s.openKey(ctx, ledger.OwnerID(owner), version, wrapped)
			if err != nil {
				return err
			}
			wanted, err := openInterest(key, ledger.PortfolioID(portfolio), sealed)
			if err != nil {
				return fmt.Errorf("portfolio %s: %w", portfolio, err)
			}
			see(wanted)
			return nil
		})
		if err != nil || n < page {
			return err
		}
	}
}
