package simulation

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/market"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "this seed alone")
	seedsFlag = flag.Int("seeds", 0, "so many seeds")
	fromFlag  = flag.Uint64("from", 1, "the first of many seeds")
	daysFlag  = flag.Float64("days", 0, "so many days for each seed")
)

const (
	seedsShort = 200
	seedsLong  = 5000
	daysEach   = 0.25 // from an hour of the year that the seed chooses; then comes healing
	yearsLong  = 1    // seeds that last a year, beside the many
)

// play plays one seed, and gives its trail.
func play(t *testing.T, m *template, seed uint64, days float64) *trail {
	t.Helper()
	var w *world
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(t, m, seed, time.Duration(days*24*float64(time.Hour)))
		w.run(t)
	})
	if testing.Verbose() && *seedFlag != 0 {
		t.Log(strings.Join(w.trail.sorted(), "\n"))
	}
	for i, what := range w.broken {
		if i == 5 {
			t.Errorf("and %d more", len(w.broken)-i)
			break
		}
		t.Errorf("seed %d: %s", seed, what)
	}
	if len(w.broken) > 0 {
		t.Errorf("go test ./internal/simulation -run TestSeeds -seed %d -days %.3g -v plays it again and shows all that happened", seed, days)
	}
	return w.trail
}

// TestSeeds plays many seeds, and holds what all of them together have to come by.
func TestSeeds(t *testing.T) {
	seeds, days := seedsShort, daysEach
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		seeds = seedsLong
	}
	if *seedsFlag > 0 {
		seeds = *seedsFlag
	}
	if *daysFlag > 0 {
		days = *daysFlag
	}
	m := newTemplate(t)
	if *seedFlag != 0 {
		play(t, m, *seedFlag, days)
		return
	}
	if os.Getenv("FOLIOSCOPE_LONG") != "" && *daysFlag == 0 {
		for seed := range uint64(yearsLong) {
			play(t, m, seed+1, 365)
		}
	}
	var mu sync.Mutex
	count := make(map[string]int)
	numbers := make(chan uint64)
	t.Run("each", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("worker", func(t *testing.T) {
				t.Parallel()
				for seed := range numbers {
					t.Run(fmt.Sprint(seed), func(t *testing.T) {
						one := play(t, m, seed, days)
						mu.Lock()
						defer mu.Unlock()
						one.add(count)
					})
				}
			})
		}
		go func() {
			defer close(numbers)
			for seed := range seeds {
				numbers <- *fromFlag + uint64(seed)
			}
		}()
	})
	for _, what := range slices.Sorted(maps.Keys(count)) {
		t.Logf("%8d  %s", count[what], what)
	}
	if seeds < seedsShort || days < daysEach {
		return // too little to come by everything
	}
	for _, what := range reachedByAll() {
		if count[what] == 0 {
			t.Errorf("no seed came by this: %s", what)
		}
	}
}

// reachedByAll is what all seeds together have to come by: a generator with a blind spot proves nothing there.
func reachedByAll() (all []string) {
	for _, what := range []string{"append", "book", "answer"} {
		for _, met := range []string{"not reached", "slow", "late", "answer lost", "given up before", "given up after", "the node died before", "the node died after"} {
			all = append(all, what+": "+met)
		}
	}
	for _, what := range []string{"accept", "claim slot", "end slot", "marks", "asked", "spend quota", "put settled", "claim partitions", "save cursors", "settle", "quotes", "rules"} {
		for _, met := range []string{"not reached", "slow", "late", "answer lost"} {
			all = append(all, what+": "+met)
		}
	}
	for _, kind := range lieKinds {
		all = append(all, "source: lies, "+kind)
	}
	for _, state := range []market.State{market.StateLive, market.StateDelayed, market.StateClosed, market.StateStale, market.StateFallback, market.StateQuarantined} {
		all = append(all, "shown: "+string(state))
	}
	all = append(all, "source: fails", "source: refuses us", "source: limits us", "source: stands still", "source: hung", "poll: failed",
		"slot: given again", "shown: a whole total", "hint: lost", "hint: doubled", "hint: late", "a price jumped, and was believed",
		"settle: refused, the partition or the rule is another's by now", "a crossing that had to be told", "rule: held to every crossing", "rule: deleted",
		"stream: snapshot", "stream: delta", "stream: ended", "stream: resumed where it was")
	return append(all, "node killed", "node killed between its cursors and what it had to tell", "node hung", "node restarted", "the store is gone", "the bus is gone",
		"node 0 is cut off", "node 1 is cut off", "node 2 is cut off",
		"hint: no bus", "beat: failed", "clock: wrong, and the node owns nothing",
		"request: answered from what is stored", "request: done, and its answer was lost", "request: its key used for another", "request: repeated",
		"request: refused as invalid", "request: refused as not_found", "request: refused as stale", "look", "look: none", "pry: not found",
		"message: received", "message: twice", "receiver: fails", "receiver: limits us", "receiver: nobody there", "receiver: its answer is lost",
		"offer grant", "accept grant", "take grant back", "share: shown", "share: taken back", "tree: held", "tree: not extended", "tree: another node's turn")
}

// A seed that is played twice comes to the same.
func TestASeedReplays(t *testing.T) {
	m := newTemplate(t)
	for seed := range uint64(3) {
		once, again := play(t, m, seed+1, daysEach), play(t, m, seed+1, daysEach)
		if once.hash() != again.hash() {
			a, b := once.sorted(), again.sorted()
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Errorf("seed %d: line %d is\n%s\nand\n%s", seed+1, i+1, a[i], b[i])
					break
				}
			}
		}
	}
}
