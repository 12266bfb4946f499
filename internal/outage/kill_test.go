//go:build linux

package outage

import (
	"math/rand/v2"
	"testing"
	"time"
)

const (
	killsShort = 20
	killsLong  = 500
	killPause  = 20 * time.Millisecond // of clients, so that most kills find writes on their way
	killWindow = 5 * time.Second       // in which some requests may fail in spite of retries
)

func testKills(t *testing.T, p *place) {
	l := p.startLoad("kills", killPause)
	p.until("all streams are open", l.open)
	var kills []time.Time
	var back, worst time.Duration
	for range in(killsShort, killsLong) {
		time.Sleep(5*time.Millisecond + rand.N(495*time.Millisecond))
		n := p.nodes[rand.IntN(len(p.nodes))]
		kills = append(kills, time.Now())
		n.kill()
		n.start()
		p.until("HAProxy has all nodes again", func() bool { return p.front.up() == len(p.nodes) })
	}
	time.Sleep(killWindow + time.Second)
	l.stop()
	l.group.Wait()
	for _, at := range kills {
		gone := l.tally.readsBack(at, killWindow)
		back += gone
		worst = max(worst, gone)
	}
	last := kills[len(kills)-1].Add(killWindow)
	during, said := l.tally.failed(func(s sample) bool { return s.from.Before(last) })
	after, saidAfter := l.tally.failed(func(s sample) bool { return !s.from.Before(last) })
	if during.share() > 0.005 || after.failed > 0 {
		t.Errorf("failed in spite of retries: %s while nodes were killed, %s after: %q %q", during, after, said, saidAfter)
	}
	t.Logf("F1: %d kills of one of %d nodes; failed in spite of 3 tries more: %s while nodes were killed, %s after; first tries: %s; reads were back after %s, at worst %s",
		len(kills), len(p.nodes), during, after, l.tally.tries(), (back / time.Duration(len(kills))).Round(time.Millisecond), worst.Round(time.Millisecond))
	ended, longest := l.back()
	t.Logf("F1: %d streams ended and were back within %s", ended, longest.Round(time.Millisecond))
	l.finish(t)
}
