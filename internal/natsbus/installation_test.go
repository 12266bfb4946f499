package natsbus

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"folioscope/internal/natsbus/natstest"
)

// said is a log that is read while it is written.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func inTime(t *testing.T, what string, ok func() bool) {
	t.Helper()
	const patience = 2 * time.Minute
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// Two installations on the same servers don't take each other's hints, and are told of it once. A node of an earlier release says nothing of
// its installation, and is heard.
func TestAnotherInstallationIsNotHeard(t *testing.T) {
	servers := natstest.Start(t)
	log := &said{}
	at := func(name, installation string) *Bus {
		return open(t, Options{URLs: []string{"nats://" + servers.Address}, Name: name, Installation: installation, Log: slog.New(slog.NewTextHandler(log, nil))})
	}
	ours, also, theirs, earlier := at("ours", "aaaa"), at("also", "aaaa"), at("theirs", "bbbb"), at("earlier", "")
	for _, b := range []*Bus{ours, also, theirs, earlier} {
		defer b.Close()
	}
	here, there, before := hear(t, ours, "test.a"), hear(t, theirs, "test.a"), hear(t, earlier, "test.a")
	for _, from := range []struct {
		bus  *Bus
		says string
	}{{theirs, "of theirs"}, {theirs, "again"}, {also, "of ours"}, {earlier, "of before"}} {
		if err := from.bus.Publish(t.Context(), "test.a", []byte(from.says)); err != nil {
			t.Fatal(err)
		}
	}
	inTime(t, "what is ours and what is of before came", func() bool {
		return here.has("of ours") && here.has("of before") && before.has("of theirs") && there.has("of theirs")
	})
	if here.has("of theirs") || there.has("of ours") {
		t.Error("an installation hears the other one")
	}
	inTime(t, "both are told", func() bool { return strings.Count(log.String(), "hints of another installation") >= 2 })
	if n := strings.Count(log.String(), "hints of another installation"); n != 2 {
		t.Errorf("it is said %d times", n)
	}
}

func TestWhatMendsTheBus(t *testing.T) {
	for trouble, want := range map[string]string{
		"127.0.0.1:4248 - rid:12 - TLS route handshake error: tls: failed to verify certificate: x509: certificate signed by unknown authority": "nats.tls",
		"Error trying to connect to route (attempt 1): dial tcp 10.0.0.9:4248: connect: connection refused":                                     "nats.cluster.routes",
		"Error trying to connect to route (attempt 1): lookup nowhere.example: no such host":                                                    "nats.cluster.routes",
		"something else": "",
	} {
		if got := mends(trouble); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q", trouble, got)
		}
	}
}
