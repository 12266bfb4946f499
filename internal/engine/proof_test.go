package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// market walk: so many owners have so many rules each on so few instruments that hardly a price is without a crossing.
const (
	walkSeed        = 20261123
	walkOwners      = 20
	walkRules       = 10 // of each owner
	walkInstruments = 16
	crossingsMin    = 10_000
)

// walk makes up rules and prices, and knows what has to be told: by a plain loop that has nothing of the engine.
type walk struct {
	dice   *rand.Rand
	prices [walkInstruments]int64 // in cents
	rules  []*walked
	want   map[string]struct{} // crossings so far
}

// walked is a rule as the plain loop has it.
type walked struct {
	rule             alert.Rule
	instrument       int
	threshold, rearm int64 // in cents
	seen             bool
	armed            bool // of above and below
	high             bool // of crossing: the last price was at the threshold or above
}

func newWalk() *walk {
	w := &walk{dice: rand.New(rand.NewPCG(walkSeed, 1)), want: make(map[string]struct{})}
	for i := range w.prices {
		w.prices[i] = 10_000
	}
	directions := []alert.Direction{alert.Above, alert.Below, alert.Crossing}
	for o := range walkOwners {
		for n := range walkRules {
			r := &walked{instrument: w.dice.IntN(walkInstruments), threshold: 9_700 + w.dice.Int64N(600), armed: true}
			direction := directions[w.dice.IntN(len(directions))]
			r.rearm = r.threshold
			r.rule = price(ledger.OwnerID(fmt.Sprint("owner", o)), alert.RuleID(fmt.Sprint("r", n)), instrument(r.instrument), direction, "1")
			r.rule.Condition.Threshold = money.NewDecimal(r.threshold, -2)
			if direction != alert.Crossing && w.dice.IntN(2) == 0 { // a band before it is armed again
				r.rearm -= map[alert.Direction]int64{alert.Above: 50, alert.Below: -50}[direction]
				rearm := money.NewDecimal(r.rearm, -2)
				r.rule.Condition.Rearm = &rearm
			}
			w.rules = append(w.rules, r)
		}
	}
	return w
}

func instrument(n int) market.InstrumentID { return market.InstrumentID(fmt.Sprint("i", n)) }

// crossed names one crossing.
func crossed(owner ledger.OwnerID, rule alert.RuleID, value money.Decimal, at time.Time) string {
	return fmt.Sprint(owner, " ", rule, " ", value.Reduced(), " ", at.UnixMicro())
}

// step moves every price, and notes what has to be told of it.
func (w *walk) step(at time.Time) map[market.InstrumentID]money.Decimal {
	moved := make(map[market.InstrumentID]money.Decimal, walkInstruments)
	for i := range w.prices {
		w.prices[i] += w.dice.Int64N(301) - 150 - (w.prices[i]-10_000)/20 // comes back, so that it crosses
		moved[instrument(i)] = money.NewDecimal(w.prices[i], -2)
	}
	for _, r := range w.rules {
		p := w.prices[r.instrument]
		fires := false
		switch r.rule.Condition.Direction {
		case alert.Above:
			fires = r.armed && p >= r.threshold
			r.armed = !fires && (r.armed || p < r.rearm)
		case alert.Below:
			fires = r.armed && p <= r.threshold
			r.armed = !fires && (r.armed || p > r.rearm)
		case alert.Crossing:
			high := p >= r.threshold
			fires = r.seen && high != r.high
			r.high = high
		}
		r.seen = true
		if fires {
			w.want[crossed(r.rule.Owner, r.rule.ID, money.NewDecimal(p, -2), at)] = struct{}{}
		}
	}
	return moved
}

// tally holds what was told against what had to be. What is told and wasn't due counts as doubled.
func (w *walk) tally(world *world) (missed, doubled int) {
	told := make(map[string]int)
	for o := range walkOwners {
		for _, n := range world.told(ledger.OwnerID(fmt.Sprint("owner", o))) {
			told[crossed(n.Owner, n.Rule, *n.Facts.Value, n.At)]++
		}
	}
	for crossing := range w.want {
		if told[crossing] == 0 {
			missed++
		}
		told[crossing]--
	}
	for _, n := range told {
		doubled += max(n, 0)
	}
	return missed, doubled
}

// prepare makes the people and their rules.
func (w *walk) prepare(world *world) {
	for o := range walkOwners {
		world.user(ledger.OwnerID(fmt.Sprint("owner", o)))
	}
	for _, r := range w.rules {
		world.rule(r.rule)
	}
}

// settled waits until all that is due was told, and says what was missed and doubled.
func (w *walk) settled(world *world) (missed, doubled int) {
	for range 60 {
		if missed, doubled = w.tally(world); missed == 0 {
			break
		}
		time.Sleep(10 * interval)
	}
	return missed, doubled
}

func TestNoCrossingIsMissedOrDoubled(t *testing.T) {
	onEach(t, func(t *testing.T, world *world) {
		w := newWalk()
		w.prepare(world)
		world.start("one")
		began, steps := time.Now(), 0
		for ; len(w.want) < crossingsMin; steps++ {
			at := began.Add(time.Duration(steps) * time.Second)
			world.accept(at, w.step(at))
		}
		missed, doubled := w.settled(world)
		t.Logf("without faults: %d crossings in %d prices, %d missed, %d doubled; %s", len(w.want), steps*walkInstruments, missed, doubled, time.Since(began).Round(time.Millisecond))
		if missed != 0 || doubled != 0 {
			t.Errorf("%d missed, %d doubled", missed, doubled)
		}
	})
}
