//go:build unix

package app

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"folioscope/internal/identity"
)

// Two nodes that no bus connects: what was shared and is taken back, lowered, over, given back, or of somebody who was suspended or
// erased, is refused on the other node within a second, and the streams that show it end within one, on both.
func TestWhatWasSharedEndsOnEveryNode(t *testing.T) {
	t.Parallel()
	settings, urls := newNodes(t, 2)
	const guestEmail = "guest@example.test"
	beside(t, settings, func(people *identity.Service) error {
		_, err := people.CreateUser(t.Context(), identity.NewUser{Email: guestEmail, Name: "Guest", Role: identity.RoleUser, Password: personPassword})
		return err
	})
	me, guest := signIn(t, urls[0]), signInAs(t, urls[1], guestEmail)
	path := me.portfolio("Shared")
	status := func(status identity.Status) {
		beside(t, settings, func(people *identity.Service) error {
			_, err := people.ChangeUserOf(t.Context(), personEmail, identity.ChangeUser{Status: status})
			return err
		})
	}
	var ends time.Time
	for _, c := range []struct {
		name    string
		refusal int
		end     func(grant string)
	}{
		{"taken back", http.StatusNotFound, func(grant string) { me.must("DELETE", grant, nil, nil) }},
		{"lowered", http.StatusForbidden, func(grant string) { me.must("PATCH", grant, map[string]string{"level": "percentages"}, nil) }},
		{"given back", http.StatusNotFound, func(string) { guest.must("DELETE", path+"/share", nil, nil) }},
		{"over", http.StatusNotFound, func(string) { time.Sleep(time.Until(ends)) }},
		{"of somebody suspended", http.StatusNotFound, func(string) { status(identity.Suspended) }},
		{"of somebody erased", http.StatusNotFound, func(string) {
			beside(t, settings, func(people *identity.Service) error { return people.EraseUserOf(t.Context(), personEmail) })
		}},
	} {
		var offer struct{ ID, URL string }
		body := map[string]any{"level": "view", "email": guestEmail}
		if c.name == "over" {
			ends = time.Now().Add(6 * time.Second) // longer than the three requests before take
			body["expires_at"] = ends
		}
		me.must("POST", path+"/grants", body, &offer)
		guest.must("POST", "/api/v1/grants/accept", map[string]string{"token": filepath.Base(offer.URL)}, nil)
		there := guest.at(urls[0])
		there.must("GET", path, nil, nil)
		guest.must("GET", path, nil, nil)
		here, elsewhere := guest.opened(path), there.opened(path)
		c.end(path + "/grants/" + offer.ID)
		there.dead(c.name, path, c.refusal, time.Now(), here, elsewhere)
		if c.name == "of somebody suspended" {
			status(identity.Active)
			me = signIn(t, urls[0])
		}
	}
}

// What a household sees ends for its members on every node within a second, in each of the ways that it may.
func TestHouseholdEndsOnEveryNode(t *testing.T) {
	t.Parallel()
	settings, urls := newNodes(t, 2)
	const guestEmail = "guest@example.test"
	beside(t, settings, func(people *identity.Service) error {
		_, err := people.CreateUser(t.Context(), identity.NewUser{Email: guestEmail, Name: "Guest", Role: identity.RoleUser, Password: personPassword})
		return err
	})
	me, guest := signIn(t, urls[0]), signInAs(t, urls[1], guestEmail)
	path := me.portfolio("Shared")
	const home = "/api/v1/household"
	for _, c := range []struct {
		name    string
		refusal int
		end     func(invitation string)
	}{
		{"lowered", http.StatusForbidden, func(string) { me.must("PUT", path+"/household", map[string]string{"level": "percentages"}, nil) }},
		{"unshared", http.StatusNotFound, func(string) { me.must("DELETE", path+"/household", nil, nil) }},
		{"left", http.StatusNotFound, func(string) { guest.must("DELETE", home+"/membership", nil, nil) }},
		{"removed", http.StatusNotFound, func(invitation string) { me.must("DELETE", home+"/members/"+invitation, nil, nil) }},
		{"dissolved", http.StatusNotFound, func(string) { me.must("DELETE", home, nil, nil) }},
	} {
		me.must("POST", home, map[string]string{"name": "Home"}, nil)
		var invitation struct{ ID, URL string }
		me.must("POST", home+"/invitations", nil, &invitation)
		guest.must("POST", home+"/join", map[string]string{"token": filepath.Base(invitation.URL)}, nil)
		me.must("PUT", path+"/household", map[string]string{"level": "view"}, nil)
		there := guest.at(urls[0])
		there.must("GET", path, nil, nil)
		guest.must("GET", path, nil, nil)
		here, elsewhere := guest.opened(path), there.opened(path)
		c.end(invitation.ID)
		there.dead(c.name, path, c.refusal, time.Now(), here, elsewhere)
		if c.name != "dissolved" {
			me.must("DELETE", home, nil, nil)
		}
	}
}
