//go:build unix

package app

import (
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"folioscope/internal/identity"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/natsbus"
	"folioscope/internal/sqlstore"
)

// BenchmarkRatioMemoryOfTheUnlooked: what a node has in memory after 50 portfolios were read, where 1,000 exist and where 20,000 do. The
// engine's book, which holds all portfolios of its node's partitions, isn't in it: see BenchmarkBookRebuildRatio.
func BenchmarkRatioMemoryOfTheUnlooked(b *testing.B) {
	const few, many = 1_000, 20_000
	for b.Loop() {
		least, most := heapWith(b, few), heapWith(b, many)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(least)/(1<<10), "KiB-of-1000")
		b.ReportMetric(float64(most)/(1<<10), "KiB-of-20000")
		b.ReportMetric(float64(most)/float64(least), "ratio") // about 1
	}
}

// heapWith is the heap that reading 50 of so many portfolios leaves.
func heapWith(b *testing.B, portfolios int) uint64 {
	b.Helper()
	const looked = 50
	settings, o := settingsIn(b.TempDir()), Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if _, err := InitKeys(b.Context(), settings, o); err != nil {
		b.Fatal(err)
	}
	calendar, err := market.NewCalendar()
	if err != nil {
		b.Fatal(err)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	store, err := openStore(b.Context(), settings, nil, o)
	if err != nil {
		b.Fatal(err)
	}
	seedSavers(b, store, portfolios)
	if err := store.Close(); err != nil { // what sealing them left in memory goes with it
		b.Fatal(err)
	}
	if store, err = openStore(b.Context(), settings, nil, o); err != nil {
		b.Fatal(err)
	}
	where, err := busOptions(settings.NATS, "bench", true, o)
	if err != nil {
		b.Fatal(err)
	}
	hints, err := natsbus.Open(b.Context(), where)
	if err != nil {
		b.Fatal(err)
	}
	record := journal.New(journalStore{store}, hints, journal.Options{})
	hub := live.New(liveStore{store}, record, hints, calendar, live.Options{})
	for i := range looked {
		id := saverID(i * portfolios / looked)
		if _, err := hub.Document(b.Context(), id, "pf-"+ledger.PortfolioID(id), 1); err != nil {
			b.Fatal(err)
		}
	}
	after := heap()
	runtime.KeepAlive(hub)
	if err := hints.Close(); err != nil {
		b.Fatal(err)
	}
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	return after - before
}

func saverID(i int) ledger.OwnerID { return ledger.OwnerID(fmt.Sprintf("saver%06d", i)) }

// seedSavers makes people who bought twenty things each.
func seedSavers(b *testing.B, store *sqlstore.Store, count int) {
	b.Helper()
	instruments, _ := benchMarket(time.Now())
	if err := store.PutInstruments(b.Context(), instruments); err != nil {
		b.Fatal(err)
	}
	all := make([]sqlstore.SeedUser, count)
	quantity, price := money.MustParse("12.5"), money.MustParse("101.23")
	for u := range all {
		id := saverID(u)
		all[u] = sqlstore.SeedUser{
			User:      identity.User{ID: id, Email: string(id) + "@example.test", Name: "Somebody", Role: identity.RoleUser, Status: identity.Active, PasswordHash: "$argon2id$", CreatedAt: time.Now()},
			Portfolio: ledger.Portfolio{ID: "pf-" + ledger.PortfolioID(id), Name: "Savings", BaseCurrency: "EUR", LotMethod: ledger.FIFO, Sequence: 1, CreatedAt: time.Now()},
			Accounts:  []ledger.Account{{ID: "ac-" + ledger.AccountID(id), Name: "Depot", Currency: "EUR"}},
		}
		for i := range instruments {
			all[u].Activities = append(all[u].Activities, ledger.Activity{ID: ledger.ActivityID(fmt.Sprintf("bought-%02d", i)), Date: 19_000, Type: ledger.Buy,
				Account: all[u].Accounts[0].ID, Instrument: instruments[i].ID, Quantity: &quantity, Price: &price, Currency: "EUR"})
		}
	}
	if err := store.Seed(b.Context(), all); err != nil {
		b.Fatal(err)
	}
}
