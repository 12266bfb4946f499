//go:build unix

package app

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"folioscope/internal/config"
)

// sink is a collector of OTLP over HTTP.
type sink struct {
	t     *testing.T
	mutex sync.Mutex
	spans []*tracev1.Span
	raw   bytes.Buffer
}

// ServeHTTP takes a batch.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var batch collector.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &batch) != nil {
		s.t.Errorf("no batch of spans at %s: %v", r.URL.Path, err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.raw.Write(body)
	for _, resource := range batch.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			s.spans = append(s.spans, scope.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// One change is one trace: the request, its statements, the hint and whoever heard it. Nothing in it is anybody's.
func TestOneTraceFromTheRequestToTheHint(t *testing.T) {
	to := &sink{t: t}
	server := httptest.NewServer(to)
	t.Cleanup(server.Close)
	settings := settingsIn(t.TempDir())
	settings.Telemetry.Traces = config.Traces{Endpoint: config.Secret(server.URL + "/v1/traces"), Percent: 100}
	newPlace(t, settings)
	url, stop := serve(t, settings)
	p := signIn(t, url)
	const canary = "Canary Islands 4711"
	portfolio := p.portfolio(canary)
	sequences := p.watch(portfolio)
	<-sequences
	p.must("PATCH", portfolio, map[string]string{"name": canary + " again"}, nil)
	select {
	case <-sequences: // somebody heard the hint
	case <-time.After(pollMax):
		t.Fatal("no hint came")
	}
	stop() // sends what is left

	to.mutex.Lock()
	defer to.mutex.Unlock()
	byTrace := map[string][]*tracev1.Span{}
	for _, s := range to.spans {
		byTrace[hex.EncodeToString(s.TraceId)] = append(byTrace[hex.EncodeToString(s.TraceId)], s)
	}
	whole := 0
	for _, spans := range byTrace {
		var root *tracev1.Span
		names := map[string]*tracev1.Span{}
		for _, s := range spans {
			names[s.Name] = s
			if s.Name == "PATCH /api/v1/portfolios/{id}" {
				root = s
			}
		}
		if root == nil {
			continue
		}
		sent, heard := names["send portfolio.changed"], names["receive portfolio.changed"]
		if sent == nil || heard == nil || names["UPDATE portfolios"] == nil || root.Kind != tracev1.Span_SPAN_KIND_SERVER || !bytes.Equal(heard.ParentSpanId, sent.SpanId) || !bytes.Equal(sent.ParentSpanId, root.SpanId) {
			t.Errorf("not one trace from the request to SQL and to who heard the hint: %v", spans)
		}
		whole++
	}
	if whole != 1 {
		t.Errorf("%d traces of one change", whole)
	}
	for _, secret := range []string{canary, personEmail, personPassword, "Reader", path.Base(portfolio), strings.TrimPrefix(p.cookie, "folioscope=")} {
		if bytes.Contains(to.raw.Bytes(), []byte(secret)) {
			t.Errorf("a trace tells %q", secret)
		}
	}
}

// A collector that is away costs spans and nothing else.
func TestNoCollectorNoTrouble(t *testing.T) {
	settings := settingsIn(t.TempDir())
	settings.Telemetry.Traces = config.Traces{Endpoint: "http://127.0.0.1:1/v1/traces", Percent: 100}
	newPlace(t, settings)
	url, stop := serve(t, settings)
	signIn(t, url).portfolio("any")
	stop()
}
