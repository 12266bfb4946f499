package figures

import (
	"encoding/json"
	"slices"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// AppendJSON appends what json.Marshal makes of the answer, without its detours: an answer may have tens of thousands of
// disposals.
func (o *Output) AppendJSON(dst []byte) ([]byte, error) {
	w := answerWriter{out: slices.Grow(dst, o.bytesUsual())}
	w.piece(`{"period":`, o.Period)
	w.raw(`,"positions":`)
	list(&w, o.Positions, (*answerWriter).position)
	w.raw(`,"disposals":`)
	list(&w, o.Disposals, (*answerWriter).disposal)
	w.piece(`,"totals":`, o.Totals)
	w.piece(`,"returns":`, o.Returns)
	w.piece(`,"risk":`, o.Risk)
	w.piece(`,"identity":`, o.Identity)
	w.piece(`,"problems":`, o.Problems)
	if len(o.Series) > 0 {
		w.raw(`,"series":`)
		list(&w, o.Series, (*answerWriter).day)
	}
	w.raw("}")
	return w.out, w.err
}

// bytesUsual is about how long the answer gets.
func (o *Output) bytesUsual() int {
	const all, position, lot, disposal, match, day = 8192, 600, 130, 210, 80, 170
	size := all + position*len(o.Positions) + disposal*len(o.Disposals) + day*len(o.Series)
	for i := range o.Positions {
		size += lot * len(o.Positions[i].Lots)
	}
	for i := range o.Disposals {
		size += match * len(o.Disposals[i].Matched)
	}
	return size
}

// answerWriter appends JSON.
type answerWriter struct {
	out []byte
	err error // the first there was
}

func (w *answerWriter) raw(text string) { w.out = append(w.out, text...) }

// piece is a part that there is one of, after the text before it.
func (w *answerWriter) piece(before string, part any) {
	text, err := json.Marshal(part)
	if err != nil && w.err == nil {
		w.err = err
	}
	w.raw(before)
	w.out = append(w.out, text...)
}

// list is null where there is none.
func list[T any](w *answerWriter, items []T, each func(*answerWriter, *T)) {
	if items == nil {
		w.raw("null")
		return
	}
	w.raw("[")
	for i := range items {
		if i > 0 {
			w.raw(",")
		}
		each(w, &items[i])
	}
	w.raw("]")
}

func (w *answerWriter) text(before, text string) {
	w.raw(before)
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			w.piece("", text)
			return
		}
	}
	w.out = append(append(append(w.out, '"'), text...), '"')
}

func (w *answerWriter) decimal(before string, x money.Decimal) {
	w.raw(before)
	out, err := x.AppendText(append(w.out, '"'))
	if err != nil && w.err == nil {
		w.err = err
	}
	w.out = out
	w.out = append(w.out, '"')
}

func (w *answerWriter) maybe(before string, m money.Maybe) {
	if x, known := m.Get(); known {
		w.decimal(before, x)
		return
	}
	w.raw(before)
	w.raw("null")
}

func (w *answerWriter) date(before string, on market.Date) {
	w.raw(before)
	year, month, day := on.Time().Date()
	if year < 1000 || year > 9999 {
		w.out = append(append(append(w.out, '"'), on.String()...), '"')
		return
	}
	digit := func(n int) byte { return '0' + byte(n%10) }
	w.out = append(w.out, '"', digit(year/1000), digit(year/100), digit(year/10), digit(year), '-',
		digit(int(month)/10), digit(int(month)), '-', digit(day/10), digit(day), '"')
}

func (w *answerWriter) float(before string, f *Float) {
	if w.raw(before); f == nil {
		w.raw("null")
		return
	}
	text, err := f.MarshalJSON()
	if w.out = append(w.out, text...); err != nil && w.err == nil {
		w.err = err
	}
}

func (w *answerWriter) position(p *PositionLine) {
	w.raw("{")
	if p.Instrument != "" {
		w.text(`"instrument_id":`, string(p.Instrument))
		w.raw(",")
	}
	w.text(`"symbol":`, p.Symbol)
	w.text(`,"account":`, p.Account)
	w.text(`,"currency":`, string(p.Currency))
	w.decimal(`,"quantity":`, p.Quantity)
	w.maybe(`,"average_cost":`, p.AverageCost)
	w.maybe(`,"cost":`, p.Cost)
	w.maybe(`,"cost_base":`, p.CostBase)
	w.maybe(`,"price":`, p.Price)
	if p.PriceDate == nil {
		w.raw(`,"price_date":null`)
	} else {
		w.date(`,"price_date":`, *p.PriceDate)
	}
	w.maybe(`,"value":`, p.Value)
	w.maybe(`,"value_base":`, p.ValueBase)
	w.maybe(`,"unrealised_base":`, p.UnrealisedBase)
	w.maybe(`,"realised_base":`, p.RealisedBase)
	w.maybe(`,"income_base":`, p.IncomeBase)
	w.maybe(`,"fees_base":`, p.FeesBase)
	w.maybe(`,"taxes_base":`, p.TaxesBase)
	w.maybe(`,"fx_effect_base":`, p.FXEffectBase)
	w.maybe(`,"profit_base":`, p.ProfitBase)
	w.raw(`,"lots":`)
	list(w, p.Lots, (*answerWriter).lot)
	w.raw("}")
}

func (w *answerWriter) lot(l *LotLine) {
	w.date(`{"opened":`, l.Opened)
	w.decimal(`,"quantity":`, l.Quantity)
	w.maybe(`,"unit_cost":`, l.UnitCost)
	w.maybe(`,"cost":`, l.Cost)
	w.text(`,"id":`, l.ID)
	w.raw("}")
}

func (w *answerWriter) disposal(d *Disposal) {
	w.date(`{"date":`, d.Date)
	if d.Instrument != "" {
		w.text(`,"instrument_id":`, string(d.Instrument))
	}
	w.text(`,"symbol":`, d.Symbol)
	w.text(`,"account":`, d.Account)
	w.decimal(`,"quantity":`, d.Quantity)
	w.maybe(`,"proceeds":`, d.Proceeds)
	w.maybe(`,"cost":`, d.Cost)
	w.maybe(`,"gain":`, d.Gain)
	w.text(`,"currency":`, string(d.Currency))
	w.maybe(`,"gain_base":`, d.GainBase)
	w.raw(`,"matched":`)
	list(w, d.Matched, (*answerWriter).match)
	w.raw("}")
}

func (w *answerWriter) match(m *Match) {
	w.text(`{"id":`, m.ID)
	w.date(`,"opened":`, m.Opened)
	w.decimal(`,"quantity":`, m.Quantity)
	w.maybe(`,"cost":`, m.Cost)
	w.raw("}")
}

func (w *answerWriter) day(d *DayLine) {
	w.date(`{"date":`, d.Date)
	w.maybe(`,"value":`, d.Value)
	w.maybe(`,"paid_in":`, d.PaidIn)
	w.maybe(`,"taken_out":`, d.TakenOut)
	w.float(`,"twr":`, d.TWR)
	w.float(`,"drawdown":`, d.Drawdown)
	w.raw("}")
}
