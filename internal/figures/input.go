package figures

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Input is a case of `evaluate`, read and checked.
type Input struct {
	rules      rules
	from, to   market.Date // NoDate where left out
	entries    []entry     // by date
	prices     map[market.InstrumentID]*market.Series
	units      map[market.InstrumentID]money.Currency // of each symbol
	rates      map[money.Currency]*market.Series
	benchmark  *market.Series
	riskFree   money.Decimal
	flows      []cashFlow
	valuations *market.Series
	series     bool
	hasFlows   bool
	external   bool        // there are external activities
	unordered  bool        // activities don't rise by date
	first      market.Date // of activities and valuations
	last       market.Date // of everything
}

// defaultAccount is where activities lie that name no account.
const defaultAccount ledger.AccountID = "main"

// ReadInput reads a case file. What is wrong is a fault.Invalid that names its place.
func ReadInput(data []byte) (Input, error) { return ReadCase(string(data)) }

// ReadCase is ReadInput of a text, parts of which the case keeps.
func ReadCase(data string) (Input, error) {
	in := Input{
		rules: rules{method: ledger.FIFO, scope: ledger.ScopeAccount, feesInCost: true}, from: market.NoDate, to: market.NoDate,
		prices: map[market.InstrumentID]*market.Series{}, units: map[market.InstrumentID]money.Currency{}, rates: map[money.Currency]*market.Series{},
		first: market.NoDate, last: market.NoDate,
	}
	if err := in.read(data); err != nil {
		if wrong := json.Unmarshal([]byte(data), new(json.RawMessage)); wrong != nil {
			return in, fault.At("case", "not JSON: %s", strings.ReplaceAll(wrong.Error(), "\n", " "))
		}
		return in, err
	}
	return in, in.settle()
}

// read reads the fields of a case.
func (in *Input) read(text string) error {
	o, err := readObject(&value{raw: strings.Trim(text, " \n\r\t")})
	if err != nil {
		return err
	}
	return o.read(
		field{"base_currency", true, func(v *value) error { return v.currency(&in.rules.base) }},
		field{"from", false, func(v *value) error { return v.date(&in.from) }},
		field{"to", false, func(v *value) error { return v.date(&in.to) }},
		field{"lot_method", false, func(v *value) error {
			return v.oneOf((*string)(&in.rules.method), "fifo", "lifo", "hifo", "average", "specific")
		}},
		field{"lot_scope", false, func(v *value) error { return v.oneOf((*string)(&in.rules.scope), "account", "portfolio") }},
		field{"fees_in_cost", false, func(v *value) error { return v.boolean(&in.rules.feesInCost) }},
		field{"prices", false, in.readPrices},
		field{"fx", false, in.readRates},
		field{"benchmark", false, in.readBenchmark},
		field{"risk_free_rate", false, func(v *value) error { return v.number(&in.riskFree) }},
		field{"flows", false, in.readFlows},
		field{"valuations", false, in.readValuations},
		field{"activities", false, in.readActivities},
		field{"series", false, func(v *value) error { return v.boolean(&in.series) }},
	)
}

// settle fills in what was left out and refuses what doesn't go together.
func (in *Input) settle() error {
	if err := in.settleKinds(); err != nil {
		return err
	}
	if in.hasFlows && in.valuations != nil {
		return fault.At("flows", "go without valuations")
	}
	if in.unordered {
		order(in.entries)
	}
	for _, e := range in.entries { // in one walk, since there may be a million
		in.settleCurrency(e)
		switch e.Type {
		case ledger.CashTransfer:
			if err := ledger.Check(e.Activity, e.place("")); err != nil { // its currency is known now
				return err
			}
		case ledger.Deposit, ledger.Withdrawal:
			in.rules.tracked = true
		}
		in.seen(e.Date, true)
	}
	if in.from == market.NoDate {
		in.from = in.first
	}
	if in.to == market.NoDate {
		in.to = in.last
	}
	if in.to == market.NoDate { // a file of nothing but its beginning
		in.to = in.from
	}
	if in.hasFlows && in.from == market.NoDate && in.to == market.NoDate {
		return nil // no flow at all: there is no period, and no rate
	}
	if in.from == market.NoDate {
		return fault.At("from", "is missing, and no activity says when to begin")
	}
	if in.to < in.from {
		return fault.At("to", "%s is before from, %s", in.to, in.from)
	}
	return nil
}

// settleKinds refuses activities of a kind that doesn't go with the rest of the case.
func (in *Input) settleKinds() error {
	if !in.hasFlows && in.valuations == nil && !in.external {
		return nil
	}
	for _, e := range in.entries {
		switch {
		case in.hasFlows:
			return fault.At("flows", "go without activities")
		case e.Type == external && in.valuations == nil:
			return fault.At(e.place("type"), "external goes only with valuations")
		case e.Type != external && in.valuations != nil:
			return fault.At(e.place("type"), "with valuations only external activities are read, not %s", e.Type)
		}
	}
	return nil
}

// settleCurrency gives an activity its currency: its own, else its symbol's (that of its prices, else of its first activity),
// else the base.
func (in *Input) settleCurrency(e entry) {
	if e.Instrument == "" {
		if e.Currency == "" {
			e.Currency = in.rules.base
		}
		return
	}
	own := in.units[e.Instrument]
	if e.Currency == "" {
		e.Currency = cmp.Or(own, in.rules.base)
	}
	if own == "" {
		own = e.Currency
		in.units[e.Instrument] = own
	}
	if to := e.ToInstrument; to != "" && in.units[to] == "" {
		in.units[to] = own
	}
}

// seen notes a date of the file; begins says whether it may begin the period.
func (in *Input) seen(on market.Date, begins bool) {
	in.last = max(in.last, on)
	if begins && (in.first == market.NoDate || on < in.first) {
		in.first = on
	}
}

func (in *Input) readPrices(v *value) error {
	o, err := readObject(v)
	if err != nil {
		return err
	}
	members, err := o.sorted()
	if err != nil {
		return err
	}
	for _, m := range members {
		symbol := m.name
		if !ledger.IsName(symbol) {
			return v.refuse("not a symbol: %.40q", symbol)
		}
		one, err := readObject(&value{m.raw, place{up: &v.at, name: symbol}})
		if err != nil {
			return err
		}
		var unit money.Unit
		var bars []market.Bar
		err = one.read(
			field{"currency", true, func(v *value) error { return v.unit(&unit) }},
			field{"closes", true, func(v *value) error { return in.readCloses(v, &bars, money.Zero) }},
		)
		if err != nil {
			return err
		}
		for i := range bars {
			bars[i].Close = unit.Major(bars[i].Close)
		}
		id := market.InstrumentID(symbol)
		series := market.NewSeries(id, unit.Currency, bars)
		in.prices[id], in.units[id] = &series, unit.Currency
	}
	return nil
}

// readCloses reads {DATE: NUMBER}, none below least.
func (in *Input) readCloses(v *value, bars *[]market.Bar, least money.Decimal) error {
	o, err := readObject(v)
	if err != nil {
		return err
	}
	members, err := o.sorted()
	if err != nil {
		return err
	}
	*bars = make([]market.Bar, 0, len(members))
	for _, m := range members {
		on, err := dateOf(m.name)
		if err != nil {
			return v.refuse("%v", err)
		}
		at := value{m.raw, place{up: &v.at, name: m.name}}
		var price money.Decimal
		if err := at.number(&price); err != nil {
			return err
		}
		if price.Cmp(least) < 0 {
			return at.refuse("must not be less than %s: %s", least, price)
		}
		in.seen(on, false)
		*bars = append(*bars, market.Bar{Date: on, Close: price})
	}
	return nil
}

func (in *Input) readRates(v *value) error {
	o, err := readObject(v)
	if err != nil {
		return err
	}
	members, err := o.sorted()
	if err != nil {
		return err
	}
	for _, m := range members {
		currency, err := money.ParseCurrency(m.name)
		if err != nil {
			return v.refuse("%v", err)
		}
		at := value{m.raw, place{up: &v.at, name: m.name}}
		var bars []market.Bar
		if err := in.readCloses(&at, &bars, money.Zero); err != nil {
			return err
		}
		for _, b := range bars {
			if b.Close.IsZero() {
				return fault.At(at.at.String()+"."+b.Date.String(), "a rate must be more than 0")
			}
		}
		series := market.NewSeries(market.RateID(currency), currency, bars)
		in.rates[currency] = &series
	}
	return nil
}

func (in *Input) readBenchmark(v *value) error {
	o, err := readObject(v)
	if err != nil {
		return err
	}
	var bars []market.Bar
	if err := o.read(field{"closes", true, func(v *value) error { return in.readCloses(v, &bars, money.Zero) }}); err != nil {
		return err
	}
	series := market.NewSeries("benchmark", "", bars)
	in.benchmark = &series
	return nil
}

func (in *Input) readFlows(v *value) error {
	in.hasFlows = true
	return v.list(func(v *value) error {
		o, err := readObject(v)
		if err != nil {
			return err
		}
		var f cashFlow
		err = o.read(
			field{"date", true, func(v *value) error { return v.date(&f.date) }},
			field{"amount", true, func(v *value) error { return v.number(&f.amount) }},
		)
		in.seen(f.date, true)
		in.flows = append(in.flows, f)
		return err
	})
}

func (in *Input) readValuations(v *value) error {
	days := map[market.Date]money.Decimal{}
	err := v.list(func(v *value) error {
		o, err := readObject(v)
		if err != nil {
			return err
		}
		var on market.Date
		var worth money.Decimal
		err = o.read(
			field{"date", true, func(v *value) error { return v.date(&on) }},
			field{"value", true, func(v *value) error { return v.number(&worth) }},
		)
		if err != nil {
			return err
		}
		if _, twice := days[on]; twice {
			return fault.At(v.at.String()+".date", "%s has two values", on)
		}
		days[on] = worth
		in.seen(on, true)
		return nil
	})
	if err != nil {
		return err
	}
	var bars []market.Bar
	for _, on := range slices.Sorted(maps.Keys(days)) {
		bars = append(bars, market.Bar{Date: on, Close: days[on]})
	}
	series := market.NewSeries("valuations", in.rules.base, bars)
	in.valuations = &series
	return nil
}

// activityBytesUsual is what an activity takes at least, nearly always.
const activityBytesUsual = 100

func (in *Input) readActivities(v *value) error {
	usual := min(len(v.raw)/activityBytesUsual, ledger.ActivitiesMax)
	ids := make(map[ledger.ActivityID]struct{}, usual)
	in.entries = make([]entry, 0, usual)
	r := activityReader{}
	return v.list(func(v *value) error {
		if len(in.entries) >= ledger.ActivitiesMax {
			return fault.At("activities", "more than %d", ledger.ActivitiesMax)
		}
		e := entry{index: len(in.entries)}
		var err error
		if e.Activity, err = r.read(v); err != nil {
			return err
		}
		if e.ID != "" {
			if _, twice := ids[e.ID]; twice {
				return fault.At(e.place("id"), "%q was given twice", string(e.ID))
			}
			ids[e.ID] = struct{}{}
		}
		if n := len(in.entries); n > 0 && e.Date < in.entries[n-1].Date {
			in.unordered = true
		}
		in.external = in.external || e.Type == external
		in.entries = append(in.entries, e)
		return nil
	})
}

// inMajorUnits turns hundredths into their currency; a rate for 1 penny becomes one for 1 pound.
func inMajorUnits(e *ledger.Activity, unit, toUnit money.Unit) {
	for _, x := range []*money.Decimal{e.Price, e.Amount, &e.Fee, &e.Tax} {
		if x != nil && unit.Currency != "" {
			*x = unit.Major(*x)
		}
	}
	if e.FXRate != nil && unit.Currency != "" && !unit.Factor().Equal(money.One) {
		*e.FXRate = e.FXRate.Quo(unit.Factor())
	}
	if toUnit.Currency == "" {
		toUnit = unit
	}
	if e.ToAmount != nil && toUnit.Currency != "" {
		*e.ToAmount = toUnit.Major(*e.ToAmount)
	}
}
