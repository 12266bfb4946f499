package engine

import (
	"context"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// occur looks for what happened to owners.
func (e *Engine) occur() {
	for _, o := range e.owners {
		if !o.looking {
			e.occurred(o)
		}
	}
}

func happens(r *rule) bool { return !r.Condition.Kind.Level() && !r.standing.Ended }

// occurred has one owner's rules about that see what happened and they weren't told of.
func (e *Engine) occurred(o *owner) {
	var rules []alert.Rule
	for _, r := range o.rules {
		if happens(r) {
			rules = append(rules, r.Rule)
		}
	}
	if len(rules) == 0 {
		return
	}
	o.looking = true
	seen, zone := make(map[alert.RuleID][]alert.Observation), o.zone
	e.work(&e.values, func(ctx context.Context) func() {
		var failed error
		for i := range rules {
			news, err := e.news(ctx, o.id, &rules[i], zone)
			if err != nil && !fault.Is(err, fault.NotFound) { // a portfolio that is gone holds nothing
				failed = err
				continue
			}
			seen[rules[i].ID] = news
		}
		return func() {
			o.looking = false
			if failed != nil {
				e.complain("what happened to somebody could not be looked for; it is tried again", failed)
			}
			for id, news := range seen {
				if r := o.rules[id]; r != nil && e.owners[o.id] == o {
					for _, one := range news {
						e.see(r, one)
					}
				}
			}
		}
	})
}

// news is what a rule has to see and hasn't.
func (e *Engine) news(ctx context.Context, owner ledger.OwnerID, r *alert.Rule, zone *time.Location) ([]alert.Observation, error) {
	scene, err := e.o.Portfolios.Scene(ctx, owner, r)
	if err != nil {
		return nil, err
	}
	scene.Now, scene.Zone = e.o.Now(), zone
	var news []alert.Observation
	for _, one := range r.Occurrences(scene) {
		known, err := e.o.Store.Occurred(ctx, owner, r.ID, one.Occurrence)
		if err != nil {
			return nil, err
		}
		if !known {
			news = append(news, one)
		}
	}
	return news, nil
}
