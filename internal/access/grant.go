package access

import (
	"slices"
	"time"

	"folioscope/internal/ledger"
)

// Bounds of what is shared.
const (
	GrantsMax    = 100                // of one portfolio, offers included: more than anybody keeps in mind
	SharesMax    = 500                // that one person was given: an adviser's clients
	OfferAgeMax  = 7 * 24 * time.Hour // until a link is accepted
	LookInterval = 15 * time.Minute   // in which a second look of the same session leaves no second row in the log
)

// GrantID names a grant to those who manage it; it opens nothing.
type GrantID string

// Grant is what an owner gave somebody of a portfolio, or offers to whoever has its link.
type Grant struct {
	Owner       ledger.OwnerID
	Portfolio   ledger.PortfolioID
	ID          GrantID
	Grantee     ledger.OwnerID // empty while it is only offered
	Level       Level
	Email       string // for whom it is meant, lower case, sealed at rest; empty: for whoever has the link
	CreatedAt   time.Time
	OfferedTill time.Time // the link holds until then
	AcceptedAt  time.Time // zero while it is only offered
	ExpiresAt   time.Time // zero: it stays until it is taken back
}

// Share is a grant as its grantee has it: one at most of each portfolio.
type Share struct {
	ShareKey
	Grant     GrantID
	Holder    ledger.OwnerID // whose portfolio it is
	Level     Level
	ExpiresAt time.Time // zero: it stays until it is taken back
	Sequence  int64     // of the portfolio
}

// ShareKey names a share.
type ShareKey struct {
	Grantee   ledger.OwnerID
	Portfolio ledger.PortfolioID
}

// Expired says whether something that ends at a time, or never where that is zero, has ended.
func Expired(ends, now time.Time) bool { return !ends.IsZero() && !now.Before(ends) }

// Given are the levels that an owner may give to others, rising.
func Given() []Level { return slices.Clone(levels[1 : len(levels)-1]) }
