package ingest

import (
	"context"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// Store is what is needed of the store.
type Store interface {
	// Wanted are the instruments that somebody holds, and the rates of the currencies in use.
	Wanted(ctx context.Context) ([]market.Instrument, error)
	// Instruments are those with the ids; unknown ids are left out.
	Instruments(ctx context.Context, ids []market.InstrumentID) ([]market.Instrument, error)
	// Marks are the marks with a sequence above after, and the highest sequence.
	Marks(ctx context.Context, after int64) ([]market.Mark, int64, error)
	// Accept stores prices and gives back those that it took, with their sequences, and the highest sequence. One whose market
	// time is older than the stored one's is left out; one of the same market time replaces it. A mark that newly holds a price
	// back adds a row to the quarantine, one that holds nearly the same price of the same source changes that row, and one that
	// holds none any more ends it.
	Accept(ctx context.Context, marks []market.Mark) (sequence int64, accepted []market.Mark, err error)
	Series(ctx context.Context, id market.InstrumentID, from, to market.Date) (market.Series, error)
	PutBars(ctx context.Context, id market.InstrumentID, bars []market.Bar) error
	// FoldQuotes turns quotes older than a time into daily bars.
	FoldQuotes(ctx context.Context, before time.Time) (int, error)

	Polling
	Sources
	Histories
	Quarantine
}

// Polling is what all nodes share of when was asked for what.
type Polling interface {
	// Asked is what is known of the polls of each wanted instrument.
	Asked(ctx context.Context) (map[market.InstrumentID]Asked, error)
	// PutTried notes that instruments are asked for now.
	PutTried(ctx context.Context, ids []market.InstrumentID, now time.Time) error
	// PutSettled notes that a source answered for them in a poll that began at a time.
	PutSettled(ctx context.Context, ids []market.InstrumentID, at time.Time) error
	// ClaimRefresh notes the same as PutTried, and gives those of the instruments that weren't asked for after a time; a time
	// later than latest is of a wrong clock and doesn't count.
	ClaimRefresh(ctx context.Context, ids []market.InstrumentID, now, after, latest time.Time) ([]market.InstrumentID, error)
	// ClaimSlot gives a slot of a poll to whoever asks first. It is given again where the one who has it neither ended it nor
	// came back before the lease ended. A slot later than latest is of a wrong clock and stands in nobody's way.
	ClaimSlot(ctx context.Context, poll string, slot, now, lease, latest time.Time) (bool, error)
	// EndSlot ends a slot for good where it was done, and gives it back where it wasn't.
	EndSlot(ctx context.Context, poll string, slot time.Time, done bool) error
}

// Asked is what is known of the polls of one instrument.
type Asked struct {
	Holders int       // portfolios that hold it
	Tried   time.Time // when it was last asked for, whatever came of it
	Settled time.Time // when the poll began in which a source last answered for it
}

// Sources is what all nodes share of how the sources are doing.
type Sources interface {
	// SpendQuota takes a request's ration from all windows of a source in one step, or from none where one has no room.
	SpendQuota(ctx context.Context, source string, r Ration) (bool, error)
	// QuotasUsed is what was taken from the windows of every source.
	QuotasUsed(ctx context.Context) (map[string]Usage, error)

	// SourceStates is how the sources are doing, by name.
	SourceStates(ctx context.Context) (map[string]SourceState, error)
	// SourceFailed notes that a source is to be left alone until a time; a later one that stands stays.
	SourceFailed(ctx context.Context, source string, s SourceState) error
	// SourceWorked notes an answer; a time to leave it alone that another node was told since stays.
	SourceWorked(ctx context.Context, source string, now time.Time) error
	// ClaimTrial gives the right to try a source that failed to one asker: it is left alone until a time again.
	ClaimTrial(ctx context.Context, source string, now, until time.Time) (bool, error)

	// Refusals are the names that sources don't have for us, as long as that is believed.
	Refusals(ctx context.Context, now time.Time) ([]Refusal, error)
	PutRefusals(ctx context.Context, refusals []Refusal) error
	// PruneRefusals forgets those that ended before a time.
	PruneRefusals(ctx context.Context, before time.Time) error

	// AddTallies adds to what is counted of the calls in an hour; TalliesSince gives the hours from a time on, of all nodes
	// together, and PruneTallies forgets those before one.
	AddTallies(ctx context.Context, tallies []Tally) error
	TalliesSince(ctx context.Context, since time.Time) ([]Tally, error)
	PruneTallies(ctx context.Context, before time.Time) error
}

// Outcome is how a request ended, in the words of package provider.
type Outcome = provider.Outcome

// The outcomes, for those who know no source; see package provider for what they mean.
const (
	OK            = provider.OK
	Empty         = provider.Empty
	UnknownSymbol = provider.UnknownSymbol
	NotEntitled   = provider.NotEntitled
	BadKey        = provider.BadKey
	RateBurst     = provider.RateBurst
	RateMinute    = provider.RateMinute
	RateHour      = provider.RateHour
	RateDay       = provider.RateDay
	RateMonth     = provider.RateMonth
	Blocked       = provider.Blocked
	Transient     = provider.Transient
	SchemaDrift   = provider.SchemaDrift
)

// SourceState is how one source is doing, as all nodes know it.
type SourceState struct {
	Failing  bool
	Until    time.Time // it is left alone until then
	Outcome  Outcome
	FailedAt time.Time
	WorkedAt time.Time
}

// Refusal is a name that a source doesn't know, or doesn't give us.
type Refusal struct {
	Source, Name string
	Outcome      Outcome
	Until        time.Time // asked again from then on
}

// Quarantine is the prices that were held back.
type Quarantine interface {
	// Held gives prices that were held back, the newest first, those with a number below before (0: all), at most limit.
	Held(ctx context.Context, states []HeldState, before int64, limit int) ([]Held, error)
	// HeldByID is one of them; fault.NotFound where there is none.
	HeldByID(ctx context.Context, id int64) (Held, error)
	// DecideHeld ends the wait of a price by an administrator's word, with the mark that results; fault.Conflict where it no
	// longer waits.
	DecideHeld(ctx context.Context, id int64, state HeldState, mark market.Mark, write audit.Write) (sequence int64, accepted []market.Mark, err error)
	// RefusedSince are the prices that administrators refused after a time.
	RefusedSince(ctx context.Context, after time.Time) ([]Held, error)
	// PruneHeld forgets those that were decided before a time.
	PruneHeld(ctx context.Context, before time.Time) error
}

// HeldState is what became of a price that was held back.
type HeldState string

// The states.
const (
	HeldWaiting  HeldState = "waiting"
	HeldAccepted HeldState = "accepted" // by an administrator
	HeldRefused  HeldState = "refused"  // by an administrator
	HeldEnded    HeldState = "ended"    // another price was believed: DecidedPrice says whether it confirmed this one
)

// Held is a price that was held back.
type Held struct {
	ID           int64 // grows with time
	Instrument   market.InstrumentID
	Price        money.Decimal // in Currency
	Currency     money.Currency
	Source       string
	ObservedAt   time.Time
	MarketTime   time.Time
	LastPrice    money.Decimal // what stayed in use
	Reason       string        // a sentence safe to show
	State        HeldState
	DecidedAt    time.Time      // zero while it waits
	DecidedPrice *money.Decimal // what was believed in the end, nil while it waits and where it was refused
}

// SamePrice says whether a price is near enough another to say the same.
func SamePrice(a, b money.Decimal) bool { return within(a, b, confirmedMax) }

// Confirmed says whether a price that ended was confirmed by the one that was believed.
func (h Held) Confirmed() bool {
	return h.State == HeldEnded && h.DecidedPrice != nil && SamePrice(*h.DecidedPrice, h.Price)
}
