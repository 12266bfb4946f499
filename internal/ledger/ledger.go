// Package ledger holds portfolios, their accounts and activities, checks that activities make sense, and keeps the lots they open and close.
//
// It owns what happened. It never prices anything, and nothing in it is ever overwritten: a correction is a new version, a void a last one.
package ledger

import (
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Identifiers; none of them means anything to a person.
type (
	OwnerID     string // the user whose data it is; in every key of every personal table
	PortfolioID string
	AccountID   string
	ActivityID  string
)

// LotMethod says which lots a disposal takes first.
type LotMethod string

// The lot methods.
const (
	FIFO     LotMethod = "fifo"
	Average  LotMethod = "average"
	LIFO     LotMethod = "lifo"     // newest first
	HIFO     LotMethod = "hifo"     // dearest first
	Specific LotMethod = "specific" // the disposal names them
)

// LotMethods are all lot methods.
func LotMethods() []LotMethod { return []LotMethod{FIFO, LIFO, HIFO, Average, Specific} }

// LotScope says whose lots a disposal takes.
type LotScope string

// The scopes of lots.
const (
	ScopeAccount   LotScope = "account"   // those of its own account
	ScopePortfolio LotScope = "portfolio" // those of all accounts
)

// Portfolio is a set of accounts that is valued as one.
type Portfolio struct {
	ID           PortfolioID
	Owner        OwnerID
	Name         string
	BaseCurrency money.Currency
	LotMethod    LotMethod
	LotScope     LotScope // ScopeAccount where it is empty
	AllowShort   bool     // selling more than is held opens a short position instead of being refused
	Sequence     int64    // grows by 1 with every change
	Closed       bool
	CreatedAt    time.Time
}

// Account is where securities and cash lie.
type Account struct {
	ID       AccountID
	Name     string
	Currency money.Currency
	Closed   bool
}

// Type is the kind of an activity.
type Type string

// The activity types; what each needs and does stands in the contract of `evaluate`.
const (
	Buy        Type = "buy"
	Sell       Type = "sell"
	DeliverIn  Type = "deliver_in"
	DeliverOut Type = "deliver_out"
	Transfer   Type = "transfer"
	Deposit    Type = "deposit"
	Withdrawal Type = "withdrawal"
	Dividend   Type = "dividend"
	Interest   Type = "interest"
	Fee        Type = "fee"
	Tax        Type = "tax"
	Split      Type = "split"

	CashTransfer    Type = "cash_transfer"     // between accounts or currencies
	SpinOff         Type = "spin_off"          // a share of each lot's cost moves to lots of another instrument
	Merger          Type = "merger"            // lots become lots of another instrument, and cash
	ReturnOfCapital Type = "return_of_capital" // lowers cost
	Rename          Type = "rename"            // the same lots under another instrument
	WriteOff        Type = "write_off"         // a position is worth nothing
)

// OfEveryAccount says whether an activity of the type that names no account touches every one that holds its instrument.
func (t Type) OfEveryAccount() bool {
	switch t {
	case Split, SpinOff, Merger, Rename, WriteOff:
		return true
	}
	return false
}

// Ratio is new:old of a split, spin-off or merger.
type Ratio struct{ New, Old money.Decimal }

// Activity is one thing that happened. Pointers are nil where a value was not given; quantity and price are never negative.
type Activity struct {
	ID         ActivityID
	Date       market.Date
	Type       Type
	Account    AccountID
	Instrument market.InstrumentID // empty for cash
	Quantity   *money.Decimal
	Price      *money.Decimal // per unit, in Currency
	Amount     *money.Decimal // gross, in Currency
	Currency   money.Currency // of price, amount, fee and tax
	Fee        money.Decimal
	Tax        money.Decimal
	FXRate     *money.Decimal // base units for 1 Currency, as booked; goes before the day's rate
	ToAccount  AccountID      // transfer, cash_transfer
	Ratio      *Ratio         // split, spin_off, merger
	Reinvest   bool           // dividend: also buys Quantity for it
	Refund     bool           // fee, tax: money comes back
	Note       string

	ToInstrument market.InstrumentID // spin_off, merger, rename
	CostShare    *money.Decimal      // spin_off: what part of cost moves, 0 to 1
	ToCurrency   money.Currency      // cash_transfer that changes currency
	ToAmount     *money.Decimal      // cash_transfer: what arrives, in ToCurrency
	Lots         []Choice            // the lots that a disposal or transfer names, for Specific

	// Kept by the journal, not by the person who enters it.
	Position   int64 // order of entry within the portfolio, breaks ties within a day
	Version    int   // 1, 2, … one more with each correction
	Voided     bool
	RecordedAt time.Time
}

// Book is everything a portfolio is worked out from, at one sequence. Activities are ordered by date, then by entry; voided ones are left out.
type Book struct {
	Portfolio   Portfolio
	Accounts    []Account
	Activities  []Activity
	Instruments map[market.InstrumentID]market.Instrument // of all activities, and all own ones
	Own         map[market.InstrumentID]Own
	Prices      map[market.InstrumentID][]ManualPrice // entered by hand, rising by date; of own instruments and of others
}
