// Package demo makes up an installation: a market with history that goes on moving, and people with years of activities, all from one seed.
//
// Everything it makes says that it is simulated. It never runs in a production node and never asks an outside source.
package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// UsersMax bounds --users: beyond it the demo's start would take minutes.
const UsersMax = 10_000

// Person is a made-up user with their portfolio.
type Person struct {
	User       identity.User
	Portfolio  ledger.Portfolio
	Accounts   []ledger.Account
	Activities []ledger.Activity // by date
}

// Book is what the person's figures are worked out from.
func (p Person) Book(instruments map[market.InstrumentID]market.Instrument) ledger.Book {
	return ledger.Book{Portfolio: p.Portfolio, Accounts: p.Accounts, Activities: p.Activities, Instruments: instruments}
}

// World is the made-up installation.
type World struct {
	Instruments []market.Instrument
	Series      []market.Series // as long as Instruments, in its order
	Marks       []market.Mark   // the latest price of each, in the same order
	Actions     []market.Action // splits and dividends; most are booked by who holds the instrument, some are not
	People      []Person
	Staff       []identity.User

	all []listing
}

// New makes up a world of so many people as it stands at now; the same seed and day give the same world.
func New(seed uint64, people int, now time.Time) (*World, error) {
	if people < 1 || people > UsersMax {
		return nil, fmt.Errorf("users: %d is not between 1 and %d", people, UsersMax)
	}
	all, err := listings()
	if err != nil {
		return nil, err
	}
	w := &World{all: all, Staff: staff()}
	last := market.DateOf(now.UTC())
	h := walk(all, last, rand.New(rand.NewPCG(seed, 1)))
	for i := range all {
		w.Instruments = append(w.Instruments, all[i].Instrument)
		series, mark := w.price(i, &h, now)
		w.Series = append(w.Series, series)
		w.Marks = append(w.Marks, mark)
	}
	// What people did ends on the day before yesterday, so that no activity lies in a session that is still open anywhere.
	h.dates = h.dates[:len(h.dates)-2]
	for n := 1; n <= people; n++ {
		w.People = append(w.People, w.person(n, seed, &h))
	}
	w.Actions = w.actions(&h, now)
	for i := range w.Staff {
		w.Staff[i].CreatedAt = h.dates[0].Time()
	}
	return w, nil
}

// price gives the closes of the sessions that are over, and the latest price: of the open session, or the last close.
func (w *World) price(i int, h *history, now time.Time) (market.Series, market.Mark) {
	l := &w.all[i]
	session := Exchanges{}.At(l.MIC, now)
	at, through := now, session.Date // the last day with a bar, exclusive while the session is open
	switch {
	case l.Class == market.Fund:
		through--
		at = through.Time().Add(navHour * time.Hour)
	case session.Open:
		through--
	default:
		at = session.LastClose
	}
	known := len(h.dates)
	for known > 0 && h.dates[known-1] > through {
		known--
	}
	cut := history{dates: h.dates[:known], closes: [][]float64{h.closes[i][:known]}}
	series := cut.series(0, l)
	mark := market.Mark{Quote: market.Quote{
		Instrument: l.ID, Price: l.exactPrice(h.closes[i][min(known, len(h.dates)-1)]), Currency: l.Currency,
		Source: market.SourceSimulate, ObservedAt: now, MarketTime: at,
	}, PreviousDate: market.NoDate}
	previous := known - 1
	if market.DateOf(at.UTC()) == h.dates[known-1] && !(session.Open && l.Class != market.Fund) {
		mark.Price = series.Close(known - 1)
		previous--
	}
	if previous >= 0 {
		closed := series.Close(previous)
		mark.PreviousClose, mark.PreviousDate = &closed, h.dates[previous]
	}
	return series, mark
}

// person makes up one user's life as an investor.
func (w *World) person(number int, seed uint64, h *history) Person {
	random := rand.New(rand.NewPCG(seed, uint64(1000+number)))
	user := person(number, random)
	base := bases[random.IntN(len(bases))]
	if number == 1 {
		base = "EUR" // the person whom visitors sign in as first
	}
	years := 1 + random.IntN(historyYears)
	count := 6 + random.IntN(16)
	daily := number%dailySaverEach == 0
	if daily {
		years, count = historyYears, 12
	}
	id := fmt.Sprintf("demo-%03d", number)
	s := saver{
		all: w.all, history: h, random: random, base: base, account: ledger.AccountID(id + "-main"),
		currency: map[money.Currency]int{}, held: map[int]money.Decimal{}, id: id, event: eventOf(number),
	}
	for i := range w.all {
		if w.all[i].Class == market.FX {
			s.currency[w.all[i].Currency] = i
		}
	}
	monthly := math.Exp(6+1.1*random.NormFloat64()) + 150
	switch number {
	case 1:
		years, monthly = 8, 1200
		s.choose(firstVisit[:])
	case forgetful:
		years, s.forgets = historyYears, true
		s.choose([]string{forgotten})
		s.pick(count)
	default:
		s.pick(count)
	}
	from := len(h.dates) - min(years*tradingDays*29/28, len(h.dates))
	s.save(from, monthly*perEuro(base), daily)
	created := h.dates[from].Time()
	user.CreatedAt = created
	return Person{
		User: user,
		Portfolio: ledger.Portfolio{
			ID: ledger.PortfolioID(id), Owner: user.ID, Name: portfolioNames[random.IntN(len(portfolioNames))], BaseCurrency: base,
			LotMethod: ledger.FIFO, Sequence: 1, CreatedAt: created,
		},
		Accounts:   []ledger.Account{{ID: s.account, Name: "Main account", Currency: base}},
		Activities: s.activities,
	}
}

// firstVisit is what the first person holds: a bit of everything, for whoever looks around. The first three trade in turn.
var firstVisit = [...]string{
	"MSFT", "VWCE", "7974", "DWSDIV", "IS3N", "ASML", "SAP", "EUNA", "BRK.B", "NVDA", "JNJ", "UNA", "NOVO-B", "CBA", "BTC",
}

var portfolioNames = [...]string{"Long term", "Retirement", "Family", "Savings", "House and later", "Core", "Freedom fund"}

// perEuro turns a saving rate in euros into one that is usual in another currency.
func perEuro(c money.Currency) float64 {
	switch c {
	case "JPY":
		return 160
	case "INR":
		return 40
	default:
		return 1
	}
}

// Resume sets the made-up market going on a store that was filled by an earlier start.
func Resume(latest map[market.InstrumentID]money.Decimal, random *rand.Rand) (*Market, error) {
	all, err := listings()
	if err != nil {
		return nil, err
	}
	return resume(all, latest, random), nil
}

func resume(all []listing, latest map[market.InstrumentID]money.Decimal, random *rand.Rand) *Market {
	prices := make([]float64, len(all))
	for i := range all {
		prices[i] = all[i].price
		if p, ok := latest[all[i].ID]; ok {
			prices[i] = p.Float64()
		}
	}
	return newMarket(all, prices, random)
}
