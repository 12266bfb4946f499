package httpapi

import (
	"net/http"
	"testing"
)

func TestPreviewShowsAMessageAsItsReaderGetsIt(t *testing.T) {
	h := newHouse(t)
	set := func(hide string) {
		h.ask("ann", "PUT", "/api/v1/notifications/settings", `{"zone":"Europe/Berlin","locale":"de","hide_amounts":`+hide+`,"quiet_from":"00:00","quiet_to":"00:00","digest":"off","digest_at":"07:30"}`).is(http.StatusOK)
	}
	const (
		value  = `{"condition":{"kind":"value","portfolio_id":"portfolio-ann","direction":"above","threshold":"1234.5"}}`
		named  = `{"name":"Rich","condition":{"kind":"value","portfolio_id":"portfolio-ann","direction":"above","threshold":"1234.5"}}`
		price  = `{"condition":{"kind":"price","instrument_id":"acme-xetr","direction":"above","threshold":"1250.00"}}`
		exDate = `{"condition":{"kind":"ex_date","instrument_id":"acme-xetr","threshold":"3"}}`
		signIn = `{"condition":{"kind":"sign_in"}}`
		at     = "02.03.2026, 15:30 CET"
	)
	set("false")
	for body, want := range map[string]AlertMessage{
		value:  {"Value of Secret of ann above 1.234,5\u00a0EUR", "Now 1.234,5\u00a0EUR\n" + at},
		named:  {"Rich", "Value of Secret of ann above 1.234,5\u00a0EUR\nNow 1.234,5\u00a0EUR\n" + at},
		price:  {"Price of Acme AG above 1.250,00\u00a0EUR", "Now 1.250,00\u00a0EUR\n" + at},
		exDate: {"Ex-date of Acme AG within 3 days", at},
		signIn: {"An unusual sign-in", at},
	} {
		if got := h.preview(body).Message; got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
	set("true")
	for body, want := range map[string]AlertMessage{
		value: {"One of your rules fired", at},
		named: {"Rich", at},
		price: {"Price of Acme AG above 1.250,00\u00a0EUR", "Now 1.250,00\u00a0EUR\n" + at},
	} {
		if got := h.preview(body).Message; got != want {
			t.Errorf("%s, amounts hidden: %q", body, got)
		}
	}
}
