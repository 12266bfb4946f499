package event

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Accepted prices are most of what the bus carries, so they are written and read by hand. What encoding/json writes stays the
// format: AppendJSON gives the same bytes, and whatever isn't exactly in that form is left to encoding/json to read.

// AppendJSON appends what json.Marshal writes, without its error: a time has to be of a year with four digits.
func (m *Mark) AppendJSON(dst []byte) []byte {
	dst = appendText(append(dst, `{"instrument_id":`...), string(m.InstrumentID))
	dst = appendDecimal(append(dst, `,"price":`...), m.Price)
	dst = appendText(append(dst, `,"currency":`...), string(m.Currency))
	dst = appendText(append(dst, `,"source":`...), m.Source)
	dst = appendInstant(append(dst, `,"observed_at":`...), m.ObservedAt)
	dst = appendInstant(append(dst, `,"market_time":`...), m.MarketTime)
	dst = appendOptional(append(dst, `,"previous_close":`...), m.PreviousClose)
	dst = m.PreviousDate.AppendJSON(append(dst, `,"previous_date":`...))
	dst = strconv.AppendBool(append(dst, `,"fallback":`...), m.Fallback)
	if h := m.HeldBack; h != nil {
		dst = appendDecimal(append(dst, `,"held_back":{"price":`...), h.Price)
		dst = appendText(append(dst, `,"source":`...), h.Source)
		dst = appendInstant(append(dst, `,"observed_at":`...), h.ObservedAt)
		dst = appendInstant(append(dst, `,"market_time":`...), h.MarketTime)
		dst = appendText(append(dst, `,"reason":`...), h.Reason)
		dst = append(dst, '}')
	}
	dst = strconv.AppendInt(append(dst, `,"sequence":`...), m.Sequence, 10)
	return append(dst, '}')
}

func appendInstant(dst []byte, t time.Time) []byte {
	dst = t.AppendFormat(append(dst, '"'), time.RFC3339Nano)
	return append(dst, '"')
}

// encodable says whether a mark's times can be written at all.
func (m *Mark) encodable() bool {
	ok := func(t time.Time) bool { return t.Year() >= 0 && t.Year() <= 9999 }
	return ok(m.ObservedAt) && ok(m.MarketTime) && (m.HeldBack == nil || ok(m.HeldBack.ObservedAt) && ok(m.HeldBack.MarketTime))
}

// reader reads the form that AppendJSON writes, and no other: once something differs, it has failed for good.
type reader struct {
	left   []byte
	failed bool
}

// word reads an exact text.
func (r *reader) word(text string) {
	if r.failed || len(r.left) < len(text) || string(r.left[:len(text)]) != text {
		r.failed = true
		return
	}
	r.left = r.left[len(text):]
}

// next says whether an exact text follows, and reads it where it does.
func (r *reader) next(text string) bool {
	if r.failed || len(r.left) < len(text) || string(r.left[:len(text)]) != text {
		return false
	}
	r.left = r.left[len(text):]
	return true
}

// text reads a string of plain characters: what is escaped, or not ASCII, isn't read here.
func (r *reader) text() []byte {
	if r.failed || len(r.left) == 0 || r.left[0] != '"' {
		r.failed = true
		return nil
	}
	end := bytes.IndexByte(r.left[1:], '"') + 1
	if end == 0 {
		r.failed = true
		return nil
	}
	found := r.left[1:end]
	for _, c := range found {
		if c < ' ' || c > '~' || c == '\\' {
			r.failed = true
			return nil
		}
	}
	r.left = r.left[end+1:]
	return found
}

// number reads a whole number that an int64 holds for certain.
func (r *reader) number() (n int64) {
	const digitsMax = 18
	digits := 0
	for ; digits < len(r.left) && r.left[digits] >= '0' && r.left[digits] <= '9'; digits++ {
		n = 10*n + int64(r.left[digits]-'0')
		if digits == digitsMax {
			r.failed = true
			return 0
		}
	}
	if digits == 0 || digits > 1 && r.left[0] == '0' {
		r.failed = true
	}
	if r.failed {
		return 0
	}
	r.left = r.left[digits:]
	return n
}

func (r *reader) decimal() money.Decimal {
	parsed, err := money.Parse(string(r.text()))
	r.failed = r.failed || err != nil
	return parsed
}

func (r *reader) instant() (t time.Time) {
	text := r.text()
	if r.failed || len(text) == 0 || text[len(text)-1] != 'Z' || t.UnmarshalText(text) != nil {
		r.failed = true
	}
	return t
}

// mark reads one mark that holds nothing back: few do.
func (r *reader) mark(m *Mark) {
	r.word(`{"instrument_id":`)
	m.InstrumentID = market.InstrumentID(r.text())
	r.word(`,"price":`)
	m.Price = r.decimal()
	r.word(`,"currency":`)
	m.Currency = money.Currency(r.text())
	r.word(`,"source":`)
	m.Source = string(r.text())
	r.word(`,"observed_at":`)
	m.ObservedAt = r.instant()
	r.word(`,"market_time":`)
	m.MarketTime = r.instant()
	r.word(`,"previous_close":`)
	if !r.next(`null`) {
		close := r.decimal()
		m.PreviousClose = &close
	}
	r.word(`,"previous_date":`)
	m.PreviousDate = Day(market.NoDate)
	if !r.next(`null`) {
		day, err := market.ParseDate(string(r.text()))
		m.PreviousDate, r.failed = Day(day), r.failed || err != nil
	}
	r.word(`,"fallback":`)
	if m.Fallback = r.next(`true`); !m.Fallback {
		r.word(`false`)
	}
	r.word(`,"sequence":`)
	m.Sequence = r.number()
	r.word(`}`)
}

// readQuotes reads the usual form of the payload; ok is false for every other.
func readQuotes(payload []byte) (e QuotesAccepted, ok bool) {
	const markBytesMin = 150 // of one mark: its names alone are longer
	r := reader{left: payload}
	r.word(`{"sequence":`)
	e.Sequence = r.number()
	r.word(`,"previous":`)
	e.Previous = r.number()
	r.word(`,"part":`)
	e.Part = int(r.number())
	r.word(`,"parts":`)
	e.Parts = int(r.number())
	r.word(`,"marks":[`)
	e.Marks = make([]Mark, 0, len(r.left)/markBytesMin+1)
	if !r.next(`]`) {
		for !r.failed {
			e.Marks = append(e.Marks, Mark{})
			r.mark(&e.Marks[len(e.Marks)-1])
			if !r.next(`,`) {
				break
			}
		}
		r.word(`]`)
	}
	r.word(`}`)
	return e, !r.failed && len(r.left) == 0
}

// decodeQuotes reads a payload in whatever form.
func decodeQuotes(payload []byte) (QuotesAccepted, error) {
	if e, ok := readQuotes(payload); ok {
		return e, nil
	}
	var e QuotesAccepted
	err := json.Unmarshal(payload, &e)
	return e, err
}
