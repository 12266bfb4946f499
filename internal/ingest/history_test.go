package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// archive is a scripted source of history: closes are a function of the day.
type archive struct {
	source
	days    int // of one request; 0: as many as one likes
	has     func(day market.Date) bool
	close   func(day market.Date) money.Decimal
	unit    string
	failing *provider.Error

	asks    []asked
	during  func() // while it is asked
	actions func(from, to market.Date) ([]provider.Action, error)
}

type asked struct{ from, to market.Date }

// onWeekdays answers for weekdays from a day on.
func newArchive(name, since string) *archive {
	first := market.MustDate(since)
	a := &archive{unit: "USD", close: priceOn}
	a.name = name
	a.has = func(day market.Date) bool {
		return day >= first && day.Weekday() != time.Saturday && day.Weekday() != time.Sunday
	}
	return a
}

// priceOn changes a little from day to day, and never jumps.
func priceOn(day market.Date) money.Decimal { return money.NewDecimal(10_000+int64(day)%500, -2) }

func (a *archive) HistoryDays() int { return cmp.Or(a.days, historyDaysMax+2*overlapDays) }

func (a *archive) History(ctx context.Context, _ string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	if _, ok := ctx.Deadline(); !ok {
		return nil, money.Unit{}, errors.New("a call without a deadline")
	}
	a.mutex.Lock()
	a.asks = append(a.asks, asked{from, to})
	a.mutex.Unlock()
	if a.during != nil {
		a.during()
	}
	if a.failing != nil {
		return nil, money.Unit{}, a.failing
	}
	unit, err := money.ParseUnit(a.unit)
	var bars []market.Bar
	for day := to; day >= from && to-day < market.Date(a.HistoryDays()); day-- { // the newest first, as some do
		if a.has(day) {
			bars = append(bars, market.Bar{Date: day, Close: a.close(day)})
		}
	}
	return bars, unit, err
}

func (a *archive) askedSince(n int) []asked {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return slices.Clone(a.asks[n:])
}

// informer is an archive that tells of splits and dividends too.
type informer struct{ *archive }

func (i informer) Actions(_ context.Context, _ string, from, to market.Date) ([]provider.Action, error) {
	told, err := i.actions(from, to)
	return slices.DeleteFunc(told, func(a provider.Action) bool { return a.Date < from || a.Date > to }), err
}

// adjuster is a source whose closes are divided by later splits.
type adjuster struct {
	source
	adjustment provider.Adjustment
	splits     []market.Action
	asks       int
}

func (a *adjuster) AdjustedHistory(_ context.Context, _ string, from, to market.Date) ([]market.Bar, money.Unit, provider.Adjustment, error) {
	a.asks++
	var bars []market.Bar
	for day := from; day <= to; day++ {
		price := tradedOn(day, a.splits)
		for i := range a.splits {
			if day < a.splits[i].Date {
				price = price.Mul(a.splits[i].Old).Quo(a.splits[i].New)
			}
		}
		if w := day.Weekday(); w != time.Saturday && w != time.Sunday {
			bars = append(bars, market.Bar{Date: day, Close: price})
		}
	}
	return bars, money.Unit{}, a.adjustment, nil
}

func (a *adjuster) History() {} // hides that of source: it is no Historian

// tradedOn is a price as traded: it falls by every split.
func tradedOn(day market.Date, splits []market.Action) money.Decimal {
	price := priceOn(day)
	for i := range splits {
		if day >= splits[i].Date {
			price = price.Mul(splits[i].Old).Quo(splits[i].New)
		}
	}
	return price.Round(rawPlaces).Reduced()
}

// library is a world whose chain of stocks is of sources of history.
func library(t *testing.T, wanted []market.Instrument, chain ...provider.Provider) *world {
	t.Helper()
	w := newWorld(t, wanted)
	for _, i := range wanted {
		for _, source := range chain {
			i.Names[source.Name()] = string(i.ID)
		}
	}
	w.Ingest = w.node(t, map[string][]provider.Provider{ChainStock: chain})
	return w
}

func (w *world) want(t *testing.T, id market.InstrumentID, since string) {
	t.Helper()
	if err := w.store.WantHistory(t.Context(), map[market.InstrumentID]market.Date{id: market.MustDate(since)}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) backfill(t *testing.T) {
	t.Helper()
	if err := w.Backfill(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) stateOf(t *testing.T, id market.InstrumentID) HistoryState {
	t.Helper()
	states, err := w.History(t.Context(), []market.InstrumentID{id})
	if err != nil {
		t.Fatal(err)
	}
	return states[id]
}

// closes are the stored closes of an instrument, rising; a day that was written twice fails the test.
func (w *world) closes(t fataler, id market.InstrumentID) []market.Bar {
	bars := slices.Clone(w.store.bars[id])
	slices.SortStableFunc(bars, func(a, b market.Bar) int { return cmp.Compare(a.Date, b.Date) })
	for n := 1; n < len(bars); n++ {
		if bars[n].Date == bars[n-1].Date {
			t.Fatalf("%s: two closes on %s: %s and %s", id, bars[n].Date, bars[n-1].Close, bars[n].Close)
		}
	}
	return bars
}

type fataler interface {
	Fatalf(format string, args ...any)
}

// holds says that the stored closes are those of an archive, from a day to another.
func (w *world) holds(t *testing.T, id market.InstrumentID, a *archive, from, to market.Date) {
	t.Helper()
	if wrong := w.wrong(t, id, a, from, to); wrong != "" {
		t.Error(wrong)
	}
}

// wrong says how the stored closes differ from those of an archive, from a day to another; empty where they don't.
func (w *world) wrong(t fataler, id market.InstrumentID, a *archive, from, to market.Date) string {
	var want []market.Bar
	for day := from; day <= to; day++ {
		if a.has(day) {
			want = append(want, market.Bar{Date: day, Close: a.close(day)})
		}
	}
	got := w.closes(t, id)
	if slices.EqualFunc(got, want, sameBar) {
		return ""
	}
	text := fmt.Sprintf("%d closes, want %d from %s to %s", len(got), len(want), from, to)
	for _, b := range want {
		if !slices.ContainsFunc(got, func(g market.Bar) bool { return sameBar(g, b) }) {
			return fmt.Sprintf("%s; no close of %s on %s, which is in silence: %v", text, b.Close, b.Date, w.store.rows[id].Silent)
		}
	}
	return text
}

func sameBar(a, b market.Bar) bool { return a.Date == b.Date && a.Close.Equal(b.Close) }

func today() market.Date { return market.DateOf(time.Now().UTC()) }

// synctest begins on 2000-01-01: histories are of the nineties.
func TestHistoryBeginsWithTheFirstActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newArchive("first", "1985-01-01")
		w := library(t, []market.Instrument{stock("A", "XX"), stock("B", "XX")}, first)
		w.want(t, "A", "1999-03-17")
		w.backfill(t)
		from := market.MustDate("1999-03-01") - historyLead
		w.holds(t, "A", first, from, today()-1)
		if h := w.stateOf(t, "A"); h.State != BackfillDone || h.Source != "first" || h.From != market.MustDate("1999-02-19") || h.Until != market.MustDate("1999-12-31") || h.Bars != 226 || h.DoneAt.IsZero() || h.Outcome != "" {
			t.Errorf("%+v", h)
		}
		// B is held since nobody knows when: what was done before months were asked for.
		w.holds(t, "B", first, market.MustDate("1985-01-01"), today()-1)
		before := len(first.asks)
		w.backfill(t)
		if len(first.asks) != before {
			t.Errorf("asked again: %v", first.askedSince(before))
		}
		// An earlier activity is entered: only what is missing is asked for.
		w.want(t, "A", "1997-11-30")
		if h := w.stateOf(t, "A"); h.State != BackfillWaiting {
			t.Errorf("%+v", h)
		}
		w.backfill(t)
		w.holds(t, "A", first, market.MustDate("1997-11-01")-historyLead, today()-1)
		if got := first.askedSince(before); len(got) != 1 || got[0].to > market.MustDate("1999-03-01") {
			t.Errorf("asked for %v", got)
		}
	})
}

// A long history comes in pieces, the newest first; who stops after some goes on there, on another node too.
func TestPiecesGoOnWhereTheyWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newArchive("first", "1980-01-01")
		first.days = 420
		w := library(t, []market.Instrument{stock("A", "XX")}, first)
		w.want(t, "A", "1990-06-01")
		ctx, stop := context.WithCancel(t.Context())
		first.during = func() {
			if len(first.asks) == 3 {
				stop()
			}
		}
		if err := w.Backfill(ctx); err != nil {
			t.Fatal(err)
		}
		h := w.stateOf(t, "A")
		if h.State != BackfillWaiting || h.Bars < 500 || h.From < market.MustDate("1996-01-01") || h.Until != market.MustDate("1999-12-31") {
			t.Fatalf("after three pieces: %+v", h)
		}
		first.during = nil
		other := w.node(t, w.Chains)
		if err := other.Backfill(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.holds(t, "A", first, market.MustDate("1990-06-01")-historyLead, today()-1)
		for n := 1; n < len(first.asks); n++ {
			if a, b := first.asks[n], first.asks[n-1]; a.to >= b.to || a.to-b.from > 2*overlapDays+5 || a.to-a.from >= 420 {
				t.Errorf("piece %d is %s to %s after %s to %s", n, a.from, a.to, b.from, b.to)
			}
		}
		moved := 0
		for n := 1; n < len(w.store.steps); n++ {
			if w.store.steps[n].Bars > w.store.steps[n-1].Bars {
				moved++
			}
		}
		if moved < len(first.asks)-2 {
			t.Errorf("progress moved %d times in %d pieces", moved, len(first.asks))
		}
	})
}

func TestNodesShareTheSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newArchive("first", "1980-01-01")
		first.days, first.during = 1000, func() { time.Sleep(20 * time.Second) }
		w := library(t, []market.Instrument{stock("A", "XX")}, first)
		w.want(t, "A", "1992-06-01")
		nodes := []*Ingest{w.Ingest, w.node(t, w.Chains), w.node(t, w.Chains)}
		var group sync.WaitGroup
		for n := range 30 {
			group.Go(func() {
				time.Sleep(time.Duration(n) * 7 * time.Second)
				if err := nodes[n%3].Backfill(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		w.holds(t, "A", first, market.MustDate("1992-06-01")-historyLead, today()-1)
		if len(first.asks) != 3 {
			t.Errorf("%d pieces were asked for: %v", len(first.asks), first.asks)
		}
	})
}

// Gaps are asked for once a day; days on which no source has a close four times, and never again.
func TestGapsAreFilledAndSilenceIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newArchive("first", "1980-01-01")
		shut, late := market.MustDate("1998-11-26"), market.MustDate("1999-05-05")
		has, lateKnown := first.has, false
		first.has = func(day market.Date) bool { return has(day) && day != shut && (day != late || lateKnown) }
		w := library(t, []market.Instrument{stock("A", "XX")}, first)
		w.want(t, "A", "1998-03-17")
		vain, most := 0, 0
		for day := range 400 {
			before := len(first.asks)
			for range 3 {
				w.backfill(t)
				time.Sleep(8 * time.Hour)
			}
			asks := first.askedSince(before)
			most = max(most, len(asks))
			for _, a := range asks {
				if a.from <= shut {
					vain++
				}
			}
			if day == 5 {
				lateKnown = true
			}
		}
		if vain != 1+len(silentAgain) || most > 3 {
			t.Errorf("a day off was asked for %d times; up to %d requests a day", vain, most)
		}
		w.holds(t, "A", first, market.MustDate("1998-03-01")-historyLead, today()-1)
		if h := w.stateOf(t, "A"); h.State != BackfillDone {
			t.Errorf("%+v", h)
		}
		// Another source may have it.
		second := newArchive("second", "1980-01-01")
		w.store.wanted[0].Names["second"] = "A"
		w.Ingest = w.node(t, map[string][]provider.Provider{ChainStock: {first, second}})
		time.Sleep(24 * time.Hour)
		w.backfill(t)
		if !slices.ContainsFunc(w.closes(t, "A"), func(b market.Bar) bool { return b.Date == shut }) {
			t.Errorf("a source that was added wasn't asked: %v", second.asks)
		}
	})
}

func TestWhatASourceLacksComesFromTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, third := newArchive("first", "1999-01-01"), newArchive("second", "1980-01-01"), newArchive("third", "1980-01-01")
		first.failing = first.fails(provider.Blocked, 0)
		w := library(t, []market.Instrument{stock("A", "XX")}, first, second, third)
		w.want(t, "A", "1995-03-17")
		second.failing = second.fails(provider.Transient, 0)
		third.failing = third.fails(provider.UnknownSymbol, 0)
		w.backfill(t)
		if h := w.stateOf(t, "A"); h.State != BackfillFailed || h.Outcome == "" || time.Until(h.AgainAt) != failedAgain || h.Bars != 0 {
			t.Fatalf("%+v", h)
		}
		first.failing, second.failing = nil, nil
		time.Sleep(48 * time.Hour)
		w.backfill(t)
		w.holds(t, "A", second, market.MustDate("1995-03-01")-historyLead, today()-1)
		if h := w.stateOf(t, "A"); h.State != BackfillDone || h.Source != "second" || len(third.asks) != 1 {
			t.Errorf("%+v, and the third was asked for %v", h, third.asks)
		}
	})
}

func TestNobodyHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newArchive("first", "2090-01-01")
		w := library(t, []market.Instrument{stock("A", "XX"), stock("B", "XX")}, first)
		delete(w.store.wanted[1].Names, "first")
		w.want(t, "A", "1995-03-17")
		w.want(t, "B", "1995-03-17")
		for range 100 {
			w.backfill(t)
			time.Sleep(24 * time.Hour)
		}
		old := 0
		for _, a := range first.asks {
			if a.from < market.MustDate("1999-01-01") {
				old++
			}
		}
		for _, id := range []market.InstrumentID{"A", "B"} {
			if h := w.stateOf(t, id); h.State != BackfillNone || h.Bars != 0 || h.From != market.NoDate {
				t.Errorf("%+v", h)
			}
		}
		if old != 1+len(silentAgain) {
			t.Errorf("asked for all of it %d times in 100 days", old)
		}
	})
}

// Somebody's first purchase doesn't wait for the daily turns of others, and a run stays bounded.
func TestOneRunAsksForABoundedNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newArchive("first", "1999-06-01")
		var wanted []market.Instrument
		for n := range 50 {
			wanted = append(wanted, stock(string(rune('A'+n)), "XX"))
		}
		w := library(t, wanted, first)
		for run, want := range []int{20, 40, 50, 50} {
			w.backfill(t)
			if len(first.asks) != want {
				t.Errorf("run %d: %d calls, want %d", run, len(first.asks), want)
			}
		}
		time.Sleep(4 * 24 * time.Hour)
		w.store.wanted = append(w.store.wanted, stock("new", "XX"))
		w.want(t, "new", "1999-12-01")
		w.backfill(t)
		if h := w.stateOf(t, "new"); h.State != BackfillDone || len(first.asks) > 50+2*backfilledMax {
			t.Errorf("%+v after %d calls", h, len(first.asks)-50)
		}
	})
}

// Closes that differ by a factor are another series: adjusted, in pence, or another share's. They are never spliced.
func TestUnlikeSeriesAreNotSpliced(t *testing.T) {
	half := func(day market.Date) money.Decimal { return priceOn(day).Quo(money.NewDecimal(2, 0)) }
	for name, c := range map[string]struct {
		close func(market.Date) money.Decimal
		unit  string
	}{
		"divided by a split": {half, "USD"},
		"in cents":           {priceOn, "USX"},
		"in another unit":    {func(day market.Date) money.Decimal { return priceOn(day).Mul(money.NewDecimal(100, 0)) }, "USD"},
		"slightly adjusted":  {func(day market.Date) money.Decimal { return priceOn(day).Mul(money.MustParse("0.95")) }, "USD"},
	} {
		synctest.Test(t, func(t *testing.T) {
			first, second := newArchive("first", "1998-01-01"), newArchive("second", "1980-01-01")
			second.close, second.unit = c.close, c.unit
			w := library(t, []market.Instrument{stock("A", "XX")}, first, second)
			w.want(t, "A", "1995-03-17")
			w.backfill(t)
			w.holds(t, "A", first, market.MustDate("1998-01-01"), today()-1)
			if h := w.stateOf(t, "A"); h.State != BackfillFailed || h.Outcome != OutcomeUnlike || time.Until(h.AgainAt) > 30*time.Hour {
				t.Errorf("%s: %+v", name, h)
			}
			for range 3 { // nor later, and the state goes on to say so
				time.Sleep(24 * time.Hour)
				w.backfill(t)
			}
			if got := w.closes(t, "A"); got[0].Date < market.MustDate("1998-01-01") {
				t.Errorf("%s: spliced on another day: %v", name, got[0])
			}
			second.close, second.unit = priceOn, "USD" // it is mended
			time.Sleep(8 * 24 * time.Hour)
			w.backfill(t)
			w.holds(t, "A", first0(second, first), market.MustDate("1995-03-01")-historyLead, today()-1)
		})
	}
}

// first0 is a source that stands for both, which agree.
func first0(all ...*archive) *archive { return all[0] }

// The first closes of an instrument are held against its price.
func TestAFirstHistoryIsHeldAgainstThePrice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newArchive("first", "1980-01-01")
		first.close = func(day market.Date) money.Decimal { return priceOn(day).Mul(money.NewDecimal(100, 0)) }
		w := library(t, []market.Instrument{stock("A", "XX")}, first)
		w.want(t, "A", "1999-03-17")
		now := time.Now()
		if _, _, err := w.store.Accept(t.Context(), []market.Mark{{Quote: market.Quote{Instrument: "A", Price: priceOn(today()), Currency: "USD", Source: "other", ObservedAt: now, MarketTime: now}}}); err != nil {
			t.Fatal(err)
		}
		w.backfill(t)
		if h := w.stateOf(t, "A"); h.State != BackfillFailed || h.Outcome != OutcomeUnlike || len(w.closes(t, "A")) != 0 {
			t.Errorf("%+v", h)
		}
	})
}

// In whatever order months are asked for, sources fail and nodes stop, the series is the same in the end, and no close in it is
// anything but what was traded: not even where one source of the chain divides by a split and doesn't say so, as long as another
// tells of the split.
func TestAnyOrderGivesTheSameSeries(t *testing.T) {
	split := market.Action{Kind: market.ActionSplit, Date: market.MustDate("1998-06-15"), New: money.NewDecimal(4, 0), Old: money.One}
	traded := func(day market.Date) money.Decimal { return tradedOn(day, []market.Action{split}) }
	rapid.Check(t, func(r *rapid.T) {
		days := rapid.IntRange(60, 900).Draw(r, "days of a piece")
		since := rapid.SampledFrom([]string{"1990-01-01", "1997-02-03", "1999-05-05"}).Draw(r, "first source begins")
		steps := rapid.SliceOfN(rapid.IntRange(0, 7), 1, 12).Draw(r, "steps")
		months := rapid.SliceOfN(rapid.IntRange(0, 60), len(steps), len(steps)).Draw(r, "months")
		var wrong string // told outside, so that what was drawn is made small
		synctest.Test(t, func(t *testing.T) {
			liar, first, second := newArchive("liar", "1980-01-01"), newArchive("first", since), newArchive("second", "1980-01-01")
			first.close, second.close = traded, traded
			liar.close = func(day market.Date) money.Decimal { return priceOn(day).Quo(money.NewDecimal(4, 0)) }
			liar.failing = liar.fails(provider.Transient, 0)
			first.days, second.days = days+2*overlapDays, 2*days+2*overlapDays
			second.actions = func(market.Date, market.Date) ([]provider.Action, error) {
				return []provider.Action{{Kind: provider.Split, Date: split.Date, New: split.New, Old: split.Old}}, nil
			}
			w := library(t, []market.Instrument{stock("A", "XX")}, liar, first, informer{second})
			w.want(t, "A", "1999-12-01")
			w.backfill(t)
			earliest := market.MustDate("1999-12-01")
			for n, step := range steps {
				ctx, stop := context.WithCancel(t.Context())
				first.failing, second.failing, first.during = nil, nil, nil
				liar.failing = liar.fails(provider.Transient, 0)
				switch step {
				case 0:
					first.failing = first.fails(provider.Transient, 0)
				case 1:
					second.failing = second.fails(provider.RateDay, 0)
				case 2:
					first.during = stop
				case 3:
					if w.stateOf(t, "A").Bars > 0 {
						liar.failing = nil
					}
				case 4: // a day is lost
					if bars := w.store.bars["A"]; len(bars) > 10 {
						w.store.bars["A"] = slices.Delete(bars, len(bars)/2, len(bars)/2+1)
					}
				}
				month := market.NewDate(1999, time.Month(12-months[n]), 1)
				earliest = min(earliest, month)
				w.want(t, "A", month.String())
				if err := w.Backfill(ctx); err != nil {
					t.Fatal(err)
				}
				stop()
				time.Sleep(26 * time.Hour)
			}
			first.failing, second.failing, first.during = nil, nil, nil
			liar.failing = liar.fails(provider.Transient, 0)
			for range 45 { // silences end meanwhile
				w.backfill(t)
				time.Sleep(26 * time.Hour)
			}
			time.Sleep(time.Until((today() + 1).Time().Add(12 * time.Hour))) // the day's turn has come
			w.backfill(t)
			wrong = w.wrong(t, "A", second, earliest-historyLead, today()-1)
		})
		if wrong != "" {
			r.Fatal(wrong)
		}
	})
}

func told(kind provider.ActionKind, day, value string) provider.Action {
	a := provider.Action{Kind: kind, Date: market.MustDate(day), PayDate: market.NoDate}
	if kind == provider.Split {
		a.New, a.Old = money.MustParse(value), money.One
	} else {
		a.Amount = money.MustParse(value)
	}
	return a
}

func (w *world) actionsOf(t *testing.T, id market.InstrumentID) (lines []string) {
	t.Helper()
	all, err := w.store.Actions(t.Context(), []market.InstrumentID{id})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all[id] {
		value := a.Amount.String() + string(a.Currency)
		if a.Kind == market.ActionSplit {
			value = a.New.String() + ":" + a.Old.String()
		}
		lines = append(lines, string(a.Kind)+" "+a.Date.String()+" "+value+" "+a.Source)
	}
	return lines
}

// Splits and dividends come with the history and then daily, from the first source that answers; what the closes don't bear out is
// held out.
func TestSplitsAndDividendsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := informer{newArchive("first", "1980-01-01")}, informer{newArchive("second", "1980-01-01")}
		first.actions = func(market.Date, market.Date) ([]provider.Action, error) {
			return nil, first.fails(provider.NotEntitled, 0)
		}
		asks := 0
		pence, err := money.ParseUnit("USX")
		if err != nil {
			t.Fatal(err)
		}
		said := []provider.Action{
			told(provider.Split, "1998-06-15", "2"), told(provider.Dividend, "1998-05-04", "0.40"), told(provider.Dividend, "1998-08-04", "0.20"),
			told(provider.Dividend, "1998-11-04", "0.15"), told(provider.Dividend, "1998-11-04", "0.05"), told(provider.Dividend, "1999-02-04", "90"),
			told(provider.Dividend, "1999-05-04", "20"), told(provider.Dividend, "1999-08-04", "0.002"), told(provider.Dividend, "1999-11-04", "20"), told(provider.Dividend, "1999-10-04", "0"),
		}
		said[8].Unit, said[8].HasCurrency = pence, true
		second.actions = func(market.Date, market.Date) ([]provider.Action, error) { asks++; return slices.Clone(said), nil }
		w := library(t, []market.Instrument{stock("A", "XX")}, first, second)
		split := market.Action{Kind: market.ActionSplit, Date: market.MustDate("1998-06-15"), New: money.NewDecimal(2, 0), Old: money.One}
		first.close = func(day market.Date) money.Decimal { return tradedOn(day, []market.Action{split}) }
		w.want(t, "A", "1998-03-17")
		w.backfill(t)
		want := []string{"dividend 1998-05-04 0.40USD second", "split 1998-06-15 2:1 second", "dividend 1998-08-04 0.20USD second", "dividend 1998-11-04 0.20USD second", "dividend 1999-11-04 0.20USD second"}
		if got := w.actionsOf(t, "A"); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		w.holds(t, "A", first.archive, market.MustDate("1998-03-01")-historyLead, today()-1)
		if h := w.stateOf(t, "A"); h.State != BackfillDone || h.ActionsFrom != market.MustDate("1998-03-01")-historyLead || !h.ActionsAt.Equal(time.Now()) {
			t.Errorf("%+v", h)
		}
		said = append(said, told(provider.Dividend, "2000-01-05", "0.21"))
		time.Sleep(12 * time.Hour)
		for range 10 {
			w.backfill(t)
			time.Sleep(24 * time.Hour)
		}
		if got := w.actionsOf(t, "A"); asks != 10 || len(got) != 6 || got[5] != "dividend 2000-01-05 0.21USD second" {
			t.Errorf("asked %d times, %q", asks, got)
		}
	})
}

// A search that is stopped between a source's answer and its end asks for the dividends again.
func TestDividendsOutliveAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := informer{newArchive("first", "1980-01-01")}
		first.actions = func(market.Date, market.Date) ([]provider.Action, error) {
			return []provider.Action{told(provider.Dividend, "1998-05-04", "0.40")}, nil
		}
		w := library(t, []market.Instrument{stock("A", "XX")}, first)
		w.want(t, "A", "1998-03-17")
		first.during = func() { w.store.down = errors.New("disk full") }
		if err := w.Backfill(t.Context()); err == nil {
			t.Error("a store that is down is no error")
		}
		w.store.down, first.during = nil, nil
		time.Sleep(24 * time.Hour)
		w.backfill(t)
		if got := w.actionsOf(t, "A"); len(got) != 1 {
			t.Errorf("%q", got)
		}
	})
}

// Closes that a source divides by splits are made raw where all splits are known, and are of no use otherwise.
func TestAdjustedHistoryIsMadeRaw(t *testing.T) {
	split := market.Action{Kind: market.ActionSplit, Date: market.MustDate("1998-06-15"), New: money.NewDecimal(4, 0), Old: money.One}
	for _, c := range []struct {
		adjustment provider.Adjustment
		knows      bool
		bars       int
	}{
		{provider.SplitAdjusted, true, 487}, {provider.SplitAdjusted, false, 0}, {provider.DividendAdjusted, true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			first := &adjuster{adjustment: c.adjustment, splits: []market.Action{split}}
			first.name = "first"
			second := informer{newArchive("second", "2090-01-01")}
			second.actions = func(market.Date, market.Date) ([]provider.Action, error) {
				if !c.knows {
					return nil, second.fails(provider.NotEntitled, 0)
				}
				return []provider.Action{told(provider.Split, "1998-06-15", "4")}, nil
			}
			w := library(t, []market.Instrument{stock("A", "XX")}, first, second)
			w.want(t, "A", "1998-03-17")
			w.backfill(t)
			got := w.closes(t, "A")
			for _, b := range got {
				if want := tradedOn(b.Date, []market.Action{split}); !b.Close.Equal(want) {
					t.Fatalf("%s on %s, want %s", b.Close, b.Date, want)
				}
			}
			if len(got) != c.bars || !c.knows && first.asks > 0 {
				t.Errorf("%+v: %d closes, asked %d times", c, len(got), first.asks)
			}
		})
	}
}

// A source that had divided its closes by a split before anybody told of it: once the split is known, they are asked for anew.
func TestASplitThatIsLearnedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		split := market.Action{Kind: market.ActionSplit, Date: market.MustDate("1999-06-15"), New: money.NewDecimal(4, 0), Old: money.One}
		first := informer{newArchive("first", "1980-01-01")}
		quarter := func(day market.Date) money.Decimal { return priceOn(day).Quo(money.NewDecimal(4, 0)) }
		first.close = quarter
		var said []provider.Action
		first.actions = func(market.Date, market.Date) ([]provider.Action, error) { return slices.Clone(said), nil }
		w := library(t, []market.Instrument{stock("A", "XX")}, first)
		w.want(t, "A", "1999-01-17")
		w.backfill(t)
		w.holds(t, "A", first.archive, market.MustDate("1999-01-01")-historyLead, today()-1)

		said = []provider.Action{told(provider.Split, "1999-06-15", "4")}
		first.failing = first.fails(provider.Transient, 0)
		w.store.rows["A"] = func(h HistoryState) HistoryState { h.ActionsAt = time.Now().AddDate(0, -9, 0); return h }(w.store.rows["A"])
		time.Sleep(36 * time.Hour)
		w.backfill(t)
		if h := w.stateOf(t, "A"); h.State != BackfillFailed {
			t.Errorf("%+v", h)
		}
		first.failing, first.close = nil, func(day market.Date) money.Decimal { return tradedOn(day, []market.Action{split}) }
		time.Sleep(24 * time.Hour)
		w.backfill(t)
		w.holds(t, "A", first.archive, market.MustDate("1999-01-01")-historyLead, today()-1)
		if h := w.stateOf(t, "A"); h.State != BackfillDone {
			t.Errorf("%+v", h)
		}
	})
}

func TestASearchBeginsAtTheNextLook(t *testing.T) {
	w := newWorld(t, nil)
	w.Interval = time.Second
	for _, kind := range w.Kinds() {
		if kind.Name == "history.backfill" && kind.Every != time.Second {
			t.Errorf("every %s", kind.Every)
		}
	}
}
