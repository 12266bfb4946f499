package jobs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	claimFile     = "node"
	nameBytesMax  = 64
	claimFileMode = 0o600
)

// Claim gives this node the name that it had at its last start, kept in its data directory, so that it can take up its own
// jobs at once after a crash. The name is this process's alone until release: where another process holds it, or the system has
// no file locks, the name is a fresh one.
func Claim(dataDir string) (name string, release func() error, err error) {
	file, err := os.OpenFile(filepath.Join(dataDir, claimFile), os.O_RDWR|os.O_CREATE, claimFileMode)
	if err != nil {
		return "", nil, fmt.Errorf("open the node's name: %w", err)
	}
	held, err := lock(file)
	if err != nil || !held {
		return fresh(), func() error { return nil }, errors.Join(err, file.Close())
	}
	buffer := make([]byte, nameBytesMax)
	n, err := file.ReadAt(buffer, 0)
	if name = strings.TrimSpace(string(buffer[:n])); name == "" {
		name = fresh()
		_, err = file.WriteAt([]byte(name+"\n"), 0)
		err = errors.Join(err, file.Sync())
	} else if n > 0 {
		err = nil // the end of the file is no error
	}
	if err != nil {
		return "", nil, fmt.Errorf("read the node's name: %w", errors.Join(err, file.Close()))
	}
	return name, func() error {
		if err := file.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
			return fmt.Errorf("release the node's name: %w", err)
		}
		return nil
	}, nil
}

// Claimed says whether a process holds the name of a data directory; false where there is none yet.
func Claimed(dataDir string) (claimed bool, err error) {
	file, err := os.Open(filepath.Join(dataDir, claimFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open the node's name: %w", err)
	}
	held, err := lock(file)
	return !held && err == nil, errors.Join(err, file.Close())
}

func fresh() string { return "node-" + rand.Text() }
