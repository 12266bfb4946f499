package sqlstore

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/pgtest"
	"folioscope/internal/seal"
)

// The contract: every test that takes a bench runs on SQLite and, where there is one, on PostgreSQL.

// bench is one open store with what a test needs around it.
type bench struct {
	*Store
	t       *testing.T
	options Options
	clock   *testClock
}

// testClock is the store's time: it stands still unless a test moves it.
type testClock struct{ now atomic.Int64 }

func (c *testClock) Now() time.Time          { return time.UnixMicro(c.now.Load()).UTC() }
func (c *testClock) advance(d time.Duration) { c.now.Add(d.Microseconds()) }

var testStart = time.Date(2026, 3, 2, 14, 30, 0, 123456000, time.UTC)

// memoryPlace keeps a keyring in memory, for several nodes at once.
type memoryPlace struct {
	mu   sync.Mutex
	data []byte
	dies error // what a process that dies just after it replaced the keyring never hears; nil for none
}

func (m *memoryPlace) Load(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.data, nil
}

func (m *memoryPlace) Create(_ context.Context, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data = data
	return nil
}

func (m *memoryPlace) Replace(_ context.Context, old, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !bytes.Equal(m.data, old) && !bytes.Equal(m.data, data) {
		return fault.New(fault.Conflict, "the keyring was changed meanwhile")
	}
	m.data = data
	return m.dies
}

func testKEK(secret byte) (*seal.KEK, error) { return seal.NewKEK(bytes.Repeat([]byte{secret}, 32)) }

func newRoot(secret byte, place seal.Place) (*seal.Root, error) {
	kek, err := testKEK(secret)
	if err != nil {
		return nil, err
	}
	return seal.Init(context.Background(), kek, place)
}

const testSecret = 7

// testKeyring is one keyring for all tests, so that a prepared PostgreSQL database fits them. Who changes it opens a copy.
var testKeyring = sync.OnceValues(func() (data []byte, err error) {
	place := &memoryPlace{}
	_, err = newRoot(testSecret, place)
	return place.data, err
})

var testRoot = sync.OnceValues(func() (*seal.Root, error) { return openRoot(&memoryPlace{}) })

// openRoot opens the tests' keyring at a place, where it is put if there is none.
func openRoot(place *memoryPlace) (*seal.Root, error) {
	kek, err := testKEK(testSecret)
	if err != nil {
		return nil, err
	}
	if place.data == nil {
		if place.data, err = testKeyring(); err != nil {
			return nil, err
		}
	}
	return seal.Open(context.Background(), kek, place)
}

func mustRoot(t *testing.T) *seal.Root {
	t.Helper()
	root, err := testRoot()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func onEach(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	onEachRoot(t, mustRoot, test)
}

// onEachRoot is onEach with a keyring that the test opens for itself.
func onEachRoot(t *testing.T, open func(t *testing.T) *seal.Root, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		root := open(t)
		test(t, openBench(t, Options{Path: filepath.Join(t.TempDir(), "folioscope.db"), FileKey: root.FileKey(), Root: root}))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		root := open(t)
		url := pgtest.Clone(t, "sqlstore", func(ctx context.Context, url string) error {
			s, err := Open(ctx, Options{URL: url, Root: mustRoot(t)})
			if err != nil {
				return err
			}
			return s.Close()
		})
		test(t, openBench(t, Options{URL: url, Root: root}))
	})
}

func openBench(t *testing.T, options Options) *bench {
	t.Helper()
	b := &bench{t: t, clock: &testClock{}}
	b.clock.now.Store(testStart.UnixMicro())
	options.Now = b.clock.Now
	b.options = options
	s, err := Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	b.Store = s
	t.Cleanup(func() {
		if b.Store == nil { // it could not be opened again
			return
		}
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// reopen closes the store and opens it again: nothing that only memory knew is left.
func (b *bench) reopen() {
	b.t.Helper()
	b.ok(b.Close())
	s, err := Open(b.t.Context(), b.options)
	b.ok(err)
	b.Store = s
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) kind(err error, want fault.Kind) {
	b.t.Helper()
	if fault.KindOf(err) != want {
		b.t.Errorf("got %v, want kind %q", err, want)
	}
}

func entry(actor ledger.OwnerID, action audit.Action) Write {
	return Write{Audit: audit.Entry{Actor: actor, Action: action, RequestID: "r1", Result: "ok"}}
}

// once is a write with an idempotency key.
func once(actor ledger.OwnerID, action audit.Action, key, body, answer string) Write {
	w := entry(actor, action)
	w.Idempotency = &Idempotency{Key: key, Status: 201, Answer: []byte(answer)}
	copy(w.Idempotency.BodyHash[:], body)
	return w
}

func (b *bench) user(id ledger.OwnerID) identity.User {
	b.t.Helper()
	u := identity.User{ID: id, Email: string(id) + "@example.test", Name: "Name of " + string(id), Role: identity.RoleUser, Status: identity.Active, PasswordHash: "$argon2id$" + string(id), CreatedAt: testStart}
	b.ok(b.CreateUser(b.t.Context(), u, entry("", audit.UserCreated)))
	return u
}

func (b *bench) portfolio(owner ledger.OwnerID, id ledger.PortfolioID) ledger.Portfolio {
	b.t.Helper()
	p := ledger.Portfolio{ID: id, Owner: owner, Name: "Portfolio " + string(id), BaseCurrency: "EUR", LotMethod: ledger.FIFO, LotScope: ledger.ScopeAccount, CreatedAt: testStart}
	b.ok(b.CreatePortfolio(b.t.Context(), p, entry(owner, audit.PortfolioCreated)))
	_, err := b.CreateAccount(b.t.Context(), owner, id, ledger.Account{ID: "acc-" + ledger.AccountID(id), Name: "Depot", Currency: "EUR"}, entry(owner, audit.AccountCreated))
	b.ok(err)
	p.Sequence = 1
	return p
}

func (b *bench) instruments(ids ...market.InstrumentID) {
	b.t.Helper()
	var all []market.Instrument
	for _, id := range ids {
		all = append(all, market.Instrument{ID: id, Symbol: strings.ToUpper(string(id)), MIC: "XNAS", Name: "Name of " + string(id), Currency: "USD", Class: market.Stock})
	}
	b.ok(b.PutInstruments(b.t.Context(), all))
}

func number(text string) *money.Decimal {
	d := money.MustParse(text)
	return &d
}

func buy(id ledger.ActivityID, day string, instrument market.InstrumentID) ledger.Activity {
	return ledger.Activity{ID: id, Date: market.MustDate(day), Type: ledger.Buy, Account: "acc-p1", Instrument: instrument, Quantity: number("10.000000000000000001"),
		Price: number("12.50"), Currency: "USD", Fee: money.MustParse("1.00"), Note: "note of " + string(id)}
}

func (b *bench) sequenceOf(owner ledger.OwnerID, id ledger.PortfolioID) int64 {
	b.t.Helper()
	p, err := b.Portfolio(b.t.Context(), owner, id)
	b.ok(err)
	return p.Sequence
}

// appended adds activities at the portfolio's sequence of now.
func (b *bench) appended(owner ledger.OwnerID, id ledger.PortfolioID, change Change) int64 {
	b.t.Helper()
	sequence, err := b.Append(b.t.Context(), owner, id, b.sequenceOf(owner, id), change, entry(owner, audit.ActivitiesAdded))
	b.ok(err)
	return sequence
}

// render writes values so that they compare: pointers by what they point to, times as they are.
func render(v any) string {
	switch v := v.(type) {
	case ledger.Activity:
		deref := func(d *money.Decimal) string {
			if d == nil {
				return "nil"
			}
			return d.String()
		}
		ratio := "nil"
		if v.Ratio != nil {
			ratio = v.Ratio.New.String() + ":" + v.Ratio.Old.String()
		}
		return fmt.Sprint(v.ID, "|", v.Date, "|", v.Type, "|", v.Account, "|", v.Instrument, "|", deref(v.Quantity), "|", deref(v.Price), "|", deref(v.Amount), "|", v.Currency, "|", v.Fee, "|", v.Tax, "|",
			deref(v.FXRate), "|", v.ToAccount, "|", ratio, "|", v.Reinvest, v.Refund, "|", v.Note, "|",
			v.ToInstrument, "|", deref(v.CostShare), "|", v.ToCurrency, "|", deref(v.ToAmount), "|", v.Lots, "|", v.Position, v.Version, v.Voided, "|", v.RecordedAt)
	case []ledger.Activity:
		var lines []string
		for _, a := range v {
			lines = append(lines, render(a))
		}
		return strings.Join(lines, "\n")
	}
	return fmt.Sprintf("%+v", v)
}
