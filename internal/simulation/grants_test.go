package simulation

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"sync"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
)

const (
	visitsOfEach = 12               // of a portfolio that somebody was given, in a row
	visitPause   = 15 * time.Second // between two of them, at most
	givenMax     = 2 * time.Minute  // until it is taken back
)

// gift is a portfolio that somebody gave somebody else, and what both know of it.
type gift struct {
	from, to *person
	id       access.GrantID
	link     identity.TokenHash

	mu         sync.Mutex
	takingBack bool      // somebody asked for it
	takenBack  time.Time // and this is when it was answered
}

// give has a person give another one their portfolio, who looks at it again and again, until and after it is taken back.
func (p *person) give(r *rand.Rand, id string) {
	w := p.world
	to := w.people[r.IntN(peopleCount)]
	p.mu.Lock()
	again := to == p || p.given[to]
	if !again {
		p.given[to] = true
	}
	p.mu.Unlock()
	if again {
		return // a second one would take the place of the first
	}
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.given, to)
	}()
	g := &gift{from: p, to: to, id: access.GrantID(id), link: sha256.Sum256([]byte(id))}
	offered := p.insist(r, "offer grant", id, func(ctx context.Context, n *node) error {
		grant := access.Grant{Owner: p.id, Portfolio: p.portfolio, ID: g.id, Level: access.LevelView, CreatedAt: w.now(), OfferedTill: w.now().Add(access.OfferAgeMax)}
		return n.cable.Store.OfferGrant(ctx, grant, g.link, p.write(audit.GrantOffered, id))
	})
	accepted := offered && to.insist(r, "accept grant", id, func(ctx context.Context, n *node) error {
		_, err := n.cable.Store.AcceptGrant(ctx, g.link, to.id, string(to.id)+"@example.test", w.now(), func(access.Grant) audit.Write { return p.write(audit.GrantAccepted, id) })
		return err
	})
	if !accepted {
		w.violated("I2: %s could not give %s to %s", p.id, p.portfolio, to.id)
		return
	}
	w.trail.note(w.now(), "%s gave %s to %s", p.id, p.portfolio, to.id)
	var visits sync.WaitGroup
	visits.Go(func() { to.visit(w.dice.of("visits", id), g) })
	time.Sleep(between(r, time.Second, givenMax))
	g.mu.Lock()
	g.takingBack = true
	g.mu.Unlock()
	taken := p.insist(r, "take grant back", id, func(ctx context.Context, n *node) error {
		_, err := n.cable.Store.DeleteGrant(ctx, p.id, p.portfolio, g.id, func(access.Grant) error { return nil }, p.write(audit.GrantTakenBack, id))
		return err
	})
	g.mu.Lock()
	g.takenBack = w.now()
	g.mu.Unlock()
	if !taken {
		w.violated("I2: %s could not take %s back", p.id, id)
	}
	visits.Wait()
}

// insist has some node do something until it is done. What is there already was done before: its answer was lost.
func (p *person) insist(r *rand.Rand, what, about string, do func(context.Context, *node) error) bool {
	w := p.world
	doubtful := false
	for range attemptsMax {
		n := w.someNode(r)
		if n == nil {
			time.Sleep(retryPause)
			continue
		}
		ctx, cancel := context.WithTimeout(n.ctx, requestMax)
		_, err := through(ctx, n.cable, what, about, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx, n) })
		cancel()
		switch kind := fault.KindOf(err); {
		case err == nil:
			w.trail.reached(what)
			return true
		case kind == fault.Conflict || kind == fault.NotFound:
			return doubtful
		}
		doubtful = true
		time.Sleep(between(r, time.Second, retryPause))
	}
	w.violated("I3: %s: nobody said what became of %s", p.id, about)
	return false
}

// visit has a person look at what they were given.
func (p *person) visit(r *rand.Rand, g *gift) {
	w := p.world
	for range visitsOfEach {
		time.Sleep(between(r, 100*time.Millisecond, visitPause))
		n := w.someNode(r)
		if n == nil {
			continue
		}
		g.mu.Lock()
		over := g.takenBack
		g.mu.Unlock()
		var sequence int64
		var err error
		n.ask(func(ctx context.Context) { sequence, err = n.showShared(ctx, p, g) })
		g.mu.Lock()
		asking := g.takingBack
		g.mu.Unlock()
		switch {
		case n.dead.Load():
		case err == nil && !over.IsZero():
			w.violated("I8: %s shows %s the portfolio of %s at %d, which was taken back at %s", n.name, p.id, g.from.id, sequence, over)
		case err == nil:
			w.trail.reached("share: shown")
		case fault.Is(err, fault.NotFound) && !asking:
			w.violated("I5: %s was given the portfolio of %s, and %s doesn't show it: %v", p.id, g.from.id, n.name, err)
		case fault.Is(err, fault.NotFound):
			w.trail.reached("share: taken back")
		}
	}
}

// showShared does what the HTTP side does: with each request it looks what the caller was given.
func (n *node) showShared(ctx context.Context, p *person, g *gift) (sequence int64, err error) {
	key := access.ShareKey{Grantee: p.id, Portfolio: g.from.portfolio}
	share, err := through(ctx, n.cable, "share", string(p.id), func(ctx context.Context) (access.Share, error) { return n.cable.Store.Share(ctx, key, n.now()) })
	if err != nil {
		return 0, err
	}
	valued, err := n.hub.Value(ctx, share.Holder, share.Portfolio, share.Sequence)
	if err != nil {
		return 0, err
	}
	return valued.Document.Sequence, nil
}
