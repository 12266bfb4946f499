//go:build linux

package outage

import (
	"slices"
	"testing"
	"time"
)

const streamsEach = 12 // of one person, besides those of the load; a person may have 20

// The load balancer is killed and started again: every stream comes back, with all that came meanwhile.
func testReconnect(t *testing.T, p *place) {
	l := p.startLoad("reconnect", pauseOfL)
	p.until("all streams are open", l.open)
	var more []*watcher
	for _, b := range l.newest() {
		for range streamsEach {
			w := b.person.watch(b.path)
			more = append(more, w)
			defer w.close()
		}
	}
	p.until("more streams are open", func() bool { return allOpen(more) })
	p.front.kill()
	p.until("all streams have noticed", func() bool { return !slices.ContainsFunc(more, (*watcher).isOpen) })
	p.front.start()
	at := time.Now()
	p.until("F20: all streams are back", func() bool { return allOpen(more) && l.open() })
	back := time.Since(at)
	l.stop()
	l.group.Wait()
	failed, _ := l.tally.failed(func(sample) bool { return true })
	t.Logf("F20: %d streams were back %s after HAProxy; failed in spite of retries: %s, all while there was none", len(more)+len(l.all()), back.Round(time.Millisecond), failed)
	l.finish(t)
	for _, w := range more {
		p.until("I9: the streams beside show the same", func() bool {
			d := w.person.document(p.nodes[0], w.path)
			return d != nil && w.shows(d, false)
		})
	}
}
