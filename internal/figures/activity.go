package figures

import (
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/money"
)

// activityReader reads the activities of a case, one after the other. Nearly all have the same fields in the same order.
type activityReader struct {
	*ledger.Activity // in the making
	unit, toUnit     money.Unit

	object
	field    value                      // in the making
	texts    [activityFieldCount]string // by field, empty where it isn't given
	made     []ledger.Activity          // in advance
	decimals []money.Decimal
}

// activityField is how one field of an activity is read.
type activityField struct {
	name     string
	required bool
	read     func(*activityReader, *value) error
}

const activityFieldCount = 21

// activityFields are the fields in the order in which they are read. Read only.
var activityFields = [activityFieldCount]activityField{
	{"type", true, func(r *activityReader, v *value) error { return v.text((*string)(&r.Type)) }},
	{"date", true, func(r *activityReader, v *value) error { return v.date(&r.Date) }},
	{"id", false, func(r *activityReader, v *value) error { return v.name((*string)(&r.ID)) }},
	{"account", false, func(r *activityReader, v *value) error { return v.name((*string)(&r.Account)) }},
	{"symbol", false, func(r *activityReader, v *value) error { return v.name((*string)(&r.Instrument)) }},
	{"currency", false, func(r *activityReader, v *value) error { return v.unit(&r.unit) }},
	{"quantity", false, func(r *activityReader, v *value) error { return r.number(v, &r.Quantity) }},
	{"price", false, func(r *activityReader, v *value) error { return r.number(v, &r.Price) }},
	{"amount", false, func(r *activityReader, v *value) error { return r.number(v, &r.Amount) }},
	{"fee", false, func(r *activityReader, v *value) error { return v.number(&r.Fee) }},
	{"tax", false, func(r *activityReader, v *value) error { return v.number(&r.Tax) }},
	{"fx_rate", false, func(r *activityReader, v *value) error { return r.number(v, &r.FXRate) }},
	{"to_account", false, func(r *activityReader, v *value) error { return v.name((*string)(&r.ToAccount)) }},
	{"to_symbol", false, func(r *activityReader, v *value) error { return v.name((*string)(&r.ToInstrument)) }},
	{"to_currency", false, func(r *activityReader, v *value) error { return v.unit(&r.toUnit) }},
	{"to_amount", false, func(r *activityReader, v *value) error { return r.number(v, &r.ToAmount) }},
	{"ratio", false, func(r *activityReader, v *value) error { return v.ratio(&r.Ratio) }},
	{"cost_share", false, func(r *activityReader, v *value) error { return r.number(v, &r.CostShare) }},
	{"reinvest", false, func(r *activityReader, v *value) error { return v.boolean(&r.Reinvest) }},
	{"refund", false, func(r *activityReader, v *value) error { return v.boolean(&r.Refund) }},
	{"lots", false, func(r *activityReader, v *value) error { return r.readLots(v) }},
}

// activityFieldOf is the index of a field, −1 where there is none of that name.
func activityFieldOf(name string) int {
	for i := range activityFields {
		if activityFields[i].name == name {
			return i
		}
	}
	return -1
}

// madeAtOnce is how many activities and numbers are made in one go: one object for the collector instead of many.
const madeAtOnce = 512

// read reads one activity and checks what its type needs.
func (r *activityReader) read(v *value) (*ledger.Activity, error) {
	if err := r.cut(v); err != nil {
		return nil, err
	}
	if len(r.made) == 0 {
		r.made = make([]ledger.Activity, madeAtOnce)
	}
	r.Activity, r.made = &r.made[0], r.made[1:]
	r.unit, r.toUnit = money.Unit{}, money.Unit{}
	clear(r.texts[:])
	if err := r.assign(); err != nil {
		return nil, err
	}
	for i := range activityFields {
		f := &activityFields[i]
		if r.texts[i] == "" {
			if f.required {
				return nil, r.missing(f.name)
			}
			continue
		}
		r.field = value{r.texts[i], place{up: &r.at, name: f.name}}
		if err := f.read(r, &r.field); err != nil {
			return nil, err
		}
	}
	a := r.Activity
	if a.Account == "" && !a.Type.OfEveryAccount() {
		a.Account = defaultAccount
	}
	a.Currency, a.ToCurrency = r.unit.Currency, r.toUnit.Currency
	if checkActivity(a, "") != nil { // the place is only written out for an error
		return nil, checkActivity(a, r.at.String()+".")
	}
	inMajorUnits(a, r.unit, r.toUnit)
	return a, nil
}

// assign puts each member's text to its field.
func (r *activityReader) assign() error {
	for len(r.order) < len(r.members) {
		r.order = append(r.order, 0)
	}
	for i := range r.members {
		m := &r.members[i]
		at := r.order[i]
		if activityFields[at].name != m.name {
			if at = activityFieldOf(m.name); at < 0 {
				return r.unknown(func(name string) bool { return activityFieldOf(name) >= 0 })
			}
			r.order[i] = at
		}
		if r.texts[at] != "" {
			return r.twice(*m)
		}
		r.texts[at] = m.raw
	}
	return nil
}

// number reads a number that may be left out.
func (r *activityReader) number(v *value, into **money.Decimal) error {
	if len(r.decimals) == 0 {
		r.decimals = make([]money.Decimal, madeAtOnce)
	}
	x := &r.decimals[0]
	r.decimals = r.decimals[1:]
	*into = x
	return v.number(x)
}

func (r *activityReader) readLots(v *value) error {
	return v.list(func(v *value) error {
		o, err := readObject(v)
		if err != nil {
			return err
		}
		var c ledger.Choice
		err = o.read(
			field{"id", true, func(v *value) error { return v.name((*string)(&c.ID)) }},
			field{"quantity", true, func(v *value) error { return v.number(&c.Quantity) }},
		)
		r.Lots = append(r.Lots, c)
		return err
	})
}

// checkActivity sees that an activity has what its type needs.
func checkActivity(a *ledger.Activity, prefix string) error {
	if a.Type != external {
		return ledger.Check(a, prefix)
	}
	if a.Amount == nil {
		return fault.At(prefix+"amount", "external needs an amount")
	}
	return ledger.CheckNumbers(a, prefix)
}
