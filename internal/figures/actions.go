package figures

import (
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/money"
)

// external is a type of cases alone: money that came or went where only valuations are known.
const external ledger.Type = "external"

// applyAction takes an activity of an action on instruments, or a move of cash.
func (k *bookkeeper) applyAction(e entry) error {
	switch e.Type {
	case ledger.CashTransfer:
		k.transferCash(e)
	case ledger.SpinOff:
		return k.spinOff(e)
	case ledger.Merger:
		return k.merge(e)
	case ledger.ReturnOfCapital:
		return k.returnCapital(e)
	case ledger.Rename:
		return k.moveLots(e, nil)
	case ledger.WriteOff:
		return k.writeOff(e)
	default:
		return fault.At(e.place("type"), "%q is not a type of activity", string(e.Type))
	}
	return nil
}

// transferCash moves cash between accounts and currencies. What both sides differ by at the day's rates is a result of
// exchange: it is no movement, so it shows as what cash gained beyond its movements.
func (k *bookkeeper) transferCash(e entry) {
	s := k.sums(e)
	k.costs(nil, s.rate.Times(s.fee), s.rate.Times(s.tax), false)
	if !k.tracked {
		k.pay(e, e.Account, s.fee.Add(s.tax).Neg(), s.rate)
		return
	}
	to, currency, amount := e.ToAccount, e.Currency, s.gross
	if to == "" {
		to = e.Account
	}
	if e.ToCurrency != "" {
		currency = e.ToCurrency
	}
	if e.ToAmount != nil {
		amount = *e.ToAmount
	}
	nothing := money.Known(money.Zero)
	k.move(e.Date, e.Account, e.Currency, s.gross.Neg(), nothing)
	k.move(e.Date, to, currency, amount, nothing)
	if costs := s.fee.Add(s.tax); !costs.IsZero() {
		k.move(e.Date, e.Account, e.Currency, costs.Neg(), s.rate.Times(costs).Neg())
	}
}

// moveLots turns the lots of an instrument into lots of another, changed where change says so.
func (k *bookkeeper) moveLots(e entry, change func(ledger.Lot) ledger.Lot) error {
	target := e
	for _, p := range k.affected(e) {
		to := k.position(e.ToInstrument, p.account, p.currency)
		lots := p.lots.All()
		if to.lots.Quantity().Sign()*p.lots.Quantity().Sign() < 0 {
			return fault.At(target.place("to_symbol"), "%s is long and %s short in account %q", e.Instrument, e.ToInstrument, string(p.account))
		}
		p.lots.Clear()
		for _, lot := range lots {
			if change != nil {
				lot = change(lot)
			}
			lot.Carried = k.converted(e, p, to, lot.Carried)
			to.lots.Open(lot)
		}
		k.step(e.Date, p)
		k.step(e.Date, to)
	}
	if k.scope == ledger.ScopePortfolio {
		for key, held := range k.held {
			if key.instrument == e.Instrument && (e.Account == "" || key.account == e.Account) {
				if e.Ratio != nil {
					held = e.Ratio.Apply(held)
				}
				k.held[key] = money.Zero
				k.hold(e.ToInstrument, key.account, held)
			}
		}
	}
	return nil
}

// converted is a cost in another position's currency, at the day's rates; its base cost stays.
func (k *bookkeeper) converted(e entry, from, to *position, c ledger.Carried) ledger.Carried {
	if from.currency != to.currency {
		c.Local = c.Local.Mul(k.rateOn(from.currency, e.Date)).Quo(k.rateOn(to.currency, e.Date))
	}
	return c
}

// spinOff moves a share of each lot's cost to new lots, which keep their dates and ids.
func (k *bookkeeper) spinOff(e entry) error {
	for _, p := range k.affected(e) {
		to := k.position(e.ToInstrument, p.account, p.currency)
		if to.lots.Quantity().Sign()*p.lots.Quantity().Sign() < 0 {
			return fault.At(e.place("to_symbol"), "%s is long and %s short in account %q", e.Instrument, e.ToInstrument, string(p.account))
		}
		share := func(c ledger.Carried) ledger.Carried {
			part := *e.CostShare
			return ledger.Carried{Local: c.Local.Times(part), Base: c.Base.Times(part), Start: c.Start.Times(part), StartFX: c.StartFX.Times(part)}
		}
		before, after := money.Zero, money.Zero
		for _, lot := range p.lots.All() {
			before = before.Add(lot.Quantity)
			upTo := e.Ratio.Apply(before)
			lot.Quantity, after = upTo.Sub(after), upTo
			lot.Carried = k.converted(e, p, to, share(lot.Carried))
			to.lots.Open(lot)
		}
		p.lots.Change(func(lot ledger.Lot) ledger.Carried { return lot.Carried.Sub(share(lot.Carried)) })
		k.step(e.Date, p)
		k.step(e.Date, to)
	}
	if k.scope == ledger.ScopePortfolio {
		for key, held := range k.held {
			if key.instrument == e.Instrument && (e.Account == "" || key.account == e.Account) {
				k.hold(e.ToInstrument, key.account, e.Ratio.Apply(held))
			}
		}
	}
	return nil
}

// merge turns lots into lots of another instrument; its cash, shared by quantity, lowers their cost, and what is over is a gain.
func (k *bookkeeper) merge(e entry) error {
	s := k.sums(e)
	total := money.Zero
	for _, p := range k.affected(e) {
		total = total.Add(p.lots.Quantity())
	}
	left := s.gross
	for _, p := range k.affected(e) {
		part := left
		if !total.Equal(p.lots.Quantity()) {
			part = left.Mul(p.lots.Quantity()).Quo(total)
		}
		left, total = left.Sub(part), total.Sub(p.lots.Quantity())
		k.giveBack(e, p, part, s.rate, true)
		account := e.Account
		if account == "" {
			account = p.account
		}
		k.pay(e, account, part, s.rate)
	}
	if !left.IsZero() {
		return fault.At(e.place("amount"), "nobody holds %s on %s", e.Instrument, e.Date)
	}
	k.costs(nil, s.rate.Times(s.fee), s.rate.Times(s.tax), false)
	k.pay(e, e.Account, s.fee.Add(s.tax).Neg(), s.rate)
	before, after := map[ledger.AccountID]money.Decimal{}, map[ledger.AccountID]money.Decimal{}
	return k.moveLots(e, func(lot ledger.Lot) ledger.Lot {
		account := lot.Account
		if k.scope == ledger.ScopePortfolio {
			account = everyAccount
		}
		before[account] = before[account].Add(lot.Quantity)
		upTo := e.Ratio.Apply(before[account])
		lot.Quantity, after[account] = upTo.Sub(after[account]), upTo
		return lot
	})
}

// returnCapital gives cost back, oldest lot first; what is over is a gain. The holder of a short position pays it.
func (k *bookkeeper) returnCapital(e entry) error {
	s := k.sums(e)
	p := k.position(e.Instrument, e.Account, e.Currency)
	quantity := p.lots.Quantity()
	if quantity.IsZero() {
		return fault.At(e.place("symbol"), "no %s held on %s", e.Instrument, e.Date)
	}
	amount := signed(s.gross, quantity.Sign() < 0)
	k.costs(p, s.rate.Times(s.fee), s.rate.Times(s.tax), false)
	k.pay(e, e.Account, amount.Sub(s.fee).Sub(s.tax), s.rate)
	k.giveBack(e, p, amount, s.rate, false)
	return nil
}

// giveBack lowers a position's cost by an amount, signed like the position: lot by lot from the oldest, or shared by quantity.
// Cost in the base currency goes down by the share of cost given back; what the amount is worth beyond that is realised.
func (k *bookkeeper) giveBack(e entry, p *position, amount money.Decimal, rate money.Maybe, byQuantity bool) {
	if amount.IsZero() {
		return
	}
	local := k.local(e, p, amount, rate)
	whole := p.lots.Quantity()
	left, upTo, given := local, money.Zero, money.Known(money.Zero)
	nothing := money.Known(money.Zero)
	back := ledger.NewCarried(nothing, nothing)
	pooled := p.lots.Method == ledger.Average
	lower := func(lot ledger.Lot, due money.Maybe) (ledger.Carried, money.Maybe) {
		c := lot.Carried
		part, known := due.Get()
		cost, costKnown := c.Local.Get()
		if !known || !costKnown {
			back.Local, back.Base = money.Unknown, money.Unknown
			c.Local, c.Base = money.Unknown, money.Unknown
			return c, money.Unknown
		}
		if part.Abs().Cmp(cost.Abs()) > 0 {
			part = cost
		}
		if part.IsZero() {
			return c, money.Known(money.Zero)
		}
		share := ledger.Carried{Local: money.Known(part), Base: c.Base, Start: nothing, StartFX: nothing}
		if !part.Equal(cost) {
			share.Base = c.Base.Times(part).Quo(money.Known(cost))
		}
		back = back.Add(share)
		return c.Sub(share), money.Known(part)
	}
	if pooled {
		total := ledger.Lot{Quantity: whole, Carried: p.lots.Total()}
		after, _ := lower(total, left)
		p.lots.SetPool(after)
	} else {
		p.lots.Change(func(lot ledger.Lot) ledger.Carried {
			due := left
			if byQuantity {
				upTo = upTo.Add(lot.Quantity)
				reached := ledger.Carried{Local: local}.Share(upTo, whole).Local
				due, given = reached.Sub(given), reached
			}
			after, part := lower(lot, due)
			left = left.Sub(part)
			return after
		})
	}
	k.realise(e, p, rate.Times(amount).Sub(back.Base), back)
}

// writeOff realises a position's cost as a loss; a short position's as a gain.
func (k *bookkeeper) writeOff(e entry) error {
	for _, p := range k.affected(e) {
		quantity := p.lots.Quantity()
		var taken []ledger.Taken
		for _, lot := range p.lots.Clear() {
			taken = append(taken, ledger.Taken{Lot: lot})
		}
		each := e
		activity := *e.Activity
		activity.Currency, activity.Account = p.currency, p.account
		each.Activity = &activity
		nothing := money.Known(money.Zero)
		k.dispose(each, p, quantity.Abs(), ledger.NewCarried(nothing, nothing), taken, quantity.Sign() < 0)
		k.step(e.Date, p)
	}
	if k.scope == ledger.ScopePortfolio {
		for key := range k.held {
			if key.instrument == e.Instrument && (e.Account == "" || key.account == e.Account) {
				k.held[key] = money.Zero
			}
		}
	}
	return nil
}
