package sqlstore

import (
	"crypto/rand"
	"crypto/sha1"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
)

// A password of the list is refused wherever one is set; who has one already gets in, is told once, and is rid of it by another.
func TestBreachedPasswords(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database := b.queued()
		const known, other = "everybody knows this one", "nobody knows this one yet"
		lines := []string{fmt.Sprintf("%X:7", sha1.Sum([]byte(known))), fmt.Sprintf("%X:2", sha1.Sum([]byte(cheapPassword)))}
		slices.Sort(lines)
		data := strings.Join(lines, "\n")
		list, err := identity.NewBreached(strings.NewReader(data), int64(len(data)))
		b.ok(err)
		hasher, err := identity.NewHasher(rand.Reader)
		b.ok(err)
		s := identity.NewService(identity.Options{Store: b.Store, Hasher: hasher, Random: rand.Reader, Now: b.clock.Now, Log: slog.New(slog.DiscardHandler), Mail: true, Breached: list})
		ctx, from := t.Context(), identity.Request{}
		u := b.confirmed("anna")

		for range 2 {
			in, err := s.SignIn(ctx, u.Email, cheapPassword, identity.Second{}, from)
			b.ok(err)
			if !in.User.BreachedAt.Equal(testStart) {
				t.Errorf("known since %v", in.User.BreachedAt)
			}
			b.clock.advance(time.Minute)
			b.kind(s.ChangePassword(ctx, in.Session, cheapPassword, identity.Second{}, known, false, from), fault.Invalid)
		}
		if told := b.mailed(database, audit.MailPasswordBreached); len(told) != 1 {
			t.Errorf("told: %+v", told)
		}
		if noted := b.results("anna", audit.PasswordBreached); len(noted) != 1 {
			t.Errorf("recorded: %v", noted)
		}
		path, err := s.RecoverOf(ctx, u.Email)
		b.ok(err)
		token := strings.TrimPrefix(path, "/recover/")
		_, err = s.Recover(ctx, token, known, identity.Second{}, from)
		b.kind(err, fault.Invalid)
		_, err = s.Recover(ctx, token, other, identity.Second{}, from)
		b.ok(err)
		in, err := s.SignIn(ctx, u.Email, other, identity.Second{}, from)
		b.ok(err)
		if stored, err := b.User(ctx, "anna"); err != nil || !stored.BreachedAt.IsZero() || !in.User.BreachedAt.IsZero() {
			t.Errorf("afterwards: %+v, %v", stored, err)
		}

		_, err = s.CreateUser(ctx, identity.NewUser{Email: "new@example.test", Name: "New", Role: identity.RoleUser, Password: known})
		b.kind(err, fault.Invalid)
		_, err = s.Invite(ctx, "", identity.NewUser{Email: "guest@example.test", Name: "Guest Somebody", Role: identity.RoleUser}, from, func(entry audit.Entry, _ identity.IssuedInvitation) (audit.Write, error) {
			return audit.Write{Audit: entry}, nil
		})
		b.ok(err)
		mail := b.mailed(database, audit.MailInvitation)[0]
		for _, bad := range []string{known, "Guest Somebody 99"} {
			_, err = s.Accept(ctx, tokenOf(mail), "", bad, from)
			b.kind(err, fault.Invalid)
		}
		_, err = s.Accept(ctx, tokenOf(mail), "", other, from)
		b.ok(err)
		_, err = s.Accept(ctx, tokenOf(mail), "", other, from)
		b.kind(err, fault.NotFound)
	})
}
