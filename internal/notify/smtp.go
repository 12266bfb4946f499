package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"folioscope/internal/fault"
)

// Protection is how the connection to the mail server is protected.
type Protection string

// The protections. Clear is for a server on this machine alone.
const (
	StartTLS Protection = "starttls" // begins in the clear and won't go on without TLS
	Implicit Protection = "implicit" // TLS from the first byte
	Clear    Protection = "none"
)

// answerBytesMax bounds all that a mail server may say in one conversation: some hundred lines are plenty.
const answerBytesMax = 64 << 10

// Server says where letters are handed over.
type Server struct {
	Host       string
	Port       int
	Username   string // empty: no sign-in
	Password   string
	From       string // such as Folioscope <folio@example.org>
	Protection Protection
	Roots      *x509.CertPool // nil: the system's
}

// SMTP hands letters to a mail server, one connection for each. It is safe for concurrent use.
type SMTP struct {
	server Server
	domain string // of the sender: it names us and our messages
}

// NewSMTP checks the sender's address.
func NewSMTP(server Server) (*SMTP, error) {
	sender, err := netmail.ParseAddress(server.From)
	if err != nil {
		return nil, fault.At("smtp.from", "needs an address such as Folioscope <folio@example.org>")
	}
	_, domain, _ := strings.Cut(sender.Address, "@")
	return &SMTP{server: server, domain: domain}, nil
}

// Send hands a letter over and gives what the server said to it. Without TLS where it is needed nothing is sent, no name and password
// either. The deadline is the context's, which has to have one.
func (s *SMTP) Send(ctx context.Context, letter Letter) (said string, err error) {
	message, err := s.message(letter)
	if err != nil {
		return "", &SendError{OutcomeRefused, err}
	}
	var line *boundedConn
	client, err := s.client(ctx, func(conn *boundedConn) { line = conn })
	if err != nil {
		return "", &SendError{OutcomeUnprotected, err}
	}
	err = client.DialAndSendWithContext(ctx, message)
	if line != nil {
		_ = line.Close() // where the conversation broke off it is open still
	}
	if err != nil && !message.IsDelivered() { // after that, only the goodbye went wrong
		return "", &SendError{classify(err), err}
	}
	return message.ServerResponse(), nil
}

func (s *SMTP) message(letter Letter) (*mail.Msg, error) {
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := m.From(s.server.From); err != nil {
		return nil, err
	}
	if err := m.To(letter.To); err != nil {
		return nil, err
	}
	m.Subject(letter.Subject)
	m.SetDateWithValue(letter.At)
	m.SetMessageIDWithValue(letter.ID + "@" + s.domain)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // no answers from those who are away
	m.SetBodyString(mail.TypeTextPlain, letter.Text)
	m.AddAlternativeString(mail.TypeTextHTML, letter.HTML)
	if letter.Chart != nil {
		if err := m.EmbedReader(chartID, bytes.NewReader(letter.Chart), mail.WithFileContentID(chartID), mail.WithFileContentType("image/png")); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// client is set up for one conversation; opened is called with its connection.
func (s *SMTP) client(ctx context.Context, opened func(*boundedConn)) (*mail.Client, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil, errors.New("no deadline")
	}
	settings := &tls.Config{ServerName: s.server.Host, MinVersion: tls.VersionTLS12, RootCAs: s.server.Roots}
	policy := map[Protection]mail.TLSPolicy{StartTLS: mail.TLSMandatory, Implicit: mail.TLSOpportunistic, Clear: mail.NoTLS}
	options := []mail.Option{
		mail.WithPort(s.server.Port), mail.WithHELO(s.domain), mail.WithTLSConfig(settings), mail.WithTLSPolicy(policy[s.server.Protection]),
		mail.WithTimeout(max(time.Until(deadline), time.Millisecond)),
		mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			var dialer net.Dialer
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			bounded := &boundedConn{Conn: conn, left: answerBytesMax, until: deadline}
			opened(bounded)
			if s.server.Protection != Implicit {
				return bounded, nil
			}
			inside := tls.Client(bounded, settings)
			return inside, inside.HandshakeContext(ctx)
		}),
	}
	if s.server.Username != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.server.Username), mail.WithPassword(s.server.Password))
	}
	return mail.NewClient(s.server.Host, options...)
}

// errTalksTooMuch says that a server said more than any mail server has to.
var errTalksTooMuch = errors.New("the server says more than " + strconv.Itoa(answerBytesMax) + " bytes")

// boundedConn reads so much and so long and no more: no later deadline moves the one that it has.
type boundedConn struct {
	net.Conn
	left  int
	until time.Time
}

// Read gives up once the bound is reached.
func (c *boundedConn) Read(into []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTalksTooMuch
	}
	n, err := c.Conn.Read(into[:min(len(into), c.left)])
	c.left -= n
	return n, err
}

// SetDeadline keeps the conversation's own.
func (c *boundedConn) SetDeadline(t time.Time) error { return c.Conn.SetDeadline(earlier(t, c.until)) }

// SetReadDeadline keeps the conversation's own.
func (c *boundedConn) SetReadDeadline(t time.Time) error {
	return c.Conn.SetReadDeadline(earlier(t, c.until))
}

// SetWriteDeadline keeps the conversation's own.
func (c *boundedConn) SetWriteDeadline(t time.Time) error {
	return c.Conn.SetWriteDeadline(earlier(t, c.until))
}

func earlier(t, until time.Time) time.Time {
	if t.IsZero() || t.After(until) {
		return until
	}
	return t
}

// Codes of answers (RFC 5321, RFC 4954).
const (
	codeSignInFirst     = 530
	codeWayTooWeak      = 534 // of signing in
	codeSignInRefused   = 535
	codeWayNeedsPrivacy = 538 // TLS, for this way of signing in
)

// classify says what became of a conversation that failed. An error that comes neither from the server nor from the network is our own
// refusal to go on: no TLS was offered, the certificate doesn't hold, or there is no way to sign in.
func classify(err error) Outcome {
	code := 0
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		code = answer.Code
	} else if sent, ok := errors.AsType[*mail.SendError](err); ok {
		code = sent.ErrorCode()
	}
	_, handedOver := errors.AsType[*mail.SendError](err)
	switch {
	case code == codeSignInFirst, code == codeWayTooWeak, code == codeSignInRefused, code == codeWayNeedsPrivacy:
		return OutcomeSignIn
	case code >= 500 && handedOver:
		return OutcomeRefused
	case code >= 500: // of the server's greeting or its commands: not of this mail
		return OutcomeUnreachable
	case code >= 400:
		return OutcomeBusy
	case handedOver, ofNetwork(err):
		return OutcomeUnreachable
	}
	return OutcomeUnprotected
}

func ofNetwork(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false
	}
	_, network := errors.AsType[net.Error](err)
	_, garbled := errors.AsType[textproto.ProtocolError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	return (network || garbled || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errTalksTooMuch) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) && !noTLS
}

// outcomeOf is how a try ended that gave this error.
func outcomeOf(err error) Outcome {
	if err == nil {
		return OutcomeSent
	}
	if e, ok := errors.AsType[*SendError](err); ok {
		return e.Outcome
	}
	return OutcomeUnreachable
}
