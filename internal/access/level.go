package access

import "slices"

// Level is how much of a portfolio somebody may see and do. Each holds what the ones before it hold; the zero value is nothing.
type Level string

// The levels. All but the last are what an owner may give to others; none of them deletes a portfolio or gives it away.
const (
	LevelNone        Level = ""
	LevelPercentages Level = "percentages" // weights, shares, rates and an indexed past: no amount, quantity, cost or activity
	LevelView        Level = "view"        // everything, and change nothing
	LevelEdit        Level = "edit"        // activities, imports and proposals
	LevelManage      Level = "manage"      // name, settings, accounts, and what others are given
	LevelOwn         Level = "own"
)

// levels rise.
var levels = [...]Level{LevelNone, LevelPercentages, LevelView, LevelEdit, LevelManage, LevelOwn}

func rank(level Level) int { return slices.Index(levels[:], level) }
