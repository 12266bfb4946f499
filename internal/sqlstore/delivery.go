package sqlstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/jobs"
	"folioscope/internal/ledger"
	"folioscope/internal/notify"
	"folioscope/internal/seal"
)

const (
	sqlNewDelivery = `INSERT INTO deliveries (owner, id, kind, state, outcome, tries, message, created_at, tried_at) VALUES ($1, $2, $3, $4, '', 0, $5, $6, 0)`
	sqlDelivery    = `SELECT kind, state, outcome, tries, message, created_at, tried_at FROM deliveries WHERE owner = $1 AND id = $2`
	// A mail that was sent meanwhile stays so.
	sqlSettleDelivery = `UPDATE deliveries SET state = $3, outcome = $4, tries = tries + 1, tried_at = $5 WHERE owner = $1 AND id = $2 AND state = 'waiting'`
	sqlEmptyDelivery  = `UPDATE deliveries SET message = $3 WHERE owner = $1 AND id = $2 AND state <> 'waiting'`
	// Operators see how mail stands, without a word of it.
	sqlSweepMailStates = `SELECT state, COUNT(*) FROM deliveries WHERE state <> 'sent' GROUP BY state`
	sqlSweepTroubled   = `SELECT owner, id, kind, state, outcome, tries, created_at, tried_at FROM deliveries WHERE state <> 'sent' AND tries > 0 ORDER BY created_at DESC LIMIT $1`
	sqlSweepDeliveries = `DELETE FROM deliveries WHERE created_at < $1`
)

const troubledMax = 50 // mails listed for an operator: the newest say what is wrong

// The fields of a sealed message.
const (
	messageAddress tag = 1
	messageName    tag = 2
	messagePath    tag = 3
	messageWhat    tag = 4
)

var columnMessage = seal.Column{Table: "deliveries", Name: "message"} // under the delivery's id

// deliver adds a mail and the job that sends it, in the transaction of what it tells. The owner may be one whom this transaction makes.
func (s *Store) deliver(ctx context.Context, q queries, owner ledger.OwnerID, mail audit.Mail) error {
	key, _, err := s.keyWithin(ctx, q, owner)
	if err != nil {
		return err
	}
	var r record
	r.text(messageAddress, mail.Address)
	r.text(messageName, mail.Name)
	r.text(messagePath, mail.Path)
	r.text(messageWhat, mail.What)
	id := rand.Text()
	if _, err := q.exec(ctx, sqlNewDelivery, string(owner), id, string(mail.Kind), string(notify.Waiting), key.Seal(r, columnMessage, id), stamp(s.now())); err != nil {
		return err
	}
	text, args, err := jobs.Insertion(jobs.Ordinary, notify.JobKind, notify.JobArguments{Owner: owner, ID: id}, notify.AttemptsMax)
	if err != nil {
		return err
	}
	_, err = q.exec(ctx, text, args...)
	return err
}

// Delivery reads a mail, with what is sealed in it while it waits; fault.NotFound where there is none.
func (s *Store) Delivery(ctx context.Context, owner ledger.OwnerID, id string) (notify.Delivery, error) {
	d := notify.Delivery{Owner: owner, ID: id}
	var message []byte
	var created, tried int64
	err := s.db.one(ctx, sqlDelivery, []any{string(owner), id}, &d.Mail.Kind, &d.State, &d.Outcome, &d.Tries, &message, &created, &tried)
	if noRow(err) {
		return notify.Delivery{}, fault.New(fault.NotFound, "there is no such delivery")
	}
	if err == nil && d.State == notify.Waiting {
		err = s.openMessage(ctx, &d, message)
	}
	if err != nil {
		return notify.Delivery{}, s.explain("read delivery", err)
	}
	d.CreatedAt, d.TriedAt = moment(created), moment(tried)
	return d, nil
}

func (s *Store) openMessage(ctx context.Context, d *notify.Delivery, message []byte) error {
	key, err := s.key(ctx, s.db, d.Owner)
	if err != nil {
		return err
	}
	plain, err := key.Open(message, columnMessage, d.ID)
	if err != nil {
		return err
	}
	if err := fields(plain, func(t tag, value []byte) error {
		switch t {
		case messageAddress:
			d.Mail.Address = string(value)
		case messageName:
			d.Mail.Name = string(value)
		case messagePath:
			d.Mail.Path = string(value)
		case messageWhat:
			d.Mail.What = string(value)
		default:
			return errUnknownField
		}
		return nil
	}); err != nil {
		return fmt.Errorf("message: %w", err)
	}
	return nil
}

// SettleDelivery notes a try of a mail. What is sealed goes away unless the mail still waits.
func (s *Store) SettleDelivery(ctx context.Context, owner ledger.OwnerID, id string, state notify.State, outcome notify.Outcome, at time.Time) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlSettleDelivery, string(owner), id, string(state), string(outcome), stamp(at)); err != nil {
			return err
		}
		_, err := q.exec(ctx, sqlEmptyDelivery, string(owner), id, []byte{})
		return err
	})
	return s.explain("settle delivery", err)
}

// MailOverview is how all mail stands, with nothing of what is sealed.
func (s *Store) MailOverview(ctx context.Context) (notify.Overview, error) {
	var o notify.Overview
	err := s.db.each(ctx, sqlSweepMailStates, nil, func(row scanner) error {
		var state notify.State
		var count int
		if err := row.Scan(&state, &count); err != nil {
			return err
		}
		if state == notify.Dead {
			o.Dead = count
		} else {
			o.Waiting += count
		}
		return nil
	})
	if err != nil {
		return o, s.explain("count mail", err)
	}
	err = s.db.each(ctx, sqlSweepTroubled, []any{troubledMax}, func(row scanner) error {
		var d notify.Delivery
		var created, tried int64
		if err := row.Scan(&d.Owner, &d.ID, &d.Mail.Kind, &d.State, &d.Outcome, &d.Tries, &created, &tried); err != nil {
			return err
		}
		d.CreatedAt, d.TriedAt = moment(created), moment(tried)
		o.Troubled = append(o.Troubled, d)
		return nil
	})
	return o, s.explain("list mail", err)
}

// DeleteDeliveriesBefore forgets what became of the mails that were made before a time.
func (s *Store) DeleteDeliveriesBefore(ctx context.Context, before time.Time) error {
	_, err := s.db.exec(ctx, sqlSweepDeliveries, stamp(before))
	return s.explain("delete old deliveries", err)
}
