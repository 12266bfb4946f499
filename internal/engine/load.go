package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// loaded is what a worker read of one owner.
type loaded struct {
	id    ledger.OwnerID
	rules []loadedRule
	zone  *time.Location
	err   error
}

// loadedRule is a rule as the store has it, with where what it has to see begins.
type loadedRule struct {
	alert.Kept
	names      alert.Names
	past       []market.Bar
	expression *alert.Expression
	start      int64
	base       map[market.InstrumentID]market.Quote // the prices at start
}

// pass is what a worker read of the quotes' journal for the rules of some owners.
type pass struct {
	owners      []loaded
	instruments map[market.InstrumentID]market.Instrument
	quotes      []Quote // of these
	end         int64   // how far the journal was read
}

// reload loads owners whose rules changed. Who is just read or settled is read again after that.
func (e *Engine) reload(p *partition, ids []ledger.OwnerID) {
	var now []ledger.OwnerID
	for _, id := range ids {
		switch o, t := e.owners[id], e.troubled[id]; {
		case o != nil && o.busy:
			o.stale = true
		case o == nil && t != nil:
			t.retryAt = e.o.Now() // perhaps the change mended it
		default:
			now = append(now, id)
		}
	}
	if len(now) > 0 {
		e.load(p, now, p.from)
	}
}

// load reads the rules of owners and what they missed. From is where the replay begins for a rule that was settled before.
func (e *Engine) load(p *partition, ids []ledger.OwnerID, from int64) {
	p.joining++
	for _, id := range ids {
		o := e.owners[id]
		if o == nil {
			o = &owner{id: id, partition: p.lease.Partition, rules: make(map[alert.RuleID]*rule)}
			e.owners[id] = o
		}
		o.busy = true
	}
	e.work(&e.loads, func(ctx context.Context) func() {
		read, err := e.readRules(ctx, ids, from)
		return func() {
			p.joining--
			if e.partitions[p.lease.Partition] != p {
				return // lost meanwhile
			}
			if err == nil && read.end < e.cursor && len(e.recent) > 0 && read.end < e.recent[0].Sequence-1 {
				e.load(p, ids, from) // memory doesn't reach back so far any more
				return
			}
			for i := range read.owners {
				one := &read.owners[i]
				if err != nil || one.err != nil {
					e.failed(one.id, from, cmp.Or(err, one.err))
					continue
				}
				e.takeIn(p, one, &read)
				if o := e.owners[one.id]; o == nil || len(o.changed) == 0 {
					delete(e.troubled, one.id) // else once that is settled
				}
			}
			e.meters.troubled.Store(int64(len(e.troubled)))
			e.meters.rules.Store(int64(e.countRules()))
		}
	})
}

// readRules reads rules with all that they have to see: first the marks, then the journal, so that an instrument of which the journal
// says nothing since a rule began was at its mark then.
func (e *Engine) readRules(ctx context.Context, ids []ledger.OwnerID, from int64) (read pass, err error) {
	read.owners = make([]loaded, len(ids))
	wanted := make(map[market.InstrumentID]struct{})
	first := int64(-1)
	for i, id := range ids {
		one := &read.owners[i]
		one.id = id
		one.err = e.readOwner(ctx, one, from)
		for _, r := range one.rules {
			if r.Rule.Condition.Kind.OfPortfolio() {
				continue // it is valued, from now on
			}
			for _, instrument := range r.Rule.Condition.Wants() {
				wanted[instrument] = struct{}{}
				if first < 0 || r.start < first {
					first = r.start
				}
			}
		}
	}
	instruments := slices.Collect(maps.Keys(wanted))
	if read.instruments, err = e.describe(ctx, instruments); err != nil {
		return read, err
	}
	marks, err := e.o.Store.MarksOf(ctx, instruments)
	if err != nil {
		return read, err
	}
	if read.end, err = e.o.Store.CurrentSequence(ctx); err != nil {
		return read, err
	}
	if first < 0 {
		return read, nil
	}
	for after := first; after < read.end; {
		page, err := e.o.Store.QuotesAfter(ctx, after, quotesPage)
		if err != nil {
			return read, err
		}
		for _, quote := range page {
			if _, ok := wanted[quote.Instrument]; ok && quote.Sequence <= read.end {
				read.quotes = append(read.quotes, quote)
			}
			after = quote.Sequence
		}
		if len(page) < quotesPage {
			break
		}
	}
	return read, e.baselines(ctx, &read, marks)
}

// describe says what instruments are; what the catalogue doesn't know is a rate.
func (e *Engine) describe(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID]market.Instrument, error) {
	found, err := e.o.Store.Instruments(ctx, ids)
	all := make(map[market.InstrumentID]market.Instrument, len(ids))
	for _, id := range ids {
		all[id] = market.Instrument{ID: id, Class: market.FX}
	}
	for _, i := range found {
		all[i.ID] = i
	}
	return all, err
}

// readOwner reads one owner's rules and what is needed to speak of them.
func (e *Engine) readOwner(ctx context.Context, one *loaded, from int64) error {
	kept, err := e.o.Store.Rules(ctx, one.id)
	if err != nil || len(kept) == 0 {
		return err
	}
	if one.zone, err = e.o.Zone(ctx, one.id); err != nil {
		return err
	}
	names, err := e.names(ctx, one.id, kept)
	if err != nil {
		return err
	}
	for i, k := range kept {
		r := loadedRule{Kept: k, names: names[i], start: k.Standing.Through}
		if !fresh(&k) {
			r.start = max(r.start, from)
		}
		if c := &k.Rule.Condition; c.Kind == alert.Change || c.Kind == alert.OffHigh {
			if r.past, err = e.o.Past(ctx, c.Instrument, c.Days); err != nil {
				return err
			}
		}
		if k.Rule.Condition.Kind == alert.Expressed {
			if r.expression, err = alert.Compile(k.Rule.Condition.Expression); err != nil {
				return fmt.Errorf("compile the expression of a rule: %w", err)
			}
		}
		one.rules = append(one.rules, r)
	}
	return nil
}

// fresh says whether a rule was never looked at: it begins with what is so, and has seen nothing since it was made.
func fresh(k *alert.Kept) bool {
	return k.Rule.Condition.Kind.Level() && k.Standing.State == alert.StateInactive && k.Standing.Value == nil
}

// baselines finds the price that each instrument had where its rules begin.
func (e *Engine) baselines(ctx context.Context, read *pass, marks map[market.InstrumentID]market.Mark) error {
	last := make(map[market.InstrumentID]int64) // that the journal names of an instrument
	for _, quote := range read.quotes {
		last[quote.Instrument] = quote.Sequence
	}
	for i := range read.owners {
		for n := range read.owners[i].rules {
			r := &read.owners[i].rules[n]
			if r.Rule.Condition.Kind.OfPortfolio() {
				continue
			}
			r.base = make(map[market.InstrumentID]market.Quote)
			for _, id := range r.Rule.Condition.Wants() {
				if mark, ok := marks[id]; ok && last[id] <= r.start && !mark.MarketTime.IsZero() {
					r.base[id] = mark.Quote
					continue
				}
				quote, err := e.o.Store.LastQuote(ctx, id, r.start)
				if err != nil {
					return err
				}
				if quote != nil {
					r.base[id] = quote.Quote
				}
			}
		}
	}
	return nil
}

// names finds what an owner's rules are about.
func (e *Engine) names(ctx context.Context, owner ledger.OwnerID, kept []alert.Kept) ([]alert.Names, error) {
	var ids []market.InstrumentID
	for i := range kept {
		if id := kept[i].Rule.Condition.Instrument; id != "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	instruments, err := e.o.Store.Instruments(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	portfolios, err := e.o.Store.Portfolios(ctx, owner)
	if err != nil {
		return nil, err
	}
	names := make([]alert.Names, len(kept))
	for i := range kept {
		c := &kept[i].Rule.Condition
		if n := slices.IndexFunc(portfolios, func(p ledger.Portfolio) bool { return p.ID == c.Portfolio }); n >= 0 {
			names[i].Portfolio, names[i].Currency = portfolios[n].Name, portfolios[n].BaseCurrency
		}
		if n := slices.IndexFunc(instruments, func(m market.Instrument) bool { return m.ID == c.Instrument }); n >= 0 {
			names[i].Instrument = cmp.Or(instruments[n].Name, instruments[n].Symbol)
			if c.Kind.OfPrices() {
				names[i].Currency = instruments[n].Currency
			}
		}
	}
	return names, nil
}

// takeIn puts an owner's rules in place of what was known of them. A rule that stands in the store as it was settled from here goes on as
// it stands in memory; every other one sees what it missed.
func (e *Engine) takeIn(p *partition, one *loaded, read *pass) {
	o := e.owners[one.id]
	o.busy, o.zone = false, one.zone
	kept := make(map[alert.RuleID]struct{}, len(one.rules))
	for i := range one.rules {
		found := &one.rules[i]
		kept[found.Rule.ID] = struct{}{}
		known := o.rules[found.Rule.ID]
		if known != nil && known.stored == found.StandingVersion {
			known.Rule, known.names = found.Rule, found.names
			e.renew(known, found.past)
			continue
		}
		if known != nil {
			e.drop(known)
		}
		r := &rule{Rule: found.Rule, owner: o, names: found.names, standing: found.Standing, stored: found.StandingVersion, prices: found.base, expression: found.expression}
		r.begin(found.past)
		o.rules[found.Rule.ID] = r
		e.list(r, read.instruments)
		e.catchUp(r, found.start, read)
		e.place(r)
	}
	for id, r := range o.rules {
		if _, ok := kept[id]; !ok {
			e.drop(r)
		}
	}
	switch {
	case o.stale:
		o.stale = false
		e.reload(p, []ledger.OwnerID{o.id})
	case len(o.rules) == 0:
		e.forget(o)
	}
}

// firstLook is when a rule is looked at for the first time: now, or when the first price came that it missed. The one before was no older than
// that when it was replaced, however late the rule was read.
func (e *Engine) firstLook(r *rule, start int64, read *pass) time.Time {
	now := e.o.Now()
	for _, missed := range [][]Quote{read.quotes, e.recent} {
		for i := range missed {
			if q := &missed[i]; q.Sequence > start && r.wants(q.Instrument) && q.ObservedAt.Before(now) {
				return q.ObservedAt
			}
		}
	}
	return now
}

// catchUp shows a rule what it missed, in order: the prices where it begins, the journal as far as it was read for it, and what came since.
func (e *Engine) catchUp(r *rule, start int64, read *pass) {
	if r.Condition.Kind.OfPortfolio() || !r.Condition.Kind.Level() {
		return
	}
	if fresh(&alert.Kept{Rule: r.Rule, Standing: r.standing}) {
		e.look(r, e.firstLook(r, start, read), 0)
	}
	see := func(quotes []Quote, after int64) {
		for i := range quotes {
			if quotes[i].Sequence > after && r.wants(quotes[i].Instrument) {
				e.step(r, &quotes[i])
			}
		}
	}
	see(read.quotes, start)
	see(e.recent, max(read.end, start))
}
