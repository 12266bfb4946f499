package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"folioscope/internal/notify"
	"folioscope/internal/seal"
)

const (
	sqlSentLately  = `SELECT COUNT(*) FROM (SELECT 1 FROM notice_deliveries WHERE owner = $1 AND created_at >= $2 GROUP BY notice LIMIT $3) lately`
	sqlSetNotice   = `UPDATE notices SET body = $3, read_at = 0 WHERE owner = $1 AND id = $2`
	sqlDeliveredBy = `SELECT channel FROM notice_deliveries WHERE owner = $1 AND notice = $2`
)

// beyondBound says whether as many notices as may went out to somebody since the hour began.
func (s *Store) beyondBound(ctx context.Context, q queries, n notify.Notice, hour time.Time) (bool, error) {
	var sent int
	err := q.one(ctx, sqlSentLately, []any{string(n.Owner), stamp(hour), s.messagesHourMax}, &sent)
	return sent >= s.messagesHourMax, err
}

// hold leaves an alert in the inbox alone. What says how many these are is told when the hour is over, by every channel that one of them would
// have gone out by.
func (s *Store) hold(ctx context.Context, q queries, key *seal.Key, n notify.Notice, channels []notify.Channel, hour time.Time) error {
	over := hour.Add(time.Hour)
	more := notify.Notice{Owner: n.Owner, ID: fmt.Sprintf("more-%d", hour.Unix()), Kind: notify.NoticeAlert, At: s.now(), Facts: notify.NoticeFacts{More: 1}}
	added, err := s.addNotice(ctx, q, key, more)
	if err != nil {
		return err
	}
	if !added {
		if err := s.countMore(ctx, q, key, more); err != nil {
			return err
		}
	}
	due, err := s.dueAt(ctx, q, n, over)
	if err != nil {
		return err
	}
	var by []string
	err = q.each(ctx, sqlDeliveredBy, []any{string(n.Owner), more.ID}, func(row scanner) error {
		var channel string
		err := row.Scan(&channel)
		by = append(by, channel)
		return err
	})
	if err != nil {
		return err
	}
	for _, channel := range channels {
		if slices.Contains(by, string(channel.ID)) {
			continue
		}
		if err := s.send(ctx, q, more, channel, due); err != nil {
			return err
		}
	}
	return nil
}

// countMore counts one more alert in what says how many were held.
func (s *Store) countMore(ctx context.Context, q queries, key *seal.Key, more notify.Notice) error {
	var kind, rule string
	var body []byte
	var at, read int64
	if err := q.one(ctx, sqlNotice, []any{string(more.Owner), more.ID}, &kind, &rule, &body, &at, &read); err != nil {
		return err
	}
	if err := openNotice(key, &more, body); err != nil {
		return err
	}
	more.Facts.More++
	facts, err := json.Marshal(more.Facts)
	if err != nil {
		return fmt.Errorf("encode a notice: %w", err)
	}
	_, err = q.exec(ctx, sqlSetNotice, string(more.Owner), more.ID, key.Seal(facts, columnNotice, more.ID))
	return err
}
