package demo

import (
	"crypto/rand"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

var now = time.Date(2026, 11, 22, 15, 4, 5, 0, time.UTC)

func world(t testing.TB, people int) *World {
	t.Helper()
	w, err := New(1, people, now)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestTheSameSeedMakesTheSameWorld(t *testing.T) {
	a, b := world(t, 3), world(t, 3)
	for i := range a.People {
		if len(a.People[i].Activities) != len(b.People[i].Activities) {
			t.Fatalf("person %d: %d and %d activities", i, len(a.People[i].Activities), len(b.People[i].Activities))
		}
		for j, x := range a.People[i].Activities {
			y := b.People[i].Activities[j]
			if x.Date != y.Date || x.Type != y.Type || x.Quantity != nil && !x.Quantity.Equal(*y.Quantity) {
				t.Fatalf("person %d, activity %d: %+v and %+v", i, j, x, y)
			}
		}
	}
}

func TestPeopleHaveYearsOfActivities(t *testing.T) {
	w := world(t, 250)
	years := map[int]bool{}
	most, currencies := 0, map[money.Currency]bool{}
	for _, p := range w.People {
		if len(p.Activities) < 12 {
			t.Errorf("%s has %d activities", p.User.Email, len(p.Activities))
			continue
		}
		most = max(most, len(p.Activities))
		currencies[p.Portfolio.BaseCurrency] = true
		years[(int(market.DateOf(now))-int(p.Activities[0].Date))/365] = true
	}
	if most > activitiesMax || most < activitiesMax-dayActivitiesMax {
		t.Errorf("the busiest person has %d activities, want about %d", most, activitiesMax)
	}
	if len(years) < 12 || len(currencies) < 6 {
		t.Errorf("years of history: %v, currencies: %v", slices.Sorted(maps.Keys(years)), slices.Sorted(maps.Keys(currencies)))
	}
}

// Cash is the base currency's, so a person who spent more than they had would show a debt that nobody gave them.
func TestNobodySpendsMoreThanTheyHave(t *testing.T) {
	for _, p := range world(t, 60).People {
		cash, held := money.Zero, map[market.InstrumentID]money.Decimal{}
		for _, a := range p.Activities {
			cash = cash.Add(cashOf(a))
			switch a.Type {
			case ledger.Buy:
				held[a.Instrument] = held[a.Instrument].Add(*a.Quantity)
			case ledger.Sell:
				held[a.Instrument] = held[a.Instrument].Sub(*a.Quantity)
			case ledger.Split:
				held[a.Instrument] = held[a.Instrument].Mul(a.Ratio.New)
			case ledger.SpinOff, ledger.Merger:
				held[a.ToInstrument] = held[a.ToInstrument].Add(a.Ratio.Apply(held[a.Instrument]))
				if a.Type == ledger.Merger {
					held[a.Instrument] = money.Zero
				}
			}
			if cash.Sign() < 0 || held[a.Instrument].Sign() < 0 {
				t.Fatalf("%s after %s: cash %s, held %s", p.User.Email, a.ID, cash, held[a.Instrument])
			}
		}
	}
}

func cashOf(a ledger.Activity) money.Decimal {
	rate := money.One
	if a.FXRate != nil {
		rate = *a.FXRate
	}
	switch a.Type {
	case ledger.Deposit:
		return *a.Amount
	case ledger.Withdrawal:
		return a.Amount.Neg()
	case ledger.Dividend:
		return a.Amount.Sub(a.Tax).Mul(rate)
	case ledger.Merger, ledger.ReturnOfCapital:
		return a.Amount.Mul(rate)
	case ledger.Buy:
		return a.Price.Mul(*a.Quantity).Add(a.Fee).Mul(rate).Neg()
	case ledger.Sell:
		return a.Price.Mul(*a.Quantity).Sub(a.Fee).Mul(rate)
	default:
		return money.Zero
	}
}

// Some holdings are spun off, merged and paid back, and every book is one that the ledger takes.
func TestSomethingBefallsSomeHoldings(t *testing.T) {
	const people = 24
	w := world(t, people)
	kinds := map[ledger.Type]int{}
	instruments := map[market.InstrumentID]market.Instrument{}
	for _, i := range w.Instruments {
		instruments[i.ID] = i
	}
	for _, p := range w.People {
		for _, a := range p.Activities {
			kinds[a.Type]++
		}
		book := p.Book(instruments)
		book.Activities = nil
		if _, err := ledger.Apply(book, ledger.Changes{Added: p.Activities}, market.DateOf(now)); err != nil {
			t.Errorf("%s: %v", p.User.Email, err)
		}
	}
	for _, kind := range events {
		if kinds[kind] != people/eventEach/len(events) {
			t.Errorf("%d of %s: %v", kinds[kind], kind, kinds)
		}
	}
}

func TestAtAnyHourSomeTradeAndSomeDont(t *testing.T) {
	for minute := range 7 * 24 * 60 {
		at := now.Add(time.Duration(minute) * time.Minute)
		open, shut := 0, 0
		for mic := range exchangeHours {
			session := Exchanges{}.At(mic, at)
			if session.Open {
				open++
			} else {
				shut++
			}
			if !session.Until.After(at) || session.LastClose.After(at) {
				t.Fatalf("%s at %s: %+v", mic, at, session)
			}
		}
		if open == 0 || shut == 0 {
			t.Fatalf("at %s %d are open and %d shut", at, open, shut)
		}
	}
}

func TestEverybodyHoldsSomethingThatTradesAtAnyHour(t *testing.T) {
	w := world(t, 250)
	mics := map[market.InstrumentID]string{}
	for _, i := range w.Instruments {
		if i.Class != market.Fund && i.Class != market.FX {
			mics[i.ID] = i.MIC
		}
	}
	without := 0
	for _, p := range w.People {
		held := map[market.InstrumentID]bool{}
		for _, a := range p.Activities {
			switch a.Type {
			case ledger.Buy:
				held[a.Instrument] = true
			case ledger.Merger:
				delete(held, a.Instrument)
				held[a.ToInstrument] = true
			}
		}
		for hour := range 24 {
			trades := false
			for id := range held {
				mic, priced := mics[id]
				trades = trades || priced && (Exchanges{}).At(mic, now.Add(time.Duration(hour)*time.Hour)).Open
			}
			if !trades {
				without++
			}
		}
	}
	if without > 0 {
		t.Errorf("%d person-hours without anything that trades", without)
	}
}

func TestMarksAgreeWithTheirHistory(t *testing.T) {
	w := world(t, 1)
	for i, mark := range w.Marks {
		series := w.Series[i]
		if mark.PreviousClose == nil || mark.Price.Sign() <= 0 || mark.MarketTime.After(now) {
			t.Fatalf("%s: %+v", mark.Instrument, mark)
		}
		if mark.PreviousDate >= market.DateOf(mark.MarketTime) {
			t.Errorf("%s: previous close of %s for a price of %s", mark.Instrument, mark.PreviousDate, mark.MarketTime)
		}
		if len(series.Dates) < 3500 {
			t.Errorf("%s has only %d days", mark.Instrument, len(series.Dates))
		}
	}
}

func TestTheMarketMovesWhatIsOpen(t *testing.T) {
	w := world(t, 1)
	m, err := Resume(nil, mathrand.New(mathrand.NewPCG(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	byID := map[market.InstrumentID]market.Instrument{}
	for _, i := range w.Instruments {
		byID[i.ID] = i
	}
	moved := 0
	for step := range 100 {
		at := now.Add(time.Duration(step) * 2 * time.Second)
		for _, tick := range m.Step(at, 2*time.Second) {
			if i := byID[tick.Instrument]; !(Exchanges{}).At(i.MIC, at).Open || tick.Currency != i.Currency || tick.Price.Sign() <= 0 {
				t.Fatalf("%+v", tick)
			}
			moved++
		}
	}
	if moved < 300 {
		t.Errorf("%d moves in 100 ticks", moved)
	}
}

func TestTheDemoPasswordIsEverybodys(t *testing.T) {
	hasher, err := identity.NewHasher(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := hasher.Verify(t.Context(), passwordHash, Password); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(1, 250, now); err != nil {
			b.Fatal(err)
		}
	}
}
