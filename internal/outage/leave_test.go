//go:build linux

package outage

import (
	"net/http"
	"testing"
)

// All nodes are told to stop at once, so that none is ready: as long as they run, they serve what still comes. Afterwards nothing is missing.
func testAllLeave(t *testing.T, p *place) {
	l := p.startLoad("all leave", pauseOfL)
	p.until("all streams are open", l.open)
	stopped := make(chan struct{}, len(p.nodes))
	for _, n := range p.nodes {
		go func() {
			n.stop()
			stopped <- struct{}{}
		}()
	}
	p.until("HAProxy gives no node anything by choice", func() bool { return p.front.up() <= 0 })
	served := 0
	for _, one := range p.people {
		if a := one.try(p.front.url, "GET", "/api/v1/me", nil, nil); a.status == http.StatusOK {
			served++
		}
	}
	if inTime := len(stopped) == 0; inTime && served < len(p.people) {
		t.Errorf("%d of %d were served while no node was ready and all still ran", served, len(p.people))
	} else if !inTime {
		t.Log("HAProxy noticed too late for this to be tried: the nodes had ended")
	}
	for range p.nodes {
		<-stopped
	}
	for _, n := range p.nodes {
		n.start()
	}
	p.until("HAProxy has all nodes again", func() bool { return p.front.up() == len(p.nodes) })
	p.until("all streams are back", l.open)
	failed, _ := l.tally.failed(func(sample) bool { return true })
	t.Logf("all nodes left at once: %d of %d were served while none was ready; %s failed in spite of retries, all while there was none", served, len(p.people), failed)
	l.finish(t)
}
