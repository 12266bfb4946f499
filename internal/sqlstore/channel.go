package sqlstore

import (
	"context"
	"fmt"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/notify"
	"folioscope/internal/seal"
)

const (
	sqlNewChannel     = `INSERT INTO channels (owner, id, kind, state, body, confirm, confirm_by, failing, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)`
	sqlChannels       = `SELECT id, kind, state, body, failing, created_at FROM channels WHERE owner = $1 ORDER BY created_at, id`
	sqlChannel        = `SELECT id, kind, state, body, failing, created_at FROM channels WHERE owner = $1 AND id = $2`
	sqlCountChannels  = `SELECT COUNT(*) FROM channels WHERE owner = $1`
	sqlSetChannel     = `UPDATE channels SET state = $3, body = $4, failing = $5 WHERE owner = $1 AND id = $2`
	sqlDropChannel    = `DELETE FROM channels WHERE owner = $1 AND id = $2`
	sqlConfirmChannel = `UPDATE channels SET state = 'on', confirm = $3, confirm_by = 0 WHERE owner = $1 AND confirm = $2 AND confirm_by > $4 AND state = 'unconfirmed' RETURNING id`
	sqlChannelWorks   = `UPDATE channels SET failing = 0 WHERE owner = $1 AND id = $2 AND failing > 0`
	sqlChannelFails   = `UPDATE channels SET failing = $3 WHERE owner = $1 AND id = $2 AND failing = 0`
	sqlChannelGone    = `UPDATE channels SET state = 'gone', failing = $3 WHERE owner = $1 AND id = $2 AND state = 'on'`
	sqlEraseChannels  = `DELETE FROM channels WHERE owner = $1`

	sqlNoticeSettings      = `SELECT body FROM notice_settings WHERE owner = $1`
	sqlSetNoticeSettings   = `INSERT INTO notice_settings (owner, body, digest_due) VALUES ($1, $2, $3) ON CONFLICT (owner) DO UPDATE SET body = excluded.body, digest_due = excluded.digest_due`
	sqlMoveDigest          = `UPDATE notice_settings SET digest_due = $3 WHERE owner = $1 AND digest_due = $2`
	sqlSweepDigests        = `SELECT owner, digest_due FROM notice_settings WHERE digest_due > 0 AND digest_due <= $1 ORDER BY digest_due, owner LIMIT $2`
	sqlEraseNoticeSettings = `DELETE FROM notice_settings WHERE owner = $1`
)

// The fields of a sealed channel.
const (
	channelName   tag = 1
	channelTarget tag = 2
	channelSecret tag = 3
)

// The fields of sealed settings.
const (
	settingsZone      tag = 1
	settingsLocale    tag = 2
	settingsHide      tag = 3
	settingsQuietFrom tag = 4
	settingsQuietTo   tag = 5
	settingsDigest    tag = 6
	settingsDigestAt  tag = 7
)

var (
	columnChannel        = seal.Column{Table: "channels", Name: "body"} // under the channel's id
	columnNoticeSettings = seal.Column{Table: "notice_settings", Name: "body"}
)

// PushKey is what this installation sends to browsers with: like the keyring that it comes of, it stays.
func (s *Store) PushKey() (notify.PushKey, error) {
	return notify.NewPushKey(func(count int) []byte { return s.root.Derived(fmt.Sprintf("web push v1, %d", count)) })
}

func errNoChannel() error { return fault.New(fault.NotFound, "there is no such channel") }

func sealChannel(key *seal.Key, c notify.Channel) []byte {
	var r record
	r.text(channelName, c.Name)
	r.text(channelTarget, c.Target)
	r.text(channelSecret, c.Secret)
	return key.Seal(r, columnChannel, string(c.ID))
}

func openChannel(key *seal.Key, c *notify.Channel, body []byte) error {
	plain, err := key.Open(body, columnChannel, string(c.ID))
	if err != nil {
		return err
	}
	if err := fields(plain, func(t tag, value []byte) error {
		switch t {
		case channelName:
			c.Name = string(value)
		case channelTarget:
			c.Target = string(value)
		case channelSecret:
			c.Secret = string(value)
		default:
			return errUnknownField
		}
		return nil
	}); err != nil {
		return fmt.Errorf("channel: %w", err)
	}
	return nil
}

func (s *Store) readChannels(ctx context.Context, q queries, text string, owner ledger.OwnerID, more ...any) ([]notify.Channel, error) {
	var all []notify.Channel
	var bodies [][]byte
	err := q.each(ctx, text, append([]any{string(owner)}, more...), func(row scanner) error {
		c := notify.Channel{Owner: owner}
		var id string
		var body []byte
		var failing, created int64
		err := row.Scan(&id, &c.Kind, &c.State, &body, &failing, &created)
		c.ID, c.FailingAt, c.CreatedAt = alert.ChannelID(id), moment(failing), moment(created)
		all, bodies = append(all, c), append(bodies, body)
		return err
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	key, err := s.key(ctx, q, owner)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if err := openChannel(key, &all[i], bodies[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *Store) channels(ctx context.Context, q queries, owner ledger.OwnerID) ([]notify.Channel, error) {
	return s.readChannels(ctx, q, sqlChannels, owner)
}

func (s *Store) channel(ctx context.Context, q queries, owner ledger.OwnerID, id alert.ChannelID) (notify.Channel, error) {
	found, err := s.readChannels(ctx, q, sqlChannel, owner, string(id))
	if err != nil {
		return notify.Channel{}, err
	}
	if len(found) == 0 {
		return notify.Channel{}, errNoChannel()
	}
	return found[0], nil
}

// Channels gives somebody's channels, the oldest first.
func (s *Store) Channels(ctx context.Context, owner ledger.OwnerID) ([]notify.Channel, error) {
	all, err := s.channels(ctx, s.db, owner)
	return all, s.explain("list channels", err)
}

// Channel reads one; fault.NotFound where there is none.
func (s *Store) Channel(ctx context.Context, owner ledger.OwnerID, id alert.ChannelID) (notify.Channel, error) {
	c, err := s.channel(ctx, s.db, owner, id)
	return c, s.explain("read channel", err)
}

// CreateChannel keeps a channel. One that is unconfirmed gets on with the secret of a hash until a time; fault.TooLarge over
// alert.ChannelsMax.
func (s *Store) CreateChannel(ctx context.Context, c notify.Channel, confirm identity.TokenHash, confirmBy time.Time, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlHoldUser, string(c.Owner)); err != nil {
			return err
		}
		var count int
		if err := q.one(ctx, sqlCountChannels, []any{string(c.Owner)}, &count); err != nil {
			return err
		}
		if count >= alert.ChannelsMax {
			return fault.New(fault.TooLarge, "There are at most %d channels. Delete one first.", alert.ChannelsMax)
		}
		key, err := s.key(ctx, q, c.Owner)
		if err != nil {
			return err
		}
		hash := []byte{}
		if c.State == notify.ChannelUnconfirmed {
			hash = confirm[:]
		}
		if _, err := q.exec(ctx, sqlNewChannel, string(c.Owner), string(c.ID), string(c.Kind), string(c.State), sealChannel(key, c), hash, stamp(confirmBy), stamp(c.CreatedAt)); err != nil {
			return s.taken(err, "this channel exists already")
		}
		return s.record(ctx, q, c.Owner, w)
	})
	return s.explain("create channel", err)
}

// ChangeChannel lets change set a channel's name, target and state, and gives it as it is then; what change refuses stays as it was.
// fault.NotFound where there is none.
func (s *Store) ChangeChannel(ctx context.Context, owner ledger.OwnerID, id alert.ChannelID, change func(*notify.Channel) error, w Write) (c notify.Channel, err error) {
	err = s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlHoldUser, string(owner)); err != nil {
			return err
		}
		if c, err = s.channel(ctx, q, owner, id); err != nil {
			return err
		}
		if err := change(&c); err != nil {
			return err
		}
		key, err := s.key(ctx, q, owner)
		if err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlSetChannel, string(owner), string(id), string(c.State), sealChannel(key, c), stamp(c.FailingAt)); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return c, s.explain("change channel", err)
}

// DeleteChannel deletes a channel; what waits to go out by it is given up. fault.NotFound where there is none.
func (s *Store) DeleteChannel(ctx context.Context, owner ledger.OwnerID, id alert.ChannelID, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		gone, err := q.exec(ctx, sqlDropChannel, string(owner), string(id))
		if err != nil {
			return err
		}
		if gone == 0 {
			return errNoChannel()
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("delete channel", err)
}

// ConfirmChannel switches on the channel whose link was followed, once; fault.NotFound where the link does nothing any more. The object of
// the audit entry is the channel.
func (s *Store) ConfirmChannel(ctx context.Context, owner ledger.OwnerID, confirm identity.TokenHash, now time.Time, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		var id string
		if err := q.one(ctx, sqlConfirmChannel, []any{string(owner), confirm[:], []byte{}, stamp(now)}, &id); noRow(err) {
			return errNoChannel()
		} else if err != nil {
			return err
		}
		entry := w
		entry.Audit.Object = id
		return s.record(ctx, q, owner, entry)
	})
	return s.explain("confirm channel", err)
}

// noteOfChannel notes what a try says of its channel: it works, fails since now, or is there no more.
func noteOfChannel(ctx context.Context, q queries, owner ledger.OwnerID, id alert.ChannelID, outcome notify.Outcome, at time.Time) error {
	var err error
	switch outcome {
	case notify.OutcomeSent:
		_, err = q.exec(ctx, sqlChannelWorks, string(owner), string(id))
	case notify.OutcomeGone:
		_, err = q.exec(ctx, sqlChannelGone, string(owner), string(id), stamp(at))
	case notify.OutcomeDropped:
	default:
		_, err = q.exec(ctx, sqlChannelFails, string(owner), string(id), stamp(at))
	}
	return err
}

// NoticeSettings are how somebody wants to be told; the zero value before they said so.
func (s *Store) NoticeSettings(ctx context.Context, owner ledger.OwnerID) (notify.Settings, error) {
	settings, err := s.noticeSettings(ctx, s.db, owner)
	return settings, s.explain("read how to tell", err)
}

func (s *Store) noticeSettings(ctx context.Context, q queries, owner ledger.OwnerID) (settings notify.Settings, err error) {
	var body []byte
	if err := q.one(ctx, sqlNoticeSettings, []any{string(owner)}, &body); noRow(err) {
		return notify.Settings{}, nil
	} else if err != nil {
		return notify.Settings{}, err
	}
	key, err := s.key(ctx, q, owner)
	if err != nil {
		return notify.Settings{}, err
	}
	plain, err := key.Open(body, columnNoticeSettings)
	if err != nil {
		return notify.Settings{}, err
	}
	err = fields(plain, func(t tag, value []byte) (err error) {
		switch t {
		case settingsZone:
			settings.Zone = string(value)
		case settingsLocale:
			settings.Locale = string(value)
		case settingsHide:
			settings.HideAmounts = true
		case settingsQuietFrom:
			settings.QuietFrom, err = notify.ParseClock("quiet_from", string(value))
		case settingsQuietTo:
			settings.QuietTo, err = notify.ParseClock("quiet_to", string(value))
		case settingsDigest:
			settings.Digest = notify.DigestEvery(value)
		case settingsDigestAt:
			settings.DigestAt, err = notify.ParseClock("digest_at", string(value))
		default:
			return errUnknownField
		}
		return err
	})
	return settings, err
}

// SetNoticeSettings keeps how somebody wants to be told, from a time on. Their rules go by its zone from then on.
func (s *Store) SetNoticeSettings(ctx context.Context, owner ledger.OwnerID, settings notify.Settings, now time.Time, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlHoldUser, string(owner)); err != nil {
			return err
		}
		if err := rulesChanged(ctx, q, owner); err != nil {
			return err
		}
		key, err := s.key(ctx, q, owner)
		if err != nil {
			return err
		}
		var r record
		r.text(settingsZone, settings.Zone)
		r.text(settingsLocale, settings.Locale)
		r.flag(settingsHide, settings.HideAmounts)
		r.text(settingsQuietFrom, settings.QuietFrom.String())
		r.text(settingsQuietTo, settings.QuietTo.String())
		r.text(settingsDigest, string(settings.Digest))
		r.text(settingsDigestAt, settings.DigestAt.String())
		if _, err := q.exec(ctx, sqlSetNoticeSettings, string(owner), key.Seal(r, columnNoticeSettings), stamp(settings.NextDigest(now))); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("set how to tell", err)
}

// DueDigests are those due at a time, the longest due first.
func (s *Store) DueDigests(ctx context.Context, now time.Time, limit int) ([]notify.DigestDue, error) {
	var all []notify.DigestDue
	err := s.db.each(ctx, sqlSweepDigests, []any{stamp(now), limit}, func(row scanner) error {
		var owner string
		var at int64
		err := row.Scan(&owner, &at)
		all = append(all, notify.DigestDue{Owner: ledger.OwnerID(owner), At: moment(at)})
		return err
	})
	for i := range all {
		if err == nil {
			all[i].Settings, err = s.noticeSettings(ctx, s.db, all[i].Owner)
		}
	}
	return all, s.explain("find digests", err)
}

// SettleDigest makes the next digest due and tells this one, unless another node has; without a notice nothing is told.
func (s *Store) SettleDigest(ctx context.Context, due notify.DigestDue, next time.Time, told *notify.Notice) error {
	err := s.db.write(ctx, func(q queries) error {
		moved, err := q.exec(ctx, sqlMoveDigest, string(due.Owner), stamp(due.At), stamp(next))
		if err != nil || moved == 0 || told == nil {
			return err
		}
		return s.tell(ctx, q, *told)
	})
	return s.explain("settle digest", err)
}
