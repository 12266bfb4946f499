//go:build linux

package outage

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const coin = "bitcoin"

// prices is a source that speaks as CoinGecko does. Its price moves with every request, unless it is held.
type prices struct {
	address string
	held    atomic.Bool
	asked   atomic.Int64
	price   atomic.Int64
}

func startPrices(t testing.TB) *prices {
	s := &prices{}
	s.price.Store(90_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/api/v3/simple/price" {
			http.Error(w, `{"error":"coin not found"}`, http.StatusNotFound) // it has no past and lists nothing
			return
		}
		s.asked.Add(1)
		if !s.held.Load() {
			s.price.Add(1)
		}
		fmt.Fprintf(w, `{%q:{"usd":%d,"last_updated_at":%d}}`, coin, s.price.Load(), time.Now().Unix())
	}))
	t.Cleanup(server.Close)
	s.address = strings.TrimPrefix(server.URL, "http://")
	return s
}
