package httpapi

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/notify"
)

// Messages sends tests; *notify.Messenger is one.
type Messages interface {
	// Test sends one by a channel at once and says how that ended.
	Test(ctx context.Context, channel notify.Channel, settings notify.Settings, reader notify.Reader, id string) notify.Outcome
}

const webhookSecretBytes = 32 // random ones, as Standard Webhooks asks for

// ChannelItem is a way by which somebody is told, without what would let others write there.
type ChannelItem struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind" enum:"email,push,webhook,telegram,slack,discord,ntfy,gotify,matrix,pushover"`
	State     string     `json:"state" enum:"on,off,unconfirmed,gone" doc:"gone: the other side said that it is there no more"`
	Name      string     `json:"name"`
	LeadsTo   string     `json:"leads_to" doc:"Masked; empty: the account's own address"`
	FailingAt *time.Time `json:"failing_since" doc:"null: the last message got through"`
	CreatedAt time.Time  `json:"created_at"`
}

// Channels is somebody's, and what new ones can be.
type Channels struct {
	Items   []ChannelItem `json:"items" nullable:"false"`
	Mail    bool          `json:"mail" doc:"This server sends mail"`
	PushKey *string       `json:"push_key" doc:"What a browser subscribes with; null: this server sends nothing to browsers"`
}

// NewChannel is a channel with the only copy of its secret.
type NewChannel struct {
	ChannelItem
	Secret *string `json:"secret" doc:"Of a webhook: what its messages are signed with, shown once"`
}

// ChannelTest is how a test ended.
type ChannelTest struct {
	Sent bool   `json:"sent"`
	Says string `json:"says"`
}

type newChannelInput struct {
	Body struct {
		Kind         string `json:"kind" enum:"email,push,webhook,telegram,slack,discord,ntfy,gotify,matrix,pushover"`
		Name         string `json:"name,omitempty" maxLength:"480"`
		URL          string `json:"url,omitempty" maxLength:"2000" doc:"Of every kind but email and push; its form is in the guide"`
		Address      string `json:"address,omitempty" maxLength:"254" doc:"Of email; left out: the account's own. Another gets a link that confirms it"`
		Subscription *struct {
			Endpoint string `json:"endpoint" maxLength:"2000"`
			Keys     struct {
				P256dh string `json:"p256dh" maxLength:"200"`
				Auth   string `json:"auth" maxLength:"100"`
			} `json:"keys"`
		} `json:"subscription,omitempty" doc:"Of push: what the browser's PushManager gave"`
	}
}

// ChannelPath names a channel of the caller.
type ChannelPath struct {
	Channel string `path:"channel" maxLength:"64"`
}

type changeChannelInput struct {
	ChannelPath
	Body struct {
		Name *string `json:"name,omitempty" maxLength:"480"`
		On   *bool   `json:"on,omitempty"`
	}
}

type confirmChannelInput struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200" doc:"The last part of the link"`
	}
}

func (s *Server) addChannelRoutes() {
	const tag, path = "Notifications", "/api/v1/channels"
	const one = path + "/{channel}"
	typed(s, route{method: "GET", path: path, class: classRead, action: access.ManageChannels, tag: tag, summary: "The ways by which you are told"}, http.StatusOK, s.listChannels)
	typed(s, route{method: "POST", path: path, class: classChange, action: access.ManageChannels, creates: true, stepUp: true, tag: tag, summary: "Add a way to be told"}, http.StatusCreated, s.createChannel)
	typed(s, route{method: "PATCH", path: one, class: classChange, action: access.ManageChannels, tag: tag, summary: "Rename a channel, or switch it on or off"}, http.StatusOK, s.changeChannel)
	typed(s, route{method: "DELETE", path: one, class: classChange, action: access.ManageChannels, tag: tag, summary: "Remove a channel, at once"}, http.StatusNoContent, s.deleteChannel)
	typed(s, route{method: "POST", path: one + "/test", class: classBulk, action: access.ManageChannels, tag: tag, summary: "Send a test by a channel, at once"}, http.StatusOK, s.testChannel)
	typed(s, route{method: "POST", path: path + "/confirm", class: classChange, action: access.ConfirmEmail, tag: tag, summary: "Let notifications come to an address, by the link that went there"}, http.StatusNoContent, s.confirmChannel)
}

func channelOf(c notify.Channel) ChannelItem {
	return ChannelItem{
		ID: string(c.ID), Kind: string(c.Kind), State: string(c.State), Name: c.Name, LeadsTo: c.Masked(), FailingAt: timeOf(c.FailingAt), CreatedAt: c.CreatedAt.UTC(),
	}
}

func (s *Server) listChannels(ctx context.Context, _ *none) (*answer[Channels], error) {
	all, err := s.store.Channels(ctx, callOf(ctx).user())
	if err != nil {
		return nil, err
	}
	out := Channels{Items: make([]ChannelItem, 0, len(all)), Mail: s.identity.SendsMail(), PushKey: given(s.options.PushKey)}
	for _, c := range all {
		out.Items = append(out.Items, channelOf(c))
	}
	return &answer[Channels]{out}, nil
}

func (s *Server) createChannel(ctx context.Context, in *newChannelInput) (*answer[NewChannel], error) {
	c, now := callOf(ctx), s.now()
	id, err := identity.NewID(s.random)
	if err != nil {
		return nil, err
	}
	name, err := channelName(in.Body.Name)
	if err != nil {
		return nil, err
	}
	made := notify.Channel{Owner: c.user(), ID: notify.ChannelID(id), Kind: notify.ChannelKind(in.Body.Kind), State: notify.ChannelOn, Name: name, CreatedAt: now}
	written := in.Body.URL
	switch made.Kind {
	case notify.ChannelEmail:
		return s.createEmail(ctx, made, in.Body.Address)
	case notify.ChannelPush:
		written = string(marshal(in.Body.Subscription))
	case notify.ChannelWebhook:
		if made.Secret, err = s.webhookSecret(); err != nil {
			return nil, err
		}
	}
	if made.Target, err = notify.ParseTarget(made.Kind, written); err != nil {
		return nil, err
	}
	out := NewChannel{ChannelItem: channelOf(made), Secret: given(made.Secret)}
	if err := s.store.CreateChannel(ctx, made, identity.TokenHash{}, time.Time{}, c.write(c.entry(audit.ChannelCreated, id), out)); err != nil {
		return nil, err
	}
	return &answer[NewChannel]{out}, nil
}

// channelName is what somebody calls a channel; it may have none.
func channelName(text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", nil
	}
	return cleanName(text)
}

func (s *Server) webhookSecret() (string, error) {
	secret := make([]byte, webhookSecretBytes)
	if _, err := io.ReadFull(s.random, secret); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	return "whsec_" + base64.StdEncoding.EncodeToString(secret), nil
}

// createEmail adds the account's own address, which has to be confirmed, or another, which gets a link.
func (s *Server) createEmail(ctx context.Context, made notify.Channel, address string) (*answer[NewChannel], error) {
	c := callOf(ctx)
	if !s.identity.SendsMail() {
		return nil, fault.New(fault.Conflict, "This server sends no mail.")
	}
	user, err := s.identity.User(ctx, c.user())
	if err != nil {
		return nil, err
	}
	if address != "" {
		if address, err = identity.NormalEmail(address); err != nil {
			return nil, err
		}
	}
	if address == "" || address == user.Email {
		if user.ConfirmedAt.IsZero() {
			return nil, fault.New(fault.Conflict, "Confirm the address of your account first.")
		}
		out := NewChannel{ChannelItem: channelOf(made)}
		if err := s.store.CreateChannel(ctx, made, identity.TokenHash{}, time.Time{}, c.write(c.entry(audit.ChannelCreated, string(made.ID)), out)); err != nil {
			return nil, err
		}
		return &answer[NewChannel]{out}, nil
	}
	if err := s.identity.TakeAddressMail(ctx, c.user()); err != nil {
		return nil, err
	}
	secret, hash, err := identity.NewSecret(s.random)
	if err != nil {
		return nil, err
	}
	made.Target, made.State = address, notify.ChannelUnconfirmed
	out := NewChannel{ChannelItem: channelOf(made)}
	w := c.write(c.entry(audit.ChannelCreated, string(made.ID)), out)
	w.Mail = []audit.Mail{{Kind: audit.MailConfirmChannel, Address: address, Path: "/channels/confirm/" + identity.OwnedToken(made.Owner, secret)}}
	if err := s.store.CreateChannel(ctx, made, hash, s.now().Add(notify.ConfirmAgeMax), w); err != nil {
		return nil, err
	}
	return &answer[NewChannel]{out}, nil
}

func (s *Server) changeChannel(ctx context.Context, in *changeChannelInput) (*answer[ChannelItem], error) {
	c := callOf(ctx)
	change := func(held *notify.Channel) (err error) {
		if in.Body.Name != nil {
			if held.Name, err = channelName(*in.Body.Name); err != nil {
				return err
			}
		}
		switch {
		case in.Body.On == nil:
		case held.State == notify.ChannelUnconfirmed:
			return fault.New(fault.Conflict, "Follow the link that went to this address first.")
		case *in.Body.On:
			held.State, held.FailingAt = notify.ChannelOn, time.Time{}
		default:
			held.State = notify.ChannelOff
		}
		return nil
	}
	changed, err := s.store.ChangeChannel(ctx, c.user(), notify.ChannelID(in.Channel), change, audit.Write{Audit: c.entry(audit.ChannelChanged, in.Channel)})
	if err != nil {
		return nil, err
	}
	return &answer[ChannelItem]{channelOf(changed)}, nil
}

func (s *Server) deleteChannel(ctx context.Context, in *ChannelPath) (*none, error) {
	c := callOf(ctx)
	return nil, s.store.DeleteChannel(ctx, c.user(), notify.ChannelID(in.Channel), audit.Write{Audit: c.entry(audit.ChannelDeleted, in.Channel)})
}

// testChannel says whether a message got there, and never what the other side said: an address may lead to what its owner may not read.
func (s *Server) testChannel(ctx context.Context, in *ChannelPath) (*answer[ChannelTest], error) {
	c := callOf(ctx)
	if s.options.Messages == nil {
		return nil, fault.New(fault.Unavailable, "This node sends no messages.")
	}
	channel, err := s.store.Channel(ctx, c.user(), notify.ChannelID(in.Channel))
	if err != nil {
		return nil, err
	}
	if channel.State == notify.ChannelUnconfirmed {
		return nil, fault.New(fault.Conflict, "Follow the link that went to this address first.")
	}
	if wait, ok := s.channelTests.allow(string(c.user()), s.now()); !ok {
		return nil, limitedProblem(wait)
	}
	settings, err := s.store.NoticeSettings(ctx, c.user())
	if err != nil {
		return nil, err
	}
	reader, err := s.readerOf(ctx, c.user())
	if err != nil {
		return nil, err
	}
	id, err := identity.NewID(s.random)
	if err != nil {
		return nil, err
	}
	if err := s.store.RecordAudit(ctx, c.entry(audit.ChannelTested, in.Channel)); err != nil {
		return nil, err
	}
	outcome := s.options.Messages.Test(ctx, channel, settings, reader, id)
	return &answer[ChannelTest]{ChannelTest{Sent: outcome == notify.OutcomeSent, Says: outcome.Told(channel.Kind)}}, nil
}

func (s *Server) readerOf(ctx context.Context, owner ledger.OwnerID) (notify.Reader, error) {
	user, err := s.identity.User(ctx, owner)
	if err != nil {
		return notify.Reader{}, err
	}
	var out notify.Reader
	if !user.ConfirmedAt.IsZero() {
		out.Address = user.Email
	}
	return out, nil
}

func (s *Server) confirmChannel(ctx context.Context, in *confirmChannelInput) (*none, error) {
	gone := fault.New(fault.NotFound, "This link was used, is older than %d hours, or was never one. Add the address again.", int(notify.ConfirmAgeMax.Hours()))
	owner, hash, ok := identity.ParseOwnedToken(in.Body.Token)
	if !ok {
		return nil, gone
	}
	entry := audit.Entry{Actor: owner, Owner: owner, Action: audit.ChannelConfirmed, RequestID: callOf(ctx).id, Result: "ok", Detail: callOf(ctx).address}
	err := s.store.ConfirmChannel(ctx, owner, hash, s.now(), audit.Write{Audit: entry})
	if fault.Is(err, fault.NotFound) {
		return nil, gone
	}
	return nil, err
}
