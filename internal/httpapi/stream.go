package httpapi

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"folioscope/internal/access"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
)

const (
	streamPortfoliosMax = 16                             // in one stream, as live has it
	streamRetryAfter    = 15 * time.Second               // for somebody who has too many open
	lastEventBytesMax   = 64 * (streamPortfoliosMax + 1) // an id has a part of up to 64 bytes for prices and for each portfolio
)

func (s *Server) addStreamRoute() {
	schemas := map[string]any{"snapshot": s.schemaOf(PortfolioDocument{}), "delta": s.schemaOf(PortfolioDelta{}), "status": s.schemaOf(StreamStatus{}), "inbox": s.schemaOf(StreamInbox{}), "degraded": s.schemaOf(StreamDegraded{})}
	describe := huma.Operation{
		Description: "Server-sent events: a snapshot of each portfolio, then deltas, and a status whenever the connection to the market changes. " +
			"An inbox event, which is empty, says that something new lies in the viewer's inbox, or that it was read. " +
			"A degraded event says what the service does without from then on, as the header Folioscope-Degraded does; where there is none, all is there. " +
			"Every other event has an id; Last-Event-ID or after resumes. Comments come at least every 15 s. The server ends a stream after 30 to 60 min; come back with the last id.",
		Parameters: []*huma.Param{
			{Name: "portfolio", In: "query", Required: true, Schema: &huma.Schema{Type: huma.TypeString}, Description: "Ids of portfolios, separated by commas"},
			{Name: "after", In: "query", Schema: &huma.Schema{Type: huma.TypeString}, Description: "The id of the last event that was seen"},
			{Name: "Last-Event-ID", In: "header", Schema: &huma.Schema{Type: huma.TypeString}},
		},
		Responses: map[string]*huma.Response{"200": {
			Description: "Events", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString, Extensions: map[string]any{"x-events": schemas}}}},
		}},
	}
	s.written(route{method: "GET", path: "/api/v1/stream", class: classStream, action: access.ReadPortfolio, endless: true, tag: "Portfolios", summary: "Prices and values as they change"}, describe, s.serveStream)
}

func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	c := callOf(r.Context())
	portfolios, shares, err := s.watched(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if s.draining.Load() {
		s.fail(w, r, fault.New(fault.Unavailable, "This node is stopping. Connect again."))
		return
	}
	if !s.streams.enter(string(c.user())) {
		s.fail(w, r, limitedProblem(streamRetryAfter))
		return
	}
	defer s.streams.leave(string(c.user()))
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.URL.Query().Get("after")
	}
	if len(last) > lastEventBytesMax {
		last = ""
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer s.open.add(openStream{c.session, shares, cancel})()
	c.leaveDoor() // the stream is open: what it costs from now on is bounded elsewhere
	err = s.live.Stream(w, r.WithContext(ctx), live.StreamRequest{
		Viewer: c.user(), Portfolios: portfolios, After: last,
		Alive: func(ctx context.Context) error {
			_, err := s.identity.Session(ctx, c.token)
			return err
		},
	})
	if err != nil {
		s.fail(w, r, err)
	}
}

// watched is the portfolios of a stream, each of which has to be the caller's or shared with them, and what was shared of them.
func (s *Server) watched(r *http.Request) (portfolios []live.Key, shares []access.Share, err error) {
	c := callOf(r.Context())
	names := strings.Split(r.URL.Query().Get("portfolio"), ",")
	if len(names) > streamPortfoliosMax {
		return nil, nil, fault.At("portfolio", "At most %d portfolios go into one stream.", streamPortfoliosMax)
	}
	for _, name := range names {
		if name == "" {
			return nil, nil, fault.At("portfolio", "The ids of portfolios are needed, separated by commas.")
		}
		id := ledger.PortfolioID(name)
		err := s.owns(r.Context(), c, id)
		if err == nil {
			portfolios = append(portfolios, live.Key{Owner: c.user(), Portfolio: id})
			continue
		}
		if !fault.Is(err, fault.NotFound) {
			return nil, nil, err
		}
		share, err := s.store.Share(r.Context(), access.ShareKey{Grantee: c.user(), Portfolio: id}, s.now())
		switch {
		case err != nil:
			return nil, nil, err
		case !readable(c.session, share):
			return nil, nil, errBeyondShare()
		}
		if err := s.look(r.Context(), c, share); err != nil {
			return nil, nil, err
		}
		portfolios, shares = append(portfolios, live.Key{Owner: share.Holder, Portfolio: id}), append(shares, share)
	}
	return portfolios, shares, nil
}

// owns gives fault.NotFound where a portfolio isn't the caller's. Who is known from memory owns what is known from there too.
func (s *Server) owns(ctx context.Context, c *call, id ledger.PortfolioID) error {
	if c.recalled {
		if _, sequence, ok := s.memory.find(c.token, id, s.now()); !ok || sequence < 0 {
			return errNotInMemory()
		}
		return nil
	}
	portfolio, err := s.store.Portfolio(ctx, c.user(), id)
	if err == nil {
		s.memory.note(c.token, c.session, id, portfolio.Sequence, s.now())
	}
	return err
}

// readable says whether a share lets whoever has it see what a stream shows.
func readable(session identity.Session, share access.Share) bool {
	return access.May(subjectOf(session), access.ReadPortfolio, access.Resource{Owner: share.Holder, Granted: share.Level}).Allowed
}

// openStreams are the streams of this node, so that a node that stops can send them elsewhere.
type openStreams struct {
	mu    sync.Mutex
	last  int
	all   map[int]openStream
	empty chan struct{} // closed once all have ended, where somebody waits for it
}

type openStream struct {
	session identity.Session
	shares  []access.Share // of what it shows that isn't its viewer's own
	end     context.CancelCauseFunc
}

func newOpenStreams() *openStreams { return &openStreams{all: map[int]openStream{}} }

// add notes a stream; the function it gives forgets it.
func (o *openStreams) add(one openStream) (forget func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	id := o.last
	o.all[id] = one
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.all, id)
		if o.empty != nil && len(o.all) == 0 {
			close(o.empty)
			o.empty = nil
		}
	}
}

// endAll ends all streams, has their clients come back, and waits until they have ended: a server that shuts down doesn't wait for
// connections that streams took over.
func (o *openStreams) endAll() {
	o.mu.Lock()
	if len(o.all) == 0 {
		o.mu.Unlock()
		return
	}
	for _, one := range o.all {
		one.end(live.ErrElsewhere)
	}
	if o.empty == nil {
		o.empty = make(chan struct{})
	}
	empty := o.empty
	o.mu.Unlock()
	select {
	case <-empty:
	case <-time.After(shutdownTimeout):
	}
}
