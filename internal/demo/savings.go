package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// saver plays one person's years of saving, day by day, and writes down what they did.
type saver struct {
	all      []listing
	history  *history
	random   *rand.Rand
	base     money.Currency
	account  ledger.AccountID
	currency map[money.Currency]int // index of the rate's listing

	targets    []int // listings bought, most wanted first
	cash       money.Decimal
	held       map[int]money.Decimal
	activities []ledger.Activity
	id         string
	event      ledger.Type // what befalls one of the holdings one day, empty for nothing
	happened   bool
	forgets    bool // to book splits
}

const (
	dailySaverEach   = 83   // every so many people one saves daily and ends with thousands of activities
	activitiesMax    = 5000 // of such a person, to a day's worth
	dayActivitiesMax = 30   // of one day: a deposit, dividends of every target, a sale, buys
	monthlyBuysMax   = 3
	firstBuys        = 3    // one of each part of the day, on the first day
	sellChance       = 0.03 // per month
	withdrawChance   = 0.015
	dividendTax      = 0.15
	dividendQuarter  = 3 // months between dividends
	eventMonth       = 9 // after which something befalls a holding
	eventEach        = 4 // every so many people, one of each kind in turn
)

// pick chooses what a person buys: something of each part of the day, so that they always hold something that trades, and more as they like.
func (s *saver) pick(count int) {
	groups := [][]string{{"XNYS", "XNAS", "ARCX"}, {"XETR", "XPAR", "XAMS", "XLON", "XSWX"}, {"XTKS", "XASX"}}
	taken := map[int]bool{}
	for _, group := range groups {
		s.take(taken, func(l *listing) bool { return slices.Contains(group, l.MIC) })
	}
	s.take(taken, func(l *listing) bool { return l.Class == market.Fund && l.Currency == s.base })
	s.take(taken, func(l *listing) bool { return l.Class == market.ETF })
	for len(s.targets) < count {
		s.take(taken, func(l *listing) bool {
			return l.Class != market.FX && (l.Currency == s.base || s.random.Float64() < 0.35)
		})
	}
}

// choose takes what is named, in that order.
func (s *saver) choose(symbols []string) {
	for _, symbol := range symbols {
		i := slices.IndexFunc(s.all, func(l listing) bool { return l.Symbol == symbol && l.Class != market.FX })
		if i >= 0 && !slices.Contains(s.targets, i) {
			s.targets = append(s.targets, i)
		}
	}
}

func (s *saver) take(taken map[int]bool, wanted func(*listing) bool) {
	const triesMax = 400 // many more than listings, so that a rare wish is found
	for range triesMax {
		i := s.random.IntN(len(s.all))
		if !taken[i] && s.all[i].Class != market.FX && wanted(&s.all[i]) {
			taken[i] = true
			s.targets = append(s.targets, i)
			return
		}
	}
}

// rate is base units for one unit of c on a day, as a bank would book it; 1 for the base itself.
func (s *saver) rate(c money.Currency, d int) money.Decimal {
	if c == s.base {
		return money.One
	}
	perEuro := func(c money.Currency) float64 {
		if c == market.RateBase {
			return 1
		}
		return s.history.closes[s.currency[c]][d]
	}
	return decimal(perEuro(s.base)/perEuro(c), 6)
}

// decimal writes a modelled number down with so many digits; from there on it is exact.
func decimal(x float64, places int) money.Decimal {
	d, err := money.Parse(strconv.FormatFloat(math.Max(x, math.Pow10(-places)), 'f', places, 64))
	if err != nil {
		return money.NewDecimal(1, -int32(places)) // a model's overflow; the smallest unit keeps the demo alive
	}
	return d
}

// save plays all days from the given index of the history's dates; monthly is what is paid in per month, in base units.
func (s *saver) save(from int, monthly float64, daily bool) {
	s.deposit(from, 5*monthly)
	for _, i := range s.targets[:firstBuys] {
		s.buy(from, i, 0.25)
	}
	month := s.history.dates[from].Time().Month()
	months := 0
	for d := from; d < len(s.history.dates) && len(s.activities) < activitiesMax-dayActivitiesMax; d++ {
		date := s.history.dates[d]
		s.splitsOn(d)
		if m := date.Time().Month(); m != month {
			month = m
			months++
			s.deposit(d, monthly*(1+0.02*float64(months)/12))
			if months%dividendQuarter == 0 {
				s.dividends(d)
			}
			s.occasional(d)
			if months >= eventMonth && s.event != "" && !s.happened {
				s.happens(d)
			}
			if !daily {
				for range 1 + s.random.IntN(monthlyBuysMax) {
					s.buy(d, s.target(), 0.3+0.4*s.random.Float64())
				}
			}
		}
		if daily {
			for range 1 + s.random.IntN(2) {
				s.buy(d, s.target(), 0.06)
			}
		}
	}
}

func (s *saver) record(d int, a ledger.Activity) {
	a.ID = ledger.ActivityID(fmt.Sprintf("%s-%05d", s.id, len(s.activities)+1))
	a.Date, a.Account = s.history.dates[d], s.account
	a.Position, a.Version = int64(len(s.activities)+1), 1
	a.RecordedAt = s.history.dates[d].Time()
	s.activities = append(s.activities, a)
}

func (s *saver) deposit(d int, amount float64) {
	exact := decimal(math.Round(amount/10)*10, 2)
	s.cash = s.cash.Add(exact)
	s.record(d, ledger.Activity{Type: ledger.Deposit, Amount: &exact, Currency: s.base})
}

// trade fills in what buys, sells and dividends share: the rate as booked, only where the currency is foreign.
func (s *saver) trade(d, i int, a ledger.Activity) (rate money.Decimal) {
	l := &s.all[i]
	a.Instrument, a.Currency = l.ID, l.Currency
	rate = s.rate(l.Currency, d)
	if l.Currency != s.base {
		booked := rate
		a.FXRate = &booked
	}
	s.record(d, a)
	return rate
}

// target is one of the targets, the earlier ones more often.
func (s *saver) target() int {
	return s.targets[min(s.random.IntN(len(s.targets)), s.random.IntN(len(s.targets)))]
}

// buy spends a share of the cash on a listing.
func (s *saver) buy(d, i int, share float64) {
	l := &s.all[i]
	price := l.exactPrice(s.history.closes[i][d] * (1 + 0.001*s.random.NormFloat64()))
	fee := decimal(s.cash.Float64()*0.0005/s.rate(l.Currency, d).Float64(), 2)
	budget := s.cash.Float64() * share / s.rate(l.Currency, d).Float64()
	quantity := s.quantity(l, budget/price.Float64())
	if quantity.Sign() <= 0 {
		return
	}
	cost := price.Mul(quantity).Add(fee)
	if cost.Mul(s.rate(l.Currency, d)).Cmp(s.cash) > 0 {
		return
	}
	rate := s.trade(d, i, ledger.Activity{Type: ledger.Buy, Quantity: &quantity, Price: &price, Fee: fee})
	s.cash = s.cash.Sub(cost.Mul(rate))
	s.held[i] = s.held[i].Add(quantity)
}

// quantity is what such an order is filled with: whole shares for dear markets, fractions for funds and coins.
func (s *saver) quantity(l *listing, wanted float64) money.Decimal {
	switch {
	case wanted <= 0:
		return money.Zero
	case l.Class == market.Crypto:
		return decimal(wanted, 6)
	case l.Class == market.Fund || wanted < 5:
		return decimal(wanted, 4)
	default:
		return decimal(math.Floor(wanted), 0)
	}
}

// dividends pays a quarter's dividend of everything held that pays.
func (s *saver) dividends(d int) {
	for _, i := range s.targets {
		l := &s.all[i]
		quantity := s.held[i]
		if l.yield == 0 || quantity.Sign() <= 0 {
			continue
		}
		perShare := decimal(s.history.closes[i][d]*l.yield/4, 4)
		amount := perShare.Mul(quantity).Round(2)
		if amount.Sign() <= 0 {
			continue
		}
		tax := decimal(amount.Float64()*dividendTax, 2)
		rate := s.trade(d, i, ledger.Activity{Type: ledger.Dividend, Amount: &amount, Tax: tax})
		s.cash = s.cash.Add(amount.Sub(tax).Mul(rate))
	}
}

// occasional is what happens now and then: part of a position is sold, money is taken out.
func (s *saver) occasional(d int) {
	if s.random.Float64() < sellChance {
		i := s.targets[s.random.IntN(len(s.targets))]
		l := &s.all[i]
		quantity := s.quantity(l, s.held[i].Float64()*(0.2+0.4*s.random.Float64()))
		if quantity.Sign() > 0 && quantity.Cmp(s.held[i]) < 0 {
			price := l.exactPrice(s.history.closes[i][d])
			fee := decimal(price.Mul(quantity).Float64()*0.0005, 2)
			rate := s.trade(d, i, ledger.Activity{Type: ledger.Sell, Quantity: &quantity, Price: &price, Fee: fee})
			s.held[i] = s.held[i].Sub(quantity)
			s.cash = s.cash.Add(price.Mul(quantity).Sub(fee).Mul(rate))
		}
	}
	if s.random.Float64() < withdrawChance && s.cash.Float64() > 500 {
		amount := decimal(math.Floor(s.cash.Float64()*0.5/10)*10, 2)
		s.cash = s.cash.Sub(amount)
		s.record(d, ledger.Activity{Type: ledger.Withdrawal, Amount: &amount, Currency: s.base})
	}
}

// splitsOn books the splits of the day for what is held.
func (s *saver) splitsOn(d int) {
	if s.forgets {
		return
	}
	for _, i := range s.targets {
		split, ok := splits[s.all[i].Symbol]
		if !ok || s.history.dates[d] != split.date || s.held[i].Sign() <= 0 {
			continue
		}
		s.record(d, ledger.Activity{Type: ledger.Split, Instrument: s.all[i].ID, Currency: s.all[i].Currency,
			Ratio: &ledger.Ratio{New: money.NewDecimal(split.new, 0), Old: money.One}})
		s.held[i] = s.held[i].Mul(money.NewDecimal(split.new, 0))
	}
}
