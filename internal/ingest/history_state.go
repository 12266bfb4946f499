package ingest

import (
	"context"
	"fmt"
	"time"

	"folioscope/internal/market"
)

// BackfillState is how far the search for an instrument's history is.
//
//	waiting ──> running ──┬─> done    ──┐ the next day, or an earlier first day:
//	   ^                  ├─> none    ──┤ what is missing is looked for again
//	   │                  └─> failed  ──┤
//	   └────────────────────────────────┘
type BackfillState string

// The states.
const (
	BackfillWaiting BackfillState = "waiting" // its turn comes within a minute, or when the sources' quotas allow
	BackfillRunning BackfillState = "running" // sources are asked now; From, Until and Bars move with every piece
	BackfillDone    BackfillState = "done"    // every trading day has a close, but for days on which no source has one
	BackfillNone    BackfillState = "none"    // no source that is switched on has any close of it
	BackfillFailed  BackfillState = "failed"  // closes are missing that a source may still have: Outcome says why; tried again at AgainAt
)

// OutcomeUnlike is the outcome where a source's closes were not taken, since they differ from those that are stored by a
// factor: they are adjusted for splits that aren't known here, in another unit, or another instrument's.
const OutcomeUnlike Outcome = "UNLIKE"

// HistoryState is how far the history of an instrument is known. It is the same for everybody: WantedFrom is the month of the
// first day that anybody asked for, whoever it was.
type HistoryState struct {
	Instrument market.InstrumentID
	WantedFrom market.Date // first of a month
	State      BackfillState
	Source     string      // the one that gave the newest piece; empty where none did yet
	From       market.Date // day of the first close that is stored, from WantedFrom on; NoDate without any
	Until      market.Date // day of the last one
	Bars       int         // closes between them
	Outcome    Outcome     // why the last try gave less than it could; empty where nothing went wrong
	TriedAt    time.Time   // when sources were last asked; zero before
	DoneAt     time.Time   // when it was last found complete; zero before
	AgainAt    time.Time   // when it is looked at again; zero: as soon as possible

	ActionsFrom market.Date // from this day on splits and dividends are known, as of ActionsAt; NoDate: not asked for yet
	ActionsAt   time.Time

	// Silent is the days on which no source has a close, rising; only those who claim a history get it and the next.
	Silent   []Silence
	SilentOf string // the sources that were asked; others are asked anew
}

// Silence is days without a close that sources were asked for in vain.
type Silence struct {
	From, Until market.Date // both included
	Tries       int         // how often they were asked for
	Again       market.Date // the day on which they are asked for again
}

// Histories is what all nodes share of how far the history of instruments is known.
type Histories interface {
	// WantHistory asks for the history of instruments from a day on; an earlier one that was asked for stays. Only the month
	// is kept.
	WantHistory(ctx context.Context, from map[market.InstrumentID]market.Date) error
	// Histories are the states of instruments; nil is all. One that nobody asked for is left out.
	Histories(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID]HistoryState, error)
	// ClaimHistory gives the right to look for an instrument's history to one asker, until lease. A lease later than latest is
	// of a wrong clock and stands in nobody's way.
	ClaimHistory(ctx context.Context, id market.InstrumentID, now, lease, latest time.Time) (h HistoryState, ours bool, err error)
	// PutHistory keeps how far it is, and the claim until next; a zero next ends it. Whoever lost the claim keeps nothing, and
	// gets false. Where an earlier day was asked for meanwhile, the state is waiting again.
	PutHistory(ctx context.Context, h HistoryState, lease, next time.Time) (ours bool, err error)

	// PutActions keeps splits and dividends: changed are new or other than before, differing were kept out since another
	// source's word stands against them.
	PutActions(ctx context.Context, id market.InstrumentID, actions []market.Action) (changed, differing int, err error)
	// Actions are the splits and dividends of instruments, rising by date.
	Actions(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID][]market.Action, error)
}

// History says how far the history of instruments is known. What nobody asked for is left out.
func (g *Ingest) History(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID]HistoryState, error) {
	states, err := g.Store.Histories(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read how far history is known: %w", err)
	}
	return states, nil
}
