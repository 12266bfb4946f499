package sqlstore

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/identity/passkeytest"
	"folioscope/internal/ledger"
)

const (
	passkeyOrigin = "https://folio.example"
	passkeySite   = "folio.example"
)

// passkeyNodes are services of several nodes that take passkeys and send mail.
func (b *bench) passkeyNodes(count int, required ...identity.Role) []*identity.Service {
	b.t.Helper()
	b.queued()
	hasher, err := identity.NewHasher(rand.Reader)
	b.ok(err)
	party, err := identity.NewRelyingParty(passkeyOrigin)
	b.ok(err)
	all := make([]*identity.Service, count)
	for i := range all {
		all[i] = identity.NewService(identity.Options{
			Store: b.Store, Hasher: hasher, Random: rand.Reader, Now: b.clock.Now, Log: slog.New(slog.DiscardHandler), RequireSecondFactor: required, Mail: true, RelyingParty: party,
		})
	}
	return all
}

// signedUp makes a user and signs them in.
func (b *bench) signedUp(s *identity.Service, id ledger.OwnerID) identity.Session {
	b.t.Helper()
	u := identity.User{ID: id, Email: string(id) + "@example.test", Name: string(id), Role: identity.RoleUser, Status: identity.Active, PasswordHash: cheapHash, CreatedAt: testStart}
	b.ok(b.CreateUser(b.t.Context(), u, entry("", audit.UserCreated)))
	in, err := s.SignIn(b.t.Context(), u.Email, cheapPassword, identity.Second{}, identity.Request{})
	b.ok(err)
	return in.Session
}

// plain is a write without an answer to keep.
func plain(entry audit.Entry, _ identity.AddedPasskey) audit.Write { return audit.Write{Audit: entry} }

// device adds a passkey of a new device, which counts from a number on; from 0 it doesn't count.
func (b *bench) device(s *identity.Service, session identity.Session, name string, counter uint32) (*passkeytest.Device, identity.AddedPasskey) {
	b.t.Helper()
	d := passkeytest.New(passkeyOrigin, passkeySite)
	d.Counter = counter
	options, err := s.StartPasskey(b.t.Context(), session)
	b.ok(err)
	added, err := s.AddPasskey(b.t.Context(), session, name, d.Create(options, passkeytest.Lie{}), identity.Request{}, plain)
	b.ok(err)
	return d, added
}

// answer is a device's answer for signing in.
func (b *bench) answer(s *identity.Service, d *passkeytest.Device) []byte {
	b.t.Helper()
	options, err := s.StartPasskeySignIn()
	b.ok(err)
	return d.Get(options, passkeytest.Lie{})
}

// recorded counts the audit rows of an act of somebody, with what it was done to where that is asked for.
func (b *bench) recorded(owner ledger.OwnerID, action audit.Action, object string) (n int) {
	b.t.Helper()
	rows, err := b.Audits(b.t.Context(), owner, 0, 10_000)
	b.ok(err)
	for _, row := range rows {
		if row.Action == action && (object == "" || row.Object == object) {
			n++
		}
	}
	return n
}

func TestPasskeyFromItsMakingToItsEnd(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx, from := t.Context(), identity.Request{}
		s := b.passkeyNodes(1)[0]
		session := b.signedUp(s, "anna")
		phone, added := b.device(s, session, "Phone", 1)
		if len(added.Recovery) != 10 {
			t.Errorf("with the first come %d codes", len(added.Recovery))
		}
		b.clock.advance(time.Second)
		key, more := b.device(s, session, "Key", 0)
		if len(more.Recovery) != 0 {
			t.Error("the second brings codes again")
		}
		b.reopen()
		s = b.passkeyNodes(1)[0]
		for range 2 {
			for _, d := range []*passkeytest.Device{phone, key} {
				in, err := s.SignInWithPasskey(ctx, b.answer(s, d), from)
				b.ok(err)
				session, from.Device = in.Session, in.Device
			}
		}
		all, err := s.Passkeys(ctx, "anna")
		b.ok(err)
		if len(all) != 2 || all[0].Name != "Key" || all[1].Name != "Phone" || all[1].Counter != 3 || !all[1].SeenAt.Equal(b.clock.Now()) {
			t.Fatalf("%+v", all)
		}
		renamed, err := s.RenamePasskey(ctx, "anna", all[1].Public(), "Old phone", from)
		if b.ok(err); renamed.Name != "Old phone" {
			t.Errorf("%+v", renamed)
		}
		b.kind(s.RemovePasskey(ctx, session, "nothing", from), fault.NotFound)
		strict := b.passkeyNodes(1, identity.RoleUser)[0]
		b.ok(strict.RemovePasskey(ctx, session, all[0].Public(), from))
		b.kind(strict.RemovePasskey(ctx, session, all[1].Public(), from), fault.Conflict)
		if left, err := s.Passkeys(ctx, "anna"); err != nil || len(left) != 1 || left[0].Name != "Old phone" {
			t.Errorf("left are %+v, %v", left, err)
		}
		b.ok(s.RemovePasskey(ctx, session, all[1].Public(), from))
		if f, err := s.SecondFactor(ctx, "anna"); err != nil || f.Any() || f.RecoveryLeft != 0 {
			t.Errorf("%+v, %v", f, err)
		}
		for action, want := range map[audit.Action]int{audit.PasskeyAdded: 2, audit.PasskeyRenamed: 1, audit.PasskeyRemoved: 2} {
			if n := b.recorded("anna", action, ""); n != want {
				t.Errorf("%s is recorded %d times, want %d", action, n, want)
			}
		}
		told := b.count(`SELECT COUNT(*) FROM deliveries WHERE owner = 'anna'`)
		if told != 5 { // of two passkeys that came and went, and once of another browser
			t.Errorf("anna was told %d times by mail, want 5", told)
		}
	})
}

// However many come with one answer at the same time, on however many nodes: one gets in.
func TestOnePasskeyAnswerCountsOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const tries = 50
		nodes := b.passkeyNodes(3)
		session := b.signedUp(nodes[0], "anna")
		// A device that doesn't count: only the challenge says that an answer came before.
		d, _ := b.device(nodes[0], session, "Phone", 0)
		race := func(name string, try func(s *identity.Service) error) {
			var in atomic.Int32
			var wait sync.WaitGroup
			for i := range tries {
				wait.Go(func() {
					err := try(nodes[i%len(nodes)])
					if err == nil {
						in.Add(1)
					} else if kind := fault.KindOf(err); kind != fault.Unauthenticated && kind != fault.Limited {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			wait.Wait()
			if in.Load() != 1 {
				t.Errorf("%s: %d of %d got through", name, in.Load(), tries)
			}
			b.clock.advance(24 * time.Hour) // the tries have grown back
		}
		signIn := b.answer(nodes[1], d)
		race("sign-in", func(s *identity.Service) error {
			_, err := s.SignInWithPasskey(t.Context(), signIn, identity.Request{})
			return err
		})
		proof, err := nodes[1].AskPasskey(t.Context(), "anna")
		b.ok(err)
		beside := identity.Second{Passkey: d.Get(proof, passkeytest.Lie{})}
		race("second factor", func(s *identity.Service) error {
			_, err := s.SignIn(t.Context(), "anna@example.test", cheapPassword, beside, identity.Request{})
			return err
		})
		// The store alone, without the bound on attempts before it.
		key, err := b.Passkeys(t.Context(), "anna")
		b.ok(err)
		used := identity.UsedPasskey{ID: key[0].ID, At: b.clock.Now(), Answered: identity.Answered{Challenge: identity.TokenHash{7}, EndsAt: b.clock.Now()}}
		var names atomic.Int32
		race("the store alone", func(*identity.Service) error {
			opened := identity.Session{Owner: "anna", Hash: identity.TokenHash{99, byte(names.Add(1))}, CreatedAt: testStart, SeenAt: testStart, SteppedAt: testStart}
			return b.OpenSession(t.Context(), opened, &identity.Spend{Passkey: &used}, nil, entry("anna", audit.SignIn))
		})
	})
}

// A challenge opens what it was made for, for whom, in its five minutes, and nothing else.
func TestChallengesOpenWhatTheyAreFor(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx, from := t.Context(), identity.Request{}
		s := b.passkeyNodes(1)[0]
		anna, bert := b.signedUp(s, "anna"), b.signedUp(s, "bert")
		d, _ := b.device(s, anna, "Phone", 1)
		theirs, _ := b.device(s, bert, "Phone", 1)
		old := b.answer(s, d)
		b.clock.advance(5 * time.Minute)
		_, err := s.SignInWithPasskey(ctx, old, from)
		b.kind(err, fault.Unauthenticated)

		_, err = s.StepUp(ctx, anna, "", identity.Second{Passkey: b.answer(s, d)}, from) // made for signing in
		b.kind(err, fault.Unauthenticated)
		ofBert, err := s.AskPasskey(ctx, "bert")
		b.ok(err)
		_, err = s.StepUp(ctx, anna, "", identity.Second{Passkey: d.Get(ofBert, passkeytest.Lie{})}, from)
		b.kind(err, fault.Unauthenticated)
		ofAnna, err := s.AskPasskey(ctx, "anna")
		b.ok(err)
		_, err = s.StepUp(ctx, anna, "", identity.Second{Passkey: theirs.Get(ofAnna, passkeytest.Lie{})}, from)
		b.kind(err, fault.Unauthenticated)
		_, err = s.StepUp(ctx, anna, "", identity.Second{Passkey: theirs.Get(ofAnna, passkeytest.Lie{UserHandle: []byte("anna"), ID: d.ID})}, from)
		b.kind(err, fault.Unauthenticated)
		_, err = s.StepUp(ctx, anna, "", identity.Second{Passkey: d.Get(ofAnna, passkeytest.Lie{})}, from)
		b.ok(err)

		options, err := s.StartPasskey(ctx, bert)
		b.ok(err)
		made := passkeytest.New(passkeyOrigin, passkeySite).Create(options, passkeytest.Lie{})
		_, err = s.AddPasskey(ctx, anna, "Of another session", made, from, plain)
		b.kind(err, fault.Invalid)
		_, err = s.AddPasskey(ctx, bert, "Key", made, from, plain)
		b.ok(err)
		_, err = s.AddPasskey(ctx, bert, "Key again", made, from, plain)
		b.kind(err, fault.Invalid)

		for object, want := range map[string]int{"challenge": 4, "unknown": 1, "invalid": 1} {
			if n := b.recorded("anna", audit.PasskeyRefused, object); n != want {
				t.Errorf("%q is recorded %d times of anna, want %d", object, n, want)
			}
		}
		if n := b.recorded("bert", audit.PasskeyRefused, "challenge"); n != 1 {
			t.Errorf("a challenge that was answered before is recorded %d times", n)
		}
		for _, who := range []ledger.OwnerID{"anna", "bert"} {
			names := []string{}
			keys, err := s.Passkeys(ctx, who)
			b.ok(err)
			for _, k := range keys {
				names = append(names, k.Name)
			}
			if want := map[ledger.OwnerID][]string{"anna": {"Phone"}, "bert": {"Key", "Phone"}}[who]; !slices.Equal(names, want) {
				t.Errorf("%s has %v, want %v", who, names, want)
			}
		}
	})
}

// A passkey that counts backwards opens nothing, and its owner's log says so.
func TestCopiedPasskeyIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		s := b.passkeyNodes(1)[0]
		d, _ := b.device(s, b.signedUp(s, "anna"), "Phone", 1)
		d.Counter = 9
		_, err := s.SignInWithPasskey(t.Context(), b.answer(s, d), identity.Request{})
		b.ok(err)
		for _, counter := range []uint32{9, 1, 0} {
			d.Counter = counter
			_, err = s.SignInWithPasskey(t.Context(), b.answer(s, d), identity.Request{})
			b.kind(err, fault.Unauthenticated)
		}
		if n := b.recorded("anna", audit.PasskeyCloned, "counter"); n != 3 {
			t.Errorf("recorded %d times", n)
		}
	})
}

// Passkeys of one user and guesses at them have an end, and answered challenges are forgotten once they would have ended.
func TestPasskeysAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		s := b.passkeyNodes(1)[0]
		session := b.signedUp(s, "anna")
		var last *passkeytest.Device
		for i := range passkeysMax {
			last, _ = b.device(s, session, fmt.Sprintf("Key %d", i), 1)
		}
		options, err := s.StartPasskey(ctx, session)
		b.ok(err)
		_, err = s.AddPasskey(ctx, session, "One more", passkeytest.New(passkeyOrigin, passkeySite).Create(options, passkeytest.Lie{}), identity.Request{}, plain)
		b.kind(err, fault.Conflict)
		b.clock.advance(24 * time.Hour)
		looked := 0
		for i := range 100 {
			begun, err := s.StartPasskeySignIn()
			b.ok(err)
			from := identity.Request{Address: fmt.Sprintf("192.0.2.%d", i)}
			if _, err := s.SignInWithPasskey(ctx, last.Get(begun, passkeytest.Lie{Other: true}), from); fault.Is(err, fault.Unauthenticated) {
				looked++
			}
		}
		if looked == 0 || looked > 10 {
			t.Errorf("%d wrong answers were looked at", looked)
		}
		if n := b.count(`SELECT COUNT(*) FROM answered_challenges`); n != passkeysMax {
			t.Errorf("%d challenges are kept, want those of %d passkeys", n, passkeysMax)
		}
		b.ok(b.PruneChallenges(ctx, b.clock.Now()))
		if n := b.count(`SELECT COUNT(*) FROM answered_challenges`); n != 0 {
			t.Errorf("%d challenges are left", n)
		}
	})
}

// An operator takes all of them from who has lost them.
func TestAllFactorsAreReset(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		s := b.passkeyNodes(1, identity.RoleUser)[0]
		session := b.signedUp(s, "anna")
		d, _ := b.device(s, session, "Phone", 1)
		b.ok(s.ResetSecondFactor(t.Context(), "anna@example.test"))
		_, err := s.SignInWithPasskey(t.Context(), b.answer(s, d), identity.Request{})
		b.kind(err, fault.Unauthenticated)
		in, err := s.SignIn(t.Context(), "anna@example.test", cheapPassword, identity.Second{}, identity.Request{})
		if b.ok(err); !in.Session.MustEnrol {
			t.Error("whoever needs a second factor and has none goes on without")
		}
		b.kind(s.ResetSecondFactor(t.Context(), "anna@example.test"), fault.NotFound)
	})
}
