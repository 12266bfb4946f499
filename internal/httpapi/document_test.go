package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"folioscope/internal/event"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

func TestDocument(t *testing.T) {
	h := newHouse(t)
	path := "/api/v1/portfolios/portfolio-ann"
	h.buy("ann", "3", "100")
	a := h.ask("ann", "GET", path, "").is(http.StatusOK)
	doc := into[PortfolioDocument](a)
	if doc.ID != "portfolio-ann" || doc.Name != "Secret of ann" || doc.BaseCurrency != "EUR" || len(doc.Holdings) != 1 || doc.Holdings[0].Quantity != "3" || doc.Holdings[0].Price.State != "none" || doc.Value != nil {
		t.Fatalf("%s", a.Body)
	}
	tag := a.Header().Get("ETag")
	if again := h.ask("ann", "GET", path, "", header("If-None-Match", "W/"+tag)).is(http.StatusNotModified); again.Body.Len() != 0 || again.Header().Get("ETag") != tag {
		t.Fatalf("%v %s", again.Header(), again.Body)
	}
	h.buy("ann", "2", "110")
	changed := h.ask("ann", "GET", path, "", header("If-None-Match", tag)).is(http.StatusOK)
	now := into[PortfolioDocument](changed)
	if now.Sequence != doc.Sequence+1 || now.Holdings[0].Quantity != "5" {
		t.Fatalf("%s", changed.Body)
	}
	h.ask("ann", "GET", path+"?sequence="+strings.Trim(quotedNumber(now.Sequence), `"`), "").is(http.StatusOK)
	if head := h.ask("ann", "HEAD", path, "").is(http.StatusOK); head.Body.Len() != 0 || head.Header().Get("ETag") == "" {
		t.Fatalf("%v", head.Header())
	}
	late := h.ask("ann", "GET", path+"?sequence="+strings.Trim(quotedNumber(now.Sequence+1), `"`), "")
	late.problem(http.StatusServiceUnavailable, "unavailable")
	if late.Header().Get("Retry-After") == "" || late.Header().Get("ETag") != "" {
		t.Fatalf("%v", late.Header())
	}
}

// Every shape that others write by hand is read by the shape that the description names: no field more, none less.
func TestShapesAreThoseOfTheDescription(t *testing.T) {
	sample, err := os.ReadFile("../event/testdata/portfolio.json")
	must(t, err)
	same[PortfolioDocument](t, sample)
	sample, err = json.Marshal(figures.Output{})
	must(t, err)
	keys[Performance](t, sample)
	sample, err = json.Marshal(event.Delta{Markets: []event.Market{{}}, Rates: []event.Rate{{}}})
	must(t, err)
	keys[PortfolioDelta](t, sample)
	sample, err = json.Marshal(event.Status{})
	must(t, err)
	keys[StreamStatus](t, sample)
}

// timeZeros are the ends of times that may be written or not.
var timeZeros = regexp.MustCompile(`\.(\d*?)0*Z"`)

// same decodes strictly and encodes again: nothing may be lost.
func same[T any](t *testing.T, sample []byte) {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(sample))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%T: %v", v, err)
	}
	again, err := json.Marshal(v)
	must(t, err)
	var before, after any
	must(t, json.Unmarshal(sample, &before))
	must(t, json.Unmarshal(again, &after))
	one, err := json.Marshal(before)
	must(t, err)
	two, err := json.Marshal(after)
	must(t, err)
	short := func(text []byte) []byte {
		return bytes.ReplaceAll(timeZeros.ReplaceAll(text, []byte(`.${1}Z"`)), []byte(`.Z"`), []byte(`Z"`))
	}
	one, two = short(one), short(two)
	if !bytes.Equal(one, two) {
		t.Fatalf("%T:\n%s\n%s", v, one, two)
	}
}

// keys compares the names of fields, at every level that a sample shows.
func keys[T any](t *testing.T, sample []byte) {
	t.Helper()
	var v T
	empty, err := json.Marshal(v)
	must(t, err)
	var want, got map[string]any
	must(t, json.Unmarshal(sample, &want))
	must(t, json.Unmarshal(empty, &got))
	sameKeys(t, "", want, got)
}

func sameKeys(t *testing.T, where string, want, got map[string]any) {
	t.Helper()
	for name, value := range want {
		other, ok := got[name]
		inner, isObject := value.(map[string]any)
		if !ok {
			if list, isList := value.([]any); !isList || len(list) == 0 {
				t.Errorf("%s.%s is not described", where, name)
			}
			continue
		}
		if isObject {
			innerGot, _ := other.(map[string]any)
			sameKeys(t, where+"."+name, inner, innerGot)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s.%s is described but never sent", where, name)
		}
	}
}

func TestFiguresAreServed(t *testing.T) {
	h := newHouse(t)
	must(t, h.store.PutBars(t.Context(), "world-etf", []market.Bar{{Date: market.MustDate("2026-01-05"), Close: *dec("100")}, {Date: market.MustDate("2026-02-02"), Close: *dec("120")}}))
	h.buy("ann", "3", "100")
	path := "/api/v1/portfolios/portfolio-ann"
	performance := into[Performance](h.ask("ann", "GET", path+"/performance", "").is(http.StatusOK))
	if performance.Period.From != "2026-01-05" || performance.Period.To != "2026-03-02" || *performance.Totals.Value != "360" || *performance.Totals.Profit != "60" || !performance.Identity.Holds {
		t.Fatalf("%+v", performance)
	}
	if len(performance.Positions) != 1 || performance.Positions[0].InstrumentID != "world-etf" || performance.Positions[0].Symbol != "WRLD" {
		t.Fatalf("%+v", performance.Positions)
	}
	history := into[History](h.ask("ann", "GET", path+"/history?from=2026-01-31&to=2026-02-02", "").is(http.StatusOK))
	if len(history.Series) != 3 || *history.Series[0].Value != "300" || *history.Series[2].Value != "360" || *history.Series[2].NetPaidIn != "300" || history.From != "2026-01-31" {
		t.Fatalf("%+v", history)
	}
	if none := into[History](h.ask("bob", "GET", "/api/v1/portfolios/portfolio-bob/history", "").is(http.StatusOK)); len(none.Series) != 0 {
		t.Fatalf("%+v", none)
	}
	if all := into[Bars](h.ask("ann", "GET", "/api/v1/instruments/world-etf/bars", "").is(http.StatusOK)); len(all.Bars) != 2 {
		t.Fatalf("without a period: %+v", all)
	}
	bars := into[Bars](h.ask("ann", "GET", "/api/v1/instruments/world-etf/bars?from=2026-01-06", "").is(http.StatusOK))
	if len(bars.Bars) != 1 || bars.Bars[0][0] != "2026-02-02" || bars.Bars[0][1] != "120" {
		t.Fatalf("%+v", bars)
	}
	detail := into[HoldingDetail](h.ask("ann", "GET", path+"/holdings/world-etf", "").is(http.StatusOK))
	if detail.Holding.Quantity != "3" || len(detail.Lots) != 1 || detail.Lots[0].Opened != "2026-01-05" || *detail.Lots[0].CostBase != "300" || detail.Lots[0].AccountName != "Depot" ||
		len(detail.Activities) != 1 || detail.Instrument.Symbol != "WRLD" || *detail.Cost != "300" {
		t.Fatalf("%+v", detail)
	}
	for _, by := range []string{"asset_class", "sector", "country", "currency", "account"} {
		allocation := into[Allocation](h.ask("ann", "GET", path+"/allocation?by="+by, "").is(http.StatusOK))
		if allocation.By != by || len(allocation.Unvalued) != 1 || allocation.Unvalued[0].Symbol != "WRLD" {
			t.Fatalf("%+v", allocation)
		}
	}
}

// A stream begins with a snapshot, and ends when its user signs out.
func TestStreamEndsWithTheSession(t *testing.T) {
	h := newHouseAt(t, time.Now())
	h.buy("ann", "3", "100")
	server := httptest.NewServer(h.server)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/stream?portfolio=portfolio-ann", nil)
	must(t, err)
	r.AddCookie(&http.Cookie{Name: h.server.cookieName(), Value: h.people["ann"].cookie})
	a, err := http.DefaultClient.Do(r)
	must(t, err)
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	lines := bufio.NewScanner(a.Body)
	lines.Buffer(nil, 1<<20)
	snapshot := ""
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && snapshot == "" && strings.Contains(data, `"holdings"`) {
			snapshot = data
			break
		}
	}
	var doc PortfolioDocument
	d := json.NewDecoder(strings.NewReader(snapshot))
	d.DisallowUnknownFields()
	must(t, d.Decode(&doc))
	if doc.Name != "Secret of ann" || doc.Holdings[0].Quantity != "3" {
		t.Fatalf("%s", snapshot)
	}
	ended := make(chan struct{})
	go func() {
		for lines.Scan() {
		}
		close(ended)
	}()
	h.ask("ann", "DELETE", "/api/v1/session", "").is(http.StatusNoContent)
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the stream goes on after its user signed out")
	}
}

func TestStreamsAreBounded(t *testing.T) {
	g := newGauge(2, 3)
	for _, c := range []struct {
		key string
		in  bool
	}{{"a", true}, {"a", true}, {"a", false}, {"b", true}, {"c", false}} {
		if g.enter(c.key) != c.in {
			t.Fatalf("%+v: not two per user and three in all", c)
		}
	}
	g.leave("a")
	if !g.enter("c") || len(g.open) != 3 {
		t.Fatalf("%+v", g.open)
	}
}

// The session may be believed for a moment; the sequence is asked for each time, and a sign-out counts at once.
func TestCachedSessionStillChecksTheSequence(t *testing.T) {
	var h *house
	asked := 0
	h = newHouse(t, func(o *Options) {
		o.SessionCache = sessionCacheMax
		store := o.Store
		o.Sequence = func(ctx context.Context, owner ledger.OwnerID, id ledger.PortfolioID) (int64, error) {
			asked++
			p, err := store.Portfolio(ctx, owner, id)
			return p.Sequence, err
		}
	})
	path := "/api/v1/portfolios/portfolio-ann"
	first := into[PortfolioDocument](h.ask("ann", "GET", path, "").is(http.StatusOK))
	h.buy("ann", "1", "1")
	second := into[PortfolioDocument](h.ask("ann", "GET", path, "").is(http.StatusOK))
	if asked == 0 || second.Sequence != first.Sequence+1 {
		t.Fatalf("asked %d times, %d then %d", asked, first.Sequence, second.Sequence)
	}
	h.ask("ann", "GET", "/api/v1/portfolios/portfolio-bob", "").problem(http.StatusNotFound, "not_found")
	h.ask("ann", "DELETE", "/api/v1/session", "").is(http.StatusNoContent)
	h.ask("ann", "GET", path, "").problem(http.StatusUnauthorized, "unauthenticated")
}

// The file that TypeScript types are made from is the description as it is served.
func TestDescriptionFileIsCurrent(t *testing.T) {
	description, err := Description()
	must(t, err)
	again, err := Description()
	must(t, err)
	if !bytes.Equal(description, again) {
		t.Fatal("not the same bytes twice")
	}
	file, err := os.ReadFile("../../web/openapi.json")
	must(t, err)
	if !bytes.Equal(file, description) {
		t.Error("web/openapi.json is old: go run ./internal/httpapi/openapi > web/openapi.json")
	}
}
