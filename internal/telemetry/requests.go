package telemetry

import (
	"context"
	"log/slog"

	oteltrace "go.opentelemetry.io/otel/trace"

	"folioscope/internal/trace"
)

// The ids that a line gets from its context.
const (
	requestIDKey = "request_id"
	traceIDKey   = "trace_id"
)

// identified adds to each line which request it belongs to, and which trace, so that all that a request caused can be found by its id.
type identified struct{ slog.Handler }

// Handle implements slog.Handler.
func (h identified) Handle(ctx context.Context, line slog.Record) error {
	id := trace.Request(ctx)
	line.Attrs(func(a slog.Attr) bool {
		if a.Key == requestIDKey { // it says so itself
			id = ""
		}
		return id != ""
	})
	line = line.Clone()
	if id != "" {
		line.AddAttrs(slog.String(requestIDKey, id))
	}
	if s := oteltrace.SpanContextFromContext(ctx); s.IsSampled() {
		line.AddAttrs(slog.String(traceIDKey, s.TraceID().String()))
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (h identified) WithAttrs(attributes []slog.Attr) slog.Handler {
	return identified{h.Handler.WithAttrs(attributes)}
}

// WithGroup implements slog.Handler.
func (h identified) WithGroup(name string) slog.Handler { return identified{h.Handler.WithGroup(name)} }
