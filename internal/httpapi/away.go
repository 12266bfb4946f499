package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
)

// While the database is away, people go on reading what this node has in memory: those whose session it knows, of portfolios that it
// knows to be theirs. Nothing changes, nobody signs in, nothing that others shared is shown, and no administrator sees anything.
const (
	awayHeader            = "Folioscope-Degraded"
	awayRetryAfter        = 5 * time.Second
	rememberedMax         = 15 * time.Minute // since the database last said so of a session
	rememberedLook        = 10 * time.Second // between two looks whether sessions still stand: who was signed out where no hint came from is known by then
	rememberedSessionsMax = 20_000           // of one node, as many as streams; about 1 KiB each
	rememberedOwnMax      = 64               // portfolios of one session
	keptBytesMax          = 32 << 10         // of one answer: a list of a hundred portfolios
	keptAnswersMax        = 4                // of one session: its routes are few
)

// awayDetail is what whoever wants to change something is told.
const awayDetail = "Changes and signing in are off while the database can't be reached. Nothing was saved: try again in a moment."

// memory is what this node knows of sessions from when the database could be asked.
type memory struct {
	mu       sync.Mutex
	sessions map[[sha256.Size]byte]*remembered // by what a request signs itself with, hashed
}

type remembered struct {
	session   identity.Session
	confirmed time.Time
	used      time.Time
	own       map[ledger.PortfolioID]int64 // the owner's, with the sequence that they were last seen at
	kept      map[string][]byte            // answers, by path
}

func newMemory() *memory { return &memory{sessions: make(map[[sha256.Size]byte]*remembered)} }

// note takes what the database said of a session, and of a portfolio of its owner where the request was about one.
func (m *memory) note(token string, session identity.Session, portfolio ledger.PortfolioID, sequence int64, now time.Time) {
	key := sha256.Sum256([]byte(token))
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.sessions[key]
	if one == nil {
		if len(m.sessions) >= rememberedSessionsMax {
			m.forgetUnused(now)
		}
		if len(m.sessions) >= rememberedSessionsMax {
			return // whoever came first has a place
		}
		one = &remembered{own: make(map[ledger.PortfolioID]int64, 1)}
		m.sessions[key] = one
	}
	one.session, one.confirmed, one.used = session, now, now
	if _, known := one.own[portfolio]; portfolio != "" && (known || len(one.own) < rememberedOwnMax) {
		one.own[portfolio] = max(one.own[portfolio], sequence)
	}
}

// find gives a session as the database last confirmed it, recently enough, with the sequence of one of its owner's portfolios: −1 where
// that isn't known to be theirs.
func (m *memory) find(token string, portfolio ledger.PortfolioID, now time.Time) (session identity.Session, sequence int64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.sessions[sha256.Sum256([]byte(token))]
	if one == nil || now.Sub(one.confirmed) >= rememberedMax {
		return identity.Session{}, 0, false
	}
	sequence, known := one.own[portfolio]
	if !known {
		sequence = -1
	}
	return one.session, sequence, true
}

// keep has an answer at hand for when it can't be worked out.
func (m *memory) keep(token, path string, body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := m.sessions[sha256.Sum256([]byte(token))]
	if one == nil || len(body) > keptBytesMax || len(one.kept) >= keptAnswersMax && one.kept[path] == nil {
		return
	}
	if one.kept == nil {
		one.kept = make(map[string][]byte, 2)
	}
	one.kept[path] = body
}

func (m *memory) kept(token, path string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if one := m.sessions[sha256.Sum256([]byte(token))]; one != nil {
		return one.kept[path]
	}
	return nil
}

// forgetAll forgets every session and token of an owner.
func (m *memory) forgetAll(owner ledger.OwnerID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.sessions, func(_ [sha256.Size]byte, one *remembered) bool { return one.session.Owner == owner })
}

func (m *memory) forgetUnused(now time.Time) {
	maps.DeleteFunc(m.sessions, func(_ [sha256.Size]byte, one *remembered) bool { return now.Sub(one.used) >= rememberedMax })
}

// all are the sessions in use; those with an open stream are.
func (m *memory) all(streaming []identity.Session, now time.Time) []identity.Session {
	open := make(map[identity.TokenHash]bool, len(streaming))
	for _, session := range streaming {
		open[session.Hash] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.sessions {
		if open[one.session.Hash] {
			one.used = now
		}
	}
	m.forgetUnused(now)
	sessions := make([]identity.Session, 0, len(m.sessions))
	for _, one := range m.sessions {
		sessions = append(sessions, one.session)
	}
	return sessions
}

// confirm forgets those of some sessions that don't stand any more.
func (m *memory) confirm(asked []identity.Session, standing map[identity.TokenHash]bool, now time.Time) {
	looked := make(map[identity.TokenHash]bool, len(asked))
	for _, session := range asked {
		looked[session.Hash] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.sessions, func(_ [sha256.Size]byte, one *remembered) bool {
		if standing[one.session.Hash] {
			one.confirmed = now
		}
		return looked[one.session.Hash] && !standing[one.session.Hash]
	})
}

// serves says whether there is anybody who could be answered.
func (m *memory) serves(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.sessions {
		if now.Sub(one.confirmed) < rememberedMax {
			return true
		}
	}
	return false
}

// Forget drops what this node remembers of somebody's sessions, which ended elsewhere.
func (s *Server) Forget(owner ledger.OwnerID) {
	s.sessions.forgetAll(owner)
	s.memory.forgetAll(owner)
}

// lookAtRemembered forgets the sessions that have ended, whoever ended them.
func (s *Server) lookAtRemembered(ctx context.Context) error {
	streaming, _ := restingOn(s.open.list())
	asked := s.memory.all(streaming, s.now())
	if len(asked) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, standingWaitMax)
	defer cancel()
	began := s.now()
	standing, err := s.identity.Standing(ctx, asked)
	if err != nil {
		return err
	}
	s.memory.confirm(asked, standing, began)
	return nil
}

// away is what this node does without.
func (s *Server) away() []string {
	if s.options.Away == nil {
		return nil
	}
	return s.options.Away()
}

func (s *Server) databaseAway() bool { return slices.Contains(s.away(), live.AwayDatabase) }

// sayAway has every answer name what is away, what comes from memory among them.
func (s *Server) sayAway(h http.Header, more ...string) {
	if parts := slices.Concat(s.away(), more); len(parts) > 0 {
		slices.Sort(parts)
		h.Set(awayHeader, strings.Join(slices.Compact(parts), ", "))
	}
}

func reads(req *http.Request) bool {
	return req.Method == http.MethodGet || req.Method == http.MethodHead
}

// refuseAway refuses what can't be done without the database before anybody waits for it.
func (s *Server) refuseAway(req *http.Request) error {
	if reads(req) || !s.databaseAway() {
		return nil
	}
	p := newProblem(fault.Unavailable, awayDetail)
	p.retryAfter = awayRetryAfter
	return p
}

// recall has the caller known from memory where the database can't be asked, for what is answered from memory.
func (s *Server) recall(req *http.Request, c *call, r *route, asked error) error {
	now := s.now()
	var portfolio ledger.PortfolioID
	if r.ofPortfolio() {
		portfolio = portfolioID(req)
	}
	if asked == nil {
		if c.share.Holder != "" {
			portfolio = ""
		}
		s.memory.note(c.token, c.session, portfolio, c.sequence, now)
		return nil
	}
	if !fault.Is(asked, fault.Unavailable) || !r.fromMemory() {
		return asked
	}
	session, sequence, ok := s.memory.find(c.token, portfolio, now)
	if !ok || r.ofPortfolio() && sequence < 0 || session.Scopes&^identity.ScopeRead != 0 {
		return asked
	}
	if identity.Ended(session, now) {
		return fault.New(fault.Unauthenticated, "Sign in first.")
	}
	c.session, c.sequence, c.recalled = session, max(sequence, 0), true
	return nil
}

// serveKept answers as last time for somebody who is known from memory, and otherwise keeps what is answered.
func (s *Server) serveKept(w http.ResponseWriter, req *http.Request, c *call, next http.HandlerFunc) {
	if c.recalled {
		body := s.memory.kept(c.token, req.URL.RequestURI())
		if body == nil {
			s.fail(w, req, errNotInMemory())
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // the client may have gone; there is nobody to tell
		return
	}
	copied := &copying{ResponseWriter: w}
	next(copied, req)
	if copied.status == http.StatusOK {
		s.memory.keep(c.token, req.URL.RequestURI(), copied.body.Bytes())
	}
}

func errNotInMemory() error {
	return fault.New(fault.Unavailable, "This can't be shown while the database can't be reached. Try again in a moment.")
}

// copying is a response that is read along.
type copying struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (w *copying) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *copying) Write(body []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.body.Len() <= keptBytesMax {
		w.body.Write(body)
	}
	return w.ResponseWriter.Write(body)
}
