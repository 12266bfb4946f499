package sqlstore

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func (b *bench) holders(id market.InstrumentID) int {
	b.t.Helper()
	n := 0
	err := b.db.one(b.t.Context(), `SELECT holders FROM instrument_interest WHERE instrument = $1`, []any{string(id)}, &n)
	if noRow(err) {
		return 0
	}
	b.ok(err)
	return n
}

func idsOf(all []market.Instrument) []market.InstrumentID {
	var ids []market.InstrumentID
	for _, i := range all {
		ids = append(ids, i.ID)
	}
	return ids
}

func TestInstruments(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		apple := market.Instrument{ID: "i1", Symbol: "AAPL", MIC: "XNAS", ISIN: "US0378331005", Name: "Apple Inc", Currency: "USD", Class: market.Stock, Sector: "Technology", Country: "US", Names: map[string]string{"yahoo": "AAPL"}}
		xetra := market.Instrument{ID: "i2", Symbol: "APC", MIC: "XETR", ISIN: "US0378331005", Name: "Apple Inc", Currency: "EUR", Class: market.Stock}
		app := market.Instrument{ID: "i3", Symbol: "APP", MIC: "XNAS", Name: "AppLovin 100%_!", Currency: "USD", Class: market.Stock}
		b.ok(b.CreateInstrument(t.Context(), apple, entry("admin", audit.InstrumentCreated)))
		b.ok(b.CreateInstrument(t.Context(), xetra, entry("admin", audit.InstrumentCreated)))
		b.ok(b.CreateInstrument(t.Context(), app, entry("admin", audit.InstrumentCreated)))
		for name, i := range map[string]market.Instrument{
			"the id":            {ID: "i1", Symbol: "X", MIC: "XNAS", Currency: "USD"},
			"symbol and market": {ID: "i9", Symbol: "AAPL", MIC: "XNAS", Currency: "EUR"},
			"ISIN":              {ID: "i9", Symbol: "Y", MIC: "XNAS", ISIN: "US0378331005", Currency: "USD"},
		} {
			if err := b.CreateInstrument(t.Context(), i, entry("admin", audit.InstrumentCreated)); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s taken: %v", name, err)
			}
		}
		got, err := b.Instrument(t.Context(), "i1")
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", apple) {
			t.Errorf("%+v, %v", got, err)
		}
		_, err = b.Instrument(t.Context(), "i9")
		b.kind(err, fault.NotFound)
		b.ok(b.PutInstruments(t.Context(), []market.Instrument{{ID: "fx", Symbol: "EURAAP", Currency: "AAP", Class: market.FX}, {ID: "i4", Symbol: "Z", Currency: "USD"}, {ID: "i4", Symbol: "ZZ", Name: "snapple", Currency: "USD"}}))
		for _, c := range []struct {
			find string
			want []market.InstrumentID
		}{
			{"aapl", []market.InstrumentID{"i1"}},
			{"ap", []market.InstrumentID{"i2", "i3", "i1", "i4"}}, // symbols, then names that begin so, then the rest
			{"APP", []market.InstrumentID{"i3", "i1", "i2", "i4"}},
			{"apple", []market.InstrumentID{"i1", "i2", "i4"}},
			{"us0378331005", []market.InstrumentID{"i1", "i2"}},
			{"%", []market.InstrumentID{"i3"}},
			{"_", []market.InstrumentID{"i3"}},
			{"!", []market.InstrumentID{"i3"}},
			{"' OR 1=1 --", nil},
			{"  ", nil},
			{"x\x00y", nil},
		} {
			found, err := b.FindInstruments(t.Context(), c.find, 50)
			if err != nil || !slices.Equal(idsOf(found), c.want) {
				t.Errorf("%q: %v, %v; want %v", c.find, idsOf(found), err, c.want)
			}
		}
		if found, err := b.FindInstruments(t.Context(), "ap", 2); err != nil || len(found) != 2 {
			t.Errorf("limit: %v, %v", found, err)
		}
		if found, err := b.InstrumentBySymbol(t.Context(), "AAPL", ""); err != nil || len(found) != 1 {
			t.Errorf("symbol: %v, %v", found, err)
		}
		if found, err := b.InstrumentBySymbol(t.Context(), "AAPL", "XETR"); err != nil || len(found) != 0 {
			t.Errorf("symbol elsewhere: %v, %v", found, err)
		}
		if found, err := b.InstrumentByISIN(t.Context(), "US0378331005"); err != nil || len(found) != 2 {
			t.Errorf("ISIN: %v, %v", found, err)
		}
		if found, err := b.InstrumentByISIN(t.Context(), ""); err != nil || len(found) != 0 {
			t.Errorf("no ISIN: %v, %v", found, err)
		}
		many := []market.InstrumentID{"none"}
		for range 150 {
			many = append(many, "i1", "i2")
		}
		if found, err := b.Instruments(t.Context(), append(many[:1], "i1", "i2", "i3")); err != nil || len(found) != 3 {
			t.Errorf("by ids: %v, %v", found, err)
		}
	})
}

func TestInterestIsCountedAndCountedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.instruments("aapl", "msft")
		b.user("anna")
		b.user("berta")
		b.portfolio("anna", "p1")
		b.portfolio("berta", "p2")
		begin := Change{Interest: map[market.InstrumentID]int{"aapl": 1, "msft": 1, market.RateID("USD"): 1}}
		b.appended("anna", "p1", begin)
		b.appended("berta", "p2", begin)
		b.appended("berta", "p2", begin) // said twice, counted once
		b.appended("anna", "p1", Change{Interest: map[market.InstrumentID]int{"aapl": 1, "tsla": 1}})
		if a, m := b.holders("aapl"), b.holders("msft"); a != 2 || m != 2 {
			t.Errorf("aapl %d, msft %d", a, m)
		}
		end := Change{Interest: map[market.InstrumentID]int{"msft": -1}}
		b.appended("berta", "p2", end)
		b.appended("berta", "p2", end)
		b.appended("anna", "p1", end)
		if m := b.holders("msft"); m != 0 {
			t.Errorf("msft %d", m)
		}
		_, err := b.CreateAccount(t.Context(), "anna", "p1", ledger.Account{ID: "jp", Currency: "JPY"}, entry("anna", audit.AccountCreated))
		b.ok(err)
		wanted, err := b.Wanted(t.Context())
		b.ok(err)
		if got := idsOf(wanted); !slices.Equal(got, []market.InstrumentID{"aapl", "fx-eur-JPY", "fx-eur-USD"}) {
			t.Errorf("wanted %v", got)
		}
		if yen := wanted[1]; yen.Class != market.FX || yen.Currency != "JPY" || yen.Symbol != "EURJPY" {
			t.Errorf("a rate nobody described: %+v", yen)
		}

		for _, damage := range []string{`UPDATE instrument_interest SET holders = 5 WHERE instrument = 'aapl'`, `DELETE FROM instrument_interest WHERE instrument = 'fx-eur-JPY'`,
			`INSERT INTO instrument_interest (instrument, holders) VALUES ('ghost', 3)`} {
			_, err := b.db.exec(t.Context(), damage)
			b.ok(err)
		}
		b.ok(b.RecountInterest(t.Context()))
		if a, y, g := b.holders("aapl"), b.holders("fx-eur-JPY"), b.holders("ghost"); a != 2 || y != 1 || g != 0 {
			t.Errorf("recounted: aapl %d, JPY %d, ghost %d", a, y, g)
		}
	})
}

// at is a mark of an instrument at some minutes after the start.
func at(id market.InstrumentID, minute int, price string) market.Mark {
	when := testStart.Add(time.Duration(minute) * time.Minute)
	return market.Mark{Quote: market.Quote{Instrument: id, Price: money.MustParse(price), Currency: "USD", Source: "yahoo", ObservedAt: when.Add(time.Second), MarketTime: when}, PreviousDate: market.NoDate}
}

func (b *bench) mark(id market.InstrumentID) market.Mark {
	b.t.Helper()
	all, _, err := b.Marks(b.t.Context(), 0)
	b.ok(err)
	for _, m := range all {
		if m.Instrument == id {
			return m
		}
	}
	return market.Mark{}
}

// A price that the market doesn't move is as fresh as the last time it was asked for: its age decides its state.
func TestRepeatedPriceStaysFresh(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		first := at("aapl", 10, "190.10")
		again := first
		again.ObservedAt = first.ObservedAt.Add(market.StaleAfter)
		for _, m := range []market.Mark{first, again} {
			_, accepted, err := b.Accept(t.Context(), []market.Mark{m})
			b.ok(err)
			if len(accepted) != 1 || !b.mark("aapl").ObservedAt.Equal(m.ObservedAt) {
				t.Errorf("%d accepted, observed %s, want %s", len(accepted), b.mark("aapl").ObservedAt, m.ObservedAt)
			}
		}
		if n := b.quotes(); n != 1 {
			t.Errorf("%d quotes of one price", n)
		}
	})
}

func TestOlderPriceNeverReplacesNewer(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		accept := func(want int, marks ...market.Mark) []market.Mark {
			t.Helper()
			_, accepted, err := b.Accept(t.Context(), marks)
			b.ok(err)
			if len(accepted) != want {
				t.Errorf("accepted %d of %d, want %d", len(accepted), len(marks), want)
			}
			return accepted
		}
		full := at("aapl", 10, "190.10")
		full.PreviousClose, full.PreviousDate, full.Fallback = number("189.5"), market.MustDate("2026-02-27"), true
		accept(2, full, at("msft", 10, "400"))
		accept(0, at("aapl", 9, "1"), full)
		if m := b.mark("aapl"); m.Price.String() != "190.10" || m.PreviousClose.String() != "189.5" || m.PreviousDate != full.PreviousDate || !m.Fallback || m.Sequence != 1 || !m.ObservedAt.Equal(full.ObservedAt) {
			t.Errorf("mark %+v", m)
		}
		again := full
		again.ObservedAt = again.ObservedAt.Add(time.Minute)
		accept(0, again) // asked again, nothing new
		again.Price = money.MustParse("190.20")
		accept(1, again) // mended at its source
		again.ObservedAt = full.ObservedAt
		again.Price = money.MustParse("190.00")
		accept(0, again) // an answer that comes late
		// Of two in one batch the newer counts, in whatever order.
		accept(1, at("aapl", 12, "192"), at("aapl", 11, "191"))
		accepted := accept(2, at("aapl", 13, "193"), at("aapl", 14, "194"))
		if m := b.mark("aapl"); m.Price.String() != "194" || m.Sequence != accepted[1].Sequence || m.Sequence != 6 {
			t.Errorf("mark %+v", m)
		}
		marks, highest, err := b.Marks(t.Context(), 2)
		if err != nil || len(marks) != 1 || highest != 6 {
			t.Errorf("after 2: %+v, %d, %v", marks, highest, err)
		}
		marks, highest, err = b.Marks(t.Context(), 6)
		if err != nil || len(marks) != 0 || highest != 6 {
			t.Errorf("after the last: %+v, %d, %v", marks, highest, err)
		}
		if now, err := b.CurrentSequence(t.Context()); err != nil || now != 6 {
			t.Errorf("sequence %d, %v", now, err)
		}
		if sequence, accepted, err := b.Accept(t.Context(), nil); sequence != 6 || accepted != nil || err != nil {
			t.Errorf("nothing: %d, %v, %v", sequence, accepted, err)
		}
	})
}

func TestHeldBackPriceLeavesTheGoodOne(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		good := at("aapl", 10, "190")
		_, _, err := b.Accept(t.Context(), []market.Mark{good})
		b.ok(err)
		held := good
		held.HeldBack = &market.HeldBack{Price: money.MustParse("1900"), Source: "yahoo", ObservedAt: testStart, MarketTime: testStart.Add(time.Hour), Reason: "10 times the last price"}
		for want := range 2 { // the same again is no news
			_, accepted, err := b.Accept(t.Context(), []market.Mark{held})
			b.ok(err)
			if len(accepted) != 1-want {
				t.Errorf("accepted %d", len(accepted))
			}
		}
		b.reopen()
		m := b.mark("aapl")
		if m.Price.String() != "190" || m.HeldBack == nil || m.HeldBack.Price.String() != "1900" || m.HeldBack.Reason != held.HeldBack.Reason || !m.HeldBack.MarketTime.Equal(held.HeldBack.MarketTime) || m.Sequence != 2 {
			t.Errorf("mark %+v, held %+v", m, m.HeldBack)
		}
		if n := b.quotes(); n != 1 {
			t.Errorf("%d quotes: a price held back is none", n)
		}
		_, _, err = b.Accept(t.Context(), []market.Mark{at("aapl", 20, "191")})
		b.ok(err)
		if m := b.mark("aapl"); m.HeldBack != nil || m.Price.String() != "191" {
			t.Errorf("mark %+v", m)
		}
		// One that was never priced can be held back too.
		first := market.Mark{Quote: market.Quote{Instrument: "new", Currency: "USD"}, HeldBack: held.HeldBack, PreviousDate: market.NoDate}
		_, accepted, err := b.Accept(t.Context(), []market.Mark{first})
		if err != nil || len(accepted) != 1 {
			t.Fatalf("%v, %v", accepted, err)
		}
		if m := b.mark("new"); !m.MarketTime.IsZero() || m.HeldBack == nil {
			t.Errorf("mark %+v", m)
		}
		if n := b.quotes(); n != 2 {
			t.Errorf("%d quotes", n)
		}
	})
}

func (b *bench) quotes() (n int) {
	b.t.Helper()
	b.ok(b.db.one(b.t.Context(), `SELECT COUNT(*) FROM quotes`, nil, &n))
	return n
}

func TestConcurrentPricesKeepTheirOrder(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const writers, rounds = 8, 5
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for r := range rounds {
					if _, _, err := b.Accept(t.Context(), []market.Mark{at("shared", w*rounds+r, "1"), at(market.InstrumentID(fmt.Sprint("own", w)), r, "2")}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if m := b.mark("shared"); !m.MarketTime.Equal(testStart.Add((writers*rounds - 1) * time.Minute)) {
			t.Errorf("the newest is of %v", m.MarketTime)
		}
		var highest, count int64
		b.ok(b.db.one(t.Context(), `SELECT MAX(sequence), COUNT(*) FROM quotes`, nil, &highest, &count))
		if now, err := b.CurrentSequence(t.Context()); err != nil || now != highest || count != highest {
			t.Errorf("%d quotes up to %d, counter %d, %v", count, highest, now, err)
		}
	})
}

func TestSeriesIsExact(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.instruments("aapl")
		bars := func(pairs ...string) (out []market.Bar) {
			for i := 0; i < len(pairs); i += 2 {
				out = append(out, market.Bar{Date: market.MustDate(pairs[i]), Close: money.MustParse(pairs[i+1])})
			}
			return out
		}
		show := func(s market.Series) (out []string) {
			for i := range s.Len() {
				out = append(out, s.Dates[i].String()+" "+s.Close(i).Reduced().String())
			}
			return out
		}
		b.ok(b.PutBars(t.Context(), "aapl", bars("2023-12-29", "192.53", "2024-01-02", "185.64", "2023-12-28", "193.58", "2024-12-31", "250.4200001")))
		b.ok(b.PutBars(t.Context(), "aapl", bars("2024-01-02", "185.65", "2024-01-03", "0.000000000000000001")))
		series, err := b.Series(t.Context(), "aapl", market.NoDate, market.MustDate("2199-12-31"))
		b.ok(err)
		want := []string{"2023-12-28 193.58", "2023-12-29 192.53", "2024-01-02 185.65", "2024-01-03 0.000000000000000001", "2024-12-31 250.4200001"}
		if got := show(series); !slices.Equal(got, want) || series.Currency != "USD" || series.Instrument != "aapl" {
			t.Errorf("got %v", got)
		}
		series, err = b.Series(t.Context(), "aapl", market.MustDate("2023-12-29"), market.MustDate("2024-01-02"))
		b.ok(err)
		if got := show(series); !slices.Equal(got, want[1:3]) || series.Closes == nil {
			t.Errorf("part: %v", got)
		}
		other := market.NewSeries("other", "EUR", bars("2020-01-01", "1", "2021-01-01", "2.5"))
		b.ok(b.PutInstruments(t.Context(), []market.Instrument{{ID: "other", Symbol: "O", Currency: "EUR"}}))
		b.ok(b.PutSeries(t.Context(), []market.Series{other, market.NewSeries("aapl", "USD", bars("2024-01-03", "7", "2025-01-03", "8")), market.NewSeries("other", "EUR", bars("2021-01-02", "3"))}))
		series, err = b.Series(t.Context(), "other", market.NoDate, market.MustDate("2199-12-31"))
		b.ok(err)
		if got := show(series); !slices.Equal(got, []string{"2020-01-01 1", "2021-01-01 2.5", "2021-01-02 3"}) || series.Closes == nil {
			t.Errorf("other: %v", got)
		}
		series, err = b.Series(t.Context(), "aapl", market.MustDate("2024-01-03"), market.MustDate("2025-01-03"))
		b.ok(err)
		if got := show(series); !slices.Equal(got, []string{"2024-01-03 7", "2024-12-31 250.4200001", "2025-01-03 8"}) {
			t.Errorf("merged: %v", got)
		}
		_, err = b.Series(t.Context(), "none", market.NoDate, 0)
		b.kind(err, fault.NotFound)
		if rate, err := b.Series(t.Context(), market.RateID("USD"), market.NoDate, 0); err != nil || rate.Currency != "USD" || rate.Len() != 0 {
			t.Errorf("a rate without a description: %+v, %v", rate, err)
		}
	})
}

// shiftedSessions is a market whose day begins at 22:00 UTC.
type shiftedSessions struct{}

func (shiftedSessions) At(mic string, t time.Time) market.Session {
	if mic == "XNZE" {
		t = t.Add(2 * time.Hour)
	}
	return market.Session{Date: market.DateOf(t.UTC())}
}
func (shiftedSessions) TradingTime(string, time.Time, time.Time) time.Duration { return 0 }
func (shiftedSessions) Name(mic string) string                                 { return mic }

func TestOldQuotesBecomeBars(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.sessions = shiftedSessions{}
		b.ok(b.PutInstruments(t.Context(), []market.Instrument{{ID: "us", Symbol: "US", MIC: "XNAS", Currency: "USD"}, {ID: "nz", Symbol: "NZ", MIC: "XNZE", Currency: "NZD"}, {ID: "known", Symbol: "K", MIC: "XNAS", Currency: "USD"}}))
		hour := func(id market.InstrumentID, h int, price string) market.Mark { // hours after 2026-03-02 00:00
			m := at(id, 0, price)
			m.MarketTime = time.Date(2026, 3, 2, h, 0, 0, 0, time.UTC)
			m.ObservedAt = m.MarketTime.Add(time.Minute)
			return m
		}
		for _, m := range []market.Mark{
			hour("us", 14, "10"), hour("us", 20, "11"), hour("known", 20, "5"), hour("nz", 20, "20"),
			hour("nz", 23, "21"), // the 3rd, there
			hour("us", 23, "11.5"),
			hour("us", 24+14, "12"), hour("nz", 24+3, "22"), hour("us", 24+20, "13"), hour("us", 48+20, "14"),
		} {
			_, accepted, err := b.Accept(t.Context(), []market.Mark{m})
			b.ok(err)
			if len(accepted) != 1 {
				t.Fatalf("not accepted: %+v", m)
			}
		}
		b.ok(b.PutBars(t.Context(), "known", []market.Bar{{Date: market.MustDate("2026-03-02"), Close: money.MustParse("5.5")}}))
		closes := func(id market.InstrumentID) (out []string) {
			s, err := b.Series(t.Context(), id, market.NoDate, market.MustDate("2030-01-01"))
			b.ok(err)
			for i := range s.Len() {
				out = append(out, s.Dates[i].String()+" "+s.Close(i).Reduced().String())
			}
			return out
		}
		check := func(id market.InstrumentID, want ...string) {
			t.Helper()
			if got := closes(id); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", id, got, want)
			}
		}
		n, err := b.FoldQuotes(t.Context(), time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC))
		if err != nil || n != 4 {
			t.Errorf("folded %d, %v", n, err)
		}
		check("us", "2026-03-02 11.5")
		check("nz", "2026-03-02 20") // the 3rd is under way
		check("known", "2026-03-02 5.5")
		n, err = b.FoldQuotes(t.Context(), time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC))
		if err != nil || n != 5 {
			t.Errorf("folded %d, %v", n, err)
		}
		check("us", "2026-03-02 11.5", "2026-03-03 13")
		check("nz", "2026-03-02 20", "2026-03-03 22")
		if n, err := b.FoldQuotes(t.Context(), time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)); n != 0 || err != nil || b.quotes() != 1 {
			t.Errorf("again: %d, %v; %d quotes", n, err, b.quotes())
		}
		if m := b.mark("us"); m.Price.String() != "14" {
			t.Errorf("the mark went with the quotes: %+v", m)
		}
	})
}
