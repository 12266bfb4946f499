package httpapi

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/sqlstore"
)

// signIn signs somebody in over HTTP, and makes them known under a name.
func (h *house) signIn(as, email, code string, more ...with) *reply {
	h.t.Helper()
	body, err := json.Marshal(map[string]string{"email": email, "password": housePassword, "totp": code})
	must(h.t, err)
	a := h.ask("", "POST", "/api/v1/session", string(body), more...)
	if a.Code == http.StatusOK {
		h.keep(as, a)
	}
	return a
}

// keep makes the cookie of an answer somebody's.
func (h *house) keep(as string, a *reply) {
	h.t.Helper()
	cookies := a.Result().Cookies()
	if len(cookies) == 0 || cookies[0].Name != h.server.cookieName() {
		h.t.Fatalf("%s: %v", a.what, cookies)
	}
	h.people[as] = &person{cookie: cookies[0].Value, portfolio: "portfolio-" + as}
}

// code is what an authenticator app shows now (RFC 6238).
func (h *house) code(secret string) string {
	h.t.Helper()
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	must(h.t, err)
	mac := hmac.New(sha1.New, seed)
	must(h.t, binary.Write(mac, binary.BigEndian, h.clock.Now().Unix()/30))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}

// tokenOf makes an API token of somebody, past the screens.
func (h *house) tokenOf(name string, scopes identity.Scopes) string {
	h.t.Helper()
	hash := hashOf(strings.Repeat("t", 42) + string('0'+rune(scopes)))
	token := identity.Token{Owner: h.people[name].id, Hash: hash, Name: "test", Scopes: scopes, CreatedAt: h.clock.Now(), ExpiresAt: h.clock.Now().Add(time.Hour)}
	must(h.t, h.store.CreateToken(h.t.Context(), token, audit.Write{Audit: audit.Entry{Owner: token.Owner, Action: audit.TokenCreated, Result: "ok"}}))
	return identity.TokenPrefix + string(token.Owner) + "." + strings.Repeat("t", 42) + string('0'+rune(scopes))
}

func bearer(token string) with { return header("Authorization", "Bearer "+token) }

// Each kind of credential counts in its own place only, and a token that doesn't hold isn't made good by a cookie.
func TestCredentialsInTheWrongPlace(t *testing.T) {
	h := newHouse(t)
	token := h.tokenOf("ann", identity.ScopeRead)
	h.ask("", "GET", "/api/v1/portfolios", "", bearer(token)).is(http.StatusOK)
	h.ask("", "GET", "/api/v1/portfolios", "", header("Authorization", "bearer "+token)).is(http.StatusOK)
	h.people["token as cookie"] = &person{cookie: token}
	h.ask("token as cookie", "GET", "/api/v1/portfolios", "").problem(http.StatusUnauthorized, "unauthenticated")
	for name, headers := range map[string][]string{
		"cookie as token": {"Bearer " + h.people["ann"].cookie}, "basic": {"Basic " + token}, "no scheme": {token}, "empty": {"Bearer "}, "prefix": {"Bearer fsc_"}, "two": {"Bearer " + token, "Bearer " + token},
		"of another": {"Bearer " + strings.Replace(token, "owner-ann", "owner-bob", 1)}, "changed": {"Bearer " + token[:len(token)-1] + "x"}, "blanks": {"Bearer  " + token}, "huge": {"Bearer fsc_" + strings.Repeat("a", 5000)},
	} {
		more := func(r *http.Request) { r.Header["Authorization"] = headers }
		h.ask("", "GET", "/api/v1/portfolios", "", more).problem(http.StatusUnauthorized, "unauthenticated")
		if strings.HasPrefix(headers[0], "Bearer ") {
			if a := h.ask("ann", "GET", "/api/v1/portfolios", "", more); a.Code != http.StatusUnauthorized {
				t.Errorf("%s: a cookie makes it good: %d", name, a.Code)
			}
		}
	}
	if log := h.log.String(); strings.Contains(log, token) || strings.Contains(log, strings.Repeat("t", 42)) {
		t.Error("a token is in the log")
	}
}

func TestSecondFactorOverHTTP(t *testing.T) {
	h := newHouse(t)
	h.signIn("other", "ann@example.com", "").is(http.StatusOK)
	enrolment := into[Enrolment](h.ask("ann", "POST", "/api/v1/me/second-factor", "").is(http.StatusOK))
	link, err := url.Parse(enrolment.URL)
	must(t, err)
	if link.Scheme != "otpauth" || link.Host != "totp" || link.Query().Get("secret") != enrolment.Secret || link.Path != "/Folioscope:ann@example.com" || !strings.HasPrefix(enrolment.QR, "data:image/png;base64,") {
		t.Fatalf("%+v", enrolment)
	}
	h.signIn("still", "ann@example.com", "").is(http.StatusOK) // not confirmed: nothing has changed
	if p := h.ask("ann", "POST", "/api/v1/me/second-factor/confirm", `{"totp":"000000"}`).problem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Location != "totp" {
		t.Fatalf("%+v", p)
	}
	codes := into[RecoveryCodes](h.ask("ann", "POST", "/api/v1/me/second-factor/confirm", `{"totp":"`+h.code(enrolment.Secret)+`"}`).is(http.StatusOK)).RecoveryCodes
	h.ask("ann", "GET", "/api/v1/me", "").is(http.StatusOK)
	for _, ended := range []string{"other", "still"} {
		h.ask(ended, "GET", "/api/v1/me", "").problem(http.StatusUnauthorized, "unauthenticated")
	}
	if p := h.signIn("", "ann@example.com", "").problem(http.StatusUnauthorized, "unauthenticated"); p.SecondFactor != "required" {
		t.Fatalf("%+v", p)
	}
	if p := h.signIn("", "ann@example.com", h.code(enrolment.Secret)).problem(http.StatusUnauthorized, "unauthenticated"); p.SecondFactor != "required" || p.Errors[0].Location != "totp" {
		t.Fatalf("the code that confirmed counts again: %+v", p)
	}
	// A stranger with a wrong password learns nothing of a second factor, whatever code they send.
	wrong := h.ask("", "POST", "/api/v1/session", `{"email":"ann@example.com","password":"not the password","totp":"123456"}`).problem(http.StatusUnauthorized, "unauthenticated")
	unknown := h.ask("", "POST", "/api/v1/session", `{"email":"nobody@example.com","password":"not the password","totp":"123456"}`).problem(http.StatusUnauthorized, "unauthenticated")
	if wrong.Detail != unknown.Detail || wrong.SecondFactor != "" || unknown.SecondFactor != "" {
		t.Fatalf("%+v, %+v", wrong, unknown)
	}
	h.clock.advance(time.Minute)
	h.signIn("phone", "ann@example.com", h.code(enrolment.Secret)).is(http.StatusOK)
	h.signIn("lost", "ann@example.com", codes[0]).is(http.StatusOK)
	h.signIn("", "ann@example.com", codes[0]).is(http.StatusUnauthorized)
	if f := into[SecondFactor](h.ask("phone", "GET", "/api/v1/me/second-factor", "")); !f.On || f.Required || f.RecoveryCodes != 9 || f.Since == nil {
		t.Fatalf("%+v", f)
	}
	h.clock.advance(16 * time.Minute)
	if p := h.ask("phone", "DELETE", "/api/v1/me/second-factor", "").problem(http.StatusForbidden, "denied"); p.StepUp != "password_and_code" {
		t.Fatalf("%+v", p)
	}
	if p := h.ask("phone", "POST", "/api/v1/session/step-up", `{"password":"`+housePassword+`"}`).problem(http.StatusUnauthorized, "unauthenticated"); p.SecondFactor != "required" {
		t.Fatalf("%+v", p)
	}
	h.keep("phone", h.ask("phone", "POST", "/api/v1/session/step-up", `{"password":"`+housePassword+`","totp":"`+h.code(enrolment.Secret)+`"}`).is(http.StatusOK))
	h.ask("phone", "DELETE", "/api/v1/me/second-factor", "").is(http.StatusNoContent)
	h.signIn("ann", "ann@example.com", "").is(http.StatusOK)
	log := h.log.String()
	for _, secret := range append(codes, enrolment.Secret, housePassword, h.people["phone"].cookie) {
		if strings.Contains(log, secret) {
			t.Errorf("a secret is in the log")
		}
	}
}

// An admin without a second factor may set one up and leave; nothing else, on any route, until it is done.
func TestAdminEnrolsBeforeAnythingElse(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Identity = identity.NewService(identity.Options{
			Store: o.Store.(identity.Store), Hasher: houseHasher(t), Random: o.Random, Now: o.Now, Log: o.Log, RequireSecondFactor: []identity.Role{identity.RoleAdmin},
		})
	})
	if in := into[SignedIn](h.signIn("admin", "root@example.com", "").is(http.StatusOK)); !in.User.MustEnrol {
		t.Fatalf("%+v", in)
	}
	if in := into[SignedIn](h.signIn("user", "bob@example.com", "").is(http.StatusOK)); in.User.MustEnrol {
		t.Fatalf("%+v", in)
	}
	may := map[access.Action]bool{access.ReadSelf: true, access.ReadAccount: true, access.EnrolFactor: true, access.StepUp: true, access.SignOut: true}
	for _, rt := range h.server.routes {
		if access.Open(rt.action) || may[rt.action] || rt.ofPortfolio() {
			continue
		}
		path := strings.NewReplacer("{id}", "world-etf", "{name}", "yahoo", "{mic}", "XNYS", "{day}", "2026-03-02", "{session}", "0123", "{token}", "0123", "{link}", "0123", "{passkey}", "0123", "{proposal}", "x", "{instrument}", "world-etf", "{user}", "0123", "{member}", "0123", "{channel}", "0123", "{alert}", "0123").Replace(rt.path)
		if p := h.askBriefly("admin", rt, path).problem(http.StatusForbidden, "denied"); p.SecondFactor != "enrol" {
			t.Errorf("%s: %+v", rt.pattern(), p)
		}
	}
	token := h.tokenOf("root", identity.ScopeAdmin)
	h.ask("", "GET", "/api/v1/admin/users", "", bearer(token)).problem(http.StatusForbidden, "denied")
	if me := into[User](h.ask("admin", "GET", "/api/v1/me", "")); !me.MustEnrol {
		t.Fatalf("%+v", me)
	}
	enrolment := into[Enrolment](h.ask("admin", "POST", "/api/v1/me/second-factor", "").is(http.StatusOK))
	h.ask("admin", "POST", "/api/v1/me/second-factor/confirm", `{"totp":"`+h.code(enrolment.Secret)+`"}`).is(http.StatusOK)
	h.ask("admin", "GET", "/api/v1/admin/users", "").is(http.StatusOK)
	h.ask("", "GET", "/api/v1/admin/users", "", bearer(token)).is(http.StatusOK)
	h.ask("admin", "DELETE", "/api/v1/me/second-factor", "").problem(http.StatusConflict, "conflict")
}

func houseHasher(t *testing.T) *identity.Hasher {
	t.Helper()
	hasher, err := identity.NewHasher(strings.NewReader(strings.Repeat("salt", 1000)))
	must(t, err)
	return hasher
}

// Every risky route asks for the password again a quarter of an hour after it was given, and none does before.
func TestRiskyActsAskAgain(t *testing.T) {
	h := newHouse(t)
	risky := 0
	for _, late := range []bool{false, true} {
		if late {
			h.clock.advance(identity.StepUpAgeMax)
		}
		for _, rt := range h.server.routes {
			if !rt.stepUp || rt.path == "/api/v1/me/second-factor" && rt.method == http.MethodPost && !late {
				continue
			}
			risky++
			path := rt.at(places{portfolio: "portfolio-ann"})
			name := "ann"
			switch rt.action {
			case access.ChangeUser, access.SignOutUser, access.EraseUser:
				name = "root"
			case access.EraseSelf:
				name = map[bool]string{false: "bob", true: "advia"}[late] // the first is gone then
			}
			a := h.askBriefly(name, rt, path)
			if !late && a.Code == http.StatusForbidden {
				t.Errorf("%s: %s", a.what, a.Body)
			}
			if late {
				if p := a.problem(http.StatusForbidden, "denied"); p.StepUp != "password" {
					t.Errorf("%s: %+v", a.what, p)
				}
			}
		}
	}
	if risky < 10 {
		t.Errorf("only %d looks", risky)
	}
	h.ask("ann", "POST", "/api/v1/session/step-up", `{"password":"not the password"}`).problem(http.StatusUnprocessableEntity, "invalid")
	before := h.people["ann"].cookie
	h.keep("ann", h.ask("ann", "POST", "/api/v1/session/step-up", `{"password":"`+housePassword+`"}`).is(http.StatusOK))
	h.ask("ann", "DELETE", "/api/v1/me/sessions", "").is(http.StatusNoContent)
	h.people["before"] = &person{cookie: before}
	h.ask("before", "GET", "/api/v1/me", "").problem(http.StatusUnauthorized, "unauthenticated")
}

func TestSessionsAndPasswordOverHTTP(t *testing.T) {
	h := newHouse(t)
	agent := header("User-Agent", "Mozilla/5.0 (Macintosh) AppleWebKit Chrome/140 Safari/537")
	h.signIn("desk", "ann@example.com", "", agent).is(http.StatusOK)
	h.signIn("phone", "ann@example.com", "").is(http.StatusOK)
	list := into[Sessions](h.ask("desk", "GET", "/api/v1/me/sessions", "").is(http.StatusOK)).Items
	var current SessionItem
	var others []SessionItem
	for _, one := range list {
		if one.Current {
			current = one
		} else {
			others = append(others, one)
		}
	}
	if len(others) != 2 || current.Device != "Chrome on Mac" || current.Place != "192.0.2.x" {
		t.Fatalf("%+v", list)
	}
	h.ask("bob", "DELETE", "/api/v1/me/sessions/"+current.ID, "").problem(http.StatusNotFound, "not_found")
	h.ask("phone", "DELETE", "/api/v1/me/sessions/"+current.ID, "").is(http.StatusNoContent)
	h.ask("desk", "GET", "/api/v1/me", "").is(http.StatusUnauthorized)

	token := into[NewToken](h.ask("phone", "POST", "/api/v1/me/tokens", `{"name":"Backup","scopes":["read","write"],"expires_at":"2026-06-01T00:00:00Z"}`, once("t1")).is(http.StatusCreated))
	if again := into[NewToken](h.ask("phone", "POST", "/api/v1/me/tokens", `{"name":"Backup","scopes":["read","write"],"expires_at":"2026-06-01T00:00:00Z"}`, once("t1")).is(http.StatusCreated)); again.Token != token.Token {
		t.Error("a repeated request made another token")
	}
	h.ask("", "GET", "/api/v1/me", "", bearer(token.Token)).is(http.StatusOK)
	h.ask("phone", "POST", "/api/v1/me/tokens", `{"name":"Root","scopes":["admin"],"expires_at":"2026-06-01T00:00:00Z"}`, once("t2")).problem(http.StatusUnprocessableEntity, "invalid")
	if items := into[Tokens](h.ask("phone", "GET", "/api/v1/me/tokens", "")).Items; len(items) != 1 || items[0].Name != "Backup" || fmt.Sprint(items[0].Scopes) != "[read write]" {
		t.Fatalf("%+v", items)
	}
	change := func(current, next, more string) *reply {
		return h.ask("phone", "POST", "/api/v1/me/password", `{"password":"`+current+`","new_password":"`+next+`"`+more+`}`)
	}
	if p := change("not the password", "quite another password", "").problem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Location != "password" {
		t.Fatalf("%+v", p)
	}
	for _, weak := range []string{"short", "passwordpassword", "ann@example.com"} {
		if p := change(housePassword, weak, "").problem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Location != "new_password" {
			t.Fatalf("%s: %+v", weak, p)
		}
	}
	change(housePassword, "quite another password", `,"keep_tokens":true`).is(http.StatusNoContent)
	h.ask("ann", "GET", "/api/v1/me", "").is(http.StatusUnauthorized)
	h.ask("", "GET", "/api/v1/me", "", bearer(token.Token)).is(http.StatusOK)
	change("quite another password", "the third good password", "").is(http.StatusNoContent)
	h.ask("", "GET", "/api/v1/me", "", bearer(token.Token)).problem(http.StatusUnauthorized, "unauthenticated")
	h.ask("phone", "GET", "/api/v1/me", "").is(http.StatusOK)
	h.signIn("", "ann@example.com", "").is(http.StatusUnauthorized)
}

// What was revoked ends at once: requests although the node believes sessions for a second, and open streams.
func TestRevokedStreamsAndRequestsEnd(t *testing.T) {
	for name, revoke := range map[string]func(h *house, id string){
		"one session": func(h *house, id string) {
			h.ask("second", "DELETE", "/api/v1/me/sessions/"+id, "").is(http.StatusNoContent)
		},
		"the others": func(h *house, _ string) {
			h.ask("second", "DELETE", "/api/v1/me/sessions", "").is(http.StatusNoContent)
		},
		"password": func(h *house, _ string) {
			h.ask("second", "POST", "/api/v1/me/password", `{"password":"`+housePassword+`","new_password":"quite another password"}`).is(http.StatusNoContent)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouseAt(t, time.Now(), func(o *Options) {
				o.SessionCache, o.Sequence = sessionCacheMax, o.Store.(*sqlstore.Store).Sequence
			})
			h.signIn("first", "ann@example.com", "").is(http.StatusOK)
			first := into[Sessions](h.ask("first", "GET", "/api/v1/me/sessions", "")).Items
			id := ""
			for _, one := range first {
				if one.Current {
					id = one.ID
				}
			}
			h.signIn("second", "ann@example.com", "").is(http.StatusOK)
			server := httptest.NewServer(h.server)
			defer server.Close()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/stream?portfolio=portfolio-ann", nil)
			must(t, err)
			r.AddCookie(&http.Cookie{Name: h.server.cookieName(), Value: h.people["first"].cookie})
			a, err := http.DefaultClient.Do(r)
			must(t, err)
			defer a.Body.Close()
			lines := bufio.NewScanner(a.Body)
			if !lines.Scan() {
				t.Fatal("no stream")
			}
			h.ask("first", "GET", "/api/v1/portfolios/portfolio-ann", "").is(http.StatusOK) // now it is believed
			began := time.Now()
			revoke(h, id)
			h.ask("first", "GET", "/api/v1/portfolios/portfolio-ann", "").is(http.StatusUnauthorized)
			for lines.Scan() {
				continue
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("the stream went on for %v", took)
			}
			if a, err := http.DefaultClient.Do(r); err != nil || a.StatusCode != http.StatusUnauthorized {
				t.Errorf("it comes back: %v, %v", a, err)
			} else {
				must(t, a.Body.Close())
			}
		})
	}
}
