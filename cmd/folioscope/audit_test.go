package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fails runs a command that has to fail and gives all that it printed.
func (in *installation) fails(args ...string) string {
	in.t.Helper()
	cmd := exec.Command(in.binary, args...)
	cmd.Env = in.env
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitFailed {
		in.t.Fatalf("folioscope %s: %v, want exit code 1\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// copied waits until the node has copied a checkpoint beyond a size of the file.
func (in *installation) copied(beyond int64) int64 {
	in.t.Helper()
	const patience = 2 * time.Minute
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if info, err := os.Stat(filepath.Join(in.dataDir(), "checkpoints")); err == nil && info.Size() > beyond {
			return info.Size()
		}
	}
	in.t.Fatalf("no checkpoint was copied\n%s", in.log.String())
	return 0
}

// TestAuditOnTheBinary goes through an operator's day: what was done is signed and verified, a database of yesterday is found out
// and refused, and taken only when that is said and recorded.
func TestAuditOnTheBinary(t *testing.T) {
	in := newInstallation(t)
	in.command(testSecret+"\n", "user", "add", testEmail)
	in.start()
	in.signIn(testEmail, testSecret)
	in.portfolio("Audit", "main")
	size := in.copied(0)
	in.stop()
	if out := in.command("", "audit", "verify"); !strings.Contains(out, "checked ") {
		t.Errorf("verify printed %q", out)
	}
	old := map[string][]byte{}
	files, err := filepath.Glob(filepath.Join(in.dataDir(), "folioscope.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		if old[path], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}

	in.start()
	in.signIn(testEmail, testSecret)
	in.portfolio("Later", "other")
	in.copied(size)
	time.Sleep(2 * time.Second) // for the checkpoints of what came last
	in.stop()
	in.command("", "audit", "verify")
	key := strings.TrimSpace(in.command("", "audit", "key"))
	in.command("", "audit", "verify", "--key", key)
	if out := in.fails("audit", "verify", "--checkpoints", elsewhere(t, in)); !strings.Contains(out, "not signed with the key") {
		t.Errorf("a changed copy: %s", out)
	}

	now, err := filepath.Glob(filepath.Join(in.dataDir(), "folioscope.db*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range now {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for path, data := range old {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out := in.fails("audit", "verify"); !strings.Contains(out, "an older database was put back") {
		t.Errorf("an older database: %s", out)
	}
	if out := in.fails("serve"); !strings.Contains(out, "audit accept") {
		t.Errorf("a node starts on an older database: %s", out)
	}
	in.command("", "audit", "accept")
	in.start()
	in.copied(0)
	in.stop()
	in.command("", "audit", "verify")
	rows := in.command("", "audit", "export")
	accepted := 0
	for line := range strings.Lines(rows) {
		var row struct{ Action, Hash, Object string }
		if err := json.Unmarshal([]byte(line), &row); err != nil || row.Hash == "" {
			t.Fatalf("%q: %v", line, err)
		}
		if row.Action == "audit.accept" {
			accepted++
		}
	}
	if accepted != 1 || strings.Contains(rows, testEmail) {
		t.Errorf("%d acceptances in\n%s", accepted, rows)
	}
}

// elsewhere is a copy of checkpoints of which one was changed.
func elsewhere(t *testing.T, in *installation) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(in.dataDir(), "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "checkpoints")
	if err := os.WriteFile(path, bytes.Replace(data, []byte("time 2"), []byte("time 3"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
