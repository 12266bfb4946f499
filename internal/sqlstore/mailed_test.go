package sqlstore

import (
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/jobs"
	"folioscope/internal/ledger"
)

const newPassword = "four words will do nicely"

// mailing nodes are services of several nodes on one store that send mail.
func (b *bench) mailingNodes(count int) []*identity.Service {
	b.t.Helper()
	hasher, err := identity.NewHasher(rand.Reader)
	b.ok(err)
	all := make([]*identity.Service, count)
	for i := range all {
		all[i] = identity.NewService(identity.Options{
			Store: b.Store, Hasher: hasher, Random: rand.Reader, Now: b.clock.Now, Log: slog.New(slog.DiscardHandler), Mail: true,
		})
	}
	return all
}

// confirmed makes a user whose address is confirmed.
func (b *bench) confirmed(id ledger.OwnerID) identity.User {
	b.t.Helper()
	u := identity.User{ID: id, Email: string(id) + "@example.test", Name: string(id), Role: identity.RoleUser, Status: identity.Active, PasswordHash: cheapHash, CreatedAt: testStart, ConfirmedAt: testStart}
	b.ok(b.CreateUser(b.t.Context(), u, entry("", audit.UserCreated)))
	return u
}

// worked lets a node work on all that waits.
func (b *bench) worked(s *identity.Service) {
	b.t.Helper()
	ended, cancel := context.WithCancel(b.t.Context())
	cancel()
	b.ok(s.WorkOnRecoveries(ended))
}

// mailed is every mail of a kind that waits, the oldest first.
func (b *bench) mailed(database jobs.Database, kind audit.MailKind) (all []audit.Mail) {
	b.t.Helper()
	for _, job := range b.mailJobs(database) {
		d, err := b.Delivery(b.t.Context(), job.Owner, job.ID)
		b.ok(err)
		if d.Mail.Kind == kind {
			all = append(all, d.Mail)
		}
	}
	slices.Reverse(all) // the queue lists the newest first
	return all
}

// results are how the acts of a kind ended, of one owner or of nobody.
func (b *bench) results(owner ledger.OwnerID, action audit.Action) (all []string) {
	b.t.Helper()
	rows, err := b.Audits(b.t.Context(), owner, 0, 500)
	b.ok(err)
	for _, row := range rows {
		if row.Action == action {
			all = append(all, row.Result)
		}
	}
	return all
}

func tokenOf(mail audit.Mail) string { return mail.Path[strings.LastIndexByte(mail.Path, '/')+1:] }

// Only who has a password and an address that was shown to be theirs gets a link; who asks never learns which.
func TestRecoveryIsMailedToConfirmedAddressesAlone(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database := b.queued()
		b.confirmed("anna")
		for id, change := range map[ledger.OwnerID]func(*identity.User){
			"unconfirmed": func(u *identity.User) { u.ConfirmedAt = time.Time{} },
			"suspended":   func(u *identity.User) { u.Status = identity.Suspended },
			"elsewhere":   func(u *identity.User) { u.PasswordHash = "" },
		} {
			u := identity.User{ID: id, Email: string(id) + "@example.test", Name: string(id), Role: identity.RoleUser, Status: identity.Active, PasswordHash: cheapHash, CreatedAt: testStart, ConfirmedAt: testStart}
			change(&u)
			b.ok(b.CreateUser(t.Context(), u, entry("", audit.UserCreated)))
		}
		s := b.mailingNodes(1)[0]
		for _, who := range []string{"anna", "unconfirmed", "suspended", "elsewhere", "nobody"} {
			b.ok(s.AskRecovery(t.Context(), who+"@example.test", identity.Request{ID: "r1", Address: "192.0.2.1"}))
		}
		b.worked(s)
		mails := b.mailed(database, audit.MailRecovery)
		if len(mails) != 1 || mails[0].Address != "anna@example.test" || !strings.HasPrefix(mails[0].Path, "/recover/anna.") {
			t.Fatalf("mails: %+v", mails)
		}
		for owner, want := range map[ledger.OwnerID]string{"anna": "ok", "unconfirmed": "denied", "suspended": "denied", "elsewhere": "denied", "": "not_found"} {
			if got := b.results(owner, audit.RecoveryAsked); !slices.Equal(got, []string{want}) {
				t.Errorf("%q: recorded %v, want %s", owner, got, want)
			}
		}
		rows, err := b.Audits(t.Context(), "", 0, 10)
		b.ok(err)
		for _, row := range rows {
			if len(row.Sealed) > 0 || row.Object != "" {
				t.Errorf("of nobody something is kept: %+v", row)
			}
		}
		// Whoever has the tables has no link.
		secret := strings.TrimPrefix(tokenOf(mails[0]), "anna.")
		if n := b.count(`SELECT COUNT(*) FROM mailed_links WHERE owner = 'anna' AND CAST(hash AS TEXT) LIKE $1`, "%"+secret+"%"); n != 0 {
			t.Error("the secret is stored")
		}
	})
}

// From the link to the new password: everything that opened the account before has ended, and it is told.
func TestRecoveryEndsWhatWasOpen(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database := b.queued()
		u := b.confirmed("anna")
		s, from := b.mailingNodes(1)[0], identity.Request{Address: "192.0.2.1"}
		in, err := s.SignIn(t.Context(), u.Email, cheapPassword, identity.Second{}, from)
		b.ok(err)
		token := identity.Token{Owner: "anna", Hash: identity.TokenHash{7}, Name: "script", Scopes: identity.ScopeRead, CreatedAt: testStart, ExpiresAt: testStart.Add(time.Hour)}
		b.ok(b.CreateToken(t.Context(), token, entry("anna", audit.TokenCreated)))
		for range 2 {
			b.ok(s.AskRecovery(t.Context(), u.Email, from))
		}
		b.worked(s)
		mails := b.mailed(database, audit.MailRecovery)
		if len(mails) != 2 {
			t.Fatalf("mails: %+v", mails)
		}
		_, err = s.Recover(t.Context(), tokenOf(mails[0]), "short", identity.Second{}, from)
		b.kind(err, fault.Invalid) // and the link still works
		for _, wrong := range []string{"", "anna", tokenOf(mails[0]) + "x", "bob." + strings.TrimPrefix(tokenOf(mails[0]), "anna."), strings.Repeat("x", 1000)} {
			_, err = s.Recover(t.Context(), wrong, newPassword, identity.Second{}, from)
			b.kind(err, fault.NotFound)
		}
		owner, err := s.Recover(t.Context(), tokenOf(mails[0]), newPassword, identity.Second{}, from)
		b.ok(err)
		if owner != "anna" {
			t.Errorf("of %q", owner)
		}
		_, err = s.Session(t.Context(), in.Token)
		b.kind(err, fault.Unauthenticated)
		_, err = b.TokenSession(t.Context(), "anna", token.Hash)
		b.kind(err, fault.NotFound)
		for _, mail := range mails { // used, and ended by the other
			_, err = s.Recover(t.Context(), tokenOf(mail), newPassword, identity.Second{}, from)
			b.kind(err, fault.NotFound)
		}
		_, err = s.SignIn(t.Context(), u.Email, cheapPassword, identity.Second{}, from)
		b.kind(err, fault.Unauthenticated)
		_, err = s.SignIn(t.Context(), u.Email, newPassword, identity.Second{}, from)
		b.ok(err)
		if got := b.mailed(database, audit.MailRecovered); len(got) != 1 || got[0].Address != u.Email {
			t.Errorf("told: %+v", got)
		}
		if used := b.results("anna", audit.Recovered); !slices.Equal(used, []string{"ok"}) {
			t.Errorf("recorded %v", used)
		}
	})
}

func TestRecoveryKeepsTheSecondFactor(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.queued()
		s, from := b.nodes(1)[0], identity.Request{}
		secret, codes := b.enrolled(s, "anna")
		path, err := s.RecoverOf(t.Context(), "anna@example.test")
		b.ok(err)
		token := strings.TrimPrefix(path, "/recover/")
		for _, code := range []string{"", "000000"} {
			_, err = s.Recover(t.Context(), token, newPassword, identity.Second{Code: code}, from)
			b.kind(err, fault.Unauthenticated)
		}
		used := b.code(secret)
		_, err = s.SignIn(t.Context(), "anna@example.test", cheapPassword, identity.Second{Code: used}, from)
		b.ok(err)
		_, err = s.Recover(t.Context(), token, newPassword, identity.Second{Code: used}, from)
		b.kind(err, fault.Unauthenticated) // a code that was used, and the link still works
		_, err = s.Recover(t.Context(), token, newPassword, identity.Second{Code: codes[0]}, from)
		b.ok(err)
		f, err := b.SecondFactor(t.Context(), "anna")
		b.ok(err)
		if !f.On() || f.RecoveryLeft != len(codes)-1 {
			t.Errorf("the second factor afterwards: %+v", f)
		}
	})
}

func TestRecoveryLinksExpireAndEnd(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.queued()
		u := b.confirmed("anna")
		s, from := b.mailingNodes(1)[0], identity.Request{}
		link := func() string {
			path, err := s.RecoverOf(t.Context(), u.Email)
			b.ok(err)
			return strings.TrimPrefix(path, "/recover/")
		}
		recover := func(token string) error {
			_, err := s.Recover(t.Context(), token, newPassword, identity.Second{}, from)
			return err
		}
		late := link()
		b.clock.advance(identity.RecoveryAgeMax)
		b.kind(recover(late), fault.NotFound)
		b.ok(b.DeleteMailedLinksBefore(t.Context(), b.clock.Now().Add(time.Second)))
		if n := b.count(`SELECT COUNT(*) FROM mailed_links`); n != 0 {
			t.Errorf("%d expired links are kept", n)
		}
		before := link()
		b.ok(b.ChangePassword(t.Context(), "anna", identity.ChangePassword{PasswordHash: cheapHash}, entry("anna", audit.PasswordChanged)))
		b.kind(recover(before), fault.NotFound)
		barred := link()
		b.administrator("root")
		_, err := b.Store.ChangeUser(t.Context(), "anna", identity.ChangeUser{Status: identity.Suspended}, []Write{entry("root", audit.UserSuspended)})
		b.ok(err)
		b.kind(recover(barred), fault.NotFound)
		_, err = s.RecoverOf(t.Context(), u.Email)
		b.kind(err, fault.Conflict)
	})
}

func TestOneLinkRecoversOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.queued()
		u := b.confirmed("anna")
		nodes := b.mailingNodes(3)
		path, err := nodes[0].RecoverOf(t.Context(), u.Email)
		b.ok(err)
		const tries = 50
		var in atomic.Int32
		var wait sync.WaitGroup
		for i := range tries {
			wait.Go(func() {
				_, err := nodes[i%len(nodes)].Recover(t.Context(), strings.TrimPrefix(path, "/recover/"), newPassword, identity.Second{}, identity.Request{})
				if err == nil {
					in.Add(1)
				} else {
					b.kind(err, fault.NotFound)
				}
			})
		}
		wait.Wait()
		if in.Load() != 1 {
			t.Errorf("%d of %d got in", in.Load(), tries)
		}
	})
}

// However many nodes are asked, an account gets three mails in one go and two more in the rest of a day, and an address is heard
// twenty times.
func TestRecoveryMailsAreFewOnAllNodes(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database := b.queued()
		u := b.confirmed("anna")
		nodes := b.mailingNodes(3)
		heard := 0
		for i := range 60 {
			err := nodes[i%len(nodes)].AskRecovery(t.Context(), u.Email, identity.Request{Address: "192.0.2.1"})
			if err == nil {
				heard++
			} else {
				b.kind(err, fault.Limited)
			}
		}
		for _, node := range nodes {
			b.worked(node)
		}
		if mails := b.mailed(database, audit.MailRecovery); heard != 20 || len(mails) != 3 {
			t.Errorf("heard %d, mailed %d", heard, len(mails))
		}
		for range 24 {
			b.clock.advance(time.Hour - time.Second)
			b.ok(nodes[0].AskRecovery(t.Context(), u.Email, identity.Request{Address: "192.0.2.1"}))
			b.worked(nodes[0])
		}
		if mails := b.mailed(database, audit.MailRecovery); len(mails) != 4 { // 24 h less 24 s: the second more is due in a moment
			t.Errorf("mailed %d in a day", len(mails))
		}
	})
}

// An invitation that was mailed shows that mail arrives; one that was handed over doesn't.
func TestAcceptingAMailedInvitationConfirmsTheAddress(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		for mailed, id := range map[bool]ledger.OwnerID{true: "mailed", false: "handed"} {
			u := identity.User{ID: id, Email: string(id) + "@example.test", Name: "Guest", Role: identity.RoleUser, Status: identity.Invited, CreatedAt: testStart}
			invitation := identity.Invitation{User: id, Hash: identity.TokenHash{id[0]}, CreatedAt: testStart, ExpiresAt: testStart.Add(time.Hour), Mailed: mailed}
			b.ok(b.CreateInvitation(t.Context(), u, invitation, entry("admin", audit.UserInvited)))
			_, err := b.AcceptInvitation(t.Context(), invitation.Hash, "", cheapHash, testStart, Write{Audit: audit.Entry{Action: audit.InvitationAccepted, Result: "ok"}})
			b.ok(err)
			stored, err := b.User(t.Context(), id)
			b.ok(err)
			if !stored.ConfirmedAt.IsZero() != mailed {
				t.Errorf("mailed %v: confirmed at %v", mailed, stored.ConfirmedAt)
			}
		}
	})
}

// An address becomes somebody's own when they follow the link that went there, and not before. The one before is told.
func TestAnAddressCountsOnceItIsConfirmed(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database := b.queued()
		u := b.confirmed("anna")
		b.confirmed("bob")
		s, from := b.mailingNodes(1)[0], identity.Request{Address: "192.0.2.1"}
		in, err := s.SignIn(t.Context(), u.Email, cheapPassword, identity.Second{}, from)
		b.ok(err)
		b.ok(s.AskRecovery(t.Context(), u.Email, from))
		b.worked(s)
		b.ok(s.AskEmail(t.Context(), in.Session, "Anna@Elsewhere.test", from))
		links := b.mailed(database, audit.MailConfirmEmail)
		if len(links) != 1 || links[0].Address != "anna@elsewhere.test" || !strings.HasPrefix(links[0].Path, "/confirm-email/anna.") {
			t.Fatalf("mails: %+v", links)
		}
		if stored, err := b.User(t.Context(), "anna"); err != nil || stored.Email != u.Email {
			t.Errorf("before the link: %+v, %v", stored, err)
		}
		_, err = s.Recover(t.Context(), tokenOf(links[0]), newPassword, identity.Second{}, from)
		b.kind(err, fault.NotFound) // a link does one thing
		b.clock.advance(time.Hour)
		b.ok(s.ConfirmEmail(t.Context(), tokenOf(links[0]), from))
		b.kind(s.ConfirmEmail(t.Context(), tokenOf(links[0]), from), fault.NotFound)
		stored, err := b.UserByEmail(t.Context(), "anna@elsewhere.test")
		b.ok(err)
		if stored.ID != "anna" || stored.Name != u.Name || !stored.ConfirmedAt.Equal(b.clock.Now()) {
			t.Errorf("afterwards: %+v", stored)
		}
		_, err = b.UserByEmail(t.Context(), u.Email)
		b.kind(err, fault.NotFound)
		if told := b.mailed(database, audit.MailEmailChanged); len(told) != 1 || told[0].Address != u.Email {
			t.Errorf("told: %+v", told)
		}
		_, err = s.Recover(t.Context(), tokenOf(b.mailed(database, audit.MailRecovery)[0]), newPassword, identity.Second{}, from)
		b.kind(err, fault.NotFound) // it went to an address that is no longer theirs

		// Somebody else's address: who asks is told nothing, who follows the link is.
		b.ok(s.AskEmail(t.Context(), in.Session, "bob@example.test", from))
		taken := b.mailed(database, audit.MailConfirmEmail)[1]
		b.kind(s.ConfirmEmail(t.Context(), tokenOf(taken), from), fault.Conflict)
		if bob, err := b.UserByEmail(t.Context(), "bob@example.test"); err != nil || bob.ID != "bob" {
			t.Errorf("%+v, %v", bob, err)
		}
		// The one they have.
		b.ok(s.AskEmail(t.Context(), in.Session, "anna@elsewhere.test", from))
		b.kind(s.AskEmail(t.Context(), in.Session, "anna@elsewhere.test", from), fault.Limited)
		b.ok(s.ConfirmEmail(t.Context(), tokenOf(b.mailed(database, audit.MailConfirmEmail)[2]), from))
		if told := b.mailed(database, audit.MailEmailChanged); len(told) != 1 {
			t.Errorf("told: %+v", told)
		}
		for action, want := range map[audit.Action][]string{
			audit.EmailAsked: {"ok", "ok", "ok"}, audit.EmailChanged: {"ok"}, audit.EmailConfirmed: {"ok"}, audit.EmailRefused: {"conflict"},
		} {
			if got := b.results("anna", action); !slices.Equal(got, want) {
				t.Errorf("%s: recorded %v", action, got)
			}
		}
		b.kind(s.ConfirmEmail(t.Context(), "no token", from), fault.NotFound)
		late, err := s.SignIn(t.Context(), "anna@elsewhere.test", cheapPassword, identity.Second{}, from)
		b.ok(err)
		b.clock.advance(identity.EmailLinkAgeMax)
		b.ok(s.AskEmail(t.Context(), late.Session, "third@example.test", from))
		b.clock.advance(identity.EmailLinkAgeMax)
		b.kind(s.ConfirmEmail(t.Context(), tokenOf(b.mailed(database, audit.MailConfirmEmail)[3]), from), fault.NotFound)
	})
}

// With the fifth wrong code in a row its owner is told, once a day; few and rare ones are their own mistakes.
func TestWrongCodesAreTold(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database := b.queued()
		s := b.mailingNodes(1)[0]
		b.enrolled(s, "anna")
		wrong := func(times, told int) {
			t.Helper()
			for range times {
				_, err := s.SignIn(t.Context(), "anna@example.test", cheapPassword, identity.Second{Code: "000000"}, identity.Request{})
				b.kind(err, fault.Unauthenticated)
			}
			if got := b.mailed(database, audit.MailCodesRefused); len(got) != told {
				t.Errorf("told %d times, not %d: %+v", len(got), told, got)
			}
		}
		wrong(4, 0)
		b.clock.advance(time.Hour)
		wrong(4, 0)
		wrong(1, 1)
		wrong(2, 1)
		b.clock.advance(25 * time.Hour)
		wrong(4, 1)
		wrong(1, 2)
		if refused := b.results("anna", audit.CodeRefused); len(refused) != 16 {
			t.Errorf("recorded %d", len(refused))
		}
	})
}
