package ingest

import (
	"fmt"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// What is believed. The ratios are compared exactly.
var (
	jumpMax      = money.MustParse("0.25") // of the last price: more is held back
	confirmedMax = money.MustParse("0.10") // two prices this close say the same
	unitRatioMin = money.MustParse("90")   // pence taken for pounds are 100 times too much, give or take the day's change
	unitRatioMax = money.MustParse("110")
)

const (
	futureMax  = 2 * time.Minute // how far another's clock may be ahead of ours
	seenAgain  = 5 * time.Minute // a price that is repeated is noted anew after this, so that its age stays true
	reasonTail = "waits for a second source or the next poll"
)

// Why a price is refused, or held back, where that is said in words that don't change.
const (
	whyNotPositive   = "not above zero"
	whyNoTime        = "without a market time"
	whyFuture        = "from the future"
	whyRefusedBefore = "an administrator refused it"
	whyUnit          = "about 100 times or a hundredth of the last price"
)

// offer is a price as a source gave it, before it is believed.
type offer struct {
	instrument    market.Instrument
	source        string
	fallback      bool
	price         money.Decimal
	unit          money.Unit
	hasUnit       bool // false: the instrument's own currency is meant
	observed      time.Time
	marketTime    time.Time
	previousClose *money.Decimal
	previousDate  market.Date
}

// major is an amount of the offer in the instrument's currency.
func (o offer) major(amount money.Decimal) money.Decimal {
	if !o.hasUnit {
		return amount
	}
	return o.unit.Major(amount)
}

// verdict is what becomes of an offer.
type verdict string

const (
	accept verdict = "accept"
	again  verdict = "again"   // what we know already: nothing to store
	older  verdict = "older"   // behind what we know: dropped
	hold   verdict = "hold"    // too far from the last price to be believed at once
	refuse verdict = "refused" // no price at all
)

// judge decides on an offer by the last mark, which may be nil, and by what is held back for the instrument, which may be nil.
// The reason is safe to show; for hold it becomes part of the mark.
func judge(o offer, last *market.Mark, held *market.HeldBack, now time.Time) (verdict, string) {
	price := o.major(o.price)
	switch {
	case price.Sign() <= 0:
		return refuse, whyNotPositive
	case o.hasUnit && o.unit.Currency != o.instrument.Currency:
		return refuse, fmt.Sprintf("in %s, the instrument is in %s", o.unit.Currency, o.instrument.Currency)
	case o.marketTime.IsZero():
		return refuse, whyNoTime
	case o.marketTime.After(now.Add(futureMax)):
		return refuse, whyFuture
	case last == nil:
		return accept, ""
	case o.marketTime.Before(last.MarketTime):
		return older, ""
	case o.marketTime.Equal(last.MarketTime) && price.Equal(last.Price):
		// Seen long before counts too: then a clock was wrong that said when it was seen.
		if o.observed.Sub(last.ObservedAt).Abs() >= seenAgain || held != nil && held.Source == o.source {
			return accept, ""
		}
		return again, ""
	}
	unit := unitError(price, last.Price)
	if within(price, last.Price, jumpMax) {
		return accept, ""
	}
	if held != nil && within(price, held.Price, confirmedMax) {
		if held.Source != o.source || !unit && o.observed.After(held.ObservedAt) {
			return accept, ""
		}
	}
	return hold, reason(price, last.Price, unit)
}

// within says whether |a − b| ≤ share · b.
func within(a, b, share money.Decimal) bool { return a.Sub(b).Abs().Cmp(b.Mul(share)) <= 0 }

// unitError says whether one of two prices is about 100 times the other.
func unitError(a, b money.Decimal) bool {
	if a.Cmp(b) < 0 {
		a, b = b, a
	}
	return a.Cmp(b.Mul(unitRatioMin)) >= 0 && a.Cmp(b.Mul(unitRatioMax)) <= 0
}

// reason says in a sentence why a price waits.
func reason(price, last money.Decimal, unit bool) string {
	if unit {
		return whyUnit + ", taken for another unit until a second source says the same"
	}
	if price.Cmp(last) > 0 {
		times := price.Quo(last)
		if times.Cmp(money.NewDecimal(2, 0)) >= 0 {
			return fmt.Sprintf("%s times the last price, %s", times.Round(1), reasonTail)
		}
		return fmt.Sprintf("%s %% above the last price, %s", percent(times.Sub(money.One)), reasonTail)
	}
	return fmt.Sprintf("%s %% below the last price, %s", percent(money.One.Sub(price.Quo(last))), reasonTail)
}

func percent(share money.Decimal) money.Decimal { return share.Mul(money.NewDecimal(100, 0)).Round(0) }
