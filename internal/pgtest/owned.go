package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// lockSuffix names the file beside a directory that its process keeps locked for as long as it lives.
const lockSuffix = ".lock"

// orphanAgeMin is how old a directory without a lock must be to be taken for left behind: between making the directory and
// locking it there is a moment.
const orphanAgeMin = 10 * time.Minute

// ownedDir is a directory that belongs to this process for as long as it holds the lock.
type ownedDir struct {
	path string
	lock *os.File
}

func newOwnedDir(place string) (*ownedDir, error) {
	path, err := os.MkdirTemp(place, dirPrefix)
	if err != nil {
		return nil, fmt.Errorf("make a directory for the cluster: %w", err)
	}
	lock, err := os.OpenFile(path+lockSuffix, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the directory's lock: %w", err), os.RemoveAll(path))
	}
	dir := &ownedDir{path: path, lock: lock}
	if !tryLock(lock) {
		return nil, errors.Join(errors.New("a new lock is taken already"), dir.remove())
	}
	return dir, nil
}

func (d *ownedDir) remove() error {
	return errors.Join(os.RemoveAll(d.path), os.Remove(d.lock.Name()), d.lock.Close())
}

// sweep removes the directories of processes that no longer live. What can't be removed belongs to somebody else and stays.
func sweep(place string) {
	dirs, _ := filepath.Glob(filepath.Join(place, dirPrefix+"*")) // the only error is a bad pattern
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() || !abandoned(dir, info.ModTime()) {
			continue
		}
		if err := os.RemoveAll(dir); err == nil {
			_ = os.Remove(dir + lockSuffix) // gone already when two processes sweep at once
		}
	}
}

func abandoned(dir string, modified time.Time) bool {
	lock, err := os.OpenFile(dir+lockSuffix, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return time.Since(modified) > orphanAgeMin
	}
	if err != nil {
		return false
	}
	defer lock.Close()
	return tryLock(lock)
}
