package app

import (
	"context"
	"fmt"
	"path/filepath"

	"folioscope/internal/certificate"
	"folioscope/internal/httpapi"
)

// certificatesDir is where fetched and self-signed certificates are kept, inside the data directory.
const certificatesDir = "certificates"

// bind opens the sockets before anything else runs, so that a busy port is an error at once.
func (n *node) bind(ctx context.Context) (*httpapi.Listening, error) {
	proxies, err := httpapi.ParseProxies(n.settings.Proxy.Trusted)
	if err != nil {
		return nil, err
	}
	t := n.settings.TLS
	encrypted := httpapi.TLS{Domain: t.Domain, SelfSigned: t.Self, Dir: filepath.Join(n.settings.DataDir, certificatesDir)}
	if t.Cert != "" {
		files, err := certificate.Open(t.Cert, t.Key, n.o.Now, n.o.Log)
		if err != nil {
			return nil, fmt.Errorf("tls.cert: %w", err)
		}
		encrypted.Certificate = files.ForServer
	}
	listening, err := httpapi.Listen(ctx, httpapi.Serving{Address: n.settings.Listen, TLS: encrypted, TrustedProxies: proxies, Now: n.o.Now, Log: n.o.Log})
	if err != nil {
		return nil, err
	}
	if listening.Fingerprint != "" {
		n.o.Log.Warn("the certificate is self-signed: compare its fingerprint; other devices need a real one, passkeys and push do not work behind a certificate warning",
			"sha256", listening.Fingerprint)
	}
	return listening, nil
}
