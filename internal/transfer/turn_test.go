package transfer

import (
	"context"
	"errors"
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
			_, err := s.Import(ctx, "o", "p", 0, &slowFile{begin, strings.NewReader("nothing,of,ours\n")}, true, nil)
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

// endingReader ends the import once it has read the file whole.
type endingReader struct {
	*strings.Reader
	end func()
}

func (r endingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if r.Len() == 0 {
		r.end()
	}
	return n, err
}

// An import that nobody waits for any more stops, while its file is read as well as later.
func TestImportEndsWithItsRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, j := newImport()
	file := "date,type,amount\n" + strings.Repeat("2026-01-01,deposit,1\n", 1000)
	if _, err := s.Import(ctx, "ann", "p", 0, endingReader{strings.NewReader(file), cancel}, false, noWrite); !fault.Is(err, fault.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("reading: %v", err)
	}
	rows, _, err := ParseCSV(t.Context(), strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	late := &endingContext{Context: t.Context(), looks: 2}
	if _, err := s.plan(late, &j.book, nil, rows, nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("understanding: %v", err)
	}
	if j.records != 0 || len(s.turns) != 0 {
		t.Errorf("%d stored, %d are worked on", j.records, len(s.turns))
	}
}

// endingContext ends after it has been looked at some times.
type endingContext struct {
	context.Context
	looks int
}

func (c *endingContext) Err() error {
	if c.looks--; c.looks < 0 {
		return context.Canceled
	}
	return nil
}
