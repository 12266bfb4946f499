package httpapi

import (
	"context"
	"errors"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

const (
	annGrants    = annPortfolio + "/grants"
	bobPortfolio = "/api/v1/portfolios/portfolio-bob"
)

// offered has somebody offer ann's portfolio and gives the offer with the secret of its link.
func (h *house) offered(name, body string) (NewGrant, string) {
	h.t.Helper()
	made := into[NewGrant](h.ask(name, "POST", annGrants, body, once(h.key())).is(http.StatusCreated))
	if !strings.HasPrefix(made.URL, "https://folio.example/share/") || made.State != grantOffered || made.Name != nil || made.AcceptedAt != nil {
		h.t.Fatalf("%+v", made)
	}
	return made, path.Base(made.URL)
}

// key is a new idempotency key.
func (h *house) key() string {
	h.t.Helper()
	id, err := identity.NewID(h.server.random)
	must(h.t, err)
	return id
}

func (h *house) accept(name, secret string) *reply {
	h.t.Helper()
	return h.ask(name, "POST", "/api/v1/grants/accept", `{"token":"`+secret+`"}`, once(h.key()))
}

// granted gives somebody a level of ann's portfolio, and the grant's path.
func (h *house) granted(name string, level access.Level) string {
	h.t.Helper()
	made, secret := h.offered("ann", `{"level":"`+string(level)+`"}`)
	h.accept(name, secret).is(http.StatusCreated)
	return annGrants + "/" + made.ID
}

// listed is how a portfolio stands in somebody's list; nil where it isn't there.
func (h *house) listed(name, portfolio string) *Portfolio {
	h.t.Helper()
	items := into[Portfolios](h.ask(name, "GET", "/api/v1/portfolios", "").is(http.StatusOK)).Items
	i := slices.IndexFunc(items, func(p Portfolio) bool { return p.ID == portfolio })
	if i < 0 {
		return nil
	}
	return &items[i]
}

// An owner offers, whoever has the link accepts it once, and both see how it stands.
func TestGrantIsOfferedAndAccepted(t *testing.T) {
	h := newHouse(t)
	ends := h.clock.Now().AddDate(0, 0, 7)
	made, secret := h.offered("ann", `{"level":"view","email":"Bob@Example.com","expires_at":"`+ends.Format(time.RFC3339)+`"}`)
	if *made.Email != "bob@example.com" || !made.ExpiresAt.Equal(ends) || made.OfferedUntil.Sub(made.CreatedAt) != access.OfferAgeMax {
		t.Errorf("%+v", made)
	}
	h.ask("bob", "GET", annPortfolio, "").problem(http.StatusNotFound, "not_found")
	wrong := h.accept("advia", secret).problem(http.StatusNotFound, "not_found")
	if unknown := h.accept("advia", "no-such-link").problem(http.StatusNotFound, "not_found"); unknown.Detail != wrong.Detail {
		t.Errorf("%q, %q", unknown.Detail, wrong.Detail)
	}
	key := once("accepting")
	body := `{"token":"` + secret + `"}`
	first := h.ask("bob", "POST", "/api/v1/grants/accept", body, key)
	got := into[AcceptedGrant](first.is(http.StatusCreated))
	if got.PortfolioID != "portfolio-ann" || got.Role != "view" || !got.ExpiresAt.Equal(ends) {
		t.Errorf("%+v", got)
	}
	if again := h.ask("bob", "POST", "/api/v1/grants/accept", body, key).is(http.StatusCreated); again.Body.String() != first.Body.String() {
		t.Errorf("repeated: %s", again.Body)
	}
	h.accept("bob", secret).problem(http.StatusNotFound, "not_found")

	p := h.listed("bob", "portfolio-ann")
	if p == nil || p.Role != "view" || *p.OwnerName != "Ann Surname" || !p.ExpiresAt.Equal(ends) {
		t.Errorf("bob's list has %+v", p)
	}
	if own := h.listed("ann", "portfolio-ann"); own.Role != "owner" || own.OwnerName != nil || own.ExpiresAt != nil {
		t.Errorf("ann's list has %+v", own)
	}
	if h.listed("advia", "portfolio-ann") != nil {
		t.Error("it is in a stranger's list")
	}
	item := into[Grants](h.ask("ann", "GET", annGrants, "").is(http.StatusOK)).Items[0]
	if item.State != grantAccepted || *item.Name != "Bob Surname" || item.AcceptedAt == nil || item.ID != made.ID {
		t.Errorf("%+v", item)
	}
	for h.clock.Now().Before(ends) { // sessions have to be used to live that long
		for _, name := range []string{"ann", "bob"} {
			h.ask(name, "GET", annPortfolio, "").is(http.StatusOK)
		}
		h.clock.advance(20 * time.Hour)
	}
	h.ask("bob", "GET", annPortfolio, "").problem(http.StatusNotFound, "not_found")
	if item := into[Grants](h.ask("ann", "GET", annGrants, "").is(http.StatusOK)).Items[0]; item.State != grantExpired {
		t.Errorf("%+v", item)
	}
	if h.listed("bob", "portfolio-ann") != nil {
		t.Error("what is over is in the list")
	}
}

// What can't be offered is refused, and one's own portfolio isn't accepted.
func TestBadOffersAreRefused(t *testing.T) {
	h := newHouse(t)
	for _, body := range []string{`{"level":"own"}`, `{"level":""}`, `{}`, `{"level":"view","email":"nobody"}`, `{"level":"view","expires_at":"2020-01-01T00:00:00Z"}`, `{"level":"view","grantee":"owner-bob"}`} {
		h.ask("ann", "POST", annGrants, body, once("bad")).problem(http.StatusUnprocessableEntity, "invalid")
	}
	h.ask("ann", "POST", annGrants, `{"level":"view"}`).problem(http.StatusUnprocessableEntity, "invalid") // without a key
	made, secret := h.offered("ann", `{"level":"view"}`)
	h.accept("ann", secret).problem(http.StatusUnprocessableEntity, "invalid")
	one := annGrants + "/" + made.ID
	h.ask("ann", "PATCH", one, `{"expires_at":"2020-01-01T00:00:00Z"}`).problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("ann", "PATCH", one, `{"expires_at":"2040-01-01T00:00:00Z","never_expires":true}`).problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("bob", "PATCH", bobPortfolio+"/grants/"+made.ID, `{"level":"manage"}`).problem(http.StatusNotFound, "not_found")
	h.ask("bob", "DELETE", bobPortfolio+"/grants/"+made.ID, "").problem(http.StatusNotFound, "not_found")
	h.clock.advance(identity.StepUpAgeMax)
	if p := h.ask("ann", "POST", annGrants, `{"level":"view"}`, once("late")).problem(http.StatusForbidden, "denied"); p.StepUp == "" {
		t.Errorf("%+v", p)
	}
	if p := h.ask("ann", "PATCH", one, `{"level":"edit"}`).problem(http.StatusForbidden, "denied"); p.StepUp == "" {
		t.Errorf("%+v", p)
	}
}

// A change is felt by the next request, and a link that was taken back opens nothing.
func TestGrantIsChangedAndTakenBack(t *testing.T) {
	h := newHouse(t)
	one := h.granted("bob", access.LevelEdit)
	h.ask("bob", "PATCH", annPortfolio, `{"name":"Mine"}`).problem(http.StatusForbidden, "denied")
	g := into[Grant](h.ask("ann", "PATCH", one, `{"level":"percentages","expires_at":"2026-03-02T15:30:00Z"}`).is(http.StatusOK))
	if g.Level != "percentages" || g.State != grantAccepted || g.ExpiresAt == nil {
		t.Errorf("%+v", g)
	}
	h.ask("bob", "GET", annPortfolio, "").problem(http.StatusForbidden, "denied")
	h.ask("bob", "GET", annPortfolio+"/percentages", "").is(http.StatusOK)
	if g := into[Grant](h.ask("ann", "PATCH", one, `{"level":"view","never_expires":true}`).is(http.StatusOK)); g.ExpiresAt != nil {
		t.Errorf("%+v", g)
	}
	h.clock.advance(time.Hour)
	h.ask("bob", "GET", annPortfolio, "").is(http.StatusOK)
	h.ask("ann", "DELETE", one, "").is(http.StatusNoContent)
	h.ask("bob", "GET", annPortfolio, "").problem(http.StatusNotFound, "not_found")
	h.ask("ann", "DELETE", one, "").problem(http.StatusNotFound, "not_found")

	h.clock.advance(-time.Hour)
	made, secret := h.offered("ann", `{"level":"view"}`)
	h.ask("ann", "DELETE", annGrants+"/"+made.ID, "").is(http.StatusNoContent)
	h.accept("bob", secret).problem(http.StatusNotFound, "not_found")

	h.granted("bob", access.LevelView)
	h.ask("bob", "DELETE", bobPortfolio+"/share", "").problem(http.StatusForbidden, "denied")
	h.ask("bob", "DELETE", annPortfolio+"/share", "").is(http.StatusNoContent)
	h.ask("bob", "GET", annPortfolio, "").problem(http.StatusNotFound, "not_found")
	if items := into[Grants](h.ask("ann", "GET", annGrants, "").is(http.StatusOK)).Items; len(items) != 0 {
		t.Errorf("%+v", items)
	}
}

// Whoever manages a portfolio shares it on, but doesn't say who manages it, themselves included.
func TestManagersDontMakeManagers(t *testing.T) {
	h := newHouse(t)
	mine := h.granted("bob", access.LevelManage)
	other := h.granted("advia", access.LevelManage)
	h.ask("bob", "PATCH", annPortfolio, `{"name":"Managed"}`).is(http.StatusOK)
	made, secret := h.offered("bob", `{"level":"edit"}`)
	h.accept("audrey", secret).is(http.StatusCreated)
	for _, a := range []*reply{
		h.ask("bob", "POST", annGrants, `{"level":"manage"}`, once("more")),
		h.ask("bob", "PATCH", annGrants+"/"+made.ID, `{"level":"manage"}`),
		h.ask("bob", "PATCH", mine, `{"never_expires":true}`),
		h.ask("bob", "PATCH", other, `{"level":"view"}`),
		h.ask("bob", "DELETE", other, ""),
	} {
		a.problem(http.StatusForbidden, "denied")
	}
	h.ask("bob", "PATCH", annGrants+"/"+made.ID, `{"level":"view"}`).is(http.StatusOK)
	h.ask("ann", "PATCH", other, `{"level":"view"}`).is(http.StatusOK)
	if p := h.listed("bob", "portfolio-ann"); p.Role != "manage" || p.Name != "Managed" {
		t.Errorf("%+v", p)
	}
	h.recorded()
	refused := 0
	for _, row := range h.rowsOf("ann") {
		if row.Action == audit.Refused && row.Actor == "owner-bob" && row.Object == string(access.EntrustGrants) {
			refused++
		}
	}
	if refused != 5 {
		t.Errorf("%d refusals in ann's log", refused)
	}
}

// recorded waits for the refusals that are on their way into the log.
func (h *house) recorded() {
	h.t.Helper()
	ended, end := context.WithCancel(h.t.Context())
	end()
	must(h.t, h.server.RecordRefusals(ended))
}

func (h *house) rowsOf(name string) []audit.Row {
	h.t.Helper()
	rows, err := h.store.Audits(h.t.Context(), h.people[name].id, 0, 10_000)
	must(h.t, err)
	return rows
}

// What a grantee does is the owner's: their portfolio, their log; but the grantee's request, which they may repeat.
func TestGranteesWorkOnWhatIsTheOwners(t *testing.T) {
	h := newHouse(t)
	h.granted("bob", access.LevelEdit)
	body := `{"activities":[{"date":"2026-01-05","type":"deposit","amount":"1000"}]}`
	first := h.ask("bob", "POST", annPortfolio+"/activities", body, once("same")).is(http.StatusCreated)
	if again := h.ask("bob", "POST", annPortfolio+"/activities", body, once("same")).is(http.StatusCreated); again.Body.String() != first.Body.String() {
		t.Errorf("repeated: %s", again.Body)
	}
	h.ask("ann", "POST", annPortfolio+"/activities", body, once("same")).is(http.StatusCreated) // the key is bob's
	if d := into[PortfolioDocument](h.ask("ann", "GET", annPortfolio, "").is(http.StatusOK)); d.Cash != "2000" {
		t.Errorf("cash of %s", d.Cash)
	}
	var by []ledger.OwnerID
	for _, row := range h.rowsOf("ann") {
		if row.Action == audit.ActivitiesAdded {
			by = append(by, row.Actor)
			if row.Actor == "owner-bob" && row.Detail != "edit, in a browser" {
				t.Errorf("%+v", row)
			}
		}
	}
	if !slices.Equal(by, []ledger.OwnerID{"owner-bob", "owner-ann"}) {
		t.Errorf("by %v", by)
	}
	for _, row := range h.rowsOf("bob") {
		if row.Action == audit.ActivitiesAdded || row.Action == audit.PortfolioViewed {
			t.Errorf("in bob's log: %+v", row)
		}
	}
}

// Every session that looks at what isn't its own leaves a row first, one in a quarter of an hour, and the owner reads by whom.
func TestLooksAreInTheOwnersLog(t *testing.T) {
	h := newHouse(t)
	h.granted("bob", access.LevelView)
	token := into[NewToken](h.ask("bob", "POST", "/api/v1/me/tokens", `{"name":"p","scopes":["read"],"expires_at":"2026-06-01T00:00:00Z"}`, once("token")).is(http.StatusCreated)).Token
	for range 3 {
		h.ask("bob", "GET", annPortfolio, "").is(http.StatusOK)
		h.ask("bob", "GET", annPortfolio+"/history", "").is(http.StatusOK)
		h.ask("", "GET", annPortfolio, "", header("Authorization", "Bearer "+token)).is(http.StatusOK)
		h.ask("ann", "GET", annPortfolio, "").is(http.StatusOK)
		h.clock.advance(4 * time.Minute)
	}
	looks := func() (how []string) {
		for _, row := range h.rowsOf("ann") {
			if row.Action == audit.PortfolioViewed {
				how = append(how, row.Detail)
				if row.Actor != "owner-bob" || row.Object != "portfolio-ann" || row.Session == "" {
					t.Errorf("%+v", row)
				}
			}
		}
		return how
	}
	if how := looks(); !slices.Equal(how, []string{"view, in a browser", "view, by an API token"}) {
		t.Errorf("%v", how)
	}
	h.clock.advance(4 * time.Minute)
	h.ask("bob", "GET", annPortfolio, "").is(http.StatusOK)
	if how := looks(); len(how) != 3 {
		t.Errorf("after a quarter of an hour: %v", how)
	}
	log := into[OwnRecords](h.ask("ann", "GET", "/api/v1/me/audit", "").is(http.StatusOK)).Items
	if r := log[0]; r.Action != string(audit.PortfolioViewed) || r.By != "other" || r.Name == nil || *r.Name != "Bob Surname" || *r.Place != "view, in a browser" {
		t.Errorf("%+v", r)
	}
	for _, r := range log {
		if r.By == "you" && r.Name != nil {
			t.Errorf("%+v", r)
		}
	}
}

// forgetfulStore can't record looks.
type forgetfulStore struct{ Store }

var errFull = errors.New("the disk is full")

func (forgetfulStore) RecordLook(context.Context, ledger.OwnerID, ledger.PortfolioID, time.Time, time.Time, audit.Write) error {
	return errFull
}

// What can't be recorded isn't shown.
func TestWithoutALogNobodyLooks(t *testing.T) {
	h := newHouse(t)
	h.granted("bob", access.LevelManage)
	h.server.store = forgetfulStore{h.server.store}
	for _, path := range []string{annPortfolio, annPortfolio + "/percentages", annPortfolio + "/activities", annGrants, "/api/v1/stream?portfolio=portfolio-ann"} {
		h.ask("bob", "GET", path, "").problem(http.StatusInternalServerError, "internal")
	}
	h.ask("ann", "GET", annPortfolio, "").is(http.StatusOK)
}

// Who is given percentages finds no amount anywhere, and no route but that of percentages.
func TestPercentagesShowNoAmount(t *testing.T) {
	h := newHouse(t)
	h.enter(h.ownHouse(), `{"prices":[{"date":"2026-01-10","price":"310000"},{"date":"2026-01-01","price":"305000"}]}`)
	h.granted("bob", access.LevelPercentages)
	a := h.ask("bob", "GET", annPortfolio+"/percentages", "").is(http.StatusOK)
	p := into[Percentages](a)
	if len(p.Holdings) != 1 || *p.Holdings[0].Weight != "1" || p.Holdings[0].Symbol != "HOUSE" || len(p.Allocations) != len(percentGroups) || len(p.Series) == 0 || p.Returns.TWR == nil {
		t.Errorf("%s", a.Body)
	}
	if one := p.Allocations[0]; one.By != "asset_class" || len(one.Items) != 1 || one.Items[0] != (PercentShare{Key: "property", Label: "Property", Share: "1"}) {
		t.Errorf("%+v", one)
	}
	for _, amount := range []string{"310000", "305000", "300000", "5000", "10000"} {
		if strings.Contains(a.Body.String(), amount) {
			t.Errorf("an amount: %s in %s", amount, a.Body)
		}
	}
	for _, path := range []string{"", "/history", "/activities", "/performance", "/allocation", "/accounts", "/grants", "/proposals", "/data"} {
		h.ask("bob", "GET", annPortfolio+path, "").problem(http.StatusForbidden, "denied")
	}
	h.ask("bob", "GET", "/api/v1/stream?portfolio=portfolio-ann", "").problem(http.StatusForbidden, "denied")
	if own := h.ask("ann", "GET", annPortfolio+"/percentages", "").is(http.StatusOK); own.Body.String() != a.Body.String() {
		t.Errorf("its owner sees %s", own.Body)
	}
}
