//go:build unix

package app

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"folioscope/internal/config"
	"folioscope/internal/natsbus/natstest"
	"folioscope/internal/pgtest"
)

// sink is a collector of OTLP over HTTP.
type sink struct {
	t     *testing.T
	mutex sync.Mutex
	spans []*tracev1.Span
	nodes map[string]string // of each span by its id
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
	if s.nodes == nil {
		s.nodes = map[string]string{}
	}
	for _, resource := range batch.ResourceSpans {
		node := ""
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.instance.id" {
				node = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			s.spans = append(s.spans, scope.Spans...)
			for _, span := range scope.Spans {
				s.nodes[string(span.SpanId)] = node
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// traced is the spans of the one trace that a request began, and the request's own.
func (s *sink) traced(request string) (root *tracev1.Span, all []*tracev1.Span) {
	s.t.Helper()
	for _, span := range s.spans {
		if span.Name != request {
			continue
		}
		if root != nil {
			s.t.Errorf("%s was traced twice", request)
		}
		root = span
	}
	if root == nil {
		s.t.Fatalf("%s was not traced", request)
	}
	for _, span := range s.spans {
		if bytes.Equal(span.TraceId, root.TraceId) {
			all = append(all, span)
		}
	}
	return root, all
}

// below finds the spans of a name that lie right below another.
func below(all []*tracev1.Span, parent *tracev1.Span, name string) (found []*tracev1.Span) {
	for _, span := range all {
		if span.Name == name && bytes.Equal(span.ParentSpanId, parent.SpanId) {
			found = append(found, span)
		}
	}
	return found
}

// One change is one trace: the request, its statements below their transaction, the hint and whoever heard it. Nothing in it is anybody's.
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
	to.wholeChange()
	for _, secret := range []string{canary, personEmail, personPassword, "Reader", path.Base(portfolio), strings.TrimPrefix(p.cookie, "folioscope=")} {
		if bytes.Contains(to.raw.Bytes(), []byte(secret)) {
			t.Errorf("a trace tells %q", secret)
		}
	}
}

// wholeChange looks for all that the change of a portfolio caused, and gives the node that changed it and those that heard of it.
func (s *sink) wholeChange() (changed string, heard []string) {
	s.t.Helper()
	root, all := s.traced("PATCH /api/v1/portfolios/{id}")
	if root.Kind != tracev1.Span_SPAN_KIND_SERVER {
		s.t.Errorf("the request is a %s", root.Kind)
	}
	updates := 0
	for _, transaction := range below(all, root, "transaction write") {
		updates += len(below(all, transaction, "UPDATE portfolios"))
	}
	sent := below(all, root, "send portfolio.changed")
	if beside := below(all, root, "UPDATE portfolios"); updates == 0 || len(beside) > 0 || len(sent) != 1 {
		s.t.Fatalf("%d updates below the request's transactions, %d beside them, %d hints", updates, len(beside), len(sent))
	}
	for _, span := range below(all, sent[0], "receive portfolio.changed") {
		heard = append(heard, s.nodes[string(span.SpanId)])
	}
	if len(heard) == 0 {
		s.t.Error("nobody heard the hint")
	}
	return s.nodes[string(root.SpanId)], heard
}

// The same with two nodes on one database and one bus: the trace goes on where the other hears of it.
func TestOneTraceOverTwoNodes(t *testing.T) {
	t.Parallel()
	to, bus := &sink{t: t}, natstest.StartWiretap(t)
	server := httptest.NewServer(to)
	t.Cleanup(server.Close)
	database, dir := pgtest.Database(t), t.TempDir()
	var urls []string
	var stops []func()
	for i := range 2 {
		settings := settingsIn(dir)
		settings.DataDir += fmt.Sprint("-", i)
		settings.Database.URL, settings.NATS.URLs = config.Secret(database), []string{bus.URL()}
		settings.Telemetry.Traces = config.Traces{Endpoint: config.Secret(server.URL + "/v1/traces"), Percent: 100}
		if i == 0 {
			newPlace(t, settings)
		}
		url, stop := serve(t, settings)
		urls, stops = append(urls, url), append(stops, stop)
	}
	writer := signIn(t, urls[0])
	path := writer.portfolio("Traced")
	there := writer.at(urls[1]).watch(path)
	<-there
	writer.must("PATCH", path, map[string]string{"name": "Traced again"}, nil)
	select {
	case <-there:
	case <-time.After(pollMax):
		t.Fatal("no hint came")
	}
	for _, stop := range stops { // sends what is left
		stop()
	}
	to.mutex.Lock()
	defer to.mutex.Unlock()
	changed, heard := to.wholeChange()
	if !slices.ContainsFunc(heard, func(node string) bool { return node != changed }) {
		t.Errorf("%s changed it, and only %v heard of it", changed, heard)
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
