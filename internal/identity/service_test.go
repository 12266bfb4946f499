package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// fakeStore knows one user and keeps what it is told; what a test doesn't need is missing on purpose.
type fakeStore struct {
	Store
	user    User
	audits  []audit.Entry
	created []Session
	session Session
	touched []time.Time
}

func (f *fakeStore) UserByEmail(_ context.Context, email string) (User, error) {
	if email != f.user.Email {
		return User{}, fault.New(fault.NotFound, "no such user")
	}
	return f.user, nil
}

func (f *fakeStore) RecordAudit(_ context.Context, entry audit.Entry) error {
	f.audits = append(f.audits, entry)
	return nil
}

func (f *fakeStore) TakeAttempts(context.Context, time.Time, []Take) (time.Duration, error) {
	return 0, nil
}

func (f *fakeStore) ReturnAttempts(context.Context, []Take) error { return nil }

func (f *fakeStore) SecondFactor(context.Context, ledger.OwnerID) (SecondFactor, error) {
	return SecondFactor{}, nil
}

func (f *fakeStore) OpenSession(_ context.Context, session Session, _ *Spend, _ *Device, write audit.Write) error {
	f.created, f.audits = append(f.created, session), append(f.audits, write.Audit)
	return nil
}

func (f *fakeStore) Session(_ context.Context, owner ledger.OwnerID, hash TokenHash) (Session, error) {
	if owner != f.session.Owner || hash != f.session.Hash {
		return Session{}, fault.New(fault.NotFound, "no such session")
	}
	return f.session, nil
}

func (f *fakeStore) TouchSession(_ context.Context, _ ledger.OwnerID, _ TokenHash, seen time.Time) error {
	f.touched = append(f.touched, seen)
	f.session.SeenAt = seen
	return nil
}

func newTestService(t *testing.T, store Store, hasher *Hasher) *Service {
	t.Helper()
	return NewService(Options{Store: store, Hasher: hasher, Random: rand.Reader, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
}

func TestSignInRecordsWhoWasRefused(t *testing.T) {
	hasher := newTestHasher(t)
	hash, err := hasher.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	store := &fakeStore{user: User{ID: "ann", Email: "ann@example.com", Role: RoleUser, Status: Active, PasswordHash: hash}}
	s := newTestService(t, store, hasher)
	from := Request{ID: "r1", Address: "192.0.2.1"}
	for _, c := range []struct {
		email, password string
		status          Status
		right           bool
	}{
		{"ann@example.com", "wrong", Active, false}, {"bob@example.com", "correct horse battery", Active, false}, {"not an address", "x", Active, false},
		{"ann@example.com", "correct horse battery", Suspended, false}, {"ann@example.com", "correct horse battery", Invited, false}, {"Ann@Example.com", "correct horse battery", Active, true},
	} {
		store.user.Status, store.audits = c.status, nil
		in, err := s.SignIn(t.Context(), c.email, c.password, Second{}, from)
		if (err == nil) != c.right || err != nil && (!fault.Is(err, fault.Unauthenticated) || err.Error() != errWrong().Error()) {
			t.Fatalf("%+v: %v", c, err)
		}
		action, result := audit.SignInFailed, string(fault.Unauthenticated)
		if c.right {
			action, result = audit.SignIn, "ok"
		}
		if len(store.audits) != 1 || store.audits[0].Action != action || store.audits[0].Result != result || store.audits[0].RequestID != "r1" {
			t.Fatalf("%+v: recorded %+v", c, store.audits)
		}
		if !c.right {
			continue
		}
		owner, token, ok := ParseOwnedToken(in.Token)
		if !ok || owner != "ann" || token != store.created[0].Hash || strings.Contains(in.Token, string(in.Session.Hash[:])) {
			t.Fatalf("token %q, session %+v", in.Token, store.created)
		}
	}
}

// For somebody who doesn't exist a hash is worked out, too: with no turn free the answer is the same as for anybody.
func TestUnknownUsersTakeAsLong(t *testing.T) {
	hasher := newTestHasher(t)
	synctest.Test(t, func(t *testing.T) {
		hasher.turns = make(chan struct{}, hashesAtOnce)
		for range hashesAtOnce {
			hasher.turns <- struct{}{}
		}
		s := newTestService(t, &fakeStore{}, hasher)
		for _, email := range []string{"nobody@example.com", "no address at all"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := s.SignIn(ctx, email, "password", Second{}, Request{}); !fault.Is(err, fault.Unavailable) {
				t.Errorf("%s: %v, want unavailable: no hash was worked out", email, err)
			}
			cancel()
		}
	})
}

func TestSessionsEndByAgeAndByIdleness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret, hash, err := NewSecret(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		store := &fakeStore{session: Session{Owner: "ann", Hash: hash, CreatedAt: began, SeenAt: began}}
		s := newTestService(t, store, newTestHasher(t))
		token := OwnedToken("ann", secret)
		use := func() error { _, err := s.Session(t.Context(), token); return err }
		for range 3 {
			if err := use(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second)
		}
		if len(store.touched) != 0 {
			t.Fatalf("noted %d uses within a minute", len(store.touched))
		}
		for time.Since(began) < SessionAgeMax-SessionIdleMax {
			time.Sleep(SessionIdleMax - 2*time.Minute)
			if err := use(); err != nil {
				t.Fatalf("after %v: %v", time.Since(began), err)
			}
		}
		time.Sleep(SessionAgeMax - time.Since(began) - time.Second)
		if err := use(); err != nil {
			t.Fatalf("a second before its end: %v", err)
		}
		time.Sleep(time.Second)
		if err := use(); !fault.Is(err, fault.Unauthenticated) {
			t.Fatalf("after 30 days: %v", err)
		}
		for _, forged := range []string{"", ".", "ann", "ann.", "." + secret, "bob." + secret, "ann." + secret + "x", "ann." + strings.Repeat("x", 43), strings.Repeat("a", 300) + "." + secret} {
			if _, err := s.Session(t.Context(), forged); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%.40q: %v", forged, err)
			}
		}
	})
}

// A store that is down is not a wrong password: nothing counts against the account, and the kind stays.
func TestBrokenStoreIsNoWrongPassword(t *testing.T) {
	s := newTestService(t, brokenStore{}, newTestHasher(t))
	for range 3 * accountFailuresMax {
		if _, err := s.SignIn(t.Context(), "ann@example.com", "password", Second{}, Request{}); !errors.Is(err, errDown) {
			t.Fatalf("%v", err)
		}
	}
}

var errDown = errors.New("down")

type brokenStore struct{ Store }

func (brokenStore) TakeAttempts(context.Context, time.Time, []Take) (time.Duration, error) {
	return 0, nil
}

func (brokenStore) ReturnAttempts(context.Context, []Take) error { return nil }

func (brokenStore) UserByEmail(context.Context, string) (User, error) { return User{}, errDown }
