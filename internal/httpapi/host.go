package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"folioscope/internal/fault"
)

// A page of another site can have its own name lead to this server's address, and then asks as if it were of this site. So requests name a
// host that is ours: the one of the public address, else on plain loopback localhost. An address in place of a name can't lead elsewhere.
// Where neither is known the certificate decides, or the proxy in front, which chose this server by the name that it was asked for.

// knownHost says whether a request names a host that this server answers for.
func (s *Server) knownHost(r *http.Request) bool {
	if len(s.options.TrustedProxies) > 0 || s.options.PublicURL == "" && !s.options.RedirectLoopback || isHealth(r.URL.Path) {
		return true
	}
	name := hostName(r.Host)
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	public, err := url.Parse(s.options.PublicURL)
	return err == nil && name != "" && name == strings.ToLower(public.Hostname())
}

// hostName is what a Host header names, without a port, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

func errForeignHost() error {
	return fault.New(fault.Denied, "This server isn't known by the name that it was asked for. Whoever runs it sets public_url to what browsers see.")
}
