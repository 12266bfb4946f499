package notify

import (
	"sync"
	"time"

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

// When what finds no place comes back. A few come back soon, since places are free within milliseconds where receivers are well; many are
// spread, so that they don't take the workers' time from others.
const (
	crowdedStep = 10 * time.Millisecond // for each that found none lately
	crowdedMax  = 2 * time.Second
)

// gates count what is on its way.
type gates struct {
	mu       sync.Mutex
	owners   map[ledger.OwnerID]*gate
	hosts    map[string]*gate
	troubled int
}

// gate is for one owner or one host. It is forgotten when nothing is on its way.
type gate struct {
	inside   int
	troubled int       // of those inside
	away     int       // turned away since
	since    time.Time // within crowdedMax
}

func newGates() *gates {
	return &gates{owners: map[ledger.OwnerID]*gate{}, hosts: map[string]*gate{}}
}

// enter takes a place: leave gives it back. Where there is none, leave is nil, and wait says when to come back.
func (g *gates) enter(owner ledger.OwnerID, host string, troubled bool, now time.Time) (leave func(), wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := g.owners[owner]; at != nil && (at.inside >= perOwnerMax || troubled && at.troubled >= troubledPerOwnerMax) {
		return nil, at.turnAway(now)
	}
	if at := g.hosts[host]; at != nil && at.inside >= perHostMax {
		return nil, at.turnAway(now)
	}
	if troubled && g.troubled >= troubledMax {
		return nil, crowdedMax
	}
	g.count(owner, host, troubled, 1)
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.count(owner, host, troubled, -1)
	}, 0
}

func (g *gates) count(owner ledger.OwnerID, host string, troubled bool, by int) {
	count(g.owners, owner, troubled, by)
	count(g.hosts, host, troubled, by)
	if troubled {
		g.troubled += by
	}
}

func (g *gate) turnAway(now time.Time) (wait time.Duration) {
	if now.Sub(g.since) > crowdedMax {
		g.since, g.away = now, 0
	}
	g.away++
	return min(time.Duration(g.away)*crowdedStep, crowdedMax)
}

func count[K comparable](all map[K]*gate, key K, troubled bool, by int) {
	at := all[key]
	if at == nil {
		at = &gate{}
		all[key] = at
	}
	if troubled {
		at.troubled += by
	}
	if at.inside += by; at.inside == 0 {
		delete(all, key)
	}
}
