package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"folioscope/internal/trace"
)

const (
	exportWaitMax  = 10 * time.Second // one batch to the collector
	spansQueuedMax = 4096             // spans that wait for it; what is more is dropped, never waited for
	carrierKey     = "traceparent"
)

// TraceOptions say where traces go.
type TraceOptions struct {
	Endpoint string // of OTLP over HTTP, whole: https://collector:4318/v1/traces
	Percent  int    // of requests, jobs and hints that are traced
	Client   *http.Client
	Version  string
	Node     string
	Log      *slog.Logger
}

// Traces sends spans to a collector. A collector that is slow or away costs spans and nothing else.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracer   oteltrace.Tracer
	carrier  propagation.TraceContext
}

var _ trace.Tracer = (*Traces)(nil)

// NewTraces makes one; Close sends what is left.
func NewTraces(ctx context.Context, o TraceOptions) (*Traces, error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.Endpoint), otlptracehttp.WithHTTPClient(o.Client), otlptracehttp.WithTimeout(exportWaitMax))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	// The library knows one place for its complaints; without this they would go round our log.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.Log.Warn("traces are not taken: look at telemetry.traces.endpoint", "error", err) }))
	const whole = 100
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithMaxQueueSize(spansQueuedMax), sdktrace.WithExportTimeout(exportWaitMax)),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(float64(o.Percent)/whole))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "folioscope"), attribute.String("service.version", o.Version), attribute.String("service.instance.id", o.Node))),
	)
	return &Traces{provider: provider, tracer: provider.Tracer("folioscope")}, nil
}

// Close sends what is left, within the context's time.
func (t *Traces) Close(ctx context.Context) error {
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

var spanKinds = map[trace.Kind]oteltrace.SpanKind{
	trace.Internal: oteltrace.SpanKindInternal, trace.Server: oteltrace.SpanKindServer, trace.Client: oteltrace.SpanKindClient,
	trace.Producer: oteltrace.SpanKindProducer, trace.Consumer: oteltrace.SpanKindConsumer,
}

// Start implements trace.Tracer.
func (t *Traces) Start(ctx context.Context, kind trace.Kind, name string) (context.Context, trace.Span) {
	ctx, s := t.tracer.Start(ctx, name, oteltrace.WithSpanKind(spanKinds[kind]))
	return ctx, span{s}
}

// Carry implements trace.Tracer.
func (t *Traces) Carry(ctx context.Context) string {
	carried := propagation.MapCarrier{}
	t.carrier.Inject(ctx, carried)
	return carried[carrierKey]
}

// Adopt implements trace.Tracer.
func (t *Traces) Adopt(ctx context.Context, carried string) context.Context {
	return t.carrier.Extract(ctx, propagation.MapCarrier{carrierKey: carried})
}

type span struct{ oteltrace.Span }

// Rename implements trace.Span.
func (s span) Rename(name string) { s.SetName(name) }

// Set implements trace.Span.
func (s span) Set(key, value string) { s.SetAttributes(attribute.String(key, value)) }

// End implements trace.Span.
func (s span) End(failed bool) {
	if failed {
		s.SetStatus(codes.Error, "")
	}
	s.Span.End()
}
