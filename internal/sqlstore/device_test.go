package sqlstore

import (
	"fmt"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

const firefox = "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/140.0"

// in signs somebody in with a browser and gives what the browser is remembered by.
func (b *bench) in(s *identity.Service, owner ledger.OwnerID, device string) string {
	b.t.Helper()
	b.clock.advance(time.Second)
	from := identity.Request{ID: "r1", Address: "203.0.113.77", Agent: firefox, Device: device}
	signed, err := s.SignIn(b.t.Context(), string(owner)+"@example.test", cheapPassword, identity.Second{}, from)
	b.ok(err)
	if device != "" && signed.Device != device {
		b.t.Errorf("the browser is to be remembered by %q instead of %q", signed.Device, device)
	}
	return signed.Device
}

// devices is how many browsers are remembered of somebody.
func (b *bench) devices(owner ledger.OwnerID) int {
	b.t.Helper()
	return b.count(`SELECT COUNT(*) FROM known_devices WHERE owner = $1`, string(owner))
}

func TestASignInWithANewDeviceIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database := b.queued()
		b.confirmed("anna")
		b.confirmed("bert")
		nodes := b.mailingNodes(2)
		told := 0
		tells := func(what string, more int) {
			t.Helper()
			if mails := b.mailed(database, audit.MailNewDevice); len(mails) != told+more {
				t.Fatalf("%s: %d mails, want %d: %+v", what, len(mails), told+more, mails)
			}
			told += more
		}
		desk := b.in(nodes[0], "anna", "")
		tells("the very first sign-in", 0)
		b.in(nodes[1], "anna", desk)
		tells("the same browser, at another node", 0)
		phone := b.in(nodes[0], "anna", "")
		tells("another browser", 1)
		mail := b.mailed(database, audit.MailNewDevice)[0]
		if mail.Address != "anna@example.test" || mail.What != "Firefox on Windows, from 203.0.113.x" || mail.Path != "" {
			t.Errorf("told: %+v", mail)
		}
		b.in(nodes[0], "anna", phone)
		b.in(nodes[0], "anna", desk)
		tells("both again", 0)

		// Two people on one browser keep one secret, and neither is known by what the other did with it.
		b.in(nodes[0], "bert", "")
		b.in(nodes[0], "bert", desk)
		tells("a browser that somebody else is known with", 1)
		b.in(nodes[0], "anna", desk)
		b.in(nodes[0], "bert", desk)
		tells("one browser, by turns", 0)
		if all, distinct := b.count(`SELECT COUNT(*) FROM known_devices`), b.count(`SELECT COUNT(DISTINCT hash) FROM known_devices`); all != 4 || distinct != 4 {
			t.Errorf("%d devices with %d hashes, want 4 each", all, distinct)
		}

		// What isn't a secret of ours is replaced by one.
		for _, forged := range []string{"short", desk + "A", "=" + desk[1:]} {
			b.clock.advance(time.Second)
			signed, err := nodes[0].SignIn(t.Context(), "anna@example.test", cheapPassword, identity.Second{}, identity.Request{Device: forged})
			b.ok(err)
			if signed.Device == forged || len(signed.Device) != len(desk) {
				t.Errorf("%q became %q", forged, signed.Device)
			}
			tells("a forged cookie", 1)
		}
		_, err := nodes[0].SignIn(t.Context(), "anna@example.test", "wrong", identity.Second{}, identity.Request{})
		b.kind(err, fault.Unauthenticated)
		tells("a wrong password", 0)

		b.clock.advance(identity.DeviceAgeMax + time.Minute)
		b.in(nodes[0], "anna", desk)
		tells("after more than a year", 1)
	})
}

// A session that isn't opened leaves neither a mail nor a browser that is known from then on.
func TestARefusedCodeMakesNoDeviceKnown(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database := b.queued()
		b.confirmed("anna")
		b.in(b.mailingNodes(1)[0], "anna", "")
		session := identity.Session{Owner: "anna", Hash: identity.TokenHash{9}, CreatedAt: b.clock.Now(), SeenAt: b.clock.Now(), SteppedAt: b.clock.Now()}
		device := identity.Device{Hash: identity.TokenHash{7}, Notice: []audit.Mail{{Kind: audit.MailNewDevice, Address: "anna@example.test"}}}
		unknown := identity.TokenHash{1}
		b.kind(b.OpenSession(t.Context(), session, &identity.Spend{Recovery: &unknown}, &device, entry("anna", audit.SignIn)), fault.Unauthenticated)
		if n, mails := b.devices("anna"), b.mailed(database, audit.MailNewDevice); n != 1 || len(mails) != 0 {
			t.Errorf("%d devices, mails %+v", n, mails)
		}
		b.ok(b.OpenSession(t.Context(), session, nil, &device, entry("anna", audit.SignIn)))
		if n, mails := b.devices("anna"), b.mailed(database, audit.MailNewDevice); n != 2 || len(mails) != 1 {
			t.Errorf("%d devices, mails %+v", n, mails)
		}
	})
}

// An invitation signs in for the first time, and what it is accepted with is known from then on.
func TestAnAcceptedInvitationTellsNobody(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database := b.queued()
		s := b.mailingNodes(1)[0]
		invited := identity.User{ID: "anna", Email: "anna@example.test", Name: "Anna", Role: identity.RoleUser, Status: identity.Invited, CreatedAt: testStart}
		secret := "an invitation"
		b.ok(b.CreateInvitation(t.Context(), invited, identity.Invitation{User: "anna", Hash: identity.HashOf(secret), ExpiresAt: testStart.Add(time.Hour)}, entry("", audit.UserInvited)))
		signed, err := s.Accept(t.Context(), secret, "", newPassword, identity.Request{})
		b.ok(err)
		for _, device := range []string{signed.Device, ""} {
			b.clock.advance(time.Second)
			_, err = s.SignIn(t.Context(), "anna@example.test", newPassword, identity.Second{}, identity.Request{Device: device})
			b.ok(err)
			want := 0
			if device == "" {
				want = 1
			}
			if mails := b.mailed(database, audit.MailNewDevice); len(mails) != want {
				t.Errorf("with device %q: %+v", device, mails)
			}
		}
	})
}

func TestDevicesAreFewAndForgotten(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database := b.queued()
		b.confirmed("anna")
		b.confirmed("bert")
		s := b.mailingNodes(1)[0]
		b.in(s, "bert", "")
		first := b.in(s, "anna", "")
		second := b.in(s, "anna", "")
		b.in(s, "anna", first) // seen later than the second
		for i := range devicesMax - 1 {
			b.clock.advance(time.Second)
			now, device := b.clock.Now(), identity.Device{Hash: identity.HashOf(fmt.Sprint("another ", i))}
			session := identity.Session{Owner: "anna", Hash: device.Hash, CreatedAt: now, SeenAt: now, SteppedAt: now}
			b.ok(b.OpenSession(t.Context(), session, nil, &device, entry("anna", audit.SignIn)))
		}
		before := len(b.mailed(database, audit.MailNewDevice))
		if n := b.devices("anna"); n != devicesMax {
			t.Errorf("%d devices", n)
		}
		b.in(s, "anna", first)
		if n := len(b.mailed(database, audit.MailNewDevice)); n != before {
			t.Error("the last but 49 is forgotten")
		}
		b.in(s, "anna", second)
		if n := len(b.mailed(database, audit.MailNewDevice)); n != before+1 {
			t.Error("the last but 50 is still known")
		}

		b.ok(b.DeleteDevicesBefore(t.Context(), b.clock.Now()))
		if anna, bert := b.devices("anna"), b.devices("bert"); anna != 1 || bert != 1 {
			t.Errorf("after sweeping %d and %d devices are left, want the last of each", anna, bert)
		}
		b.in(s, "bert", "")
		if n := len(b.mailed(database, audit.MailNewDevice)); n != before+2 {
			t.Error("who comes back with another browser is not told")
		}
		b.ok(b.EraseUser(t.Context(), "anna", audit.Write{Audit: audit.Entry{Actor: "bert", Action: audit.UserErased, Object: "anna", Result: "ok"}}))
		if n := b.devices("anna"); n != 0 {
			t.Errorf("%d devices of somebody erased", n)
		}
	})
}
