//go:build unix

package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"folioscope/internal/config"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/notify"
	"folioscope/internal/notify/notifytest"
)

// receiver is a server that people's messages go to.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	came   []string // ids of messages
	status func(count int) int
}

func newReceiver(t *testing.T, status func(count int) int) *receiver {
	t.Helper()
	r := &receiver{status: status}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		_, _ = io.Copy(io.Discard, request.Body)
		r.mu.Lock()
		r.came = append(r.came, request.Header.Get("Webhook-Id"))
		code := r.status(len(r.came))
		r.mu.Unlock()
		switch code {
		case 0: // never answers
			<-request.Context().Done()
		case http.StatusFound:
			http.Redirect(w, request, "http://127.0.0.1:1/private", code)
		default:
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "canary: what a receiver says")
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) hostPort() string { return strings.TrimPrefix(r.URL, "http://") }

func (r *receiver) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.came)
}

func always(status int) func(int) int { return func(int) int { return status } }

// inbox is what the tests read of one.
type inbox struct {
	Items []struct {
		ID, Title  string
		Deliveries []struct{ Kind, State, Says string }
	}
}

// Somebody's messages go out of a node to every kind of receiver: those that answer get each once, those that don't keep nobody waiting, and
// what can't be sent says why.
func TestMessagesGoOutOfANode(t *testing.T) {
	t.Parallel()
	mail := notifytest.Start(t, notifytest.Behaviour{NoTLS: true})
	good, hanging, gone, redirecting := newReceiver(t, always(http.StatusNoContent)), newReceiver(t, always(0)), newReceiver(t, always(http.StatusGone)), newReceiver(t, always(http.StatusFound))
	closed := newReceiver(t, always(http.StatusOK)) // the settings don't open it
	late := newReceiver(t, func(count int) int {
		if count == 1 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	settings := settingsIn(t.TempDir())
	for _, r := range []*receiver{good, hanging, gone, redirecting, late} {
		settings.Outbound.Messages = append(settings.Outbound.Messages, r.hostPort())
	}
	settings.SMTP = config.SMTP{Host: mail.Host, Port: mail.Port, From: "Folioscope <folio@example.org>", TLS: string(notify.Clear)}
	newPlace(t, settings)
	const otherEmail = "other@example.test"
	beside(t, settings, func(people *identity.Service) error {
		_, err := people.CreateUser(t.Context(), identity.NewUser{Email: otherEmail, Name: "Other", Role: identity.RoleUser, Password: personPassword})
		return err
	})
	url, _ := serve(t, settings)
	me, other := signIn(t, url), signInAs(t, url, otherEmail)
	hook := func(p *person, r *receiver) {
		p.must("POST", "/api/v1/channels", map[string]string{"kind": "webhook", "name": r.URL, "url": r.URL + "/hook"}, nil)
	}
	for _, r := range []*receiver{hanging, gone, redirecting, closed, late} {
		hook(me, r)
	}
	hook(other, good)
	other.must("POST", "/api/v1/channels", map[string]string{"kind": "email"}, nil)
	var ntfy struct{ ID string }
	other.must("POST", "/api/v1/channels", map[string]string{"kind": "ntfy", "url": "ntfy://" + good.hostPort() + "/topic?scheme=http"}, &ntfy)
	var test struct {
		Sent bool
		Says string
	}
	other.must("POST", "/api/v1/channels/"+ntfy.ID+"/test", nil, &test)
	if !test.Sent || len(good.ids()) != 1 {
		t.Errorf("the test: %+v, %v", test, good.ids())
	}

	tellOf(t, settings, me, 5)
	tellOf(t, settings, other, 3)
	states := func(p *person) map[string]int {
		var got inbox
		p.must("GET", "/api/v1/notifications", nil, &got)
		all := map[string]int{}
		for _, item := range got.Items {
			for _, d := range item.Deliveries {
				all[d.Kind+" "+d.State+" "+d.Says]++
			}
		}
		return all
	}
	waitFor(t, func() string { return fmt.Sprint("the others messages: ", states(other)) }, func() bool {
		all := states(other)
		return all["webhook sent Sent."] == 3 && all["email sent Sent."] == 3 && all["ntfy sent Sent."] == 3
	})
	if ids := good.ids(); len(ids) != 7 {
		t.Errorf("doubled or lost: %v", ids)
	}
	if mails := mail.Wait(t, 3); len(mails) != 3 || mails[0].To != otherEmail || mails[0].Header.Get("Subject") != "Price of Nvidia above 200 USD" || !strings.Contains(mails[0].Text, "Now 201.5\u00a0USD") {
		t.Errorf("%d mails, the first: %+v", len(mails), mails[0])
	}
	waitFor(t, func() string { return fmt.Sprint("mine to be sent or given up: ", states(me)) }, func() bool {
		all := states(me)
		return all["webhook sent Sent."] == 5 && all["webhook failed The address leads where no message may go."] == 10 &&
			all["webhook failed The other side says that this channel is there no more; it was switched off."] >= 1 && all["webhook waiting Nobody answers there."] >= 1
	})
	if ids := late.ids(); len(ids) < 6 {
		t.Errorf("tried again: %v", ids)
	}
	if len(closed.ids()) > 0 {
		t.Error("a private address was reached")
	}
	if raw, _ := json.Marshal(states(me)); strings.Contains(string(raw), "canary") {
		t.Errorf("what a receiver says is shown: %s", raw)
	}
}

// tellOf tells somebody so many things, as the alerts' own transactions do.
func tellOf(t *testing.T, settings config.Config, p *person, count int) {
	t.Helper()
	var me struct{ ID ledger.OwnerID }
	p.must("GET", "/api/v1/me", nil, &me)
	tellOwner(t, settings, me.ID, count)
}

func tellOwner(t *testing.T, settings config.Config, owner ledger.OwnerID, count int) {
	t.Helper()
	store, err := openStore(t.Context(), settings, nil, quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	value := money.MustParse("201.5")
	for i := range count {
		facts := notify.NoticeFacts{Sentence: "Price of Nvidia above 200 USD", Subject: "Nvidia", Value: &value, Unit: "USD"}
		n := notify.Notice{Owner: owner, ID: fmt.Sprintf("%s-%d", owner, i), Kind: notify.NoticeAlert, At: time.Now(), Facts: facts}
		if err := store.Tell(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
}

func waitFor(t *testing.T, what func() string, done func() bool) {
	t.Helper()
	const patience = 3 * time.Minute // five requests hang for ten seconds each, and the machine may be loaded
	for deadline := time.Now().Add(patience); !done(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what())
		}
	}
}

// A digest says of each portfolio what its figures say: the profit of its days, not what was paid in, and what moved it.
func TestADigestIsWorkedOutOfTheBooks(t *testing.T) {
	t.Parallel()
	settings := settingsIn(t.TempDir())
	newPlace(t, settings)
	url, stop := serve(t, settings)
	me := signIn(t, url)
	path := me.portfolio("Pension")
	me.portfolio("Empty")
	now := time.Now().UTC()
	day := func(ago int) string { return now.AddDate(0, 0, -ago).Format(time.DateOnly) }
	me.must("POST", path+"/activities", map[string]any{"activities": []map[string]string{
		{"date": day(20), "type": "deposit", "currency": "EUR", "amount": "1000"},
		{"date": day(1), "type": "interest", "currency": "EUR", "amount": "12.50"},
		{"date": day(0), "type": "deposit", "currency": "EUR", "amount": "500"},
	}}, nil)
	var who struct{ ID ledger.OwnerID }
	me.must("GET", "/api/v1/me", nil, &who)
	stop()

	calendar, err := market.NewCalendar()
	if err != nil {
		t.Fatal(err)
	}
	store, err := openStore(t.Context(), settings, calendar, quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	n, err := newNode(t.Context(), settings, "digest", store, calendar, quiet(nil))
	if err != nil {
		t.Fatal(errors.Join(err, store.Close()))
	}
	defer func() {
		if err := errors.Join(n.bus.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	}()
	got, err := n.digests.Digester.Digest(t.Context(), who.ID, notify.DigestDaily, now)
	if err != nil || len(got.Portfolios) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	p := got.Portfolios[0]
	if p.Name != "Pension" || p.Currency != "EUR" || p.Value.String() != "1512.5" || p.Change.String() != "12.50" || p.Percent.String() != "1.2500" {
		t.Errorf("%+v: value %v, change %v, percent %v", p, p.Value, p.Change, p.Percent)
	}
	if len(p.Line) < 20 || p.Line[len(p.Line)-1] != 1 {
		t.Errorf("line: %v", p.Line)
	}
}
