package outbound

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"folioscope/internal/fault"
)

// Users' messages go to the public internet and to what is opened for them, by host and port: not elsewhere inside, whatever the settings
// may reach themselves, and nowhere by a redirect.
func TestMessages(t *testing.T) {
	w := newWorld(t)
	posted := 0
	own := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		posted++
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(rw, r, to, http.StatusTemporaryRedirect) // which asks to post again
		}
	}))
	defer own.Close()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("what isn't opened was reached") }))
	defer other.Close()
	ownHost, otherHost := strings.TrimPrefix(own.URL, "http://"), strings.TrimPrefix(other.URL, "http://")
	client := w.outbound(t, Options{Allow: []string{otherHost, "127.0.0.0/8"}, Messages: []string{ownHost}}).Messages()
	defer client.CloseIdleConnections()
	post := func(address string) error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader("{}"))
		if err != nil {
			return err
		}
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		return answer.Body.Close()
	}
	if err := post(own.URL); err != nil || posted != 1 {
		t.Errorf("what is opened: %v, %d posts", err, posted)
	}
	for name, address := range map[string]string{
		"what the settings may reach": other.URL, "redirected there": own.URL + "?to=" + other.URL, "redirected to itself": own.URL + "?to=" + own.URL,
		"redirected to metadata": own.URL + "?to=http://169.254.169.254/", "http elsewhere": "http://example.com/",
	} {
		if err := post(address); !fault.Is(err, fault.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, attack := range attacks {
		if err := ask(t, client, w.fill(attack.address)); err == nil {
			t.Errorf("%s was answered", attack.name)
		}
	}
	if n := w.arrived.Load(); n > 0 {
		t.Errorf("%d connections reached the sink", n)
	}
}

func TestMessagesAreOpenedByHostAndPort(t *testing.T) {
	for _, text := range []string{"ntfy.lan", "10.0.0.0/8", "10.0.0.1", "", "http://ntfy.lan:80"} {
		if _, err := New(Options{Messages: []string{text}}); !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), "outbound.messages: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
