package figurestest

import (
	"cmp"
	"math/big"
	"slices"
)

// open adds a lot where it belongs by its opening date.
func (o *oracle) open(at place, l *lot) {
	lots := slices.Concat(o.positions[at], []*lot{l})
	slices.SortStableFunc(lots, func(a, b *lot) int { return cmp.Or(cmp.Compare(a.opened, b.opened), cmp.Compare(a.order, b.order)) })
	o.positions[at] = lots
}

// average gives every lot of a pool the pool's average.
func (o *oracle) average(lots []*lot) {
	cost, base := costOf(lots)
	all := quantityOf(lots)
	for _, l := range lots {
		l.cost, l.base = o.quotient(cost, l.quantity, all), o.quotient(base, l.quantity, all)
	}
}

// take takes a quantity, above 0, out of a position's lots: of a short one the oldest first, else by the lot method.
func (o *oracle) take(at place, quantity fraction, named []chosen) []taken {
	lots := o.positions[at]
	short := len(lots) > 0 && lots[0].quantity.Sign() < 0
	if o.method() == "average" {
		o.average(lots)
	}
	if compareSize(quantity, quantityOf(lots)) != 0 {
		o.doubtful(lots, len(named) > 0)
	}
	var out []taken
	if len(named) > 0 && !short {
		for _, c := range named {
			left := number(c.Quantity)
			for _, l := range lots {
				if l.id == c.ID && left.Sign() > 0 {
					part := smaller(left, l.quantity)
					left = minus(left, part)
					out = append(out, o.cut(l, part))
				}
			}
			if left.Sign() != 0 {
				panic("no such lots: " + c.ID)
			}
		}
	} else {
		left := quantity
		for _, l := range o.queue(lots, short) {
			if left.Sign() > 0 {
				part := smaller(left, new(big.Rat).Abs(l.quantity))
				left = minus(left, part)
				out = append(out, o.cut(l, part))
			}
		}
		if left.Sign() != 0 {
			panic("more was taken than there is of " + at.symbol)
		}
	}
	o.positions[at] = slices.DeleteFunc(lots, func(l *lot) bool { return l.quantity.Sign() == 0 })
	return out
}

// queue is the order in which lots leave.
func (o *oracle) queue(lots []*lot, short bool) []*lot {
	queue := slices.Clone(lots)
	switch {
	case short || o.method() == "fifo" || o.method() == "average" || o.method() == "specific":
	case o.method() == "lifo":
		slices.Reverse(queue)
	case o.method() == "hifo":
		for i, l := range queue {
			for _, other := range queue[:i] {
				x, y := l.unit(), other.unit()
				if x == nil || y == nil || o.inexact && (x.Cmp(y) != 0 || l.rounded || other.rounded) && near(x, y, scaleOf(x, y)) {
					o.ambiguous = "unit costs that can't be told apart"
				}
			}
		}
		if o.ambiguous == "" {
			slices.SortStableFunc(queue, func(a, b *lot) int { return b.unit().Cmp(a.unit()) })
		}
	}
	return queue
}

// doubtful notes that pieces of one lot cost differently, where no rule says which of them goes first.
func (o *oracle) doubtful(lots []*lot, named bool) {
	for i, l := range lots {
		for _, other := range lots[:i] {
			same := l.opened == other.opened && l.order == other.order || named && l.id == other.id
			if same && (!known(l.cost, other.cost, l.base, other.base) || times(l.cost, other.quantity).Cmp(times(other.cost, l.quantity)) != 0 ||
				times(l.base, other.quantity).Cmp(times(other.base, l.quantity)) != 0) {
				o.ambiguous = "pieces of one lot with costs of their own"
			}
		}
	}
}

func known(all ...fraction) bool { return !slices.Contains(all, nil) }

// cut takes a part, above 0, of a lot; what is taken of a short one is above 0 too, its cost below.
func (o *oracle) cut(l *lot, part fraction) taken {
	size := new(big.Rat).Abs(l.quantity)
	t := taken{l.id, l.opened, l.order, part, l.cost, l.base}
	if part.Cmp(size) != 0 {
		before := o.inexact
		o.inexact = false
		t.cost, t.base = o.share(l.cost, part, size), o.share(l.base, part, size)
		l.rounded = l.rounded || o.inexact
		o.inexact = o.inexact || before
	}
	l.cost, l.base = minus(l.cost, t.cost), minus(l.base, t.base)
	if l.quantity.Sign() < 0 {
		l.quantity = plus(l.quantity, part)
	} else {
		l.quantity = minus(l.quantity, part)
	}
	return t
}

// share is x · part / whole; whether the part or what it leaves is the quotient, and so which of both is rounded, is left open.
func (o *oracle) share(x, part, whole fraction) fraction {
	o.quotient(x, minus(whole, part), whole)
	return o.quotient(x, part, whole)
}

// trade buys, sells or delivers. What goes against an open position of the other sign closes it; the rest opens one.
func (o *oracle) trade(a *activity, b booking, order int) {
	at := o.at(a.Symbol, b.account)
	quantity := number(a.Quantity)
	buys := a.Type == "buy" || a.Type == "deliver_in"
	against := whole(0)
	if lots := o.positions[at]; len(lots) > 0 && (lots[0].quantity.Sign() < 0) == buys {
		against = smaller(quantity, new(big.Rat).Abs(quantityOf(lots)))
	}
	costs := plus(b.fee, b.tax)
	sign := whole(1)
	if !buys {
		sign = whole(-1)
	}
	net := b.gross // what it cost, or what came of it
	if o.feesInCost() {
		net = plus(b.gross, times(sign, costs))
	}
	closing := net
	if against.Cmp(quantity) != 0 {
		closing = o.share(net, against, quantity)
		o.local(a, b, net) // taken apart before or after it is changed into the position's currency: whichever rounds
	}
	if against.Sign() > 0 {
		o.dispose(a, b, at, against, closing)
	}
	if rest := minus(quantity, against); rest.Sign() > 0 {
		opening := times(sign, minus(net, closing))
		o.open(at, &lot{id: a.ID, opened: a.Date, order: order, quantity: times(sign, rest), cost: o.local(a, b, opening), base: b.base(opening), rounded: against.Sign() > 0})
	}
	o.charge(a, b, at, !o.feesInCost())
	switch a.Type {
	case "buy", "sell":
		o.pay(a, b, minus(times(negated(sign), b.gross), costs))
	case "deliver_in":
		o.note(a, paidIn, place{}, b.base(plus(b.gross, costs)))
	case "deliver_out":
		o.note(a, takenOut, place{}, b.base(minus(b.gross, costs)))
	}
}

// dispose closes a part of a position for an amount: the proceeds of a sale, the cost of a cover.
func (o *oracle) dispose(a *activity, b booking, at place, quantity, amount fraction) {
	cover := o.positions[at][0].quantity.Sign() < 0
	pieces := o.take(at, quantity, a.Lots)
	cost, base := whole(0), whole(0)
	for _, t := range pieces {
		cost, base = plus(cost, t.cost), plus(base, t.base)
	}
	local, worth, rate := o.local(a, b, amount), b.base(amount), o.localRate(a, b)
	d := disposal{on: a.Date, symbol: a.Symbol, account: b.account, currency: o.units[a.Symbol], quantity: quantity, matched: pieces, apart: cover || a.Type == "write_off"}
	if cover { // the lots' cost is what their sale brought in, below 0
		d.proceeds, d.cost, d.gainBase = negated(cost), local, minus(negated(base), worth)
	} else {
		d.proceeds, d.cost, d.gainBase = local, cost, minus(worth, base)
	}
	o.disposals = append(o.disposals, d)
	o.note(a, realised, at, d.gainBase)
	o.note(a, fxEffect, at, minus(times(cost, rate), base))
}

func (o *oracle) transfer(a *activity, b booking) {
	from, to := o.at(a.Symbol, b.account), o.at(a.Symbol, a.ToAccount)
	o.charge(a, b, from, true)
	o.pay(a, b, negated(plus(b.fee, b.tax)))
	if from == to {
		return
	}
	o.mixed = true
	for _, t := range o.take(from, number(a.Quantity), a.Lots) {
		o.open(to, &lot{id: t.id, opened: t.opened, order: t.order, quantity: t.quantity, cost: t.cost, base: t.base, rounded: o.inexact})
	}
	if o.method() == "average" {
		o.average(o.positions[to])
	}
}

// lower takes an amount off the cost of a lot, in the position's currency: at most its cost, with its share of the cost in
// the base currency. A short lot's costs are below 0, and so is what they are lowered by.
func (o *oracle) lower(l *lot, amount fraction) (given, base fraction) {
	if !known(amount, l.cost) {
		l.cost, l.base = nil, nil
		return nil, nil
	}
	if l.cost.Sign() == 0 {
		return whole(0), whole(0)
	}
	given = amount
	if compareSize(given, l.cost) > 0 {
		given = l.cost
	}
	base = o.quotient(l.base, given, l.cost)
	l.cost, l.base = minus(l.cost, given), minus(l.base, base)
	return given, base
}

// returned lowers the cost of the oldest lots. Who is short pays it.
func (o *oracle) returned(a *activity, b booking) {
	at := o.at(a.Symbol, b.account)
	lots := o.positions[at]
	if o.method() == "average" {
		o.average(lots)
	}
	amount := b.gross
	if lots[0].quantity.Sign() < 0 {
		amount = negated(amount)
	}
	o.doubtful(lots, false)
	left, given, base := o.local(a, b, amount), whole(0), whole(0)
	for _, l := range lots {
		if left != nil && left.Sign() == 0 {
			break
		}
		g, gb := o.lower(l, left)
		left, given, base = minus(left, g), plus(given, g), plus(base, gb)
	}
	o.note(a, realised, at, minus(b.base(amount), base))
	o.note(a, fxEffect, at, minus(times(given, o.localRate(a, b)), base))
	o.charge(a, b, at, true)
	o.pay(a, b, minus(amount, plus(b.fee, b.tax)))
}

// act does what touches every account that holds the symbol, or the one named.
func (o *oracle) act(a *activity, b booking) {
	var touched []place
	for at := range o.positions {
		if at.symbol == a.Symbol && (a.Account == "" || o.c.Scope == "portfolio" || at.account == a.Account) {
			touched = append(touched, at)
		}
	}
	o.charge(a, b, place{}, true)
	o.pay(a, b, negated(plus(b.fee, b.tax)))
	o.rounded(a)
	slices.SortFunc(touched, func(x, y place) int { return cmp.Compare(x.account, y.account) })
	all := whole(0)
	for _, at := range touched {
		all = plus(all, quantityOf(o.positions[at]))
	}
	for _, at := range touched {
		lots := o.positions[at]
		if o.method() == "average" {
			o.average(lots)
		}
		switch a.Type {
		case "split":
			new, old := ratio(a.Ratio)
			for _, l := range lots {
				l.quantity = o.multiplied(l.quantity, new, old)
			}
		case "write_off":
			own := b
			own.account = at.account
			own.rate = o.rate(own.currency, a.Date)
			o.dispose(a, own, at, new(big.Rat).Abs(quantityOf(lots)), whole(0))
		case "rename":
			o.become(a, at, lots, "1:1")
		case "spin_off":
			o.spinOff(a, at, lots)
		case "merger":
			for _, l := range lots {
				o.payOut(a, b, at, l, all)
			}
			o.become(a, at, lots, a.Ratio)
		default:
			panic("no such type: " + a.Type)
		}
	}
}

// rounded counts how often quantities were rounded on their way.
func (o *oracle) rounded(a *activity) {
	to := a.ToSymbol
	if to == "" {
		to = a.Symbol
	} else {
		o.rounds[to] += o.rounds[a.Symbol]
	}
	if a.Ratio == "" {
		return
	}
	if _, end := per(ratio(a.Ratio)).FloatPrec(); !end || o.rounds[a.Symbol] > 0 {
		o.rounds[to]++
	}
}

// become makes lots those of another symbol.
func (o *oracle) become(a *activity, at place, lots []*lot, by string) {
	new, old := ratio(by)
	to := place{a.ToSymbol, at.account}
	o.mixed = true
	o.positions[at] = nil
	for _, l := range lots {
		l.quantity = o.multiplied(l.quantity, new, old)
		l.cost = o.changed(l.cost, a)
		o.open(to, l)
	}
}

// changed is a cost of a symbol in the currency of the symbol that it becomes, over the base at the day's rates.
func (o *oracle) changed(cost fraction, a *activity) fraction {
	from, to := o.units[a.Symbol], o.units[a.ToSymbol]
	if from == to {
		return cost
	}
	return o.quotient(times(cost, o.rate(from, a.Date)), whole(1), o.rate(to, a.Date))
}

func (o *oracle) spinOff(a *activity, at place, lots []*lot) {
	o.mixed = true
	share := number(a.CostShare)
	new, old := ratio(a.Ratio)
	for _, l := range lots {
		n := &lot{
			id: l.id, opened: l.opened, order: l.order, quantity: o.multiplied(l.quantity, new, old),
			cost: times(l.cost, share), base: times(l.base, share), rounded: l.rounded,
		}
		l.cost, l.base = minus(l.cost, n.cost), minus(l.base, n.base)
		n.cost = o.changed(n.cost, a)
		o.open(place{a.ToSymbol, at.account}, n)
	}
}

// payOut gives a lot its share of a merger's cash, by quantity.
func (o *oracle) payOut(a *activity, b booking, at place, l *lot, all fraction) {
	if b.gross.Sign() == 0 {
		return
	}
	own := b
	if a.Account == "" {
		own.account = at.account
	}
	if o.c.Scope == "portfolio" {
		own.account = b.account
	}
	amount := o.quotient(b.gross, l.quantity, new(big.Rat).Abs(all))
	given, base := o.lower(l, o.local(a, b, amount))
	o.note(a, realised, at, minus(b.base(amount), base))
	o.note(a, fxEffect, at, minus(times(given, o.localRate(a, b)), base))
	o.pay(a, own, amount)
}
