package engine

import (
	"cmp"
	"slices"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// owner is somebody with rules, whose changes are settled together and one after another.
type owner struct {
	id        ledger.OwnerID
	partition int
	zone      *time.Location
	rules     map[alert.RuleID]*rule
	busy      bool  // read or settled just now
	stale     bool  // to be read again after that
	since     int64 // the first sequence that something waits from to be settled; 0 for none
	flying    int64 // the same of what is being settled
	changed   []*rule
}

// rule is one in memory. Its standing may be ahead of the store's by what waits to be settled.
type rule struct {
	alert.Rule
	owner    *owner
	names    alert.Names
	standing alert.Standing
	stored   int64 // the version of the standing in the store that this one goes on from
	prices   map[market.InstrumentID]market.Quote
	events   []Event // to be settled
	dirty    bool    // in owner.changed
}

// listing is what an instrument's prices concern.
type listing struct{ rules []*rule }

// wants says whether an instrument's price is part of a rule's value.
func (r *rule) wants(id market.InstrumentID) bool { return slices.Contains(r.Condition.Wants(), id) }

func (e *Engine) list(r *rule) {
	for _, id := range r.Condition.Wants() {
		l := e.listed[id]
		if l == nil {
			l = &listing{}
			e.listed[id] = l
		}
		l.rules = append(l.rules, r)
	}
}

// drop forgets a rule.
func (e *Engine) drop(r *rule) {
	for _, id := range r.Condition.Wants() {
		l := e.listed[id]
		l.rules = slices.DeleteFunc(l.rules, func(other *rule) bool { return other == r })
		if len(l.rules) == 0 {
			delete(e.listed, id)
		}
	}
	delete(r.owner.rules, r.ID)
	if r.dirty {
		r.owner.changed = slices.DeleteFunc(r.owner.changed, func(other *rule) bool { return other == r })
	}
}

// forget drops an owner with all rules.
func (e *Engine) forget(o *owner) {
	for _, r := range o.rules {
		e.drop(r)
	}
	delete(e.waiting, o)
	delete(e.owners, o.id)
}

func (e *Engine) countRules() (n int) {
	for _, o := range e.owners {
		n += len(o.rules)
	}
	return n
}

// value is what a rule of prices looks at, nil with a reason where something isn't known.
func (r *rule) value() (value *money.Decimal, missing string) {
	const noPrice = "There is no price yet."
	c := &r.Condition
	if c.Kind == alert.CurrencyRate {
		rates := make(alert.Rates)
		for _, currency := range [...]money.Currency{c.Base, c.Quote} {
			if quote, ok := r.prices[market.RateID(currency)]; ok {
				rates[currency] = quote.Price
			}
		}
		if value = rates.Cross(c.Base, c.Quote); value == nil {
			return nil, "There is no rate yet."
		}
		return value, ""
	}
	quote, ok := r.prices[c.Instrument]
	if !ok {
		return nil, noPrice
	}
	return &quote.Price, ""
}

// first shows a rule what is so when it begins.
func (e *Engine) first(r *rule) {
	value, missing := r.value()
	e.see(r, alert.Observation{At: e.o.Now(), Value: value, Missing: missing, Subject: r.subject()})
}

// step shows a rule an accepted price.
func (e *Engine) step(r *rule, quote *Quote) {
	if quote.Sequence <= r.standing.Through {
		return
	}
	r.prices[quote.Instrument] = quote.Quote
	value, missing := r.value()
	e.see(r, alert.Observation{At: quote.ObservedAt, Sequence: quote.Sequence, Value: value, Missing: missing, Subject: r.subject()})
}

// see takes a rule on by an observation.
func (e *Engine) see(r *rule, seen alert.Observation) {
	after, events := r.Rule.Step(r.standing, seen, r.owner.zone)
	sequence := seen.Sequence
	if sequence == 0 {
		sequence = e.cursor
	}
	e.take(r, after, events, sequence)
}

// tick takes all rules on by time alone.
func (e *Engine) tick() {
	now := e.o.Now()
	for _, o := range e.owners {
		for _, r := range o.rules {
			after, events := r.Rule.Tick(r.standing, now, o.zone)
			e.take(r, after, events, e.cursor)
		}
	}
}

// take notes how a rule stands, and that it has to be settled where more than its value changed. A replay from before sequence comes to
// the same.
func (e *Engine) take(r *rule, after alert.Standing, events []alert.Event, sequence int64) {
	before := r.standing
	r.standing = after
	looked := before.Value == nil && after.Value != nil
	before.Value, before.Through = after.Value, after.Through
	if before == after && !looked && len(events) == 0 {
		return
	}
	for _, event := range events {
		r.events = append(r.events, e.eventOf(r, event))
	}
	o := r.owner
	if !r.dirty {
		r.dirty = true
		o.changed = append(o.changed, r)
	}
	if sequence = max(sequence, 1); o.since == 0 || sequence < o.since { // a rule that catches up comes to older ones than others did
		o.since = sequence
	}
	e.waiting[o] = struct{}{}
}

// subject is the name of what a rule is about.
func (r *rule) subject() string { return cmp.Or(r.names.Instrument, r.names.Portfolio) }
