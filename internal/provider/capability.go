package provider

import (
	"cmp"
	"context"
	"slices"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Reporter is a source that tells a few days of all that it has in one answer, so that a hole is filled for everybody at once.
type Reporter interface {
	// Report gives raw closes from one day to another, both included, rising by date; a name without any is left out.
	Report(ctx context.Context, names []string, from, to market.Date) (map[string][]market.Bar, money.Unit, error)
}

// Adjustment says what the closes of a series were changed for after the day on which they were traded.
type Adjustment string

// The adjustments. Series of two kinds are never spliced.
const (
	Raw              Adjustment = "raw"            // as traded that day
	SplitAdjusted    Adjustment = "split"          // divided by every later split
	DividendAdjusted Adjustment = "split+dividend" // and lowered by every later dividend
)

// AdjustedHistorian is a source of daily closes that it adjusts and that nothing makes raw again: apart from what it says
// with each answer, it is like Historian. A source is never both.
type AdjustedHistorian interface {
	AdjustedHistory(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, Adjustment, error)
}

// Pieced is a source of history that gives so many days in one request; a longer period takes several, of which each is counted
// and kept by itself.
type Pieced interface {
	HistoryDays() int
}

// AdjustmentOf is how the closes of a source's history come from here: Raw for every Historian, whatever the source itself
// sends. ok is false for a source without history.
func AdjustmentOf(p Provider) (a Adjustment, ok bool) {
	switch p.(type) {
	case Historian:
		return Raw, true
	case AdjustedHistorian:
		return SplitAdjusted, true // the only kind there is by now
	}
	return "", false
}

// ActionKind is what a company did with its shares.
type ActionKind string

// The kinds of actions.
const (
	Split    ActionKind = "split"
	Dividend ActionKind = "dividend"
)

// Action is a split or a cash dividend as a source told of it.
type Action struct {
	Kind    ActionKind
	Date    market.Date   // the first day without the right to it
	PayDate market.Date   // of a dividend, NoDate where unknown
	New     money.Decimal // of a split: so many new shares
	Old     money.Decimal // for so many old ones
	// Amount of a dividend is for one share as it was on Date, so that no later split changes it; above 0, in Unit.
	Amount      money.Decimal
	Unit        money.Unit // the zero value where HasCurrency is false
	HasCurrency bool       // false where the source doesn't say
}

// Actioner is a source of splits and dividends.
type Actioner interface {
	// Actions gives those from one day to another, both included, rising by date.
	Actions(ctx context.Context, name string, from, to market.Date) ([]Action, error)
}

// IdentifierKind is the scheme of an identifier.
type IdentifierKind string

// The schemes that can be looked up.
const (
	ISIN   IdentifierKind = "isin"
	CUSIP  IdentifierKind = "cusip"
	SEDOL  IdentifierKind = "sedol"
	WKN    IdentifierKind = "wkn"
	FIGI   IdentifierKind = "figi"
	Ticker IdentifierKind = "ticker"
)

// Identifier is what somebody knows of an instrument.
type Identifier struct {
	Kind     IdentifierKind
	Value    string
	MIC      string         // narrows the answer to one market; empty: all
	Currency money.Currency // narrows it to lines in one currency; empty: all
}

// Listing is one line of an instrument on one market.
type Listing struct {
	FIGI, Composite, ShareClass string // of the line, the country and the share; may be empty but for the first
	Name, Ticker                string
	Exchange                    string // the source's own code, such as LN
	Class                       market.Class
	Kind                        string // in the source's words: "Common Stock", "ETP"
}

// Identifiers is a source that knows instruments by identifiers of several schemes.
type Identifiers interface {
	// Identify answers every identifier in its place: its listings, none where it isn't known. An *Error of one identifier
	// is in failed by its index.
	Identify(ctx context.Context, wanted []Identifier) (found [][]Listing, failed map[int]*Error, err error)
}

// Quota is what a source grants in one of its windows, for whoever counts over restarts and nodes. The pace inside this
// package only keeps one process polite.
type Quota struct {
	Outcome Outcome                   // RateMinute, RateHour, RateDay or RateMonth: which window it is
	Max     int                       // requests, or names
	PerName bool                      // every name of a batch counts
	Reset   func(time.Time) time.Time // when the window that a moment lies in ends; nil: it slides
}

// Rationed is a source with known quotas. All of this package are.
type Rationed interface {
	Quotas() []Quota
}

// Batching is a source that may need several requests for one call of Latest. Requests is how many it makes for these names as
// things stand, so that a quota loses what is really asked; of every other source it is one.
type Batching interface {
	Requests(names []string) int
}

// Delayed is a source whose prices of some markets come later than they were made.
type Delayed interface {
	// Delay is how much later, for a market by its MIC; 0 where it isn't late, or nobody knows.
	Delay(mic string) time.Duration
}

// nextDay ends a daily window at midnight of a zone.
func nextDay(zone *time.Location) func(time.Time) time.Time {
	return func(now time.Time) time.Time {
		year, month, day := now.In(zone).Date()
		return time.Date(year, month, day+1, 0, 0, 0, 0, zone).UTC()
	}
}

// nextMonth ends a monthly window on the first of the next month, UTC.
func nextMonth(now time.Time) time.Time {
	year, month, _ := now.UTC().Date()
	return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
}

// nextHour ends an hourly window at the full hour.
func nextHour(now time.Time) time.Time { return now.UTC().Truncate(time.Hour).Add(time.Hour) }

// nextMinute ends a window at the full minute.
func nextMinute(now time.Time) time.Time { return now.UTC().Truncate(time.Minute).Add(time.Minute) }

// minutely, hourly and the others are the usual quotas.
func minutely(count int) Quota { return Quota{Outcome: RateMinute, Max: count} }

func hourly(count int) Quota { return Quota{Outcome: RateHour, Max: count, Reset: nextHour} }

func daily(count int, zone *time.Location) Quota {
	return Quota{Outcome: RateDay, Max: count, Reset: nextDay(zone)}
}

func monthly(count int) Quota { return Quota{Outcome: RateMonth, Max: count, Reset: nextMonth} }

// inPeriod keeps the actions of a period, rising by date, a split before a dividend of its day.
func inPeriod(actions []Action, from, to market.Date) []Action {
	actions = slices.DeleteFunc(actions, func(a Action) bool { return a.Date < from || a.Date > to })
	slices.SortStableFunc(actions, func(a, b Action) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(b.Kind, a.Kind))
	})
	return actions
}
