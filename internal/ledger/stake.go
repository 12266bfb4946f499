package ledger

import (
	"cmp"
	"slices"

	"folioscope/internal/fault"
	"folioscope/internal/money"
)

// Stake is what an action on an instrument touches of one position: what the accounts hold that it is of.
type Stake struct {
	Parts []AccountPart // by account, none of 0
	Whole bool          // they are all that there is
}

// AccountPart is how much of an instrument an account holds, below 0 where it is short.
type AccountPart struct {
	Account  AccountID
	Quantity money.Decimal
}

// Quantity is the sum of the parts.
func (s Stake) Quantity() money.Decimal {
	var sum money.Decimal
	for _, part := range s.Parts {
		sum = sum.Add(part.Quantity)
	}
	return sum
}

// Of is how much of a position's lots the stake is: all of them where it is whole, whatever roundings of its accounts left.
func (s Stake) Of(lots *Lots) money.Decimal {
	if s.Whole {
		return lots.Quantity()
	}
	return s.Quantity()
}

// Rounding is what an action made of the accounts whose quantities it had to round: so much of before became so much of after. The
// zero value begins an action.
type Rounding struct{ before, after money.Decimal }

// Multiplied are the parts after a ratio, and their sum. Accounts whose quotients have no end are rounded together, to 34 digits,
// and each in turn gets what is left of that: thirds of a share in three accounts are one share, in every lot scope.
func (s Stake) Multiplied(ratio Ratio, r *Rounding) (parts []AccountPart, sum money.Decimal) {
	parts = slices.Clone(s.Parts)
	for i := range parts {
		parts[i].Quantity = r.multiplied(parts[i].Quantity, ratio)
		sum = sum.Add(parts[i].Quantity)
	}
	return parts, sum
}

func (r *Rounding) multiplied(quantity money.Decimal, ratio Ratio) money.Decimal {
	own := ratio.Apply(quantity)
	if own.Mul(ratio.Old).Equal(quantity.Mul(ratio.New)) {
		return own
	}
	r.before = r.before.Add(quantity)
	left := ratio.Apply(r.before).Sub(r.after)
	if left.Sub(own).Abs().Cmp(own.Abs().Mul(roundingMax)) <= 0 { // else it is little beside much, and would be rounded away
		own = left
	}
	r.after = r.after.Add(own)
	return own
}

// SharedStake is the stake of an action in a position that all accounts share. named is the account that the action is of, empty for
// every one. A named account that is long where all together are short, or holds more than all together, is refused: nobody can
// say which lots are its own. The error is fault.Invalid without a place.
func SharedStake(parts []AccountPart, named AccountID, whole money.Decimal) (Stake, error) {
	stake := Stake{Whole: named == ""}
	for _, part := range parts {
		if (named == "" || part.Account == named) && !part.Quantity.IsZero() {
			stake.Parts = append(stake.Parts, part)
		}
	}
	slices.SortFunc(stake.Parts, func(a, b AccountPart) int { return cmp.Compare(a.Account, b.Account) })
	if stake.Whole {
		return stake, nil
	}
	quantity := stake.Quantity()
	stake.Whole = quantity.Equal(whole)
	if !quantity.IsZero() && (quantity.Sign() != whole.Sign() || quantity.Abs().Cmp(whole.Abs()) > 0) {
		return stake, fault.New(fault.Invalid, "other accounts hold the opposite, and all share their lots: it can't be of one account alone")
	}
	return stake, nil
}
