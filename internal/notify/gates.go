package notify

import (
	"sync"

	"folioscope/internal/jobs"
	"folioscope/internal/ledger"
)

// How many messages of one node may be on their way at once, of jobs.MessagesMax. What is slow or broken gets a few places, whoever's
// and however much it is, so that the others never wait for it.
const (
	perOwnerMax = 3
	perHostMax  = 6
	troubledMax = jobs.MessagesMax / 4 // to channels whose last message didn't get through
)

// gates count what is on its way.
type gates struct {
	mu       sync.Mutex
	owners   map[ledger.OwnerID]int
	hosts    map[string]int
	troubled int
}

func newGates() *gates {
	return &gates{owners: map[ledger.OwnerID]int{}, hosts: map[string]int{}}
}

// enter takes a place, if there is one: leave gives it back.
func (g *gates) enter(owner ledger.OwnerID, host string, troubled bool) (leave func(), ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.owners[owner] >= perOwnerMax || g.hosts[host] >= perHostMax || troubled && g.troubled >= troubledMax {
		return nil, false
	}
	g.count(owner, host, troubled, 1)
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.count(owner, host, troubled, -1)
	}, true
}

func (g *gates) count(owner ledger.OwnerID, host string, troubled bool, by int) {
	if g.owners[owner] += by; g.owners[owner] == 0 {
		delete(g.owners, owner)
	}
	if g.hosts[host] += by; g.hosts[host] == 0 {
		delete(g.hosts, host)
	}
	if troubled {
		g.troubled += by
	}
}
