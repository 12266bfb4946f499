package access

import (
	"time"

	"folioscope/internal/ledger"
)

// Bounds of a household.
const (
	MembersMax         = 12  // its founder and whoever is invited included: a large family
	HouseholdSharesMax = 100 // portfolios that all of them together share with it
)

// Household is people who let each other see portfolios. Everybody is in one at most.
type Household struct {
	Founder   ledger.OwnerID // who invites, removes and dissolves
	Name      string         // sealed at rest
	CreatedAt time.Time
	Members   []Member // the founder, then in the order of joining, then who is invited
	Shares    []HouseholdShare
}

// MemberID names a member of a household, or an invitation to it; it opens nothing.
type MemberID string

// Member is somebody in a household, or whoever has the link of an invitation.
type Member struct {
	ID          MemberID
	Person      ledger.OwnerID // empty while only invited
	OfferedTill time.Time      // the link holds until then
	JoinedAt    time.Time      // zero while only invited
}

// HouseholdShare is a portfolio that every member of its holder's household sees, whoever joins later too.
type HouseholdShare struct {
	Holder    ledger.OwnerID
	Portfolio ledger.PortfolioID
	Level     Level
}

// People are the members who have joined.
func (h Household) People() (people []ledger.OwnerID) {
	for _, m := range h.Members {
		if m.Person != "" {
			people = append(people, m.Person)
		}
	}
	return people
}

// Above says whether a level holds more than another.
func (l Level) Above(other Level) bool { return rank(l) > rank(other) }
