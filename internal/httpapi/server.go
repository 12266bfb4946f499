// Package httpapi is the service as HTTP shows it: routes with their policies, the one table from kinds of error to status codes, the
// OpenAPI description, the event stream's door, the dashboard's files, and how connections are listened for.
//
// It decides nothing about money and holds no state that matters: who somebody is, what they own and what it is worth it asks others.
package httpapi

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"folioscope/internal/ledger"
	"folioscope/internal/trace"
)

// handlerDeadline is how long any answer but a stream may take, of whichever class; shorter than clients wait.
const handlerDeadline = 20 * time.Second

// Options are what a Server is made of.
type Options struct {
	Identity  Identity
	Store     Store
	Journal   Journal
	Live      Live
	Importer  Importer
	Prices    Prices   // nil: its routes answer 503
	Calendar  Calendar // nil: its routes answer 503
	Audit     AuditLog // nil: its routes answer 503
	AuditKey  string   // what checkpoints are verified with
	Proposals Proposer // nil: its routes answer 503
	Mail      MailLog  // nil: its route answers 503
	Watch     Watch    // nil: its routes answer 503
	MailOn    bool     // there is a mail server in the settings
	Finder    Finder   // nil: searches find what is here already
	Messages  Messages // nil: channels can't be tested here
	PushKey   string   // what browsers subscribe with; empty: none can

	InboxChanged  func(ctx context.Context, owner ledger.OwnerID) // tells who has somebody's inbox open elsewhere that it was read; nil: they see it with their next look
	AlertsChanged func(ctx context.Context, owner ledger.OwnerID) // tells whoever evaluates somebody's rules to look at them again; nil: they look by themselves

	HealthOnly bool // this node answers nobody but those who ask how it is: all other routes are not there, and what only they need may be nil

	Site    fs.FS                                              // the built dashboard, index.html at its root; without one pages answer 501
	Metrics http.Handler                                       // Prometheus; nil: the route answers 404
	Observe func(route string, status int, took time.Duration) // of every answer, for metrics; nil: nobody looks
	Tracer  trace.Tracer                                       // nil: nobody wants to know
	Ready   func(ctx context.Context) []string                 // why this node isn't ready yet, the database aside; nil or empty: it is
	Away    func() []string                                    // what it does without now, in live's words; nil: nothing

	Secure           bool           // browsers reach us over HTTPS, here or at a trusted proxy
	RedirectLoopback bool           // plain loopback: pages at 127.0.0.1 and [::1] move to localhost
	PublicURL        string         // the origin that browsers see, for links; empty: as requested
	TrustedProxies   []netip.Prefix // whose X-Forwarded-For counts
	Limits           Limits
	SessionCache     time.Duration // how long a session is believed without asking, 0 … 500 ms; the sequence is always asked for
	// Sequence is a portfolio's sequence alone, for when the session is cached; fault.NotFound where it isn't the owner's.
	Sequence func(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) (int64, error)

	Random io.Reader
	Now    func() time.Time
	Log    *slog.Logger
}

const sessionCacheMax = 500 * time.Millisecond

// Server answers HTTP. It is safe for concurrent use.
type Server struct {
	identity Identity
	store    Store
	journal  Journal
	live     Live
	importer Importer
	options  Options
	random   io.Reader
	now      func() time.Time
	log      *slog.Logger

	mux      *http.ServeMux
	api      huma.API
	handler  http.Handler
	routes   []*route
	mistakes []error
	openapi  func() []byte

	site           *site
	perUser        *limiter
	newInstruments *limiter // per user
	searches       *limiter // per user
	publicLooks    *limiter // per address
	channelTests   *limiter // per user
	perAddress     *limiter
	streams        *gauge
	open           *openStreams
	door           *door
	largeBodies    *room
	explaining     *room
	previewing     *room
	previewWait    time.Duration
	flights        inFlight
	sessions       *sessionCache
	memory         *memory
	refused        *refusals
	looks          *looks
	active         atomic.Int64 // requests that are being answered, health aside
	leaving        atomic.Bool
	draining       atomic.Bool
}

// New makes a Server. It fails where a route has no policy or the dashboard can't be read.
func New(o Options) (*Server, error) {
	limits := o.Limits.withDefaults()
	s := &Server{
		identity: o.Identity, store: o.Store, journal: o.Journal, live: o.Live, importer: o.Importer,
		options: o, random: o.Random, now: o.Now, log: o.Log,
		mux:            http.NewServeMux(),
		perUser:        newLimiter(limits.PerUser, limits.PerUserBurst, limiterKeysMax),
		perAddress:     newLimiter(limits.PerAddress, limits.PerAddrBurst, limiterKeysMax),
		newInstruments: newLimiter(1/newInstrumentsInterval.Seconds(), newInstrumentsBurst, limiterKeysMax),
		searches:       newLimiter(1/searchesInterval.Seconds(), searchesBurst, limiterKeysMax),
		publicLooks:    newLimiter(1/publicLooksInterval.Seconds(), publicLooksBurst, limiterKeysMax),
		channelTests:   newLimiter(1/channelTestsInterval.Seconds(), channelTestsBurst, limiterKeysMax),
		streams:        newGauge(limits.StreamsUser, limits.StreamsNode),
		open:           newOpenStreams(),
		refused:        newRefusals(),
		looks:          newLooks(),
		door:           newDoor(cores()),
		largeBodies:    newRoom(largeBodiesMax, largeBodiesWaitingMax),
		explaining:     newRoom(explainingMax, explainingWaitingMax),
		previewing:     newRoom(previewingMax, previewsWaitingMax),
		previewWait:    previewWaitMax,
		sessions:       newSessionCache(min(o.SessionCache, sessionCacheMax)),
		memory:         newMemory(),
	}
	if s.options.Tracer == nil {
		s.options.Tracer = trace.Off{}
	}
	s.options.PublicURL = strings.TrimSuffix(o.PublicURL, "/")
	var err error
	if s.site, err = loadSite(o.Site); err != nil {
		return nil, err
	}
	s.api = newAPI(s)
	s.addHealthRoutes()
	if o.HealthOnly {
		s.mux.HandleFunc("/", s.unknownPath)
	} else {
		s.addRoutes()
		s.mux.HandleFunc("/api/", s.unknownPath)
		s.mux.HandleFunc("/", s.servePage)
	}
	s.openapi = sync.OnceValue(s.describe)
	if len(s.mistakes) > 0 {
		return nil, errors.Join(s.mistakes...)
	}
	s.handler, err = s.middlewares()
	return s, err
}

func (s *Server) addRoutes() {
	s.addSessionRoutes()
	s.addAccountRoutes()
	s.addRecoveryRoutes()
	s.addEmailRoutes()
	s.addSignInServiceRoutes()
	s.addPasskeyRoutes()
	s.addTokenRoutes()
	s.addPortfolioRoutes()
	s.addGrantRoutes()
	s.addHouseholdRoutes()
	s.addNoticeRoutes()
	s.addChannelRoutes()
	s.addAlertRoutes()
	s.addPercentageRoutes()
	s.addActivityRoutes()
	s.addProposalRoutes()
	s.addImportRoutes()
	s.addFigureRoutes()
	s.addPeriodRoutes()
	s.addInstrumentRoutes()
	s.addOwnRoutes()
	s.addInstrumentFindRoutes()
	s.addInstrumentKeeperRoutes()
	s.addAdminRoutes()
	s.addPeopleRoutes()
	s.addPublicLinkRoutes()
	s.addPriceRoutes()
	s.addDataRoutes()
	s.addSourceRoutes()
	s.addCalendarRoutes()
	s.addAuditRoutes()
	s.addMailRoutes()
	s.addStatusRoutes()
	s.addStreamRoute()
	s.addDescriptionRoutes()
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Leave makes /readyz say no and every answer the last of its connection, so that load balancers and clients turn to other nodes.
// Until Drain, whatever still comes is served as ever.
func (s *Server) Leave() { s.leaving.Store(true) }

// Drain leaves, takes no streams any more, ends the open ones, whose clients come back elsewhere, and waits until no request is being
// answered: while one is, load balancers still have to hear that this node lives.
func (s *Server) Drain() {
	const pause = 10 * time.Millisecond
	s.Leave()
	s.draining.Store(true)
	s.open.endAll()
	for began := time.Now(); s.active.Load() > 0 && time.Since(began) < shutdownTimeout; {
		time.Sleep(pause)
	}
}
