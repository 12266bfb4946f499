package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/ledger"
	"folioscope/internal/notify"
)

const channelsPath = "/api/v1/channels"

// toldTo keeps what tests went where.
type toldTo struct {
	outcome notify.Outcome
	sent    []notify.Channel
}

// Test implements Messages.
func (m *toldTo) Test(_ context.Context, c notify.Channel, _ notify.Settings, _ notify.Reader, _ string) notify.Outcome {
	m.sent = append(m.sent, c)
	return m.outcome
}

func (h *house) channel(name, body string) NewChannel {
	h.t.Helper()
	return into[NewChannel](h.ask(name, "POST", channelsPath, body, once(h.key())).is(http.StatusCreated))
}

func (h *house) channels(name string) Channels {
	h.t.Helper()
	return into[Channels](h.ask(name, "GET", channelsPath, "").is(http.StatusOK))
}

// A channel's secret is shown once and its address never; it is its owner's to see, test, change and remove.
func TestChannelsAreTheirOwners(t *testing.T) {
	messages := &toldTo{outcome: notify.OutcomeSent}
	h := newHouse(t, func(o *Options) { o.Messages, o.PushKey = messages, "the key" })
	hook := h.channel("ann", `{"kind":"webhook","name":"Mine","url":"https://hooks.example/canary-path"}`)
	if hook.Secret == nil || !strings.HasPrefix(*hook.Secret, "whsec_") || hook.LeadsTo != "hooks.example/…" || hook.State != "on" {
		t.Fatalf("%+v", hook)
	}
	one := channelsPath + "/" + hook.ID
	listed := h.ask("ann", "GET", channelsPath, "").is(http.StatusOK)
	if all := into[Channels](listed); len(all.Items) != 1 || all.Items[0].Name != "Mine" || *all.PushKey != "the key" || strings.Contains(listed.Body.String(), "canary") || strings.Contains(listed.Body.String(), "whsec") {
		t.Errorf("%s", listed.Body)
	}
	if got := into[ChannelTest](h.ask("ann", "POST", one+"/test", "{}").is(http.StatusOK)); !got.Sent || got.Says != "Sent." {
		t.Errorf("%+v", got)
	}
	messages.outcome = notify.OutcomeForbidden
	if got := into[ChannelTest](h.ask("ann", "POST", one+"/test", "{}").is(http.StatusOK)); got.Sent || got.Says != "The address leads where no message may go." {
		t.Errorf("%+v", got)
	}
	if len(messages.sent) != 2 || messages.sent[0].Target != "https://hooks.example/canary-path" || messages.sent[0].Secret != *hook.Secret {
		t.Errorf("%+v", messages.sent)
	}
	if got := into[ChannelItem](h.ask("ann", "PATCH", one, `{"name":"Ours","on":false}`).is(http.StatusOK)); got.Name != "Ours" || got.State != "off" {
		t.Errorf("%+v", got)
	}
	for _, r := range [][2]string{{"PATCH", one}, {"DELETE", one}, {"POST", one + "/test"}} {
		h.ask("bob", r[0], r[1], "{}").problem(http.StatusNotFound, "not_found")
	}
	h.ask("ann", "DELETE", one, "").is(http.StatusNoContent)
	if all := h.channels("ann"); len(all.Items) != 0 {
		t.Errorf("%+v", all)
	}
	if strings.Contains(h.log.String(), "canary") {
		t.Error("the log knows an address")
	}
	var recorded []audit.Action
	for _, row := range h.rowsOf("ann") {
		if strings.HasPrefix(string(row.Action), "channel.") {
			recorded = append(recorded, row.Action)
		}
	}
	if len(recorded) != 5 {
		t.Errorf("recorded: %v", recorded)
	}
}

func TestWhatIsNoChannelIsRefused(t *testing.T) {
	h := newHouse(t)
	for body, field := range map[string]string{
		`{"kind":"webhook","url":"ftp://canary.example"}`: "url", `{"kind":"ntfy"}`: "url", `{"kind":"push"}`: "subscription",
		`{"kind":"push","subscription":{"endpoint":"https://push.example/","keys":{"p256dh":"AA","auth":"AA"}}}`: "subscription",
	} {
		p := h.ask("ann", "POST", channelsPath, body, once(h.key())).problem(http.StatusUnprocessableEntity, "invalid")
		if len(p.Errors) != 1 || p.Errors[0].Location != field || strings.Contains(p.Detail, "canary") {
			t.Errorf("%s: %+v", body, p)
		}
	}
	for _, name := range []string{"a\u202eb", strings.Repeat("x", 121)} {
		h.ask("ann", "POST", channelsPath, `{"kind":"ntfy","url":"ntfy://ntfy.sh/topic","name":"`+name+`"}`, once(h.key())).problem(http.StatusUnprocessableEntity, "invalid")
	}
	h.ask("ann", "POST", channelsPath, `{"kind":"email"}`, once(h.key())).problem(http.StatusConflict, "conflict") // no mail server
	for range alert.ChannelsMax {
		h.channel("ann", `{"kind":"ntfy","url":"ntfy://ntfy.sh/topic"}`)
	}
	h.ask("ann", "POST", channelsPath, `{"kind":"ntfy","url":"ntfy://ntfy.sh/topic"}`, once(h.key())).problem(http.StatusRequestEntityTooLarge, "too_large")
}

// Nobody makes the server ask somewhere a hundred times.
func TestTestsAreFew(t *testing.T) {
	messages := &toldTo{outcome: notify.OutcomeSent}
	h := newHouse(t, func(o *Options) { o.Messages = messages })
	one := channelsPath + "/" + h.channel("ann", `{"kind":"ntfy","url":"ntfy://ntfy.sh/topic"}`).ID + "/test"
	for range channelTestsBurst {
		h.ask("ann", "POST", one, "{}").is(http.StatusOK)
	}
	h.ask("ann", "POST", one, "{}").problem(http.StatusTooManyRequests, "limited")
	h.clock.advance(channelTestsInterval)
	h.ask("ann", "POST", one, "{}").is(http.StatusOK)
	if len(messages.sent) != channelTestsBurst+1 {
		t.Errorf("%d tests", len(messages.sent))
	}
}

// One's own address is a channel at once; another gets a link, and nothing but that until somebody follows it.
func TestAnotherAddressIsConfirmedByItsLink(t *testing.T) {
	h, waiting := newPostOffice(t)
	if own := h.channel("ann", `{"kind":"email"}`); own.State != "on" || own.LeadsTo != "" {
		t.Errorf("%+v", own)
	}
	other := h.channel("ann", `{"kind":"email","address":"Other@Example.net"}`)
	if other.State != "unconfirmed" || other.LeadsTo != "o…@example.net" {
		t.Errorf("%+v", other)
	}
	link := linkOf(t, waiting(), audit.MailConfirmChannel)
	one := channelsPath + "/" + other.ID
	h.ask("ann", "PATCH", one, `{"on":true}`).problem(http.StatusConflict, "conflict")
	for _, token := range []string{"owner-bob" + strings.TrimPrefix(link, "owner-ann"), "x", link + "x"} {
		h.ask("", "POST", channelsPath+"/confirm", `{"token":"`+token+`"}`).problem(http.StatusNotFound, "not_found")
	}
	h.ask("", "POST", channelsPath+"/confirm", `{"token":"`+link+`"}`).is(http.StatusNoContent)
	h.ask("", "POST", channelsPath+"/confirm", `{"token":"`+link+`"}`).problem(http.StatusNotFound, "not_found")
	if all := h.channels("ann"); all.Items[1].State != "on" || !all.Mail {
		t.Errorf("%+v", all)
	}
}

func TestTheInboxIsItsOwners(t *testing.T) {
	var rezoned, read []ledger.OwnerID
	h := newHouse(t, func(o *Options) {
		o.AlertsChanged = func(_ context.Context, owner ledger.OwnerID) { rezoned = append(rezoned, owner) }
		o.InboxChanged = func(_ context.Context, owner ledger.OwnerID) { read = append(read, owner) }
	})
	_, err := h.store.JobsDB()
	must(t, err)
	for i, subject := range []string{"Nvidia", "SAP", "World"} {
		facts := notify.NoticeFacts{Sentence: "Price of " + subject + " above 200 USD", Subject: subject, Value: dec("1201.5"), Unit: "USD", InstrumentID: "world-etf"}
		must(t, h.store.Tell(t.Context(), notify.Notice{Owner: h.people["ann"].id, Kind: notify.NoticeAlert, Rule: "r1", At: h.clock.Now().Add(time.Duration(i) * time.Minute), Facts: facts}))
	}
	settings := `{"zone":"Europe/Berlin","locale":"de","hide_amounts":true,"quiet_from":"22:00","quiet_to":"07:00","digest":"daily","digest_at":"07:30"}`
	if got := h.ask("ann", "PUT", "/api/v1/notifications/settings", settings).is(http.StatusOK); strings.TrimSpace(got.Body.String()) != settings {
		t.Errorf("%s", got.Body)
	}
	if !slices.Equal(rezoned, []ledger.OwnerID{h.people["ann"].id}) {
		t.Errorf("the rules of %v go by another zone now", rezoned)
	}
	first := into[Notifications](h.ask("ann", "GET", "/api/v1/notifications?limit=2", "").is(http.StatusOK))
	if len(first.Items) != 2 || first.Unread != 3 || first.NextCursor == nil {
		t.Fatalf("%+v", first)
	}
	newest := first.Items[0]
	if newest.Title != "Price of World above 200 USD" || newest.Text != "Now 1.201,5\u00a0USD" || *newest.RuleID != "r1" || *newest.InstrumentID != "world-etf" || newest.ReadAt != nil || newest.PortfolioID != nil {
		t.Errorf("%+v", newest)
	}
	rest := into[Notifications](h.ask("ann", "GET", "/api/v1/notifications?cursor="+*first.NextCursor, "").is(http.StatusOK))
	if len(rest.Items) != 1 || rest.NextCursor != nil {
		t.Errorf("%+v", rest)
	}
	h.ask("ann", "POST", "/api/v1/notifications/read", `{"until":"`+first.Items[1].At.Format(time.RFC3339Nano)+`"}`).is(http.StatusNoContent)
	if !slices.Equal(read, []ledger.OwnerID{h.people["ann"].id}) {
		t.Errorf("heard of a read inbox: %v", read)
	}
	if left := into[Notifications](h.ask("ann", "GET", "/api/v1/notifications", "").is(http.StatusOK)); left.Unread != 1 || left.Items[1].ReadAt == nil {
		t.Errorf("%+v", left)
	}
	if others := into[Notifications](h.ask("bob", "GET", "/api/v1/notifications", "").is(http.StatusOK)); len(others.Items) != 0 || others.Unread != 0 {
		t.Errorf("%+v", others)
	}
	h.ask("ann", "GET", "/api/v1/notifications?cursor=nonsense", "").problem(http.StatusUnprocessableEntity, "invalid")
	for body, field := range map[string]string{
		`{"zone":"Europe/Atlantis","locale":"","hide_amounts":false,"quiet_from":"00:00","quiet_to":"00:00","digest":"off","digest_at":"00:00"}`: "zone",
		`{"zone":"","locale":"","hide_amounts":false,"quiet_from":"25:00","quiet_to":"00:00","digest":"off","digest_at":"00:00"}`:                "quiet_from",
	} {
		if p := h.ask("ann", "PUT", "/api/v1/notifications/settings", body).problem(http.StatusUnprocessableEntity, "invalid"); len(p.Errors) != 1 || p.Errors[0].Location != field {
			t.Errorf("%+v", p)
		}
	}
}
