package live

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/event"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func mark(id string, sequence int64) market.Mark {
	return market.Mark{Sequence: sequence, PreviousDate: market.NoDate, Quote: market.Quote{
		Instrument: market.InstrumentID(id), Price: money.NewDecimal(sequence, 0), Currency: "EUR", Source: "test",
		ObservedAt: time.Unix(sequence, 0).UTC(), MarketTime: time.Unix(sequence, 0).UTC(),
	}}
}

func hintOf(sequence, previous int64, part, parts int, marks ...market.Mark) event.QuotesAccepted {
	e := event.QuotesAccepted{Sequence: sequence, Previous: previous, Part: part, Parts: parts}
	for _, m := range marks {
		e.Marks = append(e.Marks, event.MarkOf(m))
	}
	return e
}

func TestMarksHints(t *testing.T) {
	m := newMarks()
	m.caughtUp([]market.Mark{mark("a", 1), mark("b", 2)}, 2)
	for i, step := range []struct {
		hint     event.QuotesAccepted
		changed  int
		complete bool
		cursor   int64
	}{
		{hintOf(3, 2, 1, 1, mark("a", 3)), 1, true, 3},
		{hintOf(3, 2, 1, 1, mark("a", 3)), 0, true, 3},                   // doubled
		{hintOf(2, 1, 1, 1, mark("b", 2)), 0, true, 3},                   // late
		{hintOf(5, 3, 1, 2, mark("a", 4)), 1, true, 3},                   // the first of two parts
		{hintOf(5, 3, 2, 2, mark("b", 5)), 1, true, 5},                   // the second
		{hintOf(8, 5, 1, 3, mark("a", 6)), 1, true, 5},                   // a part in the middle is lost
		{hintOf(8, 5, 3, 3, mark("c", 8)), 1, false, 5},                  //
		{hintOf(9, 8, 1, 1, mark("a", 9)), 1, false, 5},                  // what came before it is missing
		{hintOf(7, 4, 1, 1, mark("a", 6), mark("b", 7)), 1, true, 7},     // overlaps what is known
		{hintOf(12, 7, 1, 2, mark("d", 10)), 1, true, 7},                 // begun, and then another
		{hintOf(13, 12, 1, 1, mark("d", 13)), 1, false, 7},               //
		{hintOf(12, 7, 2, 2, mark("e", 12), mark("d", 11)), 1, true, 12}, // goes on where it was
	} {
		changed, complete := m.hint(step.hint)
		if len(changed) != step.changed || complete != step.complete || m.Cursor() != step.cursor {
			t.Errorf("step %d: %d changed, complete %t, cursor %d; want %d, %t, %d", i, len(changed), complete, m.Cursor(), step.changed, step.complete, step.cursor)
		}
	}
	if changed := m.caughtUp([]market.Mark{mark("b", 7), mark("f", 20)}, 20); !slices.Equal(changed, []market.InstrumentID{"f"}) || m.Cursor() != 20 {
		t.Errorf("caught up: %v, %d", changed, m.Cursor())
	}
	if got, _ := m.Mark("a"); got.Sequence != 9 {
		t.Errorf("a is of %d", got.Sequence)
	}
	if _, ok := m.Mark("z"); ok || m.Len() != 6 {
		t.Errorf("%d marks", m.Len())
	}
}

// Hints that are lost, doubled and late, in any order, with looks at the store whenever one asks for it: memory is never ahead
// of the store, and equal to it after the last look.
func TestMarksFollowTheStore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := map[string]market.Mark{}
		var sequence int64
		var sent []event.QuotesAccepted
		m := newMarks()
		look := func() {
			var all []market.Mark
			for _, one := range store {
				if one.Sequence > m.Cursor() {
					all = append(all, one)
				}
			}
			m.caughtUp(all, sequence)
		}
		t.Repeat(map[string]func(*rapid.T){
			"accept": func(t *rapid.T) {
				previous := sequence
				var batch []market.Mark
				for range rapid.IntRange(1, 4).Draw(t, "marks") {
					sequence++
					one := mark(fmt.Sprint(rapid.IntRange(1, 5).Draw(t, "instrument")), sequence)
					store[string(one.Instrument)] = one
					batch = append(batch, one)
				}
				for i := range batch {
					sent = append(sent, hintOf(sequence, previous, i+1, len(batch), batch[i]))
				}
			},
			"hint": func(t *rapid.T) {
				if len(sent) == 0 {
					return
				}
				// Mostly in order, as a bus gives them; now and then any.
				i := 0
				if rapid.IntRange(0, 4).Draw(t, "odd") == 0 {
					i = rapid.IntRange(0, len(sent)-1).Draw(t, "which")
				}
				_, complete := m.hint(sent[i])
				if rapid.IntRange(0, 5).Draw(t, "keep") > 0 {
					sent = slices.Delete(sent, i, i+1)
				}
				if !complete {
					look()
				}
			},
			"": func(t *rapid.T) {
				for id, want := range store {
					got, _ := m.Mark(market.InstrumentID(id))
					if got.Sequence > want.Sequence {
						t.Fatalf("%s is at %d, the store at %d", id, got.Sequence, want.Sequence)
					}
					if want.Sequence <= m.Cursor() && got.Sequence != want.Sequence {
						t.Fatalf("%s is at %d, the store at %d, the cursor says %d", id, got.Sequence, want.Sequence, m.Cursor())
					}
				}
			},
		})
		look()
		for id, want := range store {
			if got, _ := m.Mark(market.InstrumentID(id)); got.Sequence != want.Sequence {
				t.Fatalf("%s is at %d, the store at %d", id, got.Sequence, want.Sequence)
			}
		}
	})
}
