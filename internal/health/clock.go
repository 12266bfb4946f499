package health

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	datedWithinMax = 2 * time.Second // from question to answer: a slower one tells too little of the other's clock
	datedRounding  = time.Second     // dates of HTTP have no fraction, so that the other's clock is up to a second further
	datedAgeMax    = 2 * time.Hour   // of an answer that counts still: sources that publish once a day would be asked too seldom for less
)

// SourceClocks keeps how far this machine's clock is ahead of those of the sources of prices, by the dates of answers that come anyway.
// It is safe for concurrent use.
type SourceClocks struct {
	now func() time.Time

	mu   sync.Mutex
	seen map[string]sourceClock
}

// sourceClock is what the newest answer of a source said.
type sourceClock struct {
	at    time.Time
	ahead time.Duration
}

// NewSourceClocks knows none yet.
func NewSourceClocks(now func() time.Time) *SourceClocks {
	return &SourceClocks{now: now, seen: map[string]sourceClock{}}
}

// Watch gives a client that does as the other, and looks at the dates of the source's answers.
func (c *SourceClocks) Watch(source string, client *http.Client) *http.Client {
	watched := *client
	watched.Transport = dated{c, source, client.Transport}
	return &watched
}

// Median is how far this machine's clock is ahead of the median of the sources that answered of late; false where none did. One source
// whose own clock is wrong doesn't move it far where there are three.
func (c *SourceClocks) Median() (clock Clock, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ahead []time.Duration
	for _, s := range c.seen {
		if c.now().Sub(s.at) <= datedAgeMax {
			ahead = append(ahead, s.ahead)
		}
	}
	if len(ahead) == 0 {
		return Clock{}, false
	}
	slices.Sort(ahead)
	half := len(ahead) / 2
	median := ahead[half]
	if len(ahead)%2 == 0 {
		median = (ahead[half-1] + ahead[half]) / 2
	}
	return Clock{Against: "the sources of prices", Ahead: median}, true
}

// dated looks at the dates of answers.
type dated struct {
	of     *SourceClocks
	source string
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (d dated) RoundTrip(r *http.Request) (*http.Response, error) {
	asked := d.of.now()
	answer, err := d.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	d.of.see(d.source, asked, d.of.now(), answer.Header)
	return answer, nil
}

// CloseIdleConnections lets http.Client do so.
func (d dated) CloseIdleConnections() {
	if next, ok := d.next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}

// see takes the middle of what an answer allows: its date was written between the question and the answer, and cut to the second. One
// that lay in a cache says when it was put there, and nothing of the time now.
func (c *SourceClocks) see(source string, asked, answered time.Time, header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if age := header.Get("Age"); err != nil || age != "" && age != "0" || answered.Sub(asked) > datedWithinMax {
		return
	}
	middle := asked.Add(answered.Sub(asked) / 2)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[source] = sourceClock{answered, middle.Sub(date.Add(datedRounding / 2))}
}
