package figures

import (
	"cmp"
	"fmt"
	"slices"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

const everyAccount ledger.AccountID = "*" // the account of positions that all accounts share

// rules say how activities turn into figures.
type rules struct {
	base       money.Currency
	method     ledger.LotMethod
	scope      ledger.LotScope
	feesInCost bool
	tracked    bool   // cash is tracked: there is a deposit or a withdrawal somewhere
	trace      *trace // nil unless somebody asks how a figure came about
}

// entry is one activity and where it stands.
type entry struct {
	*ledger.Activity
	index int // in the input, for errors
}

// place names a field of an activity, for errors.
func (e entry) place(field string) string { return fmt.Sprintf("activities[%d].%s", e.index, field) }

type positionKey struct {
	instrument market.InstrumentID
	account    ledger.AccountID
}

type cashKey struct {
	account  ledger.AccountID
	currency money.Currency
}

// position is one instrument in one account, or in all of them. Figures but the lots are of the period under review.
type position struct {
	positionKey
	currency money.Currency
	lots     ledger.Lots
	realised money.Maybe // gains of disposals
	income   money.Maybe // gross
	fees     money.Maybe
	taxes    money.Maybe
	outside  money.Maybe // what of fees and taxes is not inside cost or proceeds
	fxEffect money.Maybe // of disposals, since the lots were opened
	started  money.Maybe // the part of realised that had arisen before the period
	startFX  money.Maybe // the same of fxEffect
	open     bool        // whether the quantity isn't 0
	closed   market.Date // when it last became 0; what changes nothing afterwards closes nothing
}

func (p *position) reset() {
	nothing := money.Known(money.Zero)
	p.realised, p.income, p.fees, p.taxes, p.outside = nothing, nothing, nothing, nothing, nothing
	p.fxEffect, p.started, p.startFX = nothing, nothing, nothing
}

// bookkeeper takes activities in order and keeps what follows from them. One walk of it is every figure's source.
type bookkeeper struct {
	rules
	rates    rateSource
	prices   *priceBook
	currency func(market.InstrumentID) money.Currency // of an instrument, empty where its first activity says

	positions map[positionKey]*position
	of        map[market.InstrumentID][]*position
	held      map[positionKey]money.Decimal // per account, in scope portfolio only
	cash      map[cashKey]money.Decimal
	order     int64

	// Of the period under review.
	income    money.Maybe // not of an instrument
	fees      money.Maybe
	taxes     money.Maybe
	moved     money.Maybe // worth of all cash movements in the base currency when they happened
	cashStart money.Maybe // cash in the base currency when it began
	disposals []Disposal
	matches   []Match   // made in advance, for disposals to come
	latest    *position // that was asked for last, most often to be asked for again

	track    track
	day      dayBook
	listen   func(earned) // hears of every dividend and interest, where somebody asks
	problems problems
}

// dayBook is what happened on the last day that anything did: what live day changes are net of.
type dayBook struct {
	date  market.Date
	paid  map[market.InstrumentID]paid
	moved map[money.Currency]paid
}

// next begins a day. The maps of the day before are used again: nobody but the last day's reader keeps them.
func (d *dayBook) next(date market.Date) {
	if d.date = date; d.paid == nil {
		d.paid, d.moved = map[market.InstrumentID]paid{}, map[money.Currency]paid{}
		return
	}
	clear(d.paid)
	clear(d.moved)
}

// paid is what was paid less what was received: in a position's or cash's currency, and in the base currency as booked.
type paid struct{ local, base money.Maybe }

// addPaid adds to a sum that may not be there yet.
func addPaid[K comparable](sums map[K]paid, key K, local, base money.Maybe) {
	if sum, ok := sums[key]; ok {
		local, base = sum.local.Add(local), sum.base.Add(base)
	}
	sums[key] = paid{local, base}
}

func newBookkeeper(r rules, rates rateSource, prices *priceBook, currency func(market.InstrumentID) money.Currency) *bookkeeper {
	k := &bookkeeper{
		rules: r, rates: rates, prices: prices, currency: currency,
		positions: map[positionKey]*position{}, of: map[market.InstrumentID][]*position{},
		held: map[positionKey]money.Decimal{}, cash: map[cashKey]money.Decimal{},
		track: newTrack(r.base),
	}
	k.reset()
	return k
}

// reset begins a period: sums start from nothing, lots and cash stay.
func (k *bookkeeper) reset() {
	nothing := money.Known(money.Zero)
	k.income, k.fees, k.taxes, k.moved, k.cashStart = nothing, nothing, nothing, nothing, nothing
	k.disposals = nil
	for _, p := range k.positions {
		p.reset()
	}
}

// begin opens the period under review with the holdings at the end of a day, and is their worth.
func (k *bookkeeper) begin(dayBefore market.Date) (worth money.Maybe) {
	k.reset()
	k.cashStart = k.cashWorth(dayBefore)
	worth = k.cashStart
	for _, p := range k.sorted() {
		quantity := p.lots.Quantity()
		if quantity.IsZero() {
			continue
		}
		price := k.price(p.instrument, dayBefore)
		rate := k.rateOn(p.currency, dayBefore)
		worth = worth.Add(price.Mul(k.quantity(p)).Mul(rate).Named("value at the start of", string(p.instrument)))
		p.lots.Change(func(lot ledger.Lot) ledger.Carried {
			c := lot.Carried
			held := price.Beside(lot.Quantity, money.Label{What: "quantity of lot", Of: string(lot.ID), Unit: unitsOf})
			c.Start = price.Mul(held).Mul(rate).Sub(c.Base).Named("gain at the start of lot", string(lot.ID))
			c.StartFX = c.Local.Mul(rate).Sub(c.Base)
			return c
		})
	}
	return worth
}

// price is an instrument's price on a day; a missing one is a problem.
func (k *bookkeeper) price(id market.InstrumentID, on market.Date) money.Maybe {
	price, _ := k.prices.at(id, on)
	if !price.IsKnown() {
		k.problems.add("prices."+string(id), "no price on or before %s", on)
	}
	if k.trace != nil {
		price = k.trace.price(k.prices, id, on)
	}
	return price
}

// rateOn is a currency's rate on a day; a missing one is a problem.
func (k *bookkeeper) rateOn(currency money.Currency, on market.Date) money.Maybe {
	rate := k.rates.rate(currency, on)
	if !rate.IsKnown() {
		k.problems.add("fx."+string(currency), "no rate on or before %s", on)
	}
	if k.trace != nil {
		rate = k.trace.rate(k.rates, currency, on)
	}
	return rate
}

// cashWorth is all cash in the base currency at a day's rates. What one account owes of a currency and another has needs none.
func (k *bookkeeper) cashWorth(on market.Date) money.Maybe {
	if k.trace != nil {
		return k.trace.cashWorth(k, on)
	}
	amounts := map[money.Currency]money.Decimal{}
	for key, amount := range k.cash {
		amounts[key.currency] = amounts[key.currency].Add(amount)
	}
	worth := money.Known(money.Zero)
	for currency, amount := range amounts {
		if !amount.IsZero() {
			worth = worth.Add(k.rateOn(currency, on).Times(amount))
		}
	}
	return worth
}

// sorted is all positions by instrument and account.
func (k *bookkeeper) sorted() []*position {
	all := make([]*position, 0, len(k.positions))
	for _, p := range k.positions {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *position) int {
		return cmp.Or(cmp.Compare(a.instrument, b.instrument), cmp.Compare(a.account, b.account))
	})
	return all
}

// position is where an activity's lots lie; a new one takes its currency from the instrument, else from the activity.
func (k *bookkeeper) position(id market.InstrumentID, account ledger.AccountID, currency money.Currency) *position {
	key := positionKey{id, account}
	if k.scope == ledger.ScopePortfolio {
		key.account = everyAccount
	}
	if k.latest != nil && k.latest.positionKey == key {
		return k.latest
	}
	if p := k.positions[key]; p != nil {
		k.latest = p
		return p
	}
	if own := k.currency(id); own != "" {
		currency = own
	} else if others := k.of[id]; len(others) > 0 {
		currency = others[0].currency
	}
	p := &position{positionKey: key, currency: currency, lots: ledger.NewLots(k.method), closed: market.NoDate}
	p.reset()
	k.positions[key] = p
	k.of[id] = append(k.of[id], p)
	return p
}

// holds is how much of an instrument an account holds, below 0 where it is short.
func (k *bookkeeper) holds(id market.InstrumentID, account ledger.AccountID) money.Decimal {
	if k.scope == ledger.ScopePortfolio {
		return k.held[positionKey{id, account}]
	}
	if p := k.positions[positionKey{id, account}]; p != nil {
		return p.lots.Quantity()
	}
	return money.Zero
}

// hold notes what an account holds where positions don't say it.
func (k *bookkeeper) hold(id market.InstrumentID, account ledger.AccountID, change money.Decimal) {
	if k.scope == ledger.ScopePortfolio {
		key := positionKey{id, account}
		k.held[key] = k.held[key].Add(change)
	}
}

// sums are an activity's amounts in its own currency.
type sums struct {
	gross, fee, tax money.Maybe // always known
	rate            money.Maybe // base units for 1 unit, as booked or of the day
}

// worth is an amount in the base currency. Nothing is worth nothing, known or not what the currency is worth.
func (s sums) worth(amount money.Maybe) money.Maybe {
	if amount.Or(money.One).IsZero() {
		return money.Known(money.Zero)
	}
	return s.rate.Mul(amount)
}

func (k *bookkeeper) sums(e entry) sums {
	whole := gross(e.Activity)
	s := sums{gross: money.Known(whole), fee: money.Known(e.Fee), tax: money.Known(e.Tax)}
	if k.trace != nil {
		s = k.trace.sums(e)
	}
	switch {
	case e.FXRate != nil:
		s.rate = k.trace.given(e, "fx_rate", *e.FXRate)
	case whole.IsZero() && e.Fee.IsZero() && e.Tax.IsZero():
		s.rate = money.Known(money.Zero) // nothing is nothing in every currency
		if e.Currency == k.base {
			s.rate = money.Known(money.One)
		}
	default:
		s.rate = k.rateOn(e.Currency, e.Date)
	}
	return s
}

// gross is an activity's amount, where it isn't given price times quantity.
func gross(a *ledger.Activity) money.Decimal {
	switch {
	case a.Amount != nil:
		return *a.Amount
	case a.Price != nil && a.Quantity != nil:
		return a.Price.Mul(*a.Quantity)
	}
	return money.Zero
}

// pay moves cash, or where it isn't tracked is the flow that stands for it: what is spent is paid in that day, what comes in is
// taken out.
func (k *bookkeeper) pay(e entry, account ledger.AccountID, amount, rate money.Maybe) {
	worth := rate.Mul(amount)
	sign := amount.Or(money.Zero).Sign()
	if sign == 0 {
		return
	}
	k.spend(e, account, amount.Neg(), rate)
	if !k.tracked {
		if sign < 0 {
			k.flow(e.Date, worth.Neg().Named("paid for", k.name(e)), true)
		} else {
			k.flow(e.Date, worth.Named("received for", k.name(e)).Neg(), false)
		}
		return
	}
	currency := e.Currency
	if e.FXRate != nil && worth.IsKnown() {
		currency, amount = k.base, worth
	}
	k.move(e.Date, account, currency, amount, worth)
}

// spend notes what was paid for an instrument on the day, or below 0 received.
func (k *bookkeeper) spend(e entry, account ledger.AccountID, amount, rate money.Maybe) {
	if e.Instrument == "" {
		return
	}
	p := k.position(e.Instrument, account, e.Currency)
	addPaid(k.day.paid, e.Instrument, k.local(e, p, amount, rate), rate.Mul(amount))
}

// move changes an account's cash.
func (k *bookkeeper) move(on market.Date, account ledger.AccountID, currency money.Currency, amount, worth money.Maybe) {
	key, change := cashKey{account, currency}, amount.Or(money.Zero)
	k.cash[key] = k.cash[key].Add(change)
	k.moved = k.moved.Add(worth)
	addPaid(k.day.moved, currency, amount, worth)
	k.track.addCash(on, currency, change)
	if k.trace != nil {
		k.trace.move(on, currency, amount)
	}
}

// flow is money that comes from outside, above 0, or goes there, below.
func (k *bookkeeper) flow(on market.Date, worth money.Maybe, in bool) {
	if in {
		k.track.addFlow(on, worth, money.Known(money.Zero))
	} else {
		k.track.addFlow(on, money.Known(money.Zero), worth.Neg())
	}
}

// costs notes fees and taxes, of an instrument where there is one. Inside: they are part of cost or proceeds already.
func (k *bookkeeper) costs(p *position, fee, tax money.Maybe, inside bool) {
	if p == nil {
		k.fees, k.taxes = k.fees.Add(fee), k.taxes.Add(tax)
		return
	}
	p.fees, p.taxes = p.fees.Add(fee), p.taxes.Add(tax)
	if !inside {
		p.outside = p.outside.Add(fee).Add(tax)
	}
}

// local turns an amount into a position's currency, over the base at the day's rates.
func (k *bookkeeper) local(e entry, p *position, amount, rate money.Maybe) money.Maybe {
	if e.Currency == p.currency || amount.Or(money.Zero).IsZero() {
		return amount
	}
	if p.currency == k.base {
		return rate.Mul(amount)
	}
	return rate.Mul(amount).Quo(k.rateOn(p.currency, e.Date))
}

// apply takes the next activity. An error names its place; the bookkeeper is of no use after one.
func (k *bookkeeper) apply(e entry) error {
	k.order++
	if k.trace != nil {
		k.trace.begin(e)
	}
	if k.day.date != e.Date || k.day.paid == nil {
		k.day.next(e.Date)
	}
	switch e.Type {
	case ledger.Buy:
		return k.buy(e)
	case ledger.Sell:
		return k.sell(e)
	case ledger.DeliverIn:
		return k.deliverIn(e)
	case ledger.DeliverOut:
		return k.deliverOut(e)
	case ledger.Transfer:
		return k.transfer(e)
	case ledger.Deposit, ledger.Withdrawal:
		k.cashFlow(e)
	case ledger.Dividend:
		return k.dividend(e)
	case ledger.Interest:
		k.interest(e)
	case ledger.Fee, ledger.Tax:
		k.charge(e)
	case ledger.Split:
		k.actionCosts(e)
		return k.split(e)
	default:
		return k.applyAction(e)
	}
	return nil
}

func (k *bookkeeper) buy(e entry) error {
	s := k.sums(e)
	p := k.position(e.Instrument, e.Account, e.Currency)
	k.costs(p, s.worth(s.fee), s.worth(s.tax), k.feesInCost)
	k.pay(e, e.Account, s.gross.Add(s.fee).Add(s.tax).Neg(), s.rate)
	cost := s.gross
	if k.feesInCost {
		cost = cost.Add(s.fee).Add(s.tax)
	}
	return k.acquire(e, p, *e.Quantity, cost, s.rate)
}

func (k *bookkeeper) sell(e entry) error {
	s := k.sums(e)
	p := k.position(e.Instrument, e.Account, e.Currency)
	k.costs(p, s.worth(s.fee), s.worth(s.tax), k.feesInCost)
	k.pay(e, e.Account, s.gross.Sub(s.fee).Sub(s.tax), s.rate)
	proceeds := s.gross
	if k.feesInCost {
		proceeds = proceeds.Sub(s.fee).Sub(s.tax)
	}
	return k.release(e, p, *e.Quantity, proceeds, s.rate)
}

func (k *bookkeeper) deliverIn(e entry) error {
	s := k.sums(e)
	p := k.position(e.Instrument, e.Account, e.Currency)
	k.costs(p, s.worth(s.fee), s.worth(s.tax), k.feesInCost)
	whole := s.gross.Add(s.fee).Add(s.tax)
	k.flow(e.Date, s.worth(whole).Named("worth of", k.name(e)), true)
	k.spend(e, e.Account, whole, s.rate)
	cost := s.gross
	if k.feesInCost {
		cost = cost.Add(s.fee).Add(s.tax)
	}
	return k.acquire(e, p, *e.Quantity, cost, s.rate)
}

func (k *bookkeeper) deliverOut(e entry) error {
	if held := k.holds(e.Instrument, e.Account); e.Quantity.Cmp(held) > 0 {
		return tooMuch(e, held)
	}
	s := k.sums(e)
	p := k.position(e.Instrument, e.Account, e.Currency)
	if e.Quantity.Cmp(p.lots.Quantity()) > 0 { // another account of the scope is short
		return tooMuch(e, p.lots.Quantity())
	}
	k.costs(p, s.worth(s.fee), s.worth(s.tax), k.feesInCost)
	net := s.gross.Sub(s.fee).Sub(s.tax)
	k.flow(e.Date, s.worth(net).Named("worth of", k.name(e)).Neg(), net.Or(money.Zero).Sign() < 0)
	k.spend(e, e.Account, net.Neg(), s.rate)
	proceeds := s.gross
	if k.feesInCost {
		proceeds = net
	}
	return k.release(e, p, *e.Quantity, proceeds, s.rate)
}

func tooMuch(e entry, held money.Decimal) error {
	if held.Sign() < 0 {
		held = money.Zero
	}
	return fault.At(e.place("quantity"), "%s of %s on %s, but only %s held", e.Quantity, e.Instrument, e.Date, held)
}

// acquire adds a quantity for a cost in the activity's currency: it covers a short position first, the rest is a new lot.
func (k *bookkeeper) acquire(e entry, p *position, quantity money.Decimal, cost, rate money.Maybe) error {
	k.hold(e.Instrument, e.Account, quantity)
	base, local := rate.Mul(cost), k.local(e, p, cost, rate)
	if short := p.lots.Quantity(); short.Sign() < 0 {
		part := quantity
		if part.Cmp(short.Abs()) > 0 {
			part = short.Abs()
		}
		paid := ledger.NewCarried(local, base).Share(part, quantity)
		taken := p.lots.Take(part, nil)
		k.dispose(e, p, part, paid, taken, true)
		left := ledger.NewCarried(local, base).Sub(paid)
		quantity, local, base = quantity.Sub(part), left.Local, left.Base
	}
	if quantity.Sign() > 0 {
		cost := ledger.NewCarried(local.Named("cost of lot", k.name(e)), base.Named("cost of lot", k.name(e)))
		p.lots.Open(ledger.Lot{ID: e.ID, Opened: e.Date, Order: k.order, Account: e.Account, Quantity: quantity, Carried: cost})
	}
	k.step(e.Date, p)
	return nil
}

// release takes a quantity for proceeds in the activity's currency: from what is held first, the rest opens a short position.
func (k *bookkeeper) release(e entry, p *position, quantity money.Decimal, proceeds, rate money.Maybe) error {
	k.hold(e.Instrument, e.Account, quantity.Neg())
	base, local := rate.Mul(proceeds), k.local(e, p, proceeds, rate)
	if long := p.lots.Quantity(); long.Sign() > 0 {
		part := quantity
		if part.Cmp(long) > 0 {
			part = long
		}
		if err := k.checkChoice(e, p, part); err != nil {
			return err
		}
		got := ledger.NewCarried(local, base).Share(part, quantity)
		taken := p.lots.Take(part, e.Lots)
		k.dispose(e, p, part, got, taken, false)
		left := ledger.NewCarried(local, base).Sub(got)
		quantity, local, base = quantity.Sub(part), left.Local, left.Base
	} else if k.method == ledger.Specific && len(e.Lots) > 0 {
		return fault.At(e.place("lots"), "names lots, but no %s is held on %s", e.Instrument, e.Date)
	}
	if quantity.Sign() > 0 {
		local, base = local.Neg().Named("proceeds of short lot", k.name(e)), base.Neg().Named("proceeds of short lot", k.name(e))
		p.lots.Open(ledger.Lot{
			ID: e.ID, Opened: e.Date, Order: k.order, Account: e.Account, Quantity: quantity.Neg(), Carried: ledger.NewCarried(local, base),
		})
	}
	k.step(e.Date, p)
	return nil
}

// step notes an instrument's quantity after a change.
func (k *bookkeeper) step(on market.Date, p *position) {
	if open := !p.lots.Quantity().IsZero(); open != p.open {
		p.open = open
		if !open {
			p.closed = on
		}
	}
	total := money.Zero
	for _, one := range k.of[p.instrument] {
		total = total.Add(one.lots.Quantity())
	}
	k.track.setQuantity(on, p.instrument, p.currency, total)
	if k.trace != nil {
		k.trace.step(k, on, p)
	}
}

// dispose realises what lots were taken against an amount: the proceeds of a long position, the cost of a cover.
func (k *bookkeeper) dispose(e entry, p *position, quantity money.Decimal, amount ledger.Carried, taken []ledger.Taken, cover bool) {
	nothing := money.Known(money.Zero)
	carried := ledger.NewCarried(nothing, nothing)
	matched := k.matched(len(taken))
	for i, t := range taken {
		carried = carried.Add(t.Carried)
		matched[i] = Match{ID: string(t.ID), Opened: t.Opened, Quantity: t.Quantity.Abs(), Cost: t.Carried.Local}
	}
	name := k.name(e)
	carried.Local, carried.Base = carried.Local.Named("cost of what was sold in", name), carried.Base.Named("cost of what was sold in", name)
	amount.Local, amount.Base = amount.Local.Named("proceeds of", name), amount.Base.Named("proceeds of", name)
	d := Disposal{
		Date: e.Date, Symbol: string(p.instrument), Account: string(e.Account), Quantity: quantity, Currency: p.currency, Matched: matched,
		Proceeds: amount.Local, Cost: carried.Local, GainBase: amount.Base.Sub(carried.Base),
	}
	if cover { // what the lots carry is the opening sale's net proceeds, signed like a short position
		d.Proceeds, d.Cost = carried.Local.Neg(), amount.Local
		d.GainBase = carried.Base.Neg().Sub(amount.Base)
		upTo, given := money.Zero, money.Known(money.Zero)
		for i, t := range taken { // up to each lot, so that what the lots cost sums to the whole
			upTo = upTo.Add(t.Quantity.Abs())
			reached := ledger.Carried{Local: amount.Local}.Share(upTo, quantity).Local
			matched[i].Cost, given = reached.Sub(given), reached
		}
	}
	d.Gain, d.GainBase = d.Proceeds.Sub(d.Cost), d.GainBase.Named("gain of", name)
	k.realise(e, p, d.GainBase, carried)
	k.disposals = append(k.disposals, d)
}

// matchesMade is how many matches are made in one go: one object for the collector instead of many.
const matchesMade = 256

// matched makes room for what a disposal takes.
func (k *bookkeeper) matched(count int) []Match {
	if count > len(k.matches) {
		k.matches = make([]Match, max(count, matchesMade))
	}
	room := k.matches[:count:count]
	k.matches = k.matches[count:]
	return room
}

// realise books a gain on a position with the currency's part in it.
func (k *bookkeeper) realise(e entry, p *position, gain money.Maybe, carried ledger.Carried) {
	p.realised = p.realised.Add(gain)
	rate := money.Known(money.One)
	switch {
	case p.currency == k.base:
	case e.FXRate != nil && e.Currency == p.currency:
		rate = k.trace.given(e, "fx_rate", *e.FXRate)
	default:
		rate = k.rateOn(p.currency, e.Date)
	}
	p.fxEffect = p.fxEffect.Add(carried.Local.Mul(rate).Sub(carried.Base))
	p.started, p.startFX = p.started.Add(carried.Start), p.startFX.Add(carried.StartFX)
}

// checkChoice sees that a disposal under specific lots names lots that are there and sum to it.
func (k *bookkeeper) checkChoice(e entry, p *position, quantity money.Decimal) error {
	if k.method != ledger.Specific {
		return nil
	}
	if len(e.Lots) == 0 {
		return fault.At(e.place("lots"), "%s of %s on %s must name its lots", e.Type, e.Instrument, e.Date)
	}
	id, held, sum := p.lots.Choose(e.Lots)
	if id != "" {
		return fault.At(e.place("lots"), "takes more of lot %q than the %s of it that are held on %s", string(id), held, e.Date)
	}
	if !sum.Equal(quantity) {
		return fault.At(e.place("lots"), "the lots sum to %s, not to %s", sum, quantity)
	}
	return nil
}
