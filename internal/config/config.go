// Package config holds the settings of a node: what they are, where they come from and which of them make no sense.
//
// It owns the names of all keys, the order file < environment < flags, the defaults and the rules. It never opens a
// database, a socket or a key: it only reads the settings file. Secrets in it print as "(hidden)".
//
// A key of the file is a path such as providers.yahoo.base_url. Its name in the environment is FOLIOSCOPE_ and the path in
// capitals, points turned into underscores: FOLIOSCOPE_PROVIDERS_YAHOO_BASE_URL. Lists are TOML arrays in the file and
// commas in the environment and in flags. A key that is unknown is an error that names it, wherever it stands.
package config

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Roles that a node can take.
const (
	RoleAPI    = "api"    // answers HTTP and keeps event streams
	RoleIngest = "ingest" // polls the providers
	RoleEngine = "engine" // works on what new prices cause
)

// Config is every setting of a node. The tags are the keys.
type Config struct {
	Listen    string   `key:"listen"`     // HOST:PORT of the web server; plain HTTP on loopback only, see TLS and Proxy
	PublicURL string   `key:"public_url"` // the origin that users' browsers see, such as https://folio.example; empty: the host that each request names
	DataDir   string   `key:"data_dir"`   // holds the embedded database, the keyring and the node's own name
	Roles     []string `key:"roles"`      // of api, ingest, engine

	Database  Database            `key:"database"`
	NATS      NATS                `key:"nats"`
	TLS       TLS                 `key:"tls"`
	Proxy     Proxy               `key:"proxy"`
	Drain     Drain               `key:"drain"`
	Outbound  Outbound            `key:"outbound"`
	Keys      Keys                `key:"keys"`
	Audit     Audit               `key:"audit"`
	Poll      Poll                `key:"poll"`
	Providers map[string]Provider `key:"providers"` // by name; every name of ProviderNames is present
	Chain     Chain               `key:"providers.chain"`
	Identity  Identity            `key:"identity"`
	OIDC      map[string]OIDC     `key:"oidc"` // by the names that the operator gives them, see OIDC
	SMTP      SMTP                `key:"smtp"`
	Telemetry Telemetry           `key:"telemetry"`
	Probe     Probe               `key:"probe"`
	Health    Health              `key:"health"`
}

// Database says where the truth is kept.
type Database struct {
	URL      Secret `key:"url"`      // postgres://…; empty: encrypted SQLite in DataDir
	Insecure bool   `key:"insecure"` // a database on another machine may be spoken to without sslmode=verify-full
}

// TLS says how HTTPS is served: a certificate from files, one that is fetched for a public name, or a self-signed one.
type TLS struct {
	Cert   string `key:"cert"`   // PEM file
	Key    string `key:"key"`    // PEM file
	Domain string `key:"domain"` // public name; its certificate is fetched and renewed
	Self   bool   `key:"self"`   // a self-signed certificate, made on the first start
}

// On says whether HTTPS is served by this process.
func (t TLS) On() bool { return t.Cert != "" || t.Domain != "" || t.Self }

// Proxy names who may end TLS in front of this node and say who the client is.
type Proxy struct {
	Trusted []string `key:"trusted"` // addresses or networks in CIDR form; empty: nobody
}

// Drain says how a node that is told to stop leaves a load balancer.
type Drain struct {
	Wait time.Duration `key:"wait"` // for how long it goes on serving while /readyz says no already; longer than the load balancer takes to notice. 0 where there is none
}

// Outbound says what the node may connect to besides the public internet.
type Outbound struct {
	Allow    []string `key:"allow"`    // networks in CIDR form, addresses or HOST:PORT, for addresses of these settings; what users name is public or nothing
	Messages []string `key:"messages"` // HOST:PORT of services of your own, such as ntfy.lan:80, that people's messages may go to though they lie inside
	Proxy    Secret   `key:"proxy"`    // http://host:port for addresses of these settings; empty: none, whatever the environment says
}

// Keys says where the key that wraps all others comes from.
type Keys struct {
	KEK string `key:"kek"` // a file's path, env:NAME, or a KMS URI; never the key itself
}

// Identity says what signing in takes.
type Identity struct {
	RequireSecondFactor []string `key:"require_second_factor"` // of user, adviser, auditor, admin: who sets up an authenticator app or a passkey before anything else; empty: nobody
	BreachedPasswords   string   `key:"breached_passwords"`    // a file of HASH:COUNT lines ordered by SHA-1, as Have I Been Pwned's downloader writes it; empty: only the common ones are refused
}

// Audit says where the proof of what was done is kept besides the database.
type Audit struct {
	Checkpoints string       `key:"checkpoints"` // file that signed checkpoints are copied to, best on another disk; empty: in DataDir
	Webhook     AuditWebhook `key:"webhook"`
}

// AuditWebhook says where checkpoints are sent, to a machine that whoever takes this one doesn't have too.
type AuditWebhook struct {
	URL    Secret `key:"url"`    // https://…; empty: nowhere. It may hold a secret, as such addresses do
	Secret Secret `key:"secret"` // whsec_…, or several separated by spaces while one is replaced
}

// Poll says how often prices are asked for.
type Poll struct {
	Interval time.Duration `key:"interval"`
}

// Provider is the settings of one source of market data.
type Provider struct {
	Enabled           bool   `key:"enabled"`
	BaseURL           string `key:"base_url"`            // empty: the provider's own
	Key               Secret `key:"key"`                 // empty where none is needed
	RequestsPerMinute int    `key:"requests_per_minute"` // 0: the provider's own limit
	RequestsPerHour   int    `key:"requests_per_hour"`   // 0: the provider's own limit
	RequestsPerDay    int    `key:"requests_per_day"`    // 0: the provider's own limit
	RequestsPerMonth  int    `key:"requests_per_month"`  // 0: the provider's own limit
}

// Chain names the providers to ask for each kind of instrument, the first choice first.
type Chain struct {
	Stock  []string `key:"stock"` // stocks, ETFs, bonds and whatever else an exchange trades
	Fund   []string `key:"fund"`
	FX     []string `key:"fx"`
	Crypto []string `key:"crypto"`
}

// SMTP says where mail is handed over.
type SMTP struct {
	Host     string `key:"host"` // empty: no mail
	Port     int    `key:"port"`
	Username string `key:"username"` // empty: the server takes mail without a sign-in
	Password Secret `key:"password"`
	From     string `key:"from"` // such as Folioscope <folio@example.org>
	TLS      string `key:"tls"`  // starttls, implicit, or none for a server on this machine; empty: implicit on port 465, else starttls
}

// Ways to protect the connection to the mail server.
const (
	TLSStart    = "starttls"
	TLSImplicit = "implicit"
	TLSNone     = "none"
)

// Protection is the way that counts.
func (s SMTP) Protection() string {
	const implicitPort = 465 // RFC 8314
	switch {
	case s.TLS != "":
		return s.TLS
	case s.Port == implicitPort:
		return TLSImplicit
	}
	return TLSStart
}

// Telemetry says how the node reports about itself.
type Telemetry struct {
	LogLevel  string `key:"log_level"`  // debug, info, warn, error
	LogFormat string `key:"log_format"` // text, json
	Traces    Traces `key:"traces"`
}

// Traces says where it is sent what requests, jobs and hints caused.
type Traces struct {
	Endpoint Secret `key:"endpoint"` // of OTLP over HTTP, whole: https://collector.example:4318/v1/traces; empty: nowhere
	Percent  int    `key:"percent"`  // of all that are sent
}

// Probe says how the service uses itself, so that trouble is counted while nobody looks.
type Probe struct {
	Token Secret        `key:"token"` // an API token with read and write, of an account made for this; empty: no probe. Nodes with the role api run it
	URL   string        `key:"url"`   // the service as its users reach it; empty: public_url, else this node itself
	Read  time.Duration `key:"read"`  // between two reads
	Write time.Duration `key:"write"` // between two writes; each is a row of the audit log
}

// Health says what a node watches that isn't Folioscope's own.
type Health struct {
	BackupFile   string        `key:"backup_file"`    // what whatever makes backups changes when it has made one, on this machine; empty: backups aren't watched
	BackupAgeMax time.Duration `key:"backup_age_max"` // how old that change may be
}

// Level is the log level as slog takes it.
func (t Telemetry) Level() slog.Level {
	switch t.LogLevel {
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

// ProviderNames are the sources that can be configured, in the order of the alphabet.
func ProviderNames() []string {
	return []string{
		"alphavantage", "amfi", "coingecko", "ecb", "eodhd", "finnhub", "frankfurter", "fred", "http", "massive", "mfapi", "openfigi", "tiingo",
		"twelvedata", "yahoo",
	}
}

// Default is the settings of a node that was told nothing. DataDir stays empty; Load finds the place that suits the machine.
func Default() Config {
	c := Config{
		Listen:    "localhost:8080",
		Roles:     []string{RoleAPI, RoleIngest, RoleEngine},
		Poll:      Poll{Interval: 10 * time.Minute},
		Providers: map[string]Provider{},
		Chain: Chain{
			Stock:  []string{"finnhub", "tiingo", "twelvedata", "eodhd", "yahoo", "massive"},
			Fund:   []string{"amfi", "mfapi", "tiingo", "yahoo", "eodhd"},
			FX:     []string{"ecb", "frankfurter", "twelvedata", "tiingo", "yahoo", "fred"},
			Crypto: []string{"coingecko", "yahoo", "tiingo", "twelvedata"},
		},
		Identity:  Identity{RequireSecondFactor: []string{"admin"}},
		SMTP:      SMTP{Port: 587},
		Telemetry: Telemetry{LogLevel: "info", LogFormat: "text", Traces: Traces{Percent: 10}},
		Probe:     Probe{Read: time.Second, Write: 10 * time.Second},
		Health:    Health{BackupAgeMax: 26 * time.Hour}, // one a day, and two hours to make it
	}
	for _, name := range ProviderNames() {
		// Yahoo has no public terms for programs: whoever runs the node decides, after reading the notice in the guide.
		c.Providers[name] = Provider{Enabled: name != "yahoo"}
	}
	return c
}

// NeedsKey says whether a provider answers nobody without a key.
func NeedsKey(name string) bool {
	return slices.Contains([]string{"alphavantage", "eodhd", "finnhub", "massive", "tiingo", "twelvedata"}, name)
}

// Enabled keeps the providers of a chain that are switched on and have the key that they need, in their order.
func (c Config) Enabled(chain []string) []string {
	return slices.DeleteFunc(slices.Clone(chain), func(name string) bool {
		return !c.Providers[name].Enabled || NeedsKey(name) && c.Providers[name].Key == ""
	})
}

// HasRole says whether the node takes a role.
func (c Config) HasRole(role string) bool { return slices.Contains(c.Roles, role) }

// String lists every key with its value, one a line, secrets hidden.
func (c Config) String() string {
	var out strings.Builder
	visit(reflect.ValueOf(&c).Elem(), "", func(path string, field reflect.Value) {
		fmt.Fprintf(&out, "%s = %v\n", path, field.Interface())
	})
	return out.String()
}

// GoString is String, so that %#v hides secrets too.
func (c Config) GoString() string { return c.String() }

// Secret is a text that never prints: only Reveal gives it.
type Secret string

const hidden = "(hidden)"

// Reveal gives the secret itself, for whoever must use it.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret; an empty one shows as empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from JSON and every other encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the secret from logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
