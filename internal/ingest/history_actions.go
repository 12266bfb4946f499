package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// When splits and dividends are asked for, and which dividends are believed.
const (
	actionsAgain = 20 * time.Hour // once a day, whenever that day's run comes
	actionsBack  = 30             // days: what was announced late or corrected
	actionsFresh = 48 * time.Hour // splits as of then are taken for all there are
	alikeMin     = 3              // dividends that say what is usual
)

// dividendPart is the part of a share's price that a dividend may be: more is pence taken for pounds, or a liquidation, which
// somebody should look at.
var dividendPart = money.MustParse("0.5")

// answered is what a source said of splits and dividends.
type answered struct {
	source  string
	at      time.Time
	actions []market.Action
}

// askActions asks the sources of the chain for splits and dividends, the first that answers, and keeps the splits. Dividends wait
// until the closes are there that they are held against.
func (s *search) askActions(ctx context.Context) error {
	if s.i.Class == market.FX || s.i.Class == market.Crypto {
		return nil
	}
	now := s.g.now()
	from := s.first
	if s.h.ActionsFrom != market.NoDate && s.h.ActionsFrom <= s.first && !s.h.ActionsAt.After(now.Add(skewMax)) {
		if now.Sub(s.h.ActionsAt) < actionsAgain {
			return s.knowSplits(ctx)
		}
		from = max(s.first, market.DateOf(s.h.ActionsAt.UTC())-actionsBack)
	}
	for _, source := range s.g.Chains[ChainOf(s.i.Class)] {
		actioner, ok := source.(provider.Actioner)
		name, named := nameAt(source, s.i)
		if !ok || !named {
			continue
		}
		if refusal, known := s.g.gates[source.Name()].refuses(name, now); known && refusal.Outcome == provider.UnknownSymbol {
			continue
		}
		var told []provider.Action
		err := s.call(ctx, source, func(ctx context.Context) (err error) {
			told, err = actioner.Actions(ctx, name, from, s.today)
			return err
		})
		delete(s.refused, source.Name()) // a plan without dividends may have closes
		switch {
		case errors.Is(err, errLost), err != nil && isStore(err):
			return err
		case err != nil:
			continue
		}
		return s.keepSplits(ctx, &answered{source: source.Name(), at: now, actions: s.actionsOf(source.Name(), told)})
	}
	return s.knowSplits(ctx)
}

// actionsOf is what a source told, in major units of its currency or the instrument's; of one day's dividends the sum counts.
// What can't be is left out.
func (s *search) actionsOf(source string, told []provider.Action) []market.Action {
	var actions []market.Action
	for _, t := range told {
		a := market.Action{Instrument: s.i.ID, Kind: market.ActionKind(t.Kind), Date: t.Date, PayDate: t.PayDate, Source: source, ObservedAt: s.g.now()}
		if t.Kind == provider.Split {
			a.New, a.Old = t.New, t.Old
		} else if a.Amount, a.Currency = t.Amount, s.i.Currency; t.HasCurrency {
			a.Amount, a.Currency = t.Unit.Major(t.Amount), t.Unit.Currency
		}
		if err := a.Check(); err != nil {
			s.g.Log.Warn("split or dividend left out", "source", source, "instrument", s.i.ID, "reason", err)
			continue
		}
		same := slices.IndexFunc(actions, func(b market.Action) bool {
			return a.Kind == market.ActionDividend && b.Kind == a.Kind && b.Date == a.Date && b.Currency == a.Currency
		})
		if same >= 0 {
			actions[same].Amount = actions[same].Amount.Add(a.Amount)
			continue
		}
		actions = append(actions, a)
	}
	return actions
}

// keepSplits stores the splits of an answer.
func (s *search) keepSplits(ctx context.Context, a *answered) error {
	splits := slices.DeleteFunc(slices.Clone(a.actions), func(a market.Action) bool { return a.Kind != market.ActionSplit })
	if err := s.putActions(ctx, a.source, splits); err != nil {
		return err
	}
	if err := s.knowSplits(ctx); err != nil {
		return err
	}
	s.dividends, s.splitsFrom = a, s.first
	return nil
}

// putActions stores splits or dividends.
func (s *search) putActions(ctx context.Context, source string, actions []market.Action) error {
	changed, differing, err := s.g.Store.PutActions(ctx, s.i.ID, actions)
	if err != nil {
		return fmt.Errorf("keep splits and dividends of %s: %w", s.i.ID, err)
	}
	if changed > 0 || differing > 0 {
		s.g.Log.Info("splits and dividends", "source", source, "instrument", s.i.ID, "changed", changed, "kept_out", differing)
	}
	return nil
}

// knowSplits reads the splits that are known, and since when all of them are.
func (s *search) knowSplits(ctx context.Context) error {
	all, err := s.g.Store.Actions(ctx, []market.InstrumentID{s.i.ID})
	if err != nil {
		return fmt.Errorf("read splits of %s: %w", s.i.ID, err)
	}
	s.splits = slices.DeleteFunc(all[s.i.ID], func(a market.Action) bool { return a.Kind != market.ActionSplit })
	if s.h.ActionsFrom != market.NoDate && s.g.now().Sub(s.h.ActionsAt).Abs() < actionsFresh {
		s.splitsFrom = s.h.ActionsFrom
	}
	return nil
}

// putDividends stores the dividends of this run's answer that the closes bear out.
func (s *search) putDividends(ctx context.Context) error {
	if s.dividends == nil {
		return nil
	}
	series, err := s.read(ctx)
	if err != nil {
		return err
	}
	known, err := s.g.Store.Actions(ctx, []market.InstrumentID{s.i.ID})
	if err != nil {
		return fmt.Errorf("read dividends of %s: %w", s.i.ID, err)
	}
	var dividends []market.Action
	for _, a := range s.dividends.actions {
		if a.Kind == market.ActionDividend && !s.heldOut(a, priceDoubt(a, s.i, &series)) {
			dividends = append(dividends, a)
		}
	}
	usual := slices.Concat(known[s.i.ID], dividends)
	dividends = slices.DeleteFunc(dividends, func(a market.Action) bool { return s.heldOut(a, unitDoubt(a, usual)) })
	if err := s.putActions(ctx, s.dividends.source, dividends); err != nil {
		return err
	}
	s.h.ActionsFrom, s.h.ActionsAt = s.first, s.dividends.at // not before: who is stopped asks for all of them again
	return nil
}

// heldOut says whether there is a reason to hold a dividend out, and logs it.
func (s *search) heldOut(a market.Action, reason string) bool {
	if reason != "" {
		s.g.Log.Warn("dividend held out", "source", a.Source, "instrument", s.i.ID, "day", a.Date.String(), "reason", reason)
	}
	return reason != ""
}

// priceDoubt says why the closes before a dividend don't bear it out; empty where they do, or where there are none.
func priceDoubt(a market.Action, i market.Instrument, series *market.Series) string {
	price, day, ok := series.At(a.Date - 1)
	if ok && a.Currency == i.Currency && a.Date-day <= nearDays && a.Amount.Cmp(price.Mul(dividendPart)) > 0 {
		return "more than half of the price"
	}
	return ""
}

// unitDoubt says why a dividend may be in another unit than the usual ones; empty where it isn't, or where too few are known.
func unitDoubt(a market.Action, all []market.Action) string {
	var usual []money.Decimal
	for _, other := range all {
		if other.Kind == market.ActionDividend && other.Currency == a.Currency && other.Date != a.Date {
			usual = append(usual, other.Amount)
		}
	}
	if len(usual) < alikeMin {
		return ""
	}
	slices.SortFunc(usual, money.Decimal.Cmp)
	median := usual[len(usual)/2]
	for _, ratio := range [...]money.Decimal{a.Amount.Quo(median), median.Quo(a.Amount)} {
		if ratio.Cmp(unitRatioMin) >= 0 && ratio.Cmp(unitRatioMax) <= 0 {
			return "about 100 times or a hundredth of the usual one"
		}
	}
	return ""
}

// mendSplits asks anew for the closes before a split where the stored ones go on over it as if there had been none: their source
// had adjusted them before anybody told of the split. Days that no source gives again are made raw by the split's ratio. Without
// an answer the closes stay as they are, and the state says so.
func (s *search) mendSplits(ctx context.Context) error {
	for i := range s.splits {
		split := &s.splits[i]
		series, err := s.read(ctx)
		if err != nil {
			return err
		}
		stored := barsOf(&series)
		if !adjustedFor(stored, split) {
			continue
		}
		before, _ := slices.BinarySearchFunc(stored, split.Date, func(b market.Bar, day market.Date) int { return int(b.Date - day) })
		mended, source, err := s.askBefore(ctx, stored[:before], split)
		if err != nil {
			return err
		}
		if mended == nil {
			s.unlike = true
			s.g.Log.Warn("closes before a split are divided by it, and no source has them as they were", "instrument", s.i.ID, "split", split.Date.String())
			continue
		}
		if err := s.put(ctx, source, mended); err != nil {
			return err
		}
	}
	return nil
}

// askBefore asks the chain for the closes of stored days before a split.
func (s *search) askBefore(ctx context.Context, stored []market.Bar, split *market.Action) (mended []market.Bar, by string, err error) {
	for _, source := range s.g.Chains[ChainOf(s.i.Class)] {
		raw := s.historian(source, stored[0].Date)
		if raw == nil {
			continue
		}
		bars, err := s.ask(ctx, source, raw, stored[0].Date, min(split.Date+overlapDays, s.today-1))
		if errors.Is(err, errLost) || err != nil && isStore(err) {
			return nil, "", err
		}
		if err != nil || len(bars) == 0 || adjustedFor(bars, split) {
			continue
		}
		fresh := market.NewSeries(s.i.ID, s.i.Currency, bars)
		made := rawOf(stored, []market.Action{*split})
		if likeStored(&fresh, made, nil, nil) != nil {
			continue // neither what is stored, nor that times the split
		}
		for n := range made {
			if price, day, ok := fresh.At(made[n].Date); ok && day == made[n].Date {
				made[n].Close = price
			}
		}
		return made, source.Name(), nil
	}
	return nil, "", nil
}
