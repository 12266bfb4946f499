package transfer

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"folioscope/internal/fault"
)

// slowFile is a file whose first byte comes when it is told to.
type slowFile struct {
	begin chan struct{}
	rest  *strings.Reader
}

func (f *slowFile) Read(p []byte) (int, error) {
	<-f.begin
	return f.rest.Read(p)
}

// Files are worked on one at a time, some wait, and more are sent away at once; who is sent away or gives up leaves nothing behind.
func TestFilesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewService(Options{})
		begin := make(chan struct{})
		errs := make(chan error, importsWaitingMax+3)
		ask := func(ctx context.Context) {
			_, err := s.Import(ctx, "o", "p", &slowFile{begin, strings.NewReader("nothing,of,ours\n")}, true, nil)
			errs <- err
		}
		impatient, giveUp := context.WithCancel(t.Context())
		go ask(t.Context())
		synctest.Wait()
		go ask(impatient)
		for range importsWaitingMax - 1 {
			go ask(t.Context())
		}
		synctest.Wait()
		go ask(t.Context())
		if err := <-errs; !fault.Is(err, fault.Unavailable) {
			t.Errorf("one too many: %v", err)
		}
		giveUp()
		if err := <-errs; !fault.Is(err, fault.Unavailable) {
			t.Errorf("gave up: %v", err)
		}
		if len(s.turns) != importsAtOnce {
			t.Errorf("%d files at once", len(s.turns))
		}
		close(begin)
		for range importsWaitingMax {
			if err := <-errs; !fault.Is(err, fault.Invalid) {
				t.Errorf("waited for its turn: %v", err)
			}
		}
		synctest.Wait()
		if s.waiting.Load() != 0 || len(s.turns) != 0 {
			t.Errorf("%d wait, %d are worked on", s.waiting.Load(), len(s.turns))
		}
	})
}
