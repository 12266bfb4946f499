package simulation

import (
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// stock makes what both sources know. All is in one currency: what rates do to figures is for conformance.
func stock(id market.InstrumentID, mic string, class market.Class) market.Instrument {
	return market.Instrument{ID: id, Symbol: string(id), MIC: mic, Name: string(id), Currency: "USD", Class: class,
		Names: map[string]string{sourceFirst: string(id), sourceSecond: string(id)}}
}

// instruments are what people hold: on three exchanges in three zones, and one thing that trades around the clock.
func instruments() []market.Instrument {
	return []market.Instrument{
		stock("alpha", "XNYS", market.Stock), stock("beta", "XNYS", market.ETF), stock("gamma", "XASX", market.Stock),
		stock("delta", "XETR", market.Stock), stock("coin", "", market.Crypto),
	}
}

// exchange is what is true of prices, and what nobody in the installation knows.
type exchange struct {
	dice     dice
	calendar *market.Calendar
	start    time.Time
	open     map[string][]int32 // by exchange, how many minutes it was open up to each minute since start
	jumps    map[market.InstrumentID]time.Time
	places   map[market.InstrumentID]string
}

const (
	wave      = 5 * time.Hour // in which prices go up and down
	waveCents = 600
	noise     = 120 // cents, from one price to the next
	priceStep = 10 * time.Minute
	jumpShare = 3 // of an instrument's seeds one in so many has its price jump, for good
)

func newExchange(w *world, calendar *market.Calendar) *exchange {
	x := &exchange{dice: w.dice, calendar: calendar, start: w.start.Truncate(time.Minute).AddDate(0, 0, -1), open: make(map[string][]int32),
		jumps: make(map[market.InstrumentID]time.Time), places: make(map[market.InstrumentID]string)}
	minutes := int(w.end.Sub(x.start)/time.Minute) + 2
	for _, i := range instruments() {
		x.places[i.ID] = i.MIC
		if r := w.dice.of("jump", string(i.ID)); r.IntN(jumpShare) == 0 {
			x.jumps[i.ID] = w.start.Add(between(r, 3*time.Hour, w.quiet.Sub(w.start)))
		}
		if x.open[i.MIC] != nil {
			continue
		}
		sums := make([]int32, minutes)
		for n := range minutes - 1 {
			sums[n+1] = sums[n]
			if calendar.At(i.MIC, x.start.Add(time.Duration(n)*time.Minute)).Open {
				sums[n+1]++
			}
		}
		x.open[i.MIC] = sums
	}
	return x
}

// openBetween counts the minutes in which an exchange was open, one by one, to the minute below.
func (x *exchange) openBetween(mic string, from, to time.Time) time.Duration {
	sums := x.open[mic]
	at := func(n time.Duration) int32 { return sums[min(max(int(n), 0), len(sums)-1)] }
	a, b := from.Add(time.Minute-1).Sub(x.start)/time.Minute, to.Sub(x.start)/time.Minute
	return time.Duration(max(at(b)-at(a), 0)) * time.Minute
}

// price is what an instrument is worth at a time.
func (x *exchange) price(id market.InstrumentID, at time.Time) money.Decimal {
	step := at.Unix() / int64(priceStep/time.Second)
	r := x.dice.of("price", string(id), number(int(step)))
	up := step % int64(wave/priceStep)
	if half := int64(wave / priceStep / 2); up > half {
		up = 2*half - up
	}
	cents := 10_000 + up*2*waveCents/int64(wave/priceStep) + r.Int64N(2*noise) - noise
	if jump, jumps := x.jumps[id]; jumps && !at.Before(jump) {
		cents = cents * 3 / 2
	}
	return money.NewDecimal(cents, -2)
}

// last is when an instrument was last traded, up to a time.
func (x *exchange) last(id market.InstrumentID, at time.Time) time.Time {
	if session := x.calendar.At(x.places[id], at); !session.Open && !session.LastClose.IsZero() {
		return session.LastClose
	}
	return at.Truncate(time.Minute)
}
