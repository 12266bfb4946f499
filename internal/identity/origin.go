package identity

import (
	"net/netip"
	"strings"
)

const agentBytesMax = 512 // of what a client says it is: families stand at its beginning

// originOf is where a request came from, coarse enough to follow nobody by: the browser's family without its version, and the network
// without the machine in it.
func originOf(from Request) Origin {
	return Origin{Device: deviceOf(from.Agent), Place: placeOf(from.Address)}
}

// Families of browsers and systems, by the words that give them away. Most claim to be others too, so the order counts.
var (
	browsers = [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}, {"Go-http-client/", "a program"}, {"python", "a program"},
	}
	systems = [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"}, {"Macintosh", "Mac"}, {"Linux", "Linux"},
	}
)

func deviceOf(agent string) string {
	agent = agent[:min(len(agent), agentBytesMax)]
	family := func(of [][2]string) string {
		for _, one := range of {
			if strings.Contains(agent, one[0]) {
				return one[1]
			}
		}
		return ""
	}
	browser, system := family(browsers), family(systems)
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser != "":
		return browser
	}
	return system
}

// placeOf is an address without its last part: 203.0.113.x, or the first 48 bits of an IPv6 one.
func placeOf(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		prefix, err := netip.ParsePrefix(address) // IPv6 comes as the network that one customer has
		if err != nil {
			return ""
		}
		if ip = prefix.Addr(); prefix.Contains(netip.IPv6Loopback()) {
			ip = netip.IPv6Loopback()
		}
	}
	const siteBits = 48
	switch ip = ip.Unmap().WithZone(""); {
	case ip.IsLoopback():
		return "the server itself"
	case ip.Is4():
		text := ip.String()
		return text[:strings.LastIndexByte(text, '.')] + ".x"
	}
	prefix, err := ip.Prefix(siteBits)
	if err != nil {
		return ""
	}
	return prefix.String()
}
