package access

import (
	"testing"

	"folioscope/internal/identity"
)

// The whole table once more, written by hand the other way round: per role what it may do with its own, with another's and
// with nobody's things. A change of a rule has to be made in both.
func TestMayAgreesWithTheMatrix(t *testing.T) {
	open := []Action{ReadHealth, ReadDescription, SignIn, AcceptInvitation}
	mine := []Action{ListPortfolios, CreatePortfolio, ReadPortfolio, ChangePortfolio, WriteActivities}
	matrix := map[identity.Role]struct{ own, foreign []Action }{
		"": {own: nil, foreign: nil},
		identity.RoleUser: {
			own:     mine,
			foreign: []Action{SignOut, ReadSelf, ReadInstruments, CreateInstrument, RefreshInstrument},
		},
		identity.RoleAdviser: {
			own:     mine,
			foreign: []Action{SignOut, ReadSelf, ReadInstruments, CreateInstrument, RefreshInstrument},
		},
		identity.RoleAuditor: {
			own:     mine,
			foreign: []Action{SignOut, ReadSelf, ReadInstruments, RefreshInstrument},
		},
		identity.RoleAdmin: {
			own: mine,
			foreign: []Action{SignOut, ReadSelf, ReadInstruments, CreateInstrument, RefreshInstrument, ListUsers, InviteUser, KeepInstruments, ReadQuarantine, DecideQuarantine,
				ReadSources, TestSource, ReadCalendar, ChangeCalendar},
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
