//go:build unix

package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/engine/enginetest"
	"folioscope/internal/ledger"
	"folioscope/internal/money"
	"folioscope/internal/notify/notifytest"
	"folioscope/internal/webhook"
)

// arrival is a message that came to a receiver.
type arrival struct {
	id           string // the same in every try
	at           time.Time
	acknowledged bool // the sender got to know that it came
}

// arrivals are those of one channel, by what they tell of.
type arrivals map[enginetest.Crossing][]arrival

// counts is how often each crossing came, and was said to have come.
func (a arrivals) counts() map[enginetest.Crossing]int {
	told := make(map[enginetest.Crossing]int, len(a))
	for crossing, all := range a {
		for _, one := range all {
			if one.acknowledged {
				told[crossing]++
			}
		}
	}
	return told
}

// conduct is how a webhook's receiver answers.
type conduct int

const (
	takes  conduct = iota
	fails          // 500
	hangs          // reads and never answers
	resets         // reads, and ends the connection
	conductsCount
)

// hookSecret signs the messages to all webhooks.
const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// hooks are real receivers of people's signed webhooks, on some hosts. An owner's address ends in their id.
type hooks struct {
	urls    []string
	secrets webhook.Secrets

	mu      sync.Mutex
	conduct conduct
	came    arrivals
	strange []string // what can't be one of ours
}

func startHooks(t testing.TB, hosts int) *hooks {
	t.Helper()
	h := &hooks{came: make(arrivals)}
	var err error
	if h.secrets, err = webhook.ParseSecrets(hookSecret); err != nil {
		t.Fatal(err)
	}
	for range hosts {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		h.urls = append(h.urls, server.URL)
	}
	return h
}

// behave says how all receivers answer from now on.
func (h *hooks) behave(c conduct) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conduct = c
}

// ServeHTTP implements http.Handler.
func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch h.take(r) {
	case takes:
		w.WriteHeader(http.StatusNoContent)
	case fails:
		w.WriteHeader(http.StatusInternalServerError)
	case hangs:
		<-r.Context().Done()
	default:
		panic(http.ErrAbortHandler)
	}
}

// take notes what came.
func (h *hooks) take(r *http.Request) conduct {
	h.mu.Lock()
	c := h.conduct
	h.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil { // its sender was killed before it had sent all
		return takes
	}
	id, crossing, err := h.read(r, body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.strange = append(h.strange, fmt.Sprintf("%v: %s", err, body))
		return takes
	}
	h.came[crossing] = append(h.came[crossing], arrival{id, time.Now(), c == takes})
	return c
}

func (h *hooks) read(r *http.Request, body []byte) (id string, crossing enginetest.Crossing, err error) {
	if id, err = h.secrets.Verify(r.Header, body, time.Now()); err != nil {
		return "", crossing, err
	}
	var said struct {
		ID, Title string
		At        time.Time
		Value     money.Decimal
	}
	if err := json.Unmarshal(body, &said); err != nil || said.ID != id {
		return "", crossing, fmt.Errorf("of message %s: %w", id, err)
	}
	return id, enginetest.CrossingOf(ledger.OwnerID(strings.TrimPrefix(r.URL.Path, "/")), alert.RuleID(said.Title), said.Value, said.At), nil
}

// all gives what came so far.
func (h *hooks) all(t testing.TB) arrivals {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.strange) > 0 {
		t.Fatalf("%d strange messages, the first: %s", len(h.strange), h.strange[0])
	}
	came := make(arrivals, len(h.came))
	for crossing, all := range h.came {
		came[crossing] = append([]arrival(nil), all...)
	}
	return came
}

// mailed gives what came by mail so far.
func mailed(t testing.TB, server *notifytest.Server) arrivals {
	t.Helper()
	came := make(arrivals)
	for _, m := range server.Received() {
		crossing, err := readMail(m)
		if err != nil {
			t.Fatalf("a strange mail: %v\n%s", err, m.Text)
		}
		came[crossing] = append(came[crossing], arrival{m.Header.Get("Message-Id"), m.At, !m.Unsaid})
	}
	return came
}

// readMail finds in a mail's words what a person would.
func readMail(m notifytest.Mail) (enginetest.Crossing, error) {
	var value money.Decimal
	var at time.Time
	for line := range strings.Lines(m.Text) {
		line = strings.TrimSpace(line)
		if number, ok := strings.CutPrefix(line, "Now "); ok {
			var err error
			if value, err = money.Parse(strings.TrimSuffix(number, "\u00a0USD")); err != nil {
				return enginetest.Crossing{}, err
			}
		} else if read, err := time.Parse("2 Jan 2006, 15:04 MST", line); err == nil {
			at = read
		}
	}
	if at.IsZero() {
		return enginetest.Crossing{}, fmt.Errorf("no time in a mail to %s", m.To)
	}
	owner, _, _ := strings.Cut(m.To, "@")
	return enginetest.CrossingOf(ledger.OwnerID(owner), alert.RuleID(m.Header.Get("Subject")), value, at), nil
}
