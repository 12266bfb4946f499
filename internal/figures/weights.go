package figures

import (
	"slices"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Part is one holding of a portfolio, or a group of holdings and of cash as an allocation has it.
type Part struct {
	Instrument market.InstrumentID // empty for a group
	By         By                  // of a group: asset_class, sector, country or currency
	Key        string              // of a group, as in an allocation
}

// DayWeight is how much of a portfolio one part was at the end of a day.
type DayWeight struct {
	Date   market.Date
	Weight money.Maybe // 0.25 is a quarter, to 34 digits; unknown where a value is, or where the whole isn't above 0
}

// Weights works out how heavy a part was at the end of every day of a period. Instruments are grouped by what they are now;
// market.NoDate as from begins with the first activity.
func Weights(book ledger.Book, m *Market, part Part, from, to market.Date) ([]DayWeight, error) {
	w, err := walkBook(book, m, from, to, nil)
	if err != nil {
		return nil, err
	}
	lines := slices.Concat(w.track.lines, w.track.cash)
	out := make([]DayWeight, 0, to-w.from+1)
	for on := w.from; on <= to; on++ {
		whole, held := money.Known(money.Zero), money.Known(money.Zero)
		for _, l := range lines {
			if l.at(on).IsZero() {
				continue
			}
			value := w.worth(l, on)
			whole = whole.Add(value)
			if part.has(book, l) {
				held = held.Add(value)
			}
		}
		if x, ok := whole.Get(); !ok || x.Sign() <= 0 {
			whole = money.Unknown
		}
		out = append(out, DayWeight{Date: on, Weight: held.Quo(whole)})
	}
	return out, nil
}

func (p Part) has(book ledger.Book, l *line) bool {
	if p.Instrument != "" {
		return l.instrument == p.Instrument
	}
	return l.key(book, p.By) == p.Key
}

// key is the group that what a line holds belongs to.
func (l *line) key(book ledger.Book, by By) string {
	if l.instrument == "" && by != ByCurrency {
		return CashKey
	}
	return groupOf(book.Instruments[l.instrument], l.currency, by)
}

// worth is what a line held at the end of a day, in the base currency.
func (w walked) worth(l *line, on market.Date) money.Maybe {
	value := w.rateOn(l.currency, on).Times(l.at(on))
	if l.instrument == "" {
		return value
	}
	return value.Mul(w.price(l.instrument, on))
}
