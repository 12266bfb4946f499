package figures

import (
	"testing"

	"folioscope/internal/market"
)

func TestDateOfIsThatOfMarket(t *testing.T) {
	for on := market.NewDate(1899, 12, 1); on <= market.NewDate(2200, 1, 31); on++ {
		text := on.String()
		got, err := dateOf(text)
		want, wantErr := market.ParseDate(text)
		if got != want || (err == nil) != (wantErr == nil) {
			t.Fatalf("%s is %s, %v; want %s, %v", text, got, err, want, wantErr)
		}
	}
	for _, text := range []string{"", "2026-02-30", "2026-13-01", "2026-00-10", "2026-01-00", "2026-1-01", "2026/01/01", "x026-01-01", "2026-01-0é", "20260-01-01"} {
		if got, err := dateOf(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}

// Places are those of the file, however deep.
func TestRefusalsNameTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                                            "case: not an object",
		`{"base_currency":"EUR"`:                        "case: not JSON: unexpected end of JSON input",
		`{"base_currency":"EUR"}}`:                      "case: not JSON: invalid character '}' after top-level value",
		`{"base_currency":"EUR","zz":1,"aa":2}`:         "aa: no such field",
		`{"base_currency":"EUR",": ":2}`:                `": ": no such field`,
		`{"base_currency":"EUR","base_currency":"eur"}`: "base_currency: was given twice",
		`{"base_currency":"EUR","prices":{"ABC":{"currency":"EUR","closes":{"2026-01-02":"1","2026-01-05":"2","2026-01-02":"3"}}}}`: "prices.ABC.closes.2026-01-02: was given twice",
		`{"base_currency":"EUR","prices":{"ABC":{"currency":"EUR","closes":{}},"ABC":{"currency":"USD","closes":{}}}}`:              "prices.ABC: was given twice",
		`{"base_currency":"EUR","activities":[{"type":"fee","date":"2026-01-02","amount":"1","date":"2026-01-03"}]}`:                "activities[0].date: was given twice",
		`{"base_currency":"EUR","to":"2026-01-02"}`: "from: is missing, and no activity says when to begin",
		`{"base_currency":"EUR","activities":[{"type":"buy","date":"2026-01-02","lots":[{"id":"a","quantity":"1"},{"id":"b","quantity":"x"}]}]}`: `activities[0].lots[1].quantity: not a number: "x"`,
		`{"base_currency":"EUR","activities":[{"type":"fee","date":"2026-01-02","amount":"1"},{"type":"fee","date":"2026-01-02"}]}`:              `activities[1].amount: fee needs an amount`,
		`{"base_currency":"EUR","activities":[{"type":"fee","date":"2026-01-02","amount":1}]}`:                                                   `activities[0].amount: not a number in a text, such as "12.50": 1`,
		`{"base_currency":"EUR","activities":[{"type":"fee"` + "\x00" + `}]}`:                                                                    `case: not JSON: invalid character '\x00' after object key:value pair`,
		`{"base_currency":"EUR","activities":{}}`:                                                                                                "activities: not a list: {}",
		`{"base_currency":"EUR","activities":null}`:                                                                                              "activities: not a list: null",
		`{"base_currency":"EUR","prices":{"ABC":{"currency":"EUR","closes":{"2026-01-02":"-1"}}}}`:                                               "prices.ABC.closes.2026-01-02: must not be less than 0: -1",
		`{"base_currency":"EUR","fx":{"USD":{"2026-01-02":"0"}}}`:                                                                                "fx.USD.2026-01-02: a rate must be more than 0",
	} {
		_, err := ReadInput([]byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
