// Package certificatetest makes certificates for tests: an authority, and what it issues.
package certificatetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// lifetime is longer than any test.
const lifetime = 24 * time.Hour

// Authority issues certificates.
type Authority struct {
	PEM []byte // its own certificate

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes one that nobody knows yet.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	template := blank("authority of a test")
	template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	a := &Authority{certificate: template, key: newKey(t)}
	der := sign(t, template, template, a.key, a.key)
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.certificate, a.PEM = parsed, encode("CERTIFICATE", der)
	return a
}

// Pool holds the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// Issue makes a certificate and its key, as PEM, for servers and clients alike. The first name is its common name too; each is a host or an
// address.
func (a *Authority) Issue(t testing.TB, names ...string) (cert, key []byte) {
	t.Helper()
	return a.issue(t, newKey(t), names)
}

// IssueRSA is Issue with an RSA key, as many authorities still give.
func (a *Authority) IssueRSA(t testing.TB, names ...string) (cert, key []byte) {
	t.Helper()
	const bits = 2048
	own, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return a.issue(t, own, names)
}

func (a *Authority) issue(t testing.TB, own crypto.Signer, names []string) (cert, key []byte) {
	t.Helper()
	template := blank(names[0])
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return encode("CERTIFICATE", sign(t, template, a.certificate, own, a.key)), encode("PRIVATE KEY", encoded)
}

// Files issues a certificate into two files of a new directory.
func (a *Authority) Files(t testing.TB, names ...string) (certFile, keyFile string) {
	t.Helper()
	cert, key := a.Issue(t, names...)
	dir := t.TempDir()
	return write(t, dir, "cert.pem", cert), write(t, dir, "key.pem", key)
}

// File holds the authority's own certificate.
func (a *Authority) File(t testing.TB) string {
	t.Helper()
	return write(t, t.TempDir(), "ca.pem", a.PEM)
}

func write(t testing.TB, dir, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func blank(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(lifetime),
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, subject, issuer crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, subject.Public(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
