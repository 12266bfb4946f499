package demo

import (
	"math"
	"math/rand/v2"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Shares of a day's move that come from the whole market and from the sector; the rest is the instrument's own.
const (
	marketShare = 0.55
	sectorShare = 0.40
	gapChance   = 0.004 // of a day that opens far from the last close
	gapSize     = 4.0   // daily deviations
	tradingDays = 252   // per year
)

// historyYears is how far back the made-up market goes.
const historyYears = 15

// history holds the walked closes of every listing, all on the same days.
type history struct {
	dates  []market.Date
	closes [][]float64 // by listing, as traded that day (before a split: the old, higher price)
}

// tradingDates are the weekdays of the last years up to and including last, and every day of the last week, since the
// made-up exchanges trade at weekends too.
func tradingDates(last market.Date) []market.Date {
	first := market.NewDate(last.Year()-historyYears, last.Time().Month(), 1)
	var dates []market.Date
	for d := first; d <= last; d++ {
		weekday := d.Weekday()
		if weekday != time.Saturday && weekday != time.Sunday || last-d < 7 {
			dates = append(dates, d)
		}
	}
	return dates
}

// walk makes the history of all listings: correlated daily moves with sectors and gaps, scaled so that each ends at its price.
func walk(all []listing, last market.Date, random *rand.Rand) history {
	h := history{dates: tradingDates(last), closes: make([][]float64, len(all))}
	marketMoves, sectorMoves := factors(all, len(h.dates), random)
	for i := range all {
		h.closes[i] = walkOne(&all[i], h.dates, marketMoves, sectorMoves[all[i].Sector], random)
	}
	return h
}

// factors are the standard moves of the whole market and of each sector, day by day. The market has calm and wild years.
func factors(all []listing, days int, random *rand.Rand) (whole []float64, sectors map[string][]float64) {
	whole = make([]float64, days)
	calm := 1.0
	for d := range whole {
		calm = 0.985*calm + 0.015*(0.7+0.6*random.Float64())
		if random.Float64() < 0.001 {
			calm = 2.6 // a crash: weeks of wild days
		}
		whole[d] = random.NormFloat64() * calm
	}
	sectors = map[string][]float64{}
	for i := range all {
		if sectors[all[i].Sector] != nil {
			continue
		}
		moves := make([]float64, days)
		for d := range moves {
			moves[d] = random.NormFloat64()
		}
		sectors[all[i].Sector] = moves
	}
	return whole, sectors
}

func walkOne(l *listing, dates []market.Date, whole, sector []float64, random *rand.Rand) []float64 {
	own := math.Sqrt(1 - marketShare*marketShare - sectorShare*sectorShare)
	daily := l.volatility / math.Sqrt(tradingDays)
	drift := math.Log1p(l.drift)/tradingDays - daily*daily/2
	level, levels := 0.0, make([]float64, len(dates))
	for d := range dates {
		move := random.NormFloat64()
		if random.Float64() < gapChance {
			move *= gapSize
		}
		switch l.Class {
		case market.FX:
			level += daily*move - level*0.0015 // rates return to where they were
		case market.Fund, market.ETF:
			level += drift + daily*(0.8*whole[d]+0.45*sector[d]+0.35*random.NormFloat64())
		default:
			level += drift + daily*(marketShare*whole[d]+sectorShare*sector[d]+own*move)
		}
		levels[d] = level
	}
	split, isSplit := splits[l.Symbol]
	for d := range levels {
		levels[d] = l.price * math.Exp(levels[d]-level)
		if isSplit && dates[d] < split.date {
			levels[d] *= float64(split.new)
		}
	}
	return levels
}

// series are the exact closes of one listing.
func (h *history) series(i int, l *listing) market.Series {
	bars := make([]market.Bar, len(h.dates))
	for d, date := range h.dates {
		bars[d] = market.Bar{Date: date, Close: l.exactPrice(h.closes[i][d])}
	}
	return market.NewSeries(l.ID, l.Currency, bars)
}

// Tick is one new price of the made-up market.
type Tick struct {
	Instrument market.InstrumentID
	Price      money.Decimal
	Currency   money.Currency
	MarketTime time.Time
}

// Shares of a tick: how many of the open instruments move at once, and how lively. Livelier than life, so that a visitor sees it work.
const (
	movingShare   = 0.12
	livelinessMul = 2.5
	pull          = 0.004 // back to the day's anchor per move, so that a demo left running for weeks stays plausible
)

// Market is the made-up market while it runs. It is not safe for concurrent use; its owner steps it.
type Market struct {
	all     []listing
	prices  []float64
	anchors []float64
	navs    []market.Date // day of a fund's last value
	random  *rand.Rand
}

// newMarket goes on from the given prices.
func newMarket(all []listing, prices []float64, random *rand.Rand) *Market {
	m := &Market{all: all, prices: prices, anchors: append([]float64(nil), prices...), navs: make([]market.Date, len(all)), random: random}
	return m
}

// navHour is when the made-up funds publish the day's value, UTC.
const navHour = 18

// Step moves the market by one tick: some of what trades now gets a new price, funds once a day.
func (m *Market) Step(now time.Time, tick time.Duration) []Tick {
	whole := m.random.NormFloat64()
	sectors := map[string]float64{}
	var ticks []Tick
	for i := range m.all {
		l := &m.all[i]
		if l.Class == market.Fund {
			if t, ok := m.stepFund(i, now); ok {
				ticks = append(ticks, t)
			}
			continue
		}
		if !(Exchanges{}).At(l.MIC, now).Open || m.random.Float64() > movingShare {
			continue
		}
		sector, ok := sectors[l.Sector]
		if !ok {
			sector = m.random.NormFloat64()
			sectors[l.Sector] = sector
		}
		scale := l.volatility / math.Sqrt(tradingDays*float64(8*time.Hour/tick)) / math.Sqrt(movingShare) * livelinessMul
		move := scale * (marketShare*whole + sectorShare*sector + 0.73*m.random.NormFloat64())
		m.prices[i] *= math.Exp(move - pull*math.Log(m.prices[i]/m.anchors[i]))
		ticks = append(ticks, m.tick(i, now))
	}
	return ticks
}

func (m *Market) stepFund(i int, now time.Time) (Tick, bool) {
	today := market.DateOf(now.UTC())
	if now.UTC().Hour() < navHour || m.navs[i] >= today {
		return Tick{}, false
	}
	m.navs[i] = today
	m.prices[i] *= math.Exp(m.all[i].volatility / math.Sqrt(tradingDays) * m.random.NormFloat64())
	return m.tick(i, now.UTC().Truncate(day).Add(navHour*time.Hour)), true
}

func (m *Market) tick(i int, at time.Time) Tick {
	l := &m.all[i]
	return Tick{Instrument: l.ID, Price: l.exactPrice(m.prices[i]), Currency: l.Currency, MarketTime: at}
}

// CatchUp gives every instrument the price it would have, had the market not been asleep: of now where it trades, of the last
// close where it doesn't, of the last evening for funds.
func (m *Market) CatchUp(now time.Time) []Tick {
	ticks := make([]Tick, 0, len(m.all))
	for i := range m.all {
		l := &m.all[i]
		session := Exchanges{}.At(l.MIC, now)
		at := now
		switch {
		case l.Class == market.Fund:
			at = now.UTC().Truncate(day).Add(navHour * time.Hour)
			if at.After(now) {
				at = at.Add(-day)
			}
			m.navs[i] = market.DateOf(at)
		case !session.Open:
			at = session.LastClose
		}
		ticks = append(ticks, m.tick(i, at))
	}
	return ticks
}
