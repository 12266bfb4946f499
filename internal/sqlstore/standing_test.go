package sqlstore

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

func TestStanding(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		for _, owner := range []ledger.OwnerID{"anna", "berta"} {
			b.user(owner)
		}
		b.ok(b.CreateUser(t.Context(), identity.User{ID: "gone", Email: "gone@example.test", Name: "Gone", Role: identity.RoleUser, Status: identity.Suspended, PasswordHash: cheapHash, CreatedAt: testStart}, entry("gone", audit.UserCreated)))
		hash := func(text string) identity.TokenHash { return sha256.Sum256([]byte(text)) }
		open := func(owner ledger.OwnerID, name string) identity.Session {
			s := identity.Session{Owner: owner, Hash: hash(name), CreatedAt: testStart, SeenAt: testStart, SteppedAt: testStart}
			b.ok(b.CreateSession(t.Context(), s, entry(owner, audit.SignIn)))
			return s
		}
		token := func(owner ledger.OwnerID, name string) identity.Session {
			made := identity.Token{Owner: owner, Hash: hash(name), Name: name, Scopes: identity.ScopeRead, CreatedAt: testStart, ExpiresAt: testStart.Add(time.Hour)}
			b.ok(b.CreateToken(t.Context(), made, entry(owner, audit.TokenCreated)))
			return identity.Session{Owner: owner, Hash: made.Hash, Scopes: made.Scopes}
		}
		fallen := map[string]identity.Session{
			"never was":        {Owner: "anna", Hash: hash("never")},
			"somebody else's":  {Owner: "berta", Hash: hash("anna 0")},
			"of the suspended": open("gone", "gone"),
			"their token":      token("gone", "gone's token"),
			"token as session": {Owner: "anna", Hash: hash("anna's token")},
			"session as token": {Owner: "anna", Hash: hash("anna 0"), Scopes: identity.ScopeRead},
			"ended":            open("berta", "ended"),
			"token that ended": token("berta", "ended token"),
		}
		b.ok(b.DeleteSession(t.Context(), "berta", hash("ended"), entry("berta", audit.SignOut)))
		b.ok(b.DeleteToken(t.Context(), "berta", hash("ended token"), entry("berta", audit.TokenRevoked)))
		var standing []identity.Session
		for i := range 233 { // more than one question's worth
			standing = append(standing, open([]ledger.OwnerID{"anna", "berta"}[i%2], fmt.Sprintf("%s %d", []string{"anna", "berta"}[i%2], i)))
		}
		standing = append(standing, token("anna", "anna's token"))

		asked := standing
		for _, one := range fallen {
			asked = append(asked, one)
		}
		found, err := b.Standing(t.Context(), asked)
		b.ok(err)
		for _, one := range standing {
			if !found[one.Hash] {
				t.Fatalf("a session of %s doesn't stand", one.Owner)
			}
		}
		for what, one := range fallen {
			alone, err := b.Standing(t.Context(), []identity.Session{one})
			b.ok(err)
			if len(alone) != 0 {
				t.Errorf("%s stands", what)
			}
		}
		if nobody, err := b.Standing(t.Context(), nil); err != nil || len(nobody) != 0 {
			t.Errorf("of none: %v, %v", nobody, err)
		}
	})
}
