//go:build linux

package outage

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	retryUntold  = 3 * time.Second  // what browsers wait that were told nothing
	streamSilent = 30 * time.Second // then a browser's connection is dead: heartbeats come every 12 s
	lineBytesMax = 1 << 20
)

// watcher is a browser with a portfolio open: it shows what its stream says, and comes back whenever that ends, with the last id.
type watcher struct {
	person *person
	base   string // of the load balancer, or of a node
	path   string
	cancel context.CancelFunc
	ended  chan struct{}

	mu      sync.Mutex
	shown   document
	open    bool
	opened  int
	back    []time.Duration // from the end of a stream to the first event of the next
	refused []string        // answers to attempts to open one
}

func (one *person) watch(path string) *watcher { return one.watchAt(one.place.front.url, path) }

func (one *person) watchAt(base, path string) *watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{person: one, base: base, path: path, cancel: cancel, ended: make(chan struct{})}
	go w.run(ctx)
	return w
}

func (w *watcher) close() {
	w.cancel()
	<-w.ended
}

// run is what an EventSource does.
func (w *watcher) run(ctx context.Context) {
	defer close(w.ended)
	last, retry := "", retryUntold
	var lost time.Time // when the stream ended that was there before
	for ctx.Err() == nil {
		if err := w.follow(ctx, &last, &retry, lost); err != nil && ctx.Err() == nil {
			w.note(func() { w.refused = append(w.refused, err.Error()) })
		}
		w.note(func() {
			if w.open {
				lost, w.open = time.Now(), false
			}
		})
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
}

func (w *watcher) note(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// follow reads one stream to its end.
func (w *watcher) follow(ctx context.Context, last *string, retry *time.Duration, lost time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silent := time.AfterFunc(streamSilent, cancel)
	defer silent.Stop()
	request, err := http.NewRequestWithContext(ctx, "GET", w.base+"/api/v1/stream?portfolio="+path.Base(w.path), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Cookie", w.person.cookie)
	if *last != "" {
		request.Header.Set("Last-Event-ID", *last)
	}
	response, err := w.person.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(response.Body, lineBytesMax))
		w.person.inspect("GET", "/api/v1/stream", answer{response.StatusCode, response.Header, text, err})
		return fmt.Errorf("stream: %s", response.Status)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, lineBytesMax)
	fresh := true // the first event has to be a snapshot, whatever was seen before, unless nothing is new
	var name, id string
	for lines.Scan() {
		silent.Reset(streamSilent)
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "retry":
			if millis, err := strconv.Atoi(value); err == nil {
				*retry = time.Duration(millis) * time.Millisecond
			}
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			w.person.strangers("a stream", []byte(value))
			w.show(name, value, fresh, lost)
			fresh = false
		case "": // the event is whole
			if id != "" {
				*last = id
			}
			name, id = "", ""
		}
	}
	return nil // how it ended is the same to a browser
}

// show does to the page what an event says.
func (w *watcher) show(name, data string, fresh bool, lost time.Time) {
	var next document
	if err := json.Unmarshal([]byte(data), &next); err != nil {
		w.person.place.t.Errorf("I9: an event that can't be read: %v: %.200s", err, data)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if fresh {
		w.open = true
		w.opened++
		if !lost.IsZero() {
			w.back = append(w.back, time.Since(lost))
		}
	}
	if name != "snapshot" && name != "delta" {
		return
	}
	if next.Sequence < w.shown.Sequence {
		w.person.place.t.Errorf("I9: a stream went back from sequence %d to %d", w.shown.Sequence, next.Sequence)
	}
	if name == "snapshot" {
		w.shown = next
		return
	}
	w.shown.Sequence, w.shown.Cash = next.Sequence, next.Cash
	for _, h := range next.Holdings {
		at := slices.IndexFunc(w.shown.Holdings, func(old holding) bool { return old.InstrumentID == h.InstrumentID })
		if at < 0 {
			w.shown.Holdings = append(w.shown.Holdings, h)
		} else {
			w.shown.Holdings[at] = h
		}
	}
}

// shows says whether the page shows what a document says, with prices or without.
func (w *watcher) shows(d *document, priced bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shown.Sequence != d.Sequence || w.shown.Cash != d.Cash || len(w.shown.Holdings) != len(d.Holdings) {
		return false
	}
	for i, h := range d.Holdings {
		at := slices.IndexFunc(w.shown.Holdings, func(s holding) bool { return s.InstrumentID == h.InstrumentID })
		if at < 0 || w.shown.Holdings[at].Quantity != d.Holdings[i].Quantity || priced && !samePrice(w.shown.Holdings[at], h) {
			return false
		}
	}
	return true
}

func samePrice(one, other holding) bool {
	if one.Price == nil || other.Price == nil {
		return one.Price == other.Price
	}
	return one.Price.Amount == other.Price.Amount
}

func (w *watcher) isOpen() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open
}
