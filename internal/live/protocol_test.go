package live

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
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
			if err := w.hub.Stream(rw, r, StreamRequest{Viewer: "u", Portfolios: []Key{{"u", "p"}}}); err != nil {
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
		left, err := server.Client().Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "streams", w.hub.Streams(), 2)
		if err := left.Body.Close(); err != nil {
			t.Error(err)
		}
		for w.hub.Streams() > 1 { // who leaves is noticed
			time.Sleep(time.Millisecond)
		}
		w.price(map[string]string{"a": "13"})
		await("delta")
		w.close()
		for lines.Scan() { // the server ends it
		}
		if err := lines.Err(); err != nil {
			t.Errorf("%s: the response was cut off: %v", protocol.name, err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	}
}

// Nothing is expected after the request: a little is ignored, and who sends more is let go.
func TestWhoTalksIsLetGo(t *testing.T) {
	w := newWorld(t)
	defer w.close()
	w.hold("u", "p", "a")
	w.price(map[string]string{"a": "9", usd: "1.25"})
	for !w.hub.Ready() {
		time.Sleep(time.Millisecond)
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if err := w.hub.Stream(rw, r, StreamRequest{Viewer: "u", Portfolios: []Key{{"u", "p"}}}); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	client, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	said := func(bytes int) {
		if _, err := client.Write(make([]byte, bytes)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Write([]byte("GET / HTTP/1.1\r\nHost: test\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(client)
	for lines.Scan() && lines.Text() != "event: status" {
	}
	said(heardBytesMax / 2)
	w.price(map[string]string{"a": "10"})
	for lines.Scan() && lines.Text() != "event: delta" {
	}
	expect(t, "streams", w.hub.Streams(), 1)
	said(heardBytesMax)
	for w.hub.Streams() > 0 {
		time.Sleep(time.Millisecond)
	}
}
