//go:build linux

package sqlstore

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"
)

// A full disk below the copy of checkpoints stops nothing: operators are told, and once there is room the next checkpoint proves all of it.
func TestACopyWithoutRoomIsWrittenLater(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const patience, pause = 2 * time.Minute, 20 * time.Millisecond
		a := b.audited()
		a.user("anna")
		b.ok(os.Symlink("/dev/full", a.path))
		_, err := a.sequencer.Step(t.Context())
		b.ok(err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.copy.Run(ctx) }()
		until := func(what string, so func(trouble error) bool) {
			t.Helper()
			for began := time.Now(); !so(a.copy.Trouble()); time.Sleep(pause) {
				if time.Since(began) > patience {
					t.Fatalf("never %s: %v", what, a.copy.Trouble())
				}
			}
		}
		until("told", func(trouble error) bool { return errors.Is(trouble, syscall.ENOSPC) })
		a.user("berta")
		_, err = a.sequencer.Step(t.Context())
		b.ok(err)
		b.ok(os.Remove(a.path))
		until("mended", func(trouble error) bool { return trouble == nil })
		cancel()
		b.ok(<-ended)
		if got := a.verified(); len(got.Findings) != 0 || got.Copied == 0 {
			t.Errorf("%+v", got)
		}
	})
}
