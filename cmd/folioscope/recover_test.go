package main

import (
	"strings"
	"testing"
)

func TestAnOperatorMakesALinkForAForgottenPassword(t *testing.T) {
	s := newShell(t)
	s.expect(exitDone, "", []string{"keys", "init"})
	s.expect(exitDone, testSecret, []string{"user", "add", testEmail}, testEmail)
	if out := s.expect(exitDone, "", []string{"user", "recover", "--set=public_url=https://folio.example", testEmail}); !strings.HasPrefix(out, "https://folio.example/recover/") || strings.Count(out, "\n") != 1 {
		t.Errorf("%q", out)
	}
	if out := s.expect(exitDone, "", []string{"user", "recover", testEmail}); !strings.HasPrefix(out, "/recover/") {
		t.Errorf("%q", out)
	}
	s.expect(exitFailed, "", []string{"user", "recover", "nobody@example.test"}, "Nobody has this e-mail address")
}
