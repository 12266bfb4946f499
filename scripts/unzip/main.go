// Command unzip unpacks an archive into a new directory, since not every machine has a program for it:
//
//	go run ./scripts/unzip ARCHIVE DIR
//
// It writes beside DIR first and renames at the end, so that DIR is whole or not there.
package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// fileBytesMax bounds one unpacked file: the database that this is for has small ones.
const fileBytesMax = 64 << 20

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: unzip ARCHIVE DIR")
		os.Exit(2)
	}
	if err := unpack(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "unzip:", err)
		os.Exit(1)
	}
}

func unpack(archive, dir string) error {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer reader.Close()
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	partial, err := os.MkdirTemp(filepath.Dir(dir), "unzip-")
	if err != nil {
		return err
	}
	err = fs.WalkDir(reader, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(partial, name), 0o755)
		default:
			return unpackFile(reader, name, filepath.Join(partial, name))
		}
	})
	if err == nil {
		err = os.Rename(partial, dir)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(partial))
	}
	return nil
}

// unpackFile trusts fs.WalkDir with the name: it yields only names that stay inside the archive's root.
func unpackFile(archive fs.FS, name, target string) (err error) {
	from, err := archive.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	written, err := io.Copy(to, io.LimitReader(from, fileBytesMax+1))
	if err == nil && written > fileBytesMax {
		err = fmt.Errorf("%s is longer than %d bytes", name, fileBytesMax)
	}
	return err
}
