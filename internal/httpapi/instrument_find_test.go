package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/ingest"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// scriptedFinder answers every search with the same.
type scriptedFinder struct {
	found      ingest.Found
	currencies map[string]money.Currency
	err        error
}

func (f *scriptedFinder) Find(context.Context, string) (ingest.Found, error) { return f.found, f.err }

func (f *scriptedFinder) CurrencyOf(_ context.Context, i market.Instrument) money.Currency {
	return f.currencies[i.Symbol]
}

var (
	newco   = market.Instrument{Symbol: "NEWC", MIC: "XLON", ISIN: "GB0002634946", Name: "Newco plc", Currency: "GBP", Class: market.Stock, Names: map[string]string{"eodhd": "NEWC.X"}}
	nowhere = market.Instrument{Symbol: "NOCU", Name: "Nobody's currency", Class: market.Stock}
	asked   = market.Instrument{Symbol: "ASKD", MIC: "XPAR", Name: "Asked for SA", Class: market.Stock}
)

func newFinder() *scriptedFinder {
	return &scriptedFinder{currencies: map[string]money.Currency{"ASKD": "EUR"}, found: ingest.Found{Silent: []string{"finnhub"}, Candidates: []ingest.Candidate{
		{Instrument: houseInstruments[0], Company: "Acme AG", Sources: []string{"yahoo"}, Aliases: []market.Alias{{Scheme: market.FormerSymbol, Value: "OLD", Former: true, Until: 19000}}},
		{Instrument: newco, Company: "Newco plc", Market: "London", Sources: []string{"eodhd"}},
		{Instrument: nowhere, Company: "Nobody's currency", Sources: []string{"finnhub"}},
		{Instrument: asked, Company: "Asked for SA", Sources: []string{"openfigi"}},
	}}}
}

func TestSearchAndChooseAnInstrument(t *testing.T) {
	finder := newFinder()
	h := newHouse(t, func(o *Options) { o.Finder = finder })
	found := into[FoundInstruments](h.ask("ann", "GET", "/api/v1/instruments/search?q=newco", "").is(http.StatusOK))
	if len(found.Items) != 4 || !slices.Equal(found.Silent, []string{"finnhub"}) {
		t.Fatalf("%+v", found)
	}
	acme, candidate := found.Items[0], found.Items[1]
	if acme.Instrument == nil || acme.Candidate != nil || len(acme.Former) != 1 || *acme.Former[0].Until != market.Date(19000).String() {
		t.Errorf("known: %+v", acme)
	}
	if candidate.Instrument != nil || candidate.Candidate == nil || *candidate.Market != "London" || *candidate.Currency != "GBP" || found.Items[2].Currency != nil {
		t.Errorf("candidate: %+v", candidate)
	}
	choose := func(name, candidate, more, key string) *reply {
		return h.ask(name, "POST", "/api/v1/instruments/candidates", `{"candidate":"`+candidate+`"`+more+`}`, once(key))
	}
	created := into[Instrument](choose("ann", *candidate.Candidate, "", "k1").is(http.StatusCreated))
	stored, err := h.store.Instrument(t.Context(), market.InstrumentID(created.ID))
	if err != nil || stored.Symbol != "NEWC" || stored.Names["eodhd"] != "NEWC.X" || stored.ISIN != newco.ISIN {
		t.Fatalf("%+v, %v", stored, err)
	}
	if again := into[Instrument](choose("ann", *candidate.Candidate, "", "k1").is(http.StatusCreated)); again.ID != created.ID {
		t.Error("the same key made another")
	}
	// Bob found it before Ann had added it: what is here is what he meant.
	if bobs := into[Instrument](choose("bob", *candidate.Candidate, "", "k1").is(http.StatusOK)); bobs.ID != created.ID {
		t.Errorf("two of one: %s and %s", created.ID, bobs.ID)
	}
	rows, err := h.store.Audits(t.Context(), "", 0, 100)
	if err != nil || len(rows) != 1 || rows[0].Action != audit.InstrumentCreated || rows[0].Actor != ledger.OwnerID("owner-ann") {
		t.Errorf("audit rows: %+v, %v", rows, err)
	}

	p := choose("ann", *found.Items[2].Candidate, "", "k2").problem(http.StatusUnprocessableEntity, "invalid")
	if !strings.Contains(fmt.Sprint(p.Errors), "currency") {
		t.Errorf("no word of the currency: %+v", p)
	}
	if got := into[Instrument](choose("ann", *found.Items[2].Candidate, `,"currency":"SEK"`, "k3").is(http.StatusCreated)); got.Currency != "SEK" {
		t.Errorf("%+v", got)
	}
	if got := into[Instrument](choose("ann", *found.Items[3].Candidate, `,"currency":"SEK"`, "k4").is(http.StatusCreated)); got.Currency != "EUR" {
		t.Errorf("the person's word went before the source's: %+v", got)
	}
	choose("audrey", *candidate.Candidate, "", "k5").problem(http.StatusForbidden, "denied")
}

// A candidate is ours or it is none: nobody changes one, makes one up or keeps one for long.
func TestCandidatesCannotBeMade(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Finder = newFinder() })
	found := into[FoundInstruments](h.ask("ann", "GET", "/api/v1/instruments/search?q=newco", "").is(http.StatusOK))
	good := *found.Items[1].Candidate
	raw, err := base64.RawURLEncoding.DecodeString(good)
	must(t, err)
	changed := strings.Replace(string(raw), "NEWC", "EVIL", 1)
	forged := append(make([]byte, vouchBytes), raw[vouchBytes:]...)
	for n, candidate := range []string{base64.RawURLEncoding.EncodeToString([]byte(changed)), base64.RawURLEncoding.EncodeToString(forged), "x", good + "A", good[:20], "ä"} {
		body, _ := json.Marshal(map[string]string{"candidate": candidate})
		h.ask("ann", "POST", "/api/v1/instruments/candidates", string(body), once(fmt.Sprint("k", n))).problem(http.StatusUnprocessableEntity, "invalid")
	}
	h.clock.advance(candidateKept + 2e9)
	h.ask("ann", "POST", "/api/v1/instruments/candidates", `{"candidate":"`+good+`"}`, once("late")).problem(http.StatusUnprocessableEntity, "invalid")
}

// Ten people who choose the same at once get one instrument.
func TestCandidatesAreAddedOnce(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Finder = newFinder() })
	found := into[FoundInstruments](h.ask("ann", "GET", "/api/v1/instruments/search?q=newco", "").is(http.StatusOK))
	var group sync.WaitGroup
	ids := make([]string, 10)
	for n := range ids {
		group.Go(func() {
			a := h.ask([]string{"ann", "bob", "advia", "root"}[n%4], "POST", "/api/v1/instruments/candidates", `{"candidate":"`+*found.Items[1].Candidate+`"}`, once(fmt.Sprint("k", n)))
			var i Instrument
			if err := json.Unmarshal(a.Body.Bytes(), &i); err != nil || a.Code != http.StatusCreated && a.Code != http.StatusOK {
				t.Errorf("%d %s", a.Code, a.Body)
			}
			ids[n] = i.ID
		})
	}
	group.Wait()
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) != 1 {
		t.Errorf("%d instruments of one", len(ids))
	}
}

func TestSearchesAreLimitedAndFail(t *testing.T) {
	finder := newFinder()
	h := newHouse(t, func(o *Options) { o.Finder = finder })
	h.ask("ann", "GET", "/api/v1/instruments/search?q=%20", "").problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("ann", "GET", "/api/v1/instruments/search?q="+strings.Repeat("x", 101), "").problem(http.StatusUnprocessableEntity, "invalid")
	for range searchesBurst {
		h.ask("ann", "GET", "/api/v1/instruments/search?q=a", "").is(http.StatusOK)
	}
	if a := h.ask("ann", "GET", "/api/v1/instruments/search?q=a", ""); a.problem(http.StatusTooManyRequests, "limited").Status == 0 || a.Header().Get("Retry-After") != "3" {
		t.Errorf("Retry-After %q", a.Header().Get("Retry-After"))
	}
	finder.err = errors.New("the store is down: secret of bob")
	if a := h.ask("bob", "GET", "/api/v1/instruments/search?q=a", "").is(http.StatusInternalServerError); strings.Contains(a.Body.String(), "secret") {
		t.Errorf("%s", a.Body)
	}
	// Without sources what is here is found.
	h = newHouse(t)
	if found := into[FoundInstruments](h.ask("ann", "GET", "/api/v1/instruments/search?q=acme", "").is(http.StatusOK)); len(found.Items) != 2 {
		t.Errorf("%+v", found)
	}
}

func TestAdministratorsMendInstruments(t *testing.T) {
	h := newHouse(t)
	const path = "/api/v1/admin/instruments/acme-xnys"
	h.ask("ann", "GET", path, "").problem(http.StatusForbidden, "denied")
	h.ask("ann", "PATCH", path, `{"name":"Mine"}`, header("If-Match", "1")).problem(http.StatusForbidden, "denied")
	r := into[InstrumentRecord](h.ask("root", "GET", path, "").is(http.StatusOK))
	if r.Symbol != "ACME" || len(r.Identifiers) != 0 {
		t.Fatalf("%+v", r)
	}
	version := fmt.Sprint(r.Version)
	patch := func(body, version string) *reply {
		return h.ask("root", "PATCH", path, body, header("If-Match", version))
	}
	h.ask("root", "PATCH", path, `{"name":"x"}`).is(http.StatusPreconditionRequired)
	patch(`{"name":"x"}`, "99").problem(http.StatusPreconditionFailed, "stale")
	patch(`{"name":"x"}`, "one").problem(http.StatusUnprocessableEntity, "invalid")
	for _, body := range []string{`{"isin":"US0378331006"}`, `{"identifiers":{"cusip":"037833101"}}`, `{"identifiers":{"isbn":"1"}}`, `{"delisted":true,"delisted_on":"yesterday"}`,
		`{"currency":"EUR"}`, `{"mic":"nyse"}`, `{"symbol":""}`, `{"names":{"Yahoo!":"X"}}`, `{"asset_class":"fx"}`} {
		patch(body, version).problem(http.StatusUnprocessableEntity, "invalid")
	}
	p := patch(`{"mic":"XETR"}`, version).problem(http.StatusConflict, "conflict")
	if p.Existing == nil || p.Existing.ID != "acme-xetr" {
		t.Errorf("not told which: %+v", p)
	}
	r = into[InstrumentRecord](patch(`{"symbol":"ACM","name":"Acme Holdings","identifiers":{"cusip":"037833100","wkn":"865985"},"names":{"yahoo":"ACM"},"delisted":true,"delisted_on":"2026-02-27","sector":""}`, `"`+version+`"`).is(http.StatusOK))
	if r.Symbol != "ACM" || !r.Delisted || *r.DelistedOn != "2026-02-27" || r.Identifiers["wkn"] != "865985" || len(r.Former) != 2 || r.Sector != nil || *r.ISIN != "US0378331005" {
		t.Errorf("%+v", r)
	}
	for _, text := range []string{"ACME", "865985", "037833100", "Acme%20Inc."} {
		found := into[Instruments](h.ask("ann", "GET", "/api/v1/instruments?q="+text, "").is(http.StatusOK))
		if i := slices.IndexFunc(found.Items, func(i Instrument) bool { return i.ID == "acme-xnys" }); i < 0 || !found.Items[i].Delisted || len(found.Items[i].Former) != 2 {
			t.Errorf("%s: %+v", text, found)
		}
	}
	// What was wrong is gone without a trace.
	r = into[InstrumentRecord](patch(`{"symbol":"ACMX","wrong_before":true,"delisted":false}`, fmt.Sprint(r.Version)).is(http.StatusOK))
	if r.Symbol != "ACMX" || r.Delisted || r.DelistedOn != nil || slices.ContainsFunc(r.Former, func(f FormerName) bool { return f.Value == "ACM" }) {
		t.Errorf("%+v", r)
	}
	rows, err := h.store.Audits(t.Context(), "", 0, 100)
	if err != nil || len(rows) != 2 || rows[1].Action != audit.InstrumentChanged || rows[1].Object != "acme-xnys" || rows[1].Actor != "owner-root" {
		t.Errorf("audit rows: %+v, %v", rows, err)
	}
	h.ask("root", "GET", "/api/v1/admin/instruments/"+string(market.RateID("USD")), "").problem(http.StatusNotFound, "not_found")
}
