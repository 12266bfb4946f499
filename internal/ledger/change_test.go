package ledger

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

var today = market.MustDate("2024-06-28")

func dec(text string) *money.Decimal {
	x := money.MustParse(text)
	return &x
}

func testBook() Book {
	return Book{
		Portfolio: Portfolio{ID: "p", BaseCurrency: "EUR", LotMethod: FIFO},
		Accounts:  []Account{{ID: "a", Name: "Depot", Currency: "EUR"}, {ID: "b", Name: "Other", Currency: "EUR"}, {ID: "c", Name: "Old", Closed: true}},
		Instruments: map[market.InstrumentID]market.Instrument{
			"i1": {ID: "i1", Symbol: "AAA", Currency: "EUR", Class: market.Stock}, "i2": {ID: "i2", Symbol: "BBB", Currency: "USD", Class: market.ETF},
			"fx-eur-USD": {ID: "fx-eur-USD", Class: market.FX},
		},
	}
}

func trade(id, date string, t Type, quantity string) Activity {
	return Activity{ID: ActivityID(id), Date: market.MustDate(date), Type: t, Account: "a", Instrument: "i1", Quantity: dec(quantity), Price: dec("10")}
}

func mustApply(t *testing.T, book Book, changes Changes) Book {
	t.Helper()
	after, err := Apply(book, changes, today)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return after
}

func TestApplyOrdersAndNumbers(t *testing.T) {
	book := mustApply(t, testBook(), Changes{Added: []Activity{trade("x", "2024-03-01", Buy, "5"), trade("y", "2024-01-01", Buy, "5")}})
	book = mustApply(t, book, Changes{Added: []Activity{trade("z", "2024-01-01", Sell, "5")}})
	got := ""
	for _, a := range book.Activities {
		got += string(a.ID)
		if a.Version != 1 || a.Currency != "EUR" {
			t.Errorf("%s has version %d and currency %q", a.ID, a.Version, a.Currency)
		}
	}
	if got != "yzx" {
		t.Errorf("order is %s, want yzx: by date, then by entry", got)
	}
	corrected := trade("y", "2024-02-01", Buy, "7")
	corrected.Currency = "USD"
	if _, err := Apply(book, Changes{Corrected: []Activity{corrected}}, today); err == nil || !strings.Contains(err.Error(), "2024-01-01") {
		t.Errorf("moving a purchase behind its sale: %v", err)
	}
	after := mustApply(t, book, Changes{Corrected: []Activity{corrected}, Voided: []ActivityID{"z"}})
	if len(after.Activities) != 2 || after.Activities[0].ID != "y" || after.Activities[0].Version != 2 || after.Activities[0].Position != 2 {
		t.Errorf("after the correction: %+v", after.Activities)
	}
	if len(book.Activities) != 3 || book.Activities[0].Version != 1 {
		t.Errorf("the given book was changed: %+v", book.Activities)
	}
}

func TestApplyRefuses(t *testing.T) {
	book := mustApply(t, testBook(), Changes{Added: []Activity{trade("b1", "2024-01-02", Buy, "10"), trade("s1", "2024-02-01", Sell, "6")}})
	with := func(change func(*Activity)) Changes {
		a := trade("new", "2024-03-01", Buy, "1")
		change(&a)
		return Changes{Added: []Activity{a}}
	}
	for _, c := range []struct {
		name    string
		changes Changes
		place   string
		says    string
	}{
		{"oversell", with(func(a *Activity) { a.Type, a.Quantity = Sell, dec("5") }), "activities[0].quantity", "5 AAA sold on 2024-03-01, but only 4 held: 1 too few"},
		{"sale before the purchase", with(func(a *Activity) { a.Type, a.Date = Sell, market.MustDate("2024-01-01") }), "activities[0].quantity", "1 too few"},
		{"sale that starves a later one", with(func(a *Activity) { a.Type, a.Date, a.Quantity = Sell, market.MustDate("2024-01-03"), dec("5") }), "activities", "6 AAA sold on 2024-02-01, but only 5 held"},
		{"void that starves a sale", Changes{Voided: []ActivityID{"b1"}}, "activities", "6 AAA sold on 2024-02-01, but only 0 held: 6 too few"},
		{"deliver out too much", with(func(a *Activity) { a.Type, a.Quantity = DeliverOut, dec("4.5") }), "activities[0].quantity", "0.5 too few"},
		{"transfer too much", with(func(a *Activity) { a.Type, a.Quantity, a.ToAccount = Transfer, dec("9"), "b" }), "activities[0].quantity", "transferred"},
		{"transfer to itself", with(func(a *Activity) { a.Type, a.ToAccount = Transfer, "a" }), "activities[0].to_account", ""},
		{"transfer without target", with(func(a *Activity) { a.Type = Transfer }), "activities[0].to_account", ""},
		{"transfer to nowhere", with(func(a *Activity) { a.Type, a.ToAccount = Transfer, "zz" }), "activities[0].to_account", "no such account"},
		{"closed account", with(func(a *Activity) { a.Account = "c" }), "activities[0].account", "closed"},
		{"unknown account", with(func(a *Activity) { a.Account = "nobody" }), "activities[0].account", "no such account"},
		{"no account", with(func(a *Activity) { a.Account = "" }), "activities[0].account", "missing"},
		{"unknown instrument", with(func(a *Activity) { a.Instrument = "zz" }), "activities[0].symbol", "no such instrument"},
		{"a rate as an instrument", with(func(a *Activity) { a.Instrument = "fx-eur-USD" }), "activities[0].symbol", "no such instrument"},
		{"no instrument", with(func(a *Activity) { a.Instrument = "" }), "activities[0].symbol", "needs"},
		{"no quantity", with(func(a *Activity) { a.Quantity = nil }), "activities[0].quantity", "needs"},
		{"no price", with(func(a *Activity) { a.Price = nil }), "activities[0].price", "needs"},
		{"negative quantity", with(func(a *Activity) { a.Quantity = dec("-1") }), "activities[0].quantity", "more than 0"},
		{"quantity of 0", with(func(a *Activity) { a.Quantity = dec("0") }), "activities[0].quantity", "more than 0"},
		{"negative price", with(func(a *Activity) { a.Price = dec("-1") }), "activities[0].price", "negative"},
		{"negative fee", with(func(a *Activity) { a.Fee = *dec("-1") }), "activities[0].fee", "negative"},
		{"negative tax", with(func(a *Activity) { a.Tax = *dec("-1") }), "activities[0].tax", "negative"},
		{"rate of 0", with(func(a *Activity) { a.FXRate = dec("0") }), "activities[0].fx_rate", "more than 0"},
		{"negative amount", with(func(a *Activity) { a.Type, a.Amount = Dividend, dec("-1") }), "activities[0].amount", "negative"},
		{"future", with(func(a *Activity) { a.Date = today + 1 }), "activities[0].date", "future"},
		{"long ago", with(func(a *Activity) { a.Date = market.NewDate(1899, 12, 31) }), "activities[0].date", "before"},
		{"currency", with(func(a *Activity) { a.Currency = "GBX" }), "activities[0].currency", "minor unit"},
		{"long note", with(func(a *Activity) { a.Note = strings.Repeat("x", NoteBytesMax+1) }), "activities[0].note", "longer"},
		{"type", with(func(a *Activity) { a.Type = "purchase" }), "activities[0].type", "purchase"},
		{"type of cases", with(func(a *Activity) { a.Type = external }), "activities[0].type", "external"},
		{"ratio", with(func(a *Activity) { a.Type, a.Ratio = Split, &Ratio{New: money.Zero, Old: money.One} }), "activities[0].ratio", "not a ratio"},
		{"no ratio", with(func(a *Activity) { a.Type = Split }), "activities[0].ratio", "needs"},
		{"reinvested without quantity", with(func(a *Activity) { a.Type, a.Amount, a.Quantity, a.Reinvest = Dividend, dec("5"), nil, true }), "activities[0].quantity", "reinvested"},
		{"id taken", with(func(a *Activity) { a.ID = "b1" }), "activities[0].id", "taken"},
	} {
		_, err := Apply(book, c.changes, today)
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Kind != fault.Invalid || len(e.Places) != 1 || e.Places[0].Location != c.place || !strings.Contains(e.Error(), c.says) {
			t.Errorf("%s: %v, want %s … %s", c.name, err, c.place, c.says)
		}
	}
	if _, err := Apply(book, Changes{Voided: []ActivityID{"nope"}}, today); !fault.Is(err, fault.NotFound) {
		t.Errorf("voiding what isn't there: %v", err)
	}
	if _, err := Apply(book, Changes{Corrected: []Activity{trade("nope", "2024-01-02", Buy, "1")}}, today); !fault.Is(err, fault.NotFound) {
		t.Errorf("correcting what isn't there: %v", err)
	}
	two := Changes{Added: []Activity{trade("n1", "2024-03-01", Buy, "1"), trade("n2", "2024-03-01", Buy, "1")}}
	two.Added[0].Price, two.Added[1].Account = nil, "nobody"
	_, err := Apply(book, two, today)
	if e, ok := errors.AsType[*fault.Error](err); !ok || len(e.Places) != 2 {
		t.Errorf("two wrong rows: %v", err)
	}
	closed := book
	closed.Portfolio.Closed = true
	if _, err := Apply(closed, Changes{Voided: []ActivityID{"s1"}}, today); !fault.Is(err, fault.Invalid) {
		t.Errorf("a closed portfolio took a change: %v", err)
	}
}

func TestApplyAllows(t *testing.T) {
	book := mustApply(t, testBook(), Changes{Added: []Activity{trade("b1", "2024-01-02", Buy, "9")}})
	split := trade("sp", "2024-01-05", Split, "1")
	split.Account, split.Quantity, split.Price, split.Ratio = "", nil, nil, &Ratio{New: money.One, Old: money.MustParse("3")}
	move := trade("t", "2024-01-06", Transfer, "2")
	move.ToAccount = "b"
	sale := trade("s", "2024-01-07", Sell, "2")
	sale.Account = "b"
	book = mustApply(t, book, Changes{Added: []Activity{split, move, sale, trade("s2", "2024-01-08", Sell, "1")}})
	over := Changes{Added: []Activity{trade("s3", "2024-01-09", Sell, "1")}}
	if _, err := Apply(book, over, today); err == nil {
		t.Error("sold more than the split and the transfer left")
	}
	book.Portfolio.AllowShort = true
	mustApply(t, book, over)
	if _, err := Apply(book, Changes{Added: []Activity{trade("d", "2024-01-09", DeliverOut, "1")}}, today); err == nil {
		t.Error("delivered out what isn't there, short positions allowed or not")
	}
	paid := Activity{ID: "i", Date: today, Type: Interest, Account: "a", Amount: dec("-3"), Currency: "CHF"}
	mustApply(t, book, Changes{Added: []Activity{paid}})
}

func TestParseRatio(t *testing.T) {
	if r, err := ParseRatio("3:2"); err != nil || r.String() != "3:2" || r.Apply(*dec("4")).String() != "6" || r.Unapply(*dec("6")).String() != "4" {
		t.Errorf("3:2 is %v %v", r, err)
	}
	for _, bad := range []string{"", "2", "1:2:3", "0:1", "1:0", "-1:2", "a:b", "1 : 2"} {
		if _, err := ParseRatio(bad); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}

// Hundreds of huge splits would give quantities that no arithmetic carries; what real instruments go through stays far below.
func TestSplitsAreBoundedTogether(t *testing.T) {
	split := func(id, date, account, ratio string) Activity {
		r, err := ParseRatio(ratio)
		if err != nil {
			t.Fatal(err)
		}
		return Activity{ID: ActivityID(id), Date: market.MustDate(date), Type: Split, Account: AccountID(account), Instrument: "i1", Ratio: &r}
	}
	many := func(ratio string, n int, account string) []Activity {
		all := []Activity{trade("bought", "2024-01-01", Buy, "1")}
		for i := range n {
			all = append(all, split(fmt.Sprintf("s%d", i), "2024-01-02", account, ratio))
		}
		return all
	}
	for _, c := range []struct {
		ratio, account string
		n              int
		ok             bool
	}{
		{"1000000:1", "", 5, true},
		{"1000000:1", "", 6, false},
		{"1:1000000", "", 5, true},
		{"1:1000000", "a", 6, false},
		{"1" + strings.Repeat("0", 59) + ":1", "", 1, false},
		{"1.0000000001:1", "", 500, true},
		{"3:7", "a", 80, true},
	} {
		_, err := Apply(testBook(), Changes{Added: many(c.ratio, c.n, c.account)}, today)
		if (err == nil) != c.ok {
			t.Errorf("%d × %s: %v", c.n, c.ratio, err)
		}
		var refused *fault.Error
		if err != nil && (!errors.As(err, &refused) || len(refused.Places) != 1 || !strings.HasSuffix(refused.Places[0].Location, "].ratio")) {
			t.Errorf("%d × %s is refused without its place: %v", c.n, c.ratio, err)
		}
	}
	book := mustApply(t, testBook(), Changes{Added: many("1000000:1", 5, "")})
	if _, err := Apply(book, Changes{Added: []Activity{split("older", "2023-12-31", "", "10:1")}}, today); err == nil {
		t.Error("an older split that makes the last too much was taken")
	}
}

// What is short is told by account, after all activities and splits.
func TestShortsAreWhatIsOpen(t *testing.T) {
	book := testBook()
	book.Portfolio.AllowShort = true
	at := func(a Activity, account AccountID, instrument market.InstrumentID) Activity {
		a.Account, a.Instrument = account, instrument
		return a
	}
	split := Activity{ID: "s", Date: market.MustDate("2024-01-03"), Type: Split, Instrument: "i2", Ratio: &Ratio{New: *dec("2"), Old: *dec("1")}}
	for _, step := range []struct {
		add  Activity
		want string
	}{
		{trade("a", "2024-01-01", Buy, "5"), ""},
		{trade("b", "2024-01-02", Sell, "7"), "[i1]"},
		{at(trade("c", "2024-01-02", Sell, "1"), "b", "i2"), "[i1 i2]"},
		{at(trade("d", "2024-01-02", Buy, "9"), "a", "i2"), "[i1 i2]"}, // in another account
		{split, "[i1 i2]"},
		{at(trade("e", "2024-01-04", Buy, "1"), "b", "i2"), "[i1 i2]"},
		{at(trade("f", "2024-01-05", Buy, "1"), "b", "i2"), "[i1]"},
		{trade("g", "2024-01-06", Buy, "2"), ""},
	} {
		book = mustApply(t, book, Changes{Added: []Activity{step.add}})
		got := ""
		if short := Shorts(book); len(short) > 0 {
			got = fmt.Sprint(short)
		}
		if got != step.want {
			t.Errorf("after %s: short of %s, want %s", step.add.ID, got, step.want)
		}
	}
}
