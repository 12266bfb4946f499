// Package app puts the pieces together: it opens what a node stands on, builds its parts and runs them until it is told to stop.
//
// It alone knows every other package and the settings. It decides nothing by itself.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/cluster"
	"folioscope/internal/config"
	"folioscope/internal/engine"
	"folioscope/internal/event"
	"folioscope/internal/failpoint"
	"folioscope/internal/health"
	"folioscope/internal/httpapi"
	"folioscope/internal/identity"
	"folioscope/internal/ingest"
	"folioscope/internal/jobs"
	"folioscope/internal/journal"
	"folioscope/internal/live"
	"folioscope/internal/market"
	"folioscope/internal/natsbus"
	"folioscope/internal/notify"
	"folioscope/internal/outbound"
	"folioscope/internal/sqlstore"
	"folioscope/internal/telemetry"
	"folioscope/internal/trace"
	"folioscope/internal/transfer"
	"folioscope/web"
)

// Options are what a node gets from its process.
type Options struct {
	Version string
	Now     func() time.Time
	Log     *slog.Logger
	Ready   func(url string) // called once the node answers there

	tracer       trace.Tracer        // nil: nobody wants to know
	node         string              // this node's name; empty for a command
	lookOnly     bool                // the database stays as it is, of whichever release: for the doctor
	limits       httpapi.Limits      // those that everybody gets where it is zero; only benchmarks lift them
	sessionCache *time.Duration      // the product's where nil; only benchmarks compare others
	keyringPoll  time.Duration       // the product's where zero; only tests that rotate often are in a hurry
	large        *semaphore.Weighted // what large calculations go through, the product's where nil; only benchmarks have work of their own in it
	alertsLook   time.Duration       // of the engine, the product's where zero; only tests are in a hurry
	messagesHour int                 // the product's where zero; only tests send one person more
}

const (
	answersKeptFor  = 7 * 24 * time.Hour // of requests with an Idempotency-Key: a retry comes within minutes, a week is generous
	sessionsKeptFor = 30 * 24 * time.Hour
	tokensKeptFor   = 30 * 24 * time.Hour  // after their end, so that people find out why a program stopped
	linksKeptFor    = 30 * 24 * time.Hour  // public ones, after their end, so that people see how often they were opened
	mailKeptFor     = 30 * 24 * time.Hour  // what became of it; the mail itself goes away when it is sent
	noticesKeptFor  = 90 * 24 * time.Hour  // in people's inboxes
	alertsKeptFor   = 400 * 24 * time.Hour // what rules did: a year to look back on, and no dividend of it is told twice
	sessionCache    = 500 * time.Millisecond

	challengesKeptFor = time.Hour // after their end, since nodes' clocks differ

	simulatedQuotesKept = time.Hour // a made-up market makes 300,000 quotes a day that nobody will ask for
)

// Serve runs one production node until ctx ends.
func Serve(ctx context.Context, settings config.Config, o Options) error {
	calendar, err := market.NewCalendar()
	if err != nil {
		return err
	}
	release, name, err := claim(settings)
	if err != nil {
		return err
	}
	defer release()
	o.node = name
	return withTraces(ctx, settings, o, func(o Options) error { return serveNode(ctx, settings, calendar, o) })
}

func serveNode(ctx context.Context, settings config.Config, calendar *market.Calendar, o Options) error {
	sessions := newHours(calendar, o.Log)
	store, err := openStore(ctx, settings, sessions, o)
	if err != nil {
		return err
	}
	sessions.store = store
	if err := sessions.reload(ctx); err != nil {
		return errors.Join(err, store.Close())
	}
	n, err := newNode(ctx, settings, o.node, store, sessions, o)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	return n.run(ctx)
}

// claim makes the data directory and gives the node its lasting name.
func claim(settings config.Config) (release func(), name string, err error) {
	if err := os.MkdirAll(settings.DataDir, 0o700); err != nil {
		return nil, "", fmt.Errorf("make the data directory: %w", err)
	}
	name, unlock, err := jobs.Claim(settings.DataDir)
	if err != nil {
		return nil, "", err
	}
	return func() { _ = unlock() }, name, nil // the file lock ends with the process in any case
}

// node is one running process.
type node struct {
	settings config.Config
	o        Options
	store    *sqlstore.Store
	bus      *natsbus.Bus
	cluster  *cluster.Cluster
	outbound *outbound.Outbound
	ingest   *ingest.Ingest
	mail     *notify.Service
	messages *notify.Messenger
	digests  notify.Digests
	engine   *engine.Engine // nil where this node doesn't evaluate alert rules
	keeper   *engine.Keeper // the same
	remote   *audit.Remote  // nil where checkpoints are sent nowhere
	signs    func() bool    // whether this node signs the audit log now
	copies   *audit.Copy    // of the checkpoints, outside of the database
	clocks   *health.SourceClocks
	watch    *health.Watch
	probe    *health.Probe // nil where there is none
	server   *httpapi.Server
	metrics  *telemetry.Metrics
	hours    *hours         // nil where the market is made up
	answers  part           // what answers people, or only how this node is
	parts    []part         // all else
	closing  []func() error // what its parts stood on, besides bus and store
}

func (n *node) add(name string, run func(ctx context.Context) error) {
	n.parts = append(n.parts, part{name, run})
}

// largeProcessors is how many of the processors large calculations may have: one is left to what people wait for, as long as there are two.
func largeProcessors() int { return max(1, runtime.GOMAXPROCS(0)-1) }

// newLarge lets so many large calculations go on at once.
func newLarge() *semaphore.Weighted { return semaphore.NewWeighted(int64(largeProcessors())) }

// newNode builds all parts of a node. On an error the store stays the caller's.
func newNode(ctx context.Context, settings config.Config, name string, store *sqlstore.Store, sessions market.Sessions, o Options) (*node, error) {
	out, err := outbound.New(outbound.Options{Allow: settings.Outbound.Allow, Messages: settings.Outbound.Messages, Proxy: settings.Outbound.Proxy.Reveal(), Tracer: o.tracer})
	if err != nil {
		return nil, err
	}
	n := &node{settings: settings, o: o, store: store, outbound: out, clocks: health.NewSourceClocks(o.Now)}
	where, err := busOptions(settings.NATS, name, true, o)
	if err != nil {
		return nil, err
	}
	where.Installation = store.Installation()
	hints, err := natsbus.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	n.bus = hints
	if err := n.build(ctx, name, sessions); err != nil {
		return nil, errors.Join(err, hints.Close())
	}
	if _, err := hints.Subscribe(event.UserRevokedAll, n.forget, nil); err != nil { // ends with the bus
		return nil, errors.Join(err, hints.Close())
	}
	return n, nil
}

// forget drops the key of somebody whose sessions ended, since it may have been the last of them, and what is remembered of these.
func (n *node) forget(_ string, payload []byte) {
	if ended, err := event.ParseUserRevoked(payload); err == nil { // live tells of those that can't be read
		n.store.Forget(ended.OwnerID)
		n.server.Forget(ended.OwnerID)
	}
}

func (n *node) build(ctx context.Context, name string, sessions market.Sessions) error {
	err := n.buildCluster(ctx, name)
	if err != nil {
		return err
	}
	if err := n.buildAudit(ctx, name); err != nil {
		return err
	}
	_, simulated := sessions.(interface{ Simulated() })
	if changing, ok := sessions.(*hours); ok {
		n.hours = changing
		n.add("market hours", changing.Run)
	}
	n.add("keyring", n.followKeyring)
	n.add("database", n.store.Watch)
	if n.o.large == nil {
		n.o.large = newLarge()
	}
	record := journal.New(journalStore{n.store}, n.bus, journal.Options{Log: n.o.Log, Now: n.o.Now, Large: n.o.large})
	hub := live.New(liveStore{n.store}, record, n.bus, sessions, live.Options{Log: n.o.Log, Now: n.o.Now, Simulated: simulated})
	n.add("closes", record.Run)
	n.add("live", hub.Run)

	if n.mail, err = newMail(ctx, n.settings, n.store, n.o); err != nil {
		return err
	}
	n.digests = notify.Digests{Store: n.store, Digester: digester{n.store, record, hub}, Now: n.o.Now, Log: n.o.Log}
	if n.messages, err = n.newMessenger(); err != nil {
		return err
	}
	if err := n.buildIngest(ctx, name, sessions, simulated); err != nil {
		return err
	}
	n.buildEngine(name, record, hub, sessions)
	n.buildHealth(name)
	return n.buildServer(ctx, record, hub)
}

// buildIngest makes what brings prices in. Every node takes jobs of every kind; which of them poll is the role's business.
func (n *node) buildIngest(ctx context.Context, name string, sessions market.Sessions, simulated bool) error {
	chain, err := chains(n.settings, n.outbound, n.clocks)
	if err != nil {
		return err
	}
	var quotesKept time.Duration
	if simulated {
		chain, quotesKept = nil, simulatedQuotesKept // the demo never asks an outside source
	}
	identifiers, err := directory(n.settings, n.outbound, simulated)
	if err != nil {
		return err
	}
	n.ingest, err = ingest.New(ingest.Options{
		Catalogue: n.store, Directory: identifiers,
		Store: n.store, Publisher: ingest.Hints{Bus: n.bus}, Sessions: sessions, Log: n.o.Log, Chains: chain, Limits: limits(n.settings), Settings: sourceSettings(n.settings, simulated), Interval: n.settings.Poll.Interval, QuotesKept: quotesKept, Now: n.o.Now,
		Upkeep: []ingest.Upkeep{
			{Name: "answers", Do: func(ctx context.Context, now time.Time) error {
				return n.store.PruneAnswers(ctx, now.Add(-answersKeptFor))
			}},
			{Name: "sessions", Do: func(ctx context.Context, now time.Time) error {
				return n.store.DeleteSessionsBefore(ctx, now.Add(-sessionsKeptFor))
			}},
			{Name: "devices", Do: func(ctx context.Context, now time.Time) error {
				return n.store.DeleteDevicesBefore(ctx, now.Add(-identity.DeviceAgeMax))
			}},
			{Name: "tokens", Do: func(ctx context.Context, now time.Time) error {
				return n.store.DeleteTokensBefore(ctx, now.Add(-tokensKeptFor))
			}},
			{Name: "attempts", Do: n.store.PruneAttempts},
			{Name: "links", Do: n.store.DeleteMailedLinksBefore},
			{Name: "public-links", Do: func(ctx context.Context, now time.Time) error {
				return n.store.DeletePublicLinksBefore(ctx, now.Add(-linksKeptFor))
			}},
			{Name: "openings", Do: n.store.PruneOpenings},
			{Name: "looks", Do: func(ctx context.Context, now time.Time) error {
				return n.store.DeleteLooksBefore(ctx, now.Add(-access.LookInterval))
			}},
			{Name: "mail", Do: func(ctx context.Context, now time.Time) error {
				return n.store.DeleteDeliveriesBefore(ctx, now.Add(-mailKeptFor))
			}},
			{Name: "notices", Do: func(ctx context.Context, now time.Time) error {
				return n.store.DeleteNoticesBefore(ctx, now.Add(-noticesKeptFor))
			}},
			{Name: "alerts", Do: func(ctx context.Context, now time.Time) error {
				return n.store.DeleteAlertEventsBefore(ctx, now.Add(-alertsKeptFor))
			}},
			{Name: "challenges", Do: func(ctx context.Context, now time.Time) error {
				return n.store.PruneChallenges(ctx, now.Add(-challengesKeptFor))
			}},
			{Name: "interest", Do: func(ctx context.Context, _ time.Time) error { return n.store.RecountInterest(ctx) }},
		},
	})
	if err != nil || !n.settings.HasRole(config.RoleIngest) {
		return err
	}
	database, err := n.store.JobsDB()
	if err != nil {
		return err
	}
	kinds := slices.Concat(ownedKinds(n.ingest.Kinds(), n.cluster.MayOwn), n.mail.Kinds(), n.messages.Kinds(), n.digests.Kinds())
	queue, err := jobs.New(ctx, jobs.Database(database), tracedKinds(kinds, n.o.tracer), jobs.Options{ID: name, Log: n.o.Log})
	if err != nil {
		return err
	}
	n.add("jobs", queue.Run)
	return nil
}

// buildServer makes what answers. Every node says how it is; only those with the role api answer people.
func (n *node) buildServer(ctx context.Context, record *journal.Journal, hub *live.Hub) error {
	listening, err := n.bind(ctx)
	if err != nil {
		return err
	}
	metrics := n.nodeMetrics(record, hub)
	n.metrics = metrics
	o := httpapi.Options{
		HealthOnly: true, Store: n.store, Live: hub, Metrics: metrics.Handler(), Observe: metrics.Request, Tracer: n.o.tracer,
		Ready: func(context.Context) []string { return n.notReady(hub) }, Away: n.away,
		Secure: listening.Secure, RedirectLoopback: listening.Plain, PublicURL: n.settings.PublicURL, TrustedProxies: listening.Proxies(),
		Limits: n.o.limits, Random: rand.Reader, Now: n.o.Now, Log: n.o.Log,
	}
	api := n.settings.HasRole(config.RoleAPI)
	if api {
		if err := n.forPeople(&o, record, listening); err != nil {
			return errors.Join(err, listening.Close())
		}
	}
	if n.server, err = httpapi.New(o); err != nil {
		return errors.Join(err, listening.Close())
	}
	metrics.Collect(crowdFamilies(), n.crowdSamples)
	metrics.Collect(probeFamilies(), n.probeSamples)
	n.answers = part{"http", func(ctx context.Context) error { return listening.Serve(ctx, n.server, n.server.Drain) }}
	n.add("ready", func(ctx context.Context) error { return n.announce(ctx, hub, listening.URL) })
	if api {
		n.buildProbe(listening.URL)
		n.add("refusals", n.server.RecordRefusals)
		n.add("open streams", n.server.WatchStreams)
		n.add("away", func(ctx context.Context) error { return n.tellAway(ctx, hub) })
	}
	return nil
}

// nodeMetrics are what a node counts of itself, its answers aside.
func (n *node) nodeMetrics(record *journal.Journal, hub *live.Hub) *telemetry.Metrics {
	metrics := telemetry.NewMetrics(n.o.Version)
	metrics.Gauge("folioscope_live_streams", "Open event streams.", func() float64 { return float64(hub.Streams()) })
	metrics.Gauge("folioscope_live_portfolios", "Portfolios that are kept current because somebody watches.", func() float64 { return float64(hub.Watched()) })
	metrics.Collect(ingestFamilies(), func() []telemetry.Sample { return ingestSamples(n.ingest.Meters()) })
	if n.remote != nil {
		metrics.Gauge("folioscope_audit_copy_lag_seconds", "For how long an audit checkpoint has been waiting to be taken elsewhere; on the node that sends them.", func() float64 { return n.remote.Lag().Seconds() })
	}
	metrics.Collect(healthFamilies(), n.healthSamples)
	if n.engine != nil {
		metrics.Collect(alertFamilies(), func() []telemetry.Sample { return alertSamples(n.engine.Meters()) })
		metrics.Collect(bookFamilies(), func() []telemetry.Sample { return bookSamples(n.keeper.Totals()) })
	}
	metrics.Collect(cacheFamilies(), func() []telemetry.Sample { return n.cacheSamples(record, hub) })
	metrics.Collect(mailFamilies(), func() []telemetry.Sample { return mailSamples(n.mail.Tries()) })
	metrics.Collect(messageFamilies(), func() []telemetry.Sample { return messageSamples(n.messages.Tries()) })
	return metrics
}

// forPeople adds what people are answered with.
func (n *node) forPeople(o *httpapi.Options, record *journal.Journal, listening *httpapi.Listening) error {
	hasher, err := identity.NewHasher(rand.Reader)
	if err != nil {
		return err
	}
	services, err := signInServices(n.settings, n.outbound, n.o.Now)
	if err != nil {
		return err
	}
	signer, err := n.store.AuditSigner()
	if err != nil {
		return err
	}
	breached, closeBreached, err := openBreached(n.settings)
	if err != nil {
		return err
	}
	n.closing = append(n.closing, closeBreached)
	who := people(n.settings, n.store, hasher, breached, n.relyingParty(listening), services, n.o)
	n.add("recoveries", who.WorkOnRecoveries)
	o.HealthOnly, o.Site, o.SessionCache, o.Sequence = false, web.Dist(), n.sessionCache(), n.store.Sequence
	o.Identity, o.Journal, o.Proposals, o.Importer = who, record, journal.NewProposals(record, n.store), n.importer(record)
	o.Prices, o.Finder, o.AlertsChanged, o.InboxChanged = n.ingest, n.ingest, n.alertsChanged, n.inboxChanged
	o.Audit, o.AuditKey, o.Watch = n.store, signer.VerifierKey(), n.watch
	o.Mail, o.MailOn, o.Messages, o.PushKey = n.store, n.settings.SMTP.Host != "", n.messages, n.messages.PushKey()
	if n.hours != nil { // else an interface that holds nothing
		o.Calendar = n.hours
	}
	return nil
}

// people is who signs in and how, as configured; without a party nobody has passkeys.
func people(settings config.Config, store *sqlstore.Store, hasher *identity.Hasher, breached *identity.Breached, party *identity.RelyingParty, services []identity.SignInService, o Options) *identity.Service {
	var required []identity.Role
	for _, role := range settings.Identity.RequireSecondFactor {
		required = append(required, identity.Role(role))
	}
	return identity.NewService(identity.Options{
		Store: store, Hasher: hasher, Random: rand.Reader, Now: o.Now, Log: o.Log, RequireSecondFactor: required, Mail: settings.SMTP.Host != "",
		Breached: breached, RelyingParty: party, SignInServices: services,
	})
}

// relyingParty is the site that passkeys are for: what the settings say that browsers see, else what we know ourselves, which is a
// certificate's public name or this machine. Nil where none is known: a Host header must not say it.
func (n *node) relyingParty(listening *httpapi.Listening) *identity.RelyingParty {
	origin := n.settings.PublicURL
	if origin == "" {
		origin = listening.URL
	}
	party, err := identity.NewRelyingParty(origin)
	if err != nil {
		n.o.Log.Info("no passkeys at this address: set public_url to what browsers see", "address", origin, "error", err)
	}
	return party
}

func (n *node) sessionCache() time.Duration {
	if n.o.sessionCache != nil {
		return *n.o.sessionCache
	}
	return sessionCache
}

func (n *node) importer(record *journal.Journal) *transfer.Service {
	return transfer.NewService(transfer.Options{Journal: record, Instruments: n.store, Versions: n.store, Now: n.o.Now})
}

// announce calls Ready once the node answers with everything loaded.
func (n *node) announce(ctx context.Context, hub *live.Hub, url string) error {
	const pause = 20 * time.Millisecond // loading takes a second or so
	for n.store.Ping(ctx) != nil || len(n.notReady(hub)) > 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
	n.o.Ready(url)
	return nil
}

// notReady says what this node still waits for, the database aside.
func (n *node) notReady(hub *live.Hub) []string {
	var reasons []string
	if !hub.Ready() {
		reasons = append(reasons, "prices are being loaded")
	}
	return reasons
}

// run runs all parts until ctx ends or one of them fails, then closes what they stood on.
func (n *node) run(ctx context.Context) error {
	err := runParts(ctx, n.answers, n.parts, n.leave)
	n.o.Log.Info("stopped")
	for _, closing := range n.closing {
		err = errors.Join(err, closing())
	}
	return errors.Join(err, n.bus.Close(), n.store.Close())
}

// leave has load balancers turn to other nodes, and gives them the time to notice.
func (n *node) leave(ctx context.Context) {
	n.server.Leave()
	failpoint.Reach(failpoint.WhileDraining)
	if n.settings.Drain.Wait <= 0 || !n.settings.HasRole(config.RoleAPI) {
		return
	}
	n.o.Log.Info("stopping: load balancers have time to notice before anything ends", "wait", n.settings.Drain.Wait)
	select {
	case <-ctx.Done():
	case <-time.After(n.settings.Drain.Wait):
	}
}
