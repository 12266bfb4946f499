package figures

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

const acceptedOrigin = market.Date(19000)

// drawAny draws an activity of any type; what is wrong with many of them is for ledger.Apply to find.
func drawAny(t *rapid.T, book ledger.Book, i int) ledger.Activity {
	number := func(label string, most int64, places int32) *money.Decimal {
		x := money.NewDecimal(rapid.Int64Range(1, most).Draw(t, label), -places)
		return &x
	}
	account := rapid.SampledFrom([]ledger.AccountID{"a", "b"})
	instrument := rapid.SampledFrom([]market.InstrumentID{"i0", "i1", "i2"})
	a := ledger.Activity{
		ID: ledger.ActivityID(fmt.Sprintf("x%d", i)), Account: account.Draw(t, "account"), Instrument: instrument.Draw(t, "instrument"),
		Date: acceptedOrigin + market.Date(i/2+rapid.IntRange(0, 2).Draw(t, "day")),
		Type: rapid.SampledFrom([]ledger.Type{
			ledger.Buy, ledger.Buy, ledger.Buy, ledger.Sell, ledger.Sell, ledger.DeliverIn, ledger.DeliverOut, ledger.Transfer, ledger.Dividend, ledger.Split, ledger.Split,
			ledger.CashTransfer, ledger.SpinOff, ledger.SpinOff, ledger.Merger, ledger.Merger, ledger.ReturnOfCapital, ledger.Rename, ledger.WriteOff, ledger.Deposit,
		}).Draw(t, "type"),
	}
	ratio := func() *ledger.Ratio { return &ledger.Ratio{New: *number("new", 3, 0), Old: *number("old", 3, 0)} }
	if a.Type.OfEveryAccount() && rapid.Bool().Draw(t, "every account") {
		a.Account = ""
	}
	if rapid.IntRange(0, 3).Draw(t, "fee") == 0 {
		a.Fee = *number("fee", 99, 2)
	}
	switch a.Type {
	case ledger.Dividend:
		a.Amount = number("amount", 999, 2)
		if rapid.Bool().Draw(t, "reinvest") {
			a.Reinvest, a.Quantity = true, number("quantity", 20, 0)
		}
	case ledger.Split:
		a.Ratio = ratio()
	case ledger.SpinOff:
		a.Ratio, a.ToInstrument, a.CostShare = ratio(), instrument.Draw(t, "to"), number("cost share", 10, 1)
	case ledger.Merger:
		a.Ratio, a.ToInstrument = ratio(), instrument.Draw(t, "to")
		if rapid.Bool().Draw(t, "cash") {
			a.Amount = number("amount", 9999, 2)
		}
	case ledger.Rename:
		a.ToInstrument = instrument.Draw(t, "to")
	case ledger.ReturnOfCapital:
		a.Amount = number("amount", 9999, 2)
	case ledger.WriteOff:
	case ledger.CashTransfer, ledger.Deposit:
		a.Instrument, a.Amount = "", number("amount", 9999, 2)
		if a.Type == ledger.CashTransfer {
			a.ToAccount, a.ToCurrency, a.ToAmount = account.Draw(t, "to account"), "USD", number("to amount", 9999, 2)
		}
	case ledger.Transfer:
		a.Quantity, a.ToAccount = number("quantity", 20, 0), map[ledger.AccountID]ledger.AccountID{"a": "b", "b": "a"}[a.Account]
		a.Lots = drawLots(t, book, a)
	default:
		a.Quantity, a.Price = number("quantity", 20, 0), number("price", 9999, 2)
		if a.Type != ledger.Buy && a.Type != ledger.DeliverIn {
			a.Lots = drawLots(t, book, a)
		}
	}
	return a
}

// drawLots names lots that are mostly there: those of the book as it is, until the quantity is reached.
func drawLots(t *rapid.T, book ledger.Book, a ledger.Activity) []ledger.Choice {
	if rapid.IntRange(0, 9).Draw(t, "no lots") == 0 {
		return nil
	}
	h, err := Hold(book, &Market{})
	if err != nil {
		t.Fatal(err)
	}
	var chosen []ledger.Choice
	left := *a.Quantity
	for _, lot := range h.Lots(a.Instrument) {
		part := lot.Quantity
		if part.Sign() <= 0 || left.IsZero() || book.Portfolio.LotScope == ledger.ScopeAccount && lot.Account != a.Account {
			continue
		}
		if part.Cmp(left) > 0 {
			part = left
		}
		chosen = append(chosen, ledger.Choice{ID: lot.ID, Quantity: part})
		left = left.Sub(part)
	}
	return chosen
}

// texts is a value as it is written, numbers without what is not part of their worth.
func texts(t *rapid.T, value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What Apply accepts, evaluate accepts: under the portfolio's method and scope without an error, under any other exactly where
// CheckLots finds nothing in the way. And whatever it is, the identity holds.
func TestWhatIsAcceptedCanBeEvaluated(t *testing.T) {
	accepted, refused, others := map[ledger.Type]int{}, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		book := ledger.Book{
			Portfolio: ledger.Portfolio{
				BaseCurrency: "EUR", LotMethod: rapid.SampledFrom(append(ledger.LotMethods(), ledger.Specific)).Draw(t, "method"),
				LotScope:   rapid.SampledFrom([]ledger.LotScope{ledger.ScopeAccount, ledger.ScopePortfolio}).Draw(t, "scope"),
				AllowShort: rapid.Bool().Draw(t, "shorts"),
			},
			Accounts: []ledger.Account{{ID: "a"}, {ID: "b"}}, Instruments: map[market.InstrumentID]market.Instrument{},
		}
		m := &Market{Series: map[market.InstrumentID]*market.Series{}}
		for _, id := range []market.InstrumentID{"i0", "i1", "i2"} {
			book.Instruments[id] = market.Instrument{ID: id, Symbol: string(id), Currency: "EUR", Class: market.Stock}
			m.Series[id] = series(id, "EUR", market.Bar{Date: acceptedOrigin - 1, Close: money.NewDecimal(10, 0)})
		}
		usd := market.RateID("USD")
		m.Series[usd] = series(usd, "USD", market.Bar{Date: acceptedOrigin - 1, Close: money.MustParse("1.25")})
		for i := range rapid.IntRange(1, 20).Draw(t, "activities") {
			changes := ledger.Changes{}
			if len(book.Activities) > 0 && rapid.IntRange(0, 7).Draw(t, "void") == 0 {
				changes.Voided = []ledger.ActivityID{rapid.SampledFrom(book.Activities).Draw(t, "voided").ID}
			} else {
				changes.Added = []ledger.Activity{drawAny(t, book, i)}
			}
			after, err := ledger.Apply(book, changes, acceptedOrigin+100)
			if err != nil {
				refused++
				if !fault.Is(err, fault.Invalid) {
					t.Fatal(err)
				}
				continue
			}
			book = after
			for _, a := range changes.Added {
				accepted[a.Type]++
			}
		}
		beside, err := Methods(book, m, acceptedOrigin, acceptedOrigin+20)
		if err != nil {
			t.Fatal(err)
		}
		for _, method := range ledger.LotMethods() {
			for _, scope := range []ledger.LotScope{ledger.ScopeAccount, ledger.ScopePortfolio} {
				own := method == book.Portfolio.LotMethod && scope == book.Portfolio.LotScope
				other := book
				other.Portfolio.LotMethod, other.Portfolio.LotScope = method, scope
				stands := ledger.CheckLots(book, method, scope)
				out, err := Performance(other, m, acceptedOrigin, acceptedOrigin+20, "")
				if own && err != nil {
					t.Fatalf("accepted under %s of the %s, but evaluate says %v", method, scope, err)
				}
				if (stands == nil) != (err == nil) {
					t.Fatalf("%s of the %s: the ledger says %v, evaluate %v", method, scope, stands, err)
				}
				at := slices.IndexFunc(beside, func(b ByMethod) bool { return b.Method == method && b.Scope == scope })
				if at < 0 || beside[at].Current != own || (beside[at].Reason == "") != (err == nil) {
					t.Fatalf("%s of the %s among all methods: %+v, evaluate says %v", method, scope, beside, err)
				}
				if err != nil {
					others++
					continue
				}
				if got := beside[at]; texts(t, got.Totals) != texts(t, out.Totals) || texts(t, got.Positions) != texts(t, out.Positions) {
					t.Fatalf("%s of the %s among all methods: %s, evaluate says %s", method, scope, texts(t, got.Totals), texts(t, out.Totals))
				}
				h, err := Hold(other, m)
				if err != nil {
					t.Fatal(err)
				}
				for _, one := range h.held {
					sum := money.Zero
					for _, part := range one.inAccount {
						sum = sum.Add(part.quantity)
					}
					if !sum.Equal(one.quantity) {
						t.Fatalf("%s of the %s: accounts hold %v, together %s", method, scope, one.inAccount, one.quantity)
					}
				}
				if !out.Identity.Holds {
					t.Fatalf("%s of the %s: parts miss the profit by %s", method, scope, out.Identity.Difference)
				}
				if book.Portfolio.AllowShort {
					continue // the account that is short pays dividends, and whose lots are shared decides who is
				}
				profit := known(t, "profit", out.Totals.Profit)
				if first := slices.IndexFunc(beside, func(b ByMethod) bool { return b.Reason == "" }); !profit.Equal(known(t, "first profit", beside[first].Totals.Profit)) {
					t.Fatalf("the profit under %s of the %s is %s, under %s %s", method, scope, profit, beside[first].Method, beside[first].Totals.Profit)
				}
			}
		}
	})
	t.Logf("accepted %v, refused %d; %d other methods refused", accepted, refused, others)
}
