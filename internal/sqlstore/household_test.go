package sqlstore

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

func (b *bench) found(founder ledger.OwnerID) error {
	b.t.Helper()
	h := access.Household{Founder: founder, Name: "Home of " + string(founder), CreatedAt: b.clock.Now()}
	return b.FoundHousehold(b.t.Context(), h, access.MemberID("m-"+founder), entry(founder, audit.HouseholdFounded))
}

// invite has a founder invite under an id, by a link that is known from it.
func (b *bench) invite(founder ledger.OwnerID, id string) (identity.TokenHash, error) {
	b.t.Helper()
	var link identity.TokenHash
	copy(link[:], id)
	m := access.Member{ID: access.MemberID(id), OfferedTill: b.clock.Now().Add(access.OfferAgeMax)}
	return link, b.InviteToHousehold(b.t.Context(), founder, m, link, entry(founder, audit.HouseholdInvited))
}

func (b *bench) join(link identity.TokenHash, person ledger.OwnerID) error {
	b.t.Helper()
	_, err := b.JoinHousehold(b.t.Context(), link, person, b.clock.Now(), func(h access.Household, _ access.MemberID) Write {
		return Write{Audit: audit.Entry{Actor: person, Owner: h.Founder, Action: audit.HouseholdJoined, Result: "ok"}}
	})
	return err
}

// joined lets somebody into a household under an id.
func (b *bench) joined(founder ledger.OwnerID, id string, person ledger.OwnerID) {
	b.t.Helper()
	link, err := b.invite(founder, id)
	b.ok(err)
	b.ok(b.join(link, person))
}

func (b *bench) shareAtHome(level access.Level) error {
	b.t.Helper()
	_, err := b.ShareWithHousehold(b.t.Context(), access.HouseholdShare{Holder: "anna", Portfolio: "p1", Level: level}, entry("anna", audit.HouseholdShared))
	return err
}

func (b *bench) leave(person ledger.OwnerID) error {
	b.t.Helper()
	_, err := b.LeaveHousehold(b.t.Context(), person, func(h access.Household, _ access.MemberID) Write {
		return Write{Audit: audit.Entry{Actor: person, Owner: h.Founder, Action: audit.HouseholdLeft, Result: "ok"}}
	})
	return err
}

func (b *bench) levels(want map[ledger.OwnerID]access.Level) {
	b.t.Helper()
	for person, level := range want {
		if got := b.level(person); got != level {
			b.t.Errorf("%s holds %q, want %q", person, got, level)
		}
	}
}

// What is shared with a household every member sees, whoever joins later too, and nobody else, until it is over in any of the ways.
func TestHouseholdSeesWhatIsShared(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.sharing()
		b.user("dora")
		b.ok(b.found("bob"))
		b.kind(b.shareAtHome(access.LevelView), fault.NotFound) // anna is in none yet
		b.joined("bob", "a", "anna")
		b.ok(b.shareAtHome(access.LevelView))
		b.levels(map[ledger.OwnerID]access.Level{"bob": access.LevelView, "carl": "", "dora": ""})
		b.joined("bob", "c", "carl")
		b.ok(b.shareAtHome(access.LevelEdit))
		b.levels(map[ledger.OwnerID]access.Level{"bob": access.LevelEdit, "carl": access.LevelEdit, "dora": ""})
		_, err := b.ShareWithHousehold(ctx, access.HouseholdShare{Holder: "bob", Portfolio: "p1", Level: access.LevelView}, entry("bob", audit.HouseholdShared))
		b.kind(err, fault.NotFound) // not his
		_, err = b.UnshareWithHousehold(ctx, "bob", "p1", entry("bob", audit.HouseholdUnshared))
		b.kind(err, fault.NotFound)

		h, err := b.Household(ctx, "carl")
		b.ok(err)
		people := h.People()
		slices.Sort(people[1:])
		if h.Name != "Home of bob" || h.Founder != "bob" || !slices.Equal(people, []ledger.OwnerID{"bob", "anna", "carl"}) || !slices.Equal(h.Shares, []access.HouseholdShare{{Holder: "anna", Portfolio: "p1", Level: access.LevelEdit}}) {
			t.Errorf("%+v", h)
		}

		b.ok(b.leave("carl"))
		b.levels(map[ledger.OwnerID]access.Level{"bob": access.LevelEdit, "carl": ""})
		_, err = b.UnshareWithHousehold(ctx, "anna", "p1", entry("anna", audit.HouseholdUnshared))
		b.ok(err)
		b.levels(map[ledger.OwnerID]access.Level{"bob": ""})
		b.ok(b.shareAtHome(access.LevelView))
		_, err = b.RemoveMember(ctx, "bob", "a", entry("bob", audit.HouseholdRemoved)) // and with anna goes what is hers
		b.ok(err)
		b.levels(map[ledger.OwnerID]access.Level{"bob": ""})
		_, err = b.Household(ctx, "anna")
		b.kind(err, fault.NotFound)

		b.joined("bob", "a2", "anna")
		b.levels(map[ledger.OwnerID]access.Level{"bob": ""})
		b.ok(b.shareAtHome(access.LevelView))
		_, err = b.ChangeUser(ctx, "anna", identity.ChangeUser{Status: identity.Suspended}, nil)
		b.ok(err)
		b.levels(map[ledger.OwnerID]access.Level{"bob": ""})
		_, err = b.ChangeUser(ctx, "anna", identity.ChangeUser{Status: identity.Active}, nil)
		b.ok(err)
		b.levels(map[ledger.OwnerID]access.Level{"bob": access.LevelView})
		_, err = b.DissolveHousehold(ctx, "anna", entry("anna", audit.HouseholdDissolved))
		b.kind(err, fault.Denied)
		_, err = b.DissolveHousehold(ctx, "bob", entry("bob", audit.HouseholdDissolved))
		b.ok(err)
		b.levels(map[ledger.OwnerID]access.Level{"bob": ""})
		b.emptyOf(householdTables)
	})
}

var householdTables = []string{"households", "household_members", "household_links", "household_portfolios", "memberships"}

func (b *bench) emptyOf(tables []string) {
	b.t.Helper()
	for _, table := range tables {
		if n := b.count(`SELECT COUNT(*) FROM ` + table); n != 0 {
			b.t.Errorf("%d rows of %s are left", n, table)
		}
	}
}

// Who has a portfolio in two ways has it in the way that gives more, and loses only what is taken back.
func TestHouseholdAndGrantGiveTheHigher(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.sharing()
		b.ok(b.found("anna"))
		b.joined("anna", "b", "bob")
		b.given("g", access.LevelView, "bob")
		for _, level := range []access.Level{access.LevelPercentages, access.LevelEdit} {
			b.ok(b.shareAtHome(level))
			want := access.LevelView
			if level.Above(want) {
				want = level
			}
			b.levels(map[ledger.OwnerID]access.Level{"bob": want})
		}
		_, err := b.DeleteGrant(t.Context(), "anna", "p1", "g", func(access.Grant) error { return nil }, entry("anna", audit.GrantTakenBack))
		b.ok(err)
		b.levels(map[ledger.OwnerID]access.Level{"bob": access.LevelEdit})
		b.given("g2", access.LevelView, "bob")
		b.ok(b.leave("bob"))
		b.levels(map[ledger.OwnerID]access.Level{"bob": access.LevelView})
	})
}

// A household has bounds, one founder who alone lets people in and out, and everybody is in one at most.
func TestHouseholdIsBounded(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.sharing()
		_, err := b.invite("anna", "none")
		b.kind(err, fault.NotFound)
		b.ok(b.found("anna"))
		b.kind(b.found("anna"), fault.Conflict)
		b.joined("anna", "b", "bob")
		b.kind(b.found("bob"), fault.Conflict)
		_, err = b.invite("bob", "his")
		b.kind(err, fault.Denied)
		_, err = b.RemoveMember(ctx, "bob", "m-anna", entry("bob", audit.HouseholdRemoved))
		b.kind(err, fault.Denied)
		_, err = b.RemoveMember(ctx, "anna", "m-anna", entry("anna", audit.HouseholdRemoved))
		b.kind(err, fault.Conflict)
		b.kind(b.leave("anna"), fault.Conflict)
		b.kind(b.leave("carl"), fault.NotFound)

		link, err := b.invite("anna", "c")
		b.ok(err)
		b.kind(b.join(link, "bob"), fault.Conflict)
		b.kind(b.join(identity.TokenHash{1}, "carl"), fault.NotFound)
		b.clock.advance(access.OfferAgeMax)
		b.kind(b.join(link, "carl"), fault.NotFound)
		b.clock.advance(-access.OfferAgeMax)
		_, err = b.ChangeUser(ctx, "anna", identity.ChangeUser{Status: identity.Suspended}, nil)
		b.ok(err)
		b.kind(b.join(link, "carl"), fault.NotFound)
		_, err = b.ChangeUser(ctx, "anna", identity.ChangeUser{Status: identity.Active}, nil)
		b.ok(err)
		taken, err := b.invite("anna", "d")
		b.ok(err)
		_, err = b.RemoveMember(ctx, "anna", "d", entry("anna", audit.HouseholdRemoved))
		b.ok(err)
		b.kind(b.join(taken, "carl"), fault.NotFound)
		b.ok(b.join(link, "carl"))

		var full error
		for i := range access.MembersMax - 2 {
			_, full = b.invite("anna", fmt.Sprint("more ", i))
		}
		b.kind(full, fault.TooLarge)
	})
}

// One link that many show at once lets one in, and one person who shows many at once is in one household.
func TestHouseholdLinkIsTakenOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.sharing()
		b.user("dora")
		b.ok(b.found("anna"))
		b.ok(b.found("dora"))
		one, err := b.invite("anna", "one")
		b.ok(err)
		other, err := b.invite("dora", "other")
		b.ok(err)
		links := []identity.TokenHash{one, other}
		results := make([]error, 20)
		var group sync.WaitGroup
		for i := range results {
			group.Go(func() { results[i] = b.join(links[i%2], []ledger.OwnerID{"bob", "carl"}[i/2%2]) })
		}
		group.Wait()
		in := 0
		for _, err := range results {
			if err == nil {
				in++
			} else if !fault.Is(err, fault.Conflict) {
				b.kind(err, fault.NotFound)
			}
		}
		anna, err := b.Household(t.Context(), "anna")
		b.ok(err)
		dora, err := b.Household(t.Context(), "dora")
		b.ok(err)
		if in != 2 || len(anna.People()) != 2 || len(dora.People()) != 2 || anna.People()[1] == dora.People()[1] {
			t.Errorf("%d got in: %v, %v", in, anna.People(), dora.People())
		}
	})
}

// With a member goes what is theirs, with the founder the household, and a founder who stays has it in their log.
func TestErasingTakesOutOfTheHousehold(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.sharing()
		b.ok(b.found("bob"))
		b.joined("bob", "a", "anna")
		b.joined("bob", "c", "carl")
		_, err := b.invite("bob", "d")
		b.ok(err)
		b.ok(b.shareAtHome(access.LevelView))
		b.ok(b.EraseUser(t.Context(), "anna", entry("root", audit.UserErased)))
		h, err := b.Household(t.Context(), "carl")
		b.ok(err)
		if !slices.Equal(h.People(), []ledger.OwnerID{"bob", "carl"}) || len(h.Shares) != 0 {
			t.Errorf("%+v", h)
		}
		rows, err := b.AuditsBefore(t.Context(), "bob", 1<<40, 1)
		b.ok(err)
		if len(rows) != 1 || rows[0].Action != audit.HouseholdLeft || rows[0].Object != "a" || rows[0].Actor != "root" {
			t.Errorf("bob's log ends with %+v", rows)
		}
		b.ok(b.EraseUser(t.Context(), "bob", entry("root", audit.UserErased)))
		_, err = b.Household(t.Context(), "carl")
		b.kind(err, fault.NotFound)
		b.emptyOf(householdTables)
	})
}
