package alert

import (
	"encoding/json"
	"fmt"
	"time"

	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// codecVersion is written with everything that is kept. One that isn't known is refused: a newer release wrote it.
const codecVersion = 1

// keptPlaces is how many digits after the point a seen value is kept with: it is shown, and decides nothing any more.
const keptPlaces = 18

type ruleRecord struct {
	Codec     int             `json:"v"`
	Name      string          `json:"name,omitempty"`
	Condition conditionRecord `json:"if"`
	Repeat    Repeat          `json:"repeat"`
	Cooldown  int64           `json:"cooldown_s,omitempty"`
	For       int64           `json:"for_s,omitempty"`
	NoData    bool            `json:"no_data,omitempty"`
	Expires   micros          `json:"expires,omitempty"`
	Snoozed   micros          `json:"snoozed,omitempty"`
	Channels  []ChannelID     `json:"channels"` // null is all
	CreatedAt micros          `json:"created,omitempty"`
}

type conditionRecord struct {
	Kind       Kind                `json:"kind"`
	Portfolio  ledger.PortfolioID  `json:"portfolio,omitempty"`
	Instrument market.InstrumentID `json:"instrument,omitempty"`
	Base       money.Currency      `json:"base,omitempty"`
	Quote      money.Currency      `json:"quote,omitempty"`
	Direction  Direction           `json:"direction,omitempty"`
	Threshold  money.Decimal       `json:"threshold"`
	Unit       Unit                `json:"unit,omitempty"`
	Days       int                 `json:"days,omitempty"`
	By         figures.By          `json:"by,omitempty"`
	Group      string              `json:"group,omitempty"`
	Target     *money.Decimal      `json:"target,omitempty"`
	Rearm      *money.Decimal      `json:"rearm,omitempty"`
	Expression string              `json:"expression,omitempty"`
}

type standingRecord struct {
	Codec     int            `json:"v"`
	State     State          `json:"state"`
	Since     micros         `json:"since,omitempty"`
	Through   int64          `json:"through,omitempty"`
	Value     *money.Decimal `json:"value,omitempty"`
	Side      Direction      `json:"side,omitempty"`
	Held      bool           `json:"held,omitempty"`
	FiredAt   micros         `json:"fired,omitempty"`
	ToldAt    micros         `json:"told,omitempty"`
	TroubleAt micros         `json:"trouble,omitempty"`
	Firings   int64          `json:"firings,omitempty"`
	Ended     bool           `json:"ended,omitempty"`
	Why       string         `json:"why,omitempty"`
}

type eventRecord struct {
	Codec      int            `json:"v"`
	Kind       EventKind      `json:"kind"`
	At         micros         `json:"at"`
	Sequence   int64          `json:"sequence,omitempty"`
	Value      *money.Decimal `json:"value,omitempty"`
	Occurrence string         `json:"occurrence,omitempty"`
	Subject    string         `json:"subject,omitempty"`
	Why        string         `json:"why,omitempty"`
	Tell       bool           `json:"tell,omitempty"`
}

// micros is a time as it is kept: µs since 1970, UTC; 0 is none.
type micros int64

func microsOf(t time.Time) micros {
	if t.IsZero() {
		return 0
	}
	return micros(t.UnixMicro())
}

func (m micros) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(m)).UTC()
}

// EncodeRule writes what a rule says, without its Owner, ID and Version: those stand beside it. Times are kept to the µs, durations to
// the second.
func EncodeRule(r *Rule) ([]byte, error) {
	c := &r.Condition
	return encode("rule", ruleRecord{
		Codec: codecVersion, Name: r.Name, Repeat: r.Repeat, Cooldown: int64(r.Cooldown / time.Second), For: int64(r.For / time.Second),
		NoData: r.NoData, Expires: microsOf(r.ExpiresAt), Snoozed: microsOf(r.SnoozedUntil), Channels: r.Channels, CreatedAt: microsOf(r.CreatedAt),
		Condition: conditionRecord{
			Kind: c.Kind, Portfolio: c.Portfolio, Instrument: c.Instrument, Base: c.Base, Quote: c.Quote, Direction: c.Direction,
			Threshold: c.Threshold, Unit: c.Unit, Days: c.Days, By: c.Group.By, Group: c.Group.Name, Target: c.Target, Rearm: c.Rearm,
			Expression: c.Expression,
		},
	})
}

// DecodeRule reads what EncodeRule wrote.
func DecodeRule(data []byte) (Rule, error) {
	var k ruleRecord
	if err := decode("rule", data, &k, &k.Codec); err != nil {
		return Rule{}, err
	}
	c := &k.Condition
	return Rule{
		Name: k.Name, Repeat: k.Repeat, Cooldown: time.Duration(k.Cooldown) * time.Second, For: time.Duration(k.For) * time.Second,
		NoData: k.NoData, ExpiresAt: k.Expires.time(), SnoozedUntil: k.Snoozed.time(), Channels: k.Channels, CreatedAt: k.CreatedAt.time(),
		Condition: Condition{
			Kind: c.Kind, Portfolio: c.Portfolio, Instrument: c.Instrument, Base: c.Base, Quote: c.Quote, Direction: c.Direction,
			Threshold: c.Threshold, Unit: c.Unit, Days: c.Days, Group: Group{By: c.By, Name: c.Group}, Target: c.Target, Rearm: c.Rearm,
			Expression: c.Expression,
		},
	}, nil
}

// EncodeStanding writes how a rule stands; its Value is rounded to 18 digits after the point.
func EncodeStanding(s Standing) ([]byte, error) {
	return encode("standing", standingRecord{
		Codec: codecVersion, State: s.State, Since: microsOf(s.Since), Through: s.Through, Value: kept(s.Value), Side: s.Side, Held: s.Held,
		FiredAt: microsOf(s.FiredAt), ToldAt: microsOf(s.ToldAt), TroubleAt: microsOf(s.TroubleAt), Firings: s.Firings, Ended: s.Ended, Why: s.Why,
	})
}

// DecodeStanding reads what EncodeStanding wrote.
func DecodeStanding(data []byte) (Standing, error) {
	var k standingRecord
	if err := decode("standing", data, &k, &k.Codec); err != nil {
		return Standing{}, err
	}
	return Standing{
		State: k.State, Since: k.Since.time(), Through: k.Through, Value: k.Value, Side: k.Side, Held: k.Held, FiredAt: k.FiredAt.time(),
		ToldAt: k.ToldAt.time(), TroubleAt: k.TroubleAt.time(), Firings: k.Firings, Ended: k.Ended, Why: k.Why,
	}, nil
}

// EncodeEvent writes an event; its Value is rounded to 18 digits after the point.
func EncodeEvent(e *Event) ([]byte, error) {
	return encode("event", eventRecord{
		Codec: codecVersion, Kind: e.Kind, At: microsOf(e.At), Sequence: e.Sequence, Value: kept(e.Value), Occurrence: e.Occurrence,
		Subject: e.Subject, Why: e.Why, Tell: e.Tell,
	})
}

// DecodeEvent reads what EncodeEvent wrote.
func DecodeEvent(data []byte) (Event, error) {
	var k eventRecord
	if err := decode("event", data, &k, &k.Codec); err != nil {
		return Event{}, err
	}
	return Event{
		Kind: k.Kind, At: k.At.time(), Sequence: k.Sequence, Value: k.Value, Occurrence: k.Occurrence, Subject: k.Subject, Why: k.Why, Tell: k.Tell,
	}, nil
}

// kept is a value as it is kept.
func kept(x *money.Decimal) *money.Decimal {
	if x == nil || x.Places() <= keptPlaces {
		return x
	}
	rounded := x.Round(keptPlaces)
	return &rounded
}

func encode(what string, record any) ([]byte, error) {
	data, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encode alert %s: %w", what, err)
	}
	return data, nil
}

// decode reads a record; version is where in it its version stands.
func decode(what string, data []byte, record any, version *int) error {
	if err := json.Unmarshal(data, record); err != nil {
		return fmt.Errorf("decode alert %s: %w", what, err)
	}
	if *version != codecVersion {
		return fmt.Errorf("decode alert %s: version %d is not known", what, *version)
	}
	return nil
}
