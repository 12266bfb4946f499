package sqlstore

import (
	"fmt"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

const anIssuer = "https://login.example"

func linkOf(owner ledger.OwnerID, issuer, subject string) identity.LinkedSignIn {
	return identity.LinkedSignIn{Owner: owner, Issuer: issuer, Subject: subject, Email: string(owner) + "@example.test", CreatedAt: testStart}
}

// A sign-in at a service is one person's, whatever it looks like beside another; a person has a bounded number of them.
func TestLinkIsOfOnePerson(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		b.user("bob")
		b.user("carl")
		_, err := b.OwnerOfSubject(ctx, anIssuer, "12")
		b.kind(err, fault.NotFound)
		b.ok(b.LinkSignIn(ctx, linkOf("anna", anIssuer, "12"), entry("anna", audit.SignInLinked)))
		b.kind(b.LinkSignIn(ctx, linkOf("bob", anIssuer, "12"), entry("bob", audit.SignInLinked)), fault.Conflict)
		b.kind(b.LinkSignIn(ctx, linkOf("anna", anIssuer, "12"), entry("anna", audit.SignInLinked)), fault.Conflict)
		b.ok(b.LinkSignIn(ctx, linkOf("bob", anIssuer+"1", "2"), entry("bob", audit.SignInLinked))) // the same letters, parted elsewhere
		b.reopen()
		for of, want := range map[[2]string]ledger.OwnerID{{anIssuer, "12"}: "anna", {anIssuer + "1", "2"}: "bob"} {
			if owner, err := b.OwnerOfSubject(ctx, of[0], of[1]); err != nil || owner != want {
				t.Errorf("%v is %s's, %v", of, owner, err)
			}
		}
		for n := range linksMax - 1 {
			b.ok(b.LinkSignIn(ctx, linkOf("anna", anIssuer, fmt.Sprint("more ", n)), entry("anna", audit.SignInLinked)))
		}
		b.kind(b.LinkSignIn(ctx, linkOf("anna", anIssuer, "one too many"), entry("anna", audit.SignInLinked)), fault.Conflict)
		b.ok(b.EraseUser(ctx, "bob", entry("", audit.UserErased)))
		b.ok(b.LinkSignIn(ctx, linkOf("carl", anIssuer+"1", "2"), entry("carl", audit.SignInLinked)))
	})
}

// Unlinking ends the sessions that came through the service, but the one that asks, and never takes the last way in.
func TestUnlinking(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("bob")
		anna := identity.User{ID: "anna", Email: "anna@example.test", Name: "Anna", Role: identity.RoleUser, Status: identity.Active, CreatedAt: testStart}
		b.ok(b.CreateLinkedUser(ctx, anna, linkOf("anna", anIssuer, "1"), entry("anna", audit.UserCreated)))
		hashes := map[string]identity.TokenHash{"asks": {1}, "through the service": {2}, "by another way": {3}}
		for name, service := range map[string]string{"asks": "acme", "through the service": "acme", "by another way": ""} {
			session := identity.Session{Owner: "anna", Hash: hashes[name], Service: service, CreatedAt: testStart, SeenAt: testStart, SteppedAt: testStart}
			b.ok(b.CreateSession(ctx, session, entry("anna", audit.SignIn)))
		}
		index := func(subject string) identity.TokenHash {
			links, err := b.LinkedSignIns(ctx, "anna")
			b.ok(err)
			for _, link := range links {
				if link.Subject == subject {
					return link.Index
				}
			}
			t.Fatalf("%s isn't linked", subject)
			return identity.TokenHash{}
		}
		unlink := identity.Unlink{Index: index("1"), Service: "acme", Keep: hashes["asks"], Issuers: []string{anIssuer, "https://other.example"}}
		write := entry("anna", audit.SignInUnlinked)
		b.kind(b.UnlinkSignIn(ctx, "anna", unlink, write), fault.Conflict)
		b.ok(b.LinkSignIn(ctx, linkOf("anna", "https://gone.example", "2"), entry("anna", audit.SignInLinked)))
		b.kind(b.UnlinkSignIn(ctx, "anna", unlink, write), fault.Conflict) // nobody signs in with a service that isn't there
		b.ok(b.LinkSignIn(ctx, linkOf("anna", "https://other.example", "3"), entry("anna", audit.SignInLinked)))
		b.kind(b.UnlinkSignIn(ctx, "bob", unlink, write), fault.NotFound)
		b.ok(b.UnlinkSignIn(ctx, "anna", unlink, write))
		b.kind(b.UnlinkSignIn(ctx, "anna", unlink, write), fault.NotFound)
		if _, err := b.OwnerOfSubject(ctx, anIssuer, "1"); !fault.Is(err, fault.NotFound) {
			t.Errorf("it is linked still: %v", err)
		}
		for name, want := range map[string]bool{"asks": true, "through the service": false, "by another way": true} {
			if _, err := b.Session(ctx, "anna", hashes[name]); (err == nil) != want {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

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
