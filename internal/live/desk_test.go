package live

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/ledger"
)

// Viewers who take no bytes hold one worker up for a moment each, and only once: then they are waited for by their own streams.
func TestSlowViewersHoldUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(w *world) { w.hub.workers = 1 })
		defer w.close()
		const slow = 5
		w.price(map[string]string{"a": "10", usd: "1.25"})
		synctest.Wait()
		var all []*browser
		for i := range slow + 1 {
			id := fmt.Sprint(i)
			w.hold("u"+id, "p"+id, "a")
			b := w.browse("u"+id, "", "p"+id)
			defer b.leave()
			all = append(all, b)
		}
		synctest.Wait()
		for _, b := range all[:slow] {
			b.block()
		}
		quick := all[slow]
		for i := range 10 {
			quick.forget()
			start := time.Now()
			w.price(map[string]string{"a": fmt.Sprint(11 + i)})
			time.Sleep(2 * frameInterval)
			if got := quick.names(); got != "delta" {
				t.Fatalf("price %d came as %q", i, got)
			}
			if delay, most := quick.events[0].at.Sub(start), 2*stallMax*slow; delay > most || i > 0 && delay > 0 {
				t.Errorf("price %d came after %s", i, delay)
			}
		}
		for i, b := range all[:slow] {
			id := fmt.Sprint(i)
			b.forget()
			b.unblock()
			expect(t, "events of a slow one", b.names(), repeat("delta", 2))
			b.same(Key{ledger.OwnerID("u" + id), ledger.PortfolioID("p" + id)})
		}
	})
}

// breaking is a response that can't be written to once it is told to break.
type breaking struct {
	*browser
	broken bool
}

func (b *breaking) Write(p []byte) (int, error) {
	if b.broken {
		panic("broken")
	}
	return b.browser.Write(p)
}

// A response that panics ends its own stream.
func TestPanicOfOneResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(w *world) { w.hub.workers = 1 })
		defer w.close()
		w.hold("u", "p", "a")
		w.price(map[string]string{"a": "10", usd: "1.25"})
		synctest.Wait()
		whole := w.browse("u", "", "p")
		defer whole.leave()
		b := &breaking{browser: &browser{world: w, done: make(chan struct{}), header: map[string][]string{}, state: map[string]map[string]any{}}}
		go func() {
			defer close(b.done)
			if err := w.hub.Stream(b, httptest.NewRequest("GET", "/api/v1/stream", nil).WithContext(context.Background()), StreamRequest{Viewer: "u", Portfolios: []Key{{"u", "p"}}}); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		b.broken = true
		whole.forget()
		w.price(map[string]string{"a": "11"})
		<-b.done
		expect(t, "events of the other", whole.names(), "delta")
		expect(t, "streams", w.hub.Streams(), 1)
	})
}
