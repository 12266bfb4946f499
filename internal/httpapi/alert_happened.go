package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/figures"
	"folioscope/internal/market"
)

// What is to be known of a preview of what happens.
const (
	whyDividends = "As if each dividend had been known on its ex-date. When it was announced isn't kept."
	whyExDates   = "As if each dividend had been known in time. When it was announced isn't kept."
	whyIncidents = "Only the latest of what happened to you are kept."
	whyStale     = "When prices were stale isn't kept."
)

// happenedPast is what happened in a period, each once, as rules without a level see it.
func (s *Server) happenedPast(ctx context.Context, rule alert.Rule, from, to market.Date) (past []alert.Observation, why string, err error) {
	rule.CreatedAt = from.Time()
	switch rule.Condition.Kind {
	case alert.Dividend:
		past, err = s.dividendsPast(ctx, &rule, from, to)
		return past, whyDividends, err
	case alert.ExDate:
		past, err = s.dividendsPast(ctx, &rule, from, to)
		return past, whyExDates, err
	case alert.ImportFailed, alert.SignIn:
		incidents, err := s.store.Incidents(ctx, rule.Owner, rule.CreatedAt)
		return rule.Occurrences(alert.Scene{Incidents: incidents}), whyIncidents, err
	}
	return nil, whyStale, nil
}

// dividendsPast looks at each day for the dividends of what a rule is about: its instrument, or what its portfolio held on that day.
func (s *Server) dividendsPast(ctx context.Context, rule *alert.Rule, from, to market.Date) (past []alert.Observation, err error) {
	seen := make(map[string]struct{})
	var actions map[market.InstrumentID][]market.Action
	look := func(on market.Date, names map[market.InstrumentID]string) error {
		for _, one := range rule.Occurrences(alert.Scene{Now: on.Time(), Zone: time.UTC, Names: names, Actions: actions}) {
			if _, told := seen[one.Occurrence]; !told {
				seen[one.Occurrence] = struct{}{}
				past = append(past, one)
			}
		}
		return ctx.Err()
	}
	if c := &rule.Condition; c.Instrument != "" {
		i, err := s.instrument(ctx, string(c.Instrument))
		if err != nil {
			return nil, err
		}
		if actions, err = s.dividendsOf(ctx, c.Kind, []market.InstrumentID{i.ID}, from); err != nil {
			return nil, err
		}
		names := map[market.InstrumentID]string{i.ID: cmp.Or(i.Name, i.Symbol)}
		for on := from; on <= to && err == nil; on++ {
			err = look(on, names)
		}
		return past, err
	}
	book, err := s.newestBook(ctx, rule.Owner, rule.Condition.Portfolio)
	if err != nil {
		return nil, atField(err, "condition.portfolio_id", "This is not a portfolio of your own.")
	}
	ids := make([]market.InstrumentID, 0, len(book.Instruments))
	for id := range book.Instruments {
		ids = append(ids, id)
	}
	if actions, err = s.dividendsOf(ctx, rule.Condition.Kind, ids, from); err != nil {
		return nil, err
	}
	err = figures.HoldDaily(*book, nil, max(from, firstDay(book, to)), to, func(on market.Date, h *figures.Holdings) error {
		names := make(map[market.InstrumentID]string)
		for _, id := range h.Instruments() {
			if len(actions[id]) > 0 {
				names[id] = cmp.Or(book.Instruments[id].Name, book.Instruments[id].Symbol)
			}
		}
		return look(on, names)
	})
	if err != nil {
		return nil, fmt.Errorf("look at past dividends: %w", err)
	}
	return past, nil
}

// dividendsOf are dividends that are of a period or later, as if they had been known on their ex-date, or in time for it.
func (s *Server) dividendsOf(ctx context.Context, kind alert.Kind, ids []market.InstrumentID, from market.Date) (map[market.InstrumentID][]market.Action, error) {
	known, err := s.store.Actions(ctx, ids)
	if err != nil {
		return nil, err
	}
	of := make(map[market.InstrumentID][]market.Action)
	for id, all := range known {
		for _, a := range all {
			if a.Kind != market.ActionDividend || max(a.Date, a.PayDate) < from {
				continue
			}
			a.ObservedAt = time.Time{}
			if kind == alert.Dividend {
				a.ObservedAt = a.Date.Time()
			}
			of[id] = append(of[id], a)
		}
	}
	return of, nil
}
