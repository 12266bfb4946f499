package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := builtDir(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// builtDir holds the binary that builtBinary makes.
var builtDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "folioscope-cmd") })

// builtBinary is the product as it is shipped, built once for all tests that kill it.
var builtBinary = sync.OnceValues(func() (string, error) {
	dir, err := builtDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "folioscope")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

const (
	testEmail  = "writer@example.test"
	testSecret = "long enough for a test 7"
)

// installation is a production node of its own: data, key and a port.
type installation struct {
	t      testing.TB
	binary string
	dir    string // everything of it lies below
	env    []string
	url    string
	cookie string
	client *http.Client
	serve  *exec.Cmd
	log    bytes.Buffer // of all its runs
	stderr io.Writer    // where its log goes; nil: to log
}

// dataDir is where the node keeps its data, and nothing else does.
func (in *installation) dataDir() string { return filepath.Join(in.dir, "data") }

// testEnviron is the environment without this product's settings, so that no test depends on whose machine it runs on.
func testEnviron() []string {
	var kept []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "FOLIOSCOPE_") {
			kept = append(kept, entry)
		}
	}
	return kept
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// newInstallation makes keys and one user, with settings in the environment beside those that every test wants.
func newInstallation(t testing.TB, settings ...string) *installation {
	t.Helper()
	binary, err := builtBinary()
	if err != nil {
		t.Fatal(err)
	}
	in := &installation{t: t, binary: binary, dir: t.TempDir(), client: &http.Client{Transport: &http.Transport{}}}
	in.env = append(testEnviron(),
		"FOLIOSCOPE_DATA_DIR="+in.dataDir(), "FOLIOSCOPE_KEYS_KEK="+filepath.Join(in.dir, "kek"),
		fmt.Sprintf("FOLIOSCOPE_LISTEN=127.0.0.1:%d", freePort(t)), "FOLIOSCOPE_IDENTITY_REQUIRE_SECOND_FACTOR=", // second factors are tried in test/browser
		"FOLIOSCOPE_PROVIDERS_AMFI_ENABLED=false", "FOLIOSCOPE_PROVIDERS_COINGECKO_ENABLED=false",
		"FOLIOSCOPE_PROVIDERS_ECB_ENABLED=false", "FOLIOSCOPE_PROVIDERS_MFAPI_ENABLED=false",
		"FOLIOSCOPE_PROVIDERS_FRANKFURTER_ENABLED=false", "FOLIOSCOPE_PROVIDERS_FRED_ENABLED=false",
	)
	in.env = append(in.env, settings...)
	in.command("", "keys", "init")
	return in
}

// command runs one to its end and gives what it printed; its log is kept with the node's.
func (in *installation) command(stdin string, args ...string) string {
	in.t.Helper()
	cmd := exec.Command(in.binary, args...)
	var out bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = in.env, strings.NewReader(stdin), &out, &in.log
	if err := cmd.Run(); err != nil {
		in.t.Fatalf("folioscope %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), in.log.String())
	}
	return out.String()
}

// start runs the node and waits for its line.
func (in *installation) start() {
	in.t.Helper()
	in.serve = exec.Command(in.binary, "serve")
	in.serve.Env, in.serve.Stderr = in.env, in.stderr
	if in.stderr == nil {
		in.serve.Stderr = &in.log
	}
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
		in.t.Fatalf("not ready: %q, %v\n%s", line, err, in.log.String())
	}
	in.url = url
	in.client.CloseIdleConnections() // of an earlier run
	if strings.HasPrefix(url, "https:") {
		in.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: in.certificates()}}}
	}
}

// certificates are those that the node made for itself.
func (in *installation) certificates() *x509.CertPool {
	in.t.Helper()
	files, err := filepath.Glob(filepath.Join(in.dataDir(), "certificates", "*"))
	if err != nil {
		in.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			in.t.Fatal(err)
		}
		pool.AppendCertsFromPEM(text) // leaves out what is no certificate
	}
	return pool
}

// kill ends the node as a power cut would.
func (in *installation) kill() {
	_ = in.serve.Process.Kill()
	_ = in.serve.Wait()
}

// sound looks whether the file and the audit log of a node that doesn't run are whole.
func (in *installation) sound() {
	in.t.Helper()
	in.command("", "audit", "verify")
	cmd := exec.Command(in.binary, "doctor", "--json")
	cmd.Env = in.env
	text, _ := cmd.Output() // what else it finds, such as a small disk, is no matter here
	var report struct {
		Checks []struct{ Name, State, Says string }
	}
	if err := json.Unmarshal(text, &report); err != nil {
		in.t.Fatalf("doctor: %v in %s", err, text)
	}
	whole := false
	for _, c := range report.Checks {
		whole = whole || c.Name == "database file" && c.State == "ok"
	}
	if !whole {
		in.t.Errorf("the database's file: %s", text)
	}
}

// dump ends the node at once and has it write what all of it is doing to its log.
func (in *installation) dump() {
	_ = in.serve.Process.Signal(syscall.SIGQUIT)
	_ = in.serve.Wait()
}

// stop ends the node as its operator would.
func (in *installation) stop() {
	in.t.Helper()
	if err := in.serve.Process.Signal(syscall.SIGTERM); err != nil {
		in.t.Fatal(err)
	}
	if err := in.serve.Wait(); err != nil {
		in.t.Fatalf("stopped with %v\n%s", err, in.log.String())
	}
}

// call is one request that must not be refused; status 0 means that no answer came, so that it may or may not have been done.
func (in *installation) call(method, path, key string, body, answer any, headers ...string) (status int) {
	status, text := in.send(method, path, key, body, headers...)
	if status >= 200 && status < 300 && answer != nil {
		if err := json.Unmarshal(text, answer); err != nil {
			in.t.Errorf("%s %s: %v in %s", method, path, err, text)
		}
	}
	if status >= 400 && status != http.StatusTooManyRequests {
		in.t.Errorf("%s %s: %d %s", method, path, status, text)
	}
	return status
}

// send is one request and whatever came of it. A body of bytes goes as a file, every other as JSON; headers are
// names and values in turn.
func (in *installation) send(method, path, key string, body any, headers ...string) (status int, text []byte) {
	data, isText := body.([]byte)
	kind := "text/csv"
	if !isText {
		var err error
		if data, err = json.Marshal(body); err != nil {
			in.t.Fatal(err)
		}
		kind = "application/json"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, in.url+path, bytes.NewReader(data))
	if err != nil {
		in.t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	if in.cookie != "" {
		request.Header.Set("Cookie", in.cookie)
	}
	response, err := in.client.Do(request)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	if text, err = io.ReadAll(response.Body); err != nil {
		return 0, nil
	}
	for _, c := range response.Cookies() {
		if strings.HasSuffix(c.Name, "folioscope") { // the session's
			in.cookie = c.Name + "=" + c.Value
		}
	}
	return response.StatusCode, text
}

func (in *installation) must(method, path, key string, body, answer any, headers ...string) {
	in.t.Helper()
	if status := in.call(method, path, key, body, answer, headers...); status < 200 || status > 299 {
		in.t.Fatalf("%s %s: status %d", method, path, status)
	}
}

func (in *installation) signIn(email, password string) {
	in.t.Helper()
	in.must("POST", "/api/v1/session", "", map[string]string{"email": email, "password": password}, nil)
}

// portfolio makes one with an account and gives the path of it.
func (in *installation) portfolio(name, account string) (path string) {
	in.t.Helper()
	var made struct{ ID string }
	in.must("POST", "/api/v1/portfolios", "portfolio "+name, map[string]string{"name": name, "base_currency": "EUR"}, &made)
	path = "/api/v1/portfolios/" + made.ID
	in.must("POST", path+"/accounts", "account "+account, map[string]string{"name": account, "currency": "EUR"}, nil)
	return path
}
