package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

func (h *house) preview(body string) AlertPreview {
	h.t.Helper()
	return into[AlertPreview](h.ask("ann", "POST", "/api/v1/alerts/preview", body).is(http.StatusOK))
}

// shown is a preview as text: the days on which it fires and, in parentheses, is held back.
func shown(p AlertPreview) string {
	var days []string
	for _, f := range p.Firings {
		day := f.Date + "=" + text(f.Value)
		if !f.Told {
			day = "(" + day + ")"
		}
		days = append(days, day)
	}
	return strings.Join(days, " ")
}

// The closes of the fund: 100 on 5 January, 90 on the 14th, 110 on the 28th, 121 on 27 February; ann bought ten at 100.
func TestPreviewFromHistory(t *testing.T) {
	h := newHouse(t)
	furnishPast(h)
	for name, c := range map[string]struct{ condition, more, firings string }{
		"a price":                       {`"kind":"price","instrument_id":"world-etf","direction":"above","threshold":"100"`, ``, "2026-01-05=100 2026-01-28=110"},
		"a price, armed further down":   {`"kind":"price","instrument_id":"world-etf","direction":"above","threshold":"100","rearm":"85"`, ``, "2026-01-05=100"},
		"a price, once":                 {`"kind":"price","instrument_id":"world-etf","direction":"above","threshold":"100"`, `,"repeat":"once"`, "2026-01-05=100"},
		"a price, at most once a month": {`"kind":"price","instrument_id":"world-etf","direction":"above","threshold":"100"`, `,"cooldown_minutes":43200`, "2026-01-05=100 (2026-01-28=110)"},
		"a price crossing":              {`"kind":"price","instrument_id":"world-etf","direction":"crossing","threshold":"100"`, ``, "2026-01-14=90 2026-01-28=110"},
		"a fall since the close before": {`"kind":"change","instrument_id":"world-etf","direction":"below","threshold":"-5","days":1`, ``, "2026-01-14=-10"},
		"a rise over 30 days":           {`"kind":"change","instrument_id":"world-etf","direction":"above","threshold":"9","days":30`, ``, "2026-02-27=10"},
		"off the high":                  {`"kind":"off_high","instrument_id":"world-etf","direction":"above","threshold":"10","days":30`, ``, "2026-01-14=10"},
		"a rate":                        {`"kind":"rate","base":"USD","quote":"EUR","direction":"above","threshold":"0.9"`, ``, "2026-02-27=1"},
		"a rate the other way":          {`"kind":"rate","base":"EUR","quote":"USD","direction":"below","threshold":"1.1"`, ``, "2026-02-27=1"},
		"a value":                       {`"kind":"value","portfolio_id":"portfolio-ann","direction":"above","threshold":"1100"`, ``, "2026-01-28=1100"},
		"a change of the portfolio":     {`"kind":"portfolio_change","portfolio_id":"portfolio-ann","direction":"below","threshold":"-9","days":1`, ``, "2026-01-14=-10"},
		"a drawdown":                    {`"kind":"drawdown","portfolio_id":"portfolio-ann","direction":"above","threshold":"5","days":90`, ``, "2026-01-14=10"},
		"a weight":                      {`"kind":"weight","portfolio_id":"portfolio-ann","instrument_id":"world-etf","direction":"above","threshold":"99.9"`, ``, "2026-01-05=100"},
		"a drift":                       {`"kind":"drift","portfolio_id":"portfolio-ann","group":{"by":"asset_class","name":"etf"},"target":"99","direction":"above","threshold":"1"`, ``, "2026-01-05=1"},
	} {
		got := h.preview(`{"condition":{` + c.condition + `}` + c.more + `}`)
		if got.Days != 90 || shown(got) != c.firings || len(got.Series) < 2 {
			t.Errorf("%s: fires on %s, want %s; %d values, %s", name, shown(got), c.firings, len(got.Series), text(got.Why))
		}
	}
	if got := h.preview(acmeAbove + `,"days":30}`); len(got.Firings) != 0 || got.Why == nil || got.Days != 30 {
		t.Errorf("without any history: %+v", got)
	}
	short := h.preview(`{"condition":{"kind":"price","instrument_id":"world-etf","direction":"above","threshold":"100"},"days":30}`)
	if shown(short) != "2026-02-27=121" || len(short.Series) != 1 || short.Unit != "EUR" {
		t.Errorf("%+v", short)
	}
	if all := into[Alerts](h.ask("ann", "GET", "/api/v1/alerts", "").is(http.StatusOK)); len(all.Items) != 0 {
		t.Errorf("a preview was kept: %+v", all)
	}
}

// A split is no crossing: closes are looked at in today's units, as the threshold is.
func TestPreviewKnowsSplits(t *testing.T) {
	h := newHouse(t)
	furnishPast(h)
	_, _, err := h.store.PutActions(t.Context(), "world-etf", []market.Action{
		{Kind: market.ActionSplit, Date: market.MustDate("2026-02-01"), PayDate: market.NoDate, New: *dec("2"), Old: money.One, Source: "tests", ObservedAt: houseStart},
	})
	must(t, err)
	got := h.preview(`{"condition":{"kind":"price","instrument_id":"world-etf","direction":"above","threshold":"100"}}`)
	if shown(got) != "2026-02-27=121" || text(got.Series[0].Value) != "50" {
		t.Errorf("%+v", got)
	}
}

// What the past can't say is said so; what isn't one's own isn't looked at.
func TestPreviewSaysWhatItCannot(t *testing.T) {
	h := newHouse(t)
	furnishPast(h)
	for _, condition := range []string{
		`"kind":"sign_in"`, `"kind":"import_failed"`, `"kind":"stale","portfolio_id":"portfolio-ann","threshold":"24"`, `"kind":"dividend","portfolio_id":"portfolio-ann"`,
		`"kind":"gain","portfolio_id":"portfolio-ann","unit":"percent","direction":"above","threshold":"10"`,
	} {
		if got := h.preview(`{"condition":{` + condition + `}}`); got.Why == nil || len(got.Firings)+len(got.Series) > 0 {
			t.Errorf("%s: %+v", condition, got)
		}
	}
	for _, refused := range []string{
		`{"condition":{"kind":"value","portfolio_id":"portfolio-bob","direction":"above","threshold":"1"}}`,
		`{"condition":{"kind":"price","instrument_id":"world-etf","direction":"above","threshold":"1"},"days":2000}`,
		`{"condition":{"kind":"price","instrument_id":"world-etf","direction":"above","threshold":"NaN"}}`,
	} {
		h.ask("ann", "POST", "/api/v1/alerts/preview", refused).problem(http.StatusUnprocessableEntity, "invalid")
	}
	h.server.previewing = newRoom(1, 0)
	leave, _ := h.server.previewing.enter(t.Context())
	defer leave()
	h.ask("ann", "POST", "/api/v1/alerts/preview", `{"condition":{"kind":"sign_in"}}`).problem(http.StatusServiceUnavailable, "unavailable")
}
