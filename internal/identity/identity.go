// Package identity knows who somebody is: users, passwords, second factors, sessions, API tokens and invitations.
//
// It never decides what somebody may do; that is access.
package identity

import (
	"encoding/hex"
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
	ConfirmedAt  time.Time // when it was shown that mail to Email reaches them, or an operator vouched for it; zero: not yet
	BreachedAt   time.Time // when the password was found in the list of breached ones at a sign-in; zero: not. Lists of users leave it out
}

// TokenHash is SHA-256 of a secret that only its bearer knows.
type TokenHash [32]byte

// Session is one signed-in browser, or what one request of an API token is.
type Session struct {
	Owner        ledger.OwnerID
	Hash         TokenHash // of the cookie's or the token's secret
	Role         Role      // the owner's, as of now
	SecondFactor bool      // the owner has one in use, as of now
	MustEnrol    bool      // the owner's role needs a second factor and there is none: nothing else may be done before
	CreatedAt    time.Time
	SeenAt       time.Time // last use, kept to the minute
	SteppedAt    time.Time // last time the password was asked for
	Origin       Origin    // sealed at rest; only lists read it
	Scopes       Scopes    // none for a browser; otherwise what the API token may do
	ExpiresAt    time.Time // of an API token

	Service       string // name of the sign-in service that it was opened through; empty: here
	ServiceFactor bool   // a second factor was shown there, and counts
}

// ID names a session or an API token to its owner; it is no secret.
func (s Session) ID() string { return s.Hash.ID() }

// ID is the first half of a hash as text: enough to tell an owner's few apart, and nothing to sign in with.
func (h TokenHash) ID() string { return hex.EncodeToString(h[:len(h)/2]) }

// Origin is where a session was opened, coarse enough to follow nobody by.
type Origin struct {
	Device string // such as "Firefox on Windows"
	Place  string // a network, such as "203.0.113.x"
}

// Scopes are what an API token may do at most; its owner's role bounds it too.
type Scopes uint8

// The scopes, each a bit.
const (
	ScopeRead  Scopes = 1 << iota // look at everything that is the owner's
	ScopeWrite                    // change portfolios and activities
	ScopeAdmin                    // administrators' work; only for administrators
)

// Has says whether all of some scopes are there.
func (s Scopes) Has(some Scopes) bool { return s&some == some }

// Token is what a program signs in with. Name is sealed at rest.
type Token struct {
	Owner     ledger.OwnerID
	Hash      TokenHash
	Name      string // as its owner calls it
	Scopes    Scopes
	CreatedAt time.Time
	ExpiresAt time.Time
	SeenAt    time.Time // last use, kept to the minute; zero: never
}

// SecondFactor is what an authenticator app was given, and what there is besides.
type SecondFactor struct {
	Seed         []byte    // sealed at rest; empty while none is in use
	Pending      []byte    // one that waits to be confirmed, sealed at rest
	ConfirmedAt  time.Time // zero while none is in use
	Counter      int64     // the newest time step whose code was used: none of it or before it counts again
	RecoveryLeft int       // codes for recovery that were not used yet
	Passkeys     int       // beside the app, or in its place
}

// On says whether an authenticator app is in use.
func (f SecondFactor) On() bool { return !f.ConfirmedAt.IsZero() }

// Any says whether the password alone doesn't do: an app is in use, or a passkey.
func (f SecondFactor) Any() bool { return f.On() || f.Passkeys > 0 }

// Spend is a right code or passkey's answer, to be used up in the transaction of what it opens.
type Spend struct {
	Counter  int64        // the code's time step
	Recovery *TokenHash   // for a recovery code instead: its hash
	Passkey  *UsedPasskey // or for a passkey
}

// ConfirmFactor puts a pending seed into use.
type ConfirmFactor struct {
	Seed     []byte // the pending one that the code was checked with
	Counter  int64  // of that code
	Recovery []TokenHash
	Keep     TokenHash // the session that stays; all others end
	At       time.Time
}

// ChangePassword replaces a password.
type ChangePassword struct {
	PasswordHash string
	Spend        *Spend    // nil without a second factor
	Keep         TokenHash // the session that stays; all others end
	KeepTokens   bool      // API tokens stay too
}

// Take is one attempt at a secret.
type Take struct {
	Key    string        // whose; kept as a blind index
	Max    int           // attempts in one go
	Refill time.Duration // until one more
}

// Invitation lets somebody become a user.
type Invitation struct {
	User      ledger.OwnerID // created with status invited
	Hash      TokenHash
	CreatedAt time.Time
	ExpiresAt time.Time
	Mailed    bool // its link goes to the user's address alone: who follows it reads mail there
}
