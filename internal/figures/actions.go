package figures

import (
	"cmp"
	"slices"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// external is a type of cases alone: money that came or went where only valuations are known.
const external ledger.Type = "external"

// applyAction takes an activity of an action on instruments, or a move of cash.
func (k *bookkeeper) applyAction(e entry) error {
	switch e.Type {
	case ledger.SpinOff, ledger.Rename, ledger.WriteOff:
		k.actionCosts(e)
	}
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
		return k.rename(e)
	case ledger.WriteOff:
		return k.writeOff(e)
	default:
		return fault.At(e.place("type"), "%q is not a type of activity", string(e.Type))
	}
	return nil
}

// actionCosts are the fee and tax of an action that moves no money itself. Where it names no account, the default one pays.
func (k *bookkeeper) actionCosts(e entry) {
	if e.Fee.IsZero() && e.Tax.IsZero() {
		return
	}
	s := k.sums(e)
	k.costs(nil, s.worth(s.fee), s.worth(s.tax), false)
	k.pay(e, cmp.Or(e.Account, defaultAccount), s.fee.Add(s.tax).Neg(), s.rate)
}

// transferCash moves cash between accounts and currencies. What both sides differ by at the day's rates is a result of
// exchange: it is no movement, so it shows as what cash gained beyond its movements.
func (k *bookkeeper) transferCash(e entry) {
	s := k.sums(e)
	k.costs(nil, s.worth(s.fee), s.worth(s.tax), false)
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
		amount = k.trace.given(e, "to_amount", *e.ToAmount)
	}
	nothing := money.Known(money.Zero)
	k.move(e.Date, e.Account, e.Currency, s.gross.Neg(), nothing)
	k.move(e.Date, to, currency, amount, nothing)
	if costs := s.fee.Add(s.tax); !costs.Or(money.Zero).IsZero() {
		k.move(e.Date, e.Account, e.Currency, costs.Neg(), s.worth(costs).Neg())
	}
}

// stake is what an action touches of one position.
type stake struct {
	ledger.Stake
	p *position
}

// stakes is what an action on an instrument touches: of every account that holds it, or of the one that is named.
func (k *bookkeeper) stakes(e entry) ([]stake, error) {
	var all []stake
	for _, p := range k.of[e.Instrument] {
		if k.scope != ledger.ScopePortfolio {
			if quantity := p.lots.Quantity(); !quantity.IsZero() && (e.Account == "" || p.account == e.Account) {
				all = append(all, stake{ledger.Stake{Parts: []ledger.AccountPart{{Account: p.account, Quantity: quantity}}, Whole: true}, p})
			}
			continue
		}
		one, err := ledger.SharedStake(k.parts(e.Instrument), e.Account, p.lots.Quantity())
		if err != nil {
			return nil, fault.At(e.place("account"), "%s of %s on %s: %v", e.Type, e.Instrument, e.Date, err)
		}
		if len(one.Parts) > 0 {
			all = append(all, stake{one, p})
		}
	}
	slices.SortFunc(all, func(a, b stake) int { return cmp.Compare(a.p.account, b.p.account) }) // in which order they opened is no matter
	return all, nil
}

// parts is what each account holds of a position that all share.
func (k *bookkeeper) parts(id market.InstrumentID) []ledger.AccountPart {
	var parts []ledger.AccountPart
	for key, quantity := range k.held {
		if key.instrument == id && !quantity.IsZero() {
			parts = append(parts, ledger.AccountPart{Account: key.account, Quantity: quantity})
		}
	}
	slices.SortFunc(parts, func(a, b ledger.AccountPart) int { return cmp.Compare(a.Account, b.Account) })
	return parts
}

// leave takes what an action touches out of its position.
func (k *bookkeeper) leave(s stake) ledger.Lots {
	for _, part := range s.Parts {
		k.hold(s.p.instrument, part.Account, part.Quantity.Neg())
	}
	return s.p.lots.Part(s.Of(&s.p.lots))
}

// become opens lots, multiplied, as ones of another instrument in the same accounts.
func (k *bookkeeper) become(e entry, one stake, lots []ledger.Lot, ratio ledger.Ratio, rounding *ledger.Rounding) error {
	parts, sum := one.Multiplied(ratio, rounding)
	ratio.Multiply(lots, sum)
	to := k.position(e.ToInstrument, one.p.account, one.p.currency)
	for _, lot := range lots {
		if to.lots.Quantity().Sign()*lot.Quantity.Sign() < 0 {
			return fault.At(e.place("to_symbol"), "of %s and %s, one is long and the other short in account %q", e.Instrument, e.ToInstrument, string(one.p.account))
		}
		lot.Carried = k.converted(e, one.p, to, lot.Carried)
		to.lots.Open(lot)
	}
	for _, part := range parts {
		k.hold(e.ToInstrument, part.Account, part.Quantity)
	}
	k.step(e.Date, one.p)
	k.step(e.Date, to)
	return nil
}

// rename gives lots another instrument.
func (k *bookkeeper) rename(e entry) error {
	stakes, err := k.stakes(e)
	var rounding ledger.Rounding
	for _, one := range stakes {
		leaving := k.leave(one)
		if err := k.become(e, one, leaving.Clear(), ledger.Ratio{New: money.One, Old: money.One}, &rounding); err != nil {
			return err
		}
	}
	return err
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
	stakes, err := k.stakes(e)
	var rounding ledger.Rounding
	for _, one := range stakes {
		same := one.p.lots.Copy()
		touched := same.Part(one.Of(&same))
		moved := touched.Clear()
		for i, c := 0, *e.CostShare; i < len(moved); i++ {
			whole := moved[i].Carried
			moved[i].Carried = ledger.Carried{Local: whole.Local.Times(c), Base: whole.Base.Times(c), Start: whole.Start.Times(c), StartFX: whole.StartFX.Times(c)}
		}
		next := 0
		one.p.lots.Change(func(lot ledger.Lot) ledger.Carried {
			if next == len(moved) || moved[next].ID != lot.ID || moved[next].Order != lot.Order {
				return lot.Carried
			}
			next++
			return lot.Carried.Sub(moved[next-1].Carried)
		})
		if err := k.become(e, one, moved, *e.Ratio, &rounding); err != nil {
			return err
		}
	}
	return err
}

// merge turns lots into lots of another instrument; its cash, shared by quantity, lowers their cost, and what is over is a gain.
// The holder of a short position pays it, as a dividend's.
func (k *bookkeeper) merge(e entry) error {
	s := k.sums(e)
	stakes, err := k.stakes(e)
	if err != nil {
		return err
	}
	payer, total := e.Account, money.Zero
	for _, one := range stakes {
		payer, total = cmp.Or(payer, one.Parts[0].Account), total.Add(one.Quantity())
	}
	if !s.gross.Or(money.Zero).IsZero() && total.IsZero() {
		return fault.At(e.place("amount"), "no %s is held on %s to share cash by", e.Instrument, e.Date)
	}
	s.gross = signed(s.gross, total.Sign() < 0)
	var rounding ledger.Rounding
	upTo, paid := money.Zero, money.Known(money.Zero)
	for _, one := range stakes {
		before := paid
		for _, part := range one.Parts {
			upTo = upTo.Add(part.Quantity)
			due := s.gross.Share(upTo, total)
			if k.tracked {
				k.pay(e, part.Account, due.Sub(paid), s.rate)
			}
			paid = due
		}
		if !k.tracked { // one position's cash is one flow, though one account of its scope may be short and another long
			k.pay(e, one.Parts[0].Account, paid.Sub(before), s.rate)
		}
		leaving := k.leave(one)
		k.giveBack(e, one.p, &leaving, paid.Sub(before), s.rate, true)
		if err := k.become(e, one, leaving.Clear(), *e.Ratio, &rounding); err != nil {
			return err
		}
	}
	k.costs(nil, s.worth(s.fee), s.worth(s.tax), false)
	k.pay(e, cmp.Or(payer, defaultAccount), s.fee.Add(s.tax).Neg(), s.rate)
	return nil
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
	k.costs(p, s.worth(s.fee), s.worth(s.tax), false)
	k.pay(e, e.Account, amount.Sub(s.fee).Sub(s.tax), s.rate)
	k.giveBack(e, p, &p.lots, amount, s.rate, false)
	return nil
}

// giveBack lowers the cost of lots of a position by an amount, signed like the position: lot by lot from the oldest, or shared by quantity.
// Cost in the base currency goes down by the share of cost given back; what the amount is worth beyond that is realised.
func (k *bookkeeper) giveBack(e entry, p *position, lots *ledger.Lots, amount, rate money.Maybe, byQuantity bool) {
	if amount.Or(money.Zero).IsZero() {
		return
	}
	local := k.local(e, p, amount, rate)
	whole := lots.Quantity()
	left, upTo, given := local, money.Zero, money.Known(money.Zero)
	nothing := money.Known(money.Zero)
	back := ledger.NewCarried(nothing, nothing)
	pooled := lots.Method == ledger.Average
	lower := func(lot ledger.Lot, due money.Maybe) (ledger.Carried, money.Maybe) {
		c := lot.Carried
		part, known := due.Get()
		cost, costKnown := c.Local.Get()
		if known && part.IsZero() {
			return c, due
		}
		if !known || !costKnown {
			gap := due.Sub(c.Local)
			back.Local, back.Base, c.Local, c.Base = gap, gap, gap, gap
			return c, gap
		}
		if part.Abs().Cmp(cost.Abs()) > 0 {
			part, due = cost, c.Local
		}
		if part.IsZero() { // a lot that cost nothing, or nothing more
			return c, money.Known(money.Zero)
		}
		share := ledger.Carried{Local: due, Base: c.Base, Start: nothing, StartFX: nothing}
		if !part.Equal(cost) {
			share.Base = c.Base.Mul(due).Quo(c.Local)
		}
		back = back.Add(share)
		return c.Sub(share), due
	}
	if pooled {
		total := ledger.Lot{Quantity: whole, Carried: lots.Total()}
		after, _ := lower(total, left)
		lots.SetPool(after)
	} else {
		lots.Change(func(lot ledger.Lot) ledger.Carried {
			if x, ok := left.Get(); ok && x.IsZero() && !byQuantity {
				return lot.Carried // younger than the last that gives anything back
			}
			due := left
			if byQuantity {
				upTo = upTo.Add(lot.Quantity)
				reached := local.Share(upTo, whole)
				due, given = reached.Sub(given), reached
			}
			after, part := lower(lot, due)
			left = left.Sub(part)
			return after
		})
	}
	k.realise(e, p, rate.Mul(amount).Sub(back.Base).Named("gain of", k.name(e)), back)
}

// writeOff realises a position's cost as a loss; a short position's as a gain.
func (k *bookkeeper) writeOff(e entry) error {
	stakes, err := k.stakes(e)
	for _, one := range stakes {
		p, leaving := one.p, k.leave(one)
		quantity := leaving.Quantity()
		var taken []ledger.Taken
		for _, lot := range leaving.Clear() {
			taken = append(taken, ledger.Taken{Lot: lot})
		}
		each := e
		activity := *e.Activity
		activity.Currency, activity.Account = p.currency, cmp.Or(e.Account, p.account)
		each.Activity = &activity
		nothing := money.Known(money.Zero)
		if len(taken) > 0 {
			k.dispose(each, p, quantity.Abs(), ledger.NewCarried(nothing, nothing), taken, quantity.Sign() < 0)
		}
		k.step(e.Date, p)
	}
	return err
}
