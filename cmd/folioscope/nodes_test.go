package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"folioscope/internal/certificate/certificatetest"
	"folioscope/internal/pgtest"
)

// another is a node beside the first one, with data of its own and other settings.
func (in *installation) another(settings ...string) *exec.Cmd {
	in.t.Helper()
	cmd := exec.Command(in.binary, "serve")
	cmd.Env = append(append([]string{}, in.env...), "FOLIOSCOPE_DATA_DIR="+in.t.TempDir(), fmt.Sprintf("FOLIOSCOPE_LISTEN=127.0.0.1:%d", freePort(in.t)))
	cmd.Env = append(cmd.Env, settings...)
	return cmd
}

// startRefused is the one line that a node says which doesn't start.
func (in *installation) startRefused(settings ...string) string {
	in.t.Helper()
	const patience = 2 * time.Minute
	ctx, cancel := context.WithTimeout(in.t.Context(), patience)
	defer cancel()
	cmd := in.another(settings...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err == nil || ctx.Err() != nil || out.Len() > 0 {
		in.t.Errorf("%v: it started: %v\n%s%s", settings, err, out.String(), said.String())
	}
	var lines []string
	for line := range strings.Lines(said.String()) {
		if strings.HasPrefix(line, "folioscope: ") {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 {
		in.t.Errorf("%v: not one line of why: %s", settings, said.String())
	}
	return strings.Join(lines, "")
}

// What doesn't fit the other nodes is refused at the start, in one line that says what to change, and the database stays as it is.
func TestNodesThatDoNotFitAreRefused(t *testing.T) {
	database, foreign := pgtest.Database(t), pgtest.Database(t)
	in := newInstallation(t, "FOLIOSCOPE_DATABASE_URL="+database)
	in.start()
	defer in.stop()
	other := newInstallation(t, "FOLIOSCOPE_DATABASE_URL="+foreign)
	other.start()
	other.stop()

	authority := certificatetest.NewAuthority(t)
	cert, key := authority.Files(t, "127.0.0.1")
	_, otherKey := authority.Files(t, "127.0.0.1")
	ca := authority.File(t)
	noPEM := filepath.Join(t.TempDir(), "no.pem")
	if err := os.WriteFile(noPEM, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	joined := func(settings ...string) []string {
		return append([]string{
			fmt.Sprintf("FOLIOSCOPE_NATS_CLUSTER_LISTEN=127.0.0.1:%d", freePort(t)), "FOLIOSCOPE_NATS_CLUSTER_ROUTES=127.0.0.1:1",
			"FOLIOSCOPE_NATS_TLS_CERT=" + cert, "FOLIOSCOPE_NATS_TLS_KEY=" + key, "FOLIOSCOPE_NATS_TLS_CA=" + ca,
		}, settings...)
	}
	before := pgtest.Count(t, database, "schema_versions")
	for name, c := range map[string]struct {
		settings []string
		says     []string
	}{
		"a role that there isn't":        {[]string{"FOLIOSCOPE_ROLES=api,engin"}, []string{"roles", `"engin"`, "api, ingest, engine"}},
		"no role":                        {[]string{"FOLIOSCOPE_ROLES="}, []string{"roles"}},
		"another key":                    {[]string{"FOLIOSCOPE_KEYS_KEK=" + filepath.Join(other.dir, "kek")}, []string{"keys.kek"}},
		"no key":                         {[]string{"FOLIOSCOPE_KEYS_KEK=" + filepath.Join(t.TempDir(), "kek")}, []string{"kek"}},
		"another installation's data":    {[]string{"FOLIOSCOPE_DATABASE_URL=" + foreign}, []string{"keys.kek"}},
		"an empty database":              {[]string{"FOLIOSCOPE_DATABASE_URL=" + pgtest.Database(t)}, []string{"folioscope keys init"}},
		"no database":                    {[]string{"FOLIOSCOPE_DATABASE_URL=postgres://nobody@127.0.0.1:1/none?sslmode=disable"}, []string{"the database can't be reached"}},
		"several servers, none there":    {[]string{"FOLIOSCOPE_DATABASE_URL=postgres://nobody@127.0.0.1:1,127.0.0.1:2/none?sslmode=disable"}, []string{"the database can't be reached"}},
		"no URL":                         {[]string{"FOLIOSCOPE_DATABASE_URL=mysql://127.0.0.1/x"}, []string{"database.url", "postgres://"}},
		"routes without certificates":    {[]string{"FOLIOSCOPE_NATS_CLUSTER_LISTEN=0.0.0.0:4248", "FOLIOSCOPE_NATS_CLUSTER_ROUTES=10.9.9.9:4248"}, []string{"nats."}},
		"a certificate that isn't there": {joined("FOLIOSCOPE_NATS_TLS_CERT=" + noPEM + "x"), []string{"nats.tls.cert"}},
		"a key of another certificate":   {joined("FOLIOSCOPE_NATS_TLS_KEY=" + otherKey), []string{"nats.tls.cert"}},
		"no authority":                   {joined("FOLIOSCOPE_NATS_TLS_CA=" + noPEM), []string{"nats.tls.ca"}},
		"a port that is taken":           {joined("FOLIOSCOPE_NATS_CLUSTER_LISTEN=" + taken.Addr().String()), []string{"in use"}},
		"a route that is no address":     {joined("FOLIOSCOPE_NATS_CLUSTER_ROUTES=nowhere"), []string{"nats.cluster.routes", "HOST:PORT"}},
	} {
		line := in.startRefused(c.settings...)
		t.Logf("%s: %s", name, strings.TrimSpace(line))
		for _, text := range c.says {
			if !strings.Contains(line, text) {
				t.Errorf("%s: it doesn't say %q: %s", name, text, line)
			}
		}
	}
	if after := pgtest.Count(t, database, "schema_versions"); after != before {
		t.Errorf("%d migrations before, %d after", before, after)
	}
}

// A node goes on beside one of a later release that only added to the schema, and is refused by one that took something away. What it can't
// reach of the other nodes doesn't keep it from starting, and is said.
func TestNodesOfSeveralReleases(t *testing.T) {
	database := pgtest.Database(t)
	in := newInstallation(t, "FOLIOSCOPE_DATABASE_URL="+database)
	in.command(testSecret+"\n", "user", "add", testEmail)
	authority := certificatetest.NewAuthority(t)
	cert, key := authority.Files(t, "127.0.0.1")
	in.env = append(in.env, fmt.Sprintf("FOLIOSCOPE_NATS_CLUSTER_LISTEN=127.0.0.1:%d", freePort(t)), "FOLIOSCOPE_NATS_CLUSTER_ROUTES=127.0.0.1:1",
		"FOLIOSCOPE_NATS_TLS_CERT="+cert, "FOLIOSCOPE_NATS_TLS_KEY="+key, "FOLIOSCOPE_NATS_TLS_CA="+authority.File(t))

	pgtest.Execute(t, database, "INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, true)")
	pgtest.Execute(t, database, "CREATE TABLE of_a_later_release (id BIGINT NOT NULL PRIMARY KEY)")
	in.start()
	in.signIn(testEmail, testSecret)
	in.portfolio("Later", "main")
	in.stop()
	if said := in.log.String(); !strings.Contains(said, "nats.cluster.routes") {
		t.Errorf("a route that leads nowhere: %s", said)
	}

	pgtest.Execute(t, database, "UPDATE schema_floor SET version = 9999")
	line := in.startRefused()
	t.Log(strings.TrimSpace(line))
	for _, text := range []string{"later release", "9999", "Start the later release"} {
		if !strings.Contains(line, text) {
			t.Errorf("it doesn't say %q: %s", text, line)
		}
	}
}
