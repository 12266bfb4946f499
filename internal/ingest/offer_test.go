package ingest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/bus"
	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

func offered(id, price string) Offered {
	return Offered{Instrument: market.InstrumentID(id), Price: money.MustParse(price), Currency: "USD", MarketTime: time.Now(), PreviousDate: market.NoDate}
}

func TestPushedPricesPassTheSameChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, []market.Instrument{stock("A", "OPEN"), stock("B", "OPEN")})
		push := func(quotes ...Offered) {
			t.Helper()
			if err := w.Offer(t.Context(), market.SourceSimulate, quotes); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
		}
		push(offered("A", "100"), offered("B", "50"), offered("unknown", "1"))
		if m := w.store.mark(t, "A"); m.Source != market.SourceSimulate || m.Fallback || m.Price.String() != "100" || len(w.store.marks) != 2 {
			t.Fatalf("%+v", m)
		}
		push(offered("A", "1000"), offered("B", "51"))
		if a, b := w.store.mark(t, "A"), w.store.mark(t, "B"); a.HeldBack == nil || a.Price.String() != "100" || b.Price.String() != "51" {
			t.Errorf("a jump: %+v %+v", a, b)
		}
		push(offered("A", "1001"))
		if a := w.store.mark(t, "A"); a.HeldBack != nil || a.Price.String() != "1001" {
			t.Errorf("confirmed: %+v", a)
		}
		wrong := offered("A", "1002")
		wrong.Currency = "EUR"
		late := offered("B", "52")
		late.MarketTime = time.Now().Add(-time.Hour)
		push(wrong, late)
		if a, b := w.store.mark(t, "A"), w.store.mark(t, "B"); a.Price.String() != "1001" || b.Price.String() != "51" {
			t.Errorf("believed: %+v %+v", a, b)
		}
		if err := w.Offer(t.Context(), "x", make([]Offered, offeredMax+1)); !fault.Is(err, fault.TooLarge) {
			t.Errorf("too many: %v", err)
		}
		w.store.down = errors.New("disk full")
		if err := w.Offer(t.Context(), "x", []Offered{offered("A", "1002")}); err == nil {
			t.Error("a store that fails is no error")
		}
	})
}

// When the next session begins, the last price of the one before becomes its bar and the new mark's previous close.
func TestAClosedDayBecomesABar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &source{name: "first"}
		w := newWorld(t, []market.Instrument{stock("A", "DAILY")}, first)
		day := market.DateOf(time.Now().UTC()) // the bubble begins at midnight
		at := func(days int, clock time.Duration, price string) market.Mark {
			t.Helper()
			time.Sleep(time.Until((day + market.Date(days)).Time().Add(clock)))
			first.says(price)
			w.poll(t, ChainStock)
			return w.store.mark(t, "A")
		}
		if m := at(0, 16*time.Hour, "100"); m.PreviousClose != nil {
			t.Errorf("nothing came before: %+v", m)
		}
		at(0, 16*time.Hour+55*time.Minute, "101")
		if m := at(1, 9*time.Hour+10*time.Minute, "110"); m.PreviousClose == nil || m.PreviousClose.String() != "101" || m.PreviousDate != day {
			t.Errorf("next morning: %+v", m)
		}
		if m := at(1, 12*time.Hour, "111"); m.PreviousClose == nil || m.PreviousClose.String() != "101" || m.PreviousDate != day {
			t.Errorf("at noon: %+v", m)
		}
		// The node is down over the afternoon: noon's price is no close, so no bar is made of it.
		if m := at(2, 9*time.Hour+10*time.Minute, "112"); m.PreviousClose == nil || m.PreviousClose.String() != "111" || m.PreviousDate != day+1 {
			t.Errorf("after a gap: %+v", m)
		}
		want := []market.Bar{{Date: day, Close: money.MustParse("101")}}
		if got := w.store.bars["A"]; !slices.EqualFunc(got, want, func(a, b market.Bar) bool { return a.Date == b.Date && a.Close.Equal(b.Close) }) {
			t.Errorf("bars %v, want %v", got, want)
		}
	})
}

func TestTheSourcesOwnPreviousCloseCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pence, wrong := money.MustParse("9900"), money.MustParse("99")
		first := &source{name: "first"}
		first.latest = func(_ []string, now time.Time) (provider.Batch, error) {
			q := quote("A", "10000", "GBp", now)
			q.PreviousClose, q.PreviousDate = &pence, market.MustDate("1999-12-31")
			return provider.Batch{Quotes: []provider.Quote{q}}, nil
		}
		i := stock("A", "OPEN")
		i.Currency = "GBP"
		w := newWorld(t, []market.Instrument{i}, first)
		w.poll(t, ChainStock)
		if m := w.store.mark(t, "A"); m.Price.Cmp(money.MustParse("100")) != 0 || m.PreviousClose == nil || m.PreviousClose.Cmp(wrong) != 0 || m.PreviousDate != market.MustDate("1999-12-31") {
			t.Errorf("%+v", m)
		}
		pence = wrong // pounds among pence
		time.Sleep(slot)
		w.poll(t, ChainStock)
		if m := w.store.mark(t, "A"); m.PreviousClose == nil || m.PreviousClose.Cmp(wrong) != 0 {
			t.Errorf("a close of another unit: %+v", m)
		}
	})
}

// recorder is a bus that remembers.
type recorder struct {
	bus.Bus
	payloads [][]byte
}

func (r *recorder) Publish(_ context.Context, subject string, payload []byte) error {
	if subject != event.QuotesAcceptedSubject || len(payload) > bus.PayloadBytesMax {
		return errors.New("refused")
	}
	r.payloads = append(r.payloads, payload)
	return nil
}

func TestHintsFitTheBus(t *testing.T) {
	var marks []market.Mark
	for n := range 2000 {
		marks = append(marks, market.Mark{Quote: market.Quote{Instrument: stock("instrument", "").ID, Price: money.One, Currency: "USD", Source: "first", ObservedAt: time.Now(), MarketTime: time.Now()}, PreviousDate: market.NoDate, Sequence: int64(n + 1)})
	}
	var sent recorder
	if err := (Hints{Bus: &sent}).QuotesAccepted(t.Context(), 2000, 0, marks); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, payload := range sent.payloads {
		e, err := event.ParseQuotesAccepted(payload)
		if err != nil || e.Sequence != 2000 || e.Previous != 0 || e.Parts != len(sent.payloads) {
			t.Fatal(e.Sequence, e.Previous, err)
		}
		total += len(e.Marks)
	}
	if total != 2000 || len(sent.payloads) < 2 {
		t.Errorf("%d marks in %d messages", total, len(sent.payloads))
	}
}
