package live

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/market"
)

const usd = "fx-eur-USD"

// A snapshot, the first change at once, then one frame in 500 ms with all that changed.
func TestCoalescing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a", "b", "c")
		w.price(map[string]string{"a": "10", "b": "20", "c": "30", usd: "1.25"})
		synctest.Wait()
		b := w.browse("u", "", "p")
		defer b.leave()
		expect(t, "first events", b.names(), "snapshot status")
		b.same(k)

		b.forget()
		start := time.Now()
		w.price(map[string]string{"a": "11"})
		expect(t, "after the first change", b.names(), "delta")
		expect(t, "delay of the first change", b.events[0].at.Sub(start), time.Duration(0))
		for i := range 4 {
			time.Sleep(100 * time.Millisecond)
			w.price(map[string]string{"b": fmt.Sprint(21 + i)})
		}
		expect(t, "before 500 ms", b.names(), "delta")
		time.Sleep(99 * time.Millisecond)
		expect(t, "just before 500 ms", b.names(), "delta")
		time.Sleep(time.Millisecond)
		expect(t, "at 500 ms", b.names(), repeat("delta", 2))
		b.same(k)
		time.Sleep(5 * time.Second)
		expect(t, "when nothing changes", b.names(), repeat("delta", 2))
		start = time.Now()
		w.price(map[string]string{"c": "31"})
		b.names()
		expect(t, "delay after a pause", b.events[2].at.Sub(start), time.Duration(0))
		b.same(k)
	})
}

// A price that nobody here holds costs nothing.
func TestOnlyWatchedAreValued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a")
		other := w.hold("u2", "p2", "a", "z")
		w.price(map[string]string{"a": "10", "z": "5", usd: "1.25"})
		synctest.Wait()
		b := w.browse("u", "", "p")
		defer b.leave()
		b.names()
		valued := w.valued[w.portfolios[k]]
		w.price(map[string]string{"z": "6"})
		expect(t, "events", b.names(), "snapshot status")
		expect(t, "valuations of the watched one", w.valued[w.portfolios[k]], valued)
		expect(t, "valuations of the other", w.valued[w.portfolios[other]], 0)
	})
}

// All viewers of a portfolio share one valuation and one encoding.
func TestFramesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a", "b")
		w.price(map[string]string{"a": "10", "b": "11", usd: "1.25"})
		synctest.Wait()
		var all []*browser
		for range 10 {
			b := w.browse("u", "", "p")
			defer b.leave()
			all = append(all, b)
		}
		synctest.Wait()
		before := w.valued[w.portfolios[k]]
		w.price(map[string]string{"a": "12"})
		for _, b := range all {
			expect(t, "events", b.names(), "snapshot status delta")
			b.same(k)
		}
		expect(t, "valuations", w.valued[w.portfolios[k]]-before, 1+len(all)) // the others are of the comparison
	})
}

func TestHeartbeatsAndEnd(t *testing.T) {
	for _, test := range []struct {
		roll     float64
		from, to time.Duration
	}{{0, 30 * time.Minute, 31 * time.Minute}, {0.5, 44 * time.Minute, 46 * time.Minute}, {0.9999, 59 * time.Minute, time.Hour}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.close()
			w.rolls.roll = test.roll
			w.hold("u", "p", "a")
			synctest.Wait()
			b := w.browse("u", "", "p")
			start := time.Now()
			<-b.done
			if age := time.Since(start); age < test.from || age > test.to {
				t.Errorf("the stream ended after %s, want %s to %s", age, test.from, test.to)
			}
			for i := 1; i < len(b.writes); i++ {
				if pause := b.writes[i].Sub(b.writes[i-1]); pause > 15*time.Second {
					t.Fatalf("nothing was written for %s", pause)
				}
			}
			expect(t, "streams", w.hub.Streams(), 0)
			time.Sleep(2 * watchGrace)
			expect(t, "watches", w.hub.Watched(), 0)
		})
	}
}

// Streams that are sent elsewhere say when to come back, each at a moment of its own; those that are cut off say nothing.
func TestStreamsSentElsewhereSayWhenToComeBack(t *testing.T) {
	for _, test := range []struct {
		cause error
		roll  float64
		want  string
	}{{ErrElsewhere, 0, "retry: 250\n\n"}, {ErrElsewhere, 0.5, "retry: 2250\n\n"}, {nil, 0.5, ""}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.close()
			w.rolls.roll = test.roll
			k := w.hold("u", "p", "a")
			synctest.Wait()
			ctx, end := context.WithCancelCause(t.Context())
			answer := httptest.NewRecorder()
			ended := make(chan error)
			go func() {
				ended <- w.hub.Stream(answer, httptest.NewRequestWithContext(ctx, "GET", "/", nil), StreamRequest{Viewer: k.Owner, Portfolios: []Key{k}})
			}()
			synctest.Wait()
			before := answer.Body.Len()
			end(test.cause)
			expect(t, "error", <-ended, nil)
			expect(t, "last words", answer.Body.String()[before:], test.want)
		})
	}
}

// Who does not take bytes is merged, not waited for; and let go when it takes none for long.
func TestSlowViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a", "b")
		w.price(map[string]string{"a": "10", "b": "20", usd: "1.25"})
		synctest.Wait()
		quick, slow, dead := w.browse("u", "", "p"), w.browse("u", "", "p"), w.browse("u", "", "p")
		defer quick.leave()
		defer slow.leave()
		synctest.Wait()
		slow.block()
		dead.block()
		for _, b := range []*browser{quick, slow, dead} {
			b.forget()
		}
		for i := range 10 {
			w.price(map[string]string{"a": fmt.Sprint(11 + i), "b": fmt.Sprint(19 - i)})
			time.Sleep(600 * time.Millisecond)
		}
		expect(t, "quick", quick.names(), repeat("delta", 10))
		slow.unblock()
		expect(t, "slow: the one in flight and one with all the rest", slow.names(), repeat("delta", 2))
		slow.same(k)
		quick.same(k)
		<-dead.done
		expect(t, "dead", dead.names(), "")
		expect(t, "streams", w.hub.Streams(), 2)
	})
}

// What no hint told is found by looking.
func TestLostHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a", "b")
		w.price(map[string]string{"a": "10", "b": "20", "c": "30", usd: "1.25"})
		synctest.Wait()
		b := w.browse("u", "", "p")
		defer b.leave()
		b.names()
		b.forget()

		w.mute = true
		w.price(map[string]string{"a": "12"})
		expect(t, "at once", b.names(), "")
		time.Sleep(pollInterval)
		expect(t, "after the poll", b.names(), "delta")
		b.same(k)

		w.price(map[string]string{"a": "13"})
		w.mute = false
		w.price(map[string]string{"b": "21"}) // its hint tells that something is missing before it
		synctest.Wait()
		time.Sleep(frameInterval)
		b.same(k)

		w.mute = true
		w.price(map[string]string{"a": "14"})
		w.bus.lose()
		synctest.Wait()
		time.Sleep(frameInterval)
		b.same(k)

		b.forget()
		w.hold("u", "p", "a", "b", "c")
		time.Sleep(pollInterval + frameInterval)
		expect(t, "a change of the portfolio that no hint told", b.names(), "snapshot")
		b.same(k)

		b.forget()
		w.hold("u", "p", "a")
		w.bus.lose()
		time.Sleep(frameInterval)
		// What was told in the gap is asked for, too, before or after.
		expect(t, "a change of the portfolio in a gap", strings.TrimSpace(strings.Replace(b.names(), "inbox", "", 1)), "snapshot")
		b.same(k)
	})
}

func TestPortfolioChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a")
		w.price(map[string]string{"a": "10", "b": "20", usd: "1.25"})
		synctest.Wait()
		b := w.browse("u", "", "p")
		defer b.leave()
		b.names()
		b.forget()
		w.hold("u", "p", "a", "b")
		w.announce(k)
		expect(t, "after the hint", b.names(), "snapshot")
		b.same(k)
		time.Sleep(time.Second)
		w.price(map[string]string{"b": "21"})
		expect(t, "after a price of what is new", b.names(), "snapshot delta")
		b.same(k)

		w.hold("u", "p", "b")
		w.mu.Lock()
		w.broken = true
		w.mu.Unlock()
		w.announce(k)
		time.Sleep(5 * time.Second)
		expect(t, "while the store is down", b.names(), "snapshot delta")
		w.mu.Lock()
		w.broken = false
		w.mu.Unlock()
		time.Sleep(2 * time.Second)
		expect(t, "once it is up", b.names(), "snapshot delta snapshot")
		b.same(k)
	})
}

func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		p, q := w.hold("u", "p", "a", "b"), w.hold("u", "q", "b", "c")
		w.price(map[string]string{"a": "10", "b": "20", "c": "30", usd: "1.25"})
		synctest.Wait()
		b := w.browse("u", "", "p", "q")
		expect(t, "first", b.names(), "snapshot status snapshot status")
		w.price(map[string]string{"b": "21"})
		b.names()

		b.again("u", "p", "q")
		expect(t, "nothing changed meanwhile", b.names(), repeat("status", 2))
		b.same(p)
		b.same(q)

		b.leave()
		w.price(map[string]string{"a": "11"})
		time.Sleep(time.Second)
		w.price(map[string]string{"a": "12", "c": "29"})
		b.again("u", "p", "q")
		expect(t, "prices changed meanwhile", b.names(), "delta status delta status")
		b.same(p)
		b.same(q)

		b.leave()
		w.hold("u", "p", "a", "c")
		w.announce(p)
		synctest.Wait()
		b.again("u", "p", "q")
		if got := b.names(); got != "snapshot "+repeat("status", 2) && got != "status snapshot status" { // whichever portfolio is worked out first
			t.Errorf("one portfolio changed meanwhile: got %s", got)
		}
		b.same(p)

		b.leave()
		time.Sleep(2 * watchGrace)
		b.again("u", "p", "q")
		expect(t, "long away", b.names(), "snapshot status snapshot status")
		b.same(p)
		b.same(q)

		b.again("u", "q", "p") // another order than in the id
		expect(t, "id of another stream", b.names(), "snapshot status snapshot status")
		b.leave()
		for _, id := range []string{"q", "q1.p1", "q1.p1-zz", "q1.p1-1-1", "q1.p1-1-1,p1-1-1,p1-1-1", "x", "q9.p1-\xff-1,p", strings.Repeat("q", 500)} {
			b.lastID = id
			b.again("u", "p", "q")
			expect(t, "id "+id, b.names(), "snapshot status snapshot status")
			b.leave()
		}
	})
}

// An id with a frame that this watch never gave is no reason to show too little.
func TestResumeFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a")
		w.price(map[string]string{"a": "10", usd: "1.25"})
		synctest.Wait()
		b := w.browse("u", "", "p")
		b.names()
		b.lastID += "zz"
		b.again("u", "p")
		defer b.leave()
		expect(t, "events", b.names(), "snapshot status")
		b.same(k)
	})
}

// An id of an earlier watch of the same portfolio means nothing to the next, however many frames that has given.
func TestResumeAtAnotherWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a", "b")
		w.price(map[string]string{"a": "10", "b": "20"})
		synctest.Wait()
		b := w.browse("u", "", "p")
		b.names()
		w.price(map[string]string{"a": "11"})
		b.names()
		b.leave()
		w.price(map[string]string{"b": "21"})
		time.Sleep(2 * watchGrace)
		other := w.browse("u", "", "p")
		defer other.leave()
		for i := range 5 {
			synctest.Wait()
			time.Sleep(frameInterval)
			w.price(map[string]string{"a": fmt.Sprint(12 + i)})
		}
		synctest.Wait()
		b.again("u", "p")
		defer b.leave()
		expect(t, "events", b.names(), "snapshot status")
		b.same(k)
	})
}

// A merged frame has what changed in any of the frames it stands for. Without a rate there are no weights, so that each price
// touches its own holding only.
func TestMergedFrameHasAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a", "b", "c")
		w.price(map[string]string{"a": "10", "b": "20", "c": "30"})
		synctest.Wait()
		quick, slow := w.browse("u", "", "p"), w.browse("u", "", "p")
		defer quick.leave()
		defer slow.leave()
		synctest.Wait()
		slow.block()
		for _, prices := range []map[string]string{{"c": "31"}, {"a": "11"}, {"b": "21"}} { // the first is in flight when the others come
			w.price(prices)
			time.Sleep(600 * time.Millisecond)
		}
		slow.unblock()
		expect(t, "slow", slow.names(), "snapshot status "+repeat("delta", 2))
		slow.same(k)
		quick.same(k)
		if last := quick.events[len(quick.events)-1].data; strings.Contains(last, `"instrument_id":"a"`) || !strings.Contains(last, `"instrument_id":"b"`) {
			t.Errorf("a frame of a price of b has %s", last)
		}
	})
}

func TestStreamRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.hold("u", "p", "a")
		w.hold("other", "theirs", "a")
		synctest.Wait()
		for _, test := range []struct {
			portfolios []string
			kind       fault.Kind
		}{
			{nil, fault.Invalid}, {[]string{"p", "p"}, fault.Invalid}, {make([]string, streamPortfoliosMax+1), fault.Invalid},
			{[]string{"theirs"}, fault.NotFound}, {[]string{"p", "theirs"}, fault.NotFound}, {[]string{"none"}, fault.NotFound},
		} {
			b := w.browse("u", "", test.portfolios...)
			<-b.done
			if !fault.Is(b.err, test.kind) || b.buf.Len() > 0 {
				t.Errorf("%v: %v and %q, want %s and nothing", test.portfolios, b.err, b.buf.String(), test.kind)
			}
		}
		var open []*browser
		for range streamsPerUserMax {
			open = append(open, w.browse("u", "", "p"))
		}
		synctest.Wait()
		extra := w.browse("u", "", "p")
		<-extra.done
		if !fault.Is(extra.err, fault.Limited) {
			t.Errorf("one stream too many: %v", extra.err)
		}
		open[0].leave()
		extra = w.browse("u", "", "p")
		expect(t, "after one left", extra.names(), "snapshot status")
		for _, b := range append(open, extra) {
			b.leave()
		}
		expect(t, "streams", w.hub.Streams(), 0)
	})
}

// No prices, no stream: a snapshot without any would look like a loss.
func TestNotBeforePricesAreLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(w *world) { w.broken = true })
		defer w.close()
		synctest.Wait()
		if w.hub.Ready() {
			t.Error("ready without prices")
		}
		k := w.hold("u", "p", "a")
		w.mu.Lock()
		w.broken = false
		w.mu.Unlock()
		b := w.browse("u", "", "p")
		<-b.done
		if !fault.Is(b.err, fault.Unavailable) {
			t.Errorf("got %v, want %s", b.err, fault.Unavailable)
		}
		time.Sleep(2 * retryInterval)
		if !w.hub.Ready() {
			t.Error("not ready although the store is up")
		}
		b = w.browse("u", "", "p")
		defer b.leave()
		b.names()
		b.same(k)
	})
}

func TestStreamsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hold("u", "p", "a")
		w.hold("u2", "p2", "a")
		synctest.Wait()
		one, two, other := w.browse("u", "", "p"), w.browse("u", "", "p"), w.browse("u2", "", "p2")
		synctest.Wait()
		if err := w.hub.Revoke(t.Context(), "u"); err != nil {
			t.Error(err)
		}
		<-one.done
		<-two.done
		expect(t, "streams", w.hub.Streams(), 1)

		w.bus.send(event.UserRevokedSubject("u2"), event.UserRevoked{OwnerID: "u2"}.Payload()) // from another node
		<-other.done

		last := w.browse("u", "", "p")
		synctest.Wait()
		w.close()
		<-last.done
		late := w.browse("u", "", "p")
		<-late.done
		if !fault.Is(late.err, fault.Unavailable) {
			t.Errorf("a stream after the end: %v", late.err)
		}
	})
}

// An open stream counts as use of its session, and ends with it.
func TestSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a")
		synctest.Wait()
		asked := 0
		b := &browser{world: w, done: make(chan struct{}), header: map[string][]string{}, state: map[string]map[string]any{}}
		request := StreamRequest{Viewer: "u", Portfolios: []Key{{"u", k.Portfolio}}, Alive: func(context.Context) error {
			asked++
			switch asked {
			case 2:
				return errBroken // can't be asked: goes on
			case 3:
				return fault.New(fault.NotFound, "no such session")
			}
			return nil
		}}
		start := time.Now()
		if err := w.hub.Stream(b, httptest.NewRequest("GET", "/api/v1/stream", nil), request); err != nil {
			t.Error(err)
		}
		expect(t, "age", time.Since(start), heartbeatInterval+2*aliveInterval) // the first look comes with the first heartbeat
	})
}

// Where hints of ended sessions may have been lost, every stream looks at its own.
func TestLostRevocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.hold("u", "p", "a")
		synctest.Wait()
		var ended atomic.Bool
		b := &browser{world: w, done: make(chan struct{}), header: map[string][]string{}, state: map[string]map[string]any{}}
		request := StreamRequest{Viewer: "u", Portfolios: []Key{{"u", "p"}}, Alive: func(context.Context) error {
			if ended.Load() {
				return fault.New(fault.Unauthenticated, "signed out")
			}
			return nil
		}}
		start := time.Now()
		go func() {
			time.Sleep(time.Second)
			w.hub.gap(event.UserRevokedAll)
			time.Sleep(time.Second)
			ended.Store(true)
			w.hub.gap(event.UserRevokedAll)
		}()
		if err := w.hub.Stream(b, httptest.NewRequest("GET", "/api/v1/stream", nil), request); err != nil {
			t.Error(err)
		}
		expect(t, "age", time.Since(start), 2*time.Second)
	})
}

// A portfolio that can't be worked out sends its own viewers away, and nobody else's.
func TestPanicOfOnePortfolio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a")
		w.hold("u2", "p2", "a")
		w.price(map[string]string{"a": "10", usd: "1.25"})
		synctest.Wait()
		broken, whole := w.browse("u", "", "p"), w.browse("u2", "", "p2")
		synctest.Wait()
		one := w.hub.watches[k]
		one.mu.Lock()
		held := *one.held
		held.Holdings = nil
		one.held, one.revision = &held, one.revision+1
		one.mu.Unlock()
		time.Sleep(frameInterval)
		w.price(map[string]string{"a": "11"})
		<-broken.done
		synctest.Wait()
		expect(t, "streams", w.hub.Streams(), 1)
		whole.leave()
	})
}

// What a viewer is told about the connection changes with time and markets.
func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("u", "p", "a")
		w.price(map[string]string{"a": "10", usd: "1.25"})
		synctest.Wait()
		b := w.browse("u", "", "p")
		defer b.leave()
		connection := func(want event.Connection) {
			t.Helper()
			time.Sleep(frameInterval)
			b.names()
			last := ""
			for _, e := range b.events {
				if e.name == "status" {
					last = e.data
				}
			}
			if !strings.Contains(last, `"connection":"`+string(want)+`"`) {
				t.Errorf("status %s, want %s", last, want)
			}
			b.same(k)
		}
		connection(event.ConnectionLive)
		time.Sleep(market.DelayedAfter + pollInterval)
		connection(event.ConnectionDelayed)
		time.Sleep(market.StaleAfter - market.DelayedAfter)
		connection(event.ConnectionStale)
		w.price(map[string]string{"a": "10.5", usd: "1.26"})
		connection(event.ConnectionLive)
		w.mu.Lock()
		w.shut = true
		w.mu.Unlock()
		time.Sleep(pollInterval)
		connection(event.ConnectionClosed)
	})
}

// Whatever happens, in whatever order: what a client made of its events is what a fresh document says.
func TestClientStateEqualsFresh(t *testing.T) {
	instruments := []string{"a", "b", "c", "d", usd}
	rapid.Check(t, func(rt *rapid.T) {
		type step struct {
			kind  int
			which []string
			price int
			pause time.Duration
		}
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{
				kind:  rapid.IntRange(0, 9).Draw(rt, "kind"),
				which: rapid.SliceOfNDistinct(rapid.SampledFrom(instruments), 1, 4, rapid.ID).Draw(rt, "which"),
				price: rapid.IntRange(1, 500).Draw(rt, "price"),
				pause: time.Duration(rapid.IntRange(0, 1200).Draw(rt, "pause")) * time.Millisecond,
			}
		}), 1, 25).Draw(rt, "steps")
		var wrong string
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.close()
			k := w.hold("u", "p", "a", "b")
			synctest.Wait()
			steady, fickle := w.browse("u", "", "p"), w.browse("u", "", "p")
			defer steady.leave()
			defer func() { fickle.leave() }()
			synctest.Wait()
			for _, s := range steps {
				switch s.kind {
				case 0, 1, 2, 3, 4, 5:
					w.mute = s.kind == 5 // a hint is lost
					prices := map[string]string{}
					for _, id := range s.which {
						prices[id] = fmt.Sprintf("%d.%02d", s.price, len(id))
					}
					w.price(prices)
					w.mute = false
				case 6:
					var held []string
					for _, id := range s.which {
						if id != usd {
							held = append(held, id)
						}
					}
					w.hold("u", "p", held...)
					w.announce(k)
				case 7:
					synctest.Wait()
					fickle.again("u", "p")
				case 8:
					fickle.block()
					time.Sleep(s.pause)
					fickle.unblock()
				case 9:
					w.bus.lose()
				}
				time.Sleep(s.pause)
			}
			time.Sleep(pollInterval + time.Second)
			synctest.Wait()
			for _, b := range []*browser{steady, fickle} {
				if got, want := b.shows(k); got != want {
					wrong = fmt.Sprintf("shows\n%s\nand is\n%s", got, want)
				}
			}
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}
