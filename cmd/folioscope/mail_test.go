package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"folioscope/internal/notify/notifytest"
)

func TestMailTestSaysWhatTheServerSaid(t *testing.T) {
	s := newShell(t)
	s.expect(exitUsage, "", []string{"mail", "test", testEmail}, "smtp.host", "is not set")
	set := func(server *notifytest.Server) []string {
		return []string{
			"mail", "test", "--set=smtp.host=127.0.0.1", fmt.Sprintf("--set=smtp.port=%d", server.Port), "--set=smtp.tls=none", "--set=smtp.from=folio@example.test",
			"--set=public_url=https://folio.example", testEmail,
		}
	}
	good := notifytest.Start(t, notifytest.Behaviour{NoTLS: true})
	s.expect(exitDone, "", set(good), "the mail server took it: ")
	if got := good.Wait(t, 1)[0]; got.To != testEmail || !strings.Contains(got.Text, "https://folio.example") {
		t.Errorf("%+v", got)
	}
	bad := notifytest.Start(t, notifytest.Behaviour{NoTLS: true, OnRcpt: &smtp.SMTPError{Code: 550, Message: "no such mailbox here"}})
	s.expect(exitFailed, "", set(bad), "refuses this mail for good", "no such mailbox here")
}
