// Package keyservicetest serves keys as AWS KMS, Google Cloud KMS and Vault's transit engine do: by their real protocols, with
// credentials that are checked, on TLS, and with real AES-256-GCM that binds what it is told to bind.
//
// It owns one key for each server, and how badly the server behaves. It is for tests alone.
package keyservicetest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const requestBytesMax = 64 << 10 // what the real ones take at most

// Server is a key service with one key.
type Server struct {
	*httptest.Server
	Reference string // of its key

	gcm cipher.AEAD

	mu     sync.Mutex
	asked  int
	broken int // answers to come that are 503
	delay  time.Duration
	flips  bool
}

// newServer serves a handler behind the server's bad behaviour.
func newServer(t testing.TB, handler http.HandlerFunc) *Server {
	t.Helper()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	block, err := aes.NewCipher(secret)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{}
	if s.gcm, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.behaves(r) {
			r.Body = http.MaxBytesReader(w, r.Body, requestBytesMax)
			handler(w, r)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"errors":["at the moment not"]}`)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *Server) behaves(r *http.Request) bool {
	s.mu.Lock()
	s.asked++
	delay, broken := s.delay, s.broken > 0
	if broken {
		s.broken--
	}
	s.mu.Unlock()
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	return !broken
}

// Asked is how many requests came so far.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Break makes the next answers a 503.
func (s *Server) Break(answers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = answers
}

// Slow makes every answer late.
func (s *Server) Slow(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = by
}

// Flip makes every ciphertext that it gives a wrong one.
func (s *Server) Flip(flips bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flips = flips
}

func (s *Server) seal(plain, bound []byte) []byte {
	sealed := s.gcm.Seal(nil, nil, plain, bound)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flips {
		sealed[len(sealed)/2] ^= 1
	}
	return sealed
}

func (s *Server) open(sealed, bound []byte) ([]byte, error) {
	return s.gcm.Open(nil, nil, sealed, bound)
}

// CertificateFile writes the certificate that the server is trusted by, as SSL_CERT_FILE names one.
func (s *Server) CertificateFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
