package figures

import (
	"cmp"
	"maps"
	"slices"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// hundred turns a share into percent points.
var hundred = money.NewDecimal(100, 0)

// marked is a price now and at the start of the day, each as it reads on its day.
type marked struct {
	now, before money.Maybe
	close       money.Maybe // of the day before, raw
	day         market.Date // that the change is of: today, or the session before it where activities of its day must be taken off
	netted      bool        // the last activities are of that day
}

// Marks gives the mark of an instrument, nil where there is none, and whether it is of the trading day that is on at its
// market, or that was last: only then has it changed since the previous close. What it gives is only read.
type Marks func(market.InstrumentID) (mark *market.Mark, current bool)

// marks reads quotes; without a rule for what is current, that is what was made today, UTC.
func (q Quotes) marks(today market.Date, current func(market.Mark) bool) Marks {
	return func(id market.InstrumentID) (*market.Mark, bool) {
		mark, ok := q[id]
		switch {
		case !ok:
			return nil, false
		case current == nil:
			return &mark, market.DateOf(mark.MarketTime) >= today
		}
		return &mark, current(mark)
	}
}

// mark reads a mark.
func (v *valuing) mark(id market.InstrumentID) marked {
	mark, current := v.read(id)
	return v.marked(id, mark, current)
}

// marked is what a mark says. One that isn't of the trading day that is on, or was last, is no change; one that is, needs a previous
// close to be one.
func (v *valuing) marked(id market.InstrumentID, mark *market.Mark, current bool) marked {
	if mark == nil || mark.Price.Sign() < 0 || mark.Instrument == "" {
		return marked{}
	}
	m := marked{close: money.FromPointer(mark.PreviousClose), day: v.today, netted: v.active}
	if !v.active && current && v.last.paid != nil && v.last.date == market.DateOf(mark.MarketTime) {
		m.day, m.netted = v.last.date, true // the session shown is over, and what was traded in it didn't have all of its change
	}
	m.now, m.before = money.Known(mark.Price), m.close
	if !current {
		m.before = m.now
	}
	if len(v.splits[id]) == 0 {
		return m
	}
	book := priceBook{splits: v.splits}
	made := market.DateOf(mark.MarketTime)
	m.now = money.Known(book.carried(id, mark.Price, made, v.today))
	switch {
	case !current:
		m.before = money.Known(book.carried(id, mark.Price, made, m.day-1))
	case mark.PreviousClose != nil && mark.PreviousDate != market.NoDate:
		m.before = money.Known(book.carried(id, *mark.PreviousClose, mark.PreviousDate, m.day-1))
	}
	return m
}

// crossing is the marks that a rate was crossed from; marks never change.
type crossing struct {
	base, other               *market.Mark
	baseCurrent, otherCurrent bool
}

// crossed reads the marks that a currency's rate is crossed from.
func (v *valuing) crossed(currency money.Currency) (of crossing) {
	if currency == v.base {
		return of
	}
	if v.base != market.RateBase {
		of.base, of.baseCurrent = v.read(market.RateID(v.base))
	}
	if currency != market.RateBase {
		of.other, of.otherCurrent = v.read(market.RateID(currency))
	}
	return of
}

// cross gives a currency's rate now and at the start of the day, crossed through market.RateBase in decimals.
func (v *valuing) cross(currency money.Currency, of crossing) (now, before money.Maybe) {
	one := money.Known(money.One)
	if currency == v.base {
		return one, one
	}
	base, other := marked{now: one, before: one}, marked{now: one, before: one}
	if v.base != market.RateBase {
		base = v.marked(market.RateID(v.base), of.base, of.baseCurrent)
	}
	if currency != market.RateBase {
		other = v.marked(market.RateID(currency), of.other, of.otherCurrent)
	}
	now = base.now.Quo(other.now)
	if same(base.now, base.before) && same(other.now, other.before) {
		return now, now
	}
	return now, base.before.Quo(other.before)
}

func same(a, b money.Maybe) bool {
	x, ok := a.Get()
	y, ok2 := b.Get()
	return ok && ok2 && x.Equal(y)
}

// unit is one currency of a valuation.
type unit struct {
	currency    money.Currency
	of          crossing
	now, before money.Maybe
	changed     money.Decimal // what its rate did today, in the base currency
	local       localSums
	summed      bool // local and the rates are as they were when base was worked out
	base        baseSums
}

// localSums are what all positions of a currency that have no gaps come to in it, so that a rate is multiplied but once.
type localSums struct {
	worth, value, was, spent money.Decimal
	booked                   money.Decimal // in the base currency
	holdings                 int           // that are in them
}

// baseSums are localSums in the base currency.
type baseSums struct {
	worth, prices, changed money.Decimal
	start                  money.Maybe
}

// valuing is a valuation in the making.
type valuing struct {
	*Holdings
	Valuation
	today    market.Date
	active   bool // today is the day of the last activities
	read     Marks
	units    []unit
	problems problems
	priced   money.Decimal // value of what can be valued
	any      bool          // something can be
	missing  bool          // something can't be
	start    money.Maybe   // value at the start of the day of what day change is of
	invested money.Maybe   // the same with what was paid in today
	prices   money.Decimal // contributions that are not listed
}

// begin resets v for other marks, or other holdings. Of units only what is in them in their own currency stays.
func (v *valuing) begin(h *Holdings, today market.Date, read Marks) {
	*v = valuing{
		Holdings: h, today: today, read: read, active: h.last.date >= today && h.last.paid != nil,
		units: v.units, start: money.Known(money.Zero),
		Valuation: Valuation{Base: h.base, CashTracked: h.tracked, Rates: v.Rates[:0], Contributions: v.Contributions[:0]},
	}
	for _, p := range h.problems {
		v.problems.add(p.Where, "%s", p.What)
	}
	for i := range v.units {
		v.units[i].changed = money.Zero
	}
}

// crossAgain crosses the rates anew that have other marks than before.
func (v *valuing) crossAgain() {
	for i := range v.units {
		u := &v.units[i]
		if of := v.crossed(u.currency); of != u.of {
			u.of, u.summed = of, false
			u.now, u.before = v.cross(u.currency, of)
		}
	}
}

// rates lists the rates that are needed.
func (v *valuing) rates() {
	for _, c := range v.currencies {
		u := v.unit(c)
		v.Rates = append(v.Rates, Rate{Currency: c, Rate: u.now, Previous: u.before})
	}
	v.unrated()
}

// unrated notes which rates are not known.
func (v *valuing) unrated() {
	for i := range v.Rates {
		if !v.Rates[i].Rate.IsKnown() {
			v.problems.add("fx."+string(v.Rates[i].Currency), "no rate; what is held in it is left out")
		}
	}
}

// unit looks a currency's rates up once, and keeps units in the order of their currencies. What it gives is good until the
// next unit is.
func (v *valuing) unit(c money.Currency) *unit {
	at := 0
	for ; at < len(v.units) && v.units[at].currency <= c; at++ {
		if v.units[at].currency == c {
			return &v.units[at]
		}
	}
	of := v.crossed(c)
	now, before := v.cross(c, of)
	v.units = slices.Insert(v.units, at, unit{currency: c, of: of, now: now, before: before})
	return &v.units[at]
}

// Value is the holdings at current marks. today is the day whose activities' payments are taken off the day change. current
// says whether a mark is of the trading day that is on at its market, or that was last: only then has it changed since the
// previous close. Nil takes the marks that were made today, UTC. What lacks a price or a rate is left out and named.
func (h *Holdings) Value(quotes Quotes, today market.Date, current func(market.Mark) bool) Valuation {
	return h.ValueAt(today, quotes.marks(today, current))
}

// ValueAt is Value with marks from anywhere.
func (h *Holdings) ValueAt(today market.Date, marks Marks) Valuation {
	v := &valuing{}
	v.begin(h, today, marks)
	v.rates()
	v.CashBalances = slices.Clone(h.cash)
	v.Positions = make([]Position, len(h.held))
	for i := range h.held {
		one := &h.held[i]
		m := v.mark(one.instrument)
		d := v.dayOf(one, m)
		u := v.unit(one.currency)
		price, exchange, ok := v.split(u, &d)
		v.Positions[i] = positionOf(one, u, m, d, v.splits[one.instrument], v.today)
		if ok {
			v.Positions[i].DayChangeBase = money.Known(price.Add(exchange))
		}
		if x, known := v.Positions[i].ValueBase.Get(); known {
			v.priced, v.any = v.priced.Add(x), true
		} else {
			v.unvalued(one, m)
		}
		if !ok {
			v.undated(one.instrument, u, &d)
			continue
		}
		v.list(one.instrument, u, &d, price, exchange)
	}
	v.cashValue()
	v.total()
	v.closedToday()
	v.dayChange()
	for i := range v.Contributions {
		v.Contributions[i].Percent = v.percent(v.Contributions[i].Amount)
	}
	slices.SortFunc(v.Contributions, BiggestFirst)
	v.weigh()
	v.Problems = v.problems.list
	return v.Valuation
}

// BiggestFirst orders contributions: by size falling, then by kind, instrument and currency rising.
func BiggestFirst(a, b Contribution) int {
	return cmp.Or(b.Amount.Abs().Cmp(a.Amount.Abs()), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Instrument, b.Instrument), cmp.Compare(a.Currency, b.Currency))
}

func (v *valuing) total() {
	if v.any || !v.missing {
		v.Valuation.Value = money.Known(v.priced)
	}
}

// unvalued notes that a position can't be valued.
func (v *valuing) unvalued(one *holding, m marked) {
	v.missing = true
	if !m.now.IsKnown() {
		v.problems.add("prices."+string(one.instrument), "no price; the position is left out")
	}
}

// undated notes that a position's change of today can't be known; where it has no value at all, that is said already.
func (v *valuing) undated(id market.InstrumentID, u *unit, d *day) {
	if d.value.IsKnown() && u.now.IsKnown() {
		v.problems.add("day_change."+string(id), "no previous close; its change today is left out")
	}
}

// list notes an instrument's part of the day change: its price as a contribution, its currency with all of that currency.
func (v *valuing) list(id market.InstrumentID, u *unit, d *day, price, exchange money.Decimal) {
	v.start = v.start.Add(d.was.Mul(d.rate(u)))
	if !price.IsZero() {
		v.Contributions = append(v.Contributions, Contribution{Kind: FromPrice, Instrument: id, Amount: price})
	}
	u.changed = u.changed.Add(exchange)
}

// positionOf is one holding's figures but for its weight and day change in the base currency.
func positionOf(one *holding, u *unit, m marked, d day, splits []splitOn, today market.Date) Position {
	p := Position{
		Instrument: one.instrument, Currency: one.currency, Quantity: one.quantity, Price: m.now, PreviousClose: m.close,
		Cost: one.total.Local, CostBase: one.total.Base, AverageCost: one.averageCost, RealisedBase: one.realised,
		IncomeBase: one.income, FeesBase: one.fees, TaxesBase: one.taxes, Accounts: one.accounts, Value: d.value,
	}
	p.ValueBase = p.Value.Mul(u.now)
	p.UnrealisedBase = p.ValueBase.Sub(p.CostBase)
	p.FXEffectBase = one.fxEffect.Add(p.Cost.Mul(u.now).Sub(p.CostBase))
	p.ProfitBase = p.RealisedBase.Add(p.UnrealisedBase).Add(p.IncomeBase).Sub(one.outside)
	if adjusted, ok := m.before.Get(); ok && adjusted.Sign() > 0 {
		for _, s := range splits {
			if s.date >= m.day && s.date <= today {
				adjusted = s.ratio.Unapply(adjusted)
			}
		}
		p.DayChangePercent = m.now.Sub(money.Known(adjusted)).Times(hundred).Quo(money.Known(adjusted))
	}
	return p
}

// day is what an instrument did today, in its own currency.
type day struct {
	value, was money.Maybe // now, and at the start of the day
	spent      paid
	opened     bool // there was none at the start of the day
}

// dayOf is the day of a holding.
func (v *valuing) dayOf(one *holding, m marked) day {
	before := one.quantity
	if m.netted {
		if was, changed := v.last.before[one.instrument]; changed {
			before = was
		}
	}
	return v.day(one.instrument, m.now.Times(one.quantity), before, m)
}

func (v *valuing) day(id market.InstrumentID, value money.Maybe, quantityBefore money.Decimal, m marked) day {
	nothing := money.Known(money.Zero)
	d := day{value: value, was: nothing, spent: paid{nothing, nothing}, opened: quantityBefore.IsZero()}
	if !d.opened {
		d.was = m.before.Times(quantityBefore)
	}
	if m.netted {
		if p, ok := v.last.paid[id]; ok {
			d.spent = p
		}
	}
	return d
}

// rate is that of the start of the day; what was opened since doesn't need one.
func (d *day) rate(u *unit) money.Maybe {
	if d.opened && !u.before.IsKnown() {
		return u.now
	}
	return u.before
}

// split is what an instrument did today, split into its price, at yesterday's rate, and its currency:
// price = (q1·p1 − q0·p0 − paid)·f0 and currency = q1·p1·(f1 − f0) − (paid as booked − paid·f0).
func (v *valuing) split(u *unit, d *day) (price, exchange money.Decimal, ok bool) {
	before := d.rate(u)
	price, ok = d.value.Sub(d.was).Sub(d.spent.local).Mul(before).Get()
	if !ok {
		return price, exchange, false
	}
	exchange, ok = d.value.Mul(u.now.Sub(before)).Sub(d.spent.base.Sub(d.spent.local.Mul(before))).Get()
	return price, exchange, ok
}

// closedToday notes what positions did today that are gone by now.
func (v *valuing) closedToday() {
	if !v.active {
		return
	}
	ids := map[market.InstrumentID]struct{}{}
	for id := range v.last.paid {
		ids[id] = struct{}{}
	}
	for id := range v.last.before {
		ids[id] = struct{}{}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if v.find(id) != nil {
			continue
		}
		d := v.day(id, money.Known(money.Zero), v.last.before[id], v.mark(id))
		u := v.unit(v.last.units[id])
		if price, exchange, ok := v.split(u, &d); ok {
			v.list(id, u, &d, price, exchange)
		} else {
			v.undated(id, u, &d)
		}
	}
}

// cashValue values all cash and notes what its currencies did today.
func (v *valuing) cashValue() {
	v.Cash = money.Known(money.Zero)
	if len(v.cash) == 0 {
		return
	}
	byCurrency := map[money.Currency]money.Decimal{}
	for _, c := range v.cash {
		byCurrency[c.Currency] = byCurrency[c.Currency].Add(c.Amount)
	}
	for _, c := range slices.Sorted(maps.Keys(byCurrency)) {
		amount := byCurrency[c]
		u := v.unit(c)
		now, before := u.now, u.before
		moved := paid{money.Known(money.Zero), money.Known(money.Zero)}
		was := amount
		if v.active {
			if x, changed := v.last.cash[c]; changed {
				was = x
			}
			if m, ok := v.last.moved[c]; ok {
				moved = m
			}
		}
		if !amount.IsZero() {
			worth := now.Times(amount)
			v.Cash = v.Cash.Add(worth)
			if x, ok := worth.Get(); ok {
				v.priced, v.any = v.priced.Add(x), true
			} else {
				v.missing = true
			}
		}
		if was.IsZero() && moved.local.Or(money.Zero).IsZero() && moved.local.IsKnown() {
			continue
		}
		if was.IsZero() && !before.IsKnown() {
			before = now
		}
		// What lay there changed with the rate; what moved, from the rate it was booked at to that of now.
		change := now.Sub(before).Times(was).Add(moved.local.Mul(now)).Sub(moved.base)
		x, ok := change.Get()
		if !ok {
			v.problems.add("day_change.fx."+string(c), "no rate at the start of the day; the change of cash in it is left out")
			continue
		}
		v.start = v.start.Add(before.Times(was))
		u.changed = u.changed.Add(x)
	}
}

// dayChange sums the contributions, biggest first. Cash gained or lost on nothing that is held, such as interest, is a row of
// its own: what moved less what came from outside and what was paid for instruments.
func (v *valuing) dayChange() {
	in := money.Known(money.Zero)
	if v.active {
		rest := v.last.out.Sub(v.last.in)
		for _, m := range v.last.moved {
			rest = rest.Add(m.base)
		}
		for _, p := range v.last.paid {
			rest = rest.Add(p.base)
		}
		in = v.last.in
		x, ok := rest.Get()
		if !ok {
			v.problems.add("day_change", "a rate of today's activities is missing")
			v.Contributions = nil
			return
		}
		if !x.IsZero() {
			v.Contributions = append(v.Contributions, Contribution{Kind: FromCash, Currency: v.Valuation.Base, Amount: x})
		}
	}
	for i := range v.units {
		if amount := v.units[i].changed; !amount.IsZero() {
			v.Contributions = append(v.Contributions, Contribution{Kind: FromCurrency, Currency: v.units[i].currency, Amount: amount})
		}
	}
	if v.missing && !v.any {
		v.Contributions = nil
		return
	}
	total := v.prices
	for i := range v.Contributions {
		total = total.Add(v.Contributions[i].Amount)
	}
	v.DayChange = money.Known(total)
	v.invested = v.start.Add(in)
	if x, ok := v.invested.Get(); !ok || x.Sign() <= 0 {
		v.invested = money.Unknown
	}
	v.DayChangePercent = v.percent(total)
}

// percent is an amount in percent points of what was there at the start of the day and paid in since.
func (v *valuing) percent(amount money.Decimal) money.Maybe {
	return money.Known(amount.Mul(hundred)).Quo(v.invested)
}

// weigh gives each position its share and puts the biggest first.
func (v *valuing) weigh() {
	total, ok := v.Valuation.Value.Get()
	for i := range v.Positions {
		if ok && total.Sign() > 0 {
			v.Positions[i].Weight = v.Positions[i].ValueBase.Quo(money.Known(total))
		}
	}
	order := make([]int, len(v.Positions)) // positions themselves are too big to be swapped about
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &v.Positions[i], &v.Positions[j]
		x, ok1 := a.ValueBase.Get()
		y, ok2 := b.ValueBase.Get()
		switch {
		case ok1 && ok2:
			return cmp.Or(y.Cmp(x), cmp.Compare(a.Instrument, b.Instrument))
		case ok1:
			return -1
		case ok2:
			return 1
		}
		return cmp.Compare(a.Instrument, b.Instrument)
	})
	sorted := make([]Position, len(order))
	for to, from := range order {
		sorted[to] = v.Positions[from]
	}
	v.Positions = sorted
}
