package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/notify"
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
		"a gain":                        {`"kind":"gain","portfolio_id":"portfolio-ann","unit":"amount","direction":"above","threshold":"100"`, ``, "2026-01-28=100"},
		"a loss in percent":             {`"kind":"gain","portfolio_id":"portfolio-ann","unit":"percent","direction":"below","threshold":"-10"`, ``, "2026-01-14=-10"},
		"a gain in percent":             {`"kind":"gain","portfolio_id":"portfolio-ann","unit":"percent","direction":"above","threshold":"20.9"`, ``, "2026-02-27=21"},
		"an expression":                 {`"kind":"expression","portfolio_id":"portfolio-ann","expression":"holding(\"world-etf\").price > 105.0 && portfolio.gain_percent > 5.0"`, ``, "2026-01-28=1"},
		"an expression of a weight":     {`"kind":"expression","portfolio_id":"portfolio-ann","expression":"holding(\"world-etf\").weight > 0.99"`, ``, "2026-01-05=1"},
		"an expression of a day":        {`"kind":"expression","portfolio_id":"portfolio-ann","expression":"day.change_percent < -9.0 || day.change > 109.0"`, ``, "2026-01-14=1 2026-01-28=1 2026-02-27=1"},
		"an expression of a rate":       {`"kind":"expression","portfolio_id":"portfolio-ann","expression":"rate(\"EUR\", \"USD\") < 1.1 && portfolio.value > 1200.0"`, ``, "2026-02-27=1"},
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

// occurred is what a preview says that happened.
func occurred(p AlertPreview) (all []string) {
	for _, f := range p.Firings {
		all = append(all, f.Date+": "+text(f.Subject))
	}
	return all
}

// What happens is told of what is known: dividends of what was held on that day, once for each, and what happened to oneself.
func TestPreviewOfWhatHappens(t *testing.T) {
	h := newHouse(t)
	furnishPast(h)
	dividend := func(ex, paid, amount string) market.Action {
		return market.Action{Kind: market.ActionDividend, Date: market.MustDate(ex), PayDate: market.MustDate(paid), Amount: *dec(amount), Currency: "EUR", Source: "tests", ObservedAt: houseStart}
	}
	_, _, err := h.store.PutActions(t.Context(), "world-etf", []market.Action{dividend("2025-12-20", "2025-12-22", "9"), dividend("2026-01-20", "2026-02-02", "0.8"), dividend("2026-02-20", "2026-03-30", "0.5")})
	must(t, err)
	must(t, h.store.SetNoticeSettings(t.Context(), "owner-ann", notify.Settings{}, houseStart, audit.Write{
		Audit: audit.Entry{Owner: "owner-ann", Actor: "owner-ann", Action: audit.NoticesSet, RequestID: "r1", Result: "ok"}, Incident: audit.IncidentNewBrowser,
	}))
	for condition, want := range map[string][]string{
		`"kind":"dividend","portfolio_id":"portfolio-ann"`: {
			"2026-01-20: World ETF: 0.8\u00a0EUR a share announced, ex-date 2026-01-20", "2026-02-02: World ETF: 0.8\u00a0EUR a share paid on 2026-02-02",
			"2026-02-20: World ETF: 0.5\u00a0EUR a share announced, ex-date 2026-02-20",
		},
		`"kind":"ex_date","instrument_id":"world-etf","threshold":"5"`: {
			"2025-12-15: World ETF: 9\u00a0EUR a share, ex-date 2025-12-20",
			"2026-01-15: World ETF: 0.8\u00a0EUR a share, ex-date 2026-01-20", "2026-02-15: World ETF: 0.5\u00a0EUR a share, ex-date 2026-02-20",
		},
		`"kind":"sign_in"`:       {market.DateOf(houseStart).String() + ": A sign-in from a browser that wasn't seen before."},
		`"kind":"import_failed"`: nil,
	} {
		got := h.preview(`{"condition":{` + condition + `}}`)
		if !slices.Equal(occurred(got), want) || got.Why == nil || len(got.Series) > 0 {
			t.Errorf("%s: %q, want %q; %s", condition, occurred(got), want, text(got.Why))
		}
	}
}

// What the past can't say is said so; what isn't one's own isn't looked at.
func TestPreviewSaysWhatItCannot(t *testing.T) {
	h := newHouse(t)
	furnishPast(h)
	for _, condition := range []string{
		`"kind":"sign_in"`, `"kind":"import_failed"`, `"kind":"stale","portfolio_id":"portfolio-ann","threshold":"24"`, `"kind":"dividend","portfolio_id":"portfolio-ann"`,
		`"kind":"ex_date","instrument_id":"acme-xnys","threshold":"5"`,
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
	h.server.previewWait = 0
	for _, condition := range []string{`"kind":"gain","portfolio_id":"portfolio-ann","unit":"amount","direction":"above","threshold":"1"`, `"kind":"dividend","portfolio_id":"portfolio-ann"`} {
		if got := h.preview(`{"condition":{` + condition + `}}`); text(got.Why) != whyTooLong || len(got.Firings)+len(got.Series) > 0 {
			t.Errorf("%s, with no time for it: %+v", condition, got)
		}
	}
	h.server.previewing = newRoom(1, 0)
	leave, _ := h.server.previewing.enter(t.Context())
	defer leave()
	h.ask("ann", "POST", "/api/v1/alerts/preview", `{"condition":{"kind":"sign_in"}}`).problem(http.StatusServiceUnavailable, "unavailable")
}
