package simulation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// trail is what happened, line by line, with how often each kind of thing did.
type trail struct {
	mu    sync.Mutex
	lines []string
	count map[string]int
}

func newTrail() *trail { return &trail{count: make(map[string]int)} }

// note writes down what happened at a time.
func (t *trail) note(at time.Time, format string, args ...any) {
	line := at.UTC().Format("01-02 15:04:05.000 ") + fmt.Sprintf(format, args...)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
}

// reached counts that a seed came by something.
func (t *trail) reached(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count[what]++
}

// sorted are the lines by their time, and within one moment by their text: which of them came first isn't the seed's.
func (t *trail) sorted() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(slices.Values(t.lines))
}

// hash names the trail.
func (t *trail) hash() string {
	sum := sha256.Sum256([]byte(strings.Join(t.sorted(), "\n")))
	return hex.EncodeToString(sum[:8])
}

// add adds up how often things happened.
func (t *trail) add(to map[string]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for what, n := range maps.All(t.count) {
		to[what] += n
	}
}
