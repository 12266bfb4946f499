package sqlstore

import (
	"context"
	"slices"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

const (
	// Two nodes that learn of one action on days apart must not both keep it: the second waits here for the first.
	sqlTakeActions   = `UPDATE backfills SET lease_at = lease_at WHERE instrument = $1`
	sqlActionsOf     = `SELECT instrument, kind, day, pay_day, new_shares, old_shares, amount, currency, source, observed_at FROM corporate_actions WHERE instrument = $1 ORDER BY day, kind DESC`
	sqlActionsIn     = `SELECT instrument, kind, day, pay_day, new_shares, old_shares, amount, currency, source, observed_at FROM corporate_actions WHERE instrument IN (`
	sqlPutActions    = `INSERT INTO corporate_actions (instrument, kind, day, pay_day, new_shares, old_shares, amount, currency, source, observed_at) VALUES `
	sqlActionsSuffix = ` ON CONFLICT (instrument, kind, day) DO UPDATE SET pay_day = excluded.pay_day, new_shares = excluded.new_shares,
old_shares = excluded.old_shares, amount = excluded.amount, currency = excluded.currency, source = excluded.source, observed_at = excluded.observed_at`
	sqlActionsOrderSuffix = `) ORDER BY instrument, day, kind DESC`
)

const actionColumns = 10

func actionRow(a *market.Action) ([]any, error) {
	for _, d := range [...]*money.Decimal{&a.New, &a.Old, &a.Amount} {
		if err := readable(d); err != nil {
			return nil, err
		}
	}
	return []any{string(a.Instrument), string(a.Kind), int64(a.Date), int64(a.PayDate), a.New.String(), a.Old.String(), a.Amount.String(),
		string(a.Currency), a.Source, stamp(a.ObservedAt)}, nil
}

func scanAction(row scanner) (a market.Action, err error) {
	var id, kind, fresh, old, amount, currency string
	var day, payDay, observed int64
	if err := row.Scan(&id, &kind, &day, &payDay, &fresh, &old, &amount, &currency, &a.Source, &observed); err != nil {
		return a, err
	}
	a.Instrument, a.Kind, a.Date, a.PayDate = market.InstrumentID(id), market.ActionKind(kind), market.Date(day), market.Date(payDay)
	a.Currency, a.ObservedAt = money.Currency(currency), moment(observed)
	for _, d := range [...]struct {
		text string
		into *money.Decimal
	}{{fresh, &a.New}, {old, &a.Old}, {amount, &a.Amount}} {
		if *d.into, err = money.Parse(d.text); err != nil {
			return a, err
		}
	}
	return a, nil
}

// PutActions adds splits and dividends of one instrument; changed is how many rows are new or other than before.
//
// Whoever told first is believed: the same word of a second source, a few days apart at most, adds nothing but a day of payment
// that was missing. A word of a second source that differs is kept out, and counted in differing. The source that told first
// may correct itself. An action that can't be (Check) is an error, and nothing is kept.
func (s *Store) PutActions(ctx context.Context, id market.InstrumentID, actions []market.Action) (changed, differing int, err error) {
	actions = slices.Clone(actions)
	for i := range actions {
		actions[i].Instrument = id
		if err := actions[i].Check(); err != nil {
			return 0, 0, err
		}
	}
	if len(actions) == 0 {
		return 0, 0, nil
	}
	err = s.db.write(ctx, func(q queries) error {
		changed, differing = 0, 0
		if _, err := q.exec(ctx, sqlTakeActions, string(id)); err != nil {
			return err
		}
		var known []market.Action
		if err := q.each(ctx, sqlActionsOf, []any{string(id)}, func(row scanner) error {
			a, err := scanAction(row)
			known = append(known, a)
			return err
		}); err != nil {
			return err
		}
		var rows []any
		for i := range actions {
			next, at, verdict := judgeAction(known, &actions[i])
			if verdict == actionDiffers {
				differing++
			}
			if verdict != actionChanges {
				continue
			}
			changed++
			if at >= 0 {
				known[at] = next
			} else {
				known = append(known, next)
			}
			row, err := actionRow(&next)
			if err != nil {
				return err
			}
			rows = append(rows, row...)
		}
		return insertRows(ctx, q, sqlPutActions, actionColumns, sqlActionsSuffix, rows)
	})
	return changed, differing, s.explain("put actions", err)
}

type actionVerdict uint8

const (
	actionKnown   actionVerdict = iota // it says nothing new
	actionChanges                      // it is to be written
	actionDiffers                      // it is kept out
)

// judgeAction says what becomes of an action beside those that are known, and which of them it replaces (−1: none).
func judgeAction(known []market.Action, a *market.Action) (next market.Action, at int, verdict actionVerdict) {
	for i := range known {
		if k := &known[i]; market.SameAction(k, a) {
			if k.PayDate == market.NoDate && a.PayDate != market.NoDate {
				next := *k
				next.PayDate, next.ObservedAt = a.PayDate, laterOf(k.ObservedAt, a.ObservedAt)
				return next, i, actionChanges
			}
			return *k, i, actionKnown
		}
	}
	for i := range known {
		switch k := &known[i]; {
		case !market.NearAction(k, a):
		case k.Source != a.Source:
			return *k, i, actionDiffers
		case k.Date == a.Date: // it corrects itself
			return *a, i, actionChanges
		}
	}
	return *a, -1, actionChanges
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Actions gives the splits and dividends of instruments, rising by date, a split before a dividend of its day. An instrument
// without any is left out.
func (s *Store) Actions(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID][]market.Action, error) {
	all := make(map[market.InstrumentID][]market.Action)
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	err := s.db.read(ctx, func(q queries) error {
		clear(all)
		return inBatches(ids, 1, func(list string, args []any) error {
			return q.each(ctx, sqlActionsIn+list+sqlActionsOrderSuffix, args, func(row scanner) error {
				a, err := scanAction(row)
				all[a.Instrument] = append(all[a.Instrument], a)
				return err
			})
		})
	})
	return all, s.explain("read actions", err)
}
