package figures

import (
	"fmt"
	"slices"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Source says where an input of a trail comes from.
type Source struct {
	Kind     SourceKind     `json:"kind"`
	ID       string         `json:"id,omitempty"`       // of an activity; "activities[3]" for one without an id
	Field    string         `json:"field,omitempty"`    // of an activity
	Symbol   string         `json:"symbol,omitempty"`   // of a price
	Currency money.Currency `json:"currency,omitempty"` // of a rate: units of the other currency for 1 of it, as the label says
	Date     *market.Date   `json:"date,omitempty"`     // the day it was booked or made
	Name     string         `json:"name,omitempty"`     // of a setting
	Source   string         `json:"source,omitempty"`   // who gave a price, where that is known
	State    string         `json:"state,omitempty"`    // of the price, where that is known
}

// SourceKind is what kind of thing an input was read from.
type SourceKind string

// The kinds of sources.
const (
	SourceActivity  SourceKind = "activity"
	SourcePrice     SourceKind = "price"
	SourceRate      SourceKind = "rate"
	SourceValuation SourceKind = "valuation"
	SourceFlow      SourceKind = "flow"
	SourceBenchmark SourceKind = "benchmark"
	SourceSetting   SourceKind = "setting"
)

const (
	unitsOf       = "units"
	traceStepsMax = 3_000_000 // some 300 MB at the very most; 100,000 activities need less
)

// trace is what a walk notes for the trail of its figures: one walk, one trace. The bookkeeper's arithmetic records itself as
// soon as its inputs do, so a trace makes the inputs, and keeps the few things that the walk itself keeps as bare decimals.
type trace struct {
	recorder *money.Recorder
	base     money.Currency
	sourceOf func(market.InstrumentID, market.Date) (source, state string) // of a price; may be nil

	now        entry // that is being taken
	count      map[*position]money.Maybe
	before     map[*position]money.Maybe // of what now has changed already
	quantities map[market.InstrumentID][]tracedStep
	balances   map[money.Currency][]tracedStep
	seen       map[seenKey]money.Maybe // prices and rates, one trail for each

	// At the end of the period.
	period period
	keeper *bookkeeper
	start  money.Maybe
	days   []dayValue
	flows  []flow
	ended  map[positionKey]money.Maybe // quantities
	loose  []cashFlow                  // of a case that has nothing else
}

// tracedStep is how much there was of something from a day on.
type tracedStep struct {
	date   market.Date
	amount money.Maybe
}

type seenKey struct {
	instrument market.InstrumentID
	on         market.Date
}

func newTrace(base money.Currency) *trace {
	return &trace{
		recorder: money.NewRecorder(traceStepsMax), base: base,
		count: map[*position]money.Maybe{}, before: map[*position]money.Maybe{}, quantities: map[market.InstrumentID][]tracedStep{},
		balances: map[money.Currency][]tracedStep{}, seen: map[seenKey]money.Maybe{},
	}
}

// name is what an activity is called in labels; nothing where nobody reads them.
func (k *bookkeeper) name(e entry) string {
	if k.trace == nil {
		return ""
	}
	return e.name()
}

func (e entry) name() string {
	if e.ID != "" {
		return string(e.ID)
	}
	return fmt.Sprintf("activities[%d]", e.index)
}

// label is what a position is called in labels: its instrument, and its account where there are several.
func (k *bookkeeper) label(p *position) string {
	if k.trace == nil {
		return ""
	}
	if len(k.of[p.instrument]) > 1 {
		return string(p.instrument) + "@" + string(p.account)
	}
	return string(p.instrument)
}

// quantity is how much there is of a position.
func (k *bookkeeper) quantity(p *position) money.Maybe {
	if k.trace == nil {
		return money.Known(p.lots.Quantity())
	}
	return k.trace.counted(p).Named("quantity of", k.label(p))
}

// begin takes note of the activity that comes next.
func (t *trace) begin(e entry) {
	t.now = e
	clear(t.before)
}

// given is a number that an activity gives. Without a trace it is just that.
func (t *trace) given(e entry, field string, x money.Decimal) money.Maybe {
	if t == nil {
		return money.Known(x)
	}
	unit := string(e.Currency)
	switch field {
	case "quantity":
		unit = unitsOf
	case "price":
		unit = per(unit, unitsOf)
	case "fx_rate":
		unit = per(string(t.base), unit)
	case "to_amount":
		unit = string(e.ToCurrency)
	case "ratio", "cost_share":
		unit = ""
	}
	return t.recorder.Input(x, money.Label{
		What: field + " of", Of: e.name(), Unit: unit, From: &Source{Kind: SourceActivity, ID: e.name(), Field: field, Date: &e.Date},
	})
}

// sums are an activity's amounts but for the rate.
func (t *trace) sums(e entry) sums {
	s := sums{gross: money.Known(money.Zero), fee: money.Known(e.Fee), tax: money.Known(e.Tax)}
	switch {
	case e.Amount != nil:
		s.gross = t.given(e, "amount", *e.Amount)
	case e.Price != nil && e.Quantity != nil:
		s.gross = t.given(e, "price", *e.Price).Mul(t.given(e, "quantity", *e.Quantity)).Named("amount of", e.name())
	}
	if !e.Fee.IsZero() {
		s.fee = t.given(e, "fee", e.Fee)
	}
	if !e.Tax.IsZero() {
		s.tax = t.given(e, "tax", e.Tax)
	}
	return s
}

// price is what priceBook.at gives, with its trail: the close of a day, divided by the splits it was carried past.
func (t *trace) price(b *priceBook, id market.InstrumentID, on market.Date) money.Maybe {
	key := seenKey{id, on}
	if x, ok := t.seen[key]; ok {
		return x
	}
	series := b.series[id]
	label := money.Label{What: "price of", Of: string(id)}
	source := &Source{Kind: SourcePrice, Symbol: string(id)}
	label.From = source
	var price money.Maybe
	var made market.Date
	if series != nil {
		label.Unit = per(string(series.Currency), unitsOf)
		raw, day, ok := series.At(on)
		if ok {
			made, source.Date = day, &day
			if t.sourceOf != nil {
				source.Source, source.State = t.sourceOf(id, day)
			}
			price = t.recorder.Input(raw, label)
		}
	}
	if !price.IsKnown() {
		label.What = "no price on or before " + on.String() + " of"
		price = t.recorder.Missing(label)
		t.seen[key] = price
		return price
	}
	for _, s := range b.splits[id] {
		if s.date > made && s.date <= on {
			old, now := t.ratio(s.ratio.Old, "old", s.date), t.ratio(s.ratio.New, "new", s.date)
			price = scaled(price, s.ratio.Unapply(price.Or(money.Zero)), old, now).Named("price as of the split of", string(id))
		}
	}
	t.seen[key] = price
	return price
}

// scaled is x · by / per in the one of both orders that gives what the ratio gave: rounded to 34 digits only where it has no end.
func scaled(x money.Maybe, want money.Decimal, by, per money.Maybe) money.Maybe {
	factor := by
	if !per.Or(money.Zero).Equal(money.One) {
		factor = by.Quo(per)
	}
	if y := x.Mul(factor); y.Or(money.Zero).Equal(want) {
		return y
	}
	return x.Mul(by).Quo(per)
}

func (t *trace) ratio(x money.Decimal, which string, on market.Date) money.Maybe {
	return t.recorder.Input(x, money.Label{What: which + " units of the split on", Of: on.String()})
}

// rate is what a rateSource gives, with its trail.
func (t *trace) rate(rates rateSource, currency money.Currency, on market.Date) money.Maybe {
	key := seenKey{market.RateID(currency), on}
	if x, ok := t.seen[key]; ok {
		return x
	}
	rate := money.Known(money.One)
	if currency != t.base {
		switch r := rates.(type) {
		case *caseRates:
			rate = t.quoted(r.series[currency], currency, per(string(t.base), string(currency)), on)
		case *crossRates:
			base, own := t.crossed(r, t.base, on), t.crossed(r, currency, on)
			if rate = base.Quo(own); base.IsKnown() && own.IsKnown() && (base.Or(money.Zero).Sign() <= 0 || own.Or(money.Zero).Sign() <= 0) {
				rate = t.recorder.Missing(money.Label{What: "no usable rate of", Of: string(currency)})
			}
			rate = rate.Named("rate of", string(currency))
		}
	}
	t.seen[key] = rate
	return rate
}

// crossed is how much of a currency 1 unit of the rate base is.
func (t *trace) crossed(r *crossRates, currency money.Currency, on market.Date) money.Maybe {
	if currency == market.RateBase {
		return t.recorder.Input(money.One, money.Label{What: "1", Of: string(currency)})
	}
	return t.quoted(r.series(currency), currency, per(string(currency), string(market.RateBase)), on)
}

func (t *trace) quoted(series *market.Series, currency money.Currency, unit string, on market.Date) money.Maybe {
	source := &Source{Kind: SourceRate, Currency: currency}
	label := money.Label{What: "rate of", Of: string(currency), Unit: unit, From: source}
	if series != nil {
		if x, day, ok := series.At(on); ok {
			source.Date = &day
			if t.sourceOf != nil {
				source.Source, source.State = t.sourceOf(market.RateID(currency), day)
			}
			return t.recorder.Input(x, label)
		}
	}
	label.What = "no rate on or before " + on.String() + " of"
	return t.recorder.Missing(label)
}

// move changes what cash there is.
func (t *trace) move(on market.Date, currency money.Currency, amount money.Maybe) {
	steps := t.balances[currency]
	t.balances[currency] = append(steps, tracedStep{on, lastOf(steps).Add(amount)})
}

func orNothing[K comparable](sums map[K]money.Maybe, key K) money.Maybe {
	if x, ok := sums[key]; ok {
		return x
	}
	return money.Known(money.Zero)
}

func lastOf(steps []tracedStep) money.Maybe {
	if len(steps) == 0 {
		return money.Known(money.Zero)
	}
	return steps[len(steps)-1].amount
}

// at is how much there was at the end of a day.
func at(steps []tracedStep, on market.Date) money.Maybe {
	i, _ := slices.BinarySearchFunc(steps, on+1, func(s tracedStep, day market.Date) int { return int(s.date) - int(day) })
	return lastOf(steps[:i])
}

// cashWorth is all cash in the base currency, as it is now, at the rates of a day.
func (t *trace) cashWorth(k *bookkeeper, on market.Date) money.Maybe {
	worth := money.Known(money.Zero)
	for _, currency := range sortedNames(t.balances) {
		if balance := lastOf(t.balances[currency]); !balance.Or(money.Zero).IsZero() {
			worth = worth.Add(k.rateOn(currency, on).Mul(balance.Named("cash in", string(currency))))
		}
	}
	return worth
}

func (t *trace) counted(p *position) money.Maybe { return orNothing(t.count, p) }

// step notes how much there is of a position after the activity that is being taken.
func (t *trace) step(k *bookkeeper, on market.Date, p *position) {
	old, held := t.counted(p), p.lots.Quantity()
	t.before[p] = old
	e, next := t.now, t.counted(p)
	switch change := held.Sub(old.Or(money.Zero)); {
	case change.IsZero():
	case held.IsZero() && e.Instrument == p.instrument && e.Ratio == nil && e.Quantity == nil:
		next = money.Known(money.Zero) // written off, or renamed
	case e.Type == ledger.Split:
		next = t.multiplied(e, old)
	case p.instrument == e.ToInstrument:
		if from := k.positions[positionKey{e.Instrument, p.account}]; from != nil {
			next = old.Add(t.multiplied(e, orNothing(t.before, from)))
		}
	case e.Quantity != nil && change.Sign() > 0:
		next = old.Add(t.given(e, "quantity", *e.Quantity))
	case e.Quantity != nil:
		next = old.Sub(t.given(e, "quantity", *e.Quantity))
	}
	if !next.Or(money.Zero).Equal(held) { // what no field says, such as an action on one of several accounts that share their lots
		next = money.Known(held)
		if !held.IsZero() {
			next = t.recorder.Input(held, money.Label{What: "quantity after", Of: e.name(), Unit: unitsOf, From: &Source{Kind: SourceActivity, ID: e.name(), Date: &e.Date}})
		}
	}
	t.count[p] = next
	all := next
	if of := k.of[p.instrument]; len(of) > 1 {
		all = money.Known(money.Zero)
		for _, one := range of {
			all = all.Add(t.counted(one))
		}
	}
	t.quantities[p.instrument] = append(t.quantities[p.instrument], tracedStep{on, all})
}

// multiplied is a quantity after a ratio of new to old.
func (t *trace) multiplied(e entry, quantity money.Maybe) money.Maybe {
	if e.Ratio == nil {
		return quantity
	}
	part := func(x money.Decimal, which string) money.Maybe {
		return t.recorder.Input(x, money.Label{
			What: which + " units in the ratio of", Of: e.name(), From: &Source{Kind: SourceActivity, ID: e.name(), Field: "ratio", Date: &e.Date},
		})
	}
	return scaled(quantity, e.Ratio.Apply(quantity.Or(money.Zero)), part(e.Ratio.New, "new"), part(e.Ratio.Old, "old")).Named("quantity after", e.name())
}

// end keeps what the rates of the period are made of.
func (t *trace) end(p period, k *bookkeeper, start money.Maybe, days []dayValue, flows []flow) {
	t.period, t.keeper, t.start, t.days, t.flows = p, k, start, days, flows
	t.ended = map[positionKey]money.Maybe{}
	if k == nil {
		return
	}
	for _, one := range k.sorted() {
		t.ended[one.positionKey] = t.counted(one)
	}
}

// valueOn is what everything was worth at the end of a day of the period or the day before it, in the base currency.
func (t *trace) valueOn(on market.Date) money.Maybe {
	switch {
	case on < t.period.from:
		return t.start
	case t.keeper == nil:
		return t.days[on-t.period.from].value
	}
	worth := money.Known(money.Zero)
	for _, id := range sortedNames(t.quantities) {
		quantity := at(t.quantities[id], on)
		if quantity.Or(money.Zero).IsZero() {
			continue
		}
		price := t.price(t.keeper.prices, id, on)
		rate := t.rate(t.keeper.rates, t.keeper.of[id][0].currency, on)
		worth = worth.Add(price.Mul(quantity.Named("quantity of", string(id))).Mul(rate).Named("value of", string(id)))
	}
	for _, currency := range sortedNames(t.balances) {
		if balance := at(t.balances[currency], on); !balance.Or(money.Zero).IsZero() {
			worth = worth.Add(t.rate(t.keeper.rates, currency, on).Mul(balance.Named("cash in", string(currency))))
		}
	}
	return worth
}

// named gives the totals their names, where they are recorded.
func (t *Totals) named() {
	t.Value, t.Cost = t.Value.Named("value", ""), t.Cost.Named("cost", "")
	t.Unrealised, t.Realised = t.Unrealised.Named("unrealised gain", ""), t.Realised.Named("realised gain", "")
	t.Income, t.Fees, t.Taxes = t.Income.Named("income", ""), t.Fees.Named("fees", ""), t.Taxes.Named("taxes", "")
	t.FXEffect = t.FXEffect.Named("effect of exchange rates", "")
	t.PaidIn, t.TakenOut = t.PaidIn.Named("paid in", ""), t.TakenOut.Named("taken out", "")
	t.ValueStart = t.ValueStart.Named("value at the start", "")
}
