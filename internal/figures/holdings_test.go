package figures

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// What is held at the end of a day is what a book holds that ends with that day.
func TestHoldDailyIsHoldOfEachDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, m, from, to := drawPast(t)
		next := from
		err := HoldDaily(book, m, from, to, func(on market.Date, h *Holdings) error {
			if on != next {
				t.Fatalf("%s comes after %s", on, next-1)
			}
			next++
			until := book
			until.Activities = slices.DeleteFunc(slices.Clone(book.Activities), func(a ledger.Activity) bool { return a.Date > on })
			alone, err := Hold(until, m)
			if err != nil {
				return err
			}
			got, want := fmt.Sprint(h.Value(nil, on, nil).Positions), fmt.Sprint(alone.Value(nil, on, nil).Positions)
			if got != want {
				t.Fatalf("on %s:\n%s\nwant\n%s", on, got, want)
			}
			return nil
		})
		if err != nil {
			discardRefused(t, err)
		}
		if next != to+1 {
			t.Fatalf("it ended with %s", next-1)
		}
	})
}
