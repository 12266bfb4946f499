//go:build linux

package outage

import (
	"fmt"
	"net"
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

func startPrices(t testing.TB, host string) *prices {
	s := &prices{}
	s.price.Store(90_000)
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	_ = server.Listener.Close() // it has a port of its own choice
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	s.address = strings.TrimPrefix(server.URL, "http://")
	return s
}
