package app

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"folioscope/internal/certificate"
	"folioscope/internal/config"
	"folioscope/internal/fault"
	"folioscope/internal/health"
	"folioscope/internal/ingest"
	"folioscope/internal/jobs"
	"folioscope/internal/market"
	"folioscope/internal/natsbus"
	"folioscope/internal/outbound"
	"folioscope/internal/seal"
	"folioscope/internal/sqlstore"
	"folioscope/internal/telemetry"
)

// What mends a part that can't even be looked at.
const (
	fixKeys       = "Look at keys.kek and at the keyring. A new installation begins with folioscope keys init."
	fixDatabase   = "Look whether the database runs, can be reached from here, and whether it is this installation's."
	fixRelease    = "Make a copy of the database, then start a node of the later of both releases: it brings the schema up to date."
	fixOther      = "It is another installation's, or damaged: put your copy of it back, or the keyring and the key-encryption key that belong to it."
	fixProviders  = "Look at the settings below providers and outbound."
	fixFile       = "Stop the node and put the newest copy of the database back: what the file holds can't be trusted."
	databaseFirst = "Mend what is wrong with the database first."
)

// fileBytesMax is how large a file is looked through: more takes longer than one look may.
const fileBytesMax = 256 << 20

// Doctor looks at everything that the settings lead to, whether a node runs or not, and changes nothing. Settled is what reading the
// settings gave; where that is an error, there is nothing else to look at.
func Doctor(ctx context.Context, settings config.Config, settled error, o Options) []health.Check {
	looks := []health.Look{{Name: "configuration", At: func(context.Context) (health.Found, error) { return health.Configuration(settled), nil }}}
	if settled != nil {
		return health.Examine(ctx, o.Log, looks).Checks
	}
	o.lookOnly = true
	looks = append(append(looks, machineLooks(settings, o)...), addressLook(settings))
	root, err := openRoot(ctx, settings)
	if err != nil {
		return health.Examine(ctx, o.Log, append(looks, noKeys(ctx, settings, err))).Checks
	}
	looks = append(looks, keysLook(settings))
	if err := databaseThere(settings); err != nil {
		return health.Examine(ctx, o.Log, append(looks, refused("database", fixDatabase, err))).Checks
	}
	calendar, err := market.NewCalendar()
	if err != nil {
		return health.Examine(ctx, o.Log, append(looks, refused("prices", fixProviders, err))).Checks
	}
	store, err := openStoreWith(ctx, settings, root, calendar, o)
	if err != nil {
		fix := map[fault.Kind]string{fault.Conflict: fixRelease, fault.Denied: fixOther}[fault.KindOf(err)]
		return health.Examine(ctx, o.Log, append(looks, refused("database", cmp.Or(fix, fixDatabase), err))).Checks
	}
	looks = append(looks, databaseLook(store), fileLook(store), reportedClockLook(store, o), busLook(settings, o))
	prices, err := pricesOf(settings, store, calendar, o)
	if err != nil {
		looks = append(looks, refused("prices", fixProviders, err))
	} else {
		looks = append(looks, sharedLooks(store, settings, prices, o)...)
	}
	checks := health.Examine(ctx, o.Log, looks).Checks
	if err := store.Close(); err != nil {
		o.Log.WarnContext(ctx, "the database was not closed in order", "error", err)
	}
	return checks
}

// refused is a look at what could not even be opened.
func refused(name, fix string, err error) health.Look {
	return health.Look{Name: name, Fix: fix, At: func(context.Context) (health.Found, error) { return health.Found{}, err }}
}

// noKeys is why the keyring doesn't open: it lies in the database where there is a server for that, which may be what is away.
func noKeys(ctx context.Context, settings config.Config, err error) health.Look {
	if settings.Database.URL != "" && fault.Is(err, fault.Unavailable) {
		reference, noReference := kekReference(settings)
		if _, noKEK := openKEK(ctx, settings, reference); noReference == nil && noKEK == nil {
			return refused("database", fixDatabase, err)
		}
	}
	return refused("keys", fixKeys, err)
}

// addressLook is whether a node could listen where the settings say, or does.
func addressLook(settings config.Config) health.Look {
	return health.Look{Name: "address", At: func(ctx context.Context) (health.Found, error) {
		if !settings.HasRole(config.RoleAPI) {
			return health.Found{}, nil
		}
		running, err := jobs.Claimed(settings.DataDir)
		if err != nil {
			return health.Found{}, err
		}
		var listen net.ListenConfig
		listening, err := listen.Listen(ctx, "tcp", settings.Listen)
		if err == nil {
			err = listening.Close()
		}
		return health.Address(settings.Listen, err, running), nil
	}}
}

// databaseThere says whether there is a database to open, since opening would make one.
func databaseThere(settings config.Config) error {
	if settings.Database.URL != "" {
		return nil
	}
	path := filepath.Join(settings.DataDir, databaseFile)
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fault.Wrap(fault.NotFound, err, "there is a keyring, but no database at %s: put your copy of it back", path)
		}
		return fault.Wrap(fault.Unavailable, err, "the database %s can't be read", path)
	}
	return nil
}

// machineLooks are at what each node has for itself.
func machineLooks(settings config.Config, o Options) []health.Look {
	return []health.Look{
		{Name: "disk", Fix: "Name the right place in data_dir; a new installation makes it with folioscope keys init.", At: func(context.Context) (health.Found, error) {
			free, size, err := diskRoom(settings.DataDir)
			if err != nil {
				return health.Found{}, fault.Wrap(fault.Unavailable, err, "the data directory %s can't be read", settings.DataDir)
			}
			return health.Disk(free, size), nil
		}},
		{Name: "certificate", Fix: "Put the certificate where the settings name it, readable for this user.", At: func(context.Context) (health.Found, error) {
			file, renewed, err := certificateFile(settings)
			if err != nil {
				return health.Found{}, err
			}
			if file == "" {
				return health.NoCertificate(), nil
			}
			ends, err := certificate.Ends(file)
			if err != nil {
				return health.Found{}, err
			}
			return health.Certificate(ends, o.Now(), renewed), nil
		}},
		backupLook(settings.Health, o),
	}
}

// backupLook is at the file that tells of the newest backup, which is made by other means.
func backupLook(h config.Health, o Options) health.Look {
	return health.Look{Name: "backup", Fix: "Let this user read health.backup_file.", At: func(context.Context) (health.Found, error) {
		if h.BackupFile == "" {
			return health.NoBackup(), nil
		}
		file, err := os.Stat(h.BackupFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return health.Backup(time.Time{}, o.Now(), h.BackupAgeMax), nil
		case err != nil:
			return health.Found{}, fault.Wrap(fault.Unavailable, err, "the file %s can't be read", h.BackupFile)
		}
		return health.Backup(file.ModTime(), o.Now(), h.BackupAgeMax), nil
	}}
}

// certificateFile is where the certificate of HTTPS lies, empty where there is none, and whether it is renewed by itself.
func certificateFile(settings config.Config) (file string, renewed bool, err error) {
	t, kept := settings.TLS, filepath.Join(settings.DataDir, certificatesDir)
	switch {
	case t.Cert != "":
		return t.Cert, false, nil
	case t.Self:
		return filepath.Join(kept, "localhost.crt"), true, nil
	case t.Domain != "":
		found, err := filepath.Glob(filepath.Join(kept, "certificates", "*", t.Domain, t.Domain+".crt"))
		if err != nil || len(found) == 0 {
			return "", true, fault.New(fault.Unavailable, "no certificate for %s has been fetched yet: port 443 of it has to be reachable from the internet", t.Domain)
		}
		return found[len(found)-1], true, nil
	}
	return "", false, nil
}

// keysLook is whether the key-encryption key opens the keyring still: a node that holds it goes on without, but can't start again.
func keysLook(settings config.Config) health.Look {
	return health.Look{Name: "keys", Fix: fixKeys, At: func(ctx context.Context) (health.Found, error) {
		reference, err := kekReference(settings)
		if err != nil {
			return health.Found{}, err
		}
		root, err := openRoot(ctx, settings)
		if err != nil {
			return health.Found{}, err
		}
		return health.Keys(len(root.RootKeys()) > 1, kindOfKEK(reference) == seal.KindEnvironment), nil
	}}
}

// databaseLook is at the database as this machine sees it.
func databaseLook(store *sqlstore.Store) health.Look {
	return health.Look{Name: "database", Fix: fixDatabase, At: func(ctx context.Context) (health.Found, error) {
		v, err := store.Vitals(ctx)
		if err != nil {
			return health.Found{}, err
		}
		return health.Database(health.DatabaseFacts{
			Server: v.Server, Answer: v.Answer, Bytes: v.Bytes, LogBytes: v.LogBytes, Unkept: v.Unkept, Connections: v.Connections, ConnectionsMax: v.ConnectionsMax,
			Hosts: v.Hosts, Primary: v.Primary, Synchronous: v.Synchronous, Waits: v.Waits, Seen: v.Seen,
		}), nil
	}}
}

// fileLook reads all of an embedded database's file, which is too much for every minute.
func fileLook(store *sqlstore.Store) health.Look {
	return health.Look{Name: "database file", Fix: fixFile, At: func(ctx context.Context) (health.Found, error) {
		v, err := store.Vitals(ctx)
		if err != nil || v.Server {
			return health.Found{}, err
		}
		if v.Bytes > fileBytesMax {
			return health.LargeFile(), nil
		}
		if err := store.Sound(ctx); err != nil {
			return health.Found{}, err
		}
		return health.File(), nil
	}}
}

// clockLook compares this machine's clock with that of a database server and with those of the sources.
func clockLook(store *sqlstore.Store, sources func() (health.Clock, bool)) health.Look {
	return health.Look{Name: health.CheckClock, Fix: databaseFirst, At: func(ctx context.Context) (health.Found, error) {
		v, err := store.Vitals(ctx)
		if err != nil {
			return health.Found{}, err
		}
		var others []health.Clock
		if v.Server {
			others = append(others, health.Clock{Against: "the database", Ahead: v.AskedAt.Sub(v.Clock)})
		}
		if clock, ok := sources(); ok {
			others = append(others, clock)
		}
		return health.Clocks(others), nil
	}}
}

// reportedClockLook is a command's: it asks no source, so that beside an embedded database it says what the node of this machine found.
func reportedClockLook(store *sqlstore.Store, o Options) health.Look {
	look := clockLook(store, func() (health.Clock, bool) { return health.Clock{}, false })
	own := look.At
	look.At = func(ctx context.Context) (health.Found, error) {
		found, err := own(ctx)
		if err != nil || len(found.Measures) > 0 {
			return found, err
		}
		reports, err := store.Reports(ctx)
		if err != nil {
			return health.Found{}, err
		}
		if check, ok := health.Reported(reports, health.CheckClock, o.Now()); ok {
			found.Checks = []health.Check{check}
		}
		return found, nil
	}
	return look
}

// sharedLooks are at what all nodes have together.
func sharedLooks(store *sqlstore.Store, settings config.Config, prices *ingest.Ingest, o Options) []health.Look {
	return []health.Look{
		pricesLook(prices),
		{Name: "jobs", Fix: databaseFirst, At: func(ctx context.Context) (health.Found, error) {
			counts, err := countJobs(ctx, store)
			if err != nil {
				return health.Found{}, err
			}
			return health.Jobs(counts), nil
		}},
		{Name: "mail", Fix: databaseFirst, At: func(ctx context.Context) (health.Found, error) {
			overview, err := store.MailOverview(ctx)
			if err != nil {
				return health.Found{}, err
			}
			return health.Mail(overview, settings.SMTP.Host != ""), nil
		}},
		{Name: "audit log", Fix: databaseFirst, At: func(ctx context.Context) (health.Found, error) {
			rows, oldest, err := store.AuditWaiting(ctx)
			if err != nil {
				return health.Found{}, err
			}
			nodes, err := store.KeyringNodes(ctx)
			if err != nil {
				return health.Found{}, err
			}
			var lag time.Duration
			if rows > 0 {
				lag = max(o.Now().Sub(oldest), 0)
			}
			return health.Audit(rows, lag, len(nodes) > 0), nil
		}},
	}
}

func countJobs(ctx context.Context, store *sqlstore.Store) ([]jobs.Count, error) {
	database, err := store.JobsDB()
	if err != nil {
		return nil, err
	}
	return jobs.Counts(ctx, jobs.Database(database))
}

func pricesLook(prices *ingest.Ingest) health.Look {
	return health.Look{Name: "prices", Fix: databaseFirst, At: func(ctx context.Context) (health.Found, error) {
		h, err := prices.Health(ctx)
		if err != nil {
			return health.Found{}, err
		}
		return health.Prices(h), nil
	}}
}

// pricesOf is what a node would ask for prices, to look at and never to run.
func pricesOf(settings config.Config, store *sqlstore.Store, sessions market.Sessions, o Options) (*ingest.Ingest, error) {
	out, err := outbound.New(outbound.Options{Allow: settings.Outbound.Allow, Proxy: settings.Outbound.Proxy.Reveal()})
	if err != nil {
		return nil, err
	}
	chain, err := chains(settings, out, health.NewSourceClocks(o.Now))
	if err != nil {
		return nil, err
	}
	return ingest.New(ingest.Options{
		Store: store, Sessions: sessions, Log: o.Log, Chains: chain, Limits: limits(settings), Settings: sourceSettings(settings, false), Interval: settings.Poll.Interval, Now: o.Now,
	})
}

// busLook connects to the bus as a command does.
func busLook(settings config.Config, o Options) health.Look {
	return health.Look{Name: "bus", Fix: "Look at nats.urls and nats.tls.", At: func(ctx context.Context) (health.Found, error) {
		if len(settings.NATS.URLs) == 0 {
			return health.BusInside(), nil
		}
		where, err := busOptions(settings.NATS, "doctor", false, o)
		if err != nil {
			return health.Found{}, err
		}
		hints, err := natsbus.Open(ctx, where)
		if err != nil {
			return health.Found{}, err
		}
		const pause = 50 * time.Millisecond // a server that is there answers in far less than busWaitMax
		deadline := time.NewTimer(busWaitMax)
		defer deadline.Stop()
		for !hints.Connected() {
			select {
			case <-ctx.Done():
				return health.Found{}, errors.Join(ctx.Err(), hints.Close())
			case <-deadline.C:
				return health.Bus(false), hints.Close()
			case <-time.After(pause):
			}
		}
		return health.Bus(true), hints.Close()
	}}
}

const busWaitMax = 3 * time.Second

// buildHealth makes what looks after the parts of this node, and of all nodes where it is this one's turn.
func (n *node) buildHealth(name string) {
	own := append(machineLooks(n.settings, n.o), keysLook(n.settings))
	own = append(own, databaseLook(n.store), clockLook(n.store, n.clocks.Median))
	own = append(own, health.Look{Name: "bus", At: func(context.Context) (health.Found, error) { return health.Bus(n.bus.Connected()), nil }})
	own = append(own, health.Look{Name: "audit copy", Fix: "Make room on the disk where audit.checkpoints lies, and let this user write there.", At: func(context.Context) (health.Found, error) {
		if err := n.copies.Trouble(); err != nil {
			return health.Found{}, fault.Wrap(fault.Unavailable, err, "the audit log's checkpoints can't be copied to their file: nothing outside of the database proves what is done now")
		}
		return health.AuditCopy(), nil
	}})
	n.watch = health.NewWatch(health.WatchOptions{
		Store: n.store, Node: name, Version: n.o.Version, Roles: n.settings.Roles, Own: own, Shared: sharedLooks(n.store, n.settings, n.ingest, n.o),
		Jobs: func(ctx context.Context) ([]jobs.Count, error) { return countJobs(ctx, n.store) }, Book: n.bookOf, MayOwn: n.cluster.MayOwn, Now: n.o.Now, Log: n.o.Log,
	})
	n.add("health", n.watch.Run)
}

const (
	metricCheck    = "folioscope_health_check_state"
	metricExamined = "folioscope_health_examined_seconds"
	metricLease    = "folioscope_health_lease"
)

func healthFamilies() []telemetry.Family {
	families := []telemetry.Family{
		{Name: metricCheck, Help: "What came of the last look: 0 ok or unknown, 1 warning, 2 failing. What all nodes share is told by the node that looks at it.", Labels: []string{"check"}},
		{Name: metricExamined, Help: "When this node looked last, in seconds since 1970."},
		{Name: metricLease, Help: "1 where it is this node's turn: to sign the audit log, to look after what is shared.", Labels: []string{"lease"}},
	}
	for _, m := range health.Measures() {
		family := telemetry.Family{Name: m.Name, Help: m.Help}
		if m.Label != "" {
			family.Labels = []string{m.Label}
		}
		families = append(families, family)
	}
	return families
}

func (n *node) healthSamples() []telemetry.Sample {
	found, at, watches := n.watch.Latest()
	out := []telemetry.Sample{
		{Family: metricLease, Labels: []string{"audit"}, Value: oneIf(n.signs())}, {Family: metricLease, Labels: []string{"health"}, Value: oneIf(watches)},
	}
	if !at.IsZero() {
		out = append(out, telemetry.Sample{Family: metricExamined, Value: float64(at.Unix())})
	}
	for _, c := range found.Checks {
		state := map[health.State]float64{health.Warning: 1, health.Failing: 2}[c.State]
		out = append(out, telemetry.Sample{Family: metricCheck, Labels: []string{c.Name}, Value: state})
	}
	for _, m := range found.Measures {
		sample := telemetry.Sample{Family: m.Name, Value: m.Value}
		if m.Label != "" {
			sample.Labels = []string{m.Label}
		}
		out = append(out, sample)
	}
	return out
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
