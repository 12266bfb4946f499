package sqlstore

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/adiantum"
)

// fileVFS is the VFS that encrypts SQLite's files: adiantum's, with reads of the write-ahead log that are whole.
//
// It encrypts blocks of 4 KiB, and the frames of a write-ahead log don't end where blocks do: who appends a frame encrypts the end of the one
// before anew. Who reads that one at the same moment may get half of the old block and half of the new, which decrypts to nothing that was
// ever written: SQLite calls the database malformed, and a checkpoint would write it into the file. Without encryption this is no
// harm, as the bytes of the frame before stay what they are.
const fileVFS = "folioscope"

const blockBytes = 4096

// registerVFS makes the VFS known to SQLite, whose list of them is the process's.
var registerVFS = sync.OnceFunc(func() {
	base, ok := vfs.Find("").(vfs.VFSFilename)
	if !ok {
		panic("sqlite's own VFS opens no file names")
	}
	vfs.Register(fileVFS, encrypting(base))
})

// encrypting is the VFS over another one, which keeps the files.
func encrypting(files vfs.VFSFilename) vfs.VFS {
	return adiantum.Wrap(&steadyVFS{VFSFilename: files, locks: make(map[string]*steadyLock)}, nil)
}

// steadyVFS opens write-ahead logs that are read and written one after another.
type steadyVFS struct {
	vfs.VFSFilename
	mu    sync.Mutex
	locks map[string]*steadyLock // by path
}

// steadyLock is of all that have a file open in this process.
type steadyLock struct {
	sync.RWMutex
	users int
}

// OpenFilename implements vfs.VFSFilename.
func (s *steadyVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := s.VFSFilename.OpenFilename(name, flags)
	if err != nil || flags&vfs.OPEN_WAL == 0 {
		return file, flags, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	path := name.String()
	lock := s.locks[path]
	if lock == nil {
		lock = &steadyLock{}
		s.locks[path] = lock
	}
	lock.users++
	return &steadyFile{File: file, of: s, path: path, lock: lock}, flags, nil
}

// steadyFile is a write-ahead log as one connection has it open.
type steadyFile struct {
	vfs.File
	of    *steadyVFS
	path  string
	lock  *steadyLock
	again []byte
}

// rereadsMax is how often a block is read that another process is writing, such as a command beside a node: a write takes about a
// microsecond.
const rereadsMax = 100

// ReadAt implements io.ReaderAt. No write of this process falls into it; one of another process would make two reads differ.
func (f *steadyFile) ReadAt(p []byte, offset int64) (n int, err error) {
	f.lock.RLock()
	defer f.lock.RUnlock()
	before, _ := f.File.ReadAt(p, offset) // what goes wrong goes wrong again
	f.again = append(f.again[:0], p[:before]...)
	for range rereadsMax {
		if n, err = f.File.ReadAt(p, offset); bytes.Equal(p[:n], f.again) {
			return n, err
		}
		f.again = append(f.again[:0], p[:n]...)
	}
	return n, fmt.Errorf("read a block that is written all the time: %w", sqlite3.IOERR_READ)
}

// WriteAt implements io.WriterAt.
func (f *steadyFile) WriteAt(p []byte, offset int64) (n int, err error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if n, err = f.File.WriteAt(p, offset); errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = vfs.SystemError(err, sqlite3.FULL) // the system's VFS only knows it without the file's name around
	}
	return n, err
}

// Size implements vfs.File. A block of which a power cut or a full disk left a part can't be decrypted. SQLite would take the error for one
// of the disk and open nothing; without that block it drops the frames that were never whole, as it does with others that end too early.
func (f *steadyFile) Size() (int64, error) {
	size, err := f.File.Size()
	return size &^ (blockBytes - 1), err
}

// Close implements io.Closer.
func (f *steadyFile) Close() error {
	f.of.mu.Lock()
	if f.lock.users--; f.lock.users == 0 {
		delete(f.of.locks, f.path)
	}
	f.of.mu.Unlock()
	return f.File.Close()
}
