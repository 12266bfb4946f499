package live

import (
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/event"
)

// inboxes counts what a browser was told of its inbox.
func (b *browser) inboxes() (count int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.name == "inbox" && e.data == "{}" {
			count++
		}
	}
	return count
}

func TestWhoIsToldSomethingHearsOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.hold("u", "p", "a")
		w.hold("u2", "p2", "a")
		synctest.Wait()
		one, two, other := w.browse("u", "", "p"), w.browse("u", "", "p"), w.browse("u2", "", "p2")
		synctest.Wait()
		id := one.lastID

		w.bus.send(event.InboxChangedSubject("u"), event.InboxChanged{OwnerID: "u"}.Payload())
		synctest.Wait()
		expect(t, "told in one window", one.inboxes(), 1)
		expect(t, "told in the other", two.inboxes(), 1)
		expect(t, "told somebody else", other.inboxes(), 0)
		expect(t, "the id to resume after", one.lastID, id)

		one.block()
		for range 3 { // a slow viewer is told once
			w.bus.send(event.InboxChangedSubject("u"), event.InboxChanged{OwnerID: "u"}.Payload())
			synctest.Wait()
		}
		one.unblock()
		synctest.Wait()
		expect(t, "told the fast viewer", two.inboxes(), 4)
		if got := one.inboxes(); got < 2 || got > 3 {
			t.Errorf("a slow viewer was told %d times", got)
		}

		w.hub.gap(event.InboxChangedAll)
		synctest.Wait()
		expect(t, "told after hints were lost", other.inboxes(), 1)

		w.bus.send(event.InboxChangedSubject("u"), []byte("{}"))
		time.Sleep(time.Second)
		expect(t, "told by what can't be read", two.inboxes(), 5)
		for _, b := range []*browser{one, two, other} {
			b.leave()
		}
	})
}
