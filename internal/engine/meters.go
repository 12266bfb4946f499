package engine

import (
	"sync/atomic"
	"time"
)

// Meters are what the engine counted since the node started, and where it is.
type Meters struct {
	Partitions int64
	Rules      int64
	Troubled   int64 // owners who are put aside
	Cursor     int64 // of the quotes' journal
	Quotes     uint64
	Valued     uint64 // portfolios
	Firings    uint64 // told or held back, before they were settled
	Settled    uint64 // standings of rules
	Conflicts  uint64 // standings that another node, or the rule's owner, had changed
	Lag        time.Duration
}

type meters struct {
	partitions, rules, troubled, cursor, lag    atomic.Int64
	quotes, valued, firings, settled, conflicts atomic.Uint64
}

// Meters may be asked for while Run works.
func (e *Engine) Meters() Meters {
	m := &e.meters
	return Meters{
		Partitions: m.partitions.Load(), Rules: m.rules.Load(), Troubled: m.troubled.Load(), Cursor: m.cursor.Load(), Lag: time.Duration(m.lag.Load()),
		Quotes: m.quotes.Load(), Valued: m.valued.Load(), Firings: m.firings.Load(), Settled: m.settled.Load(), Conflicts: m.conflicts.Load(),
	}
}
