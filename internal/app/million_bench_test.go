//go:build unix

package app

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"folioscope/internal/config"
	"folioscope/internal/figures"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/pgtest"
	"folioscope/internal/sqlstore"
)

const (
	crowdFew         = 250
	crowdSpare       = 8      // beside those who are measured: their reads open connections and prepare statements
	crowdInstruments = 5_000  // a crowd holds all of them
	crowdHoldings    = 10     // of each person
	crowdActivities  = 20     // of each person
	pgxDriver        = "pgx"  // as sqlstore's driver calls itself
	crowdAtOnce      = 10_000 // people who are made and stored in one transaction; some 200 MB
)

// BenchmarkRatioMillionUsers reads dashboards of people among 250, and among a million with twenty activities each, in two databases of one
// PostgreSQL, with sessions over HTTP from nodes of the role api that answer each in turn. A cold read is of somebody whom the node hasn't seen;
// a warm one is the fifth of the same person. Without FOLIOSCOPE_LONG the million are 20,000. PGTEST_TMP has to name a disk with 20 GB
// for the million. With CROWD_DIR the million, on a server that PGTEST_URL names, stay there for the next run.
func BenchmarkRatioMillionUsers(b *testing.B) {
	many := 20_000
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		many = 1_000_000
	}
	crowds := [2]*crowd{newCrowd(b, crowdFew+crowdSpare, ""), newCrowd(b, many, os.Getenv("CROWD_DIR"))}
	b.Run("reads", func(b *testing.B) { readCrowds(b, crowds) })
	b.Run("upkeep", crowds[1].upkeep)
}

func readCrowds(b *testing.B, crowds [2]*crowd) {
	b.Helper()
	crowds[1].describe(b)
	var cold, warm [2][]time.Duration
	var begun, after [2]float64
	for b.Loop() {
		const rounds = 4 // with new nodes each
		for range rounds {
			var nodes [2]*crowdNode
			for i, c := range crowds {
				nodes[i] = c.serve(b, "asked")
				begun[i] = nodes[i].resident(b)
			}
			for turn := range 5 {
				for from := 0; from < crowdFew; from += 25 { // short turns, so that what else runs on the machine meets both alike
					for i, n := range nodes {
						for _, person := range n.people[from : from+25] {
							took := n.read(b, person)
							switch turn {
							case 0:
								cold[i] = append(cold[i], took)
							case 4:
								warm[i] = append(warm[i], took)
							}
						}
					}
				}
			}
			for i, n := range nodes {
				after[i] = n.resident(b)
				n.end(b)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, of := range []string{"250", "many"} {
		b.ReportMetric(float64(p95(cold[i]).Microseconds()), "µs-cold-p95-of-"+of)
		b.ReportMetric(float64(p95(warm[i]).Microseconds()), "µs-warm-p95-of-"+of)
		b.ReportMetric(begun[i], "MiB-started-of-"+of)
		b.ReportMetric(after[i], "MiB-read-of-"+of)
	}
	b.ReportMetric(float64(p95(cold[1]))/float64(p95(cold[0])), "cold-ratio") // at most 2
	b.ReportMetric(float64(p95(warm[1]))/float64(p95(warm[0])), "warm-ratio") // at most 2
	b.ReportMetric(after[1]/after[0], "memory-ratio")                         // about 1
}

func p95(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)*95/100]
}

// crowd is an installation on PostgreSQL with people who are all signed in.
type crowd struct {
	settings    config.Config
	dir         string
	count       int
	instruments []market.Instrument
	marks       []market.Mark
}

// newCrowd makes one, or finds the one that an earlier run left in a directory.
func newCrowd(b *testing.B, count int, kept string) *crowd {
	b.Helper()
	c := &crowd{dir: kept, count: count}
	if kept == "" {
		c.dir = b.TempDir()
	}
	c.settings = settingsIn(c.dir)
	if kept == "" {
		c.settings.Database.URL = config.Secret(pgtest.Database(b))
	} else {
		c.settings.Database.URL = keptDatabase(b, fmt.Sprintf("crowd_%d", count))
	}
	c.fill(b)
	return c
}

// fill makes its people, unless an earlier run did.
func (c *crowd) fill(t testing.TB) {
	t.Helper()
	c.instruments, c.marks = crowdMarket(time.Now())
	o := Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if _, err := os.Stat(c.settings.Keys.KEK); err == nil {
		return
	}
	if _, err := InitKeys(t.Context(), c.settings, o); err != nil {
		t.Fatal(err)
	}
	store, err := openStore(t.Context(), c.settings, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.seed(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d people with %d activities made in %s", c.count, c.count*crowdActivities, time.Since(began).Round(time.Second))
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// keptDatabase makes a database of this name unless it is there.
func keptDatabase(b *testing.B, name string) config.Secret {
	b.Helper()
	address, err := url.Parse(os.Getenv("PGTEST_URL"))
	if err != nil {
		b.Fatal(err)
	}
	database, err := sql.Open(pgxDriver, address.String())
	if err != nil {
		b.Fatal(err)
	}
	defer database.Close()
	var there bool
	if err := database.QueryRowContext(b.Context(), "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
		b.Fatal(err)
	}
	if !there {
		if _, err := database.ExecContext(b.Context(), "CREATE DATABASE "+name); err != nil {
			b.Fatal(err)
		}
	}
	address.Path = "/" + name
	return config.Secret(address.String())
}

// crowdMarket is what a crowd may hold, with a price of each.
func crowdMarket(now time.Time) (instruments []market.Instrument, marks []market.Mark) {
	for i := range crowdInstruments {
		id := market.InstrumentID(fmt.Sprintf("crowd-%04d", i))
		instruments = append(instruments, market.Instrument{
			ID: id, Symbol: fmt.Sprintf("CRWD%d", i), MIC: "XETR", Name: fmt.Sprintf("Crowd Industries %d AG", i), Currency: "EUR",
			Class: market.Stock, Sector: "Industrials", Country: "DE",
		})
		price, before := money.NewDecimal(int64(1_000_000+i*137), -4), money.NewDecimal(int64(1_000_000+i*131), -4)
		marks = append(marks, market.Mark{
			Quote:         market.Quote{Instrument: id, Price: price, Currency: "EUR", Source: "yahoo", ObservedAt: now, MarketTime: now},
			PreviousClose: &before, PreviousDate: market.DateOf(now.UTC()) - 1,
		})
	}
	return instruments, marks
}

// seed makes the people ahead of storing them.
func (c *crowd) seed(ctx context.Context, store *sqlstore.Store) error {
	if err := store.PutInstruments(ctx, c.instruments); err != nil {
		return err
	}
	if _, _, err := store.Accept(ctx, c.marks); err != nil {
		return err
	}
	known := make(map[market.InstrumentID]market.Instrument, len(c.instruments))
	for _, in := range c.instruments {
		known[in.ID] = in
	}
	for from := 0; from < c.count; from += crowdAtOnce {
		var all []sqlstore.SeedUser
		for i := from; i < min(from+crowdAtOnce, c.count); i++ {
			u, err := crowdUser(i, c.instruments, known)
			if err != nil {
				return err
			}
			all = append(all, u)
		}
		if err := store.Seed(ctx, all); err != nil {
			return err
		}
	}
	return nil
}

// crowdID begins with what has no order, as the product's do.
func crowdID(i int) ledger.OwnerID {
	return ledger.OwnerID(fmt.Sprintf("%016x%08d", uint64(i+1)*0x9E3779B97F4A7C15, i))
}

func crowdSecret(i int) string { return fmt.Sprintf("%043d", i) }

// crowdUser is somebody who paid in, bought ten things, some more of them, sold of two and was paid dividends.
func crowdUser(i int, instruments []market.Instrument, known map[market.InstrumentID]market.Instrument) (sqlstore.SeedUser, error) {
	id, random, now := crowdID(i), rand.New(rand.NewPCG(7, uint64(i))), time.Now()
	u := sqlstore.SeedUser{
		User:      identity.User{ID: id, Email: string(id) + "@example.test", Name: "Somebody " + string(id), Role: identity.RoleUser, Status: identity.Active, PasswordHash: strings.Repeat("$argon2id$", 10), CreatedAt: now, ConfirmedAt: now},
		Portfolio: ledger.Portfolio{Owner: id, ID: "pf-" + ledger.PortfolioID(id), Name: "Savings", BaseCurrency: "EUR", LotMethod: ledger.FIFO, Sequence: crowdActivities, CreatedAt: now},
		Accounts:  []ledger.Account{{ID: "ac-" + ledger.AccountID(id), Name: "Depot", Currency: "EUR"}},
		Session:   &identity.Session{Owner: id, Hash: identity.HashOf(crowdSecret(i)), CreatedAt: now, SeenAt: now.Add(-time.Hour), Origin: identity.Origin{Device: "Firefox on Windows", Place: "203.0.113.x"}},
	}
	first, step := random.IntN(len(instruments)), 1+random.IntN(len(instruments)/crowdHoldings-1)
	paidIn := money.NewDecimal(1_000_000, 0)
	for n := range crowdActivities {
		in := instruments[(first+n%crowdHoldings*step)%len(instruments)].ID
		a := ledger.Activity{ID: ledger.ActivityID(fmt.Sprintf("%016x%s", random.Uint64(), id[:8])), Date: market.Date(19_000 + 30*n), Account: u.Accounts[0].ID, Currency: "EUR"}
		quantity, price := money.NewDecimal(random.Int64N(9_000)+1_000, -2), money.NewDecimal(random.Int64N(20_000)+1_000, -2)
		switch {
		case n == 0:
			a.Type, a.Amount = ledger.Deposit, &paidIn
		case n <= 14: // all ten, four of them twice
			a.Type, a.Instrument, a.Quantity, a.Price, a.Fee = ledger.Buy, in, &quantity, &price, money.MustParse("4.90")
		case n <= 17:
			a.Type, a.Instrument, a.Amount = ledger.Dividend, in, &price
		default:
			some := money.NewDecimal(5, 0)
			a.Type, a.Instrument, a.Quantity, a.Price = ledger.Sell, in, &some, &price
		}
		u.Activities = append(u.Activities, a)
	}
	held, err := figures.Hold(ledger.Book{Portfolio: u.Portfolio, Accounts: u.Accounts, Activities: u.Activities, Instruments: known}, nil)
	if err != nil {
		return u, fmt.Errorf("hold: %w", err)
	}
	u.Snapshot, u.Holds = held.Snapshot(), held.Instruments()
	return u, nil
}

// describe tells what the database takes on its disk.
func (c *crowd) describe(b *testing.B) {
	b.Helper()
	database, err := sql.Open(pgxDriver, c.settings.Database.URL.Reveal())
	if err != nil {
		b.Fatal(err)
	}
	defer database.Close()
	if _, err := database.ExecContext(b.Context(), "ANALYZE"); err != nil {
		b.Fatal(err)
	}
	rows, err := database.QueryContext(b.Context(), `SELECT c.relname, pg_table_size(c.oid), pg_indexes_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY pg_total_relation_size(c.oid) DESC`)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var all int64
	for rows.Next() {
		var name string
		var table, indexes int64
		if err := rows.Scan(&name, &table, &indexes); err != nil {
			b.Fatal(err)
		}
		const worthTelling = 8 << 20 // bytes
		if all += table + indexes; table+indexes >= worthTelling {
			b.Logf("%-20s %6d MB, its indexes %6d MB, %5d bytes a person", name, table>>20, indexes>>20, (table+indexes)/int64(c.count))
		}
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(all)/float64(c.count), "B-on-disk/person")
}

// upkeep measures what grows with who exists: the daily count of who wants prices of what, and a node of the role engine, which holds what all
// portfolios hold.
func (c *crowd) upkeep(b *testing.B) {
	b.Helper()
	store, err := openStore(b.Context(), c.settings, nil, Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		began := time.Now()
		if err := store.RecountInterest(b.Context()); err != nil {
			b.Errorf("the daily count: %v, after %s", err, time.Since(began))
		}
		b.ReportMetric(time.Since(began).Seconds(), "s-daily-count")
	}
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	began := time.Now()
	n := c.serve(b, "engine")
	defer n.end(b)
	b.ReportMetric(time.Since(began).Seconds(), "s-to-ready")
	for n.meter(b, metricBookPortfolios) < float64(c.count) {
		if time.Since(began) > time.Hour {
			b.Fatal("the book isn't whole after an hour")
		}
		time.Sleep(time.Second)
	}
	b.ReportMetric(time.Since(began).Seconds(), "s-to-book")
	b.ReportMetric(n.resident(b), "MiB-with-book")
	b.ReportMetric(n.meter(b, "go_memstats_heap_alloc_bytes")/(1<<20), "MiB-heap-with-book")
}

// meter is one of a node's metrics.
func (c *child) meter(b *testing.B, name string) float64 {
	b.Helper()
	response, err := http.Get(c.url + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n"+name+" ")
	if !ok {
		b.Fatalf("no %s", name)
	}
	value, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return value
}

// crowdNode is a node that people of a crowd read from, over one connection.
type crowdNode struct {
	*child
	people     []int // whom it hasn't seen
	connection *connection
	host       string
}

func (c *crowd) serve(b *testing.B, kind string) *crowdNode {
	b.Helper()
	n := &crowdNode{child: startChild(b, kind, c.dir, nil, "APP_TEST_DATABASE="+c.settings.Database.URL.Reveal())}
	address, err := url.Parse(n.url)
	if err != nil {
		b.Fatal(err)
	}
	n.host, n.connection = address.Host, n.dial(b)
	b.Cleanup(func() { _ = n.connection.Close() }) // the node is gone by then
	some := make(map[int]bool, crowdFew+crowdSpare)
	for len(some) < crowdFew+crowdSpare {
		person := len(some)
		if c.count > crowdFew+crowdSpare {
			person = rand.N(c.count)
		}
		if !some[person] {
			some[person] = true
			n.people = append(n.people, person)
		}
	}
	for _, person := range n.people[crowdFew:] {
		n.read(b, person)
	}
	n.people = n.people[:crowdFew]
	return n
}

// read reads one person's dashboard.
func (n *crowdNode) read(b *testing.B, person int) time.Duration {
	b.Helper()
	id := crowdID(person)
	request := fmt.Appendf(nil, "GET /api/v1/portfolios/pf-%s HTTP/1.1\r\nHost: %s\r\nCookie: folioscope=%s\r\nAccept: application/json\r\nSec-Fetch-Site: same-origin\r\n\r\n",
		id, n.host, identity.OwnedToken(id, crowdSecret(person)))
	var document bytes.Buffer
	began := time.Now()
	if err := n.connection.get(request, &document); err != nil {
		b.Fatal(err)
	}
	took := time.Since(began)
	if got := bytes.Count(document.Bytes(), []byte(`"instrument_id"`)); got < crowdHoldings {
		b.Fatalf("%d positions in %s", got, document.Bytes())
	}
	return took
}

// resident is what the node has in memory, in MiB, as /proc says.
func (c *child) resident(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.process.Pid))
	if errors.Is(err, os.ErrNotExist) {
		return 0 // no Linux
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return float64(kib) / (1 << 10)
}
