package sqlstore

import (
	"context"

	"folioscope/internal/fault"
	"folioscope/internal/market"
)

const (
	sqlVersion     = `SELECT version FROM instruments WHERE id = $1`
	sqlAliases     = `SELECT scheme, value, former, until_on FROM instrument_aliases WHERE instrument = $1 ORDER BY scheme, value`
	sqlAliasesIn   = `SELECT instrument, scheme, value, former, until_on FROM instrument_aliases WHERE instrument IN (`
	sqlPutAliases  = `INSERT INTO instrument_aliases (instrument, scheme, value, former, until_on) VALUES `
	sqlDropAliases = `DELETE FROM instrument_aliases WHERE instrument = $1`
	sqlDropKeys    = `DELETE FROM instrument_keys WHERE instrument = $1`
	sqlPutKeys     = `INSERT INTO instrument_keys (key, instrument) VALUES `

	sqlPutKeysSuffix = ` ON CONFLICT (key) DO NOTHING`
	sqlDropAliasesIn = `DELETE FROM instrument_aliases WHERE instrument IN (`
	sqlDropKeysIn    = `DELETE FROM instrument_keys WHERE instrument IN (`
	sqlKey           = `INSERT INTO instrument_keys (key, instrument) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`
	sqlKeyOwner      = `SELECT instrument FROM instrument_keys WHERE key = $1`

	sqlChangeInstrument = `UPDATE instruments SET symbol = $3, mic = $4, isin = $5, name = $6, currency = $7, class = $8, sector = $9, country = $10,
names = $11, search = $12, delisted = $13, delisted_on = $14, version = version + 1 WHERE id = $1 AND version = $2`
	sqlListingsBySymbol = instrumentCols + `WHERE class <> 'fx' AND symbol IN (`
	sqlListingsByISIN   = instrumentCols + `WHERE class <> 'fx' AND isin <> '' AND isin IN (`
)

const (
	aliasColumns = 5
	keyColumns   = 2
)

// claimKeys makes an instrument the one of its keys; fault.Conflict where another one is. Whoever claims at the same time waits
// for the other's end.
func claimKeys(ctx context.Context, q queries, i market.Instrument) error {
	for _, key := range i.Keys() {
		added, err := q.exec(ctx, sqlKey, key, string(i.ID))
		if err != nil {
			return err
		}
		if added > 0 {
			continue
		}
		var other string
		if err := q.one(ctx, sqlKeyOwner, []any{key}, &other); err != nil && !noRow(err) {
			return err
		}
		return fault.New(fault.Conflict, "the instrument exists already: %s", other)
	}
	return nil
}

// InstrumentRecord reads an instrument with all that is kept beside it; fault.NotFound where there is none.
func (s *Store) InstrumentRecord(ctx context.Context, id market.InstrumentID) (market.Record, error) {
	var r market.Record
	err := s.db.read(ctx, func(q queries) error {
		r = market.Record{}
		found, err := readInstruments(ctx, q, []market.InstrumentID{id})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.New(fault.NotFound, "there is no such instrument")
		}
		r.Instrument = found[0]
		if err := q.one(ctx, sqlVersion, []any{string(id)}, &r.Version); err != nil {
			return err
		}
		return q.each(ctx, sqlAliases, []any{string(id)}, func(row scanner) error {
			a, err := scanAlias(row)
			r.Aliases = append(r.Aliases, a)
			return err
		})
	})
	return r, s.explain("read instrument", err)
}

func scanAlias(row scanner, before ...any) (a market.Alias, err error) {
	var scheme string
	err = row.Scan(append(before, &scheme, &a.Value, &a.Former, &a.Until)...)
	a.Scheme = market.Scheme(scheme)
	return a, err
}

// InstrumentAliases are what else instruments are, and were, called; those without are left out.
func (s *Store) InstrumentAliases(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID][]market.Alias, error) {
	all := map[market.InstrumentID][]market.Alias{}
	err := inBatches(ids, 1, func(list string, args []any) error {
		return s.db.each(ctx, sqlAliasesIn+list+")", args, func(row scanner) error {
			var id string
			a, err := scanAlias(row, &id)
			all[market.InstrumentID(id)] = append(all[market.InstrumentID(id)], a)
			return err
		})
	})
	return all, s.explain("read aliases", err)
}

// ChangeInstrument puts a record in the place of the one that is one version older: fault.Stale where the stored one has another
// version, fault.Conflict where another instrument has one of its keys.
func (s *Store) ChangeInstrument(ctx context.Context, r market.Record, w Write) error {
	row, err := instrumentRow(r.Instrument, r.Aliases)
	if err != nil {
		return s.explain("change instrument", err)
	}
	id := string(r.ID)
	aliases := make([]any, 0, len(r.Aliases)*aliasColumns)
	for _, a := range r.Aliases {
		aliases = append(aliases, id, string(a.Scheme), a.Value, a.Former, int64(a.Until))
	}
	args := append([]any{id, r.Version - 1}, row[1:]...)
	err = s.db.write(ctx, func(q queries) error {
		changed, err := q.exec(ctx, sqlChangeInstrument, args...)
		if err != nil {
			return err
		}
		if changed == 0 {
			var version int64
			if err := q.one(ctx, sqlVersion, []any{id}, &version); noRow(err) {
				return fault.New(fault.NotFound, "there is no such instrument")
			} else if err != nil {
				return err
			}
			return fault.New(fault.Stale, "the instrument is at version %d: read it again", version)
		}
		if _, err := q.exec(ctx, sqlDropKeys, id); err != nil {
			return err
		}
		if err := claimKeys(ctx, q, r.Instrument); err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlDropAliases, id); err != nil {
			return err
		}
		if err := insertRows(ctx, q, sqlPutAliases, aliasColumns, "", aliases); err != nil {
			return err
		}
		return s.record(ctx, q, "", w)
	})
	return s.explain("change instrument", err)
}

// Listings are the instruments with any of these symbols or ISINs, each once, in no order.
func (s *Store) Listings(ctx context.Context, symbols, isins []string) ([]market.Instrument, error) {
	var all []market.Instrument
	seen := map[market.InstrumentID]bool{}
	read := func(text string, values []string) error {
		return inBatches(values, 1, func(list string, args []any) error {
			some, err := listInstruments(ctx, s.db, text+list+listingsEnd, args...)
			for _, i := range some {
				if !seen[i.ID] {
					seen[i.ID] = true
					all = append(all, i)
				}
			}
			return err
		})
	}
	err := read(sqlListingsBySymbol, symbols)
	if err == nil {
		err = read(sqlListingsByISIN, isins)
	}
	return all, s.explain("read listings", err)
}

// listingsEnd bounds the rows of the symbols or ISINs of one search.
const listingsEnd = `) ORDER BY id LIMIT 500`

// Vouch is what only this installation's nodes can work out of a text for a purpose: with it a text is known again that was
// given away.
func (s *Store) Vouch(purpose, text string) [32]byte { return s.root.Index("vouch for "+purpose, text) }
