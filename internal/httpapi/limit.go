package httpapi

import (
	"sync"
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
	streamsUserDefault  = 24
	streamsNodeDefault  = 20000
	limiterKeysMax      = 50000       // users or addresses remembered; about 10 MB
	limiterForgottenAge = time.Minute // by then every default bucket is full again
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

	mu      sync.Mutex
	buckets map[string]*limited
}

type limited struct {
	bucket *rate.Limiter
	seen   time.Time
}

func newLimiter(perSecond float64, burst, keysMax int) *limiter {
	limit := rate.Limit(perSecond)
	if perSecond < 0 {
		limit = rate.Inf
	}
	return &limiter{rate: limit, burst: max(burst, 1), keysMax: keysMax, buckets: map[string]*limited{}}
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
		if now.Sub(b.seen) > limiterForgottenAge {
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
