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

func TestUsersAreFoundByEmailInAnyCase(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		u := identity.User{ID: "u1", Email: "anna@example.test", Name: "Anna Ünal", Role: identity.RoleAdmin, Status: identity.Active, PasswordHash: "$argon2id$x", CreatedAt: testStart}
		b.ok(b.CreateUser(t.Context(), u, entry("", audit.UserCreated)))
		b.reopen()
		for _, email := range []string{"anna@example.test", "ANNA@Example.Test", " anna@example.test "} {
			got, err := b.UserByEmail(t.Context(), email)
			if err != nil || got != u {
				t.Errorf("%q: %+v, %v", email, got, err)
			}
		}
		_, err := b.UserByEmail(t.Context(), "anna@example.tes")
		b.kind(err, fault.NotFound)
		_, err = b.User(t.Context(), "u2")
		b.kind(err, fault.NotFound)
		again := u
		again.ID, again.Email = "u2", "Anna@EXAMPLE.test"
		b.kind(b.CreateUser(t.Context(), again, entry("", audit.UserCreated)), fault.Conflict)
		again = u
		again.Email = "other@example.test"
		b.kind(b.CreateUser(t.Context(), again, entry("", audit.UserCreated)), fault.Conflict)
		_, err = b.UserByEmail(t.Context(), "other@example.test")
		b.kind(err, fault.NotFound)

		b.ok(b.SetPassword(t.Context(), "u1", "$argon2id$new", entry("u1", audit.UserCreated)))
		got, err := b.User(t.Context(), "u1")
		if err != nil || got.PasswordHash != "$argon2id$new" || got.Name != u.Name {
			t.Errorf("%+v, %v", got, err)
		}
		b.kind(b.SetPassword(t.Context(), "u2", "x", entry("u2", audit.UserCreated)), fault.NotFound)
	})
}

func TestUsersComeInPages(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		for i := range 7 {
			b.user(ledger.OwnerID(fmt.Sprintf("u%d", i)))
		}
		var got []ledger.OwnerID
		cursor, pages := "", 0
		for {
			users, next, err := b.Users(t.Context(), cursor, 3)
			b.ok(err)
			pages++
			for _, u := range users {
				if u.Name != "Name of "+string(u.ID) {
					t.Errorf("user %+v", u)
				}
				got = append(got, u.ID)
			}
			if next == "" {
				break
			}
			cursor = next
		}
		if pages != 3 || fmt.Sprint(got) != "[u0 u1 u2 u3 u4 u5 u6]" {
			t.Errorf("%d pages: %v", pages, got)
		}
		users, next, err := b.Users(t.Context(), "", 7)
		if err != nil || len(users) != 7 || next != "" {
			t.Errorf("a page that fits: %d, %q, %v", len(users), next, err)
		}
	})
}

func TestInvitationWorksOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		invite := func(id ledger.OwnerID, secret byte, expires time.Time) identity.TokenHash {
			hash := identity.TokenHash{secret}
			u := identity.User{ID: id, Email: string(id) + "@example.test", Name: "Guest", Role: identity.RoleUser, Status: identity.Invited, CreatedAt: testStart}
			b.ok(b.CreateInvitation(t.Context(), u, identity.Invitation{User: id, Hash: hash, CreatedAt: testStart, ExpiresAt: expires}, entry("admin", audit.UserInvited)))
			return hash
		}
		good := invite("u1", 1, testStart.Add(time.Hour))
		expired := invite("u2", 2, testStart)
		accept := func(hash identity.TokenHash, name string) (identity.User, error) {
			return b.AcceptInvitation(t.Context(), hash, name, "$argon2id$new", testStart, Write{Audit: audit.Entry{Action: audit.InvitationAccepted, Result: "ok"}})
		}
		_, err := accept(expired, "")
		b.kind(err, fault.NotFound)
		_, err = accept(identity.TokenHash{9}, "")
		b.kind(err, fault.NotFound)
		u, err := accept(good, "Real Name")
		b.ok(err)
		want := identity.User{ID: "u1", Email: "u1@example.test", Name: "Real Name", Role: identity.RoleUser, Status: identity.Active, PasswordHash: "$argon2id$new", CreatedAt: testStart}
		if stored, err := b.User(t.Context(), "u1"); err != nil || u != want || stored != want {
			t.Errorf("accepted %+v, stored %+v, %v", u, stored, err)
		}
		_, err = accept(good, "")
		b.kind(err, fault.NotFound)
		rows, err := b.Audits(t.Context(), "u1", 0, 10)
		b.ok(err)
		if len(rows) != 2 || rows[1].Actor != "u1" || rows[1].Object != "u1" || rows[1].Action != audit.InvitationAccepted {
			t.Errorf("audit %+v", rows)
		}
		_, err = b.UserByEmail(t.Context(), "u2@example.test")
		b.ok(err) // invited ones exist: a second invitation for the address is a conflict
		u2 := identity.User{ID: "u3", Email: "U2@example.test", Status: identity.Invited}
		b.kind(b.CreateInvitation(t.Context(), u2, identity.Invitation{User: "u3", Hash: identity.TokenHash{3}}, entry("admin", audit.UserInvited)), fault.Conflict)
	})
}

func TestSessions(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.portfolio("anna", "p1")
		hash := identity.TokenHash{1}
		session := identity.Session{Owner: "anna", Hash: hash, Role: identity.RoleUser, CreatedAt: testStart, SeenAt: testStart, SteppedAt: testStart}
		b.ok(b.CreateSession(t.Context(), session, entry("anna", audit.SignIn)))
		b.kind(b.CreateSession(t.Context(), session, entry("anna", audit.SignIn)), fault.Conflict)
		b.kind(b.CreateSession(t.Context(), identity.Session{Owner: "nobody", Hash: hash}, entry("anna", audit.SignIn)), fault.NotFound)
		b.reopen()
		got, err := b.Session(t.Context(), "anna", hash)
		if err != nil || got != session {
			t.Errorf("%+v, %v", got, err)
		}
		both, sequence, err := b.SessionAndSequence(t.Context(), "anna", hash, "p1")
		if err != nil || both != session || sequence != 1 {
			t.Errorf("%+v at %d, %v", both, sequence, err)
		}
		both, _, err = b.SessionAndSequence(t.Context(), "anna", hash, "none")
		b.kind(err, fault.NotFound)
		if both != session {
			t.Errorf("a portfolio that isn't there takes the session along: %+v", both)
		}
		_, _, err = b.SessionAndSequence(t.Context(), "anna", identity.TokenHash{2}, "p1")
		b.kind(err, fault.Unauthenticated)

		if sequence, err := b.Sequence(t.Context(), "anna", "p1"); err != nil || sequence != 1 {
			t.Errorf("at %d, %v", sequence, err)
		}
		_, err = b.Sequence(t.Context(), "bert", "p1")
		b.kind(err, fault.NotFound)

		seen := testStart.Add(time.Minute)
		b.ok(b.TouchSession(t.Context(), "anna", hash, seen))
		b.ok(b.TouchSession(t.Context(), "anna", hash, testStart))
		if got, err := b.Session(t.Context(), "anna", hash); err != nil || !got.SeenAt.Equal(seen) {
			t.Errorf("seen %v, %v", got.SeenAt, err)
		}
		_, err = b.db.exec(t.Context(), `UPDATE users SET status = 'suspended' WHERE owner = $1`, "anna")
		b.ok(err)
		_, err = b.Session(t.Context(), "anna", hash)
		b.kind(err, fault.NotFound)
		_, _, err = b.SessionAndSequence(t.Context(), "anna", hash, "p1")
		b.kind(err, fault.Unauthenticated)
		_, err = b.db.exec(t.Context(), `UPDATE users SET status = 'active', role = 'adviser' WHERE owner = $1`, "anna")
		b.ok(err)
		if got, err := b.Session(t.Context(), "anna", hash); err != nil || got.Role != identity.RoleAdviser {
			t.Errorf("the role is not the user's of now: %v, %v", got.Role, err)
		}

		b.ok(b.DeleteSessionsBefore(t.Context(), seen))
		_, err = b.Session(t.Context(), "anna", hash)
		b.ok(err)
		b.ok(b.DeleteSessionsBefore(t.Context(), seen.Add(time.Second)))
		_, err = b.Session(t.Context(), "anna", hash)
		b.kind(err, fault.NotFound)
		b.ok(b.CreateSession(t.Context(), session, entry("anna", audit.SignIn)))
		b.ok(b.DeleteSession(t.Context(), "anna", hash, entry("anna", audit.SignOut)))
		b.kind(b.DeleteSession(t.Context(), "anna", hash, entry("anna", audit.SignOut)), fault.NotFound)
	})
}

func TestRefusedSignInIsRecorded(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		for range 2 {
			b.ok(b.RecordAudit(t.Context(), audit.Entry{Action: audit.SignInFailed, Result: "unauthenticated", RequestID: "r9"}))
		}
		rows, err := b.Audits(t.Context(), "", 0, 10)
		b.ok(err)
		if len(rows) != 2 || rows[1].Number != 2 || rows[1].Result != "unauthenticated" {
			t.Errorf("rows %+v", rows)
		}
		rows, err = b.Audits(t.Context(), "", 1, 10)
		if err != nil || len(rows) != 1 {
			t.Errorf("after 1: %+v, %v", rows, err)
		}
	})
}
