// Package trace is how parts tell what a request, a job or a hint caused, without knowing who listens.
//
// It owns the shape of a span, and the id of the request that a context belongs to. It never sends anything: telemetry does, where an
// operator wants it. Names and attributes are words of the program, never what people entered and never ids of what is theirs.
package trace

import "context"

// Kind is what a span is for the one that began it.
type Kind int

// The kinds.
const (
	Internal Kind = iota
	Server        // a request of somebody else's
	Client        // a question to somebody else: a database, a source
	Producer      // a hint that is sent
	Consumer      // a hint that came
)

// Tracer begins spans. Implementations are safe for concurrent use.
type Tracer interface {
	// Start begins a span below the one that ctx belongs to.
	Start(ctx context.Context, kind Kind, name string) (context.Context, Span)
	// Carry gives what has to travel along for the other end to go on; empty where nothing is traced.
	Carry(ctx context.Context) string
	// Adopt makes ctx belong to what was carried. Only what our own nodes sent may be adopted.
	Adopt(ctx context.Context, carried string) context.Context
}

// Span is one piece of work that was begun.
type Span interface {
	Rename(name string)
	Set(key, value string)
	// End ends it. An error's text stays here: it may hold anything.
	End(failed bool)
}

// Off is a Tracer of nothing.
type Off struct{}

// Start implements Tracer.
func (Off) Start(ctx context.Context, _ Kind, _ string) (context.Context, Span) { return ctx, none{} }

// Carry implements Tracer.
func (Off) Carry(context.Context) string { return "" }

// Adopt implements Tracer.
func (Off) Adopt(ctx context.Context, _ string) context.Context { return ctx }

type none struct{}

// Rename implements Span.
func (none) Rename(string) {}

// Set implements Span.
func (none) Set(string, string) {}

// End implements Span.
func (none) End(bool) {}

type requestKey struct{}

// WithRequest makes ctx belong to a request.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// Request is the id of the request that ctx belongs to, empty where it is none.
func Request(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}
