package sqlstore

import (
	"context"
	"time"

	"folioscope/internal/ingest"
)

const (
	sqlNewQuota = `INSERT INTO source_quotas (source, minute_ends, minute_used, hour_ends, hour_used, day_ends, day_used, month_ends, month_used)
VALUES ($1, 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT (source) DO NOTHING`
	// A stored window counts while it ends between what this node's clock says and what the fastest clock may say; another is
	// begun anew. All four have room, or none is touched.
	sqlSpendQuota = `UPDATE source_quotas SET
minute_used = CASE WHEN minute_ends BETWEEN $2 AND $3 THEN minute_used ELSE 0 END + $4,
minute_ends = CASE WHEN minute_ends BETWEEN $2 AND $3 THEN minute_ends ELSE $2 END,
hour_used = CASE WHEN hour_ends BETWEEN $6 AND $7 THEN hour_used ELSE 0 END + $8,
hour_ends = CASE WHEN hour_ends BETWEEN $6 AND $7 THEN hour_ends ELSE $6 END,
day_used = CASE WHEN day_ends BETWEEN $10 AND $11 THEN day_used ELSE 0 END + $12,
day_ends = CASE WHEN day_ends BETWEEN $10 AND $11 THEN day_ends ELSE $10 END,
month_used = CASE WHEN month_ends BETWEEN $14 AND $15 THEN month_used ELSE 0 END + $16,
month_ends = CASE WHEN month_ends BETWEEN $14 AND $15 THEN month_ends ELSE $14 END
WHERE source = $1
AND CASE WHEN minute_ends BETWEEN $2 AND $3 THEN minute_used ELSE 0 END + $4 <= $5
AND CASE WHEN hour_ends BETWEEN $6 AND $7 THEN hour_used ELSE 0 END + $8 <= $9
AND CASE WHEN day_ends BETWEEN $10 AND $11 THEN day_used ELSE 0 END + $12 <= $13
AND CASE WHEN month_ends BETWEEN $14 AND $15 THEN month_used ELSE 0 END + $16 <= $17`
	sqlQuotas = `SELECT source, minute_ends, minute_used, hour_ends, hour_used, day_ends, day_used, month_ends, month_used FROM source_quotas`

	sqlSourceStates = `SELECT source, failing, until_at, outcome, failed_at, worked_at FROM source_states`
	sqlSourceFailed = `INSERT INTO source_states (source, failing, until_at, trial_at, outcome, failed_at, worked_at) VALUES ($1, $2, $3, 0, $4, $5, 0)
ON CONFLICT (source) DO UPDATE SET failing = excluded.failing, trial_at = 0, outcome = excluded.outcome, failed_at = excluded.failed_at,
until_at = CASE WHEN source_states.until_at > excluded.until_at AND source_states.until_at <= $6 THEN source_states.until_at ELSE excluded.until_at END`
	sqlSourceWorked = `INSERT INTO source_states (source, failing, until_at, trial_at, outcome, failed_at, worked_at) VALUES ($1, $2, 0, 0, '', 0, $3)
ON CONFLICT (source) DO UPDATE SET worked_at = excluded.worked_at, trial_at = 0,
failing = CASE WHEN source_states.until_at > $3 AND source_states.until_at <= $4 THEN source_states.failing ELSE excluded.failing END`
	sqlClaimTrial = `INSERT INTO source_states (source, failing, until_at, trial_at, outcome, failed_at, worked_at) VALUES ($1, $2, 0, $3, '', $4, 0)
ON CONFLICT (source) DO UPDATE SET trial_at = excluded.trial_at
WHERE (source_states.until_at <= $4 OR source_states.until_at > $5) AND (source_states.trial_at <= $4 OR source_states.trial_at > $5)`

	sqlRefusals          = `SELECT source, name, outcome, until_at FROM source_refusals WHERE until_at > $1`
	sqlPutRefusals       = `INSERT INTO source_refusals (source, name, outcome, until_at) VALUES `
	sqlPutRefusalsSuffix = ` ON CONFLICT (source, name) DO UPDATE SET outcome = excluded.outcome, until_at = excluded.until_at`
	sqlPruneRefusals     = `DELETE FROM source_refusals WHERE until_at <= $1`
)

const refusalColumns = 4

// untilMax is longer than any source is ever left alone; a later time was written by a clock that was wrong.
const untilMax = 25 * time.Hour

// SpendQuota implements ingest.Sources: one conditional change, so that no two nodes take the same request.
func (s *Store) SpendQuota(ctx context.Context, source string, r ingest.Ration) (bool, error) {
	args := []any{source}
	for _, w := range r {
		args = append(args, stamp(w.Ends), stamp(w.EndsMax), w.Cost, w.Max)
	}
	rows, err := s.db.exec(ctx, sqlSpendQuota, args...)
	if err == nil && rows == 0 {
		var added int64
		if added, err = s.db.exec(ctx, sqlNewQuota, source); err == nil && added > 0 {
			rows, err = s.db.exec(ctx, sqlSpendQuota, args...)
		}
	}
	return rows > 0, s.explain("spend a quota", err)
}

// QuotasUsed implements ingest.Sources.
func (s *Store) QuotasUsed(ctx context.Context) (map[string]ingest.Usage, error) {
	all := map[string]ingest.Usage{}
	err := s.db.each(ctx, sqlQuotas, nil, func(row scanner) error {
		var source string
		var ends [len(ingest.Usage{})]int64
		var used ingest.Usage
		err := row.Scan(&source, &ends[ingest.Minute], &used[ingest.Minute].Count, &ends[ingest.Hour], &used[ingest.Hour].Count,
			&ends[ingest.Day], &used[ingest.Day].Count, &ends[ingest.Month], &used[ingest.Month].Count)
		for n := range used {
			used[n].Ends = moment(ends[n])
		}
		all[source] = used
		return err
	})
	return all, s.explain("read the quotas", err)
}

// SourceStates implements ingest.Sources.
func (s *Store) SourceStates(ctx context.Context) (map[string]ingest.SourceState, error) {
	all := map[string]ingest.SourceState{}
	err := s.db.each(ctx, sqlSourceStates, nil, func(row scanner) error {
		var source, outcome string
		var until, failed, worked int64
		var state ingest.SourceState
		err := row.Scan(&source, &state.Failing, &until, &outcome, &failed, &worked)
		state.Until, state.Outcome, state.FailedAt, state.WorkedAt = moment(until), ingest.Outcome(outcome), moment(failed), moment(worked)
		all[source] = state
		return err
	})
	return all, s.explain("read the states of sources", err)
}

// SourceFailed implements ingest.Sources.
func (s *Store) SourceFailed(ctx context.Context, source string, state ingest.SourceState) error {
	_, err := s.db.exec(ctx, sqlSourceFailed, source, true, stamp(state.Until), string(state.Outcome), stamp(state.FailedAt), stamp(state.FailedAt.Add(untilMax)))
	return s.explain("note that a source failed", err)
}

// SourceWorked implements ingest.Sources.
func (s *Store) SourceWorked(ctx context.Context, source string, now time.Time) error {
	_, err := s.db.exec(ctx, sqlSourceWorked, source, false, stamp(now), stamp(now.Add(untilMax)))
	return s.explain("note that a source works", err)
}

// ClaimTrial implements ingest.Sources.
func (s *Store) ClaimTrial(ctx context.Context, source string, now, until time.Time) (bool, error) {
	rows, err := s.db.exec(ctx, sqlClaimTrial, source, true, stamp(until), stamp(now), stamp(now.Add(untilMax)))
	return rows > 0, s.explain("claim a trial", err)
}

// Refusals implements ingest.Sources.
func (s *Store) Refusals(ctx context.Context, now time.Time) ([]ingest.Refusal, error) {
	var all []ingest.Refusal
	err := s.db.each(ctx, sqlRefusals, []any{stamp(now)}, func(row scanner) error {
		var r ingest.Refusal
		var outcome string
		var until int64
		err := row.Scan(&r.Source, &r.Name, &outcome, &until)
		r.Outcome, r.Until = ingest.Outcome(outcome), moment(until)
		all = append(all, r)
		return err
	})
	return all, s.explain("read what sources refuse", err)
}

// PutRefusals implements ingest.Sources. No name of a source may come twice.
func (s *Store) PutRefusals(ctx context.Context, refusals []ingest.Refusal) error {
	rows := make([]any, 0, len(refusals)*refusalColumns)
	for _, r := range refusals {
		rows = append(rows, r.Source, r.Name, string(r.Outcome), stamp(r.Until))
	}
	return s.explain("remember what a source refuses", s.db.write(ctx, func(q queries) error {
		return insertRows(ctx, q, sqlPutRefusals, refusalColumns, sqlPutRefusalsSuffix, rows)
	}))
}

// PruneRefusals implements ingest.Sources.
func (s *Store) PruneRefusals(ctx context.Context, before time.Time) error {
	_, err := s.db.exec(ctx, sqlPruneRefusals, stamp(before))
	return s.explain("forget what sources refused", err)
}
