package figures

import (
	"errors"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

var errPending = errors.New("figures: being built")

// Holdings is a portfolio's positions after all its activities, worked out once per (portfolio, sequence) and safe to share.
type Holdings struct{}

// Hold works out the positions of a book. Rates on the days of activities come from m.
func Hold(book ledger.Book, m *Market) (*Holdings, error) { return nil, errPending }

// Value is the holdings at current marks; today is the day that day changes and today's trades are of.
func (h *Holdings) Value(quotes Quotes, today market.Date) Valuation { return Valuation{} }

// Instruments are those with an open position, rising.
func (h *Holdings) Instruments() []market.InstrumentID { return nil }

// Currencies are the foreign currencies that valuing needs the rates of, rising. Marks: market.RateID of each and of the base, but for EUR.
func (h *Holdings) Currencies() []money.Currency { return nil }

// Lots are the open lots of an instrument, oldest first.
func (h *Holdings) Lots(id market.InstrumentID) []Lot { return nil }

// Snapshot encodes the open positions: quantities, costs and cash.
func (h *Holdings) Snapshot() []byte { return nil }

// Snapshot is open positions as ReadSnapshot decodes them.
type Snapshot struct {
	Base      money.Currency
	Sequence  int64
	Positions []SnapshotPosition
	Cash      []CashBalance
}

// SnapshotPosition is one open position.
type SnapshotPosition struct {
	Instrument market.InstrumentID
	Currency   money.Currency
	Quantity   money.Decimal
	Cost       money.Maybe
	CostBase   money.Maybe
}

// ReadSnapshot decodes what (*Holdings).Snapshot encoded.
func ReadSnapshot(data []byte) (Snapshot, error) { return Snapshot{}, errPending }

// Daily is the daily series of a portfolio; days are turned into decimals as they are asked for.
type Daily struct{ Problems []Problem }

// Len is the number of days, every calendar day of the period.
func (d *Daily) Len() int { return 0 }

// Day is the i-th day.
func (d *Daily) Day(i int) Day { return Day{} }

// History is the daily series from a day to a day, both included.
func History(book ledger.Book, m *Market, from, to market.Date) (*Daily, error) {
	return nil, errPending
}

// Performance is evaluate's figures of a portfolio for a period; an empty method is the portfolio's own.
func Performance(book ledger.Book, m *Market, from, to market.Date, method ledger.LotMethod) (Output, error) {
	return Output{}, errPending
}

// Allocation spreads a valuation's value.
func Allocation(v Valuation, h *Holdings, book ledger.Book, by By) (Shares, error) {
	return Shares{}, errPending
}
