// Package identity knows who somebody is: users, passwords, sessions and invitations.
//
// It never decides what somebody may do; that is access.
package identity

import (
	"time"

	"folioscope/internal/ledger"
)

// Role is what a user is in this installation.
type Role string

// The roles.
const (
	RoleUser    Role = "user"
	RoleAdviser Role = "adviser"
	RoleAuditor Role = "auditor"
	RoleAdmin   Role = "admin"
)

// Status says whether a user may sign in.
type Status string

// The statuses.
const (
	Active    Status = "active"
	Invited   Status = "invited"
	Suspended Status = "suspended"
)

// User is a person. Email, Name and PasswordHash are sealed at rest.
type User struct {
	ID           ledger.OwnerID
	Email        string // lower case, as typed otherwise
	Name         string
	Role         Role
	Status       Status
	PasswordHash string // argon2id in PHC form, empty while invited
	CreatedAt    time.Time
}

// TokenHash is SHA-256 of a secret that only its bearer knows.
type TokenHash [32]byte

// Session is one signed-in browser.
type Session struct {
	Owner     ledger.OwnerID
	Hash      TokenHash // of the cookie's secret
	Role      Role      // the owner's, as of now
	CreatedAt time.Time
	SeenAt    time.Time // last use, kept to the minute
	SteppedAt time.Time // last time the password was asked for
}

// Invitation lets somebody become a user.
type Invitation struct {
	User      ledger.OwnerID // created with status invited
	Hash      TokenHash
	CreatedAt time.Time
	ExpiresAt time.Time
}
