package live

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"folioscope/internal/ledger"
)

// Workers write to whatever response there is: in plain, over TLS, and in a stream of HTTP/2.
func TestStreamOverEveryProtocol(t *testing.T) {
	for _, protocol := range []struct {
		name       string
		tls, http2 bool
	}{{"HTTP/1.1", false, false}, {"HTTP/1.1", true, false}, {"HTTP/2.0", true, true}} {
		w := newWorld(t)
		w.hold("u", "p", "a")
		w.price(map[string]string{"a": "9", usd: "1.25"})
		for !w.hub.Ready() {
			time.Sleep(time.Millisecond)
		}
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if err := w.hub.Stream(rw, r, StreamRequest{Owner: "u", Portfolios: []ledger.PortfolioID{"p"}}); err != nil {
				t.Error(err)
			}
		}))
		server.EnableHTTP2 = protocol.http2
		if protocol.tls {
			server.StartTLS()
		} else {
			server.Start()
		}
		response, err := server.Client().Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "protocol", response.Proto, protocol.name)
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		await := func(event string) {
			t.Helper()
			for lines.Scan() {
				if strings.HasPrefix(lines.Text(), "event: "+event) {
					return
				}
			}
			t.Fatalf("%s: no %s: %v", protocol.name, event, lines.Err())
		}
		await("snapshot")
		for _, price := range []string{"10", "11", "12"} {
			w.price(map[string]string{"a": price})
			await("delta")
		}
		w.close()
		for lines.Scan() { // the server ends it
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	}
}
