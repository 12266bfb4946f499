package figures

import (
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
	first      market.Date // of activities and valuations
	last       market.Date // of everything
}

// defaultAccount is where activities lie that name no account.
const defaultAccount ledger.AccountID = "main"

// ReadInput reads a case file. What is wrong is a fault.Invalid that names its place.
func ReadInput(data []byte) (Input, error) {
	in := Input{
		rules: rules{method: ledger.FIFO, scope: ledger.ScopeAccount, feesInCost: true}, from: market.NoDate, to: market.NoDate,
		prices: map[market.InstrumentID]*market.Series{}, units: map[market.InstrumentID]money.Currency{}, rates: map[money.Currency]*market.Series{},
		first: market.NoDate, last: market.NoDate,
	}
	o, err := readObject(data, "")
	if err != nil {
		return in, err
	}
	err = o.read(
		field{"base_currency", true, func(v value) error { return v.currency(&in.rules.base) }},
		field{"from", false, func(v value) error { return v.date(&in.from) }},
		field{"to", false, func(v value) error { return v.date(&in.to) }},
		field{"lot_method", false, func(v value) error {
			return v.oneOf((*string)(&in.rules.method), "fifo", "lifo", "hifo", "average", "specific")
		}},
		field{"lot_scope", false, func(v value) error { return v.oneOf((*string)(&in.rules.scope), "account", "portfolio") }},
		field{"fees_in_cost", false, func(v value) error { return v.boolean(&in.rules.feesInCost) }},
		field{"prices", false, in.readPrices},
		field{"fx", false, in.readRates},
		field{"benchmark", false, in.readBenchmark},
		field{"risk_free_rate", false, func(v value) error { return v.number(&in.riskFree) }},
		field{"flows", false, in.readFlows},
		field{"valuations", false, in.readValuations},
		field{"activities", false, in.readActivities},
		field{"series", false, func(v value) error { return v.boolean(&in.series) }},
	)
	if err != nil {
		return in, err
	}
	return in, in.settle()
}

// settle fills in what was left out and refuses what doesn't go together.
func (in *Input) settle() error {
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
	if in.hasFlows && in.valuations != nil {
		return fault.At("flows", "go without valuations")
	}
	order(in.entries)
	in.settleCurrencies()
	for _, e := range in.entries {
		if e.Type != ledger.CashTransfer {
			continue
		}
		if err := ledger.Check(e.Activity, e.place("")); err != nil { // its currency is known now
			return err
		}
	}
	in.rules.tracked = trackedCash(in.entries)
	for _, e := range in.entries {
		in.seen(e.Date, true)
	}
	if in.from == market.NoDate {
		in.from = in.first
	}
	if in.to == market.NoDate {
		in.to = in.last
	}
	if in.hasFlows && in.from == market.NoDate && in.to == market.NoDate {
		return nil // no flow at all: there is no period, and no rate
	}
	if in.from == market.NoDate {
		return fault.At("from", "is missing, and no activity says when to begin")
	}
	if in.to == market.NoDate {
		return fault.At("to", "is missing, and no date says when to end")
	}
	if in.to < in.from {
		return fault.At("to", "%s is before from, %s", in.to, in.from)
	}
	return nil
}

// settleCurrencies gives each activity its currency: its own, else its symbol's (that of its prices, else of its first
// activity), else the base.
func (in *Input) settleCurrencies() {
	for _, e := range in.entries {
		if e.Currency == "" {
			e.Currency = in.rules.base
			if own := in.units[e.Instrument]; e.Instrument != "" && own != "" {
				e.Currency = own
			}
		}
		if e.Instrument == "" {
			continue
		}
		if in.units[e.Instrument] == "" {
			in.units[e.Instrument] = e.Currency
		}
		if to := e.ToInstrument; to != "" && in.units[to] == "" {
			in.units[to] = in.units[e.Instrument]
		}
	}
}

// seen notes a date of the file; begins says whether it may begin the period.
func (in *Input) seen(on market.Date, begins bool) {
	in.last = max(in.last, on)
	if begins && (in.first == market.NoDate || on < in.first) {
		in.first = on
	}
}

func (in *Input) readPrices(v value) error {
	o, err := readObject(v.raw, v.path)
	if err != nil {
		return err
	}
	for _, symbol := range slices.Sorted(maps.Keys(o.fields)) {
		if !ledger.IsName(symbol) {
			return fault.At(v.path, "not a symbol: %.40q", symbol)
		}
		path := v.path + "." + symbol
		one, err := readObject(o.fields[symbol], path)
		if err != nil {
			return err
		}
		var unit money.Unit
		var bars []market.Bar
		err = one.read(
			field{"currency", true, func(v value) error { return v.unit(&unit) }},
			field{"closes", true, func(v value) error { return in.readCloses(v, &bars, money.Zero) }},
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
func (in *Input) readCloses(v value, bars *[]market.Bar, least money.Decimal) error {
	o, err := readObject(v.raw, v.path)
	if err != nil {
		return err
	}
	for _, text := range slices.Sorted(maps.Keys(o.fields)) {
		at := value{o.fields[text], v.path + "." + shown(text)}
		on, err := market.ParseDate(text)
		if err != nil {
			return fault.At(v.path, "%v", err)
		}
		var price money.Decimal
		if err := at.number(&price); err != nil {
			return err
		}
		if price.Cmp(least) < 0 {
			return fault.At(at.path, "must not be less than %s: %s", least, price)
		}
		in.seen(on, false)
		*bars = append(*bars, market.Bar{Date: on, Close: price})
	}
	return nil
}

func (in *Input) readRates(v value) error {
	o, err := readObject(v.raw, v.path)
	if err != nil {
		return err
	}
	for _, code := range slices.Sorted(maps.Keys(o.fields)) {
		currency, err := money.ParseCurrency(code)
		if err != nil {
			return fault.At(v.path, "%v", err)
		}
		at := value{o.fields[code], v.path + "." + code}
		var bars []market.Bar
		if err := in.readCloses(at, &bars, money.Zero); err != nil {
			return err
		}
		for _, b := range bars {
			if b.Close.IsZero() {
				return fault.At(at.path+"."+b.Date.String(), "a rate must be more than 0")
			}
		}
		series := market.NewSeries(market.RateID(currency), currency, bars)
		in.rates[currency] = &series
	}
	return nil
}

func (in *Input) readBenchmark(v value) error {
	o, err := readObject(v.raw, v.path)
	if err != nil {
		return err
	}
	var bars []market.Bar
	if err := o.read(field{"closes", true, func(v value) error { return in.readCloses(v, &bars, money.Zero) }}); err != nil {
		return err
	}
	series := market.NewSeries("benchmark", "", bars)
	in.benchmark = &series
	return nil
}

func (in *Input) readFlows(v value) error {
	in.hasFlows = true
	return v.list(func(v value) error {
		o, err := readObject(v.raw, v.path)
		if err != nil {
			return err
		}
		var f cashFlow
		err = o.read(
			field{"date", true, func(v value) error { return v.date(&f.date) }},
			field{"amount", true, func(v value) error { return v.number(&f.amount) }},
		)
		in.seen(f.date, true)
		in.flows = append(in.flows, f)
		return err
	})
}

func (in *Input) readValuations(v value) error {
	days := map[market.Date]money.Decimal{}
	err := v.list(func(v value) error {
		o, err := readObject(v.raw, v.path)
		if err != nil {
			return err
		}
		var on market.Date
		var worth money.Decimal
		err = o.read(
			field{"date", true, func(v value) error { return v.date(&on) }},
			field{"value", true, func(v value) error { return v.number(&worth) }},
		)
		if err != nil {
			return err
		}
		if _, twice := days[on]; twice {
			return fault.At(v.path+".date", "%s has two values", on)
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

func (in *Input) readActivities(v value) error {
	ids := map[ledger.ActivityID]struct{}{}
	return v.list(func(v value) error {
		if len(in.entries) >= ledger.ActivitiesMax {
			return fault.At("activities", "more than %d", ledger.ActivitiesMax)
		}
		e := entry{Activity: new(ledger.Activity), index: len(in.entries)}
		if err := e.read(v); err != nil {
			return err
		}
		if e.ID != "" {
			if _, twice := ids[e.ID]; twice {
				return fault.At(e.place("id"), "%q was given twice", string(e.ID))
			}
			ids[e.ID] = struct{}{}
		}
		in.entries = append(in.entries, e)
		return nil
	})
}

// read reads one activity and checks what its type needs.
func (e *entry) read(v value) error {
	o, err := readObject(v.raw, v.path)
	if err != nil {
		return err
	}
	unit, toUnit := money.Unit{}, money.Unit{}
	err = o.read(
		field{"type", true, func(v value) error { return v.text((*string)(&e.Type)) }},
		field{"date", true, func(v value) error { return v.date(&e.Date) }},
		field{"id", false, func(v value) error { return v.name((*string)(&e.ID)) }},
		field{"account", false, func(v value) error { return v.name((*string)(&e.Account)) }},
		field{"symbol", false, func(v value) error { return v.name((*string)(&e.Instrument)) }},
		field{"currency", false, func(v value) error { return v.unit(&unit) }},
		field{"quantity", false, func(v value) error { return v.optional(&e.Quantity) }},
		field{"price", false, func(v value) error { return v.optional(&e.Price) }},
		field{"amount", false, func(v value) error { return v.optional(&e.Amount) }},
		field{"fee", false, func(v value) error { return v.number(&e.Fee) }},
		field{"tax", false, func(v value) error { return v.number(&e.Tax) }},
		field{"fx_rate", false, func(v value) error { return v.optional(&e.FXRate) }},
		field{"to_account", false, func(v value) error { return v.name((*string)(&e.ToAccount)) }},
		field{"to_symbol", false, func(v value) error { return v.name((*string)(&e.ToInstrument)) }},
		field{"to_currency", false, func(v value) error { return v.unit(&toUnit) }},
		field{"to_amount", false, func(v value) error { return v.optional(&e.ToAmount) }},
		field{"ratio", false, func(v value) error { return v.ratio(&e.Ratio) }},
		field{"cost_share", false, func(v value) error { return v.optional(&e.CostShare) }},
		field{"reinvest", false, func(v value) error { return v.boolean(&e.Reinvest) }},
		field{"refund", false, func(v value) error { return v.boolean(&e.Refund) }},
		field{"lots", false, func(v value) error { return e.readLots(v) }},
	)
	if err != nil {
		return err
	}
	if e.Account == "" && !e.Type.OfEveryAccount() {
		e.Account = defaultAccount
	}
	e.Currency, e.ToCurrency = unit.Currency, toUnit.Currency
	if err := checkEntry(e, v.path+"."); err != nil {
		return err
	}
	e.inMajorUnits(unit, toUnit)
	return nil
}

// inMajorUnits turns hundredths into their currency; a rate for 1 penny becomes one for 1 pound.
func (e *entry) inMajorUnits(unit, toUnit money.Unit) {
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

func (e *entry) readLots(v value) error {
	return v.list(func(v value) error {
		o, err := readObject(v.raw, v.path)
		if err != nil {
			return err
		}
		var c ledger.Choice
		err = o.read(
			field{"id", true, func(v value) error { return v.name((*string)(&c.ID)) }},
			field{"quantity", true, func(v value) error { return v.number(&c.Quantity) }},
		)
		e.Lots = append(e.Lots, c)
		return err
	})
}

// checkEntry sees that an activity has what its type needs.
func checkEntry(e *entry, prefix string) error {
	if e.Type != external {
		return ledger.Check(e.Activity, prefix)
	}
	if e.Amount == nil {
		return fault.At(prefix+"amount", "external needs an amount")
	}
	return ledger.CheckNumbers(e.Activity, prefix)
}

// value is a piece of JSON with its place.
type value struct {
	raw  json.RawMessage
	path string
}

// object is a JSON object with its place.
type object struct {
	fields map[string]json.RawMessage
	path   string
}

// field is how one field of an object is read.
type field struct {
	name     string
	required bool
	read     func(value) error
}

// shown is a name as it may stand in a place: one short line.
func shown(name string) string {
	if !ledger.IsName(name) || len(name) > 60 {
		quoted, err := json.Marshal(name)
		if err != nil || len(quoted) > 60 {
			return "?"
		}
		return string(quoted)
	}
	return name
}

func readObject(raw json.RawMessage, path string) (object, error) {
	o := object{path: path}
	where := path
	if where == "" {
		where = "case"
	}
	if err := json.Unmarshal(raw, &o.fields); err != nil {
		if !json.Valid(raw) {
			return o, fault.At(where, "not JSON: %s", strings.ReplaceAll(err.Error(), "\n", " "))
		}
		return o, fault.At(where, "not an object")
	}
	if o.fields == nil {
		return o, fault.At(where, "not an object")
	}
	return o, nil
}

// read reads an object's fields in the order given; an unknown field is refused by its name.
func (o object) read(fields ...field) error {
	prefix := o.path
	if prefix != "" {
		prefix += "."
	}
	known := make(map[string]struct{}, len(fields))
	for _, f := range fields {
		known[f.name] = struct{}{}
	}
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		if _, ok := known[name]; !ok {
			return fault.At(prefix+shown(name), "no such field")
		}
	}
	for _, f := range fields {
		raw, given := o.fields[f.name]
		if !given {
			if f.required {
				return fault.At(prefix+f.name, "is missing")
			}
			continue
		}
		if err := f.read(value{raw, prefix + f.name}); err != nil {
			return err
		}
	}
	return nil
}
