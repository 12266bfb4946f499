package event

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

func anyMark(t *rapid.T) Mark {
	instant := func(name string) time.Time {
		return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, name), rapid.SampledFrom([]int64{0, 1000, 123456000, 123456789}).Draw(t, name+" ns")).UTC()
	}
	text := func(name string) string {
		if rapid.IntRange(0, 9).Draw(t, name+" is odd") > 0 {
			return rapid.StringMatching(`[A-Za-z0-9=.:-]{1,12}`).Draw(t, name)
		}
		return "x" + rapid.String().Draw(t, name)
	}
	m := Mark{
		InstrumentID: market.InstrumentID(text("id")), Price: money.NewDecimal(rapid.Int64Range(1, 1<<62).Draw(t, "price"), rapid.Int32Range(-20, 3).Draw(t, "exponent")),
		Currency: money.Currency(text("currency")), Source: text("source"), ObservedAt: instant("observed"), MarketTime: instant("made"),
		PreviousClose: anyOptional(t), PreviousDate: Day(rapid.SampledFrom([]market.Date{market.NoDate, 0, 20000}).Draw(t, "date")),
		Fallback: rapid.Bool().Draw(t, "fallback"), Sequence: rapid.Int64Range(0, 1<<62).Draw(t, "sequence"),
	}
	if rapid.IntRange(0, 9).Draw(t, "holds back") == 0 {
		m.HeldBack = &HeldBackMark{Price: anyDecimal(t), Source: text("held source"), ObservedAt: instant("held observed"), MarketTime: instant("held made"), Reason: text("reason")}
	}
	return m
}

// What is written by hand is what encoding/json writes, and what is read by hand what it reads.
func TestQuotesByHandEqualStandard(t *testing.T) {
	byHand := 0
	rapid.Check(t, func(t *rapid.T) {
		e := QuotesAccepted{Sequence: 9, Previous: 3, Part: 1, Parts: 2, Marks: rapid.SliceOfN(rapid.Custom(anyMark), 0, 4).Draw(t, "marks")}
		for _, m := range e.Marks {
			sameAsStandard(t, &m)
		}
		payload, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := readQuotes(payload); ok {
			byHand++
			var want QuotesAccepted
			if err := json.Unmarshal(payload, &want); err != nil {
				t.Fatal(err)
			}
			if a, b := mustMarshal(got), mustMarshal(want); !reflect.DeepEqual(a, b) || len(got.Marks) != len(want.Marks) {
				t.Fatalf("got  %s\nwant %s", a, b)
			}
			for n := range got.Marks {
				if !got.Marks[n].ObservedAt.Equal(want.Marks[n].ObservedAt) || got.Marks[n].ObservedAt.Location() != want.Marks[n].ObservedAt.Location() {
					t.Fatalf("%v, want %v", got.Marks[n].ObservedAt, want.Marks[n].ObservedAt)
				}
			}
		}
	})
	if byHand == 0 {
		t.Error("none was read by hand")
	}
	payload, err := QuotesParts(2, 1, []market.Mark{{
		Quote:        market.Quote{Instrument: "a", Price: money.MustParse("1.50"), Currency: "EUR", Source: "x", ObservedAt: time.Unix(1e9, 0), MarketTime: time.Unix(1e9, 5)},
		PreviousDate: market.NoDate, Sequence: 2,
	}}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := readQuotes(payload[0]); !ok {
		t.Errorf("what we write isn't read by hand: %s", payload[0])
	}
}

// Whatever comes, the reader by hand takes nothing that encoding/json reads otherwise or not at all.
func FuzzQuotes(f *testing.F) {
	f.Add([]byte(`{"sequence":12,"previous":11,"part":1,"parts":1,"marks":[{"instrument_id":"a","price":"1.50","currency":"EUR","source":"x","observed_at":"2026-01-01T00:00:00.5Z","market_time":"2026-01-01T00:00:00Z","previous_close":"1.4","previous_date":"2025-12-31","fallback":true,"sequence":12}]}`))
	f.Add([]byte(`{"sequence":0,"previous":0,"part":1,"parts":1,"marks":[]}`))
	f.Add([]byte(`{"sequence":01,"previous":0,"part":1,"parts":1,"marks":[]} `))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, ok := readQuotes(payload)
		if !ok {
			return
		}
		var want QuotesAccepted
		if err := json.Unmarshal(payload, &want); err != nil {
			t.Fatalf("%s is taken: %v", payload, err)
		}
		if a, b := mustMarshal(got), mustMarshal(want); string(a) != string(b) {
			t.Fatalf("got  %s\nwant %s", a, b)
		}
	})
}
