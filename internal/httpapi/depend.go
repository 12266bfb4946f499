package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"folioscope/internal/audit"
	"folioscope/internal/cluster"
	"folioscope/internal/figures"
	"folioscope/internal/identity"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
	"folioscope/internal/market"
	"folioscope/internal/transfer"
)

// What this package wants of others, each as small as its use.

// Identity is who somebody is; *identity.Service is one.
type Identity interface {
	signInServices
	publicLinks
	SignIn(ctx context.Context, email, password string, second identity.Second, from identity.Request) (identity.SignedIn, error)
	recoveries
	addresses
	Accept(ctx context.Context, token, name, password string, from identity.Request) (identity.SignedIn, error)
	SignOut(ctx context.Context, session identity.Session, from identity.Request) error
	Session(ctx context.Context, token string) (identity.Session, error)
	SessionAndSequence(ctx context.Context, token string, portfolio ledger.PortfolioID) (identity.Session, int64, error)
	// Standing says which of some sessions and API tokens still hold.
	Standing(ctx context.Context, sessions []identity.Session) (map[identity.TokenHash]bool, error)
	StepUp(ctx context.Context, session identity.Session, password string, second identity.Second, from identity.Request) (identity.SignedIn, error)
	ChangePassword(ctx context.Context, session identity.Session, current string, second identity.Second, next string, keepTokens bool, from identity.Request) error
	Sessions(ctx context.Context, owner ledger.OwnerID) ([]identity.Session, error)
	EndSession(ctx context.Context, owner ledger.OwnerID, id string, from identity.Request) error
	EndOtherSessions(ctx context.Context, session identity.Session, from identity.Request) error
	SecondFactor(ctx context.Context, owner ledger.OwnerID) (identity.SecondFactor, error)
	Requires(role identity.Role) bool
	StartSecondFactor(ctx context.Context, session identity.Session, from identity.Request) (identity.Enrolment, error)
	ConfirmSecondFactor(ctx context.Context, session identity.Session, code string, from identity.Request) ([]string, error)
	NewRecoveryCodes(ctx context.Context, session identity.Session, from identity.Request) ([]string, error)
	RemoveSecondFactor(ctx context.Context, session identity.Session, from identity.Request) error
	CreateToken(ctx context.Context, session identity.Session, token identity.NewToken, from identity.Request, write func(audit.Entry, identity.IssuedToken) audit.Write) (identity.IssuedToken, error)
	Tokens(ctx context.Context, owner ledger.OwnerID) ([]identity.Token, error)
	RevokeToken(ctx context.Context, actor, owner ledger.OwnerID, id string, from identity.Request) error
	passkeys
	User(ctx context.Context, owner ledger.OwnerID) (identity.User, error)
	Users(ctx context.Context, actor ledger.OwnerID, cursor string, limit int, from identity.Request) ([]identity.User, string, error)
	Invite(ctx context.Context, actor ledger.OwnerID, user identity.NewUser, from identity.Request, write func(audit.Entry, identity.IssuedInvitation) (audit.Write, error)) (identity.IssuedInvitation, error)
	SignOutUser(ctx context.Context, actor, owner ledger.OwnerID, from identity.Request) error
	ChangeUser(ctx context.Context, actor, owner ledger.OwnerID, change identity.ChangeUser, from identity.Request) (identity.User, error)
	EraseUser(ctx context.Context, actor, owner ledger.OwnerID, from identity.Request) error
	EraseSelf(ctx context.Context, session identity.Session, from identity.Request) error
}

// passkeys is the part of Identity that is about them.
type passkeys interface {
	PasskeysOn() bool
	StartPasskeySignIn() (json.RawMessage, error)
	SignInWithPasskey(ctx context.Context, answer json.RawMessage, from identity.Request) (identity.SignedIn, error)
	AskPasskey(ctx context.Context, owner ledger.OwnerID) (json.RawMessage, error)
	Passkeys(ctx context.Context, owner ledger.OwnerID) ([]identity.Passkey, error)
	StartPasskey(ctx context.Context, session identity.Session) (json.RawMessage, error)
	AddPasskey(ctx context.Context, session identity.Session, name string, answer json.RawMessage, from identity.Request, write func(audit.Entry, identity.AddedPasskey) audit.Write) (identity.AddedPasskey, error)
	RenamePasskey(ctx context.Context, owner ledger.OwnerID, id, name string, from identity.Request) (identity.Passkey, error)
	RemovePasskey(ctx context.Context, session identity.Session, id string, from identity.Request) error
}

// Store is the part of the store that routes use directly. Everything personal takes its owner.
type Store interface {
	GrantStore
	HouseholdStore
	NoticeStore
	AlertStore
	Answer(ctx context.Context, owner ledger.OwnerID, key string) (*audit.Stored, error)
	Portfolios(ctx context.Context, owner ledger.OwnerID) ([]ledger.Portfolio, error)
	Portfolio(ctx context.Context, owner ledger.OwnerID, id ledger.PortfolioID) (ledger.Portfolio, error)
	CreatePortfolio(ctx context.Context, portfolio ledger.Portfolio, write audit.Write) error
	UpdatePortfolio(ctx context.Context, portfolio ledger.Portfolio, write audit.Write) (sequence int64, err error)
	CreateAccount(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, account ledger.Account, write audit.Write) (sequence int64, err error)
	UpdateAccount(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, account ledger.Account, write audit.Write) (sequence int64, err error)
	// Activities are the newest versions, voided ones included, by date and entry.
	Activities(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) ([]ledger.Activity, error)
	FindInstruments(ctx context.Context, text string, limit int) ([]market.Instrument, error)
	Instrument(ctx context.Context, id market.InstrumentID) (market.Instrument, error)
	InstrumentBySymbol(ctx context.Context, symbol, mic string) ([]market.Instrument, error)
	InstrumentByISIN(ctx context.Context, isin string) ([]market.Instrument, error)
	CreateInstrument(ctx context.Context, instrument market.Instrument, write audit.Write) error
	InstrumentAliases(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID][]market.Alias, error)
	InstrumentRecord(ctx context.Context, id market.InstrumentID) (market.Record, error)
	// ChangeInstrument insists on the version before the record's: fault.Stale, and fault.Conflict where another instrument is the same.
	ChangeInstrument(ctx context.Context, record market.Record, write audit.Write) error
	// Vouch is what only this installation's nodes can work out of a text for a purpose: with it a text is known again that was given away.
	Vouch(purpose, text string) [32]byte
	// RecordAudit adds an audit row that no change goes with.
	RecordAudit(ctx context.Context, entry audit.Entry) error
	// RecordRefusal adds an audit row of its owner that no change goes with, and what tells of it.
	RecordRefusal(ctx context.Context, write audit.Write) error
	// Nodes are those that are there.
	Nodes(ctx context.Context) ([]cluster.Node, error)
	// Own instruments and prices entered by hand are a portfolio's, at a sequence.
	CreateOwnInstrument(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, own ledger.Own, write func(sequence int64) audit.Write) (sequence int64, err error)
	UpdateOwnInstrument(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expected int64, own ledger.Own, write audit.Write) (sequence int64, err error)
	DeleteOwnInstrument(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expected int64, id market.InstrumentID, write audit.Write) (sequence int64, err error)
	ChangePrices(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, changes []ledger.PriceChange, latest market.Date, write func(sequence int64) audit.Write) (sequence int64, err error)
	Ping(ctx context.Context) error
}

// Journal records activities and holds books.
type Journal interface {
	// Record applies changes to a portfolio; expectedSequence insists on one (fault.Stale where it is another).
	Record(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expectedSequence *int64,
		changes ledger.Changes, write func(journal.Recorded) audit.Write) (journal.Recorded, error)
	// Book is a portfolio's book at a sequence or a later one. It is shared: nobody changes it.
	Book(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64) (*ledger.Book, error)
	// Market is the closes and rates that a book's figures need; Series the sources' closes of one instrument, and SeriesIn those with
	// what the book's owner entered.
	Market(ctx context.Context, book *ledger.Book) (*figures.Market, error)
	Series(ctx context.Context, id market.InstrumentID) (*market.Series, error)
	SeriesIn(ctx context.Context, book *ledger.Book, id market.InstrumentID) (*market.Series, error)
	// Announce tells every node that a portfolio has reached a sequence, for changes that Record didn't make.
	Announce(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, sequence int64)
}

// Live knows what portfolios are worth now.
type Live interface {
	Document(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, minSequence int64) (live.Rendered, error)
	// Value is what the document is made from.
	Value(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, minSequence int64) (live.Valued, error)
	// WithMarks is a book's past with the latest prices as its newest closes.
	WithMarks(book *ledger.Book, past *figures.Market) *figures.Market
	// PriceSource is who gave the price of a day, where it is the latest one.
	PriceSource(id market.InstrumentID, on market.Date) (source, state string)
	// Stream writes events until the client leaves or the session ends; an error means that nothing was written.
	Stream(w http.ResponseWriter, r *http.Request, request live.StreamRequest) error
	// Revoke ends a user's streams on every node; those whose session still stands come back.
	Revoke(ctx context.Context, owner ledger.OwnerID) error
}

// Importer reads files of activities; *transfer.Service is one.
type Importer interface {
	Import(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64, file io.Reader, dryRun bool,
		write func(transfer.Result) audit.Write) (transfer.Result, error)
}
