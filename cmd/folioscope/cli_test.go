package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata anew")

// shell runs commands in this process, on settings and data of its own.
type shell struct {
	t       *testing.T
	dir     string
	environ []string
}

func newShell(t *testing.T) *shell {
	dir := t.TempDir()
	return &shell{t, dir, []string{
		"HOME=" + dir, "FOLIOSCOPE_DATA_DIR=" + filepath.Join(dir, "data"), "FOLIOSCOPE_KEYS_KEK=" + filepath.Join(dir, "kek"),
		"FOLIOSCOPE_LISTEN=127.0.0.1:0", "FOLIOSCOPE_IDENTITY_REQUIRE_SECOND_FACTOR=", // second factors are tried in test/browser
	}}
}

// run gives what a command printed and its exit code. A node that starts after all is told to end.
func (s *shell) run(stdin string, args ...string) (out, errs string, code int) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code = run(ctx, args, console{in: strings.NewReader(stdin), out: &stdout, err: &stderr, environ: s.environ})
	return stdout.String(), stderr.String(), code
}

// expect runs a command that must end with a code and print texts: on standard output where it succeeds, else one line on
// standard error and nothing else.
func (s *shell) expect(code int, stdin string, args []string, texts ...string) string {
	s.t.Helper()
	out, errs, got := s.run(stdin, args...)
	line := strings.Join(args, " ")
	if got != code {
		s.t.Fatalf("%s: exit code %d, want %d\n%s%s", line, got, code, out, errs)
	}
	printed := out
	if code != exitDone {
		printed = errs
		if out != "" {
			s.t.Errorf("%s: failed, and printed %q", line, out)
		}
		if !strings.HasPrefix(errs, "folioscope: ") || strings.Count(errs, "\n") != 1 || !strings.HasSuffix(errs, "\n") {
			s.t.Errorf("%s: not one line on standard error: %q", line, errs)
		}
	} else if errs != "" {
		s.t.Errorf("%s: done, and said %q", line, errs)
	}
	for _, text := range texts {
		if !strings.Contains(printed, text) {
			s.t.Errorf("%s: printed %q, which has no %q", line, printed, text)
		}
	}
	return printed
}

// The help of every command is kept as a file, so that a change of its words is read by somebody.
func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "100")
	for _, command := range []string{"", "demo", "keys", "keys init", "keys status", "keys rotate", "keys rewrap", "user", "user add", "user list", "user role", "user sign-out", "user suspend", "user activate", "user delete", "user recover", "user reset-second-factor", "token", "token create", "token list", "token revoke", "mail", "mail test", "serve", "doctor", "import", "audit", "audit verify", "audit export", "audit key", "audit accept", "evaluate", "version"} {
		help := newShell(t).expect(exitDone, "", append(strings.Fields(command), "--help"), "Usage: folioscope")
		path := filepath.Join("testdata", "help", strings.ReplaceAll("folioscope "+command, " ", "-")+".txt")
		if command == "" {
			path = filepath.Join("testdata", "help", "folioscope.txt")
		}
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(help), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		kept, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if help != string(kept) {
			t.Errorf("folioscope %s --help is not %s (write it anew with -update):\n%s", command, path, help)
		}
	}
}

func TestVersion(t *testing.T) {
	newShell(t).expect(exitDone, "", []string{"version"}, "folioscope "+version)
}

// What is wrong on the command line or in the settings is refused before anything is touched.
func TestWrongUsage(t *testing.T) {
	s := newShell(t)
	for _, c := range []struct{ line, want string }{
		{"", `expected one of`},
		{"bogus", "unexpected argument bogus"},
		{"--bogus", "unknown flag --bogus"},
		{"keys", `see folioscope keys --help`},
		{"keys init more", "unexpected argument more"},
		{"user add", `expected "<email>"; see folioscope user add --help`},
		{"user add a@b.example c@d.example", "unexpected argument"},
		{"user add --role=king a@b.example", `"user","adviser","auditor","admin"`},
		{"user role a@b.example king", `must be one of "user","adviser","auditor","admin"`},
		{"user delete a@b.example", "say --yes if you mean it"},
		{"token create a@b.example", "--name=NAME"},
		{"token create --name=x --scope=all a@b.example", `"read","write","admin"`},
		{"token create --name=x --days=367 a@b.example", "--days: needs 1 to 366"},
		{"token revoke a@b.example", `expected "<id>"`},
		{"import file.csv", "--portfolio=ID"},
		{"import --portfolio=x", `expected "<file>"`},
		{"import --portfolio=x --format=ofx file.csv", `must be one of "folioscope-csv"`},
		{"import --portfolio=x nowhere.csv", "no such file"},
		{"serve --config=nowhere.toml", "no such file"},
		{"serve --set=nothing", "expected"},
		{"serve --set=no.key=1", "no.key: unknown key"},
		{"serve --set=poll.interval=soon", "poll.interval: needs a duration"},
		{"serve --roles=nobody", `roles: no role is called "nobody"`},
		{"serve --listen=0.0.0.0:8080", "is not loopback"},
		{"serve --tls=other", "--tls: is self or left out"},
		{"demo --tick=1ms", "--tick: needs at least"},
		{"demo --users=0", "--users: needs 1 to"},
		{"demo --addr=0.0.0.0:8080 --data-dir=demo", "is not loopback"},
		{"demo --seed=-1", "--seed"},
		{"version more", "unexpected argument"},
	} {
		s.expect(exitUsage, "", strings.Fields(c.line), c.want)
	}
	s.environ = append(s.environ, "FOLIOSCOPE_BOGUS=1")
	s.expect(exitUsage, "", []string{"serve"}, "FOLIOSCOPE_BOGUS: unknown variable")
	if _, err := os.Stat(filepath.Join(s.dir, "data")); err == nil {
		t.Error("a refused command made the data directory")
	}
}

// An error of several places names each on a line of its own.
func TestEveryPlaceIsNamed(t *testing.T) {
	_, errs, code := newShell(t).run("", "serve", "--set=poll.interval=1ms", "--set=roles=nobody")
	if code != exitUsage || strings.Count(errs, "\n") != 2 || !strings.Contains(errs, "poll.interval") || !strings.Contains(errs, "roles") {
		t.Errorf("%d %q", code, errs)
	}
}

// Keys are made once. Whatever part of them is lost afterwards, nothing is made in its place, and the words say what is missing.
func TestKeys(t *testing.T) {
	s := newShell(t)
	kek, keyring := filepath.Join(s.dir, "kek"), filepath.Join(s.dir, "data", "keyring")
	for _, line := range []string{"serve", "user add a@b.example", "import --portfolio=x " + os.Args[0]} {
		s.expect(exitFailed, testSecret, strings.Fields(line), "folioscope keys init")
	}
	s.expect(exitDone, "", []string{"keys", "init"}, kek, keyring, "Keep a copy")
	s.expect(exitFailed, "", []string{"keys", "init"}, "already")
	s.expect(exitDone, testSecret, []string{"user", "add", testEmail}, testEmail)

	away := func(path string) (back func()) {
		t.Helper()
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		return func() {
			if _, err := os.Stat(path); err == nil {
				t.Errorf("%s was made anew", path)
			}
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
		}
	}
	back := away(kek)
	for _, line := range []string{"keys init", "serve", "user add a@b.example"} {
		s.expect(exitFailed, testSecret, strings.Fields(line), kek+" is missing")
	}
	back()
	back = away(keyring)
	for _, line := range []string{"keys init", "serve", "user add a@b.example"} {
		s.expect(exitFailed, testSecret, strings.Fields(line), "keyring")
	}
	back()

	right, err := os.ReadFile(kek)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		content, want string
		code          int
	}{
		{strings.Repeat("ab", 32), "names another key", exitFailed},
		{"too short", "is not 32 bytes", exitUsage},
		{"", "is not 32 bytes", exitUsage},
	} {
		if err := os.WriteFile(kek, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"serve", "user add a@b.example"} {
			s.expect(c.code, testSecret, strings.Fields(line), c.want)
		}
	}
	if err := os.WriteFile(kek, right, 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect(exitDone, testSecret, []string{"user", "add", "second@example.test"}, "second@example.test")
}

// Root keys are rotated and the keyring is locked with another key; what an operator reads of it names no secret.
func TestKeysAreChanged(t *testing.T) {
	s := newShell(t)
	s.expect(exitFailed, "", []string{"keys", "rotate"}, "folioscope keys init")
	s.expect(exitDone, "", []string{"keys", "init"})
	s.expect(exitDone, testSecret, []string{"user", "add", testEmail})
	kek, other := filepath.Join(s.dir, "kek"), filepath.Join(s.dir, "other")
	before := s.expect(exitDone, "", []string{"keys", "status"}, "a file, "+kek, filepath.Join(s.dir, "data", "keyring"), "in use")
	s.expect(exitDone, "", []string{"keys", "rotate"}, "wraps all 1 users' keys; the others are retired", "Back the keyring up again")
	after := s.expect(exitDone, "", []string{"keys", "status"}, "in use", "retired 20")
	if strings.Count(before, "\n") != 5 || strings.Count(after, "\n") != 6 {
		t.Errorf("status:\n%s\n%s", before, after)
	}
	s.expect(exitUsage, "", []string{"keys", "rewrap"}, "--to=REFERENCE")
	s.expect(exitFailed, "", []string{"keys", "rewrap", "--to=env:FOLIOSCOPE_TEST_NONE"}, "is not set")
	s.expect(exitUsage, "", []string{"keys", "rewrap", "--to=credential:../kek"}, "plain name")
	s.expect(exitDone, "", []string{"keys", "rewrap", "--to=" + other}, other+" opens the keyring now", "Set keys.kek")
	s.expect(exitFailed, testSecret, []string{"user", "add", "second@example.test"}, "names another key")

	t.Setenv("CREDENTIALS_DIRECTORY", s.dir)
	for i, entry := range s.environ {
		if strings.HasPrefix(entry, "FOLIOSCOPE_KEYS_KEK=") {
			s.environ[i] = "FOLIOSCOPE_KEYS_KEK=credential:other"
		}
	}
	s.expect(exitDone, testSecret, []string{"user", "add", "second@example.test"}, "second@example.test")
	status := s.expect(exitDone, "", []string{"keys", "status"}, "a systemd credential, credential:other")
	for _, path := range []string{kek, other} {
		secret, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.TrimSpace(string(secret)); strings.Contains(before+after+status, text) {
			t.Errorf("%s was printed", path)
		}
	}
}

func TestUserAdd(t *testing.T) {
	s := newShell(t)
	s.expect(exitDone, "", []string{"keys", "init"})
	add := func(code int, password, email string, texts ...string) {
		t.Helper()
		s.expect(code, password, []string{"user", "add", "--role=admin", email}, texts...)
	}
	add(exitDone, testSecret+"\nnot this line\n", "Some.One@example.test", "added Some.One@example.test as admin")
	add(exitFailed, testSecret, "Some.One@example.test", "there is a user with this e-mail already")
	add(exitFailed, testSecret, "some.one@EXAMPLE.test", "there is a user with this e-mail already")
	add(exitUsage, testSecret, "no address", "not an e-mail address")
	add(exitUsage, "short", "b@example.test", "at least 12 characters")
	add(exitUsage, "\n", "b@example.test", "a password is needed")
	add(exitUsage, "", "b@example.test", "a password is needed")
}

// importing is a shell beside an installation that was made with a running node, and the portfolio in it.
type importing struct {
	*shell
	id string
}

func newImporting(t *testing.T) *importing {
	in := newInstallation(t)
	in.command(testSecret+"\n", "user", "add", testEmail, "--role", "admin")
	in.start()
	in.signIn(testEmail, testSecret)
	for _, one := range []struct{ symbol, mic string }{{"ABC", "XETR"}, {"TWICE", "XETR"}, {"TWICE", "XLON"}} {
		in.must("POST", "/api/v1/instruments", one.symbol+one.mic, map[string]string{
			"symbol": one.symbol, "mic": one.mic, "name": one.symbol + " of " + one.mic, "currency": "EUR", "asset_class": "stock",
		}, nil)
	}
	path := in.portfolio("Import", "main")
	in.stop()
	return &importing{&shell{t, in.dir, in.env}, strings.TrimPrefix(path, "/api/v1/portfolios/")}
}

func (s *importing) file(lines ...string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, "activities.csv")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func TestImport(t *testing.T) {
	s := newImporting(t)
	const header = "date,type,symbol,quantity,price,amount,note"
	load := func(code int, want string, lines ...string) {
		t.Helper()
		s.expect(code, "", []string{"import", "--portfolio", s.id, s.file(lines...)}, want)
	}
	good := []string{header, "2026-01-02,deposit,,,,5000,", "2026-01-05,buy,ABC,10,100.25,,first", "2026-01-06,sell,ABC,4,101,,=HYPERLINK(1)"}
	s.expect(exitDone, "", []string{"import", "--dry-run", "--portfolio", s.id, s.file(good...)}, "3 rows: would add 3, 0 known already")
	load(exitDone, "3 rows: added 3, 0 known already", good...)
	load(exitDone, "3 rows: added 0, 3 known already", good...)
	load(exitDone, "4 rows: added 1, 3 known already", append(good, "2026-01-07,buy,ABC,1,99,,")...)

	for _, c := range []struct {
		row  string
		want []string
	}{
		{"2026-02-01,buy,NOBODY,1,1,,", []string{"row 2, symbol", "NOBODY"}},
		{"2026-02-01,buy,TWICE,1,1,,", []string{"row 2, symbol", "TWICE"}},
		{"2026-02-01,sell,ABC,8,1,,", []string{"row 2, quantity", "2026-02-01", "1"}}, // of 7 held
		{"2026-02-01,buy,ABC,-1,1,,", []string{"row 2, quantity"}},
		{"2026-02-01,buy,ABC,1O,1,,", []string{"row 2, quantity", "not a number"}},
		{"01.02.2026,buy,ABC,1,1,,", []string{"row 2, date", "YYYY-MM-DD"}},
		{"2026-02-01,gamble,ABC,1,1,,", []string{"row 2, type", "gamble"}},
		{"2026-02-01,buy,ABC,1", []string{"row 2", "4 cells"}},
		{`2026-02-01,buy,"ABC,1,1,,`, []string{"row 2", "quotes"}},
		{"2026-02-01,buy,\xff,1,1,,", []string{"row 2", "UTF-8"}},
	} {
		path := s.file(header, c.row)
		s.expect(exitUsage, "", []string{"import", "--portfolio", s.id, path}, c.want...)
	}
	load(exitUsage, "row 1, colour", "date,type,colour", "2026-02-01,deposit,red")
	load(exitUsage, "row 1, type", "date,amount", "2026-02-01,1")
	load(exitUsage, "row 1", "")
	load(exitDone, "3 rows: added 0, 3 known already", good...) // nothing of what was refused stuck

	// Several mistakes: all of them, each with its row; what was right in the file is not stored either.
	path := s.file(header, "2026-02-01,deposit,,,,77,right", "2026-02-02,gamble,,,,1,", "2026-02-03,buy,NOBODY,1,1,,")
	out, errs, code := s.run("", "import", "--portfolio", s.id, path)
	if code != exitUsage || out != "" || !strings.Contains(errs, "row 3, type") || !strings.Contains(errs, "row 4, symbol") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	load(exitDone, "added 1,", header, "2026-02-01,deposit,,,,77,right")

	s.expect(exitFailed, "", []string{"import", "--portfolio", "nobodys", path}, "--portfolio: there is no portfolio")
}

// A file that is far too large is refused before it costs anything.
func TestImportRefusesAMillionRows(t *testing.T) {
	s := newImporting(t)
	const rows = 1_000_000
	for _, c := range []struct{ name, row, want string }{
		{"whole rows", "2026-01-02,deposit,12.5", "larger than 10 MiB"},
		{"short rows", ",,1", "more than 100000 rows"}, // within the size, so that the count refuses it
	} {
		var text strings.Builder
		text.WriteString("date,type,amount\n")
		for range rows {
			fmt.Fprintln(&text, c.row)
		}
		path := s.file(strings.TrimSpace(text.String()))
		began := time.Now()
		s.expect(exitUsage, "", []string{"import", "--portfolio", s.id, path}, c.want)
		t.Logf("%s: %d rows, %d KiB, refused in %s", c.name, rows, text.Len()>>10, time.Since(began).Round(time.Millisecond))
	}
}
