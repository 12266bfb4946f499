package event

import (
	"strconv"
	"unicode/utf8"

	"folioscope/internal/money"
)

// The AppendJSON methods write byte for byte what encoding/json writes, without reflection: a dashboard read and every frame
// go through them. Tests hold both equal.

// AppendJSON appends the document.
func (d *Document) AppendJSON(dst []byte) []byte {
	dst = appendText(append(dst, `{"id":`...), string(d.ID))
	dst = appendText(append(dst, `,"name":`...), d.Name)
	dst = strconv.AppendInt(append(dst, `,"sequence":`...), d.Sequence, 10)
	dst = appendText(append(dst, `,"base_currency":`...), string(d.BaseCurrency))
	dst = appendOptional(append(dst, `,"value":`...), d.Value)
	dst = appendOptional(append(dst, `,"cash":`...), d.Cash)
	dst = strconv.AppendBool(append(dst, `,"cash_tracked":`...), d.CashTracked)
	dst = appendOptional(append(dst, `,"day_change":`...), d.DayChange)
	dst = appendOptional(append(dst, `,"day_change_percent":`...), d.DayChangePercent)
	dst = appendText(append(dst, `,"state":`...), string(d.State))
	dst = appendDecimal(append(dst, `,"stale_share":`...), d.StaleShare)
	dst = d.AsOf.AppendJSON(append(dst, `,"as_of":`...))
	dst = strconv.AppendBool(append(dst, `,"simulated":`...), d.Simulated)
	dst = appendList(append(dst, `,"holdings":`...), d.Holdings, (*Holding).AppendJSON)
	dst = appendList(append(dst, `,"contributions":`...), d.Contributions, (*Contribution).AppendJSON)
	dst = appendList(append(dst, `,"markets":`...), d.Markets, (*Market).AppendJSON)
	dst = appendList(append(dst, `,"rates":`...), d.Rates, (*Rate).AppendJSON)
	dst = appendList(append(dst, `,"problems":`...), d.Problems, (*Problem).AppendJSON)
	return append(dst, '}')
}

// AppendJSON appends the holding.
func (h *Holding) AppendJSON(dst []byte) []byte {
	dst = appendText(append(dst, `{"instrument_id":`...), string(h.InstrumentID))
	dst = appendText(append(dst, `,"symbol":`...), h.Symbol)
	dst = h.MIC.AppendJSON(append(dst, `,"mic":`...))
	dst = appendText(append(dst, `,"name":`...), h.Name)
	dst = appendText(append(dst, `,"asset_class":`...), string(h.AssetClass))
	dst = appendText(append(dst, `,"currency":`...), string(h.Currency))
	dst = h.Sector.AppendJSON(append(dst, `,"sector":`...))
	dst = h.Country.AppendJSON(append(dst, `,"country":`...))
	dst = appendDecimal(append(dst, `,"quantity":`...), h.Quantity)
	dst = h.Price.AppendJSON(append(dst, `,"price":`...))
	dst = appendOptional(append(dst, `,"value":`...), h.Value)
	dst = appendOptional(append(dst, `,"value_base":`...), h.ValueBase)
	dst = appendOptional(append(dst, `,"weight":`...), h.Weight)
	dst = appendOptional(append(dst, `,"day_change_base":`...), h.DayChangeBase)
	dst = appendOptional(append(dst, `,"day_change_percent":`...), h.DayChangePercent)
	dst = appendOptional(append(dst, `,"cost_base":`...), h.CostBase)
	dst = appendOptional(append(dst, `,"unrealised_base":`...), h.UnrealisedBase)
	dst = appendOptional(append(dst, `,"realised_base":`...), h.RealisedBase)
	dst = appendOptional(append(dst, `,"income_base":`...), h.IncomeBase)
	dst = appendOptional(append(dst, `,"profit_base":`...), h.ProfitBase)
	dst = append(dst, `,"accounts":`...)
	if h.Accounts == nil {
		return append(dst, "null}"...)
	}
	dst = append(dst, '[')
	for i, account := range h.Accounts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, string(account))
	}
	return append(dst, "]}"...)
}

// AppendJSON appends the price.
func (p *Price) AppendJSON(dst []byte) []byte {
	dst = appendOptional(append(dst, `{"amount":`...), p.Amount)
	dst = p.Currency.AppendJSON(append(dst, `,"currency":`...))
	dst = p.Source.AppendJSON(append(dst, `,"source":`...))
	dst = p.ObservedAt.AppendJSON(append(dst, `,"observed_at":`...))
	dst = p.MarketTime.AppendJSON(append(dst, `,"market_time":`...))
	dst = appendText(append(dst, `,"state":`...), string(p.State))
	dst = appendOptional(append(dst, `,"previous_close":`...), p.PreviousClose)
	dst = p.PreviousDate.AppendJSON(append(dst, `,"previous_date":`...))
	if p.HeldBack != nil {
		dst = appendDecimal(append(dst, `,"held_back":{"amount":`...), p.HeldBack.Amount)
		dst = appendText(append(dst, `,"reason":`...), p.HeldBack.Reason)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// AppendJSON appends the contribution.
func (c *Contribution) AppendJSON(dst []byte) []byte {
	dst = appendText(append(dst, `{"kind":`...), string(c.Kind))
	if c.InstrumentID != "" {
		dst = appendText(append(dst, `,"instrument_id":`...), string(c.InstrumentID))
	}
	if c.Currency != "" {
		dst = appendText(append(dst, `,"currency":`...), string(c.Currency))
	}
	dst = appendText(append(dst, `,"label":`...), c.Label)
	dst = appendDecimal(append(dst, `,"amount":`...), c.Amount)
	dst = appendOptional(append(dst, `,"percent":`...), c.Percent)
	return append(dst, '}')
}

// AppendJSON appends the market.
func (m *Market) AppendJSON(dst []byte) []byte {
	dst = appendText(append(dst, `{"mic":`...), m.MIC)
	dst = appendText(append(dst, `,"name":`...), m.Name)
	dst = appendText(append(dst, `,"state":`...), m.State)
	dst = m.Until.AppendJSON(append(dst, `,"until":`...))
	return append(dst, '}')
}

// AppendJSON appends the rate.
func (r *Rate) AppendJSON(dst []byte) []byte {
	dst = appendText(append(dst, `{"currency":`...), string(r.Currency))
	dst = appendDecimal(append(dst, `,"rate":`...), r.Rate)
	dst = r.AsOf.AppendJSON(append(dst, `,"as_of":`...))
	dst = appendText(append(dst, `,"source":`...), r.Source)
	return append(dst, '}')
}

// AppendJSON appends the problem.
func (p *Problem) AppendJSON(dst []byte) []byte {
	dst = appendText(append(dst, `{"where":`...), p.Where)
	dst = appendText(append(dst, `,"what":`...), p.What)
	return append(dst, '}')
}

// AppendJSON appends the delta.
func (d *Delta) AppendJSON(dst []byte) []byte {
	dst = d.AppendHead(dst)
	dst = appendList(append(dst, `,"holdings":`...), d.Holdings, (*Holding).AppendJSON)
	return d.AppendTail(dst)
}

// AppendHead appends the delta up to its holdings, for a writer that has these encoded already:
// head, `,"holdings":[…]`, tail.
func (d *Delta) AppendHead(dst []byte) []byte {
	dst = appendText(append(dst, `{"id":`...), string(d.ID))
	dst = strconv.AppendInt(append(dst, `,"sequence":`...), d.Sequence, 10)
	dst = appendOptional(append(dst, `,"value":`...), d.Value)
	dst = appendOptional(append(dst, `,"cash":`...), d.Cash)
	dst = appendOptional(append(dst, `,"day_change":`...), d.DayChange)
	dst = appendOptional(append(dst, `,"day_change_percent":`...), d.DayChangePercent)
	dst = appendText(append(dst, `,"state":`...), string(d.State))
	dst = appendDecimal(append(dst, `,"stale_share":`...), d.StaleShare)
	return d.AsOf.AppendJSON(append(dst, `,"as_of":`...))
}

// AppendTail appends the delta from its holdings on.
func (d *Delta) AppendTail(dst []byte) []byte {
	dst = appendList(append(dst, `,"contributions":`...), d.Contributions, (*Contribution).AppendJSON)
	if len(d.Markets) > 0 {
		dst = appendList(append(dst, `,"markets":`...), d.Markets, (*Market).AppendJSON)
	}
	if len(d.Rates) > 0 {
		dst = appendList(append(dst, `,"rates":`...), d.Rates, (*Rate).AppendJSON)
	}
	return append(dst, '}')
}

// AppendJSON appends the status.
func (s *Status) AppendJSON(dst []byte) []byte {
	dst = appendText(append(dst, `{"id":`...), string(s.ID))
	dst = appendText(append(dst, `,"connection":`...), string(s.Connection))
	dst = appendText(append(dst, `,"state":`...), string(s.State))
	dst = appendDecimal(append(dst, `,"stale_share":`...), s.StaleShare)
	dst = s.AsOf.AppendJSON(append(dst, `,"as_of":`...))
	dst = appendText(append(dst, `,"detail":`...), s.Detail)
	return append(dst, '}')
}

// appendList appends a list; nil is null, as encoding/json has it.
func appendList[T any](dst []byte, list []T, appendOne func(*T, []byte) []byte) []byte {
	if list == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendOne(&list[i], dst)
	}
	return append(dst, ']')
}

func appendOptional(dst []byte, x *money.Decimal) []byte {
	if x == nil {
		return append(dst, "null"...)
	}
	return appendDecimal(dst, *x)
}

func appendDecimal(dst []byte, x money.Decimal) []byte {
	dst, _ = x.AppendText(append(dst, '"')) // never an error
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

// appendText appends a JSON string, escaped as encoding/json does it: also <, >, & and the two line separators of
// JavaScript, so that the text is safe inside a page; bytes that are no UTF-8 become U+FFFD.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = appendEscaped(dst, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\ufffd`...)
			start = i + size
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\u202`...)
			dst = append(dst, hexDigits[r&0xF])
			start = i + size
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscaped(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xF])
}
