package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

const (
	foundMax       = 200 // instruments given for one search
	queryBytesMax  = 200 // of a search text; names are shorter
	instrumentCols = `SELECT id, symbol, mic, isin, name, currency, class, sector, country, names, delisted, delisted_on FROM instruments i `
)

const (
	sqlPutInstruments       = `INSERT INTO instruments (id, symbol, mic, isin, name, currency, class, sector, country, names, search, delisted, delisted_on) VALUES `
	sqlPutInstrumentsSuffix = ` ON CONFLICT (id) DO UPDATE SET symbol = excluded.symbol, mic = excluded.mic, isin = excluded.isin,
name = excluded.name, currency = excluded.currency, class = excluded.class, sector = excluded.sector, country = excluded.country,
names = excluded.names, search = excluded.search, delisted = excluded.delisted, delisted_on = excluded.delisted_on,
version = instruments.version + 1`
	sqlInstrumentsIn = instrumentCols + `WHERE id IN (`
	sqlSameSymbol    = instrumentCols + `WHERE symbol = $1 AND mic = $2 ORDER BY id`
	sqlSymbol        = instrumentCols + `WHERE symbol = $1 ORDER BY mic, id LIMIT 100`
	sqlISIN          = instrumentCols + `WHERE isin = $1 AND isin <> '' ORDER BY mic, id LIMIT 100`
	// The search text begins with the symbol and holds a line for each of symbol, ISIN and name, in lower case.
	sqlFindInstruments = instrumentCols + `WHERE search LIKE $1 ESCAPE '!' AND class <> 'fx'
ORDER BY CASE WHEN search LIKE $2 ESCAPE '!' THEN 0 WHEN search LIKE $3 ESCAPE '!' THEN 1 WHEN search LIKE $4 ESCAPE '!' THEN 2 ELSE 3 END, symbol, mic, id
LIMIT $5`
	sqlWanted = instrumentCols + `JOIN instrument_interest n ON n.instrument = i.id WHERE n.holders > 0 ORDER BY id`
	sqlRates  = `SELECT instrument FROM instrument_interest WHERE holders > 0 AND instrument LIKE $1`
)

const instrumentColumns = 13

// instrumentRow is an instrument as it is stored; its search text holds what else it is called.
func instrumentRow(i market.Instrument, aliases []market.Alias) ([]any, error) {
	names := i.Names
	if names == nil {
		names = map[string]string{}
	}
	encoded, err := json.Marshal(names)
	if err != nil {
		return nil, fmt.Errorf("names of %s: %w", i.ID, err)
	}
	search := []string{oneLine(i.Symbol), oneLine(i.ISIN), oneLine(i.Name)}
	for _, a := range aliases {
		search = append(search, oneLine(a.Value))
	}
	var delistedOn market.Date
	if i.Delisted {
		delistedOn = i.DelistedOn
	}
	return []any{string(i.ID), i.Symbol, i.MIC, i.ISIN, i.Name, string(i.Currency), string(i.Class), i.Sector, i.Country, string(encoded),
		strings.ToLower(strings.Join(search, "\n")), i.Delisted, int64(delistedOn)}, nil
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }

func scanInstrument(row scanner) (i market.Instrument, err error) {
	var id, unit, class, names string
	if err := row.Scan(&id, &i.Symbol, &i.MIC, &i.ISIN, &i.Name, &unit, &class, &i.Sector, &i.Country, &names, &i.Delisted, &i.DelistedOn); err != nil {
		return i, err
	}
	i.ID, i.Currency, i.Class = market.InstrumentID(id), money.Currency(unit), market.Class(class)
	if names != "{}" {
		if err := json.Unmarshal([]byte(names), &i.Names); err != nil {
			return i, fmt.Errorf("names of %s: %w", id, err)
		}
	}
	return i, nil
}

func listInstruments(ctx context.Context, q queries, text string, args ...any) ([]market.Instrument, error) {
	var found []market.Instrument
	err := q.each(ctx, text, args, func(row scanner) error {
		i, err := scanInstrument(row)
		found = append(found, i)
		return err
	})
	return found, err
}

func readInstruments(ctx context.Context, q queries, ids []market.InstrumentID) ([]market.Instrument, error) {
	var found []market.Instrument
	err := inBatches(ids, 1, func(list string, args []any) error {
		some, err := listInstruments(ctx, q, sqlInstrumentsIn+list+")", args...)
		found = append(found, some...)
		return err
	})
	return found, err
}

// CreateInstrument adds an instrument. One that is the same by its market.Instrument.Keys, which only one of several who add
// it at once gets, gives fault.Conflict.
func (s *Store) CreateInstrument(ctx context.Context, i market.Instrument, w Write) error {
	row, err := instrumentRow(i, nil)
	if err != nil {
		return s.explain("create instrument", err)
	}
	err = s.db.write(ctx, func(q queries) error {
		if err := claimKeys(ctx, q, i); err != nil {
			return err
		}
		if err := insertRows(ctx, q, sqlPutInstruments, instrumentColumns, "", row); err != nil {
			return s.taken(err, "there is an instrument with this id already")
		}
		return s.record(ctx, q, "", w)
	})
	return s.explain("create instrument", err)
}

// PutInstruments adds instruments and replaces those whose ids exist, with all that they were called.
func (s *Store) PutInstruments(ctx context.Context, all []market.Instrument) error {
	rows := make([]any, 0, len(all)*instrumentColumns)
	ids := make([]market.InstrumentID, 0, len(all))
	var keys []any
	last := make(map[market.InstrumentID]int, len(all)) // one statement may not touch a row twice: the last of an id counts
	for n, i := range all {
		last[i.ID] = n
	}
	for n, i := range all {
		if last[i.ID] != n {
			continue
		}
		row, err := instrumentRow(i, nil)
		if err != nil {
			return s.explain("put instruments", err)
		}
		rows, ids = append(rows, row...), append(ids, i.ID)
		for _, key := range i.Keys() {
			keys = append(keys, key, string(i.ID))
		}
	}
	err := s.db.write(ctx, func(q queries) error {
		for _, text := range [...]string{sqlDropAliasesIn, sqlDropKeysIn} {
			if err := inBatches(ids, 1, func(list string, args []any) error {
				_, err := q.exec(ctx, text+list+")", args...)
				return err
			}); err != nil {
				return err
			}
		}
		if err := insertRows(ctx, q, sqlPutKeys, keyColumns, sqlPutKeysSuffix, keys); err != nil {
			return err
		}
		return insertRows(ctx, q, sqlPutInstruments, instrumentColumns, sqlPutInstrumentsSuffix, rows)
	})
	return s.explain("put instruments", err)
}

// Instrument reads one instrument; fault.NotFound where there is none.
func (s *Store) Instrument(ctx context.Context, id market.InstrumentID) (market.Instrument, error) {
	found, err := readInstruments(ctx, s.db, []market.InstrumentID{id})
	if err == nil && len(found) == 0 {
		err = fault.New(fault.NotFound, "there is no such instrument")
	}
	if err != nil {
		return market.Instrument{}, s.explain("read instrument", err)
	}
	return found[0], nil
}

// Instruments reads those that exist of the ids, in no order.
func (s *Store) Instruments(ctx context.Context, ids []market.InstrumentID) ([]market.Instrument, error) {
	found, err := readInstruments(ctx, s.db, ids)
	return found, s.explain("read instruments", err)
}

// InstrumentBySymbol finds instruments by symbol, on one market or, where mic is empty, on any.
func (s *Store) InstrumentBySymbol(ctx context.Context, symbol, mic string) ([]market.Instrument, error) {
	var found []market.Instrument
	var err error
	if mic == "" {
		found, err = listInstruments(ctx, s.db, sqlSymbol, symbol)
	} else {
		found, err = listInstruments(ctx, s.db, sqlSameSymbol, symbol, mic)
	}
	return found, s.explain("find by symbol", err)
}

// InstrumentByISIN finds instruments by ISIN: one for each currency and market it trades in.
func (s *Store) InstrumentByISIN(ctx context.Context, isin string) ([]market.Instrument, error) {
	found, err := listInstruments(ctx, s.db, sqlISIN, isin)
	return found, s.explain("find by ISIN", err)
}

// FindInstruments searches symbols, ISINs and names for a text, in whatever case; the symbol itself comes first, then
// symbols, then names that begin with it. Currency rates are never found.
func (s *Store) FindInstruments(ctx context.Context, text string, limit int) ([]market.Instrument, error) {
	text = strings.ToLower(strings.TrimSpace(oneLine(text)))
	if text == "" || len(text) > queryBytesMax || strings.ContainsRune(text, 0) {
		return nil, nil
	}
	text = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)
	found, err := listInstruments(ctx, s.db, sqlFindInstruments, "%"+text+"%", text+"\n%", text+"%", "%\n"+text+"%", max(1, min(limit, foundMax)))
	return found, s.explain("find instruments", err)
}

// Wanted gives the instruments that somebody holds, and the rate of every currency that is in use besides RateBase: theirs,
// and those of portfolios and accounts. A rate that is no row of instruments is given as what it is.
func (s *Store) Wanted(ctx context.Context) ([]market.Instrument, error) {
	var wanted []market.Instrument
	err := s.db.read(ctx, func(q queries) error {
		var err error
		if wanted, err = listInstruments(ctx, q, sqlWanted); err != nil {
			return err
		}
		rates := make(map[market.InstrumentID]money.Currency)
		for _, i := range wanted {
			if i.Currency != market.RateBase {
				rates[market.RateID(i.Currency)] = i.Currency
			}
		}
		prefix := string(market.RateID(""))
		if err := q.each(ctx, sqlRates, []any{prefix + "%"}, func(row scanner) error {
			var id string
			err := row.Scan(&id)
			rates[market.InstrumentID(id)] = money.Currency(strings.TrimPrefix(id, prefix))
			return err
		}); err != nil {
			return err
		}
		for _, i := range wanted {
			delete(rates, i.ID)
		}
		ids := make([]market.InstrumentID, 0, len(rates))
		for id := range rates {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		known, err := readInstruments(ctx, q, ids)
		if err != nil {
			return err
		}
		for _, i := range known {
			delete(rates, i.ID)
		}
		wanted = append(wanted, known...)
		for _, id := range ids {
			if c, missing := rates[id]; missing {
				wanted = append(wanted, rateInstrument(c))
			}
		}
		return nil
	})
	return wanted, s.explain("read wanted instruments", err)
}

// rateInstrument describes the rate of a currency that nobody has described.
func rateInstrument(c money.Currency) market.Instrument {
	return market.Instrument{ID: market.RateID(c), Symbol: string(market.RateBase) + string(c), Name: string(market.RateBase) + "/" + string(c), Currency: c, Class: market.FX}
}
