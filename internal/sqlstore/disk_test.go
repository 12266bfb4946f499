package sqlstore

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// disk keeps files as a machine does: what was synced lies on the platter, what was only written lies in a cache. When the power is cut, of
// the cache some sectors had reached the platter, in any order, and the rest is lost; so are names whose directory was not synced.
//
// It stands between the operating system's files, which hold what programs see, and the encrypting VFS.
type disk struct {
	vfs.VFSFilename
	dice *rand.Rand
	lies bool // answers that it has synced, and doesn't: a mutant
	bold bool // promises more than an encrypted file can keep: a mutant

	mu     sync.Mutex
	dir    string // where the files of this run are
	files  map[string]*kept
	steps  int               // until the power is cut; negative: it stays
	fails  int               // syncs until one fails; negative: none does
	images map[string][]byte // what is found when the power is back; nil while it is there
	syncs  map[string]int    // by file
}

// kept is what the platter has of a file, and what happened to it since.
type kept struct {
	platter []byte
	named   bool    // its name is on the platter
	deleted bool    // but its directory was not synced since: it can come back
	cached  []write // in their order
}

// write is bytes at a place, or a new size.
type write struct {
	at    int64
	bytes []byte
	size  int64 // where bytes is nil
}

var errNoPower = sqlite3.IOERR

func newDisk(t *testing.T, dice *rand.Rand) *disk {
	base, ok := vfs.Find("").(vfs.VFSFilename)
	if !ok {
		t.Fatal("sqlite's own VFS opens no file names")
	}
	d := &disk{VFSFilename: base, dice: dice, dir: t.TempDir(), files: make(map[string]*kept), syncs: make(map[string]int), steps: -1, fails: -1}
	vfs.Register(t.Name(), boldVFS{VFSFilename: encrypting(d).(vfs.VFSFilename), disk: d})
	t.Cleanup(func() { vfs.Unregister(t.Name()) })
	return d
}

// cutAfter has the power cut within a number of changes.
func (d *disk) cutAfter(steps int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.steps = steps
}

// down says whether the power is cut.
func (d *disk) down() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.images != nil
}

// up begins anew, in another directory, with what the platter has. All that had files open must have closed them.
func (d *disk) up(t *testing.T) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dir = t.TempDir()
	d.files = make(map[string]*kept)
	for name, image := range d.images {
		if err := os.WriteFile(filepath.Join(d.dir, name), image, fileMode); err != nil {
			t.Fatal(err)
		}
		d.files[name] = &kept{platter: image, named: true}
	}
	d.images, d.steps = nil, -1
}

// failAfter has one sync fail within a number of them.
func (d *disk) failAfter(syncs int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails = syncs
}

// again begins anew, in another directory, as after the end of a process: with all that was written. End has to close all that had files
// open, for which it is too late to change them.
func (d *disk) again(t *testing.T, end func()) {
	t.Helper()
	d.mu.Lock()
	d.images = make(map[string][]byte)
	d.mu.Unlock()
	end()
	d.mu.Lock()
	defer d.mu.Unlock()
	dir := t.TempDir()
	for name := range d.files {
		if err := os.Link(filepath.Join(d.dir, name), filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	d.dir, d.images, d.fails = dir, nil, -1
}

// step counts a change of a file, and cuts the power when it is time. The file is nil where nothing of the change can reach the platter.
func (d *disk) step(f *kept, change write) error {
	if d.images != nil {
		return errNoPower
	}
	if f != nil {
		f.cached = append(f.cached, change)
	}
	if d.steps--; d.steps == 0 {
		d.cut()
		return errNoPower
	}
	d.steps = max(d.steps, -1)
	return nil
}

// cut decides what of every file is found when the power is back.
func (d *disk) cut() {
	d.images = make(map[string][]byte)
	odds := []float64{0, 0.05, 0.5, 0.95, 1}[d.dice.IntN(5)]
	sector := []int{512, 4096}[d.dice.IntN(2)]
	inOrder := d.dice.IntN(4) == 0 // as most disks do when they are asked for nothing
	for name, f := range d.files {
		if (!f.named || f.deleted) && d.dice.Float64() >= odds {
			continue
		}
		image := bytes.Clone(f.platter)
		through := d.dice.IntN(len(f.cached) + 1)
		for i, w := range f.cached {
			if inOrder && i > through {
				break
			}
			image = w.onto(image, sector, func() bool { return inOrder && i < through || d.dice.Float64() < odds })
		}
		d.images[name] = image
	}
}

// onto writes those sectors that came through.
func (w write) onto(image []byte, sector int, through func() bool) []byte {
	if w.bytes == nil {
		if through() {
			image = sized(image, w.size)
		}
		return image
	}
	for from := 0; from < len(w.bytes); {
		to := min(len(w.bytes), from+sector-(int(w.at)+from)%sector)
		if through() {
			image = sized(image, max(int64(len(image)), w.at+int64(to)))
			copy(image[w.at+int64(from):], w.bytes[from:to])
		}
		from = to
	}
	return image
}

func sized(image []byte, size int64) []byte {
	if size <= int64(len(image)) {
		return image[:size]
	}
	return append(image, make([]byte, size-int64(len(image)))...)
}

func (f *kept) sync() {
	const whole = 1 << 30
	for _, w := range f.cached {
		f.platter = w.onto(f.platter, whole, func() bool { return true })
	}
	f.cached = nil
}

// OpenFilename implements vfs.VFSFilename.
func (d *disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.images != nil {
		return nil, flags, errNoPower
	}
	file, flags, err := d.VFSFilename.OpenFilename(name, flags)
	if err != nil || name == nil {
		return file, flags, err
	}
	short := filepath.Base(name.String())
	f := d.files[short]
	if f == nil || f.deleted {
		f = &kept{}
		d.files[short] = f
	}
	return &diskFile{File: file, disk: d, name: short, kept: f, namesToo: flags&vfs.OPEN_CREATE != 0 && flags&(vfs.OPEN_WAL|vfs.OPEN_MAIN_JOURNAL) != 0}, flags, nil
}

// Delete implements vfs.VFS.
func (d *disk) Delete(path string, syncDir bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(nil, write{}); err != nil {
		return err
	}
	if name := filepath.Base(path); syncDir {
		delete(d.files, name)
	} else if f := d.files[name]; f != nil {
		f.deleted = true
	}
	return d.VFSFilename.Delete(path, false)
}

// diskFile is a file as one connection has it open.
type diskFile struct {
	vfs.File
	disk     *disk
	name     string
	kept     *kept
	namesToo bool // the first sync syncs the directory too, as that of the operating system's VFS does
}

// ReadAt implements io.ReaderAt.
func (f *diskFile) ReadAt(p []byte, offset int64) (int, error) {
	if f.disk.down() {
		return 0, errNoPower
	}
	return f.File.ReadAt(p, offset)
}

// WriteAt implements io.WriterAt.
func (f *diskFile) WriteAt(p []byte, offset int64) (n int, err error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.step(f.kept, write{at: offset, bytes: bytes.Clone(p)}); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, offset)
}

// Truncate implements vfs.File.
func (f *diskFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.step(f.kept, write{size: size}); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// Sync implements vfs.File.
func (f *diskFile) Sync(vfs.SyncFlag) error {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(nil, write{}); err != nil || d.lies {
		return err
	}
	d.syncs[f.name]++
	d.fails = max(d.fails-1, -1)
	if d.fails == 0 {
		f.kept.cached = nil // what could not be written is forgotten, and stays readable
		return syscall.EIO
	}
	f.kept.sync()
	if f.namesToo {
		f.namesToo = false
		for name, other := range d.files {
			other.named = true
			if other.deleted {
				delete(d.files, name)
			}
		}
	}
	return nil
}

// What SQLite asks of a file beside that is the operating system's.

func (f *diskFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }
func (f *diskFile) LockState() vfs.LockLevel       { return vfsutil.WrapLockState(f.File) }

// boldVFS lets a disk's files say, where it is bold, that a write never harms what lies beside it. Blocks that are encrypted as one can't
// promise that: SQLite would let a commit end in the middle of one, which the next commit writes anew.
type boldVFS struct {
	vfs.VFSFilename
	disk *disk
}

// OpenFilename implements vfs.VFSFilename.
func (v boldVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := v.VFSFilename.OpenFilename(name, flags)
	if err != nil || !v.disk.bold {
		return file, flags, err
	}
	return boldFile{file}, flags, nil
}

type boldFile struct{ vfs.File }

// DeviceCharacteristics implements vfs.File.
func (f boldFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return f.File.DeviceCharacteristics() | vfs.IOCAP_POWERSAFE_OVERWRITE
}

func (f boldFile) Unwrap() vfs.File { return f.File }
func (f boldFile) Pragma(name, value string) (string, error) {
	return vfsutil.WrapPragma(f.File, name, value)
}
func (f boldFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }
func (f boldFile) LockState() vfs.LockLevel       { return vfsutil.WrapLockState(f.File) }
