package demo

import (
	"slices"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// events are what befalls a holding of some people, in turn.
var events = [...]ledger.Type{ledger.SpinOff, ledger.Merger, ledger.ReturnOfCapital}

// eventOf is what befalls a holding of the n-th person; nothing does of the first, whom visitors see.
func eventOf(number int) ledger.Type {
	if number%eventEach != 0 {
		return ""
	}
	return events[number/eventEach%len(events)]
}

// What an event moves, as a share of the holding's value. The made-up market doesn't know of it, so a spin-off stays small.
const (
	spunOffShare  = 0.02
	mergerInCash  = 0.2
	capitalReturn = 0.03
)

// happens books the person's event on the first stock held that it fits.
func (s *saver) happens(d int) {
	for _, i := range slices.Clone(s.targets) {
		l := &s.all[i]
		if l.Class != market.Stock || s.held[i].Sign() <= 0 {
			continue
		}
		price := s.history.closes[i][d]
		if s.event == ledger.ReturnOfCapital {
			amount := decimal(s.held[i].Float64()*price*capitalReturn, 2)
			rate := s.trade(d, i, ledger.Activity{Type: s.event, Amount: &amount})
			s.cash, s.happened = s.cash.Add(amount.Mul(rate)), true
			return
		}
		other := slices.IndexFunc(s.all, func(o listing) bool { return o.Class == market.Stock && o.Currency == l.Currency && o.ID != l.ID })
		if other < 0 {
			continue
		}
		s.become(d, i, other, price)
		s.happened = true
		return
	}
}

// become books that a part of a holding, or all of it, is one of another stock of the same currency from now on.
func (s *saver) become(d, i, other int, price float64) {
	a := ledger.Activity{Type: s.event, ToInstrument: s.all[other].ID}
	worth := spunOffShare
	if s.event == ledger.Merger {
		worth = 1 - mergerInCash
		cash := decimal(s.held[i].Float64()*price*mergerInCash, 2)
		a.Amount = &cash
	} else {
		share := decimal(spunOffShare, 2)
		a.CostShare = &share
	}
	a.Ratio = &ledger.Ratio{New: decimal(worth*price/s.history.closes[other][d], 4), Old: money.One}
	rate := s.trade(d, i, a)
	s.held[other] = s.held[other].Add(a.Ratio.Apply(s.held[i]))
	if s.event == ledger.Merger {
		s.cash = s.cash.Add(a.Amount.Mul(rate))
		s.held[i] = money.Zero
		s.targets = slices.DeleteFunc(s.targets, func(t int) bool { return t == i })
	}
	if !slices.Contains(s.targets, other) {
		s.targets = append(s.targets, other)
	}
}
