package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"folioscope/internal/fault"
)

// attacks are addresses that a user could name to reach inside, {port} being the sink's and {public} a server's on the internet, which
// redirects to whatever its path says. Two of them look public at first, and fail in the attempt.
var attacks = []struct{ name, address string }{
	{"loopback", "https://127.0.0.1:{port}/"},
	{"loopback, usual port", "https://127.0.0.1/"},
	{"loopback, another number", "https://127.8.7.6:{port}/"},
	{"loopback, short", "https://127.1:{port}/"},
	{"loopback, three parts", "https://127.0.1:{port}/"},
	{"loopback, one decimal number", "https://2130706433:{port}/"},
	{"loopback, one octal number", "https://017700000001:{port}/"},
	{"loopback, one hex number", "https://0x7f000001:{port}/"},
	{"loopback, octal parts", "https://0177.0.0.1:{port}/"},
	{"loopback, hex parts", "https://0x7f.0x0.0x0.0x1:{port}/"},
	{"loopback, a hex part at the end", "https://127.0.0.0x1:{port}/"},
	{"loopback, zeros before", "https://127.000.000.001:{port}/"},
	{"loopback, point at the end", "https://127.0.0.1.:{port}/"},
	{"loopback, escaped", "https://%31%32%37.0.0.1:{port}/"},
	{"loopback, fullwidth digits", "https://１２７.０.０.１:{port}/"},
	{"loopback, circled digits", "https://①②⑦.⓪.⓪.①:{port}/"},
	{"loopback, ideographic points", "https://127。0。0。1:{port}/"},
	{"too large a number", "https://4294967297:{port}/"},
	{"localhost", "https://localhost:{port}/"},
	{"localhost, point at the end", "https://localhost.:{port}/"},
	{"localhost, capitals", "https://LOCALHOST:{port}/"},
	{"localhost, long s", "https://localhoſt:{port}/"},
	{"below localhost", "https://api.localhost:{port}/"},
	{"IPv6 loopback", "https://[::1]:{port}/"},
	{"IPv6 loopback, long", "https://[0:0:0:0:0:0:0:1]:{port}/"},
	{"IPv6, IPv4 mapped", "https://[::ffff:127.0.0.1]:{port}/"},
	{"IPv6, IPv4 mapped, hex", "https://[::ffff:7f00:1]:{port}/"},
	{"IPv6, IPv4 compatible", "https://[::127.0.0.1]:{port}/"},
	{"IPv6, translator", "https://[64:ff9b::7f00:1]:{port}/"},
	{"IPv6, local translator", "https://[64:ff9b:1::7f00:1]:{port}/"},
	{"IPv6, 6to4", "https://[2002:7f00:1::]:{port}/"},
	{"IPv6, Teredo", "https://[2001:0:7f00:1::80ff:fffe]:{port}/"},
	{"IPv6, unspecified", "https://[::]:{port}/"},
	{"IPv6, link-local with a zone", "https://[fe80::1%25lo]:{port}/"},
	{"IPv6, unique local", "https://[fd12:3456::1]:{port}/"},
	{"IPv6, multicast", "https://[ff02::1]:{port}/"},
	{"unspecified", "https://0.0.0.0:{port}/"},
	{"unspecified, short", "https://0:{port}/"},
	{"private 10/8", "https://10.0.0.1:{port}/"},
	{"private 172.16/12", "https://172.16.0.1:{port}/"},
	{"private 192.168/16", "https://192.168.0.1:{port}/"},
	{"carrier's", "https://100.64.0.1:{port}/"},
	{"metadata", "https://169.254.169.254/latest/meta-data/"},
	{"metadata, one number", "https://2852039166/latest/meta-data/"},
	{"metadata, IPv6", "https://[fd00:ec2::254]/latest/meta-data/"},
	{"password before the host", "https://public.example.com@127.0.0.1:{port}/"},
	{"password that looks like a host", "https://public.example.com:443@localhost:{port}/"},
	{"plain HTTP", "http://localhost:{port}/"},
	{"gopher", "gopher://127.0.0.1:{port}/_PING"},
	{"file", "file:///etc/passwd"},
	{"our own NATS", "https://127.0.0.1:4222/"},
	{"our own PostgreSQL", "https://localhost:5432/"},
	{"name of loopback", "https://loop.example:{port}/"},
	{"name of loopback, IPv6", "https://six.example:{port}/"},
	{"name of a private address", "https://private.example:{port}/"},
	{"name of two addresses, the second inside", "https://mixed.example:{port}/"},
	{"name that changes its mind", "https://rebind.example:{port}/"},
	{"redirect", "https://public.example.com:{public}/302?https://127.0.0.1:{port}/"},
	{"redirect by a name, another kind, twice", "https://public.example.com:{public}/307?https://public.example.com:{public}/301?https://loop.example:{port}/"},
	{"redirect to another scheme", "https://public.example.com:{public}/303?http://localhost:{port}/"},
}

// TestNothingInsideIsReached tries each address with the client for users' addresses: as it ships, and with the ports of all of them
// allowed, so that ports alone hold nothing. The same addresses without the guard show that they would have got there.
func TestNothingInsideIsReached(t *testing.T) {
	world := newWorld(t)
	held, unguarded := 0, 0
	for _, attack := range attacks {
		address := world.fill(attack.address)
		before := world.arrived.Load()
		for _, allow := range [][]string{{world.public.Host}, {world.public.Host, hostPortIn(address), hostPortIn(last(address))}} {
			client := world.client(t, allow)
			for range 2 { // a name that changes its mind does so between these
				if err := ask(t, client, address); err == nil {
					t.Errorf("%s: %s was answered", attack.name, address)
				} else if !fault.Is(err, fault.Denied) && !strings.Contains(err.Error(), outside.String()) {
					t.Errorf("%s: %s wasn't refused: %v", attack.name, address, err)
				}
			}
		}
		if world.arrived.Load() == before {
			held++
		} else {
			t.Errorf("%s: %s reached the sink", attack.name, address)
		}
		before = world.arrived.Load()
		_ = ask(t, world.unguarded(), address)
		if world.arrived.Load() > before {
			unguarded++
		}
	}
	fmt.Printf("addresses that lead inside: %d/%d held; without the guard %d of them reach the sink\n", held, len(attacks), unguarded)
	if held != 60 || len(attacks) != 60 {
		t.Errorf("%d of %d held, want 60 of 60", held, len(attacks))
	}
	if unguarded < 55 { // but the two other schemes and what isn't even a URL
		t.Errorf("only %d would have reached the sink: the list proves little", unguarded)
	}
	if err := ask(t, world.client(t, []string{world.public.Host}), world.fill("https://public.example.com:{public}/")); err != nil {
		t.Errorf("the public server itself: %v", err)
	}
}

// last is the address that a chain of redirects ends at.
func last(address string) string { return address[strings.LastIndexByte(address, '?')+1:] }

func hostPortIn(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return "none.example:1"
	}
	return hostPortOf(u)
}

func ask(t *testing.T, client *http.Client, address string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return refused("no URL at all: %v", err)
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// world is a sink inside, a server that counts as public, and a resolver that knows names of both.
type world struct {
	sink     *net.TCPAddr
	arrived  *atomic.Int64
	public   *url.URL // its host is a name
	address  netip.AddrPort
	roots    *x509.CertPool
	resolver *net.Resolver
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{arrived: new(atomic.Int64)}
	sink := listen(t, "127.0.0.1:0")
	w.sink = sink.Addr().(*net.TCPAddr)
	sinks := []net.Listener{sink}
	if six, err := net.Listen("tcp", fmt.Sprintf("[::1]:%d", w.sink.Port)); err == nil { // not every machine has IPv6
		t.Cleanup(func() { six.Close() })
		sinks = append(sinks, six)
	}
	for _, listener := range sinks {
		go func() { // ends when the listener is closed
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				w.arrived.Add(1)
				conn.Close()
			}
		}()
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var status int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &status); err == nil {
			rw.Header().Set("Location", r.URL.RawQuery)
			rw.WriteHeader(status)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	w.address = netip.MustParseAddrPort(server.Listener.Addr().String())
	w.public = &url.URL{Scheme: "https", Host: fmt.Sprintf("public.example.com:%d", w.address.Port())}
	w.roots = x509.NewCertPool()
	w.roots.AddCert(server.Certificate())
	w.resolver = resolver(t)
	return w
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func (w *world) fill(address string) string {
	return strings.NewReplacer("{port}", fmt.Sprint(w.sink.Port), "{public}", w.public.Port()).Replace(address)
}

// outside is an address on which nobody listens; like the public server it counts as public, so that no test leaves this machine.
var outside = netip.MustParseAddr("127.9.9.9")

// outbound is the product's, but for what it takes for public.
func (w *world) outbound(t *testing.T, o Options) *Outbound {
	t.Helper()
	o.RootCAs = w.roots
	out, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	out.resolver = w.resolver
	out.judge = func(to netip.AddrPort) reach {
		at := reachOf(to.Addr())
		switch {
		case to == w.address, to.Addr() == outside:
			return public
		case at == public:
			t.Errorf("a connection to %s on the internet was tried", to)
			return nowhere
		}
		return at
	}
	return out
}

// client is what users' addresses are asked with.
func (w *world) client(t *testing.T, allow []string) *http.Client {
	client := w.outbound(t, Options{Allow: allow}).Public()
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// unguarded connects wherever it is told to, all of which the sink stands for, but for the public server.
func (w *world) unguarded() *http.Client {
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: w.roots, MinVersion: tls.VersionTLS12}, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		to := w.sink.String()
		if address == w.public.Host {
			to = w.address.String()
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", to)
	}}
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}
}

// resolver answers from a table; a name that isn't there is loopback, as old spellings of it are for some resolvers.
func resolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var rebinds atomic.Int64
	lookup := func(name string) []string {
		switch strings.TrimSuffix(strings.ToLower(name), ".") {
		case "six.example":
			return []string{"::1"}
		case "private.example":
			return []string{"10.0.0.5", "fd00::5"}
		case "mixed.example":
			return []string{outside.String(), "127.0.0.1"}
		case "rebind.example":
			if rebinds.Add(1)%2 == 1 {
				return []string{outside.String()}
			}
		}
		return []string{"127.0.0.1"}
	}
	go func() { // ends when the socket is closed
		packet := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			if answer, err := answerDNS(packet[:n], lookup); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func answerDNS(question []byte, lookup func(string) []string) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	m.Response, m.Additionals = true, nil
	asked := m.Questions[0]
	if asked.Type != dnsmessage.TypeA && asked.Type != dnsmessage.TypeAAAA {
		return m.Pack()
	}
	if asked.Type == dnsmessage.TypeAAAA && !strings.HasPrefix(asked.Name.String(), "six.") && !strings.HasPrefix(asked.Name.String(), "private.") {
		return m.Pack()
	}
	for _, text := range lookup(asked.Name.String()) {
		address := netip.MustParseAddr(text)
		head := dnsmessage.ResourceHeader{Name: asked.Name, Class: dnsmessage.ClassINET}
		switch {
		case address.Is4() && asked.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: address.As4()}})
		case address.Is6() && asked.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
		}
	}
	return m.Pack()
}
