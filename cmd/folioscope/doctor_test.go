package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"folioscope/internal/health"
)

// diagnose runs the doctor and gives what it printed without what differs between machines.
func (s *shell) diagnose(want int, args ...string) string {
	s.t.Helper()
	out, errs, code := s.run("", append([]string{"doctor"}, args...)...)
	if code != want {
		s.t.Fatalf("exit code %d, want %d\n%s%s", code, want, out, errs)
	}
	if failing := "folioscope: something is failing; see above\n"; want == exitFailed && errs != failing || want == exitDone && errs != "" {
		s.t.Errorf("standard error: %q", errs)
	}
	out = strings.ReplaceAll(out, s.dir, "DIR")
	for pattern, text := range map[string]string{
		`(?m)^\w+ +disk: .* are free\.\n( +to mend it: .*\n)?`: "", // how full it is isn't this test's
		`[\d.]+ (ms|[KMGT]?i?B)\b`:                             "N $1",
		`\b[0-9a-f]{16}\b`:                                     "KEYRING",
	} {
		out = regexp.MustCompile(pattern).ReplaceAllString(out, text)
	}
	return out
}

// What the doctor says of a new machine, of one with keys, and of some that are broken is kept as a file, so that its words are read.
func TestDoctor(t *testing.T) {
	s := newShell(t)
	var said strings.Builder
	step := func(title string, want int, args ...string) {
		said.WriteString("== " + title + "\n" + s.diagnose(want, args...) + "\n")
	}
	step("nothing is there yet", exitFailed)
	s.expect(exitDone, "", []string{"keys", "init"})
	step("a new installation", exitDone)
	step("settings that make no sense", exitFailed, "--set", "listen=nowhere", "--set", "smtp.port=0")
	step("a bus that isn't there", exitDone, "--set", "nats.urls=nats://127.0.0.1:1")
	step("no database server", exitFailed, "--set", "database.url=postgres://u:hunter2@127.0.0.1:1/folio")
	database, keyring := filepath.Join(s.dir, "data", "folioscope.db"), filepath.Join(s.dir, "data", "keyring")
	rename := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	rename(database, database+".away")
	step("the database is gone", exitFailed)
	rename(database+".away", database)
	rename(keyring, keyring+".away")
	step("the keyring is gone", exitFailed)
	rename(keyring+".away", keyring)
	if err := os.WriteFile(filepath.Join(s.dir, "other"), []byte(strings.Repeat("ab", 32)), 0o400); err != nil {
		t.Fatal(err)
	}
	step("another key", exitFailed, "--set", "keys.kek="+filepath.Join(s.dir, "other"))
	if err := os.WriteFile(database, []byte(strings.Repeat("no database ", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	step("the database is damaged", exitFailed)
	got := said.String()
	if strings.Contains(got, "hunter2") {
		t.Error("a password is told")
	}
	path := filepath.Join("testdata", "doctor.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(kept) {
		t.Errorf("not %s (write it anew with -update):\n%s", path, got)
	}
}

// Beside a node that runs it says the same of what they share, in a form for programs too.
func TestDoctorBesideANode(t *testing.T) {
	in := newInstallation(t)
	in.start()
	defer in.stop()
	var said struct {
		State  health.State
		Checks []health.Check
	}
	out := in.command("", "doctor", "--json")
	if err := json.Unmarshal([]byte(out), &said); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if said.State != health.OK || len(said.Checks) < 10 {
		t.Errorf("%+v", said)
	}
	for _, c := range said.Checks {
		if c.Says == "" || c.State.Rank() < 0 {
			t.Errorf("%+v", c)
		}
	}
}
