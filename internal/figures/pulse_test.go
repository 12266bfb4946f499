package figures

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// drawQuotes changes some quotes of a market: another price, another day, no previous close, none at all.
func drawQuotes(t *rapid.T, quotes Quotes, m *Market, today market.Date) {
	for id := range m.Series {
		mark, ok := quotes[id]
		switch rapid.IntRange(0, 9).Draw(t, "what of "+string(id)) {
		case 0:
			delete(quotes, id)
		case 1:
			if ok {
				mark.PreviousClose, mark.PreviousDate = nil, market.NoDate
				quotes[id] = mark
			}
		case 2, 3, 4:
			made := today - market.Date(rapid.IntRange(0, 3).Draw(t, "age"))
			close := money.NewDecimal(rapid.Int64Range(1, 99_999).Draw(t, "close"), -2)
			quotes[id] = market.Mark{
				Quote:         market.Quote{Instrument: id, Price: money.NewDecimal(rapid.Int64Range(0, 9_999_999).Draw(t, "price"), -4), MarketTime: made.Time().Add(time.Hour)},
				PreviousClose: &close, PreviousDate: made - 1,
			}
		}
	}
}

// samePulse compares a pulse with Value, to the last digit.
func samePulse(p *Pulse, v *Valuation) error {
	differ := func(what string, got, want money.Maybe) error {
		x, ok1 := got.Get()
		y, ok2 := want.Get()
		if ok1 != ok2 || !x.Equal(y) {
			return fmt.Errorf("%s is %s, want %s", what, got, want)
		}
		return nil
	}
	type pair struct {
		what      string
		got, want money.Maybe
	}
	totals := p.Totals()
	pairs := []pair{
		{"value", totals.Value, v.Value}, {"cash", totals.Cash, v.Cash}, {"day change", totals.DayChange, v.DayChange},
		{"day change percent", totals.DayChangePercent, v.DayChangePercent},
	}
	contributions := slices.Clone(p.Others())
	for i := range contributions {
		contributions[i].Percent = p.Percent(contributions[i].Amount)
	}
	for i := range p.Len() {
		got, c := p.Position(i)
		if !c.Amount.IsZero() {
			contributions = append(contributions, c)
		}
		at := slices.IndexFunc(v.Positions, func(x Position) bool { return x.Instrument == got.Instrument })
		if at < 0 || p.Instrument(i) != got.Instrument || p.Currency(i) != got.Currency {
			return fmt.Errorf("position %s is not there", got.Instrument)
		}
		want := v.Positions[at]
		pairs = append(pairs,
			pair{"price", got.Price, want.Price}, pair{"value", got.Value, want.Value}, pair{"value in base", got.ValueBase, want.ValueBase},
			pair{"value in base alone", p.ValueBase(i), want.ValueBase}, pair{"weight", got.Weight, want.Weight},
			pair{"change", got.DayChangeBase, want.DayChangeBase}, pair{"percent", got.DayChangePercent, want.DayChangePercent},
			pair{"unrealised", got.UnrealisedBase, want.UnrealisedBase}, pair{"profit", got.ProfitBase, want.ProfitBase}, pair{"fx", got.FXEffectBase, want.FXEffectBase})
	}
	for _, one := range pairs {
		if err := differ(one.what, one.got, one.want); err != nil {
			return err
		}
	}
	slices.SortFunc(contributions, BiggestFirst)
	if len(contributions) != len(v.Contributions) || p.Len() != len(v.Positions) {
		return fmt.Errorf("contributions %v, want %v", contributions, v.Contributions)
	}
	for i, want := range v.Contributions {
		got := contributions[i]
		if got.Kind != want.Kind || got.Instrument != want.Instrument || got.Currency != want.Currency || !got.Amount.Equal(want.Amount) {
			return fmt.Errorf("contribution %v, want %v", got, want)
		}
		if err := differ("its percent", got.Percent, want.Percent); err != nil {
			return err
		}
	}
	if !slices.Equal(p.Problems(), v.Problems) {
		return fmt.Errorf("problems %v, want %v", p.Problems(), v.Problems)
	}
	return nil
}

// Whatever is held and whatever prices do, sums by currency come to what positions one by one come to.
func TestPulseIsTheValuation(t *testing.T) {
	var pulse Pulse // one for all, so that nothing is left of what was before
	rapid.Check(t, func(t *rapid.T) {
		book, m := drawBook(t, rapid.Bool().Draw(t, "shorts"))
		h, err := Hold(book, m)
		if err != nil {
			t.Fatal(err)
		}
		today := market.Date(19000 + rapid.IntRange(0, 60).Draw(t, "today"))
		if n := len(book.Activities); n > 0 && rapid.Bool().Draw(t, "the last day") {
			today = h.last.date
		}
		quotes := quotesOf(m, today)
		kept := map[market.InstrumentID]*market.Mark{} // a mark that stays is the same one, so that what is remembered of it counts
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			var current func(market.Mark) bool
			switch rapid.IntRange(0, 2).Draw(t, "current") {
			case 0:
				current = func(market.Mark) bool { return true }
			case 1:
				current = func(m market.Mark) bool { return market.DateOf(m.MarketTime) >= today-1 }
			}
			seen := func() Marks {
				fresh := quotes.marks(today, current)
				return func(id market.InstrumentID) (*market.Mark, bool) {
					mark, current := fresh(id)
					if mark == nil || kept[id] == nil || *kept[id] != *mark {
						kept[id] = mark
					}
					return kept[id], current
				}
			}
			v := h.Value(quotes, today, current)
			pulse.Reset(h, today, seen())
			if err := samePulse(&pulse, &v); err != nil {
				t.Fatal(err)
			}
			before := maps.Clone(quotes)
			drawQuotes(t, quotes, m, today)
			var moved []int
			for id := range m.Series {
				mark, known := before[id]
				at := slices.IndexFunc(pulse.seen, func(s sight) bool { return s.instrument == id })
				switch {
				case at >= 0:
					if quotes[id] != mark {
						moved = append(moved, at)
					}
				case known:
					quotes[id] = mark
				default:
					delete(quotes, id)
				}
			}
			v = h.Value(quotes, today, current)
			pulse.Move(seen(), moved)
			if err := samePulse(&pulse, &v); err != nil {
				t.Fatalf("moved: %v", err)
			}
			drawQuotes(t, quotes, m, today)
			today += market.Date(rapid.IntRange(0, 1).Draw(t, "days"))
		}
	})
}

func BenchmarkPulse(b *testing.B) {
	book, m, _, to := benchBook([]money.Currency{"EUR", "USD", "GBP"})
	h, err := Hold(book, m)
	if err != nil {
		b.Fatal(err)
	}
	marks := quotesOf(m, to).marks(to, nil)
	b.ReportAllocs()
	var p Pulse
	for b.Loop() {
		p.Reset(h, to, marks)
	}
}
