package notify

import (
	"sync"

	"folioscope/internal/jobs"
	"folioscope/internal/ledger"
)

// How many messages of one node may be on their way at once, of jobs.MessagesMax. What is slow or broken gets a few places, whoever's
// and however much it is, so that the others never wait for it, and of a person's own places their failing channels never have all.
const (
	perOwnerMax         = 3
	perHostMax          = 6
	troubledPerOwnerMax = perOwnerMax - 1
	troubledMax         = jobs.MessagesMax / 4 // to channels whose last message didn't get through
)

// gates count what is on its way.
type gates struct {
	mu       sync.Mutex
	owners   map[ledger.OwnerID]int
	hosts    map[string]int
	failing  map[ledger.OwnerID]int // of owners: to failing channels
	troubled int                    // of all of them
}

func newGates() *gates {
	return &gates{owners: map[ledger.OwnerID]int{}, hosts: map[string]int{}, failing: map[ledger.OwnerID]int{}}
}

// enter takes a place, if there is one: leave gives it back.
func (g *gates) enter(owner ledger.OwnerID, host string, troubled bool) (leave func(), ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.owners[owner] >= perOwnerMax || g.hosts[host] >= perHostMax {
		return nil, false
	}
	if troubled && (g.failing[owner] >= troubledPerOwnerMax || g.troubled >= troubledMax) {
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
	add(g.owners, owner, by)
	add(g.hosts, host, by)
	if troubled {
		add(g.failing, owner, by)
		g.troubled += by
	}
}

// add counts, and forgets whom nothing is counted of.
func add[K comparable](counts map[K]int, of K, by int) {
	if counts[of] += by; counts[of] == 0 {
		delete(counts, of)
	}
}
