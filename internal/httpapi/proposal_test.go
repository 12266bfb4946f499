package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// proposing is a house in which ann holds 10 of world-etf, which was split and paid a dividend.
func proposing(t *testing.T) (h *house, path string) {
	t.Helper()
	h = newHouse(t)
	h.buy("ann", "10", "100")
	_, _, err := h.store.PutActions(t.Context(), "world-etf", []market.Action{
		{Kind: market.ActionSplit, Date: market.MustDate("2026-01-20"), PayDate: market.NoDate, New: *dec("4"), Old: money.One, Source: "tests", ObservedAt: houseStart},
		{Kind: market.ActionDividend, Date: market.MustDate("2026-02-10"), PayDate: market.MustDate("2026-02-20"), Amount: *dec("0.25"), Currency: "USD", Source: "tests", ObservedAt: houseStart},
	})
	must(t, err)
	return h, "/api/v1/portfolios/" + h.people["ann"].portfolio
}

func (h *house) waiting(path, state string) Proposals {
	h.t.Helper()
	return into[Proposals](h.ask("ann", "GET", path+"/proposals?state="+state, "").is(http.StatusOK))
}

func TestProposalsOverHTTP(t *testing.T) {
	h, path := proposing(t)
	found := h.waiting(path, "open")
	if len(found.Items) != 2 || found.Open != 2 || found.Ignored != 0 {
		t.Fatalf("%+v", found)
	}
	dividend, split := found.Items[0], found.Items[1]
	if split.Kind != "split" || *split.Ratio != "4:1" || split.Quantity != "10" || *split.QuantityAfter != "40" || split.AccountID != nil || split.Symbol != "WRLD" ||
		*split.Activity.Symbol != "world-etf" || split.Activity.Date != "2026-01-20" || split.Source != "tests" {
		t.Errorf("split %+v", split)
	}
	if dividend.Kind != "dividend" || *dividend.PerShare != "0.25" || *dividend.Currency != "USD" || dividend.Date != "2026-02-10" || *dividend.PayDate != "2026-02-20" ||
		dividend.Quantity != "40" || *dividend.Activity.Amount != "10.00" || *dividend.AccountName != "Depot" || dividend.Activity.Date != "2026-02-20" ||
		len(dividend.Assumes) != 1 || dividend.Assumes[0] != split.ID || !strings.Contains(*dividend.Note, "split") || !strings.Contains(*dividend.Activity.Note, "tests") {
		t.Errorf("dividend %+v", dividend)
	}
	if counts := into[Proposals](h.ask("ann", "GET", path+"/proposals?limit=0", "").is(http.StatusOK)); len(counts.Items) != 0 || counts.Open != 2 {
		t.Errorf("counts alone: %+v", counts)
	}

	h.ask("ann", "POST", path+"/proposals/"+dividend.ID+"/ignore", "").is(http.StatusOK)
	if got := h.waiting(path, "ignored"); len(got.Items) != 1 || got.Items[0].ID != dividend.ID || got.Items[0].State != "ignored" || got.Open != 1 {
		t.Errorf("ignored %+v", got)
	}
	h.ask("ann", "POST", path+"/proposals/"+dividend.ID+"/accept", "", once("k0")).problem(http.StatusConflict, "conflict")
	h.ask("ann", "POST", path+"/proposals/"+dividend.ID+"/restore", "").is(http.StatusOK)
	h.ask("ann", "POST", path+"/proposals/"+dividend.ID+"/restore", "").problem(http.StatusNotFound, "not_found")

	h.ask("ann", "POST", path+"/proposals/"+split.ID+"/accept", "").problem(http.StatusUnprocessableEntity, "invalid") // no key
	first := h.ask("ann", "POST", path+"/proposals/"+split.ID+"/accept", "", once("k1")).is(http.StatusCreated)
	again := h.ask("ann", "POST", path+"/proposals/"+split.ID+"/accept", "", once("k1")).is(http.StatusCreated)
	if first.Body.String() != again.Body.String() || again.Header().Get(replayHeader) != "true" {
		t.Errorf("repeated: %s, first %s", again.Body, first.Body)
	}
	h.ask("ann", "POST", path+"/proposals/"+split.ID+"/accept", "", once("k2")).problem(http.StatusConflict, "conflict")

	edited := `{"activity":{"date":"2026-02-20","type":"dividend","account":"Depot","symbol":"world-etf","amount":"10.00","tax":"x","currency":"USD"}}`
	h.ask("ann", "POST", path+"/proposals/"+dividend.ID+"/accept", edited, once("k3")).problem(http.StatusUnprocessableEntity, "invalid")
	future := strings.ReplaceAll(strings.ReplaceAll(edited, "2026-02-20", "2026-09-20"), `"x"`, `"1.5"`)
	if p := h.ask("ann", "POST", path+"/proposals/"+dividend.ID+"/accept", future, once("k4")).problem(http.StatusUnprocessableEntity, "invalid"); len(p.Errors) != 1 || p.Errors[0].Location != "date" {
		t.Errorf("booked in the future: %+v", p)
	}
	h.ask("ann", "POST", path+"/proposals/"+dividend.ID+"/accept", strings.ReplaceAll(edited, `"x"`, `"1.5"`), once("k5")).is(http.StatusCreated)
	if got := h.waiting(path, "open"); got.Open != 0 || got.Ignored != 0 {
		t.Errorf("all is decided: %+v", got)
	}
	page := into[ActivityPage](h.ask("ann", "GET", path+"/activities", "").is(http.StatusOK))
	if len(page.Items) != 3 || *page.Items[0].Tax != "1.5" || page.Items[1].Type != "split" {
		t.Errorf("booked %+v", page.Items)
	}
	actions := map[audit.Action]int{}
	rows, err := h.store.Audits(t.Context(), h.people["ann"].id, 0, 100)
	must(t, err)
	for _, row := range rows {
		actions[row.Action]++
		if strings.Contains(row.Object, split.ID) {
			t.Errorf("an audit row names the proposal: %+v", row)
		}
	}
	if actions[audit.ProposalsAccepted] != 2 || actions[audit.ProposalIgnored] != 1 || actions[audit.ProposalRestored] != 1 {
		t.Errorf("audit rows %v", actions)
	}
}

func TestManyProposalsAtOnce(t *testing.T) {
	h, path := proposing(t)
	found := h.waiting(path, "open").Items
	ids := func(list ...string) string { return `{"ids":["` + strings.Join(list, `","`) + `"]}` }
	h.ask("ann", "POST", path+"/proposals/accept", ids(found[0].ID, "none"), once("k1")).problem(http.StatusNotFound, "not_found")
	h.ask("ann", "POST", path+"/proposals/accept", `{"ids":[]}`, once("k2")).problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("ann", "POST", path+"/proposals/accept", ids(found[0].ID, found[0].ID), once("k3")).problem(http.StatusUnprocessableEntity, "invalid")
	done := into[Recorded](h.ask("ann", "POST", path+"/proposals/accept", ids(found[0].ID, found[1].ID), once("k4")).is(http.StatusCreated))
	if left := h.waiting(path, "open"); len(done.IDs) != 2 || left.Open != 0 || left.Sequence != done.Sequence {
		t.Errorf("accepted %+v, left %+v", done, left)
	}
}

// Voided, it isn't proposed again until somebody wants it to be.
func TestVoidedProposalComesBackWhenWanted(t *testing.T) {
	h, path := proposing(t)
	found := h.waiting(path, "open").Items
	done := into[Recorded](h.ask("ann", "POST", path+"/proposals/"+found[1].ID+"/accept", "", once("k1")).is(http.StatusCreated))
	h.ask("ann", "POST", path+"/proposals/"+found[1].ID+"/restore", "").problem(http.StatusConflict, "conflict")
	sequence := header("If-Match", strconv.FormatInt(done.Sequence, 10))
	h.ask("ann", "DELETE", path+"/activities/"+done.IDs[0], "", sequence).is(http.StatusOK)
	if got := h.waiting(path, "ignored"); got.Open != 1 || len(got.Items) != 1 || !strings.Contains(*got.Items[0].Note, "voided") {
		t.Errorf("voided: %+v", got)
	}
	h.ask("ann", "POST", path+"/proposals/"+found[1].ID+"/restore", "").is(http.StatusOK)
	if got := h.waiting(path, "open"); got.Open != 2 {
		t.Errorf("restored: %+v", got)
	}
}
