package sqlstore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/jobs"
	"folioscope/internal/ledger"
	"folioscope/internal/notify"
	"folioscope/internal/seal"
)

const (
	sqlUserStatus = `SELECT status FROM users WHERE owner = $1`
	sqlNewNotice  = `INSERT INTO notices (owner, id, kind, rule, body, at, read_at) VALUES ($1, $2, $3, $4, $5, $6, 0) ON CONFLICT (owner, id) DO NOTHING`
	sqlNotice     = `SELECT kind, rule, body, at, read_at FROM notices WHERE owner = $1 AND id = $2`
	// Those before a place in the inbox, the newest first.
	sqlInbox       = `SELECT id, kind, rule, body, at, read_at FROM notices WHERE owner = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4`
	sqlUnread      = `SELECT COUNT(*) FROM (SELECT 1 FROM notices WHERE owner = $1 AND read_at = 0 LIMIT $2) unread`
	sqlReadNotices = `UPDATE notices SET read_at = $2 WHERE owner = $1 AND read_at = 0 AND at <= $3`
	sqlAlertsTold  = `SELECT COUNT(*) FROM notices WHERE owner = $1 AND kind = 'alert' AND rule <> '' AND at > $2`
	// Forgets across owners.
	sqlSweepNotices = `DELETE FROM notices WHERE at < $1`

	sqlNewNoticeDelivery = `INSERT INTO notice_deliveries (owner, notice, channel, kind, state, outcome, tries, due_at, tried_at, created_at) VALUES ($1, $2, $3, $4, $5, '', 0, $6, 0, $7)`
	sqlNoticeDelivery    = `SELECT state, tries, due_at, created_at FROM notice_deliveries WHERE owner = $1 AND notice = $2 AND channel = $3`
	sqlNoticeDeliveries  = `SELECT notice, channel, kind, state, outcome, tries, due_at, tried_at FROM notice_deliveries WHERE owner = $1 AND notice IN (`
	// A message that was sent meanwhile stays so.
	sqlSettleNotice          = `UPDATE notice_deliveries SET state = $4, outcome = $5, tries = tries + 1, tried_at = $6 WHERE owner = $1 AND notice = $2 AND channel = $3 AND state = 'waiting'`
	sqlSweepNoticeDeliveries = `DELETE FROM notice_deliveries WHERE created_at < $1`

	sqlEraseNotices          = `DELETE FROM notices WHERE owner = $1`
	sqlEraseNoticeDeliveries = `DELETE FROM notice_deliveries WHERE owner = $1`
)

const (
	noticesPageMax = 100  // in one page of an inbox
	unreadMax      = 1000 // counted: more is many
)

var columnNotice = seal.Column{Table: "notices", Name: "body"} // under the notice's id

// tell adds a notice to its owner's inbox, and a delivery with its job for each channel that it goes out by, in the transaction of what it
// tells. A notice that was told before, by its id, and one to somebody who isn't an active user, is none.
func (s *Store) tell(ctx context.Context, q queries, n notify.Notice) error {
	var status string
	if err := q.one(ctx, sqlUserStatus, []any{string(n.Owner)}, &status); noRow(err) || err == nil && status != string(identity.Active) {
		return nil
	} else if err != nil {
		return err
	}
	key, err := s.key(ctx, q, n.Owner)
	if err != nil {
		return err
	}
	if n.ID == "" {
		n.ID = rand.Text()
	}
	added, err := s.addNotice(ctx, q, key, n)
	if err != nil || !added {
		return err
	}
	channels, err := s.channelsFor(ctx, q, n)
	if err != nil || len(channels) == 0 {
		return err
	}
	if hour := s.now().Truncate(time.Hour); n.Kind == notify.NoticeAlert {
		beyond, err := s.beyondBound(ctx, q, n, hour)
		if err != nil {
			return err
		}
		if beyond {
			return s.hold(ctx, q, key, n, channels, hour)
		}
	}
	due, err := s.dueAt(ctx, q, n, s.now())
	if err != nil {
		return err
	}
	for _, channel := range channels {
		if err := s.send(ctx, q, n, channel, due); err != nil {
			return err
		}
	}
	return nil
}

// addNotice adds a notice to its owner's inbox; false where it is there already.
func (s *Store) addNotice(ctx context.Context, q queries, key *seal.Key, n notify.Notice) (bool, error) {
	facts, err := json.Marshal(n.Facts)
	if err != nil {
		return false, fmt.Errorf("encode a notice: %w", err)
	}
	added, err := q.exec(ctx, sqlNewNotice, string(n.Owner), n.ID, string(n.Kind), string(n.Rule), key.Seal(facts, columnNotice, n.ID), stamp(n.At))
	return added > 0, err
}

// dueAt is when a notice may go out that is to at a time: at the end of quiet hours, unless it is urgent.
func (s *Store) dueAt(ctx context.Context, q queries, n notify.Notice, at time.Time) (time.Time, error) {
	if n.Urgent {
		return at, nil
	}
	settings, err := s.noticeSettings(ctx, q, n.Owner)
	return settings.Due(at), err
}

// channelsFor are the channels that a notice goes out by: those that it names, or all, as far as they are on. A digest goes by e-mail.
func (s *Store) channelsFor(ctx context.Context, q queries, n notify.Notice) ([]notify.Channel, error) {
	if n.Channels != nil && len(n.Channels) == 0 {
		return nil, nil
	}
	all, err := s.channels(ctx, q, n.Owner)
	return slices.DeleteFunc(all, func(c notify.Channel) bool {
		return c.State != notify.ChannelOn || n.Channels != nil && !slices.Contains(n.Channels, c.ID) || n.Kind == notify.NoticeDigest && c.Kind != notify.ChannelEmail
	}), err
}

func (s *Store) send(ctx context.Context, q queries, n notify.Notice, channel notify.Channel, due time.Time) error {
	if _, err := q.exec(ctx, sqlNewNoticeDelivery, string(n.Owner), n.ID, string(channel.ID), string(channel.Kind), string(notify.Waiting), stamp(due), stamp(s.now())); err != nil {
		return err
	}
	text, args, err := jobs.Insertion(jobs.Messages, notify.NoticeJobKind, notify.NoticeJob{Owner: n.Owner, Notice: n.ID, Channel: channel.ID}, notify.AttemptsMax)
	if err != nil {
		return err
	}
	_, err = q.exec(ctx, text, args...)
	return err
}

// Tell tells somebody something that no change of theirs has caused, such as what an operator has to know.
func (s *Store) Tell(ctx context.Context, n notify.Notice) error {
	err := s.db.write(ctx, func(q queries) error { return s.tell(ctx, q, n) })
	return s.explain("tell", err)
}

// Notices gives a page of an inbox, the newest first: what comes after a place, at most limit, with what became of the messages. Tests of
// channels are in no inbox. Next is the place after the last; zero where nothing is left.
func (s *Store) Notices(ctx context.Context, owner ledger.OwnerID, after notify.Place, limit int) (items []notify.Item, next notify.Place, err error) {
	limit = max(1, min(limit, noticesPageMax))
	if after.At.IsZero() {
		after = notify.Place{At: endOfTime}
	}
	var bodies [][]byte
	err = s.db.each(ctx, sqlInbox, []any{string(owner), stamp(after.At), after.ID, limit + 1}, func(row scanner) error {
		if len(items) == limit {
			last := items[limit-1]
			next = notify.Place{At: last.At, ID: last.ID}
			return nil
		}
		n, body, err := scanNotice(owner, row)
		items, bodies = append(items, notify.Item{Notice: n}), append(bodies, body)
		return err
	})
	if err == nil && len(items) > 0 {
		err = s.openNotices(ctx, owner, items, bodies)
	}
	if err != nil {
		return nil, notify.Place{}, s.explain("list notices", err)
	}
	return items, next, nil
}

// endOfTime is after every notice.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func scanNotice(owner ledger.OwnerID, row scanner) (notify.Notice, []byte, error) {
	n := notify.Notice{Owner: owner}
	var rule string
	var body []byte
	var at, read int64
	err := row.Scan(&n.ID, &n.Kind, &rule, &body, &at, &read)
	n.Rule, n.At, n.ReadAt = alert.RuleID(rule), moment(at), moment(read)
	return n, body, err
}

func (s *Store) openNotices(ctx context.Context, owner ledger.OwnerID, items []notify.Item, bodies [][]byte) error {
	key, err := s.key(ctx, s.db, owner)
	if err != nil {
		return err
	}
	ids := make([]string, len(items))
	for i := range items {
		if err := openNotice(key, &items[i].Notice, bodies[i]); err != nil {
			return err
		}
		ids[i] = items[i].ID
	}
	told, err := s.NoticeDeliveries(ctx, owner, ids)
	for i := range items {
		items[i].Told = told[ids[i]]
	}
	return err
}

// NoticeDeliveries gives what became of the messages of some notices of an owner, at most noticesPageMax of them.
func (s *Store) NoticeDeliveries(ctx context.Context, owner ledger.OwnerID, notices []string) (map[string][]notify.Told, error) {
	if len(notices) == 0 {
		return nil, nil
	}
	args := []any{string(owner)}
	marks := make([]string, len(notices))
	for i, id := range notices {
		args = append(args, id)
		marks[i] = fmt.Sprintf("$%d", i+2)
	}
	all := make(map[string][]notify.Told)
	err := s.db.each(ctx, sqlNoticeDeliveries+strings.Join(marks, ", ")+") ORDER BY notice, channel", args, func(row scanner) error {
		var notice, channel string
		var told notify.Told
		var due, tried int64
		if err := row.Scan(&notice, &channel, &told.Kind, &told.State, &told.Outcome, &told.Tries, &due, &tried); err != nil {
			return err
		}
		told.Channel, told.DueAt, told.TriedAt = alert.ChannelID(channel), moment(due), moment(tried)
		all[notice] = append(all[notice], told)
		return nil
	})
	return all, s.explain("read deliveries", err)
}

func openNotice(key *seal.Key, n *notify.Notice, body []byte) error {
	plain, err := key.Open(body, columnNotice, n.ID)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(plain, &n.Facts); err != nil {
		return fmt.Errorf("notice: %w", err)
	}
	return nil
}

// Unread is how many notices of an inbox weren't read, counted up to a bound.
func (s *Store) Unread(ctx context.Context, owner ledger.OwnerID) (count int, err error) {
	err = s.db.one(ctx, sqlUnread, []any{string(owner), unreadMax}, &count)
	return count, s.explain("count notices", err)
}

// ReadNotices marks as read what is in an inbox until a time. Where nothing was unread nothing changes, and nothing is recorded.
func (s *Store) ReadNotices(ctx context.Context, owner ledger.OwnerID, until time.Time, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		marked, err := q.exec(ctx, sqlReadNotices, string(owner), stamp(s.now()), stamp(until))
		if err != nil || marked == 0 {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("read notices", err)
}

// NoticeMessage reads what is needed to send a notice by a channel; fault.NotFound where the delivery is gone with its owner.
func (s *Store) NoticeMessage(ctx context.Context, job notify.NoticeJob) (notify.Message, error) {
	m := notify.Message{Notice: notify.Notice{Owner: job.Owner, ID: job.Notice}}
	var due, created, at, read int64
	var rule string
	var body []byte
	err := s.db.one(ctx, sqlNoticeDelivery, []any{string(job.Owner), job.Notice, string(job.Channel)}, &m.State, &m.Tries, &due, &created)
	if err == nil {
		err = s.db.one(ctx, sqlNotice, []any{string(job.Owner), job.Notice}, &m.Notice.Kind, &rule, &body, &at, &read)
	}
	if noRow(err) {
		return notify.Message{}, fault.New(fault.NotFound, "there is no such message")
	}
	if err == nil {
		m.DueAt, m.CreatedAt = moment(due), moment(created)
		m.Notice.Rule, m.Notice.At, m.Notice.ReadAt = alert.RuleID(rule), moment(at), moment(read)
		err = s.openMessageOf(ctx, &m, job.Channel, body)
	}
	if err != nil {
		return notify.Message{}, s.explain("read message", err)
	}
	return m, nil
}

// openMessageOf adds what is read with the owner's key. Who was suspended meanwhile is reached by no channel any more.
func (s *Store) openMessageOf(ctx context.Context, m *notify.Message, channel alert.ChannelID, body []byte) error {
	user, err := s.readUser(ctx, s.db, m.Notice.Owner)
	if err != nil {
		return err
	}
	if !user.ConfirmedAt.IsZero() {
		m.Reader.Address = user.Email
	}
	key, err := s.key(ctx, s.db, m.Notice.Owner)
	if err != nil {
		return err
	}
	if err := openNotice(key, &m.Notice, body); err != nil {
		return err
	}
	if m.Settings, err = s.noticeSettings(ctx, s.db, m.Notice.Owner); err != nil {
		return err
	}
	m.Channel, err = s.channel(ctx, s.db, m.Notice.Owner, channel)
	if fault.Is(err, fault.NotFound) || err == nil && user.Status != identity.Active {
		m.Channel, err = notify.Channel{State: notify.ChannelOff}, nil
	}
	return err
}

// SettleMessage notes a try of a message and what it says of the channel: whether it works, or is there no more.
func (s *Store) SettleMessage(ctx context.Context, job notify.NoticeJob, state notify.State, outcome notify.Outcome, at time.Time) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlSettleNotice, string(job.Owner), job.Notice, string(job.Channel), string(state), string(outcome), stamp(at)); err != nil {
			return err
		}
		return noteOfChannel(ctx, q, job.Owner, job.Channel, outcome, at)
	})
	return s.explain("settle message", err)
}

// AlertsTold is of how many alerts somebody was told since a time.
func (s *Store) AlertsTold(ctx context.Context, owner ledger.OwnerID, since time.Time) (count int, err error) {
	err = s.db.one(ctx, sqlAlertsTold, []any{string(owner), stamp(since)}, &count)
	return count, s.explain("count alerts", err)
}

// DeleteNoticesBefore forgets the notices that were told before a time, and their messages.
func (s *Store) DeleteNoticesBefore(ctx context.Context, before time.Time) error {
	for _, statement := range [...]string{sqlSweepNoticeDeliveries, sqlSweepNotices} {
		if _, err := s.db.exec(ctx, statement, stamp(before)); err != nil {
			return s.explain("delete old notices", err)
		}
	}
	return nil
}
