package httpapi

import (
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
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
