package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/identity"
)

// Another address takes the password again, a link that went there, and whoever follows it, signed in or not.
func TestAddressesAreChangedByTheirLinks(t *testing.T) {
	h, waiting := newPostOffice(t)
	own := func() EmailAddress {
		return into[EmailAddress](h.ask("ann", "GET", "/api/v1/me/email", "").is(http.StatusOK))
	}
	if a := own(); a.Email != "ann@example.com" || a.ConfirmedAt == nil || !a.Mail {
		t.Fatalf("%+v", a)
	}
	a := h.ask("ann", "POST", "/api/v1/me/email", `{"email":"Ann@New.example"}`).is(http.StatusAccepted)
	link := linkOf(t, waiting(), audit.MailConfirmEmail)
	if strings.Contains(a.Body.String()+h.log.String(), link) {
		t.Error("the link is told to somebody else")
	}
	if mails := waiting(); mails[0].Mail.Address != "ann@new.example" || own().Email != "ann@example.com" {
		t.Errorf("%+v, %+v", mails, own())
	}
	h.ask("", "POST", "/api/v1/email/confirm", `{"token":"owner-bob`+strings.TrimPrefix(link, "owner-ann")+`"}`).problem(http.StatusNotFound, "not_found")
	h.ask("", "POST", "/api/v1/email/confirm", `{"token":"`+link+`"}`).is(http.StatusNoContent)
	h.ask("", "POST", "/api/v1/email/confirm", `{"token":"`+link+`"}`).problem(http.StatusNotFound, "not_found")
	if own().Email != "ann@new.example" {
		t.Errorf("%+v", own())
	}
	h.ask("ann", "POST", "/api/v1/me/email", `{"email":"none"}`).problem(http.StatusUnprocessableEntity, "invalid")
	h.clock.advance(identity.StepUpAgeMax)
	if p := h.ask("ann", "POST", "/api/v1/me/email", `{"email":"ann@third.example"}`).problem(http.StatusForbidden, "denied"); p.StepUp != "password" {
		t.Errorf("%+v", p)
	}
	h.ask("", "POST", "/api/v1/me/email", `{"email":"ann@third.example"}`).problem(http.StatusUnauthorized, "unauthenticated")
}
