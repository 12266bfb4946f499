package event

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

var update = flag.Bool("update", false, "write the golden files anew")

func optional(text string) *money.Decimal {
	x := money.MustParse(text)
	return &x
}

func at(text string) Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return Time(t)
}

func sampleHolding() Holding {
	return Holding{
		InstrumentID: "inst_aapl", Symbol: "AAPL", MIC: "XNAS", Name: "Apple Inc. <Class & \"A\">", AssetClass: market.Stock, Currency: "USD",
		Sector: "Information Technology", Country: "US", Quantity: money.MustParse("10.5"),
		Price: Price{Amount: optional("189.25"), Currency: "USD", Source: "yahoo", ObservedAt: at("2026-03-02T15:00:03.25Z"),
			MarketTime: at("2026-03-02T15:00:00Z"), State: market.StateQuarantined, PreviousClose: optional("188"), PreviousDate: Day(market.MustDate("2026-02-27")),
			HeldBack: &HeldBack{Amount: money.MustParse("1892.5"), Reason: "10 times the last price, waits for a second source"}},
		Value: optional("1987.125"), ValueBase: optional("1716.081150"), Weight: optional("0.87654321"),
		DayChangeBase: optional("11.340000"), DayChangePercent: optional("0.66489362"), CostBase: optional("1500"),
		UnrealisedBase: optional("216.08115"), RealisedBase: optional("0"), IncomeBase: optional("12.3"), ProfitBase: optional("228.38115"),
		Accounts: []ledger.AccountID{"acc_1", "acc_2"},
	}
}

func sampleDocument() *Document {
	return &Document{
		ID: "pf_1", Name: "Pension \u2028 \x01", Sequence: 17, BaseCurrency: "EUR", Value: optional("1957.78"), Cash: optional("241.69885"), CashTracked: true,
		DayChange: optional("11.34"), DayChangePercent: optional("0.58260000"), State: market.StateQuarantined, StaleShare: money.MustParse("0.04"),
		AsOf: at("2026-03-02T15:00:03.25Z"), Simulated: true,
		Holdings: []Holding{sampleHolding(), {InstrumentID: "inst_x", Symbol: "X", Name: "Ünknown", AssetClass: market.Other, Currency: "INR",
			Quantity: money.MustParse("1"), Price: Price{State: market.StateNone, PreviousDate: Day(market.NoDate)}, Accounts: []ledger.AccountID{}}},
		Contributions: []Contribution{
			{Kind: ContributionPrice, InstrumentID: "inst_aapl", Label: "AAPL", Amount: money.MustParse("13.1"), Percent: optional("0.66489362")},
			{Kind: ContributionCurrency, Currency: "USD", Label: "USD", Amount: money.MustParse("-1.76"), Percent: nil},
		},
		Markets:  []Market{{MIC: "XNAS", Name: "Nasdaq", State: "open", Until: at("2026-03-02T21:00:00Z")}, {MIC: "XQQQ", Name: "XQQQ", State: "closed"}},
		Rates:    []Rate{{Currency: "USD", Rate: money.MustParse("0.8636"), AsOf: at("2026-03-02T14:59:00Z"), Source: "ecb"}},
		Problems: []Problem{{Where: "X", What: "no price is known"}},
	}
}

func sampleDelta() *Delta {
	d := sampleDocument()
	return &Delta{ID: d.ID, Sequence: d.Sequence, Value: d.Value, Cash: d.Cash, DayChange: d.DayChange, DayChangePercent: d.DayChangePercent,
		State: d.State, StaleShare: d.StaleShare, AsOf: d.AsOf, Holdings: d.Holdings[:1], Contributions: d.Contributions, Rates: d.Rates}
}

func sampleMark() market.Mark {
	return market.Mark{
		Quote: market.Quote{Instrument: "inst_aapl", Price: money.MustParse("189.25"), Currency: "USD", Source: "yahoo",
			ObservedAt: time.Time(at("2026-03-02T15:00:03.25Z")), MarketTime: time.Time(at("2026-03-02T15:00:00Z"))},
		PreviousClose: optional("188"), PreviousDate: market.MustDate("2026-02-27"), Fallback: true, Sequence: 90412,
		HeldBack: &market.HeldBack{Price: money.MustParse("1892.5"), Source: "yahoo", ObservedAt: time.Time(at("2026-03-02T15:10:03Z")),
			MarketTime: time.Time(at("2026-03-02T15:10:00Z")), Reason: "10 times the last price"},
	}
}

func TestGolden(t *testing.T) {
	parts, err := QuotesParts(90412, 90411, []market.Mark{sampleMark()}, 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	empty := &Document{ID: "pf_2", Name: "Empty", BaseCurrency: "EUR", State: market.StateNone,
		Holdings: []Holding{}, Contributions: []Contribution{}, Markets: []Market{}, Rates: []Rate{}, Problems: []Problem{}}
	status := &Status{ID: "pf_1", Connection: ConnectionStale, State: market.StateStale, StaleShare: money.MustParse("1"), AsOf: at("2026-03-02T15:00:03Z"), Detail: "No new prices since 15:00 UTC"}
	for _, test := range []struct {
		name, schema string
		payload      []byte
	}{
		{"portfolio", "portfolio", sampleDocument().AppendJSON(nil)},
		{"portfolio-empty", "portfolio", empty.AppendJSON(nil)},
		{"delta", "delta", sampleDelta().AppendJSON(nil)},
		{"status", "status", status.AppendJSON(nil)},
		{"quotes-accepted", "quotes-accepted", parts[0]},
		{"portfolio-changed", "portfolio-changed", PortfolioChanged{OwnerID: "u_1", PortfolioID: "pf_1", Sequence: 17}.Payload()},
		{"user-revoked", "user-revoked", UserRevoked{OwnerID: "u_1"}.Payload()},
		{"alerts-changed", "alerts-changed", AlertsChanged{OwnerID: "u_1"}.Payload()},
		{"inbox-changed", "inbox-changed", InboxChanged{OwnerID: "u_1"}.Payload()},
	} {
		t.Run(test.name, func(t *testing.T) {
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, test.payload, "", "  "); err != nil {
				t.Fatalf("%v in %s", err, test.payload)
			}
			pretty.WriteByte('\n')
			file := filepath.Join("testdata", test.name+".json")
			if *update {
				if err := os.WriteFile(file, pretty.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(pretty.Bytes(), want) {
				t.Errorf("the wire changed; if that is meant, and only adds fields, run with -update\ngot  %s\nwant %s", pretty.Bytes(), want)
			}
			if problems := validate(t, test.schema, test.payload); len(problems) > 0 {
				t.Errorf("not as its schema says: %s", strings.Join(problems, "; "))
			}
		})
	}
}

func TestSchemaRefuses(t *testing.T) {
	for _, wrong := range []string{
		`{"owner_id":"u","portfolio_id":"p"}`,
		`{"owner_id":"u","portfolio_id":"p","sequence":"1"}`,
		`{"owner_id":"u","portfolio_id":"p","sequence":-1}`,
		`{"owner_id":"u","portfolio_id":"p","sequence":1,"more":1}`,
	} {
		if len(validate(t, "portfolio-changed", []byte(wrong))) == 0 {
			t.Errorf("the schema takes %s", wrong)
		}
	}
}

// validate checks a payload against the parts of JSON Schema that ours use.
func validate(t *testing.T, name string, payload []byte) []string {
	t.Helper()
	data, err := fs.ReadFile(Schemas(), name+".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(payload, &value); err != nil {
		t.Fatal(err)
	}
	return check(root, root, value, "")
}

func check(root, schema map[string]any, value any, where string) (problems []string) {
	if ref, ok := schema["$ref"].(string); ok {
		return check(root, root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any), value, where)
	}
	types, ok := schema["type"].([]any)
	if !ok {
		types = []any{schema["type"]}
	}
	if kind := kindOf(value); !slices.Contains(types, any(kind)) {
		return []string{fmt.Sprintf("%s is %s, not %v", where, kind, types)}
	}
	switch v := value.(type) {
	case string:
		if pattern, ok := schema["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(v) {
			problems = append(problems, where+" does not match")
		}
		if list, ok := schema["enum"].([]any); ok && !slices.Contains(list, any(v)) {
			problems = append(problems, where+" is none of the enum")
		}
	case float64:
		if least, ok := schema["minimum"].(float64); ok && v < least {
			problems = append(problems, where+" is below the minimum")
		}
	case []any:
		for i, one := range v {
			problems = append(problems, check(root, schema["items"].(map[string]any), one, fmt.Sprintf("%s[%d]", where, i))...)
		}
	case map[string]any:
		properties := schema["properties"].(map[string]any)
		for _, key := range schema["required"].([]any) {
			if _, ok := v[key.(string)]; !ok {
				problems = append(problems, where+"."+key.(string)+" is missing")
			}
		}
		for key, one := range v {
			property, ok := properties[key].(map[string]any)
			if !ok {
				problems = append(problems, where+"."+key+" is unknown")
				continue
			}
			problems = append(problems, check(root, property, one, where+"."+key)...)
		}
	}
	return problems
}

func kindOf(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// sameAsStandard holds the hand-written encoder against encoding/json.
func sameAsStandard(t interface{ Fatalf(string, ...any) }, v interface{ AppendJSON([]byte) []byte }) {
	want, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if got := v.AppendJSON([]byte("x")); string(got) != "x"+string(want) {
		t.Fatalf("got  %s\nwant %s", got[1:], want)
	}
}

func TestAppendEqualsStandard(t *testing.T) {
	sameAsStandard(t, sampleDocument())
	sameAsStandard(t, sampleDelta())
	sameAsStandard(t, &Document{})
	sameAsStandard(t, &Delta{})
	sameAsStandard(t, &Status{})
	rapid.Check(t, func(t *rapid.T) {
		sameAsStandard(t, anyDocument(t))
		d := anyDocument(t)
		sameAsStandard(t, &Delta{ID: d.ID, Value: d.Value, Holdings: d.Holdings, Contributions: d.Contributions, Markets: d.Markets, Rates: d.Rates})
		sameAsStandard(t, &Status{Detail: rapid.String().Draw(t, "detail"), AsOf: d.AsOf})
	})
}

func anyDecimal(t *rapid.T) money.Decimal {
	return money.NewDecimal(rapid.Int64().Draw(t, "coefficient"), rapid.Int32Range(-20, 3).Draw(t, "exponent"))
}

func anyOptional(t *rapid.T) *money.Decimal {
	if rapid.Bool().Draw(t, "null") {
		return nil
	}
	x := anyDecimal(t)
	return &x
}

func anyTime(t *rapid.T) Time {
	if rapid.Bool().Draw(t, "no time") {
		return Time{}
	}
	return Time(time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "µs")))
}

// anyText draws texts with bytes that are no UTF-8 as well.
func anyText(t *rapid.T) string {
	return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
}

func anyDocument(t *rapid.T) *Document {
	d := sampleDocument()
	d.Name, d.Value, d.Cash, d.AsOf = anyText(t), anyOptional(t), anyOptional(t), anyTime(t)
	d.Holdings = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Holding {
		h := sampleHolding()
		h.Name, h.MIC, h.Sector = anyText(t), Text(anyText(t)), Text(anyText(t))
		h.Quantity, h.Value, h.Weight = anyDecimal(t), anyOptional(t), anyOptional(t)
		h.Price.Amount, h.Price.ObservedAt = anyOptional(t), anyTime(t)
		h.Price.PreviousDate = Day(rapid.SampledFrom([]market.Date{market.NoDate, 0, 20000}).Draw(t, "date"))
		if rapid.Bool().Draw(t, "not held back") {
			h.Price.HeldBack, h.Accounts = nil, nil
		}
		return h
	}), 0, 3).Draw(t, "holdings")
	d.Problems = append(d.Problems, Problem{Where: anyText(t), What: anyText(t)})
	d.Contributions = append(d.Contributions, Contribution{Label: anyText(t), Amount: anyDecimal(t), Percent: anyOptional(t)})
	return d
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "plain", "<&>\"\\\b\f\n\r\t\x00\x1f\x7f", "é\u2028\u2029\ufffd", "\xff\xc3", "😀"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendText(nil, s); !bytes.Equal(got, want) {
			t.Fatalf("got %s want %s", got, want)
		}
	})
}

// What we write we read again: clients in Go, tests and other nodes do.
func TestReadBack(t *testing.T) {
	encoded := sampleDocument().AppendJSON(nil)
	var d Document
	if err := json.Unmarshal(encoded, &d); err != nil {
		t.Fatal(err)
	}
	if again := d.AppendJSON(nil); !bytes.Equal(again, encoded) {
		t.Errorf("got  %s\nwant %s", again, encoded)
	}
}

// Texts of times sort like the times: clients compare them.
func TestTimesSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64Range(0, 4e15).Draw(t, "a")
		b := rapid.Int64Range(0, 4e15).Draw(t, "b")
		x, y := Time(time.UnixMicro(a)).AppendJSON(nil), Time(time.UnixMicro(b)).AppendJSON(nil)
		if (a < b) != (bytes.Compare(x, y) < 0) {
			t.Fatalf("%s and %s sort otherwise than %d and %d", x, y, a, b)
		}
	})
}

func TestQuotesSplit(t *testing.T) {
	const bytesMax = 2000
	var marks []market.Mark
	for i := range 40 {
		m := sampleMark()
		m.Instrument = market.InstrumentID(fmt.Sprintf("inst_%d", i))
		if i%2 == 0 {
			m.HeldBack, m.PreviousClose, m.PreviousDate = nil, nil, market.NoDate
		}
		marks = append(marks, m)
	}
	parts, err := QuotesParts(12, 11, marks, bytesMax)
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) < 5 {
		t.Fatalf("only %d parts", len(parts))
	}
	var back []market.Mark
	for i, part := range parts {
		if len(part) > bytesMax {
			t.Errorf("part %d has %d bytes", i, len(part))
		}
		e, err := ParseQuotesAccepted(part)
		if err != nil {
			t.Fatal(err)
		}
		if e.Sequence != 12 || e.Previous != 11 || e.Part != i+1 || e.Parts != len(parts) {
			t.Errorf("part %d says %d after %d, part %d of %d", i, e.Sequence, e.Previous, e.Part, e.Parts)
		}
		for _, m := range e.Marks {
			back = append(back, m.Market())
		}
	}
	want, _ := json.Marshal(marks)
	if got, _ := json.Marshal(back); !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := QuotesParts(2, 1, marks, 100); err == nil {
		t.Error("a mark larger than a message is taken")
	}
	if parts, err := QuotesParts(2, 1, nil, 100); err != nil || len(parts) != 1 {
		t.Errorf("an empty batch gives %d parts, %v", len(parts), err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, payload := range []string{``, `{`, `[]`, `{"sequence":1,"previous":2,"part":1,"parts":1}`, `{"sequence":2,"previous":1,"part":2,"parts":1}`,
		`{"sequence":2,"previous":1,"part":1,"parts":1,"marks":[{"instrument_id":"a","price":"0","currency":"EUR","source":"x","observed_at":"2026-01-01T00:00:00Z","market_time":"2026-01-01T00:00:00Z"}]}`,
		`{"sequence":2,"previous":1,"part":1,"parts":1,"marks":[{"instrument_id":"a","price":"1","currency":"EUR","observed_at":"2026-01-01T00:00:00Z","market_time":"2026-01-01T00:00:00Z"}]}`} {
		if _, err := ParseQuotesAccepted([]byte(payload)); err == nil {
			t.Errorf("%s is taken", payload)
		}
	}
	if _, err := ParsePortfolioChanged([]byte(`{"owner_id":""}`)); err == nil {
		t.Error("a hint without ids is taken")
	}
	if _, err := ParseUserRevoked([]byte(`{}`)); err == nil {
		t.Error("a hint without an id is taken")
	}
	if _, err := ParseAlertsChanged([]byte(`{}`)); err == nil {
		t.Error("a hint without an id is taken")
	}
	if _, err := ParseInboxChanged([]byte(`{}`)); err == nil {
		t.Error("a hint without an id is taken")
	}
}

func TestSubjects(t *testing.T) {
	if got := PortfolioChangedSubject("pf_1"); got != "folioscope.v1.portfolio.changed.pf_1" {
		t.Error(got)
	}
	if got := PortfolioChangedSubject("a.b>*\n "); got != "folioscope.v1.portfolio.changed.a_b____" {
		t.Error(got)
	}
	if got := AlertsChangedSubject("u_1"); got != "folioscope.v1.alerts.changed.u_1" {
		t.Error(got)
	}
	if got := InboxChangedSubject("u_1"); got != "folioscope.v1.inbox.changed.u_1" {
		t.Error(got)
	}
	if got := UserRevokedSubject(""); got != "folioscope.v1.user.revoked._" {
		t.Error(got)
	}
}

func BenchmarkDocument(b *testing.B) {
	d := sampleDocument()
	for range 4 {
		d.Holdings = append(d.Holdings, d.Holdings...)
	}
	d.Holdings = d.Holdings[:20]
	dst := d.AppendJSON(nil)
	b.SetBytes(int64(len(dst)))
	for b.Loop() {
		dst = d.AppendJSON(dst[:0])
	}
}

// Times and days read as package time would write them, at any time there is.
func TestTimesAreWrittenAsPackageTimeDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-1e11, 3e11).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		if got, want := string(Time(at).AppendJSON(nil)), `"`+at.UTC().Format(timeLayout)+`"`; !at.IsZero() && got != want {
			t.Errorf("%s, want %s", got, want)
		}
		day := market.DateOf(at.UTC())
		if got, want := string(Day(day).AppendJSON(nil)), `"`+day.Time().Format(time.DateOnly)+`"`; day != market.NoDate && got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
