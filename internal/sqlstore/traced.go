package sqlstore

import (
	"context"
	"regexp"

	"folioscope/internal/trace"
)

// traced tells of every statement and transaction. The texts are ours and hold no values; arguments are never told.
type traced struct {
	database
	tracer trace.Tracer
	system string // as OpenTelemetry names it
}

// bare is a database without what tells of it and what stands before it.
func bare(d database) database {
	if t, ok := d.(traced); ok {
		d = t.database
	}
	if g, ok := d.(guarded); ok {
		d = g.database
	}
	return d
}

// tracing wraps the database where somebody wants to know.
func (s *Store) tracing(tracer trace.Tracer) {
	if tracer == nil {
		return
	}
	system := "sqlite"
	if _, ok := bare(s.db).(*postgres); ok {
		system = "postgresql"
	}
	s.db = traced{s.db, tracer, system}
}

func (t traced) write(ctx context.Context, do func(queries) error) error {
	return t.transaction(ctx, "write", t.database.write, do)
}

func (t traced) read(ctx context.Context, do func(queries) error) error {
	return t.transaction(ctx, "read", t.database.read, do)
}

// transaction is a span of its own, above those of its statements.
func (t traced) transaction(ctx context.Context, name string, run func(context.Context, func(queries) error) error, do func(queries) error) error {
	under, span := t.tracer.Start(ctx, trace.Client, "transaction "+name)
	span.Set("db.system.name", t.system)
	err := run(under, func(q queries) error { return do(tracedQueries{q, t, t.tracer.Carry(under)}) })
	span.End(err != nil && !noRow(err))
	return err
}

func (t traced) exec(ctx context.Context, text string, args ...any) (rows int64, err error) {
	ctx, end := t.statement(ctx, text)
	defer func() { end(err) }()
	return t.database.exec(ctx, text, args...)
}

func (t traced) one(ctx context.Context, text string, args []any, into ...any) (err error) {
	ctx, end := t.statement(ctx, text)
	defer func() { end(err) }()
	return t.database.one(ctx, text, args, into...)
}

func (t traced) each(ctx context.Context, text string, args []any, see func(scanner) error) (err error) {
	ctx, end := t.statement(ctx, text)
	defer func() { end(err) }()
	return t.database.each(ctx, text, args, see)
}

func (t traced) statement(ctx context.Context, text string) (context.Context, func(error)) {
	ctx, span := t.tracer.Start(ctx, trace.Client, statementName(text))
	span.Set("db.system.name", t.system)
	span.Set("db.query.text", text)
	return ctx, func(err error) { span.End(err != nil && !noRow(err)) }
}

// tracedQueries are those of a transaction. They are given its caller's context, which knows nothing of its span.
type tracedQueries struct {
	queries
	of    traced
	under string // the transaction's span, as it is carried
}

func (q tracedQueries) statement(ctx context.Context, text string) (context.Context, func(error)) {
	return q.of.statement(q.of.tracer.Adopt(ctx, q.under), text)
}

func (q tracedQueries) exec(ctx context.Context, text string, args ...any) (rows int64, err error) {
	ctx, end := q.statement(ctx, text)
	defer func() { end(err) }()
	return q.queries.exec(ctx, text, args...)
}

func (q tracedQueries) one(ctx context.Context, text string, args []any, into ...any) (err error) {
	ctx, end := q.statement(ctx, text)
	defer func() { end(err) }()
	return q.queries.one(ctx, text, args, into...)
}

func (q tracedQueries) each(ctx context.Context, text string, args []any, see func(scanner) error) (err error) {
	ctx, end := q.statement(ctx, text)
	defer func() { end(err) }()
	return q.queries.each(ctx, text, args, see)
}

var (
	statementVerb  = regexp.MustCompile(`\w+`)
	statementTable = regexp.MustCompile(`\b(?:FROM|INTO|UPDATE)\s+(\w+)`)
)

// statementName is the verb and the first table of a statement.
func statementName(text string) string {
	name := statementVerb.FindString(text)
	if table := statementTable.FindStringSubmatch(text); table != nil {
		name += " " + table[1]
	}
	return name
}
