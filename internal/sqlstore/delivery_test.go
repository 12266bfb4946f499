package sqlstore

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/jobs"
	"folioscope/internal/notify"
)

// queued opens the job tables beside a store, as every node does.
func (b *bench) queued() jobs.Database {
	b.t.Helper()
	database, err := b.JobsDB()
	b.ok(err)
	b.ok(jobs.Prepare(b.t.Context(), jobs.Database(database)))
	return jobs.Database(database)
}

// mailing is a write that causes a mail.
func mailing(w Write, kind audit.MailKind) Write {
	w.Mail = []audit.Mail{{Kind: kind, Address: "anna@example.test", Name: "Anna", Path: "/invite/secret-canary", What: "canary-what"}}
	return w
}

// mailJobs are the arguments of all waiting mail jobs.
func (b *bench) mailJobs(database jobs.Database) (all []notify.JobArguments) {
	b.t.Helper()
	queue, err := jobs.New(b.t.Context(), database, nil, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	b.ok(err)
	listed, err := queue.List(b.t.Context(), jobs.Waiting)
	b.ok(err)
	for _, job := range listed {
		var arguments notify.JobArguments
		b.ok(json.Unmarshal(job.Arguments, &arguments))
		if strings.Contains(string(job.Arguments), "canary") || strings.Contains(string(job.Arguments), "example.test") {
			b.t.Errorf("a job knows too much: %s", job.Arguments)
		}
		if job.Kind == notify.JobKind {
			all = append(all, arguments)
		}
	}
	return all
}

func TestMailComesWithItsChangeOrNotAtAll(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database := b.queued()
		b.user("anna")
		b.ok(b.SetPassword(t.Context(), "anna", "$hash", mailing(entry("anna", audit.PasswordChanged), audit.MailPasswordChanged)))
		// A change that fails tells nobody: here the session to end isn't there.
		b.kind(b.DeleteSession(t.Context(), "anna", identity.TokenHash{1}, mailing(entry("anna", audit.SignOut), audit.MailTokenCreated)), fault.NotFound)
		// Somebody whom the same transaction makes.
		invited := identity.User{ID: "bob", Email: "bob@example.test", Role: identity.RoleUser, Status: identity.Invited, CreatedAt: testStart}
		b.ok(b.CreateInvitation(t.Context(), invited, identity.Invitation{User: "bob", Hash: identity.TokenHash{2}, CreatedAt: testStart, ExpiresAt: testStart.Add(time.Hour)},
			mailing(entry("anna", audit.UserInvited), audit.MailInvitation)))

		all := b.mailJobs(database)
		if len(all) != 2 || all[0].Owner != "bob" || all[1].Owner != "anna" {
			t.Fatalf("jobs: %+v", all)
		}
		d, err := b.Delivery(t.Context(), "anna", all[1].ID)
		b.ok(err)
		want := audit.Mail{Kind: audit.MailPasswordChanged, Address: "anna@example.test", Name: "Anna", Path: "/invite/secret-canary", What: "canary-what"}
		if d.Mail != want || d.State != notify.Waiting || !d.CreatedAt.Equal(testStart) || d.Tries != 0 {
			t.Errorf("delivery: %+v", d)
		}
		_, err = b.Delivery(t.Context(), "bob", all[1].ID)
		b.kind(err, fault.NotFound) // another's
	})
}

func TestWhatIsSealedInAMailGoesAwayWithItsLastTry(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database := b.queued()
		b.user("anna")
		for range 3 {
			b.ok(b.SetPassword(t.Context(), "anna", "$hash", mailing(entry("anna", audit.PasswordChanged), audit.MailInvitation)))
		}
		all := b.mailJobs(database)
		b.ok(b.SettleDelivery(t.Context(), "anna", all[0].ID, notify.Sent, notify.OutcomeSent, testStart))
		b.ok(b.SettleDelivery(t.Context(), "anna", all[1].ID, notify.Dead, notify.OutcomeRefused, testStart))
		b.ok(b.SettleDelivery(t.Context(), "anna", all[2].ID, notify.Waiting, notify.OutcomeBusy, testStart))
		b.ok(b.SettleDelivery(t.Context(), "anna", all[0].ID, notify.Dead, notify.OutcomeBusy, testStart)) // too late: it is sent
		for i, state := range []notify.State{notify.Sent, notify.Dead, notify.Waiting} {
			d, err := b.Delivery(t.Context(), "anna", all[i].ID)
			b.ok(err)
			if d.State != state || d.Tries != 1 || (d.Mail.Address == "") != (state != notify.Waiting) {
				t.Errorf("%s: %+v", state, d)
			}
			var length int
			b.ok(b.db.one(t.Context(), `SELECT LENGTH(message) FROM deliveries WHERE owner = $1 AND id = $2`, []any{"anna", all[i].ID}, &length))
			if (length == 0) != (state != notify.Waiting) {
				t.Errorf("%s: %d bytes are left", state, length)
			}
		}
		o, err := b.MailOverview(t.Context())
		b.ok(err)
		if o.Waiting != 1 || o.Dead != 1 || len(o.Troubled) != 2 || o.Troubled[0].Mail.Address != "" {
			t.Errorf("overview: %+v", o)
		}
		b.ok(b.DeleteDeliveriesBefore(t.Context(), testStart.Add(time.Second)))
		_, err = b.Delivery(t.Context(), "anna", all[2].ID)
		b.kind(err, fault.NotFound)
	})
}

// A mail goes from a change through the queue to the server and is sent once, on both databases.
func TestMailIsSentByTheQueue(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database := b.queued()
		b.user("anna")
		sender := &countingSender{fail: 2}
		service := notify.New(notify.Options{Store: b.Store, Sender: sender, Origin: "https://folio.example", Now: b.clock.Now, Log: slog.New(slog.DiscardHandler)})
		queue, err := jobs.New(t.Context(), database, service.Kinds(), jobs.Options{Log: slog.New(slog.DiscardHandler), RetryBase: 10 * time.Millisecond})
		b.ok(err)
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		ended := make(chan error, 1)
		go func() { ended <- queue.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("the queue ended with %v", err)
			}
		}()
		b.ok(b.SetPassword(t.Context(), "anna", "$hash", mailing(entry("anna", audit.PasswordChanged), audit.MailInvitation)))
		const patience = 2 * time.Minute
		for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			done, err := queue.List(t.Context(), jobs.Done)
			b.ok(err)
			if len(done) == 1 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the mail is not sent")
			}
		}
		if got := sender.letters(); len(got) != 1 || got[0].To != "anna@example.test" || !strings.Contains(got[0].Text, "https://folio.example/invite/secret-canary") {
			t.Errorf("letters: %+v", got)
		}
		if o, err := b.MailOverview(t.Context()); err != nil || o.Waiting+o.Dead != 0 {
			t.Errorf("%+v, %v", o, err)
		}
		if tries := service.Tries(); tries[notify.OutcomeBusy] != 2 || tries[notify.OutcomeSent] != 1 {
			t.Errorf("tries: %v", tries)
		}
	})
}

// countingSender takes letters after it was busy a few times.
type countingSender struct {
	mu   sync.Mutex
	fail int
	got  []notify.Letter
}

// Send implements notify.Sender.
func (s *countingSender) Send(_ context.Context, letter notify.Letter) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail > 0 {
		s.fail--
		return "", &notify.SendError{Outcome: notify.OutcomeBusy, Cause: fault.New(fault.Unavailable, "busy")}
	}
	s.got = append(s.got, letter)
	return "250 ok", nil
}

func (s *countingSender) letters() []notify.Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}
