package httpapi

import (
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
)

// What the door lets in, live serves, and the other way round.
func TestStreamBoundsAreThoseOfLive(t *testing.T) {
	h := newHouseAt(t, time.Now())
	kinds := map[int]fault.Kind{streamPortfoliosMax: fault.NotFound, streamPortfoliosMax + 1: fault.Invalid}
	for n, want := range kinds {
		var names []string
		var keys []live.Key
		for i := range n {
			names = append(names, "p"+strconv.Itoa(i))
			keys = append(keys, live.Key{Owner: "owner-ann", Portfolio: ledger.PortfolioID(names[i])})
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		err := h.server.live.Stream(httptest.NewRecorder(), r, live.StreamRequest{Viewer: "owner-ann", Portfolios: keys})
		if fault.KindOf(err) != want {
			t.Errorf("live, %d portfolios: %v, want %s", n, err, want)
		}
		if a := h.ask("ann", "GET", "/api/v1/stream?portfolio="+strings.Join(names, ","), ""); a.Code != statusOf[want] {
			t.Errorf("%d portfolios: %d, want %s", n, a.Code, want)
		}
	}

	number := strconv.Itoa(math.MaxInt64)
	part := "p" + number + "-" + strconv.FormatUint(math.MaxUint32, 36) + "-" + strconv.FormatUint(math.MaxUint64, 36)
	if id := "q" + number + "." + strings.Repeat(part+",", streamPortfoliosMax); len(id) > lastEventBytesMax {
		t.Errorf("an id of %d bytes can't be used to resume: the bound is %d", len(id), lastEventBytesMax)
	}

	h.server.streams = newGauge(1000, 1000) // so that live is asked for its bound
	server := httptest.NewServer(h.server)
	defer server.Close()
	defer server.CloseClientConnections()
	for n := 1; n <= streamsUserDefault+1; n++ {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/stream?portfolio=portfolio-ann", nil)
		must(t, err)
		r.AddCookie(&http.Cookie{Name: h.server.cookieName(), Value: h.people["ann"].cookie})
		a, err := http.DefaultClient.Do(r)
		must(t, err)
		defer a.Body.Close()
		want := http.StatusOK
		if n > streamsUserDefault {
			want = http.StatusTooManyRequests
		}
		if a.StatusCode != want {
			t.Fatalf("stream %d of one person: %d, want %d", n, a.StatusCode, want)
		}
	}
}

// A node that leaves says so to whoever asks whether it is ready, ends connections with their answers, and serves all the same.
func TestANodeThatLeavesServesOn(t *testing.T) {
	h := newHouseAt(t, time.Now())
	server := httptest.NewServer(h.server)
	defer server.Close()
	ask := func(path string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		must(t, err)
		r.AddCookie(&http.Cookie{Name: h.server.cookieName(), Value: h.people["ann"].cookie})
		a, err := http.DefaultClient.Do(r)
		must(t, err)
		t.Cleanup(func() { _ = a.Body.Close() })
		return a
	}
	if a := ask("/api/v1/portfolios"); a.StatusCode != http.StatusOK || a.Close {
		t.Fatalf("before: %s, the connection ends: %v", a.Status, a.Close)
	}
	h.server.Leave()
	for path, want := range map[string]int{
		"/readyz": http.StatusServiceUnavailable, "/healthz": http.StatusOK, "/api/v1/portfolios": http.StatusOK, "/api/v1/stream?portfolio=portfolio-ann": http.StatusOK,
	} {
		if a := ask(path); a.StatusCode != want || !a.Close {
			t.Errorf("%s: %s, the connection ends: %v", path, a.Status, a.Close)
		}
	}
	h.server.Drain()
	if a := ask("/api/v1/stream?portfolio=portfolio-ann"); a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("a stream of a node that drained: %s", a.Status)
	}
}

// While a request is being answered, a node that drains still says that it lives.
func TestDrainWaitsForAnswers(t *testing.T) {
	h := newHouseAt(t, time.Now())
	h.server.active.Add(1)
	drained := make(chan struct{})
	go func() {
		h.server.Drain()
		close(drained)
	}()
	for !h.server.draining.Load() {
		runtime.Gosched()
	}
	h.ask("", "GET", "/healthz", "").is(http.StatusOK)
	h.ask("", "GET", "/readyz?unready=404", "").is(http.StatusNotFound)
	h.ask("ann", "GET", "/api/v1/me", "").is(http.StatusOK)
	select {
	case <-drained:
		t.Error("it went on while a request was being answered")
	default:
	}
	h.server.active.Add(-1)
	<-drained
}

// Over HTTP/2, where answers have no say about their connection, the connection itself is given up, and streams on it go on.
func TestANodeThatLeavesGivesUpHTTP2(t *testing.T) {
	h := newHouseAt(t, time.Now())
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(h.server)
	server.EnableHTTP2 = true
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	ask := func(path string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		must(t, err)
		r.AddCookie(&http.Cookie{Name: h.server.cookieName(), Value: h.people["ann"].cookie})
		a, err := server.Client().Do(r)
		must(t, err)
		if a.StatusCode != http.StatusOK || a.ProtoMajor != 2 {
			t.Fatalf("%s over %s", a.Status, a.Proto)
		}
		return a
	}
	stream := ask("/api/v1/stream?portfolio=portfolio-ann")
	defer stream.Body.Close()
	h.server.Leave()
	const requests = 3 // the first brings the news, the last finds it out
	for range requests {
		a := ask("/healthz")
		_, err := io.Copy(io.Discard, a.Body)
		must(t, err)
		must(t, a.Body.Close())
	}
	if connections.Load() < 2 {
		t.Error("all requests went over the one connection")
	}
	h.server.Drain()
	text, err := io.ReadAll(stream.Body)
	if err != nil || !strings.HasSuffix(strings.TrimRight(string(text), "\n0123456789"), "retry: ") {
		t.Errorf("the stream ended with %v and %q", err, text)
	}
}

// A node that stops ends its streams as a whole response ends, and has ended them once it goes on.
func TestDrainedStreamsEndWell(t *testing.T) {
	h := newHouseAt(t, time.Now())
	server := httptest.NewServer(h.server)
	defer server.Close()
	var bodies []io.ReadCloser
	for range 3 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/stream?portfolio=portfolio-ann", nil)
		must(t, err)
		r.AddCookie(&http.Cookie{Name: h.server.cookieName(), Value: h.people["ann"].cookie})
		a, err := http.DefaultClient.Do(r)
		must(t, err)
		defer a.Body.Close()
		bodies = append(bodies, a.Body)
	}
	h.server.Drain()
	if open := len(h.server.open.all); open != 0 {
		t.Errorf("%d streams are open", open)
	}
	for _, body := range bodies {
		if _, err := io.ReadAll(body); err != nil {
			t.Errorf("a stream was cut off: %v", err)
		}
	}
}
