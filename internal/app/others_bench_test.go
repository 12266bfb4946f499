//go:build unix

package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"folioscope/internal/engine/book"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/sqlstore"
)

// The largest account that there is to be, and the book that is revalued beside it.
const (
	largestActivities   = 100_000
	revaluedRows        = 100_000 // of 20 positions each
	revaluedInstruments = 5_000
	largestEmail        = "largest@example.test"
)

// BenchmarkRatioOthersWhileLargestWorks: how long others wait for /healthz and for their dashboard while the largest account is changed at
// its start and read, over and over, and a full revaluation of a book runs in a loop; against how long they wait while nothing of
// that runs. The result is the ratio of the p99s, each the median over windows that take turns.
func BenchmarkRatioOthersWhileLargestWorks(b *testing.B) {
	const windows = 11
	c := startNode(b, "revaluing", func(store *sqlstore.Store) { seedLargest(b, store) })
	owner := signInAs(b, c.url, largestEmail)
	health := []byte("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	asked := []struct {
		name       string
		request    []byte
		idle, busy []time.Duration // p99s
	}{{name: "health", request: health}, {name: "dashboard", request: c.request}}
	measure := func(busy bool) {
		var clients sync.WaitGroup
		for i := range asked {
			a := &asked[i]
			conn := c.dial(b)
			clients.Go(func() {
				defer conn.Close()
				p99 := c.waits(b, conn, a.request)
				if busy {
					a.busy = append(a.busy, p99)
				} else {
					a.idle = append(a.idle, p99)
				}
			})
		}
		clients.Wait()
	}
	changes := 0
	for b.Loop() {
		for range windows {
			measure(false)
			rest := c.work(b, owner)
			measure(true)
			changes += rest()
		}
	}
	median := func(all []time.Duration) time.Duration {
		slices.Sort(all)
		return all[len(all)/2]
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(changes), "changes")
	for _, a := range asked {
		idle, busy := median(a.idle), median(a.busy)
		b.ReportMetric(busy.Seconds()/idle.Seconds(), a.name+"-ratio") // at most 2
		b.ReportMetric(float64(idle.Microseconds()), a.name+"-idle-p99-µs")
		b.ReportMetric(float64(busy.Microseconds()), a.name+"-busy-p99-µs")
	}
}

// waits asks for a while and gives the p99 of how long an answer took.
func (c *child) waits(b *testing.B, conn *connection, request []byte) time.Duration {
	const window, apart = 2 * time.Second, 2 * time.Millisecond
	var all []time.Duration
	for until := time.Now().Add(window); time.Now().Before(until); time.Sleep(apart) {
		at := time.Now()
		if err := conn.get(request, io.Discard); err != nil {
			b.Error(err)
			break
		}
		all = append(all, time.Since(at))
	}
	slices.Sort(all)
	return all[(len(all)*99+99)/100-1]
}

// work has the largest account change and the book revalued until it is told to rest; that gives how often the account changed.
func (c *child) work(b *testing.B, owner *person) (rest func() int) {
	b.Helper()
	const path = "/api/v1/portfolios/largest"
	c.tell(b, "/revalue")
	stop, changed := make(chan struct{}), make(chan int)
	go func() {
		count := 0
		defer func() { changed <- count }()
		for ; ; count++ {
			select {
			case <-stop:
				return
			default:
			}
			status, text := owner.ask("POST", path+"/activities", map[string]any{"activities": []map[string]string{
				{"date": "1999-01-04", "type": "deposit", "amount": "1"}}})
			if status == http.StatusServiceUnavailable { // the machine has more to do than this: it is tried again
				continue
			}
			if status != http.StatusCreated {
				b.Errorf("%d %s", status, text)
				return
			}
			if status, text = owner.ask("GET", path, nil); status != http.StatusOK {
				b.Errorf("%d %s", status, text)
				return
			}
		}
	}()
	return func() int {
		close(stop)
		count := <-changed
		c.tell(b, "/rest")
		return count
	}
}

// tell asks the process that serves, beside its server.
func (c *child) tell(b *testing.B, path string) {
	b.Helper()
	response, err := http.Get(c.usage + path)
	if err != nil {
		b.Fatal(err)
	}
	_ = response.Body.Close() // empty
}

// seedLargest makes somebody who bought and sold a lot.
func seedLargest(b *testing.B, store *sqlstore.Store) {
	b.Helper()
	hasher, err := identity.NewHasher(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	hash, err := hasher.Hash(b.Context(), personPassword)
	if err != nil {
		b.Fatal(err)
	}
	one := sqlstore.SeedUser{
		User:      identity.User{ID: "largest", Email: largestEmail, Name: "Largest", Role: identity.RoleUser, Status: identity.Active, PasswordHash: hash, CreatedAt: time.Now()},
		Portfolio: ledger.Portfolio{ID: "largest", Name: "Everything", BaseCurrency: "EUR", LotMethod: ledger.FIFO, Sequence: 1, CreatedAt: time.Now()},
		Accounts:  []ledger.Account{{ID: "largest", Name: "Depot", Currency: "EUR"}},
	}
	instruments, _ := benchMarket(time.Now())
	const group, first, aDay = 5, 11_000, 15 // four are bought, then some of it is sold
	bought, sold, price := money.MustParse("10.5"), money.MustParse("3"), money.MustParse("101.23")
	for i := range largestActivities {
		a := ledger.Activity{ID: ledger.ActivityID(fmt.Sprintf("largest-%06d", i)), Date: first + market.Date(i/aDay), Type: ledger.Buy, Account: "largest",
			Instrument: instruments[i/group%len(instruments)].ID, Quantity: &bought, Price: &price, Currency: "EUR"}
		if i%group == group-1 {
			a.Type, a.Quantity = ledger.Sell, &sold
		}
		one.Activities = append(one.Activities, a)
	}
	if err := store.Seed(b.Context(), []sqlstore.SeedUser{one}); err != nil {
		b.Fatal(err)
	}
}

// revaluing is a book that is revalued in a loop, as that of the engine is by prices.
type revaluing struct {
	large  *semaphore.Weighted // of its node
	book   *book.Book
	prices [2][]book.Price // in turn, so that each pass finds all of them changed
	mu     sync.Mutex
	cancel context.CancelFunc
	ended  chan struct{}
}

func newRevaluing() *revaluing {
	r := &revaluing{large: newLarge(), book: book.New(largeProcessors())}
	for row := range book.Row(revaluedRows) {
		positions := make([]book.Position, benchPositions)
		for n := range positions {
			positions[n] = book.Position{Instrument: book.Instrument((int(row)*7 + n*251) % revaluedInstruments), Quantity: money.NewDecimal(int64(row)+1, -3)}
		}
		r.book.Set(row, positions)
	}
	for turn := range r.prices {
		for i := range book.Instrument(revaluedInstruments) {
			each := money.NewDecimal(int64(i)+int64(turn)+100, -2)
			r.prices[turn] = append(r.prices[turn], book.Price{Instrument: i, Each: &each})
		}
	}
	r.book.Reprice(r.prices[0])
	return r
}

func (r *revaluing) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	r.ended = make(chan struct{})
	go func() {
		defer close(r.ended)
		for turn := 1; r.large.Acquire(ctx, 1) == nil; turn++ {
			r.book.Reprice(r.prices[turn%len(r.prices)])
			r.large.Release(1)
		}
	}()
}

func (r *revaluing) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancel()
	<-r.ended
}
