// Package outbound is the one HTTP client for everything that goes out: sources of prices, pages that users name, identity
// providers, webhooks.
//
// It owns what may be reached. An address is judged where it counts: each request by its URL, redirects too, and each connection
// by the address that the name led to, after the resolver and right before the kernel connects. So no spelling of an address, no
// name that points inside and none that points elsewhere the second time gets through. It never asks twice and never tells what a
// refused address would have said.
//
// Three policies: addresses of the settings, which are the operator's own choice; addresses that users name, which lead to the public
// internet or nowhere; and addresses that users have messages sent to, which lead there too, or to services of the operator's own that
// the settings open for it.
package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/trace"
)

// Bounds of a request and its answer. Who asks sets tighter ones where it knows better.
const (
	connectWaitMax   = 5 * time.Second
	handshakeWaitMax = 5 * time.Second
	answerWaitMax    = 20 * time.Second // until the header is there
	requestWaitMax   = 30 * time.Second // until the last byte is read
	idleMax          = time.Minute
	connectionsMax   = 4        // per host: sources count connections too
	headerBytesMax   = 64 << 10 // of an answer; ordinary ones have 2 KiB
	bodyBytesMax     = 64 << 20 // of an answer, decompressed; no caller takes as much
	redirectsMax     = 5        // of a GET; the longest known chain is one
)

// Options say what may be reached besides the public internet.
type Options struct {
	Allow    []string       // networks such as 10.1.0.0/16, addresses, or HOST:PORT; for the operator's own addresses
	Messages []string       // HOST:PORT of the operator's own services that users' messages may go to, though they lie inside
	Proxy    string         // URL of a proxy for the operator's own addresses; empty: none, whatever the environment says
	RootCAs  *x509.CertPool // nil: the system's
	Tracer   trace.Tracer   // nil: nobody wants to know
}

// Outbound makes clients that share what the operator allows.
type Outbound struct {
	networks []netip.Prefix
	hosts    map[string]bool // HOST:PORT as in a URL
	messages map[string]bool // HOST:PORT that users' messages may go to
	proxy    *url.URL
	rootCAs  *x509.CertPool
	tracer   trace.Tracer
	resolver *net.Resolver              // nil: the system's; tests have their own
	judge    func(netip.AddrPort) reach // what an address is; tests put a server of theirs among the public
}

// New reads the options. Its error is of kind Invalid and names the setting.
func New(o Options) (*Outbound, error) {
	out := &Outbound{hosts: map[string]bool{}, messages: map[string]bool{}, rootCAs: o.RootCAs, tracer: o.Tracer, judge: func(a netip.AddrPort) reach { return reachOf(a.Addr()) }}
	if out.tracer == nil {
		out.tracer = trace.Off{}
	}
	for _, text := range o.Allow {
		network, hostPort, err := ParseAllowed(text)
		switch {
		case err != nil:
			return nil, err
		case hostPort != "":
			out.hosts[hostPort] = true
		default:
			out.networks = append(out.networks, network)
		}
	}
	for _, text := range o.Messages {
		_, hostPort, err := ParseAllowed(text)
		if err != nil || hostPort == "" {
			return nil, fault.At("outbound.messages", "needs HOST:PORT, got %.60q", text)
		}
		out.messages[hostPort] = true
	}
	if o.Proxy != "" {
		proxy, err := url.Parse(o.Proxy)
		if err != nil || proxy.Scheme != "http" && proxy.Scheme != "https" || proxy.Hostname() == "" {
			return nil, fault.At("outbound.proxy", "needs an address such as http://proxy:3128") // the error may hold a password
		}
		out.proxy = proxy
	}
	return out, nil
}

// ParseAllowed reads one entry of outbound.allow: a network (an address is one of its own), or else a HOST:PORT in lower case.
func ParseAllowed(text string) (network netip.Prefix, hostPort string, err error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), "", nil
	}
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()), "", nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || !isPort(port) {
		return netip.Prefix{}, "", fault.At("outbound.allow", "needs networks such as 10.1.0.0/16, addresses, or HOST:PORT, got %.60q", text)
	}
	return netip.Prefix{}, strings.ToLower(net.JoinHostPort(host, port)), nil
}

// Operator gives a client for addresses of the settings. The hosts and ports of the URLs named here may lie inside; whatever they
// redirect to must be public, or allowed.
func (o *Outbound) Operator(urls ...string) *http.Client {
	p := policy{Outbound: o, named: map[string]bool{}}
	for _, text := range urls {
		if u, err := url.Parse(text); err == nil && u.Hostname() != "" {
			p.named[hostPortOf(u)] = true
		}
	}
	if o.proxy != nil {
		p.named[hostPortOf(o.proxy)] = true
	}
	return p.client(o.proxy)
}

// Public gives a client for addresses that users name: https on its usual port, at public addresses only, never through a proxy,
// which would hide where a name leads. HOST:PORT among what the operator allows lifts the port, never the rest.
func (o *Outbound) Public() *http.Client {
	return policy{Outbound: o, public: true}.client(nil)
}

// Messages gives a client for addresses that users have messages sent to: as Public, but for the services of the operator's own, by
// HOST:PORT, that the settings open for it. Those may lie inside, on any port, and speak http.
func (o *Outbound) Messages() *http.Client {
	return policy{Outbound: o, public: true, named: o.messages}.client(nil)
}

// policy is what one client may reach.
type policy struct {
	*Outbound
	public bool            // users' addresses
	named  map[string]bool // HOST:PORT that the settings name for this client
}

func (p policy) client(proxy *url.URL) *http.Client {
	transport := &http.Transport{
		DialContext: p.dial, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.rootCAs},
		TLSHandshakeTimeout: handshakeWaitMax, ResponseHeaderTimeout: answerWaitMax, IdleConnTimeout: idleMax,
		MaxConnsPerHost: connectionsMax, MaxResponseHeaderBytes: headerBytesMax,
	}
	if proxy != nil {
		transport.Proxy = http.ProxyURL(proxy)
	}
	return &http.Client{Transport: guard{p, transport}, CheckRedirect: checkRedirect, Timeout: requestWaitMax}
}

// checkRedirect follows a few redirects of questions, and none of what changes something: a body goes only where it was sent to.
// Each hop is judged by the guard like the first.
func checkRedirect(next *http.Request, via []*http.Request) error {
	switch first := via[0]; {
	case first.Method != http.MethodGet && first.Method != http.MethodHead:
		return refused("a %s is not redirected", first.Method)
	case len(via) > redirectsMax:
		return refused("more than %d redirects", redirectsMax)
	case first.URL.Scheme == "https" && next.URL.Scheme != "https":
		return refused("redirected out of https")
	}
	next.Header.Del("Referer") // the address before, which may hold a key
	return nil
}

// guard judges each request and bounds its answer.
type guard struct {
	policy policy
	next   *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.policy.checkURL(r.URL); err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // the contract of a RoundTripper; nothing was read
		}
		return nil, err
	}
	_, span := g.policy.tracer.Start(r.Context(), trace.Client, "outbound "+r.Method) // and where to stays here: users' addresses are theirs
	answer, err := g.next.RoundTrip(r)
	span.End(err != nil)
	if err != nil {
		return nil, err
	}
	answer.Body = &bounded{ReadCloser: answer.Body, left: bodyBytesMax}
	return answer, nil
}

// CloseIdleConnections lets http.Client do so.
func (g guard) CloseIdleConnections() { g.next.CloseIdleConnections() }

// dial connects to what a name leads to, if that may be reached. A refusal doesn't tell where the name led.
func (p policy) dial(ctx context.Context, network, hostPort string) (net.Conn, error) {
	open := p.opens(strings.ToLower(hostPort))
	dialer := &net.Dialer{Timeout: connectWaitMax, Resolver: p.resolver, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !p.reaches(at, open) {
			return refused("a private address")
		}
		return nil
	}}
	conn, err := dialer.DialContext(ctx, network, hostPort)
	if fault.Is(err, fault.Denied) {
		host, _, _ := net.SplitHostPort(hostPort) // the transport made it
		return nil, refused("%.80q leads to an address that must not be reached", host)
	}
	return conn, err
}

// bounded is a body that ends with an error where it is longer than anybody needs.
type bounded struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(into []byte) (int, error) {
	if b.left <= 0 {
		return 0, fault.New(fault.TooLarge, "the answer has more than %d bytes", bodyBytesMax)
	}
	n, err := b.ReadCloser.Read(into[:min(int64(len(into)), b.left)])
	b.left -= int64(n)
	return n, err
}
