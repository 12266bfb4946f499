package sqlstore

import (
	"context"
	"sync"
	"time"

	"folioscope/internal/fault"
)

// Nothing interrupts a sync. So a commit has a goroutine of its own, which has the writer until the disk answers; who asked for it, and whoever
// waits for the writer meanwhile, is sent away sooner.
const (
	commitWaitMax = 3 * time.Second        // with it a refusal comes within five seconds
	hangPause     = 100 * time.Millisecond // between two looks of who waits for the writer
)

// hang knows of the commit that is under way.
type hang struct {
	mu    sync.Mutex
	since time.Time // when it began; zero for none
}

func (h *hang) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since = time.Now()
}

func (h *hang) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since = time.Time{}
}

// hangs says whether the disk keeps a commit waiting for too long.
func (h *hang) hangs() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.since.IsZero() && time.Since(h.since) >= commitWaitMax
}

func errHangs() error {
	return fault.New(fault.Unavailable, "changes are off: the disk of this server doesn't answer. This one may still be kept: the same request with the same key tells")
}

// takeWriter waits for the writer, but not behind a commit that hangs.
func (s *sqlite) takeWriter(ctx context.Context) (*connection, error) {
	if s.commits.hangs() {
		return nil, errHangs()
	}
	select {
	case c := <-s.writer.idle:
		return c, nil
	default:
	}
	pace := time.NewTicker(hangPause)
	defer pace.Stop()
	for {
		select {
		case c := <-s.writer.idle:
			return c, nil
		case <-s.writer.closed:
			return nil, errClosed()
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-pace.C:
			if s.commits.hangs() {
				return nil, errHangs()
			}
		}
	}
}

// commit ends a transaction and gives the writer back. Once it began it isn't given up, whoever asked for it: past the bound its outcome is
// unknown to them, and the change is there or not.
func (s *sqlite) commit(ctx context.Context, c *connection) error {
	done := make(chan error, 1)
	s.commits.begin()
	go func() { // ends with the disk's answer; closing the store waits for the writer
		err := s.kept(func() error { return c.commit(context.WithoutCancel(ctx)) })
		s.commits.end()
		s.writer.give(c)
		done <- err
	}()
	late := time.NewTimer(commitWaitMax)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return errHangs()
	}
}
