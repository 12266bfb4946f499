// Package certificate reads certificates, their keys and authorities from files that somebody else renews.
//
// It owns when files are read again: whoever speaks TLS asks it in each handshake, so that a renewed certificate is shown without a
// restart. It never makes a certificate and never opens a connection.
package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"sync"
	"time"

	"folioscope/internal/fault"
)

// lookInterval is how often files are looked at.
const lookInterval = 10 * time.Second

// Files is a certificate with its key in two PEM files.
type Files struct {
	cert, key string
	now       func() time.Time
	log       *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	changed [2]time.Time
	current *tls.Certificate
}

// Open reads the files for the first time. Its error is of kind Invalid.
func Open(cert, key string, now func() time.Time, log *slog.Logger) (*Files, error) {
	f := &Files{cert: cert, key: key, now: now, log: log}
	if err := f.reload(); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the certificate %s with the key %s can't be used", cert, key)
	}
	return f, nil
}

// ForServer gives the certificate to show to a client; it is tls.Config's GetCertificate.
func (f *Files) ForServer(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.get(hello.Context()), nil
}

// ForClient gives the certificate to show to a server that asks for one; it is tls.Config's GetClientCertificate.
func (f *Files) ForClient(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return f.get(request.Context()), nil
}

func (f *Files) get(ctx context.Context) *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now().Sub(f.looked) >= lookInterval {
		if err := f.reload(); err != nil {
			f.log.ErrorContext(ctx, "the certificate can't be read; the one before stays", "file", f.cert, "error", err)
		}
	}
	return f.current
}

// reload reads the files when they have changed. The certificate in use stays when they can't be read.
func (f *Files) reload() error {
	f.looked = f.now()
	var changed [2]time.Time
	for i, name := range []string{f.cert, f.key} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		changed[i] = info.ModTime()
	}
	if f.current != nil && changed == f.changed {
		return nil
	}
	certificate, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return err
	}
	f.current, f.changed = &certificate, changed
	return nil
}

// Ends is when the first certificate of a PEM file ends. Its error is of kind Invalid.
func Ends(file string) (time.Time, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}, fault.Wrap(fault.Invalid, err, "the certificate %s can't be read", file)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return time.Time{}, fault.New(fault.Invalid, "%s holds no certificate", file)
	}
	first, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, fault.Wrap(fault.Invalid, err, "%s holds no certificate", file)
	}
	return first.NotAfter, nil
}

// Authorities reads the certificates of those whose word counts from a PEM file. Its error is of kind Invalid.
func Authorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the authorities in %s can't be read", file)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fault.New(fault.Invalid, "%s holds no certificate", file)
	}
	return pool, nil
}

// Mutual is TLS between nodes that show each other certificates of the same authorities: the settings of either end.
func (f *Files) Mutual(authorities *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, GetCertificate: f.ForServer, GetClientCertificate: f.ForClient,
		RootCAs: authorities, ClientCAs: authorities, ClientAuth: tls.RequireAndVerifyClientCert,
	}
}
