package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// twoInstruments are WRLD and what it may become.
type twoInstruments struct{ oneInstrument }

var moon = market.Instrument{ID: "moon", Symbol: "MOON", MIC: "XLON", Name: "Moon", Currency: "GBP", Class: market.Stock}

func (twoInstruments) InstrumentBySymbol(ctx context.Context, symbol, mic string) ([]market.Instrument, error) {
	if symbol == moon.Symbol && (mic == "" || mic == moon.MIC) {
		return []market.Instrument{moon}, nil
	}
	return oneInstrument{}.InstrumentBySymbol(ctx, symbol, mic)
}

// superseded are versions that corrections replaced.
type superseded []ledger.Activity

func (s *superseded) Superseded(context.Context, ledger.OwnerID, ledger.PortfolioID) ([]ledger.Activity, error) {
	return *s, nil
}

func newWideImport() (*Service, *memoryJournal, *superseded) {
	_, j := newImport()
	j.book.Accounts = append(j.book.Accounts, ledger.Account{ID: "bank", Name: "Bank", Currency: "GBP"})
	j.book.Instruments[moon.ID] = moon
	old := &superseded{}
	n := 0
	return NewService(Options{Journal: j, Instruments: twoInstruments{}, Versions: old, Now: func() time.Time { return importDay }, NewID: func() string {
		n++
		return fmt.Sprintf("new%d", n)
	}}), j, old
}

const wideFile = `id,date,type,account,symbol,quantity,price,amount,currency,ratio,to_symbol,to_mic,cost_share,to_account,to_currency,to_amount,lots
s1,2026-01-09,sell,Depot,WRLD,3,12,,,,,,,,,,b2:1 b1:2
b1,2026-01-02,buy,Depot,WRLD,5,10,,,,,,,,,,
b2,2026-01-03,buy,Depot,WRLD,5,11,,,,,,,,,,
,2026-01-10,spin_off,,WRLD,,,,,1:4,MOON,XLON,0.2,,,,
,2026-01-11,return_of_capital,Depot,MOON,,,100,GBX,,,,,,,,
,2026-01-12,cash_transfer,Depot,,,,50,EUR,,,,,Bank,GBp,4300,
,2026-01-13,merger,,WRLD,,,8,,2:1,MOON,,,,,,
,2026-01-14,write_off,,MOON,,,,,,,,,,,,
`

func mustImport(t *testing.T, s *Service, file string, added, duplicates int) {
	t.Helper()
	result, err := s.Import(t.Context(), "ann", "p", 0, strings.NewReader(file), false, noWrite)
	if err != nil || result.New != added || result.Duplicates != duplicates {
		t.Fatalf("%+v, %v; want %d new and %d duplicates", result, err, added, duplicates)
	}
}

func TestFilesHaveEveryType(t *testing.T) {
	s, j, _ := newWideImport()
	mustImport(t, s, wideFile, 8, 0)
	byType := map[ledger.Type]ledger.Activity{}
	for _, a := range j.book.Activities {
		byType[a.Type] = a
	}
	same := func(what string, got any, want string) {
		t.Helper()
		if fmt.Sprint(got) != want {
			t.Errorf("%s is %v, want %s", what, got, want)
		}
	}
	same("the lots of the sale", byType[ledger.Sell].Lots, "[{new2 1} {new1 2}]")
	same("the account of a spin-off", byType[ledger.SpinOff].Account, "")
	same("what is spun off", byType[ledger.SpinOff].ToInstrument, "moon")
	same("its share of cost", byType[ledger.SpinOff].CostShare, "0.2")
	same("capital returned", byType[ledger.ReturnOfCapital].Amount.Reduced(), "1")
	same("cash that arrives", byType[ledger.CashTransfer].ToAmount.Reduced(), "43")
	same("its currency", byType[ledger.CashTransfer].ToCurrency, "GBP")
	same("its account", byType[ledger.CashTransfer].ToAccount, "bank")
	same("the currency of a merger's cash", byType[ledger.Merger].Currency, "EUR")
	mustImport(t, s, wideFile, 0, 8)
	mustImport(t, s, wideFile+"s2,2026-01-09,sell,Depot,WRLD,1,12,,,,,,,,,,b1:1\n", 1, 8)
	same("a lot of a row that was there", j.book.Activities[3].Lots, "[{new1 1}]")
}

// A row whose activity was corrected after its import is still that activity; one that was voided is not there any more.
func TestCorrectedRowsAreKnownAgain(t *testing.T) {
	s, j, old := newWideImport()
	j.book.Accounts = j.book.Accounts[:1]
	file := "date,type,symbol,quantity,price\n2026-01-05,buy,WRLD,3,10\n2026-01-05,buy,WRLD,3,10\n2026-01-06,buy,WRLD,1,10\n"
	mustImport(t, s, file, 3, 0)
	corrected := j.book.Activities[0]
	price := money.MustParse("10.5")
	corrected.Price = &price
	*old = append(*old, j.book.Activities[0])
	after, err := ledger.Apply(j.book, ledger.Changes{Corrected: []ledger.Activity{corrected}}, market.DateOf(importDay))
	if err != nil {
		t.Fatal(err)
	}
	j.book = after
	mustImport(t, s, file, 0, 3)
	as := strings.Replace(file, "3,10\n", "3,10.5\n", 1) // the file has the right price by now
	mustImport(t, s, as, 0, 3)
	mustImport(t, s, file+"2026-01-05,buy,WRLD,3,10\n", 1, 3)
	s, j, _ = newWideImport()
	j.book.Accounts = j.book.Accounts[:1]
	mustImport(t, s, file, 3, 0)
	j.book.Activities = j.book.Activities[1:] // voided
	mustImport(t, s, file, 1, 2)
}

func TestWrongRowsOfNewTypesAreNamed(t *testing.T) {
	const head = "id,date,type,symbol,quantity,price,amount,ratio,to_symbol,cost_share,to_account,to_currency,to_amount,lots,account\n"
	for name, c := range map[string]struct{ row, column string }{
		"unknown target":        {",2026-01-05,rename,WRLD,,,,,NOPE,,,,,,", "to_symbol"},
		"no target":             {",2026-01-05,rename,WRLD,,,,,,,,,,,", "to_symbol"},
		"itself":                {",2026-01-05,merger,WRLD,,,,2:1,WRLD,,,,,,", "to_symbol"},
		"a share over 1":        {",2026-01-05,spin_off,WRLD,,,,1:4,MOON,1.1,,,,,", "cost_share"},
		"a share that is none":  {",2026-01-05,spin_off,WRLD,,,,1:4,MOON,20%,,,,,", "cost_share"},
		"a ratio with a 0":      {",2026-01-05,spin_off,WRLD,,,,0:4,MOON,0.1,,,,,", "ratio"},
		"cash that stays":       {",2026-01-05,cash_transfer,,,,5,,,,Depot,,,,Depot", "to_account"},
		"no currency":           {",2026-01-05,cash_transfer,,,,5,,,,Bank,XX1,4,,Depot", "to_currency"},
		"nothing arrives":       {",2026-01-05,cash_transfer,,,,5,,,,Bank,GBP,,,Depot", "to_amount"},
		"capital of nothing":    {",2026-01-05,return_of_capital,WRLD,,,5,,,,,,,,Depot", "symbol"},
		"lots in words":         {",2026-01-05,sell,WRLD,1,1,,,,,,,,first,Depot", "lots"},
		"a lot of nothing":      {",2026-01-05,sell,WRLD,1,1,,,,,,,,b1:0,Depot", "lots"},
		"a lot without a count": {",2026-01-05,sell,WRLD,1,1,,,,,,,,b1:,Depot", "lots"},
		"an id again":           {"b1,2026-01-05,buy,WRLD,1,1,,,,,,,,,Depot", "id"},
	} {
		s, j, _ := newWideImport()
		_, err := s.Import(t.Context(), "ann", "p", 0, strings.NewReader(head+"b1,2026-01-06,buy,WRLD,1,1,,,,,,,,,Depot\n"+c.row+"\n"), false, noWrite)
		wrong, ok := errors.AsType[*fault.Error](err)
		if !ok || wrong.Kind != fault.Invalid || wrong.Places[0].Location != "row 3, "+c.column || len(j.book.Activities) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
