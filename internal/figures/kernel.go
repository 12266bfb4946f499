package figures

import (
	"math"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// The kernel works a portfolio's daily series out in integers: quantity · price in 64 bits where they are enough, else in 128,
// times the rate in 256, exact. It takes what nearly every portfolio is made of and says no to the rest (prices that are
// missing while something is held, splits between closes, numbers of too many digits), which daily does in decimals.

// kernel is a series in the making.
type kernel struct {
	base   money.Currency
	origin market.Date // the day before the first that matters
	to     market.Date
	marked []bool // days from the origin on that are slots
	trades bool   // note the days on which something held or traded has a price
	lines  []kernelLine
	pots   []pot // one for each currency, the base first
	steps  int   // how many a line has usually

	// What take needs.
	book       ledger.Book
	market     *Market
	tracked    bool
	byID       map[market.InstrumentID]int
	recent     [256]int32 // lines last seen under a cheap hash, counted from 1
	activities int

	booked       []bookedFlow // rising by day
	bookedPlaces int32

	slots     // of the days that are marked
	calendars []calendar
}

// kernelLine is one instrument's quantities.
type kernelLine struct {
	id     market.InstrumentID
	pot    int
	series *market.Series
	ladder
	calendar int
}

// pot is what adds up in one currency.
type pot struct {
	currency   money.Currency
	cash       ladder // balance after each change, where cash is tracked
	flowPlaces int32
	flows      []kernelFlow // of each day from the origin on; nil where there are none

	places int32    // scale of what follows
	narrow []int64  // worth at each slot, or
	worth  []double // where that may be too large
}

// kernelFlow is what came in and went out on one day in one currency.
type kernelFlow [2]int64

// flowWay is which of the two.
type flowWay uint8

const (
	flowIn  flowWay = 0
	flowOut flowWay = 1
)

// ladder is how an amount changed, in units of 10^−places.
type ladder struct {
	amount int64 // after the last change
	most   int64 // largest size of all amounts
	places int32
	steps  []kernelStep // in order of their days
}

type kernelStep struct {
	change int64
	date   market.Date
}

// add changes how much there is on a day.
func (l *ladder) add(on market.Date, by small) bool {
	if by.exponent != -l.places {
		var ok bool
		if by, ok = l.fit(by); !ok {
			return false
		}
	}
	l.steps = append(l.steps, kernelStep{by.coefficient, on})
	amount := l.amount + by.coefficient
	if l.amount = amount; amount < 0 {
		amount = -amount
	}
	l.most = max(l.most, amount)
	return uint64(amount) <= ladderMax && magnitude(by.coefficient) <= ladderMax
}

// ladderMax keeps a sum of two amounts within 63 bits.
const ladderMax = math.MaxInt64 / 2

// fit brings a change and the ladder to one scale.
func (l *ladder) fit(by small) (small, bool) {
	places := -by.exponent
	if places <= l.places {
		return by.at(l.places)
	}
	if places > placesScaledMax {
		return by, false
	}
	more := places - l.places
	l.places = places
	_, ok := lifted(l.most, more+1) // a change is at most twice the most there was
	if !ok {
		return by, false
	}
	l.amount, l.most = l.amount*powers[more], l.most*powers[more]
	for i := range l.steps {
		l.steps[i].change *= powers[more]
	}
	return by, true
}

// fit brings a flow and those before it to one scale.
func (p *pot) fit(by small) (small, bool) {
	places := -by.exponent
	if places <= p.flowPlaces {
		return by.at(p.flowPlaces)
	}
	for i := range p.flows {
		for way, amount := range p.flows[i] {
			var ok bool
			if p.flows[i][way], ok = lifted(amount, places-p.flowPlaces); !ok {
				return by, false
			}
		}
	}
	p.flowPlaces = places
	return by, true
}

// addFlow notes what comes in on a day, or goes out.
func (k *kernel) addFlow(p *pot, on market.Date, amount small, way flowWay) (ok bool) {
	if amount.exponent != -p.flowPlaces {
		if amount, ok = p.fit(amount); !ok {
			return false
		}
	}
	if p.flows == nil {
		p.flows = make([]kernelFlow, len(k.marked))
	}
	f := &p.flows[on-k.origin]
	f[way], ok = plus(f[way], amount.coefficient)
	return ok
}

// historyScaled is History in integers; ok is false where the portfolio isn't made for it.
func historyScaled(book ledger.Book, m *Market, from, to market.Date) (daily *Daily, ok bool) {
	if book.Portfolio.AllowShort || m == nil || len(book.Activities) == 0 {
		return nil, false // who pays a dividend depends on which account is short
	}
	k, tracked, ok := takeBook(book, m, from, to, false)
	if tracked {
		k, _, ok = takeBook(book, m, from, to, true)
	}
	if !ok {
		return nil, false
	}
	s, ok := k.run(func(currency money.Currency) (rateCursor, bool) { return marketCursor(m, k.base, currency) }, from)
	if !ok {
		return nil, false
	}
	return &Daily{scaled: s}, true
}

// takeBook takes a book's activities. Whether cash is tracked shows on the way, most often at once: then what was taken is of no
// use, and found says so.
func takeBook(book ledger.Book, m *Market, from, to market.Date, tracked bool) (k *kernel, found, ok bool) {
	activities := book.Activities
	k = newKernel(book.Portfolio.BaseCurrency, min(from, activities[0].Date)-1, from, to, len(activities), len(book.Instruments))
	k.book, k.market, k.tracked, k.byID = book, m, tracked, make(map[market.InstrumentID]int, 2*len(book.Instruments))
	ok = true
	for i := range activities {
		a := &activities[i]
		if !tracked && (a.Type == ledger.Deposit || a.Type == ledger.Withdrawal) {
			return nil, true, false
		}
		if a.Date > to {
			if tracked {
				break
			}
			continue
		}
		k.marked[a.Date-k.origin] = true
		if ok = ok && k.take(a); !ok && tracked {
			break
		}
	}
	return k, false, ok
}

// stepsLeast keeps the steps of a book of few activities from growing often.
const stepsLeast = 16

func newKernel(base money.Currency, origin, from, to market.Date, activities, instruments int) *kernel {
	days := int(to-origin) + 1
	k := &kernel{
		base: base, origin: origin, to: to, activities: activities, marked: make([]bool, days), steps: stepsLeast + activities/max(instruments, 1)*5/4,
	}
	k.marked[0], k.marked[from-1-origin] = true, true
	k.potOf(base)
	return k
}

func (k *kernel) potOf(currency money.Currency) int {
	for i := range k.pots {
		if k.pots[i].currency == currency {
			return i
		}
	}
	k.pots = append(k.pots, pot{currency: currency})
	return len(k.pots) - 1
}

// newLine is a line for an instrument that has prices to value it.
func (k *kernel) newLine(id market.InstrumentID, series *market.Series, currency money.Currency) int {
	steps := make([]kernelStep, 0, k.steps)
	k.lines = append(k.lines, kernelLine{id: id, pot: k.potOf(currency), series: series, ladder: ladder{steps: steps}})
	return len(k.lines) - 1
}

// lineOf is an instrument's line, −1 where it has no prices to value it.
func (k *kernel) lineOf(id market.InstrumentID) int {
	// The ends of ids differ, so nearly every look-up is one comparison instead of a hash.
	n := len(id)
	guess := &k.recent[id[n-1]^id[max(n-2, 0)]<<4^id[n/2]<<2]
	if i := int(*guess) - 1; i >= 0 && k.lines[i].id == id {
		return i
	}
	i, ok := k.byID[id]
	if !ok {
		series, currency := k.market.Series[id], k.book.Instruments[id].Currency
		if series == nil || series.Closes == nil || currency == "" {
			return -1
		}
		i = k.newLine(id, series, currency)
		k.byID[id] = i
	}
	*guess = int32(i + 1)
	return i
}

// take applies one activity, the way the bookkeeper does without its lots.
func (k *kernel) take(a *ledger.Activity) bool {
	costs, ok1 := costsOf(a)
	gross, ok2 := grossOf(a)
	if !ok1 || !ok2 {
		return false
	}
	switch a.Type {
	case ledger.Buy:
		amount, ok := gross.plus(costs)
		return ok && k.change(a, false) && k.pay(a, amount.neg())
	case ledger.Sell:
		amount, ok := gross.plus(costs.neg())
		return ok && k.change(a, true) && k.pay(a, amount)
	case ledger.DeliverIn:
		amount, ok := gross.plus(costs)
		return ok && k.change(a, false) && k.flow(a, amount, flowIn)
	case ledger.DeliverOut:
		amount, ok := gross.plus(costs.neg())
		if amount.coefficient < 0 {
			return ok && k.change(a, true) && k.flow(a, amount.neg(), flowIn)
		}
		return ok && k.change(a, true) && k.flow(a, amount, flowOut)
	case ledger.Transfer:
		return k.pay(a, costs.neg())
	case ledger.Deposit, ledger.Withdrawal:
		moved, way := gross, flowIn
		if a.Type == ledger.Withdrawal {
			moved, way = moved.neg(), flowOut
		}
		moved, ok := moved.plus(costs.neg())
		return ok && k.pots[k.potOf(a.Currency)].cash.add(a.Date, moved) && k.flow(a, gross, way)
	case ledger.Dividend:
		if a.Reinvest {
			return k.change(a, false)
		}
		amount, ok := gross.plus(costs.neg())
		return ok && k.pay(a, amount)
	case ledger.Interest:
		amount, ok := gross.plus(costs.neg())
		return ok && k.pay(a, amount)
	case ledger.Fee, ledger.Tax:
		if a.Refund {
			gross = gross.neg()
		}
		amount, ok := gross.plus(costs)
		return ok && k.pay(a, amount.neg())
	case ledger.Split:
		return costs.coefficient == 0 && k.split(a)
	}
	return false
}

// costsOf is an activity's fee and tax.
func costsOf(a *ledger.Activity) (small, bool) {
	fee, ok1 := smallOf(&a.Fee)
	tax, ok2 := smallOf(&a.Tax)
	if tax.coefficient == 0 {
		return fee, ok1 && ok2
	}
	both, ok := fee.plus(tax)
	return both, ok && ok1 && ok2
}

// grossOf is an activity's amount, where it isn't given price times quantity.
func grossOf(a *ledger.Activity) (small, bool) {
	switch {
	case a.Amount != nil:
		return smallOf(a.Amount)
	case a.Price != nil && a.Quantity != nil:
		price, ok1 := smallOf(a.Price)
		quantity, ok2 := smallOf(a.Quantity)
		gross, ok := price.times(quantity)
		return gross, ok && ok1 && ok2
	}
	return small{}, true
}

// change adds to an instrument's quantity, or takes away; below 0 is not for here.
func (k *kernel) change(a *ledger.Activity, less bool) bool {
	i := k.lineOf(a.Instrument)
	by, ok := smallOf(a.Quantity)
	if i < 0 || !ok {
		return false
	}
	if less {
		by = by.neg()
	}
	l := &k.lines[i]
	return l.add(a.Date, by) && l.amount >= 0
}

// split multiplies the quantity. It is for here only if the day has a close of its own, so that no price is carried past it,
// and if every account holds a whole part of it, so that none is rounded.
func (k *kernel) split(a *ledger.Activity) bool {
	if a.Account != "" {
		return false
	}
	if series := k.market.Series[a.Instrument]; series != nil {
		if at := series.IndexAt(a.Date); at >= 0 && series.Dates[at] != a.Date {
			return false
		}
	}
	i, held := k.byID[a.Instrument]
	if !held || k.lines[i].amount == 0 {
		return true
	}
	l := &k.lines[i]
	if !a.Ratio.Old.Equal(money.One) {
		return false
	}
	before := small{l.amount, -l.places}
	more, ok := smallOf(&a.Ratio.New)
	if !ok {
		return false
	}
	after, ok := before.times(more)
	if !ok {
		return false
	}
	by, ok := after.plus(before.neg())
	return ok && l.add(a.Date, by)
}

// pay is the bookkeeper's: cash where it is tracked, else a flow.
func (k *kernel) pay(a *ledger.Activity, amount small) bool {
	if amount.coefficient == 0 {
		return true
	}
	if !k.tracked {
		if amount.coefficient < 0 {
			return k.flow(a, amount.neg(), flowIn)
		}
		return k.flow(a, amount, flowOut)
	}
	currency := a.Currency
	if a.FXRate != nil {
		rate, ok := smallOf(a.FXRate)
		if amount, ok = amount.booked(rate, ok); !ok {
			return false
		}
		currency = k.base
	}
	return k.pots[k.potOf(currency)].cash.add(a.Date, amount)
}

// flow notes money that comes from outside or goes there; with a rate of its own it is one in the base currency.
func (k *kernel) flow(a *ledger.Activity, amount small, way flowWay) bool {
	currency := a.Currency
	if a.FXRate != nil {
		rate, ok := smallOf(a.FXRate)
		if amount, ok = amount.booked(rate, ok); !ok {
			return false
		}
		currency = k.base
	}
	return k.addFlow(&k.pots[k.potOf(currency)], a.Date, amount, way)
}
