package config

import (
	"net"
	"net/url"
	"slices"
)

// NATS says what carries hints between nodes.
type NATS struct {
	URLs     []string    `key:"urls"` // servers to use; empty: one inside this process
	Cluster  NATSCluster `key:"cluster"`
	TLS      NATSTLS     `key:"tls"`
	Insecure bool        `key:"insecure"` // servers and nodes on other machines may be spoken to without TLS
}

// NATSCluster joins the embedded servers of several nodes.
type NATSCluster struct {
	Listen string   `key:"listen"` // HOST:PORT for the other nodes; empty: alone
	Routes []string `key:"routes"` // HOST:PORT of the other nodes; a node's own does no harm, so that the list may be the same everywhere
}

// NATSTLS is how a node shows who it is, and whom it believes: to servers of NATS, or to the other nodes of its cluster.
type NATSTLS struct {
	Cert string `key:"cert"` // PEM file
	Key  string `key:"key"`  // PEM file
	CA   string `key:"ca"`   // PEM file of authorities; empty, for servers alone: those that the machine trusts
}

func (n NATS) validate(refuse func(key, format string, args ...any)) {
	for _, server := range n.URLs {
		u, err := url.Parse(server)
		switch {
		case err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme):
			refuse("nats.urls", "needs addresses such as tls://host:4222")
		case !n.Insecure && (u.Scheme == "nats" || u.Scheme == "ws") && !isLoopback(net.JoinHostPort(u.Hostname(), "0")):
			refuse("nats.urls", "%.80s is on another machine, where others may listen: write tls:// (or wss://); nats.insecure = true goes without", u.Host)
		}
	}
	if (n.TLS.Cert == "") != (n.TLS.Key == "") {
		refuse("nats.tls.cert", "and nats.tls.key go together")
	}
	if n.Cluster.Listen == "" {
		if len(n.Cluster.Routes) > 0 {
			refuse("nats.cluster.routes", "needs nats.cluster.listen too: routes go both ways")
		}
		return
	}
	if len(n.URLs) > 0 {
		refuse("nats.cluster.listen", "is for the embedded server, but nats.urls names others")
	}
	here := true
	for i, address := range append([]string{n.Cluster.Listen}, n.Cluster.Routes...) {
		key := "nats.cluster.routes"
		if i == 0 {
			key = "nats.cluster.listen"
		}
		if !isHostPort(address) {
			refuse(key, "needs HOST:PORT, got %.60q", address)
		}
		here = here && isLoopback(address)
	}
	switch none := n.TLS == (NATSTLS{}); {
	case none && !here && !n.Insecure:
		refuse("nats.cluster.listen", "is for nodes on other machines, which know each other by certificates: set nats.tls.cert, nats.tls.key and nats.tls.ca; "+
			"nats.insecure = true goes without")
	case !none && (n.TLS.Cert == "" || n.TLS.CA == ""):
		refuse("nats.tls.ca", "goes together with nats.tls.cert and nats.tls.key: whose certificates the other nodes have")
	}
}
