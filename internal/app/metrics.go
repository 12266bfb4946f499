package app

import (
	"folioscope/internal/ingest"
	"folioscope/internal/telemetry"
)

// The families of what brings prices in. docs/guide/operations.md says what to do with them.
const (
	metricCalls     = "folioscope_ingest_calls_total"
	metricAnswers   = "folioscope_ingest_answer_seconds"
	metricCircuit   = "folioscope_ingest_circuit_state"
	metricQuota     = "folioscope_ingest_quota_left_requests"
	metricPrices    = "folioscope_ingest_prices_total"
	metricKinds     = "folioscope_ingest_instruments"
	metricHeld      = "folioscope_ingest_held_prices"
	metricSlot      = "folioscope_ingest_slot_seconds"
	metricLag       = "folioscope_ingest_slot_lag_seconds"
	metricBackfills = "folioscope_ingest_backfills_waiting"
)

func ingestFamilies() []telemetry.Family {
	return []telemetry.Family{
		{Name: metricCalls, Help: "Calls to a source since the node started, by how they ended.", Kind: telemetry.Counter, Labels: []string{"source", "outcome"}},
		{Name: metricAnswers, Help: "Time that a source took to answer for latest prices.", Kind: telemetry.Histogram, Labels: []string{"source"}},
		{Name: metricCircuit, Help: "0: asked as usual; 1: one call tries it out; 2: left alone.", Labels: []string{"source"}},
		{Name: metricQuota, Help: "What is left of a source's quota in its window, as of this node's last poll.", Labels: []string{"source", "window"}},
		{Name: metricPrices, Help: "Prices that were judged since the node started, by verdict and reason.", Kind: telemetry.Counter, Labels: []string{"verdict", "reason"}},
		{Name: metricKinds, Help: "Held instruments as of the last poll on this node: wanted, due, stale, unpriced, unserved.", Labels: []string{"chain", "kind"}},
		{Name: metricHeld, Help: "Instruments with a price that is held back, as of the last poll on this node.", Labels: []string{"chain"}},
		{Name: metricSlot, Help: "How long the last slot of a poll took on this node.", Labels: []string{"poll"}},
		{Name: metricLag, Help: "How long after the beginning of its slot the last poll began on this node.", Labels: []string{"poll"}},
		{Name: metricBackfills, Help: "Instruments whose history is still looked for, as of the last poll on this node."},
	}
}

// ingestSamples are what a node counted. The labels are names of configured sources, chains and polls, and words of short lists.
func ingestSamples(m ingest.Meters) []telemetry.Sample {
	out := []telemetry.Sample{{Family: metricBackfills, Value: float64(m.Backfills)}}
	add := func(family string, value float64, labels ...string) {
		out = append(out, telemetry.Sample{Family: family, Labels: labels, Value: value})
	}
	for _, s := range m.Sources {
		for outcome, calls := range s.Outcomes {
			add(metricCalls, float64(calls), s.Source, string(outcome))
		}
		add(metricCircuit, map[string]float64{"half-open": 1, "open": 2}[s.Circuit], s.Source)
		for _, q := range s.Quotas {
			add(metricQuota, float64(max(q.Max-q.Used, 0)), s.Source, q.Span.String())
		}
		answers := telemetry.Sample{Family: metricAnswers, Labels: []string{s.Source}, Value: s.Sum.Seconds(), Buckets: map[float64]uint64{}}
		bounds := ingest.LatencyBounds()
		for n, calls := range s.Latencies {
			answers.Count += uint64(max(calls, 0))
			if n < len(bounds) {
				answers.Buckets[bounds[n].Seconds()] = answers.Count
			}
		}
		out = append(out, answers)
	}
	for v, n := range m.Verdicts {
		add(metricPrices, float64(n), v.Verdict, v.Reason)
	}
	for chain, c := range m.Census {
		for kind, n := range map[string]int{"wanted": c.Wanted, "due": c.Due, "stale": c.Stale, "unpriced": c.Unpriced, "unserved": c.Unserved} {
			add(metricKinds, float64(n), chain, kind)
		}
		add(metricHeld, float64(c.Held), chain)
	}
	for poll, s := range m.Slots {
		add(metricSlot, s.Took.Seconds(), poll)
		add(metricLag, s.Lag.Seconds(), poll)
	}
	return out
}
