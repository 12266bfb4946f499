package simulation

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/engine"
	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/notify"
)

const (
	rulesAtFirst   = 5               // of each person
	engineInterval = 3 * time.Minute // between claims: slower than it is, as ticks of prices are apart
)

// madeRule is a rule that a person made, and what the journal of prices had come to.
type madeRule struct {
	rule    alert.Rule
	through int64
	sure    bool // nothing was accepted while it was made
	deleted bool
}

// evaluate runs the engine of a node.
func (n *node) evaluate(hints plug) {
	e := engine.New(engine.Options{
		Store: n.cable, Bus: hints, Node: n.name, MayOwn: n.cluster.MayOwn, Now: n.now, Sessions: n.world.exchange.calendar, Log: slog.New(slog.DiscardHandler), Interval: engineInterval,
		NewID: n.newID("notice"), Portfolios: noPortfolios{},
		Past: func(context.Context, market.InstrumentID, int) ([]market.Bar, error) { return nil, nil },
		Zone: func(context.Context, ledger.OwnerID) (*time.Location, error) { return time.UTC, nil },
	})
	n.work.Go(func() {
		if err := e.Run(n.ctx); err != nil {
			n.world.violated("%s: the engine ended with %v", n.name, err)
		}
	})
}

// newID gives ids that no other life of a node gives.
func (n *node) newID(what string) func() string {
	var mu sync.Mutex
	count := 0
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		count++
		return strings.ReplaceAll(n.name, " ", "-") + "-" + what + "-" + number(count)
	}
}

// noPortfolios is for rules of prices alone.
type noPortfolios struct{}

// Facts implements engine.Portfolios.
func (noPortfolios) Facts(context.Context, ledger.OwnerID, ledger.PortfolioID, engine.Asked) (engine.Valued, error) {
	return engine.Valued{}, fault.New(fault.NotFound, "there is no such portfolio")
}

// Scene implements engine.Portfolios.
func (noPortfolios) Scene(context.Context, ledger.OwnerID, *alert.Rule) (alert.Scene, error) {
	return alert.Scene{}, nil
}

// newRule makes up a rule of a price.
func (p *person) newRule(r *rand.Rand, id string) alert.Rule {
	threshold := 9_900 + r.Int64N(900)
	rule := alert.Rule{Owner: p.id, ID: alert.RuleID(id), Name: id, Repeat: alert.RepeatEach, Version: 1, CreatedAt: p.world.now(), Condition: alert.Condition{
		Kind: alert.Price, Instrument: pick(r, instruments()).ID, Direction: pick(r, []alert.Direction{alert.Above, alert.Below, alert.Crossing}), Threshold: money.NewDecimal(threshold, -2),
	}}
	if c := &rule.Condition; c.Direction != alert.Crossing && r.IntN(2) == 0 {
		rearm := money.NewDecimal(threshold+map[alert.Direction]int64{alert.Above: -100, alert.Below: 100}[c.Direction], -2)
		c.Rearm = &rearm
	}
	return rule
}

// makeRule has a node keep a rule, again until it is there.
func (p *person) makeRule(r *rand.Rand, id string) {
	w := p.world
	made := &madeRule{rule: p.newRule(r, id)}
	for range attemptsMax {
		n := w.someNode(r)
		if n == nil {
			time.Sleep(retryPause)
			continue
		}
		err := n.createRule(p, made)
		if err == nil || fault.Is(err, fault.Conflict) {
			p.mu.Lock()
			p.rules = append(p.rules, made)
			p.mu.Unlock()
			w.trail.note(w.now(), "%s makes the rule %s: %s %s %s", p.id, id, made.rule.Condition.Instrument, made.rule.Condition.Direction, made.rule.Condition.Threshold)
			return
		}
		if fault.Is(err, fault.TooLarge) {
			return // it is one too many
		}
		w.trail.reached("rule: outcome unknown")
		time.Sleep(between(r, time.Second, retryPause))
	}
	w.violated("%s could not make a rule", p.id)
}

// createRule does what the HTTP side does.
func (n *node) createRule(p *person, made *madeRule) error {
	ctx, cancel := context.WithTimeout(n.ctx, requestMax)
	defer cancel()
	_, err := through(ctx, n.cable, "create rule", string(made.rule.ID), func(ctx context.Context) (struct{}, error) {
		before, errBefore := n.cable.Store.CurrentSequence(ctx)
		w := p.write(audit.AlertCreated, string(made.rule.ID))
		err := n.cable.Store.CreateRule(ctx, made.rule, w)
		if after, errAfter := n.cable.Store.CurrentSequence(ctx); err == nil {
			made.through, made.sure = after, errBefore == nil && errAfter == nil && before == after
		}
		return struct{}{}, err
	})
	if err == nil {
		_ = plug{n.world.wire, n}.Publish(ctx, event.AlertsChangedSubject(p.id), event.AlertsChanged{OwnerID: p.id}.Payload()) // a hint
	}
	return err
}

// dropRule deletes one of the rules that a person has made.
func (p *person) dropRule(r *rand.Rand) {
	w := p.world
	p.mu.Lock()
	made := pick(r, p.rules)
	gone := made.deleted
	made.deleted = true
	p.mu.Unlock()
	if n := w.someNode(r); n != nil && !gone {
		_, err := through(n.ctx, n.cable, "delete rule", string(made.rule.ID), func(ctx context.Context) (struct{}, error) {
			return struct{}{}, n.cable.Store.DeleteRule(ctx, p.id, made.rule.ID, p.write(audit.AlertDeleted, string(made.rule.ID)))
		})
		if err == nil {
			w.trail.reached("rule: deleted")
		}
	}
}

// checkAlerts holds what people were told against the journal of prices: every rule is walked along it by a loop of a few lines.
func (w *world) checkAlerts(ctx context.Context) {
	quotes, err := w.quotes(ctx)
	if err != nil {
		w.violated("the quotes' journal: %v", err)
		return
	}
	for _, p := range w.people {
		told, err := w.toldBy(ctx, p.id)
		if err != nil {
			w.violated("the inbox of %s: %v", p.id, err)
			continue
		}
		for _, made := range p.rules {
			w.checkRule(p, made, quotes, told[made.rule.ID])
			delete(told, made.rule.ID)
		}
		for id, values := range told {
			w.violated("I12: %s was told %v by the rule %s, which they never made", p.id, values, id)
		}
	}
}

// toldBy are the values that each rule of somebody told them, sorted.
func (w *world) toldBy(ctx context.Context, owner ledger.OwnerID) (map[alert.RuleID][]string, error) {
	told := make(map[alert.RuleID][]string)
	for after := (notify.Place{}); ; {
		items, next, err := w.store.Notices(ctx, owner, after, 100)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if item.Facts.Value == nil {
				w.violated("I12: %s was told nothing by %s: %s", owner, item.Rule, item.Facts.Text)
				continue
			}
			told[item.Rule] = append(told[item.Rule], plain(item.Facts.Value))
		}
		if next == (notify.Place{}) {
			for _, values := range told {
				slices.Sort(values)
			}
			return told, nil
		}
		after = next
	}
}

// quotes is the whole journal of prices.
func (w *world) quotes(ctx context.Context) (all []engine.Quote, err error) {
	const page = 1000
	for {
		last := int64(0)
		if n := len(all); n > 0 {
			last = all[n-1].Sequence
		}
		quotes, err := w.store.QuotesAfter(ctx, last, page)
		all = append(all, quotes...)
		if err != nil || len(quotes) < page {
			return all, err
		}
	}
}

// checkRule holds what one rule told against what it had to. A price that was stale when it came is no value for a rule, and what it is
// told of later depends on when it is seen again: such rules are only held to tell nothing that isn't so.
func (w *world) checkRule(p *person, made *madeRule, quotes []engine.Quote, told []string) {
	f := follower{condition: &made.rule.Condition, armed: true}
	sure := made.sure && !made.deleted
	young := func(base *engine.Quote, at time.Time) bool {
		return !w.stale(base, made.rule.CreatedAt) && !w.stale(base, at)
	}
	var due []string
	var base *engine.Quote
	for i := range quotes {
		q := &quotes[i]
		if q.Instrument != made.rule.Condition.Instrument {
			continue
		}
		if q.Sequence <= made.through {
			base = q
			continue
		}
		if base != nil {
			sure = sure && young(base, q.ObservedAt)
			due = f.follow(base, due)
			base = nil
		}
		sure = sure && !w.stale(q, q.ObservedAt)
		due = f.follow(q, due)
	}
	if base != nil {
		sure = sure && young(base, made.rule.CreatedAt)
		due = f.follow(base, due)
	}
	slices.Sort(due)
	if !sure {
		w.trail.reached("rule: held to the truth alone")
		for _, value := range told {
			if !slices.Contains(w.values(quotes, made.rule.Condition.Instrument), value) {
				w.violated("I12: %s was told %s by %s, which was no price", p.id, value, made.rule.ID)
			}
		}
		return
	}
	w.trail.reached("rule: held to every crossing")
	for range due {
		w.trail.reached("a crossing that had to be told")
	}
	w.trail.note(w.now(), "%s was told %d times by %s", p.id, len(told), made.rule.ID)
	if !slices.Equal(told, due) {
		c := &made.rule.Condition
		w.violated("I12: %s was told %v by %s (%s %s %s, after %d), and had to be told %v", p.id, told, made.rule.ID, c.Instrument, c.Direction, c.Threshold, made.through, due)
	}
}

// stale says whether a price is none to go by at a time.
func (w *world) stale(q *engine.Quote, at time.Time) bool {
	return market.StateOf(market.Mark{Quote: q.Quote}, w.instrument(q.Instrument), w.exchange.calendar, at) == market.StateStale
}

// values are the prices that there were.
func (w *world) values(quotes []engine.Quote, id market.InstrumentID) (all []string) {
	for i := range quotes {
		if quotes[i].Instrument == id {
			all = append(all, plain(&quotes[i].Price))
		}
	}
	return all
}

// follower is a rule as a plain loop has it.
type follower struct {
	condition *alert.Condition
	armed     bool // of above and below
	seen      bool
	high      bool // of crossing: the last price was at the threshold or above
}

// follow takes a rule on by a price, and adds what has to be told.
func (f *follower) follow(q *engine.Quote, due []string) []string {
	price, threshold := fraction(q.Price.String()), fraction(f.condition.Threshold.String())
	rearm := threshold
	if f.condition.Rearm != nil {
		rearm = fraction(f.condition.Rearm.String())
	}
	var fires bool
	switch high := price.Cmp(threshold) >= 0; f.condition.Direction {
	case alert.Above:
		fires = f.armed && high
		f.armed = !fires && (f.armed || price.Cmp(rearm) < 0)
	case alert.Below:
		fires = f.armed && price.Cmp(threshold) <= 0
		f.armed = !fires && (f.armed || price.Cmp(rearm) > 0)
	default:
		fires = f.seen && high != f.high
		f.high = high
	}
	f.seen = true
	if fires {
		return append(due, plain(&q.Price))
	}
	return due
}

// ClaimPartitions implements engine.Store.
func (c *cable) ClaimPartitions(ctx context.Context, claim engine.Claim) ([]engine.Lease, error) {
	return through(ctx, c, "claim partitions", "", func(ctx context.Context) ([]engine.Lease, error) { return c.Store.ClaimPartitions(ctx, claim) })
}

// SaveCursors implements engine.Store.
func (c *cable) SaveCursors(ctx context.Context, leases []engine.Lease) error {
	_, err := through(ctx, c, "save cursors", "", func(ctx context.Context) (struct{}, error) { return struct{}{}, c.Store.SaveCursors(ctx, leases) })
	if err == nil {
		c.node.savedCursors()
	}
	return err
}

// SettleAlerts implements engine.Store.
func (c *cable) SettleAlerts(ctx context.Context, lease engine.Lease, owner ledger.OwnerID, all []engine.Settlement) ([]bool, error) {
	return through(ctx, c, "settle", string(owner), func(ctx context.Context) ([]bool, error) {
		settled, err := c.Store.SettleAlerts(ctx, lease, owner, all)
		if err == nil {
			c.world.queue.add(c.world.now(), owner, settled, all)
		}
		if err == nil && slices.Contains(settled, false) {
			c.world.trail.reached("settle: refused, the partition or the rule is another's by now")
		}
		return settled, err
	})
}

// QuotesAfter implements engine.Store.
func (c *cable) QuotesAfter(ctx context.Context, sequence int64, limit int) ([]engine.Quote, error) {
	return through(ctx, c, "quotes", "", func(ctx context.Context) ([]engine.Quote, error) { return c.Store.QuotesAfter(ctx, sequence, limit) })
}

// Rules implements engine.Store.
func (c *cable) Rules(ctx context.Context, owner ledger.OwnerID) ([]alert.Kept, error) {
	return through(ctx, c, "rules", string(owner), func(ctx context.Context) ([]alert.Kept, error) { return c.Store.Rules(ctx, owner) })
}

// ReleasePartitions implements engine.Store. Whoever is dead gives nothing back.
func (c *cable) ReleasePartitions(ctx context.Context, node string) error {
	_, err := through(ctx, c, "release partitions", "", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.Store.ReleasePartitions(ctx, node)
	})
	return err
}
