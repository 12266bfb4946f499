package figures

import (
	"math/bits"
	"slices"
	"sort"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// The kernel works a portfolio's daily series out in integers: quantity · price in 128 bits, times the rate in 256, exact. It
// takes what nearly every portfolio is made of and says no to the rest (short positions, prices that are missing while
// something is held, splits between closes, numbers of too many digits), which historyExact does in decimals.

// kernel is a series in the making. Its arrays have one element for each slot: a day on which anything can change.
type kernel struct {
	base      money.Currency
	origin    market.Date // the day before the first that matters
	to        market.Date
	tracked   bool
	byID      map[market.InstrumentID]int
	lines     []kernelLine
	pots      []pot // one for each currency, the base first
	slots     []market.Date
	slotOf    []int32 // of each day from the origin on: the last slot at or before it
	calendars []calendar
	scratch   []int64
}

// kernelLine is one instrument's quantities.
type kernelLine struct {
	id       market.InstrumentID
	pot      int
	series   *market.Series
	quantity money.Decimal
	places   int32
	steps    []step
	calendar int
}

// pot is what adds up in one currency.
type pot struct {
	currency money.Currency
	places   int32        // scale of worth and flows
	cash     []step       // balance after each change, where cash is tracked
	flows    []kernelFlow // rising by day
	worth    []double     // of each slot
}

// kernelFlow is what came in and went out on one day in one currency.
type kernelFlow struct {
	date    market.Date
	in, out money.Decimal
}

// What most instruments and currencies have fewer of, so that slices rarely grow.
const (
	stepsUsual = 128
	flowsUsual = 2048
)

// historyScaled is History in integers; ok is false where the portfolio isn't made for it.
func historyScaled(book ledger.Book, m *Market, from, to market.Date) (daily *Daily, ok bool) {
	if book.Portfolio.AllowShort || m == nil || len(book.Activities) == 0 {
		return nil, false
	}
	k := &kernel{
		base: book.Portfolio.BaseCurrency, origin: min(from, book.Activities[0].Date) - 1, to: to,
		byID: make(map[market.InstrumentID]int, 64),
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
			if slices.Equal(k.calendars[i].dates, s.Dates) {
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

func (c *calendar) fit(k *kernel) {
	series := market.Series{Dates: c.dates}
	if c.at = series.IndexAt(k.slots[0]); c.at < 0 {
		c.at, c.first = 0, len(k.slots)
		if len(c.dates) > 0 && c.dates[0] <= k.to {
			c.first = k.slot(c.dates[0])
		}
	}
	rest := k.slots[c.first:]
	c.alike = len(c.dates)-c.at >= len(rest) && slices.Equal(c.dates[c.at:c.at+len(rest)], rest)
}

func (k *kernel) potOf(currency money.Currency) int {
	for i := range k.pots {
		if k.pots[i].currency == currency {
			return i
		}
	}
	k.pots = append(k.pots, pot{currency: currency, flows: make([]kernelFlow, 0, flowsUsual)})
	return len(k.pots) - 1
}

// lineOf is an instrument's line, −1 where it has no prices to value it.
func (k *kernel) lineOf(id market.InstrumentID, book ledger.Book, m *Market) int {
	if i, ok := k.byID[id]; ok {
		return i
	}
	series, currency := m.Series[id], book.Instruments[id].Currency
	if series == nil || series.Closes == nil || currency == "" {
		return -1
	}
	k.lines = append(k.lines, kernelLine{id: id, pot: k.potOf(currency), series: series, steps: make([]step, 0, stepsUsual)})
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
		k.move(a.Currency, a.Date, amount.Sub(costs))
		return k.flow(a, amount, a.Type == ledger.Deposit, a.FXRate)
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
func (l *kernelLine) stepped(on market.Date) bool {
	l.places = max(l.places, l.quantity.Places())
	if n := len(l.steps); n > 0 && l.steps[n-1].date == on {
		l.steps[n-1].quantity = l.quantity
	} else {
		l.steps = append(l.steps, step{on, l.quantity})
	}
	return l.quantity.Sign() >= 0
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
	k.move(currency, a.Date, amount)
	return true
}

func (k *kernel) move(currency money.Currency, on market.Date, amount money.Decimal) {
	p := &k.pots[k.potOf(currency)]
	if n := len(p.cash); n > 0 {
		amount = amount.Add(p.cash[n-1].quantity)
		if p.cash[n-1].date == on {
			p.cash[n-1].quantity = amount
			return
		}
	}
	p.cash = append(p.cash, step{on, amount})
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
		f.in = f.in.Add(amount)
	} else {
		f.out = f.out.Sub(amount)
	}
	return true
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
			p.places = max(p.places, s.quantity.Places())
		}
		for _, f := range p.flows {
			p.places = max(p.places, f.in.Places(), f.out.Places())
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
		quantity, ok := s.quantity.Scaled(k.pots[l.pot].places - l.series.Places)
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
		amount, ok := s.quantity.Scaled(p.places)
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

// rateCursor walks a currency's rate through days. factor turns worth into the base currency at the whole's scale.
type rateCursor struct {
	base, other   *market.Series // nil for market.RateBase
	baseAt, at    int
	inBase, known bool
	lift          int32 // power of ten beside the rate's own places
	factor        wide
	factorBits    int
	plain         bool // the factor is 1
}

func (k *kernel) cursor(p *pot, m *Market) (c rateCursor, ok bool) {
	if p.currency == k.base {
		return rateCursor{inBase: true, known: true}, true
	}
	c = rateCursor{baseAt: -1, at: -1}
	if k.base != market.RateBase {
		if c.base = m.Series[market.RateID(k.base)]; c.base == nil || c.base.Closes == nil {
			return c, false
		}
	}
	if p.currency != market.RateBase {
		if c.other = m.Series[market.RateID(p.currency)]; c.other == nil || c.other.Closes == nil {
			return c, false
		}
	}
	return c, true
}

// advance takes the cursor to a day.
func (c *rateCursor) advance(on market.Date) (ok bool) {
	if c.inBase {
		return true
	}
	changed := !c.known
	for c.base != nil && c.baseAt+1 < len(c.base.Dates) && c.base.Dates[c.baseAt+1] <= on {
		c.baseAt++
		changed = true
	}
	for c.other != nil && c.at+1 < len(c.other.Dates) && c.other.Dates[c.at+1] <= on {
		c.at++
		changed = true
	}
	if !changed {
		return true
	}
	a, aPlaces, b, bPlaces := int64(1), int32(0), int64(1), int32(0)
	if c.base != nil {
		if c.baseAt < 0 {
			return false
		}
		a, aPlaces = c.base.Closes[c.baseAt], c.base.Places
	}
	if c.other != nil {
		if c.at < 0 {
			return false
		}
		b, bPlaces = c.other.Closes[c.at], c.other.Places
	}
	if a <= 0 || b <= 0 {
		return false
	}
	rate := quotient(a, aPlaces, b, bPlaces)
	c.known = true
	return c.set(wide{rate.coefficient.low, rate.coefficient.high}, c.lift-rate.places)
}

// inBaseUnits is a worth in the base currency in units of the whole's scale.
func (c *rateCursor) inBaseUnits(worth double) wide {
	if c.plain {
		return worth.widened()
	}
	return worth.by(&c.factor)
}

// set takes a rate of coefficient · 10^lift in units of the whole's scale.
func (c *rateCursor) set(coefficient wide, lift int32) bool {
	if lift < 0 || lift >= int32(len(power10)) {
		return false
	}
	power := &power10[lift]
	if c.factorBits = coefficient.bits() + power.bits(); c.factorBits > wideBitsMax {
		return false
	}
	c.factor = double{coefficient[0], coefficient[1]}.by(power)
	c.plain = c.factor == wide{1}
	return true
}

// ratePlacesMax bounds the digits after the point of a rate: a quotient near 1 has 33 or 34, one of 1 to 10,000 has 38.
const ratePlacesMax = 38

// scaledFlow is the flows of one slot, in units of the whole's scale.
type scaledFlow struct {
	in, net wide // net: paid in less taken out so far
	slot    int
}

// out is what the i-th flows take out: what came in less what stayed.
func (s *scaledDays) out(i int) wide {
	out := s.flows[i].in.sub(s.flows[i].net)
	if i > 0 {
		out = out.add(s.flows[i-1].net)
	}
	return out
}

// sum turns each slot's worth and flows into the base currency and chains them.
func (k *kernel) sum(m *Market, from market.Date) (*Daily, bool) {
	cursors := make([]rateCursor, len(k.pots))
	scale, flows := int32(0), 0
	for i := range k.pots {
		var ok bool
		if cursors[i], ok = k.cursor(&k.pots[i], m); !ok {
			return nil, false
		}
		places := k.pots[i].places
		if !cursors[i].inBase {
			places += ratePlacesMax
		}
		scale = max(scale, places)
		flows += len(k.pots[i].flows)
	}
	s := &scaledDays{
		places: scale, first: from, from: k.slot(from - 1), offset: int(from - k.origin), slotOf: k.slotOf, last: k.to,
		values: make([]wide, len(k.slots)), flows: make([]scaledFlow, 0, min(flows, len(k.slots))),
	}
	for i := range cursors {
		c := &cursors[i]
		c.lift = scale - k.pots[i].places
		if c.inBase && !c.set(wide{1}, c.lift) {
			return nil, false
		}
	}
	next := make([]int, len(k.pots))
	var today scaledFlow
	var out wide
	for slot, on := range k.slots {
		moved := false
		for i := range k.pots {
			p, c := &k.pots[i], &cursors[i]
			has := next[i] < len(p.flows) && p.flows[next[i]].date == on
			if !has && p.worth[slot].isZero() {
				continue
			}
			if !c.inBase && !c.advance(on) {
				return nil, false
			}
			worth := p.worth[slot]
			if worth.bits()+c.factorBits > wideBitsMax {
				return nil, false
			}
			s.values[slot] = s.values[slot].add(c.inBaseUnits(worth))
			if has {
				if !moved {
					today, out, moved = scaledFlow{slot: slot}, wide{}, true
				}
				if !today.add(&p.flows[next[i]], &out, p.places, c) {
					return nil, false
				}
				next[i]++
			}
		}
		if slot >= s.from && s.values[slot].sign() < 0 {
			return nil, false // counts on the days between slots too
		}
		if moved {
			today.net = today.in.sub(out)
			if n := len(s.flows); n > 0 {
				today.net = today.net.add(s.flows[n-1].net)
			}
			s.flows = append(s.flows, today)
		}
	}
	return s.chain()
}

// add takes one currency's flows in; what goes out is added to out.
func (f *scaledFlow) add(flow *kernelFlow, out *wide, places int32, c *rateCursor) bool {
	if !flow.in.IsZero() {
		amount, ok := flow.in.Scaled(places)
		if !ok || 64+c.factorBits > wideBitsMax {
			return false
		}
		f.in = f.in.add(c.inBaseUnits(product(amount, 1)))
	}
	if !flow.out.IsZero() {
		amount, ok := flow.out.Scaled(places)
		if !ok || 64+c.factorBits > wideBitsMax {
			return false
		}
		*out = out.add(c.inBaseUnits(product(amount, 1)))
	}
	return true
}

// wideBitsMax bounds each part of a sum of few, so that the sum stays within 255 bits; flows summed over a lifetime of days too.
const wideBitsMax = 235

// scaledDays is a daily series in units of 10^−places, by slots.
type scaledDays struct {
	places int32
	first  market.Date // day of the period
	last   market.Date
	from   int // slot of the day before the period
	offset int // of the first day in slotOf
	slotOf []int32
	values []wide
	flows  []scaledFlow
	index  []float64 // of the chain, from the slot from on
	falls  []float64 // below the highest index so far
}

// chain links the slots as the function chain does days. One on which less than nothing is invested, or something is gained
// on nothing, is left to it.
func (s *scaledDays) chain() (*Daily, bool) {
	n := len(s.values) - s.from
	s.index, s.falls = make([]float64, n), make([]float64, n)
	next := sort.Search(len(s.flows), func(i int) bool { return s.flows[i].slot > s.from })
	index, peak := 1.0, 1.0
	s.index[0] = index
	for i := 1; i < n; i++ {
		before, after := &s.values[s.from+i-1], &s.values[s.from+i]
		if next < len(s.flows) && s.flows[next].slot == s.from+i {
			in, out := before.add(s.flows[next].in), after.add(s.out(next))
			before, after = &in, &out
			next++
		}
		if *before != *after {
			if before.sign() <= 0 {
				return nil, false
			}
			index *= after.float() / before.float()
		}
		s.index[i] = index
		if index >= peak*(1-levelSlack) {
			peak = max(peak, index)
		} else {
			s.falls[i] = 1 - index/peak
		}
	}
	return &Daily{scaled: s}, true
}

func (s *scaledDays) len() int { return int(s.last-s.first) + 1 }

// day turns one day into decimals.
func (s *scaledDays) day(i int) Day {
	slot := int(s.slotOf[s.offset+i])
	zero := money.Known(money.Zero)
	day := Day{Date: s.first + market.Date(i), Value: s.decimal(s.values[slot]), PaidIn: zero, TakenOut: zero, NetPaidIn: zero}
	if at := sort.Search(len(s.flows), func(i int) bool { return s.flows[i].slot > slot }) - 1; at >= 0 {
		f := &s.flows[at]
		day.NetPaidIn = s.decimal(f.net)
		if f.slot == slot && (i == 0 && s.offset == 0 || int(s.slotOf[s.offset+i-1]) != slot) { // not carried from the day before
			day.PaidIn, day.TakenOut = s.decimal(f.in), s.decimal(s.out(at))
		}
	}
	rate, fall := s.index[slot-s.from]-1, s.falls[slot-s.from]
	day.TWR, day.Drawdown = &rate, &fall
	return day
}

func (s *scaledDays) decimal(w wide) money.Maybe { return money.Known(w.decimal(s.places).Reduced()) }
