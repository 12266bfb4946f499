package httpapi

import (
	"time"

	"folioscope/internal/health"
)

// SystemBook is what a node keeps of portfolios for alert rules.
type SystemBook struct {
	Node        string             `json:"node"`
	Loaded      bool               `json:"loaded" doc:"False while it is read"`
	Portfolios  int64              `json:"portfolios"`
	Positions   int64              `json:"positions"`
	Instruments int64              `json:"instruments"`
	Unpriced    int64              `json:"unpriced" doc:"Portfolios that hold something without a price"`
	Stale       int64              `json:"stale" doc:"Portfolios that hold something whose price is stale"`
	Full        *SystemRevaluation `json:"full" doc:"The last one of everything"`
	Sparse      *SystemRevaluation `json:"sparse" doc:"The last one of what holds the prices that changed"`
}

// SystemRevaluation is how long a revaluation took, and how much it looked at.
type SystemRevaluation struct {
	_         struct{}  `nullable:"true"`
	At        time.Time `json:"at"`
	Seconds   float64   `json:"seconds"`
	Positions int64     `json:"positions"`
}

// systemBooksOf are those of all nodes that have one.
func systemBooksOf(reports []health.Report) []SystemBook {
	books := make([]SystemBook, 0, len(reports))
	for _, r := range reports {
		if b := r.Book; b != nil {
			books = append(books, SystemBook{
				Node: r.Node, Loaded: b.Loaded, Portfolios: b.Portfolios, Positions: b.Positions, Instruments: b.Instruments, Unpriced: b.Unpriced, Stale: b.Stale,
				Full: systemRevaluationOf(b.Full), Sparse: systemRevaluationOf(b.Sparse),
			})
		}
	}
	return books
}

func systemRevaluationOf(r health.Revaluation) *SystemRevaluation {
	if r.At.IsZero() {
		return nil
	}
	return &SystemRevaluation{At: r.At.UTC(), Seconds: r.Took.Seconds(), Positions: r.Positions}
}
