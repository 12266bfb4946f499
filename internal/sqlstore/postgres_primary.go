package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// sqlTimeline is the name of the file that a primary writes its log to, which begins with the timeline: it rises with each promotion.
const (
	sqlTimeline = `SELECT CASE WHEN pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' THEN '' ELSE pg_walfile_name(pg_current_wal_lsn()) END`
	// What standbys are is told to roles that may read statistics alone.
	sqlStandbys = `SELECT COUNT(*) FILTER (WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')), current_setting('synchronous_commit') NOT IN ('off', 'local'),
pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') FROM pg_stat_replication`
)

// Where database.url names several servers, one of them is the primary and the others follow it, until one of those takes its place. We go
// to whichever takes writes, and never back to one that another has followed: it may have been away while that happened, and not know.

// primary is what a pool knows of which server that is.
type primary struct {
	mu       sync.Mutex
	timeline uint64
	moved    func() // the latest timeline is another: whoever is connected to the earlier one has to let go
}

// severalHosts says whether a URL names more than one server, and leaves it to us which of them to take.
func severalHosts(url string, config *pgx.ConnConfig) (hosts int) {
	if strings.Contains(url, "target_session_attrs") {
		return 1
	}
	seen := map[string]bool{fmt.Sprint(config.Host, config.Port): true}
	for _, other := range config.Fallbacks { // the same one is there again where it may be asked without TLS
		seen[fmt.Sprint(other.Host, other.Port)] = true
	}
	return len(seen)
}

var (
	errStandby = errors.New("this server takes no writes: it is a standby")
	errBehind  = errors.New("this server was the primary, and another one has taken its place: stop it, or have it follow")
)

// check is of a new connection: pgx tries the next server where it fails.
func (p *primary) check(ctx context.Context, connection *pgconn.PgConn) error {
	found := connection.ExecParams(ctx, sqlTimeline, nil, nil, nil, nil).Read()
	if found.Err != nil {
		return found.Err
	}
	if len(found.Rows) != 1 || len(found.Rows[0]) != 1 {
		return fmt.Errorf("the server says nothing of its timeline: %d rows", len(found.Rows))
	}
	return p.see(string(found.Rows[0][0]))
}

// see judges the name of a log file.
func (p *primary) see(file string) error {
	const timelineDigits = 8
	if file == "" {
		return errStandby
	}
	if len(file) < timelineDigits {
		return fmt.Errorf("the server's log has the name %q", file)
	}
	timeline, err := strconv.ParseUint(file[:timelineDigits], 16, 32)
	if err != nil {
		return fmt.Errorf("the server's log: %w", err)
	}
	p.mu.Lock()
	known, moved := p.timeline, p.moved
	p.timeline = max(known, timeline)
	p.mu.Unlock()
	if timeline < known {
		return errBehind
	}
	if timeline > known && known > 0 && moved != nil {
		moved()
	}
	return nil
}

// standby lets go of all connections where one of them turns out to lead to what is a standby by now. Nothing was written there, so that it
// can be tried again.
func (p *postgres) standby(err error) error {
	if server, ok := errors.AsType[*pgconn.PgError](err); !ok || server.Code != "25006" {
		return err
	}
	p.pool.Reset()
	return lostConnection{err}
}

// servers says which of several servers is the primary, and what follows it.
func (p *postgres) servers(ctx context.Context, v *Vitals) error {
	if v.Hosts = p.hosts; v.Hosts < 2 {
		return nil
	}
	connection, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	v.Primary = connection.Conn().PgConn().Conn().RemoteAddr().String()
	connection.Release()
	return p.one(ctx, sqlStandbys, nil, &v.Synchronous, &v.Waits, &v.Seen)
}
