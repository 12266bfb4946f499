package archtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutant is a mistake that a suite has to find: a text of a file is replaced by another, for one run of one test.
type mutant struct {
	name     string
	file     string // from the root
	from, to string // from is there once
	shownBy  string // package.TestName
	flags    []string
}

var mutants = []mutant{
	{
		"drop fsync", "internal/sqlstore/sqlite.go", "PRAGMA synchronous=full", "PRAGMA synchronous=normal",
		"sqlstore.TestPowerCutsLoseNothing", nil,
	},
	{
		"ack before commit", "internal/journal/journal.go", "got, err := j.store.Append(ctx, owner, portfolio, book.Portfolio.Sequence, change, write(result))",
		"w, late := write(result), context.WithoutCancel(ctx)\n\t\tgo j.store.Append(late, owner, portfolio, book.Portfolio.Sequence, change, w)\n\t\tgot, err := result.Sequence, error(nil)",
		"simulation.TestSeeds", []string{"-seeds=6"},
	},
	{
		"skip idempotency", "internal/sqlstore/write.go", "if w.Idempotency == nil {", "if w.Idempotency == nil || s != nil {",
		"simulation.TestSeeds", []string{"-seeds=6"},
	},
	{
		"float money", "internal/money/decimal.go", "func (x Decimal) Add(y Decimal) Decimal {",
		"func (x Decimal) Add(y Decimal) Decimal {\n\ta, _ := strconv.ParseFloat(x.String(), 64)\n\tb, _ := strconv.ParseFloat(y.String(), 64)\n\tsum, _ := Parse(strconv.FormatFloat(a+b, 'f', -1, 64))\n\treturn sum\n}\n\nfunc (x Decimal) add(y Decimal) Decimal {",
		"simulation.TestSeeds", []string{"-seeds=6"},
	},
	{
		"ignore tenant", "internal/sqlstore/portfolio.go",
		"FROM portfolios WHERE owner = $1 AND id = $2`\n\tsqlBump",
		"FROM portfolios WHERE $1 <> '' AND id = $2`\n\tsqlBump",
		"simulation.TestSeeds", []string{"-seeds=6"},
	},
	{
		"label stale as fresh", "internal/market/state.go", "case unasked > StaleAfter, unmoved(", "case unasked > 3*StaleAfter, unmoved(",
		"simulation.TestSeeds", []string{"-seeds=8"},
	},
	{
		"skip audit", "internal/sqlstore/write.go", "if err := s.audit(ctx, q, w.Audit); err != nil {", "if w.Audit.Action == audit.ActivityVoided {\n\t\treturn nil\n\t}\n\tif err := s.audit(ctx, q, w.Audit); err != nil {",
		"simulation.TestSeeds", []string{"-seeds=6"},
	},
	{
		"reuse TOTP", "internal/sqlstore/factor.go", "confirmed_at > 0 AND counter < $2", "confirmed_at > 0 AND $2 > 0",
		"sqlstore.TestOneCodeCountsOnce", nil,
	},
	{
		"SERIALIZABLE-only race", "internal/sqlstore/activity.go", "WHERE owner = $1 AND id = $2 AND sequence = $3 RETURNING entries", "WHERE owner = $1 AND id = $2 AND $3 >= 0 RETURNING entries",
		"simulation.TestSeeds", []string{"-seeds=8"},
	},
	{
		"async standby", "internal/pgtest/pair.go", "if !synchronous {", "if synchronous || !synchronous {",
		"sqlstore.TestFailoverToASynchronousStandby", nil,
	},
	{
		"no fencing", "internal/sqlstore/alert_event.go", "WHERE partition = $6 AND fence = $7)", "WHERE partition = $6 AND fence + $7 > 0)",
		"sqlstore.TestWhatIsNotSettled", nil,
	},
	{
		"follow redirects", "internal/outbound/outbound.go", "case first.Method != http.MethodGet && first.Method != http.MethodHead:", "case first.Method == \"\":",
		"outbound.TestRedirects", nil,
	},
	{
		"a cursor saved before its firings are settled", "internal/engine/partition.go", "hold(o.partition, o.flying)", "hold(o.partition, 0)",
		"simulation.TestSeeds", []string{"-seeds=20"},
	},
	{
		"a grant that is taken back stays", "internal/sqlstore/share.go", "DELETE FROM shared_portfolios WHERE owner = $1 AND portfolio = $2`", "DELETE FROM shared_portfolios WHERE owner = $1 AND portfolio = $2 AND 1 = 0`",
		"simulation.TestSeeds", []string{"-seeds=8"},
	},
	{
		"a price of a wrong clock", "internal/cluster/cluster.go", "return c.own && (c.ahead+set).Abs() <= SkewMax", "return c.own && (c.ahead+set).Abs() >= 0",
		"cluster.TestAClockThatIsSetOwnsNothing", nil,
	},
}

// spoil writes a file with the mistake in it, and gives an overlay of it for the go command.
func (m *mutant) spoil(t *testing.T, root string) (overlay string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), m.from); n != 1 {
		t.Fatalf("%s has this %d times, which can't be spoilt then: %s", m.file, n, m.from)
	}
	spoilt := filepath.Join(t.TempDir(), "spoilt.go")
	overlay = spoilt + ".json"
	data, err := json.Marshal(map[string]map[string]string{"Replace": {path: spoilt}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{spoilt: []byte(strings.Replace(string(text), m.from, m.to, 1)), overlay: data} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return overlay
}

// TestMutants holds the page of mistakes against the project: each can still be made, and what finds it is there. FOLIOSCOPE_LONG=1 makes
// them, one after another, and each has to be found.
func TestMutants(t *testing.T) {
	const root = "../.."
	page, err := os.ReadFile(filepath.Join(root, "docs", "mutants.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range mutants {
		m := &mutants[i]
		t.Run(m.name, func(t *testing.T) {
			if !shows(root, m.shownBy) {
				t.Errorf("there is no %s", m.shownBy)
			}
			if !strings.Contains(string(page), "| "+m.name+" |") || !strings.Contains(string(page), "`"+m.shownBy+"`") {
				t.Errorf("docs/mutants.md doesn't say that %s finds it", m.shownBy)
			}
			overlay := m.spoil(t, root)
			if os.Getenv("FOLIOSCOPE_LONG") == "" {
				return
			}
			folder, name, _ := strings.Cut(m.shownBy, ".")
			command := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1", "-vet=off", "-overlay", overlay, "-run", "^" + name + "$", "./internal/" + folder}, m.flags...)...)
			command.Dir = root
			command.Env = append(os.Environ(), "FOLIOSCOPE_LONG=")
			out, err := command.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+name) {
				t.Fatalf("%s didn't find it: %v\n%.2000s", m.shownBy, err, out)
			}
			t.Logf("%.1500s", out)
		})
	}
}
