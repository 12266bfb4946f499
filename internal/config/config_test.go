package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/fault"
)

// home is an environment in which a data directory can be found.
var home = []string{"HOME=/home/somebody"}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "folioscope.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaultsAreAWorkingNode(t *testing.T) {
	c, err := Load(Sources{Environ: home})
	if err != nil {
		t.Fatal(err)
	}
	if c.Poll.Interval != 10*time.Minute || c.Listen != "localhost:8080" || !strings.Contains(c.DataDir, "folioscope") {
		t.Errorf("defaults: %s", c)
	}
	if got := c.Enabled(c.Chain.Fund); !slices.Equal(got, []string{"amfi", "mfapi"}) {
		t.Errorf("yahoo is asked without anybody's leave: %v", got)
	}
	if got := c.Enabled(c.Chain.Crypto); !slices.Equal(got, []string{"coingecko"}) {
		t.Errorf("crypto chain: %v", got)
	}
	if got := c.Enabled(c.Chain.Stock); len(got) != 0 {
		t.Errorf("asked without a key: %v", got)
	}
	if got := c.Enabled(c.Chain.FX); !slices.Equal(got, []string{"ecb", "frankfurter", "fred"}) {
		t.Errorf("rates: %v", got)
	}
	for _, name := range []string{"finnhub", "twelvedata"} { // the key is all that a provider needs
		p := c.Providers[name]
		p.Key = "k"
		c.Providers[name] = p
	}
	if got := c.Enabled(c.Chain.Stock); !slices.Equal(got, []string{"finnhub", "twelvedata"}) {
		t.Errorf("stocks with two keys: %v", got)
	}
}

func TestFileThenEnvironmentThenFlags(t *testing.T) {
	path := write(t, `
listen = "localhost:1"
data_dir = "/file"
roles = ["api", "ingest"]
[poll]
interval = "5m"
[providers.yahoo]
enabled = true
base_url = "https://file.example"
requests_per_minute = 7
[providers.chain]
crypto = ["yahoo", "coingecko"]
[smtp]
`)
	c, err := Load(Sources{
		File: path,
		Environ: []string{
			"FOLIOSCOPE_LISTEN=localhost:2",
			"FOLIOSCOPE_PROVIDERS_YAHOO_BASE_URL=http://127.0.0.1:9",
			"FOLIOSCOPE_PROVIDERS_CHAIN_FUND=mfapi, amfi",
			"FOLIOSCOPE_NATS_CLUSTER_LISTEN=localhost:6222",
			"FOLIOSCOPE_REFERENCE=/somewhere",
			"OTHER=1",
		},
		Flags: map[string]string{"listen": "localhost:3", "poll.interval": "1s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Provider{Enabled: true, BaseURL: "http://127.0.0.1:9", RequestsPerMinute: 7}
	if c.Listen != "localhost:3" || c.DataDir != "/file" || c.Poll.Interval != time.Second || c.Providers["yahoo"] != want {
		t.Errorf("layers: %s", c)
	}
	if !slices.Equal(c.Chain.Fund, []string{"mfapi", "amfi"}) || !slices.Equal(c.Chain.Crypto, []string{"yahoo", "coingecko"}) || !slices.Equal(c.Roles, []string{"api", "ingest"}) {
		t.Errorf("lists: %s", c)
	}
	if !c.Providers["ecb"].Enabled || c.NATS.Cluster.Listen != "localhost:6222" || c.HasRole(RoleEngine) {
		t.Errorf("untouched keys changed: %s", c)
	}
}

// Every key can be set in each of the three places, under the name that its path gives.
func TestEveryKeyHasItsNameInTheEnvironment(t *testing.T) {
	all := keys(Default())
	for _, key := range []string{
		"listen", "data_dir", "database.url", "nats.urls", "nats.cluster.listen", "nats.cluster.routes", "roles", "tls.cert", "tls.key",
		"tls.domain", "tls.self", "outbound.allow", "outbound.messages", "outbound.proxy", "keys.kek", "poll.interval", "proxy.trusted", "public_url", "providers.yahoo.enabled",
		"providers.yahoo.base_url", "providers.coingecko.key", "providers.amfi.requests_per_minute", "providers.ecb.requests_per_day",
		"providers.chain.stock", "providers.chain.fund", "providers.chain.fx", "providers.chain.crypto", "smtp.host", "telemetry.log_level", "identity.require_second_factor",
	} {
		if !slices.Contains(all, key) {
			t.Errorf("no key %s", key)
		}
	}
	if got := EnvironmentName("providers.yahoo.base_url"); got != "FOLIOSCOPE_PROVIDERS_YAHOO_BASE_URL" {
		t.Error(got)
	}
	names := map[string]string{}
	for _, key := range all {
		if other, taken := names[EnvironmentName(key)]; taken {
			t.Errorf("%s and %s share a name", key, other)
		}
		names[EnvironmentName(key)] = key
		// A value that no key accepts shows that the name reaches the key, for all but texts and lists.
		c, err := Load(Sources{Environ: append(slices.Clone(home), EnvironmentName(key)+"=\x00")})
		if err == nil && !strings.Contains(c.String(), key+" = ") {
			t.Errorf("%s isn't listed", key)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name, file  string
		environment string
		flags       map[string]string
		want        string
	}{
		{name: "unknown key of the file", file: "listne = \"x\"", want: "listne: unknown key"},
		{name: "unknown nested key", file: "[providers.yahoo]\nurl = \"x\"", want: "providers.yahoo.url: unknown key"},
		{name: "unknown provider", file: "[providers.stooq]\nenabled = true", want: "providers.stooq.enabled: unknown key"},
		{name: "unknown table", file: "[provider]", want: "provider: unknown key"},
		{name: "not TOML", file: "listen = \n", want: "line 1"},
		{name: "a value for a table", file: "poll = \"10m\"", want: "poll: unknown key"},
		{name: "unknown variable", environment: "FOLIOSCOPE_PROVIDERS_YAHOO_BASEURL=x", want: "FOLIOSCOPE_PROVIDERS_YAHOO_BASEURL: unknown"},
		{name: "unknown flag", flags: map[string]string{"listn": "x"}, want: "listn: unknown key"},
		{name: "duration", environment: "FOLIOSCOPE_POLL_INTERVAL=10", want: "poll.interval: needs a duration"},
		{name: "duration as a number", file: "[poll]\ninterval = 600", want: "poll.interval: needs a duration"},
		{name: "too often", flags: map[string]string{"poll.interval": "10ms"}, want: "poll.interval: needs 1s to 24h"},
		{name: "bool", environment: "FOLIOSCOPE_TLS_SELF=maybe", want: "tls.self: needs true or false"},
		{name: "number", environment: "FOLIOSCOPE_PROVIDERS_ECB_REQUESTS_PER_DAY=many", want: "providers.ecb.requests_per_day: needs a whole number"},
		{name: "negative", environment: "FOLIOSCOPE_PROVIDERS_ECB_REQUESTS_PER_DAY=-1", want: "providers.ecb.requests_per_day: needs 0 or more"},
		{name: "text", file: "listen = 8080", want: "listen: needs a text"},
		{name: "list", file: "roles = [1]", want: "roles: needs a list"},
		{name: "role", environment: "FOLIOSCOPE_ROLES=api,admin", want: `roles: no role is called "admin"`},
		{name: "second factor of nobody", environment: "FOLIOSCOPE_IDENTITY_REQUIRE_SECOND_FACTOR=admin,root", want: `identity.require_second_factor: no role of users is called "root"`},
		{name: "no roles", environment: "FOLIOSCOPE_ROLES=", want: "roles: needs one"},
		{name: "chain", environment: "FOLIOSCOPE_PROVIDERS_CHAIN_FX=ecb,stooq", want: `providers.chain.fx: no provider is called "stooq"`},
		{name: "chain without prices", environment: "FOLIOSCOPE_PROVIDERS_CHAIN_STOCK=openfigi", want: "providers.chain.stock: openfigi knows identifiers and no prices"},
		{name: "chain twice", environment: "FOLIOSCOPE_PROVIDERS_CHAIN_FX=ecb,ecb", want: "providers.chain.fx: names ecb twice"},
		{name: "base address", environment: "FOLIOSCOPE_PROVIDERS_ECB_BASE_URL=ftp://x", want: "providers.ecb.base_url: needs an address"},
		{name: "plain HTTP for all", environment: "FOLIOSCOPE_LISTEN=:8080", want: "listen: :8080 is not loopback"},
		{name: "plain HTTP on a network", environment: "FOLIOSCOPE_LISTEN=192.168.1.2:8080", want: "not loopback"},
		{name: "no port", environment: "FOLIOSCOPE_LISTEN=localhost", want: "listen: needs HOST:PORT"},
		{name: "certificate without key", environment: "FOLIOSCOPE_TLS_CERT=a.pem", want: "tls.cert: and tls.key go together"},
		{name: "two ways of TLS", flags: map[string]string{"tls.self": "true", "tls.domain": "folio.example"}, want: "choose one"},
		{name: "outbound", environment: "FOLIOSCOPE_OUTBOUND_ALLOW=quotes.local", want: "outbound.allow: needs networks"},
		{name: "outbound messages", environment: "FOLIOSCOPE_OUTBOUND_MESSAGES=10.0.0.0/8", want: "outbound.messages: needs HOST:PORT"},
		{name: "outbound proxy", environment: "FOLIOSCOPE_OUTBOUND_PROXY=socks5://u:SECRET@h", want: "outbound.proxy: needs an address"},
		{name: "proxy", environment: "FOLIOSCOPE_PROXY_TRUSTED=proxy.local", want: "proxy.trusted: needs addresses"},
		{name: "database", environment: "FOLIOSCOPE_DATABASE_URL=mysql://u:hunter2@h/d", want: "database.url: needs postgres://"},
		{name: "public address", environment: "FOLIOSCOPE_PUBLIC_URL=folio.example", want: "public_url: needs an origin"},
		{name: "routes alone", environment: "FOLIOSCOPE_NATS_CLUSTER_ROUTES=a:1", want: "nats.cluster.routes: needs nats.cluster.listen"},
		{name: "mail without a sender", environment: "FOLIOSCOPE_SMTP_HOST=mail.example", want: "smtp.from: is needed"},
		{name: "mail with links of nobody's choice", environment: "FOLIOSCOPE_SMTP_HOST=mail.example", want: "public_url: is needed where smtp.host is set"},
		{name: "mail in the clear", flags: map[string]string{"smtp.host": "mail.example", "smtp.tls": "none"}, want: "smtp.tls: none is for a mail server on this machine"},
		{name: "mail somehow", environment: "FOLIOSCOPE_SMTP_TLS=maybe", want: "smtp.tls: needs starttls, implicit or none"},
		{name: "mail with half a sign-in", flags: map[string]string{"smtp.host": "mail.example", "smtp.password": "hunter2"}, want: "smtp.username: is needed"},
		{name: "mail port", environment: "FOLIOSCOPE_SMTP_PORT=0", want: "smtp.port: needs 1 to 65535"},
		{name: "checkpoints in the clear", flags: map[string]string{"audit.webhook.url": "http://keeper.example/hunter2", "audit.webhook.secret": "x"}, want: "audit.webhook.url: needs an address"},
		{name: "checkpoints from anybody", environment: "FOLIOSCOPE_AUDIT_WEBHOOK_URL=https://keeper.example/hunter2", want: "audit.webhook.secret: is needed"},
		{name: "checkpoints to nowhere", environment: "FOLIOSCOPE_AUDIT_WEBHOOK_SECRET=hunter2", want: "audit.webhook.url: needs an address"},
		{name: "a drain that outlasts its node", environment: "FOLIOSCOPE_DRAIN_WAIT=6m", want: "drain.wait: needs 0s to 5m0s"},
		{name: "a drain before the end", environment: "FOLIOSCOPE_DRAIN_WAIT=-1s", want: "drain.wait: needs 0s to 5m0s"},
		{name: "a probe without pause", environment: "FOLIOSCOPE_PROBE_READ=0s", want: "probe.read: needs at least"},
		{name: "a probe that only writes", environment: "FOLIOSCOPE_PROBE_WRITE=1ms", want: "probe.write: needs at least"},
		{name: "a probe of a page", environment: "FOLIOSCOPE_PROBE_URL=https://folio.example/api", want: "probe.url: needs an origin"},
		{name: "backups all the time", environment: "FOLIOSCOPE_HEALTH_BACKUP_AGE_MAX=59m", want: "health.backup_age_max: needs at least an hour"},
		{name: "traces to a host", environment: "FOLIOSCOPE_TELEMETRY_TRACES_ENDPOINT=https://u:hunter2@collector.example", want: "telemetry.traces.endpoint: needs a whole address"},
		{name: "more traces than there are", environment: "FOLIOSCOPE_TELEMETRY_TRACES_PERCENT=101", want: "telemetry.traces.percent: needs 1 to 100"},
		{name: "log level", environment: "FOLIOSCOPE_TELEMETRY_LOG_LEVEL=loud", want: "telemetry.log_level: needs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			from := Sources{Environ: slices.Clone(home), Flags: test.flags}
			if test.environment != "" {
				from.Environ = append(from.Environ, test.environment)
			}
			if test.file != "" {
				from.File = write(t, test.file)
			}
			_, err := Load(from)
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the error repeats a password")
			}
		})
	}
}

func TestServingBeyondLoopbackNeedsTLSOrAProxy(t *testing.T) {
	for _, extra := range []string{"FOLIOSCOPE_TLS_SELF=true", "FOLIOSCOPE_TLS_DOMAIN=folio.example", "FOLIOSCOPE_PROXY_TRUSTED=10.0.0.0/8,::1"} {
		if _, err := Load(Sources{Environ: append(slices.Clone(home), "FOLIOSCOPE_LISTEN=:443", extra)}); err != nil {
			t.Errorf("%s: %v", extra, err)
		}
	}
	for _, listen := range []string{"127.0.0.1:0", "[::1]:8080", "localhost:80"} {
		if _, err := Load(Sources{Environ: append(slices.Clone(home), "FOLIOSCOPE_LISTEN="+listen)}); err != nil {
			t.Errorf("%s: %v", listen, err)
		}
	}
}

func TestMailIsProtectedByThePortsCustom(t *testing.T) {
	set := []string{"FOLIOSCOPE_SMTP_HOST=localhost", "FOLIOSCOPE_SMTP_FROM=Folioscope <folio@example.org>", "FOLIOSCOPE_PUBLIC_URL=https://folio.example"}
	for want, more := range map[string]string{TLSStart: "FOLIOSCOPE_SMTP_PORT=587", TLSImplicit: "FOLIOSCOPE_SMTP_PORT=465", TLSNone: "FOLIOSCOPE_SMTP_TLS=none"} {
		c, err := Load(Sources{Environ: append(append(slices.Clone(home), set...), more)})
		if err != nil || c.SMTP.Protection() != want {
			t.Errorf("%s: %s, %v", more, c.SMTP.Protection(), err)
		}
	}
}

func TestSeveralWrongKeysAreAllNamed(t *testing.T) {
	_, err := Load(Sources{Environ: append(slices.Clone(home), "FOLIOSCOPE_POLL_INTERVAL=x", "FOLIOSCOPE_TLS_SELF=x")})
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Places) != 2 || !strings.Contains(err.Error(), "poll.interval") || !strings.Contains(err.Error(), "tls.self") {
		t.Errorf("got %v", err)
	}
}

func TestTheKeyMayLieInAVariableOfItsOwn(t *testing.T) {
	kek := "FOLIOSCOPE_KEK=c2VjcmV0"
	if _, err := Load(Sources{Environ: append(slices.Clone(home), kek, "FOLIOSCOPE_KEYS_KEK=env:FOLIOSCOPE_KEK")}); err != nil {
		t.Error(err)
	}
	if _, err := Load(Sources{File: write(t, "[keys]\nkek = \"env:FOLIOSCOPE_KEK\""), Environ: append(slices.Clone(home), kek)}); err != nil {
		t.Error(err)
	}
	if _, err := Load(Sources{Environ: append(slices.Clone(home), kek)}); err == nil {
		t.Error("a variable that nothing names was taken")
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	const planted = "hunter2-planted"
	c, err := Load(Sources{Environ: append(slices.Clone(home),
		"FOLIOSCOPE_DATABASE_URL=postgres://u:"+planted+"@db/folio",
		"FOLIOSCOPE_PROVIDERS_COINGECKO_KEY="+planted,
		"FOLIOSCOPE_SMTP_PASSWORD="+planted)})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("start", "config", c, "key", c.Providers["coingecko"].Key)
	for _, text := range []string{c.String(), fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%v %#v %q %x", c.Providers, c.Providers, c.SMTP.Password, c.SMTP), string(encoded), logged.String()} {
		if strings.Contains(text, planted) {
			t.Errorf("printed: %s", text)
		}
	}
	if c.Providers["coingecko"].Key.Reveal() != planted {
		t.Error("the secret itself is lost")
	}
	if !strings.Contains(c.String(), "providers.coingecko.key = (hidden)") || !strings.Contains(c.String(), "providers.ecb.key = \n") {
		t.Errorf("one can't see which secrets are set: %s", c)
	}
}
