package natsbus

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"folioscope/internal/bus"
	"folioscope/internal/bus/bustest"
	"folioscope/internal/certificate"
	"folioscope/internal/certificate/certificatetest"
	"folioscope/internal/fault"
)

// mutual is the TLS of a node with a certificate of one authority that believes another, which is mostly the same.
func mutual(t *testing.T, issued, believed *certificatetest.Authority) *tls.Config {
	t.Helper()
	cert, key := issued.Files(t, "127.0.0.1")
	files, err := certificate.Open(cert, key, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return files.Mutual(believed.Pool())
}

// freeAddress is where nobody listens yet.
func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	return free.Addr().String()
}

// heard is what a node hears of a subject.
type heard struct {
	mu       sync.Mutex
	messages map[string]bool
	gaps     int
}

func hear(t *testing.T, b *Bus, subject string) *heard {
	t.Helper()
	h := &heard{messages: map[string]bool{}}
	stop, err := b.Subscribe(subject, func(_ string, payload []byte) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.messages[string(payload)] = true
	}, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.gaps++
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return h
}

func (h *heard) has(message string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.messages[message]
}

func (h *heard) gapsNow() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gaps
}

// eventually waits for what nodes do by themselves.
func eventually(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !reached(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// crosses publishes at one node until another hears it: routes are made beside everything else.
func crosses(t *testing.T, from *Bus, to *heard, name string) {
	t.Helper()
	n := 0
	eventually(t, name, func() bool {
		n++
		if err := from.Publish(t.Context(), "test.a", fmt.Appendf(nil, "%s %d", name, n)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
		return to.has(fmt.Sprintf("%s %d", name, n))
	})
}

// One node of a cluster is a bus like any other.
func TestClusterOfOne(t *testing.T) {
	authority := certificatetest.NewAuthority(t)
	bustest.Run(t, bustest.Fixture{Open: func(t *testing.T) bus.Bus {
		return open(t, Options{Name: "alone", Cluster: &Cluster{Listen: "127.0.0.1:0", TLS: mutual(t, authority, authority)}})
	}})
}

// Two nodes exchange hints over TLS with certificates on both sides; whoever has none of the right authority, or trusts another, hears
// nothing and is heard by nobody.
func TestOnlyNodesWithTheRightCertificateJoin(t *testing.T) {
	authority, stranger := certificatetest.NewAuthority(t), certificatetest.NewAuthority(t)
	addresses := []string{freeAddress(t), freeAddress(t)}
	join := func(name, listen string, config *tls.Config) *Bus {
		t.Helper()
		b := open(t, Options{Name: name, Cluster: &Cluster{Listen: listen, Routes: addresses, TLS: config}})
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Errorf("close %s: %v", name, err)
			}
		})
		return b
	}
	one, two := join("one", addresses[0], mutual(t, authority, authority)), join("two", addresses[1], mutual(t, authority, authority))
	atOne, atTwo := hear(t, one, "test.a"), hear(t, two, "test.a")
	crosses(t, one, atTwo, "from one to two")
	crosses(t, two, atOne, "from two to one")

	noCertificate := mutual(t, authority, authority)
	noCertificate.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil }
	refused := map[string]*Bus{
		"with a certificate of another authority":          join("stranger", "127.0.0.1:0", mutual(t, stranger, authority)),
		"that shows no certificate":                        join("nameless", "127.0.0.1:0", noCertificate),
		"that believes another authority":                  join("gullible", "127.0.0.1:0", mutual(t, authority, stranger)),
		"without TLS":                                      join("plain", "127.0.0.1:0", nil),
		"with a name that another has, and no right to it": join("one", "127.0.0.1:0", mutual(t, stranger, stranger)),
	}
	outside := map[string]*heard{}
	for what, b := range refused {
		outside[what] = hear(t, b, "test.a")
	}
	// Each tries to join once a second: after some tries of theirs the two still hear each other, and nobody else.
	end := time.Now().Add(3 * time.Second)
	for n := 0; time.Now().Before(end); n++ {
		for what, b := range refused {
			if err := b.Publish(t.Context(), "test.a", []byte("a node "+what)); err != nil {
				t.Fatal(err)
			}
		}
		crosses(t, one, atTwo, fmt.Sprintf("still there %d", n))
	}
	for what, b := range refused {
		if atOne.has("a node "+what) || atTwo.has("a node "+what) {
			t.Errorf("a node %s is heard", what)
		}
		outside[what].mu.Lock()
		for message := range outside[what].messages {
			if message != "a node "+what {
				t.Errorf("a node %s hears %q", what, message)
			}
		}
		outside[what].mu.Unlock()
		if routes := b.embedded.NumRoutes(); routes != 0 {
			t.Errorf("a node %s has %d routes", what, routes)
		}
	}
}

// A node that ended and came back is in again, and the others are told that they missed something.
func TestANodeComesBack(t *testing.T) {
	authority := certificatetest.NewAuthority(t)
	addresses := []string{freeAddress(t), freeAddress(t)}
	node := func(i int) *Bus {
		return open(t, Options{Name: fmt.Sprint("node", i), Cluster: &Cluster{Listen: addresses[i], Routes: addresses, TLS: mutual(t, authority, authority)}})
	}
	stays, goes := node(0), node(1)
	defer stays.Close()
	here := hear(t, stays, "test.a")
	crosses(t, goes, here, "before")
	eventually(t, "a gap when the route was there", func() bool { return here.gapsNow() > 0 })
	before := here.gapsNow()
	if err := goes.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a gap when the route ended", func() bool { return here.gapsNow() > before })
	before = here.gapsNow()
	back := node(1)
	defer back.Close()
	crosses(t, back, here, "after")
	eventually(t, "a gap when the route was there again", func() bool { return here.gapsNow() > before })
}

// The port that a joined server has on loopback for clients lets none in but its own process.
func TestNobodyElseOnTheMachineListens(t *testing.T) {
	b := open(t, Options{Name: "one", Cluster: &Cluster{Listen: "127.0.0.1:0"}})
	defer b.Close()
	address := b.embedded.Addr()
	if host, _, err := net.SplitHostPort(address.String()); err != nil || host != "127.0.0.1" {
		t.Fatalf("clients at %s", address)
	}
	conn, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "CONNECT {\"auth_token\":\"guess\"}\r\nSUB > 1\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(conn) // until it is cut off
	if err != nil || !strings.Contains(string(said), "Authorization Violation") || strings.Contains(string(said), "PONG") {
		t.Errorf("answered %q, %v", said, err)
	}
}

func TestAPortThatIsTakenIsSaid(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = Open(t.Context(), Options{Name: "one", Cluster: &Cluster{Listen: taken.Addr().String()}})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "already in use") {
		t.Errorf("%v", err)
	}
	if _, err := Open(t.Context(), Options{Name: "one", Cluster: &Cluster{Listen: "6222"}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("no address: %v", err)
	}
}
