// Package notifytest is a mail server for tests: it speaks SMTP as real ones do, keeps what it is given, and misbehaves where it is told.
package notifytest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The only sign-in that the server takes, where it asks for one.
const (
	Username = "folioscope"
	Password = "correct horse battery staple"
)

// Behaviour is how a server behaves. The zero value offers STARTTLS and takes everything.
type Behaviour struct {
	Implicit bool  // TLS from the first byte
	NoTLS    bool  // offers none
	SignIn   bool  // wants one
	OnMail   error // answers to MAIL FROM, RCPT TO and the end of DATA, such as *smtp.SMTPError
	OnRcpt   error
	OnData   error
	DropData bool // hangs up in the middle of DATA
	DropDone bool // takes all of DATA, and hangs up before it says so
}

// Server is a running one.
type Server struct {
	Host  string
	Port  int
	Roots *x509.CertPool // that its certificate is of

	mu        sync.Mutex
	behaviour Behaviour
	received  []Mail
}

// Mail is one that was handed over.
type Mail struct {
	From, To string
	Raw      string
	Header   mail.Header
	Text     string // its plain part
	HTML     string
	Inline   map[string][]byte // pictures by their content id
	At       time.Time         // when it was handed over
	Unsaid   bool              // that it was: see DropDone
}

// Start runs a server until the test ends.
func Start(t testing.TB, behaviour Behaviour) *Server {
	t.Helper()
	certificate, roots := certificateFor(t)
	s := &Server{Roots: roots, behaviour: behaviour}
	backend := smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: s, conn: c}, nil })
	server := smtp.NewServer(backend)
	server.Domain, server.AllowInsecureAuth = "mail.test", behaviour.NoTLS
	server.ReadTimeout, server.WriteTimeout = 20*time.Second, 20*time.Second
	server.ErrorLog = quiet{}
	if !behaviour.NoTLS {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	s.Host, s.Port = address.IP.String(), address.Port
	if behaviour.Implicit {
		listener = tls.NewListener(listener, server.TLSConfig)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // ends with Close below
	}()
	t.Cleanup(func() {
		_ = server.Close()
		_ = listener.Close() // where Serve came to it only now, the server's Close didn't know of it
		<-ended
	})
	return s
}

// Behave changes how conversations go on from now on. Whether there is TLS stays as it was at the start.
func (s *Server) Behave(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = b
}

func (s *Server) behaves() Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour
}

// Received is what was handed over so far.
func (s *Server) Received() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.received...)
}

// Wait gives the mails once there are so many.
func (s *Server) Wait(t testing.TB, count int) []Mail {
	t.Helper()
	const patience = 2 * time.Minute // on a loaded machine
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if all := s.Received(); len(all) >= count {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d mails came, not %d", len(s.Received()), count)
		}
	}
}

var linkLine = regexp.MustCompile(`(?m)^https?://\S+$`)

// Link is the link in a mail's plain part, empty where there is none.
func (m Mail) Link() string { return linkLine.FindString(m.Text) }

// session is one conversation.
type session struct {
	server   *Server
	conn     *smtp.Conn
	signedIn bool
	from, to string
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string {
	if !s.server.behaves().SignIn {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth implements smtp.AuthSession.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != Username || password != Password {
			return smtp.ErrAuthFailed
		}
		s.signedIn = true
		return nil
	}), nil
}

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.behaves().SignIn && !s.signedIn {
		return &smtp.SMTPError{Code: 530, Message: "sign in first"}
	}
	s.from = from
	return s.server.behaves().OnMail
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.server.behaves().OnRcpt
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	behaviour := s.server.behaves()
	if behaviour.DropData {
		_ = s.conn.Conn().Close()
		return errors.New("dropped")
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if behaviour.OnData != nil {
		return behaviour.OnData
	}
	got := Mail{From: s.from, To: s.to, Raw: string(raw), At: time.Now(), Unsaid: behaviour.DropDone}
	if err := got.parse(); err != nil {
		return &smtp.SMTPError{Code: 554, Message: err.Error()}
	}
	s.server.mu.Lock()
	s.server.received = append(s.server.received, got)
	s.server.mu.Unlock()
	if behaviour.DropDone {
		_ = s.conn.Conn().Close()
		return errors.New("dropped")
	}
	return nil
}

// Reset implements smtp.Session.
func (s *session) Reset() {}

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// parse reads header and parts as a mail program would.
func (m *Mail) parse() error {
	message, err := mail.ReadMessage(strings.NewReader(m.Raw))
	if err != nil {
		return err
	}
	m.Header = message.Header
	kind, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return errors.Join(err, errors.New("not of several parts"))
	}
	return m.parts(multipart.NewReader(message.Body, parameters["boundary"]))
}

// parts reads parts, and those within them.
func (m *Mail) parts(parts *multipart.Reader) error {
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		kind, parameters, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			return err
		}
		if strings.HasPrefix(kind, "multipart/") {
			if err := m.parts(multipart.NewReader(part, parameters["boundary"])); err != nil {
				return err
			}
			continue
		}
		if part.Header.Get("Content-Transfer-Encoding") == "base64" {
			picture, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
			if err != nil {
				return err
			}
			if m.Inline == nil {
				m.Inline = map[string][]byte{}
			}
			m.Inline[strings.Trim(part.Header.Get("Content-Id"), "<>")] = picture
			continue
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			return err
		}
		text := string(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")))
		if kind == "text/html" {
			m.HTML = text
		} else {
			m.Text = text
		}
	}
}

type quiet struct{}

// Printf drops what the server says of broken conversations: tests break them on purpose.
func (quiet) Printf(string, ...any) {}

// Println drops it too.
func (quiet) Println(...any) {}

// certificateFor makes a certificate for 127.0.0.1, and the roots that it holds under.
func certificateFor(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
