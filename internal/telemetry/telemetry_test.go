package telemetry

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"folioscope/internal/trace"
)

// A line that belongs to a request says so once, whoever wrote it.
func TestLinesNameTheirRequest(t *testing.T) {
	var out strings.Builder
	log := NewLog(&out, slog.LevelInfo, "json").With("part", "x")
	ctx := trace.WithRequest(t.Context(), "r1")
	log.InfoContext(ctx, "one")
	log.InfoContext(ctx, "two", "request_id", "r1")
	log.Info("three")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || strings.Count(lines[0], `"request_id":"r1"`) != 1 || strings.Count(lines[1], `"request_id":"r1"`) != 1 || strings.Contains(lines[2], "request_id") || !strings.Contains(lines[0], `"part":"x"`) {
		t.Errorf("%s", out.String())
	}
}

func TestMetricsShowRequestsByRouteAndStatus(t *testing.T) {
	m := NewMetrics("v1")
	m.Gauge("folioscope_live_streams", "Open event streams.", func() float64 { return 7 })
	m.Request("GET /api/v1/me", 200, 3*time.Millisecond)
	m.Request("GET /api/v1/me", 503, time.Second)
	m.Request("GET /api/v1/me", 999, time.Second)
	recorder := httptest.NewRecorder()
	m.Handler().ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`folioscope_httpapi_request_seconds_count{route="GET /api/v1/me",status="2xx"} 1`,
		`folioscope_httpapi_request_seconds_count{route="GET /api/v1/me",status="5xx"} 2`,
		`folioscope_app_build_info{version="v1"} 1`,
		"folioscope_live_streams 7",
	} {
		if !strings.Contains(recorder.Body.String(), want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestLogTakesBothForms(t *testing.T) {
	for format, want := range map[string]string{"json": `"msg":"ready"`, "text": "msg=ready"} {
		var out strings.Builder
		log := NewLog(&out, 0, format)
		log.Debug("hidden")
		log.Info("ready", "streams", 2)
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "hidden") {
			t.Errorf("%s: %s", format, out.String())
		}
	}
}
