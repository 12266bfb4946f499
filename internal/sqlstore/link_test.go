package sqlstore

import (
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
)

// A user who was not made after all has left no key behind: with it, what the second try seals would open for nobody.
func TestLinkedUserIsMadeWholeOrNotAtAll(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		of := identity.LinkedSignIn{Owner: "anna", Issuer: "https://login.example", Subject: "1", Email: "anna@example.test", CreatedAt: testStart}
		b.ok(b.LinkSignIn(ctx, of, entry("anna", audit.SignInLinked)))

		bob := identity.User{ID: "bob", Email: "bob@example.test", Name: "Bob", Role: identity.RoleUser, Status: identity.Active, CreatedAt: testStart}
		of.Owner = "bob"
		b.kind(b.CreateLinkedUser(ctx, bob, of, entry("bob", audit.UserCreated)), fault.Conflict)
		of.Subject = "2"
		b.ok(b.CreateLinkedUser(ctx, bob, of, entry("bob", audit.UserCreated)))
		b.reopen()
		links, err := b.LinkedSignIns(ctx, "bob")
		b.ok(err)
		if len(links) != 1 || links[0].Subject != "2" || links[0].Email != of.Email {
			t.Errorf("linked are %+v", links)
		}
	})
}
