package sqlstore

import (
	"context"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/ingest"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

const (
	heldColumnNames = `id, instrument, price, currency, source, observed_at, market_time, last_price, reason, state, decided_at, decided_price`
	sqlNewHeld      = `INSERT INTO quarantine (` + heldColumnNames + `) VALUES `
	sqlEndHeld      = `UPDATE quarantine SET state = 'ended', decided_at = $2, decided_price = $3 WHERE instrument = $1 AND state = 'waiting'`
	sqlMoveHeld     = `UPDATE quarantine SET price = $2, observed_at = $3, market_time = $4, last_price = $5, reason = $6 WHERE instrument = $1 AND state = 'waiting'`
	sqlDecideHeld   = `UPDATE quarantine SET state = $2, decided_at = $3, decided_price = $4 WHERE id = $1 AND state = 'waiting'`
	sqlHeld         = `SELECT ` + heldColumnNames + ` FROM quarantine WHERE (id < $1 OR $1 = 0) AND state IN ($2, $3, $4, $5) ORDER BY id DESC LIMIT $6`
	sqlHeldByID     = `SELECT ` + heldColumnNames + ` FROM quarantine WHERE id = $1`
	sqlHeldRefused  = `SELECT ` + heldColumnNames + ` FROM quarantine WHERE decided_at > $1 AND state = 'refused' ORDER BY id`
	sqlPruneHeld    = `DELETE FROM quarantine WHERE decided_at > 0 AND decided_at < $1`
)

const heldColumns = 12

// quarantine follows in the same transaction what marks say about prices that are held back: which of them newly wait, and
// whose wait another price ended.
func (s *Store) quarantine(ctx context.Context, q queries, m, before *market.Mark) error {
	if sameHeld(m.HeldBack, before.HeldBack) {
		return nil
	}
	if h, known := m.HeldBack, before.HeldBack; h != nil && known != nil && h.Source == known.Source && ingest.SamePrice(h.Price, known.Price) {
		moved, err := q.exec(ctx, sqlMoveHeld, string(m.Instrument), h.Price.String(), stamp(h.ObservedAt), stamp(h.MarketTime), m.Price.String(), h.Reason)
		if err != nil || moved > 0 {
			return err // the same price as it moves is one row, not one for every poll
		}
	}
	if before.HeldBack != nil {
		believed := ""
		if !sameQuote(&m.Quote, &before.Quote) || m.HeldBack == nil {
			believed = m.Price.String()
		}
		if _, err := q.exec(ctx, sqlEndHeld, string(m.Instrument), stamp(s.now()), believed); err != nil {
			return err
		}
	}
	if h := m.HeldBack; h != nil {
		return insertRows(ctx, q, sqlNewHeld, heldColumns, "", []any{
			m.Sequence, string(m.Instrument), h.Price.String(), string(m.Currency), h.Source, stamp(h.ObservedAt), stamp(h.MarketTime),
			m.Price.String(), h.Reason, string(ingest.HeldWaiting), int64(0), "",
		})
	}
	return nil
}

func scanHeld(row scanner) (h ingest.Held, err error) {
	var instrument, price, currency, last, state, decidedPrice string
	var observed, marketTime, decided int64
	if err := row.Scan(&h.ID, &instrument, &price, &currency, &h.Source, &observed, &marketTime, &last, &h.Reason, &state, &decided, &decidedPrice); err != nil {
		return h, err
	}
	h.Instrument, h.Currency, h.State = market.InstrumentID(instrument), money.Currency(currency), ingest.HeldState(state)
	h.ObservedAt, h.MarketTime, h.DecidedAt = moment(observed), moment(marketTime), moment(decided)
	if h.Price, err = money.Parse(price); err != nil {
		return h, err
	}
	if h.LastPrice, err = money.Parse(last); err != nil {
		return h, err
	}
	if decidedPrice != "" {
		h.DecidedPrice, err = decimalOf([]byte(decidedPrice))
	}
	return h, err
}

func listHeld(ctx context.Context, q queries, text string, args ...any) ([]ingest.Held, error) {
	var all []ingest.Held
	err := q.each(ctx, text, args, func(row scanner) error {
		h, err := scanHeld(row)
		all = append(all, h)
		return err
	})
	return all, err
}

// Held implements ingest.Quarantine.
func (s *Store) Held(ctx context.Context, states []ingest.HeldState, before int64, limit int) ([]ingest.Held, error) {
	const statesMax = 4
	args := []any{before}
	for n := range statesMax {
		state := ingest.HeldState("")
		if n < len(states) {
			state = states[n]
		}
		args = append(args, string(state))
	}
	all, err := listHeld(ctx, s.db, sqlHeld, append(args, limit)...)
	return all, s.explain("read the quarantine", err)
}

// HeldByID implements ingest.Quarantine.
func (s *Store) HeldByID(ctx context.Context, id int64) (ingest.Held, error) {
	found, err := listHeld(ctx, s.db, sqlHeldByID, id)
	if err == nil && len(found) == 0 {
		err = fault.New(fault.NotFound, "there is no such price")
	}
	if err != nil {
		return ingest.Held{}, s.explain("read a price that was held back", err)
	}
	return found[0], nil
}

// DecideHeld implements ingest.Quarantine.
func (s *Store) DecideHeld(ctx context.Context, id int64, state ingest.HeldState, mark market.Mark, write Write) (sequence int64, accepted []market.Mark, err error) {
	believed := ""
	if state == ingest.HeldAccepted {
		believed = mark.Price.String()
	}
	err = s.db.write(ctx, func(q queries) error {
		rows, err := q.exec(ctx, sqlDecideHeld, id, string(state), stamp(s.now()), believed)
		if err != nil {
			return err
		}
		if rows == 0 {
			return fault.New(fault.Conflict, "this price doesn't wait any more")
		}
		if sequence, accepted, err = s.accept(ctx, q, []market.Mark{mark}); err != nil {
			return err
		}
		if len(accepted) == 0 && state == ingest.HeldAccepted {
			return fault.New(fault.Conflict, "a later price is in use")
		}
		return s.record(ctx, q, "", write)
	})
	if err != nil {
		return 0, nil, s.explain("decide on a price", err)
	}
	return sequence, accepted, nil
}

// RefusedSince implements ingest.Quarantine.
func (s *Store) RefusedSince(ctx context.Context, after time.Time) ([]ingest.Held, error) {
	all, err := listHeld(ctx, s.db, sqlHeldRefused, stamp(after))
	return all, s.explain("read what was refused", err)
}

// PruneHeld implements ingest.Quarantine.
func (s *Store) PruneHeld(ctx context.Context, before time.Time) error {
	_, err := s.db.exec(ctx, sqlPruneHeld, stamp(before))
	return s.explain("forget what was held back", err)
}
