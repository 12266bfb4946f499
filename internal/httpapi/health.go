package httpapi

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"folioscope/internal/access"
	"folioscope/internal/fault"
	"folioscope/internal/live"
)

// readyDeadline bounds how long dependencies are asked; a load balancer waits little longer.
const readyDeadline = 2 * time.Second

// unreadyDrains is what a load balancer asks for that ends whatever a dead node had: one that isn't ready isn't dead.
const unreadyDrains = "404"

func (s *Server) addHealthRoutes() {
	const tag = "Health"
	text := func(description string) huma.Operation {
		return huma.Operation{Responses: map[string]*huma.Response{"200": {Description: description, Content: map[string]*huma.MediaType{"text/plain": {}}}}}
	}
	s.written(route{method: "GET", path: "/healthz", class: classHealth, action: access.ReadHealth, tag: tag, summary: "Whether the process answers"}, text("ok"),
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			_, _ = io.WriteString(w, "ok\n") // a prober that has gone is no trouble
		})
	schema := s.schemaOf(Readiness{})
	ready := map[string]*huma.Response{
		"200": {Description: "Ready", Content: jsonContent(schema)},
		"404": {Description: "Not ready, where 404 is asked for", Content: jsonContent(schema)},
		"503": {Description: "Not ready, with reasons", Content: jsonContent(schema)},
	}
	unready := []*huma.Param{{Name: "unready", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{unreadyDrains}}, Description: "404: answer that in place of 503, for a load balancer to which 404 " +
		"means to send nothing new here and to end nothing, and whatever else that the node is dead (HAProxy's disable-on-404)"}}
	s.written(route{method: "GET", path: "/readyz", class: classHealth, action: access.ReadHealth, tag: tag, summary: "Whether this node takes requests"}, huma.Operation{Parameters: unready, Responses: ready}, s.serveReadiness)
	s.written(route{method: "GET", path: "/metrics", class: classHealth, action: access.ReadHealth, tag: tag, summary: "Measurements for Prometheus"}, text("Prometheus text format"),
		func(w http.ResponseWriter, r *http.Request) {
			if s.options.Metrics == nil {
				s.fail(w, r, fault.New(fault.NotFound, "There is nothing at this address."))
				return
			}
			s.options.Metrics.ServeHTTP(w, r)
		})
}

func (s *Server) serveReadiness(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyDeadline)
	defer cancel()
	answer := Readiness{Reasons: []string{}, Degraded: []string{}}
	if s.leaving.Load() {
		answer.Reasons = append(answer.Reasons, "stopping")
	}
	if err := s.store.Ping(ctx); err != nil {
		s.sayAway(w.Header(), live.AwayDatabase)
		if s.memory.serves(s.now()) {
			answer.Degraded = append(answer.Degraded, "the database doesn't answer: reads come from memory, changes are refused")
		} else {
			answer.Reasons = append(answer.Reasons, "the database doesn't answer")
		}
	}
	if slices.Contains(s.away(), live.AwayDisk) {
		s.sayAway(w.Header())
		answer.Degraded = append(answer.Degraded, "the database's disk is full, failed or doesn't answer: all can be read, changes are refused")
	}
	if s.options.Ready != nil {
		answer.Reasons = append(answer.Reasons, s.options.Ready(ctx)...)
	}
	answer.Ready = len(answer.Reasons) == 0
	status := http.StatusOK
	if !answer.Ready {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
		if r.URL.Query().Get("unready") == unreadyDrains {
			status = http.StatusNotFound
		}
	}
	s.answer(w, status, answer)
}

// answer writes a body as JSON, for handlers written by hand.
func (s *Server) answer(w http.ResponseWriter, status int, value any) {
	body := marshal(value)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h["Cache-Control"] = noStoreHeader
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone; there is nobody to tell
}
