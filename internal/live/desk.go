package live

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// stallMax is how long a worker may be at one write before another takes its place: far more than a write to a viewer that
// takes bytes, far less than anybody sees.
const stallMax = 5 * time.Millisecond

// desk is where one worker works. It writes frames itself, since waking every stream's goroutine would cost as much again.
// The write that a slow viewer holds up becomes that stream's own: the worker ends with it, another starts, and who was next
// is woken to write by itself.
type desk struct {
	log   *slog.Logger
	stuck chan struct{} // closed once the worker is given up
	alarm *time.Timer

	mu      sync.Mutex
	left    []*viewer // who has been given a frame
	writing bool
	writes  uint64
	seen    uint64 // writes at the last alarm
	armed   bool
	givenUp bool
}

func newDesk(log *slog.Logger) *desk {
	d := &desk{log: log, stuck: make(chan struct{})}
	d.alarm = time.AfterFunc(stallMax, d.look)
	d.alarm.Stop()
	return d
}

// work has one worker at a desk, or another where that one is held up.
func (h *Hub) work(ctx context.Context) error {
	for {
		d, ended := newDesk(h.log), make(chan error, 1)
		go func() { ended <- h.value(ctx, d) }()
		select {
		case err := <-ended:
			return err
		case <-d.stuck: // it belongs to the stream that it writes to, which waits for it
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// look is the alarm: it finds out whether a write takes too long.
func (d *desk) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.writing:
		d.armed = false
	case d.writes != d.seen:
		d.seen = d.writes
		d.alarm.Reset(stallMax)
	default:
		d.givenUp = true
		for _, v := range d.left {
			v.notify()
		}
		d.left = nil
		close(d.stuck)
	}
}

// deliver writes to all who have been given a frame, and says whether the worker may go on.
func (d *desk) deliver(given []*viewer) bool {
	if len(given) == 0 {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = given
	if !d.armed {
		d.armed, d.seen = true, d.writes
		d.alarm.Reset(stallMax)
	}
	for len(d.left) > 0 {
		v := d.left[0]
		d.left, d.writing = d.left[1:], true
		d.writes++
		d.mu.Unlock()
		d.deliverTo(v)
		d.mu.Lock()
		d.writing = false
	}
	return !d.givenUp
}

// deliverTo survives whatever the writer of a response does.
func (d *desk) deliverTo(v *viewer) {
	defer func() {
		if cause := recover(); cause != nil {
			d.log.Error("panic", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			v.revoke()
		}
	}()
	v.deliver()
}

// deliver writes what is pending, unless somebody else is about to.
func (v *viewer) deliver() {
	select {
	case <-v.turn:
	default:
		v.notify() // whoever has the turn may have looked already
		return
	}
	defer v.release()
	if v.revoked.Load() || v.doubted.Load() || v.failed {
		v.notify()
		return
	}
	if err := v.write(); err != nil {
		v.failed = true
		v.notify()
	}
}

func (v *viewer) release() { v.turn <- struct{}{} }
