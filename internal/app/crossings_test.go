//go:build unix

package app

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/config"
	"folioscope/internal/engine/enginetest"
	"folioscope/internal/identity"
	"folioscope/internal/ingest"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/natsbus"
	"folioscope/internal/natsbus/natstest"
	"folioscope/internal/notify"
	"folioscope/internal/notify/notifytest"
	"folioscope/internal/sqlstore"
)

// crossingsMin is how many crossings a proof has at least.
func crossingsMin() int {
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		return 10_000
	}
	return 1_000
}

// stage is an installation whose people have rules of prices, and are told by mail and by webhooks of their own. What they have to be told
// is known beforehand; nodes are started by tests.
type stage struct {
	t        testing.TB
	settings config.Config
	walk     *enginetest.Walk
	store    *sqlstore.Store // where prices are accepted
	hints    ingest.Hints
	nats     *natstest.Server
	mail     *notifytest.Server
	hooks    *hooks

	accepted map[int64]time.Time // by the minute that prices are of
}

// newStage makes one of a database: SQLite where it has no URL. Each of the people has so many rules.
func newStage(t testing.TB, database string, rules int) *stage {
	t.Helper()
	const hosts = 4            // of webhooks
	const ago = 12 * time.Hour // the walk's prices are of these hours
	s := &stage{
		t: t, settings: settingsIn(t.TempDir()), walk: enginetest.NewWalk(time.Now().Add(-ago).Truncate(enginetest.Step), rules),
		nats: natstest.Start(t), mail: notifytest.Start(t, notifytest.Behaviour{NoTLS: true}), hooks: startHooks(t, hosts), accepted: make(map[int64]time.Time),
	}
	s.settings.Database.URL = config.Secret(database)
	s.settings.NATS.URLs = []string{"nats://" + s.nats.Address}
	s.settings.SMTP = config.SMTP{Host: s.mail.Host, Port: s.mail.Port, From: "Folioscope <folio@example.org>", TLS: config.TLSNone}
	for _, url := range s.hooks.urls {
		s.settings.Outbound.Messages = append(s.settings.Outbound.Messages, strings.TrimPrefix(url, "http://"))
	}
	_, err := InitKeys(t.Context(), s.settings, quiet(nil))
	s.ok(err)
	calendar, err := market.NewCalendar()
	s.ok(err)
	s.store, err = openStore(t.Context(), s.settings, calendar, quiet(nil))
	s.ok(err)
	t.Cleanup(func() { s.ok(s.store.Close()) })
	bus, err := natsbus.Open(t.Context(), natsbus.Options{URLs: s.settings.NATS.URLs, Name: "prices", Log: quiet(nil).Log})
	s.ok(err)
	t.Cleanup(func() { s.ok(bus.Close()) })
	s.hints = ingest.Hints{Bus: bus}
	s.furnish()
	return s
}

func (s *stage) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// furnish makes instruments, people, channels and rules.
func (s *stage) furnish() {
	s.t.Helper()
	var listed []market.Instrument
	for n := range enginetest.Instruments {
		id := enginetest.Instrument(n)
		listed = append(listed, market.Instrument{ID: id, Symbol: string(id), MIC: "XNYS", Name: "Walk " + string(id), Currency: "USD", Class: market.Stock})
	}
	s.ok(s.store.PutInstruments(s.t.Context(), listed))
	now := time.Now()
	wrote := func(owner ledger.OwnerID, action audit.Action) audit.Write {
		return audit.Write{Audit: audit.Entry{Owner: owner, Actor: owner, Action: action, RequestID: "r1", Result: "ok"}}
	}
	for n := range enginetest.Owners {
		id := enginetest.Owner(n)
		s.ok(s.store.CreateUser(s.t.Context(), identity.User{
			ID: id, Email: string(id) + "@example.test", Name: string(id), Role: identity.RoleUser, Status: identity.Active, PasswordHash: "none", CreatedAt: now, ConfirmedAt: now,
		}, wrote(id, audit.UserCreated)))
		for _, c := range []notify.Channel{
			{ID: "mail", Kind: notify.ChannelEmail},
			{ID: "hook", Kind: notify.ChannelWebhook, Target: s.hooks.urls[n%len(s.hooks.urls)] + "/" + string(id), Secret: hookSecret},
		} {
			c.Owner, c.State, c.CreatedAt = id, notify.ChannelOn, now
			s.ok(s.store.CreateChannel(s.t.Context(), c, identity.TokenHash{}, time.Time{}, wrote(id, audit.ChannelCreated)))
		}
	}
	for _, rule := range s.walk.Rules() {
		rule.Version, rule.CreatedAt = 1, now
		s.ok(s.store.CreateRule(s.t.Context(), rule, wrote(rule.Owner, audit.AlertCreated)))
	}
}

// next has the walk's next prices accepted, and hinted at, as ingest does. A bus that is down is none of its business.
func (s *stage) next() {
	s.t.Helper()
	marks := s.walk.Next()
	sequence, accepted, err := s.store.Accept(s.t.Context(), marks)
	s.ok(err)
	if len(accepted) != len(marks) {
		s.t.Fatalf("%d of %d prices were accepted", len(accepted), len(marks))
	}
	s.accepted[enginetest.MinuteOf(marks[0].ObservedAt)] = time.Now()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
	defer cancel()
	_ = s.hints.QuotesAccepted(ctx, sequence, accepted[0].Sequence-1, accepted)
}

// settled waits until all that is due came by both channels and nothing is on its way any more.
func (s *stage) settled() {
	s.t.Helper()
	const patience = 2 * time.Minute // without any progress, on a loaded machine
	left, deadline := -1, time.Now().Add(patience)
	for {
		now := s.left()
		if now == 0 && s.waiting() == 0 {
			return
		}
		if now != left {
			left, deadline = now, time.Now().Add(patience)
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%d messages of %d crossings never came, %d wait", left, s.walk.Due(), s.waiting())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// left is how many messages still have to come.
func (s *stage) left() (count int) {
	for _, came := range []arrivals{mailed(s.t, s.mail), s.hooks.all(s.t)} {
		missed, _ := s.walk.Compare(came.counts())
		count += missed
	}
	return count
}

// waiting is how many messages are on their way, as people's inboxes say.
func (s *stage) waiting() (count int) {
	s.t.Helper()
	for n := range enginetest.Owners {
		for after := (notify.Place{}); ; {
			items, next, err := s.store.Notices(s.t.Context(), enginetest.Owner(n), after, 100)
			s.ok(err)
			for _, item := range items {
				for _, told := range item.Told {
					if told.State == notify.Waiting {
						count++
					}
				}
			}
			if after = next; next == (notify.Place{}) {
				break
			}
		}
	}
	return count
}
