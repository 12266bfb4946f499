package figures

import (
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/money"
)

// transfer moves lots whole from account to account: no disposal, no flow. Its fee and tax are costs of their own.
func (k *bookkeeper) transfer(e entry) error {
	if held := k.holds(e.Instrument, e.Account); e.Quantity.Cmp(held) > 0 {
		return tooMuch(e, held)
	}
	s := k.sums(e)
	from := k.position(e.Instrument, e.Account, e.Currency)
	k.costs(from, s.worth(s.fee), s.worth(s.tax), false)
	k.pay(e, e.Account, s.fee.Add(s.tax).Neg(), s.rate)
	k.hold(e.Instrument, e.Account, e.Quantity.Neg())
	k.hold(e.Instrument, e.ToAccount, *e.Quantity)
	if k.scope == ledger.ScopePortfolio { // one position, the same lots; those named must be there all the same
		if long := from.lots.Quantity(); long.Sign() > 0 {
			if e.Quantity.Cmp(long) < 0 {
				long = *e.Quantity
			}
			return k.checkChoice(e, from, long)
		}
		return nil
	}
	to := k.position(e.Instrument, e.ToAccount, e.Currency)
	if to.lots.Quantity().Sign() < 0 {
		return fault.At(e.place("to_account"), "the account %q is short of %s on %s", string(e.ToAccount), e.Instrument, e.Date)
	}
	if err := k.checkChoice(e, from, *e.Quantity); err != nil {
		return err
	}
	for _, taken := range from.lots.Take(*e.Quantity, e.Lots) {
		lot := taken.Lot
		lot.Account = e.ToAccount
		to.lots.Open(lot)
	}
	k.step(e.Date, from)
	k.step(e.Date, to)
	return nil
}

// cashFlow is money that the investor pays in or takes out; it stays in its own currency.
func (k *bookkeeper) cashFlow(e entry) {
	s := k.sums(e)
	amount := s.gross
	k.flow(e.Date, s.worth(signed(amount, e.Type == ledger.Withdrawal)), e.Type == ledger.Deposit)
	k.costs(nil, s.worth(s.fee), s.worth(s.tax), false)
	amount = signed(amount, e.Type == ledger.Withdrawal).Sub(s.fee).Sub(s.tax)
	k.move(e.Date, e.Account, e.Currency, amount, s.worth(amount))
}

// signed is x, or −x.
func signed[X interface{ Neg() X }](x X, negative bool) X {
	if negative {
		return x.Neg()
	}
	return x
}

// dividend is income, gross; the holder of a short position pays it. Reinvested, it buys for what is left of it.
func (k *bookkeeper) dividend(e entry) error {
	s := k.sums(e)
	p := k.position(e.Instrument, e.Account, e.Currency)
	amount := signed(s.gross, p.lots.Quantity().Sign() < 0)
	p.income = p.income.Add(s.worth(amount))
	k.costs(p, s.worth(s.fee), s.worth(s.tax), false)
	k.earn(e, amount, s)
	net := amount.Sub(s.fee).Sub(s.tax)
	if !e.Reinvest {
		k.pay(e, e.Account, net, s.rate)
		return nil
	}
	if net.Or(money.Zero).Sign() < 0 { // of a long position ledger.Check has seen to it
		return fault.At(e.place("reinvest"), "%s is held short on %s: its dividends are paid, not reinvested", e.Instrument, e.Date)
	}
	return k.acquire(e, p, *e.Quantity, net, s.rate)
}

// interest is income, below 0 where it is paid.
func (k *bookkeeper) interest(e entry) {
	s := k.sums(e)
	worth := s.worth(s.gross)
	var p *position
	if e.Instrument != "" {
		p = k.position(e.Instrument, e.Account, e.Currency)
		p.income = p.income.Add(worth)
	} else {
		k.income = k.income.Add(worth)
	}
	k.costs(p, s.worth(s.fee), s.worth(s.tax), false)
	k.earn(e, s.gross, s)
	k.pay(e, e.Account, s.gross.Sub(s.fee).Sub(s.tax), s.rate)
}

// charge is a fee or a tax not tied to a trade; a refund turns it round.
func (k *bookkeeper) charge(e entry) {
	s := k.sums(e)
	amount := signed(s.gross, e.Refund)
	fee, tax := s.fee, s.tax
	if e.Type == ledger.Fee {
		fee = fee.Add(amount)
	} else {
		tax = tax.Add(amount)
	}
	var p *position
	if e.Instrument != "" {
		p = k.position(e.Instrument, e.Account, e.Currency)
	}
	k.costs(p, s.worth(fee), s.worth(tax), false)
	k.pay(e, e.Account, fee.Add(tax).Neg(), s.rate)
}

// split changes quantities and unit costs, and no cost.
func (k *bookkeeper) split(e entry) error {
	stakes, err := k.stakes(e)
	var rounding ledger.Rounding
	for _, one := range stakes {
		parts, to := one.Multiplied(*e.Ratio, &rounding)
		one.p.lots.SplitPart(*e.Ratio, one.Of(&one.p.lots), to)
		for i, part := range parts {
			k.hold(e.Instrument, part.Account, part.Quantity.Sub(one.Parts[i].Quantity))
		}
		k.step(e.Date, one.p)
	}
	return err
}
