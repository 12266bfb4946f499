package identity

import (
	"cmp"
	"context"
	"math"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// countedStore writes down what it is asked, in order.
type countedStore struct {
	*fakeStore
	asked []string
}

func (c *countedStore) UserByEmail(ctx context.Context, email string) (User, error) {
	c.asked = append(c.asked, "user")
	return c.fakeStore.UserByEmail(ctx, email)
}

func (c *countedStore) RecordAudit(ctx context.Context, entry audit.Entry) error {
	c.asked = append(c.asked, "audit")
	return c.fakeStore.RecordAudit(ctx, entry)
}

func (c *countedStore) TakeAttempts(ctx context.Context, now time.Time, takes []Take) (time.Duration, error) {
	c.asked = append(c.asked, "attempts")
	return c.fakeStore.TakeAttempts(ctx, now, takes)
}

func (c *countedStore) ReturnAttempts(ctx context.Context, takes []Take) error {
	c.asked = append(c.asked, "return")
	return c.fakeStore.ReturnAttempts(ctx, takes)
}

func (c *countedStore) SecondFactor(ctx context.Context, owner ledger.OwnerID) (SecondFactor, error) {
	c.asked = append(c.asked, "factor")
	return c.fakeStore.SecondFactor(ctx, owner)
}

// strangers are addresses whose sign-in fails; somebody with an account comes first.
var strangers = []struct {
	name, email string
	status      Status
}{
	{"a wrong password", "ann@example.com", Active}, {"nobody", "bob@example.com", Active}, {"suspended", "ann@example.com", Suspended}, {"invited", "ann@example.com", Invited},
}

func newStrangersTest(t *testing.T) (*Hasher, *countedStore) {
	t.Helper()
	hasher := newTestHasher(t)
	hash, err := hasher.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	store := &countedStore{fakeStore: &fakeStore{user: User{ID: "ann", Email: "ann@example.com", Role: RoleUser, PasswordHash: hash}}}
	return hasher, store
}

// TestUnknownUsersCostTheSameWork: whoever is no user costs the same look-ups and one derivation, whose memory is seen.
func TestUnknownUsersCostTheSameWork(t *testing.T) {
	hasher, store := newStrangersTest(t)
	s := newTestService(t, store, hasher)
	work := func(email string, status Status) ([]string, uint64) {
		store.asked, store.user.Status = nil, status
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := s.SignIn(t.Context(), email, "wrong", Second{}, Request{ID: "r1", Address: "192.0.2.1"}); !fault.Is(err, fault.Unauthenticated) {
			t.Fatalf("%s: %v", email, err)
		}
		runtime.ReadMemStats(&after)
		const derivation = hashMemoryKiB << 10
		return store.asked, (after.TotalAlloc - before.TotalAlloc + derivation/2) / derivation
	}
	want, derivations := work(strangers[0].email, strangers[0].status)
	if derivations != 1 || len(want) < 3 {
		t.Fatalf("a wrong password: %d derivations, %v", derivations, want)
	}
	for _, c := range strangers[1:] {
		if got, n := work(c.email, c.status); !slices.Equal(got, want) || n != derivations {
			t.Errorf("%s: %v and %d derivations, want %v and %d", c.name, got, n, want, derivations)
		}
	}
}

// TestTimesOfStrangers prints how well times tell users from strangers; a busy machine may say anything, so that nobody
// judges it but the reader.
func TestTimesOfStrangers(t *testing.T) {
	rounds := 5
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		rounds = 500
	}
	hasher, store := newStrangersTest(t)
	times := make([][]time.Duration, len(strangers))
	for range rounds {
		for i, c := range strangers { // in turn, so that what else the machine does falls on all
			store.user.Status = c.status
			s := newTestService(t, store, hasher) // which has counted no guesses yet
			began := time.Now()
			if _, err := s.SignIn(t.Context(), c.email, "wrong", Second{}, Request{ID: "r1", Address: "192.0.2.1"}); !fault.Is(err, fault.Unauthenticated) {
				t.Fatalf("%s: %v", c.name, err)
			}
			times[i] = append(times[i], time.Since(began))
		}
	}
	for i, c := range strangers[1:] {
		u, z, p := mannWhitney(times[0], times[i+1])
		t.Logf("%s against a wrong password, %d times each: U = %.1f, z = %+.2f, p = %.3f", c.name, rounds, u, z, p)
	}
}

// mannWhitney is the rank-sum test of two samples: U of the first, z and the two-sided p of the normal approximation, without ties.
func mannWhitney(a, b []time.Duration) (u, z, p float64) {
	type ranked struct {
		took  time.Duration
		first bool
	}
	all := make([]ranked, 0, len(a)+len(b))
	for _, took := range a {
		all = append(all, ranked{took, true})
	}
	for _, took := range b {
		all = append(all, ranked{took, false})
	}
	slices.SortFunc(all, func(x, y ranked) int { return cmp.Compare(x.took, y.took) })
	for i, r := range all {
		if r.first {
			u += float64(i + 1)
		}
	}
	n, m := float64(len(a)), float64(len(b))
	u -= n * (n + 1) / 2
	z = (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
	return u, z, math.Erfc(math.Abs(z) / math.Sqrt2)
}

func TestMannWhitney(t *testing.T) {
	u, z, p := mannWhitney([]time.Duration{1, 2, 3, 4, 5}, []time.Duration{6, 7, 8, 9, 10})
	if u != 0 || math.Abs(z+2.611) > 0.001 || math.Abs(p-0.009) > 0.0005 {
		t.Errorf("apart: U %v, z %v, p %v", u, z, p)
	}
	if u, z, p = mannWhitney([]time.Duration{1, 4, 5, 8}, []time.Duration{2, 3, 6, 7}); u != 8 || z != 0 || p != 1 {
		t.Errorf("alike: U %v, z %v, p %v", u, z, p)
	}
}
