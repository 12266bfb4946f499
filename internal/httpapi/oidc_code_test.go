package httpapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"folioscope/internal/identity"
)

// enrol sets up an authenticator app for somebody, who then has the session that it was set up in, and gives its key.
func (h *house) enrol(name string) string {
	h.t.Helper()
	key := into[Enrolment](h.ask(name, "POST", "/api/v1/me/second-factor", "").is(http.StatusOK)).Secret
	h.ask(name, "POST", "/api/v1/me/second-factor/confirm", `{"totp":"`+h.code(key)+`"}`).is(http.StatusOK)
	return key
}

// waitForCode signs in at the service up to where the code is asked for.
func (a *abroad) waitForCode(path string) {
	a.t.Helper()
	if to := a.do("GET", a.begin(path), "", "text/html").is(http.StatusSeeOther).Header().Get("Location"); to != "/sign-in/code?to=%2Fholdings" {
		a.t.Fatalf("sent to %s", to)
	}
}

func (a *abroad) finish(code string) *reply {
	a.t.Helper()
	return a.do("POST", "/api/v1/session/code", `{"totp":"`+code+`"}`, "")
}

// A second factor that is set up here is asked for after a service, and what waits for it opens nothing, ends, and is good once.
func TestCodeAfterAService(t *testing.T) {
	a := newAbroad(t)
	a.linkTo("ann")
	key := a.enrol("ann")
	a.clock.advance(identity.TicketAgeMax / 5)

	a.finish(a.code(key)).problem(http.StatusUnauthorized, "unauthenticated") // nobody has been at the service
	a.begin("/api/v1/oidc/acme")
	a.finish(a.code(key)).problem(http.StatusUnauthorized, "unauthenticated") // a ticket of the way there

	a.waitForCode("/api/v1/oidc/acme")
	a.do("GET", "/api/v1/me", "", "").problem(http.StatusUnauthorized, "unauthenticated")
	if p := a.finish("000000").problem(http.StatusUnauthorized, "unauthenticated"); p.SecondFactor != "required" {
		t.Errorf("%+v", p)
	}
	ticket := a.cookies[secureTicketCookie]
	a.finish(a.code(key)).is(http.StatusOK)
	var me User
	must(t, json.Unmarshal(a.do("GET", "/api/v1/me", "", "").is(http.StatusOK).Body.Bytes(), &me))
	if me.Email != "ann@example.com" {
		t.Errorf("signed in as %+v", me)
	}
	delete(a.cookies, secureSession)
	a.cookies[secureTicketCookie] = ticket
	a.clock.advance(identity.TicketAgeMax / 10)
	a.finish(a.code(key)).problem(http.StatusUnauthorized, "unauthenticated") // the same ticket

	a.waitForCode("/api/v1/oidc/acme")
	a.clock.advance(identity.TicketAgeMax)
	a.finish(a.code(key)).problem(http.StatusUnauthorized, "unauthenticated") // too late

	a.waitForCode("/api/v1/oidc/acme")
	a.signIn("desk", "ann@example.com", a.code(key)).is(http.StatusOK)
	a.clock.advance(identity.TicketAgeMax / 10)
	links := into[LinkedSignIns](a.ask("desk", "GET", "/api/v1/me/sign-ins", ""))
	a.ask("desk", "DELETE", "/api/v1/me/sign-ins/"+links.Items[0].ID, "").is(http.StatusNoContent)
	a.finish(a.code(key)).problem(http.StatusUnauthorized, "unauthenticated") // the link has ended meanwhile
}

// Who shows again at the service who they are is asked for the code here too.
func TestCodeAfterAStepUpAtAService(t *testing.T) {
	a := newAbroad(t)
	a.linkTo("ann")
	key := a.enrol("ann")
	a.cookies[secureSession] = a.people["ann"].cookie
	a.clock.advance(identity.StepUpAgeMax)
	const risky = "/api/v1/me/sessions"
	a.do("DELETE", risky, "", "").problem(http.StatusForbidden, "denied")
	a.waitForCode("/api/v1/session/step-up/acme")
	a.do("DELETE", risky, "", "").problem(http.StatusForbidden, "denied")

	mine := a.cookies[secureSession]
	a.cookies[secureSession] = a.people["bob"].cookie
	a.finish(a.code(key)).problem(http.StatusUnauthorized, "unauthenticated") // it is ann's
	a.cookies[secureSession] = mine
	a.finish(a.code(key)).is(http.StatusOK)
	if a.cookies[secureSession] == mine {
		t.Error("the session kept its secret")
	}
	a.do("DELETE", risky, "", "").is(http.StatusNoContent)
}

// Where the operator takes a service's word for a second factor, it counts as one: nothing is asked for, and a role that needs one is
// content. Where the service says nothing of one, or the operator doesn't take its word, it doesn't.
func TestSecondFactorOfAService(t *testing.T) {
	for name, c := range map[string]struct {
		taken  bool
		amr    []string
		counts bool
	}{
		"taken and shown":       {true, []string{"pwd", "mfa"}, true},
		"taken, but not shown":  {true, []string{"pwd"}, false},
		"shown, but not taken":  {false, []string{"pwd", "mfa"}, false},
		"neither taken nor so":  {false, nil, false},
		"a word that isn't one": {true, []string{"otp-like"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAbroad(t, func(s *identity.SignInService) { s.SecondFactor = c.taken })
			a.linkTo("root")
			if c.amr != nil {
				a.provider.Person["amr"] = c.amr
			}
			a.do("GET", a.begin("/api/v1/oidc/acme"), "", "text/html").is(http.StatusSeeOther)
			var me User
			must(t, json.Unmarshal(a.do("GET", "/api/v1/me", "", "").is(http.StatusOK).Body.Bytes(), &me))
			if me.MustEnrol == c.counts {
				t.Errorf("must enrol: %t", me.MustEnrol)
			}
			users := a.do("GET", "/api/v1/admin/users", "", "")
			if c.counts {
				users.is(http.StatusOK)
			} else if p := users.problem(http.StatusForbidden, "denied"); p.SecondFactor != "enrol" {
				t.Errorf("%+v", p)
			}
		})
	}
}

// Signing out goes on at the service where the operator wants it and the service has a page for it, and only for sessions that came from
// there.
func TestSigningOutGoesOnAtTheService(t *testing.T) {
	wanted := func(s *identity.SignInService) { s.SignOut = true }
	out := func(a *abroad) string {
		a.t.Helper()
		answer := a.do("DELETE", "/api/v1/session", "", "").is(http.StatusNoContent)
		a.do("GET", "/api/v1/me", "", "").problem(http.StatusUnauthorized, "unauthenticated")
		return answer.Header().Get("Sign-Out-At")
	}
	signedIn := func(t *testing.T, change ...func(*identity.SignInService)) *abroad {
		a := newAbroad(t, change...)
		a.linkTo("ann")
		a.do("GET", a.begin("/api/v1/oidc/acme"), "", "text/html").is(http.StatusSeeOther)
		return a
	}

	a := signedIn(t, wanted)
	address, err := url.Parse(out(a))
	must(t, err)
	if got := address.Scheme + "://" + address.Host + address.Path; got != a.provider.Issuer+"/end" {
		t.Errorf("sent to %s", got)
	}
	if q := address.Query(); q.Get("client_id") != "folioscope" || q.Get("post_logout_redirect_uri") != "https://folio.example/sign-in" {
		t.Errorf("sent with %s", address.RawQuery)
	}

	if a = signedIn(t); out(a) != "" {
		t.Error("sent there although the operator doesn't want it")
	}
	a = signedIn(t, wanted)
	a.cookies[secureSession] = a.people["bob"].cookie
	if to := out(a); to != "" {
		t.Errorf("sent to %s from a session that never was there", to)
	}
	a = signedIn(t, wanted)
	a.provider.Close()
	a.clock.advance(identity.SessionIdleMax / 2) // what was known of it is too old
	if to := out(a); to != "" {
		t.Errorf("sent to %s, where nobody is", to)
	}
}
