package audit

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Exported is a row as it leaves the service, with all that its leaf is made of and nothing that is sealed.
type Exported struct {
	Leaf              int64     `json:"leaf"`
	At                time.Time `json:"at"`
	Owner             string    `json:"owner"`
	Number            int64     `json:"number"`
	Actor             string    `json:"actor"`
	Session           string    `json:"session"`
	Node              string    `json:"node"`
	Action            string    `json:"action"`
	Object            string    `json:"object"`
	RequestID         string    `json:"request_id"`
	Result            string    `json:"result"`
	Portfolio         string    `json:"portfolio"`
	PortfolioSequence int64     `json:"portfolio_sequence"`
	PortfolioRows     int64     `json:"portfolio_rows"`
	Commitment        string    `json:"commitment"` // hexadecimal
	Hash              string    `json:"hash"`       // base64, of the leaf
}

// Export gives a row as it leaves the service.
func (r *Row) Export() Exported {
	hash := r.Hash()
	return Exported{
		Leaf: r.Leaf, At: r.At.UTC(), Owner: string(r.Owner), Number: r.Number, Actor: string(r.Actor), Session: r.Session, Node: r.Node,
		Action: string(r.Action), Object: r.Object, RequestID: r.RequestID, Result: r.Result, Portfolio: string(r.Mark.Portfolio),
		PortfolioSequence: r.Mark.Sequence, PortfolioRows: r.Mark.Rows, Commitment: hex.EncodeToString(r.Commitment),
		Hash: base64.StdEncoding.EncodeToString(hash[:]),
	}
}

// Line is a row as one line of JSON.
func (r *Row) Line() ([]byte, error) {
	line, err := json.Marshal(r.Export())
	if err != nil {
		return nil, fmt.Errorf("encode an audit row: %w", err)
	}
	return append(line, '\n'), nil
}

// Matches says whether a row is wanted.
func (f *Filter) Matches(r *Row) bool {
	return (f.Action == "" || f.Action == r.Action) && (f.Actor == "" || f.Actor == r.Actor) && (f.Object == "" || f.Object == r.Object) &&
		!r.At.Before(f.From) && (f.Until.IsZero() || r.At.Before(f.Until))
}
