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

// mark reads a mark. One that isn't of the trading day that is on, or was last, is no change; one that is, needs a previous
// close to be one.
func (v *valuing) mark(id market.InstrumentID) marked {
	mark, ok := v.quotes[id]
	if !ok || mark.Price.Sign() < 0 || mark.Instrument == "" {
		return marked{}
	}
	made, current := market.DateOf(mark.MarketTime), v.current(mark)
	m := marked{close: money.FromPointer(mark.PreviousClose), day: v.today, netted: v.active}
	if !v.active && current && v.last.paid != nil && v.last.date == made {
		m.day, m.netted = made, true // the session shown is over, and what was traded in it didn't have all of its change
	}
	book := priceBook{splits: v.splits}
	m.now = money.Known(book.carried(id, mark.Price, made, v.today))
	switch {
	case !current:
		m.before = money.Known(book.carried(id, mark.Price, made, m.day-1))
	case mark.PreviousClose != nil && mark.PreviousDate != market.NoDate:
		m.before = money.Known(book.carried(id, *mark.PreviousClose, mark.PreviousDate, m.day-1))
	default:
		m.before = m.close
	}
	return m
}

// rates are a currency's rate now and at the start of the day, crossed through market.RateBase in decimals.
func (v *valuing) rates(currency money.Currency) (now, before money.Maybe) {
	one := money.Known(money.One)
	if currency == v.base {
		return one, one
	}
	base, other := marked{now: one, before: one}, marked{now: one, before: one}
	if v.base != market.RateBase {
		base = v.mark(market.RateID(v.base))
	}
	if currency != market.RateBase {
		other = v.mark(market.RateID(currency))
	}
	return base.now.Quo(other.now), base.before.Quo(other.before)
}

// valuing is a valuation in the making.
type valuing struct {
	*Holdings
	Valuation
	today    market.Date
	current  func(market.Mark) bool
	active   bool // today is the day of the last activities
	quotes   Quotes
	now      map[money.Currency]money.Maybe
	before   map[money.Currency]money.Maybe
	problems problems
	priced   money.Decimal // value of what can be valued
	any      bool          // something can be
	missing  bool          // something can't be
	start    money.Maybe   // value at the start of the day of what day change is of
	currency map[money.Currency]money.Decimal
}

// Value is the holdings at current marks. today is the day whose activities' payments are taken off the day change. current
// says whether a mark is of the trading day that is on at its market, or that was last: only then has it changed since the
// previous close. Nil takes the marks that were made today, UTC. What lacks a price or a rate is left out and named.
func (h *Holdings) Value(quotes Quotes, today market.Date, current func(market.Mark) bool) Valuation {
	if current == nil {
		current = func(m market.Mark) bool { return market.DateOf(m.MarketTime) >= today }
	}
	v := &valuing{
		Holdings: h, today: today, current: current, quotes: quotes, active: h.last.date >= today && h.last.paid != nil,
		now: map[money.Currency]money.Maybe{}, before: map[money.Currency]money.Maybe{},
		currency: map[money.Currency]money.Decimal{}, start: money.Known(money.Zero),
	}
	v.Valuation.Base, v.CashTracked, v.CashBalances = h.base, h.tracked, slices.Clone(h.cash)
	for _, p := range h.problems {
		v.problems.add(p.Where, "%s", p.What)
	}
	for _, c := range h.Currencies() {
		v.rate(c)
		v.Rates = append(v.Rates, Rate{Currency: c, Rate: v.now[c], Previous: v.before[c]})
		if !v.now[c].IsKnown() {
			v.problems.add("fx."+string(c), "no rate; what is held in it is left out")
		}
	}
	v.Positions = make([]Position, len(h.held))
	for i := range h.held {
		v.Positions[i] = v.position(&h.held[i])
	}
	v.cashValue()
	if v.any || !v.missing {
		v.Valuation.Value = money.Known(v.priced)
	}
	v.closedToday()
	v.dayChange()
	v.weigh()
	v.Problems = v.problems.list
	return v.Valuation
}

// rate looks a currency's rates up once.
func (v *valuing) rate(c money.Currency) (now, before money.Maybe) {
	if _, ok := v.now[c]; !ok {
		v.now[c], v.before[c] = v.rates(c)
	}
	return v.now[c], v.before[c]
}

// position values one holding and notes its part of the day change.
func (v *valuing) position(one *holding) Position {
	rate, _ := v.rate(one.currency)
	m := v.mark(one.instrument)
	p := Position{
		Instrument: one.instrument, Currency: one.currency, Quantity: one.quantity, Price: m.now, PreviousClose: m.close,
		Cost: one.total.Local, CostBase: one.total.Base, AverageCost: one.averageCost, RealisedBase: one.realised,
		IncomeBase: one.income, FeesBase: one.fees, TaxesBase: one.taxes,
	}
	for _, part := range one.inAccount {
		p.Accounts = append(p.Accounts, part.account)
	}
	p.Value = m.now.Times(one.quantity)
	p.ValueBase = p.Value.Mul(rate)
	p.UnrealisedBase = p.ValueBase.Sub(p.CostBase)
	p.FXEffectBase = one.fxEffect.Add(p.Cost.Mul(rate).Sub(p.CostBase))
	p.ProfitBase = p.RealisedBase.Add(p.UnrealisedBase).Add(p.IncomeBase).Sub(one.outside)
	if x, ok := p.ValueBase.Get(); ok {
		v.priced, v.any = v.priced.Add(x), true
	} else {
		v.missing = true
		if !m.now.IsKnown() {
			v.problems.add("prices."+string(one.instrument), "no price; the position is left out")
		}
	}
	before := one.quantity
	if m.netted {
		if was, changed := v.last.before[one.instrument]; changed {
			before = was
		}
	}
	if raw, ok := m.before.Get(); ok && raw.Sign() > 0 {
		adjusted := raw
		for _, s := range v.splits[one.instrument] {
			if s.date >= m.day && s.date <= v.today {
				adjusted = s.ratio.Unapply(adjusted)
			}
		}
		p.DayChangePercent = m.now.Sub(money.Known(adjusted)).Times(hundred).Quo(money.Known(adjusted))
	}
	p.DayChangeBase = v.contribute(one.instrument, one.currency, p.Value, before, m)
	return p
}

// contribute splits what an instrument did today into its price, at yesterday's rate, and its currency:
// price = (q1·p1 − q0·p0 − paid)·f0 and currency = q1·p1·(f1 − f0) − (paid as booked − paid·f0).
func (v *valuing) contribute(id market.InstrumentID, currency money.Currency, value money.Maybe, quantityBefore money.Decimal, m marked) money.Maybe {
	now, before := v.rate(currency)
	was := money.Known(money.Zero)
	if !quantityBefore.IsZero() {
		was = m.before.Times(quantityBefore)
	} else if !before.IsKnown() {
		before = now
	}
	spent := paid{money.Known(money.Zero), money.Known(money.Zero)}
	if m.netted {
		if p, ok := v.last.paid[id]; ok {
			spent = p
		}
	}
	price := value.Sub(was).Sub(spent.local).Mul(before)
	exchange := value.Mul(now.Sub(before)).Sub(spent.base.Sub(spent.local.Mul(before)))
	x, ok := price.Get()
	y, ok2 := exchange.Get()
	if !ok || !ok2 {
		if value.IsKnown() && now.IsKnown() {
			v.problems.add("day_change."+string(id), "no previous close; its change today is left out")
		}
		return money.Unknown
	}
	v.start = v.start.Add(was.Mul(before))
	if !x.IsZero() {
		v.Contributions = append(v.Contributions, Contribution{Kind: FromPrice, Instrument: id, Amount: x})
	}
	if currency != v.Valuation.Base {
		v.currency[currency] = v.currency[currency].Add(y)
	} else if !y.IsZero() { // booked at a rate other than 1 by hand
		v.currency[v.Valuation.Base] = v.currency[v.Valuation.Base].Add(y)
	}
	return money.Known(x.Add(y))
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
		v.contribute(id, v.last.units[id], money.Known(money.Zero), v.last.before[id], v.mark(id))
	}
}

// cashValue values all cash and notes what its currencies did today.
func (v *valuing) cashValue() {
	v.Cash = money.Known(money.Zero)
	byCurrency := map[money.Currency]money.Decimal{}
	for _, c := range v.cash {
		byCurrency[c.Currency] = byCurrency[c.Currency].Add(c.Amount)
	}
	for _, c := range slices.Sorted(maps.Keys(byCurrency)) {
		amount := byCurrency[c]
		now, before := v.rate(c)
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
		if c != v.Valuation.Base || !x.IsZero() {
			v.currency[c] = v.currency[c].Add(x)
		}
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
	for _, c := range slices.Sorted(maps.Keys(v.currency)) {
		if amount := v.currency[c]; !amount.IsZero() {
			v.Contributions = append(v.Contributions, Contribution{Kind: FromCurrency, Currency: c, Amount: amount})
		}
	}
	if v.missing && !v.any {
		v.Contributions = nil
		return
	}
	total := money.Zero
	for _, c := range v.Contributions {
		total = total.Add(c.Amount)
	}
	v.DayChange = money.Known(total)
	invested := v.start.Add(in)
	if x, ok := invested.Get(); !ok || x.Sign() <= 0 {
		invested = money.Unknown
	}
	v.DayChangePercent = v.DayChange.Times(hundred).Quo(invested)
	for i := range v.Contributions {
		v.Contributions[i].Percent = money.Known(v.Contributions[i].Amount).Times(hundred).Quo(invested)
	}
	slices.SortStableFunc(v.Contributions, func(a, b Contribution) int { return b.Amount.Abs().Cmp(a.Amount.Abs()) })
}

// weigh gives each position its share and puts the biggest first.
func (v *valuing) weigh() {
	total, ok := v.Valuation.Value.Get()
	for i := range v.Positions {
		if ok && total.Sign() > 0 {
			v.Positions[i].Weight = v.Positions[i].ValueBase.Quo(money.Known(total))
		}
	}
	slices.SortStableFunc(v.Positions, func(a, b Position) int {
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
}
