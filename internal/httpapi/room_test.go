package httpapi

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// Few are in the room, some wait, more are sent away at once; who gives up leaves nothing behind.
func TestRoomHasFewPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places, waiting = 2, 3
		r := newRoom(places, waiting)
		in, out := make(chan func(), places+waiting), make(chan struct{}, 2)
		ask := func(ctx context.Context) {
			if leave, ok := r.enter(ctx); ok {
				in <- leave
				return
			}
			out <- struct{}{}
		}
		impatient, giveUp := context.WithCancel(t.Context())
		for range places {
			ask(t.Context())
		}
		go ask(impatient)
		for range waiting - 1 {
			go ask(t.Context())
		}
		synctest.Wait()
		ask(t.Context())
		if len(in) != places || len(out) != 1 || r.waiting.Load() != waiting {
			t.Fatalf("%d in, %d sent away, %d wait", len(in), len(out), r.waiting.Load())
		}
		giveUp()
		synctest.Wait()
		for range places + waiting - 1 {
			(<-in)()
		}
		synctest.Wait()
		if len(out) != 2 || r.waiting.Load() != 0 || len(r.places) != 0 {
			t.Fatalf("%d sent away, %d wait, %d in", len(out), r.waiting.Load(), len(r.places))
		}
	})
}

// untouched is a body that nobody may read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("a body was read without a place for it")
	return 0, http.ErrBodyReadAfterClose
}

func (untouched) Close() error { return nil }

// A large body isn't read while too many others are held; a small one and all else go on.
func TestLargeBodiesWaitBeforeTheyAreRead(t *testing.T) {
	h := newHouse(t)
	h.server.largeBodies = newRoom(1, 0)
	leave, _ := h.server.largeBodies.enter(t.Context())
	path := "/api/v1/portfolios/portfolio-ann/imports?format=folioscope-csv&dry_run=true"
	csv := "date,type,amount\n2026-01-01,deposit,1\n"
	asCSV := header("Content-Type", "text/csv")
	for _, length := range []int64{-1, csvBytesMax} {
		a := h.ask("ann", "POST", path, "x", asCSV, func(r *http.Request) { r.Body, r.ContentLength = untouched{t}, length })
		a.problem(http.StatusServiceUnavailable, "unavailable")
		if a.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	h.ask("ann", "POST", path, csv, asCSV).is(http.StatusOK)
	large := csv + strings.Repeat("\n", jsonBytesMax)
	h.ask("ann", "POST", path, large, asCSV).is(http.StatusServiceUnavailable)
	leave()
	h.ask("ann", "POST", path, large, asCSV).is(http.StatusOK)
	if len(h.server.largeBodies.places) != 0 {
		t.Error("a place is kept after its request")
	}
}
