package sqlstore

import (
	"fmt"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func ownHouse() ledger.Own {
	return ledger.Own{
		Instrument: market.Instrument{ID: "own-house", Symbol: "HOUSE", Name: "The house", Currency: "EUR", Class: market.Property, Sector: "Homes", Country: "DE"},
		Group:      "Let", Note: "Bought with Ben",
	}
}

var ownLatest = market.MustDate("2026-03-02")

func priced(day, price string) market.Bar {
	return market.Bar{Date: market.MustDate(day), Close: money.MustParse(price)}
}

func (b *bench) book(owner ledger.OwnerID, portfolio ledger.PortfolioID) ledger.Book {
	b.t.Helper()
	book, err := b.Book(b.t.Context(), owner, portfolio)
	b.ok(err)
	return book
}

// with is a write whatever the sequence.
func with(w Write) func(int64) Write { return func(int64) Write { return w } }

func renderPrices(prices []ledger.ManualPrice) (text string) {
	for _, p := range prices {
		text += fmt.Sprint(p.Date, " ", p.Close, " ", p.EnteredAt, "\n")
	}
	return text
}

func TestOwnInstruments(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		b.user("ben")
		b.portfolio("anna", "p1")
		b.portfolio("ben", "p2")
		sequence, err := b.CreateOwnInstrument(ctx, "anna", "p1", ownHouse(), with(once("anna", audit.OwnCreated, "k1", "body", "answer")))
		b.ok(err)
		if sequence != 2 || b.sequenceOf("anna", "p1") != 2 {
			t.Errorf("the portfolio is at %d", sequence)
		}
		b.reopen()
		book := b.book("anna", "p1")
		if got := book.Own["own-house"]; fmt.Sprint(got) != fmt.Sprint(ownHouse()) || fmt.Sprint(book.Instruments["own-house"]) != fmt.Sprint(ownHouse().Instrument) {
			t.Errorf("the book knows %+v", got)
		}
		if other := b.book("ben", "p2"); len(other.Own) != 0 || len(other.Instruments) != 0 {
			t.Errorf("another's book knows %+v", other.Own)
		}
		_, err = b.CreateOwnInstrument(ctx, "ben", "p1", ownHouse(), with(entry("ben", audit.OwnCreated)))
		b.kind(err, fault.NotFound)
		twin := ownHouse()
		twin.Instrument.ID = "own-twin"
		_, err = b.CreateOwnInstrument(ctx, "anna", "p1", twin, with(entry("anna", audit.OwnCreated)))
		b.kind(err, fault.Invalid) // the symbol
		twin.Instrument.Symbol = "TWIN"
		_, err = b.CreateOwnInstrument(ctx, "anna", "p1", twin, with(once("anna", audit.OwnCreated, "k1", "body", "answer")))
		b.kind(err, fault.Conflict) // the idempotency key
		if b.sequenceOf("anna", "p1") != 2 {
			t.Error("what was refused took a sequence")
		}

		renamed := ownHouse()
		renamed.Instrument.Name, renamed.Instrument.Currency, renamed.Note = "The old house", "USD", ""
		_, err = b.UpdateOwnInstrument(ctx, "anna", "p1", 1, renamed, entry("anna", audit.OwnChanged))
		b.kind(err, fault.Stale)
		sequence, err = b.UpdateOwnInstrument(ctx, "anna", "p1", 2, renamed, entry("anna", audit.OwnChanged))
		b.ok(err)
		got := b.book("anna", "p1").Own["own-house"]
		if sequence != 3 || got.Instrument.Name != "The old house" || got.Note != "" || got.Instrument.Currency != "EUR" {
			t.Errorf("at %d it is %+v", sequence, got)
		}
		_, err = b.UpdateOwnInstrument(ctx, "ben", "p2", 1, renamed, entry("ben", audit.OwnChanged))
		b.kind(err, fault.NotFound)
		_, err = b.DeleteOwnInstrument(ctx, "ben", "p1", 3, "own-house", entry("ben", audit.OwnDeleted))
		b.kind(err, fault.NotFound)
	})
}

// An own instrument that was bought stays until nothing names it, and its prices go with it.
func TestOwnInstrumentInUse(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		b.portfolio("anna", "p1")
		_, err := b.CreateOwnInstrument(ctx, "anna", "p1", ownHouse(), with(entry("anna", audit.OwnCreated)))
		b.ok(err)
		b.appended("anna", "p1", Change{Added: []ledger.Activity{buy("a1", "2026-01-02", "own-house")}})
		_, err = b.ChangePrices(ctx, "anna", "p1", []ledger.PriceChange{{Instrument: "own-house", Set: []market.Bar{priced("2026-02-01", "300000")}}}, ownLatest, with(entry("anna", audit.PricesChanged)))
		b.ok(err)
		_, err = b.DeleteOwnInstrument(ctx, "anna", "p1", 4, "own-house", entry("anna", audit.OwnDeleted))
		b.kind(err, fault.Conflict)
		b.appended("anna", "p1", Change{Voided: []ledger.ActivityID{"a1"}})
		_, err = b.DeleteOwnInstrument(ctx, "anna", "p1", 4, "own-house", entry("anna", audit.OwnDeleted))
		b.kind(err, fault.Stale)
		_, err = b.DeleteOwnInstrument(ctx, "anna", "p1", 5, "own-house", entry("anna", audit.OwnDeleted))
		b.ok(err)
		if book := b.book("anna", "p1"); len(book.Own) != 0 || len(book.Prices) != 0 || len(book.Instruments) != 0 {
			t.Errorf("left are %+v and %+v", book.Own, book.Prices)
		}
		rows, err := b.Audits(ctx, "anna", 0, 100)
		b.ok(err)
		if last := rows[len(rows)-1]; last.Action != audit.OwnDeleted {
			t.Errorf("the last audit row is %+v", last)
		}
	})
}

func TestManualPrices(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.user("anna")
		b.user("ben")
		b.portfolio("anna", "p1")
		b.instruments("aapl")
		_, err := b.CreateOwnInstrument(ctx, "anna", "p1", ownHouse(), with(entry("anna", audit.OwnCreated)))
		b.ok(err)
		change := func(changes ...ledger.PriceChange) error {
			_, err := b.ChangePrices(ctx, "anna", "p1", changes, ownLatest, with(entry("anna", audit.PricesChanged)))
			return err
		}
		b.ok(change(
			ledger.PriceChange{Instrument: "own-house", Set: []market.Bar{priced("2026-02-01", "300000.50"), priced("2025-02-01", "290000")}},
			ledger.PriceChange{Instrument: "aapl", Set: []market.Bar{priced("2026-02-01", "123.45")}},
		))
		b.clock.advance(time.Hour)
		b.ok(change(ledger.PriceChange{Instrument: "own-house", Set: []market.Bar{priced("2025-02-01", "290000"), priced("2026-03-01", "310000")}}))
		b.reopen()
		want := "2025-02-01 290000 2026-03-02 14:30:00.123456 +0000 UTC\n2026-02-01 300000.50 2026-03-02 14:30:00.123456 +0000 UTC\n2026-03-01 310000 2026-03-02 15:30:00.123456 +0000 UTC\n"
		book := b.book("anna", "p1")
		if got := renderPrices(book.Prices["own-house"]); got != want {
			t.Errorf("prices\n%swant\n%s", got, want)
		}
		if len(book.Prices["aapl"]) != 1 || b.sequenceOf("anna", "p1") != 4 {
			t.Errorf("the other's prices are %v", book.Prices["aapl"])
		}
		b.kind(change(ledger.PriceChange{Instrument: "own-house", Set: []market.Bar{priced("2026-02-02", "1")}}, ledger.PriceChange{Instrument: "own-other", Set: []market.Bar{priced("2026-02-02", "1")}}), fault.NotFound)
		b.kind(change(ledger.PriceChange{Instrument: "own-house", Set: []market.Bar{priced("2026-02-02", "1"), priced("2026-03-03", "1")}}), fault.Invalid)
		if got := renderPrices(b.book("anna", "p1").Prices["own-house"]); got != want || b.sequenceOf("anna", "p1") != 4 {
			t.Errorf("half of what was refused is there:\n%s", got)
		}
		b.ok(change(ledger.PriceChange{Instrument: "aapl", Removed: []market.Date{market.MustDate("2026-02-01")}}))
		b.ok(change(ledger.PriceChange{Instrument: "own-house", Removed: []market.Date{market.MustDate("2026-02-01")}}))
		book = b.book("anna", "p1")
		if _, there := book.Prices["aapl"]; there || len(book.Prices["own-house"]) != 2 {
			t.Errorf("after deleting: %v", book.Prices)
		}
		_, err = b.ChangePrices(ctx, "ben", "p1", []ledger.PriceChange{{Instrument: "aapl", Set: []market.Bar{priced("2026-02-01", "1")}}}, ownLatest, with(entry("ben", audit.PricesChanged)))
		b.kind(err, fault.NotFound)
	})
}

func TestManualPricesAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.portfolio("anna", "p1")
		var changes []ledger.PriceChange
		for n := range ledger.ManualTotalMax/ledger.ManualPricesMax + 1 {
			c := ledger.PriceChange{Instrument: market.InstrumentID(fmt.Sprint("i", n))}
			for day := range ledger.ManualPricesMax {
				c.Set = append(c.Set, market.Bar{Date: ownLatest - market.Date(day), Close: money.One})
			}
			changes = append(changes, c)
		}
		_, err := b.ChangePrices(t.Context(), "anna", "p1", changes, ownLatest, with(entry("anna", audit.PricesChanged)))
		b.kind(err, fault.TooLarge)
		if len(b.book("anna", "p1").Prices) != 0 {
			t.Error("some of too many are there")
		}
	})
}
