package sqlstore

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"folioscope/internal/market"
)

func splitOn(day, fresh, source string) market.Action {
	return market.Action{Kind: market.ActionSplit, Date: market.MustDate(day), PayDate: market.NoDate, New: *number(fresh), Old: *number("1"), Source: source, ObservedAt: testStart}
}

func dividendOn(day, amount, source string) market.Action {
	return market.Action{Kind: market.ActionDividend, Date: market.MustDate(day), PayDate: market.NoDate, Amount: *number(amount), Currency: "USD", Source: source, ObservedAt: testStart}
}

func renderActions(actions []market.Action) (lines []string) {
	for i := range actions {
		a := &actions[i]
		value := a.Amount.String() + " " + string(a.Currency)
		if a.Kind == market.ActionSplit {
			value = a.New.String() + ":" + a.Old.String()
		}
		pay := ""
		if a.PayDate != market.NoDate {
			pay = " paid " + a.PayDate.String()
		}
		lines = append(lines, fmt.Sprintf("%s %s %s%s", a.ID(), value, a.Source, pay))
	}
	return lines
}

func (b *bench) actions(id market.InstrumentID) []string {
	b.t.Helper()
	all, err := b.Actions(b.t.Context(), []market.InstrumentID{id})
	b.ok(err)
	return renderActions(all[id])
}

func (b *bench) putActions(id market.InstrumentID, changed, differing int, actions ...market.Action) {
	b.t.Helper()
	gotChanged, gotDiffering, err := b.PutActions(b.t.Context(), id, actions)
	b.ok(err)
	if gotChanged != changed || gotDiffering != differing {
		b.t.Errorf("%d changed and %d differing, want %d and %d: %v", gotChanged, gotDiffering, changed, differing, renderActions(actions))
	}
}

func TestActionsAreKeptOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.instruments("aapl", "msft")
		paid := dividendOn("2020-08-07", "0.82", "first")
		paid.PayDate = market.MustDate("2020-08-13")
		b.putActions("aapl", 3, 0, dividendOn("2020-11-06", "0.205", "first"), splitOn("2020-08-31", "4", "first"), paid)
		b.putActions("aapl", 0, 0, dividendOn("2020-11-06", "0.205", "first"), splitOn("2020-08-31", "4", "first"), paid)
		b.putActions("msft", 1, 0, splitOn("2003-02-18", "2", "first"))

		// A second source with the same word, days apart or rounded, and one that knows the day of payment.
		pays := dividendOn("2020-11-05", "0.2050", "second")
		pays.PayDate = market.MustDate("2020-11-12")
		b.putActions("aapl", 1, 0, pays, splitOn("2020-08-28", "4.000", "second"))
		// One that differs is kept out, one that is new is taken.
		b.putActions("aapl", 1, 2, splitOn("2020-08-31", "5", "second"), dividendOn("2020-08-06", "0.95", "second"), dividendOn("2021-02-05", "0.205", "second"))
		// Whoever told first may correct itself.
		b.putActions("aapl", 1, 0, dividendOn("2020-08-07", "0.85", "first"))
		want := []string{
			"aapl/dividend/2020-08-07 0.85 USD first", "aapl/split/2020-08-31 4:1 first",
			"aapl/dividend/2020-11-06 0.205 USD first paid 2020-11-12", "aapl/dividend/2021-02-05 0.205 USD second",
		}
		b.reopen()
		if got := b.actions("aapl"); !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
		all, err := b.Actions(t.Context(), []market.InstrumentID{"msft", "aapl", "nobody", "msft"})
		b.ok(err)
		if len(all) != 2 || len(all["msft"]) != 1 || len(all["aapl"]) != 4 || !all["aapl"][0].ObservedAt.Equal(moment(stamp(testStart))) {
			t.Errorf("%v", all)
		}
		if _, _, err := b.PutActions(t.Context(), "aapl", []market.Action{dividendOn("2022-01-01", "1", "first"), splitOn("2022-01-01", "0", "first")}); err == nil || len(b.actions("aapl")) != 4 {
			t.Errorf("an impossible split: %v", err)
		}
	})
}

// A special dividend two days after the usual one is another one, and a second source's word on it is not taken for a
// contradiction of the usual one.
func TestTwoDividendsInOneWeek(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.instruments("aapl")
		b.putActions("aapl", 2, 0, dividendOn("2020-08-04", "0.30", "first"), dividendOn("2020-08-06", "5", "first"))
		b.putActions("aapl", 0, 0, dividendOn("2020-08-06", "5", "second"), dividendOn("2020-08-04", "0.30", "second"))
		b.putActions("aapl", 0, 1, dividendOn("2020-08-05", "7", "second"))
		if got := b.actions("aapl"); len(got) != 2 {
			t.Errorf("%q", got)
		}
	})
}

// Nodes that learn of one split on different days keep one of them.
func TestNodesThatLearnOfOneSplit(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.instruments("aapl")
		b.ok(b.WantHistory(t.Context(), map[market.InstrumentID]market.Date{"aapl": market.MustDate("2020-01-01")}))
		var nodes sync.WaitGroup
		for n := range 8 {
			nodes.Go(func() {
				a := splitOn("2020-08-31", "4", fmt.Sprint("source ", n))
				a.Date += market.Date(n % 3)
				if _, _, err := b.PutActions(t.Context(), "aapl", []market.Action{a}); err != nil {
					t.Error(err)
				}
			})
		}
		nodes.Wait()
		if got := b.actions("aapl"); len(got) != 1 {
			t.Errorf("%q", got)
		}
	})
}
