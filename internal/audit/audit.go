// Package audit says what an audit row holds. Rows are appended in the transaction of what they record: no row, no change.
//
// Rows name ids, never personal values. The package owns the vocabulary of actions.
package audit

import "folioscope/internal/ledger"

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
	CodeRefused        Action = "second_factor.refused"
	FactorStarted      Action = "second_factor.start"
	FactorConfirmed    Action = "second_factor.confirm"
	FactorRemoved      Action = "second_factor.remove"
	RecoveryRenewed    Action = "second_factor.new_recovery_codes"
	TokenCreated       Action = "token.create"
	TokenRevoked       Action = "token.revoke"
	UserCreated        Action = "user.create"
	UserInvited        Action = "user.invite"
	InvitationAccepted Action = "user.accept_invitation"
	UsersListed        Action = "user.list"
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
)

// Entry is one row as its writer knows it; the store adds number and time.
type Entry struct {
	Actor     ledger.OwnerID // who did it, empty for the service itself
	Owner     ledger.OwnerID // whose data it is about, empty where it is nobody's
	Action    Action
	Object    string // id of what was changed
	RequestID string // correlates with the log
	Result    string // "ok", or the kind of refusal
}
