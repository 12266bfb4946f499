package demo

import (
	"fmt"
	"math/rand/v2"

	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/money"
)

// Password is everybody's in the demo; the people exist in no other mode.
const Password = "demo-folioscope"

// passwordHash is Password under argon2id (19 MiB, t=2, p=1) with a fixed salt, worked out once so that 253 people need not wait for it.
const passwordHash = "$argon2id$v=19$m=19456,t=2,p=1$Zm9saW9zY29wZSBkZW1vIQ$EGFYg3K7JYzkrRElXSEXqQBE5YZPAdC5Y4ygH+jy83k"

var firstNames = [...]string{
	"Ada", "Amara", "Anika", "Arjun", "Astrid", "Bela", "Carla", "Chen", "Clara", "Dana", "Dmitri", "Elena", "Emil", "Farid", "Fiona", "Gustav",
	"Hana", "Hugo", "Ingrid", "Isha", "Jonas", "Kaito", "Kofi", "Lars", "Leila", "Lucia", "Mateo", "Maya", "Mira", "Nadia", "Niels", "Noor",
	"Olga", "Omar", "Paula", "Priya", "Ravi", "Rosa", "Sofia", "Tomas", "Ursula", "Viktor", "Wanda", "Yara", "Yuki", "Zoe",
}

var lastNames = [...]string{
	"Abe", "Adeyemi", "Andersen", "Bauer", "Becker", "Bianchi", "Brandt", "Castillo", "Cohen", "Costa", "Dubois", "Eriksen", "Fischer", "Fontaine",
	"Garcia", "Gupta", "Haas", "Hansen", "Hoffmann", "Ito", "Iyer", "Jansen", "Kapoor", "Keller", "Khan", "Kowalska", "Laurent", "Lindqvist", "Marino",
	"Mehta", "Meyer", "Moreau", "Nakamura", "Novak", "Okafor", "Olsen", "Patel", "Petrov", "Reyes", "Rossi", "Sato", "Schmidt", "Silva", "Tanaka",
	"Vogel", "Weber", "Wilson", "Zimmer",
}

// bases are the currencies people count in; most of the demo's people live in the euro area.
var bases = [...]money.Currency{"EUR", "EUR", "EUR", "EUR", "USD", "USD", "USD", "GBP", "GBP", "CHF", "INR", "JPY", "AUD"}

func person(number int, random *rand.Rand) identity.User {
	return identity.User{
		ID:    ledger.OwnerID(fmt.Sprintf("demo-user-%03d", number)),
		Email: fmt.Sprintf("user%03d@demo.test", number),
		Name:  firstNames[random.IntN(len(firstNames))] + " " + lastNames[random.IntN(len(lastNames))],
		Role:  identity.RoleUser, Status: identity.Active, PasswordHash: passwordHash,
	}
}

// staff are the people who have a role besides.
func staff() []identity.User {
	var all []identity.User
	for _, role := range []identity.Role{identity.RoleAdviser, identity.RoleAuditor, identity.RoleAdmin} {
		all = append(all, identity.User{
			ID: ledger.OwnerID("demo-" + string(role)), Email: string(role) + "@demo.test", Name: "Demo " + string(role),
			Role: role, Status: identity.Active, PasswordHash: passwordHash,
		})
	}
	return all
}
