package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"folioscope/internal/event"
	"folioscope/internal/ingest"
	"folioscope/internal/market"
	"folioscope/internal/provider"
)

func (h *house) data(name string) PortfolioData {
	h.t.Helper()
	return into[PortfolioData](h.ask(name, "GET", "/api/v1/portfolios/"+h.people[name].portfolio+"/data", "").is(http.StatusOK))
}

// until asks again until the hub has taken in what was accepted.
func (h *house) dataUntil(name, symbol string, want market.State) DataItem {
	h.t.Helper()
	var last DataItem
	for range 100 {
		for _, item := range h.data(name).Items {
			if item.Symbol == symbol {
				last = item
			}
		}
		if last.State == string(want) {
			return last
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatalf("%s is %+v, want %s", symbol, last, want)
	return last
}

// What a person sees while the first source of the chain dies, from the first price on.
func TestAPersonSeesWhereEachPriceComesFrom(t *testing.T) {
	h, prices, first, second := withSources(t)
	h.hold("ann", "both")
	h.hold("ann", "world-etf")
	must(t, h.store.PutBars(t.Context(), "both", []market.Bar{{Date: market.MustDate("2026-01-05"), Close: *dec("90")}, {Date: market.MustDate("2026-02-27"), Close: *dec("99")}}))
	data := h.data("ann")
	if len(data.Items) != 2 || data.Attention != 2 || data.Items[0].State != "none" {
		t.Fatalf("%+v", data)
	}
	for _, item := range data.Items {
		want := map[string]string{"BOTH": "wait_first_price", "WRLD": "name_at_source"}[item.Symbol]
		// Nobody has looked for either's past yet, but that of one is there.
		if item.ToDo == nil || item.ToDo.Code != want || item.Missing[0].What != "price" || item.History == nil || (len(item.Missing) == 2) != (item.Symbol == "WRLD") {
			t.Errorf("%s: %+v", item.Symbol, item)
		}
	}
	must(t, prices.Poll(t.Context(), ingest.ChainStock))
	h.clock.advance(6 * time.Second) // what is shared of the polls is read again
	item := h.dataUntil("ann", "BOTH", market.StateLive)
	if *item.Source != "finnhub" || *item.FirstSource != "finnhub" || *item.Price != "100" || item.ToDo != nil || item.MarketOpen == nil || !item.Refreshable || item.RefreshAt == nil {
		t.Errorf("%+v", item)
	}
	if data = h.data("ann"); data.Items[0].Symbol != "WRLD" {
		t.Errorf("the worst comes first: %+v", data.Items)
	}
	first.becomes(provider.Blocked)
	h.clock.advance(10 * time.Minute)
	must(t, prices.Poll(t.Context(), ingest.ChainStock))
	item = h.dataUntil("ann", "BOTH", market.StateFallback)
	if *item.Source != "tiingo" || *item.FirstSource != "finnhub" || item.Sources[0].State != "left_alone" || item.Sources[0].Until == nil || item.Sources[1].State != "asked" {
		t.Errorf("%+v", item)
	}
	if item.Missing[0].Text != "Finnhub doesn't answer, so another source's price is used." || item.ToDo != nil || item.RefreshAt == nil {
		t.Errorf("%+v", item)
	}
	second.mutex.Lock()
	second.price = "900"
	second.mutex.Unlock()
	h.clock.advance(10 * time.Minute)
	must(t, prices.Poll(t.Context(), ingest.ChainStock))
	item = h.dataUntil("ann", "BOTH", market.StateQuarantined)
	if item.HeldBack == nil || item.HeldBack.Price != "900" || *item.Price != "100.5" || item.ToDo.Code != "decide_price" {
		t.Errorf("%+v", item)
	}
	h.ask("bob", "GET", "/api/v1/portfolios/"+h.people["ann"].portfolio+"/data", "").problem(http.StatusNotFound, "not_found")
	h.ask("", "GET", "/api/v1/portfolios/"+h.people["ann"].portfolio+"/data", "").problem(http.StatusUnauthorized, "unauthenticated")
}

func TestTheOneThingToDo(t *testing.T) {
	now := time.Date(2026, 3, 2, 14, 30, 0, 0, time.UTC)
	usual := ingest.SourceView{Name: "yahoo", Named: true}
	away := ingest.SourceView{Name: "yahoo", Named: true, Away: true, Until: now.Add(time.Hour)}
	spent := ingest.SourceView{Name: "tiingo", Named: true, Away: true, Spent: true, Until: now.Add(time.Minute)}
	unknown := ingest.SourceView{Name: "yahoo", Named: true, Refused: ingest.UnknownSymbol}
	uncovered := ingest.SourceView{Name: "tiingo", Named: true, Refused: ingest.NotEntitled}
	unnamed := ingest.SourceView{Name: "yahoo"}
	open := market.Session{Open: true}
	shut := market.Session{LastClose: now.Add(-3 * time.Hour), Until: now.Add(time.Hour)}
	history := func(state ingest.BackfillState) *HistoryProgress {
		return &HistoryProgress{State: string(state), Share: "0.5"}
	}
	for name, test := range map[string]struct {
		facts   dataFacts
		missing string
		code    string
		text    string
	}{
		"fresh":              {dataFacts{state: market.StateLive, outlook: ingest.Outlook{Sources: []ingest.SourceView{usual}}}, "", "", ""},
		"own, never valued":  {dataFacts{own: true, state: market.StateNone}, "price", "enter_price", "Enter what it is worth."},
		"own":                {dataFacts{own: true, state: market.StateManual}, "", "", ""},
		"nobody asked":       {dataFacts{state: market.StateNone}, "price", "switch_on_source", "or enter a price by hand."},
		"no name":            {dataFacts{state: market.StateNone, outlook: ingest.Outlook{Sources: []ingest.SourceView{unnamed}}}, "price", "name_at_source", "by hand."},
		"unknown":            {dataFacts{state: market.StateStale, outlook: ingest.Outlook{Sources: []ingest.SourceView{unknown, uncovered, unnamed}}}, "fresh_price", "check_name", "correct the name"},
		"not covered":        {dataFacts{state: market.StateNone, outlook: ingest.Outlook{Sources: []ingest.SourceView{uncovered}}}, "price", "not_covered", "keys"},
		"all away":           {dataFacts{state: market.StateStale, outlook: ingest.Outlook{Sources: []ingest.SourceView{away, spent, unknown}}}, "fresh_price", "wait_source", "Wait: Tiingo was asked as often as it allows"},
		"one away":           {dataFacts{state: market.StateStale, outlook: ingest.Outlook{Sources: []ingest.SourceView{away}}}, "fresh_price", "wait_source", "Wait: Yahoo doesn't answer"},
		"new":                {dataFacts{state: market.StateNone, outlook: ingest.Outlook{Sources: []ingest.SourceView{usual}}}, "price", "wait_first_price", "Wait a minute"},
		"stale, open":        {dataFacts{state: market.StateStale, outlook: ingest.Outlook{Sources: []ingest.SourceView{usual, away}, Tried: now, Session: open}}, "fresh_price", "refresh", "Ask for it now."},
		"stale, shut":        {dataFacts{state: market.StateStale, outlook: ingest.Outlook{Sources: []ingest.SourceView{usual}, Tried: now, Session: shut}}, "fresh_price", "wait_market", "opens"},
		"stale, not asked":   {dataFacts{state: market.StateStale, outlook: ingest.Outlook{Sources: []ingest.SourceView{usual}, Tried: now.Add(-4 * time.Hour), Session: shut}}, "fresh_price", "refresh", ""},
		"held":               {dataFacts{state: market.StateQuarantined}, "decision", "decide_price", "administrator"},
		"rate":               {dataFacts{rate: true, state: market.StateNone}, "rate", "switch_on_source", "switch one on."},
		"fallback, spent":    {dataFacts{state: market.StateFallback, outlook: ingest.Outlook{First: "tiingo", Sources: []ingest.SourceView{spent, usual}}}, "first_source", "", ""},
		"fallback, unknown":  {dataFacts{state: market.StateFallback, outlook: ingest.Outlook{First: "yahoo", Sources: []ingest.SourceView{unknown}}}, "first_source", "", ""},
		"history comes":      {dataFacts{state: market.StateLive, history: history(ingest.BackfillRunning)}, "history", "wait_history", "come by themselves"},
		"history failed":     {dataFacts{state: market.StateClosed, history: history(ingest.BackfillFailed)}, "history", "wait_history", ""},
		"no history":         {dataFacts{state: market.StateLive, history: history(ingest.BackfillNone)}, "history", "add_history", "by hand"},
		"history done":       {dataFacts{state: market.StateLive, history: history(ingest.BackfillDone)}, "", "", ""},
		"no price, no past":  {dataFacts{state: market.StateNone, history: history(ingest.BackfillNone)}, "price history", "switch_on_source", ""},
		"price without rate": {dataFacts{state: market.StateLive, holding: &event.Holding{}}, "rate", "", ""},
	} {
		test.facts.now = now
		item := test.facts.item()
		var missing []string
		for _, m := range item.Missing {
			missing = append(missing, m.What)
			if m.Text == "" {
				t.Errorf("%s: %s without words", name, m.What)
			}
		}
		code, text := "", ""
		if item.ToDo != nil {
			code, text = item.ToDo.Code, item.ToDo.Text
		}
		if strings.Join(missing, " ") != test.missing || code != test.code || !strings.Contains(text, test.text) {
			t.Errorf("%s: missing %v, to do %s %q", name, missing, code, text)
		}
	}
}

// Of a history only the part is told that the portfolio needs: how far others asked back is theirs.
func TestHistoryIsToldFromOnesOwnFirstDay(t *testing.T) {
	first, today := market.MustDate("2025-06-10"), market.MustDate("2026-03-02")
	for name, test := range map[string]struct {
		state          ingest.BackfillState
		from, until    market.Date
		share, wantOne string
		complete       bool
	}{
		"nothing yet":     {ingest.BackfillWaiting, market.NoDate, market.NoDate, "0", "", false},
		"others' alone":   {ingest.BackfillRunning, market.MustDate("2010-01-04"), market.MustDate("2015-01-05"), "0", "", false},
		"half":            {ingest.BackfillRunning, market.MustDate("2010-01-04"), first + 132, "0.4981", "2025-06-10", false},
		"all, still runs": {ingest.BackfillRunning, market.MustDate("2010-01-04"), today - 3, "1", "2025-06-10", true},
		"a late listing":  {ingest.BackfillDone, market.MustDate("2025-09-01"), today - 1, "1", "2025-09-01", true},
		"failed":          {ingest.BackfillFailed, market.MustDate("2025-12-01"), today - 1, "0.3434", "2025-12-01", false},
	} {
		p := progressOf(ingest.HistoryState{WantedFrom: market.MustDate("2010-01-01"), State: test.state, From: test.from, Until: test.until}, first, today)
		from := ""
		if p.From != nil {
			from = *p.From
		}
		if p.Share != test.share || from != test.wantOne || p.complete() != test.complete || p.Wanted != "2025-06-10" {
			t.Errorf("%s: %+v from %s, complete %v", name, p, from, p.complete())
		}
	}
	if p := progressOf(ingest.HistoryState{}, today, today); p != nil {
		t.Errorf("bought today: %+v", p)
	}
}
