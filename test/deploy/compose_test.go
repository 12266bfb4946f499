package deploy

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// spoiling changes one place of a good file, after which the check has to say want.
type spoiling struct{ name, old, new, want string }

// spoil changes a text, which has to hold what is changed.
func (s spoiling) spoil(t *testing.T, text string) string {
	t.Helper()
	if !strings.Contains(text, s.old) {
		t.Fatalf("nothing to spoil: no %q", s.old)
	}
	return strings.Replace(text, s.old, s.new, 1)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// secrets makes what Compose needs with the script that people use.
func secrets(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skipf("skipped: no openssl")
	}
	dir := t.TempDir()
	if out, err := exec.Command("bash", composeDir+"/secrets.sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

func TestCompose(t *testing.T) {
	text, made := read(t, composeDir+"/compose.yml"), secrets(t)
	environment, err := readEnvironment(composeDir + "/.env.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range *checkCompose(text, environment, made) {
		t.Error(err)
	}
	for _, s := range []spoiling{
		{"a key that nobody knows", "read_only: true", "readonly: true", "readonly"},
		{"a key twice", "restart: unless-stopped", "restart: unless-stopped\n  restart: always", "already"},
		{"a text for a number", "pids_limit: 512", "pids_limit: many", "pids_limit"},
		{"a root that can be written to", "read_only: true", "read_only: false", "can be written to"},
		{"capabilities", "cap_drop: [ALL]", "cap_drop: [NET_RAW]", "keeps capabilities"},
		{"new privileges", `"no-new-privileges:true"`, `"no-new-privileges:false"`, "gain privileges"},
		{"no end of memory", `mem_limit: "${FOLIOSCOPE_NODE_MEMORY:-2g}"`, `mem_reservation: 2g`, "memory has no end"},
		{"a setting that isn't one", "FOLIOSCOPE_LISTEN:", "FOLIOSCOPE_LISTN:", "unknown variable"},
		{"a value that makes no sense", `FOLIOSCOPE_LISTEN: ":8080"`, `FOLIOSCOPE_LISTEN: "8080"`, "listen: needs HOST:PORT"},
		{"a password in an address", "postgres://folioscope@", "postgres://folioscope:secret@", "is a secret in the environment"},
		{"a database that anybody may be", "sslmode=verify-full", "sslmode=require", "anybody could answer"},
		{"a database that isn't there", "@database-1,database-2/", "@database-1,database-3/", "can't reach database-3"},
		{"a route that leads nowhere", "node-2:6222,node-3:6222", "node-2:6222,node-4:6222", "can't reach node-4"},
		{"a proxy elsewhere", "{ipv4_address: 10.213.1.2}", "{ipv4_address: 10.213.1.3}", "the proxy is elsewhere"},
		{"a node elsewhere", "{ipv4_address: 10.213.1.12}", "{ipv4_address: 10.213.1.22}", "the proxy looks for it elsewhere"},
		{"a variable that the proxy doesn't know", "STATS_BIND:", "STATS_LISTEN:", "nothing reads STATS_LISTEN"},
		{"a secret that nothing makes", "file: secrets/kek", "file: secrets/key", "key isn't there"},
		{"a secret that a node lacks", "secrets: [kek, pgpass, database-ca.pem, nodes-ca.pem, {source: node-1", "secrets: [pgpass, database-ca.pem, nodes-ca.pem, {source: node-1", "is no secret that it has"},
		{"a network for all", "bus: {internal: true}", "bus: {}", "network bus: is open"},
		{"a file that isn't there", "./postgres/pg_hba.conf", "./postgres/hba.conf", "hba.conf isn't there"},
		{"whichever image", "image: prom/prometheus:v3.5.0", "image: prom/prometheus", "whichever is the newest"},
		{"a node that is gone at once", "FOLIOSCOPE_DRAIN_WAIT: 5s", "FOLIOSCOPE_DRAIN_WAIT: 0s", "gone before the proxy notices"},
		{"a node that is killed", "stop_grace_period: 60s", "stop_grace_period: 10s", "killed before"},
	} {
		t.Run(s.name, func(t *testing.T) {
			if wrong := checkCompose(s.spoil(t, text), environment, made); !wrong.says(s.want) {
				t.Errorf("said %v, want %q", *wrong, s.want)
			}
		})
	}
}

// HAProxy itself reads its configuration with the variables and the certificate that its container gets.
func TestProxyReadsItsConfiguration(t *testing.T) {
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skipf("skipped: no haproxy")
	}
	environment, err := readEnvironment(composeDir + "/.env.example")
	if err != nil {
		t.Fatal(err)
	}
	project, err := loadCompose(read(t, composeDir+"/compose.yml"), environment)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(haproxy, "-c", "-f", root+"/deploy/haproxy/haproxy.cfg")
	for name, value := range project.Services["proxy"].Environment {
		command.Env = append(command.Env, name+"="+strings.Replace(*value, "/run/secrets", secrets(t), 1))
	}
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// Prometheus itself reads its settings, with the rules beside them as in the container.
func TestPrometheusReadsItsSettings(t *testing.T) {
	promtool := os.Getenv("PROMTOOL")
	if promtool == "" {
		t.Skipf("skipped: no promtool")
	}
	dir := t.TempDir()
	for name, from := range map[string]string{"prometheus.yml": composeDir + "/prometheus/prometheus.yml", "folioscope.rules.yml": root + "/deploy/prometheus/folioscope.rules.yml"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(read(t, from)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(promtool, "check", "config", filepath.Join(dir, "prometheus.yml")).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// The certificates that secrets.sh makes are what nodes and databases believe: of their own authority, for their own name, for both ways.
func TestSecretsFit(t *testing.T) {
	made := secrets(t)
	for _, c := range []struct{ authority, name string }{
		{"nodes", "node-1"}, {"nodes", "node-2"}, {"nodes", "node-3"}, {"database", "database-1"}, {"database", "database-2"},
	} {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(read(t, filepath.Join(made, c.authority+"-ca.pem")))) {
			t.Fatalf("%s-ca.pem is no certificate", c.authority)
		}
		block, _ := pem.Decode([]byte(read(t, filepath.Join(made, c.name+".pem"))))
		if block == nil {
			t.Fatalf("%s.pem is no certificate", c.name)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots, DNSName: c.name, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
	before := read(t, filepath.Join(made, "kek"))
	if len(before) != 64 {
		t.Errorf("the key-encryption key has %d digits, want 64", len(before))
	}
	if out, err := exec.Command("bash", composeDir+"/secrets.sh", made).CombinedOutput(); err != nil {
		t.Fatalf("again: %v: %s", err, out)
	}
	if read(t, filepath.Join(made, "kek")) != before {
		t.Error("a second run replaced the key-encryption key")
	}
}
