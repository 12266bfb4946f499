package figures

import (
	"math/bits"
	"slices"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// The kernel works a portfolio's daily series out in integers: quantity · price in 128 bits, times the rate in 256, exact. It
// takes what nearly every portfolio is made of and says no to the rest (short positions, prices that are missing while
// something is held, splits between closes, numbers of too many digits), which historyExact does in decimals.

// kernel is a series in the making. Its arrays have one element for each slot: a day on which anything can change.
type kernel struct {
	base       money.Currency
	origin     market.Date // the day before the first that matters
	to         market.Date
	tracked    bool
	activities int
	byID       map[market.InstrumentID]int
	recent     [256]int32 // lines last seen under a cheap hash, counted from 1
	lines      []kernelLine
	pots       []pot // one for each currency, the base first
	slots      []market.Date
	slotOf     []int32 // of each day from the origin on: the last slot at or before it
	calendars  []calendar
	scratch    []int64
}

// kernelLine is one instrument's quantities.
type kernelLine struct {
	id       market.InstrumentID
	pot      int
	series   *market.Series
	quantity money.Decimal
	places   int32
	steps    []smallStep
	calendar int
}

// pot is what adds up in one currency.
type pot struct {
	currency money.Currency
	places   int32        // scale of worth and flows
	cash     []smallStep  // balance after each change, where cash is tracked
	flows    []kernelFlow // rising by day
	worth    []double     // of each slot
}

// kernelFlow is what came in and went out on one day in one currency.
type kernelFlow struct {
	date    market.Date
	in, out small
}

// small is a decimal of 63 bits without a pointer, so that slices of it cost the collector nothing.
type small struct {
	coefficient int64
	exponent    int32
}

func (s small) decimal() money.Decimal { return money.NewDecimal(s.coefficient, s.exponent) }

// set keeps a decimal where it is small enough.
func (s *small) set(x money.Decimal) (ok bool) {
	s.coefficient, s.exponent, ok = x.Narrow()
	return ok
}

// smallStep is how much there was after a change.
type smallStep struct {
	date     market.Date
	quantity small
}

// stepped notes how much there is on a day; of several changes the last counts.
func stepped(steps []smallStep, on market.Date, quantity money.Decimal) ([]smallStep, bool) {
	if n := len(steps); n == 0 || steps[n-1].date != on {
		steps = append(steps, smallStep{date: on})
	}
	return steps, steps[len(steps)-1].quantity.set(quantity)
}

// What most instruments and currencies have fewer of, so that slices rarely grow.
const (
	stepsUsual = 256
	flowsUsual = 4096
)

// historyScaled is History in integers; ok is false where the portfolio isn't made for it.
func historyScaled(book ledger.Book, m *Market, from, to market.Date) (daily *Daily, ok bool) {
	if book.Portfolio.AllowShort || m == nil || len(book.Activities) == 0 {
		return nil, false
	}
	k := &kernel{
		base: book.Portfolio.BaseCurrency, origin: min(from, book.Activities[0].Date) - 1, to: to,
		byID: make(map[market.InstrumentID]int, 64), activities: len(book.Activities),
	}
	k.potOf(k.base)
	for i := range book.Activities {
		if t := book.Activities[i].Type; t == ledger.Deposit || t == ledger.Withdrawal {
			k.tracked = true
			break
		}
	}
	for i := range book.Activities {
		a := &book.Activities[i]
		if a.Date > to {
			break
		}
		if !k.take(a, book, m) {
			return nil, false
		}
	}
	k.layOut(m, from)
	if !k.scale() {
		return nil, false
	}
	for i := range k.lines {
		if !k.fill(&k.lines[i]) {
			return nil, false
		}
	}
	for i := range k.pots {
		if !k.fillCash(&k.pots[i]) {
			return nil, false
		}
	}
	return k.sum(m, from)
}

// layOut finds the slots: the days of closes, of rates and of activities, and the day before the period.
func (k *kernel) layOut(m *Market, from market.Date) {
	days := int(k.to-k.origin) + 1
	marks := make([]bool, days)
	mark := func(on market.Date) {
		if on >= k.origin && on <= k.to {
			marks[on-k.origin] = true
		}
	}
	add := func(s *market.Series) int {
		if s == nil {
			return -1
		}
		for i := range k.calendars {
			if sameDates(k.calendars[i].dates, s.Dates) {
				return i
			}
		}
		k.calendars = append(k.calendars, calendar{dates: s.Dates})
		for _, on := range s.Dates {
			mark(on)
		}
		return len(k.calendars) - 1
	}
	mark(k.origin)
	mark(from - 1)
	for i := range k.lines {
		k.lines[i].calendar = add(k.lines[i].series)
		for _, s := range k.lines[i].steps {
			mark(s.date)
		}
	}
	for i := range k.pots {
		p := &k.pots[i]
		if len(k.pots) > 1 {
			add(m.Series[market.RateID(p.currency)])
		}
		for _, s := range p.cash {
			mark(s.date)
		}
		for _, f := range p.flows {
			mark(f.date)
		}
	}
	k.slots = make([]market.Date, 0, days) // the first day is one
	k.slotOf = make([]int32, days)
	for day, marked := range marks {
		if marked {
			k.slots = append(k.slots, k.origin+market.Date(day))
		}
		k.slotOf[day] = int32(len(k.slots) - 1)
	}
	for i := range k.calendars {
		k.calendars[i].fit(k)
	}
}

// calendar is the days of one or more series. Most instruments share one, so it is compared with the slots but once.
type calendar struct {
	dates []market.Date
	at    int  // of the close that the first slot uses
	first int  // slot that has one
	alike bool // from there on each slot is one of the dates
}

// sameDates says whether two calendars are the same, eight days at a time.
func sameDates(a, b []market.Date) bool {
	if len(a) != len(b) {
		return false
	}
	for len(a) >= 8 && len(b) >= 8 {
		x, y := (*[8]market.Date)(a), (*[8]market.Date)(b)
		if x[0]^y[0]|x[1]^y[1]|x[2]^y[2]|x[3]^y[3]|x[4]^y[4]|x[5]^y[5]|x[6]^y[6]|x[7]^y[7] != 0 {
			return false
		}
		a, b = a[8:], b[8:]
	}
	return slices.Equal(a, b)
}

func (c *calendar) fit(k *kernel) {
	series := market.Series{Dates: c.dates}
	if c.at = series.IndexAt(k.slots[0]); c.at < 0 {
		c.at, c.first = 0, len(k.slots)
		if len(c.dates) > 0 && c.dates[0] <= k.to {
			c.first = k.slot(c.dates[0])
		}
	}
	rest := k.slots[c.first:]
	c.alike = len(c.dates)-c.at >= len(rest) && sameDates(c.dates[c.at:c.at+len(rest)], rest)
}

func (k *kernel) potOf(currency money.Currency) int {
	for i := range k.pots {
		if k.pots[i].currency == currency {
			return i
		}
	}
	k.pots = append(k.pots, pot{currency: currency, flows: make([]kernelFlow, 0, min(flowsUsual, k.activities))})
	return len(k.pots) - 1
}

// lineOf is an instrument's line, −1 where it has no prices to value it.
func (k *kernel) lineOf(id market.InstrumentID, book ledger.Book, m *Market) int {
	// The ends of ids differ, so nearly every look-up is one comparison instead of a hash.
	guess := &k.recent[id[len(id)-1]^id[len(id)/2]<<3]
	if i := int(*guess) - 1; i >= 0 && k.lines[i].id == id {
		return i
	}
	if i, ok := k.byID[id]; ok {
		*guess = int32(i + 1)
		return i
	}
	series, currency := m.Series[id], book.Instruments[id].Currency
	if series == nil || series.Closes == nil || currency == "" {
		return -1
	}
	k.lines = append(k.lines, kernelLine{id: id, pot: k.potOf(currency), series: series, steps: make([]smallStep, 0, min(stepsUsual, k.activities))})
	k.byID[id] = len(k.lines) - 1
	return len(k.lines) - 1
}

// take applies one activity, the way the bookkeeper does without its lots.
func (k *kernel) take(a *ledger.Activity, book ledger.Book, m *Market) bool {
	costs := a.Fee.Add(a.Tax)
	switch a.Type {
	case ledger.Buy:
		return k.change(a, book, m, *a.Quantity) && k.pay(a, gross(a).Add(costs).Neg())
	case ledger.Sell:
		return k.change(a, book, m, a.Quantity.Neg()) && k.pay(a, gross(a).Sub(costs))
	case ledger.DeliverIn:
		return k.change(a, book, m, *a.Quantity) && k.flow(a, gross(a).Add(costs), true, a.FXRate)
	case ledger.DeliverOut:
		net := gross(a).Sub(costs)
		return k.change(a, book, m, a.Quantity.Neg()) && k.flow(a, net.Neg(), net.Sign() < 0, a.FXRate)
	case ledger.Transfer:
		return k.pay(a, costs.Neg())
	case ledger.Deposit, ledger.Withdrawal:
		amount := signed(gross(a), a.Type == ledger.Withdrawal)
		return k.move(a.Currency, a.Date, amount.Sub(costs)) && k.flow(a, amount, a.Type == ledger.Deposit, a.FXRate)
	case ledger.Dividend:
		if a.Reinvest {
			return k.change(a, book, m, *a.Quantity)
		}
		return k.pay(a, gross(a).Sub(costs))
	case ledger.Interest:
		return k.pay(a, gross(a).Sub(costs))
	case ledger.Fee, ledger.Tax:
		return k.pay(a, signed(gross(a), a.Refund).Add(costs).Neg())
	case ledger.Split:
		return k.split(a, m)
	}
	return false
}

// change adds to an instrument's quantity; below 0 is not for here.
func (k *kernel) change(a *ledger.Activity, book ledger.Book, m *Market, by money.Decimal) bool {
	i := k.lineOf(a.Instrument, book, m)
	if i < 0 {
		return false
	}
	l := &k.lines[i]
	l.quantity = l.quantity.Add(by)
	return l.stepped(a.Date)
}

// stepped notes the line's quantity on a day.
func (l *kernelLine) stepped(on market.Date) (ok bool) {
	l.places = max(l.places, l.quantity.Places())
	l.steps, ok = stepped(l.steps, on, l.quantity)
	return ok && l.quantity.Sign() >= 0
}

// split multiplies the quantity. It is for here only if the day has a close of its own, so that no price is carried past it,
// and if every account holds a whole part of it, so that none is rounded.
func (k *kernel) split(a *ledger.Activity, m *Market) bool {
	if a.Account != "" {
		return false
	}
	if series := m.Series[a.Instrument]; series != nil {
		if at := series.IndexAt(a.Date); at >= 0 && series.Dates[at] != a.Date {
			return false
		}
	}
	i, held := k.byID[a.Instrument]
	if !held || k.lines[i].quantity.IsZero() {
		return true
	}
	l := &k.lines[i]
	old, ok := a.Ratio.Old.Scaled(0)
	if !ok || old != 1 {
		return false
	}
	l.quantity = a.Ratio.Apply(l.quantity)
	return l.stepped(a.Date)
}

// pay is the bookkeeper's: cash where it is tracked, else a flow.
func (k *kernel) pay(a *ledger.Activity, amount money.Decimal) bool {
	if amount.IsZero() {
		return true
	}
	if !k.tracked {
		return k.flow(a, amount.Neg(), amount.Sign() < 0, a.FXRate)
	}
	currency := a.Currency
	if a.FXRate != nil {
		currency, amount = k.base, amount.Mul(*a.FXRate)
	}
	return k.move(currency, a.Date, amount)
}

func (k *kernel) move(currency money.Currency, on market.Date, amount money.Decimal) (ok bool) {
	p := &k.pots[k.potOf(currency)]
	if n := len(p.cash); n > 0 {
		amount = amount.Add(p.cash[n-1].quantity.decimal())
	}
	p.cash, ok = stepped(p.cash, on, amount)
	return ok
}

// flow notes money from outside, above 0, or out, below; with a rate of its own it is one in the base currency.
func (k *kernel) flow(a *ledger.Activity, amount money.Decimal, in bool, rate *money.Decimal) bool {
	currency := a.Currency
	if rate != nil {
		currency, amount = k.base, amount.Mul(*rate)
	}
	p := &k.pots[k.potOf(currency)]
	if n := len(p.flows); n == 0 || p.flows[n-1].date != a.Date {
		p.flows = append(p.flows, kernelFlow{date: a.Date})
	}
	f := &p.flows[len(p.flows)-1]
	if in {
		return f.in.set(f.in.decimal().Add(amount))
	}
	return f.out.set(f.out.decimal().Sub(amount))
}

// scale finds for each currency the digits after the point that all its sums need.
func (k *kernel) scale() bool {
	for i := range k.lines {
		l := &k.lines[i]
		p := &k.pots[l.pot]
		p.places = max(p.places, l.places+l.series.Places)
	}
	for i := range k.pots {
		p := &k.pots[i]
		for _, s := range p.cash {
			p.places = max(p.places, -s.quantity.exponent)
		}
		for _, f := range p.flows {
			p.places = max(p.places, -f.in.exponent, -f.out.exponent)
		}
		if p.places > 18 {
			return false
		}
		p.worth = make([]double, len(k.slots))
	}
	return true
}

// slot is where a day's value stands, the number of slots for days after the last.
func (k *kernel) slot(on market.Date) int {
	if on > k.to {
		return len(k.slots)
	}
	return int(k.slotOf[on-k.origin]) // every step's day is a slot
}

// closes are a line's closes, one for each slot, carried, from the first slot that has one on. Where the calendars are alike
// they are the series' own.
func (k *kernel) closes(l *kernelLine) (closes []int64, first int) {
	c := &k.calendars[l.calendar]
	at, rest := c.at, k.slots[c.first:]
	if c.alike {
		return l.series.Closes[at : at+len(rest)], c.first
	}
	if k.scratch == nil {
		k.scratch = make([]int64, len(k.slots))
	}
	closes = k.scratch[:len(rest)]
	for i, on := range rest {
		for at+1 < len(c.dates) && c.dates[at+1] <= on {
			at++
		}
		closes[i] = l.series.Closes[at]
	}
	return closes, c.first
}

// fill adds a line's worth to the slots of its currency, for each stretch of one quantity.
func (k *kernel) fill(l *kernelLine) bool {
	worth := k.pots[l.pot].worth
	closes, first := k.closes(l)
	for i, s := range l.steps {
		// A product's digits all stand after the scale's point, so the quantity takes what the price doesn't.
		quantity, ok := s.quantity.decimal().Scaled(k.pots[l.pot].places - l.series.Places)
		if !ok || bits.Len64(uint64(quantity)) > quantityBitsMax && !l.fits(quantity) {
			return false
		}
		if quantity == 0 {
			continue
		}
		begin, end := k.slot(s.date), len(k.slots)
		if i+1 < len(l.steps) {
			end = k.slot(l.steps[i+1].date)
		}
		if begin < first {
			return false // held before its first close
		}
		sums, prices := worth[begin:end], closes[begin-first:end-first]
		prices = prices[:len(sums)]
		for j := range sums { // neither is below 0
			high, low := bits.Mul64(uint64(quantity), uint64(prices[j]))
			var carry uint64
			sums[j].low, carry = bits.Add64(sums[j].low, low, 0)
			sums[j].high += high + carry
		}
	}
	return true
}

// Sums of products stay within 127 bits as long as each keeps to 63 + 47 and there are fewer than 2^17 lines.
const quantityBitsMax = 47

// fits says whether a large quantity's products keep to that all the same.
func (l *kernelLine) fits(quantity int64) bool {
	most := slices.Max(l.series.Closes)
	return bits.Len64(uint64(quantity))+bits.Len64(uint64(most)) <= 63+quantityBitsMax
}

// fillCash adds a currency's cash to its days.
func (k *kernel) fillCash(p *pot) bool {
	for i, s := range p.cash {
		amount, ok := s.quantity.decimal().Scaled(p.places)
		if !ok {
			return false
		}
		end := len(k.slots)
		if i+1 < len(p.cash) {
			end = k.slot(p.cash[i+1].date)
		}
		value := product(amount, 1)
		for at := k.slot(s.date); at < end; at++ {
			p.worth[at] = p.worth[at].add(value)
		}
	}
	return true
}
