// Package telemetry is how a node reports about itself: structured logs and Prometheus metrics.
//
// It owns the registry and the log's form. Nothing personal and no secret is ever given to it; callers name ids and counts.
package telemetry

import (
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewLog makes the node's log. Format is "json" or "text".
func NewLog(w io.Writer, level slog.Level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(identified{slog.NewJSONHandler(w, options)})
	}
	return slog.New(identified{slog.NewTextHandler(w, options)})
}

// Metrics are a node's figures for its operators. They are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	families []string
}

// requestBuckets span a cached read (about a millisecond) to the longest deadline, in seconds.
var requestBuckets = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// NewMetrics makes the registry of one node that runs this version.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		families: []string{"folioscope_httpapi_request_seconds", "folioscope_app_build_info"},
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "folioscope_httpapi_request_seconds", Help: "Time to answer a request, by route and status class.", Buckets: requestBuckets,
		}, []string{"route", "status"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "folioscope_app_build_info", Help: "1, labelled with the version.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m.requests, build)
	return m
}

// Families are the names of all families of ours, whether they have figures yet or not.
func (m *Metrics) Families() []string { return slices.Sorted(slices.Values(m.families)) }

// Handler answers in Prometheus' text form.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Request records one answered request. Route is the pattern, never the path, which may name somebody's portfolio.
func (m *Metrics) Request(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, statusClasses[min(max(status/100, 0), len(statusClasses)-1)]).Observe(took.Seconds())
}

var statusClasses = [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}

// Gauge shows a figure that is asked for when metrics are read, such as the number of open streams.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.families = append(m.families, name)
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}
