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
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"

	"folioscope/internal/fault"
)

// TLS says where the certificate is from: one of the three, or none.
type TLS struct {
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error) // the operator's own, asked for in each handshake
	Domain      string                                               // a public name, for which a certificate is fetched from Let's Encrypt and renewed
	SelfSigned  bool                                                 // for localhost; browsers warn, and refuse passkeys and push elsewhere
	Dir         string                                               // where fetched and self-signed certificates are kept; empty: in memory, for SelfSigned alone
}

const (
	selfSignedAge   = 397 * 24 * time.Hour // what browsers accept at most
	selfSignedRenew = 30 * 24 * time.Hour
)

func (t TLS) on() bool { return t.Certificate != nil || t.Domain != "" || t.SelfSigned }

// config makes the TLS configuration: 1.2 and later, with keys that nobody finds out later and ciphers that notice a change, and HTTP/2
// first. Go's own order of key exchanges stays; it begins with X25519MLKEM768, which holds against quantum computers too.
func (t TLS) config(ctx context.Context, now func() time.Time) (config *tls.Config, fingerprint string, err error) {
	config = &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{ // of 1.2; those of 1.3 are all as good
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos: []string{"h2", "http/1.1"},
	}
	switch {
	case t.Certificate != nil:
		config.GetCertificate = t.Certificate
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
		config.GetCertificate = fetched.GetCertificate
		config.NextProtos = append(config.NextProtos, fetched.NextProtos...) // the challenge's
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
