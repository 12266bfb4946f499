package notify

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"folioscope/internal/audit"
	"folioscope/internal/notify/notifytest"
)

var testNow = time.Date(2026, 3, 2, 14, 30, 0, 0, time.UTC)

func serverOf(s *notifytest.Server, change func(*Server)) Server {
	out := Server{Host: s.Host, Port: s.Port, From: "Folioscope <folio@example.org>", Protection: StartTLS, Roots: s.Roots}
	if change != nil {
		change(&out)
	}
	return out
}

// send hands a letter over and gives how it ended.
func send(t *testing.T, server Server, letter Letter) (string, Outcome, error) {
	t.Helper()
	sender, err := NewSMTP(server)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	said, err := sender.Send(ctx, letter)
	return said, outcomeOf(err), err
}

func testLetter() Letter {
	return Compose(audit.Mail{Kind: audit.MailInvitation, Address: "anna@example.net", Name: "Anna Ärmel", Path: "/invite/abc"}, "id1", "https://folio.example", testNow)
}

func TestSendOverEachProtection(t *testing.T) {
	signIn := func(s *Server) { s.Username, s.Password = notifytest.Username, notifytest.Password }
	for name, c := range map[string]struct {
		behaviour notifytest.Behaviour
		change    func(*Server)
	}{
		"starttls":             {notifytest.Behaviour{}, nil},
		"starttls and sign-in": {notifytest.Behaviour{SignIn: true}, signIn},
		"implicit":             {notifytest.Behaviour{Implicit: true, SignIn: true}, func(s *Server) { signIn(s); s.Protection = Implicit }},
		"clear, on loopback":   {notifytest.Behaviour{NoTLS: true}, func(s *Server) { s.Protection = Clear }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := notifytest.Start(t, c.behaviour)
			said, outcome, err := send(t, serverOf(server, c.change), testLetter())
			if err != nil || outcome != OutcomeSent || said == "" {
				t.Fatalf("%q, %s, %v", said, outcome, err)
			}
			got := server.Wait(t, 1)[0]
			if got.From != "folio@example.org" || got.To != "anna@example.net" || got.Header.Get("Subject") != "Your account at Folioscope" {
				t.Errorf("from %q to %q: %v", got.From, got.To, got.Header)
			}
			if got.Header.Get("Message-Id") != "<id1@example.org>" || got.Header.Get("Auto-Submitted") != "auto-generated" || got.Header.Get("Date") == "" {
				t.Errorf("header: %v", got.Header)
			}
			if got.Link() != "https://folio.example/invite/abc" || !strings.Contains(got.Text, "Hello Anna Ärmel,") || !strings.Contains(got.HTML, `href="https://folio.example/invite/abc"`) {
				t.Errorf("text:\n%s\nHTML:\n%s", got.Text, got.HTML)
			}
		})
	}
}

func answer(code int) error { return &smtp.SMTPError{Code: code, Message: "as told"} }

func TestAnswersAreClassified(t *testing.T) {
	for name, c := range map[string]struct {
		behaviour notifytest.Behaviour
		change    func(*Server)
		want      Outcome
	}{
		"421 at once":           {notifytest.Behaviour{OnMail: answer(421)}, nil, OutcomeBusy},
		"451 for the recipient": {notifytest.Behaviour{OnRcpt: answer(451)}, nil, OutcomeBusy},
		"451 after the text":    {notifytest.Behaviour{OnData: answer(451)}, nil, OutcomeBusy},
		"550 for the recipient": {notifytest.Behaviour{OnRcpt: answer(550)}, nil, OutcomeRefused},
		"553 for the sender":    {notifytest.Behaviour{OnMail: answer(553)}, nil, OutcomeRefused},
		"554 after the text":    {notifytest.Behaviour{OnData: answer(554)}, nil, OutcomeRefused},
		"drop in the text":      {notifytest.Behaviour{DropData: true}, nil, OutcomeUnreachable},
		"no TLS offered":        {notifytest.Behaviour{NoTLS: true}, nil, OutcomeUnprotected},
		"a strange certificate": {notifytest.Behaviour{}, func(s *Server) { s.Roots = nil }, OutcomeUnprotected},
		"another host's name":   {notifytest.Behaviour{}, func(s *Server) { s.Host = "localhost" }, OutcomeUnprotected},
		"implicit, but clear":   {notifytest.Behaviour{NoTLS: true}, func(s *Server) { s.Protection = Implicit }, OutcomeUnprotected},
		"wrong password":        {notifytest.Behaviour{SignIn: true}, func(s *Server) { s.Username, s.Password = notifytest.Username, "wrong" }, OutcomeSignIn},
		"no sign-in given":      {notifytest.Behaviour{SignIn: true}, nil, OutcomeSignIn},
		"no sign-in offered":    {notifytest.Behaviour{}, func(s *Server) { s.Username, s.Password = notifytest.Username, "any" }, OutcomeUnprotected},
		"nobody listens":        {notifytest.Behaviour{}, func(s *Server) { s.Port = 1 }, OutcomeUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := notifytest.Start(t, c.behaviour)
			_, outcome, err := send(t, serverOf(server, c.change), testLetter())
			if outcome != c.want {
				t.Errorf("%s, want %s: %v", outcome, c.want, err)
			}
			if len(server.Received()) > 0 {
				t.Error("a mail arrived")
			}
		})
	}
}

// speaking listens and does with each connection as told.
func speaking(t *testing.T, do func(net.Conn)) Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			do(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	at := listener.Addr().(*net.TCPAddr)
	return Server{Host: at.IP.String(), Port: at.Port, From: "folio@example.org", Protection: Clear}
}

func TestBadServersAreLeftSoon(t *testing.T) {
	for name, do := range map[string]func(net.Conn){
		"endless greeting": func(c net.Conn) {
			line := []byte("220 " + strings.Repeat("x", 4<<10))
			for range 1 << 14 {
				if _, err := c.Write(line); err != nil {
					return
				}
			}
		},
		"endless lines": func(c net.Conn) {
			for range 1 << 20 {
				if _, err := c.Write([]byte("220-more\r\n")); err != nil {
					return
				}
			}
		},
		"no mail server": func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) },
		"hangs up":       func(net.Conn) {},
		"554 greeting":   func(c net.Conn) { _, _ = c.Write([]byte("554 no service\r\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			_, outcome, err := send(t, speaking(t, do), testLetter())
			if outcome != OutcomeUnreachable {
				t.Errorf("%s: %v", outcome, err)
			}
			if took := time.Since(begun); took > 8*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestASlowServerIsLeftAtTheDeadline(t *testing.T) {
	done := make(chan struct{})
	server := speaking(t, func(c net.Conn) {
		for range 1000 { // a byte at a time: every read is quick, the whole never ends
			if _, err := c.Write([]byte("2")); err != nil {
				break
			}
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	defer close(done)
	sender, err := NewSMTP(server)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err = sender.Send(ctx, testLetter())
	if outcomeOf(err) != OutcomeUnreachable || time.Since(begun) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(begun))
	}
}

// What people chose reaches no header, however it is written.
func TestHeadersCannotBeInjected(t *testing.T) {
	server := notifytest.Start(t, notifytest.Behaviour{})
	evil := "Anna\r\nBcc: eve@evil.test\r\n\r\nhidden\u202etxet\u2066\x00"
	letter := Compose(audit.Mail{Kind: audit.MailTokenCreated, Address: "anna@example.net", Name: evil, What: evil + "<script>"}, "id1", "https://folio.example", testNow)
	if _, outcome, err := send(t, serverOf(server, nil), letter); outcome != OutcomeSent {
		t.Fatal(err)
	}
	got := server.Wait(t, 1)[0]
	if got.To != "anna@example.net" || got.Header.Get("Bcc") != "" || len(got.Header["To"]) != 1 {
		t.Errorf("header: %v", got.Header)
	}
	for _, bad := range []string{"\u202e", "\u2066", "\x00", "\r"} {
		if strings.Contains(got.Text+got.HTML, bad) {
			t.Errorf("%q is in the text", bad)
		}
	}
	if strings.Contains(got.HTML, "<script>") || !strings.Contains(got.Text, "Hello AnnaBcc: eve@evil.testhidden") {
		t.Errorf("text:\n%s\nHTML:\n%s", got.Text, got.HTML)
	}
	for _, address := range []string{"anna@example.net\r\nBcc: eve@evil.test", "anna@example.net, eve@evil.test", "anna@example.net>\r\nRCPT TO:<eve@evil.test"} {
		letter.To = address
		if _, outcome, _ := send(t, serverOf(server, nil), letter); outcome != OutcomeRefused {
			t.Errorf("%q: %s", address, outcome)
		}
	}
	if all := server.Received(); len(all) != 1 {
		t.Errorf("%d mails arrived", len(all))
	}
}

func TestASenderThatIsNoneIsRefused(t *testing.T) {
	for _, from := range []string{"", "folio", "a@b\r\nBcc: c@d"} {
		if _, err := NewSMTP(Server{From: from}); err == nil {
			t.Errorf("%q was taken", from)
		}
	}
}

func TestSendNeedsADeadline(t *testing.T) {
	sender, err := NewSMTP(Server{Host: "127.0.0.1", Port: 1, From: "folio@example.org", Protection: Clear})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sender.Send(context.WithoutCancel(t.Context()), testLetter())
	if _, ok := errors.AsType[*SendError](err); !ok {
		t.Errorf("%v", err)
	}
}
