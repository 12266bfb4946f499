package openid_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/identity/openid"
	"folioscope/internal/identity/openid/openidtest"
)

var start = time.Date(2026, 3, 2, 14, 30, 0, 0, time.UTC)

const callback = "https://folio.example/api/v1/oidc/acme/callback"

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func settings(p *openidtest.Provider, at *clock) openid.Settings {
	return openid.Settings{
		Issuer: p.Issuer, ClientID: openidtest.ClientID, ClientSecret: openidtest.ClientSecret, RedirectURL: callback, Scopes: []string{"profile", "email"},
		Client: &http.Client{Transport: http.DefaultTransport}, Random: rand.Reader, Now: at.Now,
	}
}

func newPair(t *testing.T) (*openidtest.Provider, *openid.Service, *clock) {
	at := &clock{now: start}
	p := openidtest.New(t, at.Now)
	return p, openid.New(settings(p, at)), at
}

// visit goes to the service as a browser does and gives the query it is sent back with.
func visit(t *testing.T, address string) string {
	t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	back, err := answer.Location()
	if err != nil {
		t.Fatalf("%s: %s, %v", address, answer.Status, err)
	}
	if !strings.HasPrefix(back.String(), callback+"?") {
		t.Fatalf("sent back to %s", back)
	}
	return back.RawQuery
}

func signIn(t *testing.T, s *openid.Service, fresh bool) (openid.Person, error) {
	t.Helper()
	address, secrets, err := s.Begin(t.Context(), fresh)
	if err != nil {
		return openid.Person{}, err
	}
	answer, err := openid.ParseAnswer(visit(t, address))
	if err != nil {
		t.Fatal(err)
	}
	return s.Finish(t.Context(), secrets, answer)
}

func TestHonestServicesAreBelieved(t *testing.T) {
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			p, s, _ := newPair(t)
			p.Signing = algorithm
			person, err := signIn(t, s, false)
			want := openid.Person{Issuer: p.Issuer, Subject: "subject-1", Email: "ann@example.com", EmailVerified: true, Name: "Ann Example"}
			if err != nil || person != want {
				t.Fatalf("%+v, %v", person, err)
			}
		})
	}
}

func TestWhatIsAskedOfAService(t *testing.T) {
	_, s, _ := newPair(t)
	seen := map[string]bool{}
	for range 20 {
		address, secrets, err := s.Begin(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q, sum := u.Query(), sha256.Sum256([]byte(secrets.Verifier))
		for name, want := range map[string]string{
			"response_type": "code", "client_id": openidtest.ClientID, "redirect_uri": callback, "scope": "openid profile email", "state": secrets.State, "nonce": secrets.Nonce,
			"code_challenge_method": "S256", "code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "prompt": "login", "max_age": "0",
		} {
			if q.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, q.Get(name), want)
			}
		}
		for _, secret := range []string{secrets.State, secrets.Nonce, secrets.Verifier} {
			if len(secret) != 43 || seen[secret] {
				t.Errorf("secret %q", secret)
			}
			seen[secret] = true
		}
	}
}

// Every lie has its reason, so that none is refused for the wrong one.
func TestLiesAreRefused(t *testing.T) {
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(name string, value any) openidtest.Lies {
		return openidtest.Lies{Token: func(c openidtest.Claims) { c[name] = value }}
	}
	without := func(name string) openidtest.Lies {
		return openidtest.Lies{Token: func(c openidtest.Claims) { delete(c, name) }}
	}
	signed := func(sign func(p *openidtest.Provider, header, claims openidtest.Claims) string) openidtest.Lies {
		return openidtest.Lies{Sign: sign}
	}
	for _, test := range []struct {
		name   string
		lies   openidtest.Lies
		reason openid.Reason
		cause  string
	}{
		{"nonce of another", claim("nonce", "another"), openid.WrongNonce, ""},
		{"no nonce", claim("nonce", ""), openid.WrongNonce, ""},
		{"for another client", claim("aud", "another"), openid.WrongToken, "audience"},
		{"for several clients, no party", claim("aud", []string{openidtest.ClientID, "another"}), openid.WrongParty, ""},
		{"party is another", claim("azp", "another"), openid.WrongParty, ""},
		{"of another issuer", claim("iss", "https://login.example"), openid.WrongToken, "different provider"},
		{"expired", claim("exp", start.Add(-openid.ClockSkewMax).Unix()), openid.WrongTime, "expired"},
		{"never expires", without("exp"), openid.WrongTime, "expired"},
		{"issued in the future", claim("iat", start.Add(openid.ClockSkewMax+time.Second).Unix()), openid.WrongTime, "future"},
		{"valid in the future", claim("nbf", start.Add(openid.ClockSkewMax+time.Second).Unix()), openid.WrongTime, "future"},
		{"issued before it was asked for", claim("iat", start.Add(-openid.ClockSkewMax-time.Second).Unix()), openid.WrongTime, "older"},
		{"issued at no time", without("iat"), openid.WrongTime, "older"},
		{"access token of another", claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), openid.WrongAccessHash, ""},
		{"no subject", claim("sub", ""), openid.WrongClaims, ""},
		{"long subject", claim("sub", strings.Repeat("s", 256)), openid.WrongClaims, ""},
		{"e-mail is no text", claim("email", 7), openid.WrongClaims, ""},
		{"verified is neither", claim("email_verified", "perhaps"), openid.WrongClaims, ""},
		{"not signed", signed(func(_ *openidtest.Provider, _, claims openidtest.Claims) string {
			return openidtest.Unsigned(openidtest.Claims{"alg": "none"}, claims) + "."
		}), openid.WrongToken, "algorithm"},
		{"signed with the public key as a secret", signed(func(p *openidtest.Provider, _, claims openidtest.Claims) string {
			text := openidtest.Unsigned(openidtest.Claims{"alg": "HS256", "kid": "RS256"}, claims)
			public, err := x509.MarshalPKIXPublicKey(&p.RSA.PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
			mac.Write([]byte(text))
			return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}), openid.WrongToken, "algorithm"},
		{"another key under a known name", signed(func(p *openidtest.Provider, header, claims openidtest.Claims) string {
			other := openidtest.Provider{RSA: foreign}
			return other.SignTruly(header, claims)
		}), openid.WrongToken, "signature"},
		{"unknown key", signed(func(p *openidtest.Provider, header, claims openidtest.Claims) string {
			header["kid"] = "nobody's"
			return p.SignTruly(header, claims)
		}), openid.WrongToken, "signature"},
		{"key in the token itself", signed(func(_ *openidtest.Provider, header, claims openidtest.Claims) string {
			header["jwk"], header["kid"] = openidtest.RSAKey("RS256", &foreign.PublicKey), "mine"
			other := openidtest.Provider{RSA: foreign}
			return other.SignTruly(header, claims)
		}), openid.WrongToken, "signature"},
		{"keys swapped", openidtest.Lies{Keys: func(*openidtest.Provider, []openidtest.Claims) []openidtest.Claims {
			return []openidtest.Claims{openidtest.RSAKey("RS256", &foreign.PublicKey)}
		}}, openid.WrongToken, "signature"},
		{"no token", openidtest.Lies{Answer: func(a openidtest.Claims) { delete(a, "id_token") }}, openid.WrongToken, "none"},
		{"answer names another service", openidtest.Lies{Redirect: func(q url.Values) { q.Set("iss", "https://login.example") }}, openid.WrongIssuerParam, ""},
		{"answer names no service though they do", openidtest.Lies{Redirect: func(q url.Values) { q.Del("iss") }}, openid.WrongIssuerParam, ""},
		{"state of another", openidtest.Lies{Redirect: func(q url.Values) { q.Set("state", "another") }}, openid.WrongState, ""},
		{"unknown code", openidtest.Lies{Redirect: func(q url.Values) { q.Set("code", "another") }}, openid.WrongCode, "400"},
		{"declined", openidtest.Lies{Redirect: func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }}, openid.Declined, "access_denied"},
		{"somebody else besides", openidtest.Lies{
			Token:    func(c openidtest.Claims) { delete(c, "email") },
			UserInfo: func(c openidtest.Claims) { c["sub"] = "subject-2" },
		}, openid.WrongSubject, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, s, _ := newPair(t)
			p.Lies = test.lies
			person, err := signIn(t, s, false)
			refusal, ok := errors.AsType[*openid.Refusal](err)
			if !ok || refusal.Reason != test.reason || !strings.Contains(err.Error(), test.cause) || person != (openid.Person{}) {
				t.Errorf("%+v, %v, want %s: %s", person, err, test.reason, test.cause)
			}
		})
	}
}

// A header that names an address of keys is never followed.
func TestKeysComeFromTheIssuerAlone(t *testing.T) {
	p, s, at := newPair(t)
	evil := openidtest.New(t, at.Now)
	evil.RSA, _ = rsa.GenerateKey(rand.Reader, 2048)
	for _, header := range []string{"jku", "x5u"} {
		p.Lies.Sign = func(_ *openidtest.Provider, h, claims openidtest.Claims) string {
			h[header], h["kid"] = evil.Issuer+"/keys", "RS256"
			return evil.SignTruly(h, claims)
		}
		if _, err := signIn(t, s, false); err == nil {
			t.Errorf("%s was followed", header)
		}
	}
	if n := evil.Asked.Load(); n != 0 {
		t.Errorf("%d requests reached the address in the header", n)
	}
}

// A code of somebody else's sign-in, put into an answer to ours, falls over the nonce even where the service forgets PKCE.
func TestInjectedCodeIsRefused(t *testing.T) {
	p, s, _ := newPair(t)
	p.Lies.AnyVerifier = true
	theirs, _, err := s.Begin(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	injected, err := openid.ParseAnswer(visit(t, theirs))
	if err != nil {
		t.Fatal(err)
	}
	_, secrets, err := s.Begin(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	injected.State = secrets.State
	_, err = s.Finish(t.Context(), secrets, injected)
	if refusal, ok := errors.AsType[*openid.Refusal](err); !ok || refusal.Reason != openid.WrongNonce {
		t.Errorf("got %v", err)
	}
}

func TestAServiceThatWasToldToAskAgainSaysWhen(t *testing.T) {
	p, s, _ := newPair(t)
	if _, err := signIn(t, s, true); err != nil {
		t.Fatal(err)
	}
	p.Lies.Token = func(c openidtest.Claims) { c["auth_time"] = start.Add(-time.Hour).Unix() }
	_, err := signIn(t, s, true)
	if refusal, ok := errors.AsType[*openid.Refusal](err); !ok || refusal.Reason != openid.NotAskedAgain {
		t.Errorf("an hour ago is now: %v", err)
	}
	p.Lies.Token = func(c openidtest.Claims) { delete(c, "auth_time") }
	if _, err := signIn(t, s, true); err == nil {
		t.Error("it doesn't say when")
	}
}

func TestSecondFactorsOfServices(t *testing.T) {
	p, s, _ := newPair(t)
	for _, test := range []struct {
		methods any
		class   string
		want    bool
	}{
		{[]string{"pwd"}, "", false}, {[]string{"pwd", "otp", "mfa"}, "", true}, {"mfa", "", true}, {nil, "0", false}, {nil, "phr", true}, {[]string{"MFA"}, "PHR", false},
	} {
		p.Person["amr"], p.Person["acr"] = test.methods, test.class
		person, err := signIn(t, s, false)
		if err != nil || person.SecondFactor != test.want {
			t.Errorf("%v %q: %v, %v", test.methods, test.class, person.SecondFactor, err)
		}
	}
}

func TestDescriptionsThatAreNone(t *testing.T) {
	elsewhere := openidtest.New(t, (&clock{now: start}).Now)
	describe := func(name string, value any) openidtest.Lies {
		return openidtest.Lies{Discovery: func(d openidtest.Claims) { d[name] = value }}
	}
	for _, test := range []struct {
		name string
		lies openidtest.Lies
		want string
	}{
		{"another issuer", describe("issuer", "https://login.example"), "did not match the issuer"},
		{"plain elsewhere", describe("token_endpoint", "http://login.example/token"), "token_endpoint is not HTTPS"},
		{"no address of keys", describe("jwks_uri", nil), "jwks_uri is no address"},
		{"a file", describe("authorization_endpoint", "file:///etc/passwd"), "authorization_endpoint is no address"},
		{"a script", describe("end_session_endpoint", "javascript://x/%0aalert(1)"), "end_session_endpoint is not HTTPS"},
		{"moved", openidtest.Lies{Describe: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.Issuer+r.URL.Path, http.StatusFound)
		}}, "a redirect"},
		{"huge", openidtest.Lies{Describe: func(w http.ResponseWriter, _ *http.Request) {
			for range 3 << 10 {
				if _, err := w.Write([]byte(strings.Repeat(" ", 1<<10))); err != nil {
					return
				}
			}
		}}, "too large"},
		{"slow", openidtest.Lies{Describe: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}}, "unable to read response body"},
		{"broken", openidtest.Lies{Describe: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }}, "502"},
		{"no JSON", openidtest.Lies{Describe: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }}, "decode"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, s, _ := newPair(t)
			p.Lies = test.lies
			_, _, err := s.Begin(t.Context(), false)
			if !fault.Is(err, fault.Unavailable) || !strings.Contains(errors.Unwrap(err).Error(), test.want) {
				t.Errorf("got %v", errors.Unwrap(err))
			}
		})
	}
	if n := elsewhere.Asked.Load(); n != 0 {
		t.Errorf("%d requests followed the redirect", n)
	}
}

func TestDescriptionsAreKeptForAWhile(t *testing.T) {
	p, s, at := newPair(t)
	begin := func() error { _, _, err := s.Begin(t.Context(), false); return err }
	asked := func(want int64) {
		t.Helper()
		if n := p.Asked.Load(); n != want {
			t.Errorf("asked %d times, want %d", n, want)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Begin(gone, false); err != nil {
		t.Errorf("whoever left took the answer with them: %v", err)
	}
	for range 5 {
		if err := begin(); err != nil {
			t.Fatal(err)
		}
	}
	asked(1)
	at.advance(time.Hour)
	p.Lies.Describe = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	for range 5 {
		if err := begin(); !fault.Is(err, fault.Unavailable) {
			t.Fatalf("got %v", err)
		}
	}
	asked(2)
	p.Lies = openidtest.Lies{}
	at.advance(10 * time.Second)
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	asked(3)
}

func TestKeysAreReplaced(t *testing.T) {
	p, s, _ := newPair(t)
	if _, err := signIn(t, s, false); err != nil {
		t.Fatal(err)
	}
	next, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.RSA = next
	p.Lies.Keys = func(*openidtest.Provider, []openidtest.Claims) []openidtest.Claims {
		return []openidtest.Claims{openidtest.RSAKey("next", &next.PublicKey)}
	}
	p.Lies.Sign = func(p *openidtest.Provider, header, claims openidtest.Claims) string {
		header["kid"] = "next"
		return p.SignTruly(header, claims)
	}
	if _, err := signIn(t, s, false); err != nil {
		t.Fatal(err)
	}
}

func TestSignOutAddress(t *testing.T) {
	p, s, _ := newPair(t)
	got := s.SignOutAddress(t.Context(), "https://folio.example/sign-in")
	want := p.Issuer + "/end?client_id=folioscope&post_logout_redirect_uri=https%3A%2F%2Ffolio.example%2Fsign-in"
	if got != want {
		t.Errorf("got %s", got)
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, query := range []string{
		"state=s&code=c", "state=s&code=c&iss=https%3A%2F%2Flogin.example", "state=s&error=access_denied&error_description=No", "state=s&state=t&code=c", "state=s&code=c&error=e",
		"state=s", "", "%zz", "state=%00&code=c", "state=s;code=c", "state=s&code=" + strings.Repeat("c", 5000),
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		a, err := openid.ParseAnswer(query)
		if err != nil {
			if !fault.Is(err, fault.Invalid) || a != (openid.Answer{}) {
				t.Fatalf("%q: %+v, %v", query, a, err)
			}
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil || len(values["state"]) != 1 || len(values["code"])+len(values["error"]) == 0 || a.State == "" || (a.Code == "") == (a.Error == "") {
			t.Fatalf("%q: %+v, %v", query, a, err)
		}
		for _, text := range []string{a.State, a.Code, a.Issuer, a.Error} {
			if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) || len(text) > 4<<10 {
				t.Fatalf("%q gives %q", query, text)
			}
		}
		if a.Answers(openid.Secrets{}) || !a.Answers(openid.Secrets{State: a.State}) {
			t.Fatalf("%q answers nobody, or everybody", query)
		}
	})
}
