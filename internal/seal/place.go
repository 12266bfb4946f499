package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"folioscope/internal/fault"
)

// Place is where a keyring lies: a file beside an SQLite database, or a table in PostgreSQL.
type Place interface {
	// Load gives what Create stored, fault.NotFound where there is nothing.
	Load(ctx context.Context) ([]byte, error)
	// Create stores a keyring where there is neither one nor data that another keyring sealed, else it gives fault.Conflict.
	Create(ctx context.Context, data []byte) error
	// Replace stores a keyring in the place of another, whole or not at all, and does nothing where it is there already. Where
	// a third lies there it gives fault.Conflict.
	Replace(ctx context.Context, old, data []byte) error
}

// File is the place of a keyring beside an SQLite database.
type File struct {
	Path    string
	Guarded []string // data that a keyring sealed: while one of these exists no new keyring is made
}

// Load implements Place.
func (f File) Load(context.Context) ([]byte, error) {
	file, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.NotFound, err, "there is no keyring at %s", f.Path)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the keyring %s can't be read", f.Path)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, keyringBytesMax))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the keyring %s can't be read", f.Path)
	}
	return data, nil
}

// Create implements Place.
func (f File) Create(_ context.Context, data []byte) error {
	if _, err := os.Lstat(f.Path); err == nil {
		return f.exists(fs.ErrExist)
	}
	for _, guarded := range f.Guarded {
		if _, err := os.Lstat(guarded); !errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.Conflict, "%s exists: a new keyring could never open it", guarded)
		}
	}
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		return fmt.Errorf("create keyring: %w", err)
	}
	err := writeNew(f.Path, data, keyringFileMode)
	if errors.Is(err, fs.ErrExist) {
		return f.exists(err)
	}
	return err
}

func (f File) exists(err error) error {
	return fault.Wrap(fault.Conflict, err, "there is a keyring at %s already", f.Path)
}

// Replace implements Place. Whoever calls it holds the database's one lock for writing, so that no two replace at once.
func (f File) Replace(ctx context.Context, old, data []byte) error {
	held, err := f.Load(ctx)
	if err != nil {
		return err
	}
	if bytes.Equal(held, data) {
		return nil
	}
	if !bytes.Equal(held, old) {
		return fault.New(fault.Conflict, "the keyring %s was changed by somebody else meanwhile", f.Path)
	}
	return writeWhole(f.Path, data, keyringFileMode, os.O_TRUNC) // one that was killed may have left its half behind
}

// writeNew writes a file that must not exist, so that it is there whole or not at all, even after a loss of power.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	return writeWhole(path, data, mode, os.O_EXCL) // created exclusively: of two that make the same file one is refused
}

// writeWhole writes a file beside the path, opened with a flag more, and renames it.
func writeWhole(path string, data []byte, mode fs.FileMode, flag int) error {
	temporary := path + ".new"
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|flag, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory makes a rename last. Systems that can't sync a directory make it last by themselves.
func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer directory.Close()
	if err := directory.Sync(); err != nil && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
