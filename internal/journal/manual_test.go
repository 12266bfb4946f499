package journal

import (
	"maps"
	"testing"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// keepByHand gives the portfolio a house of its own and prices of it and of shares.
func (f *fixture) keepByHand() {
	house := ledger.Own{Instrument: market.Instrument{ID: "own-1", Symbol: "HOUSE", Name: "The house", Currency: "USD", Class: market.Property}}
	book := f.store.books[key{"u", "p"}]
	book.Own = map[market.InstrumentID]ledger.Own{"own-1": house}
	book.Instruments = map[market.InstrumentID]market.Instrument{"own-1": house.Instrument}
	price := func(day, price string) ledger.ManualPrice {
		return ledger.ManualPrice{Bar: market.Bar{Date: market.MustDate(day), Close: money.MustParse(price)}, EnteredAt: today}
	}
	book.Prices = map[market.InstrumentID][]ledger.ManualPrice{
		"own-1": {price("2026-01-01", "300000"), price("2026-02-01", "310000")},
		"vwce":  {price("2026-01-05", "90"), price("2026-01-07", "91")},
	}
	book.Portfolio.Sequence++
	f.store.books[key{"u", "p"}] = book
	f.store.series["vwce"] = market.NewSeries("vwce", "EUR", []market.Bar{{Date: market.MustDate("2026-01-05"), Close: money.MustParse("100")}, {Date: market.MustDate("2026-01-06"), Close: money.MustParse("101")}})
}

func TestHeldByHand(t *testing.T) {
	f := newFixture()
	f.keepByHand()
	f.record(t, add(trade(ledger.Buy, "own-1", "USD", "2026-01-05", "1", "290000"), trade(ledger.Buy, "vwce", "EUR", "2026-01-05", "10", "100"),
		trade(ledger.Buy, "aapl", "USD", "2026-01-06", "2", "150")))
	if want := map[market.InstrumentID]int{"vwce": 1, "aapl": 1, "fx-eur-USD": 1}; !maps.Equal(f.store.writes[0].Interest, want) {
		t.Errorf("interest %v, want %v: nobody else is to know of what is one's own", f.store.writes[0].Interest, want)
	}
	held, err := f.Holdings(t.Context(), "u", "p", 3)
	if err != nil {
		t.Fatal(err)
	}
	house, shares := held.Manual["own-1"], held.Manual["vwce"]
	if len(held.Manual) != 2 || house == nil || house.Price.String() != "310000" || house.PreviousClose.String() != "300000" || house.Currency != "USD" {
		t.Errorf("manual marks %+v", held.Manual)
	}
	if shares == nil || shares.Price.String() != "91" || shares.PreviousClose.String() != "101" || shares.PreviousDate != market.MustDate("2026-01-06") {
		t.Errorf("the shares' mark %+v", shares)
	}

	book, err := f.Book(t.Context(), "u", "p", 3)
	if err != nil {
		t.Fatal(err)
	}
	past, err := f.Market(t.Context(), book)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[market.InstrumentID]map[string]string{
		"own-1": {"2026-01-01": "300000", "2026-02-01": "310000"},
		"vwce":  {"2026-01-05": "100", "2026-01-06": "101", "2026-01-07": "91"},
	} {
		one, err := f.SeriesIn(t.Context(), book, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, series := range []*market.Series{past.Series[id], one} {
			got := map[string]string{}
			for i := range series.Len() {
				price := series.Close(i)
				got[series.Dates[i].String()] = price.String()
			}
			if !maps.Equal(got, want) || series.Sparse != ledger.IsOwn(id) {
				t.Errorf("closes of %s %v, want %v; sparse %t", id, got, want, series.Sparse)
			}
		}
	}
	if shared, err := f.Series(t.Context(), "vwce"); err != nil || shared.Len() != 2 {
		t.Errorf("what is everybody's has %d closes, %v", shared.Len(), err)
	}
}

func TestHeldWithoutPrice(t *testing.T) {
	f := newFixture()
	f.keepByHand()
	book := f.store.books[key{"u", "p"}]
	book.Prices = nil
	f.store.books[key{"u", "p"}] = book
	f.record(t, add(trade(ledger.Buy, "own-1", "USD", "2026-01-05", "1", "290000"), trade(ledger.Buy, "vwce", "EUR", "2026-01-05", "10", "100")))
	held, err := f.Holdings(t.Context(), "u", "p", 3)
	if err != nil {
		t.Fatal(err)
	}
	if mark, there := held.Manual["own-1"]; !there || mark != nil || len(held.Manual) != 1 {
		t.Errorf("manual marks %+v, want one of the house that is empty", held.Manual)
	}
	if plain := newFixture(); true {
		plain.record(t, add(trade(ledger.Buy, "vwce", "EUR", "2026-01-05", "10", "100")))
		if held, err := plain.Holdings(t.Context(), "u", "p", 2); err != nil || held.Manual != nil {
			t.Errorf("who prices nothing by hand has %+v, %v", held.Manual, err)
		}
	}
}
