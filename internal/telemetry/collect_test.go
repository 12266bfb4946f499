package telemetry

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCollectShowsWhatOthersCount(t *testing.T) {
	m := NewMetrics("v1")
	m.Collect([]Family{
		{"folioscope_a_things", "Things.", Gauge, nil},
		{"folioscope_a_calls_total", "Calls.", Counter, []string{"source"}},
		{"folioscope_a_seconds", "Time.", Histogram, []string{"source"}},
	}, func() []Sample {
		return []Sample{
			{Family: "folioscope_a_things", Value: 3},
			{Family: "folioscope_a_calls_total", Labels: []string{"ecb"}, Value: 7},
			{Family: "folioscope_a_seconds", Labels: []string{"ecb"}, Value: 1.5, Count: 4, Buckets: map[float64]uint64{0.1: 3, 1: 4}},
			{Family: "folioscope_unknown", Value: 1},
		}
	})
	recorder := httptest.NewRecorder()
	m.Handler().ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		"folioscope_a_things 3", `folioscope_a_calls_total{source="ecb"} 7`, `folioscope_a_seconds_bucket{source="ecb",le="0.1"} 3`,
		`folioscope_a_seconds_sum{source="ecb"} 1.5`, `folioscope_a_seconds_count{source="ecb"} 4`,
	} {
		if !strings.Contains(recorder.Body.String(), want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(recorder.Body.String(), "folioscope_unknown") {
		t.Error("a family that wasn't named")
	}
}
