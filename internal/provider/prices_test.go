package provider

import (
	"net/http"
	"strings"
	"testing"
)

// bodies are one right answer of each source about the first name in asked, with a mark in the place of the price.
var bodies = map[string]string{
	Yahoo:       `{"chart":{"result":[{"meta":{"symbol":"AAPL","currency":"USD","regularMarketTime":1795035600,"regularMarketPrice":PRICE}}]}}`,
	ECB:         `<E><Cube time="2026-11-18"><Cube currency="USD" rate="PRICE"/><Cube currency="JPY" rate="180"/></Cube></E>`,
	AMFI:        "Scheme Code;Net Asset Value;Date\n101001;PRICE;18-Nov-2026\n101002;7;18-Nov-2026\n",
	MFAPI:       `{"meta":{"scheme_code":101001},"data":[{"date":"18-11-2026","nav":PRICE}],"status":"SUCCESS"}`,
	CoinGecko:   `{"bitcoin":{"usd":PRICE,"last_updated_at":1795014240}}`,
	Frankfurter: `{"amount":1,"base":"EUR","date":"2026-11-18","rates":{"USD":PRICE,"JPY":180}}`,
	Finnhub:     `{"c":PRICE,"pc":1,"t":1795035600}`,
	Tiingo:      `[{"ticker":"FRST","tngoLast":PRICE,"last":null,"timestamp":"2026-11-18T20:00:00Z","prevClose":1}]`,
	TwelveData:  `{"symbol":"FRST","currency":"USD","close":PRICE,"timestamp":1795035600}`,
	EODHD:       `{"code":"FRST.US","timestamp":1795035600,"close":PRICE,"previousClose":1}`,
	Massive:     `{"status":"OK","resultsCount":2,"results":[{"T":"FRST","c":PRICE,"t":1795035600000},{"T":"TANH","c":1,"t":1795035600000}]}`,
	FRED:        `{"observations":[{"date":"2026-11-18","value":PRICE}]}`,
	AlphaVantage: `{"Global Quote":{"01. symbol":"FRST","05. price":PRICE,"07. latest trading day":"2026-11-18",` +
		`"08. previous close":"1"}}`,
	HTTP: `{"fund":{"values":[{"nav":PRICE,"on":"2026-11-18"}]},"currency":"EUR"}`,
}

// written is a value as a source writes its prices: some in quotes, some not, some without JSON around them.
func written(source, value string) string {
	switch source {
	case MFAPI, TwelveData, AlphaVantage, FRED:
		return strings.Replace(bodies[source], "PRICE", `"`+strings.Trim(value, `"`)+`"`, 1)
	case ECB, AMFI:
		return strings.Replace(bodies[source], "PRICE", strings.Trim(value, `"`), 1)
	}
	return strings.Replace(bodies[source], "PRICE", value, 1)
}

// What is no price is never one, whatever source says it, and says nothing against the other names or the source; what is one comes
// to the digit that its way of writing bears.
func TestPricesThatAreNone(t *testing.T) {
	for _, source := range all {
		quoteOf := func(value string) (string, error) {
			p := open(t, source, options(source, body(http.StatusOK, "application/json", written(source, value))))
			batch, err := p.Latest(t.Context(), asked[source][:1], now)
			if failed := batch.Failed[asked[source][0]]; err == nil && failed != nil {
				err = failed
			}
			if len(batch.Quotes) == 0 {
				return "", err
			}
			return batch.Quotes[0].Price.String(), err
		}
		for _, value := range []string{
			"NaN", `"NaN"`, "Infinity", `"Infinity"`, "-Infinity", `"-inf"`, "1e400", `"1e400"`, "-1e400", "-1", "-0.01", `"-1"`, "0", "-0", "0.000", "0e0", `""`,
			`" "`, "null", `"null"`, `"NA"`, `"N/A"`, `"-"`, "true", "[]", "{}", `"1,5"`, `"1.234,5"`, `"0x10"`, `"1_000"`, `"１２"`, `"12 USD"`, `"$12"`, `"1.2.3"`,
			"1" + strings.Repeat("0", 400),
		} {
			switch got, err := quoteOf(value); {
			case got != "":
				t.Errorf("%s believed %.60s as %.60s", source, value, got)
			case err == nil:
				t.Errorf("%s: nothing said of %.60s", source, value)
			case !OutcomeOf(err).PerSymbol() && OutcomeOf(err) != SchemaDrift:
				t.Errorf("%s, %.60s: %v", source, value, err)
			}
		}
		for value, want := range map[string]string{
			"12.5": "12.5", "0.00000012": "0.00000012", "99999999.99": "99999999.99", "1.5e2": "150", "129.0399932861328": "129.04",
			"12.34567890123456789012": "12.3456789012346",
		} {
			switch source {
			case MFAPI, FRED, ECB, AMFI:
				if len(value) > floatDigitsMax {
					want = value // a text means every digit
				}
			case TwelveData, AlphaVantage:
				if len(value) > floatDigitsMax+2 {
					want = value // but one that is how a float of 32 bits prints means that float
				}
			}
			got, err := quoteOf(value)
			if err != nil || got != want {
				t.Errorf("%s: %s came as %q, want %s (%v)", source, value, got, want, err)
			}
		}
	}
}

// An answer about another name, or about the right one among strangers, is taken for what it is.
func TestAnswersAboutSomebodyElse(t *testing.T) {
	for source, names := range map[string][2]string{
		Yahoo: {`"AAPL"`, `"MSFT"`}, ECB: {`"USD"`, `"CHF"`}, AMFI: {"101001", "101009"}, MFAPI: {"101001", "101009"}, CoinGecko: {`"bitcoin"`, `"bitcoin-cash"`},
		Frankfurter: {`"USD"`, `"CHF"`}, Tiingo: {`"FRST"`, `"SCND"`}, TwelveData: {`"FRST"`, `"SCND"`}, EODHD: {"FRST.US", "SCND.US"},
		Massive: {`"FRST"`, `"SCND"`}, AlphaVantage: {`"FRST"`, `"SCND"`},
	} {
		text := strings.Replace(written(source, "12.5"), names[0], names[1], 1)
		if text == written(source, "12.5") {
			t.Fatalf("%s: no %s in its answer", source, names[0])
		}
		p := open(t, source, options(source, body(http.StatusOK, "application/json", text)))
		batch, err := p.Latest(t.Context(), asked[source][:1], now)
		if failed := batch.Failed[asked[source][0]]; err == nil && failed != nil {
			err = failed
		}
		if len(batch.Quotes) > 0 || OutcomeOf(err) != UnknownSymbol && OutcomeOf(err) != SchemaDrift && OutcomeOf(err) != Empty {
			t.Errorf("%s: %v, %v", source, lines(batch), err)
		}
	}
}
