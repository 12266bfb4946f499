// Package event holds everything that crosses a process: the subjects and payloads of the bus, and the documents that
// browsers get by request and by stream.
//
// It owns the wire: names of fields, how numbers and times are written, JSON schemas, golden files. It never works anything
// out. Domain types never go on the wire themselves, so that the domain can change and the wire stay.
//
// Versions are in the subjects (`v1`); within a version fields are only added.
package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// The subjects of the bus: folioscope.v1.<noun>.<verb-past>.<key>.
const (
	QuotesAcceptedPrefix   = "folioscope.v1.quotes.accepted."
	PortfolioChangedPrefix = "folioscope.v1.portfolio.changed."
	UserRevokedPrefix      = "folioscope.v1.user.revoked."
	AlertsChangedPrefix    = "folioscope.v1.alerts.changed."
	InboxChangedPrefix     = "folioscope.v1.inbox.changed."
	ClosesChangedPrefix    = "folioscope.v1.closes.changed."

	QuotesAcceptedAll   = QuotesAcceptedPrefix + ">"
	PortfolioChangedAll = PortfolioChangedPrefix + ">"
	UserRevokedAll      = UserRevokedPrefix + ">"
	AlertsChangedAll    = AlertsChangedPrefix + ">"
	InboxChangedAll     = InboxChangedPrefix + ">"
	ClosesChangedAll    = ClosesChangedPrefix + ">"

	// QuotesAcceptedSubject is where all accepted quotes go: one key, so that they arrive in order.
	QuotesAcceptedSubject = QuotesAcceptedPrefix + "all"
	// ClosesChangedSubject is where is told that closes of past days changed; which, the store says. The message has no body.
	ClosesChangedSubject = ClosesChangedPrefix + "all"
)

// PortfolioChangedSubject is the subject of one portfolio.
func PortfolioChangedSubject(id ledger.PortfolioID) string {
	return PortfolioChangedPrefix + token(string(id))
}

// UserRevokedSubject is the subject of one user's sessions.
func UserRevokedSubject(id ledger.OwnerID) string { return UserRevokedPrefix + token(string(id)) }

// AlertsChangedSubject is the subject of one user's alert rules.
func AlertsChangedSubject(id ledger.OwnerID) string { return AlertsChangedPrefix + token(string(id)) }

// InboxChangedSubject is the subject of one user's inbox.
func InboxChangedSubject(id ledger.OwnerID) string { return InboxChangedPrefix + token(string(id)) }

// token makes an id fit for one place of a subject. Our own ids need no change; the payload carries the id as it is.
func token(id string) string {
	if id == "" {
		return "_"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, id)
}

// PortfolioChanged says that a portfolio reached a sequence. Nothing else about it travels.
type PortfolioChanged struct {
	OwnerID     ledger.OwnerID     `json:"owner_id"`
	PortfolioID ledger.PortfolioID `json:"portfolio_id"`
	Sequence    int64              `json:"sequence"`
}

// UserRevoked says that a user's sessions ended: streams of that user are closed and have to sign in anew.
type UserRevoked struct {
	OwnerID ledger.OwnerID `json:"owner_id"`
}

// AlertsChanged says that a user's alert rules are not what they were. Nothing else about them travels.
type AlertsChanged struct {
	OwnerID ledger.OwnerID `json:"owner_id"`
}

// InboxChanged says that a user was told something, or has read it. Nothing else about it travels.
type InboxChanged struct {
	OwnerID ledger.OwnerID `json:"owner_id"`
}

// QuotesAccepted carries accepted marks, which are public. A batch too large for one message comes in parts.
//
// A reader whose cursor is at Previous, and who gets all parts in order, is then at Sequence; any other reader asks the store
// for what came after its cursor.
type QuotesAccepted struct {
	Sequence int64  `json:"sequence"` // of the quotes' journal, after all parts
	Previous int64  `json:"previous"` // before the first part
	Part     int    `json:"part"`     // from 1
	Parts    int    `json:"parts"`
	Marks    []Mark `json:"marks"`
}

// Mark is a market.Mark on the wire.
type Mark struct {
	InstrumentID  market.InstrumentID `json:"instrument_id"`
	Price         money.Decimal       `json:"price"`
	Currency      money.Currency      `json:"currency"`
	Source        string              `json:"source"`
	ObservedAt    time.Time           `json:"observed_at"`
	MarketTime    time.Time           `json:"market_time"`
	PreviousClose *money.Decimal      `json:"previous_close"`
	PreviousDate  Day                 `json:"previous_date"`
	Fallback      bool                `json:"fallback"`
	HeldBack      *HeldBackMark       `json:"held_back,omitempty"`
	Sequence      int64               `json:"sequence"`
}

// HeldBackMark is a market.HeldBack on the wire.
type HeldBackMark struct {
	Price      money.Decimal `json:"price"`
	Source     string        `json:"source"`
	ObservedAt time.Time     `json:"observed_at"`
	MarketTime time.Time     `json:"market_time"`
	Reason     string        `json:"reason"`
}

// MarkOf puts a mark on the wire.
func MarkOf(m market.Mark) Mark {
	w := Mark{
		InstrumentID: m.Instrument, Price: m.Price, Currency: m.Currency, Source: m.Source,
		ObservedAt: m.ObservedAt.UTC(), MarketTime: m.MarketTime.UTC(),
		PreviousClose: m.PreviousClose, PreviousDate: Day(m.PreviousDate), Fallback: m.Fallback, Sequence: m.Sequence,
	}
	if m.PreviousClose == nil {
		w.PreviousDate = Day(market.NoDate)
	}
	if h := m.HeldBack; h != nil {
		w.HeldBack = &HeldBackMark{Price: h.Price, Source: h.Source, ObservedAt: h.ObservedAt.UTC(), MarketTime: h.MarketTime.UTC(), Reason: h.Reason}
	}
	return w
}

// Market takes the mark off the wire.
func (w Mark) Market() market.Mark {
	m := market.Mark{
		Quote: market.Quote{Instrument: w.InstrumentID, Price: w.Price, Currency: w.Currency, Source: w.Source,
			ObservedAt: w.ObservedAt, MarketTime: w.MarketTime},
		PreviousClose: w.PreviousClose, PreviousDate: market.Date(w.PreviousDate), Fallback: w.Fallback, Sequence: w.Sequence,
	}
	if h := w.HeldBack; h != nil {
		m.HeldBack = &market.HeldBack{Price: h.Price, Source: h.Source, ObservedAt: h.ObservedAt, MarketTime: h.MarketTime, Reason: h.Reason}
	}
	return m
}

// QuotesParts encodes accepted marks as payloads of at most bytesMax each, in order. A single mark over the bound is an error:
// its texts are bounded far below it where they come in.
func QuotesParts(sequence, previous int64, marks []market.Mark, bytesMax int) ([][]byte, error) {
	const envelopeBytesMax = 160 // four integers of 20 digits and the names around them
	var encoded [][]byte         // each a list of marks without its brackets
	var current []byte
	var one []byte
	for _, m := range marks {
		w := MarkOf(m)
		if !w.encodable() {
			return nil, fmt.Errorf("encode mark of %s: a year beyond four digits", m.Instrument)
		}
		one = w.AppendJSON(one[:0])
		if len(one)+envelopeBytesMax > bytesMax {
			return nil, fmt.Errorf("encode mark of %s: %d bytes don't fit in a message of %d", m.Instrument, len(one), bytesMax)
		}
		if len(current) > 0 && len(current)+1+len(one)+envelopeBytesMax > bytesMax {
			encoded, current = append(encoded, current), nil
		}
		if len(current) > 0 {
			current = append(current, ',')
		}
		current = append(current, one...)
	}
	encoded = append(encoded, current) // perhaps empty: the sequence itself is news
	for i, list := range encoded {
		payload := fmt.Appendf(make([]byte, 0, len(list)+envelopeBytesMax),
			`{"sequence":%d,"previous":%d,"part":%d,"parts":%d,"marks":[`, sequence, previous, i+1, len(encoded))
		payload = append(payload, list...)
		encoded[i] = append(payload, "]}"...)
	}
	return encoded, nil
}

// ParseQuotesAccepted reads one part.
func ParseQuotesAccepted(payload []byte) (QuotesAccepted, error) {
	e, err := decodeQuotes(payload)
	if err != nil {
		return QuotesAccepted{}, fault.Wrap(fault.Invalid, err, "quotes accepted: unreadable")
	}
	if e.Sequence < e.Previous || e.Part < 1 || e.Part > e.Parts {
		return QuotesAccepted{}, fault.New(fault.Invalid, "quotes accepted: part %d of %d, %d after %d", e.Part, e.Parts, e.Sequence, e.Previous)
	}
	for i, m := range e.Marks {
		if m.InstrumentID == "" || m.Source == "" || m.Currency == "" || m.Price.Sign() <= 0 || m.ObservedAt.IsZero() || m.MarketTime.IsZero() {
			return QuotesAccepted{}, fault.At(fmt.Sprintf("marks[%d]", i), "a price without source, times, currency or value")
		}
	}
	return e, nil
}

// ParsePortfolioChanged reads the hint.
func ParsePortfolioChanged(payload []byte) (PortfolioChanged, error) {
	var e PortfolioChanged
	if err := json.Unmarshal(payload, &e); err != nil || e.OwnerID == "" || e.PortfolioID == "" {
		return PortfolioChanged{}, fault.Wrap(fault.Invalid, err, "portfolio changed: unreadable")
	}
	return e, nil
}

// ParseUserRevoked reads the hint.
func ParseUserRevoked(payload []byte) (UserRevoked, error) {
	var e UserRevoked
	if err := json.Unmarshal(payload, &e); err != nil || e.OwnerID == "" {
		return UserRevoked{}, fault.Wrap(fault.Invalid, err, "user revoked: unreadable")
	}
	return e, nil
}

// ParseAlertsChanged reads the hint.
func ParseAlertsChanged(payload []byte) (AlertsChanged, error) {
	var e AlertsChanged
	if err := json.Unmarshal(payload, &e); err != nil || e.OwnerID == "" {
		return AlertsChanged{}, fault.Wrap(fault.Invalid, err, "alerts changed: unreadable")
	}
	return e, nil
}

// Payload encodes a hint.
func (e PortfolioChanged) Payload() []byte { return mustMarshal(e) }

// Payload encodes a hint.
func (e UserRevoked) Payload() []byte { return mustMarshal(e) }

// ParseInboxChanged reads the hint.
func ParseInboxChanged(payload []byte) (InboxChanged, error) {
	var e InboxChanged
	if err := json.Unmarshal(payload, &e); err != nil || e.OwnerID == "" {
		return InboxChanged{}, fault.Wrap(fault.Invalid, err, "inbox changed: unreadable")
	}
	return e, nil
}

// Payload encodes a hint.
func (e InboxChanged) Payload() []byte { return mustMarshal(e) }

// Payload encodes a hint.
func (e AlertsChanged) Payload() []byte { return mustMarshal(e) }

func mustMarshal(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic("event: " + err.Error()) // strings and integers always encode
	}
	return out
}
