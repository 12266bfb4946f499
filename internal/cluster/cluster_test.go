package cluster

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wall is a store that stands for a database's clock, and keeps who is there.
type wall struct {
	mu    sync.Mutex
	ahead time.Duration // of the node
	away  bool
	there map[string]Node
	beats int
}

func (w *wall) set(ahead time.Duration, away bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead, w.away = ahead, away
}

func (w *wall) ReadClock(context.Context) (Clock, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away {
		return Clock{}, errors.New("nobody there")
	}
	now := time.Now()
	return Clock{Server: true, At: now.Add(-w.ahead), Asked: now, Answer: now}, nil
}

func (w *wall) Beat(_ context.Context, n Node, _ time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.there[n.Name] = n
	w.beats++
	return nil
}

func (w *wall) LeaveCluster(_ context.Context, name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.there, name)
	return nil
}

func (w *wall) node(name string) (Node, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, ok := w.there[name]
	return n, ok
}

func TestTheClockAmongAllThatFit(t *testing.T) {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	clock := func(asked, answer time.Duration) Clock {
		return Clock{Server: true, At: at, Asked: at.Add(asked), Answer: at.Add(answer)}
	}
	for _, c := range []struct {
		clock Clock
		want  time.Duration
	}{
		{clock(-time.Second, time.Second), 0},                  // it took two seconds to ask, and nothing is known against our clock
		{clock(3*time.Second, 4*time.Second), 3 * time.Second}, // at least so far ahead
		{clock(-9*time.Second, -5*time.Second), -5 * time.Second},
		{Clock{Asked: at, Answer: at}, 0}, // no clock but ours
	} {
		if got := c.clock.Ahead(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.clock, got, c.want)
		}
	}
}

// A clock that is set is wrong before anybody asked the database, and while nobody can.
func TestAClockThatIsSetOwnsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &wall{there: map[string]Node{}}
		set := time.Duration(0)
		c := New(Options{Store: store, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Now().Add(set) }})
		if err := c.Beat(t.Context()); err != nil {
			t.Fatal(err)
		}
		store.set(0, true)
		for _, step := range []struct {
			set time.Duration
			own bool
		}{{0, true}, {SkewMax, true}, {-SkewMax, true}, {SkewMax + time.Millisecond, false}, {-time.Hour, false}, {time.Hour, false}, {0, true}} {
			set = step.set
			time.Sleep(time.Minute)
			if got := c.MayOwn(); got != step.own {
				t.Errorf("set by %s: it may own: %t", step.set, got)
			}
		}
		set = time.Hour
		store.set(0, false) // the database's clock says that this one is right now
		if err := c.Beat(t.Context()); err != nil || !c.MayOwn() {
			t.Errorf("a clock that is right may own: %t, %v", c.MayOwn(), err)
		}
	})
}

// A node owns nothing before it has seen the database's clock, nor while its own is wrong; it says so once, and goes on telling of itself.
func TestANodeWithAWrongClockOwnsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &wall{there: map[string]Node{}}
		var said bytes.Buffer
		c := New(Options{Store: store, Node: Node{Name: "one"}, Log: slog.New(slog.NewTextHandler(&said, nil))})
		if c.MayOwn() {
			t.Error("it owns something before its first beat")
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		for _, step := range []struct {
			ahead time.Duration
			own   bool
		}{{0, true}, {SkewMax, true}, {SkewMax + time.Millisecond, false}, {time.Hour, false}, {-time.Minute, false}, {-SkewMax, true}, {0, true}} {
			store.set(step.ahead, false)
			time.Sleep(BeatInterval + time.Millisecond)
			if got := c.MayOwn(); got != step.own {
				t.Errorf("%s ahead: it may own: %t", step.ahead, got)
			}
			if n, ok := store.node("one"); !ok || n.Ahead != step.ahead {
				t.Errorf("%s ahead: it tells %+v, %t", step.ahead, n, ok)
			}
		}
		store.set(0, true)
		time.Sleep(10 * BeatInterval)
		if !c.MayOwn() {
			t.Error("a database that is away says nothing of the clock")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, ok := store.node("one"); ok {
			t.Error("it left, and is there still")
		}
		text := said.String()
		if wrong, right, away := strings.Count(text, "clock is wrong"), strings.Count(text, "right again"), strings.Count(text, "can't tell the others"); wrong != 1 || right != 1 || away != 1 {
			t.Errorf("said %d times that it is wrong, %d right, %d away:\n%s", wrong, right, away, text)
		}
	})
}
