package health

import "time"

// Book is what a node keeps of portfolios for alert rules: counts and times. What anything is worth isn't in it, alone or in a sum: that
// is its owners' business, and nobody's who runs the service.
type Book struct {
	Loaded      bool        `json:"loaded"` // all was taken in once
	Portfolios  int64       `json:"portfolios"`
	Positions   int64       `json:"positions"`
	Instruments int64       `json:"instruments"`
	Unpriced    int64       `json:"unpriced"` // portfolios that hold something without a price
	Stale       int64       `json:"stale"`    // portfolios that hold something with a stale one
	Full        Revaluation `json:"full"`
	Sparse      Revaluation `json:"sparse"`
}

// Revaluation is the last one: full, of everything, or sparse, of what holds the prices that changed.
type Revaluation struct {
	At        time.Time     `json:"at"` // zero: there was none
	Took      time.Duration `json:"took"`
	Positions int64         `json:"positions"`
}
