package sqlstore

import (
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/ledger"
)

// benchLog is a log of many rows, of 250 people in turn, signed. Every so-manyth has a sealed detail; none where that is 0.
func benchLog(b *testing.B, s *Store, rows, detailed int) *audit.Signer {
	b.Helper()
	const people, atOnce = 250, 1000 // rows are placed as they come, some of each person
	if err := s.Seed(b.Context(), seedUsers(people, 1)); err != nil {
		b.Fatal(err)
	}
	signer, err := s.AuditSigner()
	if err != nil {
		b.Fatal(err)
	}
	sequencer := audit.NewSequencer(audit.SequencerOptions{Store: s, Signer: signer, Node: "n1", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	for from := 0; from < rows; from += atOnce {
		err = s.db.write(b.Context(), func(q queries) error {
			for i := from; i < min(from+atOnce, rows); i++ {
				owner := ledger.OwnerID(fmt.Sprintf("user%05d", i%people))
				e := audit.Entry{Actor: owner, Owner: owner, Action: audit.PortfolioChanged, Object: fmt.Sprint("object-of-usual-length-", i), RequestID: "request-id-26-characters", Result: "ok"}
				if detailed > 0 && i%detailed == 0 {
					e.Detail = "192.0.2.17"
				}
				if err := s.audit(b.Context(), q, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		for more := true; more; {
			if more, err = sequencer.Step(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	return signer
}

// BenchmarkAuditVerify reads, hashes and checks a whole log; the bar is 200,000 rows a second on two cores. One row in four with a
// sealed detail, which is opened too, is what a log of sign-ins and changes has.
func BenchmarkAuditVerify(b *testing.B) {
	stores := []struct {
		name string
		open func(*testing.B) *Store
	}{{"sqlite", benchStore}, {"postgres", benchPostgres}}
	for _, store := range stores {
		for _, detailed := range []int{0, 4} {
			b.Run(fmt.Sprintf("%s/detailed=%d", store.name, detailed), func(b *testing.B) {
				const rows = 50_000
				s := store.open(b)
				signer := benchLog(b, s, rows, detailed)
				before := cpuTime(b)
				for b.Loop() {
					r, err := audit.Verify(b.Context(), s, signer.Verifier(), nil)
					if err != nil || len(r.Findings) > 0 || r.Rows < rows {
						b.Fatal(r, err)
					}
				}
				b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
				b.ReportMetric(rows*float64(b.N)/(cpuTime(b)-before).Seconds(), "leaves/core-s") // what one core does that nobody else uses
			})
		}
	}
}

// cpuTime is what this process used of processors so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkAuditProof proves one row of 50,000; the bar is 5 ms.
func BenchmarkAuditProof(b *testing.B) {
	const rows = 50_000
	s := benchStore(b)
	signer := benchLog(b, s, rows, 0)
	signed, err := s.LatestCheckpoint(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	c, err := signer.Verifier().Open(signed)
	if err != nil {
		b.Fatal(err)
	}
	leaf := int64(0)
	for b.Loop() {
		leaf = (leaf + 7919) % c.Size
		if _, err := audit.Prove(b.Context(), s, c, leaf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAuditShare is what the audit row, with a sealed detail, takes of an append, at the 95th percentile of both; the bar
// is 15 %.
func BenchmarkAuditShare(b *testing.B) {
	s := benchStore(b)
	if err := s.Seed(b.Context(), seedUsers(1, 20)); err != nil {
		b.Fatal(err)
	}
	var whole, part []time.Duration
	sequence := int64(1)
	for b.Loop() {
		a := buy(ledger.ActivityID(fmt.Sprint("new", sequence)), "2024-05-02", "ins-0001")
		w := entry("user00000", audit.ActivitiesAdded)
		w.Audit.Detail = "192.0.2.17"
		began := time.Now()
		next, err := s.Append(b.Context(), "user00000", "pf-user00000", sequence, Change{Added: []ledger.Activity{a}, Snapshot: make([]byte, 2000)}, w)
		whole = append(whole, time.Since(began))
		if err != nil {
			b.Fatal(err)
		}
		sequence = next
		err = s.db.write(b.Context(), func(q queries) error {
			began := time.Now()
			err := s.audit(b.Context(), q, w.Audit)
			part = append(part, time.Since(began))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	p95 := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)*95/100])
	}
	b.ReportMetric(100*p95(part)/p95(whole), "%p95")
}
