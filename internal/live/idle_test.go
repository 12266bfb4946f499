package live

import (
	"testing"
	"testing/synctest"
	"time"
)

// A deadline that passes while nothing is to be said must not be there: HTTP/2 resets a stream whose write deadline passes, written to or not.
func TestNoDeadlinePassesBetweenHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.hold("u", "p", "a")
		synctest.Wait()
		b := w.browse("u", "", "p")
		defer b.leave()
		synctest.Wait()
		for range 5 * heartbeatInterval / time.Second {
			time.Sleep(time.Second)
			synctest.Wait()
			b.mu.Lock()
			left := time.Until(b.deadline)
			b.mu.Unlock()
			if left <= 0 {
				t.Fatalf("the write deadline passed %s ago", -left)
			}
		}
	})
}
