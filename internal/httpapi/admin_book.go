package httpapi

import "folioscope/internal/health"

// SystemBook is what a node keeps of portfolios for alert rules.
type SystemBook struct {
	Node          string   `json:"node"`
	Loaded        bool     `json:"loaded" doc:"False while it is read"`
	Portfolios    int64    `json:"portfolios"`
	Positions     int64    `json:"positions"`
	Instruments   int64    `json:"instruments"`
	Unpriced      int64    `json:"unpriced" doc:"Portfolios that hold something without a price"`
	Stale         int64    `json:"stale" doc:"Portfolios that hold something whose price is stale"`
	FullSeconds   *float64 `json:"full_seconds" doc:"How long it took when everything was valued last; null: not yet"`
	FullCount     *int64   `json:"full_positions" doc:"Positions that were looked at then"`
	SparseSeconds *float64 `json:"sparse_seconds" doc:"The same of what holds the prices that changed"`
	SparseCount   *int64   `json:"sparse_positions"`
}

// systemBooksOf are those of all nodes that have one.
func systemBooksOf(reports []health.Report) []SystemBook {
	books := make([]SystemBook, 0, len(reports))
	for _, r := range reports {
		if b := r.Book; b != nil {
			one := SystemBook{
				Node: r.Node, Loaded: b.Loaded, Portfolios: b.Portfolios, Positions: b.Positions, Instruments: b.Instruments, Unpriced: b.Unpriced, Stale: b.Stale,
			}
			one.FullSeconds, one.FullCount = revaluationOf(b.Full)
			one.SparseSeconds, one.SparseCount = revaluationOf(b.Sparse)
			books = append(books, one)
		}
	}
	return books
}

func revaluationOf(r health.Revaluation) (seconds *float64, positions *int64) {
	if r.At.IsZero() {
		return nil, nil
	}
	took := r.Took.Seconds()
	return &took, &r.Positions
}
