package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity/passkeytest"
	"folioscope/internal/ledger"
)

// passkeyFake knows one user with passkeys.
type passkeyFake struct {
	fakeStore
	keys []Passkey
}

func (f *passkeyFake) User(_ context.Context, owner ledger.OwnerID) (User, error) {
	if owner != f.user.ID {
		return User{}, fault.New(fault.NotFound, "no such user")
	}
	return f.user, nil
}

func (f *passkeyFake) Passkeys(context.Context, ledger.OwnerID) ([]Passkey, error) {
	return f.keys, nil
}

func (f *passkeyFake) Vouch(purpose, text string) [32]byte {
	return sha256.Sum256([]byte(purpose + " " + text))
}

func newPasskeyService(t testing.TB) (*Service, *passkeyFake) {
	t.Helper()
	party, err := NewRelyingParty("https://folio.example")
	if err != nil {
		t.Fatal(err)
	}
	store := &passkeyFake{fakeStore: fakeStore{user: User{ID: "anna", Email: "anna@example.test", Status: Active}}}
	return NewService(Options{Store: store, Random: rand.Reader, Now: time.Now, Log: slog.New(slog.DiscardHandler), RelyingParty: party}), store
}

func TestSitesOfPasskeys(t *testing.T) {
	for origin, want := range map[string]bool{
		"https://folio.example": true, "https://folio.example:8443": true, "https://Folio.Example": true, "http://localhost:8080": true, "https://localhost": true,
		"http://folio.example": false, "http://127.0.0.1:8080": false, "https://192.0.2.1": false, "https://[2001:db8::1]": false, "https://": false, "folio.example": false, "": false,
	} {
		if _, err := NewRelyingParty(origin); (err == nil) != want || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", origin, err)
		}
	}
}

func TestWithoutASiteThereAreNoPasskeys(t *testing.T) {
	s, _ := newPasskeyService(t)
	s.party = nil
	_, starting := s.StartPasskeySignIn()
	_, signing := s.SignInWithPasskey(t.Context(), json.RawMessage("{}"), Request{})
	_, making := s.StartPasskey(t.Context(), Session{Owner: "anna"})
	_, adding := s.AddPasskey(t.Context(), Session{Owner: "anna"}, "Phone", json.RawMessage("{}"), Request{}, nil)
	for name, err := range map[string]error{"start": starting, "sign in": signing, "make": making, "add": adding} {
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked, err := s.AskPasskey(t.Context(), "anna"); asked != nil || err != nil {
		t.Errorf("%s, %v", asked, err)
	}
}

// FuzzPasskeyAnswer: whatever is said, nobody gets in without the key, and each try leaves a row.
func FuzzPasskeyAnswer(f *testing.F) {
	s, store := newPasskeyService(f)
	owners, thieves := passkeytest.New("https://folio.example", "folio.example"), passkeytest.New("https://folio.example", "folio.example")
	options, err := s.StartPasskey(f.Context(), Session{Owner: "anna"})
	if err != nil {
		f.Fatal(err)
	}
	kept, _, why := s.newPasskey(Session{Owner: "anna"}, owners.Create(options, passkeytest.Lie{}))
	if why != "" {
		f.Fatal(why)
	}
	store.keys = []Passkey{kept}
	thieves.Create(options, passkeytest.Lie{})
	begun, err := s.StartPasskeySignIn()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{}`))
	f.Add([]byte(thieves.Get(begun, passkeytest.Lie{})))
	f.Add([]byte(thieves.Get(begun, passkeytest.Lie{ID: kept.ID})))
	f.Add([]byte(thieves.Get(begun, passkeytest.Lie{ID: kept.ID, Cut: 3})))
	f.Fuzz(func(t *testing.T, answer []byte) {
		store.audits = nil
		s.accounts, s.addresses = newThrottle(1, time.Second, 1), newThrottle(1, time.Second, 1) // each as if it were the first
		_, err := s.SignInWithPasskey(t.Context(), answer, Request{})
		if !fault.Is(err, fault.Unauthenticated) || len(store.created) != 0 {
			t.Fatalf("%v, %d sessions", err, len(store.created))
		}
		if len(store.audits) != 1 || store.audits[0].Action != audit.PasskeyRefused {
			t.Fatalf("rows: %+v", store.audits)
		}
	})
}

// FuzzNewPasskey: what is taken can be asked for again, and answers no other challenge.
func FuzzNewPasskey(f *testing.F) {
	s, _ := newPasskeyService(f)
	session := Session{Owner: "anna", Hash: TokenHash{1}}
	options, err := s.StartPasskey(f.Context(), session)
	if err != nil {
		f.Fatal(err)
	}
	for _, lie := range []passkeytest.Lie{{}, {Cut: 5}, {Trailing: true}, {Algorithm: passkeytest.Unknown}} {
		f.Add([]byte(passkeytest.New("https://folio.example", "folio.example").Create(options, lie)))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		made, answered, why := s.newPasskey(session, answer)
		if why != "" {
			return
		}
		if len(made.ID) == 0 || len(made.PublicKey) == 0 || made.Owner != "anna" || answered.EndsAt.IsZero() {
			t.Fatalf("%+v, %+v", made, answered)
		}
		if _, _, why := s.newPasskey(Session{Owner: "anna", Hash: TokenHash{2}}, answer); why != whyOver {
			t.Fatalf("in another session: %q", why)
		}
	})
}
