package sqlstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// The packed form of one instrument's closes in one year; docs/formats/bars.md describes it.
const (
	barsScaled  = 1   // closes are integers of 10^-places
	barsExact   = 2   // closes are texts: some don't fit an integer
	barsYearMax = 366 // days of a year
	placesMax   = 18  // digits after the point of a scaled close
	closeMax    = 64  // bytes of a close as text: money's bounds, sign and point included
)

// errBars says that packed bars are damaged or of a later release.
var errBars = errors.New("packed bars can't be read")

// firstDay is 1 January of a year.
func firstDay(year int) market.Date { return market.NewDate(year, 1, 1) }

// packBars packs bars of one year, which rise by date.
func packBars(year int, bars []market.Bar) ([]byte, error) {
	if len(bars) > barsYearMax {
		return nil, fmt.Errorf("%d bars in a year", len(bars))
	}
	places, closes, fits := scaleCloses(bars)
	out := make([]byte, 0, 8+3*len(bars)) // most days take a byte for the date and two for the close
	if fits {
		out = append(out, barsScaled, byte(places))
	} else {
		out = append(out, barsExact, 0)
	}
	out = binary.AppendUvarint(out, uint64(len(bars)))
	day, last := firstDay(year)-1, int64(0)
	for i, b := range bars {
		if b.Date <= day || b.Date >= firstDay(year+1) {
			return nil, fmt.Errorf("bar of %s is out of order in %d", b.Date, year)
		}
		out = binary.AppendUvarint(out, uint64(b.Date-day))
		day = b.Date
		if fits {
			out = binary.AppendVarint(out, closes[i]-last) // wraps around where it must, and back when it is read
			last = closes[i]
			continue
		}
		if err := readable(&b.Close); err != nil {
			return nil, fmt.Errorf("close of %s: %w", b.Date, err)
		}
		text := b.Close.String()
		out = append(binary.AppendUvarint(out, uint64(len(text))), text...)
	}
	return out, nil
}

// scaleCloses finds the fewest digits after the point with which every close is an integer.
func scaleCloses(bars []market.Bar) (places int32, closes []int64, fits bool) {
	closes = make([]int64, len(bars))
	for i := 0; i < len(bars); i++ {
		n, ok := bars[i].Close.Scaled(places)
		for !ok && places < placesMax {
			places++
			i = 0 // the ones before get another scale
			n, ok = bars[0].Close.Scaled(places)
		}
		if !ok {
			return 0, nil, false
		}
		closes[i] = n
	}
	return places, closes, true
}

// packed is one year as it was packed: closes of one scale, or exact ones.
type packed struct {
	dates  []market.Date
	places int32
	closes []int64
	exact  []money.Decimal // not nil where closes don't fit
}

// unpackBars reads a packed year. Whatever the bytes, it takes no more room than a year needs.
func unpackBars(year int, data []byte) (packed, error) {
	if len(data) < 3 || data[0] != barsScaled && data[0] != barsExact || data[1] > placesMax {
		return packed{}, errBars
	}
	scaled := data[0] == barsScaled
	p := packed{places: int32(data[1])}
	data = data[2:]
	count, n := binary.Uvarint(data)
	if n <= 0 || count > barsYearMax {
		return packed{}, errBars
	}
	data = data[n:]
	p.dates = make([]market.Date, 0, count)
	if scaled {
		p.closes = make([]int64, 0, count)
	} else {
		p.exact = make([]money.Decimal, 0, count)
	}
	day, end, last := firstDay(year)-1, firstDay(year+1), int64(0)
	for range count {
		step, n := binary.Uvarint(data)
		if n <= 0 || step == 0 || step > barsYearMax || day+market.Date(step) >= end {
			return packed{}, errBars
		}
		data = data[n:]
		day += market.Date(step)
		p.dates = append(p.dates, day)
		if scaled {
			delta, n := binary.Varint(data)
			if n <= 0 {
				return packed{}, errBars
			}
			data = data[n:]
			last += delta
			p.closes = append(p.closes, last)
			continue
		}
		length, n := binary.Uvarint(data)
		if n <= 0 || length > closeMax || length > uint64(len(data)-n) {
			return packed{}, errBars
		}
		price, err := money.Parse(string(data[n : n+int(length)]))
		if err != nil {
			return packed{}, fmt.Errorf("%w: %w", errBars, err)
		}
		data = data[n+int(length):]
		p.exact = append(p.exact, price)
	}
	if len(data) > 0 {
		return packed{}, errBars
	}
	return p, nil
}

// at is the i-th close.
func (p *packed) at(i int) money.Decimal {
	if p.exact != nil {
		return p.exact[i]
	}
	return money.NewDecimal(p.closes[i], -p.places)
}

// bars is the year as bars.
func (p *packed) bars() []market.Bar {
	out := make([]market.Bar, len(p.dates))
	for i := range out {
		out[i] = market.Bar{Date: p.dates[i], Close: p.at(i)}
	}
	return out
}

// joinYears makes one series of years that rise, between two days. Where one scale fits all closes no decimal is made.
func joinYears(id market.InstrumentID, currency money.Currency, years []packed, from, to market.Date) market.Series {
	days, places, fits := 0, int32(0), true
	for i := range years {
		days += len(years[i].dates)
		places = max(places, years[i].places)
		fits = fits && years[i].exact == nil
	}
	if fits {
		s := market.Series{Instrument: id, Currency: currency, Dates: make([]market.Date, 0, days), Closes: make([]int64, 0, days), Places: places}
		for i := range years {
			fits = fits && appendScaled(&s, &years[i], from, to)
		}
		if fits {
			return s
		}
	}
	bars := make([]market.Bar, 0, days)
	for i := range years {
		for j, d := range years[i].dates {
			if d >= from && d <= to {
				bars = append(bars, market.Bar{Date: d, Close: years[i].at(j)})
			}
		}
	}
	return market.NewSeries(id, currency, bars)
}

func appendScaled(s *market.Series, y *packed, from, to market.Date) bool {
	factor := int64(1)
	for range s.Places - y.places {
		factor *= 10 // at most 10^18
	}
	limit := math.MaxInt64 / factor
	for i, d := range y.dates {
		if d < from || d > to {
			continue
		}
		n := y.closes[i]
		if n > limit || n < -limit {
			return false
		}
		s.Dates = append(s.Dates, d)
		s.Closes = append(s.Closes, n*factor)
	}
	return true
}
