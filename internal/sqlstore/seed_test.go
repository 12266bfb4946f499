package sqlstore

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// seedUsers makes users with activities each, as a demo would.
func seedUsers(users, activities int) []SeedUser {
	all := make([]SeedUser, users)
	for u := range all {
		id := ledger.OwnerID(fmt.Sprintf("user%05d", u))
		s := SeedUser{
			User:      identity.User{ID: id, Email: string(id) + "@demo.test", Name: "Person " + string(id), Role: identity.RoleUser, Status: identity.Active, PasswordHash: "$argon2id$shared", CreatedAt: testStart},
			Portfolio: ledger.Portfolio{ID: "pf-" + ledger.PortfolioID(id), Name: "Savings", BaseCurrency: "EUR", LotMethod: ledger.FIFO, Sequence: 1, CreatedAt: testStart},
			Accounts:  []ledger.Account{{ID: "ac-" + ledger.AccountID(id), Name: "Depot", Currency: "USD"}},
			Snapshot:  []byte(`{"positions":[]}`),
		}
		for i := range activities {
			s.Activities = append(s.Activities, ledger.Activity{ID: ledger.ActivityID(fmt.Sprintf("%016x%08d", uint64(i)*0x9E3779B97F4A7C15, i)), Date: market.MustDate("2015-01-02") + market.Date(i), Type: ledger.Buy,
				Account: s.Accounts[0].ID, Instrument: market.InstrumentID(fmt.Sprintf("ins-%04d", i%20)), Quantity: number("12.5"), Price: number("101.23"), Currency: "USD", Fee: money.MustParse("1.95")})
		}
		for i := range min(activities, 20) {
			s.Holds = append(s.Holds, market.InstrumentID(fmt.Sprintf("ins-%04d", i)))
		}
		all[u] = s
	}
	return all
}

func seedInstruments() []market.Instrument {
	var all []market.Instrument
	for i := range 20 {
		id := fmt.Sprintf("ins-%04d", i)
		all = append(all, market.Instrument{ID: market.InstrumentID(id), Symbol: id, MIC: "XDMO", Name: "Instrument " + id, Currency: "USD", Class: market.Stock})
	}
	return all
}

func TestSeed(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.ok(b.PutInstruments(t.Context(), seedInstruments()))
		all := seedUsers(12, 230)
		in := &identity.Session{Owner: all[7].User.ID, Hash: identity.HashOf("seven"), CreatedAt: testStart, SeenAt: testStart, Origin: identity.Origin{Device: "Firefox on Windows"}}
		all[7].Session = in
		b.ok(b.Seed(t.Context(), all))
		b.reopen()
		for _, s := range all {
			book, err := b.Book(t.Context(), s.User.ID, s.Portfolio.ID)
			b.ok(err)
			if len(book.Activities) != len(s.Activities) || len(book.Accounts) != 1 || book.Portfolio.Sequence != 1 {
				t.Fatalf("%s: %d activities, %d accounts", s.User.ID, len(book.Activities), len(book.Accounts))
			}
			for i, a := range book.Activities {
				if a.Position != int64(i)+1 || a.ID != s.Activities[i].ID {
					t.Fatalf("%s: activity %d is %s at %d", s.User.ID, i, a.ID, a.Position)
				}
			}
			if sequence, data, err := b.Snapshot(t.Context(), s.User.ID, s.Portfolio.ID); err != nil || sequence != 1 || string(data) != string(s.Snapshot) {
				t.Errorf("snapshot %d %q %v", sequence, data, err)
			}
			if u, err := b.UserByEmail(t.Context(), s.User.Email); err != nil || u != s.User {
				t.Errorf("user %+v, %v", u, err)
			}
		}
		if open, err := b.Sessions(t.Context(), in.Owner); err != nil || len(open) != 1 || open[0].Hash != in.Hash || open[0].Origin != in.Origin {
			t.Errorf("sessions %+v, %v", open, err)
		}
		if got := b.holders("ins-0003"); got != 12 {
			t.Errorf("%d holders", got)
		}
		if got := b.holders(market.RateID("USD")); got != 12 {
			t.Errorf("%d want the rate", got)
		}
		b.appended(all[0].User.ID, all[0].Portfolio.ID, Change{Added: []ledger.Activity{{ID: "next", Date: market.MustDate("2030-01-01"), Type: ledger.Deposit, Account: all[0].Accounts[0].ID, Amount: number("1"), Currency: "USD"}}})
		book, err := b.Book(t.Context(), all[0].User.ID, all[0].Portfolio.ID)
		b.ok(err)
		if last := book.Activities[len(book.Activities)-1]; last.ID != "next" || last.Position != 231 {
			t.Errorf("the next entry has position %d", last.Position)
		}

		// All or nothing: one who is there already keeps the others out.
		more := slices.Concat(seedUsers(14, 2)[12:], all[3:4])
		b.kind(b.Seed(t.Context(), more), fault.Conflict)
		_, err = b.User(t.Context(), "user00012")
		b.kind(err, fault.NotFound)
		if got := b.holders("ins-0003"); got != 12 {
			t.Errorf("a refused seed left %d holders", got)
		}
	})
}

// TestDemoSizedSeed prints how long a demo's first and second start wait for the store; run it with
// SQLSTORE_SEED=1 go test -run DemoSized -v.
func TestDemoSizedSeed(t *testing.T) {
	users := 10
	if os.Getenv("SQLSTORE_SEED") != "" {
		users = 250
	}
	root := mustRoot(t)
	options := Options{Path: t.TempDir() + "/folioscope.db", FileKey: root.FileKey(), Root: root}
	all := seedUsers(users, 400)
	start := time.Now()
	s, err := Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	opened := time.Since(start)
	if err := s.PutInstruments(t.Context(), seedInstruments()); err != nil {
		t.Fatal(err)
	}
	start = time.Now()
	if err := s.Seed(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	seeded := time.Since(start)
	start = time.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	closed := time.Since(start)
	start = time.Now()
	if s, err = Open(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	reopened := time.Since(start)
	start = time.Now()
	for _, u := range all {
		if _, err := s.Book(t.Context(), u.User.ID, u.Portfolio.ID); err != nil {
			t.Fatal(err)
		}
	}
	books := time.Since(start)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(options.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("open %v, seed %d activities %v, close %v, open again %v, all books %v, file %d MB, resident %s", opened, users*400, seeded, closed, reopened, books, info.Size()>>20, resident())
}

// resident is what the process has in memory, where the system tells.
func resident() string {
	runtime.GC()
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}

func BenchmarkSessionAndSequence(b *testing.B) {
	root, err := testRoot()
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), Options{Path: b.TempDir() + "/folioscope.db", FileKey: root.FileKey(), Root: root})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	all := seedUsers(50, 5)
	if err := s.Seed(b.Context(), all); err != nil {
		b.Fatal(err)
	}
	session := identity.Session{Owner: all[7].User.ID, Hash: identity.TokenHash{1, 2, 3}, CreatedAt: testStart, SeenAt: testStart}
	if err := s.CreateSession(b.Context(), session, entry(session.Owner, audit.SignIn)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.SessionAndSequence(b.Context(), session.Owner, session.Hash, all[7].Portfolio.ID); err != nil {
			b.Fatal(err)
		}
	}
}
