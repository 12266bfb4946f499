package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func TestBookIsWhatWasAppended(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.portfolio("anna", "p1")
		b.instruments("aapl", "msft")
		first := buy("a1", "2024-05-02", "aapl")
		full := ledger.Activity{ID: "a2", Date: market.MustDate("2024-05-01"), Type: ledger.Dividend, Account: "acc-p1", Instrument: "msft", Quantity: number("0.5"), Price: number("1"),
			Amount: number("-0.010"), Currency: "USD", Fee: money.MustParse("0.1"), Tax: money.MustParse("2.30"), FXRate: number("0.923"), ToAccount: "other",
			Ratio: &ledger.Ratio{New: money.MustParse("3"), Old: money.MustParse("2")}, Reinvest: true, Refund: true, Note: "ünïcode\n",
			ToInstrument: "aapl", CostShare: number("0.20"), ToCurrency: "CHF", ToAmount: number("9.50"),
			Lots: []ledger.Choice{{ID: "a1", Quantity: money.MustParse("4")}, {ID: "b1", Quantity: money.MustParse("0.000000000000000001")}}}
		cash := ledger.Activity{ID: "a3", Date: market.MustDate("2024-05-02"), Type: ledger.Deposit, Account: "acc-p1", Amount: number("100"), Currency: "EUR"}
		if got := b.appended("anna", "p1", Change{Added: []ledger.Activity{first, full}, Snapshot: []byte("positions")}); got != 2 {
			t.Errorf("sequence %d", got)
		}
		b.appended("anna", "p1", Change{Added: []ledger.Activity{cash}})
		b.reopen()
		book, err := b.Book(t.Context(), "anna", "p1")
		b.ok(err)
		recorded := testStart
		first.Position, first.Version, first.RecordedAt = 1, 1, recorded
		full.Position, full.Version, full.RecordedAt = 2, 1, recorded
		cash.Position, cash.Version, cash.RecordedAt = 3, 1, recorded
		if got, want := render(book.Activities), render([]ledger.Activity{full, first, cash}); got != want {
			t.Errorf("activities\n%s\nwant\n%s", got, want)
		}
		if book.Portfolio.Sequence != 3 || book.Portfolio.Name != "Portfolio p1" || book.Portfolio.BaseCurrency != "EUR" || len(book.Accounts) != 1 || book.Accounts[0].Name != "Depot" {
			t.Errorf("portfolio %+v, accounts %+v", book.Portfolio, book.Accounts)
		}
		if len(book.Instruments) != 2 || book.Instruments["aapl"].Symbol != "AAPL" {
			t.Errorf("instruments %+v", book.Instruments)
		}
		sequence, data, err := b.Snapshot(t.Context(), "anna", "p1")
		if err != nil || sequence != 2 || string(data) != "positions" {
			t.Errorf("snapshot %d %q %v", sequence, data, err)
		}
	})
}

func TestNothingIsOverwritten(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.portfolio("anna", "p1")
		b.instruments("aapl")
		b.appended("anna", "p1", Change{Added: []ledger.Activity{buy("a1", "2024-05-02", "aapl"), buy("a2", "2024-05-03", "aapl")}})
		b.clock.advance(time.Hour)
		corrected := buy("a1", "2024-05-04", "aapl")
		corrected.Quantity = number("11")
		b.appended("anna", "p1", Change{Corrected: []ledger.Activity{corrected}, Voided: []ledger.ActivityID{"a2"}})

		history, err := b.History(t.Context(), "anna", "p1", "a1")
		b.ok(err)
		if len(history) != 2 || history[0].Quantity.String() != "10.000000000000000001" || history[1].Quantity.String() != "11" ||
			history[0].Version != 1 || history[1].Version != 2 || history[1].Position != 1 || !history[1].RecordedAt.Equal(testStart.Add(time.Hour)) {
			t.Errorf("history of a1:\n%s", render(history))
		}
		history, err = b.History(t.Context(), "anna", "p1", "a2")
		b.ok(err)
		if len(history) != 2 || history[0].Voided || !history[1].Voided || history[1].Note != "note of a2" {
			t.Errorf("history of a2:\n%s", render(history))
		}
		book, err := b.Book(t.Context(), "anna", "p1")
		b.ok(err)
		if len(book.Activities) != 1 || book.Activities[0].ID != "a1" || book.Activities[0].Version != 2 {
			t.Errorf("book:\n%s", render(book.Activities))
		}
		journal, err := b.Activities(t.Context(), "anna", "p1")
		b.ok(err)
		if len(journal) != 2 || !journal[0].Voided || journal[0].ID != "a2" || journal[1].Voided {
			t.Errorf("journal:\n%s", render(journal))
		}

		at := b.sequenceOf("anna", "p1")
		for name, c := range map[string]struct {
			change Change
			want   fault.Kind
		}{
			"void twice":           {Change{Voided: []ledger.ActivityID{"a2"}}, fault.Conflict},
			"correct a voided one": {Change{Corrected: []ledger.Activity{buy("a2", "2024-05-04", "aapl")}}, fault.Conflict},
			"correct an unknown":   {Change{Corrected: []ledger.Activity{buy("a9", "2024-05-04", "aapl")}}, fault.NotFound},
			"void an unknown":      {Change{Voided: []ledger.ActivityID{"a9"}}, fault.NotFound},
			"an id that is taken":  {Change{Added: []ledger.Activity{buy("a3", "2024-05-04", "aapl"), buy("a1", "2024-05-04", "aapl")}}, fault.Conflict},
		} {
			_, err := b.Append(t.Context(), "anna", "p1", at, c.change, entry("anna", audit.ActivitiesAdded))
			if fault.KindOf(err) != c.want {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := b.sequenceOf("anna", "p1"); got != at {
			t.Errorf("a refused change moved the sequence from %d to %d", at, got)
		}
		if _, err := b.History(t.Context(), "anna", "p1", "a3"); !fault.Is(err, fault.NotFound) {
			t.Errorf("half of a refused change is there: %v", err)
		}
	})
}

func TestAppendInsistsOnTheSequence(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.portfolio("anna", "p1")
		b.instruments("aapl")
		b.appended("anna", "p1", Change{Added: []ledger.Activity{buy("a1", "2024-05-02", "aapl")}})
		for _, expected := range []int64{1, 3, 0, -1} {
			_, err := b.Append(t.Context(), "anna", "p1", expected, Change{Added: []ledger.Activity{buy("a2", "2024-05-02", "aapl")}}, entry("anna", audit.ActivitiesAdded))
			b.kind(err, fault.Stale)
		}
		_, err := b.Append(t.Context(), "anna", "none", 0, Change{}, entry("anna", audit.ActivitiesAdded))
		b.kind(err, fault.NotFound)
	})
}

func TestConcurrentAppendsTakeOneSequenceEach(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const writers = 20
		b.user("anna")
		b.portfolio("anna", "p1")
		b.instruments("aapl")
		var wg sync.WaitGroup
		var mu sync.Mutex
		var taken []int64
		for i := range writers {
			wg.Go(func() {
				for range 10 * writers {
					p, err := b.Portfolio(t.Context(), "anna", "p1")
					if err != nil {
						t.Error(err)
						return
					}
					id := ledger.ActivityID(fmt.Sprintf("a%02d", i))
					sequence, err := b.Append(t.Context(), "anna", "p1", p.Sequence, Change{Added: []ledger.Activity{buy(id, "2024-05-02", "aapl")}}, entry("anna", audit.ActivitiesAdded))
					if fault.Is(err, fault.Stale) {
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					taken = append(taken, sequence)
					mu.Unlock()
					return
				}
				t.Error("never got through")
			})
		}
		wg.Wait()
		slices.Sort(taken)
		for i, sequence := range taken {
			if sequence != int64(i)+2 {
				t.Fatalf("sequences %v", taken)
			}
		}
		book, err := b.Book(t.Context(), "anna", "p1")
		b.ok(err)
		if len(book.Activities) != writers || book.Portfolio.Sequence != writers+1 {
			t.Fatalf("%d activities at %d", len(book.Activities), book.Portfolio.Sequence)
		}
		for i, a := range book.Activities {
			if a.Position != int64(i)+1 {
				t.Errorf("position %d at %d", a.Position, i)
			}
		}
		rows, err := b.Audits(t.Context(), "anna", 0, 1000)
		b.ok(err)
		for i, r := range rows {
			if r.Number != int64(i)+1 {
				t.Fatalf("audit row %d has number %d", i, r.Number)
			}
		}
		if len(rows) != writers+3 { // user, portfolio and account before
			t.Errorf("%d audit rows", len(rows))
		}
	})
}

func TestRequestIsAnsweredOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.user("berta")
		b.portfolio("anna", "p1")
		b.instruments("aapl")
		add := func(id ledger.ActivityID, expected int64, body string) error {
			_, err := b.Append(t.Context(), "anna", "p1", expected, Change{Added: []ledger.Activity{buy(id, "2024-05-02", "aapl")}},
				once("anna", audit.ActivitiesAdded, "key-1", body, `{"ids":["`+string(id)+`"]}`))
			return err
		}
		none, err := b.Answer(t.Context(), "anna", "key-1")
		if none != nil || err != nil {
			t.Fatalf("an answer before the request: %v, %v", none, err)
		}
		b.ok(add("a1", 1, "body"))
		for _, body := range []string{"body", "other body"} {
			err := add("a2", 2, body)
			b.kind(err, fault.Conflict)
			if !errors.Is(err, ErrRepeated) {
				t.Errorf("the cause is not ErrRepeated: %v", err)
			}
		}
		if got := b.sequenceOf("anna", "p1"); got != 2 {
			t.Errorf("sequence %d: a repeated request did something", got)
		}
		b.reopen()
		stored, err := b.Answer(t.Context(), "anna", "key-1")
		b.ok(err)
		if stored == nil || stored.Status != 201 || string(stored.Answer) != `{"ids":["a1"]}` || string(stored.BodyHash[:4]) != "body" {
			t.Errorf("stored %+v", stored)
		}
		for _, c := range []struct {
			owner ledger.OwnerID
			key   string
		}{{"berta", "key-1"}, {"anna", "key-2"}, {"nobody", "key-1"}} {
			if other, err := b.Answer(t.Context(), c.owner, c.key); other != nil || err != nil {
				t.Errorf("%v: %v, %v", c, other, err)
			}
		}
		b.ok(b.PruneAnswers(t.Context(), testStart))
		if stored, _ := b.Answer(t.Context(), "anna", "key-1"); stored == nil {
			t.Error("pruned too early")
		}
		b.ok(b.PruneAnswers(t.Context(), testStart.Add(time.Microsecond)))
		if stored, _ := b.Answer(t.Context(), "anna", "key-1"); stored != nil {
			t.Error("not pruned")
		}
	})
}

func TestChangeWithoutAuditIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.portfolio("anna", "p1")
		b.instruments("aapl")
		_, err := b.Append(t.Context(), "anna", "p1", 1, Change{Added: []ledger.Activity{buy("a1", "2024-05-02", "aapl")}}, Write{})
		b.kind(err, fault.Internal)
		if got := b.sequenceOf("anna", "p1"); got != 1 {
			t.Errorf("sequence %d", got)
		}
		rows, err := b.Audits(t.Context(), "anna", 0, 10)
		b.ok(err)
		var actions []audit.Action
		for _, r := range rows {
			actions = append(actions, r.Action)
		}
		if want := []audit.Action{audit.UserCreated, audit.PortfolioCreated, audit.AccountCreated}; !slices.Equal(actions, want) {
			t.Errorf("actions %v, want %v", actions, want)
		}
		if r := rows[1]; r.Actor != "anna" || r.Owner != "anna" || r.RequestID != "r1" || r.Result != "ok" || !r.At.Equal(testStart) {
			t.Errorf("row %+v", r)
		}
	})
}

func TestCancelledAppendLeavesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.portfolio("anna", "p1")
		b.instruments("aapl")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := b.Append(ctx, "anna", "p1", 1, Change{Added: []ledger.Activity{buy("a1", "2024-05-02", "aapl")}}, entry("anna", audit.ActivitiesAdded))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before: %v", err)
		}
		// In the middle: the transaction has written when the caller goes away.
		ctx, cancel = context.WithCancel(t.Context())
		err = b.db.write(ctx, func(q queries) error {
			if _, _, err := b.bump(ctx, q, "anna", "p1"); err != nil {
				return err
			}
			cancel()
			_, _, err := b.bump(ctx, q, "anna", "p1")
			return err
		})
		if err == nil {
			t.Error("a cancelled transaction was committed")
		}
		if got := b.sequenceOf("anna", "p1"); got != 1 {
			t.Errorf("sequence %d", got)
		}
		b.appended("anna", "p1", Change{Added: []ledger.Activity{buy("a1", "2024-05-02", "aapl")}})
	})
}

func TestActivityRecordRoundTrip(t *testing.T) {
	key, _, err := mustRoot(t).NewUserKey("anna", 1, mustRoot(t).RootKeys()[0])
	if err != nil {
		t.Fatal(err)
	}
	decimals := rapid.Custom(func(t *rapid.T) money.Decimal {
		return money.NewDecimal(rapid.Int64().Draw(t, "coefficient"), rapid.Int32Range(-20, 5).Draw(t, "exponent"))
	})
	optional := rapid.Ptr(decimals, true)
	rapid.Check(t, func(t *rapid.T) {
		a := ledger.Activity{ID: "a1", Version: 1, Position: 1, Date: market.Date(rapid.Int32().Draw(t, "date")), Type: ledger.Type(rapid.String().Draw(t, "type")),
			Account: ledger.AccountID(rapid.String().Draw(t, "account")), Instrument: market.InstrumentID(rapid.String().Draw(t, "instrument")), Quantity: optional.Draw(t, "quantity"),
			Price: optional.Draw(t, "price"), Amount: optional.Draw(t, "amount"), Currency: "EUR", Fee: decimals.Draw(t, "fee"), FXRate: optional.Draw(t, "rate"),
			Reinvest: rapid.Bool().Draw(t, "reinvest"), Refund: rapid.Bool().Draw(t, "refund"), Note: rapid.String().Draw(t, "note"),
			ToInstrument: market.InstrumentID(rapid.String().Draw(t, "to instrument")), CostShare: optional.Draw(t, "cost share"),
			ToCurrency: money.Currency(rapid.String().Draw(t, "to currency")), ToAmount: optional.Draw(t, "to amount")}
		for range rapid.IntRange(0, 3).Draw(t, "lots") {
			a.Lots = append(a.Lots, ledger.Choice{ID: ledger.ActivityID(rapid.String().Draw(t, "lot")), Quantity: decimals.Draw(t, "of it")})
		}
		row, err := sealActivity(key, "p1", &a)
		if err != nil {
			t.Fatal(err)
		}
		back := ledger.Activity{ID: a.ID, Version: 1, Position: 1}
		if err := openActivity(key, "p1", &back, row[activityColumns-1].([]byte)); err != nil {
			t.Fatal(err)
		}
		if a.Fee.IsZero() {
			a.Fee = money.Zero // 0.00 is kept as 0
		}
		if got, want := render(back), render(a); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}

// What an instrument becomes is in a book before anything of it was held.
func TestBookKnowsWhatInstrumentsBecome(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.portfolio("anna", "p1")
		b.instruments("aapl", "msft")
		rename := ledger.Activity{ID: "a2", Date: market.MustDate("2024-05-03"), Type: ledger.Rename, Instrument: "aapl", ToInstrument: "msft", Currency: "USD"}
		b.appended("anna", "p1", Change{Added: []ledger.Activity{buy("a1", "2024-05-02", "aapl"), rename}})
		book, err := b.Book(t.Context(), "anna", "p1")
		b.ok(err)
		if len(book.Instruments) != 2 || book.Instruments["msft"].Symbol != "MSFT" || book.Activities[1].ToInstrument != "msft" {
			t.Errorf("instruments %+v, activities %+v", book.Instruments, book.Activities)
		}
	})
}

// What activities were before they were corrected is there for as long as they are.
func TestSupersededVersions(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.user("eve")
		b.portfolio("anna", "p1")
		b.instruments("aapl")
		b.appended("anna", "p1", Change{Added: []ledger.Activity{buy("a1", "2024-05-02", "aapl"), buy("a2", "2024-05-03", "aapl"), buy("a3", "2024-05-04", "aapl")}})
		b.appended("anna", "p1", Change{Corrected: []ledger.Activity{buy("a1", "2024-06-02", "aapl"), buy("a2", "2024-06-03", "aapl")}})
		b.appended("anna", "p1", Change{Corrected: []ledger.Activity{buy("a1", "2024-07-02", "aapl")}, Voided: []ledger.ActivityID{"a2"}})
		got, err := b.Superseded(t.Context(), "anna", "p1")
		b.ok(err)
		if len(got) != 2 || got[0].ID != "a1" || got[0].Date != market.MustDate("2024-05-02") || got[1].Date != market.MustDate("2024-06-02") {
			t.Errorf("superseded: %s", render(got))
		}
		_, err = b.Superseded(t.Context(), "eve", "p1")
		b.kind(err, fault.NotFound)
	})
}
