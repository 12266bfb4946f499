package market

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"folioscope/internal/money"
)

// ActionKind is what a company did with its shares.
type ActionKind string

// The kinds of actions.
const (
	ActionSplit    ActionKind = "split"
	ActionDividend ActionKind = "dividend"
)

// Action is a split or a cash dividend of an instrument: a fact of the market, the same for everybody who holds it. What it
// means for a portfolio is its holder's to say.
type Action struct {
	Instrument InstrumentID
	Kind       ActionKind
	Date       Date          // the first day without the right to it (ex-date)
	PayDate    Date          // of a dividend; NoDate where unknown
	New, Old   money.Decimal // of a split: so many new shares for so many old ones; both above 0
	Amount     money.Decimal // of a dividend, above 0: for one share as it was on Date, in Currency
	Currency   money.Currency
	Source     string    // provider's name
	ObservedAt time.Time // when we asked and got it
}

// ActionID names an action for good: its instrument, kind and date, whatever its source says of it later.
type ActionID string

// ID is "instrument/kind/YYYY-MM-DD".
func (a *Action) ID() ActionID {
	return ActionID(string(a.Instrument) + "/" + string(a.Kind) + "/" + a.Date.String())
}

// ErrActionID says that a text names no action.
var ErrActionID = errors.New("not the name of a split or dividend")

// Parts takes a name apart; ErrActionID where it is none.
func (id ActionID) Parts() (instrument InstrumentID, kind ActionKind, day Date, err error) {
	rest, date, ok := cutLast(string(id))
	name, what, ok2 := cutLast(rest)
	kind = ActionKind(what)
	if !ok || !ok2 || name == "" || kind != ActionSplit && kind != ActionDividend {
		return "", "", NoDate, ErrActionID
	}
	if day, err = ParseDate(date); err != nil {
		return "", "", NoDate, ErrActionID
	}
	return InstrumentID(name), kind, day, nil
}

func cutLast(text string) (before, after string, ok bool) {
	i := strings.LastIndexByte(text, '/')
	if i < 0 {
		return "", "", false
	}
	return text[:i], text[i+1:], true
}

// ErrAction says that an action can't be what a company did.
var ErrAction = errors.New("no possible split or dividend")

// Bounds of a split: the largest known ones are some thousands of new shares for an old one, or the other way round.
const splitRatioMax = 100_000

// Check says what is wrong with an action: ErrAction with the reason.
func (a *Action) Check() error {
	switch a.Kind {
	case ActionSplit:
		if a.New.Sign() <= 0 || a.Old.Sign() <= 0 {
			return fmt.Errorf("%w: %s shares for %s", ErrAction, a.New, a.Old)
		}
		limit := money.NewDecimal(splitRatioMax, 0)
		if a.New.Cmp(a.Old.Mul(limit)) > 0 || a.Old.Cmp(a.New.Mul(limit)) > 0 || a.New.Equal(a.Old) {
			return fmt.Errorf("%w: %s shares for %s", ErrAction, a.New, a.Old)
		}
	case ActionDividend:
		if a.Amount.Sign() <= 0 || a.Currency == "" {
			return fmt.Errorf("%w: %s %s a share", ErrAction, a.Amount, a.Currency)
		}
	default:
		return fmt.Errorf("%w: kind %.20q", ErrAction, string(a.Kind))
	}
	return nil
}

// Ratio is how many new shares there are for one old one, 1 for a dividend; to 34 significant digits.
func (a *Action) Ratio() money.Decimal {
	if a.Kind != ActionSplit {
		return money.One
	}
	return a.New.Quo(a.Old)
}

// How far two sources' words on one action may be apart.
const (
	ActionDaysApartMax = 3 // some give the day of record, or a day in another zone
	ratioApartMax      = 1 // in 1,000: 1.3333 for 4:3
	amountApartMax     = 1 // in 100: amounts that were divided by later splits come back rounded
)

// SameAction says whether two sources tell of one action: the same kind, a few days apart at most, with the same value but
// for rounding.
func SameAction(a, b *Action) bool { return NearAction(a, b) && sameValue(a, b) }

// NearAction says whether two may be about one action, whatever they say of its value.
func NearAction(a, b *Action) bool {
	return a.Instrument == b.Instrument && a.Kind == b.Kind && a.Date-b.Date <= ActionDaysApartMax && b.Date-a.Date <= ActionDaysApartMax
}

func sameValue(a, b *Action) bool {
	if a.Kind == ActionSplit {
		return apart(a.New.Mul(b.Old), b.New.Mul(a.Old), ratioApartMax, 1000)
	}
	return a.Currency == b.Currency && apart(a.Amount, b.Amount, amountApartMax, 100)
}

// apart says whether x and y differ by at most parts of whole of the larger one.
func apart(x, y money.Decimal, parts, whole int64) bool {
	larger := x
	if y.Cmp(x) > 0 {
		larger = y
	}
	return x.Sub(y).Abs().Mul(money.NewDecimal(whole, 0)).Cmp(larger.Mul(money.NewDecimal(parts, 0))) <= 0
}
