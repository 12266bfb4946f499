package figurestest

import (
	"cmp"
	"fmt"
	"math/big"
	"math/bits"
	"slices"

	"pgregory.net/rapid"
)

// generator draws one ledger. What an activity may be is decided by what the ones before it left, which the oracle knows; how
// much each account holds it keeps itself, since in scope portfolio the oracle does not.
type generator struct {
	t       *rapid.T
	c       *caseFile
	o       *oracle
	amounts map[place]fraction // by symbol and account, below 0 where short
	on      day
	first   day
	tidy    bool // numbers whose quotients have an end, so that every figure can be compared to the last digit
	awkward bool // 1e-18, 1e15 and 40 digits among the others
	id      int
}

// below draws a number under n, each as likely as the others: rapid's own ranges favour small numbers, which makes ledgers of
// nothing but purchases.
func (g *generator) below(n int, label string) int {
	drawn := 0
	for range bits.Len(uint(n)) + 2 {
		drawn <<= 1
		if rapid.Bool().Draw(g.t, label) {
			drawn++
		}
	}
	return drawn % n
}

func (g *generator) chance(percent int, label string) bool { return g.below(100, label) >= 100-percent }

func oneOf[T any](g *generator, label string, all ...T) T { return all[g.below(len(all), label)] }

// drawLedger draws a case with activities.
func drawLedger(t *rapid.T) *caseFile {
	g := &generator{t: t, amounts: map[place]fraction{}}
	apart := rapid.Bool().Draw(t, "fees apart")
	inCost := !apart
	g.c = &caseFile{
		Base:   oneOf(g, "base", "EUR", "USD"),
		Method: oneOf(g, "method", "fifo", "lifo", "hifo", "average", "specific"),
		Scope:  oneOf(g, "scope", "account", "portfolio"),
		Prices: map[string]*quoted{}, FX: map[string]series{}, Series: true, FeesInCost: &inCost,
	}
	g.first = day(18262 + g.below(401, "first day")) // from 2020-01-01
	g.on = g.first
	g.tidy, g.awkward = !g.chance(30, "untidy"), g.chance(8, "awkward")
	length := g.below(31, "length")
	stride := 1
	if g.chance(4, "long") {
		stride = 20
	}
	g.market(day(length * stride))
	g.o = newOracle(g.c)
	if g.chance(40, "cash tracked") {
		g.add(&activity{Type: "deposit", Amount: g.money("deposit"), Currency: g.currency(20)})
	}
	for range 1 + g.below(18, "activities") {
		if g.chance(45, "another day") {
			g.on = min(g.first+day(length*stride), g.on+day((1+g.below(6, "days"))*stride))
		}
		g.step()
	}
	g.period(day(length * stride))
	g.shuffle()
	return g.c
}

// market draws prices, rates and a benchmark.
func (g *generator) market(length day) {
	dense := oneOf(g, "dense", 15, 40, 90)
	days := func(label string, percent int, price func() string) series {
		s := series{}
		if g.chance(93, label+" before") {
			s[g.first-day(1+g.below(3, label+" days before"))] = price()
		}
		for on := g.first; on <= g.first+length; on += 1 + length/40 {
			if g.chance(percent, label+" quoted") {
				s[on] = price()
			}
		}
		return s
	}
	for _, symbol := range []string{"A", "B", "C", "S", "T"} {
		if g.chance(5, symbol+" without prices") {
			continue
		}
		code := oneOf(g, "unit", g.c.Base, g.c.Base, "USD", "EUR", "GBP", "GBp", "JPY")
		g.c.Prices[symbol] = &quoted{code, days(symbol, dense, func() string { return g.price("close") })}
	}
	for _, code := range []string{"EUR", "USD", "GBP", "JPY"} {
		if code == g.c.Base || g.chance(4, code+" without rates") {
			continue
		}
		s := days(code, dense/2, func() string { return g.rate("rate") })
		if !g.chance(4, code+" only later") {
			s[g.first-4] = g.rate("first rate")
		}
		g.c.FX[code] = s
	}
	if g.chance(25, "benchmark") {
		g.c.Benchmark = &closes{days("benchmark", dense, func() string { return fmt.Sprint(rapid.IntRange(50, 150).Draw(g.t, "level")) })}
	}
	if g.chance(20, "risk free") {
		g.c.RiskFree = oneOf(g, "risk free rate", "0.02", "-0.005", "0.1")
	}
}

// period draws what is looked at, sometimes left to the file.
func (g *generator) period(length day) {
	if g.chance(60, "from") {
		from := g.first + day(g.below(int(length)+3, "start")-2)
		g.c.From = &from
	}
	if g.chance(60, "to") {
		from, _ := g.c.period()
		to := from + day(g.below(int(length)+3, "end"))
		g.c.To = &to
	} else if from, to := g.c.period(); to < from {
		g.c.To = &from
	}
}

// shuffle writes the days of the file in another order; within a day the order stays.
func (g *generator) shuffle() {
	if g.chance(80, "in order of days") {
		return
	}
	key := map[day]int{}
	for _, a := range g.c.Activities {
		if _, ok := key[a.Date]; !ok {
			key[a.Date] = g.below(6, "place in file")
		}
	}
	slices.SortStableFunc(g.c.Activities, func(a, b *activity) int { return key[a.Date] - key[b.Date] })
}

func (g *generator) price(label string) string {
	if g.awkward && g.chance(8, "odd price") {
		return oneOf(g, label, "0.000000000000000001", "1000000000000000", "3.141592653589793238462643383279502884197", "0")
	}
	if g.chance(60, "whole price") {
		return fmt.Sprint(rapid.IntRange(1, 200).Draw(g.t, label))
	}
	return plain(big.NewRat(int64(rapid.IntRange(1, 50000).Draw(g.t, label)), 100))
}

func (g *generator) rate(label string) string {
	if g.tidy {
		return oneOf(g, label, "0.5", "0.8", "1.25", "1", "0.64", "1.6")
	}
	return plain(big.NewRat(int64(rapid.IntRange(200, 20000).Draw(g.t, label)), 10000))
}

func (g *generator) money(label string) string {
	if g.awkward && g.chance(10, "odd amount") {
		return oneOf(g, label, "0.000000000000000001", "1000000000000000", "1234567890.123456789012345678901234567891")
	}
	return oneOf(g, label, "1", "2.5", "10", "17.23", "40", "100", "250.5", "1000", "4321.09")
}

func (g *generator) quantity(label string) string {
	if g.awkward && g.chance(10, "odd quantity") {
		return oneOf(g, label, "0.000000000000000001", "1000000000000000", "2.718281828459045235360287471352662497757")
	}
	if g.chance(75, "round quantity") {
		return oneOf(g, label, "1", "2", "4", "5", "8", "10", "16", "20", "25", "50", "100")
	}
	return plain(big.NewRat(int64(rapid.IntRange(1, 4000).Draw(g.t, label)), 40))
}

// part is some of a quantity, above 0, as a decimal; "" where there is none that can be written.
func (g *generator) part(symbol string, of fraction, label string) string {
	of = new(big.Rat).Abs(of)
	if n := g.o.rounds[symbol]; n > 1 || n == 1 && (g.c.Scope == "portfolio" || rounded(of).Cmp(of) != 0) {
		return g.some(of)
	}
	part := of
	if g.chance(70, label+" in part") {
		part = times(of, oneOf(g, label, big.NewRat(1, 2), big.NewRat(1, 4), big.NewRat(3, 4), big.NewRat(1, 10), big.NewRat(9, 10)))
	}
	if places, ok := part.FloatPrec(); ok && places <= 45 {
		return plain(part)
	}
	return g.some(of)
}

// some is a part of what has no end: less than there is, however it was rounded.
func (g *generator) some(of fraction) string {
	text := times(of, big.NewRat(3, 5)).FloatString(3)
	if number(text).Sign() == 0 || number(text).Cmp(of) >= 0 {
		return ""
	}
	return text
}

// currency is sometimes one that the activity names.
func (g *generator) currency(percent int) string {
	if !g.chance(percent, "names its currency") {
		return ""
	}
	return oneOf(g, "currency", "EUR", "USD", "GBP", "GBp", "JPY")
}

// costs gives an activity a fee and a tax, both well under what it is worth.
func (g *generator) costs(a *activity, gross fraction) {
	for _, into := range []*string{&a.Fee, &a.Tax} {
		switch g.below(6, "costs") {
		case 0, 1:
			cost := times(gross, oneOf(g, "share", big.NewRat(1, 100), big.NewRat(1, 8), big.NewRat(3, 10)))
			if places, ok := cost.FloatPrec(); ok && places < 50 {
				*into = plain(cost)
			}
		case 2:
			if flat := "0.37"; !g.tidy && times(number(flat), whole(3)).Cmp(gross) < 0 {
				*into = flat
			}
		}
	}
}

// rated books some activities in other currencies at a rate of their own.
func (g *generator) rated(a *activity) {
	if b := g.o.booked(a); b.currency != g.c.Base && g.chance(30, "booked rate") {
		a.FXRate = g.rate("fx_rate")
		if _, factor := major(a.Currency); a.Currency != "" && factor.Cmp(whole(1)) != 0 {
			a.FXRate = plain(times(number(a.FXRate), factor))
		}
	}
}

// accounts are all there may be; main is the one that is left out.
var accounts = []string{"main", "x", "y", "z"}

func (g *generator) account() string { return oneOf(g, "account", "", "x", "y") }

func (g *generator) symbol() string { return oneOf(g, "symbol", "A", "B", "C") }

// somewhere gives an activity a symbol and an account that mostly hold some of it.
func (g *generator) somewhere(a *activity) {
	var all []place
	for at, q := range g.amounts {
		if q.Sign() != 0 {
			all = append(all, at)
		}
	}
	if len(all) == 0 || g.chance(10, "anywhere") {
		a.Symbol = g.symbol()
		return
	}
	slices.SortFunc(all, func(x, y place) int {
		return cmp.Or(cmp.Compare(x.symbol, y.symbol), cmp.Compare(x.account, y.account))
	})
	at := oneOf(g, "holding", all...)
	a.Symbol, a.Account = at.symbol, at.account
}

// add writes an activity down and does what it does.
func (g *generator) add(a *activity) {
	a.Date = g.on
	g.id++
	a.ID = fmt.Sprintf("n%d", g.id)
	g.c.Activities = append(g.c.Activities, a)
	g.o.meet(a)
	g.count(a)
	g.o.apply(a, len(g.c.Activities)-1)
}

// held is what an account holds of a symbol.
func (g *generator) held(symbol, account string) fraction {
	if q := g.amounts[place{symbol, named(account)}]; q != nil {
		return q
	}
	return whole(0)
}

func named(account string) string {
	if account == "" {
		return "main"
	}
	return account
}

// count keeps what each account holds.
func (g *generator) count(a *activity) {
	change := func(symbol, account string, by fraction) {
		g.amounts[place{symbol, named(account)}] = plus(g.held(symbol, account), by)
	}
	multiplied := func(was fraction) fraction {
		new, old := ratio(a.Ratio)
		return per(times(was, new), old)
	}
	quantity := number(a.Quantity)
	switch a.Type {
	case "buy", "deliver_in":
		change(a.Symbol, a.Account, quantity)
	case "sell", "deliver_out":
		change(a.Symbol, a.Account, negated(quantity))
	case "dividend":
		if a.Reinvest {
			change(a.Symbol, a.Account, quantity)
		}
	case "transfer":
		change(a.Symbol, a.Account, negated(quantity))
		change(a.Symbol, a.ToAccount, quantity)
	case "split", "spin_off", "merger", "rename", "write_off":
		for _, account := range accounts {
			was := g.held(a.Symbol, account)
			if a.Account != "" && a.Account != account {
				continue
			}
			switch a.Type {
			case "split":
				change(a.Symbol, account, minus(multiplied(was), was))
			case "spin_off":
				change(a.ToSymbol, account, multiplied(was))
			case "merger":
				change(a.ToSymbol, account, multiplied(was))
				change(a.Symbol, account, negated(was))
			case "rename":
				change(a.ToSymbol, account, was)
				change(a.Symbol, account, negated(was))
			case "write_off":
				change(a.Symbol, account, negated(was))
			}
		}
	}
}
