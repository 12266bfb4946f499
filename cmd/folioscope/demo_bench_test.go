//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	demoUsers    = 250
	demoPassword = "demo-folioscope"
	demoTick     = 500 * time.Millisecond
	demoTicks    = 20 // that everybody watches before memory is looked at
)

// BenchmarkRatioDemo starts the demo as it is shipped, with nothing before, signs everybody in, lets all of them watch, and
// reports what the promises are about: seconds until the first and the second start are ready, and resident memory.
func BenchmarkRatioDemo(b *testing.B) {
	binary, err := builtBinary()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		dir := b.TempDir()
		first := startDemo(b, binary, dir)
		first.stop()
		second := startDemo(b, binary, dir)
		quiet := second.memory("VmRSS")
		frames, end := second.watchAll()
		watched := second.memory("VmRSS")
		b.ReportMetric(first.ready.Seconds(), "first-start-s")          // at most 10
		b.ReportMetric(second.ready.Seconds(), "second-start-s")        // at most 2
		b.ReportMetric(quiet, "MB-quiet")                               // megabytes of 2^20 bytes
		b.ReportMetric(watched, "MB-250-watching")                      // at most 250
		b.ReportMetric(second.memory("VmHWM"), "MB-peak")               // with the passwords of 250 sign-ins
		b.ReportMetric(float64(frames.Load())/demoUsers, "frames-each") // so that it shows that they watched
		b.ReportMetric(0, "ns/op")
		end()
		second.stop()
	}
}

// runningDemo is a demo in a process of its own.
type runningDemo struct {
	b     *testing.B
	cmd   *exec.Cmd
	url   string
	ready time.Duration // from its start to its line
	log   bytes.Buffer
}

func startDemo(b *testing.B, binary, dir string) *runningDemo {
	b.Helper()
	d := &runningDemo{b: b, cmd: exec.Command(binary, "demo", "--addr", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "demo"), "--tick", demoTick.String())}
	d.cmd.Env, d.cmd.Stderr = testEnviron(), &d.log
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if err := d.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	d.ready = time.Since(began)
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready: ")
	if err != nil || !ok {
		_ = d.cmd.Wait()
		b.Fatalf("not ready: %q, %v\n%s", line, err, d.log.String())
	}
	d.url = url
	b.Cleanup(func() { _ = d.cmd.Process.Kill() })
	return d
}

func (d *runningDemo) stop() {
	d.b.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.b.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.b.Fatalf("stopped with %v\n%s", err, d.log.String())
	}
}

// memory is a line of the process's status, in MB.
func (d *runningDemo) memory(name string) float64 {
	d.b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		d.b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == name+":" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				d.b.Fatal(err)
			}
			return kib / 1024
		}
	}
	d.b.Fatalf("no %s in the status of the process", name)
	return 0
}

// watchAll signs everybody in, opens a stream for each and waits for some ticks. It counts the frames.
func (d *runningDemo) watchAll() (frames *atomic.Int64, end func()) {
	d.b.Helper()
	frames = new(atomic.Int64)
	var open, watching sync.WaitGroup
	var bodies sync.Map
	client := &http.Client{Transport: &http.Transport{}}
	turns := make(chan struct{}, 4) // the server checks two passwords at a time
	for i := range demoUsers {
		open.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			one := &installation{t: d.b, url: d.url, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
			one.signIn(fmt.Sprintf("user%03d@demo.test", i+1), demoPassword)
			var list struct{ Items []struct{ ID string } }
			one.must("GET", "/api/v1/portfolios", "", nil, &list)
			request, err := http.NewRequest("GET", d.url+"/api/v1/stream?portfolio="+list.Items[0].ID, nil)
			if err != nil {
				d.b.Error(err)
				return
			}
			request.Header.Set("Cookie", one.cookie)
			response, err := client.Do(request)
			if err != nil || response.StatusCode != http.StatusOK {
				d.b.Errorf("stream: %v, %v", response, err)
				return
			}
			bodies.Store(i, response.Body)
			watching.Go(func() {
				lines := bufio.NewScanner(response.Body)
				lines.Buffer(nil, 1<<20)
				for lines.Scan() {
					if strings.HasPrefix(lines.Text(), "event: delta") || strings.HasPrefix(lines.Text(), "event: snapshot") {
						frames.Add(1)
					}
				}
			})
		})
	}
	open.Wait()
	time.Sleep(demoTicks * demoTick)
	return frames, func() {
		bodies.Range(func(_, body any) bool {
			_ = body.(interface{ Close() error }).Close()
			return true
		})
		watching.Wait()
	}
}
