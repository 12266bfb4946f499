package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	diskPatience = 2 * time.Minute
	diskPause    = 20 * time.Millisecond
)

// diskNode is a node with one book, whose disk something happens to.
type diskNode struct {
	*installation
	activities string
	all        []*written
}

func newDiskNode(t *testing.T) *diskNode {
	t.Helper()
	n := &diskNode{installation: newInstallation(t)}
	n.begin()
	return n
}

func (n *diskNode) begin() {
	n.t.Helper()
	n.command(testSecret+"\n", "user", "add", testEmail)
	n.start()
	n.t.Cleanup(n.kill)
	n.signIn(testEmail, testSecret)
	n.activities = n.portfolio("Disk", "main") + "/activities"
}

// try sends one activity: what was answered with 201 has to be there for ever.
func (n *diskNode) try() (status int, problem string) {
	n.t.Helper()
	sent := &written{note: fmt.Sprintf("number %d", len(n.all))}
	sent.key = strings.ReplaceAll(sent.note, " ", "-")
	n.all = append(n.all, sent)
	status, text := n.send("POST", n.activities, sent.key, map[string]any{"activities": []map[string]string{
		{"date": "2026-01-02", "type": "deposit", "amount": "1", "note": sent.note},
	}})
	var answer struct {
		IDs    []string
		Detail string
	}
	if err := json.Unmarshal(text, &answer); err != nil && status != 0 {
		n.t.Errorf("%d: %v in %s", status, err, text)
	}
	if status == http.StatusCreated && len(answer.IDs) == 1 {
		sent.id = answer.IDs[0]
	}
	return status, answer.Detail
}

// until tries until a status comes.
func (n *diskNode) until(want int) (detail string) {
	n.t.Helper()
	for began := time.Now(); time.Since(began) < diskPatience; time.Sleep(diskPause) {
		status, detail := n.try()
		if status == want {
			return detail
		}
	}
	n.t.Fatalf("no change was answered with %d\n%s", want, n.log.String())
	return ""
}

// reads has to work whatever the disk does.
func (n *diskNode) reads() {
	n.t.Helper()
	for _, path := range []string{n.activities, strings.TrimSuffix(n.activities, "/activities"), "/readyz"} {
		if status, text := n.send("GET", path, "", nil); status != http.StatusOK {
			n.t.Errorf("GET %s: %d %s", path, status, text)
		}
	}
}

// saysDisk waits until the node says that its disk takes no changes, or says so no more.
func (n *diskNode) saysDisk(want bool) {
	n.t.Helper()
	for began := time.Now(); time.Since(began) < diskPatience; time.Sleep(diskPause) {
		if _, text := n.send("GET", "/readyz", "", nil); bytes.Contains(text, []byte("disk is full, failed or doesn't answer")) == want {
			return
		}
	}
	n.t.Fatalf("the disk is away: never %v\n%s", want, n.log.String())
}

// whole starts the node anew and looks whether all is there, once, and the audit log with it.
func (n *diskNode) whole() {
	n.t.Helper()
	n.kill()
	began := time.Now()
	n.start()
	n.t.Logf("ready again after %s", time.Since(began).Round(time.Millisecond))
	n.askAgain(n.activities, n.all)
	n.compare(n.activities, n.all)
	n.stop()
	n.sound()
	n.start()
}

// faulty has the node's system calls answered as strace's words say, until the function that it gives is called.
func (n *diskNode) faulty(inject string) (mend func()) {
	n.t.Helper()
	tracer, err := exec.LookPath("strace")
	if err != nil {
		n.t.Skipf("skipped: no strace")
	}
	calls, _, _ := strings.Cut(inject, ":")
	cmd := exec.Command(tracer, "-f", "-p", fmt.Sprint(n.serve.Process.Pid), "-o", filepath.Join(n.dir, "strace"), "-e", "trace="+calls, "-e", "inject="+inject)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // what it said tells why
		close(ended)
	}()
	for began := time.Now(); !n.traced(); time.Sleep(diskPause) {
		select {
		case <-ended:
			if strings.Contains(said.String(), "ermitted") {
				n.t.Skipf("skipped: no right to trace a process")
			}
			n.t.Fatalf("strace: %s", said.String())
		default:
		}
		if time.Since(began) > diskPatience {
			n.t.Fatal("strace never began")
		}
	}
	return func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		<-ended
	}
}

// traced says whether all threads of the node have their tracer.
func (n *diskNode) traced() bool {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", n.serve.Process.Pid))
	if err != nil || len(files) == 0 {
		return false
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && bytes.Contains(text, []byte("TracerPid:\t0\n")) {
			return false
		}
	}
	return true
}

// After a sync that the disk failed no change is answered as done, whatever later ones say; reading goes on; and the next start is whole.
func TestADiskThatFailsToSync(t *testing.T) {
	n := newDiskNode(t)
	n.until(http.StatusCreated)
	mend := n.faulty("fdatasync:error=EIO:when=1")
	n.until(http.StatusServiceUnavailable)
	mend()
	for range 5 {
		status, detail := n.try()
		if status != http.StatusServiceUnavailable || !strings.Contains(detail, "its operator has to look at the disk") {
			t.Errorf("afterwards: %d %s", status, detail)
		}
	}
	n.reads()
	n.whole()
	n.until(http.StatusCreated)
}

// A disk that hangs for a while makes changes late or refused, and nothing else.
func TestADiskThatHangs(t *testing.T) {
	n := newDiskNode(t)
	n.until(http.StatusCreated)
	mend := n.faulty("fdatasync:delay_exit=1500000:when=1+")
	answered := make(chan int)
	go func() {
		for range 3 {
			status, _ := n.try()
			answered <- status
		}
		close(answered)
	}()
	reads := 0
	for open := true; open; {
		select {
		case status, ok := <-answered:
			if open = ok; ok && status != http.StatusCreated && status != http.StatusServiceUnavailable {
				t.Errorf("a change: %d", status)
			}
		default:
			n.reads()
			reads++
			time.Sleep(10 * diskPause)
		}
	}
	mend()
	t.Logf("%d rounds of reading meanwhile", reads)
	n.until(http.StatusCreated)
	n.whole()
}

// smallDisk is a disk of a few MB, which can be full.
type smallDisk struct {
	t   *testing.T
	dir string
}

// newSmallDisk mounts one at a directory, with what lies there.
func newSmallDisk(t *testing.T, dir string) *smallDisk {
	t.Helper()
	d := &smallDisk{t, dir}
	d.ok(os.MkdirAll(dir, 0o700))
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	d.ok(err)
	kept := make(map[string][]byte)
	for _, name := range names {
		kept[name], err = os.ReadFile(name)
		d.ok(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m,mode=700"); errors.Is(err, syscall.EPERM) {
		t.Skipf("skipped: no right to mount a tmpfs")
	} else {
		d.ok(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	for name, data := range kept {
		d.ok(os.WriteFile(name, data, 0o600))
	}
	return d
}

func (d *smallDisk) ok(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *smallDisk) fill() {
	d.t.Helper()
	file, err := os.Create(filepath.Join(d.dir, "filler"))
	d.ok(err)
	defer file.Close()
	for block := make([]byte, 512); err == nil; {
		_, err = file.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.t.Fatal(err)
	}
}

func (d *smallDisk) makeRoom() { d.ok(os.Remove(filepath.Join(d.dir, "filler"))) }

// With a full disk changes are refused, and say why; all else works, and with room again so do they, without a start.
func TestAFullDisk(t *testing.T) {
	const rounds = 3
	n := &diskNode{installation: newInstallation(t)}
	disk := newSmallDisk(t, n.dataDir())
	n.begin()
	for range rounds {
		n.until(http.StatusCreated)
		disk.fill()
		if detail := n.until(http.StatusServiceUnavailable); !strings.Contains(detail, "the disk that holds the data is full") {
			t.Errorf("the change that met it: %s", detail)
		}
		n.saysDisk(true)
		n.reads()
		disk.makeRoom()
		n.until(http.StatusCreated)
		n.saysDisk(false)
	}
	// A node that is killed on a full disk can still be started for reading.
	disk.fill()
	n.until(http.StatusServiceUnavailable)
	n.kill()
	n.start()
	n.reads()
	disk.makeRoom()
	n.until(http.StatusCreated)
	n.whole()
}

// A full disk below the copy of the audit log's checkpoints stops no change, since the tree is in the database: the copy is made up for.
func TestAFullDiskBelowTheAuditCopy(t *testing.T) {
	n := &diskNode{installation: newInstallation(t)}
	disk := newSmallDisk(t, filepath.Join(n.dir, "proof"))
	copied := filepath.Join(disk.dir, "checkpoints")
	n.env = append(n.env, "FOLIOSCOPE_AUDIT_CHECKPOINTS="+copied)
	disk.fill()
	log, err := os.Create(filepath.Join(n.dir, "log"))
	disk.ok(err)
	defer log.Close()
	n.stderr = log
	n.begin()
	for began := time.Now(); ; time.Sleep(diskPause) {
		n.until(http.StatusCreated)
		text, err := os.ReadFile(log.Name())
		disk.ok(err)
		if bytes.Contains(text, []byte("an audit checkpoint was not copied; it is tried again")) {
			break
		}
		if time.Since(began) > diskPatience {
			t.Fatalf("nobody is told: %s", text)
		}
	}
	n.until(http.StatusCreated)
	n.reads()
	disk.makeRoom()
	for began := time.Now(); ; time.Sleep(diskPause) {
		if text, err := os.ReadFile(copied); err == nil && bytes.HasSuffix(text, []byte("\n")) {
			break
		}
		if time.Since(began) > diskPatience {
			t.Fatal("the checkpoint was never copied")
		}
	}
	n.whole()
}

// Where neither its log nor a temporary file finds room, a node serves as ever.
func TestAFullDiskBelowTheLog(t *testing.T) {
	n := &diskNode{installation: newInstallation(t)}
	disk := newSmallDisk(t, filepath.Join(n.dir, "tmp"))
	disk.fill()
	n.env = append(n.env, "TMPDIR="+disk.dir, "SQLITE_TMPDIR="+disk.dir)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	disk.ok(err)
	defer full.Close()
	n.stderr = full
	n.begin()
	for range 5 {
		n.until(http.StatusCreated)
		n.reads()
	}
	n.whole()
}

// A node that has no file descriptor left for another connection serves again once there are some.
func TestFewFileDescriptors(t *testing.T) {
	n := newDiskNode(t)
	n.until(http.StatusCreated)
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.serve.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	n.limit(len(open) + 8)
	address := strings.TrimPrefix(n.url, "http://")
	var held []net.Conn
	for range 100 {
		if c, err := net.Dial("tcp", address); err == nil {
			held = append(held, c)
		}
	}
	time.Sleep(time.Second) // refused meanwhile, or late
	for _, c := range held {
		_ = c.Close()
	}
	n.until(http.StatusCreated)
	n.limit(1024)
	n.reads()
	n.whole()
}

// limit sets how many files the node may have open.
func (n *diskNode) limit(files int) {
	n.t.Helper()
	program, err := exec.LookPath("prlimit")
	if err != nil {
		n.t.Skipf("skipped: no prlimit")
	}
	if out, err := exec.Command(program, fmt.Sprintf("--pid=%d", n.serve.Process.Pid), fmt.Sprintf("--nofile=%d:", files)).CombinedOutput(); err != nil {
		n.t.Fatalf("prlimit: %v %s", err, out)
	}
}

// A change inside a sync that hangs is answered long before the disk is, and so is whatever else wants to change something; reading goes on.
// What became of it is found with its key.
func TestADiskThatHangsForLong(t *testing.T) {
	n := newDiskNode(t)
	n.until(http.StatusCreated)
	mend := n.faulty("fdatasync:delay_exit=3600000000:when=1") // an hour: longer than any patience here
	for range 3 {
		if status, detail := n.try(); status != http.StatusServiceUnavailable || !strings.Contains(detail, "the disk of this server doesn't answer") {
			t.Errorf("while it hangs: %d %s", status, detail)
		}
		n.saysDisk(true)
		n.reads()
	}
	mend()
	n.until(http.StatusCreated)
	n.saysDisk(false)
	n.whole()
}
