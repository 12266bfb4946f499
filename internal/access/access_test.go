package access

import (
	"testing"

	"folioscope/internal/identity"
)

// The whole table once more, written by hand the other way round: per role what it may do with its own, with another's and
// with nobody's things. A change of a rule has to be made in both.
func TestMayAgreesWithTheMatrix(t *testing.T) {
	open := []Action{ReadHealth, ReadDescription, SignIn, AcceptInvitation, OpenLink, Recover, ConfirmEmail}
	mine := []Action{ReadAccount, EnrolFactor, ChangeAccount, ListPortfolios, CreatePortfolio, ReadPercentages, ReadPortfolio, ChangePortfolio, WriteActivities,
		ManageLinks, ManageGrants, EntrustGrants, ReadOwnAudit, EraseSelf, ReadHousehold, ChangeHousehold, ShareAtHome, ReadAlerts, WriteAlerts, ReadNotices, ManageChannels}
	matrix := map[identity.Role]struct{ own, foreign []Action }{
		"": {own: nil, foreign: nil},
		identity.RoleUser: {
			own:     mine,
			foreign: []Action{SignOut, StepUp, ReadSelf, AcceptGrant, ReadInstruments, CreateInstrument, RefreshInstrument},
		},
		identity.RoleAdviser: {
			own:     mine,
			foreign: []Action{SignOut, StepUp, ReadSelf, AcceptGrant, ReadInstruments, CreateInstrument, RefreshInstrument},
		},
		identity.RoleAuditor: {
			own:     mine,
			foreign: []Action{SignOut, StepUp, ReadSelf, AcceptGrant, ReadInstruments, RefreshInstrument, ReadAudit, ExportAudit},
		},
		identity.RoleAdmin: {
			own: mine,
			foreign: []Action{SignOut, StepUp, ReadSelf, AcceptGrant, ReadInstruments, CreateInstrument, RefreshInstrument, ListUsers, InviteUser, KeepInstruments, ReadQuarantine, DecideQuarantine,
				ReadSources, TestSource, ReadCalendar, ChangeCalendar, ReadAudit, ExportAudit, ChangeUser, SignOutUser, EraseUser, ReadMail, ReadStatus, QuietTrouble},
		},
		"root": {},
	}
	for role, may := range matrix {
		subject := Subject{Owner: "me", Role: role}
		if role == "" {
			subject = Subject{}
		}
		foreign, own := set(open, may.foreign), set(open, may.foreign, may.own)
		for _, action := range append(Actions(), "no.such.action") {
			if got := May(subject, action, Resource{Owner: "me"}).Allowed; got != own[action] {
				t.Errorf("%q may %s own: %v, want %v", role, action, got, own[action])
			}
			for _, owner := range []Resource{{Owner: "somebody else"}, {}} {
				if got := May(subject, action, owner).Allowed; got != foreign[action] {
					t.Errorf("%q may %s of %q: %v, want %v", role, action, owner.Owner, got, foreign[action])
				}
			}
		}
	}
}

// What an owner gave somebody lets them do that much, whatever their role, and not a thing more; with what was given to nobody, or is no
// level, they are as strangers.
func TestLevelsHoldWhatIsBelowThem(t *testing.T) {
	rising := []struct {
		level Level
		adds  []Action
	}{
		{LevelPercentages, []Action{ReadPercentages, LeavePortfolio}},
		{LevelView, []Action{ReadPortfolio}},
		{LevelEdit, []Action{WriteActivities}},
		{LevelManage, []Action{ChangePortfolio, ManageGrants}},
	}
	for _, role := range roles {
		subject := Subject{Owner: "me", Role: role}
		may := map[Action]bool{}
		for _, action := range Actions() {
			may[action] = May(subject, action, Resource{Owner: "other"}).Allowed
		}
		for _, step := range rising {
			for _, action := range step.adds {
				if may[action] {
					t.Errorf("%s may %s before it was given", role, action)
				}
				may[action] = true
			}
			for _, action := range Actions() {
				if got := May(subject, action, Resource{Owner: "other", Granted: step.level}).Allowed; got != may[action] {
					t.Errorf("%s given %s may %s: %v, want %v", role, step.level, action, got, may[action])
				}
			}
		}
		for _, action := range Actions() {
			for _, level := range []Level{LevelOwn, "owner", "View"} {
				if got, stranger := May(subject, action, Resource{Owner: "other", Granted: level}), May(subject, action, Resource{Owner: "other"}); got != stranger {
					t.Errorf("%s given %q may %s: %+v", role, level, action, got)
				}
			}
		}
	}
}

func set(groups ...[]Action) map[Action]bool {
	all := map[Action]bool{}
	for _, group := range groups {
		for _, action := range group {
			all[action] = true
		}
	}
	return all
}

func TestMaySaysWhoShouldSignIn(t *testing.T) {
	if d := May(Subject{}, ReadPortfolio, Resource{}); d.Allowed || !d.SignIn {
		t.Fatalf("signed out: %+v", d)
	}
	if d := May(Subject{Owner: "me", Role: identity.RoleUser}, ListUsers, Resource{}); d.Allowed || d.SignIn {
		t.Fatalf("user as admin: %+v", d)
	}
}

// A token never may more than its owner in a browser, and only what its scopes name.
func TestTokensAreBoundedByRoleAndScope(t *testing.T) {
	all := []identity.Scopes{identity.ScopeRead, identity.ScopeWrite, identity.ScopeAdmin, identity.ScopeRead | identity.ScopeWrite, identity.ScopeRead | identity.ScopeWrite | identity.ScopeAdmin}
	read := []Action{ReadSelf, ListPortfolios, ReadPercentages, ReadPortfolio, ReadInstruments, ReadAlerts, ReadNotices}
	write := []Action{CreatePortfolio, ChangePortfolio, WriteActivities, CreateInstrument, RefreshInstrument, WriteAlerts}
	admin := []Action{KeepInstruments, ListUsers, InviteUser, ReadQuarantine, DecideQuarantine, ReadSources, TestSource, ReadCalendar, ChangeCalendar, ReadMail, ReadStatus, QuietTrouble}
	needed := map[Action]identity.Scopes{}
	for scope, actions := range map[identity.Scopes][]Action{identity.ScopeRead: read, identity.ScopeWrite: write, identity.ScopeAdmin: admin} {
		for _, action := range actions {
			needed[action] = scope
		}
	}
	for _, role := range roles {
		for _, action := range Actions() {
			browser := May(Subject{Owner: "me", Role: role}, action, Resource{Owner: "me"}).Allowed
			for _, scope := range all {
				token := May(Subject{Owner: "me", Role: role, Scopes: scope}, action, Resource{Owner: "me"}).Allowed
				want := browser && (Open(action) || scope&needed[action] != 0)
				if token != want {
					t.Errorf("%s with scopes %b may %s: %v, want %v", role, scope, action, token, want)
				}
				other := Resource{Owner: "other"}
				if May(Subject{Owner: "me", Role: role, Scopes: scope}, action, other).Allowed && !May(Subject{Owner: "me", Role: role}, action, other).Allowed {
					t.Errorf("%s with scopes %b may %s of others", role, scope, action)
				}
			}
		}
	}
	for _, action := range []Action{ChangeAccount, ReadAccount, StepUp, SignOut} {
		if May(Subject{Owner: "me", Role: identity.RoleAdmin, Scopes: 0xff}, action, Resource{Owner: "me"}).Allowed {
			t.Errorf("a token may %s", action)
		}
	}
}

// Whoever has to set up a second factor may do that, leave, and nothing else: not with a token either.
func TestEnrollingComesFirst(t *testing.T) {
	may := set([]Action{ReadHealth, ReadDescription, SignIn, AcceptInvitation, OpenLink, Recover, ConfirmEmail, SignOut, StepUp, ReadSelf, ReadAccount, EnrolFactor})
	for _, action := range Actions() {
		if action == ReadByLink || action == ReadAmountsByLink {
			continue // nobody's by their role
		}
		d := May(Subject{Owner: "me", Role: identity.RoleAdmin, MustEnrol: true}, action, Resource{Owner: "me"})
		later := May(Subject{Owner: "me", Role: identity.RoleAdmin}, action, Resource{Owner: "me"}).Allowed
		if d.Allowed != may[action] || d.Enrol != (later && !d.Allowed) {
			t.Errorf("%s: %+v", action, d)
		}
	}
	if May(Subject{Owner: "me", Role: identity.RoleAdmin, MustEnrol: true, Scopes: identity.ScopeRead}, ListPortfolios, Resource{Owner: "me"}).Allowed {
		t.Error("a token goes around it")
	}
}
