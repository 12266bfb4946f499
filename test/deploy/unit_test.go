package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnits(t *testing.T) {
	for _, name := range []string{"folioscope.service", "folioscope@.service"} {
		for _, err := range *checkUnit(read(t, filepath.Join(unitDir, name))) {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := read(t, unitDir+"/folioscope.service")
	for _, s := range []spoiling{
		{"new privileges", "NoNewPrivileges=yes", "NoNewPrivileges=no", "NoNewPrivileges"},
		{"a directive mistyped", "ProtectSystem=", "ProtectSytem=", "ProtectSystem"},
		{"a capability", "CapabilityBoundingSet=", "CapabilityBoundingSet=CAP_SYS_ADMIN", "CapabilityBoundingSet"},
		{"all system calls", "SystemCallFilter=~@privileged @resources\n", "", "SystemCallFilter"},
		{"killed while it leaves", "TimeoutStopSec=75", "TimeoutStopSec=5", "killed before"},
		{"a key in the environment", "credential:kek", "env:KEK", "not the credential"},
		{"a setting that isn't one", "FOLIOSCOPE_KEYS_KEK", "FOLIOSCOPE_KEY_KEK", "unknown variable"},
		{"data elsewhere", "StateDirectory=folioscope", "StateDirectory=other", "the data lies"},
		{"another command", "folioscope serve", "folioscope demo", "doesn't serve"},
	} {
		t.Run(s.name, func(t *testing.T) {
			if wrong := checkUnit(s.spoil(t, text)); !wrong.says(s.want) {
				t.Errorf("said %v, want %q", *wrong, s.want)
			}
		})
	}
}

// exposureMax is of systemd's own scale, from 0 (shut) to 100; 13 is what there is. What remains is the network itself.
const exposureMax = "15"

// systemd itself reads both units without a warning, and finds little that they leave open.
func TestSystemdReadsTheUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skipf("skipped: no systemd-analyze")
	}
	image := t.TempDir()
	units := filepath.Join(image, "etc/systemd/system")
	binaries := filepath.Join(image, "usr/local/bin")
	for _, dir := range []string{units, binaries, filepath.Join(image, "usr/lib/systemd")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(image, "usr/lib/systemd/system"), os.DirFS("/usr/lib/systemd/system")); err != nil {
		t.Skipf("skipped: no units of systemd's own")
	}
	if err := os.WriteFile(filepath.Join(binaries, "folioscope"), []byte("#!/bin/sh\n"), 0o755); err != nil { //#nosec G306 -- a program
		t.Fatal(err)
	}
	for name, from := range map[string]string{"folioscope.service": "folioscope.service", "folioscope@one.service": "folioscope@.service"} {
		if err := os.WriteFile(filepath.Join(units, name), []byte(read(t, filepath.Join(unitDir, from))), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(analyze, "verify", "--man=no", "--root="+image, name).CombinedOutput()
		if err != nil || strings.Contains(string(out), "folioscope") {
			t.Errorf("verify %s: %v: %s", name, err, out)
		}
		out, err = exec.Command(analyze, "security", "--offline=yes", "--root="+image, "--threshold="+exposureMax, name).CombinedOutput()
		if err != nil {
			t.Errorf("security %s: %v: %s", name, err, out)
		}
	}
}
