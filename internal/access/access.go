// Package access decides who may do what.
//
// It owns the policies, one file for each topic in policies, one function over them, and the words for what owners give others. It
// never looks anything up: that a portfolio is the caller's own, or was given to them, is what the store's queries say, which all carry
// the owner; this package says what may be asked at all, and of whose things.
package access

import (
	"maps"
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
	Recover          Action = "recovery.ask"  // a forgotten password: ask for a link, and use it
	ConfirmEmail     Action = "email.confirm" // by the link that was mailed there
	SignOut          Action = "session.delete"
	StepUp           Action = "session.step_up"
	ReadSelf         Action = "self.read"
	ReadAccount      Action = "account.read"   // one's own sessions, second factor and API tokens
	EnrolFactor      Action = "account.enrol"  // set up a second factor
	ChangeAccount    Action = "account.change" // password, sessions, second factor, API tokens
	ListPortfolios   Action = "portfolio.list"
	CreatePortfolio  Action = "portfolio.create"
	ReadPercentages  Action = "portfolio.percentages" // of a portfolio: how it is spread and how it did, without amounts
	ReadPortfolio    Action = "portfolio.read"        // with all that is worked out from it, and its stream
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

	ChangeUser  Action = "user.change" // role and status
	EraseUser   Action = "user.erase"
	SignOutUser Action = "user.sign_out"
	EraseSelf   Action = "self.erase"

	ReadMail     Action = "mail.read"   // how mail stands
	ReadStatus   Action = "status.read" // how the installation is
	QuietTrouble Action = "status.quiet"

	ManageLinks       Action = "link.manage" // public links of a portfolio
	OpenLink          Action = "link.open"
	ReadByLink        Action = "link.read"
	ReadAmountsByLink Action = "link.read_amounts"

	ManageGrants   Action = "grant.manage"  // who else may see and change a portfolio
	EntrustGrants  Action = "grant.entrust" // the same for those who may manage it too
	AcceptGrant    Action = "grant.accept"
	LeavePortfolio Action = "portfolio.leave" // give back what one was given

	ReadHousehold   Action = "household.read"
	ChangeHousehold Action = "household.change" // found one, invite, join, leave, remove, dissolve
	ShareAtHome     Action = "household.share"  // a portfolio with one's household

	ReadNotices    Action = "notice.read"    // one's inbox
	ManageChannels Action = "channel.manage" // by which ways one is told, and how

	ReadAlerts  Action = "alert.read" // one's own rules, what they did, and what they would have done
	WriteAlerts Action = "alert.write"
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

// Resource is what is asked for. Owner is whose it is, empty for what is everybody's or nobody's; Granted is what its owner gave the
// subject of it, as of now.
type Resource struct {
	Owner   ledger.OwnerID
	Granted Level
}

// Decision is the answer.
type Decision struct {
	Allowed bool
	SignIn  bool   // refused only because nobody is signed in
	Enrol   bool   // refused only until a second factor is set up
	Policy  string // the @id of the policy that decided; empty where none allows it
}

// May decides. What is open to anyone is so for whoever is signed in, however they are.
func May(subject Subject, action Action, resource Resource) Decision {
	c, known := house().of[action]
	if !known {
		return Decision{}
	}
	q := question{role: visitor}
	if subject.SignedIn() {
		q = question{role: subject.Role, level: resource.levelFor(subject), scopes: subject.Scopes, mustEnrol: subject.MustEnrol}
	}
	return c.answer(q)
}

// levelFor is what somebody has of a thing.
func (r Resource) levelFor(subject Subject) Level {
	if r.Owner == subject.Owner {
		return LevelOwn
	}
	if !slices.Contains(Given(), r.Granted) {
		return LevelNone
	}
	return r.Granted
}

// Known says whether a policy allows an action to anybody.
func Known(action Action) bool {
	_, ok := house().of[action]
	return ok
}

// NeverByToken says whether an action is for browsers alone.
func NeverByToken(action Action) bool { return Known(action) && house().of[action].browser }

// Open says whether an action is open to people who are not signed in.
func Open(action Action) bool { return Known(action) && house().of[action].open }

// Actions is every action that a policy allows to somebody, in no order.
func Actions() []Action { return slices.Collect(maps.Keys(house().of)) }
