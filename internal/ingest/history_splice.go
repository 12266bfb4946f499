package ingest

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"folioscope/internal/market"
)

// How far a source's closes may be from what is known, before they are another series: adjusted, in another unit, or of
// another instrument. Ratios of closes are drawn conclusions from, never stored: doubles do.
const (
	overlapDays     = 10   // calendar days that are asked for beyond a gap, so that there is something to compare
	apartMax        = 0.03 // the median of common days; our own last look at a day isn't quite its close
	neighboursApart = 1.6  // the factor between closes of different days, at most nearDays apart
	nearDays        = market.Date(10)
	markApart       = 5.0 // the factor to the last price, where nothing else is known
	splitShows      = 1.5 // a split by less than this can't be told from a day's change
)

// errUnlike says that closes can't go beside those that are stored.
var errUnlike = errors.New("its closes differ from what is known")

// likeStored says whether a source's raw closes can go beside the stored ones; fresh rises by date. The error is errUnlike with
// what differs. Closes that can't be compared, since months lie between, are believed where no split came after them: they are
// then the same, adjusted or not.
func likeStored(stored *market.Series, fresh []market.Bar, splits []market.Action, mark *market.Mark) error {
	if len(fresh) == 0 {
		return nil
	}
	among, isolated := besides(stored, fresh)
	for i := range splits {
		if adjustedFor(among, &splits[i]) {
			return fmt.Errorf("%w: they are divided by the split of %s already", errUnlike, splits[i].Date)
		}
	}
	var ratios []float64
	for _, b := range fresh {
		if known, day, ok := stored.At(b.Date); ok && day == b.Date {
			ratios = append(ratios, b.Close.Float64()/known.Float64())
		}
	}
	if len(ratios) > 0 {
		slices.Sort(ratios)
		if median := ratios[len(ratios)/2]; math.Abs(median-1) > apartMax {
			return fmt.Errorf("%w: by a factor of %.4g on %d common days", errUnlike, median, len(ratios))
		}
		return nil
	}
	near, compared := nearest(stored, fresh, splits)
	if compared && apartBy(near) > neighboursApart {
		return fmt.Errorf("%w: by a factor of %.4g to the days beside them", errUnlike, near)
	}
	last := fresh[len(fresh)-1]
	splitAfter := slices.ContainsFunc(splits, func(a market.Action) bool { return a.Kind == market.ActionSplit && a.Date > last.Date })
	if isolated && stored.Len() > 0 && splitAfter {
		return fmt.Errorf("%w: nothing is near them, so nobody can say whether they are divided by a later split", errUnlike)
	}
	if !compared && mark != nil && market.DateOf(mark.MarketTime.UTC())-last.Date <= nearDays && mark.Price.Sign() > 0 {
		if ratio := last.Close.Float64() / mark.Price.Float64(); apartBy(ratio) > markApart {
			return fmt.Errorf("%w: by a factor of %.4g to the last price", errUnlike, ratio)
		}
	}
	return nil
}

// besides are fresh closes with the stored ones next to them; isolated says that there are none near.
func besides(stored *market.Series, fresh []market.Bar) (among []market.Bar, isolated bool) {
	first, last := fresh[0].Date, fresh[len(fresh)-1].Date
	before := stored.IndexAt(first - 1)
	after := stored.IndexAt(last) + 1
	if before >= 0 && first-stored.Dates[before] <= nearDays {
		among = append(among, market.Bar{Date: stored.Dates[before], Close: stored.Close(before)})
	}
	among = append(among, fresh...)
	if after < stored.Len() && stored.Dates[after]-last <= nearDays {
		among = append(among, market.Bar{Date: stored.Dates[after], Close: stored.Close(after)})
	}
	return among, len(among) == len(fresh) && after == before+1
}

// apartBy is a ratio turned so that it is at least 1.
func apartBy(ratio float64) float64 { return max(ratio, 1/ratio) }

// nearest is the ratio of the closes where fresh ones and stored ones come next to each other; ok is false where nothing is near,
// or a split lies between.
func nearest(stored *market.Series, fresh []market.Bar, splits []market.Action) (ratio float64, ok bool) {
	best := nearDays + 1
	see := func(b market.Bar, index int) {
		if index < 0 || index >= stored.Len() {
			return
		}
		day := stored.Dates[index]
		apart := max(day-b.Date, b.Date-day)
		between := slices.ContainsFunc(splits, func(a market.Action) bool { return a.Date > min(day, b.Date) && a.Date <= max(day, b.Date) })
		if apart < best && !between {
			known := stored.Close(index)
			best, ratio, ok = apart, b.Close.Float64()/known.Float64(), true
		}
	}
	for _, b := range fresh {
		at := stored.IndexAt(b.Date)
		see(b, at)
		see(b, at+1)
	}
	return ratio, ok
}

// adjustedFor says whether closes go on over a split as if there had been none. It is false where they don't tell.
func adjustedFor(bars []market.Bar, split *market.Action) bool {
	if split.Kind != market.ActionSplit {
		return false
	}
	expected := split.New.Float64() / split.Old.Float64()
	after, _ := slices.BinarySearchFunc(bars, split.Date, func(b market.Bar, day market.Date) int { return int(b.Date - day) })
	if apartBy(expected) < splitShows || after == 0 || after == len(bars) || bars[after].Date-bars[after-1].Date > nearDays {
		return false
	}
	seen := bars[after-1].Close.Float64() / bars[after].Close.Float64()
	return math.Abs(math.Log(seen)) < math.Abs(math.Log(seen/expected))
}

// rawOf undoes the adjustment of closes for splits, all of which are known: a close is multiplied by every later split.
func rawOf(bars []market.Bar, splits []market.Action) []market.Bar {
	raw := slices.Clone(bars)
	for i := range splits {
		if splits[i].Kind != market.ActionSplit {
			continue
		}
		for n := range raw {
			if raw[n].Date < splits[i].Date {
				raw[n].Close = raw[n].Close.Mul(splits[i].New).Quo(splits[i].Old).Round(rawPlaces).Reduced()
			}
		}
	}
	return raw
}

// barsOf is a series as bars.
func barsOf(s *market.Series) []market.Bar {
	bars := make([]market.Bar, s.Len())
	for i := range bars {
		bars[i] = market.Bar{Date: s.Dates[i], Close: s.Close(i)}
	}
	return bars
}
