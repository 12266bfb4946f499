package sqlstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"folioscope/internal/ingest"
)

const (
	sqlAddCalls           = `INSERT INTO source_calls (source, hour, outcome, calls) VALUES `
	sqlAddCallsSuffix     = ` ON CONFLICT (source, hour, outcome) DO UPDATE SET calls = source_calls.calls + excluded.calls`
	sqlAddLatencies       = `INSERT INTO source_latencies (source, hour, bucket, calls) VALUES `
	sqlAddLatenciesSuffix = ` ON CONFLICT (source, hour, bucket) DO UPDATE SET calls = source_latencies.calls + excluded.calls`
	sqlCallsSince         = `SELECT source, hour, outcome, calls FROM source_calls WHERE hour >= $1`
	sqlLatenciesSince     = `SELECT source, hour, bucket, calls FROM source_latencies WHERE hour >= $1`
	sqlPruneCalls         = `DELETE FROM source_calls WHERE hour < $1`
	sqlPruneLatencies     = `DELETE FROM source_latencies WHERE hour < $1`
)

const tallyColumns = 4

// AddTallies implements ingest.Sources. No source may come twice with the same hour.
func (s *Store) AddTallies(ctx context.Context, tallies []ingest.Tally) error {
	var calls, latencies []any
	for _, t := range tallies {
		for _, outcome := range slices.Sorted(maps.Keys(t.Outcomes)) { // in one order, so that no two nodes wait for each other
			calls = append(calls, t.Source, stamp(t.Hour), string(outcome), t.Outcomes[outcome])
		}
		for bucket, n := range t.Latencies {
			if n > 0 {
				latencies = append(latencies, t.Source, stamp(t.Hour), int64(bucket), n)
			}
		}
	}
	return s.explain("add up calls to sources", s.db.write(ctx, func(q queries) error {
		if err := insertRows(ctx, q, sqlAddCalls, tallyColumns, sqlAddCallsSuffix, calls); err != nil {
			return err
		}
		return insertRows(ctx, q, sqlAddLatencies, tallyColumns, sqlAddLatenciesSuffix, latencies)
	}))
}

// TalliesSince implements ingest.Sources.
func (s *Store) TalliesSince(ctx context.Context, since time.Time) ([]ingest.Tally, error) {
	type key struct {
		source string
		hour   int64
	}
	all := map[key]*ingest.Tally{}
	of := func(source string, hour int64) *ingest.Tally {
		k := key{source, hour}
		if all[k] == nil {
			all[k] = &ingest.Tally{Source: source, Hour: moment(hour), Outcomes: map[ingest.Outcome]int64{}}
		}
		return all[k]
	}
	err := s.db.read(ctx, func(q queries) error {
		clear(all)
		err := q.each(ctx, sqlCallsSince, []any{stamp(since)}, func(row scanner) error {
			var source, outcome string
			var hour, calls int64
			err := row.Scan(&source, &hour, &outcome, &calls)
			of(source, hour).Outcomes[ingest.Outcome(outcome)] = calls
			return err
		})
		if err != nil {
			return err
		}
		return q.each(ctx, sqlLatenciesSince, []any{stamp(since)}, func(row scanner) error {
			var source string
			var hour, bucket, calls int64
			err := row.Scan(&source, &hour, &bucket, &calls)
			if t := of(source, hour); bucket >= 0 && bucket < int64(len(t.Latencies)) {
				t.Latencies[bucket] = calls
			}
			return err
		})
	})
	out := make([]ingest.Tally, 0, len(all))
	for _, t := range all {
		out = append(out, *t)
	}
	return out, s.explain("read calls to sources", err)
}

// PruneTallies implements ingest.Sources.
func (s *Store) PruneTallies(ctx context.Context, before time.Time) error {
	return s.explain("forget calls to sources", s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlPruneCalls, stamp(before)); err != nil {
			return err
		}
		_, err := q.exec(ctx, sqlPruneLatencies, stamp(before))
		return err
	}))
}
