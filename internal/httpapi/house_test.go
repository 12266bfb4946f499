package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/seal"
	"folioscope/internal/sqlstore"
	"folioscope/internal/transfer"
)

// A house is the service on a real store, with people in it.
type house struct {
	t      testing.TB
	store  *sqlstore.Store
	server *Server
	clock  *testClock
	log    *lockedBuffer
	people map[string]*person
	bus    *quotesBus
	rules  int // that were made
}

// person is somebody with a portfolio and, mostly, a session.
type person struct {
	id        ledger.OwnerID
	email     string
	cookie    string
	portfolio string
	account   string
}

const housePassword = "correct horse battery"

var houseStart = time.Date(2026, 3, 2, 14, 30, 0, 0, time.UTC)

type testClock struct{ now atomic.Int64 }

func (c *testClock) Now() time.Time          { return time.UnixMicro(c.now.Load()).UTC() }
func (c *testClock) advance(d time.Duration) { c.now.Add(d.Microseconds()) }

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

type memoryPlace struct{ data []byte }

func (m *memoryPlace) Load(context.Context) ([]byte, error)            { return m.data, nil }
func (m *memoryPlace) Create(_ context.Context, data []byte) error     { m.data = data; return nil }
func (m *memoryPlace) Replace(_ context.Context, _, data []byte) error { m.data = data; return nil }

var houseRoot = sync.OnceValues(func() (*seal.Root, error) {
	kek, err := seal.NewKEK(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		return nil, err
	}
	return seal.Init(context.Background(), kek, &memoryPlace{})
})

// houseHash is made once: hashing is slow on purpose.
var houseHash = sync.OnceValues(func() (string, error) {
	h, err := identity.NewHasher(rand.Reader)
	if err != nil {
		return "", err
	}
	return h.Hash(context.Background(), housePassword)
})

// deafBus carries nothing: these tests have one node.
type deafBus struct{}

func (deafBus) Publish(context.Context, string, []byte) error                  { return nil }
func (deafBus) Subscribe(string, func(string, []byte), func()) (func(), error) { return func() {}, nil }
func (deafBus) Close() error                                                   { return nil }

// quotesBus carries hints of prices to the house's hub, and nothing else.
type quotesBus struct {
	deafBus
	mutex sync.Mutex
	heard []func(string, []byte)
}

func (b *quotesBus) Publish(_ context.Context, subject string, payload []byte) error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, hear := range b.heard {
		hear(subject, payload)
	}
	return nil
}

func (b *quotesBus) Subscribe(subject string, hear func(string, []byte), _ func()) (func(), error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if subject == event.QuotesAcceptedAll {
		b.heard = append(b.heard, hear)
	}
	return func() {}, nil
}

type houseJournalStore struct{ *sqlstore.Store }

func (s houseJournalStore) Append(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expected int64, change journal.Change, write audit.Write) (int64, error) {
	return s.Store.Append(ctx, owner, portfolio, expected, sqlstore.Change(change), write)
}

type houseLiveStore struct{ *sqlstore.Store }

func (s houseLiveStore) Sequences(ctx context.Context, keys []live.Key) (map[live.Key]int64, error) {
	found := map[live.Key]int64{}
	for _, k := range keys {
		switch p, err := s.Portfolio(ctx, k.Owner, k.Portfolio); {
		case err == nil:
			found[k] = p.Sequence
		case !fault.Is(err, fault.NotFound):
			return nil, err
		}
	}
	return found, nil
}

var houseSite = fstest.MapFS{
	"index.html":              {Data: []byte("<!doctype html><title>Folioscope</title>" + strings.Repeat(" ", 600))},
	"index.html.br":           {Data: []byte("brotli of index")},
	"index.html.gz":           {Data: []byte("gzip of index")},
	"theme.js":                {Data: []byte("(function () {})();")},
	"assets/app-1a2b3c.js":    {Data: []byte("export {};")},
	"assets/app-1a2b3c.js.br": {Data: []byte("brotli of app")},
	"sw.js":                   {Data: []byte("self.skipWaiting();")},
}

func newHouse(t testing.TB, change ...func(*Options)) *house {
	t.Helper()
	return newHouseAt(t, houseStart, change...)
}

// newHouseAt is a house whose clock stands at a time; over a real connection that has to be the true one, for deadlines.
func newHouseAt(t testing.TB, start time.Time, change ...func(*Options)) *house {
	t.Helper()
	root, err := houseRoot()
	must(t, err)
	clock := &testClock{}
	clock.now.Store(start.UnixMicro())
	log := &lockedBuffer{}
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, err := sqlstore.Open(t.Context(), sqlstore.Options{Path: filepath.Join(t.TempDir(), "house.db"), FileKey: root.FileKey(), Root: root, Now: clock.Now, Log: logger})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	h := &house{t: t, store: store, clock: clock, log: log, people: map[string]*person{}, bus: &quotesBus{}}
	hasher, err := identity.NewHasher(rand.Reader)
	must(t, err)
	calendar, err := market.NewCalendar()
	must(t, err)
	signer, err := store.AuditSigner()
	must(t, err)
	record := journal.New(houseJournalStore{store}, deafBus{}, journal.Options{Log: logger, Now: clock.Now})
	hub := live.New(houseLiveStore{store}, record, h.bus, calendar, live.Options{Log: logger, Now: clock.Now, Workers: 1})
	options := Options{
		Identity: identity.NewService(identity.Options{Store: store, Hasher: hasher, Random: rand.Reader, Now: clock.Now, Log: logger}),
		Store:    store, Journal: record, Proposals: journal.NewProposals(record, store), Live: hub, Importer: transfer.NewService(transfer.Options{Journal: record, Instruments: store, Versions: store, Now: clock.Now}),
		Site: houseSite, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "# none\n") }),
		Secure: true, Random: rand.Reader, Now: clock.Now, Log: logger, Audit: store, AuditKey: signer.VerifierKey(),
	}
	for _, f := range change {
		f(&options)
	}
	h.server, err = New(options)
	must(t, err)
	h.furnish()
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- hub.Run(running) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	for !hub.Ready() {
		time.Sleep(time.Millisecond)
	}
	return h
}

// houseInstruments are what may be traded.
var houseInstruments = []market.Instrument{
	{ID: "acme-xetr", Symbol: "ACME", MIC: "XETR", ISIN: "DE0005810055", Name: "Acme AG", Currency: "EUR", Class: market.Stock, Sector: "Industrials", Country: "DE"},
	{ID: "acme-xnys", Symbol: "ACME", MIC: "XNYS", ISIN: "US0378331005", Name: "Acme Inc.", Currency: "USD", Class: market.Stock, Sector: "Industrials", Country: "US"},
	{ID: "world-etf", Symbol: "WRLD", MIC: "XETR", ISIN: "IE00B4L5Y983", Name: "World ETF", Currency: "EUR", Class: market.ETF},
	{ID: market.RateID("USD"), Symbol: "EURUSD", Name: "US dollar", Currency: "USD", Class: market.FX},
}

func (h *house) furnish() {
	must(h.t, h.store.PutInstruments(h.t.Context(), houseInstruments))
	for name, role := range map[string]identity.Role{
		"ann": identity.RoleUser, "bob": identity.RoleUser, "advia": identity.RoleAdviser, "audrey": identity.RoleAuditor, "root": identity.RoleAdmin, "gone": identity.RoleUser,
	} {
		h.moveIn(name, role)
	}
	_, err := h.store.ChangeUser(h.t.Context(), "owner-gone", identity.ChangeUser{Status: identity.Suspended}, nil)
	must(h.t, err)
	h.sessionOf("owner-gone")
}

// moveIn adds somebody with a portfolio and a session.
func (h *house) moveIn(name string, role identity.Role) {
	h.t.Helper()
	hash, err := houseHash()
	must(h.t, err)
	p := &person{id: ledger.OwnerID("owner-" + name), email: name + "@example.com", portfolio: "portfolio-" + name, account: "account-" + name}
	entry := func(action audit.Action) audit.Write {
		return audit.Write{Audit: audit.Entry{Actor: p.id, Owner: p.id, Action: action, Result: "ok"}}
	}
	must(h.t, h.store.CreateUser(h.t.Context(), identity.User{
		ID: p.id, Email: p.email, Name: strings.ToUpper(name[:1]) + name[1:] + " Surname", Role: role, Status: identity.Active, PasswordHash: hash, CreatedAt: h.clock.Now(), ConfirmedAt: h.clock.Now(),
	}, entry(audit.UserCreated)))
	must(h.t, h.store.CreatePortfolio(h.t.Context(), ledger.Portfolio{
		ID: ledger.PortfolioID(p.portfolio), Owner: p.id, Name: "Secret of " + name, BaseCurrency: "EUR", LotMethod: ledger.FIFO, CreatedAt: h.clock.Now(),
	}, entry(audit.PortfolioCreated)))
	_, err = h.store.CreateAccount(h.t.Context(), p.id, ledger.PortfolioID(p.portfolio), ledger.Account{ID: ledger.AccountID(p.account), Name: "Depot", Currency: "EUR"}, entry(audit.AccountCreated))
	must(h.t, err)
	h.people[name] = p
	p.cookie = h.sessionOf(p.id)
}

// sessionOf opens a session without a password, as signing in does.
func (h *house) sessionOf(owner ledger.OwnerID) string {
	secret := strings.Repeat(string(owner[len(owner)-1]), 42) + "A"
	token := string(owner) + "." + secret
	session := identity.Session{Owner: owner, Hash: hashOf(secret), CreatedAt: h.clock.Now(), SeenAt: h.clock.Now(), SteppedAt: h.clock.Now()}
	entry := audit.Entry{Actor: owner, Owner: owner, Action: audit.SignIn, Result: "ok"}
	must(h.t, h.store.CreateSession(h.t.Context(), session, audit.Write{Audit: entry}))
	return token
}

func (h *house) buy(name string, quantity, price string) {
	h.t.Helper()
	a := h.ask(name, "POST", "/api/v1/portfolios/"+h.people[name].portfolio+"/activities",
		`{"activities":[{"date":"2026-01-05","type":"buy","symbol":"world-etf","quantity":"`+quantity+`","price":"`+price+`"}]}`, once("buy-"+quantity+"-"+price))
	a.is(http.StatusCreated)
}

// reply is an answer with the means to look at it.
type reply struct {
	t testing.TB
	*httptest.ResponseRecorder
	what string
}

func (a *reply) is(status int) *reply {
	a.t.Helper()
	if a.Code != status {
		a.t.Fatalf("%s: %d %s, want %d", a.what, a.Code, a.Body, status)
	}
	return a
}

// problem checks that the answer is a problem of this status and code, and gives it.
func (a *reply) problem(status int, code string) Problem {
	a.t.Helper()
	a.is(status)
	if kind := a.Header().Get("Content-Type"); kind != "application/problem+json" {
		a.t.Fatalf("%s: a problem as %q: %s", a.what, kind, a.Body)
	}
	var p Problem
	d := json.NewDecoder(bytes.NewReader(a.Body.Bytes()))
	d.DisallowUnknownFields()
	must(a.t, d.Decode(&p))
	if p.Code != code || p.Status != status || p.RequestID == "" || p.Type != "about:blank" || p.Title == "" || p.Detail == "" {
		a.t.Fatalf("%s: %s, want code %s", a.what, a.Body, code)
	}
	return p
}

// into decodes the answer strictly: fields that the schema doesn't have are refused.
func into[T any](a *reply) T {
	a.t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(a.Body.Bytes()))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		a.t.Fatalf("%s: %v in %s", a.what, err, a.Body)
	}
	return v
}

// with changes a request before it is sent.
type with func(*http.Request)

func once(key string) with { return header("Idempotency-Key", key) }

func header(name, value string) with { return func(r *http.Request) { r.Header.Set(name, value) } }

// ask sends a request as somebody; "" is nobody.
func (h *house) ask(name, method, path, body string, more ...with) *reply {
	h.t.Helper()
	r := httptest.NewRequestWithContext(h.t.Context(), method, "https://folio.example"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if p, ok := h.people[name]; ok {
		r.AddCookie(&http.Cookie{Name: h.server.cookieName(), Value: p.cookie})
	}
	for _, f := range more {
		f(r)
	}
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	return &reply{h.t, w, name + " " + method + " " + path}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func dec(text string) *money.Decimal {
	x := money.MustParse(text)
	return &x
}
