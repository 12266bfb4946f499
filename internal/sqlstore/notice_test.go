package sqlstore

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/jobs"
	"folioscope/internal/ledger"
	"folioscope/internal/notify"
)

// channelOf adds a channel that is on.
func (b *bench) channelOf(owner ledger.OwnerID, id string, kind notify.ChannelKind) notify.Channel {
	b.t.Helper()
	c := notify.Channel{Owner: owner, ID: alert.ChannelID(id), Kind: kind, State: notify.ChannelOn, Name: "Name of " + id, Target: "https://canary.example/" + id, Secret: "canary-secret", CreatedAt: testStart}
	b.ok(b.CreateChannel(b.t.Context(), c, identity.TokenHash{}, time.Time{}, entry(owner, audit.ChannelCreated)))
	return c
}

// noticeJobs are the arguments of all waiting jobs that send notices.
func (b *bench) noticeJobs(database jobs.Database) (all []notify.NoticeJob) {
	b.t.Helper()
	queue, err := jobs.New(b.t.Context(), database, nil, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	b.ok(err)
	listed, err := queue.List(b.t.Context(), jobs.Waiting)
	b.ok(err)
	for _, job := range listed {
		if job.Kind != notify.NoticeJobKind {
			continue
		}
		var arguments notify.NoticeJob
		b.ok(json.Unmarshal(job.Arguments, &arguments))
		if strings.Contains(string(job.Arguments), "canary") {
			b.t.Errorf("a job knows too much: %s", job.Arguments)
		}
		all = append(all, arguments)
	}
	return all
}

func noticeTo(owner ledger.OwnerID, id string, channels ...alert.ChannelID) notify.Notice {
	value := number("201.50")
	return notify.Notice{Owner: owner, ID: id, Kind: notify.NoticeAlert, At: testStart, Rule: "r1", Channels: channels,
		Facts: notify.NoticeFacts{Sentence: "Price of canary above 200 USD", Subject: "canary", Value: value, Unit: "USD"}}
}

func TestANoticeIsToldOnceByEachChannelThatIsOn(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database, ctx := b.queued(), t.Context()
		b.user("anna")
		b.user("bob")
		b.channelOf("anna", "mail", notify.ChannelEmail)
		b.channelOf("anna", "hook", notify.ChannelWebhook)
		b.channelOf("anna", "off", notify.ChannelNtfy)
		b.channelOf("bob", "his", notify.ChannelWebhook)
		_, err := b.ChangeChannel(ctx, "anna", "off", func(c *notify.Channel) error { c.State = notify.ChannelOff; return nil }, entry("anna", audit.ChannelChanged))
		b.ok(err)

		for range 2 { // a replay tells nothing anew
			b.ok(b.Tell(ctx, noticeTo("anna", "n1")))
		}
		b.ok(b.Tell(ctx, noticeTo("anna", "n2", "hook", "off", "his")))
		inbox := noticeTo("anna", "n3")
		inbox.Channels = []alert.ChannelID{}
		b.ok(b.Tell(ctx, inbox))
		digest := noticeTo("anna", "n4")
		digest.Kind = notify.NoticeDigest
		b.ok(b.Tell(ctx, digest))

		items, next, err := b.Notices(ctx, "anna", notify.Place{}, 10)
		b.ok(err)
		got := map[string]string{}
		for _, item := range items {
			for _, told := range item.Told {
				got[item.ID] += fmt.Sprintf("%s %s;", told.Channel, told.State)
			}
		}
		if len(items) != 4 || !next.At.IsZero() || got["n1"] != "hook waiting;mail waiting;" || got["n2"] != "hook waiting;" || got["n3"] != "" || got["n4"] != "mail waiting;" {
			t.Errorf("%d items, deliveries %v", len(items), got)
		}
		if first := items[3]; first.ID != "n1" || first.Facts.Value.String() != "201.50" || first.Facts.Subject != "canary" || first.Rule != "r1" || !first.At.Equal(testStart) {
			t.Errorf("the notice: %+v", first)
		}
		if all := b.noticeJobs(database); len(all) != 4 {
			t.Errorf("jobs: %+v", all)
		}
		if items, _, err := b.Notices(ctx, "bob", notify.Place{}, 10); err != nil || len(items) != 0 {
			t.Errorf("another's inbox: %+v, %v", items, err)
		}
	})
}

func TestTheInboxIsReadInPages(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		for i := range 5 {
			n := noticeTo("anna", fmt.Sprintf("n%d", i))
			n.At = testStart.Add(time.Duration(i/2) * time.Minute) // two at the same time
			b.ok(b.Tell(t.Context(), n))
		}
		var seen []string
		for place := (notify.Place{}); ; {
			items, next, err := b.Notices(t.Context(), "anna", place, 2)
			b.ok(err)
			for _, item := range items {
				seen = append(seen, item.ID)
			}
			if place = next; next.At.IsZero() {
				break
			}
		}
		if got := strings.Join(seen, " "); got != "n4 n3 n2 n1 n0" {
			t.Errorf("pages: %s", got)
		}
		for range 2 { // the second time nothing is unread
			b.ok(b.ReadNotices(t.Context(), "anna", testStart.Add(time.Minute), entry("anna", audit.NoticesRead)))
		}
		if n := b.recorded("anna", audit.NoticesRead, ""); n != 1 {
			t.Errorf("%d rows tell of it", n)
		}
		if unread, err := b.Unread(t.Context(), "anna"); err != nil || unread != 1 {
			t.Errorf("%d unread, %v", unread, err)
		}
	})
}

func TestNobodyIsToldWhoIsNotActive(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		database, ctx := b.queued(), t.Context()
		b.user("anna")
		b.channelOf("anna", "hook", notify.ChannelWebhook)
		b.ok(b.Tell(ctx, noticeTo("anna", "before")))
		job := b.noticeJobs(database)[0]
		_, err := b.ChangeUser(ctx, "anna", identity.ChangeUser{Status: identity.Suspended}, []Write{entry("root", audit.UserSuspended)})
		b.ok(err)
		b.ok(b.Tell(ctx, noticeTo("anna", "after")))
		b.ok(b.Tell(ctx, noticeTo("nobody", "n1")))
		if all := b.noticeJobs(database); len(all) != 1 {
			t.Errorf("jobs: %+v", all)
		}
		m, err := b.NoticeMessage(ctx, job)
		if err != nil || m.Channel.State != notify.ChannelOff || m.Channel.Target != "" {
			t.Errorf("a message to somebody suspended: %+v, %v", m.Channel, err)
		}
		b.ok(b.EraseUser(ctx, "anna", entry("root", audit.UserErased)))
		_, err = b.NoticeMessage(ctx, job)
		b.kind(err, fault.NotFound)
	})
}

func TestQuietHoursPutOffWhatIsNotUrgent(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.queued()
		b.user("anna")
		b.channelOf("anna", "hook", notify.ChannelWebhook)
		settings := notify.Settings{Zone: "Europe/Berlin", Locale: "de", HideAmounts: true, QuietFrom: 14 * 60, QuietTo: 16 * 60, Digest: notify.DigestDaily, DigestAt: 7*60 + 30}
		b.ok(b.SetNoticeSettings(ctx, "anna", settings, testStart, entry("anna", audit.NoticesSet)))
		if got, err := b.NoticeSettings(ctx, "anna"); err != nil || got != settings {
			t.Errorf("settings: %+v, %v", got, err)
		}
		urgent := noticeTo("anna", "urgent")
		urgent.Urgent = true
		b.ok(b.Tell(ctx, urgent))
		b.ok(b.Tell(ctx, noticeTo("anna", "calm")))
		for id, due := range map[string]time.Time{"urgent": testStart, "calm": testStart} { // 15:30 in Berlin
			if id == "calm" {
				due = time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
			}
			m, err := b.NoticeMessage(ctx, notify.NoticeJob{Owner: "anna", Notice: id, Channel: "hook"})
			if err != nil || !m.DueAt.Equal(due) {
				t.Errorf("%s is due at %v, %v", id, m.DueAt, err)
			}
		}
	})
}

func TestATryIsNotedWithItsChannel(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.queued()
		b.user("anna")
		b.channelOf("anna", "hook", notify.ChannelWebhook)
		b.ok(b.Tell(ctx, noticeTo("anna", "n1")))
		b.ok(b.Tell(ctx, noticeTo("anna", "n2")))
		first, second := notify.NoticeJob{Owner: "anna", Notice: "n1", Channel: "hook"}, notify.NoticeJob{Owner: "anna", Notice: "n2", Channel: "hook"}
		for _, step := range []struct {
			job     notify.NoticeJob
			state   notify.State
			outcome notify.Outcome
			failing bool
			channel notify.ChannelState
		}{
			{first, notify.Waiting, notify.OutcomeBusy, true, notify.ChannelOn},
			{first, notify.Sent, notify.OutcomeSent, false, notify.ChannelOn},
			{first, notify.Dead, notify.OutcomeBusy, true, notify.ChannelOn}, // another run, too late: it is sent
			{second, notify.Dead, notify.OutcomeGone, true, notify.ChannelGone},
		} {
			b.ok(b.SettleMessage(ctx, step.job, step.state, step.outcome, testStart))
			c, err := b.Channel(ctx, "anna", "hook")
			if err != nil || c.FailingAt.IsZero() == step.failing || c.State != step.channel {
				t.Errorf("after %s: %+v, %v", step.outcome, c, err)
			}
		}
		items, _, err := b.Notices(ctx, "anna", notify.Place{}, 10)
		b.ok(err)
		if sent := items[1].Told[0]; sent.State != notify.Sent || sent.Tries != 2 || sent.Outcome != notify.OutcomeSent {
			t.Errorf("sent: %+v", sent)
		}
		b.ok(b.DeleteNoticesBefore(ctx, testStart.Add(time.Second)))
		if items, _, err := b.Notices(ctx, "anna", notify.Place{}, 10); err != nil || len(items) != 0 {
			t.Errorf("after a sweep: %+v, %v", items, err)
		}
	})
}

func TestChannelsAreBoundedAndConfirmedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		b.user("bob")
		waiting := notify.Channel{Owner: "anna", ID: "c0", Kind: notify.ChannelEmail, State: notify.ChannelUnconfirmed, Target: "other@example.test", CreatedAt: testStart}
		b.ok(b.CreateChannel(ctx, waiting, identity.TokenHash{7}, testStart.Add(time.Hour), entry("anna", audit.ChannelCreated)))
		b.kind(b.ConfirmChannel(ctx, "bob", identity.TokenHash{7}, testStart, entry("", audit.ChannelConfirmed)), fault.NotFound)
		b.kind(b.ConfirmChannel(ctx, "anna", identity.TokenHash{7}, testStart.Add(time.Hour), entry("", audit.ChannelConfirmed)), fault.NotFound)
		b.ok(b.ConfirmChannel(ctx, "anna", identity.TokenHash{7}, testStart, entry("", audit.ChannelConfirmed)))
		b.kind(b.ConfirmChannel(ctx, "anna", identity.TokenHash{7}, testStart, entry("", audit.ChannelConfirmed)), fault.NotFound)
		if c, err := b.Channel(ctx, "anna", "c0"); err != nil || c.State != notify.ChannelOn || c.Target != waiting.Target {
			t.Errorf("%+v, %v", c, err)
		}
		for i := 1; i < alert.ChannelsMax; i++ {
			b.channelOf("anna", fmt.Sprintf("c%d", i), notify.ChannelNtfy)
		}
		one := notify.Channel{Owner: "anna", ID: "more", Kind: notify.ChannelNtfy, State: notify.ChannelOn, CreatedAt: testStart}
		b.kind(b.CreateChannel(ctx, one, identity.TokenHash{}, time.Time{}, entry("anna", audit.ChannelCreated)), fault.TooLarge)
		b.kind(b.DeleteChannel(ctx, "bob", "c1", entry("bob", audit.ChannelDeleted)), fault.NotFound)
		b.ok(b.DeleteChannel(ctx, "anna", "c1", entry("anna", audit.ChannelDeleted)))
		b.ok(b.CreateChannel(ctx, one, identity.TokenHash{}, time.Time{}, entry("anna", audit.ChannelCreated)))
	})
}

// Two nodes that find the same digest due tell it once, by mail alone, and the next one is due.
func TestADigestIsToldOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		database := b.queued()
		settings := notify.Settings{Zone: "UTC", Digest: notify.DigestDaily, DigestAt: 15 * 60}
		for _, owner := range []ledger.OwnerID{"anna", "bob"} {
			b.user(owner)
			b.ok(b.SetNoticeSettings(ctx, owner, settings, testStart, entry(owner, audit.NoticesSet)))
		}
		b.ok(b.SetNoticeSettings(ctx, "bob", notify.Settings{Digest: notify.DigestOff}, testStart, entry("bob", audit.NoticesSet)))
		b.channelOf("anna", "mail", notify.ChannelEmail)
		b.channelOf("anna", "hook", notify.ChannelWebhook)
		if early, err := b.DueDigests(ctx, testStart, 10); err != nil || len(early) != 0 {
			t.Errorf("before its time: %+v, %v", early, err)
		}
		now := testStart.Add(time.Hour)
		due, err := b.DueDigests(ctx, now, 10)
		b.ok(err)
		if len(due) != 1 || due[0].Owner != "anna" || due[0].Settings != settings {
			t.Fatalf("due: %+v", due)
		}
		for node := range 2 {
			n := notify.Notice{Owner: "anna", ID: fmt.Sprintf("digest of node %d", node), Kind: notify.NoticeDigest, At: now, Facts: notify.NoticeFacts{Digest: &notify.Digest{Every: notify.DigestDaily, Fired: 3}}}
			b.ok(b.SettleDigest(ctx, due[0], settings.NextDigest(now), &n))
		}
		items, _, err := b.Notices(ctx, "anna", notify.Place{}, 10)
		b.ok(err)
		if len(items) != 1 || items[0].Facts.Digest.Fired != 3 || len(b.noticeJobs(database)) != 1 {
			t.Errorf("told: %+v", items)
		}
		if again, err := b.DueDigests(ctx, now, 10); err != nil || len(again) != 0 {
			t.Errorf("still due: %+v, %v", again, err)
		}
		if count, err := b.AlertsTold(ctx, "anna", testStart.Add(-time.Hour)); err != nil || count != 0 {
			t.Errorf("%d alerts, %v", count, err)
		}
		b.ok(b.Tell(ctx, noticeTo("anna", "n1")))
		if count, err := b.AlertsTold(ctx, "anna", testStart.Add(-time.Hour)); err != nil || count != 1 {
			t.Errorf("%d alerts, %v", count, err)
		}
	})
}
