package sqlstore

import (
	"fmt"
	"testing"
	"time"

	"folioscope/internal/ledger"
	"folioscope/internal/notify"
)

// went are how many notices of somebody's went out by a channel, and how many lie in the inbox alone; more is what says so, nil without.
func (b *bench) went(owner ledger.OwnerID, channel string) (out, alone int, more []notify.Item) {
	b.t.Helper()
	for after := (notify.Place{}); ; {
		items, next, err := b.Notices(b.t.Context(), owner, after, noticesPageMax)
		b.ok(err)
		for _, item := range items {
			by := 0
			for _, told := range item.Told {
				if string(told.Channel) == channel {
					by++
				}
			}
			switch {
			case item.Facts.More > 0 && by == 1:
				more = append(more, item)
			case by == 1:
				out++
			case by == 0:
				alone++
			default:
				b.t.Errorf("%s goes out %d times by one channel", item.ID, by)
			}
		}
		if next == (notify.Place{}) {
			return out, alone, more
		}
		after = next
	}
}

// What is over the bound of an hour lies in the inbox alone, and one notice at its end says how much that is. Nothing is lost, others are told
// all the same, and so is what operators must know.
func TestNoMoreMessagesThanMayInAnHour(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.queued()
		b.user("anna")
		b.user("bob")
		b.channelOf("anna", "mail", notify.ChannelEmail)
		b.channelOf("anna", "hook", notify.ChannelWebhook)
		b.channelOf("bob", "bobs", notify.ChannelEmail)
		for i := range notify.MessagesHourMax + 37 {
			n := noticeTo("anna", fmt.Sprint("n", i))
			if i == notify.MessagesHourMax+5 {
				n.Channels = append(n.Channels, "mail") // by one channel alone
			}
			b.ok(b.Tell(t.Context(), n))
		}
		hourOver := b.clock.Now().Truncate(time.Hour).Add(time.Hour)
		for _, channel := range []string{"mail", "hook"} {
			out, alone, more := b.went("anna", channel)
			if out != notify.MessagesHourMax || alone != 37 || len(more) != 1 || more[0].Facts.More != 37 || !more[0].Told[0].DueAt.Equal(hourOver) {
				t.Errorf("by %s: %d went out, %d lie in the inbox, %+v", channel, out, alone, more)
			}
		}
		b.ok(b.Tell(t.Context(), noticeTo("bob", "n1")))
		if out, _, _ := b.went("bob", "bobs"); out != 1 {
			t.Errorf("%d went out to somebody else", out)
		}
		urgent := noticeTo("anna", "urgent")
		urgent.Kind, urgent.Urgent = notify.NoticeOperator, true
		b.ok(b.Tell(t.Context(), urgent))
		b.clock.advance(time.Hour)
		b.ok(b.Tell(t.Context(), noticeTo("anna", "next hour")))
		if out, alone, more := b.went("anna", "mail"); out != notify.MessagesHourMax+2 || alone != 37 || len(more) != 1 {
			t.Errorf("in the next hour: %d went out, %d lie in the inbox, %+v", out, alone, more)
		}
		if told, err := b.AlertsTold(t.Context(), "anna", testStart.Add(-time.Hour)); err != nil || told != notify.MessagesHourMax+37+1 {
			t.Errorf("%d alerts were told, %v", told, err)
		}
	})
}
