package httpapi

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Limits are how often somebody may ask. Zero values are the defaults, a negative rate is no limit.
type Limits struct {
	PerUser      float64 // requests per second
	PerUserBurst int
	PerAddress   float64
	PerAddrBurst int
	StreamsUser  int // open event streams per user
	StreamsNode  int // open event streams on this node
}

// The defaults: a person with several tabs and a script stays far below, a runaway loop doesn't.
const (
	perUserDefault      = 100
	perUserBurst        = 400
	perAddressDefault   = 500 // an office behind one address
	perAddressBurst     = 2000
	streamsUserDefault  = 20 // as live has it
	streamsNodeDefault  = 20000
	limiterKeysMax      = 50000       // users or addresses remembered; about 10 MB
	limiterForgottenAge = time.Minute // by then the default buckets of requests are full again
)

// Instruments are everybody's, so nobody may fill the list that all search: 30 new ones at once for who begins with a portfolio of
// things unheard of, then one every two minutes. Administrators may add as many as they like. It counts on each node.
const (
	newInstrumentsBurst    = 30
	newInstrumentsInterval = 2 * time.Minute
)

// Every new search text costs sources a request each: 40 at once for who types, then one every three seconds. It counts on each node.
const (
	searchesBurst    = 40
	searchesInterval = 3 * time.Second
)

// What a public link shows costs the valuation of a portfolio, for whoever comes: 60 looks at once from one address, then one a second.
// It counts on each node.
const (
	publicLooksBurst    = 60
	publicLooksInterval = time.Second
)

// A channel's test is a request to wherever its owner says: ten at once for who tries an address until it is right, then one a minute.
// It counts on each node.
const (
	channelTestsBurst    = 10
	channelTestsInterval = time.Minute
)

func (l Limits) withDefaults() Limits {
	if l.PerUser == 0 {
		l.PerUser, l.PerUserBurst = perUserDefault, perUserBurst
	}
	if l.PerAddress == 0 {
		l.PerAddress, l.PerAddrBurst = perAddressDefault, perAddressBurst
	}
	if l.StreamsUser == 0 {
		l.StreamsUser = streamsUserDefault
	}
	if l.StreamsNode == 0 {
		l.StreamsNode = streamsNodeDefault
	}
	return l
}

// limiter holds a token bucket per key, boundedly many.
type limiter struct {
	rate    rate.Limit
	burst   int
	keysMax int
	full    time.Duration // by then a bucket is full again, and may be forgotten

	mu      sync.Mutex
	buckets map[string]*limited
}

type limited struct {
	bucket *rate.Limiter
	seen   time.Time
}

func newLimiter(perSecond float64, burst, keysMax int) *limiter {
	limit, full := rate.Limit(perSecond), limiterForgottenAge
	if perSecond < 0 {
		limit = rate.Inf
	} else {
		full = max(full, time.Duration(float64(max(burst, 1))/perSecond*float64(time.Second)))
	}
	return &limiter{rate: limit, burst: max(burst, 1), keysMax: keysMax, full: full, buckets: map[string]*limited{}}
}

// allow takes one request, or says how long to wait for the next.
func (l *limiter) allow(key string, now time.Time) (wait time.Duration, ok bool) {
	if l.rate == rate.Inf {
		return 0, true
	}
	l.mu.Lock()
	b := l.buckets[key]
	if b == nil {
		if len(l.buckets) >= l.keysMax {
			l.sweep(now)
		}
		b = &limited{bucket: rate.NewLimiter(l.rate, l.burst)}
		l.buckets[key] = b
	}
	b.seen = now
	l.mu.Unlock()
	if b.bucket.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - b.bucket.TokensAt(now)
	return max(time.Duration(missing/float64(l.rate)*float64(time.Second)), time.Second), false
}

// sweep forgets who has been quiet; if nobody has, an eighth of all, whoever they are.
func (l *limiter) sweep(now time.Time) {
	for key, b := range l.buckets {
		if now.Sub(b.seen) > l.full {
			delete(l.buckets, key)
		}
	}
	for key := range l.buckets {
		if len(l.buckets) <= l.keysMax-l.keysMax/8 {
			return
		}
		delete(l.buckets, key)
	}
}

// gauge counts what is open per key, up to a bound.
type gauge struct {
	keyMax, allMax int

	mu   sync.Mutex
	open map[string]int
	all  int
}

func newGauge(keyMax, allMax int) *gauge {
	return &gauge{keyMax: keyMax, allMax: allMax, open: map[string]int{}}
}

func (g *gauge) enter(key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open[key] >= g.keyMax || g.all >= g.allMax {
		return false
	}
	g.open[key]++
	g.all++
	return true
}

func (g *gauge) leave(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	if g.open[key]--; g.open[key] == 0 {
		delete(g.open, key)
	}
}

// Large bodies are held in memory from their first byte until they are answered: 8 of 10 MiB are what a small node can spare.
const (
	largeBodiesMax        = 8
	largeBodiesWaitingMax = 16 // requests whose body isn't read yet; who comes on top is told to come back
	largeBodiesRetryAfter = 5 * time.Second
)

// room has few places; some wait for one, the others are sent away.
type room struct {
	places     chan struct{}
	waitingMax int32
	waiting    atomic.Int32 // without those who have a place
}

func newRoom(places int, waitingMax int32) *room {
	return &room{places: make(chan struct{}, places), waitingMax: waitingMax}
}

// enter waits for a place until the context ends; who got one calls leave.
func (r *room) enter(ctx context.Context) (leave func(), ok bool) {
	leave = func() { <-r.places }
	select {
	case r.places <- struct{}{}:
		return leave, true
	default:
	}
	defer r.waiting.Add(-1)
	if r.waiting.Add(1) > r.waitingMax {
		return nil, false
	}
	select {
	case r.places <- struct{}{}:
		return leave, true
	case <-ctx.Done():
		return nil, false
	}
}
