package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"folioscope/internal/live"
)

const (
	comesBack    = 2 * time.Second // after a stream ended, as the server says
	framesWaited = 30              // seconds
)

// page is a dashboard that is left open: whenever its stream ends it comes back to some node, with the id of what it saw last.
type page struct {
	person *person
	header http.Header
	closed atomic.Bool

	mu       sync.Mutex
	pending  []byte // what was written and isn't an event yet
	last     string // id
	sequence int64
	value    string
	cash     string
	holdings map[string]shownHolding
	node     *node // that it is at
	drawn    bool  // since it came there
}

// frame is what a snapshot and a delta have in common that the checker goes by.
type frame struct {
	Sequence int64          `json:"sequence"`
	Value    *string        `json:"value"`
	Cash     *string        `json:"cash"`
	Holdings []shownHolding `json:"holdings"`
}

type shownHolding struct {
	ID       string `json:"instrument_id"`
	Quantity string `json:"quantity"`
	Price    struct {
		Amount *string `json:"amount"`
	} `json:"price"`
}

// watch leaves a page open until the world is over.
func (p *page) watch() {
	w := p.person.world
	r := w.dice.of("page", string(p.person.id))
	for !p.closed.Load() {
		n := w.someNode(r)
		if n == nil {
			time.Sleep(retryPause)
			continue
		}
		p.mu.Lock()
		p.node, p.drawn, p.pending, p.header = n, false, nil, make(http.Header)
		after := p.last
		p.mu.Unlock()
		var open sync.WaitGroup
		open.Add(1)
		n.work.Go(func() {
			defer open.Done()
			request := httptest.NewRequest(http.MethodGet, "/api/v1/stream", nil).WithContext(n.ctx)
			request.ProtoMajor, request.Proto = 2, "HTTP/2.0" // there is no connection to take over
			key := live.Key{Owner: p.person.id, Portfolio: p.person.portfolio}
			if err := n.hub.Stream(p, request, live.StreamRequest{Viewer: p.person.id, Portfolios: []live.Key{key}, After: after}); err != nil {
				w.trail.reached("stream: refused")
				return
			}
			w.trail.reached("stream: ended")
		})
		open.Wait()
		time.Sleep(comesBack)
	}
}

// Header implements http.ResponseWriter.
func (p *page) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter.
func (p *page) WriteHeader(int) {}

// SetWriteDeadline is for http.ResponseController.
func (p *page) SetWriteDeadline(time.Time) error { return nil }

// FlushError is for http.ResponseController.
func (p *page) FlushError() error { return nil }

// Write implements http.ResponseWriter: it takes what a browser takes.
func (p *page) Write(piece []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.node.dead.Load() {
		return 0, errDead
	}
	p.pending = append(p.pending, piece...)
	for {
		event, rest, whole := bytes.Cut(p.pending, []byte("\n\n"))
		if !whole {
			return len(piece), nil
		}
		p.pending = rest
		p.take(string(event))
	}
}

// take draws an event.
func (p *page) take(event string) {
	var name, data string
	for line := range strings.Lines(event) {
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			p.last = value
		case "event":
			name = value
		case "data":
			data = value
		}
	}
	w := p.person.world
	if name != "snapshot" && name != "delta" {
		return
	}
	var f frame
	if err := json.Unmarshal([]byte(data), &f); err != nil {
		w.violated("I9: a page got %s: %v", data, err)
		return
	}
	w.trail.reached("stream: " + name)
	if f.Sequence < p.sequence {
		w.violated("I9: a page of %s was at %d, and got %d from %s", p.person.id, p.sequence, f.Sequence, p.node.name)
	}
	if name == "delta" && p.holdings == nil {
		w.violated("I9: a page of %s got a change before anything to change", p.person.id)
	}
	if name == "snapshot" {
		p.holdings = make(map[string]shownHolding)
	}
	if name == "delta" && !p.drawn {
		w.trail.reached("stream: resumed where it was")
	}
	p.drawn = true
	for _, h := range f.Holdings {
		p.holdings[h.ID] = h
	}
	p.sequence, p.value, p.cash = f.Sequence, text(f.Value), text(f.Cash)
	p.sum()
}

// sum holds the total that the page shows against what it shows beside.
func (p *page) sum() {
	if p.value == "" || p.cash == "" {
		return
	}
	sum := fraction(p.cash)
	for _, h := range p.holdings {
		units := fraction(h.Quantity)
		if units.Sign() != 0 && h.Price.Amount == nil {
			return // what it is worth isn't known
		}
		if h.Price.Amount != nil {
			sum.Add(sum, new(big.Rat).Mul(units, fraction(*h.Price.Amount)))
		}
	}
	if fraction(p.value).Cmp(sum) != 0 {
		p.person.world.violated("I9: a page of %s shows %s in all and %s in parts, from %s at %d", p.person.id, p.value, sum.RatString(), p.node.name, p.sequence)
	}
}

func text(x *string) string {
	if x == nil {
		return ""
	}
	return *x
}

// checkPage holds what a page that was left open comes to show against what a page that is opened now would show.
func (w *world) checkPage(ctx context.Context, p *page) {
	var shown, is string
	for range framesWaited {
		p.mu.Lock()
		n, sequence := p.node, p.sequence
		shown = p.value + " at " + number(int(sequence))
		p.mu.Unlock()
		valued, err := n.hub.Value(ctx, p.person.id, p.person.portfolio, sequence)
		if err != nil {
			w.violated("I9: what the page of %s shows in the end: %v", p.person.id, err)
			return
		}
		if is = "nothing"; valued.Document.Value != nil {
			is = valued.Document.Value.String() + " at " + number(int(valued.Document.Sequence))
		}
		if shown == is {
			return
		}
		time.Sleep(time.Second) // a price may have come this very moment
	}
	w.violated("I9: the page of %s shows %s in the end, and is %s", p.person.id, shown, is)
}
