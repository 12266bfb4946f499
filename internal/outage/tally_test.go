//go:build linux

package outage

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// sample is one request, or one try of it.
type sample struct {
	from, until time.Time
	read, ok    bool
	said        string // where it isn't ok
}

// tally is what came of all requests of a load.
type tally struct {
	mu       sync.Mutex
	attempts []sample
	requests []sample // with their retries
	recalled int      // reads answered from a node's memory, which said so
}

func (y *tally) recall() {
	if y == nil {
		return
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.recalled++
}

func (y *tally) attempt(method string, from time.Time, a answer) {
	if y == nil {
		return
	}
	until := time.Now() // whoever reads what there is so far may take a while
	y.mu.Lock()
	defer y.mu.Unlock()
	y.attempts = append(y.attempts, sample{from: from, until: until, read: method == http.MethodGet, ok: !a.passing(), said: fmt.Sprint(a.status)})
}

func (y *tally) request(method, path string, from time.Time, a answer) {
	if y == nil {
		return
	}
	s := sample{from: from, until: time.Now(), read: method == http.MethodGet, ok: a.done()}
	if !s.ok {
		s.said = method + " " + path + ": " + a.String()
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.requests = append(y.requests, s)
}

// outcome is how many of some requests failed.
type outcome struct{ all, failed int }

// String implements fmt.Stringer.
func (o outcome) String() string {
	return fmt.Sprintf("%d of %d (%.3f %%)", o.failed, o.all, 100*float64(o.failed)/float64(max(1, o.all)))
}

func (o outcome) share() float64 { return float64(o.failed) / float64(max(1, o.all)) }

// failed counts requests, retries included, that ended within a time; those of which nobody wants to know are left out.
func (y *tally) failed(within func(sample) bool) (o outcome, said []string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, s := range y.requests {
		if !within(s) {
			continue
		}
		o.all++
		if !s.ok {
			o.failed++
			said = append(said, s.said)
		}
	}
	return o, said
}

// firstTries counts single tries that failed: what clients would see that never try again.
func (y *tally) tries() (o outcome) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, s := range y.attempts {
		o.all++
		if !s.ok {
			o.failed++
		}
	}
	return o
}

// readsBack is how long after a moment the last try to read failed, of those within so long; 0 where none did.
func (y *tally) readsBack(from time.Time, within time.Duration) (back time.Duration) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, s := range y.attempts {
		if s.read && !s.ok && s.from.After(from) && s.from.Before(from.Add(within)) {
			back = max(back, s.until.Sub(from))
		}
	}
	return back
}

// wrote says whether a change was answered as done that was begun after a moment.
func (y *tally) wrote(after time.Time) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	return slices.ContainsFunc(y.requests, func(s sample) bool { return !s.read && s.ok && s.from.After(after) })
}

// silence is the longest time without an answer, of changes or of reads, that they were done.
func (y *tally) silence(read bool) (longest time.Duration) {
	y.mu.Lock()
	defer y.mu.Unlock()
	var done []time.Time
	for _, s := range y.requests {
		if s.ok && s.read == read {
			done = append(done, s.until)
		}
	}
	slices.SortFunc(done, time.Time.Compare)
	for i := range done[min(1, len(done)):] {
		longest = max(longest, done[i+1].Sub(done[i]))
	}
	return longest
}

// took is a quantile of how long requests took.
func (y *tally) took(quantile float64) time.Duration {
	y.mu.Lock()
	defer y.mu.Unlock()
	var all []time.Duration
	for _, s := range y.requests {
		all = append(all, s.until.Sub(s.from))
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[int(quantile*float64(len(all)-1))].Round(time.Millisecond)
}
