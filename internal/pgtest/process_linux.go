package pgtest

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// runAs is who the server runs as: PostgreSQL refuses to run as root.
type runAs struct {
	credential *syscall.Credential // nil is whoever runs the test
}

// serverAccount is the one who runs the test, or for root the account postgres, else nobody.
func serverAccount() (runAs, error) {
	if os.Geteuid() != 0 {
		return runAs{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			return runAs{credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
		}
	}
	return runAs{}, fmt.Errorf("root can't run PostgreSQL, and this machine has neither an account postgres nor nobody")
}

// own gives a directory and what is in it to the account.
func (r runAs) own(dir string) error {
	if r.credential == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, int(r.credential.Uid), int(r.credential.Gid))
	})
}

// apply makes a command run as the account, in a directory that it can enter.
func (r runAs) apply(command *exec.Cmd, dir string) {
	command.Dir = dir
	command.SysProcAttr = &syscall.SysProcAttr{Credential: r.credential}
}

// endWithParent makes the kernel end the server when this process dies, however it dies. The signal follows the thread that
// started the server, so a goroutine that starts one must not lock its thread.
func endWithParent(command *exec.Cmd) {
	command.SysProcAttr.Pdeathsig = syscall.SIGQUIT
}

// bytesFree is the room left in a directory's file system, 0 where there is none.
func bytesFree(dir string) int64 {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0
	}
	return int64(stat.Bavail) * stat.Bsize
}
