package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestTokenCommands(t *testing.T) {
	s := newShell(t)
	s.expect(exitDone, "", []string{"keys", "init"})
	s.expect(exitDone, testSecret, []string{"user", "add", testEmail}, testEmail)
	s.expect(exitFailed, "", []string{"token", "create", "--name=Backup", "nobody@example.test"}, "Nobody has this e-mail address")
	s.expect(exitUsage, "", []string{"token", "create", "--name=Backup", "--scope=read,admin", testEmail}, "Only an admin")
	made := s.expect(exitDone, "", []string{"token", "create", "--name=Backup", "--scope=read,write", "--days=1", testEmail}, "fsc_")
	if !regexp.MustCompile(`^fsc_[0-9a-z]{26}\.[\w-]{43}\n$`).MatchString(made) {
		t.Errorf("printed %q", made)
	}
	list := s.expect(exitDone, "", []string{"token", "list", testEmail}, "read,write", "Backup", "never")
	if secret := strings.TrimSpace(made); strings.Contains(list, secret[len(secret)-20:]) {
		t.Error("the list shows the secret")
	}
	id := strings.Fields(strings.Split(list, "\n")[1])[0]
	s.expect(exitDone, "", []string{"token", "revoke", testEmail, id}, "revoked "+id)
	s.expect(exitFailed, "", []string{"token", "revoke", testEmail, id}, "There is no such API token")
	s.expect(exitFailed, "", []string{"user", "reset-second-factor", testEmail}, "There is no second factor")
}
