package health

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/jobs"
)

func TestATroubleIsToldOnceAndItsEndOnce(t *testing.T) {
	const o, u, w, f, gone = OK, Unknown, Warning, Failing, State("gone")
	for _, c := range []struct {
		name    string
		minutes []State // what each minute's look says
		quiet   int     // no word before that minute
		want    string  // minute:news
	}{
		{name: "nothing", minutes: []State{o, u, gone, o}},
		{name: "a minute", minutes: []State{f, f, o, f, f, o}},
		{name: "failing and mended", minutes: []State{f, f, f, f, f, o, o, o, o, o, o, o}, want: "2:bad 10:all clear"},
		{name: "a flapping one", minutes: []State{f, f, f, o, f, o, o, f, o, u, gone, o, o, o}, want: "2:bad 13:all clear"},
		{name: "a warning", minutes: append(slices.Repeat([]State{w}, 20), o, o, o, o, o, o), want: "15:bad 25:all clear"},
		{name: "it gets worse", minutes: append(slices.Repeat([]State{w}, 16), f, f, f, w, w, f, f, f, f), want: "15:bad 18:bad"},
		{name: "it gets better but isn't good", minutes: append([]State{f, f, f}, slices.Repeat([]State{w}, 30)...), want: "2:bad"},
		{name: "quiet", minutes: []State{f, f, f, f, f, f, f}, quiet: 5, want: "5:bad"},
		{name: "quiet until after its end", minutes: []State{f, f, f, o, o, o, o, o, o, o}, quiet: 100},
		{name: "forgotten", minutes: []State{f, f, f, gone, gone, gone, gone, gone, gone}, want: "2:bad 8:all clear"},
	} {
		begin := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
		var at *Trouble
		var told []string
		for minute, state := range c.minutes {
			var seen *Check
			if state != gone {
				seen = &Check{Name: "disk", State: state, Says: "It is full.", Fix: "Make room."}
			}
			if at != nil && c.quiet > 0 {
				at.QuietUntil = begin.Add(time.Duration(c.quiet) * time.Minute)
			}
			var news News
			at, news = Follow(at, "a", seen, begin.Add(time.Duration(minute)*time.Minute))
			if news != NoNews {
				told = append(told, fmt.Sprintf("%d:%s", minute, news))
			}
		}
		if got := strings.Join(told, " "); got != c.want {
			t.Errorf("%s: told %q, want %q", c.name, got, c.want)
		}
	}
}

// memory is a store for several watches.
type memory struct {
	mutex    sync.Mutex
	reports  map[string]Report
	troubles map[place]Trouble
	holder   string
	until    time.Time
	fence    int64
	told     []string
}

func (m *memory) ClaimWatch(_ context.Context, node string, now, until, _ time.Time) (int64, bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.holder != node && now.Before(m.until) {
		return 0, false, nil
	}
	m.holder, m.until = node, until
	m.fence++
	return m.fence, true, nil
}
func (m *memory) PutReport(_ context.Context, r Report) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.reports[r.Node] = r
	return nil
}

func (m *memory) DeleteReport(_ context.Context, node string) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.reports, node)
	return nil
}
func (m *memory) Reports(context.Context) (all []Report, _ error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, r := range m.reports {
		all = append(all, r)
	}
	return all, nil
}
func (m *memory) Troubles(context.Context) (all []Trouble, _ error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, t := range m.troubles {
		all = append(all, t)
	}
	return all, nil
}
func (m *memory) SettleTroubles(_ context.Context, s Settlement) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if s.Fence != m.fence {
		return fault.New(fault.Conflict, "another node watches")
	}
	for _, t := range s.Keep {
		m.troubles[place{t.Node, t.Name}] = t
	}
	for _, t := range s.Drop {
		delete(m.troubles, place{t.Node, t.Name})
	}
	for _, t := range s.Tell {
		m.told = append(m.told, fmt.Sprintf("%s: %s", t.Title(), t.Text()))
	}
	return nil
}
func (m *memory) QuietTrouble(_ context.Context, node, name string, until time.Time, _ audit.Write) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	t := m.troubles[place{node, name}]
	t.QuietUntil = until
	m.troubles[place{node, name}] = t
	return nil
}

// Two nodes watch: one of them looks at what is shared and tells, the other takes over when it dies, and the dead one is told of. One that
// stops in order is no trouble.
func TestOneNodeTellsAndAnotherTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{reports: map[string]Report{}, troubles: map[place]Trouble{}}
		shared := map[string]int{}
		node := func(name string) (*Watch, func()) {
			full := func(context.Context) (Found, error) {
				return found(Check{Name: "disk", State: map[string]State{"a": OK, "b": Failing}[name], Says: "It is full.", Fix: "Make room."}), nil
			}
			w := NewWatch(WatchOptions{Store: store, Node: name, Now: time.Now, Log: quiet, Own: []Look{{Name: "disk", At: full}},
				Shared: []Look{{Name: "jobs", At: func(context.Context) (Found, error) {
					store.mutex.Lock()
					defer store.mutex.Unlock()
					shared[name]++
					return Jobs(nil), nil
				}}},
				Jobs: func(context.Context) ([]jobs.Count, error) { return nil, nil }})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				if err := w.Run(ctx); err != nil {
					t.Error(err)
				}
			}()
			return w, func() { cancel(); <-ended }
		}
		looked := func(name string) int {
			store.mutex.Lock()
			defer store.mutex.Unlock()
			return shared[name]
		}
		told := func() []string {
			store.mutex.Lock()
			defer store.mutex.Unlock()
			return slices.Clone(store.told)
		}
		reported := func() map[string]Report {
			store.mutex.Lock()
			defer store.mutex.Unlock()
			return maps.Clone(store.reports)
		}
		a, stopA := node("a")
		synctest.Wait()
		b, stopB := node("b")
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		if looked("a") != 11 || looked("b") != 0 {
			t.Errorf("what is shared was looked at %d and %d times", looked("a"), looked("b"))
		}
		if want := []string{"disk on b: It is full."}; !slices.Equal(told(), want) {
			t.Errorf("told %q", told())
		}
		if _, _, held := a.Latest(); !held {
			t.Error("a doesn't know that it watches")
		}
		status, err := b.Status(t.Context())
		if err != nil || status.State != Failing || len(status.Nodes) != 2 || status.Checks[0].Node != "b" || status.Checks[0].Trouble == nil || status.Checks[0].Trouble.Told != Failing {
			t.Errorf("%+v, %v", status, err)
		}
		stopA()
		last := reported()["b"]
		last.Node, last.Checks = "dead", nil
		if err := store.PutReport(t.Context(), last); err != nil { // of one that was killed
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if looked("b") < 15 {
			t.Errorf("b doesn't watch: %d", looked("b"))
		}
		if len(told()) != 2 || !strings.HasPrefix(told()[1], "node dead: The node dead has said nothing for ") {
			t.Errorf("told %q", told())
		}
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		if len(told()) != 3 || !strings.HasPrefix(told()[2], "node dead: It is as it should be again. It was:") || len(reported()) != 2 {
			t.Errorf("told %q, %v", told(), reported())
		}
		stopB()
		if len(reported()) != 1 {
			t.Errorf("reports of nodes that stopped: %v", reported())
		}
	})
}

func TestQuietHasAnEnd(t *testing.T) {
	w := NewWatch(WatchOptions{Store: &memory{troubles: map[place]Trouble{}}, Now: time.Now})
	if err := w.Quiet(t.Context(), "", "disk", time.Now().Add(quietMax+time.Hour), audit.Write{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
	if err := w.Quiet(t.Context(), "", "disk", time.Now().Add(quietMax-time.Hour), audit.Write{}); err != nil {
		t.Error(err)
	}
}
