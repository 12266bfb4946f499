package main

import (
	"errors"
	"net/http"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// A node that is told to stop says at once that it isn't ready and serves on; told again, it waits for nothing.
func TestASecondSignalEndsANodeAtOnce(t *testing.T) {
	in := newInstallation(t, "FOLIOSCOPE_DRAIN_WAIT=5m")
	in.start()
	terminate := func() {
		t.Helper()
		if err := in.serve.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	terminate()
	const patience = 2 * time.Minute
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		status, _ := in.send("GET", "/readyz", "", nil)
		if status == http.StatusServiceUnavailable {
			break
		}
		if time.Since(began) > patience {
			t.Fatalf("/readyz answers %d", status)
		}
	}
	if status, _ := in.send("GET", "/healthz", "", nil); status != http.StatusOK {
		t.Errorf("/healthz answers %d", status)
	}
	terminate()
	err := in.serve.Wait()
	if exited, ok := errors.AsType[*exec.ExitError](err); !ok || exited.Exited() {
		t.Errorf("ended with %v, not by the signal", err)
	}
}
