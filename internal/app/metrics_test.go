package app

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"folioscope/internal/ingest"
	"folioscope/internal/telemetry"
)

// Every family is scraped with its samples, and the guide has a line for each.
func TestMetricsOfPrices(t *testing.T) {
	source := ingest.SourceMeter{Tally: ingest.Tally{Source: "ecb", Outcomes: map[ingest.Outcome]int64{ingest.OK: 5, ingest.Transient: 1}}, Sum: 3 * time.Second, Circuit: "open",
		Quotas: []ingest.QuotaLeft{{Span: ingest.Day, Max: 25, Used: 27}, {Span: ingest.Minute, Max: 8, Used: 3}}}
	source.Latencies[0], source.Latencies[len(source.Latencies)-1] = 5, 1
	m := ingest.Meters{
		Sources: []ingest.SourceMeter{source}, Backfills: 4,
		Verdicts: map[ingest.Verdict]int64{{Verdict: "accept"}: 9, {Verdict: "hold", Reason: "unit"}: 1},
		Census:   map[string]ingest.Census{"fx": {Wanted: 3, Due: 2, Stale: 1, Held: 1}},
		Slots:    map[string]ingest.SlotTimes{"poll.fx": {Lag: 2 * time.Second, Took: time.Second}},
	}
	metrics := telemetry.NewMetrics("v1")
	metrics.Collect(ingestFamilies(), func() []telemetry.Sample { return ingestSamples(m) })
	recorder := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	body := recorder.Body.String()
	for _, want := range []string{
		`folioscope_ingest_calls_total{outcome="OK",source="ecb"} 5`, `folioscope_ingest_calls_total{outcome="TRANSIENT",source="ecb"} 1`,
		`folioscope_ingest_answer_seconds_bucket{source="ecb",le="0.05"} 5`, `folioscope_ingest_answer_seconds_bucket{source="ecb",le="30"} 5`,
		`folioscope_ingest_answer_seconds_count{source="ecb"} 6`, `folioscope_ingest_answer_seconds_sum{source="ecb"} 3`,
		`folioscope_ingest_circuit_state{source="ecb"} 2`, `folioscope_ingest_quota_left_requests{source="ecb",window="day"} 0`,
		`folioscope_ingest_quota_left_requests{source="ecb",window="minute"} 5`, `folioscope_ingest_prices_total{reason="unit",verdict="hold"} 1`,
		`folioscope_ingest_prices_total{reason="",verdict="accept"} 9`, `folioscope_ingest_instruments{chain="fx",kind="due"} 2`,
		`folioscope_ingest_held_prices{chain="fx"} 1`, `folioscope_ingest_slot_seconds{poll="poll.fx"} 1`, `folioscope_ingest_slot_lag_seconds{poll="poll.fx"} 2`,
		`folioscope_ingest_backfills_waiting 4`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	guide, err := os.ReadFile("../../docs/guide/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range ingestFamilies() {
		if !strings.Contains(body, f.Name) || !strings.Contains(string(guide), "`"+f.Name+"`") {
			t.Errorf("%s is not scraped, or not in the guide", f.Name)
		}
	}
}
