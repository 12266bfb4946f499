package figures

import (
	"slices"
	"sort"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// track is what daily values need of a walk through activities: how much there was of everything after each change, and the
// flows of each day.
type track struct {
	base   money.Currency
	lines  []*line
	byID   map[market.InstrumentID]*line
	cash   []*line
	byCash map[money.Currency]*line
	flows  []flow // rising by date, one a day
}

// line is how much there was of one instrument or of one currency's cash.
type line struct {
	instrument market.InstrumentID // empty for cash
	currency   money.Currency
	steps      []step // rising by date; of several on one day the last counts
}

type step struct {
	date     market.Date
	quantity money.Decimal
}

// flow is what came from outside and went there on one day, in the base currency.
type flow struct {
	date    market.Date
	in, out money.Maybe
}

func newTrack(base money.Currency) track {
	return track{base: base, byID: map[market.InstrumentID]*line{}, byCash: map[money.Currency]*line{}}
}

// setQuantity notes how much there is of an instrument after a change on a day.
func (t *track) setQuantity(on market.Date, id market.InstrumentID, currency money.Currency, quantity money.Decimal) {
	l := t.byID[id]
	if l == nil {
		l = &line{instrument: id, currency: currency}
		t.byID[id] = l
		t.lines = append(t.lines, l)
	}
	if n := len(l.steps); n > 0 && l.steps[n-1].date == on {
		l.steps[n-1].quantity = quantity
		return
	}
	l.steps = append(l.steps, step{on, quantity})
}

// addCash notes a change of a currency's cash on a day.
func (t *track) addCash(on market.Date, currency money.Currency, amount money.Decimal) {
	l := t.byCash[currency]
	if l == nil {
		l = &line{currency: currency}
		t.byCash[currency] = l
		t.cash = append(t.cash, l)
	}
	if n := len(l.steps); n > 0 {
		amount = amount.Add(l.steps[n-1].quantity)
		if l.steps[n-1].date == on {
			l.steps[n-1].quantity = amount
			return
		}
	}
	l.steps = append(l.steps, step{on, amount})
}

// addFlow adds to the flows of a day; days come in order.
func (t *track) addFlow(on market.Date, in, out money.Maybe) {
	if n := len(t.flows); n > 0 && t.flows[n-1].date == on {
		t.flows[n-1].in, t.flows[n-1].out = t.flows[n-1].in.Add(in), t.flows[n-1].out.Add(out)
		return
	}
	t.flows = append(t.flows, flow{on, in, out})
}

// flowsWithin are the flows of a period.
func (t *track) flowsWithin(from, to market.Date) []flow {
	first := sort.Search(len(t.flows), func(i int) bool { return t.flows[i].date >= from })
	last := sort.Search(len(t.flows), func(i int) bool { return t.flows[i].date > to })
	return t.flows[first:last]
}

// dayValue is one day of a portfolio. Trading: something held or traded has a price of that very day.
type dayValue struct {
	date    market.Date
	value   money.Maybe
	in, out money.Maybe
	trading bool
}

// lineCursor walks one line through days.
type lineCursor struct {
	*line
	series *market.Series
	splits []splitOn
	next   int // step that comes next
	index  int // of the close in use, −1 before the first
	made   market.Date
	amount money.Decimal
	price  money.Maybe
	worth  money.Maybe // amount · price, in the line's currency
	sum    int         // of its currency
	missed market.Date // last day of the period on which it was held without a price
}

// currencySum is what is held in one currency on a day.
type currencySum struct {
	currency money.Currency
	worth    money.Decimal
	any      bool
	missed   market.Date // last day of the period on which its rate was needed and unknown
}

// daily values a track on each day of a period, in decimals: the reference that the kernel is held against, and what is used
// where the kernel's integers don't fit.
func daily(t *track, prices *priceBook, rates rateSource, from, to market.Date, p *problems) []dayValue {
	cursors := make([]*lineCursor, 0, len(t.lines)+len(t.cash))
	for _, l := range t.lines {
		cursors = append(cursors, &lineCursor{line: l, series: prices.series[l.instrument], splits: prices.splits[l.instrument], index: -1, made: market.NoDate, missed: market.NoDate})
	}
	for _, l := range t.cash {
		cursors = append(cursors, &lineCursor{line: l, price: money.Known(money.One), index: -1, missed: market.NoDate})
	}
	flows := t.flowsWithin(from, to)
	days := make([]dayValue, 0, int(to-from)+1)
	var sums []currencySum
	for _, c := range cursors {
		c.sum = slices.IndexFunc(sums, func(s currencySum) bool { return s.currency == c.currency })
		if c.sum < 0 {
			sums = append(sums, currencySum{currency: c.currency, missed: market.NoDate})
			c.sum = len(sums) - 1
		}
	}
	nothing := money.Known(money.Zero)
	for on := from; on <= to; on++ {
		day := dayValue{date: on, value: nothing, in: nothing, out: nothing}
		for _, c := range cursors {
			if c.advance(on, on == from) {
				day.trading = true
			}
			if c.amount.IsZero() {
				continue
			}
			worth, ok := c.worth.Get()
			if !ok {
				c.missed = on
				day.value = money.Unknown
				continue
			}
			sums[c.sum].worth, sums[c.sum].any = sums[c.sum].worth.Add(worth), true
		}
		for i := range sums { // a currency's sum times its rate: the same, in fewer long products
			if !sums[i].any {
				continue
			}
			rate := rates.rate(sums[i].currency, on)
			if !rate.IsKnown() {
				sums[i].missed = on
			}
			day.value = day.value.Add(rate.Times(sums[i].worth))
			sums[i].worth, sums[i].any = money.Zero, false
		}
		if len(flows) > 0 && flows[0].date == on {
			day.in, day.out = flows[0].in, flows[0].out
			flows = flows[1:]
		}
		days = append(days, day)
	}
	missing(cursors, sums, p)
	return days
}

// missing names what had no price or rate: where there is none on or before a day, there was none before it either.
func missing(cursors []*lineCursor, sums []currencySum, p *problems) {
	for _, c := range cursors {
		if c.missed != market.NoDate {
			p.add("prices."+string(c.instrument), "no price on or before %s", c.missed)
		}
	}
	for _, s := range sums {
		if s.missed != market.NoDate {
			p.add("fx."+string(s.currency), "no rate on or before %s", s.missed)
		}
	}
}

// advance takes the cursor to a day and says whether the line was held or traded and has a price of that very day.
func (c *lineCursor) advance(on market.Date, first bool) (trading bool) {
	changed := first
	before := c.amount
	traded := false
	for c.next < len(c.steps) && c.steps[c.next].date <= on {
		c.amount = c.steps[c.next].quantity
		if c.steps[c.next].date == on {
			traded = true
		} else {
			before = c.amount
		}
		c.next++
		changed = true
	}
	if c.series != nil {
		for c.index+1 < c.series.Len() && c.series.Dates[c.index+1] <= on {
			if c.index++; c.index+1 < c.series.Len() && c.series.Dates[c.index+1] <= on {
				continue
			}
			c.price, c.made = money.Known(c.series.Close(c.index)), c.series.Dates[c.index]
			for _, s := range c.splits {
				if s.date > c.made && s.date < on {
					c.price = money.Known(s.ratio.Unapply(c.price.Or(money.Zero)))
				}
			}
			changed = true
		}
		for _, s := range c.splits {
			if s.date == on && c.made < on && c.price.IsKnown() {
				c.price, changed = money.Known(s.ratio.Unapply(c.price.Or(money.Zero))), true
			}
		}
	}
	if changed {
		c.worth = c.price.Times(c.amount)
	}
	return c.series != nil && c.index >= 0 && c.made == on && (traded || !before.IsZero() || !c.amount.IsZero())
}
