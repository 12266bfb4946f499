package httpapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"

	"folioscope/internal/fault"
)

// TLS says where the certificate is from: one of the three, or none.
type TLS struct {
	CertFile, KeyFile string // PEM; read again when they change
	Domain            string // a public name, for which a certificate is fetched from Let's Encrypt and renewed
	SelfSigned        bool   // for localhost; browsers warn, and refuse passkeys and push elsewhere
	Dir               string // where fetched and self-signed certificates are kept; empty: in memory, for SelfSigned alone
}

const (
	selfSignedAge    = 397 * 24 * time.Hour // what browsers accept at most
	selfSignedRenew  = 30 * 24 * time.Hour
	certificateCheck = 10 * time.Second // how often files are looked at
)

func (t TLS) on() bool { return t.CertFile != "" || t.Domain != "" || t.SelfSigned }

// config makes the TLS configuration: 1.2 and later, HTTP/2 first.
func (t TLS) config(ctx context.Context, now func() time.Time, log *slog.Logger) (config *tls.Config, fingerprint string, err error) {
	config = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	switch {
	case t.CertFile != "":
		files := &certificateFiles{cert: t.CertFile, key: t.KeyFile, now: now, log: log}
		if err := files.load(); err != nil {
			return nil, "", fault.Wrap(fault.Invalid, err, "tls.cert: the certificate can't be used")
		}
		config.GetCertificate = files.get
	case t.SelfSigned:
		certificate, err := t.selfSigned(now())
		if err != nil {
			return nil, "", err
		}
		config.Certificates = []tls.Certificate{*certificate}
		fingerprint = fingerprintOf(certificate.Certificate[0])
	default:
		fetched, err := t.fetched(ctx)
		if err != nil {
			return nil, "", err
		}
		fetched.MinVersion = tls.VersionTLS12
		fetched.NextProtos = append([]string{"h2", "http/1.1"}, fetched.NextProtos...)
		config = fetched
	}
	return config, fingerprint, nil
}

// fetched manages a certificate for a public name. It is made only here, since it starts work of its own; its challenge is answered
// on the port that we listen on, which the world has to reach as 443.
func (t TLS) fetched(ctx context.Context) (*tls.Config, error) {
	if t.Dir == "" {
		return nil, fault.At("tls.domain", "needs a folder to keep certificates in")
	}
	config := certmagic.NewDefault()
	config.Storage = &certmagic.FileStorage{Path: t.Dir}
	config.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(config, certmagic.ACMEIssuer{Agreed: true, DisableHTTPChallenge: true})}
	if err := config.ManageAsync(ctx, []string{t.Domain}); err != nil {
		return nil, fmt.Errorf("fetch certificate for %s: %w", t.Domain, err)
	}
	return config.TLSConfig(), nil
}

// certificateFiles is a certificate that somebody else renews.
type certificateFiles struct {
	cert, key string
	now       func() time.Time
	log       *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	changed [2]time.Time
	current *tls.Certificate
}

func (f *certificateFiles) load() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reload()
}

// reload reads the files when they have changed. The certificate in use stays when they can't be read.
func (f *certificateFiles) reload() error {
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

func (f *certificateFiles) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now().Sub(f.looked) >= certificateCheck {
		if err := f.reload(); err != nil {
			f.log.ErrorContext(hello.Context(), "the certificate can't be read; the one before stays", "error", err)
		}
	}
	return f.current, nil
}

// selfSigned is a certificate for localhost, kept in Dir so that its fingerprint stays the same.
func (t TLS) selfSigned(now time.Time) (*tls.Certificate, error) {
	certFile, keyFile := filepath.Join(t.Dir, "localhost.crt"), filepath.Join(t.Dir, "localhost.key")
	if t.Dir != "" {
		kept, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err == nil && kept.Leaf != nil && now.Add(selfSignedRenew).Before(kept.Leaf.NotAfter) {
			return &kept, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read self-signed certificate: %w", err)
		}
	}
	cert, key, err := newSelfSigned(now)
	if err != nil {
		return nil, fmt.Errorf("make self-signed certificate: %w", err)
	}
	if t.Dir != "" {
		if err := os.MkdirAll(t.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("keep self-signed certificate: %w", err)
		}
		if err := errors.Join(os.WriteFile(keyFile, key, 0o600), os.WriteFile(certFile, cert, 0o600)); err != nil {
			return nil, fmt.Errorf("keep self-signed certificate: %w", err)
		}
	}
	pair, err := tls.X509KeyPair(cert, key)
	return &pair, err
}

func newSelfSigned(now time.Time) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	const serialBits = 126
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "localhost", Organization: []string{"Folioscope, self-signed"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(selfSignedAge),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), nil
}

// fingerprintOf is SHA-256 of a certificate as browsers show it.
func fingerprintOf(der []byte) string {
	sum := sha256.Sum256(der)
	parts := make([]string, 0, len(sum))
	for _, b := range sum {
		parts = append(parts, fmt.Sprintf("%02X", b))
	}
	return strings.Join(parts, ":")
}
