package outbound

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"folioscope/internal/fault"
)

// reach says where an address lies.
type reach int

const (
	nowhere reach = iota // never a place to ask: unspecified, link-local, multicast, tunnels, examples, clouds' metadata
	inside               // loopback and private networks
	public               // the internet
)

// insideNetworks are where an operator's own services may be.
var insideNetworks = prefixes(
	"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
	"100.64.0.0/10", // carriers' own
	"::1/128", "fc00::/7",
)

// nowhereNetworks are the parts of the rest that aren't the public internet. Of IPv6 only 2000::/3 is given out at all.
var nowhereNetworks = prefixes(
	"0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4",
	"2001::/23",     // Teredo, benchmarks, keys that look like addresses
	"2001:db8::/32", // examples
	"2002::/16",     // IPv4 inside
	"3fff::/20",     // examples
	// Clouds tell a machine's secrets here, to whoever asks from the machine; one has a public number.
	"100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128", "fd20:ce::254/128",
)

var (
	givenOut   = netip.MustParsePrefix("2000::/3")
	translator = netip.MustParsePrefix("64:ff9b::/96") // IPv4 as machines without IPv4 reach it
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// reachOf says where an address lies. An IPv4 address inside of an IPv6 one is judged as what it is.
func reachOf(address netip.Addr) reach {
	address = address.Unmap().WithZone("")
	if translator.Contains(address) {
		whole := address.As16()
		if address = netip.AddrFrom4([4]byte(whole[12:])); reachOf(address) != public {
			return nowhere
		}
	}
	switch {
	case !address.IsValid(), containedIn(nowhereNetworks, address):
		return nowhere
	case containedIn(insideNetworks, address):
		return inside
	case address.Is6() && !givenOut.Contains(address):
		return nowhere
	}
	return public
}

func containedIn(networks []netip.Prefix, address netip.Addr) bool {
	for _, network := range networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// names says whether the settings name a host and port in so many words.
func (p policy) names(hostPort string) bool { return p.hosts[hostPort] || p.named[hostPort] }

// opens says whether a host and port may lie inside. What the operator allows for addresses of the settings opens nothing to users.
func (p policy) opens(hostPort string) bool {
	if p.public {
		return p.named[hostPort]
	}
	return p.names(hostPort)
}

// reaches says whether a connection may go to an address; open is whether the host and port that led there may lie inside.
func (p policy) reaches(to netip.AddrPort, open bool) bool {
	switch at := p.judge(to); {
	case at == public || at == inside && open:
		return true
	case p.public:
		return false
	}
	return containedIn(p.networks, to.Addr().Unmap().WithZone(""))
}

// checkURL refuses what no connection should be tried for: other schemes and ports, passwords, and hosts that are written so that
// two readers could take them for different ones.
func (p policy) checkURL(u *url.URL) error {
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || p.public && !p.opens(hostPortOf(u))):
		return refused("the address must begin with https://")
	case host == "" || u.Opaque != "":
		return refused("the address names no host")
	case u.User != nil:
		return refused("the address holds a name or a password before its host")
	case !plainHost(host):
		return refused("the host must be a name in plain letters, or an address in its usual form")
	}
	hostPort := hostPortOf(u)
	_, port, _ := net.SplitHostPort(hostPort) // just joined
	if port != "443" && (port != "80" || p.public) && !p.names(hostPort) {
		return refused("port %.20q isn't one that is asked at", port)
	}
	if address, err := netip.ParseAddr(host); err == nil {
		number, _ := strconv.ParseUint(port, 10, 16) // its form was checked with the name
		if !p.reaches(netip.AddrPortFrom(address, uint16(number)), p.opens(hostPort)) {
			return refused("%.80q is an address that must not be reached", host)
		}
	}
	return nil
}

// plainHost says whether a host can be read in one way only: a name of ASCII letters, digits, hyphens and points, an IPv6 address,
// or four decimal numbers. Names whose last part is a number are for some resolvers an address in an old spelling.
func plainHost(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Zone() == ""
	}
	for _, c := range []byte(host) {
		if c != '-' && c != '.' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	last := name[strings.LastIndexByte(name, '.')+1:]
	hex, isHex := strings.CutPrefix(last, "0x")
	number := strings.Trim(last, "0123456789") == "" || isHex && strings.Trim(hex, "0123456789abcdef") == ""
	return !number && !strings.Contains(host, "..") // an empty last part counts as a number
}

// hostPortOf is the host and port of a URL, in lower case.
func hostPortOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
		if u.Scheme == "http" {
			port = "80"
		}
	}
	return strings.ToLower(net.JoinHostPort(u.Hostname(), port))
}

func isPort(text string) bool {
	number, err := strconv.ParseUint(text, 10, 16)
	return err == nil && number > 0
}

// refused is an address that isn't asked; the reason is safe to show.
func refused(format string, args ...any) error { return fault.New(fault.Denied, format, args...) }
