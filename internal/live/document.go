package live

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"folioscope/internal/event"
	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Places after the point of what is a quotient; sums and products are written exactly.
const (
	sharePlaces = 8  // weights, shares, percents
	ratePlaces  = 12 // exchange rates: four digits of the smallest that is traded
)

// build values positions with the marks as they are and writes the document of it.
func (b *builder) build(held *journal.Held, marks *Marks, now time.Time) (*event.Document, figures.Valuation) {
	b.found = marks.find(b.found, held)
	b.look(held, b.found, marks, now)
	valuation := b.value()
	return b.document(&valuation), valuation
}

// document writes the document of a valuation of what was looked at.
func (b *builder) document(v *figures.Valuation) *event.Document {
	b.list = b.list[:0]
	p := &b.held.Portfolio
	d := &event.Document{
		ID: p.ID, Name: p.Name, Sequence: p.Sequence, BaseCurrency: p.BaseCurrency,
		Value: b.list.total(v.Value), Cash: b.list.total(v.Cash), CashTracked: v.CashTracked,
		DayChange: b.list.total(v.DayChange), DayChangePercent: b.list.rounded(v.DayChangePercent),
		State: market.StateLive, Holdings: make([]event.Holding, 0, len(v.Positions)),
		Contributions: make([]event.Contribution, 0, len(v.Contributions)), Problems: make([]event.Problem, 0, len(v.Problems)),
	}
	asOf, simulated := b.seen()
	d.AsOf, d.Simulated = event.Time(asOf), simulated

	b.rateQuality(v.Rates)
	var share staleShare
	for i := range v.Positions {
		at := b.index(v.Positions[i].Instrument)
		h := b.holding(&v.Positions[i], b.needs[at].instrument, b.needed[at])
		state := b.quality(h.Price.State, h.Currency)
		d.State = market.Worse(d.State, state)
		if h.ValueBase != nil {
			share.add(h.ValueBase.Abs(), state)
		} else if cost, known := v.Positions[i].CostBase.Get(); known {
			share.add(cost.Abs(), market.StateNone)
		}
		d.Holdings = append(d.Holdings, h)
	}
	d.StaleShare = share.of(d.State)
	if d.DayChange != nil {
		for i := range v.Contributions {
			d.Contributions = append(d.Contributions, b.contribution(&v.Contributions[i], b.instrument(v.Contributions[i].Instrument)))
		}
	}
	for i := range v.Problems {
		d.Problems = append(d.Problems, event.Problem{Where: v.Problems[i].Where, What: v.Problems[i].What})
	}
	d.Markets = notNil(b.markets(nil))
	d.Rates = notNil(b.rates(nil, v.Rates))
	return d
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// staleShare is how much of what is held has a price that is stale or worse. What has no value, for want of a price or a rate,
// counts with its cost where that is known.
type staleShare struct{ whole, doubtful money.Decimal }

func (s *staleShare) add(worth money.Decimal, state market.State) {
	s.whole = s.whole.Add(worth)
	if doubtful(state) {
		s.doubtful = s.doubtful.Add(worth)
	}
}

// of gives the share. Where nothing has a value, it is all or nothing.
func (s *staleShare) of(worst market.State) money.Decimal {
	switch {
	case !s.whole.IsZero():
		return s.doubtful.Quo(s.whole).Round(sharePlaces).Reduced()
	case doubtful(worst):
		return money.One
	}
	return money.Zero
}

// instrument gives what is known of one, also of those that are held no more; nil for none.
func (b *builder) instrument(id market.InstrumentID) *market.Instrument {
	if id == "" {
		return nil
	}
	if at := b.index(id); at >= 0 {
		return b.needs[at].instrument
	}
	instrument := b.held.Instruments[id]
	return &instrument
}

// holding is one position. A price that is not known is not there at all.
func (b *builder) holding(p *figures.Position, instrument *market.Instrument, v *view) event.Holding {
	list := &b.list
	h := event.Holding{
		InstrumentID: p.Instrument, Symbol: instrument.Symbol, MIC: event.Text(instrument.MIC), Name: instrument.Name,
		AssetClass: instrument.Class, Currency: p.Currency, Sector: event.Text(instrument.Sector), Country: event.Text(instrument.Country),
		Quantity: p.Quantity, Price: event.Price{State: market.StateNone, PreviousDate: event.Day(market.NoDate)},
		Value: list.exact(p.Value), ValueBase: list.exact(p.ValueBase), Weight: list.rounded(p.Weight),
		DayChangeBase: list.exact(p.DayChangeBase), DayChangePercent: list.rounded(p.DayChangePercent),
		CostBase: list.exact(p.CostBase), UnrealisedBase: list.exact(p.UnrealisedBase), RealisedBase: list.exact(p.RealisedBase),
		IncomeBase: list.exact(p.IncomeBase), ProfitBase: list.exact(p.ProfitBase), Accounts: accounts(p),
	}
	if v.state == market.StateNone || !p.Price.IsKnown() {
		return h
	}
	mark := v.mark
	h.Price = event.Price{
		Amount: list.exact(p.Price), Currency: event.Text(p.Currency), Source: event.Text(mark.Source),
		ObservedAt: event.Time(mark.ObservedAt), MarketTime: event.Time(mark.MarketTime), State: v.state,
		PreviousClose: list.exact(p.PreviousClose), PreviousDate: event.Day(market.NoDate),
	}
	if h.Price.PreviousClose != nil {
		h.Price.PreviousDate = event.Day(mark.PreviousDate)
	}
	if mark.HeldBack != nil {
		h.Price.HeldBack = &event.HeldBack{Amount: mark.HeldBack.Price, Reason: mark.HeldBack.Reason}
	}
	return h
}

func (b *builder) contribution(c *figures.Contribution, instrument *market.Instrument) event.Contribution {
	out := event.Contribution{
		Kind: event.ContributionKind(c.Kind), InstrumentID: c.Instrument, Currency: c.Currency,
		Label: string(c.Currency), Amount: c.Amount.Reduced(), Percent: b.list.rounded(c.Percent),
	}
	if instrument != nil {
		out.Label, out.Currency = instrument.Name, ""
		if out.Label == "" {
			out.Label = instrument.Symbol
		}
	}
	return out
}

// markets are those on which something held trades.
func (b *builder) markets(into []event.Market) []event.Market {
	for _, v := range b.needed {
		if v.mic == "" || slices.ContainsFunc(into, func(m event.Market) bool { return m.MIC == v.mic }) {
			continue
		}
		session := b.At(v.mic, b.now)
		m := event.Market{MIC: v.mic, Name: b.Name(v.mic), State: "closed", Until: event.Time(session.Until)}
		if session.Open {
			m.State = "open"
		}
		into = append(into, m)
	}
	slices.SortFunc(into, func(a, b event.Market) int { return strings.Compare(a.MIC, b.MIC) })
	return into
}

// rates are those that went into the value. A crossed rate is as old as the older of its two.
func (b *builder) rates(into []event.Rate, of []figures.Rate) []event.Rate {
	for i := range of {
		r := &of[i]
		rate, known := r.Rate.Get()
		if !known {
			continue // the problems name it
		}
		var asOf time.Time
		var source string
		for _, c := range []money.Currency{r.Currency, b.held.Portfolio.BaseCurrency} {
			if c == market.RateBase {
				continue
			}
			v := b.view(market.RateID(c))
			if v != nil && v.mark != nil && (asOf.IsZero() || v.mark.MarketTime.Before(asOf)) {
				asOf, source = v.mark.MarketTime, v.mark.Source
			}
		}
		into = append(into, event.Rate{Currency: r.Currency, Rate: rate.Round(ratePlaces).Reduced(), AsOf: event.Time(asOf), Source: source})
	}
	return into
}

// status says in a word and a sentence how good the prices of a document are.
func status(d *event.Delta, prices tally, simulated bool) event.Status {
	s := event.Status{ID: d.ID, State: d.State, StaleShare: d.StaleShare, AsOf: d.AsOf}
	live, late, lost := prices[sortLive], prices[sortLate], prices[sortLost]
	priced := live + late + lost + prices[sortShut]
	switch {
	case lost > 0:
		s.Connection, s.Detail = event.ConnectionStale, counted(lost, priced, "without a current price")
	case late > 0:
		s.Connection, s.Detail = event.ConnectionDelayed, counted(late, priced, "with a delayed price, one of a second source, or one held back")
	case doubtful(d.State):
		s.Connection, s.Detail = event.ConnectionStale, "An exchange rate is out of date"
	case simulated:
		s.Connection, s.Detail = event.ConnectionSimulated, "Prices of a simulated market"
	case live > 0 || priced == 0:
		s.Connection, s.Detail = event.ConnectionLive, "Prices arrive as they should"
	default:
		s.Connection, s.Detail = event.ConnectionClosed, "Markets are closed; prices are of their last close"
	}
	return s
}

func counted(n, of int, what string) string {
	if n == of && n > 1 {
		return "All " + strconv.Itoa(of) + " holdings " + what
	}
	return strconv.Itoa(n) + " of " + strconv.Itoa(of) + " holdings " + what
}
