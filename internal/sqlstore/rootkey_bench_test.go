package sqlstore

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
	"unsafe"

	"folioscope/internal/audit"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

// BenchmarkRatioRewrapKeys wraps the keys of some thousand users by another root key, and writes the same rows with bytes that are
// ready-made. What is compared is keys in a second; the promise is 100,000 keys within a minute.
func BenchmarkRatioRewrapKeys(b *testing.B) {
	const users = 5_000
	root, err := openRoot(&memoryPlace{})
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), Options{Path: filepath.Join(b.TempDir(), "folioscope.db"), FileKey: root.FileKey(), Root: root})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.Seed(b.Context(), seedUsers(users, 0)); err != nil {
		b.Fatal(err)
	}
	var rewrapping, writing time.Duration
	for b.Loop() {
		key, err := s.AddRootKey(b.Context())
		if err == nil {
			err = s.UseRootKey(b.Context(), key)
		}
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if done := rewrapped(b, s, key); done != users {
			b.Fatalf("%d keys", done)
		}
		rewrapping += time.Since(began)
		began = time.Now()
		writeReadyMade(b, s)
		writing += time.Since(began)
		if err := s.RetireRootKeys(b.Context(), key); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(users*b.N)/rewrapping.Seconds(), "keys/s") // at least 1,667
	b.ReportMetric(writing.Seconds()/rewrapping.Seconds(), "ratio")   // at least 0.2
}

func rewrapped(b *testing.B, s *Store, by seal.RootKey) (done int) {
	b.Helper()
	var at UserKeyPlace
	for {
		last, seen, err := s.RewrapUserKeys(b.Context(), at, by)
		if err != nil {
			b.Fatal(err)
		}
		if seen == 0 {
			return done
		}
		at, done = last, done+seen
	}
}

// writeReadyMade reads and writes every user's key as a rotation does, in as many transactions, with nothing to open or wrap.
func writeReadyMade(b *testing.B, s *Store) {
	b.Helper()
	type row struct {
		owner   string
		version int
		wrapped []byte
	}
	var last row
	for seen := rewrapBatch; seen == rewrapBatch; {
		err := s.db.write(b.Context(), func(q queries) error {
			seen = 0
			var batch []row
			if err := q.each(b.Context(), sqlSweepUserKeys, []any{last.owner, last.version, rewrapBatch}, func(scan scanner) error {
				var r row
				err := scan.Scan(&r.owner, &r.version, &r.wrapped)
				batch = append(batch, r)
				return err
			}); err != nil {
				return err
			}
			for _, r := range batch {
				if _, err := q.exec(b.Context(), sqlRewrapUserKey, r.owner, r.version, r.wrapped, r.wrapped); err != nil {
					return err
				}
				last = r
			}
			seen = len(batch)
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// copying is a cipher that only copies, and takes as many bytes as the real one.
type copying struct{}

const copiedOverhead = 12 + 16 // nonce and tag

func (copying) NonceSize() int { return 0 }
func (copying) Overhead() int  { return copiedOverhead }

func (copying) Seal(into, _, plain, _ []byte) []byte {
	return append(append(into, make([]byte, copiedOverhead)...), plain...)
}

func (copying) Open(into, _, sealed, _ []byte) ([]byte, error) {
	if len(sealed) < copiedOverhead {
		return nil, errors.New("too short")
	}
	return append(into, sealed[copiedOverhead:]...), nil
}

// unsealed puts the copying cipher into a user's key that the store remembers. Package seal offers no such thing, on purpose.
func unsealed(b *testing.B, s *Store, owner ledger.OwnerID) {
	b.Helper()
	key, err := s.key(b.Context(), s.db, owner)
	if err != nil {
		b.Fatal(err)
	}
	field := reflect.ValueOf(key).Elem().FieldByName("gcm")
	var none cipher.AEAD = copying{}
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(none))
}

// BenchmarkRatioSealedWrite appends an activity for a user whose key seals and for one whose key only copies, in turns on one
// store. What is compared is the 95th percentile of a write.
func BenchmarkRatioSealedWrite(b *testing.B) {
	s := benchStore(b)
	if err := s.Seed(b.Context(), seedUsers(2, 20)); err != nil {
		b.Fatal(err)
	}
	owners := []ledger.OwnerID{"user00000", "user00001"}
	unsealed(b, s, owners[1])
	took := make([][]time.Duration, len(owners))
	sequences := []int64{1, 1}
	for turn := 0; b.Loop(); turn++ {
		for i := range owners {
			i = (i + turn) % len(owners) // nobody always goes first
			a := buy(ledger.ActivityID(fmt.Sprint("new", sequences[i])), "2024-05-02", "ins-0001")
			began := time.Now()
			next, err := s.Append(b.Context(), owners[i], "pf-"+ledger.PortfolioID(owners[i]), sequences[i], Change{Added: []ledger.Activity{a}, Snapshot: make([]byte, 2000)}, entry(owners[i], audit.ActivitiesAdded))
			took[i] = append(took[i], time.Since(began))
			if err != nil {
				b.Fatal(err)
			}
			sequences[i] = next
		}
	}
	p95 := func(i int) float64 {
		slices.Sort(took[i])
		return took[i][len(took[i])*95/100].Seconds()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(p95(0)*1e6, "µs-p95")
	b.ReportMetric(p95(0)/p95(1), "ratio") // at most 1.15
}
