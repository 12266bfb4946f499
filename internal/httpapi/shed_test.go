package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/access"
)

// crowd is who stands at a door or is inside.
type crowd struct {
	door   *door
	inside chan class
	leave  chan func()
	away   chan class
}

func newCrowd(cores int) *crowd {
	const most = 10_000
	return &crowd{door: newDoor(cores), inside: make(chan class, most), leave: make(chan func(), most), away: make(chan class, most)}
}

// come has one more at the door, and waits until it is known what becomes of it.
func (w *crowd) come(ctx context.Context, c class) {
	go func() {
		leave, ok := w.door.enter(ctx, c)
		if !ok {
			w.away <- c
			return
		}
		w.inside <- c
		w.leave <- leave
	}()
	synctest.Wait()
}

// As more comes, bulk waits first, then charts, then reads, and changes last; as places come free, changes are let in first. Nobody is
// turned away while somebody who counts for less is let in.
func TestTheDoorLetsInByClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cores = 2
		w := newCrowd(cores)
		ctx, cancel := context.WithCancel(t.Context())
		for range cores * classBounds[classChange].insideMax {
			for c := classBulk; c >= classChange; c-- {
				w.come(ctx, c)
			}
		}
		if want := cores * classBounds[classRead].insideMax; w.door.all < want {
			t.Errorf("%d are inside, want at least %d", w.door.all, want)
		}
		for c := classChange; c < classBulk; c++ {
			if w.door.shed[c] > w.door.shed[c+1] {
				t.Errorf("%d of %s are turned away, %d of %s", w.door.shed[c], c, w.door.shed[c+1], c+1)
			}
			if most := cores * classBounds[c].ownMax; w.door.inside[c] > most {
				t.Errorf("%d of %s are inside, more than %d", w.door.inside[c], c, most)
			}
		}
		if w.door.shed[classChange] != 0 || w.door.shed[classBulk] == 0 {
			t.Errorf("turned away: %v", w.door.shed)
		}
		for len(w.inside) > 0 {
			<-w.inside
		}
		last := classChange
		for len(w.leave) > 0 { // each who leaves makes room for who waits
			(<-w.leave)()
			synctest.Wait()
			for len(w.inside) > 0 {
				c := <-w.inside
				for first := classChange; first < c; first++ {
					if w.door.waiting[first].Len() > 0 && w.door.inside[first] < cores*classBounds[first].ownMax {
						t.Fatalf("%s was let in before %s", c, first)
					}
				}
				last = c
			}
		}
		if w.door.all != 0 || last != classBulk {
			t.Errorf("%d are inside in the end, the last were %s", w.door.all, last)
		}
		cancel()
	})
}

// Changes that hang at a slow disk keep nobody out who only reads, nor the opening of streams, however many they are.
func TestChangesThatHangKeepNoReadersOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(1)
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 * classBounds[classChange].insideMax {
			w.come(ctx, classChange)
		}
		w.come(ctx, classRead)
		w.come(ctx, classStream)
		if w.door.inside[classRead] != 1 || w.door.inside[classStream] != 1 || w.door.inside[classChange] != classBounds[classChange].ownMax {
			t.Errorf("inside: %v", w.door.inside)
		}
		cancel()
	})
}

// Who stands in line for too long is told to come back, while there is time to answer.
func TestNobodyWaitsAtTheDoorForLong(t *testing.T) {
	for c := classChange; c < classes; c++ {
		synctest.Test(t, func(t *testing.T) {
			w := newCrowd(1)
			for range classBounds[c].ownMax {
				w.come(t.Context(), c)
			}
			w.come(t.Context(), c)
			time.Sleep(classBounds[c].waitMax - time.Nanosecond)
			synctest.Wait()
			if len(w.away) != 0 || w.door.waiting[c].Len() != 1 {
				t.Errorf("%s: %d gave up early, %d wait", c, len(w.away), w.door.waiting[c].Len())
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if len(w.away) != 1 || w.door.waiting[c].Len() != 0 || w.door.shed[c] != 1 {
				t.Errorf("%s: %d gave up, %d wait, %d are counted", c, len(w.away), w.door.waiting[c].Len(), w.door.shed[c])
			}
		})
	}
}

// Who can't wait any longer is turned away and holds no place; leaving twice frees one.
func TestTheDoorForgetsWhoGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(1)
		for range classBounds[classBulk].insideMax {
			w.come(t.Context(), classBulk)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w.come(ctx, classBulk)
		w.come(t.Context(), classBulk)
		time.Sleep(time.Second)
		synctest.Wait()
		if len(w.away) != 1 || w.door.waiting[classBulk].Len() != 1 {
			t.Errorf("%d gave up, %d wait", len(w.away), w.door.waiting[classBulk].Len())
		}
		leave := <-w.leave
		leave()
		leave()
		synctest.Wait()
		if w.door.all != classBounds[classBulk].insideMax || w.door.waiting[classBulk].Len() != 0 {
			t.Errorf("%d are inside, %d wait", w.door.all, w.door.waiting[classBulk].Len())
		}
		w.come(t.Context(), classHealth)
		if w.door.all != classBounds[classBulk].insideMax {
			t.Error("health takes a place")
		}
	})
}

// A full node turns away with 429 and when to come again, in words; whether it lives it always says.
func TestAFullNodeTurnsAway(t *testing.T) {
	h := newHouse(t)
	for c := range h.server.door.waiting {
		h.server.door.waiting[c].PushBack(make(chan struct{}))
	}
	h.server.door.cores = 0 // there is no room, nor any to wait in
	defer func() { h.server.door.cores = cores() }()
	asked := 0
	for _, rt := range h.server.routes {
		if rt.class == classHealth {
			h.ask("ann", rt.method, rt.path, "").is(http.StatusOK)
			continue
		}
		if rt.method == http.MethodPost { // it isn't even asked who comes
			h.ask("", rt.method, rt.at(places{portfolio: "portfolio-ann", account: "account-ann"}), "{}").is(http.StatusTooManyRequests)
			asked++
		}
		a := h.ask("ann", rt.method, rt.at(places{portfolio: "portfolio-ann", account: "account-ann"}), "", once(fmt.Sprint("full", asked)))
		p := a.problem(http.StatusTooManyRequests, "limited")
		if a.Header().Get("Retry-After") != strconv.Itoa(int(classBounds[rt.class].retryAfter.Seconds())) || !strings.Contains(p.Detail, "Try again") {
			t.Errorf("%s: %v %s", a.what, a.Header(), a.Body)
		}
		asked++
	}
	var shed uint64
	for _, c := range h.server.Crowds() {
		shed += c.Shed
	}
	if asked == 0 || shed != uint64(asked) {
		t.Errorf("%d of %d are counted", shed, asked)
	}
}

// Each class waits shorter than those before, and what answers changes takes no longer than people do.
func TestClassesAreInOrder(t *testing.T) {
	for c := classChange; c < classBulk; c++ {
		if a, b := classBounds[c], classBounds[c+1]; a.insideMax <= b.insideMax || a.waitingMax <= b.waitingMax || a.retryAfter > b.retryAfter || a.waitMax >= a.deadline {
			t.Errorf("%s: %+v, %s: %+v", c, a, c+1, b)
		}
	}
	s := &Server{}
	s.handle(route{method: "GET", path: "/api/v1/new", action: access.ReadSelf}, nil)
	if len(s.mistakes) != 1 || !strings.Contains(s.mistakes[0].Error(), "has no class") {
		t.Errorf("a route without a class: %v", s.mistakes)
	}
}
