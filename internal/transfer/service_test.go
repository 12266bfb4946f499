package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// memoryJournal keeps one book; the ledger's rules hold.
type memoryJournal struct {
	book    ledger.Book
	stale   int // how many records find the portfolio changed under them
	records int
	atHand  *ledger.Book // an older one that a node has, or nil
}

var importDay = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// Book gives what is at hand for as long as that will do, as the journal does.
func (j *memoryJournal) Book(_ context.Context, _ ledger.OwnerID, _ ledger.PortfolioID, atLeast int64) (*ledger.Book, error) {
	if j.atHand != nil && j.atHand.Portfolio.Sequence >= atLeast {
		return j.atHand, nil
	}
	book := j.book
	return &book, nil
}

func (j *memoryJournal) Record(_ context.Context, _ ledger.OwnerID, _ ledger.PortfolioID, expected *int64, changes ledger.Changes, write func(journal.Recorded) audit.Write) (journal.Recorded, error) {
	if j.stale > 0 {
		j.stale--
		j.book.Portfolio.Sequence++
	}
	if *expected != j.book.Portfolio.Sequence {
		return journal.Recorded{}, fault.New(fault.Stale, "changed meanwhile")
	}
	done := journal.Recorded{Sequence: *expected + 1}
	for i := range changes.Added {
		if changes.Added[i].ID == "" {
			changes.Added[i].ID = ledger.ActivityID(fmt.Sprintf("a%d-%d", done.Sequence, i))
		}
		done.IDs = append(done.IDs, changes.Added[i].ID)
	}
	after, err := ledger.Apply(j.book, changes, market.DateOf(importDay))
	if err != nil {
		return journal.Recorded{}, err
	}
	write(done)
	j.book = after
	j.book.Portfolio.Sequence = done.Sequence
	j.records++
	return done, nil
}

type oneInstrument struct{}

var world = market.Instrument{ID: "world", Symbol: "WRLD", MIC: "XETR", ISIN: "IE00B4L5Y983", Name: "World", Currency: "EUR", Class: market.ETF}

func (oneInstrument) Instrument(_ context.Context, id market.InstrumentID) (market.Instrument, error) {
	if id == world.ID {
		return world, nil
	}
	return market.Instrument{}, fault.New(fault.NotFound, "no such instrument")
}

func (oneInstrument) InstrumentBySymbol(_ context.Context, symbol, mic string) ([]market.Instrument, error) {
	if symbol == world.Symbol && (mic == "" || mic == world.MIC) {
		return []market.Instrument{world}, nil
	}
	return nil, nil
}

func (oneInstrument) InstrumentByISIN(_ context.Context, isin string) ([]market.Instrument, error) {
	if isin == world.ISIN {
		return []market.Instrument{world}, nil
	}
	return nil, nil
}

func newImport() (*Service, *memoryJournal) {
	j := &memoryJournal{book: ledger.Book{
		Portfolio:   ledger.Portfolio{ID: "p", Owner: "ann", BaseCurrency: "EUR", LotMethod: ledger.FIFO, Sequence: 1},
		Accounts:    []ledger.Account{{ID: "depot", Name: "Depot", Currency: "EUR"}},
		Instruments: map[market.InstrumentID]market.Instrument{world.ID: world},
	}}
	return NewService(Options{Journal: j, Instruments: oneInstrument{}, Now: func() time.Time { return importDay }}), j
}

func noWrite(Result) audit.Write { return audit.Write{} }

// However often a file's trades are repeated within it, the file brings each once, and again brings none; what a longer file has
// more than a shorter one is what it adds.
func TestTheSameFileAddsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.Custom(func(t *rapid.T) string {
			symbol := rapid.SampledFrom([]string{"WRLD", "world", "IE00B4L5Y983"}).Draw(t, "symbol")
			quantity := rapid.SampledFrom([]string{"1", "1.0", "2"}).Draw(t, "quantity")
			return fmt.Sprintf("2026-01-%02d,buy,%s,%s,%s,%s\n", rapid.IntRange(1, 3).Draw(t, "day"), symbol, quantity,
				rapid.SampledFrom([]string{"10", "10.00"}).Draw(t, "price"), rapid.SampledFrom([]string{"", "EUR"}).Draw(t, "currency"))
		})
		lines := rapid.SliceOfN(line, 1, 12).Draw(t, "lines")
		cut := rapid.IntRange(1, len(lines)).Draw(t, "cut")
		file := func(lines []string) *strings.Reader {
			return strings.NewReader("date,type,symbol,quantity,price,currency\n" + strings.Join(lines, ""))
		}
		s, j := newImport()
		for _, c := range []struct{ lines, added int }{{cut, cut}, {cut, 0}, {len(lines), len(lines) - cut}, {len(lines), 0}} {
			before := j.book.Portfolio.Sequence
			preview, err := s.Import(context.Background(), "ann", "p", 0, file(lines[:c.lines]), true, noWrite)
			if err != nil || j.book.Portfolio.Sequence != before {
				t.Fatalf("a dry run: %v, sequence %d", err, j.book.Portfolio.Sequence)
			}
			result, err := s.Import(context.Background(), "ann", "p", 0, file(lines[:c.lines]), false, noWrite)
			if err != nil || result.New != c.added || result.Duplicates != c.lines-c.added || preview.New != result.New || preview.Duplicates != result.Duplicates {
				t.Fatalf("%+v then %+v, %v; want %d new", preview, result, err, c.added)
			}
		}
		if len(j.book.Activities) != len(lines) {
			t.Fatalf("%d activities of %d lines", len(j.book.Activities), len(lines))
		}
	})
}

func TestNothingIsHalfImported(t *testing.T) {
	s, j := newImport()
	for name, file := range map[string]string{
		"a wrong number":  "date,type,symbol,quantity,price\n2026-01-05,buy,WRLD,1,10\n2026-01-06,buy,WRLD,x,10\n",
		"unknown symbol":  "date,type,symbol,quantity,price\n2026-01-05,buy,WRLD,1,10\n2026-01-06,buy,NOPE,1,10\n",
		"unknown account": "date,type,symbol,quantity,price,account\n2026-01-05,buy,WRLD,1,10,\n2026-01-06,buy,WRLD,1,10,Nope\n",
		"overselling":     "date,type,symbol,quantity,price\n2026-01-05,buy,WRLD,1,10\n2026-01-06,sell,WRLD,2,10\n",
		"in the future":   "date,type,symbol,quantity,price\n2026-01-05,buy,WRLD,1,10\n2027-01-06,buy,WRLD,2,10\n",
		"short row":       "date,type,symbol,quantity,price\n2026-01-05,buy,WRLD,1,10\n2026-01-06,sell\n",
	} {
		_, err := s.Import(t.Context(), "ann", "p", 0, strings.NewReader(file), false, noWrite)
		wrong, ok := errors.AsType[*fault.Error](err)
		if !ok || wrong.Kind != fault.Invalid || !strings.HasPrefix(wrong.Places[0].Location, "row 3") {
			t.Errorf("%s: %v", name, err)
		}
		preview, err := s.Import(t.Context(), "ann", "p", 0, strings.NewReader(file), true, noWrite)
		if err != nil || len(preview.Errors) != 1 || preview.Errors[0].Row != 3 {
			t.Errorf("%s: %+v %v", name, preview, err)
		}
	}
	if j.records != 0 || len(j.book.Activities) != 0 {
		t.Fatalf("stored %+v", j.book.Activities)
	}
}

// A portfolio that changes under an import makes it look again, not fail or add twice.
func TestImportStartsOverWhenThePortfolioChanged(t *testing.T) {
	s, j := newImport()
	file := "date,type,symbol,quantity,price\n2026-01-05,buy,WRLD,1,10\n"
	j.stale = attemptsMax - 1
	if result, err := s.Import(t.Context(), "ann", "p", 0, strings.NewReader(file), false, noWrite); err != nil || result.New != 1 || result.Sequence != int64(1+attemptsMax) {
		t.Fatalf("%+v %v", result, err)
	}
	j.stale = attemptsMax
	if _, err := s.Import(t.Context(), "ann", "p", 0, strings.NewReader(strings.Replace(file, "10\n", "11\n", 1)), false, noWrite); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("%v", err)
	}
}

// What another node made of a portfolio is there for an import that comes with it, and for one that finds it out.
func TestImportOnANodeThatHasAnOlderBook(t *testing.T) {
	file := "date,type,account,amount\n2026-01-05,deposit,Depot,10\n"
	for _, atLeast := range []int64{0, 2} {
		s, j := newImport()
		older := j.book
		older.Accounts, j.atHand = nil, &older
		j.book.Portfolio.Sequence = 2
		_, err := s.Import(t.Context(), "ann", "p", atLeast, strings.NewReader(file), false, noWrite)
		if atLeast == 2 && (err != nil || len(j.book.Activities) != 1) {
			t.Errorf("from sequence %d on: %v", atLeast, err)
		}
		if atLeast == 0 && !fault.Is(err, fault.Invalid) {
			t.Errorf("a book without the account: %v", err)
		}
	}
	s, j := newImport()
	older := j.book
	j.atHand = &older
	j.book.Portfolio.Sequence += 7
	if result, err := s.Import(t.Context(), "ann", "p", 0, strings.NewReader(file), false, noWrite); err != nil || result.Sequence != older.Portfolio.Sequence+8 {
		t.Errorf("an import that finds out: %+v, %v", result, err)
	}
}

func TestMinorUnitsAreTurnedIntoTheirCurrency(t *testing.T) {
	s, j := newImport()
	file := "date,type,amount,currency,fee\n2026-01-05,deposit,1234.5,GBp,\n2026-01-06,fee,50,GBX,\n"
	if _, err := s.Import(t.Context(), "ann", "p", 0, strings.NewReader(file), false, noWrite); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"12.345", "0.5"} {
		if a := j.book.Activities[i]; a.Currency != "GBP" || a.Amount.Reduced().String() != want {
			t.Errorf("%s %s, want %s GBP", a.Amount, a.Currency, want)
		}
	}
}

// Notes are text in lines; what can't be shown is refused by row.
func TestNotesAreText(t *testing.T) {
	s, j := newImport()
	for note, ok := range map[string]bool{"two\n\tlines\r\nof text": true, "ümlaut €": true, "bell\a": false, "escape \x1b[31m": false, "\u0085 next": false, "delete\x7f": false} {
		file := "date,type,amount,note\n2026-01-05,deposit,1,\"x" + note + "x\"\n"
		result, err := s.Import(t.Context(), "ann", "p", 0, strings.NewReader(file), true, noWrite)
		if err != nil || (len(result.Errors) == 0) != ok || !ok && (result.Errors[0].Row != 2 || result.Errors[0].Column != "note") {
			t.Errorf("%q: %+v, %v", note, result, err)
		}
	}
	if j.records != 0 {
		t.Error("stored")
	}
}
