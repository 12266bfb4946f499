package figures

import (
	"testing"

	"folioscope/internal/money"
)

// BenchmarkPeriods is each figure of a period over 20 years of 10,000 activities on 50 instruments in three currencies.
func BenchmarkPeriods(b *testing.B) {
	book, m, from, to := benchBook([]money.Currency{"EUR", "USD", "GBP"})
	for name, figure := range map[string]func() error{
		"income":        func() error { _, err := Income(book, m, from, to); return err },
		"returns":       func() error { _, err := CalendarReturns(book, m, from, to); return err },
		"contributions": func() error { _, err := Contributions(book, m, from, to); return err },
		"exposure":      func() error { _, err := Exposure(book, m, BySector, from, to); return err },
		"benchmark":     func() error { _, err := Benchmark(book, m, "instrument-00", from, to); return err },
		"gaps":          func() error { _, err := PriceGaps(book, m, from, to); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := figure(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
