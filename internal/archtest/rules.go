package archtest

import (
	"slices"
	"strings"
)

// The names of the rules, as refusals show them.
const (
	ruleUnknown  = "unknown package"
	ruleImport   = "who may import whom"
	ruleForeign  = "foreign modules"
	ruleStandard = "standard library"
	ruleTesting  = "testing stays in tests"
	ruleComment  = "package comment"
	ruleFile     = "file length"
	ruleFunction = "function length"
	ruleInit     = "no init"
	ruleLinkname = "no linkname"
	rulePure     = "the ground is pure"
	ruleExact    = "exact amounts"
	ruleOutbound = "one way out"
)

const (
	fileLinesMax     = 800 // a longer file holds two things; aim at 400
	functionLinesMax = 100 // a longer function does two things; aim at 50
)

// The layers, from the bottom. A package is named by its path below internal/; a folder inside it counts as a part of it.
var (
	ground    = []string{"fault", "money", "market", "ledger", "figures", "alert"}
	contracts = []string{"event", "bus", "trace", "cache", "failpoint"}
	services  = []string{"access", "webhook", "audit", "identity", "ingest", "jobs", "journal", "live", "notify", "engine", "cluster", "transfer", "health", "httpapi"}
	adapters  = []string{"provider", "natsbus", "sqlstore", "seal", "certificate", "outbound"}
)

// mayImport says which packages of ours each package may import, itself aside. What is not here is refused: a new package
// gets its line, and its place in ARCHITECTURE.md, with its first file.
var mayImport = map[string][]string{
	// Ground: facts and rules. Functions of values, each resting only on what stands above it.
	"fault":   {},
	"money":   {"fault"},
	"market":  {"fault", "money"},
	"ledger":  {"fault", "money", "market"},
	"figures": {"fault", "money", "market", "ledger"},
	"alert":   {"fault", "money", "market", "ledger", "figures"},

	// Contracts: what crosses a process.
	"event":     ground,
	"bus":       join(ground, "event"),
	"trace":     {},
	"cache":     {},
	"failpoint": {}, // whoever makes something last says where

	// Services: no service knows an adapter; it says in an interface of its own what it needs. Only ingest knows provider,
	// whose shape of a source is what all sources share.
	"webhook":  {"fault"},
	"audit":    join(ground, "failpoint", "webhook"),
	"identity": join(ground, "audit"),
	"access":   join(ground, "identity"),
	"jobs":     join(ground, "failpoint"), // and hands River what it needs of a transaction
	"ingest":   join(ground, "audit", "event", "bus", "failpoint", "jobs", "provider"),
	"journal":  join(ground, "audit", "cache", "event", "bus", "failpoint"),
	"notify":   join(ground, "audit", "jobs", "webhook"),
	"engine":   join(ground, "event", "bus", "failpoint", "notify"),
	"live":     join(ground, "cache", "event", "bus", "journal"),
	"transfer": join(ground, "audit", "journal"),
	"health":   join(ground, "audit", "ingest", "jobs", "notify"),
	"cluster":  {},
	"httpapi":  join(ground, "access", "audit", "cache", "cluster", "engine", "event", "bus", "failpoint", "health", "identity", "ingest", "journal", "live", "notify", "trace", "transfer"),

	// Scenarios that anybody can check our figures with.
	"conformance": {"fault", "figures"},

	// Adapters: never one another, but that sqlstore seals what is personal before SQL sees it. They know the values of the services that they serve, not what these do.
	"provider":    ground,
	"natsbus":     join(ground, "event", "bus", "trace"),
	"sqlstore":    join(ground, "access", "audit", "cache", "cluster", "engine", "event", "failpoint", "health", "identity", "ingest", "jobs", "journal", "live", "notify", "seal", "trace", "transfer"),
	"seal":        ground,
	"outbound":    join(ground, "trace"),
	"certificate": {"fault"},

	// Composition: app alone puts the pieces together.
	"config":    {"fault", "money"},
	"telemetry": {"trace"},
	"demo":      join(ground, "audit", "event", "identity", "ingest"),
	"app":       join(ground, join(contracts, join(services, join(adapters, "config", "telemetry", "demo", "web")...)...)...),

	// Around them.
	"web":            {},
	"cmd/folioscope": join(ground, "app", "audit", "config", "conformance", "demo", "health", "identity", "seal", "telemetry", "transfer"),
	"archtest":       {},
	"pgtest":         {},
	"simulation":     {}, // tests alone
	"wiretest":       {},
	"outage":         {},
	"scripts":        {},
}

// foreign says which packages may import a module of others. A library has one home, so that replacing it is one package's
// work; "*" is every package but the ground.
var foreign = map[string][]string{
	"cel.dev/cel-go":                         {"alert"},
	"github.com/alecthomas/kong":             {"cmd/folioscope"},
	"github.com/caddyserver/certmagic":       {"app", "httpapi"},
	"github.com/cedar-policy/cedar-go":       {"access"},
	"github.com/cockroachdb/apd":             {"money", "engine"}, // a benchmark holds the book against maps of them
	"github.com/coreos/go-oidc":              {"identity"},
	"github.com/danielgtaylor/huma":          {"httpapi"},
	"github.com/failsafe-go/failsafe-go":     {"ingest"},
	"github.com/go-webauthn/webauthn":        {"identity"},
	"github.com/jackc/pgx":                   {"sqlstore", "jobs", "pgtest"}, // River's driver takes pgx's transaction
	"github.com/klauspost/compress":          {"httpapi"},
	"github.com/knadh/koanf":                 {"config"},
	"github.com/maypok86/otter":              {"cache"},
	"github.com/nats-io/nats-server":         {"natsbus"},
	"github.com/nats-io/nats.go":             {"natsbus"},
	"github.com/ncruces/go-sqlite3":          {"sqlstore", "jobs"}, // jobs works in the handle that sqlstore opened
	"github.com/ncruces/julianday":           {"sqlstore"},
	"github.com/pquerna/otp":                 {"identity"},
	"github.com/pressly/goose":               {"sqlstore"},
	"github.com/prometheus/client_golang":    {"telemetry"},
	"github.com/riverqueue/river":            {"jobs"},
	"github.com/tink-crypto/tink-go":         {"seal"},
	"github.com/tink-crypto/tink-go-awskms":  {"seal"},
	"github.com/tink-crypto/tink-go-gcpkms":  {"seal"},
	"github.com/tink-crypto/tink-go-hcvault": {"seal"},
	"github.com/aws/aws-sdk-go-v2":           {"seal"}, // these are what Tink's key services rest on
	"github.com/aws/smithy-go":               {"seal"},
	"github.com/hashicorp/vault":             {"seal"},
	"go.opentelemetry.io/otel":               {"telemetry"},
	"google.golang.org/api":                  {"seal"},
	"github.com/SherClockHolmes/webpush-go":  {"notify"},
	"github.com/wneessen/go-mail":            {"notify"},
	"go.uber.org/zap":                        {"app"}, // certmagic's logger
	"golang.org/x/crypto":                    {"identity"},
	"golang.org/x/mod":                       {"audit"}, // transparency logs and signed notes
	"golang.org/x/net":                       {"provider", "httpapi", "outbound"},
	"golang.org/x/oauth2":                    {"identity", "seal"}, // what go-oidc and Google's key service rest on
	"golang.org/x/sync":                      {"*"},
	"golang.org/x/sys":                       {"app"},
	"golang.org/x/term":                      {"cmd/folioscope"},
	"golang.org/x/text":                      {"provider", "transfer", "identity", "notify"},
	"golang.org/x/time":                      {"*"},
}

// foreignInTests may be imported by every test, and by nothing else.
var foreignInTests = []string{"go.uber.org/goleak", "go.opentelemetry.io/proto/otlp", "google.golang.org/protobuf", "pgregory.net/rapid", "github.com/rogpeppe/go-internal", "github.com/anishathalye/porcupine", "github.com/emersion/go-smtp", "github.com/emersion/go-sasl"}

// standard says which packages may import a part of the standard library that is a decision of its own. An empty list is
// nobody.
var standard = map[string][]string{
	"C":              {}, // the product is pure Go
	"database/sql":   {"sqlstore", "jobs"},
	"expvar":         {}, // registers itself with a global
	"log":            {}, // log/slog, passed in
	"math/rand":      {}, // math/rand/v2, or crypto/rand for what must not be guessed
	"net/http/pprof": {}, // registers itself with a global
	"os/exec":        {"pgtest", "scripts"},
	"plugin":         {},
	"unsafe":         {},
}

// impure are the parts of the standard library with which ground would reach outside its arguments.
var impure = []string{
	"context", "crypto/rand", "database/sql", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os", "runtime", "syscall",
}

// clock are the functions of package time that ask the clock or wait for it. Times and durations themselves are values.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// exactPackages hold amounts. Binary floating point enters them only through the accessors named here, which draw and
// rate but never sum.
var (
	exactPackages  = []string{"money", "ledger"}
	floatAccessors = []string{"Float64"}
)

// wayOut is the package that alone opens connections and makes HTTP clients, with what judges every address. Others are given a client. The
// clients of PostgreSQL and NATS connect by themselves, to what the settings name; so does notify, to the mail server.
const wayOut = "outbound"

// connecting are the packages that may open connections of their own.
var connecting = []string{wayOut, "notify"}

// waysOut are the names of the standard library with which a package would go round it: to call, or to make a value of.
var waysOut = map[string][]string{
	"net/http": {"Client", "Transport", "DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm", "ProxyFromEnvironment"},
	"net": {
		"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP", "DialUnix", "Dialer", "Resolver", "LookupAddr", "LookupCNAME", "LookupHost", "LookupIP",
		"LookupMX", "LookupNS", "LookupSRV", "LookupTXT",
	},
	"crypto/tls": {"Dial", "DialWithDialer", "Dialer"},
}

func join(groups []string, more ...string) []string { return slices.Concat(groups, more) }

// unit is the entry of mayImport that a directory belongs to: the longest that it is in.
func unit(dir string) (string, bool) {
	dir = strings.TrimPrefix(dir, "internal/")
	for {
		if _, ok := mayImport[dir]; ok {
			return dir, true
		}
		cut := strings.LastIndexByte(dir, '/')
		if cut < 0 {
			return "", false
		}
		dir = dir[:cut]
	}
}

func isGround(dir string) bool {
	name, ok := unit(dir)
	return ok && slices.Contains(ground, name)
}

func isExact(dir string) bool {
	name, ok := unit(dir)
	return ok && slices.Contains(exactPackages, name)
}

// isTestKit says whether a directory is a package made for tests, which may import testing: bustest, pgtest.
func isTestKit(dir string) bool {
	for part := range strings.SplitSeq(dir, "/") {
		if strings.HasSuffix(part, "test") && part != "test" {
			return true
		}
	}
	return false
}
