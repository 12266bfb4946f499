package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/notify"
)

// NoticeStore keeps what people are told, and how.
type NoticeStore interface {
	// Notices gives a page of an inbox, the newest first; next is zero where nothing is left.
	Notices(ctx context.Context, owner ledger.OwnerID, after notify.Place, limit int) (items []notify.Item, next notify.Place, err error)
	Unread(ctx context.Context, owner ledger.OwnerID) (int, error)
	ReadNotices(ctx context.Context, owner ledger.OwnerID, until time.Time, write audit.Write) error
	NoticeSettings(ctx context.Context, owner ledger.OwnerID) (notify.Settings, error)
	SetNoticeSettings(ctx context.Context, owner ledger.OwnerID, settings notify.Settings, now time.Time, write audit.Write) error
	Channels(ctx context.Context, owner ledger.OwnerID) ([]notify.Channel, error)
	// Channel and the changes give fault.NotFound where there is none.
	Channel(ctx context.Context, owner ledger.OwnerID, id notify.ChannelID) (notify.Channel, error)
	CreateChannel(ctx context.Context, channel notify.Channel, confirm identity.TokenHash, confirmBy time.Time, write audit.Write) error
	ChangeChannel(ctx context.Context, owner ledger.OwnerID, id notify.ChannelID, change func(*notify.Channel) error, write audit.Write) (notify.Channel, error)
	DeleteChannel(ctx context.Context, owner ledger.OwnerID, id notify.ChannelID, write audit.Write) error
	ConfirmChannel(ctx context.Context, owner ledger.OwnerID, confirm identity.TokenHash, now time.Time, write audit.Write) error
}

// Notification is something that somebody was told. Its inbox is theirs, so that nothing is left out of it.
type Notification struct {
	ID           string            `json:"id"`
	Kind         string            `json:"kind" enum:"alert,operator,digest"`
	At           time.Time         `json:"at"`
	ReadAt       *time.Time        `json:"read_at"`
	Title        string            `json:"title"`
	Text         string            `json:"text" doc:"More lines, if there is more to say"`
	RuleID       *string           `json:"rule_id"`
	PortfolioID  *string           `json:"portfolio_id"`
	InstrumentID *string           `json:"instrument_id"`
	Deliveries   []MessageDelivery `json:"deliveries" nullable:"false"`
}

// MessageDelivery is what became of a notification by one channel.
type MessageDelivery struct {
	ChannelID string     `json:"channel_id"`
	Kind      string     `json:"kind"`
	State     string     `json:"state" enum:"waiting,sent,failed"`
	Says      string     `json:"says" doc:"How the last try ended; empty before the first"`
	Tries     int        `json:"tries"`
	DueAt     time.Time  `json:"due_at" doc:"Later than the notification where it waits for the end of quiet hours"`
	TriedAt   *time.Time `json:"tried_at"`
}

// Notifications is a page of an inbox, the newest first.
type Notifications struct {
	Items      []Notification `json:"items" nullable:"false"`
	Unread     int            `json:"unread" doc:"Of the whole inbox, counted up to 1000"`
	NextCursor *string        `json:"next_cursor"`
}

type notificationsInput struct {
	Cursor string `query:"cursor" maxLength:"80" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"30"`
}

type readNotificationsInput struct {
	Body struct {
		Until time.Time `json:"until" doc:"The newest that was seen: it and all before it are read"`
	}
}

// NotificationSettings are how somebody wants to be told.
type NotificationSettings struct {
	Zone        string `json:"zone" maxLength:"60" doc:"Such as Europe/Berlin; empty: UTC"`
	Locale      string `json:"locale" maxLength:"35" doc:"Such as de-CH; numbers and dates are written as there; empty: English"`
	HideAmounts bool   `json:"hide_amounts" doc:"No message but the inbox names an amount"`
	QuietFrom   string `json:"quiet_from" maxLength:"5" doc:"Such as 22:00"`
	QuietTo     string `json:"quiet_to" maxLength:"5" doc:"The same as quiet_from: there are no quiet hours"`
	Digest      string `json:"digest" enum:"off,daily,weekly" doc:"By e-mail; weekly on Mondays"`
	DigestAt    string `json:"digest_at" maxLength:"5" doc:"Such as 07:30"`
}

type notificationSettingsInput struct {
	Body NotificationSettings
}

func (s *Server) addNoticeRoutes() {
	const tag, path = "Notifications", "/api/v1/notifications"
	typed(s, route{method: "GET", path: path, class: classRead, action: access.ReadNotices, tag: tag, summary: "What you were told, the newest first"}, http.StatusOK, s.listNotices)
	typed(s, route{method: "POST", path: path + "/read", class: classChange, action: access.ManageChannels, tag: tag, summary: "Mark as read what was seen"}, http.StatusNoContent, func(ctx context.Context, in *readNotificationsInput) (*none, error) {
		c := callOf(ctx)
		if err := s.store.ReadNotices(ctx, c.user(), in.Body.Until, audit.Write{Audit: c.entry(audit.NoticesRead, "")}); err != nil {
			return nil, err
		}
		if s.options.InboxChanged != nil {
			s.options.InboxChanged(ctx, c.user())
		}
		return nil, nil
	})
	typed(s, route{method: "GET", path: path + "/settings", class: classRead, action: access.ManageChannels, tag: tag, summary: "How you want to be told"}, http.StatusOK, s.noticeSettings)
	typed(s, route{method: "PUT", path: path + "/settings", class: classChange, action: access.ManageChannels, tag: tag, summary: "Say how you want to be told"}, http.StatusOK, s.setNoticeSettings)
}

func (s *Server) listNotices(ctx context.Context, in *notificationsInput) (*answer[Notifications], error) {
	owner := callOf(ctx).user()
	after, err := inboxPlace(in.Cursor)
	if err != nil {
		return nil, err
	}
	items, next, err := s.store.Notices(ctx, owner, after, in.Limit)
	if err != nil {
		return nil, err
	}
	settings, err := s.store.NoticeSettings(ctx, owner)
	if err != nil {
		return nil, err
	}
	settings.HideAmounts = false // the page hides them itself where its reader wants
	out := Notifications{Items: make([]Notification, 0, len(items))}
	if out.Unread, err = s.store.Unread(ctx, owner); err != nil {
		return nil, err
	}
	for _, item := range items {
		out.Items = append(out.Items, notificationOf(item, settings))
	}
	if !next.At.IsZero() {
		out.NextCursor = given(fmt.Sprintf("%d.%s", next.At.UnixMicro(), next.ID))
	}
	return &answer[Notifications]{out}, nil
}

// inboxPlace reads a cursor; without one it is before the newest.
func inboxPlace(cursor string) (notify.Place, error) {
	if cursor == "" {
		return notify.Place{}, nil
	}
	at, id, found := strings.Cut(cursor, ".")
	micros, err := strconv.ParseInt(at, 10, 64)
	if !found || err != nil || micros <= 0 {
		return notify.Place{}, fault.At("cursor", "This is no next_cursor of a page before.")
	}
	return notify.Place{At: time.UnixMicro(micros).UTC(), ID: id}, nil
}

func notificationOf(item notify.Item, settings notify.Settings) Notification {
	words := notify.Inbox(item.Notice, settings)
	return Notification{
		ID: item.ID, Kind: string(item.Kind), At: item.At.UTC(), ReadAt: timeOf(item.ReadAt), Title: words.Title, Text: words.Text(),
		RuleID: given(string(item.Rule)), PortfolioID: given(item.Facts.PortfolioID), InstrumentID: given(item.Facts.InstrumentID),
		Deliveries: messageDeliveries(item.Told),
	}
}

// messageFailed is what people call notify.Dead.
const messageFailed = "failed"

func messageDeliveries(all []notify.Told) []MessageDelivery {
	out := make([]MessageDelivery, 0, len(all))
	for _, told := range all {
		state := string(told.State)
		if told.State == notify.Dead {
			state = messageFailed
		}
		out = append(out, MessageDelivery{
			ChannelID: string(told.Channel), Kind: string(told.Kind), State: state, Says: told.Outcome.Told(told.Kind), Tries: told.Tries,
			DueAt: told.DueAt.UTC(), TriedAt: timeOf(told.TriedAt),
		})
	}
	return out
}

func settingsShown(settings notify.Settings) NotificationSettings {
	return NotificationSettings{
		Zone: settings.Zone, Locale: settings.Locale, HideAmounts: settings.HideAmounts,
		QuietFrom: settings.QuietFrom.String(), QuietTo: settings.QuietTo.String(),
		Digest: string(cmp.Or(settings.Digest, notify.DigestOff)), DigestAt: settings.DigestAt.String(),
	}
}

func (s *Server) noticeSettings(ctx context.Context, _ *none) (*answer[NotificationSettings], error) {
	settings, err := s.store.NoticeSettings(ctx, callOf(ctx).user())
	if err != nil {
		return nil, err
	}
	return &answer[NotificationSettings]{settingsShown(settings)}, nil
}

func (s *Server) setNoticeSettings(ctx context.Context, in *notificationSettingsInput) (*answer[NotificationSettings], error) {
	c := callOf(ctx)
	settings := notify.Settings{Zone: in.Body.Zone, Locale: in.Body.Locale, HideAmounts: in.Body.HideAmounts, Digest: notify.DigestEvery(in.Body.Digest)}
	var err error
	for _, field := range []struct {
		name, text string
		into       *notify.Clock
	}{{"quiet_from", in.Body.QuietFrom, &settings.QuietFrom}, {"quiet_to", in.Body.QuietTo, &settings.QuietTo}, {"digest_at", in.Body.DigestAt, &settings.DigestAt}} {
		if *field.into, err = notify.ParseClock(field.name, field.text); err != nil {
			return nil, err
		}
	}
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	if err := s.store.SetNoticeSettings(ctx, c.user(), settings, s.now(), audit.Write{Audit: c.entry(audit.NoticesSet, "")}); err != nil {
		return nil, err
	}
	s.alertsChanged(ctx)
	return &answer[NotificationSettings]{settingsShown(settings)}, nil
}
