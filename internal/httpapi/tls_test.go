package httpapi

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/certificate"
	"folioscope/internal/certificate/certificatetest"
)

// encrypted serves a handler over TLS with a certificate for folio.test and gives a client's settings and the address.
func encrypted(t *testing.T, handler http.Handler, rsa bool) (client *tls.Config, address string) {
	t.Helper()
	authority := certificatetest.NewAuthority(t)
	issue := authority.Issue
	if rsa {
		issue = authority.IssueRSA
	}
	pair, err := tls.X509KeyPair(issue(t, "folio.test"))
	must(t, err)
	l := serve(t, serving("127.0.0.1:0", func(s *Serving) {
		s.TLS = TLS{Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }}
	}), handler)
	return &tls.Config{RootCAs: authority.Pool(), ServerName: "folio.test", MinVersion: tls.VersionTLS10}, l.listeners[0].Addr().String()
}

// shake makes a handshake with the settings as they are after the change.
func shake(client *tls.Config, address string, change func(*tls.Config)) (tls.ConnectionState, error) {
	config := client.Clone()
	change(config)
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", address, config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

// What every version, suite and key exchange that Go knows, the bad ones too, gets from a server of ours.
func TestOnlyGoodTLSIsSpoken(t *testing.T) {
	for name, rsa := range map[string]bool{"ECDSA": false, "RSA": true} {
		t.Run(name, func(t *testing.T) {
			client, address := encrypted(t, says, rsa)
			for version, good := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
				_, err := shake(client, address, func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version })
				if (err == nil) != good {
					t.Errorf("%s: %v, want it spoken: %t", tls.VersionName(version), err, good)
				}
			}
			suites := 0
			for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
				if suite.SupportedVersions[0] == tls.VersionTLS13 {
					continue // all of them are good, and none can be switched off
				}
				good := strings.HasPrefix(suite.Name, "TLS_ECDHE_"+name) && (strings.Contains(suite.Name, "_GCM_") || strings.Contains(suite.Name, "_POLY1305_"))
				_, err := shake(client, address, func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{suite.ID} })
				if (err == nil) != good {
					t.Errorf("%s: %v, want it spoken: %t", suite.Name, err, good)
				}
				if good {
					suites++
				}
			}
			if suites != 3 {
				t.Errorf("%d suites are spoken", suites)
			}
			state, err := shake(client, address, func(*tls.Config) {})
			if err != nil || state.Version != tls.VersionTLS13 || state.CurveID != tls.X25519MLKEM768 {
				t.Errorf("by default: %s with %s, %v", tls.VersionName(state.Version), state.CurveID, err)
			}
		})
	}
}

// Once a browser came over HTTPS it comes back so, and to names below ours too.
func TestHTTPSIsForGood(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Secure = true })
	client, address := encrypted(t, h.server, false)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/api/v1/me", nil)
	must(t, err)
	r.Host = "folio.test"
	answer, err := clientWith(client).Do(r)
	must(t, err)
	defer answer.Body.Close()
	if got := answer.Header.Get("Strict-Transport-Security"); answer.ProtoMajor != 2 || !strings.Contains(got, "max-age=") || !strings.Contains(got, "includeSubDomains") {
		t.Errorf("%s, Strict-Transport-Security: %q", answer.Proto, got)
	}
}

// A certificate is renewed beside requests: none of them fails, what began before goes on, and what begins later sees the new one.
func TestCertificateIsRenewedWhileRequestsRun(t *testing.T) {
	authority := certificatetest.NewAuthority(t)
	certFile, keyFile := authority.Files(t, "folio.test")
	var clock testClock
	clock.now.Store(houseStart.UnixMicro())
	files, err := certificate.Open(certFile, keyFile, clock.Now, slog.New(slog.DiscardHandler))
	must(t, err)
	finish := make(chan struct{})
	l := serve(t, serving("127.0.0.1:0", func(s *Serving) { s.TLS = TLS{Certificate: files.ForServer} }), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun ")
		if r.URL.Path == "/long" {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			<-finish
		}
		_, _ = io.WriteString(w, "ended")
	}))
	address := l.listeners[0].Addr().String()
	config := &tls.Config{RootCAs: authority.Pool(), ServerName: "folio.test"}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/long", nil)
	must(t, err)
	long, err := clientWith(config.Clone()).Do(r)
	must(t, err)
	defer long.Body.Close()
	first := long.TLS.PeerCertificates[0].SerialNumber

	var asked, seen atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			for ctx.Err() == nil {
				client := clientWith(config.Clone()) // a connection of its own, and so a handshake
				a, err := client.Get("https://" + address)
				if err != nil {
					t.Errorf("request %d: %v", asked.Load(), err)
					return
				}
				body, err := io.ReadAll(a.Body)
				a.Body.Close()
				client.CloseIdleConnections()
				if err != nil || string(body) != "begun ended" {
					t.Errorf("request %d: %q, %v", asked.Load(), body, err)
				}
				asked.Add(1)
				if a.TLS.PeerCertificates[0].SerialNumber.Cmp(first) != 0 {
					seen.Add(1)
				}
			}
		})
	}
	wait := func(what string, reached func() bool) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); !reached(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("waited for %s in vain", what)
			}
		}
	}
	wait("requests before", func() bool { return asked.Load() > 20 })
	cert, key := authority.Issue(t, "folio.test")
	must(t, errors.Join(os.WriteFile(certFile, cert, 0o600), os.WriteFile(keyFile, key, 0o600)))
	clock.advance(time.Minute)
	wait("requests that see the new certificate", func() bool { return seen.Load() > 20 })
	stop()
	askers.Wait()
	close(finish)
	if body, err := io.ReadAll(long.Body); err != nil || string(body) != "begun ended" {
		t.Errorf("the request that began before: %q, %v", body, err)
	}
}

// A client that asks to negotiate anew within a connection, which would let it put words before somebody else's or keep the server busy,
// gets none: the connection ends. Go has no such client, so this one writes the record by itself, with the keys that the log of keys gives.
func TestRenegotiationIsRefused(t *testing.T) {
	config, address := encrypted(t, says, false)
	plain, err := net.Dial("tcp", address)
	must(t, err)
	defer plain.Close()
	heard := &hearing{Conn: plain}
	var keys bytes.Buffer
	config.MaxVersion, config.CipherSuites, config.KeyLogWriter = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, &keys
	config.NextProtos = []string{"http/1.1"}
	client := tls.Client(heard, config)
	must(t, client.HandshakeContext(t.Context()))

	fields := strings.Fields(keys.String()) // CLIENT_RANDOM, random, master secret
	clientRandom, err := hex.DecodeString(fields[1])
	must(t, err)
	master, err := hex.DecodeString(fields[2])
	must(t, err)
	const recordHead, messageHead, versionBytes, randomBytes, keyBytes, saltBytes = 5, 4, 2, 32, 16, 4
	serverRandom := heard.first[recordHead+messageHead+versionBytes:][:randomBytes] // of the ServerHello, which is the first that it says
	block := expand(master, "key expansion", append(bytes.Clone(serverRandom), clientRandom...), 2*(keyBytes+saltBytes))
	key, salt := block[:keyBytes], block[2*keyBytes:][:saltBytes]

	// A ClientHello of TLS 1.2 with one suite, under the next number of the connection: 0 was Finished.
	hello := append([]byte{3, 3}, clientRandom...)
	hello = append(hello, 0, 0, 2, 0xC0, 0x2B, 1, 0)
	message := append([]byte{1, 0, 0, byte(len(hello))}, hello...)
	const handshakeRecord, number = 22, 1
	explicit := binary.BigEndian.AppendUint64(nil, number)
	sealer, err := aes.NewCipher(key)
	must(t, err)
	gcm, err := cipher.NewGCM(sealer)
	must(t, err)
	about := append(bytes.Clone(explicit), handshakeRecord, 3, 3, 0, byte(len(message)))
	body := gcm.Seal(explicit, append(bytes.Clone(salt), explicit...), message, about)
	_, err = plain.Write(append([]byte{handshakeRecord, 3, 3, 0, byte(len(body))}, body...))
	must(t, err)

	must(t, client.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err = client.Read(make([]byte, 1))
	if err == nil || !strings.Contains(err.Error(), "remote error: tls: unexpected message") { // which it could only say of a record that it could open
		t.Errorf("the connection ended with %v", err)
	}
}

// hearing keeps the first record that comes in.
type hearing struct {
	net.Conn
	first []byte
}

func (h *hearing) Read(into []byte) (int, error) {
	n, err := h.Conn.Read(into)
	if len(h.first) < 64 {
		h.first = append(h.first, into[:n]...)
	}
	return n, err
}

// expand is TLS 1.2's pseudo-random function over SHA-256 (RFC 5246, section 5).
func expand(secret []byte, label string, seed []byte, size int) (out []byte) {
	sum := func(text ...[]byte) []byte {
		mac := hmac.New(sha256.New, secret)
		for _, part := range text {
			mac.Write(part)
		}
		return mac.Sum(nil)
	}
	seed = append([]byte(label), seed...)
	for a := sum(seed); len(out) < size; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:size]
}
