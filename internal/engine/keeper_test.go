package engine

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/alert"
	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// estate is what a keeper looks at: portfolios and prices, in memory.
type estate struct {
	portfolios map[PortfolioKey]*property
	marks      map[market.InstrumentID]market.Mark
	sequence   int64 // of the quotes' journal
	today      market.Date
}

// property is one portfolio, with what a snapshot doesn't say.
type property struct {
	book   ledger.Book
	held   *figures.Holdings
	manual map[market.InstrumentID]*market.Mark
}

func (e *estate) SequencesAfter(_ context.Context, after PortfolioKey, limit int) (page []Reached, err error) {
	for _, key := range slices.SortedFunc(maps.Keys(e.portfolios), func(a, b PortfolioKey) int {
		return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Portfolio, b.Portfolio))
	}) {
		if (key.Owner > after.Owner || key.Owner == after.Owner && key.Portfolio > after.Portfolio) && len(page) < limit {
			page = append(page, Reached{key, e.portfolios[key].book.Portfolio.Sequence})
		}
	}
	return page, nil
}

func (e *estate) Snapshots(_ context.Context, _, _ PortfolioKey, wanted func(PortfolioKey) bool) (all []Stored, err error) {
	for key, p := range e.portfolios {
		if !wanted(key) {
			continue
		}
		one := Stored{Reached: Reached{key, p.book.Portfolio.Sequence}}
		if p.manual == nil {
			one.Snapshot = p.held.Snapshot()
		}
		all = append(all, one)
	}
	return all, nil
}

func (e *estate) Instruments(_ context.Context, ids []market.InstrumentID) (found []market.Instrument, err error) {
	for _, id := range ids {
		found = append(found, market.Instrument{ID: id, Class: market.Fund})
	}
	return found, nil
}

func (e *estate) Held(_ context.Context, key PortfolioKey, _ int64) (Held, error) {
	p := e.portfolios[key]
	if p == nil {
		return Held{}, fault.New(fault.NotFound, "there is no such portfolio")
	}
	return Held{Snapshot: p.held.Open(), Manual: p.manual}, nil
}

func (e *estate) Mark(id market.InstrumentID) (market.Mark, bool) {
	mark, ok := e.marks[id]
	return mark, ok
}

func (e *estate) Reach(context.Context, int64) error { return nil }

func (e *estate) keeper(workers int) *Keeper {
	return NewKeeper(KeeperOptions{
		Store: e, Prices: e, Held: e.Held, Workers: workers, Sessions: nil, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return e.today.Time().Add(20 * time.Hour) },
	})
}

// facts are a portfolio's as dashboards have them: what its owner priced by hand gives way to a price of the same day or a later one.
func (e *estate) facts(key PortfolioKey) *alert.Facts {
	p := e.portfolios[key]
	marks := func(id market.InstrumentID) (*market.Mark, bool) {
		mark, ok := e.marks[id]
		if manual, byHand := p.manual[id]; byHand && (manual == nil || !ok || market.DateOf(mark.MarketTime) < market.DateOf(manual.MarketTime)) {
			return manual, false
		}
		if !ok {
			return nil, false
		}
		return &mark, true
	}
	v := p.held.ValueAt(e.today, marks)
	return alert.NewFacts(&p.book.Portfolio, p.book.Instruments, &v, nil, func(market.InstrumentID) market.State { return "" })
}

var keeperCurrencies = []money.Currency{"EUR", "USD", "JPY"}

const (
	instrumentsCount = 6
	ownID            = market.InstrumentID("own-house") // of every portfolio that has one
)

func instrumentOf(i int) market.Instrument {
	id := market.InstrumentID(fmt.Sprintf("i%d", i))
	return market.Instrument{ID: id, Symbol: string(id), Currency: keeperCurrencies[i%len(keeperCurrencies)], Class: market.Stock}
}

// change draws one more activity or price by hand of a portfolio, at its next sequence.
func (e *estate) change(t *rapid.T, key PortfolioKey) {
	p := e.portfolios[key]
	if p == nil {
		p = &property{book: ledger.Book{
			Portfolio:   ledger.Portfolio{Owner: key.Owner, ID: key.Portfolio, BaseCurrency: rapid.SampledFrom(keeperCurrencies).Draw(t, "base"), AllowShort: true, LotMethod: ledger.FIFO},
			Accounts:    []ledger.Account{{ID: "a"}},
			Instruments: map[market.InstrumentID]market.Instrument{ownID: {ID: ownID, Currency: "EUR", Class: market.Property}},
		}}
		for i := range instrumentsCount {
			p.book.Instruments[instrumentOf(i).ID] = instrumentOf(i)
		}
		e.portfolios[key] = p
	}
	number := func(label string, places int32) *money.Decimal {
		x := money.NewDecimal(rapid.Int64Range(1, 99_999_999).Draw(t, label), -places)
		return &x
	}
	a := ledger.Activity{ID: ledger.ActivityID(fmt.Sprint("x", len(p.book.Activities))), Account: "a", Date: e.today - market.Date(rapid.IntRange(0, 3).Draw(t, "ago"))}
	instrument := market.InstrumentID(fmt.Sprintf("i%d", rapid.IntRange(0, instrumentsCount-1).Draw(t, "instrument")))
	if rapid.IntRange(0, 5).Draw(t, "own") == 0 {
		instrument = ownID
	}
	switch rapid.IntRange(0, 7).Draw(t, "what") {
	case 0:
		a.Type, a.Amount, a.Currency = ledger.Deposit, number("amount", 2), rapid.SampledFrom(keeperCurrencies).Draw(t, "currency")
	case 1:
		a.Type, a.Instrument, a.Account, a.Ratio = ledger.Split, instrument, "", &ledger.Ratio{New: money.NewDecimal(3, 0), Old: money.NewDecimal(2, 0)}
	case 2:
		manual := &market.Mark{Quote: market.Quote{Instrument: instrument, Price: *number("by hand", 2), Source: market.SourceManual, MarketTime: (a.Date).Time().Add(12 * time.Hour)}}
		p.manual = maps.Clone(p.manual)
		if p.manual == nil {
			p.manual = make(map[market.InstrumentID]*market.Mark)
		}
		p.manual[instrument] = manual
	case 3:
		a.Type, a.Instrument, a.Quantity, a.Price = ledger.Sell, instrument, number("quantity", rapid.SampledFrom([]int32{0, 3, 11}).Draw(t, "places")), number("price", 2)
	default:
		a.Type, a.Instrument, a.Quantity, a.Price = ledger.Buy, instrument, number("quantity", rapid.SampledFrom([]int32{0, 3, 11}).Draw(t, "places")), number("price", 2)
	}
	if a.Type != "" {
		if after, err := ledger.Apply(p.book, ledger.Changes{Added: []ledger.Activity{a}}, e.today); err == nil {
			p.book = after
		}
	}
	p.book.Portfolio.Sequence++
	held, err := figures.Hold(p.book, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.held = held
}

// move draws a price; sometimes there is none for an instrument yet, and some prices are of a day before a split.
func (e *estate) move(t *rapid.T) Quote {
	ids := []market.InstrumentID{market.RateID("USD"), market.RateID("JPY")}
	for i := range instrumentsCount {
		ids = append(ids, instrumentOf(i).ID)
	}
	e.sequence++
	quote := market.Quote{
		Instrument: rapid.SampledFrom(ids).Draw(t, "of"), Price: money.NewDecimal(rapid.Int64Range(1, 999_999).Draw(t, "price"), -rapid.SampledFrom([]int32{2, 4, 10}).Draw(t, "digits")),
		MarketTime: (e.today - market.Date(rapid.IntRange(0, 4).Draw(t, "made"))).Time().Add(15 * time.Hour), ObservedAt: e.today.Time(),
	}
	e.marks[quote.Instrument] = market.Mark{Quote: quote, Sequence: e.sequence}
	return Quote{Quote: quote, Sequence: e.sequence}
}

// Whatever changes, and whichever hints get lost, the book says what figures say, to the last digit, or that it doesn't know.
func TestTheBookIsWorthWhatFiguresSay(t *testing.T) {
	said := 0
	rapid.Check(t, func(t *rapid.T) {
		e := &estate{portfolios: map[PortfolioKey]*property{}, marks: map[market.InstrumentID]market.Mark{}, today: 20_000}
		k := e.keeper(rapid.IntRange(1, 2).Draw(t, "workers"))
		keys := []PortfolioKey{{"anna", "p1"}, {"anna", "p2"}, {"bob", "p3"}}
		owned, gone := map[int]bool{}, map[PortfolioKey]bool{}
		for _, key := range keys {
			owned[PartitionOf(key.Owner)] = true
		}
		k.Own(slices.Collect(maps.Keys(owned)))
		for range rapid.IntRange(1, 12).Draw(t, "rounds") {
			unheard := false
			for range rapid.IntRange(0, 4).Draw(t, "changes") {
				key := rapid.SampledFrom(keys).Draw(t, "portfolio")
				if gone[key] = gone[key] || e.portfolios[key] != nil && rapid.IntRange(0, 9).Draw(t, "gone") == 9; gone[key] {
					delete(e.portfolios, key)
					unheard = true
					continue
				}
				e.change(t, key)
				if rapid.IntRange(0, 2).Draw(t, "lost") == 0 {
					unheard = true
				} else {
					k.portfolioChanged("", event.PortfolioChanged{OwnerID: key.Owner, PortfolioID: key.Portfolio, Sequence: e.portfolios[key].book.Portfolio.Sequence}.Payload())
				}
			}
			var page []Quote
			for range rapid.IntRange(0, 4).Draw(t, "prices") {
				page = append(page, e.move(t))
			}
			k.Accepted(page, e.sequence)
			if rapid.IntRange(0, 3).Draw(t, "own") == 0 {
				p := PartitionOf(rapid.SampledFrom(keys).Draw(t, "whose").Owner)
				owned[p] = !owned[p]
				var all []int
				for p, mine := range owned {
					if mine {
						all = append(all, p)
					}
				}
				k.Own(all)
			}
			if unheard {
				k.sweepSoon()
			}
			if rapid.Bool().Draw(t, "works") || unheard {
				if err := k.work(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for _, key := range keys {
				said += compare(t, e, k, key)
			}
		}
	})
	if said < 100 {
		t.Errorf("the book said what something is worth %d times only", said)
	}
}

// compare holds the book against figures, and counts the portfolios that it knew.
func compare(t *rapid.T, e *estate, k *Keeper, key PortfolioKey) int {
	worth, ok, err := k.Worth(t.Context(), key, e.sequence)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return 0
	}
	if e.portfolios[key] == nil {
		t.Fatalf("%s is gone, and is worth something", key)
	}
	want, got := e.facts(key), worth.Facts
	if got.Base != want.Base || (got.Value == nil) != (want.Value == nil) || got.Value != nil && !got.Value.Equal(*want.Value) {
		t.Fatalf("%s is worth %v %s, not %v %s", key, got.Value, got.Base, want.Value, want.Base)
	}
	if needs := e.portfolios[key].held.Marks(); len(worth.Needs) != len(needs) {
		t.Fatalf("%s needs %v, not %v", key, worth.Needs, needs)
	}
	return 1
}

// Counts are of portfolios, and of what is missing from them.
func TestTheBookCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &estate{portfolios: map[PortfolioKey]*property{}, marks: map[market.InstrumentID]market.Mark{}, today: 20_000}
		k := e.keeper(1)
		all := make([]int, PartitionsCount)
		for p := range all {
			all[p] = p
		}
		k.Own(all)
		keys := []PortfolioKey{{"anna", "p1"}, {"bob", "p2"}, {"carl", "p3"}}
		for range rapid.IntRange(1, 15).Draw(t, "changes") {
			e.change(t, rapid.SampledFrom(keys).Draw(t, "portfolio"))
			if rapid.Bool().Draw(t, "priced") {
				e.move(t)
			}
		}
		if err := k.work(t.Context()); err != nil {
			t.Fatal(err)
		}
		var want Totals
		instruments := map[market.InstrumentID]bool{}
		for key, p := range e.portfolios {
			want.Portfolios++
			want.Positions += int64(len(p.held.Instruments()))
			if e.facts(key).Value == nil {
				want.Unpriced++
			}
			for _, id := range p.held.Instruments() {
				if _, byHand := p.manual[id]; !byHand {
					instruments[id] = true
				}
			}
		}
		got := k.Totals()
		if !got.Loaded || got.Portfolios != want.Portfolios || got.Positions != want.Positions || got.Unpriced != want.Unpriced {
			t.Fatalf("counted %+v, want %+v", got, want)
		}
		if got.Instruments < int64(len(instruments)) {
			t.Fatalf("%d instruments are held, at least %d are", got.Instruments, len(instruments))
		}
	})
}
