// Package bustest holds the one suite that every implementation of bus.Bus passes.
package bustest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/bus"
	"folioscope/internal/fault"
)

// waitMax ends a test whose message never comes; nothing is measured by it.
const waitMax = 20 * time.Second

// Fixture opens what is tested.
type Fixture struct {
	// Open gives a bus that is closed by the suite.
	Open func(t *testing.T) bus.Bus
	// Interrupt breaks the connection of all open buses and mends it again; nil where there is nothing to break.
	Interrupt func(t *testing.T)
}

// Run runs the suite.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, bus.Bus, Fixture)
	}{
		{"order", order}, {"wildcard", wildcard}, {"everybody", everybody}, {"stop", stop}, {"slow", slow},
		{"payload", payload}, {"subjects", subjects}, {"closed", closed}, {"interrupt", interrupt},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := f.Open(t)
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			test.run(t, b, f)
		})
	}
}

// listener collects what a subscription gets.
type listener struct {
	mu       sync.Mutex
	messages []string // subject=payload
	gaps     int
	changed  chan struct{}
}

func listen(t *testing.T, b bus.Bus, subject string) (*listener, func()) {
	t.Helper()
	l := &listener{changed: make(chan struct{}, 1)}
	stop, err := b.Subscribe(subject, func(subject string, payload []byte) {
		l.note(func() { l.messages = append(l.messages, subject+"="+string(payload)) })
	}, func() { l.note(func() { l.gaps++ }) })
	if err != nil {
		t.Fatal(err)
	}
	return l, stop
}

func (l *listener) note(change func()) {
	l.mu.Lock()
	change()
	l.mu.Unlock()
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// until waits for a condition on what was collected.
func (l *listener) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	timeout := time.After(waitMax)
	for {
		l.mu.Lock()
		done := ok()
		l.mu.Unlock()
		if done {
			return
		}
		select {
		case <-l.changed:
		case <-timeout:
			t.Fatalf("no %s; %d messages, %d gaps", what, len(l.messages), l.gaps)
		}
	}
}

func publish(t *testing.T, b bus.Bus, subject, payload string) {
	t.Helper()
	if err := b.Publish(t.Context(), subject, []byte(payload)); err != nil {
		t.Fatal(err)
	}
}

func order(t *testing.T, b bus.Bus, _ Fixture) {
	const n = bus.PendingMax // not more, or a slow machine drops some
	l, stop := listen(t, b, "test.v1.thing.changed.a")
	defer stop()
	want := make([]string, n)
	for i := range n {
		want[i] = fmt.Sprintf("test.v1.thing.changed.a=%d", i)
		publish(t, b, "test.v1.thing.changed.a", fmt.Sprint(i))
	}
	l.until(t, "last message", func() bool { return len(l.messages) == n })
	if !slices.Equal(l.messages, want) {
		t.Error("messages out of order")
	}
}

func wildcard(t *testing.T, b bus.Bus, _ Fixture) {
	l, stop := listen(t, b, "test.v1.thing.changed.>")
	defer stop()
	for _, subject := range []string{"test.v1.thing.changed", "test.v1.thing.made.a", "test.v1.thing.changed.a", "other", "test.v1.thing.changed.b.c"} {
		publish(t, b, subject, "x")
	}
	l.until(t, "last message", func() bool { return slices.Contains(l.messages, "test.v1.thing.changed.b.c=x") })
	if want := []string{"test.v1.thing.changed.a=x", "test.v1.thing.changed.b.c=x"}; !slices.Equal(l.messages, want) {
		t.Errorf("got %v, want %v", l.messages, want)
	}
}

func everybody(t *testing.T, b bus.Bus, _ Fixture) {
	first, stopFirst := listen(t, b, "test.a")
	defer stopFirst()
	second, stopSecond := listen(t, b, "test.a")
	defer stopSecond()
	publish(t, b, "test.a", "x")
	first.until(t, "message at the first", func() bool { return len(first.messages) == 1 })
	second.until(t, "message at the second", func() bool { return len(second.messages) == 1 })
}

func stop(t *testing.T, b bus.Bus, _ Fixture) {
	gone, stopGone := listen(t, b, "test.a")
	stays, stopStays := listen(t, b, "test.a")
	defer stopStays()
	publish(t, b, "test.a", "1")
	gone.until(t, "first message", func() bool { return len(gone.messages) == 1 })
	stopGone()
	stopGone() // twice is once
	publish(t, b, "test.a", "2")
	stays.until(t, "second message", func() bool { return len(stays.messages) == 2 })
	gone.mu.Lock()
	defer gone.mu.Unlock()
	if len(gone.messages) != 1 {
		t.Errorf("%d messages after the end", len(gone.messages)-1)
	}
}

// slow checks that who does not keep up loses messages and is told, and that nobody else notices.
func slow(t *testing.T, b bus.Bus, _ Fixture) {
	const n = 3 * bus.PendingMax
	release := make(chan struct{})
	var got atomic.Int64
	var gaps atomic.Int64
	gap := make(chan struct{}, n)
	stopSlow, err := b.Subscribe("test.a", func(string, []byte) {
		<-release
		got.Add(1)
	}, func() {
		gaps.Add(1)
		gap <- struct{}{}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stopSlow()
	last := make(chan uint64, n)
	stopQuick, err := b.Subscribe("test.a", func(_ string, payload []byte) { last <- binary.BigEndian.Uint64(payload) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stopQuick()
	for i := range uint64(n) {
		if err := b.Publish(t.Context(), "test.a", binary.BigEndian.AppendUint64(nil, i)); err != nil {
			t.Fatal(err)
		}
		select { // in step with the quick one, so that only the slow one is slow
		case at := <-last:
			if at != i {
				t.Fatalf("the quick subscriber got %d, want %d", at, i)
			}
		case <-time.After(waitMax):
			t.Fatalf("the quick subscriber waits for %d", i)
		}
	}
	close(release)
	select {
	case <-gap:
	case <-time.After(waitMax):
		t.Fatal("the slow subscriber was not told")
	}
	if got.Load() >= n {
		t.Errorf("the slow subscriber got all %d", n)
	}
}

func payload(t *testing.T, b bus.Bus, _ Fixture) {
	l, stop := listen(t, b, "test.a")
	defer stop()
	largest := bytes.Repeat([]byte("x"), bus.PayloadBytesMax)
	if err := b.Publish(t.Context(), "test.a", largest); err != nil {
		t.Errorf("the largest payload: %v", err)
	}
	if err := b.Publish(t.Context(), "test.a", append(largest, 'x')); !fault.Is(err, fault.TooLarge) {
		t.Errorf("one byte more: %v, want %s", err, fault.TooLarge)
	}
	publish(t, b, "test.a", "")
	l.until(t, "both messages", func() bool { return len(l.messages) == 2 })
	if l.messages[0] != "test.a="+string(largest) || l.messages[1] != "test.a=" {
		t.Error("payloads changed on the way")
	}
}

func subjects(t *testing.T, b bus.Bus, _ Fixture) {
	for _, subject := range []string{"", ".", "a..b", "a.", ".a", "a b", "a.*", ">", "a.>.b", "a\nb", "a.>"} {
		if err := b.Publish(t.Context(), subject, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("publish to %q: %v", subject, err)
		}
		if subject == "a.>" {
			continue // may be listened to
		}
		if stop, err := b.Subscribe(subject, func(string, []byte) {}, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("subscribe to %q: %v", subject, err)
			stop()
		}
	}
}

func closed(t *testing.T, b bus.Bus, _ Fixture) {
	_, stop := listen(t, b, "test.a")
	if err := b.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	stop()
	if err := b.Publish(t.Context(), "test.a", nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("publish after close: %v, want %s", err, fault.Unavailable)
	}
	if _, err := b.Subscribe("test.a", func(string, []byte) {}, nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("subscribe after close: %v, want %s", err, fault.Unavailable)
	}
}

func interrupt(t *testing.T, b bus.Bus, f Fixture) {
	if f.Interrupt == nil {
		return // nothing between publisher and subscriber that could break
	}
	l, stop := listen(t, b, "test.a")
	defer stop()
	publish(t, b, "test.a", "before")
	l.until(t, "message before", func() bool { return len(l.messages) == 1 })
	l.mu.Lock()
	gaps := l.gaps
	l.mu.Unlock()
	f.Interrupt(t)
	l.until(t, "gap", func() bool { return l.gaps > gaps })
	publish(t, b, "test.a", "after")
	l.until(t, "message after", func() bool { return slices.Contains(l.messages, "test.a=after") })
}
