package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

type told = map[market.InstrumentID][]market.Action

// dividend is one of i1: ex-date, amount a share and, where it is known, day of payment.
func dividend(exDate, amount, payDate string) market.Action {
	a := market.Action{Instrument: "i1", Kind: market.ActionDividend, Date: market.MustDate(exDate), PayDate: market.NoDate,
		Amount: money.MustParse(amount), Currency: "USD", Source: "tests"}
	if payDate != "" {
		a.PayDate = market.MustDate(payDate)
	}
	return a
}

func splitAction(date, text string) market.Action {
	r := ratio(text)
	return market.Action{Instrument: "i1", Kind: market.ActionSplit, Date: market.MustDate(date), PayDate: market.NoDate, New: r.New, Old: r.Old, Source: "tests"}
}

func paid(id, date string) Activity {
	return Activity{ID: ActivityID(id), Date: market.MustDate(date), Type: Dividend, Account: "a", Instrument: "i1", Amount: dec("1")}
}

func splitOf(id, date, text string) Activity {
	a := action(id, date, Split, "")
	a.Ratio = ratio(text)
	return a
}

func short(id, date, quantity string) Activity { return trade(id, date, Sell, quantity) }

// shown is what a proposal says, in a line.
func shown(p Proposal) string {
	a := p.Activity
	text := fmt.Sprintf("%s %s %s", a.Date, a.Type, a.Instrument)
	if p.Account != "" {
		text += " in " + string(p.Account)
	}
	if a.Ratio != nil {
		text += fmt.Sprintf(" %s: %s to %s", a.Ratio, p.Quantity, p.After)
	} else {
		text += fmt.Sprintf(" %s for %s", a.Amount, p.Quantity)
	}
	if len(p.Assumes) > 0 {
		text += " if split"
	}
	return text
}

func shownAll(list []Proposal) string {
	var lines []string
	for _, p := range list {
		lines = append(lines, shown(p))
	}
	return strings.Join(lines, "; ")
}

func TestPropose(t *testing.T) {
	buy := trade("b1", "2024-01-02", Buy, "10")
	for _, c := range []struct {
		name   string
		change func(*Book)
		did    []Activity
		told   []market.Action
		want   string // newest first
	}{
		{"a dividend", nil, []Activity{buy}, []market.Action{dividend("2024-03-01", "0.24", "2024-03-20")}, "2024-03-20 dividend i1 in a 2.40 for 10"},
		{"a dividend without a day of payment", nil, []Activity{buy}, []market.Action{dividend("2024-03-01", "0.24", "")}, "2024-03-01 dividend i1 in a 2.40 for 10"},
		{"a payment before the ex-date", nil, []Activity{buy}, []market.Action{dividend("2024-03-01", "0.24", "2023-03-20")}, "2024-03-01 dividend i1 in a 2.40 for 10"},
		{"a payment in another century", nil, []Activity{buy}, []market.Action{dividend("2024-03-01", "0.24", "2124-03-20")}, "2024-03-01 dividend i1 in a 2.40 for 10"},
		{"bought on the ex-date", nil, []Activity{buy}, []market.Action{dividend("2024-01-02", "0.24", "")}, ""},
		{"bought on the day before", nil, []Activity{buy}, []market.Action{dividend("2024-01-03", "0.24", "")}, "2024-01-03 dividend i1 in a 2.40 for 10"},
		{"sold on the ex-date", nil, []Activity{buy, trade("s1", "2024-03-01", Sell, "10")}, []market.Action{dividend("2024-03-01", "0.1", "2024-03-20")}, "2024-03-20 dividend i1 in a 1.0 for 10"},
		{"sold before", nil, []Activity{buy, trade("s1", "2024-02-29", Sell, "10")}, []market.Action{dividend("2024-03-01", "0.1", "")}, ""},
		{"paid tomorrow", nil, []Activity{buy}, []market.Action{dividend("2024-06-03", "0.24", "2024-06-29")}, ""},
		{"told before its day", nil, []Activity{buy}, []market.Action{dividend("2024-06-29", "0.24", "")}, ""},
		{"of two accounts", nil, []Activity{buy, in("b", trade("b2", "2024-01-03", Buy, "0.5"))}, []market.Action{dividend("2024-03-01", "0.24", "")},
			"2024-03-01 dividend i1 in a 2.40 for 10; 2024-03-01 dividend i1 in b 0.120 for 0.5"},
		{"of an account that was closed", func(b *Book) { b.Accounts[1].Closed = true }, []Activity{buy, in("b", trade("b2", "2024-01-03", Buy, "3"))},
			[]market.Action{dividend("2024-03-01", "0.24", ""), splitAction("2024-04-02", "2:1")},
			"2024-04-02 split i1 2:1: 13 to 26; 2024-03-01 dividend i1 in a 2.40 for 10"},
		{"of a portfolio that was closed", func(b *Book) { b.Portfolio.Closed = true }, []Activity{buy}, []market.Action{dividend("2024-03-01", "0.24", "")}, ""},
		{"booked a while later", nil, []Activity{buy, paid("d1", "2024-04-15")}, []market.Action{dividend("2024-03-01", "0.24", "")}, ""},
		{"booked too late to be it", nil, []Activity{buy, paid("d1", "2024-04-16")}, []market.Action{dividend("2024-03-01", "0.24", "")}, "2024-03-01 dividend i1 in a 2.40 for 10"},
		{"booked late, as it was paid late", nil, []Activity{buy, paid("d1", "2024-06-25")}, []market.Action{dividend("2024-03-01", "0.24", "2024-06-20")}, ""},
		{"booked days early", nil, []Activity{buy, paid("d1", "2024-02-27")}, []market.Action{dividend("2024-03-01", "0.24", "")}, ""},
		{"booked in another account", nil, []Activity{buy, in("b", paid("d1", "2024-03-05"))}, []market.Action{dividend("2024-03-01", "0.24", "")}, "2024-03-01 dividend i1 in a 2.40 for 10"},
		{"one of two monthly ones is booked", nil, []Activity{buy, paid("d1", "2024-04-15")}, []market.Action{dividend("2024-03-01", "0.1", ""), dividend("2024-04-01", "0.1", "")},
			"2024-03-01 dividend i1 in a 1.0 for 10"},
		{"both are booked, a month late", nil, []Activity{buy, paid("d1", "2024-04-01"), paid("d2", "2024-05-01")}, []market.Action{dividend("2024-03-01", "0.1", ""), dividend("2024-04-01", "0.1", "")}, ""},
		{"regular and special, paid on one day", nil, []Activity{buy, paid("d1", "2024-03-20"), paid("d2", "2024-03-20")},
			[]market.Action{dividend("2024-03-01", "0.1", "2024-03-20"), dividend("2024-03-04", "2", "2024-03-20")}, ""},
		{"paid in another order", nil, []Activity{buy, paid("d1", "2024-03-25"), paid("d2", "2024-06-10")},
			[]market.Action{dividend("2024-03-01", "0.1", "2024-06-08"), dividend("2024-03-11", "2", "2024-03-22")}, ""},

		{"a split", nil, []Activity{buy}, []market.Action{splitAction("2024-03-01", "4:1")}, "2024-03-01 split i1 4:1: 10 to 40"},
		{"a split of two accounts", nil, []Activity{buy, in("b", trade("b2", "2024-01-03", Buy, "5"))}, []market.Action{splitAction("2024-03-01", "1:5")}, "2024-03-01 split i1 1:5: 15 to 3"},
		{"a split that nobody held", nil, []Activity{buy}, []market.Action{splitAction("2024-01-02", "4:1")}, ""},
		{"booked as 8:2", nil, []Activity{buy, splitOf("s", "2024-03-04", "8:2")}, []market.Action{splitAction("2024-03-01", "4:1")}, ""},
		{"booked in another ratio", nil, []Activity{buy, splitOf("s", "2024-03-04", "2:1")}, []market.Action{splitAction("2024-03-01", "4:1")}, "2024-03-01 split i1 4:1: 10 to 40"},
		{"booked too late", nil, []Activity{buy, splitOf("s", "2024-03-05", "4:1")}, []market.Action{splitAction("2024-03-01", "4:1")}, "2024-03-01 split i1 4:1: 10 to 40"},
		{"booked in one account of two", nil, []Activity{buy, in("b", trade("b2", "2024-01-03", Buy, "5")), in("a", splitOf("s", "2024-03-01", "4:1"))},
			[]market.Action{splitAction("2024-03-01", "4:1")}, "2024-03-01 split i1 in b 4:1: 5 to 20"},
		{"traded on the day of the split", nil, []Activity{buy, trade("b2", "2024-03-01", Buy, "4")}, []market.Action{splitAction("2024-03-01", "4:1")}, "2024-02-29 split i1 4:1: 10 to 40"},
		{"a dividend on the day of a split", nil, []Activity{buy}, []market.Action{dividend("2024-03-01", "0.4", ""), splitAction("2024-03-01", "4:1")},
			"2024-03-01 split i1 4:1: 10 to 40; 2024-03-01 dividend i1 in a 4.0 for 10"},
		{"a dividend after a split that waits", nil, []Activity{buy}, []market.Action{splitAction("2024-03-01", "4:1"), dividend("2024-05-02", "0.1", "")},
			"2024-05-02 dividend i1 in a 4.0 for 40 if split; 2024-03-01 split i1 4:1: 10 to 40"},
		{"bought between a split that waits and a dividend", nil, []Activity{buy, trade("b2", "2024-04-02", Buy, "5")},
			[]market.Action{splitAction("2024-03-01", "4:1"), dividend("2024-05-02", "0.1", "")},
			"2024-05-02 dividend i1 in a 4.5 for 45 if split; 2024-03-01 split i1 4:1: 10 to 40"},
		{"a dividend after a split that is booked", nil, []Activity{buy, splitOf("s", "2024-03-01", "4:1")}, []market.Action{splitAction("2024-03-01", "4:1"), dividend("2024-05-02", "0.1", "")},
			"2024-05-02 dividend i1 in a 4.0 for 40"},
		{"a reverse split that later sales contradict", nil, []Activity{buy, trade("s1", "2024-05-02", Sell, "10")}, []market.Action{splitAction("2024-03-01", "1:10"), dividend("2024-04-02", "0.1", "")},
			"2024-04-02 dividend i1 in a 1.0 for 10"},
		{"the second of two is contradicted", nil, []Activity{buy, trade("s1", "2024-05-02", Sell, "5")},
			[]market.Action{splitAction("2024-03-01", "1:2"), splitAction("2024-04-02", "1:5")}, "2024-03-01 split i1 1:2: 10 to 5"},
		{"bought elsewhere on the day of the split", nil, []Activity{buy, in("b", trade("b2", "2024-03-01", Buy, "4"))}, []market.Action{splitAction("2024-03-01", "4:1")}, "2024-02-29 split i1 4:1: 10 to 40"},

		{"short", func(b *Book) { b.Portfolio.AllowShort = true }, []Activity{short("s1", "2024-01-02", "10")}, []market.Action{dividend("2024-03-01", "0.24", "2024-03-20")},
			"2024-03-20 dividend i1 in a 2.40 for -10"},
		{"short and covered before the payment", func(b *Book) { b.Portfolio.AllowShort = true }, []Activity{short("s1", "2024-01-02", "10"), trade("b2", "2024-03-11", Buy, "10")},
			[]market.Action{dividend("2024-03-01", "0.24", "2024-03-20")}, "2024-03-01 dividend i1 in a 2.40 for -10"},
		{"short and covered on the ex-date", func(b *Book) { b.Portfolio.AllowShort = true }, []Activity{short("s1", "2024-01-02", "10"), trade("b2", "2024-03-01", Buy, "10")},
			[]market.Action{dividend("2024-03-01", "0.24", "2024-03-20")}, ""},
		{"long on the ex-date, short when it is paid", func(b *Book) { b.Portfolio.AllowShort = true }, []Activity{buy, short("s1", "2024-03-11", "15")},
			[]market.Action{dividend("2024-03-01", "0.24", "2024-03-20")}, "2024-03-01 dividend i1 in a 2.40 for 10"},
		{"long beside more short, lots shared", func(b *Book) { b.Portfolio.AllowShort, b.Portfolio.LotScope = true, ScopePortfolio },
			[]Activity{buy, in("b", short("s1", "2024-01-03", "15"))}, []market.Action{dividend("2024-03-01", "0.1", "")}, "2024-03-01 dividend i1 in b 1.5 for -15"},
		{"lots shared", func(b *Book) { b.Portfolio.LotScope = ScopePortfolio }, []Activity{buy, in("b", trade("b2", "2024-01-03", Buy, "5")), in("a", trade("s1", "2024-02-01", Sell, "4"))},
			[]market.Action{dividend("2024-03-01", "0.1", ""), splitAction("2024-03-04", "2:1")},
			"2024-03-04 split i1 2:1: 11 to 22; 2024-03-01 dividend i1 in a 0.6 for 6; 2024-03-01 dividend i1 in b 0.5 for 5"},

		{"renamed before it is paid", nil, []Activity{buy, action("r", "2024-03-11", Rename, "i2")}, []market.Action{dividend("2024-03-01", "0.24", "2024-03-20")},
			"2024-03-20 dividend i2 in a 2.40 for 10"},
		{"renamed, and booked under the new name", nil, []Activity{buy, action("r", "2024-03-11", Rename, "i2"), with(paid("d", "2024-03-20"), "i2")},
			[]market.Action{dividend("2024-03-01", "0.24", "2024-03-20")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			book := testBook()
			book.Portfolio.AllowShort = true
			book = mustApply(t, book, Changes{Added: c.did})
			book.Portfolio.AllowShort = false
			if c.change != nil {
				c.change(&book)
			}
			if got := shownAll(Propose(book, told{"i1": c.told}, nil, today).Open); got != c.want {
				t.Errorf("proposed\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func with(a Activity, instrument market.InstrumentID) Activity {
	a.Instrument = instrument
	return a
}

// A company's whole past is told under its newest name; what was held then had the old one.
func TestProposeToldUnderTheNewName(t *testing.T) {
	book := mustApply(t, testBook(), Changes{Added: []Activity{trade("b1", "2024-01-02", Buy, "10"), action("r", "2024-04-02", Rename, "i2")}})
	under := func(id market.InstrumentID) []market.Action {
		list := []market.Action{splitAction("2024-02-01", "2:1"), dividend("2024-03-01", "0.1", ""), dividend("2024-05-02", "0.2", "")}
		for i := range list {
			list[i].Instrument = id
		}
		return list
	}
	const want = "2024-05-02 dividend i2 in a 4.0 for 20; 2024-03-01 dividend i1 in a 2.0 for 20 if split; 2024-02-01 split i1 2:1: 10 to 20"
	if got := shownAll(Propose(book, told{"i2": under("i2")}, nil, today).Open); got != want {
		t.Errorf("proposed\n%s\nwant\n%s", got, want)
	}
	// Once something is known under the old name, only that counts for it.
	if got := shownAll(Propose(book, told{"i2": under("i2"), "i1": under("i1")[:1]}, nil, today).Open); strings.Contains(got, "2024-03-01 dividend") {
		t.Errorf("proposed\n%s", got)
	}
}

func TestProposeKeepsDecisions(t *testing.T) {
	book := mustApply(t, testBook(), Changes{Added: []Activity{trade("b1", "2024-01-02", Buy, "10")}})
	known := told{"i1": {dividend("2024-03-01", "0.24", "2024-03-20"), splitAction("2024-04-02", "2:1"), dividend("2024-05-02", "0.1", "")}}
	open := Propose(book, known, nil, today).Open
	if len(open) != 3 {
		t.Fatalf("proposed %s", shownAll(open))
	}
	ignored := Propose(book, known, []Decision{{Proposal: open[1].ID}}, today)
	if got := shownAll(ignored.Open); got != "2024-05-02 dividend i1 in a 1.0 for 10; 2024-03-20 dividend i1 in a 2.40 for 10" {
		t.Errorf("with the split ignored: %s", got)
	}
	if len(ignored.Ignored) != 1 || ignored.Ignored[0].ID != open[1].ID || ignored.IgnoredCount != 1 || ignored.OpenCount != 2 {
		t.Errorf("ignored: %s, %d, %d", shownAll(ignored.Ignored), ignored.IgnoredCount, ignored.OpenCount)
	}

	// Accepted on another day than proposed, and with another amount: it is decided all the same, and stands for no other.
	booked := open[2].Activity
	booked.ID, booked.Date, booked.Amount = "d", market.MustDate("2024-05-03"), dec("1.99")
	decided := []Decision{{Proposal: open[2].ID, Activity: "d"}}
	after := mustApply(t, book, Changes{Added: []Activity{booked}})
	accepted := Propose(after, known, decided, today)
	if len(accepted.Open) != 2 || len(accepted.Ignored) != 0 || accepted.Open[0].ID != open[0].ID {
		t.Errorf("accepted: %s and %s", shownAll(accepted.Open), shownAll(accepted.Ignored))
	}
	after = mustApply(t, after, Changes{Voided: []ActivityID{"d"}})
	voided := Propose(after, known, decided, today)
	if len(voided.Open) != 2 || len(voided.Ignored) != 1 || voided.Ignored[0].Voided != "d" {
		t.Errorf("accepted and voided: %s and %s", shownAll(voided.Open), shownAll(voided.Ignored))
	}
}

func TestProposeIsBounded(t *testing.T) {
	book := mustApply(t, testBook(), Changes{Added: []Activity{trade("b1", "2000-01-03", Buy, "10")}})
	var all []market.Action
	for i := range ProposalsMax + 3 {
		a := dividend("2000-02-01", "0.1", "")
		a.Date += market.Date(7 * i)
		all = append(all, a)
	}
	got := Propose(book, told{"i1": all}, nil, today)
	if len(got.Open) != ProposalsMax || got.OpenCount != ProposalsMax+3 || got.Open[0].Action.Date != all[len(all)-1].Date {
		t.Errorf("%d of %d, the newest of %s", len(got.Open), got.OpenCount, got.Open[0].Action.Date)
	}
}

// What can't be an action of anybody is passed over.
func TestProposePassesOverNonsense(t *testing.T) {
	book := mustApply(t, testBook(), Changes{Added: []Activity{trade("b1", "2024-01-02", Buy, "10")}})
	noCurrency, negative := dividend("2024-03-01", "1", ""), dividend("2024-03-01", "-1", "")
	noCurrency.Currency = ""
	same := splitAction("2024-03-01", "1:1")
	for _, a := range []market.Action{noCurrency, negative, same, {Kind: "merger", Date: market.MustDate("2024-03-01")}} {
		if got := Propose(book, told{"i1": {a}}, nil, today).Open; len(got) > 0 {
			t.Errorf("%+v: %s", a, shownAll(got))
		}
	}
	if got := Propose(book, told{"zz": {dividend("2024-03-01", "1", "")}}, nil, today).Open; len(got) > 0 {
		t.Errorf("of something that was never held: %s", shownAll(got))
	}
}

func TestProposalIDsAreApart(t *testing.T) {
	book := mustApply(t, testBook(), Changes{Added: []Activity{trade("b1", "2024-01-02", Buy, "10"), in("b", trade("b2", "2024-01-02", Buy, "10"))}})
	known := told{"i1": {dividend("2024-03-01", "0.24", ""), splitAction("2024-03-01", "2:1"), dividend("2024-03-04", "0.24", "")}}
	open := Propose(book, known, nil, today).Open
	var ids []ProposalID
	for _, p := range open {
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 5 {
		t.Errorf("ids %v", ids)
	}
	other := book
	other.Portfolio.ID = "q"
	if Propose(other, known, nil, today).Open[0].ID == open[0].ID {
		t.Error("another portfolio's proposal has the same id")
	}
}
