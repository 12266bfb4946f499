package httpapi

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/identity/passkeytest"
	"folioscope/internal/ledger"
)

const passkeyOrigin = "https://folio.example"

func newPasskeyHouse(t *testing.T) *house {
	t.Helper()
	party, err := identity.NewRelyingParty(passkeyOrigin)
	must(t, err)
	return newHouse(t, func(o *Options) {
		o.Identity = identity.NewService(identity.Options{
			Store: o.Store.(identity.Store), Hasher: houseHasher(t), Random: o.Random, Now: o.Now, Log: o.Log, RelyingParty: party,
		})
	})
}

func (h *house) options(as, path string) []byte {
	h.t.Helper()
	return into[PasskeyOptions](h.ask(as, "POST", path, "").is(http.StatusOK)).Options.RawMessage
}

func (h *house) addPasskey(as, key string) (*passkeytest.Device, NewPasskey) {
	h.t.Helper()
	d := passkeytest.New(passkeyOrigin, "folio.example")
	body := `{"name":"Phone","credential":` + string(d.Create(h.options(as, "/api/v1/me/passkeys/options"), passkeytest.Lie{})) + `}`
	return d, into[NewPasskey](h.ask(as, "POST", "/api/v1/me/passkeys", body, once(key)).is(http.StatusCreated))
}

// A passkey from its making to its end: it signs in alone, stands beside the password, and confirms who somebody is.
func TestPasskeyOverHTTP(t *testing.T) {
	h := newPasskeyHouse(t)
	d, made := h.addPasskey("ann", "first")
	if len(made.RecoveryCodes) != 10 || made.Name != "Phone" || !made.Synced {
		t.Fatalf("%+v", made)
	}
	answer := string(d.Get(h.options("", "/api/v1/session/passkey/options"), passkeytest.Lie{}))
	in := h.ask("", "POST", "/api/v1/session/passkey", `{"credential":`+answer+`}`).is(http.StatusOK)
	if h.keep("phone", in); deviceOf(in) == nil {
		t.Error("the browser is not remembered")
	}
	h.ask("", "POST", "/api/v1/session/passkey", `{"credential":`+answer+`}`).problem(http.StatusUnauthorized, "unauthenticated")
	p := h.signIn("", "ann@example.com", "").problem(http.StatusUnauthorized, "unauthenticated")
	if p.SecondFactor != "required" || p.Passkey == nil {
		t.Fatalf("%+v", p)
	}
	h.ask("", "POST", "/api/v1/session", `{"email":"ann@example.com","password":"`+housePassword+`","passkey":`+string(d.Get(p.Passkey.RawMessage, passkeytest.Lie{}))+`}`).is(http.StatusOK)
	h.signIn("lost", "ann@example.com", made.RecoveryCodes[0]).is(http.StatusOK)
	h.clock.advance(identity.StepUpAgeMax)
	p = h.ask("phone", "DELETE", "/api/v1/me/passkeys/"+made.ID, "").problem(http.StatusForbidden, "denied")
	h.keep("phone", h.ask("phone", "POST", "/api/v1/session/step-up", `{"passkey":`+string(d.Get(p.Passkey.RawMessage, passkeytest.Lie{}))+`}`).is(http.StatusOK))
	h.ask("phone", "PATCH", "/api/v1/me/passkeys/"+made.ID, `{"name":"Old phone"}`).is(http.StatusOK)
	if all := into[Passkeys](h.ask("phone", "GET", "/api/v1/me/passkeys", "")); len(all.Items) != 1 || all.Items[0].Name != "Old phone" || all.Items[0].SeenAt == nil || !all.Available {
		t.Fatalf("%+v", all)
	}
	h.ask("phone", "DELETE", "/api/v1/me/passkeys/"+made.ID, "").is(http.StatusNoContent)
	h.signIn("ann", "ann@example.com", "").is(http.StatusOK)
}

// Whatever a device lies about, it is told so, nothing is opened, and a row says why.
func TestLyingAuthenticators(t *testing.T) {
	for name, lie := range map[string]passkeytest.Lie{
		"another kind of answer": {Type: "webauthn.create"}, "a challenge of its own": {Challenge: base64.RawURLEncoding.EncodeToString(make([]byte, 56))},
		"a short challenge": {Challenge: "AAAA"}, "another origin": {Origin: "https://evil.example"}, "plain HTTP": {Origin: "http://folio.example"}, "another site": {RPID: "evil.example"},
		"the user handle of another": {UserHandle: []byte("owner-bob")}, "a user handle that is no text": {UserHandle: []byte{0, 255}}, "an unknown passkey": {ID: []byte("unknown")},
		"nobody verified": {Unverified: true}, "nobody there": {NoUser: true}, "another key": {Other: true}, "a frame of another site": {Crossed: true}, "a part of the data": {Cut: 1}, "a byte too many": {Trailing: true},
	} {
		h := newPasskeyHouse(t)
		d, _ := h.addPasskey("ann", "first")
		a := h.ask("", "POST", "/api/v1/session/passkey", `{"credential":`+string(d.Get(h.options("", "/api/v1/session/passkey/options"), lie))+`}`)
		if a.Code != http.StatusUnauthorized || len(a.Result().Cookies()) != 0 {
			t.Errorf("%s: %d %s", name, a.Code, a.Body)
		}
		found := false
		for _, owner := range []string{"owner-ann", "owner-bob", ""} {
			rows, err := h.store.Audits(t.Context(), ledger.OwnerID(owner), 0, 1000)
			must(t, err)
			for _, row := range rows {
				found = found || row.Action == audit.PasskeyRefused
			}
		}
		if !found {
			t.Errorf("%s: no row", name)
		}
	}
	for name, lie := range map[string]passkeytest.Lie{
		"another kind of answer": {Type: "webauthn.get"}, "another origin": {Origin: "https://evil.example"}, "another site": {RPID: "evil.example"}, "an unknown algorithm": {Algorithm: passkeytest.Unknown},
		"nobody verified": {Unverified: true}, "cut CBOR": {Cut: 5}, "a byte too many": {Trailing: true},
	} {
		h := newPasskeyHouse(t)
		d := passkeytest.New(passkeyOrigin, "folio.example")
		body := `{"name":"Phone","credential":` + string(d.Create(h.options("ann", "/api/v1/me/passkeys/options"), lie)) + `}`
		if a := h.ask("ann", "POST", "/api/v1/me/passkeys", body, once("k")); a.Code != http.StatusUnprocessableEntity {
			t.Errorf("making, %s: %d %s", name, a.Code, a.Body)
		}
		if all := into[Passkeys](h.ask("ann", "GET", "/api/v1/me/passkeys", "")); len(all.Items) != 0 {
			t.Errorf("making, %s: %+v", name, all)
		}
	}
	h := newPasskeyHouse(t)
	d, _ := h.addPasskey("ann", "first")
	d.Counter = 1
	a := h.ask("", "POST", "/api/v1/session/passkey", `{"credential":`+string(d.Get(h.options("", "/api/v1/session/passkey/options"), passkeytest.Lie{}))+`}`)
	if p := a.problem(http.StatusUnauthorized, "unauthenticated"); !strings.Contains(p.Detail, "backwards") {
		t.Errorf("%+v", p)
	}
}
