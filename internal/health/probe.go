package health

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"folioscope/internal/fault"
)

const (
	probeWaitMax       = 10 * time.Second // of one request: who waits longer has gone
	probeAnswerMax     = 1 << 20          // bytes of an answer that are read
	probeComplainEvery = 10 * time.Minute
)

// ProbeKind is what a probe tries.
type ProbeKind string

// The kinds of tries.
const (
	ProbeRead  ProbeKind = "read"
	ProbeWrite ProbeKind = "write"
)

// ProbeBounds are the bounds of the buckets that tries are counted in.
func ProbeBounds() []time.Duration {
	return []time.Duration{10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 2500 * time.Millisecond, 5 * time.Second, probeWaitMax}
}

// ProbeCount is how the tries of one kind went since the node started.
type ProbeCount struct {
	Good, Failed uint64
	Sum          time.Duration
	Up           []uint64 // how many took up to each bound, not counting those of the bound before
}

// ProbeOptions are what a Probe is made of.
type ProbeOptions struct {
	URL    string // the service as its users reach it, without a path
	Token  string // of an account that is made for this, with the scopes read and write
	Client *http.Client
	Reads  time.Duration // between two reads
	Writes time.Duration // between two writes; each is a row of the audit log
	Now    func() time.Time
	Log    *slog.Logger
}

// Probe uses the service as a person does, on an account of its own, so that what people would see is counted while nobody looks.
type Probe struct {
	o ProbeOptions

	mu        sync.Mutex
	portfolio string // empty: not known yet
	quietTo   time.Time
	counts    map[ProbeKind]*ProbeCount
}

// NewProbe makes one; Run tries.
func NewProbe(o ProbeOptions) *Probe {
	p := &Probe{o: o, counts: map[ProbeKind]*ProbeCount{}}
	for _, kind := range []ProbeKind{ProbeRead, ProbeWrite} {
		p.counts[kind] = &ProbeCount{Up: make([]uint64, len(ProbeBounds()))}
	}
	return p
}

// Counts are the tries so far.
func (p *Probe) Counts() map[ProbeKind]ProbeCount {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[ProbeKind]ProbeCount{}
	for kind, c := range p.counts {
		copied := *c
		copied.Up = append([]uint64{}, c.Up...)
		out[kind] = copied
	}
	return out
}

// Run tries until ctx ends. Reads and writes don't wait for each other: a service that hangs with one may answer the other.
func (p *Probe) Run(ctx context.Context) error {
	var both sync.WaitGroup
	for kind, interval := range map[ProbeKind]time.Duration{ProbeRead: p.o.Reads, ProbeWrite: p.o.Writes} {
		both.Go(func() { p.repeat(ctx, kind, interval) })
	}
	both.Wait()
	return nil
}

func (p *Probe) repeat(ctx context.Context, kind ProbeKind, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.try(ctx, kind)
		}
	}
}

// try makes one try and counts it, unless the node stops meanwhile.
func (p *Probe) try(ctx context.Context, kind ProbeKind) {
	bounded, cancel := context.WithTimeout(ctx, probeWaitMax)
	defer cancel()
	began := p.o.Now()
	err := p.use(bounded, kind)
	if ctx.Err() != nil {
		return
	}
	took := p.o.Now().Sub(began)
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts[kind]
	if err != nil {
		p.portfolio = "" // it may be gone: the next try chooses anew
		c.Failed++
		if !began.Before(p.quietTo) {
			p.quietTo = began.Add(probeComplainEvery)
			p.o.Log.WarnContext(ctx, "the probe can't use the service: look at probe.url and probe.token, else at the service", "kind", kind, "error", err)
		}
	} else {
		c.Good++
	}
	c.Sum += took
	for n, bound := range ProbeBounds() {
		if took <= bound {
			c.Up[n]++
			break
		}
	}
}

const probePath = "/api/v1/portfolios"

// use does what a person does: looks at a portfolio, or changes it. The change leaves it as it is.
func (p *Probe) use(ctx context.Context, kind ProbeKind) error {
	id, err := p.choose(ctx)
	if err != nil {
		return err
	}
	var read struct{ ID string }
	method, body := http.MethodGet, ""
	if kind == ProbeWrite {
		method, body = http.MethodPatch, `{"closed":false}`
	}
	if err := p.ask(ctx, method, probePath+"/"+id, body, &read); err != nil {
		return err
	}
	if read.ID != id {
		return fault.New(fault.Internal, "the service answered with something else")
	}
	return nil
}

// choose gives the portfolio that is used: the first of the account's, from the first answer on.
func (p *Probe) choose(ctx context.Context) (id string, err error) {
	p.mu.Lock()
	id = p.portfolio
	p.mu.Unlock()
	if id != "" {
		return id, nil
	}
	var list struct{ Items []struct{ ID string } }
	if err := p.ask(ctx, http.MethodGet, probePath, "", &list); err != nil {
		return "", err
	}
	if len(list.Items) == 0 {
		return "", fault.New(fault.NotFound, "the probe's account has no portfolio: make one")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.portfolio = list.Items[0].ID
	return p.portfolio, nil
}

func (p *Probe) ask(ctx context.Context, method, path, body string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, p.o.URL+path, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+p.o.Token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := p.o.Client.Do(request)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, probeAnswerMax))
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("probe: a %s answered %d", method, response.StatusCode)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}
