package figurestest

import (
	"cmp"
	"math/big"
	"slices"
)

// lot is what one activity opened of a position; below 0 all through for a short one.
type lot struct {
	id                   string
	opened               day
	order                int // in the file, which breaks ties within a day
	quantity, cost, base fraction
	rounded              bool // a part was taken whose cost had no end, so that what is left may be off by the last digit
}

func (l *lot) unit() fraction { return per(l.cost, l.quantity) }

// place names a position: in scope portfolio the account is "*".
type place struct{ symbol, account string }

type till struct{ account, currency string }

// event is one thing that counts towards a sum of the period.
type event struct {
	on     day
	what   sum
	at     place
	amount fraction // in the base currency
}

type sum int

const (
	realised sum = iota
	income
	fees
	taxes
	outside // of fees and taxes, what is not inside cost or proceeds
	fxEffect
	paidIn
	takenOut
	moved  // cash that came or went, at the rate it was booked with
	closed // a position; no amount
)

type disposal struct {
	on                                 day
	symbol, account, currency          string
	quantity, proceeds, cost, gainBase fraction
	matched                            []taken
	apart                              bool // the order and the costs of the lots are not laid down
}

// taken is what was taken of a lot.
type taken struct {
	id                   string
	opened               day
	order                int
	quantity, cost, base fraction
}

// oracle is everything there is at one moment, and all that happened up to it.
type oracle struct {
	c         *caseFile
	tracked   bool
	units     map[string]string // of symbols
	positions map[place][]*lot  // by opening date, then by order in the file
	cash      map[till]fraction
	events    []event
	disposals []disposal

	inexact   bool           // a quotient had no end within 34 digits, so that the order of rounding shows
	ambiguous string         // the contract leaves open which lot was meant
	rounds    map[string]int // how often quantities of a symbol had no end, so that nobody can write down all of it
	mixed     bool           // lots went from one position to another, so that only totals of profit are laid down
}

func newOracle(c *caseFile) *oracle {
	o := &oracle{c: c, units: map[string]string{}, positions: map[place][]*lot{}, cash: map[till]fraction{}, rounds: map[string]int{}}
	for symbol, p := range c.Prices {
		o.units[symbol], _ = major(p.Currency)
	}
	for _, a := range inOrder(c.Activities) {
		o.meet(a)
	}
	return o
}

// meet notes what an activity says of the whole file: what currency a symbol has, and whether cash is tracked.
func (o *oracle) meet(a *activity) {
	if o.units[a.Symbol] == "" && a.Symbol != "" {
		o.units[a.Symbol] = o.c.Base
		if a.Currency != "" {
			o.units[a.Symbol], _ = major(a.Currency)
		}
	}
	if o.units[a.ToSymbol] == "" && a.ToSymbol != "" {
		o.units[a.ToSymbol] = o.units[a.Symbol]
	}
	o.tracked = o.tracked || a.Type == "deposit" || a.Type == "withdrawal"
}

// inOrder are activities by date; those of a day in the order of the file.
func inOrder(all []*activity) []*activity {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b *activity) int { return cmp.Compare(a.Date, b.Date) })
	return sorted
}

func (o *oracle) feesInCost() bool { return o.c.FeesInCost == nil || *o.c.FeesInCost }

func (o *oracle) method() string { return cmp.Or(o.c.Method, "fifo") }

func (o *oracle) at(symbol, account string) place {
	if o.c.Scope == "portfolio" {
		account = "*"
	}
	return place{symbol, account}
}

// latest is the last number of a series up to a day.
func latest(s series, on day) (fraction, day) {
	made := none
	for d := range s {
		if d <= on && d > made {
			made = d
		}
	}
	if made == none {
		return nil, none
	}
	return number(s[made]), made
}

// rate is base units for 1 of a currency.
func (o *oracle) rate(currency string, on day) fraction {
	if currency == o.c.Base {
		return whole(1)
	}
	r, _ := latest(o.c.FX[currency], on)
	return r
}

// price is what 1 of a symbol is worth in its currency, and the day of the close it comes from.
func (o *oracle) price(symbol string, on day) (fraction, day) {
	q := o.c.Prices[symbol]
	if q == nil {
		return nil, none
	}
	p, made := latest(q.Closes, on)
	if p == nil {
		return nil, none
	}
	_, factor := major(q.Currency)
	p = times(p, factor)
	for _, a := range inOrder(o.c.Activities) {
		if a.Type == "split" && a.Symbol == symbol && a.Date > made && a.Date <= on && o.first(a) {
			new, old := ratio(a.Ratio)
			p = o.multiplied(p, old, new)
		}
	}
	return p, made
}

// first says whether a split is in the account that the day's first one of the symbol is in: booked in each account apart it is
// one split of the price.
func (o *oracle) first(split *activity) bool {
	for _, a := range o.c.Activities {
		if a.Type == "split" && a.Symbol == split.Symbol && a.Date == split.Date {
			return a.Account == split.Account
		}
	}
	return false
}

// quotient is x · y / z. Where it has no end, or another order of the same operations had none, later digits depend on where
// one rounds, which the contract leaves open.
func (o *oracle) quotient(x, y, z fraction) fraction {
	q := per(times(x, y), z)
	if q != nil && (rounded(q).Cmp(q) != 0 || y.Cmp(z) != 0 && rounded(per(x, z)).Cmp(per(x, z)) != 0) {
		o.inexact = true
	}
	return q
}

// multiplied is a quantity or a price after a split. 5:4 is 1.25, a product; where the ratio has no end it is a quotient, and in
// scope portfolio each account may round what it holds.
func (o *oracle) multiplied(x, by, per fraction) fraction {
	factor := new(big.Rat).Quo(by, per)
	if places, end := factor.FloatPrec(); end && places < 30 {
		return times(x, factor)
	}
	if o.c.Scope == "portfolio" {
		o.quotient(whole(1), by, per)
	}
	return o.quotient(x, by, per)
}

func (o *oracle) note(a *activity, what sum, at place, amount fraction) {
	o.events = append(o.events, event{a.Date, what, at, amount})
}

// booking is an activity's money.
type booking struct {
	account         string
	currency        string
	gross, fee, tax fraction // in currency
	rate            fraction // base units for 1 currency: as booked, else the day's
	inBase          bool     // its cash moves in the base currency
}

func (o *oracle) booked(a *activity) booking {
	code := a.Currency
	if code == "" {
		code = o.c.Base
		if a.Symbol != "" {
			code = o.units[a.Symbol]
		}
	}
	currency, factor := major(code)
	if a.Currency == "" {
		factor = whole(1)
	}
	b := booking{account: cmp.Or(a.Account, "main"), currency: currency, fee: times(number(a.Fee), factor), tax: times(number(a.Tax), factor)}
	if a.Amount != "" {
		b.gross = times(number(a.Amount), factor)
	} else {
		b.gross = times(times(number(a.Quantity), number(a.Price)), factor)
	}
	b.rate = o.rate(currency, a.Date)
	if a.FXRate != "" {
		b.rate, b.inBase = o.quotient(number(a.FXRate), whole(1), factor), true
	}
	return b
}

// base is an amount of the booking in the base currency. Nothing is nothing at any rate.
func (b booking) base(amount fraction) fraction {
	if amount.Sign() == 0 {
		return whole(0)
	}
	return times(amount, b.rate)
}

// local is an amount of the booking in a position's currency.
func (o *oracle) local(a *activity, b booking, amount fraction) fraction {
	own := o.units[a.Symbol]
	if own == b.currency || amount.Sign() == 0 {
		return amount
	}
	if r := o.rate(own, a.Date); r != nil && b.rate != nil {
		return o.quotient(b.base(amount), whole(1), r)
	}
	return nil
}

// localRate is what 1 of the position's currency was worth in this activity.
func (o *oracle) localRate(a *activity, b booking) fraction {
	if own := o.units[a.Symbol]; own != b.currency {
		return o.rate(own, a.Date)
	}
	return b.rate
}

// pay moves cash; below 0 it is paid. Where cash is not tracked, all of it comes from outside or goes there.
func (o *oracle) pay(a *activity, b booking, amount fraction) {
	base := b.base(amount)
	switch {
	case o.tracked && b.inBase:
		o.move(b.account, o.c.Base, base)
		o.note(a, moved, place{}, base)
	case o.tracked:
		o.move(b.account, b.currency, amount)
		o.note(a, moved, place{}, base)
	case amount.Sign() > 0:
		o.note(a, takenOut, place{}, base)
	case amount.Sign() < 0:
		o.note(a, paidIn, place{}, negated(base))
	}
}

func (o *oracle) move(account, currency string, amount fraction) {
	at := till{account, currency}
	before := o.cash[at]
	if before == nil {
		before = whole(0)
	}
	o.cash[at] = plus(before, amount)
}

// charge lists an activity's fee and tax; apart says that they are in no cost and no proceeds.
func (o *oracle) charge(a *activity, b booking, at place, apart bool) {
	o.note(a, fees, at, b.base(b.fee))
	o.note(a, taxes, at, b.base(b.tax))
	if apart {
		o.note(a, outside, at, b.base(plus(b.fee, b.tax)))
	}
}

// apply does what an activity does.
func (o *oracle) apply(a *activity, order int) {
	b := o.booked(a)
	at := o.at(a.Symbol, b.account)
	switch a.Type {
	case "buy", "sell", "deliver_in", "deliver_out":
		o.trade(a, b, order)
	case "transfer":
		o.transfer(a, b)
	case "deposit", "withdrawal", "external":
		o.bring(a, b)
	case "dividend":
		o.dividend(a, b, order)
	case "interest":
		o.note(a, income, at, b.base(b.gross))
		o.charge(a, b, at, true)
		o.pay(a, b, minus(b.gross, plus(b.fee, b.tax)))
	case "fee", "tax":
		o.cost(a, b, at)
	case "cash_transfer":
		o.exchange(a, b)
	case "return_of_capital":
		o.returned(a, b)
	default:
		o.act(a, b)
	}
	for p, lots := range o.positions { // what is empty was closed
		if len(lots) == 0 {
			delete(o.positions, p)
			o.events = append(o.events, event{on: a.Date, what: closed, at: p})
		}
	}
}

func (o *oracle) bring(a *activity, b booking) {
	amount := b.gross
	if a.Type == "deposit" {
		o.note(a, paidIn, place{}, b.base(amount))
	} else {
		o.note(a, takenOut, place{}, b.base(amount))
		amount = negated(amount)
	}
	amount = minus(amount, plus(b.fee, b.tax))
	o.charge(a, b, place{}, true)
	o.move(b.account, b.currency, amount)
	o.note(a, moved, place{}, b.base(amount))
}

func (o *oracle) cost(a *activity, b booking, at place) {
	amount, what := b.gross, fees
	if a.Refund {
		amount = negated(amount)
	}
	if a.Type == "tax" {
		what = taxes
	}
	o.note(a, what, at, b.base(amount))
	o.note(a, outside, at, b.base(amount))
	o.pay(a, b, negated(amount))
}

func (o *oracle) dividend(a *activity, b booking, order int) {
	at := o.at(a.Symbol, b.account)
	amount := b.gross
	if lots := o.positions[at]; len(lots) > 0 && lots[0].quantity.Sign() < 0 {
		amount = negated(amount)
	}
	o.note(a, income, at, b.base(amount))
	o.charge(a, b, at, true)
	net := minus(amount, plus(b.fee, b.tax))
	if !a.Reinvest {
		o.pay(a, b, net)
		return
	}
	o.open(at, &lot{id: a.ID, opened: a.Date, order: order, quantity: number(a.Quantity), cost: o.local(a, b, net), base: b.base(net)})
}

func (o *oracle) exchange(a *activity, b booking) {
	o.charge(a, b, place{}, true)
	o.pay(a, b, negated(plus(b.fee, b.tax)))
	if !o.tracked {
		return
	}
	currency, amount := b.currency, b.gross
	if a.ToCurrency != "" {
		to, factor := major(a.ToCurrency)
		currency, amount = to, times(number(a.ToAmount), factor)
	}
	o.move(b.account, b.currency, negated(b.gross))
	o.move(cmp.Or(a.ToAccount, b.account), currency, amount)
}

// walk applies the activities of a day.
func (o *oracle) walk(on day) {
	for i, a := range o.c.Activities {
		if a.Date == on {
			o.apply(a, i)
		}
	}
}

// worth is what everything is worth at the end of a day, in the base currency.
func (o *oracle) worth(on day) fraction {
	value := whole(0)
	for at, lots := range o.positions {
		value = plus(value, o.worthOf(at, lots, on))
	}
	if o.tracked {
		value = plus(value, o.cashWorth(on))
	}
	return value
}

func (o *oracle) worthOf(at place, lots []*lot, on day) fraction {
	p, _ := o.price(at.symbol, on)
	return times(times(quantityOf(lots), p), o.rate(o.units[at.symbol], on))
}

func (o *oracle) cashWorth(on day) fraction {
	value := whole(0)
	byCurrency := map[string]fraction{}
	for at, amount := range o.cash {
		if byCurrency[at.currency] == nil {
			byCurrency[at.currency] = whole(0)
		}
		byCurrency[at.currency].Add(byCurrency[at.currency], amount)
	}
	for currency, amount := range byCurrency {
		if amount.Sign() != 0 {
			value = plus(value, times(amount, o.rate(currency, on)))
		}
	}
	return value
}

func quantityOf(lots []*lot) fraction {
	q := whole(0)
	for _, l := range lots {
		q.Add(q, l.quantity)
	}
	return q
}

func costOf(lots []*lot) (local, base fraction) {
	local, base = whole(0), whole(0)
	for _, l := range lots {
		local, base = plus(local, l.cost), plus(base, l.base)
	}
	return local, base
}
