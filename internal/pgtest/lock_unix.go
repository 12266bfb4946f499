//go:build unix

package pgtest

import (
	"os"
	"syscall"
)

// tryLock takes a lock that the kernel gives back when the process ends.
func tryLock(file *os.File) bool {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
