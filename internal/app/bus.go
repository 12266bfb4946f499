package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"folioscope/internal/certificate"
	"folioscope/internal/config"
	"folioscope/internal/natsbus"
)

// busOptions says where the bus is. A command, which isn't joined, has a server of its own where a node has one: nobody hears its hints, and nodes
// find what it wrote with their next poll.
func busOptions(settings config.NATS, name string, joined bool, o Options) (natsbus.Options, error) {
	bus := natsbus.Options{URLs: settings.URLs, Name: name, Tracer: o.tracer, Log: o.Log}
	var authorities *x509.CertPool // nil: those that the machine trusts
	var err error
	if settings.TLS.CA != "" {
		if authorities, err = certificate.Authorities(settings.TLS.CA); err != nil {
			return natsbus.Options{}, fmt.Errorf("nats.tls.ca: %w", err)
		}
	}
	var own *certificate.Files
	if settings.TLS.Cert != "" {
		if own, err = certificate.Open(settings.TLS.Cert, settings.TLS.Key, o.Now, o.Log); err != nil {
			return natsbus.Options{}, fmt.Errorf("nats.tls.cert: %w", err)
		}
	}
	switch {
	case len(settings.URLs) > 0 && settings.TLS != (config.NATSTLS{}):
		bus.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities}
		if own != nil {
			bus.TLS.GetClientCertificate = own.ForClient
		}
	case joined && settings.Cluster.Listen != "":
		bus.Cluster = &natsbus.Cluster{Listen: settings.Cluster.Listen, Routes: settings.Cluster.Routes}
		if own != nil {
			bus.Cluster.TLS = own.Mutual(authorities)
		}
	}
	if settings.Insecure {
		o.Log.Warn("nats.insecure is set: whoever is between the machines may read hints, which hold ids, and make some up")
	}
	return bus, nil
}
