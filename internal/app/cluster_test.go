//go:build unix

package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/cluster"
	"folioscope/internal/engine"
	"folioscope/internal/engine/enginetest"
	"folioscope/internal/jobs"
	"folioscope/internal/notify"
	"folioscope/internal/pgtest"
)

// nodes are those that the database knows to be there.
func (s *stage) nodes() []cluster.Node {
	s.t.Helper()
	there, err := s.store.Nodes(s.t.Context())
	s.ok(err)
	return there
}

// dealt waits until so many nodes hold each what falls to it, while prices go on, and gives how long that took.
func (s *stage) dealt(count int) time.Duration {
	s.t.Helper()
	const patience, pause = 2 * time.Minute, 100 * time.Millisecond
	began := time.Now()
	for {
		there := s.nodes()
		var names []string
		held := make(map[string]int)
		for _, n := range there {
			names, held[n.Name] = append(names, n.Name), n.Partitions
		}
		wanted := make(map[string]int)
		for p := range engine.PartitionsCount {
			wanted[cluster.Owner(p, names)]++
		}
		if len(there) == count && !slices.ContainsFunc(names, func(name string) bool { return held[name] != wanted[name] }) {
			return time.Since(began)
		}
		if time.Since(began) > patience {
			s.t.Fatalf("%d nodes do not come to hold what falls to them: %v, not %v", count, held, wanted)
		}
		s.next()
		time.Sleep(pause)
	}
}

// told is how often each crossing is in people's inboxes.
func (s *stage) told() map[enginetest.Crossing]int {
	s.t.Helper()
	told := make(map[enginetest.Crossing]int)
	for n := range enginetest.Owners {
		for after := (notify.Place{}); ; {
			items, next, err := s.store.Notices(s.t.Context(), enginetest.Owner(n), after, 100)
			s.ok(err)
			for _, item := range items {
				told[enginetest.CrossingOf(item.Owner, item.Rule, *item.Facts.Value, item.At)]++
			}
			if after = next; next == (notify.Place{}) {
				break
			}
		}
	}
	return told
}

// allTold waits until every crossing was, and says how many were more than once.
func (s *stage) allTold() (doubled int) {
	s.t.Helper()
	const patience = 2 * time.Minute
	for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		missed, doubled := s.walk.Compare(s.told())
		if missed == 0 {
			return doubled
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%d of %d crossings were never told", missed, s.walk.Due())
		}
	}
}

// lose has a node end or hang, prices accepted in the same moment, and gives how long after it the last message came to its receiver of what they
// crossed: by the rules of the partitions that were the node's, and by those of the others.
func (s *stage) lose(harm func()) (its, others time.Duration) {
	s.t.Helper()
	const prices = 5 // of each instrument, so that many rules have something to say
	s.settled()
	before := s.names()
	first := enginetest.MinuteOf(time.Now().Add(-24 * time.Hour))
	for minute := range s.accepted {
		first = max(first, minute+1)
	}
	harmed := time.Now()
	harm()
	for range prices {
		s.next()
	}
	s.settled()
	came := s.hooks.all(s.t)
	s.dealt(len(before) - 1)
	left := s.names()
	moved := 0
	for crossing, all := range came {
		if crossing.Minute < first {
			continue
		}
		after := all[0].at.Sub(harmed)
		if slices.Contains(left, cluster.Owner(engine.PartitionOf(crossing.Owner), before)) {
			others = max(others, after)
			continue
		}
		its = max(its, after)
		moved++
	}
	if moved == 0 {
		s.t.Fatal("none of the rules of the node that was lost had anything to say")
	}
	return its.Round(time.Millisecond), others.Round(time.Millisecond)
}

// names are those of the nodes that are there.
func (s *stage) names() (names []string) {
	for _, n := range s.nodes() {
		names = append(names, n.Name)
	}
	return names
}

// A node that is killed, one that hangs and one that goes lose their partitions to the others. The one that hung goes on with what it believes to
// hold; what it settles is refused, and no crossing is missed or told twice.
func TestNodesThatAreLost(t *testing.T) {
	t.Parallel()
	s := newStage(t, pgtest.Database(t), 4)
	one, two := s.spawn(""), s.spawn("-2")
	s.spawn("-3")
	t.Logf("three nodes hold what falls to them after %s", s.dealt(3).Round(time.Millisecond))
	its, others := s.lose(one.kill)
	t.Logf("a node was killed as prices came: what its rules had to say was with the receivers %s later, what others' had %s later", its, others)
	one.start()
	t.Logf("it came back: it holds what falls to it after %s", s.dealt(3).Round(time.Millisecond))
	its, others = s.lose(two.hang)
	t.Logf("a node hung as prices came: what its rules had to say was with the receivers %s later, what others' had %s later", its, others)
	for range 20 {
		s.next()
	}
	two.goOn()
	t.Logf("it went on: it holds what falls to it after %s", s.dealt(3).Round(time.Millisecond))
	doubled := s.allTold()
	t.Logf("%d crossings, none missed, %d told twice", s.walk.Due(), doubled)
	if doubled > 0 {
		t.Errorf("%d crossings were told twice", doubled)
	}
}

// A node whose clock is wrong is there, and says so, and owns nothing.
func TestANodeWithAWrongClock(t *testing.T) {
	t.Parallel()
	const ahead = 5 * time.Minute
	s := newStage(t, pgtest.Database(t), 1)
	wrong := s.spawnAhead("", ahead)
	right := s.spawn("-2")
	const patience = 2 * time.Minute
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		there := s.nodes()
		if len(there) == 2 {
			slices.SortFunc(there, func(a, b cluster.Node) int { return int(a.Ahead - b.Ahead) })
			if there[0].Partitions == engine.PartitionsCount && there[1].Partitions == 0 && (there[1].Ahead-ahead).Abs() < cluster.SkewMax {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the nodes are %+v", there)
		}
	}
	for range 20 {
		s.next()
	}
	if doubled := s.allTold(); doubled > 0 {
		t.Errorf("%d crossings were told twice", doubled)
	}
	wrong.end()
	right.end()
	if said := wrong.said.String(); strings.Count(said, "clock is wrong") != 1 {
		t.Errorf("the node with the wrong clock said: %s", said)
	}
	if said := right.said.String(); strings.Contains(said, "clock is wrong") {
		t.Errorf("the node with the right clock said: %s", said)
	}
}

// Work that goes by the clock waits for a node whose clock is right, without having failed.
func TestWorkWaitsForARightClock(t *testing.T) {
	right, done := false, 0
	kinds := ownedKinds([]jobs.Kind{{Name: "poll", Work: func(context.Context, jobs.Job) error {
		done++
		return nil
	}}}, func() bool { return right })
	if err := kinds[0].Work(t.Context(), jobs.Job{}); done != 0 || !errors.Is(err, jobs.Later(clockWait)) {
		t.Errorf("with a wrong clock: %v, done %d times", err, done)
	}
	right = true
	if err := kinds[0].Work(t.Context(), jobs.Job{}); done != 1 || err != nil {
		t.Errorf("with a right clock: %v, done %d times", err, done)
	}
}
