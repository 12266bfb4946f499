package market

import (
	"sort"

	"folioscope/internal/money"
)

// Series is an instrument's raw daily closes, rising by date, in the shape that kernels read.
// Where every close fits, Closes holds them as integers of 10^-Places; else Closes is nil and Exact holds decimals.
type Series struct {
	Instrument InstrumentID
	Currency   money.Currency
	Dates      []Date
	Closes     []int64
	Places     int32
	Exact      []money.Decimal
	Sparse     bool // valued now and then, such as a house: days without a close are no gap
}

// placesMax keeps scaled closes inside 63 bits for every price that is traded; finer ones go to Exact.
const placesMax = 18

// NewSeries takes bars rising by date; of two on one day the later in the list counts.
func NewSeries(id InstrumentID, currency money.Currency, bars []Bar) Series {
	s := Series{Instrument: id, Currency: currency, Dates: make([]Date, 0, len(bars))}
	exact := make([]money.Decimal, 0, len(bars))
	for _, b := range bars {
		if n := len(s.Dates); n > 0 && s.Dates[n-1] == b.Date {
			exact[n-1] = b.Close
			continue
		}
		s.Dates = append(s.Dates, b.Date)
		exact = append(exact, b.Close)
	}
	for _, x := range exact {
		for s.Places < placesMax {
			if _, ok := x.Scaled(s.Places); ok {
				break
			}
			s.Places++
		}
	}
	s.Closes = make([]int64, len(exact))
	for i, x := range exact {
		n, ok := x.Scaled(s.Places)
		if !ok {
			s.Closes, s.Places, s.Exact = nil, 0, exact
			return s
		}
		s.Closes[i] = n
	}
	return s
}

// Len is the number of days.
func (s *Series) Len() int { return len(s.Dates) }

// Close is the i-th close.
func (s *Series) Close(i int) money.Decimal {
	if s.Closes == nil {
		return s.Exact[i]
	}
	return money.NewDecimal(s.Closes[i], -s.Places)
}

// IndexAt is the index of the last day at or before on, −1 where there is none.
func (s *Series) IndexAt(on Date) int {
	return sort.Search(len(s.Dates), func(i int) bool { return s.Dates[i] > on }) - 1
}

// At is the last close at or before a day and its day; ok is false where there is none. A later close is never used.
func (s *Series) At(on Date) (price money.Decimal, day Date, ok bool) {
	i := s.IndexAt(on)
	if i < 0 {
		return money.Decimal{}, NoDate, false
	}
	return s.Close(i), s.Dates[i], true
}

// With is the series with one more close: after the last day, or in place of it where the day is the same. A close of an
// earlier day changes nothing. The series itself stays as it is.
func (s *Series) With(bar Bar) Series {
	n := len(s.Dates)
	if n > 0 && bar.Date < s.Dates[n-1] {
		return *s
	}
	keep := n
	if n > 0 && bar.Date == s.Dates[n-1] {
		keep--
	}
	scaled, ok := bar.Close.Scaled(s.Places)
	if s.Closes == nil || !ok {
		bars := make([]Bar, 0, keep+1)
		for i := range keep {
			bars = append(bars, Bar{Date: s.Dates[i], Close: s.Close(i)})
		}
		return NewSeries(s.Instrument, s.Currency, append(bars, bar))
	}
	longer := *s
	longer.Dates = append(append(make([]Date, 0, keep+1), s.Dates[:keep]...), bar.Date)
	longer.Closes = append(append(make([]int64, 0, keep+1), s.Closes[:keep]...), scaled)
	return longer
}

// Fill is the series with bars, which rise by date, on the days that it has no close of: its own closes go before them. The series
// and the bars stay as they are; without bars it is the series itself.
func (s *Series) Fill(id InstrumentID, currency money.Currency, bars []Bar) *Series {
	if len(bars) == 0 {
		return s
	}
	n := 0
	if s != nil {
		n = s.Len()
	}
	all := make([]Bar, 0, n+len(bars))
	at := 0
	for _, bar := range bars {
		for at < n && s.Dates[at] < bar.Date {
			all = append(all, Bar{s.Dates[at], s.Close(at)})
			at++
		}
		if at == n || s.Dates[at] != bar.Date {
			all = append(all, bar)
		}
	}
	for ; at < n; at++ {
		all = append(all, Bar{s.Dates[at], s.Close(at)})
	}
	filled := NewSeries(id, currency, all)
	return &filled
}
