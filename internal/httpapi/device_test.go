package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/notify"
)

// deviceOf is the cookie by which an answer has the browser remembered; nil where there is none.
func deviceOf(a *reply) *http.Cookie {
	for _, cookie := range a.Result().Cookies() {
		if cookie.Name == secureCookie+"-device" {
			return cookie
		}
	}
	return nil
}

func bringing(device *http.Cookie) with {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: device.Name, Value: device.Value}) }
}

// A browser that signed in once is known: only another one is told of, to whom it happened and to nobody else.
func TestASignInWithAnotherBrowserIsTold(t *testing.T) {
	h, waiting := newPostOffice(t)
	told := func(want int) []notify.Delivery {
		t.Helper()
		all := waiting()
		if len(all) != want {
			t.Fatalf("%d mails, want %d: %+v", len(all), want, all)
		}
		return all
	}
	first := deviceOf(h.signIn("desk", "ann@example.com", "").is(http.StatusOK))
	if first == nil || !first.HttpOnly || !first.Secure || first.SameSite != http.SameSiteLaxMode || first.Path != "/" || first.Domain != "" ||
		first.MaxAge != int(identity.DeviceAgeMax.Seconds()) {
		t.Fatalf("cookie %+v", first)
	}
	if again := deviceOf(h.signIn("desk", "ann@example.com", "", bringing(first)).is(http.StatusOK)); again.Value != first.Value {
		t.Error("the browser is to be remembered by something else")
	}
	told(0)
	h.signIn("phone", "ann@example.com", "", header("User-Agent", "Mozilla/5.0 (iPhone; CPU) Version/18 Safari/604.1")).is(http.StatusOK)
	mail := told(1)[0].Mail
	if mail.Kind != audit.MailNewDevice || mail.Address != "ann@example.com" || !strings.HasPrefix(mail.What, "Safari on iPhone") {
		t.Errorf("%+v", mail)
	}
	h.signIn("bob", "bob@example.com", "").is(http.StatusOK)
	h.signIn("bob", "bob@example.com", "", bringing(first)).is(http.StatusOK)
	if mail := told(2)[0].Mail; mail.Address != "bob@example.com" {
		t.Errorf("%+v", mail)
	}
	h.ask("", "POST", "/api/v1/session", `{"email":"ann@example.com","password":"not the password"}`).is(http.StatusUnauthorized)
	told(2)
	// It signs nobody in, and what isn't a sign-in sets none.
	h.ask("", "GET", "/api/v1/me", "", bringing(first)).problem(http.StatusUnauthorized, "unauthenticated")
	h.people["device as session"] = &person{cookie: first.Value}
	h.ask("device as session", "GET", "/api/v1/me", "").problem(http.StatusUnauthorized, "unauthenticated")
	if stepped := h.ask("desk", "POST", "/api/v1/session/step-up", `{"password":"`+housePassword+`"}`).is(http.StatusOK); deviceOf(stepped) != nil {
		t.Error("a step-up is no sign-in")
	}
	if strings.Contains(h.log.String(), first.Value) {
		t.Error("what a browser is remembered by is in the log")
	}
}
