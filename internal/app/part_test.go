package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// diary is what parts did, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// until is a part that runs until it is told to stop, and takes a moment for that.
func (d *diary) until(name string) part {
	return part{name, func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(time.Second)
		d.note(name + " ended")
		return ctx.Err()
	}}
}

func (d *diary) leave(wait time.Duration) func(context.Context) {
	return func(ctx context.Context) {
		select {
		case <-ctx.Done():
			d.note("left at once")
		case <-time.After(wait):
			d.note("left")
		}
	}
}

func TestWhatAnswersEndsBeforeWhatItStandsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- runParts(ctx, d.until("http"), []part{d.until("live")}, d.leave(5*time.Second)) }()
		synctest.Wait()
		stop()
		time.Sleep(4 * time.Second)
		if len(d.lines) > 0 {
			t.Errorf("ended while load balancers still sent requests: %q", d.lines)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if want := []string{"left", "http ended", "live ended"}; !slices.Equal(d.lines, want) {
			t.Errorf("%q, want %q", d.lines, want)
		}
	})
}

func TestAPartThatFailsEndsTheNodeAtOnce(t *testing.T) {
	broken := errors.New("broken")
	failing := part{"live", func(context.Context) error { return broken }}
	for name, parts := range map[string][2]func(*diary) part{
		"another": {func(d *diary) part { return d.until("other") }, func(*diary) part { return failing }},
		"http":    {func(*diary) part { return failing }, func(d *diary) part { return d.until("other") }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d diary
				err := runParts(t.Context(), parts[0](&d), []part{parts[1](&d)}, d.leave(time.Hour))
				if !errors.Is(err, broken) {
					t.Errorf("ended with %v", err)
				}
				if want := []string{"other ended"}; !slices.Equal(d.lines, want) {
					t.Errorf("%q, want %q", d.lines, want)
				}
			})
		})
	}
}

func TestANodeThatAnswersNobodyStopsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- runParts(ctx, part{}, []part{d.until("jobs")}, func(context.Context) {}) }()
		stop()
		if err := <-ended; err != nil || !slices.Equal(d.lines, []string{"jobs ended"}) {
			t.Errorf("%v, %q", err, d.lines)
		}
	})
}
