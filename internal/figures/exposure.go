package figures

import (
	"cmp"
	"slices"
	"sort"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// ExposurePoint is how the value was spread at the end of one day. The shares' values sum to Value to the last digit, and the
// shares themselves to 1 within the digits of a quotient.
type ExposurePoint struct {
	Date   market.Date
	Value  money.Maybe     // of the whole portfolio in the base currency, evaluate's totals.value of that day
	Shares []ExposureShare // of all groups that held something that day, by key
}

// ExposureShare is one group's part, such as a currency's.
type ExposureShare struct {
	Key   string      // as in an allocation: a currency, sector, class or country, CashKey, or empty where an instrument has no such property
	Value money.Maybe // in the base currency; below 0 for short positions and debts
	Share money.Maybe // of the whole, 0.25 is a quarter, to 34 digits; unknown where the whole is unknown or not above 0
}

// Exposures is how a portfolio's value was spread at the end of each month of a period and at its end. Instruments are grouped
// by the class, sector, country and currency that they have now.
type Exposures struct {
	By       By
	Base     money.Currency
	Points   []ExposurePoint // rising by date
	Problems []Problem
}

// Exposure works out how a portfolio was spread over time by class, sector, country or currency; market.NoDate as from begins
// with the first activity.
func Exposure(book ledger.Book, m *Market, by By, from, to market.Date) (Exposures, error) {
	if !slices.Contains([]By{ByClass, BySector, ByCountry, ByCurrency}, by) {
		return Exposures{}, fault.At("by", "%.40q is none of asset_class, sector, country, currency", string(by))
	}
	w, err := walkBook(book, m, from, to, nil)
	if err != nil {
		return Exposures{}, err
	}
	lines := slices.Concat(w.track.lines, w.track.cash)
	out := Exposures{By: by, Base: w.base}
	for _, on := range monthEnds(w.from, to) {
		point := ExposurePoint{Date: on, Value: money.Known(money.Zero)}
		for _, l := range lines {
			if !l.at(on).IsZero() {
				point.add(l.key(book, by), w.worth(l, on))
			}
		}
		point.weigh()
		out.Points = append(out.Points, point)
	}
	out.Problems = w.gapsFound()
	return out, nil
}

// at is how much there was at the end of a day.
func (l *line) at(on market.Date) money.Decimal {
	after := sort.Search(len(l.steps), func(i int) bool { return l.steps[i].date > on })
	if after == 0 {
		return money.Zero
	}
	return l.steps[after-1].quantity
}

func (p *ExposurePoint) add(key string, value money.Maybe) {
	p.Value = p.Value.Add(value)
	at, ok := slices.BinarySearchFunc(p.Shares, key, func(s ExposureShare, key string) int { return cmp.Compare(s.Key, key) })
	if !ok {
		p.Shares = slices.Insert(p.Shares, at, ExposureShare{Key: key, Value: money.Known(money.Zero)})
	}
	p.Shares[at].Value = p.Shares[at].Value.Add(value)
}

func (p *ExposurePoint) weigh() {
	whole := p.Value
	if x, ok := whole.Get(); !ok || x.Sign() <= 0 {
		whole = money.Unknown
	}
	for i := range p.Shares {
		p.Shares[i].Share = p.Shares[i].Value.Quo(whole)
	}
}
