package engine

import "folioscope/internal/market"

// Quote is an accepted price with its place in the quotes' journal.
type Quote struct {
	market.Quote
	Sequence int64
}
