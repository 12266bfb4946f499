package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/jobs"
	"folioscope/internal/notify"
	"folioscope/internal/sqlstore"
)

// newPostOffice is a house whose changes cause mail. What waits is read from the job queue, as its workers do.
func newPostOffice(t *testing.T) (*house, func() []notify.Delivery) {
	t.Helper()
	h := newHouse(t, func(o *Options) {
		store, ok := o.Store.(*sqlstore.Store)
		if !ok {
			t.Fatalf("the house stands on %T", o.Store)
		}
		hasher, err := identity.NewHasher(rand.Reader)
		must(t, err)
		o.Identity = identity.NewService(identity.Options{Store: store, Hasher: hasher, Random: rand.Reader, Now: o.Now, Log: o.Log, Mail: true})
		o.Mail, o.MailOn = store, true
		database, err := store.JobsDB()
		must(t, err)
		must(t, jobs.Prepare(t.Context(), jobs.Database(database)))
	})
	database, err := h.store.JobsDB()
	must(t, err)
	queue, err := jobs.New(t.Context(), jobs.Database(database), nil, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	return h, func() (all []notify.Delivery) {
		t.Helper()
		waiting, err := queue.List(context.WithoutCancel(t.Context()), jobs.Waiting)
		must(t, err)
		for _, job := range waiting {
			var named notify.JobArguments
			must(t, json.Unmarshal(job.Arguments, &named))
			d, err := h.store.Delivery(t.Context(), named.Owner, named.ID)
			must(t, err)
			all = append(all, d)
		}
		return all
	}
}

// Where mail is sent, only who is invited sees the link: neither the administrator, nor a repeated answer, nor the log.
func TestAMailedInvitationIsSeenByNobodyElse(t *testing.T) {
	h, waiting := newPostOffice(t)
	body := `{"email":"new@example.com","name":"Newa","role":"user"}`
	first := h.ask("root", "POST", "/api/v1/admin/invitations", body, once("i1")).is(http.StatusCreated)
	again := h.ask("root", "POST", "/api/v1/admin/invitations", body, once("i1")).is(http.StatusCreated)
	if in := into[Invitation](first); in.URL != nil || first.Body.String() != again.Body.String() {
		t.Fatalf("%s then %s", first.Body, again.Body)
	}
	mails := waiting()
	if len(mails) != 1 || mails[0].Mail.Kind != audit.MailInvitation || mails[0].Mail.Address != "new@example.com" || mails[0].Mail.Name != "Newa" {
		t.Fatalf("%+v", mails)
	}
	token, ok := strings.CutPrefix(mails[0].Mail.Path, "/invite/")
	if !ok || strings.Contains(h.log.String(), token) || strings.Contains(first.Body.String(), token) {
		t.Fatalf("path %q", mails[0].Mail.Path)
	}
	h.ask("", "POST", "/api/v1/invitations/accept", `{"token":"`+token+`","password":"a good long one"}`).is(http.StatusOK)
}

func TestPeopleAreToldOfChangesToTheirAccount(t *testing.T) {
	h, waiting := newPostOffice(t)
	h.ask("ann", "POST", "/api/v1/me/tokens", `{"name":"Backup script","scopes":["read"],"expires_at":"2026-04-01T00:00:00Z"}`, once("t1")).is(http.StatusCreated)
	h.ask("ann", "POST", "/api/v1/me/password", `{"password":"wrong","new_password":"another long one"}`).is(http.StatusUnprocessableEntity)
	if all := waiting(); len(all) != 1 || all[0].Mail.Kind != audit.MailTokenCreated || all[0].Mail.What != "Backup script" {
		t.Fatalf("after a token and a refused change: %+v", all)
	}
	h.ask("ann", "POST", "/api/v1/me/password", `{"password":"`+housePassword+`","new_password":"another long one"}`).is(http.StatusNoContent)
	all := waiting()
	if len(all) != 2 || all[0].Mail.Kind != audit.MailPasswordChanged || all[0].Mail.Address != "ann@example.com" {
		t.Fatalf("%+v", all)
	}
}

func TestAdministratorsSeeHowMailStandsAndNoneOfIt(t *testing.T) {
	h, waiting := newPostOffice(t)
	h.ask("root", "POST", "/api/v1/admin/invitations", `{"email":"new@example.com","name":"Newa","role":"user"}`, once("i1")).is(http.StatusCreated)
	d := waiting()[0]
	must(t, h.store.SettleDelivery(t.Context(), d.Owner, d.ID, notify.Waiting, notify.OutcomeSignIn, h.clock.Now()))
	a := h.ask("root", "GET", "/api/v1/admin/mail", "").is(http.StatusOK)
	status := into[MailStatus](a)
	if !status.Configured || status.Waiting != 1 || status.Dead != 0 || len(status.Troubled) != 1 {
		t.Fatalf("%s", a.Body)
	}
	if one := status.Troubled[0]; one.Outcome != "sign_in" || one.Tries != 1 || !strings.Contains(one.Says, "smtp.username") || one.User != string(d.Owner) {
		t.Errorf("%+v", one)
	}
	if strings.Contains(a.Body.String(), "example.com") || strings.Contains(a.Body.String(), "invite/") {
		t.Errorf("it tells too much: %s", a.Body)
	}
	h.ask("ann", "GET", "/api/v1/admin/mail", "").is(http.StatusForbidden)
}
