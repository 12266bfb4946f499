package sqlstore

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// cheapHash is cheapPassword's hash at a cost that lets a thousand guesses take no time.
const (
	cheapPassword = "correct horse battery"
	cheapHash     = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$uxWTSOnvlCJwDdrvGjf7x3xvw771mTCJHUN5gdfCrTw"
)

// nodes are services of several nodes on one store.
func (b *bench) nodes(count int, required ...identity.Role) []*identity.Service {
	b.t.Helper()
	hasher, err := identity.NewHasher(rand.Reader)
	b.ok(err)
	all := make([]*identity.Service, count)
	for i := range all {
		all[i] = identity.NewService(identity.Options{
			Store: b.Store, Hasher: hasher, Random: rand.Reader, Now: b.clock.Now, Log: slog.New(slog.DiscardHandler), RequireSecondFactor: required,
		})
	}
	return all
}

// enrolled makes a user with a second factor, and gives the seed as text and the recovery codes.
func (b *bench) enrolled(s *identity.Service, id ledger.OwnerID) (secret string, codes []string) {
	b.t.Helper()
	ctx := b.t.Context()
	u := identity.User{ID: id, Email: string(id) + "@example.test", Name: string(id), Role: identity.RoleUser, Status: identity.Active, PasswordHash: cheapHash, CreatedAt: testStart}
	b.ok(b.CreateUser(ctx, u, entry("", audit.UserCreated)))
	in, err := s.SignIn(ctx, u.Email, cheapPassword, identity.Second{}, identity.Request{})
	b.ok(err)
	enrolment, err := s.StartSecondFactor(ctx, in.Session, identity.Request{})
	b.ok(err)
	codes, err = s.ConfirmSecondFactor(ctx, in.Session, b.code(enrolment.Secret), identity.Request{})
	b.ok(err)
	b.clock.advance(time.Minute) // the code that confirmed is spent
	return enrolment.Secret, codes
}

// code is what an app shows now, by RFC 6238 once more.
func (b *bench) code(secret string) string {
	b.t.Helper()
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	b.ok(err)
	mac := hmac.New(sha1.New, seed)
	b.ok(binary.Write(mac, binary.BigEndian, b.clock.Now().Unix()/30))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}

func TestSecondFactorFromSetupToRecovery(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		s := b.nodes(1)[0]
		secret, codes := b.enrolled(s, "anna")
		ctx, from := t.Context(), identity.Request{}
		signIn := func(code string) error {
			_, err := s.SignIn(ctx, "anna@example.test", cheapPassword, identity.Second{Code: code}, from)
			return err
		}
		needsCode := func(err error) {
			t.Helper()
			if _, ok := errors.AsType[*identity.NeedsCode](err); !ok || !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("got %v", err)
			}
		}
		b.reopen()
		s = b.nodes(1)[0]
		needsCode(signIn(""))
		needsCode(signIn("000000"))
		if _, err := s.SignIn(ctx, "anna@example.test", "wrong password", identity.Second{Code: b.code(secret)}, from); err == nil {
			t.Error("a code without the password")
		} else if _, told := errors.AsType[*identity.NeedsCode](err); told {
			t.Error("a wrong password is told apart by the code")
		}
		b.ok(signIn(b.code(secret)[:3] + " " + b.code(secret)[3:]))
		needsCode(signIn(b.code(secret))) // again
		b.clock.advance(-time.Minute)
		needsCode(signIn(b.code(secret))) // an earlier one
		b.clock.advance(2 * time.Minute)
		b.ok(signIn(b.code(secret)))

		if len(codes) != 10 {
			t.Fatalf("%d recovery codes", len(codes))
		}
		b.ok(signIn(strings.ToUpper(codes[3])))
		needsCode(signIn(codes[3]))
		f, err := s.SecondFactor(ctx, "anna")
		if err != nil || f.RecoveryLeft != 9 || !f.On() || f.Seed != nil {
			t.Errorf("%+v, %v", f, err)
		}
		in, err := s.SignIn(ctx, "anna@example.test", cheapPassword, identity.Second{Code: codes[4]}, from)
		b.ok(err)
		renewed, err := s.NewRecoveryCodes(ctx, in.Session, from)
		b.ok(err)
		needsCode(signIn(codes[5]))
		b.ok(signIn(renewed[0]))

		// Another device: the old one counts until the new one is confirmed.
		next, err := s.StartSecondFactor(ctx, in.Session, from)
		b.ok(err)
		b.clock.advance(time.Minute)
		b.ok(signIn(b.code(secret)))
		if _, err := s.ConfirmSecondFactor(ctx, in.Session, b.code(secret), from); !fault.Is(err, fault.Invalid) {
			t.Errorf("the old device confirms the new one: %v", err)
		}
		_, err = s.ConfirmSecondFactor(ctx, in.Session, b.code(next.Secret), from)
		b.ok(err)
		_, err = s.ConfirmSecondFactor(ctx, in.Session, b.code(next.Secret), from)
		b.kind(err, fault.Conflict)
		b.clock.advance(time.Minute)
		needsCode(signIn(b.code(secret)))
		b.ok(signIn(b.code(next.Secret)))
		b.kind(b.nodes(1, identity.RoleUser)[0].RemoveSecondFactor(ctx, in.Session, from), fault.Conflict)
		b.ok(s.RemoveSecondFactor(ctx, in.Session, from))
		b.ok(signIn(""))
		b.kind(s.RemoveSecondFactor(ctx, in.Session, from), fault.NotFound)
	})
}

// However many come with one code at the same time, on however many nodes: one gets in.
func TestOneCodeCountsOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		nodes := b.nodes(3)
		secret, codes := b.enrolled(nodes[0], "anna")
		const tries = 50
		for _, name := range []string{"totp", "recovery"} {
			code := map[string]string{"totp": b.code(secret), "recovery": codes[0]}[name]
			var in atomic.Int32
			var wait sync.WaitGroup
			for i := range tries {
				wait.Go(func() {
					if _, err := nodes[i%len(nodes)].SignIn(t.Context(), "anna@example.test", cheapPassword, identity.Second{Code: code}, identity.Request{}); err == nil {
						in.Add(1)
					} else if kind := fault.KindOf(err); kind != fault.Unauthenticated && kind != fault.Limited {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			wait.Wait()
			if in.Load() != 1 {
				t.Errorf("%s: %d of %d got in", name, in.Load(), tries)
			}
			b.clock.advance(24 * time.Hour) // the tries have grown back
		}
		// The store alone, without the bound on attempts before it.
		f, err := b.SecondFactor(t.Context(), "anna")
		b.ok(err)
		var in atomic.Int32
		var wait sync.WaitGroup
		for i := range tries {
			wait.Go(func() {
				session := identity.Session{Owner: "anna", Hash: identity.TokenHash{99, byte(i)}, CreatedAt: testStart, SeenAt: testStart, SteppedAt: testStart}
				err := b.OpenSession(t.Context(), session, &identity.Spend{Counter: f.Counter + 1}, nil, entry("anna", audit.SignIn))
				if err == nil {
					in.Add(1)
				} else {
					b.kind(err, fault.Unauthenticated)
				}
			})
		}
		wait.Wait()
		if in.Load() != 1 {
			t.Errorf("the store let %d of %d in", in.Load(), tries)
		}
	})
}

// Of a thousand guesses over three nodes at most ten are looked at; an hour later six more.
func TestGuessesAtACodeAreFew(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		nodes := b.nodes(3)
		b.enrolled(nodes[0], "anna")
		evaluated := func() (count int) {
			rows, err := b.Audits(t.Context(), "anna", 0, 10_000)
			b.ok(err)
			for _, row := range rows {
				if row.Action == audit.CodeRefused {
					count++
				}
			}
			return count
		}
		guess := func(i int) error {
			_, err := nodes[i%len(nodes)].SignIn(t.Context(), "anna@example.test", cheapPassword, identity.Second{Code: fmt.Sprintf("%06d", i)}, identity.Request{Address: fmt.Sprintf("192.0.2.%d", i%200)})
			return err
		}
		for i := range 1000 {
			if err := guess(i); err == nil {
				t.Skipf("skipped: one guess in %d was right, which happens", i)
			}
		}
		if n := evaluated(); n > 10 || n < 1 {
			t.Errorf("%d of 1,000 guesses were evaluated", n)
		}
		limited, ok := errors.AsType[*identity.TooOften](guess(0))
		if !ok || limited.Wait != 10*time.Minute {
			t.Errorf("who guesses is told to wait %+v", limited)
		}
		before := evaluated()
		b.clock.advance(time.Hour)
		for i := range 20 {
			_ = guess(i)
		}
		if n := evaluated() - before; n != 6 {
			t.Errorf("%d guesses in the hour after", n)
		}
	})
}

// The bound on wrong passwords holds over nodes too, and right ones cost nothing.
func TestGuessesAtAPasswordAreFewOnAllNodes(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		nodes := b.nodes(3)
		u := identity.User{ID: "anna", Email: "anna@example.test", Role: identity.RoleUser, Status: identity.Active, PasswordHash: cheapHash, CreatedAt: testStart}
		b.ok(b.CreateUser(t.Context(), u, entry("", audit.UserCreated)))
		for i := range 50 {
			_, err := nodes[i%3].SignIn(t.Context(), u.Email, cheapPassword, identity.Second{}, identity.Request{Address: "192.0.2.1"})
			b.ok(err)
		}
		evaluated := 0
		for i := range 60 {
			_, err := nodes[i%3].SignIn(t.Context(), u.Email, "not this one", identity.Second{}, identity.Request{Address: "192.0.2.1"})
			if fault.Is(err, fault.Unauthenticated) {
				evaluated++
			}
		}
		if evaluated != 10 {
			t.Errorf("%d wrong passwords were evaluated", evaluated)
		}
		b.clock.advance(15 * time.Minute)
		_, err := nodes[0].SignIn(t.Context(), u.Email, cheapPassword, identity.Second{}, identity.Request{Address: "192.0.2.1"})
		b.ok(err)
		b.clock.advance(24 * time.Hour)
		b.ok(b.PruneAttempts(t.Context(), b.clock.Now()))
		var left int
		b.ok(b.db.one(t.Context(), `SELECT COUNT(*) FROM attempts`, nil, &left))
		if left != 0 {
			t.Errorf("%d attempts are kept for ever", left)
		}
	})
}

func TestAttemptsAtTheSameTime(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		takes := []identity.Take{{Key: "a", Max: 5, Refill: time.Minute}, {Key: "b", Max: 100, Refill: time.Second}}
		var taken atomic.Int32
		var wait sync.WaitGroup
		for range 40 {
			wait.Go(func() {
				left, err := b.TakeAttempts(t.Context(), testStart, takes)
				if err != nil {
					t.Error(err)
				} else if left == 0 {
					taken.Add(1)
				}
			})
		}
		wait.Wait()
		if taken.Load() != 5 {
			t.Errorf("%d of 5 were taken", taken.Load())
		}
		// What was refused for a took nothing of b: 95 are left.
		for i := range 96 {
			left, err := b.TakeAttempts(t.Context(), testStart, takes[1:])
			b.ok(err)
			if (left == 0) != (i < 95) {
				t.Errorf("number %d of b: wait %v", i+1, left)
			}
		}
		if left, err := b.TakeAttempts(t.Context(), testStart, takes[:1]); err != nil || left != time.Minute {
			t.Errorf("wait %v, %v", left, err)
		}
		b.ok(b.ReturnAttempts(t.Context(), takes[:1]))
		if left, err := b.TakeAttempts(t.Context(), testStart, takes[:1]); err != nil || left != 0 {
			t.Errorf("one given back: wait %v, %v", left, err)
		}
	})
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		s := b.nodes(1)[0]
		ctx := t.Context()
		for _, id := range []ledger.OwnerID{"anna", "bert"} {
			u := identity.User{ID: id, Email: string(id) + "@example.test", Role: identity.RoleUser, Status: identity.Active, PasswordHash: cheapHash, CreatedAt: testStart}
			b.ok(b.CreateUser(ctx, u, entry("", audit.UserCreated)))
		}
		open := func(name, agent string) identity.SignedIn {
			b.clock.advance(time.Second)
			in, err := s.SignIn(ctx, name+"@example.test", cheapPassword, identity.Second{}, identity.Request{Address: "203.0.113.77", Agent: agent})
			b.ok(err)
			return in
		}
		desk, phone, old := open("anna", "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/140.0"), open("anna", "Mozilla/5.0 (iPhone; CPU) Version/18 Safari/604.1"), open("anna", "")
		bert := open("bert", "")
		list, err := s.Sessions(ctx, "anna")
		b.ok(err)
		if len(list) != 3 || list[2].Origin != (identity.Origin{Device: "Firefox on Windows", Place: "203.0.113.x"}) || list[1].Origin.Device != "Safari on iPhone" {
			t.Fatalf("%+v", list)
		}
		b.kind(s.EndSession(ctx, "bert", phone.Session.ID(), identity.Request{}), fault.NotFound)
		b.ok(s.EndSession(ctx, "anna", phone.Session.ID(), identity.Request{}))
		_, err = s.Session(ctx, phone.Token)
		b.kind(err, fault.Unauthenticated)

		b.clock.advance(identity.StepUpAgeMax)
		if identity.Stepped(desk.Session, b.clock.Now()) {
			t.Error("a password of a quarter of an hour ago counts")
		}
		_, err = s.StepUp(ctx, desk.Session, "wrong", identity.Second{}, identity.Request{})
		b.kind(err, fault.Invalid)
		stepped, err := s.StepUp(ctx, desk.Session, cheapPassword, identity.Second{}, identity.Request{})
		b.ok(err)
		if _, err := s.Session(ctx, desk.Token); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("the cookie before still counts: %v", err)
		}
		again, err := s.Session(ctx, stepped.Token)
		if err != nil || !identity.Stepped(again, b.clock.Now()) || !again.CreatedAt.Equal(desk.Session.CreatedAt) {
			t.Errorf("%+v, %v", again, err)
		}
		b.ok(s.ChangePassword(ctx, again, cheapPassword, identity.Second{}, "another good password", false, identity.Request{}))
		_, err = s.Session(ctx, old.Token)
		b.kind(err, fault.Unauthenticated)
		for _, token := range []string{stepped.Token, bert.Token} {
			_, err = s.Session(ctx, token)
			b.ok(err)
		}
		_, err = s.SignIn(ctx, "anna@example.test", cheapPassword, identity.Second{}, identity.Request{})
		b.kind(err, fault.Unauthenticated)
		rows, err := b.Audits(ctx, "anna", 0, 100)
		b.ok(err)
		var actions []audit.Action
		for _, row := range rows {
			actions = append(actions, row.Action)
		}
		want := "[user.create" + strings.Repeat(" session.create", 3) + " session.revoke session.step_up_refused session.step_up user.change_password session.refused]"
		if fmt.Sprint(actions) != want {
			t.Errorf("recorded %v", actions)
		}
	})
}

func TestTokens(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		s := b.nodes(1)[0]
		ctx := t.Context()
		b.user("anna")
		b.user("bert")
		b.portfolio("anna", "p1")
		b.portfolio("bert", "p2")
		session := identity.Session{Owner: "anna", Role: identity.RoleUser}
		write := func(e audit.Entry, _ identity.IssuedToken) audit.Write { return audit.Write{Audit: e} }
		create := func(n identity.NewToken) (identity.IssuedToken, error) {
			return s.CreateToken(ctx, session, n, identity.Request{}, write)
		}
		good := identity.NewToken{Name: "Backup script", Scopes: identity.ScopeRead, ExpiresAt: testStart.AddDate(0, 3, 0)}
		for name, spoil := range map[string]func(*identity.NewToken){
			"no name":   func(n *identity.NewToken) { n.Name = " " },
			"no scope":  func(n *identity.NewToken) { n.Scopes = 0 },
			"odd scope": func(n *identity.NewToken) { n.Scopes = 64 },
			"admin":     func(n *identity.NewToken) { n.Scopes |= identity.ScopeAdmin },
			"over":      func(n *identity.NewToken) { n.ExpiresAt = testStart },
			"for ever":  func(n *identity.NewToken) { n.ExpiresAt = testStart.AddDate(2, 0, 0) },
			"no end":    func(n *identity.NewToken) { n.ExpiresAt = time.Time{} },
			"long name": func(n *identity.NewToken) { n.Name = strings.Repeat("x", 81) },
			"formula":   func(n *identity.NewToken) { n.Name = "a\nb" },
		} {
			n := good
			spoil(&n)
			if _, err := create(n); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		issued, err := create(good)
		b.ok(err)
		if !strings.HasPrefix(issued.Secret, "fsc_anna.") {
			t.Fatalf("token %q", issued.Secret)
		}
		got, sequence, err := s.SessionAndSequence(ctx, issued.Secret, "p1")
		if err != nil || got.Owner != "anna" || got.Scopes != identity.ScopeRead || sequence != 1 || got.Role != identity.RoleUser {
			t.Errorf("%+v at %d, %v", got, sequence, err)
		}
		_, _, err = s.SessionAndSequence(ctx, issued.Secret, "p2")
		b.kind(err, fault.NotFound)
		for _, forged := range []string{"fsc_", "fsc_anna", "fsc_bert." + strings.TrimPrefix(issued.Secret, "fsc_anna."), strings.TrimPrefix(issued.Secret, "fsc_"), issued.Secret + "x", "FSC_" + issued.Secret[4:]} {
			if _, err := s.Session(ctx, forged); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%s: %v", forged, err)
			}
		}
		b.clock.advance(2 * time.Minute)
		_, err = s.Session(ctx, issued.Secret)
		b.ok(err)
		list, err := s.Tokens(ctx, "anna")
		if err != nil || len(list) != 1 || list[0].Name != "Backup script" || !list[0].SeenAt.Equal(b.clock.Now()) {
			t.Errorf("%+v, %v", list, err)
		}
		if list, err := s.Tokens(ctx, "bert"); err != nil || len(list) != 0 {
			t.Errorf("bert sees %+v, %v", list, err)
		}
		b.kind(s.RevokeToken(ctx, "bert", "bert", issued.Token.Hash.ID(), identity.Request{}), fault.NotFound)
		_, err = b.db.exec(ctx, `UPDATE users SET status = 'suspended' WHERE owner = $1`, "anna")
		b.ok(err)
		_, err = s.Session(ctx, issued.Secret)
		b.kind(err, fault.Unauthenticated)
		_, err = b.db.exec(ctx, `UPDATE users SET status = 'active' WHERE owner = $1`, "anna")
		b.ok(err)
		b.ok(s.RevokeToken(ctx, "anna", "anna", issued.Token.Hash.ID(), identity.Request{}))
		_, err = s.Session(ctx, issued.Secret)
		b.kind(err, fault.Unauthenticated)

		short, err := create(identity.NewToken{Name: "short", Scopes: identity.ScopeWrite, ExpiresAt: b.clock.Now().Add(time.Hour)})
		b.ok(err)
		b.clock.advance(time.Hour)
		_, err = s.Session(ctx, short.Secret)
		b.kind(err, fault.Unauthenticated)
		b.ok(b.DeleteTokensBefore(ctx, b.clock.Now().Add(time.Second)))
		if list, err := s.Tokens(ctx, "anna"); err != nil || len(list) != 0 {
			t.Errorf("expired ones are kept for ever: %+v, %v", list, err)
		}
		good.ExpiresAt = b.clock.Now().AddDate(0, 1, 0)
		for range tokensMax {
			_, err := create(good)
			b.ok(err)
		}
		_, err = create(good)
		b.kind(err, fault.Conflict)
	})
}
