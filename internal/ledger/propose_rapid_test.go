package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// proposalDays are few and full, so that things meet.
const proposalDays = 120

func dayOf(n int) market.Date { return market.MustDate("2024-01-01") + market.Date(n) }

// drawBook makes up a book of two instruments in two accounts; what the ledger refuses is left out.
func drawBook(t *rapid.T) Book {
	return drawBookOf(t, Buy, Buy, Buy, Sell, Transfer, Dividend, Split, Rename)
}

// drawBookOf is a book of these types.
func drawBookOf(t *rapid.T, types ...Type) Book {
	book := testBook()
	book.Portfolio.LotScope = rapid.SampledFrom([]LotScope{ScopeAccount, ScopePortfolio}).Draw(t, "scope")
	book.Portfolio.AllowShort = rapid.Bool().Draw(t, "short")
	for i := range rapid.IntRange(1, 14).Draw(t, "activities") {
		a := Activity{
			ID: ActivityID(fmt.Sprintf("a%d", i)), Date: dayOf(rapid.IntRange(0, proposalDays).Draw(t, "day")),
			Account: rapid.SampledFrom([]AccountID{"a", "b"}).Draw(t, "account"), Instrument: rapid.SampledFrom([]market.InstrumentID{"i1", "i2"}).Draw(t, "instrument"),
			Type: rapid.SampledFrom(types).Draw(t, "type"),
		}
		quantity := money.NewDecimal(rapid.Int64Range(1, 400).Draw(t, "quantity"), -1)
		switch a.Type {
		case Buy, Sell:
			a.Quantity, a.Price = &quantity, dec("10")
		case Transfer:
			a.Quantity, a.ToAccount = &quantity, map[AccountID]AccountID{"a": "b", "b": "a"}[a.Account]
		case Dividend:
			a.Amount = dec("3")
		case Split:
			a.Account, a.Ratio = rapid.SampledFrom([]AccountID{"", "", "a"}).Draw(t, "of"), drawRatio(t)
		case Rename:
			a.Account, a.ToInstrument = "", map[market.InstrumentID]market.InstrumentID{"i1": "i2", "i2": "i1"}[a.Instrument]
		}
		if after, err := Apply(book, Changes{Added: []Activity{a}}, today); err == nil {
			book = after
		}
	}
	return book
}

// drawRatio gives ratios that multiply and divide without rounding.
func drawRatio(t *rapid.T) *Ratio {
	return ratio(rapid.SampledFrom([]string{"2:1", "4:1", "1:2", "5:4", "1:10"}).Draw(t, "ratio"))
}

func drawActions(t *rapid.T) told {
	known := told{}
	for range rapid.IntRange(1, 10).Draw(t, "actions") {
		id := rapid.SampledFrom([]market.InstrumentID{"i1", "i2"}).Draw(t, "of")
		date := dayOf(rapid.IntRange(0, proposalDays).Draw(t, "ex-date"))
		a := dividend(date.String(), "0.12", "")
		if rapid.Bool().Draw(t, "split") {
			a = splitAction(date.String(), drawRatio(t).String())
		} else if rapid.Bool().Draw(t, "known payment") {
			a.PayDate = date + market.Date(rapid.IntRange(0, 70).Draw(t, "paid after"))
		}
		a.Instrument = id
		if !slices.ContainsFunc(known[id], func(b market.Action) bool { return b.Date == a.Date && b.Kind == a.Kind }) {
			known[id] = append(known[id], a)
		}
	}
	return known
}

// accept books proposals as a person would.
func accept(book Book, decided []Decision, list ...Proposal) (Book, []Decision, error) {
	var changes Changes
	decided = slices.Clone(decided)
	for _, p := range list {
		a := p.Activity
		a.ID = ActivityID("of " + string(p.ID))
		changes.Added, decided = append(changes.Added, a), append(decided, Decision{Proposal: p.ID, Activity: a.ID})
	}
	after, err := Apply(book, changes, today)
	return after, decided, err
}

// Whatever is proposed can be booked, all at once and, but for splits that only make sense together, in any order; booking one changes
// none of the others; after all, nothing is left. What was booked without a word about the proposal is found all the same.
func TestAcceptedProposalsAreGone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, known := drawBook(t), drawActions(t)
		open := Propose(book, known, nil, today).Open
		whole, all, err := accept(book, nil, open...)
		if err != nil {
			t.Fatalf("%s can't be booked together: %v", shownAll(open), err)
		}
		if left := Propose(whole, known, all, today); len(left.Open)+len(left.Ignored) > 0 {
			t.Fatalf("after all together: %s", shownAll(left.Open))
		}
		var decided []Decision
		for len(open) > 0 {
			i := rapid.IntRange(0, len(open)-1).Draw(t, "accepts")
			after, so, err := accept(book, decided, open[i])
			if err != nil {
				if open[i].Action.Kind == market.ActionDividend || len(open) == 1 {
					t.Fatalf("%s can't be booked: %v", shown(open[i]), err)
				}
				return // as all together can, it needs another split
			}
			rest := sides(slices.Delete(slices.Clone(open), i, i+1))
			accepted := open[i]
			book, decided = after, so
			open = Propose(book, known, decided, today).Open
			if got := sides(open); !slices.Equal(got, rest) {
				t.Fatalf("after %s\n%v\nwant\n%v", shown(accepted), got, rest)
			}
		}
		// Names that go to and fro, and dividends booked days before others that are paid earlier, are told apart by decisions alone.
		tangled := slices.ContainsFunc(book.Activities, func(a Activity) bool {
			return a.Type == Rename || a.Type == Dividend && !strings.HasPrefix(string(a.ID), "of ")
		})
		if left := Propose(book, known, nil, today).Open; len(left) > 0 && !tangled {
			t.Fatalf("booked, and proposed again where nobody says so: %s", shownAll(left))
		}
	})
}

// sides is what matters of proposals, in order; on which day a split is booked and what a proposal rests on may change with what is
// booked meanwhile.
func sides(list []Proposal) []string {
	var all []string
	for _, p := range list {
		amount := ""
		if p.Activity.Amount != nil {
			amount = p.Activity.Amount.Reduced().String()
		}
		all = append(all, fmt.Sprintf("%s %s %s %s %s %s", p.ID, p.Action.Kind, p.Action.Date, p.Account, p.Quantity.Reduced(), amount))
	}
	slices.Sort(all)
	return all
}

func TestIgnoredProposalsStayIgnored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, known := drawBook(t), drawActions(t)
		before := Propose(book, known, nil, today).Open
		var decided []Decision
		for {
			open := Propose(book, known, decided, today).Open
			if len(open) == 0 {
				break
			}
			decided = append(decided, Decision{Proposal: open[rapid.IntRange(0, len(open)-1).Draw(t, "ignores")].ID})
		}
		after := Propose(book, known, decided, today)
		// What rests on a split that is ignored may be gone altogether.
		unknown := slices.ContainsFunc(after.Ignored, func(p Proposal) bool { return !slices.Contains(decided, Decision{Proposal: p.ID}) })
		if len(after.Open) > 0 || len(after.Ignored) > len(decided) || unknown {
			t.Fatalf("%d ignored, still %s beside %s", len(decided), shownAll(after.Open), shownAll(after.Ignored))
		}
		again := Propose(book, known, nil, today).Open
		if got, want := sides(again), sides(before); !slices.Equal(got, want) {
			t.Fatalf("restored\n%v\nwant\n%v", got, want)
		}
	})
}

// Neither the order in which things were entered nor in how many parts something was bought matters.
func TestProposalsDependOnWhatIsHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		known := drawActions(t)
		var list []Activity
		for i := range rapid.IntRange(1, 8).Draw(t, "purchases") {
			a := trade(fmt.Sprintf("b%d", i), dayOf(rapid.IntRange(0, proposalDays).Draw(t, "day")).String(), Buy, fmt.Sprint(rapid.IntRange(2, 500).Draw(t, "quantity")))
			a.Instrument = rapid.SampledFrom([]market.InstrumentID{"i1", "i2"}).Draw(t, "instrument")
			list = append(list, in(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "account"), a))
		}
		base, err := Apply(testBook(), Changes{Added: list}, today)
		if err != nil {
			t.Fatal(err)
		}
		want := sides(Propose(base, known, nil, today).Open)

		shuffled := rapid.Permutation(list).Draw(t, "order")
		one := rapid.IntRange(0, len(list)-1).Draw(t, "parted")
		part := shuffled[one]
		first := money.NewDecimal(rapid.Int64Range(1, 10).Draw(t, "tenths"), -1)
		second := part.Quantity.Sub(first)
		shuffled[one].Quantity = &first
		part.ID, part.Quantity = "part", &second
		other, err := Apply(testBook(), Changes{Added: append(shuffled, part)}, today)
		if err != nil {
			t.Fatal(err)
		}
		if got := sides(Propose(other, known, nil, today).Open); !slices.Equal(got, want) {
			t.Fatalf("got\n%v\nwant\n%v", got, want)
		}
	})
}

// The quantity of a dividend, by adding up what happened before its day, and the amount by one product.
func TestDividendsAreQuantityTimesAmount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book := drawBookOf(t, Buy, Buy, Buy, Sell, Transfer, Dividend, Split) // heldBy adds up by one name
		known := drawActions(t)
		proposals := Propose(book, known, nil, today).Open
		for _, p := range proposals {
			if p.Action.Kind != market.ActionDividend {
				continue
			}
			if slices.ContainsFunc(known[p.Action.Instrument], func(a market.Action) bool { return a.Kind == market.ActionSplit && a.Date == p.Action.Date }) {
				continue // in the table
			}
			want := heldBy(book, proposals, p)
			if !p.Quantity.Equal(want) {
				t.Fatalf("%s: %s are held", shown(p), want)
			}
			if product := want.Abs().Mul(p.Action.Amount); !p.Activity.Amount.Equal(product) {
				t.Fatalf("%s: %s", shown(p), product)
			}
		}
	})
}

// heldBy adds up what an account holds at the start of a dividend's day, with splits that wait at the start of theirs.
func heldBy(book Book, proposals []Proposal, p Proposal) money.Decimal {
	type event struct {
		date    market.Date
		waiting bool
		a       Activity
	}
	var events []event
	for _, a := range book.Activities {
		events = append(events, event{date: a.Date, a: a})
	}
	for _, s := range proposals {
		if s.Action.Kind == market.ActionSplit {
			events = append(events, event{date: s.Action.Date, waiting: true, a: s.Activity})
		}
	}
	slices.SortStableFunc(events, func(x, y event) int {
		first := map[bool]int{true: 0, false: 1}
		return cmp.Or(cmp.Compare(x.date, y.date), cmp.Compare(first[x.waiting], first[y.waiting]))
	})
	held := money.Zero
	for _, e := range events {
		if e.date >= p.Action.Date || e.a.Instrument != p.Action.Instrument {
			continue
		}
		switch a := e.a; {
		case a.Type == Split && (a.Account == "" || a.Account == p.Account):
			held = a.Ratio.Apply(held)
		case a.Type == Transfer && a.ToAccount == p.Account, a.Type == Buy && a.Account == p.Account:
			held = held.Add(*a.Quantity)
		case (a.Type == Transfer || a.Type == Sell) && a.Account == p.Account:
			held = held.Sub(*a.Quantity)
		}
	}
	return held
}
