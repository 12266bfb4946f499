package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/engine"
	"folioscope/internal/event"
	"folioscope/internal/figures"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/sqlstore"
)

// quoted are prices that don't change.
type quoted map[market.InstrumentID]string

func (q quoted) Mark(id market.InstrumentID) (market.Mark, bool) {
	price, ok := q[id]
	if !ok {
		return market.Mark{}, false
	}
	return market.Mark{Quote: market.Quote{Instrument: id, Price: money.MustParse(price), MarketTime: time.Now()}}, true
}

func (q quoted) Reach(context.Context, int64) error { return nil }

// keep runs a keeper of all partitions over a store until the test ends.
func (w *world) keep(prices engine.Prices) *engine.Keeper {
	w.t.Helper()
	sessions, err := market.NewCalendar()
	w.ok(err)
	k := engine.NewKeeper(engine.KeeperOptions{
		Store: w, Bus: w.bus, Prices: prices, Sessions: sessions, Workers: 1, Now: w.clock, Log: slog.New(slog.DiscardHandler),
		Held: func(ctx context.Context, key engine.PortfolioKey, _ int64) (engine.Held, error) {
			book, err := w.Book(ctx, key.Owner, key.Portfolio)
			if err != nil {
				return engine.Held{}, err
			}
			held, err := figures.Hold(book, nil)
			if err != nil {
				return engine.Held{}, err
			}
			return engine.Held{Snapshot: held.Open()}, nil
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("the keeper ended with %v", err)
		}
	})
	all := make([]int, engine.PartitionsCount)
	for p := range all {
		all[p] = p
	}
	k.Own(all)
	return k
}

// saver is somebody who bought one thing; without a snapshot of this release where there is to be none.
func saver(t *testing.T, owner ledger.OwnerID, quantity string, snapshot bool) sqlstore.SeedUser {
	t.Helper()
	amount, price := money.MustParse(quantity), money.MustParse("10")
	s := sqlstore.SeedUser{
		User:       identity.User{ID: owner, Email: string(owner) + "@example.test", Name: string(owner), Role: identity.RoleUser, Status: identity.Active, PasswordHash: "$argon2id$", CreatedAt: time.Now()},
		Portfolio:  ledger.Portfolio{Owner: owner, ID: "of-" + ledger.PortfolioID(owner), Name: "Savings", BaseCurrency: "USD", LotMethod: ledger.FIFO, Sequence: 1, CreatedAt: time.Now()},
		Accounts:   []ledger.Account{{ID: "depot", Name: "Depot", Currency: "USD"}},
		Activities: []ledger.Activity{{ID: "bought", Date: 19_000, Type: ledger.Buy, Account: "depot", Instrument: "aapl", Quantity: &amount, Price: &price, Currency: "USD"}},
		Snapshot:   []byte(`{"version":1}`), Holds: []market.InstrumentID{"aapl"},
	}
	if snapshot {
		s.Snapshot = heldOf(t, &s).Snapshot()
	}
	return s
}

func heldOf(t *testing.T, s *sqlstore.SeedUser) *figures.Holdings {
	t.Helper()
	held, err := figures.Hold(ledger.Book{Portfolio: s.Portfolio, Accounts: s.Accounts, Activities: s.Activities,
		Instruments: map[market.InstrumentID]market.Instrument{"aapl": {ID: "aapl", Currency: "USD"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// worthIs waits until the book says what somebody has is worth; an empty value: until it doesn't know of it.
func (w *world) worthIs(k *engine.Keeper, owner ledger.OwnerID, value string) {
	w.t.Helper()
	w.eventually(string(owner)+" has "+value, func() bool {
		worth, ok, err := k.Worth(w.t.Context(), engine.PortfolioKey{Owner: owner, Portfolio: "of-" + ledger.PortfolioID(owner)}, 0)
		w.ok(err)
		if !ok || worth.Facts.Value == nil {
			return value == "" && !ok
		}
		return worth.Facts.Value.Reduced().String() == value
	})
}

// The book is what the store has sealed: by snapshots, and by the activities where a snapshot is another release's.
func TestABookIsReadFromTheStore(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		w.ok(w.PutInstruments(t.Context(), []market.Instrument{{ID: "aapl", Symbol: "AAPL", MIC: "XNAS", Name: "Apple", Currency: "USD", Class: market.Stock}}))
		anna, bob := saver(t, "anna", "3", true), saver(t, "bob", "0.5", false)
		w.ok(w.Seed(t.Context(), []sqlstore.SeedUser{anna, bob}))
		k := w.keep(quoted{"aapl": "100"})
		w.worthIs(k, "anna", "300")
		w.worthIs(k, "bob", "50")
		if got := k.Totals(); !got.Loaded || got.Portfolios != 2 || got.Positions != 2 {
			t.Errorf("counted %+v", got)
		}
		more := anna.Activities[0]
		more.ID = "more"
		anna.Activities = append(anna.Activities, more)
		anna.Portfolio.Sequence++
		sequence, err := w.Append(t.Context(), "anna", "of-anna", 1, sqlstore.Change{Added: []ledger.Activity{more}, Snapshot: heldOf(t, &anna).Snapshot()},
			audit.Write{Audit: audit.Entry{Owner: "anna", Actor: "anna", Action: audit.ActivitiesAdded, RequestID: "r1", Result: "ok"}})
		w.ok(err)
		w.bus.send(event.PortfolioChangedSubject("of-anna"), event.PortfolioChanged{OwnerID: "anna", PortfolioID: "of-anna", Sequence: sequence}.Payload())
		w.worthIs(k, "anna", "600")
		// Nobody tells of what happens now, but that hints were lost.
		w.ok(w.EraseUser(t.Context(), "bob", audit.Write{Audit: audit.Entry{Owner: "bob", Actor: "bob", Action: audit.UserErased, RequestID: "r1", Result: "ok"}}))
		w.bus.lost()
		w.worthIs(k, "bob", "")
		w.worthIs(k, "anna", "600")
		if got := k.Totals(); got.Portfolios != 1 || got.Positions != 1 {
			t.Errorf("counted %+v", got)
		}
		k.Own(nil)
		w.worthIs(k, "anna", "")
	})
}

// A node knows what very many portfolios hold soon after it started: beside the same rows read and opened, and nothing made of them.
func BenchmarkBookRebuildRatio(b *testing.B) {
	portfolios := 5_000
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		portfolios = 100_000
	}
	store := manyPortfolios(b, portfolios)
	first, last := engine.PortfolioKey{}, engine.PortfolioKey{Owner: "user9"}
	prices := quoted{}
	for i := range manyInstruments {
		prices[manyInstrument(i)] = "12.34"
	}
	all := make([]int, engine.PartitionsCount)
	for p := range all {
		all[p] = p
	}
	for b.Loop() {
		began := time.Now()
		if found, err := store.Snapshots(b.Context(), first, last, func(engine.PortfolioKey) bool { return true }); err != nil || len(found) != portfolios {
			b.Fatal(len(found), err)
		}
		read := time.Since(began)
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		k := engine.NewKeeper(engine.KeeperOptions{Store: store, Bus: &hints{}, Prices: prices, Sessions: nil, Workers: runtime.GOMAXPROCS(0), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		began = time.Now()
		go func() { ended <- k.Run(ctx) }()
		k.Own(all)
		for !k.Totals().Loaded {
			time.Sleep(time.Millisecond)
		}
		took := time.Since(began)
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if got := k.Totals(); got.Portfolios != int64(portfolios) || got.Positions != int64(portfolios*manyPositions) {
			b.Fatalf("counted %+v", got)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(read.Seconds(), "read_s")
		b.ReportMetric(took.Seconds(), "rebuild_s")
		b.ReportMetric(took.Seconds()/read.Seconds(), "x_read")
		b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/float64(portfolios), "B/portfolio")
	}
}

const (
	manyPositions   = 20 // of each portfolio
	manyInstruments = 5_000
)

func manyInstrument(i int) market.InstrumentID {
	return market.InstrumentID(fmt.Sprintf("instrument-%05d", i))
}

// manyPortfolios seals so many into a database of its own, without activities: the book doesn't look at them.
func manyPortfolios(b *testing.B, count int) *sqlstore.Store {
	b.Helper()
	root, err := testRoot()
	if err != nil {
		b.Fatal(err)
	}
	store, err := sqlstore.Open(b.Context(), sqlstore.Options{Path: filepath.Join(b.TempDir(), "folioscope.db"), FileKey: root.FileKey(), Root: root})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() }) // its directory goes
	const atOnce = 5_000
	for from := 0; from < count; from += atOnce {
		var all []sqlstore.SeedUser
		for u := from; u < min(from+atOnce, count); u++ {
			id := ledger.OwnerID(fmt.Sprintf("user%020d", u))
			snapshot := figures.Snapshot{Version: 2, Sequence: 1, Base: "USD"}
			for p := range manyPositions {
				currency := [...]money.Currency{"USD", "EUR"}[p%2]
				snapshot.Positions = append(snapshot.Positions, figures.SnapshotPosition{
					Instrument: manyInstrument((u*manyPositions + p*(u%97+1)) % manyInstruments), Currency: currency, Quantity: money.NewDecimal(int64(1000+u+p), -3),
					Cost: money.Known(money.NewDecimal(123456, -2)), CostBase: money.Known(money.NewDecimal(123456, -2)),
				})
			}
			data, err := json.Marshal(snapshot)
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, sqlstore.SeedUser{
				User:      identity.User{ID: id, Email: string(id) + "@example.test", Name: "Somebody", Role: identity.RoleUser, Status: identity.Active, PasswordHash: "$argon2id$", CreatedAt: time.Now()},
				Portfolio: ledger.Portfolio{Owner: id, ID: "pf-" + ledger.PortfolioID(id), Name: "Savings", BaseCurrency: "USD", LotMethod: ledger.FIFO, Sequence: 1, CreatedAt: time.Now()},
				Snapshot:  data,
			})
		}
		if err := store.Seed(b.Context(), all); err != nil {
			b.Fatal(err)
		}
	}
	return store
}
