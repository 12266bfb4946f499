package outbound

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"folioscope/internal/fault"
)

func TestReach(t *testing.T) {
	for address, want := range map[string]reach{
		"127.0.0.1": inside, "127.255.255.254": inside, "10.1.2.3": inside, "172.16.0.1": inside, "172.31.255.255": inside, "192.168.1.1": inside,
		"100.64.0.1": inside, "::1": inside, "fc00::1": inside, "fd12::1": inside, "::ffff:127.0.0.1": inside, "::ffff:10.0.0.1": inside,
		"169.254.169.254": nowhere, "169.254.0.1": nowhere, "0.0.0.0": nowhere, "0.1.2.3": nowhere, "192.0.0.192": nowhere, "192.0.2.1": nowhere,
		"192.88.99.1": nowhere, "198.18.0.1": nowhere, "198.19.255.255": nowhere, "198.51.100.7": nowhere, "203.0.113.7": nowhere, "224.0.0.1": nowhere,
		"239.255.255.250": nowhere, "240.0.0.1": nowhere, "255.255.255.255": nowhere, "100.100.100.200": nowhere, "168.63.129.16": nowhere,
		"::": nowhere, "fe80::1": nowhere, "fe80::1%eth0": nowhere, "ff02::1": nowhere, "fec0::1": nowhere, "::127.0.0.1": nowhere, "100::1": nowhere,
		"64:ff9b::7f00:1": nowhere, "64:ff9b::a9fe:a9fe": nowhere, "64:ff9b:1::7f00:1": nowhere, "2001::1": nowhere, "2001:2::1": nowhere,
		"2001:db8::1": nowhere, "2002:7f00:1::": nowhere, "3fff::1": nowhere, "fd00:ec2::254": nowhere, "fd20:ce::254": nowhere, "4000::1": nowhere,
		"9.9.9.9": public, "93.184.216.34": public, "172.32.0.1": public, "100.128.0.1": public, "198.20.0.1": public,
		"2606:2800:220:1:248:1893:25c8:1946": public, "::ffff:9.9.9.9": public, "64:ff9b::909:909": public,
	} {
		if got := reachOf(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
	if reachOf(netip.Addr{}) != nowhere {
		t.Error("no address at all is somewhere")
	}
}

// What the settings name may lie inside, at its own port alone; what it redirects to may not, unless it is allowed too.
func TestOperatorsAddresses(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(rw, r, to, http.StatusFound)
		}
	}))
	defer server.Close()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer other.Close()
	otherHost := strings.TrimPrefix(other.URL, "http://")
	sink := fmt.Sprintf("http://127.0.0.1:%d", w.sink.Port)
	for _, c := range []struct {
		name    string
		allow   []string
		address string
		refused bool
	}{
		{"what is named", nil, server.URL, false},
		{"another port", nil, sink, true},
		{"another port that is allowed", []string{otherHost}, other.URL, false},
		{"a network whose port isn't", []string{"127.0.0.0/8"}, other.URL, true},
		{"redirected to another", nil, server.URL + "?to=" + other.URL, true},
		{"redirected to itself", nil, server.URL + "?to=" + server.URL, false},
		{"redirected to what is allowed", []string{otherHost}, server.URL + "?to=" + other.URL, false},
		{"a link-local one, although it is named", nil, "http://169.254.169.254/", true},
		{"a name that isn't named", nil, "https://loop.example/", true},
	} {
		client := w.outbound(t, Options{Allow: c.allow}).Operator(server.URL, "http://169.254.169.254")
		err := ask(t, client, c.address)
		client.CloseIdleConnections()
		if c.refused != fault.Is(err, fault.Denied) || !c.refused && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if n := w.arrived.Load(); n > 0 {
		t.Errorf("%d connections reached the sink", n)
	}
}

// An address on 80 or 443 that lies in an allowed network is dialled: nobody listens there, which is another error.
func TestAllowedNetworks(t *testing.T) {
	w := newWorld(t)
	out := w.outbound(t, Options{Allow: []string{"127.5.0.0/16", "::ffff:10.0.0.1"}})
	p := policy{Outbound: out}
	for address, want := range map[string]bool{"127.5.1.1": true, "127.6.1.1": false, "10.0.0.1": true, "10.0.0.2": false, "169.254.169.254": false} {
		if got := p.reaches(netip.AddrPortFrom(netip.MustParseAddr(address), 443), false); got != want {
			t.Errorf("%s: %v", address, got)
		}
		if (policy{Outbound: out, public: true}).reaches(netip.AddrPortFrom(netip.MustParseAddr(address), 443), false) {
			t.Errorf("%s may be reached by users", address)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Allow: []string{"example.com"}}, {Allow: []string{"10.0.0.0/40"}}, {Allow: []string{":80"}}, {Allow: []string{"h:0"}}, {Allow: []string{"h:http"}}} {
		if _, err := New(o); !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), "outbound.allow: ") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, proxy := range []string{"proxy:3128", "socks5://proxy:1080", "http://"} {
		if _, err := New(Options{Proxy: proxy}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", proxy, err)
		}
	}
}

// A proxy that the settings name is used by the operator's addresses only; the environment's is used by nobody.
func TestProxies(t *testing.T) {
	w := newWorld(t)
	asked := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	plain := w.outbound(t, Options{})
	if err := ask(t, plain.Operator(), "http://loop.example/"); !fault.Is(err, fault.Denied) || asked > 0 {
		t.Errorf("the environment's proxy was asked: %v", err)
	}
	proxied := w.outbound(t, Options{Proxy: proxy.URL})
	if err := ask(t, proxied.Public(), w.public.String()); asked > 0 {
		t.Errorf("a user's address went through the proxy: %v", err)
	}
	if err := ask(t, proxied.Operator(), "http://quotes.example/"); err != nil || asked != 1 {
		t.Errorf("asked %d times, %v", asked, err)
	}
	if err := ask(t, proxied.Operator(), "http://169.254.169.254/"); !fault.Is(err, fault.Denied) || asked != 1 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

// What is sent goes where it was meant for, or nowhere; a question goes along a few redirects and never out of https.
func TestRedirects(t *testing.T) {
	w := newWorld(t)
	client := w.client(t, []string{w.public.Host})
	once := w.public.String() + "/307?" + w.public.String() + "/"
	if err := ask(t, client, once); err != nil {
		t.Error(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, once, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := client.Do(r); !fault.Is(err, fault.Denied) {
		t.Errorf("%v, %v", answer, err)
	}
	if err := ask(t, client, strings.Repeat(w.public.String()+"/302?", redirectsMax+1)+w.public.String()+"/"); !fault.Is(err, fault.Denied) {
		t.Error(err)
	}
	if err := ask(t, client, strings.Repeat(w.public.String()+"/302?", redirectsMax)+w.public.String()+"/"); err != nil {
		t.Error(err)
	}
}

// A refusal says nothing about where a name led, which would draw a map of the network.
func TestRefusalsTellNoAddress(t *testing.T) {
	w := newWorld(t)
	err := ask(t, w.client(t, nil), "https://private.example/")
	if !fault.Is(err, fault.Denied) || strings.Contains(err.Error(), "10.0.0.5") || strings.Contains(err.Error(), "fd00") {
		t.Errorf("%v", err)
	}
}

func TestBodiesEnd(t *testing.T) {
	body := &bounded{ReadCloser: io.NopCloser(strings.NewReader("0123456789")), left: 9}
	read, err := io.ReadAll(body)
	if string(read) != "012345678" || !fault.Is(err, fault.TooLarge) {
		t.Errorf("%q, %v", read, err)
	}
	body = &bounded{ReadCloser: io.NopCloser(strings.NewReader("0123456789")), left: 11}
	if read, err = io.ReadAll(body); string(read) != "0123456789" || err != nil {
		t.Errorf("%q, %v", read, err)
	}
	if _, err := body.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
