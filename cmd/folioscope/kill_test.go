package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	kills       = 20 // of the binary, each at a moment of its own while writers write
	killsLong   = 200
	killWriters = 4
	testEmail   = "writer@example.test"
	testSecret  = "long enough for a test 7"
)

// installation is a production node of its own: data, key and a port.
type installation struct {
	t      *testing.T
	binary string
	env    []string
	url    string
	cookie string
	serve  *exec.Cmd
}

func buildBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "folioscope")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func newInstallation(t *testing.T) *installation {
	dir := t.TempDir()
	in := &installation{t: t, binary: buildBinary(t)}
	in.env = append(os.Environ(),
		"FOLIOSCOPE_DATA_DIR="+filepath.Join(dir, "data"), "FOLIOSCOPE_KEYS_KEK="+filepath.Join(dir, "kek"),
		fmt.Sprintf("FOLIOSCOPE_LISTEN=127.0.0.1:%d", freePort(t)),
		"FOLIOSCOPE_PROVIDERS_AMFI_ENABLED=false", "FOLIOSCOPE_PROVIDERS_COINGECKO_ENABLED=false",
		"FOLIOSCOPE_PROVIDERS_ECB_ENABLED=false", "FOLIOSCOPE_PROVIDERS_MFAPI_ENABLED=false",
	)
	in.command("", "keys", "init")
	in.command(testSecret+"\n", "user", "add", testEmail)
	return in
}

func (in *installation) command(stdin string, args ...string) string {
	in.t.Helper()
	cmd := exec.Command(in.binary, args...)
	cmd.Env, cmd.Stdin = in.env, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		in.t.Fatalf("folioscope %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// start runs the node and waits for its line.
func (in *installation) start() {
	in.t.Helper()
	in.serve = exec.Command(in.binary, "serve")
	in.serve.Env = in.env
	var log bytes.Buffer
	in.serve.Stderr = &log
	out, err := in.serve.StdoutPipe()
	if err != nil {
		in.t.Fatal(err)
	}
	if err := in.serve.Start(); err != nil {
		in.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready: ")
	if err != nil || !ok {
		_ = in.serve.Wait()
		in.t.Fatalf("not ready: %q, %v\n%s", line, err, log.String())
	}
	in.url = url
}

func (in *installation) kill() {
	_ = in.serve.Process.Kill()
	_ = in.serve.Wait()
}

// call is one request; status 0 means that no answer came, so that the request may or may not have been done.
func (in *installation) call(method, path, key string, body, answer any) (status int) {
	data, err := json.Marshal(body)
	if err != nil {
		in.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, in.url+path, bytes.NewReader(data))
	if err != nil {
		in.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	if in.cookie != "" {
		request.Header.Set("Cookie", in.cookie)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0
	}
	for _, c := range response.Cookies() {
		in.cookie = c.Name + "=" + c.Value
	}
	if response.StatusCode < 300 && answer != nil {
		if err := json.Unmarshal(text, answer); err != nil {
			in.t.Errorf("%s %s: %v in %s", method, path, err, text)
		}
	}
	if response.StatusCode >= 400 && response.StatusCode != http.StatusTooManyRequests {
		in.t.Errorf("%s %s: %d %s", method, path, response.StatusCode, text)
	}
	return response.StatusCode
}

func (in *installation) must(method, path, key string, body, answer any) {
	in.t.Helper()
	if status := in.call(method, path, key, body, answer); status < 200 || status > 299 {
		in.t.Fatalf("%s %s: status %d", method, path, status)
	}
}

// written is one activity that was sent: its note and key, and its id once it was answered with 201.
type written struct{ note, key, id string }

func TestNoAnsweredActivityIsLostWhenTheNodeIsKilled(t *testing.T) {
	rounds := kills
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		rounds = killsLong
	}
	in := newInstallation(t)
	in.start()
	in.must("POST", "/api/v1/session", "", map[string]string{"email": testEmail, "password": testSecret}, nil)
	var portfolio struct{ ID string }
	in.must("POST", "/api/v1/portfolios", "p", map[string]string{"name": "Kill", "base_currency": "EUR"}, &portfolio)
	activities := "/api/v1/portfolios/" + portfolio.ID + "/activities"
	in.must("POST", "/api/v1/portfolios/"+portfolio.ID+"/accounts", "a", map[string]string{"name": "main", "currency": "EUR"}, nil)

	random := rand.New(rand.NewPCG(1, 2))
	var mutex sync.Mutex
	var all []*written
	for round := range rounds {
		stop := make(chan struct{})
		var writers sync.WaitGroup
		for w := range killWriters {
			writers.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					sent := &written{note: fmt.Sprintf("round %d writer %d number %d", round, w, n)}
					sent.key = strings.ReplaceAll(sent.note, " ", "-")
					mutex.Lock()
					all = append(all, sent)
					mutex.Unlock()
					if in.write(activities, sent) != http.StatusCreated {
						time.Sleep(20 * time.Millisecond) // limited, or killed: then the loop ends with stop
					}
				}
			})
		}
		time.Sleep(time.Duration(50+random.IntN(400)) * time.Millisecond)
		in.kill()
		close(stop)
		writers.Wait()
		in.start()
	}
	defer in.kill()
	answered := 0
	for _, sent := range all {
		if sent.id != "" {
			answered++
		}
	}
	in.askAgain(activities, all)
	in.compare(activities, all)
	t.Logf("%d kills: %d activities answered with 201, %d sent without an answer and asked for again", rounds, answered, len(all)-answered)
	if answered < rounds {
		t.Errorf("only %d activities were answered in %d rounds: the test shows nothing", answered, rounds)
	}
}

// askAgain sends with its old key what was never answered: done or not done, it is then done once.
func (in *installation) askAgain(path string, all []*written) {
	const triesMax = 200 // each waits for the rate limit
	for _, sent := range all {
		for try := 0; sent.id == "" && try < triesMax; try++ {
			if in.write(path, sent) != http.StatusCreated {
				time.Sleep(50 * time.Millisecond)
			}
		}
	}
}

func (in *installation) write(path string, sent *written) int {
	var answer struct{ IDs []string }
	status := in.call("POST", path, sent.key, map[string]any{"activities": []map[string]string{
		{"date": "2026-01-02", "type": "deposit", "amount": "1", "note": sent.note},
	}}, &answer)
	if status == http.StatusCreated && len(answer.IDs) == 1 {
		sent.id = answer.IDs[0]
	}
	return status
}

// compare reads everything back: what was answered is there, with the id of its answer, and nothing is there twice.
func (in *installation) compare(path string, all []*written) {
	stored := map[string]string{} // note → id
	for cursor := ""; ; {
		var page struct {
			Items []struct{ ID, Note string }
			Next  *string `json:"next_cursor"`
		}
		in.must("GET", path+"?limit=500&cursor="+cursor, "", nil, &page)
		for _, item := range page.Items {
			if stored[item.Note] != "" {
				in.t.Errorf("%q is stored twice", item.Note)
			}
			stored[item.Note] = item.ID
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	for _, sent := range all {
		if sent.id == "" || stored[sent.note] != sent.id {
			in.t.Errorf("%q was answered with id %q, stored is %q", sent.note, sent.id, stored[sent.note])
		}
	}
	if len(stored) != len(all) {
		in.t.Errorf("%d activities were sent, %d are stored", len(all), len(stored))
	}
}
