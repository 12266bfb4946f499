// Package access decides who may do what.
//
// It owns one table and one function over it. It never looks anything up: that a portfolio is the caller's own is what the
// store's queries say, which all carry the owner; this package says what may be asked at all, and of whose things.
package access

import (
	"slices"

	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// Action is something that somebody may want to do.
type Action string

// The actions. Every route of the service names one.
const (
	ReadHealth       Action = "health.read"
	ReadDescription  Action = "description.read" // the API's own description, and the dashboard's files
	SignIn           Action = "session.create"
	AcceptInvitation Action = "invitation.accept"
	SignOut          Action = "session.delete"
	StepUp           Action = "session.step_up"
	ReadSelf         Action = "self.read"
	ReadAccount      Action = "account.read"   // one's own sessions, second factor and API tokens
	EnrolFactor      Action = "account.enrol"  // set up a second factor
	ChangeAccount    Action = "account.change" // password, sessions, second factor, API tokens
	ListPortfolios   Action = "portfolio.list"
	CreatePortfolio  Action = "portfolio.create"
	ReadPortfolio    Action = "portfolio.read" // with all that is worked out from it, and its stream
	ChangePortfolio  Action = "portfolio.change"
	WriteActivities  Action = "activity.write"
	ReadInstruments  Action = "instrument.read"
	CreateInstrument Action = "instrument.create"
	KeepInstruments  Action = "instrument.keep" // mend what is everybody's
	ListUsers        Action = "user.list"
	InviteUser       Action = "user.invite"

	RefreshInstrument Action = "instrument.refresh"
	ReadQuarantine    Action = "quarantine.read" // prices that were held back
	DecideQuarantine  Action = "quarantine.decide"
	ReadSources       Action = "source.read" // how the sources of prices are doing
	TestSource        Action = "source.test"
	ReadCalendar      Action = "calendar.read"
	ChangeCalendar    Action = "calendar.change"

	ReadAudit    Action = "audit.read" // of all, ids only
	ExportAudit  Action = "audit.export"
	ReadOwnAudit Action = "self.audit"
)

// Subject is who asks. The zero value is somebody who is not signed in.
type Subject struct {
	Owner     ledger.OwnerID
	Role      identity.Role
	Scopes    identity.Scopes // of the API token that asks; none for a browser's session
	MustEnrol bool            // their role needs a second factor that they don't have
}

// SignedIn says whether it is known who asks.
func (s Subject) SignedIn() bool { return s.Owner != "" }

// Resource is what is asked for. Owner is whose it is, empty for what is everybody's or nobody's.
type Resource struct {
	Owner ledger.OwnerID
}

// Decision is the answer. Why is for the log and for tests; it names no person.
type Decision struct {
	Allowed bool
	SignIn  bool // refused only because nobody is signed in
	Enrol   bool // refused only until a second factor is set up
	Why     string
}

// reach is whose things a rule is about.
type reach int

const (
	anyone   reach = iota + 1 // signed in or not
	signedIn                  // everybody who is signed in, of the roles named
	own                       // the same, and the thing is their own
)

type rule struct {
	reach reach
	roles []identity.Role
}

var (
	everybody = []identity.Role{identity.RoleUser, identity.RoleAdviser, identity.RoleAuditor, identity.RoleAdmin}
	editors   = []identity.Role{identity.RoleUser, identity.RoleAdviser, identity.RoleAdmin}
	admins    = []identity.Role{identity.RoleAdmin}
	auditors  = []identity.Role{identity.RoleAuditor, identity.RoleAdmin}
)

// rules is the table. What is not in it is refused. Portfolios are their owner's alone: no role, an administrator's included,
// reaches anybody else's.
var rules = map[Action]rule{
	ReadHealth:       {anyone, nil},
	ReadDescription:  {anyone, nil},
	SignIn:           {anyone, nil},
	AcceptInvitation: {anyone, nil},
	SignOut:          {signedIn, everybody},
	StepUp:           {signedIn, everybody},
	ReadSelf:         {signedIn, everybody},
	ReadAccount:      {own, everybody},
	EnrolFactor:      {own, everybody},
	ChangeAccount:    {own, everybody},
	ListPortfolios:   {own, everybody},
	CreatePortfolio:  {own, everybody},
	ReadPortfolio:    {own, everybody},
	ChangePortfolio:  {own, everybody},
	WriteActivities:  {own, everybody},
	ReadInstruments:  {signedIn, everybody},
	CreateInstrument: {signedIn, editors},
	KeepInstruments:  {signedIn, admins},
	ListUsers:        {signedIn, admins},
	InviteUser:       {signedIn, admins},

	RefreshInstrument: {signedIn, everybody},
	ReadQuarantine:    {signedIn, admins},
	DecideQuarantine:  {signedIn, admins},
	ReadSources:       {signedIn, admins},
	TestSource:        {signedIn, admins},
	ReadCalendar:      {signedIn, admins},
	ChangeCalendar:    {signedIn, admins},

	ReadAudit:    {signedIn, auditors},
	ExportAudit:  {signedIn, auditors},
	ReadOwnAudit: {own, everybody},
}

// scopes is what an API token needs for an action, besides what its owner's role allows. What is not in it no token may do: how
// somebody signs in is changed in a browser, by who can be asked for a password.
var scopes = map[Action]identity.Scopes{
	ReadSelf:         identity.ScopeRead,
	ListPortfolios:   identity.ScopeRead,
	ReadPortfolio:    identity.ScopeRead,
	ReadInstruments:  identity.ScopeRead,
	CreatePortfolio:  identity.ScopeWrite,
	ChangePortfolio:  identity.ScopeWrite,
	WriteActivities:  identity.ScopeWrite,
	CreateInstrument: identity.ScopeWrite,

	RefreshInstrument: identity.ScopeWrite,
	KeepInstruments:   identity.ScopeAdmin,
	ListUsers:         identity.ScopeAdmin,
	InviteUser:        identity.ScopeAdmin,
	ReadQuarantine:    identity.ScopeAdmin,
	DecideQuarantine:  identity.ScopeAdmin,
	ReadSources:       identity.ScopeAdmin,
	TestSource:        identity.ScopeAdmin,
	ReadCalendar:      identity.ScopeAdmin,
	ChangeCalendar:    identity.ScopeAdmin,
}

// withoutToken is what an API token never may.
var withoutToken = []Action{SignOut, StepUp, ReadAccount, EnrolFactor, ChangeAccount, ReadAudit, ExportAudit, ReadOwnAudit}

// beforeEnrolling is all that somebody may do whose role needs a second factor, until they have one.
var beforeEnrolling = []Action{SignOut, StepUp, ReadSelf, ReadAccount, EnrolFactor}

// May decides.
func May(subject Subject, action Action, resource Resource) Decision {
	r, known := rules[action]
	switch {
	case !known:
		return Decision{Why: "no rule for this action"}
	case r.reach == anyone:
		return Decision{Allowed: true, Why: "open to anyone"}
	case !subject.SignedIn():
		return Decision{SignIn: true, Why: "not signed in"}
	case !slices.Contains(r.roles, subject.Role):
		return Decision{Why: "not for this role"}
	case subject.Scopes != 0 && !inScope(subject.Scopes, action):
		return Decision{Why: "not within the token's scopes"}
	case subject.MustEnrol && !slices.Contains(beforeEnrolling, action):
		return Decision{Enrol: true, Why: "a second factor has to be set up first"}
	case r.reach == own && resource.Owner != subject.Owner:
		return Decision{Why: "not their own"}
	}
	return Decision{Allowed: true, Why: "by role"}
}

func inScope(held identity.Scopes, action Action) bool {
	needed, known := scopes[action]
	return known && held.Has(needed)
}

// Known says whether the table has a rule for an action.
func Known(action Action) bool {
	_, ok := rules[action]
	return ok
}

// NeverByToken says whether an action is for browsers alone.
func NeverByToken(action Action) bool { return slices.Contains(withoutToken, action) }

// Open says whether an action is open to people who are not signed in.
func Open(action Action) bool { return rules[action].reach == anyone }

// Actions is every action of the table, in no order.
func Actions() []Action {
	all := make([]Action, 0, len(rules))
	for action := range rules {
		all = append(all, action)
	}
	return all
}
