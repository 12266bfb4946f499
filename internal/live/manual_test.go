package live

import (
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/event"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// byHand enters prices of a day for what a portfolio holds; an empty one is none.
func (w *world) byHand(k Key, day market.Date, prices map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := *w.portfolios[k]
	next.Portfolio.Sequence++
	next.Manual = map[market.InstrumentID]*market.Mark{}
	for id, price := range prices {
		i := next.Instruments[market.InstrumentID(id)]
		next.Manual[i.ID] = nil
		if price != "" {
			entered := []ledger.ManualPrice{{Bar: market.Bar{Date: day, Close: money.MustParse(price)}, EnteredAt: time.Now()}}
			next.Manual[i.ID] = ledger.ManualMark(i, entered, nil)
		}
	}
	w.portfolios[k] = &next
}

func (w *world) document(k Key) *event.Document {
	w.t.Helper()
	held, err := w.Holdings(w.t.Context(), k.Owner, k.Portfolio, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	d, _ := w.hub.newBuilder().build(held, w.hub.marks, time.Now())
	return d
}

func priceIn(d *event.Document, id string) (price string, state market.State, source string) {
	for _, h := range d.Holdings {
		if string(h.InstrumentID) == id && h.Price.Amount != nil {
			return h.Price.Amount.String(), h.Price.State, string(h.Price.Source)
		} else if string(h.InstrumentID) == id {
			return "", h.Price.State, ""
		}
	}
	return "not held", "", ""
}

// A price entered by hand stands where there is no other or only one of an earlier day, for its owner alone.
func TestManualMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		mine, theirs := w.hold("anna", "p", "a", "own-1"), w.hold("ben", "q", "a", "b")
		synctest.Wait()
		w.price(map[string]string{"fx-eur-USD": "2"})
		today := market.DateOf(time.Now().UTC())
		expectPrice := func(what string, k Key, id, price string, state market.State, source string) {
			t.Helper()
			synctest.Wait()
			if p, s, from := priceIn(w.document(k), id); p != price || s != state || from != source {
				t.Errorf("%s: %s is %q, %s from %q; want %q, %s from %q", what, id, p, s, from, price, state, source)
			}
		}
		w.byHand(mine, today, map[string]string{"own-1": ""})
		expectPrice("before any", mine, "own-1", "", market.StateNone, "")
		w.byHand(mine, today, map[string]string{"own-1": "300000", "a": "55"})
		expectPrice("entered", mine, "own-1", "300000", market.StateManual, "manual")
		expectPrice("without a source", mine, "a", "55", market.StateManual, "manual")
		expectPrice("entered by another", theirs, "a", "", market.StateNone, "")
		w.price(map[string]string{"a": "60"})
		expectPrice("a source has one of that day", mine, "a", "60", market.StateLive, "test")
		expectPrice("a source has one of that day", theirs, "a", "60", market.StateLive, "test")
		time.Sleep(24 * time.Hour)
		w.byHand(mine, today+1, map[string]string{"own-1": "310000", "a": "56"})
		expectPrice("the source's is of the day before", mine, "a", "56", market.StateManual, "manual")
		if p, _, _ := priceIn(w.document(theirs), "a"); p != "60" {
			t.Errorf("another sees %s", p)
		}
		w.price(map[string]string{"a": "61"})
		expectPrice("the source is there again", mine, "a", "61", market.StateLive, "test")
		if _, known := w.hub.marks.places["own-1"]; known {
			t.Error("an own instrument has a place that is everybody's")
		}
	})
}

// Whoever watches sees a value that is entered without asking again, and what a source says after it.
func TestManualMarksStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		k := w.hold("anna", "p", "a", "own-1")
		w.price(map[string]string{"fx-eur-USD": "2", "a": "60"})
		w.byHand(k, market.DateOf(time.Now().UTC()), map[string]string{"own-1": "1000"})
		synctest.Wait()
		b := w.browse("anna", "", "p")
		time.Sleep(time.Second)
		b.same(k)
		w.byHand(k, market.DateOf(time.Now().UTC()), map[string]string{"own-1": "2000", "a": "1"})
		w.announce(k)
		time.Sleep(time.Second)
		b.same(k)
		w.price(map[string]string{"a": "62"})
		time.Sleep(time.Second)
		b.same(k)
		if p, state, _ := priceIn(w.document(k), "own-1"); p != "2000" || state != market.StateManual {
			t.Errorf("it ended at %s, %s", p, state)
		}
	})
}

// The past ends at what the dashboard shows, whoever said it last.
func TestPastWithManualPrices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		synctest.Wait()
		w.price(map[string]string{"a": "60"})
		synctest.Wait()
		today := market.DateOf(time.Now().UTC())
		book := &ledger.Book{Portfolio: ledger.Portfolio{BaseCurrency: "USD"}, Instruments: map[market.InstrumentID]market.Instrument{"a": {ID: "a", Currency: "USD"}}}
		bar := func(day market.Date, price int64) market.Bar {
			return market.Bar{Date: day, Close: money.NewDecimal(price, 0)}
		}
		for name, c := range map[string]struct {
			known, manual, want []market.Bar
		}{
			"nothing else":           {nil, nil, []market.Bar{bar(today, 60)}},
			"older ones":             {[]market.Bar{bar(today-2, 58)}, []market.Bar{bar(today-1, 1)}, []market.Bar{bar(today-2, 58), bar(today-1, 1), bar(today, 60)}},
			"by hand of that day":    {nil, []market.Bar{bar(today, 1)}, []market.Bar{bar(today, 60)}},
			"by hand of a later day": {nil, []market.Bar{bar(today+1, 1)}, []market.Bar{bar(today, 60), bar(today+1, 1)}},
			"of both":                {nil, []market.Bar{bar(today, 1), bar(today+1, 2)}, []market.Bar{bar(today, 60), bar(today+1, 2)}},
			"a source's later one":   {[]market.Bar{bar(today+1, 70)}, nil, []market.Bar{bar(today+1, 70)}},
		} {
			series := market.NewSeries("a", "USD", c.known)
			merged := series.Fill("a", "USD", c.manual)
			book.Prices = nil
			if len(c.manual) > 0 {
				book.Prices = map[market.InstrumentID][]ledger.ManualPrice{"a": make([]ledger.ManualPrice, len(c.manual))}
			}
			past := &figures.Market{Series: map[market.InstrumentID]*market.Series{"a": merged}}
			got := w.hub.WithMarks(book, past).Series["a"]
			if got.Len() != len(c.want) {
				t.Errorf("%s: %d days, want %d", name, got.Len(), len(c.want))
				continue
			}
			for i, want := range c.want {
				if price := got.Close(i); got.Dates[i] != want.Date || !price.Equal(want.Close) {
					t.Errorf("%s: %s is %s, want %s of %s", name, got.Dates[i], price, want.Close, want.Date)
				}
			}
		}
	})
}
