package engine

import (
	"context"
	"slices"

	"folioscope/internal/alert"
	"folioscope/internal/failpoint"
	"folioscope/internal/ledger"
	"folioscope/internal/notify"
)

// eventOf is what a rule did, with what its owner is told of it.
func (e *Engine) eventOf(r *rule, event alert.Event) Event {
	out := Event{Event: event, ID: e.o.NewID()}
	if event.Kind == alert.EventFired || event.Kind == alert.EventHeldBack {
		e.meters.firings.Add(1)
	}
	if !event.Tell {
		return out
	}
	out.Notice = NoticeOf(&r.Rule, r.names, out.ID, event)
	return out
}

// NoticeOf is what a rule's owner is told of something that it did.
func NoticeOf(r *alert.Rule, names alert.Names, id string, event alert.Event) *notify.Notice {
	c := &r.Condition
	told := &notify.Notice{
		Owner: r.Owner, ID: id, Kind: notify.NoticeAlert, At: event.At, Rule: r.ID, Channels: r.Channels,
		Facts: notify.NoticeFacts{
			Rule: r.Name, Sentence: r.Sentence(names), Kind: c.Kind, Subject: event.Subject, Value: event.Value, Personal: c.Personal(),
			Unit: unitOf(c, names), PortfolioID: string(c.Portfolio), InstrumentID: string(c.Instrument), Text: event.Why,
		},
	}
	if c.Kind.Level() {
		told.Facts.Threshold = &c.Threshold
	}
	return told
}

// settleAll begins to settle whatever waits.
func (e *Engine) settleAll() {
	for o := range e.waiting {
		if !o.busy {
			e.settle(o)
		}
	}
}

// settle settles what waits of one owner.
func (e *Engine) settle(o *owner) {
	p := e.partitions[o.partition]
	flying := slices.Clone(o.changed)
	batch := make([]Settlement, len(flying))
	for i, r := range flying {
		batch[i] = Settlement{Rule: r.ID, Version: r.Version, StandingVersion: r.stored, After: r.standing, Events: r.events}
		r.events, r.dirty = nil, false
	}
	o.busy, o.flying, o.since, o.changed = true, o.since, 0, nil
	delete(e.waiting, o)
	lease := p.lease
	p.settling++
	e.work(&e.settles, func(ctx context.Context) func() {
		failpoint.Reach(failpoint.BeforeSettle)
		settled, err := e.o.Store.SettleAlerts(ctx, lease, o.id, batch)
		failpoint.Reach(failpoint.AfterSettle)
		if err == nil && told(batch, settled) {
			e.inboxChanged(ctx, o.id)
		}
		return func() {
			p.settling--
			if e.owners[o.id] != o {
				return // lost meanwhile
			}
			if err != nil {
				e.failed(o.id, o.flying-1, err)
				return
			}
			e.settled(o, flying, settled)
		}
	})
}

// settled goes on after something was settled. Where a rule was not, another node or its owner changed it: their rules are read again and
// see again what they saw.
func (e *Engine) settled(o *owner, rules []*rule, settled []bool) {
	o.busy = false
	for i, r := range rules {
		if !settled[i] {
			e.meters.conflicts.Add(1)
			e.putAside(o.id, o.flying-1)
			return
		}
		r.stored++
		e.meters.settled.Add(1)
	}
	o.flying = 0
	delete(e.troubled, o.id)
	e.meters.troubled.Store(int64(len(e.troubled)))
	if o.stale {
		o.stale = false
		e.reload(e.partitions[o.partition], []ledger.OwnerID{o.id})
	}
}

// unitOf is what a rule's value and threshold count, as people read it.
func unitOf(c *alert.Condition, names alert.Names) string {
	switch c.Measure() {
	case alert.InPriceCurrency, alert.InBaseCurrency:
		return string(names.Currency)
	case alert.InQuote:
		return string(c.Quote)
	case alert.InPercent:
		return "%"
	default:
		return string(c.Measure()) // points, hours, days or nothing
	}
}
