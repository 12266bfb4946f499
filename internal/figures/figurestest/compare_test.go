package figurestest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"

	"folioscope/internal/figures"
	"folioscope/internal/money"
)

// exact is a number of figures as a fraction.
func exact(x money.Decimal) fraction {
	n, exponent, narrow := x.Narrow()
	if !narrow || exponent < -18 || exponent > 18 {
		return number(x.String())
	}
	power := int64(1)
	for range max(exponent, -exponent) {
		power *= 10
	}
	if exponent < 0 {
		return big.NewRat(n, power)
	}
	return new(big.Rat).Mul(whole(n), whole(power))
}

func maybe(x money.Maybe) fraction {
	d, ok := x.Get()
	if !ok {
		return nil
	}
	return exact(d)
}

// comparison collects what differs between the oracle and figures.
type comparison struct {
	want        *answer
	differences []string
}

func (c *comparison) differ(format string, args ...any) {
	c.differences = append(c.differences, fmt.Sprintf(format, args...))
}

func show(x fraction) string {
	if x == nil {
		return "null"
	}
	if places, ok := x.FloatPrec(); ok {
		return x.FloatString(places)
	}
	return x.FloatString(40) + "…"
}

// same compares to the last digit, or within 1e-25 of the largest number that took part where the order of rounding shows.
func (c *comparison) same(what string, want, got, scale fraction) {
	switch {
	case (want == nil) != (got == nil):
	case want == nil || want.Cmp(got) == 0:
		return
	case c.want.inexact && near(want, got, scale):
		return
	}
	c.differ("%s: want %s, got %s", what, show(want), show(got))
}

func (c *comparison) amount(what string, want fraction, got money.Maybe) {
	c.same(what, want, maybe(got), c.want.scale)
}

// quotient compares a figure that is a quotient of its own: 34 digits of what is exact.
func (c *comparison) quotient(what string, want fraction, got money.Maybe) {
	g := maybe(got)
	if want != nil && g != nil && rounded(want).Cmp(g) == 0 {
		return
	}
	if c.want.inexact && want != nil && g != nil {
		x, y := double(want), double(g)
		if math.Abs(x-y) <= 1e-9*(1+math.Abs(x)) {
			return
		}
	}
	if want == nil && g == nil {
		return
	}
	c.differ("%s: want %s, got %s", what, show(rounded(want)), show(g))
}

// rate compares doubles.
func (c *comparison) rate(what string, want *float64, got *figures.Float) {
	switch {
	case want == nil && got == nil:
		return
	case want != nil && got != nil && math.Abs(*want-float64(*got)) <= 1e-9*max(1, math.Abs(*want)):
		return
	}
	text := func(x *float64) string {
		if x == nil {
			return "null"
		}
		return fmt.Sprint(*x)
	}
	c.differ("%s: want %s, got %s", what, text(want), text((*float64)(got)))
}

// compare gives what differs.
func compare(want *answer, got figures.Output) []string {
	c := &comparison{want: want}
	c.totals(got)
	c.series(got)
	if want.ambiguous == "" {
		c.positions(got)
		c.disposals(got)
	}
	if !want.rates.doubtful {
		c.rates(got)
	}
	return c.differences
}

func (c *comparison) totals(got figures.Output) {
	t := got.Totals
	for name, x := range map[string]money.Maybe{
		"value": t.Value, "cash": t.Cash, "cost": t.Cost, "unrealised": t.Unrealised, "realised": t.Realised, "income": t.Income, "fees": t.Fees,
		"taxes": t.Taxes, "fx_effect": t.FXEffect, "paid_in": t.PaidIn, "taken_out": t.TakenOut, "value_start": t.ValueStart, "profit": t.Profit,
	} {
		if c.want.ambiguous != "" && (name == "cost" || name == "unrealised" || name == "realised" || name == "fx_effect") {
			continue
		}
		c.amount("totals."+name, c.want.totals[name], x)
	}
	if c.want.ambiguous != "" {
		return
	}
	if d := c.want.totals["difference"]; d != nil && (!got.Identity.Holds || maybe(got.Identity.Difference) == nil) || d == nil && got.Identity.Holds {
		c.differ("identity: holds %v, difference %s, want %s", got.Identity.Holds, got.Identity.Difference, show(d))
	}
}

func (c *comparison) series(got figures.Output) {
	if len(got.Series) != len(c.want.days) {
		c.differ("series of %d days, want %d", len(got.Series), len(c.want.days))
		return
	}
	for i, d := range c.want.days {
		g := got.Series[i]
		where := "series[" + d.on.String() + "]."
		if g.Date.String() != d.on.String() {
			c.differ("%sdate: got %s", where, g.Date)
		}
		c.amount(where+"value", d.value, g.Value)
		c.amount(where+"paid_in", d.in, g.PaidIn)
		c.amount(where+"taken_out", d.out, g.TakenOut)
		if !c.want.rates.doubtful {
			c.rate(where+"twr", d.twr, g.TWR)
			c.rate(where+"drawdown", d.drawdown, g.Drawdown)
		}
	}
}

func (c *comparison) positions(got figures.Output) {
	seen := map[place]bool{}
	for _, g := range got.Positions {
		at := place{g.Symbol, g.Account}
		where := "positions[" + g.Symbol + "," + g.Account + "]."
		want, ok := c.want.positions[at]
		if !ok || seen[at] {
			c.differ("%s is one too many", where)
			continue
		}
		seen[at] = true
		if want.currency != string(g.Currency) {
			c.differ("%scurrency: want %s, got %s", where, want.currency, g.Currency)
		}
		c.same(where+"quantity", want.quantity, exact(g.Quantity), c.want.scaleQuantity)
		for name, pair := range map[string]struct {
			want fraction
			got  money.Maybe
		}{
			"cost": {want.cost, g.Cost}, "cost_base": {want.costBase, g.CostBase}, "value": {want.value, g.Value}, "value_base": {want.valueBase, g.ValueBase},
			"unrealised_base": {want.unrealised, g.UnrealisedBase}, "realised_base": {want.realised, g.RealisedBase}, "income_base": {want.income, g.IncomeBase},
			"fees_base": {want.fees, g.FeesBase}, "taxes_base": {want.taxes, g.TaxesBase}, "price": {want.price, g.Price},
		} {
			c.amount(where+name, pair.want, pair.got)
		}
		if !c.want.mixed {
			c.amount(where+"fx_effect_base", want.fxEffect, g.FXEffectBase)
			c.amount(where+"profit_base", want.profit, g.ProfitBase)
		}
		if made := g.PriceDate; (made == nil) != (want.priceDate == none) || made != nil && made.String() != want.priceDate.String() {
			c.differ("%sprice_date: want %s, got %v", where, want.priceDate, made)
		}
		if want.open {
			c.quotient(where+"average_cost", per(want.cost, want.quantity), g.AverageCost)
		}
		c.lots(where, want, g)
	}
	for at := range c.want.positions {
		if !seen[at] {
			c.differ("positions[%s,%s] is missing", at.symbol, at.account)
		}
	}
}

// lots compares lots by id; pieces of one lot count together.
func (c *comparison) lots(where string, want line, got figures.PositionLine) {
	type piece struct{ quantity, cost fraction }
	all := map[string]piece{}
	var order []string
	for _, l := range want.lots {
		key := l.id + " of " + l.opened.String()
		if _, again := all[key]; !again {
			order = append(order, key)
			all[key] = piece{whole(0), whole(0)}
		}
		all[key] = piece{plus(all[key].quantity, l.quantity), plus(all[key].cost, l.cost)}
	}
	rest := maps.Clone(all)
	var found []string
	for _, l := range got.Lots {
		key := l.ID + " of " + l.Opened.String()
		if _, ok := all[key]; !ok {
			c.differ("%slots: %s is one too many", where, key)
			continue
		}
		if !slices.Contains(found, key) {
			found = append(found, key)
		}
		rest[key] = piece{minus(rest[key].quantity, exact(l.Quantity)), minus(rest[key].cost, maybe(l.Cost))}
		if cost := maybe(l.Cost); cost != nil && !c.want.inexact {
			c.quotient(where+"lots["+key+"].unit_cost", per(cost, exact(l.Quantity)), l.UnitCost)
		}
	}
	if !slices.Equal(order, found) {
		c.differ("%slots: want %v, got %v", where, order, found)
		return
	}
	for key, left := range rest {
		c.same(where+"lots["+key+"].quantity, missing", whole(0), left.quantity, c.want.scaleQuantity)
		missing := whole(0)
		if all[key].cost == nil {
			missing = nil
		}
		c.same(where+"lots["+key+"].cost, missing of "+show(all[key].cost), missing, left.cost, c.want.scale)
	}
}

func (c *comparison) disposals(got figures.Output) {
	if len(got.Disposals) != len(c.want.disposals) {
		c.differ("%d disposals, want %d", len(got.Disposals), len(c.want.disposals))
		return
	}
	// Where one activity disposes of a symbol in several accounts, which comes first is not laid down.
	wanted, found := slices.Clone(c.want.disposals), slices.Clone(got.Disposals)
	slices.SortStableFunc(wanted, func(a, b disposal) int {
		return cmp.Or(cmp.Compare(a.on, b.on), cmp.Compare(a.symbol, b.symbol), cmp.Compare(a.account, b.account))
	})
	slices.SortStableFunc(found, func(a, b figures.Disposal) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Symbol, b.Symbol), cmp.Compare(a.Account, b.Account))
	})
	for i, want := range wanted {
		g := found[i]
		where := fmt.Sprintf("disposals[%d].", i)
		if g.Symbol != want.symbol || g.Account != want.account || g.Date.String() != want.on.String() || string(g.Currency) != want.currency {
			c.differ("%s: got %s %s %s %s, want %s %s %s %s", where, g.Symbol, g.Account, g.Date, g.Currency, want.symbol, want.account, want.on, want.currency)
		}
		c.same(where+"quantity", want.quantity, exact(g.Quantity), c.want.scaleQuantity)
		c.amount(where+"proceeds", want.proceeds, g.Proceeds)
		c.amount(where+"cost", want.cost, g.Cost)
		c.amount(where+"gain", minus(want.proceeds, want.cost), g.Gain)
		c.amount(where+"gain_base", want.gainBase, g.GainBase)
		c.matched(where, want, g)
	}
}

// matched compares the lots that a disposal took; the parts sum to the whole.
func (c *comparison) matched(where string, want disposal, got figures.Disposal) {
	quantity, cost := whole(0), whole(0)
	parts := map[string]fraction{}
	for _, m := range got.Matched {
		quantity, cost = plus(quantity, exact(m.Quantity)), plus(cost, maybe(m.Cost))
		key := m.ID + " of " + m.Opened.String()
		if parts[key] == nil {
			parts[key] = whole(0)
		}
		parts[key] = plus(parts[key], exact(m.Quantity))
	}
	c.same(where+"matched quantities", exact(got.Quantity), quantity, c.want.scaleQuantity)
	c.same(where+"matched costs", maybe(got.Cost), cost, c.want.scale)
	for _, t := range want.matched {
		key := t.id + " of " + t.opened.String()
		if parts[key] == nil {
			c.differ("%smatched: %s is missing", where, key)
			return
		}
		parts[key] = minus(parts[key], t.quantity)
	}
	for key, left := range parts {
		c.same(where+"matched["+key+"].quantity, missing", whole(0), negated(left), c.want.scaleQuantity)
	}
	if want.apart || len(want.matched) != len(got.Matched) {
		return
	}
	for i, t := range want.matched {
		if m := got.Matched[i]; m.ID == t.id {
			c.amount(where+"matched["+t.id+"].cost", t.cost, m.Cost)
		} else {
			c.differ("%smatched: %s comes where %s belongs", where, m.ID, t.id)
		}
	}
}

func (c *comparison) rates(got figures.Output) {
	want, r, k := c.want.rates, got.Returns, got.Risk
	c.quotient("returns.modified_dietz", want.modifiedDietz, r.ModifiedDietz)
	c.quotient("returns.simple", want.simple, r.Simple)
	for name, pair := range map[string]struct {
		want *float64
		got  *figures.Float
	}{
		"returns.twr": {want.twr, r.TWR}, "returns.twr_annualised": {want.annualised, r.TWRAnnualised}, "returns.benchmark_twr": {want.benchmark, r.BenchmarkTWR},
		"returns.excess": {want.excess, r.Excess}, "risk.volatility": {want.volatility, k.Volatility}, "risk.semi_deviation": {want.semiDeviation, k.SemiDeviation},
		"risk.sharpe": {want.sharpe, k.Sharpe}, "risk.sortino": {want.sortino, k.Sortino}, "risk.beta": {want.beta, k.Beta}, "risk.alpha": {want.alpha, k.Alpha},
		"risk.tracking_error": {want.trackingError, k.TrackingError}, "risk.max_drawdown": {want.maxDrawdown, k.MaxDrawdown},
	} {
		if !want.noise || name != "risk.sharpe" && name != "risk.sortino" {
			c.rate(name, pair.want, pair.got)
		}
	}
	if want.maxDrawdown != nil && !want.level {
		for name, pair := range map[string]struct {
			want int
			got  *money.Decimal
		}{"risk.max_drawdown_days": {want.maxDrawdownDays, k.MaxDrawdownDays}, "risk.longest_drawdown_days": {want.longestDays, k.LongestDrawdownDays}} {
			if pair.got == nil || exact(*pair.got).Cmp(whole(int64(pair.want))) != 0 {
				c.differ("%s: want %d, got %v", name, pair.want, pair.got)
			}
		}
	}
	c.internal(r.XIRR)
}

// worthAt is what flows are worth on the first day at a rate, and what their sizes sum to.
func worthAt(flows map[day]fraction, first day, logRate float64) (sum, size float64) {
	for on, amount := range flows {
		x := double(amount) * math.Exp(-logRate*float64(on-first)/365)
		sum, size = sum+x, size+math.Abs(x)
	}
	return sum, size
}

// internal checks an internal rate of return by what it means: each root makes the flows worth nothing, and between roots
// their worth keeps its sign.
func (c *comparison) internal(got figures.XIRR) {
	flows := maps.Clone(c.want.rates.cash)
	maps.DeleteFunc(flows, func(_ day, x fraction) bool { return x.Sign() == 0 })
	signs := map[int]bool{}
	for _, x := range flows {
		signs[x.Sign()] = true
	}
	if len(signs) < 2 {
		if got.Status != "not_meaningful" || got.Rate != nil || len(got.Roots) > 0 {
			c.differ("xirr: %s of flows of one sign", got.Status)
		}
		return
	}
	first := slices.Min(slices.Collect(maps.Keys(flows)))
	for _, root := range got.Roots {
		sum, size := worthAt(flows, first, math.Log1p(float64(root)))
		under, _ := worthAt(flows, first, math.Log(max(1e-12, 1+float64(root)-1e-8)))
		over, _ := worthAt(flows, first, math.Log(1+float64(root)+1e-8))
		if math.Abs(sum) > 1e-6*size && under*over > 0 {
			c.differ("xirr: at the root %v the flows are worth %g of %g", root, sum, size)
		}
	}
	changes, last := 0, 0.0
	for i := range 400 {
		low, high := math.Log(1.0000001e-12), math.Log(0.9999999e6)
		sum, size := worthAt(flows, first, low+(high-low)*float64(i)/399)
		if math.Abs(sum) < 1e-9*size {
			continue
		}
		if sum*last < 0 {
			changes++
		}
		last = sum
	}
	status := map[bool]string{true: "several", false: "ok"}[len(got.Roots) > 1]
	if len(got.Roots) == 0 {
		status = "none"
	}
	if got.Status != status || changes > len(got.Roots) || (len(got.Roots) == 0) != (got.Rate == nil) {
		c.differ("xirr: %s with roots %v, but the worth changes its sign %d times", got.Status, got.Roots, changes)
	}
	if got.Rate != nil && !slices.Contains(got.Roots, *got.Rate) {
		c.differ("xirr: %v is none of the roots %v", *got.Rate, got.Roots)
	}
}
