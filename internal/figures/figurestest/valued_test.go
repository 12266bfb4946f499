package figurestest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// solveValued works out a case of which only flows and the worth of the whole are known.
func solveValued(c *caseFile) *answer {
	o := newOracle(c)
	out := &answer{positions: map[place]line{}, totals: map[string]fraction{}, scale: whole(1), scaleQuantity: whole(1)}
	out.from, out.to = c.period()
	first := out.from
	for _, a := range c.Activities {
		first = min(first, a.Date)
	}
	for _, v := range c.Valuations {
		first = min(first, v.Date)
	}
	value, start := whole(0), whole(0)
	for on := first; on <= out.to; on++ {
		if on == out.from {
			start = value
		}
		d := dayLine{on: on, in: whole(0), out: whole(0)}
		for _, a := range c.Activities {
			if a.Date != on {
				continue
			}
			if b := o.booked(a); b.gross.Sign() > 0 {
				d.in = plus(d.in, b.base(b.gross))
			} else {
				d.out = plus(d.out, b.base(negated(b.gross)))
			}
		}
		value = minus(plus(value, d.in), d.out)
		for _, v := range c.Valuations {
			if v.Date == on {
				value, d.priced = number(v.Value), true
			}
		}
		if d.value = value; on >= out.from {
			out.days = append(out.days, d)
		}
	}
	t := out.totals
	t["value_start"], t["value"], t["paid_in"], t["taken_out"] = start, value, whole(0), whole(0)
	for _, d := range out.days {
		t["paid_in"], t["taken_out"] = plus(t["paid_in"], d.in), plus(t["taken_out"], d.out)
	}
	t["profit"] = minus(plus(value, t["taken_out"]), plus(start, t["paid_in"]))
	t["difference"] = minus(t["profit"], t["profit"])
	out.work(c, start)
	return out
}

// drawValued draws a case with valuations and external flows.
func drawValued(t *rapid.T) *caseFile {
	g := &generator{t: t, c: &caseFile{Base: "EUR", Prices: map[string]*quoted{}, FX: map[string]series{}, Series: true}, first: 18262}
	g.tidy = g.chance(50, "tidy")
	length := day(1 + g.below(60, "length"))
	g.market(length)
	g.c.Prices = nil
	for range g.below(8, "flows") {
		a := &activity{Type: "external", Date: g.first + day(g.below(int(length), "day")), Amount: g.money("amount"), Currency: g.currency(20)}
		if g.chance(40, "taken out") {
			a.Amount = "-" + a.Amount
		}
		g.c.Activities = append(g.c.Activities, a)
	}
	for on := g.first; on < g.first+length; on++ {
		if g.chance(40, "valued") || on == g.first {
			g.c.Valuations = append(g.c.Valuations, worth{on, g.money("value")})
		}
	}
	g.period(length)
	return g.c
}

// Figures of portfolios of which only the worth is known agree with the oracle too.
func TestValuations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawValued(t)
		got, err := evaluate(c)
		if err != nil {
			t.Fatalf("refused: %v\n%s", err, c)
		}
		if differences := compare(solveValued(c), got); len(differences) > 0 {
			t.Fatalf("%s\n%s", strings.Join(differences[:min(12, len(differences))], "\n"), c)
		}
	})
}
