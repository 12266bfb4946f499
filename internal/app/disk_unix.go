//go:build linux || darwin

package app

import "syscall"

// diskRoom is what is free for this user on the disk of a directory, and how large it is, in bytes.
func diskRoom(dir string) (free, size uint64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	block := uint64(s.Bsize)
	return s.Bavail * block, s.Blocks * block, nil
}
