package sqlstore

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/pgtest"
)

func benchStore(b *testing.B) *Store {
	b.Helper()
	root, err := testRoot()
	if err != nil {
		b.Fatal(err)
	}
	return benchOpen(b, Options{Path: filepath.Join(b.TempDir(), "folioscope.db"), FileKey: root.FileKey(), Root: root})
}

func benchPostgres(b *testing.B) *Store {
	b.Helper()
	root, err := testRoot()
	if err != nil {
		b.Fatal(err)
	}
	return benchOpen(b, Options{URL: pgtest.Database(b), Root: root})
}

func benchOpen(b *testing.B, options Options) *Store {
	b.Helper()
	s, err := Open(b.Context(), options)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := s.PutInstruments(b.Context(), seedInstruments()); err != nil {
		b.Fatal(err)
	}
	return s
}

func BenchmarkAppend(b *testing.B) {
	s := benchStore(b)
	if err := s.Seed(b.Context(), seedUsers(1, 20)); err != nil {
		b.Fatal(err)
	}
	sequence := int64(1)
	for b.Loop() {
		a := buy(ledger.ActivityID(fmt.Sprint("new", sequence)), "2024-05-02", "ins-0001")
		next, err := s.Append(b.Context(), "user00000", "pf-user00000", sequence, Change{Added: []ledger.Activity{a}, Snapshot: make([]byte, 2000)}, entry("user00000", audit.ActivitiesAdded))
		if err != nil {
			b.Fatal(err)
		}
		sequence = next
	}
}

func BenchmarkAcceptTick(b *testing.B) {
	s := benchStore(b)
	const instruments = 300
	for minute := 0; b.Loop(); minute++ {
		marks := make([]market.Mark, instruments)
		for i := range marks {
			marks[i] = at(market.InstrumentID(fmt.Sprintf("ins-%04d", i)), minute, "101.25")
		}
		if _, accepted, err := s.Accept(b.Context(), marks); err != nil || len(accepted) != instruments {
			b.Fatal(len(accepted), err)
		}
	}
}

func BenchmarkBook5000(b *testing.B) {
	s := benchStore(b)
	if err := s.Seed(b.Context(), seedUsers(1, 5000)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if book, err := s.Book(b.Context(), "user00000", "pf-user00000"); err != nil || len(book.Activities) != 5000 {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeries20Years(b *testing.B) {
	s := benchStore(b)
	var bars []market.Bar
	for day := market.MustDate("2005-01-03"); day < market.MustDate("2025-01-01"); day++ {
		if day.Weekday()%6 != 0 {
			bars = append(bars, market.Bar{Date: day, Close: money.NewDecimal(10000+int64(day)%997, -2)})
		}
	}
	if err := s.PutBars(context.Background(), "ins-0001", bars); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if series, err := s.Series(b.Context(), "ins-0001", market.NoDate, market.MustDate("2199-12-31")); err != nil || series.Len() != len(bars) {
			b.Fatal(err)
		}
	}
}
