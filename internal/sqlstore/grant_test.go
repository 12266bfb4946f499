package sqlstore

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// offer has anna offer p1 under an id, by a link that is known from it.
func (b *bench) offer(id string, level access.Level, change ...func(*access.Grant)) (identity.TokenHash, error) {
	b.t.Helper()
	g := access.Grant{Owner: "anna", Portfolio: "p1", ID: access.GrantID(id), Level: level, CreatedAt: b.clock.Now(), OfferedTill: b.clock.Now().Add(access.OfferAgeMax)}
	for _, f := range change {
		f(&g)
	}
	var link identity.TokenHash
	copy(link[:], id)
	return link, b.OfferGrant(b.t.Context(), g, link, entry("anna", audit.GrantOffered))
}

func (b *bench) accept(link identity.TokenHash, grantee ledger.OwnerID) error {
	b.t.Helper()
	_, err := b.AcceptGrant(b.t.Context(), link, grantee, string(grantee)+"@example.test", b.clock.Now(), func(g access.Grant) Write {
		return entry(grantee, audit.GrantAccepted)
	})
	return err
}

func (b *bench) given(id string, level access.Level, grantee ledger.OwnerID, change ...func(*access.Grant)) {
	b.t.Helper()
	link, err := b.offer(id, level, change...)
	b.ok(err)
	b.ok(b.accept(link, grantee))
}

// level is what somebody holds of p1, asked for in every way that there is; empty is nothing.
func (b *bench) level(grantee ledger.OwnerID) access.Level {
	b.t.Helper()
	key := access.ShareKey{Grantee: grantee, Portfolio: "p1"}
	share, err := b.Share(b.t.Context(), key, b.clock.Now())
	if err != nil {
		b.kind(err, fault.NotFound)
	}
	all, err := b.Shares(b.t.Context(), grantee, b.clock.Now())
	b.ok(err)
	many, err := b.StandingShares(b.t.Context(), []access.ShareKey{{Grantee: grantee, Portfolio: "p9"}, key, {Grantee: "nobody", Portfolio: "p1"}, {Grantee: "anna", Portfolio: "p1"}}, b.clock.Now())
	b.ok(err)
	if share.Level == "" {
		if len(all) > 0 || len(many) > 0 {
			b.t.Errorf("%s holds nothing, and %+v, %+v", grantee, all, many)
		}
		return ""
	}
	if len(all) != 1 || all[0] != share || len(many) != 1 || many[key] != share || share.Holder != "anna" || share.Sequence != b.sequenceOf("anna", "p1") {
		b.t.Errorf("%s holds %+v, %+v, %+v", grantee, share, all, many)
	}
	return share.Level
}

func (b *bench) sharing() {
	b.t.Helper()
	for _, id := range []ledger.OwnerID{"anna", "bob", "carl"} {
		b.user(id)
	}
	b.administrator("root")
	b.portfolio("anna", "p1")
	b.portfolio("bob", "p2")
}

// What an owner gives, its grantee holds, until it is changed, taken back, given back or over; nobody else does at any time.
func TestGrantFromOfferToEnd(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.sharing()
		link, err := b.offer("a", access.LevelView, func(g *access.Grant) { g.Email = "bob@example.test" })
		b.ok(err)
		if got := b.level("bob"); got != "" {
			t.Errorf("an offer gives %q", got)
		}
		b.kind(b.accept(link, "carl"), fault.NotFound) // meant for bob
		b.kind(b.accept(identity.TokenHash{99}, "bob"), fault.NotFound)
		b.ok(b.accept(link, "bob"))
		b.kind(b.accept(link, "bob"), fault.NotFound)
		if bob, carl := b.level("bob"), b.level("carl"); bob != access.LevelView || carl != "" {
			t.Errorf("bob holds %q, carl %q", bob, carl)
		}
		all, err := b.Grants(ctx, "anna", "p1")
		b.ok(err)
		if len(all) != 1 || all[0].Grantee != "bob" || all[0].Email != "bob@example.test" || !all[0].AcceptedAt.Equal(b.clock.Now()) {
			t.Errorf("%+v", all)
		}

		// A second grant takes the place of the first.
		b.given("b", access.LevelEdit, "bob")
		if all, err := b.Grants(ctx, "anna", "p1"); err != nil || len(all) != 1 || all[0].ID != "b" || b.level("bob") != access.LevelEdit {
			t.Errorf("%+v, %v", all, err)
		}
		ends := b.clock.Now().Add(time.Hour)
		to := func(level access.Level) func(*access.Grant) error {
			return func(g *access.Grant) error {
				g.Level, g.ExpiresAt = level, ends
				return nil
			}
		}
		_, err = b.ChangeGrant(ctx, "anna", "p1", "b", func(*access.Grant) error { return fault.New(fault.Denied, "no") }, entry("anna", audit.GrantChanged))
		b.kind(err, fault.Denied)
		_, err = b.ChangeGrant(ctx, "bob", "p1", "b", to(access.LevelManage), entry("bob", audit.GrantChanged))
		b.kind(err, fault.NotFound)
		_, err = b.ChangeGrant(ctx, "anna", "p1", "b", to(access.LevelPercentages), entry("anna", audit.GrantChanged))
		b.ok(err)
		if got := b.level("bob"); got != access.LevelPercentages {
			t.Errorf("after the change: %q", got)
		}
		b.clock.advance(time.Hour)
		if got := b.level("bob"); got != "" {
			t.Errorf("after its end: %q", got)
		}

		b.given("c", access.LevelView, "bob")
		_, err = b.ChangeUser(ctx, "anna", identity.ChangeUser{Status: identity.Suspended}, nil)
		b.ok(err)
		if got := b.level("bob"); got != "" {
			t.Errorf("of somebody suspended: %q", got)
		}
		_, err = b.ChangeUser(ctx, "anna", identity.ChangeUser{Status: identity.Active}, nil)
		b.ok(err)
		if got := b.level("bob"); got != access.LevelView {
			t.Errorf("of somebody let in again: %q", got)
		}
		share, err := b.Share(ctx, access.ShareKey{Grantee: "bob", Portfolio: "p1"}, b.clock.Now())
		b.ok(err)
		theirs := share
		theirs.Grantee = "carl"
		b.kind(b.LeaveShare(ctx, theirs, entry("carl", audit.GrantGivenBack)), fault.NotFound)
		b.ok(b.LeaveShare(ctx, share, entry("bob", audit.GrantGivenBack)))
		b.kind(b.LeaveShare(ctx, share, entry("bob", audit.GrantGivenBack)), fault.NotFound)
		if got := b.level("bob"); got != "" {
			t.Errorf("after leaving: %q", got)
		}

		b.given("d", access.LevelView, "bob")
		may := func(access.Grant) error { return nil }
		_, err = b.DeleteGrant(ctx, "anna", "p1", "d", func(access.Grant) error { return fault.New(fault.Denied, "no") }, entry("anna", audit.GrantTakenBack))
		b.kind(err, fault.Denied)
		g, err := b.DeleteGrant(ctx, "anna", "p1", "d", may, entry("anna", audit.GrantTakenBack))
		b.ok(err)
		_, err = b.DeleteGrant(ctx, "anna", "p1", "d", may, entry("anna", audit.GrantTakenBack))
		b.kind(err, fault.NotFound)
		if got := b.level("bob"); got != "" || g.Grantee != "bob" {
			t.Errorf("taken back: %q, %+v", got, g)
		}
		rows, err := b.Audits(ctx, "anna", 0, 1000)
		b.ok(err)
		var done []audit.Action
		for _, row := range rows {
			if row.Action != audit.UserCreated && row.Action != audit.PortfolioCreated && row.Action != audit.AccountCreated {
				done = append(done, row.Action)
			}
		}
		want := []audit.Action{audit.GrantOffered, audit.GrantAccepted, audit.GrantOffered, audit.GrantAccepted, audit.GrantChanged, audit.GrantOffered, audit.GrantAccepted,
			audit.GrantGivenBack, audit.GrantOffered, audit.GrantAccepted, audit.GrantTakenBack}
		if !slices.Equal(done, want) {
			t.Errorf("anna's log says %v", done)
		}
	})
}

// An offer that can't be taken is taken by nobody, and stays what it was.
func TestOffersAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.sharing()
		_, err := b.offer("x", access.LevelView, func(g *access.Grant) { g.Owner = "bob" })
		b.kind(err, fault.NotFound)
		own, err := b.offer("a", access.LevelView)
		b.ok(err)
		b.kind(b.accept(own, "anna"), fault.Invalid)
		_, err = b.ChangeUser(ctx, "anna", identity.ChangeUser{Status: identity.Suspended}, nil)
		b.ok(err)
		b.kind(b.accept(own, "bob"), fault.NotFound)
		_, err = b.ChangeUser(ctx, "anna", identity.ChangeUser{Status: identity.Active}, nil)
		b.ok(err)
		ended, err := b.offer("b", access.LevelView, func(g *access.Grant) { g.ExpiresAt = b.clock.Now().Add(time.Minute) })
		b.ok(err)
		taken, err := b.offer("c", access.LevelView)
		b.ok(err)
		_, err = b.DeleteGrant(ctx, "anna", "p1", "c", func(access.Grant) error { return nil }, entry("anna", audit.GrantTakenBack))
		b.ok(err)
		b.clock.advance(time.Minute)
		b.kind(b.accept(ended, "bob"), fault.NotFound)
		b.kind(b.accept(taken, "bob"), fault.NotFound)
		b.clock.advance(access.OfferAgeMax)
		b.kind(b.accept(own, "bob"), fault.NotFound)
		b.clock.advance(-access.OfferAgeMax)
		b.ok(b.accept(own, "bob"))

		var full error
		for i := range access.GrantsMax {
			_, full = b.offer(fmt.Sprint("more ", i), access.LevelView)
		}
		b.kind(full, fault.TooLarge)
	})
}

// One link that many show at once lets one in.
func TestOfferIsTakenOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.sharing()
		link, err := b.offer("a", access.LevelView)
		b.ok(err)
		const tries = 20
		results := make([]error, tries)
		var group sync.WaitGroup
		for i := range tries {
			group.Go(func() { results[i] = b.accept(link, []ledger.OwnerID{"bob", "carl"}[i%2]) })
		}
		group.Wait()
		in := 0
		for _, err := range results {
			if err == nil {
				in++
			} else {
				b.kind(err, fault.NotFound)
			}
		}
		if in != 1 || (b.level("bob") == "") == (b.level("carl") == "") {
			t.Errorf("%d of %d got in", in, tries)
		}
	})
}

// Both sides of a grant go with either who gave it or who was given it, and whoever stays has it in their log.
func TestErasingTakesBothSides(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.sharing()
		b.given("a", access.LevelView, "bob")
		b.given("b", access.LevelEdit, "carl")
		_, err := b.offer("c", access.LevelView)
		b.ok(err)
		b.ok(b.EraseUser(t.Context(), "bob", entry("root", audit.UserErased)))
		all, err := b.Grants(t.Context(), "anna", "p1")
		b.ok(err)
		if len(all) != 2 || all[0].Grantee == "bob" || all[1].Grantee == "bob" || b.level("carl") != access.LevelEdit {
			t.Errorf("%+v", all)
		}
		rows, err := b.AuditsBefore(t.Context(), "anna", 1<<40, 1)
		b.ok(err)
		if len(rows) != 1 || rows[0].Action != audit.GrantGivenBack || rows[0].Object != "p1" || rows[0].Actor != "root" {
			t.Errorf("anna's log ends with %+v", rows)
		}
		b.ok(b.EraseUser(t.Context(), "anna", entry("root", audit.UserErased)))
		for _, table := range []string{"grants", "grant_links", "shared_portfolios"} {
			if n := b.count(`SELECT COUNT(*) FROM ` + table); n != 0 {
				t.Errorf("%d rows of %s are left", n, table)
			}
		}
	})
}

// A session leaves one row in a quarter of an hour with each portfolio that it looks at, and not more when all ask at once.
func TestLooksAreRecordedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.sharing()
		look := func(session string, portfolio ledger.PortfolioID) error {
			w := entry("bob", audit.PortfolioViewed)
			w.Audit.Session, w.Audit.Object, w.Audit.Detail = session, string(portfolio), "view, in a browser"
			return b.RecordLook(t.Context(), "anna", portfolio, b.clock.Now(), b.clock.Now().Add(-access.LookInterval), w)
		}
		looks := func() (n int) {
			rows, err := b.Audits(t.Context(), "anna", 0, 1000)
			b.ok(err)
			for _, row := range rows {
				if row.Action == audit.PortfolioViewed && row.Detail == "view, in a browser" {
					n++
				}
			}
			return n
		}
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				if err := look("s1", "p1"); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if n := looks(); n != 1 {
			t.Fatalf("%d rows of one look", n)
		}
		b.ok(look("s2", "p1"))
		b.ok(look("s1", "p3"))
		b.clock.advance(access.LookInterval - time.Microsecond)
		b.ok(look("s1", "p1"))
		if n := looks(); n != 3 {
			t.Errorf("%d rows within a quarter of an hour", n)
		}
		b.clock.advance(time.Microsecond)
		b.ok(look("s1", "p1"))
		b.ok(b.DeleteLooksBefore(t.Context(), b.clock.Now()))
		b.ok(look("s1", "p1"))
		b.ok(look("s2", "p1"))
		if n := looks(); n != 5 {
			t.Errorf("%d rows after it", n)
		}
	})
}
