//go:build unix

package app

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/identity"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/sqlstore"
)

const benchPositions = 20

// BenchmarkRatioDashboardRead reads a portfolio of 20 positions over HTTP, with a session, from a node on SQLite, and the same
// bytes from a handler that has them ready-made. All are processes of their own; what is compared is requests in a second of
// their processor time, in windows that take turns.
func BenchmarkRatioDashboardRead(b *testing.B) {
	asked, cached := startNode(b, "asked"), startNode(b, "cached")
	document := asked.read(b)
	if got := bytes.Count(document, []byte(`"instrument_id"`)); got < benchPositions {
		b.Fatalf("%d positions in %s", got, document)
	}
	floor := startChild(b, "ready-made", "", document)
	floor.request = asked.request
	if !bytes.Equal(floor.read(b), document) {
		b.Fatal("the floor serves other bytes")
	}
	servers := []*child{floor, asked, cached}
	requests, used := make([]int64, len(servers)), make([]time.Duration, len(servers))
	for _, c := range servers {
		c.load(b) // warm
	}
	for b.Loop() {
		const turns = 12 // short ones, so that what else runs on the machine meets all of them alike
		for range turns {
			for i, c := range servers {
				n, took := c.load(b)
				requests[i] += n
				used[i] += took
			}
		}
	}
	rate := func(i int) float64 { return float64(requests[i]) / used[i].Seconds() }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(len(document)), "bytes")
	b.ReportMetric(rate(0), "floor-req/cpu-s")
	b.ReportMetric(rate(1), "req/cpu-s")
	b.ReportMetric(rate(1)/rate(0), "ratio")                // at least 0.25
	b.ReportMetric(rate(2)/rate(0), "ratio-session-cached") // at least 0.4
}

// startNode makes an installation with one portfolio in it, and what else is put into its store, and serves it in a process of its own.
func startNode(b *testing.B, kind string, more ...func(*sqlstore.Store)) *child {
	b.Helper()
	dir := b.TempDir()
	settings, o := settingsIn(dir), Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if _, err := InitKeys(b.Context(), settings, o); err != nil {
		b.Fatal(err)
	}
	if err := AddUser(b.Context(), settings, o, identity.NewUser{Email: personEmail, Name: "Reader", Role: identity.RoleUser, Password: personPassword}); err != nil {
		b.Fatal(err)
	}
	store, err := openStore(b.Context(), settings, nil, o)
	if err != nil {
		b.Fatal(err)
	}
	instruments, marks := benchMarket(time.Now())
	if err := store.PutInstruments(b.Context(), instruments); err != nil {
		b.Fatal(err)
	}
	if _, _, err := store.Accept(b.Context(), marks); err != nil {
		b.Fatal(err)
	}
	for _, put := range more {
		put(store)
	}
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	c := startChild(b, kind, dir, nil)
	reader := signIn(b, c.url)
	path := reader.portfolio("Bench")
	var bought []map[string]string
	for i := range benchPositions {
		bought = append(bought, map[string]string{"date": "2024-03-04", "type": "buy", "symbol": string(instruments[i].ID),
			"quantity": fmt.Sprintf("%d.25", 7+i), "price": fmt.Sprintf("%d.17", 80+i)})
	}
	reader.must("POST", path+"/activities", map[string]any{"activities": bought}, nil)
	address, err := url.Parse(c.url)
	if err != nil {
		b.Fatal(err)
	}
	c.request = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nAccept: application/json\r\nSec-Fetch-Site: same-origin\r\n\r\n", path, address.Host, reader.cookie)
	return c
}

// benchMarket is a market of twenty instruments with a price and a previous close each.
func benchMarket(now time.Time) (instruments []market.Instrument, marks []market.Mark) {
	for i := range benchPositions {
		id := market.InstrumentID(fmt.Sprintf("bench-%02d", i))
		instruments = append(instruments, market.Instrument{
			ID: id, Symbol: fmt.Sprintf("BNCH%d", i), MIC: "XETR", Name: fmt.Sprintf("Benchmark Industries %d AG", i), Currency: "EUR",
			Class: market.Stock, Sector: "Industrials", Country: "DE",
		})
		price, before := money.MustParse(fmt.Sprintf("%d.4375", 100+i)), money.MustParse(fmt.Sprintf("%d.9", 99+i))
		marks = append(marks, market.Mark{
			Quote:         market.Quote{Instrument: id, Price: price, Currency: "EUR", Source: "yahoo", ObservedAt: now, MarketTime: now},
			PreviousClose: &before, PreviousDate: market.DateOf(now.UTC()) - 1,
		})
	}
	return instruments, marks
}

// connection speaks just enough HTTP to take little of the machine from the server.
type connection struct {
	net.Conn
	in *bufio.Reader
}

func (c *child) dial(b *testing.B) *connection {
	b.Helper()
	address, err := url.Parse(c.url)
	if err != nil {
		b.Fatal(err)
	}
	conn, err := net.Dial("tcp", address.Host)
	if err != nil {
		b.Fatal(err)
	}
	return newConnection(conn)
}

func newConnection(conn net.Conn) *connection {
	return &connection{conn, bufio.NewReaderSize(conn, 64<<10)}
}

// ask asks once until a deadline, and reads the answer whole where it has an end.
func (c *connection) ask(request []byte, until time.Time) (*http.Response, error) {
	if err := c.SetDeadline(until); err != nil {
		return nil, err
	}
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	if response.Header.Get("Content-Type") == "text/event-stream" {
		return response, nil
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response, err
}

// get asks once and gives the size of the body; out may be nil.
func (c *connection) get(request []byte, out io.Writer) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	_, err = io.Copy(out, response.Body)
	return err
}

// read gives the document.
func (c *child) read(b *testing.B) []byte {
	b.Helper()
	conn := c.dial(b)
	defer conn.Close()
	var out bytes.Buffer
	if err := conn.get(c.request, &out); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

// load asks for a while over a few connections, and gives how often an answer came and what that cost the server.
func (c *child) load(b *testing.B) (requests int64, used time.Duration) {
	b.Helper()
	const connections, window = 4, 100 * time.Millisecond
	before := c.used(b)
	var count atomic.Int64
	var clients sync.WaitGroup
	until := time.Now().Add(window)
	for range connections {
		conn := c.dial(b)
		clients.Go(func() {
			defer conn.Close()
			for time.Now().Before(until) {
				if err := conn.get(c.request, io.Discard); err != nil {
					b.Error(err)
					return
				}
				count.Add(1)
			}
		})
	}
	clients.Wait()
	return count.Load(), c.used(b) - before
}
