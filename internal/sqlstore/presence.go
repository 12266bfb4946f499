package sqlstore

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"folioscope/internal/fault"
)

// A database that goes away is noticed within 5 s however it goes: where nobody listens after the second ping at once, where nobody
// answers after two that were waited for. One that is back serves with the next ping.
const (
	pingInterval = 500 * time.Millisecond
	pingWaitMax  = 2 * time.Second
	pingPause    = 100 * time.Millisecond // between the ping that failed and the one that decides: a restart cuts connections that others replace
)

// errAway is what everybody is told while the database is away, at once.
var errAway = fault.Wrap(fault.Unavailable, errors.New("no answer to two pings"), "the database can't be reached")

// presence says whether a database is there.
//
//	       two pings in a row fail: what is under way ends
//	here ──────────────────────────────────────────────────▶ away: whatever is asked is refused at once
//	 ▲                                                         │
//	 └────────────────── a ping is answered ───────────────────┘
type presence struct {
	mu   sync.Mutex
	gone bool
	last int
	ends map[int]context.CancelCauseFunc // of what is under way
}

func newPresence() *presence { return &presence{ends: make(map[int]context.CancelCauseFunc)} }

func (p *presence) away() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

func (p *presence) found() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = false
}

func (p *presence) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	for _, end := range p.ends {
		end(errAway)
	}
}

// enter notes what begins, unless the database is away.
func (p *presence) enter(end context.CancelCauseFunc) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return nil, false
	}
	p.last++
	id := p.last
	p.ends[id] = end
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.ends, id)
	}, true
}

// during runs one operation while the database is there: nobody waits for one that was lost.
func (p *presence) during(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	leave, ok := p.enter(cancel)
	if !ok {
		return errAway
	}
	defer leave()
	err := do(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errAway) {
		return errAway // what became of it nobody knows; its key or its sequence tells later
	}
	return err
}

// guarded is a database that nobody waits for while it is away. Pings go through.
type guarded struct {
	database
	presence *presence
}

// guard has a server watched; see Watch.
func (s *Store) guard() {
	if _, server := s.db.(*postgres); server {
		s.presence = newPresence()
		s.db = guarded{s.db, s.presence}
	}
}

// Away says whether the database is away, as Watch last found it: until it is back every operation gives fault.Unavailable at once.
// It never is where nobody watches, nor on SQLite.
func (s *Store) Away() bool { return s.presence != nil && s.presence.away() }

// Watch finds out whether the database is there until ctx ends.
func (s *Store) Watch(ctx context.Context) error {
	if s.presence == nil {
		<-ctx.Done()
		return nil
	}
	server, ok := bare(s.db).(*postgres)
	if !ok {
		return errors.New("only a server is watched")
	}
	own := &pinger{server: server}
	defer own.hangUp(ctx)
	answers := func() bool { return own.answers(ctx) }
	pace := time.NewTicker(pingInterval)
	defer pace.Stop()
	for {
		here := answers()
		if !here && !s.presence.away() {
			select {
			case <-ctx.Done():
			case <-time.After(pingPause):
			}
			here = answers()
		}
		if ctx.Err() != nil {
			return nil
		}
		switch {
		case here && s.presence.away():
			s.presence.found()
			s.log.InfoContext(ctx, "the database is back")
		case !here && !s.presence.away():
			s.presence.lose()
			s.log.WarnContext(ctx, "the database is away: reads are answered from memory, changes are refused until it is back")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pace.C:
		}
	}
}

// pinger asks over a connection of its own: a pool whose connections are all at slow work says nothing of the server.
type pinger struct {
	server     *postgres
	connection *pgx.Conn
}

// answers says whether the server answers in time, be it only that it has no place for one more.
func (p *pinger) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, pingWaitMax)
	defer cancel()
	if err := p.ask(ctx); err != nil {
		p.hangUp(ctx)
		full, ok := errors.AsType[*pgconn.PgError](err)
		return ok && strings.HasPrefix(full.Code, "53")
	}
	return true
}

func (p *pinger) ask(ctx context.Context) (err error) {
	if p.connection == nil {
		if p.connection, err = p.server.alone(ctx); err != nil {
			return err
		}
	}
	return p.connection.Ping(ctx)
}

func (p *pinger) hangUp(ctx context.Context) {
	if p.connection == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingPause)
	defer cancel()
	_ = p.connection.Close(ctx) // it is of no use, however it ends
	p.connection = nil
}

func (g guarded) write(ctx context.Context, do func(queries) error) error {
	return g.presence.during(ctx, func(ctx context.Context) error {
		return g.database.write(ctx, func(q queries) error { return do(guardedQueries{q, g.presence}) })
	})
}

func (g guarded) read(ctx context.Context, do func(queries) error) error {
	return g.presence.during(ctx, func(ctx context.Context) error {
		return g.database.read(ctx, func(q queries) error { return do(guardedQueries{q, g.presence}) })
	})
}

func (g guarded) exec(ctx context.Context, text string, args ...any) (int64, error) {
	return guardedQueries{g.database, g.presence}.exec(ctx, text, args...)
}

func (g guarded) one(ctx context.Context, text string, args []any, into ...any) error {
	return guardedQueries{g.database, g.presence}.one(ctx, text, args, into...)
}

func (g guarded) each(ctx context.Context, text string, args []any, see func(scanner) error) error {
	return guardedQueries{g.database, g.presence}.each(ctx, text, args, see)
}

// guardedQueries are those of a transaction too, whose statements are given the context of its caller.
type guardedQueries struct {
	queries
	presence *presence
}

func (q guardedQueries) exec(ctx context.Context, text string, args ...any) (rows int64, err error) {
	err = q.presence.during(ctx, func(ctx context.Context) error {
		rows, err = q.queries.exec(ctx, text, args...)
		return err
	})
	return rows, err
}

func (q guardedQueries) one(ctx context.Context, text string, args []any, into ...any) error {
	return q.presence.during(ctx, func(ctx context.Context) error { return q.queries.one(ctx, text, args, into...) })
}

func (q guardedQueries) each(ctx context.Context, text string, args []any, see func(scanner) error) error {
	return q.presence.during(ctx, func(ctx context.Context) error { return q.queries.each(ctx, text, args, see) })
}
