package httpapi

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// places are what stands in the paths of routes, of one portfolio; what is left out is something that isn't there.
type places struct{ portfolio, account, activity, instrument string }

var placeholder = regexp.MustCompile(`\{\w+\}`)

// at is a route's path with something in every place.
func (r *route) at(p places) string {
	known := map[string]string{
		"{id}": p.portfolio, "{account}": p.account, "{activity}": p.activity, "{instrument}": cmp.Or(p.instrument, "world-etf"), "{name}": "yahoo", "{mic}": "XNYS", "{day}": "2026-03-02",
	}
	if !r.ofPortfolio() {
		known["{id}"], known["{instrument}"] = "world-etf", "world-etf"
	}
	path := placeholder.ReplaceAllStringFunc(r.path, func(name string) string { return cmp.Or(known[name], "0123") })
	if r.endless {
		path += "?portfolio=" + p.portfolio
	}
	return path
}

// estate is a portfolio with texts and amounts in it that are found again wherever they come out.
type estate struct {
	places
	shown   string   // in what everybody sees who was given something of it
	hidden  string   // in what is seen with the amounts
	amounts []string // quantities, prices, costs, values
}

// caller is somebody with something to sign requests with.
type caller struct {
	name   string
	role   identity.Role // empty for somebody who isn't known, or not any more
	with   string
	scopes []string // of an API token
	sign   with
}

// sharedWorld is a house where four people of each role were given, or had, something of others' portfolios.
type sharedWorld struct {
	*house
	callers []caller
	estates map[relation]*estate
	leaks   int // answers that showed what they must not
	shown   int // answers that showed an amount to whom it may be shown: the search finds what is there
}

var sharedWith = map[string]identity.Role{"ann": identity.RoleUser, "advia": identity.RoleAdviser, "audrey": identity.RoleAuditor, "root": identity.RoleAdmin}

func newSharedWorld(t *testing.T) *sharedWorld {
	t.Helper()
	w := &sharedWorld{house: newHouse(t, func(o *Options) { o.Limits.PerUser, o.Limits.PerAddress = -1, -1 }), estates: map[relation]*estate{}}
	w.moveIn("susan", identity.RoleUser)
	w.moveIn("eve", identity.RoleUser)
	for _, has := range slices.Concat(rising[:len(rising)-1], strangers) {
		holder := map[relation]string{relSuspendedOwner: "susan", relErasedOwner: "eve"}[has]
		w.estates[has] = w.settle(cmp.Or(holder, "bob"), string(has), len(w.estates))
		for name := range sharedWith {
			w.give(has, name)
		}
	}
	w.give("manage", "gone")
	w.estates[relHousehold] = w.settle("bob", string(relHousehold), len(w.estates))
	w.atHome("bob", slices.Collect(maps.Keys(sharedWith))...)
	w.ask("bob", "PUT", "/api/v1/portfolios/"+w.estates[relHousehold].portfolio+"/household", `{"level":"view"}`).is(http.StatusNoContent)
	w.estates[relUnknown].portfolio = "portfolio-of-nobody"
	w.callers = w.allCallers()
	w.clock.advance(identity.StepUpAgeMax) // what is risky asks for the password, and changes nothing here
	must(t, w.store.EraseUser(t.Context(), "owner-eve", audit.Write{Audit: audit.Entry{Actor: "owner-root", Action: audit.UserErased, Result: "ok"}}))
	_, err := w.store.ChangeUser(t.Context(), "owner-susan", identity.ChangeUser{Status: identity.Suspended}, nil)
	must(t, err)
	return w
}

func (w *sharedWorld) allCallers() []caller {
	cookie := func(value string) with {
		return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: w.server.cookieName(), Value: value}) }
	}
	callers := []caller{
		{name: "nobody", with: "nothing", sign: func(*http.Request) {}},
		{name: "nobody", with: "a forged cookie", sign: cookie("owner-ann." + strings.Repeat("x", 43))},
		{name: "nobody", with: "a forged token", sign: bearer(identity.TokenPrefix + "owner-ann." + strings.Repeat("x", 43))},
		{name: "gone", with: "the cookie of somebody suspended", sign: cookie(w.people["gone"].cookie)},
		{name: "gone", with: "the token of somebody suspended", sign: bearer(w.tokenOf("gone", identity.ScopeRead))},
	}
	for name, role := range sharedWith {
		callers = append(callers, caller{name: name, role: role, with: "a cookie", sign: cookie(w.people[name].cookie)})
		for _, of := range []struct {
			names  []string
			scopes identity.Scopes
		}{
			{[]string{"read"}, identity.ScopeRead}, {[]string{"write"}, identity.ScopeWrite}, {[]string{"admin"}, identity.ScopeAdmin},
			{[]string{"read", "write", "admin"}, identity.ScopeRead | identity.ScopeWrite | identity.ScopeAdmin},
		} {
			callers = append(callers, caller{name: name, role: role, with: "a token to " + strings.Join(of.names, ", "), scopes: of.names, sign: bearer(w.tokenOf(name, of.scopes))})
		}
	}
	return callers
}

// estateOf is what a relation is to.
func (w *sharedWorld) estateOf(name string, has relation) *estate {
	if has == relOwn {
		return &estate{places: places{portfolio: "portfolio-" + name, account: "account-" + name}}
	}
	return w.estates[has]
}

// settle makes a portfolio that says its label wherever it can, with amounts that no other has.
func (w *sharedWorld) settle(holder, label string, number int) *estate {
	w.t.Helper()
	label = strings.ReplaceAll(label, " ", "-")
	e := &estate{shown: "canary-shown-" + label, hidden: "canary-hidden-" + label}
	create := func(path, body string) *reply {
		return w.ask(holder, "POST", path, body, once(w.key())).is(http.StatusCreated)
	}
	e.portfolio = into[Portfolio](create("/api/v1/portfolios", `{"name":"`+e.shown+`","base_currency":"EUR"}`)).ID
	path := "/api/v1/portfolios/" + e.portfolio
	e.account = into[Account](create(path+"/accounts", `{"name":"`+e.hidden+`","currency":"EUR"}`)).ID
	e.instrument = into[OwnCreated](create(path+"/instruments", `{"symbol":"OWN`+fmt.Sprint(number)+`","name":"`+e.shown+`","currency":"EUR","asset_class":"property","note":"`+e.hidden+`"}`)).Instrument.ID
	e.amounts = []string{fmt.Sprintf("31415.9%02d", number+10), fmt.Sprintf("271.82%02d", number+10), fmt.Sprintf("16180339.%02d", number+10), fmt.Sprintf("299.79%02d", number+10)}
	recorded := into[Recorded](create(path+"/activities", fmt.Sprintf(`{"activities":[{"date":"2026-01-02","type":"deposit","account":%[1]q,"amount":%[2]q,"note":%[1]q},
		{"date":"2026-01-05","type":"buy","account":%[1]q,"symbol":%[3]q,"quantity":%[4]q,"price":%[5]q,"note":%[1]q}]}`, e.hidden, e.amounts[2], e.instrument, e.amounts[0], e.amounts[1])))
	e.activity = recorded.IDs[0]
	w.ask(holder, "PUT", path+"/prices/"+e.instrument, `{"prices":[{"date":"2026-02-27","price":"`+e.amounts[3]+`"}]}`).is(http.StatusOK)
	d := into[PortfolioDocument](w.ask(holder, "GET", path, "").is(http.StatusOK))
	one := d.Holdings[0]
	for _, amount := range []*string{d.Value, &d.Cash, one.Value, one.CostBase, one.UnrealisedBase} {
		e.amounts = append(e.amounts, *amount)
	}
	return e
}

// give lets somebody have a relation to its portfolio.
func (w *sharedWorld) give(has relation, name string) {
	w.t.Helper()
	e, holder := w.estates[has], ledger.OwnerID("owner-bob")
	level := access.Level(has)
	switch has {
	case relForeign, relUnknown:
		return
	case relSuspendedOwner:
		holder, level = "owner-susan", access.LevelManage
	case relErasedOwner:
		holder, level = "owner-eve", access.LevelManage
	case relExpired, relRevoked:
		level = access.LevelManage
	}
	now := w.clock.Now()
	g := access.Grant{Owner: holder, Portfolio: ledger.PortfolioID(e.portfolio), ID: access.GrantID(w.key()), Level: level, CreatedAt: now, OfferedTill: now.Add(access.OfferAgeMax)}
	if has == relExpired {
		g.ExpiresAt = now.Add(time.Minute)
	}
	entry := func(action audit.Action) audit.Write {
		return audit.Write{Audit: audit.Entry{Owner: holder, Action: action, Result: "ok"}}
	}
	link := hashOf(string(g.ID))
	must(w.t, w.store.OfferGrant(w.t.Context(), g, link, entry(audit.GrantOffered)))
	_, err := w.store.AcceptGrant(w.t.Context(), link, w.people[name].id, "", now, func(access.Grant) audit.Write { return entry(audit.GrantAccepted) })
	must(w.t, err)
	if has == relRevoked {
		_, err := w.store.DeleteGrant(w.t.Context(), holder, g.Portfolio, g.ID, func(access.Grant) error { return nil }, entry(audit.GrantTakenBack))
		must(w.t, err)
	}
}

// checkBytes looks for what an answer must not show.
func (w *sharedWorld) checkBytes(a *reply, rt *route, has relation, target *estate, through bool) {
	w.t.Helper()
	text := strings.ToLower(fmt.Sprint(a.Header()) + a.Body.String())
	level := rank(has)
	for of, e := range w.estates {
		mine := through && e == target && level >= 0
		if mine && slices.ContainsFunc(e.amounts, func(amount string) bool { return strings.Contains(text, amount) }) {
			w.shown++
		}
		listed := through && (rt.action == access.ListPortfolios && rank(of) >= 0 || rt.action == access.ReadHousehold && of == relHousehold)
		forbidden := []string{}
		if !mine && !listed {
			forbidden = append(forbidden, e.shown)
		}
		if !mine || level < rank("view") {
			forbidden = append(append(forbidden, e.hidden), e.amounts...)
		}
		for _, secret := range forbidden {
			if strings.Contains(text, secret) {
				w.leaks++
				w.t.Errorf("%s shows %q of the %s portfolio: %s", a.what, secret, of, a.Body)
			}
		}
	}
}

// restore undoes what a request did that got through.
func (w *sharedWorld) restore(rt *route, who caller, has relation) {
	switch rt.action {
	case access.SignOut:
		w.clock.advance(-identity.StepUpAgeMax)
		w.sessionOf(w.people[who.name].id)
		w.clock.advance(identity.StepUpAgeMax)
	case access.LeavePortfolio:
		if has != relHousehold { // which is left as a whole
			w.give(has, who.name)
		}
	case access.ChangeHousehold:
		if w.household(who.name) == nil {
			w.clock.advance(-identity.StepUpAgeMax)
			w.join(who.name, w.invited("bob")).is(http.StatusCreated)
			w.clock.advance(identity.StepUpAgeMax)
		}
	}
}
