package journal

import (
	"context"
	"sync"
	"time"
)

// attemptPause is how long at most a writer that met one of another node stands back before the next attempt: about the time
// of one append.
const attemptPause = 20 * time.Millisecond

// turns lets the writers of one portfolio on this node go one after another, so that none of them reads a book only to find it
// changed. Writers of other nodes are met by the store, which takes one of them. The zero value is ready.
type turns struct {
	mu   sync.Mutex
	open map[key]*turn // only of portfolios with a writer
}

type turn struct {
	free    chan struct{} // holds one while nobody has the turn
	writers int           // that have it or wait for it
}

// take waits for the turn at a portfolio; the caller must give it back.
func (t *turns) take(ctx context.Context, k key) (giveBack func(), err error) {
	t.mu.Lock()
	at := t.open[k]
	if at == nil {
		if t.open == nil {
			t.open = map[key]*turn{}
		}
		at = &turn{free: make(chan struct{}, 1)}
		at.free <- struct{}{}
		t.open[k] = at
	}
	at.writers++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if at.writers--; at.writers == 0 {
			delete(t.open, k)
		}
	}
	select {
	case <-at.free:
		return func() { at.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// standBack waits a moment of random length.
func (j *Journal) standBack(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(j.random() * float64(attemptPause))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
