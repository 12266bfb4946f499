package figures

import (
	"testing"

	"folioscope/internal/money"
)

func BenchmarkHold10000(b *testing.B) {
	book, m, _, _ := benchBook([]money.Currency{"EUR", "USD", "GBP"})
	for b.Loop() {
		if _, err := Hold(book, m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValue50(b *testing.B) {
	book, m, _, to := benchBook([]money.Currency{"EUR", "USD", "GBP"})
	h, err := Hold(book, m)
	if err != nil {
		b.Fatal(err)
	}
	quotes := quotesOf(m, to)
	b.ReportAllocs()
	for b.Loop() {
		h.Value(quotes, to, nil)
	}
}

func BenchmarkDayAsDecimals(b *testing.B) {
	book, m, from, to := benchBook([]money.Currency{"EUR", "USD", "GBP"})
	d, err := History(book, m, from, to)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		d.Day(d.Len() / 2)
	}
}

func BenchmarkPerformance10000(b *testing.B) {
	book, m, from, to := benchBook([]money.Currency{"EUR", "USD", "GBP"})
	for b.Loop() {
		if _, err := Performance(book, m, from, to, ""); err != nil {
			b.Fatal(err)
		}
	}
}
