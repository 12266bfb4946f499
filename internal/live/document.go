package live

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"folioscope/internal/event"
	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Places after the point of what is a quotient; sums and products are written exactly.
const (
	sharePlaces = 8  // weights, shares, percents
	ratePlaces  = 12 // exchange rates: four digits of the smallest that is traded
)

// builder turns positions and marks into documents. It is used by one goroutine at a time; what it gives is good until the
// next call.
type builder struct {
	sessions  market.Sessions
	simulated bool // the whole installation runs on a made-up market
	positions func(*journal.Held) positions

	quotes  figures.Quotes
	version uint64 // of the marks in quotes
	cursor  int64
	doc     event.Document
	freed   []money.Decimal // slab behind the pointers in doc
}

// positions is what is valued; figures' do for the product.
type positions interface {
	Value(quotes figures.Quotes, today market.Date, current func(market.Mark) bool) figures.Valuation
	Currencies() []money.Currency
}

func holdingsOf(h *journal.Held) positions { return h.Holdings }

func (h *Hub) newBuilder() *builder {
	return &builder{sessions: h.sessions, simulated: h.simulated, positions: h.positions, quotes: figures.Quotes{}}
}

// build values positions with the marks as they are and writes the document of it.
func (b *builder) build(held *journal.Held, marks *Marks, now time.Time) (*event.Document, figures.Valuation) {
	b.version, b.cursor = marks.quotes(b.quotes, held.Needs)
	valuation := b.positions(held).Value(b.quotes, market.DateOf(now.UTC()), b.currentAt(held, now))
	return b.document(held, &valuation, now), valuation
}

// currentAt says whether a price still tells of the day at its market at now: until the next session opens, people ask what the
// last one did. Funds have a value a day, and rates a fix: theirs tell of the day that they were made on.
func (b *builder) currentAt(held *journal.Held, now time.Time) func(market.Mark) bool {
	return func(mark market.Mark) bool {
		i := held.Instruments[mark.Instrument]
		if i.Class == market.Fund || i.MIC == "" {
			return market.DateOf(mark.MarketTime.UTC()) >= market.DateOf(now.UTC())
		}
		return b.sessions.At(i.MIC, mark.MarketTime).Date >= b.sessions.At(i.MIC, now).Date
	}
}

func (b *builder) document(held *journal.Held, v *figures.Valuation, now time.Time) *event.Document {
	b.freed = b.freed[:0]
	d := &b.doc
	holdings, contributions, markets, rates, problems := d.Holdings[:0], d.Contributions[:0], d.Markets[:0], d.Rates[:0], d.Problems[:0]
	p := &held.Portfolio
	*d = event.Document{
		ID: p.ID, Name: p.Name, Sequence: p.Sequence, BaseCurrency: p.BaseCurrency,
		Value: b.exact(v.Value), Cash: b.exact(v.Cash), CashTracked: v.CashTracked,
		DayChange: b.exact(v.DayChange), DayChangePercent: b.rounded(v.DayChangePercent),
		State: market.StateLive, Simulated: b.simulated,
	}
	asOf := time.Time{}
	for _, id := range held.Needs {
		if mark, ok := b.quotes[id]; ok {
			d.Simulated = d.Simulated || mark.Source == market.SourceSimulate
			if mark.ObservedAt.After(asOf) {
				asOf = mark.ObservedAt
			}
		}
	}
	if asOf.IsZero() {
		asOf = p.CreatedAt // nothing newer is known of it
	}
	d.AsOf = event.Time(asOf)

	rateStates := b.rateStates(held, now)
	var whole, doubtful money.Decimal
	for i := range v.Positions {
		h := b.holding(held, &v.Positions[i], now)
		state := h.Price.State
		if h.Currency != p.BaseCurrency {
			state = market.Worse(state, rateStates[h.Currency])
		}
		d.State = market.Worse(d.State, state)
		if h.ValueBase != nil {
			worth := h.ValueBase.Abs()
			whole = whole.Add(worth)
			if market.Worse(state, market.StateStale) == state {
				doubtful = doubtful.Add(worth)
			}
		}
		holdings = append(holdings, h)
	}
	d.StaleShare = staleShare(d.State, whole, doubtful)
	if d.DayChange != nil {
		for i := range v.Contributions {
			contributions = append(contributions, b.contribution(held, &v.Contributions[i]))
		}
	}
	for i := range v.Problems {
		problems = append(problems, event.Problem{Where: v.Problems[i].Where, What: v.Problems[i].What})
	}
	d.Holdings, d.Contributions, d.Problems = notNil(holdings), notNil(contributions), notNil(problems)
	d.Markets = notNil(b.markets(markets, held, v, now))
	d.Rates = notNil(b.rates(rates, p.BaseCurrency, v))
	return d
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// staleShare is how much of what has a value has a price that is stale or worse. Where nothing has one, it is all or nothing.
func staleShare(worst market.State, whole, doubtful money.Decimal) money.Decimal {
	switch {
	case !whole.IsZero():
		return doubtful.Quo(whole).Round(sharePlaces).Reduced()
	case market.Worse(worst, market.StateStale) == worst:
		return money.One
	}
	return money.Zero
}

// holding is one position. A price that is not known is not there at all.
func (b *builder) holding(held *journal.Held, p *figures.Position, now time.Time) event.Holding {
	instrument := held.Instruments[p.Instrument]
	h := event.Holding{
		InstrumentID: p.Instrument, Symbol: instrument.Symbol, MIC: event.Text(instrument.MIC), Name: instrument.Name,
		AssetClass: instrument.Class, Currency: p.Currency, Sector: event.Text(instrument.Sector), Country: event.Text(instrument.Country),
		Quantity: p.Quantity, Price: event.Price{State: market.StateNone, PreviousDate: event.Day(market.NoDate)},
		Value: b.exact(p.Value), ValueBase: b.exact(p.ValueBase), Weight: b.rounded(p.Weight),
		DayChangeBase: b.exact(p.DayChangeBase), DayChangePercent: b.rounded(p.DayChangePercent),
		CostBase: b.exact(p.CostBase), UnrealisedBase: b.exact(p.UnrealisedBase), RealisedBase: b.exact(p.RealisedBase),
		IncomeBase: b.exact(p.IncomeBase), ProfitBase: b.exact(p.ProfitBase), Accounts: p.Accounts,
	}
	if h.Accounts == nil {
		h.Accounts = []ledger.AccountID{}
	}
	mark, ok := b.quotes[p.Instrument]
	if !ok || !p.Price.IsKnown() {
		return h
	}
	state := market.StateOf(mark, instrument, b.sessions, now)
	if state == market.StateNone {
		return h
	}
	h.Price = event.Price{
		Amount: b.exact(p.Price), Currency: event.Text(p.Currency), Source: event.Text(mark.Source),
		ObservedAt: event.Time(mark.ObservedAt), MarketTime: event.Time(mark.MarketTime), State: state,
		PreviousClose: b.exact(p.PreviousClose), PreviousDate: event.Day(market.NoDate),
	}
	if h.Price.PreviousClose != nil {
		h.Price.PreviousDate = event.Day(mark.PreviousDate)
	}
	if mark.HeldBack != nil {
		h.Price.HeldBack = &event.HeldBack{Amount: mark.HeldBack.Price, Reason: mark.HeldBack.Reason}
	}
	return h
}

// rateStates says how good the rate of each foreign currency is: as bad as the worse of both that it is crossed from.
func (b *builder) rateStates(held *journal.Held, now time.Time) map[money.Currency]market.State {
	foreign := b.positions(held).Currencies()
	if len(foreign) == 0 {
		return nil
	}
	states := make(map[money.Currency]market.State, len(foreign))
	own := b.rateState(held.Portfolio.BaseCurrency, now)
	for _, c := range foreign {
		states[c] = market.Worse(own, b.rateState(c, now))
	}
	return states
}

func (b *builder) rateState(c money.Currency, now time.Time) market.State {
	if c == market.RateBase {
		return market.StateLive // 1 EUR is 1 EUR
	}
	id := market.RateID(c)
	mark, ok := b.quotes[id]
	if !ok {
		return market.StateNone
	}
	return market.StateOf(mark, market.Instrument{ID: id, Currency: c, Class: market.FX}, b.sessions, now)
}

func (b *builder) contribution(held *journal.Held, c *figures.Contribution) event.Contribution {
	out := event.Contribution{
		Kind: event.ContributionKind(c.Kind), InstrumentID: c.Instrument, Currency: c.Currency,
		Label: string(c.Currency), Amount: c.Amount, Percent: b.rounded(c.Percent),
	}
	if c.Instrument != "" {
		instrument := held.Instruments[c.Instrument]
		out.Label, out.Currency = instrument.Name, ""
		if out.Label == "" {
			out.Label = instrument.Symbol
		}
	}
	return out
}

// markets are those on which something held trades.
func (b *builder) markets(into []event.Market, held *journal.Held, v *figures.Valuation, now time.Time) []event.Market {
	for i := range v.Positions {
		mic := held.Instruments[v.Positions[i].Instrument].MIC
		if mic == "" || slices.ContainsFunc(into, func(m event.Market) bool { return m.MIC == mic }) {
			continue
		}
		session := b.sessions.At(mic, now)
		m := event.Market{MIC: mic, Name: b.sessions.Name(mic), State: "closed", Until: event.Time(session.Until)}
		if session.Open {
			m.State = "open"
		}
		into = append(into, m)
	}
	slices.SortFunc(into, func(a, b event.Market) int { return strings.Compare(a.MIC, b.MIC) })
	return into
}

// rates are those that went into the value. A crossed rate is as old as the older of its two.
func (b *builder) rates(into []event.Rate, base money.Currency, v *figures.Valuation) []event.Rate {
	for i := range v.Rates {
		r := &v.Rates[i]
		rate, known := r.Rate.Get()
		if !known {
			continue // the problems name it
		}
		var asOf time.Time
		var source string
		for _, c := range []money.Currency{r.Currency, base} {
			mark, ok := b.quotes[market.RateID(c)]
			if c == market.RateBase || !ok {
				continue
			}
			if asOf.IsZero() || mark.MarketTime.Before(asOf) {
				asOf, source = mark.MarketTime, mark.Source
			}
		}
		into = append(into, event.Rate{Currency: r.Currency, Rate: rate.Round(ratePlaces).Reduced(), AsOf: event.Time(asOf), Source: source})
	}
	return into
}

// exact and rounded put a figure into the slab; nil where it is unknown.
func (b *builder) exact(m money.Maybe) *money.Decimal {
	x, known := m.Get()
	if !known {
		return nil
	}
	return b.keep(x)
}

func (b *builder) rounded(m money.Maybe) *money.Decimal {
	x, known := m.Get()
	if !known {
		return nil
	}
	return b.keep(x.Round(sharePlaces).Reduced())
}

func (b *builder) keep(x money.Decimal) *money.Decimal {
	b.freed = append(b.freed, x) // pointers into an outgrown slab stay good: nothing writes there any more
	return &b.freed[len(b.freed)-1]
}

// status says in a word and a sentence how good the prices of a document are.
func status(d *event.Document) event.Status {
	s := event.Status{ID: d.ID, State: d.State, StaleShare: d.StaleShare, AsOf: d.AsOf}
	var live, late, lost, shut int
	for i := range d.Holdings {
		switch d.Holdings[i].Price.State {
		case market.StateLive:
			live++
		case market.StateDelayed, market.StateFallback, market.StateQuarantined:
			late++
		case market.StateStale, market.StateNone:
			lost++
		default:
			shut++
		}
	}
	priced := live + late + lost + shut
	switch {
	case lost > 0:
		s.Connection, s.Detail = event.ConnectionStale, counted(lost, priced, "without a current price")
	case late > 0:
		s.Connection, s.Detail = event.ConnectionDelayed, counted(late, priced, "with a delayed price, one of a second source, or one held back")
	case market.Worse(d.State, market.StateStale) == d.State:
		s.Connection, s.Detail = event.ConnectionStale, "An exchange rate is out of date"
	case d.Simulated:
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
