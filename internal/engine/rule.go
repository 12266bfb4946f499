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
	looking   bool  // for occurrences
	since     int64 // the first sequence that something waits from to be settled; 0 for none
	flying    int64 // the same of what is being settled
	changed   []*rule
}

// rule is one in memory. Its standing may be ahead of the store's by what waits to be settled.
type rule struct {
	alert.Rule
	owner      *owner
	names      alert.Names
	expression *alert.Expression // of a rule that has one
	standing   alert.Standing
	stored     int64 // the version of the standing in the store that this one goes on from
	prices     map[market.InstrumentID]market.Quote
	past       []market.Bar // of a change or a fall from a high, see alert.Condition.Reference
	day        market.Date  // that past is as of
	unseen     []*Quote     // of a later day, until past is
	events     []Event      // to be settled
	dirty      bool         // in owner.changed

	ref    alert.Ref
	placed bool // at watch among the thresholds of its instrument
	watch  alert.Watch
	listed []*listing // of the prices that it goes by
}

// listing is what an instrument's prices concern.
type listing struct {
	instrument market.Instrument
	price      market.Quote     // the newest that is known here, with when its source said it last
	stale      bool             // as time was let go by last
	thresholds alert.Thresholds // of its price
	rules      []*rule          // that every price changes the value of: changes, falls, rates
	last       *Quote           // nil before the first
	count      int              // of rules in all, those that wait for nothing any more too
}

// wants says whether an instrument's price is part of a rule's value.
func (r *rule) wants(id market.InstrumentID) bool {
	return slices.ContainsFunc(r.listed, func(l *listing) bool { return l.instrument.ID == id })
}

// subject is the name of what a rule is about.
func (r *rule) subject() string { return cmp.Or(r.names.Instrument, r.names.Portfolio) }

// list has a rule see what changes it from now on. instruments are those that it wants.
func (e *Engine) list(r *rule, instruments map[market.InstrumentID]market.Instrument) {
	switch {
	case r.Condition.Kind.OfPortfolio():
		e.watch(r)
		return
	case !r.Condition.Kind.Level():
		return
	}
	if n := len(e.free); n > 0 {
		r.ref, e.free = e.free[n-1], e.free[:n-1]
		e.refs[r.ref] = r
	} else {
		r.ref = alert.Ref(len(e.refs))
		e.refs = append(e.refs, r)
	}
	for _, id := range r.Condition.Wants() {
		l := e.listed[id]
		if l == nil {
			l = &listing{}
			e.listed[id] = l
		}
		l.instrument = instruments[id]
		if base := r.prices[id]; base.ObservedAt.After(l.price.ObservedAt) {
			l.price = base
		}
		l.count++
		r.listed = append(r.listed, l)
		if r.Condition.Kind != alert.Price {
			l.rules = append(l.rules, r)
		}
	}
	e.place(r)
}

// place puts the level that a rule of a price waits for among those of its instrument.
func (e *Engine) place(r *rule) {
	if r.Condition.Kind != alert.Price {
		return
	}
	l := e.listed[r.Condition.Instrument]
	if r.placed {
		l.thresholds.Remove(r.ref, r.watch)
	}
	if r.watch, r.placed = r.Watch(r.standing); r.placed {
		l.thresholds.Put(r.ref, r.watch)
	}
}

// drop forgets a rule.
func (e *Engine) drop(r *rule) {
	delete(r.owner.rules, r.ID)
	if r.dirty {
		r.owner.changed = slices.DeleteFunc(r.owner.changed, func(other *rule) bool { return other == r })
	}
	switch {
	case r.Condition.Kind.OfPortfolio():
		e.unwatch(r)
		return
	case !r.Condition.Kind.Level():
		return
	}
	for _, l := range r.listed {
		if r.placed {
			l.thresholds.Remove(r.ref, r.watch)
		}
		l.rules = slices.DeleteFunc(l.rules, func(other *rule) bool { return other == r })
		if l.count--; l.count == 0 {
			delete(e.listed, l.instrument.ID)
		}
	}
	e.refs[r.ref] = nil
	e.free = append(e.free, r.ref)
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

// cross shows a price to all rules that it can change.
func (e *Engine) cross(l *listing, quote *Quote) {
	l.last, l.price = quote, quote.Quote
	e.crossed = l.thresholds.Cross(quote.Price, e.crossed[:0])
	for _, ref := range e.crossed {
		e.refs[ref].placed = false
	}
	for _, ref := range e.crossed {
		e.step(e.refs[ref], quote)
		e.place(e.refs[ref])
	}
	for _, r := range l.rules {
		e.step(r, quote)
	}
}

// sight is what a rule of prices is worked out from.
func (r *rule) sight() (s alert.Sight) {
	c := &r.Condition
	if quote, ok := r.prices[c.Instrument]; ok {
		s.Price, s.Reference = &quote.Price, r.Condition.Reference(quote.Price, market.DateOf(quote.MarketTime.UTC()), r.past)
	}
	s.Rates = make(alert.Rates)
	for _, currency := range [...]money.Currency{c.Base, c.Quote} {
		if quote, ok := r.prices[market.RateID(currency)]; ok {
			s.Rates[currency] = quote.Price
		}
	}
	return s
}

// step shows a rule an accepted price.
func (e *Engine) step(r *rule, quote *Quote) {
	if quote.Sequence <= r.standing.Through {
		return
	}
	r.prices[quote.Instrument] = quote.Quote
	if r.outdated(&quote.Quote) {
		if r.unseen == nil {
			e.reload(e.partitions[r.owner.partition], []ledger.OwnerID{r.Owner})
		}
		r.unseen = append(r.unseen, quote)
		return
	}
	r.remember(&quote.Quote)
	e.look(r, quote.ObservedAt, quote.Sequence)
}

// renew gives a rule a newer past, and shows it what waited for that.
func (e *Engine) renew(r *rule, past []market.Bar) {
	r.begin(past)
	unseen := r.unseen
	r.unseen = nil
	for _, quote := range unseen {
		r.day = max(r.day, market.DateOf(quote.MarketTime.UTC()))
		e.step(r, quote)
	}
}

func (e *Engine) look(r *rule, at time.Time, sequence int64) {
	why, since := e.stale(r, at)
	seen := alert.Observation{Missing: why}
	if why == "" {
		seen = r.Condition.Observe(r.sight())
	} else if at = since; at.Before(r.standing.Since) {
		at = r.standing.Since
	}
	seen.At, seen.Sequence, seen.Subject = at, sequence, r.subject()
	e.see(r, seen)
}

// see takes a rule on by an observation.
func (e *Engine) see(r *rule, seen alert.Observation) {
	after, events := r.Rule.Step(r.standing, seen, r.owner.zone)
	e.take(r, after, events, cmp.Or(seen.Sequence, e.cursor))
}

// tick takes all rules on by time alone. What is told daily is told with the price of now.
func (e *Engine) tick() {
	now := e.o.Now()
	for _, o := range e.owners {
		for _, r := range o.rules {
			before := r.standing
			if l := e.listed[r.Condition.Instrument]; r.Repeat == alert.RepeatDaily && r.standing.State == alert.StateFiring && l != nil && l.last != nil {
				e.step(r, l.last)
			}
			after, events := r.Rule.Tick(r.standing, now, o.zone)
			e.take(r, after, events, e.cursor)
			if r.standing != before {
				e.place(r)
			}
		}
	}
}

// take notes how a rule stands, and that it has to be settled where more than its value changed. A replay from before sequence comes to
// the same.
func (e *Engine) take(r *rule, after alert.Standing, events []alert.Event, sequence int64) {
	before := r.standing
	r.standing = after
	looked := before.Value == nil && after.Value != nil
	before.Value, before.ValueAt, before.Through = after.Value, after.ValueAt, after.Through
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
