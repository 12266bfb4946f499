//go:build !linux

package pgtest

import "os/exec"

// runAs is who the server runs as. Off Linux that is always whoever runs the test.
type runAs struct{}

func serverAccount() (runAs, error) { return runAs{}, nil }

func (runAs) own(string) error { return nil }

func (runAs) apply(command *exec.Cmd, dir string) { command.Dir = dir }

// endWithParent has no counterpart here: a killed test leaves its server running until it is stopped by hand.
func endWithParent(*exec.Cmd) {}

// bytesFree is asked only about Linux's memory file system.
func bytesFree(string) int64 { return 0 }
