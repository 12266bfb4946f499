package main

import (
	"strings"
	"testing"
)

func TestPeopleCommands(t *testing.T) {
	const other = "berta@example.test"
	s := newShell(t)
	s.expect(exitDone, "", []string{"keys", "init"})
	s.expect(exitDone, testSecret, []string{"user", "add", "--role=admin", testEmail}, testEmail)
	s.expect(exitDone, testSecret, []string{"user", "add", "--name=Berta", other}, other)
	for _, line := range []string{"user role EMAIL user", "user suspend EMAIL", "user delete --yes EMAIL"} {
		s.expect(exitFailed, "", strings.Fields(strings.ReplaceAll(line, "EMAIL", testEmail)), "There has to be an active administrator")
	}
	s.expect(exitDone, "", []string{"user", "role", other, "auditor"}, other+" has the role auditor")
	s.expect(exitDone, "", []string{"user", "sign-out", other}, other+" is signed out everywhere")
	s.expect(exitDone, "", []string{"user", "suspend", other}, other+" is suspended")
	list := s.expect(exitDone, "", []string{"user", "list"}, "E-MAIL", "Berta", "suspended", "auditor")
	if lines := strings.Split(strings.TrimSpace(list), "\n"); len(lines) != 3 {
		t.Errorf("%q", list)
	}
	s.expect(exitDone, "", []string{"user", "activate", other}, "may sign in again")
	s.expect(exitDone, "", []string{"user", "delete", "--yes", other}, other+" is deleted")
	s.expect(exitFailed, "", []string{"user", "delete", "--yes", other}, "Nobody has this e-mail address")
	if list := s.expect(exitDone, "", []string{"user", "list"}, testEmail); strings.Contains(list, other) {
		t.Errorf("%q", list)
	}
	s.expect(exitDone, "", []string{"audit", "verify"})
	s.expect(exitDone, testSecret, []string{"user", "add", other}, other)
}
