// Package audit says what an audit row holds, and makes the rows of all owners one tree that proves itself.
//
// Rows are appended in the transaction of what they record: no row, no change. They name ids; what is personal in them is sealed
// under its owner's key, and only a commitment to it is in the tree, so that erasing the key leaves the tree whole. The package
// owns the vocabulary of actions, the bytes of a leaf, the one sequencer that numbers rows and signs checkpoints, the copies of
// checkpoints outside of the database, and the verifier, which finds what was tampered with and says where. It never decides what
// is recorded, and knows no database.
package audit

import (
	"encoding/hex"
	"time"

	"folioscope/internal/ledger"
)

// Action is what was done.
type Action string

// The actions that are recorded.
const (
	SignIn             Action = "session.create"
	SignInFailed       Action = "session.refused"
	SignOut            Action = "session.delete"
	SteppedUp          Action = "session.step_up"
	StepUpFailed       Action = "session.step_up_refused"
	SessionRevoked     Action = "session.revoke"
	PasswordChanged    Action = "user.change_password"
	PasswordBreached   Action = "user.breached_password" // found at a sign-in; the owner is told
	CodeRefused        Action = "second_factor.refused"
	FactorStarted      Action = "second_factor.start"
	FactorConfirmed    Action = "second_factor.confirm"
	FactorRemoved      Action = "second_factor.remove"
	RecoveryRenewed    Action = "second_factor.new_recovery_codes"
	PasskeyAdded       Action = "passkey.add"
	PasskeyRenamed     Action = "passkey.rename"
	PasskeyRemoved     Action = "passkey.remove"
	PasskeyRefused     Action = "passkey.refused" // the object says why
	PasskeyCloned      Action = "passkey.cloned"  // it counted backwards, as a copy of it would
	RecoveryAsked      Action = "recovery.ask"    // for a link to set a password anew; of nobody where the address is nobody's
	Recovered          Action = "recovery.use"
	RecoveryRefused    Action = "recovery.refuse"
	EmailAsked         Action = "email.ask" // for a link that makes an address one's own
	EmailConfirmed     Action = "email.confirm"
	EmailChanged       Action = "email.change"
	EmailRefused       Action = "email.refuse"
	TokenCreated       Action = "token.create"
	TokenRevoked       Action = "token.revoke"
	SignInLinked       Action = "sign_in.link" // at another service; the object is the service
	SignInUnlinked     Action = "sign_in.unlink"
	ServiceRefused     Action = "sign_in.refuse" // what a sign-in service said isn't taken; the object is the service and why
	UserCreated        Action = "user.create"
	UserInvited        Action = "user.invite"
	InvitationAccepted Action = "user.accept_invitation"
	UsersListed        Action = "user.list"
	RoleChanged        Action = "user.change_role"
	UserSuspended      Action = "user.suspend"
	UserActivated      Action = "user.activate"
	UserSignedOut      Action = "user.sign_out" // everywhere, by somebody who looks after people
	UserErased         Action = "user.erase"    // with all that was theirs, and their key
	LinkCreated        Action = "link.create"   // a public one
	LinkRevoked        Action = "link.revoke"
	LinkOpened         Action = "link.open" // by anybody; once an hour for each network
	PortfolioCreated   Action = "portfolio.create"
	PortfolioChanged   Action = "portfolio.change"
	AccountCreated     Action = "account.create"
	AccountChanged     Action = "account.change"
	ActivitiesAdded    Action = "activity.add"
	ActivityCorrected  Action = "activity.correct"
	ActivityVoided     Action = "activity.void"
	ActivitiesImported Action = "activity.import"
	InstrumentCreated  Action = "instrument.create"
	InstrumentChanged  Action = "instrument.change"
	KeysCreated        Action = "keys.create"
	RootKeyAdded       Action = "keys.add"          // a root key is in the keyring and wraps nothing yet
	KeysRotated        Action = "keys.rotate"       // a root key wraps the users' keys from now on; the object names it
	RootKeysRetired    Action = "keys.retire"       // the keyring holds one root key alone
	KeyringRewrapped   Action = "keys.rewrap"       // another key-encryption key opens the keyring
	PriceAccepted      Action = "quarantine.accept" // a price that was held back is believed
	PriceRefused       Action = "quarantine.refuse"
	OwnCreated         Action = "own_instrument.create"
	OwnChanged         Action = "own_instrument.change"
	OwnDeleted         Action = "own_instrument.delete"
	PricesChanged      Action = "own_price.change" // of a portfolio: which instruments is its owner's to know
	CalendarChanged    Action = "calendar.change"
	ProposalsAccepted  Action = "proposal.accept" // splits and dividends are booked as proposed, or edited
	ProposalIgnored    Action = "proposal.ignore"
	ProposalRestored   Action = "proposal.restore"
	SourceTested       Action = "source.test"
	TroubleQuieted     Action = "status.quiet"    // of the installation; the object is the check
	Refused            Action = "access.refuse"   // asked for and not allowed; the object is the action of the route
	RefusalsDropped    Action = "access.refusals" // more refusals at once than are recorded one by one; the object is how many
	AuditRead          Action = "audit.read"
	AuditExported      Action = "audit.export"
	RestoreAccepted    Action = "audit.accept"       // an older database goes on
	Baseline           Action = "portfolio.baseline" // how a portfolio was when the tree began
	GrantOffered       Action = "grant.offer"
	GrantAccepted      Action = "grant.accept"
	GrantChanged       Action = "grant.change"
	GrantTakenBack     Action = "grant.take_back"
	GrantGivenBack     Action = "grant.give_back"  // by who had it; the object is the portfolio
	PortfolioViewed    Action = "portfolio.viewed" // by somebody it doesn't belong to
	HouseholdFounded   Action = "household.found"
	HouseholdInvited   Action = "household.invite"
	HouseholdJoined    Action = "household.join" // the object is the member, in the founder's log
	HouseholdLeft      Action = "household.leave"
	HouseholdRemoved   Action = "household.remove" // a member, or an invitation
	HouseholdDissolved Action = "household.dissolve"
	HouseholdShared    Action = "household.share" // the object is the portfolio
	HouseholdUnshared  Action = "household.unshare"
	ChannelCreated     Action = "channel.create"  // a way to be told of something
	ChannelConfirmed   Action = "channel.confirm" // by the link that went there
	ChannelChanged     Action = "channel.change"
	ChannelDeleted     Action = "channel.delete"
	ChannelTested      Action = "channel.test"
	NoticesSet         Action = "notices.set"  // how somebody wants to be told
	NoticesRead        Action = "notices.read" // what was unread isn't any more
	AlertCreated       Action = "alert.create"
	AlertChanged       Action = "alert.change"
	AlertDeleted       Action = "alert.delete"
)

// actions is the vocabulary, as filters offer it.
var actions = [...]Action{
	SignIn, SignInFailed, SignOut, SteppedUp, StepUpFailed, SessionRevoked, PasswordChanged, PasswordBreached, CodeRefused, FactorStarted,
	FactorConfirmed, FactorRemoved, RecoveryRenewed, PasskeyAdded, PasskeyRenamed, PasskeyRemoved, PasskeyRefused, PasskeyCloned,
	RecoveryAsked, Recovered, RecoveryRefused, EmailAsked, EmailConfirmed, EmailChanged, EmailRefused, SignInLinked, SignInUnlinked, ServiceRefused, TokenCreated, TokenRevoked, UserCreated, UserInvited, InvitationAccepted,
	UsersListed, RoleChanged, UserSuspended, UserActivated, UserSignedOut, UserErased,
	PortfolioCreated, PortfolioChanged, AccountCreated, AccountChanged, ActivitiesAdded, ActivityCorrected,
	ActivityVoided, ActivitiesImported, InstrumentCreated, InstrumentChanged, KeysCreated, RootKeyAdded, KeysRotated, RootKeysRetired, KeyringRewrapped,
	PriceAccepted, PriceRefused,
	LinkCreated, LinkRevoked, LinkOpened,
	OwnCreated, OwnChanged, OwnDeleted, PricesChanged, CalendarChanged, ProposalsAccepted, ProposalIgnored, ProposalRestored,
	SourceTested, TroubleQuieted, Refused, RefusalsDropped, AuditRead, AuditExported, RestoreAccepted, Baseline,
	GrantOffered, GrantAccepted, GrantChanged, GrantTakenBack, GrantGivenBack, PortfolioViewed,
	HouseholdFounded, HouseholdInvited, HouseholdJoined, HouseholdLeft, HouseholdRemoved, HouseholdDissolved, HouseholdShared, HouseholdUnshared,
	ChannelCreated, ChannelConfirmed, ChannelChanged, ChannelDeleted, ChannelTested, NoticesSet, NoticesRead,
	AlertCreated, AlertChanged, AlertDeleted,
}

// Actions is every action that is recorded.
func Actions() []Action { return actions[:] }

// Entry is one row as its writer knows it; the store adds number, time, node and, for a change of a portfolio, its mark.
type Entry struct {
	Actor     ledger.OwnerID // who did it, empty for the service itself
	Owner     ledger.OwnerID // whose data it is about, empty where it is nobody's
	Session   string         // which of the actor's sessions, as SessionName; empty without one
	Action    Action
	Object    string // id of what was changed
	RequestID string // correlates with the log
	Result    string // "ok", or the kind of refusal
	Detail    string // what is personal in it, such as the address it came from; sealed; dropped where there is no owner
	Mark      Mark   // the store's
}

// Mark ties a row to the state that its change left. The zero value is that of rows that change no portfolio.
type Mark struct {
	Portfolio ledger.PortfolioID
	Sequence  int64 // of the portfolio after the change
	Rows      int64 // of activities that the change added
}

// Row is an entry as it is stored.
type Row struct {
	Entry
	Number     int64 // counts an owner's rows from 1, without gaps
	At         time.Time
	Node       string
	Sealed     []byte // the detail under its owner's key; empty where there is none
	Commitment []byte // binds the row to the detail; empty where there is none
	Leaf       int64  // among all rows, from 0; Waiting before it is there
}

// Waiting is the leaf of a row that isn't in the tree yet.
const Waiting = -1

// SessionName names a session by its token's hash, in few letters that open nothing.
func SessionName(hash [32]byte) string {
	const nameBytes = 8
	return hex.EncodeToString(hash[:nameBytes])
}

// Filter says which rows are wanted; what is empty is no wish.
type Filter struct {
	Action      Action
	Actor       ledger.OwnerID
	Object      string
	From, Until time.Time // Until is no longer in it
}
