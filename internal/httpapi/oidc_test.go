package httpapi

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/identity/openid"
	"folioscope/internal/identity/openid/openidtest"
)

// abroad is a house with a sign-in service, and one browser that goes there and back.
type abroad struct {
	*house
	provider *openidtest.Provider
	cookies  map[string]string
}

func newAbroad(t *testing.T, change ...func(*identity.SignInService)) *abroad {
	t.Helper()
	a := &abroad{cookies: map[string]string{}}
	a.house = newHouse(t, func(o *Options) {
		a.provider = openidtest.New(t, o.Now)
		service := identity.SignInService{Name: "acme", Label: "Acme", Role: identity.RoleUser, OpenID: openid.New(openid.Settings{
			Issuer: a.provider.Issuer, ClientID: openidtest.ClientID, ClientSecret: openidtest.ClientSecret, RedirectURL: "https://folio.example/api/v1/oidc/acme/callback",
			Scopes: []string{"profile", "email"}, Client: &http.Client{Transport: http.DefaultTransport}, Random: rand.Reader, Now: o.Now,
		})}
		for _, f := range change {
			f(&service)
		}
		hasher, err := identity.NewHasher(rand.Reader)
		must(t, err)
		store, ok := o.Store.(identity.Store)
		if !ok {
			t.Fatal("the house's store is no identity's")
		}
		o.Identity = identity.NewService(identity.Options{Store: store, Hasher: hasher, Random: rand.Reader, Now: o.Now, Log: o.Log, SignInServices: []identity.SignInService{service}, RequireSecondFactor: []identity.Role{identity.RoleAdmin}})
	})
	return a
}

// do sends a request with the browser's cookies and keeps those that come back.
func (a *abroad) do(method, path, body, accept string) *reply {
	a.t.Helper()
	r := httptest.NewRequestWithContext(a.t.Context(), method, "https://folio.example"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept", accept)
	for name, value := range a.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	a.server.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if a.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(a.cookies, c.Name)
		}
	}
	return &reply{a.t, w, method + " " + path}
}

// begin starts at a path of ours and gives the address where the service sends the browser back.
func (a *abroad) begin(path string) string {
	a.t.Helper()
	var begun Begun
	must(a.t, json.Unmarshal(a.do("POST", path, `{"return_to":"/holdings"}`, "").is(http.StatusOK).Body.Bytes(), &begun))
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := browser.Get(begun.Address)
	must(a.t, err)
	must(a.t, answer.Body.Close())
	back, err := answer.Location()
	must(a.t, err)
	return back.RequestURI()
}

func (a *abroad) linkTo(name string) {
	a.t.Helper()
	p := a.people[name]
	link := identity.LinkedSignIn{Owner: p.id, Issuer: a.provider.Issuer, Subject: "subject-1", CreatedAt: a.clock.Now()}
	must(a.t, a.store.LinkSignIn(a.t.Context(), link, audit.Write{Audit: audit.Entry{Actor: p.id, Owner: p.id, Action: audit.SignInLinked, Result: "ok"}}))
}

// refusals counts the audit rows of services that were refused, by why.
func (a *abroad) refusals() map[string]int {
	a.t.Helper()
	rows, err := a.store.Audits(a.t.Context(), "", 0, 100) // nobody's: it isn't known whose sign-in it was to be
	must(a.t, err)
	counts := map[string]int{}
	for _, row := range rows {
		if row.Action == audit.ServiceRefused {
			counts[row.Object]++
		}
	}
	return counts
}

const secureSession = secureCookie

func TestSigningInAtAService(t *testing.T) {
	a := newAbroad(t)
	a.linkTo("ann")
	a.do("GET", a.begin("/api/v1/oidc/acme"), "", "text/html").is(http.StatusSeeOther)
	var me User
	must(t, json.Unmarshal(a.do("GET", "/api/v1/me", "", "").is(http.StatusOK).Body.Bytes(), &me))
	if me.Email != "ann@example.com" || a.cookies[secureTicketCookie] != "" || a.cookies[secureCookie+"-device"] == "" {
		t.Errorf("signed in as %+v, cookies %v", me, a.cookies)
	}
}

func TestLinkingAndUnlinking(t *testing.T) {
	a := newAbroad(t)
	a.cookies[secureSession] = a.people["ann"].cookie
	if to := a.do("GET", a.begin("/api/v1/me/sign-ins/acme"), "", "text/html").is(http.StatusSeeOther).Header().Get("Location"); to != "/holdings" {
		t.Errorf("sent to %s", to)
	}
	var list LinkedSignIns
	must(t, json.Unmarshal(a.do("GET", "/api/v1/me/sign-ins", "", "").is(http.StatusOK).Body.Bytes(), &list))
	if len(list.Items) != 1 || list.Items[0].Label != "Acme" || list.Items[0].Email != "ann@example.com" {
		t.Fatalf("linked: %+v", list)
	}
	// It is ann's now, and nobody else's.
	ann := a.cookies[secureSession]
	a.cookies[secureSession] = a.people["bob"].cookie
	a.do("GET", a.begin("/api/v1/me/sign-ins/acme"), "", "").problem(http.StatusConflict, "conflict")
	a.cookies[secureSession] = ann
	a.do("DELETE", "/api/v1/me/sign-ins/"+list.Items[0].ID, "", "").is(http.StatusNoContent)
	a.do("DELETE", "/api/v1/me/sign-ins/"+list.Items[0].ID, "", "").problem(http.StatusNotFound, "not_found")
	delete(a.cookies, secureSession)
	a.do("GET", a.begin("/api/v1/oidc/acme"), "", "").problem(http.StatusUnauthorized, "unauthenticated")
}

// The e-mail address links nobody, however verified; and whoever is made by a service keeps their only way in.
func TestNewPeopleOfAService(t *testing.T) {
	a := newAbroad(t, func(s *identity.SignInService) { s.CreateUsers = true; s.EmailDomains = []string{"example.com"} })
	p := a.do("GET", a.begin("/api/v1/oidc/acme"), "", "").problem(http.StatusConflict, "conflict")
	if !strings.Contains(p.Detail, "already") {
		t.Error(p.Detail)
	}
	a.provider.Person["email"] = "new@elsewhere.example"
	a.do("GET", a.begin("/api/v1/oidc/acme"), "", "").problem(http.StatusUnauthorized, "unauthenticated")
	a.provider.Person["email"] = "new@example.com"
	a.do("GET", a.begin("/api/v1/oidc/acme"), "", "").is(http.StatusSeeOther)
	var list LinkedSignIns
	must(t, json.Unmarshal(a.do("GET", "/api/v1/me/sign-ins", "", "").is(http.StatusOK).Body.Bytes(), &list))
	a.do("DELETE", "/api/v1/me/sign-ins/"+list.Items[0].ID, "", "").problem(http.StatusConflict, "conflict")
	// Later they show again who they are, at the service.
	a.clock.advance(identity.StepUpAgeMax)
	a.do("DELETE", "/api/v1/me/sessions", "", "").problem(http.StatusForbidden, "denied")
	a.do("GET", a.begin("/api/v1/session/step-up/acme"), "", "text/html").is(http.StatusSeeOther)
	a.do("DELETE", "/api/v1/me/sessions", "", "").is(http.StatusNoContent)
}

func TestReturnsStayOnThisSite(t *testing.T) {
	a := newAbroad(t)
	for _, path := range []string{"//evil.example", `/\\evil.example`, "%2f%2fevil.example", "/%2f/evil.example", "https://evil.example", "/api/v1/session", "javascript:alert(1)", "/\\u0000", "holdings"} {
		a.do("POST", "/api/v1/oidc/acme", `{"return_to":"`+path+`"}`, "").problem(http.StatusUnprocessableEntity, "invalid")
	}
}

// A service that is down takes nobody with it.
func TestAServiceThatIsDown(t *testing.T) {
	a := newAbroad(t)
	a.provider.Close()
	p := a.do("POST", "/api/v1/oidc/acme", `{}`, "").problem(http.StatusServiceUnavailable, "unavailable")
	if !strings.HasPrefix(p.Detail, "Sign-in with Acme is not available") {
		t.Error(p.Detail)
	}
	a.do("POST", "/api/v1/session", `{"email":"ann@example.com","password":"`+housePassword+`"}`, "").is(http.StatusOK)
}

// Fifteen ways in which a service, or somebody in its name, lies. Each is a problem in plain words and an audit row, and signs nobody in.
func TestLyingIdentityProvider(t *testing.T) {
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	claim := func(name string, value any) func(a *abroad) {
		return func(a *abroad) { a.provider.Lies.Token = func(c openidtest.Claims) { c[name] = value } }
	}
	sign := func(f func(p *openidtest.Provider, header, claims openidtest.Claims) string) func(a *abroad) {
		return func(a *abroad) { a.provider.Lies.Sign = f }
	}
	redirect := func(f func(url.Values)) func(a *abroad) {
		return func(a *abroad) { a.provider.Lies.Redirect = f }
	}
	replaced := func(back, name, value string) string {
		path, query, _ := strings.Cut(back, "?")
		values, err := url.ParseQuery(query)
		must(t, err)
		values.Set(name, value)
		return path + "?" + values.Encode()
	}
	param := func(back, name string) string {
		_, query, _ := strings.Cut(back, "?")
		values, err := url.ParseQuery(query)
		must(t, err)
		return values.Get(name)
	}
	lies := []struct {
		name   string
		lie    func(a *abroad)
		change func(a *abroad, back string) string // of the address that the browser is sent back to
		why    string
	}{
		{"wrong nonce", claim("nonce", "another"), nil, "nonce"},
		{"wrong audience", claim("aud", "another"), nil, "id_token"},
		{"wrong issuer", claim("iss", "https://login.example"), nil, "id_token"},
		{"authorized party is another", claim("azp", "another"), nil, "authorized_party"},
		{"alg none", sign(func(_ *openidtest.Provider, _, c openidtest.Claims) string {
			return openidtest.Unsigned(openidtest.Claims{"alg": "none"}, c) + "."
		}), nil, "id_token"},
		{"HS256 with the public key", sign(func(p *openidtest.Provider, _, c openidtest.Claims) string {
			text := openidtest.Unsigned(openidtest.Claims{"alg": "HS256", "kid": "RS256"}, c)
			mac := hmac.New(sha256.New, p.RSA.N.Bytes())
			mac.Write([]byte(text))
			return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}), nil, "id_token"},
		{"foreign key, named by a header of the token", sign(func(p *openidtest.Provider, h, c openidtest.Claims) string {
			h["jku"], h["jwk"] = p.Issuer+"/evil", openidtest.RSAKey("RS256", &foreign.PublicKey)
			other := openidtest.Provider{RSA: foreign}
			return other.SignTruly(h, c)
		}), nil, "id_token"},
		{"expired", claim("exp", houseStart.Add(-openid.ClockSkewMax).Unix()), nil, "time"},
		{"issued in the future", claim("iat", houseStart.Add(time.Hour).Unix()), nil, "time"},
		{"code used before", nil, func(a *abroad, back string) string {
			used := param(back, "code")
			a.do("GET", back, "", "").is(http.StatusSeeOther)
			delete(a.cookies, secureSession)
			return replaced(a.begin("/api/v1/oidc/acme"), "code", used)
		}, "code"},
		{"state of another browser", nil, func(a *abroad, back string) string {
			mine := a.cookies[secureTicketCookie]
			theirs := a.begin("/api/v1/oidc/acme")
			a.cookies[secureTicketCookie] = mine
			return theirs
		}, "state"},
		{"code of another sign-in, PKCE not checked", func(a *abroad) { a.provider.Lies.AnyVerifier = true }, func(a *abroad, back string) string {
			return replaced(a.begin("/api/v1/oidc/acme"), "code", param(back, "code"))
		}, "nonce"},
		{"answer of another service", redirect(func(q url.Values) { q.Set("iss", "https://login.example") }), nil, "issuer_parameter"},
		{"keys swapped", func(a *abroad) {
			a.provider.Lies.Keys = func(*openidtest.Provider, []openidtest.Claims) []openidtest.Claims {
				return []openidtest.Claims{openidtest.RSAKey("RS256", &foreign.PublicKey)}
			}
		}, nil, "id_token"},
		{"about somebody else besides", func(a *abroad) {
			a.provider.Lies.Token = func(c openidtest.Claims) { delete(c, "email") }
			a.provider.Lies.UserInfo = func(c openidtest.Claims) { c["sub"] = "subject-2" }
		}, nil, "userinfo_subject"},
	}
	held := 0
	for _, test := range lies {
		passed := t.Run(test.name, func(t *testing.T) {
			a := newAbroad(t)
			a.linkTo("ann")
			if test.lie != nil {
				test.lie(a)
			}
			back := a.begin("/api/v1/oidc/acme")
			if test.change != nil {
				back = test.change(a, back)
			}
			p := a.do("GET", back, "", "").problem(http.StatusUnauthorized, "unauthenticated")
			if !strings.Contains(p.Detail, "Acme") || a.cookies[secureSession] != "" {
				t.Errorf("%q, cookies %v", p.Detail, a.cookies)
			}
			if counts := a.refusals(); len(counts) != 1 || counts["acme "+test.why] != 1 {
				t.Errorf("audit: %v, want acme %s", counts, test.why)
			}
		})
		if passed {
			held++
		}
	}
	t.Logf("lying identity provider: %d/%d", held, len(lies))
}

// A ticket is good once, and only as long as it says; an unverified address makes nobody a user.
func TestTicketsAndUnverifiedAddresses(t *testing.T) {
	a := newAbroad(t, func(s *identity.SignInService) { s.CreateUsers = true })
	a.provider.Person["email"], a.provider.Person["email_verified"] = "new@example.com", false
	a.do("GET", a.begin("/api/v1/oidc/acme"), "", "").problem(http.StatusUnauthorized, "unauthenticated")
	if _, err := a.store.UserByEmail(t.Context(), "new@example.com"); !fault.Is(err, fault.NotFound) {
		t.Errorf("made a user of an unverified address: %v", err)
	}
	a.linkTo("ann")
	back := a.begin("/api/v1/oidc/acme")
	ticket := a.cookies[secureTicketCookie]
	a.provider.Lies.CodesForEver = true
	a.do("GET", back, "", "").is(http.StatusSeeOther)
	a.cookies[secureTicketCookie] = ticket
	a.do("GET", back, "", "").problem(http.StatusUnauthorized, "unauthenticated")
	delete(a.cookies, secureSession)
	back = a.begin("/api/v1/oidc/acme")
	a.clock.advance(identity.TicketAgeMax)
	if to := a.do("GET", back, "", "text/html").is(http.StatusSeeOther).Header().Get("Location"); to != "/sign-in?trouble=over&with=acme" {
		t.Errorf("sent to %s", to)
	}
	if counts := a.refusals(); counts["acme unverified"] != 1 || counts["acme used"] != 1 || counts["acme ticket"] != 1 {
		t.Errorf("audit: %v", counts)
	}
}
