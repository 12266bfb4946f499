package ingest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// run is closes on days that follow on each other.
func run(from string, closes ...string) (bars []market.Bar) {
	for n, price := range closes {
		bars = append(bars, market.Bar{Date: market.MustDate(from) + market.Date(n), Close: money.MustParse(price)})
	}
	return bars
}

func TestWhatGoesBesideWhatIsStored(t *testing.T) {
	split := market.Action{Kind: market.ActionSplit, Date: market.MustDate("2020-08-31"), New: money.NewDecimal(4, 0), Old: money.One}
	reverse := market.Action{Kind: market.ActionSplit, Date: market.MustDate("2020-08-31"), New: money.One, Old: money.NewDecimal(10, 0)}
	small := market.Action{Kind: market.ActionSplit, Date: market.MustDate("2020-08-31"), New: money.MustParse("1.05"), Old: money.One}
	priced := func(text string) *market.Mark {
		return &market.Mark{Quote: market.Quote{Price: money.MustParse(text), MarketTime: time.Date(2020, 9, 4, 15, 0, 0, 0, time.UTC)}}
	}
	for name, c := range map[string]struct {
		stored, fresh []market.Bar
		splits        []market.Action
		mark          *market.Mark
		like          bool
	}{
		"nothing":                                 {nil, nil, nil, nil, true},
		"nothing stored":                          {nil, run("2020-09-01", "100", "101"), nil, nil, true},
		"as traded over a split":                  {nil, run("2020-08-30", "500", "126", "127"), []market.Action{split}, nil, true},
		"divided by a known split":                {nil, run("2020-08-30", "125", "126", "127"), []market.Action{split}, nil, false},
		"a fall like half a split, as traded":     {nil, run("2020-08-30", "500", "140"), []market.Action{split}, nil, true},
		"as traded over a reverse split":          {nil, run("2020-08-30", "1.2", "12.1"), []market.Action{reverse}, nil, true},
		"multiplied by a known reverse split":     {nil, run("2020-08-30", "12", "12.1"), []market.Action{reverse}, nil, false},
		"a split too small to show":               {nil, run("2020-08-30", "100", "100"), []market.Action{small}, nil, true},
		"the split before all":                    {nil, run("2020-08-31", "125", "126"), []market.Action{split}, nil, true},
		"the same on common days":                 {run("2020-09-01", "100", "101", "102"), run("2020-08-30", "98", "99", "100", "101"), nil, nil, true},
		"nearly the same":                         {run("2020-09-01", "100", "101", "102"), run("2020-09-01", "100.9", "100.3", "102.8"), nil, nil, true},
		"one bad day among them":                  {run("2020-09-01", "100", "101", "102"), run("2020-09-01", "100", "50", "102"), nil, nil, true},
		"half on common days":                     {run("2020-09-01", "100", "101", "102"), run("2020-08-30", "49", "49.5", "50", "50.5"), nil, nil, false},
		"a twentieth less on common days":         {run("2020-09-01", "100", "101", "102"), run("2020-09-01", "95", "96", "97"), nil, nil, false},
		"beside it":                               {run("2020-09-01", "100", "101"), run("2020-08-25", "90", "91"), nil, nil, true},
		"beside it, by far":                       {run("2020-09-01", "100", "101"), run("2020-08-25", "50", "51"), nil, nil, false},
		"beside it, by far, with a split between": {run("2020-09-01", "100", "101"), run("2020-08-25", "400", "410"), []market.Action{split}, nil, true},
		"beside it, divided by the split between": {run("2020-09-01", "100", "101"), run("2020-08-25", "100", "102"), []market.Action{split}, nil, false},
		"months before, with a split since":       {run("2020-09-01", "100", "101"), run("2020-01-01", "100", "102"), []market.Action{split}, nil, false},
		"months away, all after the split":        {run("2021-09-01", "100", "101"), run("2020-09-01", "100", "102"), []market.Action{split}, nil, true},
		"beside it after":                         {run("2020-09-01", "100", "101"), run("2020-09-05", "10100", "10200"), nil, nil, false},
		"years away":                              {run("2020-09-01", "100", "101"), run("2010-08-25", "5", "5"), nil, nil, true},
		"like the price":                          {nil, run("2020-09-01", "100", "101"), nil, priced("140"), true},
		"a hundred times the price":               {nil, run("2020-09-01", "10000", "10100"), nil, priced("101"), false},
		"a hundredth of the price":                {nil, run("2020-09-01", "1.00", "1.01"), nil, priced("101"), false},
		"long before the price":                   {nil, run("2010-09-01", "1.00", "1.01"), nil, priced("101"), true},
	} {
		stored := market.NewSeries("a", "USD", c.stored)
		err := likeStored(&stored, c.fresh, c.splits, c.mark)
		if (err == nil) != c.like || err != nil && !errors.Is(err, errUnlike) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is missing and what is silent are together all days without a close, whatever was asked for in vain.
func TestSilencesAndGapsMakeUpTheRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const days = 60
		flags := func(label string) []bool { return rapid.SliceOfN(rapid.Bool(), days, days).Draw(t, label) }
		open, has := flags("open"), flags("has")
		var trading []market.Date
		var bars []market.Bar
		for day := range market.Date(days) {
			if open[day] {
				trading = append(trading, day)
			}
			if has[day] {
				bars = append(bars, market.Bar{Date: day, Close: money.One})
			}
		}
		series := market.NewSeries("a", "USD", bars)
		tries := map[market.Date]int{}
		again := map[market.Date]market.Date{}
		var silent []Silence
		for today := market.Date(100); today < 100+market.Date(rapid.IntRange(1, 90).Draw(t, "days on")); today += market.Date(rapid.IntRange(1, 20).Draw(t, "step")) {
			var inVain []market.Date
			for _, day := range missingDays(trading, &series, silent, today) {
				if rapid.Bool().Draw(t, "asked") {
					inVain = append(inVain, day)
					tries[day]++
					again[day] = neverAgain
					if tries[day] <= len(silentAgain) {
						again[day] = today + silentAgain[tries[day]-1]
					}
				}
			}
			silent = keepSilent(trading, &series, silent, inVain, today)
			var want []market.Date
			for _, day := range trading {
				if !has[day] && again[day] <= today {
					want = append(want, day)
				}
			}
			if got := missingDays(trading, &series, silent, today); !slices.Equal(got, want) {
				t.Fatalf("on %d: missing %v, want %v, silent %v", today, got, want, silent)
			}
			if !slices.IsSortedFunc(silent, func(a, b Silence) int { return int(a.Until - b.From) }) {
				t.Fatalf("silences meet: %v", silent)
			}
		}
	})
}
