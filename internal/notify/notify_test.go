package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/jobs"
	"folioscope/internal/ledger"
)

// oneDelivery is a store of one.
type oneDelivery struct {
	d       Delivery
	settled int
}

// Delivery implements Store.
func (o *oneDelivery) Delivery(_ context.Context, owner ledger.OwnerID, id string) (Delivery, error) {
	if owner != o.d.Owner || id != o.d.ID {
		return Delivery{}, fault.New(fault.NotFound, "there is no such delivery")
	}
	return o.d, nil
}

// SettleDelivery implements Store.
func (o *oneDelivery) SettleDelivery(_ context.Context, _ ledger.OwnerID, _ string, state State, outcome Outcome, at time.Time) error {
	o.settled++
	o.d.State, o.d.Outcome, o.d.TriedAt = state, outcome, at
	return nil
}

// saying is a sender that always ends alike.
type saying struct{ err error }

// Send implements Sender.
func (s saying) Send(context.Context, Letter) (string, error) { return "250 ok", s.err }

func waitingDelivery(kind audit.MailKind) *oneDelivery {
	return &oneDelivery{d: Delivery{Owner: "anna", ID: "d1", State: Waiting, CreatedAt: testNow, Mail: audit.Mail{Kind: kind, Address: "canary@example.net"}}}
}

// run works on the one delivery at a time and gives the error that the queue sees.
func run(t *testing.T, store *oneDelivery, sender Sender, now time.Time) (logged string, err error) {
	t.Helper()
	var log bytes.Buffer
	s := New(Options{Store: store, Sender: sender, Origin: "https://folio.example/", Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&log, nil))})
	arguments, err := json.Marshal(JobArguments{Owner: "anna", ID: "d1"})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Kinds()[0].Work(t.Context(), jobs.Job{Arguments: arguments})
	return log.String(), err
}

func refusedWith(outcome Outcome) error {
	return &SendError{outcome, errors.New("said of canary@example.net")}
}

func TestEachTryLeavesADeliveryWhereItBelongs(t *testing.T) {
	for name, c := range map[string]struct {
		kind   audit.MailKind
		sender Sender
		after  time.Duration
		state  State
		again  bool
	}{
		"taken":                         {audit.MailTokenCreated, saying{}, 0, Sent, false},
		"taken at last":                 {audit.MailTokenCreated, saying{}, 30 * time.Hour, Sent, false},
		"busy":                          {audit.MailTokenCreated, saying{refusedWith(OutcomeBusy)}, 23 * time.Hour, Waiting, true},
		"busy for a day":                {audit.MailTokenCreated, saying{refusedWith(OutcomeBusy)}, 24 * time.Hour, Dead, false},
		"refused for good":              {audit.MailTokenCreated, saying{refusedWith(OutcomeRefused)}, 0, Dead, false},
		"sign-in refused":               {audit.MailTokenCreated, saying{refusedWith(OutcomeSignIn)}, 0, Waiting, true},
		"unprotected":                   {audit.MailTokenCreated, saying{refusedWith(OutcomeUnprotected)}, 0, Waiting, true},
		"no server in the settings now": {audit.MailTokenCreated, nil, 0, Waiting, true},
	} {
		t.Run(name, func(t *testing.T) {
			store := waitingDelivery(c.kind)
			log, err := run(t, store, c.sender, testNow.Add(c.after))
			if store.d.State != c.state || store.settled != 1 || (err != nil) != c.again {
				t.Errorf("%s after %d tries, %v", store.d.State, store.settled, err)
			}
			if err != nil && strings.Contains(err.Error(), "canary") || strings.Contains(log, "canary") {
				t.Errorf("the address is told: %v\n%s", err, log)
			}
			alert := store.d.Outcome == OutcomeSignIn || store.d.Outcome == OutcomeUnprotected
			if alert != strings.Contains(log, "settings are mended") {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestNothingIsSentTwice(t *testing.T) {
	for _, state := range []State{Sent, Dead} {
		store := waitingDelivery(audit.MailTokenCreated)
		store.d.State = state
		if _, err := run(t, store, saying{errors.New("must not be asked")}, testNow); err != nil || store.settled != 0 {
			t.Errorf("%s: %v, settled %d times", state, err, store.settled)
		}
	}
	gone := waitingDelivery(audit.MailTokenCreated)
	gone.d.Owner = "somebody else"
	if _, err := run(t, gone, saying{}, testNow); err != nil {
		t.Errorf("an owner who is gone: %v", err)
	}
}

func TestEveryKindReadsWell(t *testing.T) {
	does := map[audit.MailKind]bool{audit.MailInvitation: true, audit.MailRecovery: true, audit.MailConfirmEmail: true, audit.MailConfirmChannel: true} // has a link of its own
	for kind := range letters {
		letter := Compose(audit.Mail{Kind: kind, Address: "anna@example.net", Name: "Anna", What: "Firefox on <Windows>", Path: "/path/secret"}, "id", "https://folio.example", testNow)
		if strings.Contains(letter.Text+letter.HTML+letter.Subject, "{") || letter.Subject == "" || len(letter.Text) < 80 {
			t.Errorf("%s: %+v", kind, letter)
		}
		if strings.Contains(letter.HTML, "<Windows>") {
			t.Errorf("%s: a text is not escaped:\n%s", kind, letter.HTML)
		}
		if does[kind] != strings.Contains(letter.Text, "https://folio.example/path/secret") {
			t.Errorf("%s: link:\n%s", kind, letter.Text)
		}
	}
	if letter := Compose(audit.Mail{Kind: "of a later release"}, "id", "https://folio.example", testNow); !strings.Contains(letter.Text, "your account") {
		t.Errorf("an unknown kind: %+v", letter)
	}
}

func TestLettersToTheWord(t *testing.T) {
	letter := Compose(audit.Mail{Kind: audit.MailTokenCreated, Name: "Anna", What: "Backup script"}, "id", "https://folio.example", testNow)
	want := "Hello Anna,\n\nA program can now get at your account with an API token that was made on 2 March 2026 at 14:30 UTC: Backup script.\n\n" +
		"If this wasn't you, end the token and change your password now.\n\nLook at your account:\nhttps://folio.example/account\n\nFolioscope at https://folio.example\n"
	if letter.Text != want {
		t.Errorf("got:\n%s\nwant:\n%s", letter.Text, want)
	}
	letter = Compose(audit.Mail{Kind: audit.MailNewDevice, Name: "Anna", What: "Firefox on Windows, from 203.0.113.x"}, "id", "https://folio.example", testNow)
	want = "Hello Anna,\n\nSomebody signed in to your account on 2 March 2026 at 14:30 UTC with a device or a browser that you haven't signed in with before: Firefox on Windows, from 203.0.113.x.\n\n" +
		"If it was you, there is nothing to do. If this wasn't you, sign in and change your password now.\n\nLook at your account:\nhttps://folio.example/account\n\nFolioscope at https://folio.example\n"
	if letter.Text != want {
		t.Errorf("got:\n%s\nwant:\n%s", letter.Text, want)
	}
}

func TestShownIsBoundedAndVisible(t *testing.T) {
	if got := shown(strings.Repeat("ä", 500)); len([]rune(got)) != shownRunesMax {
		t.Errorf("%d characters", len([]rune(got)))
	}
	if got := shown("a\u200bb\u202ec\u2028d\te\x7ff\xffg"); got != "abcdefg" {
		t.Errorf("%q", got)
	}
}
