package figurestest

import (
	"cmp"
	"math/big"
)

// kinds are what a step can be, common ones more often.
var kinds = []string{
	"buy", "buy", "buy", "buy", "buy", "sell", "sell", "sell", "sell", "sell", "deliver_in", "deliver_out", "deliver_out", "transfer", "transfer", "deposit", "withdrawal",
	"dividend", "dividend", "interest", "fee", "tax", "cash_transfer", "split", "split", "spin_off", "merger", "return_of_capital", "rename", "write_off",
}

// step adds one activity; where what was drawn can't happen it is a purchase, and where that can't either, none.
func (g *generator) step() {
	kind := oneOf(g, "type", kinds...)
	a := &activity{Type: kind, Account: g.account()}
	ok := false
	switch kind {
	case "sell", "deliver_out":
		ok = g.reduce(a)
	case "transfer":
		ok = g.moves(a)
	case "deposit", "withdrawal":
		ok = g.o.tracked // else the file would turn into one with cash
		a.Amount, a.Currency = g.money("amount"), g.currency(40)
		g.aside(a)
		g.rated(a)
	case "dividend":
		ok = g.pays(a)
	case "interest":
		ok = true
		a.Amount, a.Currency = g.money("amount"), g.currency(30)
		if g.chance(25, "paid") {
			a.Amount = "-" + a.Amount
		} else {
			g.costs(a, number(a.Amount))
		}
		g.rated(a)
	case "fee", "tax":
		ok = true
		a.Amount, a.Currency, a.Refund = g.money("amount"), g.currency(30), g.chance(30, "refund")
		if g.chance(30, "of a symbol") {
			a.Symbol = g.symbol()
		}
		g.rated(a)
	case "cash_transfer":
		ok = true
		a.Amount, a.Currency, a.ToAccount = g.money("amount"), oneOf(g, "from currency", g.c.Base, "GBP"), oneOf(g, "to", "z", "x")
		if g.chance(60, "exchanged") {
			a.ToCurrency, a.ToAmount = oneOf(g, "to currency", "USD", "EUR", "GBp"), g.money("to_amount")
		}
		if to, _ := major(a.ToCurrency); a.ToAccount == a.Account && (to == "" || to == a.Currency) {
			a.ToAccount = "y"
		}
		g.aside(a)
	case "split", "spin_off", "merger", "rename", "write_off", "return_of_capital":
		ok = g.acts(a)
	}
	if !ok {
		a = &activity{Type: "buy", Account: a.Account}
		if kind == "deliver_in" {
			a.Type = kind
		}
		if !g.adds(a) {
			return
		}
	}
	g.add(a)
}

// aside gives an activity that is no trade a small fee or tax now and then.
func (g *generator) aside(a *activity) {
	if g.chance(20, "with a fee") {
		a.Fee = oneOf(g, "fee", "1", "0.5", "2.25")
	}
	if g.chance(10, "with a tax") {
		a.Tax = oneOf(g, "tax", "1", "0.4")
	}
}

// trades gives a trade its money.
func (g *generator) trades(a *activity) {
	a.Currency = g.currency(15)
	if g.chance(80, "by price") {
		a.Price = g.price("price")
	} else {
		a.Amount = plain(times(number(a.Quantity), number(g.price("price"))))
	}
	gross := number(a.Amount)
	if a.Amount == "" {
		gross = times(number(a.Quantity), number(a.Price))
	}
	if places, _ := gross.FloatPrec(); places > 55 && a.Amount != "" {
		a.Amount, gross = "1", whole(1)
	}
	g.costs(a, gross)
	g.rated(a)
}

// adds buys or has delivered, a purchase against a short position too.
func (g *generator) adds(a *activity) bool {
	a.Symbol = g.symbol()
	lots := g.o.positions[g.o.at(a.Symbol, named(a.Account))]
	short := len(lots) > 0 && lots[0].quantity.Sign() < 0
	if short && a.Type == "deliver_in" {
		return false // not laid down
	}
	if g.opposed(a, -1) {
		return false
	}
	a.Quantity = g.quantity("quantity")
	switch {
	case short && g.chance(60, "covers"):
		if part := g.part(a.Symbol, quantityOf(lots), "cover"); part != "" {
			a.Quantity = part
		}
	case g.tidy && g.c.Method == "average" && !short:
		// Up to a total whose quotients have an end.
		for _, total := range []int64{1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 100, 200, 500, 1000} {
			if missing := minus(whole(total), quantityOf(lots)); missing.Sign() > 0 {
				if _, ok := missing.FloatPrec(); ok {
					a.Quantity = plain(missing)
					break
				}
			}
		}
	}
	g.trades(a)
	return true
}

// opposed says whether a symbol that can't be valued is held with this sign in another account. Whether what cancels out needs a
// value is not laid down.
func (g *generator) opposed(a *activity, sign int) bool {
	if p, _ := g.o.price(a.Symbol, g.on); p != nil && g.o.rate(g.o.units[a.Symbol], g.on) != nil {
		return false
	}
	for at, q := range g.amounts {
		if at.symbol == a.Symbol && at.account != named(a.Account) && q.Sign() == sign {
			return true
		}
	}
	return false
}

// reduce sells or delivers out, and sometimes sells what isn't there.
func (g *generator) reduce(a *activity) bool {
	g.somewhere(a)
	own := g.held(a.Symbol, a.Account)
	lots := g.o.positions[g.o.at(a.Symbol, named(a.Account))]
	all := quantityOf(lots)
	switch {
	case all.Sign() > 0 && a.Type == "sell" && g.c.Method != "specific" && !g.opposed(a, 1) && g.chance(8, "through zero"):
		if places, ok := all.FloatPrec(); !ok || places > 20 || g.o.rounds[a.Symbol] > 0 {
			return false
		}
		a.Quantity = plain(plus(all, number(g.quantity("beyond"))))
	case all.Sign() > 0:
		most := all
		if a.Type == "deliver_out" || g.chance(70, "own") {
			if own.Sign() <= 0 {
				return false
			}
			most = smaller(own, all)
		}
		if a.Quantity = g.part(a.Symbol, most, "sold"); a.Quantity == "" || !g.choose(a, lots) {
			return false
		}
	case a.Type == "sell" && !g.opposed(a, 1) && g.chance(35, "short"):
		a.Quantity = g.quantity("short quantity")
	default:
		return false
	}
	g.trades(a)
	return true
}

// choose names lots under specific, from the last to the first or the other way round.
func (g *generator) choose(a *activity, lots []*lot) bool {
	if g.c.Method != "specific" {
		return true
	}
	left, at := number(a.Quantity), map[string]int{}
	backwards := g.chance(50, "newest first")
	for i := range lots {
		l := lots[i]
		if backwards {
			l = lots[len(lots)-1-i]
		}
		part := smaller(left, l.quantity)
		if g.chance(30, "a part of the lot") {
			part = smaller(left, times(l.quantity, big.NewRat(1, 2)))
		}
		if g.o.rounds[a.Symbol] > 0 {
			part = smaller(left, number(g.some(l.quantity)))
		}
		if places, ok := part.FloatPrec(); !ok || places > 50 {
			continue
		}
		if part.Sign() <= 0 {
			break
		}
		left = minus(left, part)
		if n, twice := at[l.id]; twice {
			a.Lots[n].Quantity = plain(plus(number(a.Lots[n].Quantity), part))
			continue
		}
		at[l.id] = len(a.Lots)
		a.Lots = append(a.Lots, chosen{l.id, plain(part)})
	}
	if len(a.Lots) == 0 {
		return false
	}
	a.Quantity = plain(minus(number(a.Quantity), left))
	return true
}

// moves transfers to another account.
func (g *generator) moves(a *activity) bool {
	g.somewhere(a)
	a.ToAccount = oneOf(g, "to account", "x", "y", "z", "main")
	own := g.held(a.Symbol, a.Account)
	lots := g.o.positions[g.o.at(a.Symbol, named(a.Account))]
	if a.ToAccount == named(a.Account) || own.Sign() <= 0 || quantityOf(lots).Cmp(own) < 0 || g.held(a.Symbol, a.ToAccount).Sign() < 0 {
		return false
	}
	if to := g.o.positions[g.o.at(a.Symbol, a.ToAccount)]; len(to) > 0 && to[0].quantity.Sign() < 0 {
		return false
	}
	a.Quantity = g.part(a.Symbol, own, "moved")
	g.aside(a)
	return a.Quantity != "" && g.choose(a, lots)
}

func (g *generator) pays(a *activity) bool {
	g.somewhere(a)
	own := g.held(a.Symbol, a.Account)
	all := quantityOf(g.o.positions[g.o.at(a.Symbol, named(a.Account))])
	if own.Sign() != all.Sign() {
		return false // whose it is in scope portfolio is not laid down
	}
	a.Amount, a.Currency = g.money("amount"), g.currency(20)
	if own.Sign() >= 0 {
		g.costs(a, number(a.Amount))
		if a.Reinvest = g.chance(30, "reinvested"); a.Reinvest {
			a.Quantity = g.quantity("reinvested quantity")
		}
	}
	g.rated(a)
	return true
}

// acts draws a corporate action on what somebody holds.
func (g *generator) acts(a *activity) bool {
	g.somewhere(a)
	own, long, short := g.held(a.Symbol, a.Account), 0, 0
	holders, owing := 0, 0
	for at, lots := range g.o.positions {
		if at.symbol == a.Symbol && lots[0].quantity.Sign() > 0 {
			long++
		} else if at.symbol == a.Symbol {
			short++
		}
	}
	for at, q := range g.amounts {
		if at.symbol == a.Symbol && q.Sign() != 0 {
			holders++
			if (q.Sign() > 0) != (long > 0) {
				owing++ // one account sold what another holds
			}
		}
	}
	if a.Type == "return_of_capital" {
		all := quantityOf(g.o.positions[g.o.at(a.Symbol, named(a.Account))])
		if own.Sign() == 0 || own.Sign() != all.Sign() {
			return false
		}
		a.Amount = g.money("amount")
		if g.tidy && g.chance(70, "of the quantity") {
			if places, ok := all.FloatPrec(); ok && places < 30 {
				a.Amount = plain(new(big.Rat).Abs(times(all, oneOf(g, "of each", big.NewRat(1, 2), whole(1), whole(30)))))
			}
		}
		a.Currency = g.currency(10)
		g.aside(a)
		g.rated(a)
		return true
	}
	if long+short == 0 || long > 0 && short > 0 {
		return false
	}
	// Splits of one account alone would leave open what the price of the others means.
	if a.Account = ""; holders == 1 && g.c.Scope == "account" && g.chance(30, "named account") {
		for _, account := range accounts {
			if g.held(a.Symbol, account).Sign() != 0 {
				a.Account = account
			}
		}
	}
	g.aside(a)
	if a.Type == "split" || a.Type == "spin_off" || a.Type == "merger" {
		a.Ratio = oneOf(g, "ratio", "2:1", "5:1", "1:2", "5:4", "1:10", "5:2")
		if !g.tidy {
			a.Ratio = oneOf(g, "untidy ratio", a.Ratio, "3:1", "3:2", "1:3", "7:6")
		}
	}
	switch a.Type {
	case "split":
		return g.splits(a, holders)
	case "spin_off":
		a.CostShare = oneOf(g, "cost_share", "0.2", "0.5", "0.125", "0", "1")
		return g.becomes(a, long > 0, oneOf(g, "to_symbol", "S", "T", "A", "C"))
	case "merger":
		if owing == 0 && g.chance(60, "with cash") {
			a.Amount = g.money("amount")
			if g.tidy {
				a.Amount = "0"
				for at, lots := range g.o.positions {
					if at.symbol == a.Symbol {
						a.Amount = plain2(plus(number(a.Amount), new(big.Rat).Abs(quantityOf(lots))), a.Amount)
					}
				}
			}
			a.Currency = g.currency(10)
			g.rated(a)
		}
		return g.becomes(a, long > 0, oneOf(g, "to_symbol", "S", "T", "B", "C"))
	case "rename":
		return g.becomes(a, long > 0, oneOf(g, "to_symbol", "S", "T", "A", "B"))
	}
	return true
}

// splits books a split for all accounts, or sometimes in each of them apart. Both on one day would leave open what the price of
// the others means.
func (g *generator) splits(a *activity, holders int) bool {
	for _, other := range g.c.Activities {
		if other.Type == "split" && other.Symbol == a.Symbol && other.Date == g.on && other.Account != a.Account {
			return false
		}
	}
	if a.Account != "" || holders < 2 || g.c.Scope == "portfolio" || g.chance(50, "for all accounts") {
		return true
	}
	for _, other := range g.c.Activities {
		if other.Type == "split" && other.Symbol == a.Symbol && other.Date == g.on {
			return false
		}
	}
	var apart []string
	for _, account := range accounts {
		if g.held(a.Symbol, account).Sign() != 0 {
			apart = append(apart, account)
		}
	}
	for _, account := range apart[1:] {
		g.add(&activity{Type: "split", Account: account, Symbol: a.Symbol, Ratio: a.Ratio})
	}
	a.Account = apart[0]
	return true
}

// plain2 is x as a decimal, or what else there is where it has no end.
func plain2(x fraction, other string) string {
	if places, ok := x.FloatPrec(); ok && places < 50 {
		return plain(x)
	}
	return cmp.Or(other, "1")
}

// becomes names the symbol that lots go to, if it is another one and nowhere held the other way round.
func (g *generator) becomes(a *activity, long bool, to string) bool {
	a.ToSymbol = to
	if to == a.Symbol {
		return false
	}
	for at, lots := range g.o.positions {
		if at.symbol == to && (lots[0].quantity.Sign() > 0) != long {
			return false
		}
	}
	for at, q := range g.amounts {
		if at.symbol == to && q.Sign() != 0 && (q.Sign() > 0) != long {
			return false
		}
	}
	return true
}
