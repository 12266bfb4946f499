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

// action is an activity of every account that holds i1.
func action(id, date string, t Type, to string) Activity {
	return Activity{ID: ActivityID(id), Date: market.MustDate(date), Type: t, Instrument: "i1", ToInstrument: market.InstrumentID(to)}
}

func ratio(text string) *Ratio {
	r, err := ParseRatio(text)
	if err != nil {
		panic(err)
	}
	return &r
}

func named(a Activity, lots ...string) Activity {
	for _, lot := range lots {
		id, quantity, _ := strings.Cut(lot, ":")
		a.Lots = append(a.Lots, Choice{ID: ActivityID(id), Quantity: money.MustParse(quantity)})
	}
	return a
}

func in(account string, a Activity) Activity {
	a.Account = AccountID(account)
	return a
}

func TestApplyRefusesWhatActionsCantDo(t *testing.T) {
	book := mustApply(t, testBook(), Changes{Added: []Activity{trade("b1", "2024-01-02", Buy, "10")}})
	with := func(kind Type, change func(*Activity)) Activity {
		a := action("new", "2024-03-01", kind, "i2")
		a.Ratio, a.CostShare = ratio("1:4"), dec("0.2")
		change(&a)
		return a
	}
	cash := func(change func(*Activity)) Activity {
		a := Activity{ID: "new", Date: market.MustDate("2024-03-01"), Type: CashTransfer, Account: "a", Amount: dec("5"), Currency: "EUR", ToAccount: "b"}
		change(&a)
		return a
	}
	for _, c := range []struct {
		name        string
		a           Activity
		place, says string
	}{
		{"spin-off into nothing", with(SpinOff, func(a *Activity) { a.ToInstrument = "" }), "to_symbol", "needs"},
		{"spin-off into the unknown", with(SpinOff, func(a *Activity) { a.ToInstrument = "zz" }), "to_symbol", "no such instrument"},
		{"spin-off into a rate", with(SpinOff, func(a *Activity) { a.ToInstrument = "fx-eur-USD" }), "to_symbol", "no such instrument"},
		{"spin-off into itself", with(SpinOff, func(a *Activity) { a.ToInstrument = "i1" }), "to_symbol", "itself"},
		{"spin-off without a share", with(SpinOff, func(a *Activity) { a.CostShare = nil }), "cost_share", "needs"},
		{"share above 1", with(SpinOff, func(a *Activity) { a.CostShare = dec("1.0000000001") }), "cost_share", "between 0 and 1"},
		{"share below 0", with(SpinOff, func(a *Activity) { a.CostShare = dec("-0.1") }), "cost_share", "between 0 and 1"},
		{"ratio of 0", with(Merger, func(a *Activity) { a.Ratio = &Ratio{New: money.Zero, Old: money.One} }), "ratio", "not a ratio"},
		{"merger without a ratio", with(Merger, func(a *Activity) { a.Ratio = nil }), "ratio", "needs"},
		{"merger into itself", with(Merger, func(a *Activity) { a.ToInstrument = "i1" }), "to_symbol", "itself"},
		{"cash of a merger that nobody is part of", with(Merger, func(a *Activity) { a.Instrument, a.ToInstrument, a.Amount = "i2", "i1", dec("5") }), "amount", "to share cash by"},
		{"merger's fee of nobody", with(Merger, func(a *Activity) { a.Fee = *dec("1") }), "fee", "name the account"},
		{"rename's tax of nobody", with(Rename, func(a *Activity) { a.Tax = *dec("1") }), "tax", "name the account"},
		{"rename of an unknown account", with(Rename, func(a *Activity) { a.Account = "nobody" }), "account", "no such account"},
		{"rename without a name", with(Rename, func(a *Activity) { a.ToInstrument = "" }), "to_symbol", "needs"},
		{"capital of nothing", in("b", with(ReturnOfCapital, func(a *Activity) { a.Amount = dec("5") })), "symbol", "no AAA is held"},
		{"capital before the purchase", in("a", with(ReturnOfCapital, func(a *Activity) { a.Amount, a.Date = dec("5"), market.MustDate("2024-01-01") })), "symbol", "no AAA is held"},
		{"capital without an amount", in("a", with(ReturnOfCapital, func(*Activity) {})), "amount", "needs"},
		{"capital of no account", with(ReturnOfCapital, func(a *Activity) { a.Amount = dec("5") }), "account", "missing"},
		{"write-off of nothing", with(WriteOff, func(a *Activity) { a.Instrument = "" }), "symbol", "needs"},
		{"cash to nowhere", cash(func(a *Activity) { a.ToAccount = "" }), "to_account", "needs"},
		{"cash to itself", cash(func(a *Activity) { a.ToAccount = "a" }), "to_account", "another"},
		{"cash into the same currency", cash(func(a *Activity) { a.ToAccount, a.ToCurrency, a.ToAmount = "", "EUR", dec("5") }), "to_account", "another"},
		{"cash into the base, left out", cash(func(a *Activity) { a.ToAccount, a.Currency, a.ToCurrency, a.ToAmount = "a", "", "EUR", dec("5") }), "to_account", "another"},
		{"cash into what is no currency", cash(func(a *Activity) { a.ToCurrency, a.ToAmount = "GBX", dec("5") }), "to_currency", "minor unit"},
		{"cash that changes into nothing", cash(func(a *Activity) { a.ToCurrency = "USD" }), "to_amount", "needs"},
		{"cash below 0", cash(func(a *Activity) { a.ToCurrency, a.ToAmount = "USD", dec("-5") }), "to_amount", "negative"},
		{"cash to an unknown account", cash(func(a *Activity) { a.ToAccount = "nobody" }), "to_account", "no such account"},
		{"cash to a closed account", cash(func(a *Activity) { a.ToAccount = "c" }), "to_account", "closed"},
		{"a lot of 0", named(trade("new", "2024-03-01", Sell, "1"), "b1:0"), "lots[0].quantity", "more than 0"},
		{"a lot without an id", named(trade("new", "2024-03-01", Sell, "1"), ":1"), "lots[0].id", "missing"},
	} {
		_, err := Apply(book, Changes{Added: []Activity{c.a}}, today)
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Kind != fault.Invalid || len(e.Places) != 1 || e.Places[0].Location != "activities[0]."+c.place || !strings.Contains(e.Error(), c.says) {
			t.Errorf("%s: %v, want %s … %s", c.name, err, c.place, c.says)
		}
	}
}

// What actions leave is what can be sold afterwards, in every account that they touch and in no other.
func TestActionsMoveWhatIsHeld(t *testing.T) {
	held := []Activity{trade("b1", "2024-01-02", Buy, "8"), in("b", trade("b2", "2024-01-02", Buy, "4"))}
	of := func(id market.InstrumentID, account AccountID, quantity string) Activity {
		a := in(string(account), trade("s", "2024-05-01", Sell, quantity))
		a.Instrument = id
		return a
	}
	spinOff, merger, split := action("x", "2024-02-01", SpinOff, "i2"), action("x", "2024-02-01", Merger, "i2"), action("x", "2024-02-01", Split, "")
	spinOff.Ratio, spinOff.CostShare, merger.Ratio, split.Ratio = ratio("1:4"), dec("0.2"), ratio("3:2"), ratio("1:4")
	rename, writeOff := action("x", "2024-02-01", Rename, "i2"), action("x", "2024-02-01", WriteOff, "")
	for _, c := range []struct {
		name  string
		a     Activity
		left  [4]string // of i1 in a and b, of i2 in a and b
		scope LotScope
	}{
		{"spin-off", spinOff, [4]string{"8", "4", "2", "1"}, ScopeAccount},
		{"spin-off in b", in("b", spinOff), [4]string{"8", "4", "0", "1"}, ScopePortfolio},
		{"merger", merger, [4]string{"0", "0", "12", "6"}, ScopePortfolio},
		{"merger in a", in("a", merger), [4]string{"0", "4", "12", "0"}, ScopeAccount},
		{"rename", rename, [4]string{"0", "0", "8", "4"}, ScopeAccount},
		{"rename in a", in("a", rename), [4]string{"0", "4", "8", "0"}, ScopePortfolio},
		{"write-off", writeOff, [4]string{"0", "0", "0", "0"}, ScopePortfolio},
		{"write-off in b", in("b", writeOff), [4]string{"8", "0", "0", "0"}, ScopeAccount},
		{"split", split, [4]string{"2", "1", "0", "0"}, ScopePortfolio},
		{"split in b", in("b", split), [4]string{"8", "1", "0", "0"}, ScopePortfolio},
	} {
		for _, method := range []LotMethod{HIFO, Average} {
			book := testBook()
			book.Portfolio.LotMethod, book.Portfolio.LotScope = method, c.scope
			book = mustApply(t, book, Changes{Added: append([]Activity{c.a}, held...)})
			for i, quantity := range c.left {
				id, account := market.InstrumentID([]string{"i1", "i2"}[i/2]), AccountID([]string{"a", "b"}[i%2])
				if quantity != "0" {
					mustApply(t, book, Changes{Added: []Activity{of(id, account, quantity)}})
				}
				if _, err := Apply(book, Changes{Added: []Activity{of(id, account, quantity+".1")}}, today); err == nil {
					t.Errorf("%s: more than %s of %s sold in %s", c.name, quantity, id, account)
				}
			}
		}
	}
}

// A change of one instrument is held against what others make of it and what it makes of others, however far away.
func TestChangesReachWhatInstrumentsBecame(t *testing.T) {
	sale := trade("s", "2024-04-01", Sell, "5")
	sale.Instrument = "i2"
	back := action("r2", "2024-03-01", Rename, "i1")
	back.Instrument = "i2"
	again := action("r3", "2024-03-01", Rename, "i2")
	book := mustApply(t, testBook(), Changes{Added: []Activity{trade("b1", "2024-01-02", Buy, "5"), action("r1", "2024-02-01", Rename, "i2"), back, again, sale}})
	for _, c := range []struct {
		name    string
		changes Changes
		says    string
	}{
		{"the purchase", Changes{Voided: []ActivityID{"b1"}}, "5 BBB sold on 2024-04-01, but only 0 held"},
		{"the last name", Changes{Voided: []ActivityID{"r3"}}, "5 BBB sold on 2024-04-01, but only 0 held"},
		{"an older sale", Changes{Added: []Activity{trade("s0", "2024-01-03", Sell, "1")}}, "5 BBB sold on 2024-04-01, but only 4 held: 1 too few"},
		{"a write-off", Changes{Added: []Activity{action("w", "2024-03-02", WriteOff, ""), {ID: "w2", Date: market.MustDate("2024-03-02"), Type: WriteOff, Instrument: "i2"}}}, "sold on 2024-04-01"},
	} {
		_, err := Apply(book, c.changes, today)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// Names that go in a circle within a day end where the last says.
	mustApply(t, book, Changes{Voided: []ActivityID{"r2", "r3"}})
}

// Ratios are bounded along all that an instrument was, not by one name.
func TestRatiosAreBoundedAlongNames(t *testing.T) {
	var all []Activity
	for i := range 7 {
		a := action(fmt.Sprint("m", i), "2024-02-01", Merger, "i2")
		if i%2 == 1 {
			a.Instrument, a.ToInstrument = "i2", "i1"
		}
		a.Ratio = ratio("1000000:1")
		all = append(all, a)
	}
	mustApply(t, testBook(), Changes{Added: append([]Activity{trade("b", "2024-01-01", Buy, "1")}, all[:5]...)})
	_, err := Apply(testBook(), Changes{Added: append([]Activity{trade("b", "2024-01-01", Buy, "1")}, all...)}, today)
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Places[0].Location != "activities[6].ratio" {
		t.Errorf("seven times a million: %v", err)
	}
}

func TestSpecificLots(t *testing.T) {
	book := testBook()
	book.Portfolio.LotMethod = Specific
	book = mustApply(t, book, Changes{Added: []Activity{trade("b1", "2024-01-02", Buy, "5"), trade("b2", "2024-01-03", Buy, "5")}})
	move := trade("t", "2024-02-01", Transfer, "2")
	move.ToAccount = "b"
	out := trade("d", "2024-02-01", DeliverOut, "2")
	for name, c := range map[string]struct {
		added []Activity
		says  string
	}{
		"none":                      {[]Activity{trade("s", "2024-02-01", Sell, "1")}, "the sale of AAA on 2024-02-01 names no lots"},
		"none of a transfer":        {[]Activity{move}, "the transfer of AAA on 2024-02-01 names no lots"},
		"none of a delivery":        {[]Activity{out}, "the delivery of AAA on 2024-02-01 names no lots"},
		"unknown":                   {[]Activity{named(trade("s", "2024-02-01", Sell, "1"), "nope:1")}, `lot "nope" than the 0`},
		"too much":                  {[]Activity{named(trade("s", "2024-02-01", Sell, "6"), "b1:6")}, `lot "b1" than the 5`},
		"too much in parts":         {[]Activity{named(trade("s", "2024-02-01", Sell, "6"), "b1:3", "b1:3")}, `lot "b1" than the 5`},
		"they don't add up":         {[]Activity{named(trade("s", "2024-02-01", Sell, "6"), "b1:2", "b2:3")}, "sum to 5, not to 6"},
		"twice":                     {[]Activity{named(trade("s", "2024-02-01", Sell, "5"), "b1:5"), named(trade("s2", "2024-02-01", Sell, "1"), "b1:1")}, `lot "b1" than the 0`},
		"of another account":        {[]Activity{named(move, "b1:2"), in("b", named(trade("s", "2024-02-02", Sell, "1"), "b2:1"))}, `lot "b2" than the 0`},
		"later than they came":      {[]Activity{named(trade("s", "2024-01-02", Sell, "1"), "b2:1")}, `lot "b2" than the 0`},
		"of what was split":         {[]Activity{{ID: "x", Date: market.MustDate("2024-01-04"), Type: Split, Instrument: "i1", Ratio: ratio("1:5")}, named(trade("s", "2024-02-02", Sell, "2"), "b1:2")}, `lot "b1" than the 1`},
		"a sale that starves later": {[]Activity{named(trade("s2", "2024-02-02", Sell, "4"), "b1:4"), named(trade("s", "2024-02-01", Sell, "2"), "b1:2")}, `lot "b1" than the 3`},
	} {
		_, err := Apply(book, Changes{Added: c.added}, today)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s", name, err, c.says)
		}
	}
	renamed := action("r", "2024-02-02", Rename, "i2")
	sale := in("b", named(trade("s2", "2024-02-03", Sell, "2"), "b1:2"))
	sale.Instrument = "i2"
	book = mustApply(t, book, Changes{Added: []Activity{named(move, "b1:2"), renamed, sale}}) // lots keep their ids wherever they go
	if _, err := Apply(book, Changes{Voided: []ActivityID{"b1"}}, today); err == nil || !strings.Contains(err.Error(), "would become impossible") || !strings.Contains(err.Error(), "2024-02-01") {
		t.Errorf("voiding a lot that was moved: %v", err)
	}
	if err := CheckLots(book, Specific, ScopeAccount); err != nil {
		t.Error(err)
	}
	book.Portfolio.LotMethod = FIFO
	book = mustApply(t, book, Changes{Added: []Activity{trade("b3", "2024-03-01", Buy, "1"), trade("s3", "2024-03-02", Sell, "1")}})
	if err := CheckLots(book, Specific, ScopeAccount); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "the sale of AAA on 2024-03-02 names no lots") {
		t.Errorf("specific again: %v", err)
	}
}

// Sales short of something stay where they were once allowed; they don't become more, and none comes to them.
func TestPastShortSales(t *testing.T) {
	book := testBook()
	book.Portfolio.AllowShort = true
	book = mustApply(t, book, Changes{Added: []Activity{
		trade("b1", "2024-01-01", Buy, "2"), trade("s1", "2024-01-02", Sell, "5"), trade("b2", "2024-01-03", Buy, "10"),
	}})
	book.Portfolio.AllowShort = false
	for name, c := range map[string]struct {
		changes Changes
		ok      bool
	}{
		"a later purchase":          {Changes{Added: []Activity{trade("n", "2024-02-01", Buy, "1")}}, true},
		"a later sale":              {Changes{Added: []Activity{trade("n", "2024-02-01", Sell, "7")}}, true},
		"a later sale of too much":  {Changes{Added: []Activity{trade("n", "2024-02-01", Sell, "8")}}, false},
		"an older purchase":         {Changes{Added: []Activity{trade("n", "2023-12-01", Buy, "1")}}, true},
		"an older sale":             {Changes{Added: []Activity{trade("n", "2024-01-01", Sell, "1")}}, false},
		"a sale while it was short": {Changes{Added: []Activity{trade("n", "2024-01-02", Sell, "1")}}, false},
		"less to be short of":       {Changes{Voided: []ActivityID{"b1"}}, false},
		"no cover":                  {Changes{Voided: []ActivityID{"b2"}}, false},
		"the sale itself":           {Changes{Corrected: []Activity{trade("s1", "2024-01-02", Sell, "6")}}, false},
		"the sale, covered":         {Changes{Corrected: []Activity{trade("s1", "2024-01-02", Sell, "2")}}, true},
	} {
		if _, err := Apply(book, c.changes, today); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Lots can't lie in an account that is short of the same; where all accounts share them, they needn't.
func TestTransfersToShortAccounts(t *testing.T) {
	book := testBook()
	book.Portfolio.AllowShort = true
	book = mustApply(t, book, Changes{Added: []Activity{trade("b1", "2024-01-01", Buy, "5"), in("b", trade("s1", "2024-01-02", Sell, "1"))}})
	move := trade("t", "2024-01-03", Transfer, "2")
	move.ToAccount = "b"
	_, err := Apply(book, Changes{Added: []Activity{move}}, today)
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Places[0].Location != "activities[0].to_account" {
		t.Errorf("to an account that is short: %v", err)
	}
	book.Portfolio.LotScope = ScopePortfolio
	book = mustApply(t, book, Changes{Added: []Activity{move}})
	if err := CheckLots(book, FIFO, ScopeAccount); err == nil || !strings.Contains(err.Error(), "2024-01-03") {
		t.Errorf("by account again: %v", err)
	}
}
