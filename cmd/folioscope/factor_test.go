package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// On a node with no settings about it, an administrator without a second factor may do nothing but set one up, by password or by token;
// everybody else goes on as they are.
func TestAdministratorsNeedASecondFactor(t *testing.T) {
	in := newInstallation(t)
	in.env = slices.DeleteFunc(in.env, func(entry string) bool { return strings.HasPrefix(entry, "FOLIOSCOPE_IDENTITY_REQUIRE_SECOND_FACTOR=") })
	in.command(testSecret+"\n", "user", "add", "--role", "admin", testEmail)
	in.command(testSecret+"\n", "user", "add", "reader@example.test")
	token := strings.Fields(in.command("", "token", "create", "--name", "Script", "--scope", "read", testEmail))
	in.start()
	in.signIn(testEmail, testSecret)
	bearer := []string{"Authorization", "Bearer " + token[0]}
	for name, headers := range map[string][]string{"session": nil, "token": bearer} {
		status, text := in.send("GET", "/api/v1/portfolios", "", nil, headers...)
		var problem struct {
			SecondFactor string `json:"second_factor"`
		}
		if err := json.Unmarshal(text, &problem); err != nil || status != http.StatusForbidden || problem.SecondFactor != "enrol" {
			t.Errorf("%s: %d %s, %v", name, status, text, err)
		}
	}
	in.must("POST", "/api/v1/me/second-factor", "", nil, nil)
	in.signIn("reader@example.test", testSecret)
	in.must("GET", "/api/v1/portfolios", "", nil, nil)
	in.stop()
}
