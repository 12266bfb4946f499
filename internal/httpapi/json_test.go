package httpapi

import (
	"net/http"
	"strings"
	"testing"
)

func TestNamedOnce(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`:                                   true,
		`1`:                                    true,
		`{"a":"a","b":"a"}`:                    true,
		`{"a":{"a":[{"a":1},{"a":2}]},"b":[]}`: true,
		`[{"a":1},{"a":1},["a","a"]]`:          true,
		`{"a":1,"a":1}`:                        false,
		`{"a":{},"A":{}}`:                      false,
		`{"a":["b",{"c":1}],"b":1,"a":null}`:   false,
		`{"a":{"b":[1,{"c":1,"c":2}]}}`:        false,
		`{"status":1,"ſtatus":1}`:              false, // the long s folds to s
		`{"k":1,"K":1}`:                        false, // the Kelvin sign to k
		`{"\u0061":1,"a":2}`:                   false,
	} {
		if got := namedOnce([]byte(text)) == nil; got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

func TestWholeCharacters(t *testing.T) {
	for text, want := range map[string]bool{
		`{"a":"ä 😀"}`:              true,
		`"\u00e4 \ud83d\ude00"`:    true,
		`"\\ud83d"`:                true, // a backslash and letters
		`"\\\ud83d\ude00\n\\"`:     true,
		`"\ud83d"`:                 false,
		`"\ude00\ud83d"`:           false,
		`"\ud83d\u0041"`:           false,
		`"\\\ud83d"`:               false,
		`"\ud83d\ude00\ude00"`:     false,
		"\"a\xff\"":                false,
		"\"\xed\xa0\x80\"":         false, // a surrogate as UTF-8 would have it
		`{"a":[1,"\ud800"],"b":1}`: false,
	} {
		if got := wholeCharacters([]byte(text)); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

// What the validator checks is what is stored: neither another spelling of a field nor a second one gets past it.
func TestNoFieldGetsPastTheValidator(t *testing.T) {
	h := newHouse(t)
	for route, bodies := range map[string][]string{
		"PATCH /api/v1/portfolios/portfolio-ann": {`{"lot_method":"fifo","LOT_METHOD":"garbage"}`, `{"lot_method":"garbage","lot_method":"fifo"}`},
		"POST /api/v1/instruments":               {`{"symbol":"X","name":"x","currency":"EUR","asset_class":"stock","Asset_Class":"fx"}`},
		"POST /api/v1/portfolios/portfolio-ann/activities": {
			`{"activities":[{"date":"2026-01-05","type":"deposit","amount":"1","note":"ghost"}],"activities":[{"date":"2026-01-05","type":"deposit","amount":"1"}]}`,
			`{"activities":[{"date":"2026-01-05","type":"deposit","amount":"1","AMOUNT":"2"}]}`,
		},
	} {
		method, path, _ := strings.Cut(route, " ")
		for _, body := range bodies {
			a := h.ask("ann", method, path, body, once("doubled"))
			if a.Code != http.StatusBadRequest || !strings.Contains(a.Body.String(), "field is named twice") {
				t.Errorf("%s %s: %d %s", route, body, a.Code, a.Body)
			}
		}
	}
}
