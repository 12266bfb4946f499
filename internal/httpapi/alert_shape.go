package httpapi

import (
	"context"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// alertNames says what rules are about as people call it: of each rule one set of names, in their order.
func (s *Server) alertNames(ctx context.Context, all []alert.Kept) ([]alert.Names, error) {
	var ids []market.InstrumentID
	for i := range all {
		if c := &all[i].Rule.Condition; c.Instrument != "" && c.Portfolio == "" {
			ids = append(ids, c.Instrument)
		}
	}
	instruments := make(map[market.InstrumentID]market.Instrument, len(ids))
	if len(ids) > 0 {
		found, err := s.store.Instruments(ctx, ids)
		if err != nil {
			return nil, err
		}
		for _, i := range found {
			instruments[i.ID] = i
		}
	}
	out := make([]alert.Names, len(all))
	for i := range all {
		c := &all[i].Rule.Condition
		if c.Portfolio == "" {
			of := instruments[c.Instrument]
			out[i] = alert.Names{Instrument: of.Name, Currency: of.Currency}
			continue
		}
		book, err := s.journal.Book(ctx, callOf(ctx).user(), c.Portfolio, 0)
		if fault.Is(err, fault.NotFound) {
			continue // its portfolio is gone: the sentence is left general
		}
		if err != nil {
			return nil, err
		}
		out[i] = alert.Names{Instrument: book.Instruments[c.Instrument].Name, Portfolio: book.Portfolio.Name, Currency: book.Portfolio.BaseCurrency}
	}
	return out, nil
}

func alertOf(kept *alert.Kept, names alert.Names) Alert {
	rule, standing := &kept.Rule, &kept.Standing
	out := Alert{
		ID: string(rule.ID), Version: rule.Version, Name: rule.Name, Sentence: rule.Sentence(names), Unit: alertUnit(&rule.Condition, names.Currency), Condition: conditionOf(&rule.Condition),
		Repeat: string(rule.Repeat), CooldownMinutes: int(rule.Cooldown / time.Minute), ForMinutes: int(rule.For / time.Minute), NoData: rule.NoData,
		ExpiresAt: timeOf(rule.ExpiresAt), SnoozedUntil: timeOf(rule.SnoozedUntil),
		State: AlertState{
			State: string(standing.State), Since: timeOf(standing.Since), Value: decimal(standing.Value), ValueAt: timeOf(standing.ValueAt), FiredAt: timeOf(standing.FiredAt), ToldAt: timeOf(standing.ToldAt),
			Firings: standing.Firings, Ended: standing.Ended, Why: given(standing.Why),
		},
	}
	if rule.Channels != nil {
		out.Channels = make([]string, 0, len(rule.Channels))
		for _, id := range rule.Channels {
			out.Channels = append(out.Channels, string(id))
		}
	}
	return out
}

// alertUnit is what a condition's numbers are in, as people write it.
func alertUnit(c *alert.Condition, currency money.Currency) string {
	switch c.Measure() {
	case alert.InPriceCurrency, alert.InBaseCurrency:
		return string(currency)
	case alert.InQuote:
		return string(c.Quote)
	case alert.InPercent:
		return "%"
	case alert.InPoints:
		return "pt"
	case alert.InHours:
		return "h"
	case alert.InDays:
		return "d"
	}
	return ""
}

func conditionOf(c *alert.Condition) AlertCondition {
	out := AlertCondition{
		Kind: string(c.Kind), PortfolioID: string(c.Portfolio), InstrumentID: string(c.Instrument), Base: string(c.Base), Quote: string(c.Quote), Direction: string(c.Direction),
		Unit: string(c.Unit), Days: c.Days, Target: decimal(c.Target), Rearm: decimal(c.Rearm), Expression: c.Expression,
	}
	if c.Measure() != alert.InNothing {
		out.Threshold = decimal(&c.Threshold)
	}
	if c.Group != (alert.Group{}) {
		out.Group = &AlertGroup{By: string(c.Group.By), Name: c.Group.Name}
	}
	return out
}
