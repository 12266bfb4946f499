package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"folioscope/internal/identity"
)

func TestSignInAndOut(t *testing.T) {
	h := newHouse(t)
	wrong := h.ask("", "POST", "/api/v1/session", `{"email":"ann@example.com","password":"not the password"}`).problem(http.StatusUnauthorized, "unauthenticated")
	unknown := h.ask("", "POST", "/api/v1/session", `{"email":"nobody@example.com","password":"not the password"}`).problem(http.StatusUnauthorized, "unauthenticated")
	suspended := h.ask("", "POST", "/api/v1/session", `{"email":"gone@example.com","password":"`+housePassword+`"}`).problem(http.StatusUnauthorized, "unauthenticated")
	if wrong.Detail != unknown.Detail || wrong.Detail != suspended.Detail {
		t.Fatalf("told apart: %q, %q, %q", wrong.Detail, unknown.Detail, suspended.Detail)
	}
	in := h.ask("", "POST", "/api/v1/session", `{"email":" ANN@example.com ","password":"`+housePassword+`"}`).is(http.StatusOK)
	if got := into[SignedIn](in).User; got != (User{ID: "owner-ann", Name: "Ann Surname", Email: "ann@example.com", Role: "user"}) {
		t.Fatalf("signed in as %+v", got)
	}
	cookie := in.Result().Cookies()[0]
	if cookie.Name != "__Host-folioscope" || !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
		t.Fatalf("cookie %+v", cookie)
	}
	h.people["ann again"] = &person{cookie: cookie.Value}
	h.ask("ann again", "GET", "/api/v1/me", "").is(http.StatusOK)
	out := h.ask("ann again", "DELETE", "/api/v1/session", "").is(http.StatusNoContent)
	if cookie := out.Result().Cookies()[0]; cookie.MaxAge >= 0 || cookie.Value != "" {
		t.Fatalf("cookie stays: %+v", cookie)
	}
	h.ask("ann again", "GET", "/api/v1/me", "").problem(http.StatusUnauthorized, "unauthenticated")
	h.ask("ann", "GET", "/api/v1/me", "").is(http.StatusOK)
}

func TestSessionsEnd(t *testing.T) {
	h := newHouse(t)
	for range 29 {
		h.clock.advance(23 * time.Hour)
		h.ask("ann", "GET", "/api/v1/me", "").is(http.StatusOK)
	}
	h.ask("bob", "GET", "/api/v1/me", "").problem(http.StatusUnauthorized, "unauthenticated")
	h.clock.advance(identity.SessionAgeMax - 29*23*time.Hour - time.Second)
	h.ask("ann", "GET", "/api/v1/me", "").problem(http.StatusUnauthorized, "unauthenticated") // unused for longer than a day
}

func TestSessionsAreForThirtyDays(t *testing.T) {
	h := newHouse(t)
	for range 30 {
		h.clock.advance(23*time.Hour + 59*time.Minute)
		h.ask("ann", "GET", "/api/v1/portfolios/portfolio-ann/accounts", "").is(http.StatusOK)
	}
	h.clock.advance(31 * time.Minute)
	h.ask("ann", "GET", "/api/v1/me", "").problem(http.StatusUnauthorized, "unauthenticated")
}

func TestGuessingIsThrottled(t *testing.T) {
	h := newHouse(t)
	guess := func(email string) *reply {
		return h.ask("", "POST", "/api/v1/session", `{"email":"`+email+`","password":"not the password"}`)
	}
	for range 10 {
		guess("ann@example.com").is(http.StatusUnauthorized)
	}
	a := guess("ann@example.com")
	a.problem(http.StatusTooManyRequests, "limited")
	if a.Header().Get("Retry-After") != "90" {
		t.Fatalf("Retry-After %q", a.Header().Get("Retry-After"))
	}
	h.ask("", "POST", "/api/v1/session", `{"email":"ann@example.com","password":"`+housePassword+`"}`).is(http.StatusTooManyRequests)
	guess("bob@example.com").is(http.StatusUnauthorized)
	h.clock.advance(91 * time.Second)
	h.ask("", "POST", "/api/v1/session", `{"email":"ann@example.com","password":"`+housePassword+`"}`).is(http.StatusOK)
}

func TestInvitation(t *testing.T) {
	h := newHouse(t)
	body := `{"email":"New@Example.com","name":"Newa","role":"user"}`
	first := h.ask("root", "POST", "/api/v1/admin/invitations", body, once("i1")).is(http.StatusCreated)
	again := h.ask("root", "POST", "/api/v1/admin/invitations", body, once("i1")).is(http.StatusCreated)
	if first.Body.String() != again.Body.String() {
		t.Fatalf("%s then %s", first.Body, again.Body)
	}
	h.ask("root", "POST", "/api/v1/admin/invitations", body, once("i2")).problem(http.StatusConflict, "conflict")
	link := *into[Invitation](first).URL
	token, ok := strings.CutPrefix(link, "https://folio.example/invite/")
	if !ok {
		t.Fatalf("link %q", link)
	}
	accept := func(token, password string) *reply {
		return h.ask("", "POST", "/api/v1/invitations/accept", `{"token":"`+token+`","name":"Newa Name","password":"`+password+`"}`)
	}
	if p := accept(token, "short").problem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Location != "password" {
		t.Fatalf("%+v", p)
	}
	accept(token+"x", "a good long one").problem(http.StatusNotFound, "not_found")
	in := accept(token, "a good long one").is(http.StatusOK)
	if u := into[SignedIn](in).User; u.Name != "Newa Name" || u.Role != "user" || u.Email != "new@example.com" {
		t.Fatalf("%+v", u)
	}
	accept(token, "a good long one").problem(http.StatusNotFound, "not_found")
	h.ask("", "POST", "/api/v1/session", `{"email":"new@example.com","password":"a good long one"}`).is(http.StatusOK)

	late := h.ask("root", "POST", "/api/v1/admin/invitations", `{"email":"late@example.com","name":"Late","role":"auditor"}`, once("i3")).is(http.StatusCreated)
	h.clock.advance(7*24*time.Hour + time.Second)
	accept(strings.TrimPrefix(*into[Invitation](late).URL, "https://folio.example/invite/"), "a good long one").problem(http.StatusNotFound, "not_found")
}

func TestPortfoliosAndAccounts(t *testing.T) {
	h := newHouse(t)
	p := into[Portfolio](h.ask("ann", "POST", "/api/v1/portfolios", `{"name":" Retirement ","base_currency":"EUR","lot_method":"average"}`, once("p1")).is(http.StatusCreated))
	if p.Name != "Retirement" || p.LotMethod != "average" || p.Role != "owner" || p.BaseCurrency != "EUR" || p.AllowShort || p.Closed {
		t.Fatalf("%+v", p)
	}
	if all := into[Portfolios](h.ask("ann", "GET", "/api/v1/portfolios", "").is(http.StatusOK)).Items; len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	path := "/api/v1/portfolios/" + p.ID
	changed := into[Portfolio](h.ask("ann", "PATCH", path, `{"name":"Old age","allow_short":true,"lot_method":"fifo"}`).is(http.StatusOK))
	if changed.Name != "Old age" || !changed.AllowShort || changed.LotMethod != "fifo" || changed.Sequence <= p.Sequence {
		t.Fatalf("%+v", changed)
	}
	a := into[Account](h.ask("ann", "POST", path+"/accounts", `{"name":"Depot","currency":"EUR"}`, once("a1")).is(http.StatusCreated))
	h.ask("ann", "POST", path+"/accounts", `{"name":"Depot","currency":"EUR"}`, once("a2")).problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("ann", "PATCH", path+"/accounts/"+a.ID, `{"name":"Bank","closed":true}`).is(http.StatusOK)
	all := into[Accounts](h.ask("ann", "GET", path+"/accounts", "").is(http.StatusOK)).Items
	if len(all) != 1 || all[0] != (Account{ID: a.ID, Name: "Bank", Currency: "EUR", Closed: true}) {
		t.Fatalf("%+v", all)
	}
	h.ask("ann", "PATCH", path+"/accounts/unknown", `{"name":"x"}`).problem(http.StatusNotFound, "not_found")
	h.ask("ann", "PATCH", path, `{"owner":"owner-bob"}`).problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("ann", "PATCH", path, `{"sequence":1}`).problem(http.StatusUnprocessableEntity, "invalid")
}

func TestActivitiesAreRecordedCorrectedAndVoided(t *testing.T) {
	h := newHouse(t)
	path := "/api/v1/portfolios/portfolio-ann/activities"
	body := `{"activities":[
	 {"date":"2026-01-05","type":"buy","symbol":"world-etf","quantity":"10","price":"100.50","fee":"1","note":"first"},
	 {"date":"2026-01-06","type":"buy","symbol":"DE0005810055","account":"Depot","quantity":"2","price":"50"},
	 {"date":"2026-01-07","type":"buy","symbol":"ACME","mic":"XETR","quantity":"1","amount":"51"}]}`
	first := h.ask("ann", "POST", path, body, once("k")).is(http.StatusCreated)
	recorded := into[Recorded](first)
	if len(recorded.IDs) != 3 {
		t.Fatalf("%+v", recorded)
	}
	again := h.ask("ann", "POST", path, body, once("k")).is(http.StatusCreated)
	if again.Body.String() != first.Body.String() || again.Header().Get(replayHeader) != "true" {
		t.Fatalf("repeated: %s, first: %s", again.Body, first.Body)
	}
	page := into[ActivityPage](h.ask("ann", "GET", path+"?limit=2", "").is(http.StatusOK))
	if len(page.Items) != 2 || page.Items[0].ID != recorded.IDs[2] || page.NextCursor == nil || page.Sequence != recorded.Sequence {
		t.Fatalf("%+v", page)
	}
	rest := into[ActivityPage](h.ask("ann", "GET", path+"?limit=2&cursor="+*page.NextCursor, "").is(http.StatusOK))
	if len(rest.Items) != 1 || rest.NextCursor != nil {
		t.Fatalf("%+v", rest)
	}
	oldest := rest.Items[0]
	if oldest.ID != recorded.IDs[0] || *oldest.Price != "100.50" || *oldest.Fee != "1" || oldest.Tax != nil || *oldest.Symbol != "WRLD" || *oldest.AccountName != "Depot" || *oldest.Note != "first" || oldest.Currency != "EUR" {
		t.Fatalf("%+v", oldest)
	}
	one := path + "/" + recorded.IDs[0]
	correction := `{"date":"2026-01-05","type":"buy","symbol":"world-etf","quantity":"11","price":"100.50"}`
	h.ask("ann", "PUT", one, correction).problem(http.StatusPreconditionRequired, "stale")
	h.ask("ann", "PUT", one, correction, header("If-Match", `"1"`)).problem(http.StatusPreconditionFailed, "stale")
	corrected := into[Corrected](h.ask("ann", "PUT", one, correction, header("If-Match", quotedNumber(recorded.Sequence))).is(http.StatusOK))
	if corrected.Sequence != recorded.Sequence+1 || corrected.ID != recorded.IDs[0] {
		t.Fatalf("%+v", corrected)
	}
	h.ask("ann", "DELETE", path+"/"+recorded.IDs[1], "", header("If-Match", "1")).problem(http.StatusPreconditionFailed, "stale")
	h.ask("ann", "DELETE", path+"/"+recorded.IDs[1], "", header("If-Match", strings.Trim(quotedNumber(corrected.Sequence), `"`))).is(http.StatusOK)
	left := into[ActivityPage](h.ask("ann", "GET", path, "").is(http.StatusOK))
	if len(left.Items) != 2 || *left.Items[1].Quantity != "11" || left.Items[1].Version != 2 {
		t.Fatalf("%+v", left)
	}
	all := into[ActivityPage](h.ask("ann", "GET", path+"?voided=true", "").is(http.StatusOK))
	if len(all.Items) != 3 || !all.Items[1].Voided {
		t.Fatalf("%+v", all)
	}
	h.ask("ann", "DELETE", path+"/unknown", "", header("If-Match", quotedNumber(left.Sequence))).problem(http.StatusNotFound, "not_found")
}

func quotedNumber(n int64) string {
	text, _ := json.Marshal(n)
	return `"` + string(text) + `"`
}

func TestAmbiguousSymbolOffersCandidates(t *testing.T) {
	h := newHouse(t)
	p := h.ask("ann", "POST", "/api/v1/portfolios/portfolio-ann/activities",
		`{"activities":[{"date":"2026-01-05","type":"buy","symbol":"world-etf","quantity":"1","price":"1"},{"date":"2026-01-05","type":"buy","symbol":"ACME","quantity":"1","price":"1"}]}`, once("k")).
		problem(http.StatusUnprocessableEntity, "invalid")
	if len(p.Candidates) != 2 || len(p.Errors) != 1 || p.Errors[0].Location != "activities[1].symbol" {
		t.Fatalf("%+v", p)
	}
	h.ask("ann", "POST", "/api/v1/portfolios/portfolio-ann/activities",
		`{"activities":[{"date":"2026-01-05","type":"buy","symbol":"ACME","currency":"EUR","quantity":"1","price":"1"}]}`, once("k")).is(http.StatusCreated)
}

func TestInstruments(t *testing.T) {
	h := newHouse(t)
	if found := into[Instruments](h.ask("ann", "GET", "/api/v1/instruments?q=acme", "").is(http.StatusOK)).Items; len(found) != 2 {
		t.Fatalf("%+v", found)
	}
	if found := into[Instruments](h.ask("ann", "GET", "/api/v1/instruments?q=EURUSD", "").is(http.StatusOK)).Items; len(found) != 0 {
		t.Fatalf("rates are ours alone: %+v", found)
	}
	h.ask("ann", "GET", "/api/v1/instruments/fx-eur-USD", "").problem(http.StatusNotFound, "not_found")
	body := `{"symbol":"BTC","name":"Bitcoin","currency":"USD","asset_class":"crypto","names":{"coingecko":"bitcoin","yahoo":"BTC-USD"}}`
	made := into[Instrument](h.ask("ann", "POST", "/api/v1/instruments", body, once("k")).is(http.StatusCreated))
	got := into[Instrument](h.ask("bob", "GET", "/api/v1/instruments/"+made.ID, "").is(http.StatusOK))
	if got.Names["coingecko"] != "bitcoin" || got.MIC != nil || got.Symbol != "BTC" {
		t.Fatalf("%+v", got)
	}
	p := h.ask("bob", "POST", "/api/v1/instruments", body, once("k")).problem(http.StatusConflict, "conflict")
	if p.Existing == nil || p.Existing.ID != made.ID {
		t.Fatalf("%+v", p)
	}
	h.ask("audrey", "POST", "/api/v1/instruments", body, once("k")).problem(http.StatusForbidden, "denied")
	if bars := into[Bars](h.ask("ann", "GET", "/api/v1/instruments/world-etf/bars?from=2026-01-01", "").is(http.StatusOK)); len(bars.Bars) != 0 || bars.Currency != "EUR" {
		t.Fatalf("%+v", bars)
	}
}

func TestAdministratorsSeePeopleNotHoldings(t *testing.T) {
	h := newHouse(t)
	page := into[AdminUsers](h.ask("root", "GET", "/api/v1/admin/users?limit=4", "").is(http.StatusOK))
	if len(page.Items) != 4 || page.NextCursor == nil {
		t.Fatalf("%+v", page)
	}
	rest := into[AdminUsers](h.ask("root", "GET", "/api/v1/admin/users?limit=4&cursor="+*page.NextCursor, "").is(http.StatusOK))
	if len(rest.Items) != 2 || rest.NextCursor != nil {
		t.Fatalf("%+v", rest)
	}
	for _, path := range []string{"", "/accounts", "/activities", "/performance", "/history", "/allocation", "/holdings/world-etf"} {
		h.ask("root", "GET", "/api/v1/portfolios/portfolio-ann"+path, "").problem(http.StatusNotFound, "not_found")
	}
}

func TestReadinessNamesItsReasons(t *testing.T) {
	h := newHouse(t)
	if r := into[Readiness](h.ask("", "GET", "/readyz", "").is(http.StatusOK)); !r.Ready || len(r.Reasons) != 0 {
		t.Fatalf("%+v", r)
	}
	h.ask("", "GET", "/readyz?unready=404", "").is(http.StatusOK)
	h.server.Drain()
	a := h.ask("", "GET", "/readyz", "").is(http.StatusServiceUnavailable)
	if r := into[Readiness](a); r.Ready || len(r.Reasons) != 1 || r.Reasons[0] != "stopping" {
		t.Fatalf("%+v", r)
	}
	if r := into[Readiness](h.ask("", "GET", "/readyz?unready=404", "").is(http.StatusNotFound)); r.Ready || len(r.Reasons) != 1 {
		t.Fatalf("%+v", r)
	}
	h.ask("", "GET", "/healthz", "").is(http.StatusOK)
	h.ask("ann", "GET", "/api/v1/stream?portfolio=portfolio-ann", "").problem(http.StatusServiceUnavailable, "unavailable")
}

// What people call things comes back as it was, as data: never as markup, never in a header or the log.
func TestNamesThatAttackComeBackAsData(t *testing.T) {
	h := newHouse(t)
	for i, name := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{constructor.constructor('alert(1)')()}}`, `javascript:alert(1)`, `</title><svg onload=alert(1)>`,
		`=cmd|' /C calc'!A0`, `+1+1`, `@SUM(1)`, `%3Cscript%3E`, `\u003cscript\u003e`, `' OR 1=1 --`, `"; DROP TABLE users; --`, `${jndi:ldap://x}`, "ümläut 日本 🎉", `../../etc/passwd`,
	} {
		body, err := json.Marshal(map[string]string{"name": name, "base_currency": "EUR"})
		must(t, err)
		a := h.ask("ann", "POST", "/api/v1/portfolios", string(body), once("k"+string(rune('a'+i)))).is(http.StatusCreated)
		if got := into[Portfolio](a).Name; got != name {
			t.Errorf("%q came back as %q", name, got)
		}
		if kind := a.Header().Get("Content-Type"); kind != "application/json" {
			t.Errorf("%q came back as %s", name, kind)
		}
		if strings.Contains(a.Body.String(), "<script>") {
			t.Errorf("%q came back unescaped: %s", name, a.Body)
		}
		if len(name) > 8 && strings.Contains(h.log.String(), name) {
			t.Errorf("%q is in the log", name)
		}
	}
	for _, name := range []string{"line\nfeed", "nul\x00", "escape\x1b[31m", "\u2028", "   "} {
		body, err := json.Marshal(map[string]string{"name": name, "base_currency": "EUR"})
		must(t, err)
		h.ask("ann", "POST", "/api/v1/portfolios", string(body), once("bad")).problem(http.StatusUnprocessableEntity, "invalid")
	}
}

// Nothing personal is logged, at any level, whatever is asked.
func TestLogHoldsNothingPersonal(t *testing.T) {
	h := newHouse(t)
	h.ask("", "POST", "/api/v1/session", `{"email":"ann@example.com","password":"`+housePassword+`"}`).is(http.StatusOK)
	h.ask("", "POST", "/api/v1/session", `{"email":"ann@example.com","password":"planted-wrong-password"}`).is(http.StatusUnauthorized)
	h.ask("ann", "POST", "/api/v1/portfolios", `{"name":"planted name","base_currency":"EUR"}`, once("planted-key")).is(http.StatusCreated)
	h.ask("ann", "GET", "/api/v1/portfolios/planted-portfolio?x=planted-query", "").is(http.StatusNotFound)
	h.ask("ann", "GET", "/planted-page", "").is(http.StatusOK)
	for _, secret := range []string{"planted", "ann@example.com", "Surname", housePassword, h.people["ann"].cookie, "192.0.2.1"} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("%q is in the log:\n%s", secret, h.log)
		}
	}
	if !strings.Contains(h.log.String(), `"route":"/api/v1/session"`) {
		t.Errorf("no access log:\n%s", h.log)
	}
}
