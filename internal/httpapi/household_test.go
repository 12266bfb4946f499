package httpapi

import (
	"net/http"
	"path"
	"slices"
	"testing"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/identity"
)

const (
	householdPath = "/api/v1/household"
	annAtHome     = annPortfolio + "/household"
)

// invited has somebody invite to their household, and gives the secret of the link.
func (h *house) invited(name string) string {
	h.t.Helper()
	made := into[HouseholdInvitation](h.ask(name, "POST", householdPath+"/invitations", "", once(h.key())).is(http.StatusCreated))
	if made.URL != "https://folio.example/household/"+path.Base(made.URL) || made.OfferedUntil.Sub(h.clock.Now()) != access.OfferAgeMax {
		h.t.Fatalf("%+v", made)
	}
	return path.Base(made.URL)
}

func (h *house) join(name, secret string) *reply {
	h.t.Helper()
	return h.ask(name, "POST", householdPath+"/join", `{"token":"`+secret+`"}`, once(h.key()))
}

// atHome has somebody found a household that others join.
func (h *house) atHome(founder string, others ...string) {
	h.t.Helper()
	h.ask(founder, "POST", householdPath, `{"name":"Home"}`, once(h.key())).is(http.StatusCreated)
	for _, name := range others {
		h.join(name, h.invited(founder)).is(http.StatusCreated)
	}
}

func (h *house) household(name string) *Household {
	h.t.Helper()
	return into[OwnHousehold](h.ask(name, "GET", householdPath, "").is(http.StatusOK)).Household
}

func (h *house) memberID(name string) string {
	h.t.Helper()
	all := h.household(name).Members
	return all[slices.IndexFunc(all, func(m HouseholdMember) bool { return m.You })].ID
}

// A founder invites, members share, and everybody of the household sees as far as a level goes; nobody else does.
func TestHouseholdSharesPortfolios(t *testing.T) {
	h := newHouse(t)
	if h.household("bob") != nil {
		t.Error("bob is in a household")
	}
	h.ask("ann", "PUT", annAtHome, `{"level":"view"}`).problem(http.StatusNotFound, "not_found")
	key := once("founding")
	first := h.ask("bob", "POST", householdPath, `{"name":" Home "}`, key).is(http.StatusCreated)
	if again := h.ask("bob", "POST", householdPath, `{"name":" Home "}`, key).is(http.StatusCreated); again.Body.String() != first.Body.String() || into[JoinedHousehold](first).Name != "Home" {
		t.Errorf("%s, repeated: %s", first.Body, again.Body)
	}
	secret := h.invited("bob")
	if got := into[JoinedHousehold](h.join("ann", secret).is(http.StatusCreated)); got.Name != "Home" {
		t.Errorf("%+v", got)
	}
	h.join("advia", secret).problem(http.StatusNotFound, "not_found")
	h.ask("ann", "PUT", annAtHome, `{"level":"view"}`).is(http.StatusNoContent)
	h.join("advia", h.invited("bob")).is(http.StatusCreated)
	h.invited("bob")

	for _, name := range []string{"bob", "advia"} {
		h.ask(name, "GET", annPortfolio, "").is(http.StatusOK)
		h.ask(name, "PATCH", annPortfolio, `{"name":"Mine"}`).problem(http.StatusForbidden, "denied")
		if p := h.listed(name, "portfolio-ann"); p == nil || p.Role != "view" || *p.OwnerName != "Ann Surname" || p.ExpiresAt != nil {
			t.Errorf("%s's list has %+v", name, p)
		}
		h.ask(name, "DELETE", annPortfolio+"/share", "").problem(http.StatusConflict, "conflict")
	}
	h.ask("audrey", "GET", annPortfolio, "").problem(http.StatusNotFound, "not_found")
	h.ask("ann", "GET", bobPortfolio, "").problem(http.StatusNotFound, "not_found")

	got := h.household("advia")
	if got.Name != "Home" || got.Founded || len(got.Members) != 3 || len(got.Portfolios) != 1 {
		t.Fatalf("%+v", got)
	}
	if p := got.Portfolios[0]; p.Name != "Secret of ann" || p.Level != "view" || *p.OwnerName != "Ann Surname" || p.Yours {
		t.Errorf("%+v", p)
	}
	if m := got.Members[0]; m.State != "founder" || *m.Name != "Bob Surname" || m.You {
		t.Errorf("%+v", m)
	}
	if own := h.household("ann"); len(own.Portfolios) != 1 || !own.Portfolios[0].Yours {
		t.Errorf("%+v", own)
	}
	if whole := h.household("bob"); !whole.Founded || len(whole.Members) != 4 || whole.Members[3].State != "invited" || whole.Members[3].Name != nil {
		t.Errorf("%+v", whole)
	}
	looked := 0
	for _, row := range h.rowsOf("ann") {
		if row.Action == audit.PortfolioViewed && row.Object == "portfolio-ann" {
			looked++
		}
	}
	if looked != 2 {
		t.Errorf("%d looks in ann's log", looked)
	}
}

// Whatever ends it is felt by the next request.
func TestHouseholdEndsAtOnce(t *testing.T) {
	told := map[string]audit.Action{"removed": audit.HouseholdRemoved, "dissolved": audit.HouseholdDissolved}
	for name, end := range map[string]func(h *house){
		"unshared": func(h *house) { h.ask("ann", "DELETE", annAtHome, "").is(http.StatusNoContent) },
		"left":     func(h *house) { h.ask("bob", "DELETE", householdPath+"/membership", "").is(http.StatusNoContent) },
		"removed": func(h *house) {
			h.ask("ann", "DELETE", householdPath+"/members/"+h.memberID("bob"), "").is(http.StatusNoContent)
		},
		"dissolved": func(h *house) { h.ask("ann", "DELETE", householdPath, "").is(http.StatusNoContent) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.atHome("ann", "bob")
			h.ask("ann", "PUT", annAtHome, `{"level":"edit"}`).is(http.StatusNoContent)
			h.ask("bob", "POST", annPortfolio+"/activities", `{"activities":[{"date":"2026-01-05","type":"deposit","amount":"10"}]}`, once("in")).is(http.StatusCreated)
			end(h)
			h.ask("bob", "GET", annPortfolio, "").problem(http.StatusNotFound, "not_found")
			if h.listed("bob", "portfolio-ann") != nil {
				t.Error("it is still in the list")
			}
			if action := told[name]; action != "" && !slices.ContainsFunc(h.rowsOf("bob"), func(row audit.Row) bool { return row.Action == action && row.Actor == "owner-ann" }) {
				t.Errorf("bob's own log doesn't say that the household was %s", name)
			}
		})
	}
}

// What isn't a founder's, or isn't known, is refused; sharing more asks for the password.
func TestBadHouseholdsAreRefused(t *testing.T) {
	h := newHouse(t)
	h.ask("ann", "POST", householdPath, `{"name":"`+"\\u0007"+`"}`, once("bad")).problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("ann", "DELETE", householdPath, "").problem(http.StatusNotFound, "not_found")
	h.join("ann", "no-such-link").problem(http.StatusNotFound, "not_found")
	h.atHome("ann", "bob")
	for _, body := range []string{`{"level":"manage"}`, `{"level":"own"}`, `{"level":""}`, `{}`} {
		h.ask("ann", "PUT", annAtHome, body).problem(http.StatusUnprocessableEntity, "invalid")
	}
	h.ask("ann", "DELETE", annAtHome, "").problem(http.StatusNotFound, "not_found")
	h.ask("bob", "POST", householdPath, `{"name":"Second"}`, once("second")).problem(http.StatusConflict, "conflict")
	h.join("bob", h.invited("ann")).problem(http.StatusConflict, "conflict")
	h.ask("ann", "DELETE", householdPath+"/membership", "").problem(http.StatusConflict, "conflict")
	h.ask("ann", "DELETE", householdPath+"/members/unknown", "").problem(http.StatusNotFound, "not_found")
	for _, a := range []*reply{
		h.ask("bob", "DELETE", householdPath, ""),
		h.ask("bob", "DELETE", householdPath+"/members/"+h.memberID("ann"), ""),
		h.ask("bob", "POST", householdPath+"/invitations", "", once("his")),
	} {
		a.problem(http.StatusForbidden, "denied")
	}
	h.clock.advance(identity.StepUpAgeMax)
	for _, a := range []*reply{
		h.ask("ann", "PUT", annAtHome, `{"level":"view"}`),
		h.ask("ann", "POST", householdPath+"/invitations", "", once("late")),
	} {
		if p := a.problem(http.StatusForbidden, "denied"); p.StepUp == "" {
			t.Errorf("%+v", p)
		}
	}
}
