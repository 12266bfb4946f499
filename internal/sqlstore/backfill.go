package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"folioscope/internal/ingest"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

const (
	sqlHistories = `SELECT instrument, wanted_from, state, source, first_day, last_day, bars, outcome, tried_at, done_at, again_at, actions_from, actions_at
FROM backfills`
	sqlHistoriesIn       = sqlHistories + ` WHERE instrument IN (`
	sqlHistoriesWanted   = `SELECT instrument, wanted_from FROM backfills WHERE instrument IN (`
	sqlWantHistory       = `INSERT INTO backfills (instrument, wanted_from, state, source, first_day, last_day, bars, outcome, tried_at, done_at, again_at, lease_at, actions_from, actions_at, silent) VALUES `
	sqlWantEarlierSuffix = ` ON CONFLICT (instrument) DO UPDATE SET wanted_from = excluded.wanted_from, state = excluded.state, again_at = 0
WHERE backfills.wanted_from > excluded.wanted_from`
	sqlClaimHistory = `UPDATE backfills SET lease_at = $2, tried_at = $3, state = $5
WHERE instrument = $1 AND (lease_at <= $3 OR lease_at > $4)
RETURNING wanted_from, state, source, first_day, last_day, bars, outcome, tried_at, done_at, again_at, actions_from, actions_at, silent`
	// A day earlier than the one that was looked for makes it wait again.
	sqlPutHistory = `UPDATE backfills SET state = CASE WHEN wanted_from < $3 THEN $4 ELSE $5 END,
again_at = CASE WHEN wanted_from < $3 THEN 0 ELSE CAST($6 AS BIGINT) END,
source = $7, first_day = $8, last_day = $9, bars = $10, outcome = $11, done_at = $12, lease_at = $13, actions_from = $14, actions_at = $15, silent = $16
WHERE instrument = $1 AND lease_at = $2`
)

const (
	backfillColumns = 15
	silencesMax     = 2000 // of one instrument; 60 years of unknown holidays are fewer
)

// monthOf is the first day of a day's month.
func monthOf(d market.Date) market.Date {
	year, month, _ := d.Time().Date()
	return market.NewDate(year, month, 1)
}

// WantHistory implements ingest.Histories.
func (s *Store) WantHistory(ctx context.Context, from map[market.InstrumentID]market.Date) error {
	if len(from) == 0 {
		return nil
	}
	return s.explain("ask for history", s.db.write(ctx, func(q queries) error { return wantHistory(ctx, q, from) }))
}

// wantHistory writes only where something changes: these rows are everybody's, and most of what is asked for is known.
func wantHistory(ctx context.Context, q queries, from map[market.InstrumentID]market.Date) error {
	ids := slices.Sorted(maps.Keys(from)) // one order everywhere, so that no two transactions wait for each other
	known := make(map[market.InstrumentID]market.Date, len(ids))
	err := inBatches(ids, 1, func(list string, args []any) error {
		return q.each(ctx, sqlHistoriesWanted+list+")", args, func(row scanner) error {
			var id string
			var day int64
			err := row.Scan(&id, &day)
			known[market.InstrumentID(id)] = market.Date(day)
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		month := monthOf(from[id])
		if day, there := known[id]; there && day <= month || ledger.IsOwn(id) { // an own instrument's id is nobody else's to see
			continue
		}
		if err := insertRows(ctx, q, sqlWantHistory, backfillColumns, sqlWantEarlierSuffix, []any{string(id), int64(month), string(ingest.BackfillWaiting),
			"", int64(market.NoDate), int64(market.NoDate), 0, "", int64(0), int64(0), int64(0), int64(0), int64(market.NoDate), int64(0), ""}); err != nil {
			return err
		}
	}
	return nil
}

// Histories implements ingest.Histories.
func (s *Store) Histories(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID]ingest.HistoryState, error) {
	all := make(map[market.InstrumentID]ingest.HistoryState)
	see := func(row scanner) error {
		var id string
		var h ingest.HistoryState
		err := scanHistory(row, &h, []any{&id}, nil)
		h.Instrument = market.InstrumentID(id)
		all[h.Instrument] = h
		return err
	}
	err := s.db.read(ctx, func(q queries) error {
		clear(all)
		if ids == nil {
			return q.each(ctx, sqlHistories, nil, see)
		}
		return inBatches(ids, 1, func(list string, args []any) error { return q.each(ctx, sqlHistoriesIn+list+")", args, see) })
	})
	return all, s.explain("read how far history is known", err)
}

// scanHistory reads the columns of a history, with others before and after them.
func scanHistory(row interface{ Scan(into ...any) error }, h *ingest.HistoryState, before, after []any) error {
	var wanted, first, last, tried, done, again, actionsFrom, actionsAt int64
	var state, outcome string
	into := slices.Concat(before, []any{&wanted, &state, &h.Source, &first, &last, &h.Bars, &outcome, &tried, &done, &again, &actionsFrom, &actionsAt}, after)
	if err := row.Scan(into...); err != nil {
		return err
	}
	h.WantedFrom, h.From, h.Until, h.ActionsFrom = market.Date(wanted), market.Date(first), market.Date(last), market.Date(actionsFrom)
	h.State, h.Outcome = ingest.BackfillState(state), ingest.Outcome(outcome)
	h.TriedAt, h.DoneAt, h.AgainAt, h.ActionsAt = moment(tried), moment(done), moment(again), moment(actionsAt)
	return nil
}

// oneRow lets what is written for a row of many read the only one of q.one.
type oneRow func(into ...any) error

// Scan reads the row.
func (r oneRow) Scan(into ...any) error { return r(into...) }

// ClaimHistory implements ingest.Histories.
func (s *Store) ClaimHistory(ctx context.Context, id market.InstrumentID, now, lease, latest time.Time) (h ingest.HistoryState, ours bool, err error) {
	var silentText string
	err = s.db.write(ctx, func(q queries) error {
		h = ingest.HistoryState{Instrument: id}
		args := []any{string(id), stamp(lease), stamp(now), stamp(latest), string(ingest.BackfillRunning)}
		return scanHistory(oneRow(func(into ...any) error { return q.one(ctx, sqlClaimHistory, args, into...) }), &h, nil, []any{&silentText})
	})
	if noRow(err) {
		return ingest.HistoryState{}, false, nil
	}
	if err == nil {
		err = parseSilent(silentText, &h)
	}
	if err != nil {
		return ingest.HistoryState{}, false, s.explain("claim a history", err)
	}
	return h, true, nil
}

// PutHistory implements ingest.Histories.
func (s *Store) PutHistory(ctx context.Context, h ingest.HistoryState, lease, next time.Time) (ours bool, err error) {
	rows, err := s.db.exec(ctx, sqlPutHistory, string(h.Instrument), stamp(lease), int64(h.WantedFrom), string(ingest.BackfillWaiting), string(h.State), stamp(h.AgainAt),
		h.Source, int64(h.From), int64(h.Until), h.Bars, string(h.Outcome), stamp(h.DoneAt), stamp(next), int64(h.ActionsFrom), stamp(h.ActionsAt), formatSilent(&h))
	return rows > 0, s.explain("keep a history", err)
}

// silent is days without a close as they are stored.
type silent struct {
	Of   string     // the sources that have none
	Days [][4]int64 // from, until and again in days since 1970, and tries between the last two
}

func formatSilent(h *ingest.HistoryState) string {
	if len(h.Silent) == 0 && h.SilentOf == "" {
		return ""
	}
	s := silent{Of: h.SilentOf}
	for _, one := range h.Silent[max(0, len(h.Silent)-silencesMax):] { // the oldest are asked for once more
		s.Days = append(s.Days, [4]int64{int64(one.From), int64(one.Until), int64(one.Tries), int64(one.Again)})
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // integers and a text can be written
	}
	return string(text)
}

var errSilent = errors.New("the days without a close can't be read")

func parseSilent(text string, h *ingest.HistoryState) error {
	h.Silent, h.SilentOf = nil, ""
	if text == "" {
		return nil
	}
	var s silent
	if err := json.Unmarshal([]byte(text), &s); err != nil || len(s.Days) > silencesMax {
		return errSilent
	}
	h.SilentOf = s.Of
	for _, r := range s.Days {
		for _, d := range [...]int64{r[0], r[1], r[3]} {
			if d != int64(market.Date(d)) {
				return errSilent
			}
		}
		h.Silent = append(h.Silent, ingest.Silence{From: market.Date(r[0]), Until: market.Date(r[1]), Tries: int(r[2]), Again: market.Date(r[3])})
	}
	return nil
}
