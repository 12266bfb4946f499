package sqlstore

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"folioscope/internal/fault"
)

// Tables that name an owner and are not personal: they lead from a hash to an owner and hold nothing else.
var directoryTables = []string{"emails", "invitations", "subjects", "grant_links", "household_links"}

// publicTables name no owner.
var publicTables = []string{"installation", "instruments", "instrument_interest", "counters", "quotes", "marks", "bars", "series_changes",
	"instrument_polls", "poll_slots", "source_quotas", "source_states", "source_refusals", "quarantine", "calendar_overrides",
	"source_calls", "source_latencies", "answered_challenges", "corporate_actions", "backfills", "alert_partitions", "alert_engines",
	"instrument_aliases", "instrument_keys", "attempts", "audit_tree", "audit_tiles", "audit_checkpoints", "root_keys", "keyring_nodes",
	"health_watch", "health_reports", "health_troubles", "nodes", "schema_floor"}

var (
	createTable = regexp.MustCompile(`(?s)CREATE TABLE (\w+) \((.*?)\n\)`)
	primaryKey  = regexp.MustCompile(`PRIMARY KEY \((\w+)`)
	inlineKey   = regexp.MustCompile(`(?m)^\s+(\w+)\s+\w+\s+NOT NULL PRIMARY KEY`)
)

// tables reads the migrations: each table with the first column of its primary key.
func tables(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d migrations, %v", len(names), err)
	}
	found := make(map[string]string)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range createTable.FindAllStringSubmatch(string(data), -1) {
			key := primaryKey.FindStringSubmatch(m[2])
			if key == nil {
				key = inlineKey.FindStringSubmatch(m[2])
			}
			if key == nil {
				t.Errorf("%s: %s has no primary key", name, m[1])
				continue
			}
			found[m[1]] = key[1]
			for line := range strings.Lines(m[2]) {
				if fields := strings.Fields(line); len(fields) > 1 && fields[0] != "PRIMARY" && !strings.Contains(line, "NOT NULL") {
					t.Errorf("%s: %s has a column that may be NULL: %s", name, m[1], strings.TrimSpace(line))
				}
			}
		}
	}
	return found
}

func personalTables(t *testing.T) []string {
	var personal []string
	for table, key := range tables(t) {
		switch {
		case slices.Contains(publicTables, table), slices.Contains(directoryTables, table):
		case key != "owner":
			t.Errorf("the primary key of %s begins with %s, not with owner: a personal table could not be spread by owner", table, key)
		default:
			personal = append(personal, table)
		}
	}
	return personal
}

func TestPersonalTablesAreKeyedByOwner(t *testing.T) {
	personal := personalTables(t)
	for _, table := range []string{"users", "user_keys", "sessions", "answers", "audit_rows", "portfolios", "accounts", "activities", "snapshots", "proposal_decisions", "own_instruments", "own_prices"} {
		if !slices.Contains(personal, table) {
			t.Errorf("%s is not found to be personal", table)
		}
	}
}

// statements gives the SQL of this package's sources: every constant whose name begins with sql.
func statements(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	constants := make(map[string]ast.Expr)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, s := range g.Specs {
					v := s.(*ast.ValueSpec)
					for i, n := range v.Names {
						if i < len(v.Values) {
							constants[n.Name] = v.Values[i]
						}
					}
				}
				continue
			}
			// SQL anywhere else would escape this test.
			ast.Inspect(d, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING && looksLikeSQL(literal.Value) {
					t.Errorf("%s: SQL outside of a constant: %s", name, literal.Value)
				}
				return true
			})
		}
	}
	for name, value := range constants {
		if strings.HasPrefix(name, "sql") {
			found[name] = textOf(t, constants, value)
		} else if literal, ok := value.(*ast.BasicLit); ok && looksLikeSQL(literal.Value) && name != "instrumentCols" {
			t.Errorf("the constant %s holds SQL and is not named so", name)
		}
	}
	return found
}

var sqlVerb = regexp.MustCompile(`\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\s+\w`)

func looksLikeSQL(literal string) bool {
	return sqlVerb.MatchString(literal) && !strings.Contains(literal, "SELECT 1")
}

func textOf(t *testing.T, constants map[string]ast.Expr, e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err != nil {
			t.Fatal(err)
		}
		return text
	case *ast.BinaryExpr:
		return textOf(t, constants, e.X) + textOf(t, constants, e.Y)
	case *ast.Ident:
		if value, ok := constants[e.Name]; ok {
			return textOf(t, constants, value)
		}
	}
	t.Fatalf("a statement is put together from %T", e)
	return ""
}

var (
	ownerFilter = regexp.MustCompile(`\b(?:\w+\.)?owner = \$\d`)
	mention     = regexp.MustCompile(`(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)(?:\s+(\w))?\b`)
)

// TestEveryStatementNamesTheOwner reads all statements: one on a personal table filters by owner, or inserts it first.
// Constants named sqlSweep… cross owners on purpose; there may be only the known ones.
func TestEveryStatementNamesTheOwner(t *testing.T) {
	personal := personalTables(t)
	sweeps := []string{"sqlSweepUsers", "sqlSweepSessions", "sqlSweepAnswers", "sqlSweepAllInterests", "sqlSweepOwnerOf", "sqlSweepTokens",
		"sqlSweepAuditPage", "sqlSweepWaiting", "sqlSweepAuditWaiting", "sqlSweepLeaves", "sqlSweepStray", "sqlSweepHeads", "sqlSweepPortfolios", "sqlSweepOwners",
		"sqlSweepAdministrators", "sqlSweepOperators", "sqlSweepMailStates", "sqlSweepTroubled", "sqlSweepDeliveries", "sqlSweepMailedLinks", "sqlSweepStretch",
		"sqlSweepSequences", "sqlSweepSnapshots", "sqlSweepWrappings", "sqlSweepOtherwise", "sqlSweepUserKeys",
		"sqlSweepPublicLinks", "sqlSweepOpenings", "sqlSweepLooks", "sqlSweepDevices",
		"sqlSweepRuleInterests", "sqlSweepNotices", "sqlSweepNoticeDeliveries", "sqlSweepDigests", "sqlSweepChanged",
		"sqlSweepAlertEvents", "sqlSweepOccurrences"}
	checked := 0
	for name, text := range statements(t) {
		if problem := ownerProblem(personal, text); problem != "" {
			if slices.Contains(sweeps, name) {
				continue
			}
			t.Errorf("%s: %s: %s", name, problem, text)
		}
		if strings.HasPrefix(name, "sqlSweep") && !slices.Contains(sweeps, name) {
			t.Errorf("%s is no sweep that is known here", name)
		}
		checked++
	}
	if checked < 50 {
		t.Errorf("only %d statements were found", checked)
	}
}

// ownerProblem says what is missing in a statement on a personal table.
func ownerProblem(personal []string, text string) string {
	touches := false
	for _, m := range mention.FindAllStringSubmatch(text, -1) {
		touches = touches || slices.Contains(personal, m[1])
	}
	if !touches {
		return ""
	}
	if rest, ok := strings.CutPrefix(text, "INSERT INTO "); ok {
		_, columns, _ := strings.Cut(rest, "(")
		if !strings.HasPrefix(columns, "owner,") {
			return "the owner is not the first column"
		}
		return ""
	}
	if !ownerFilter.MatchString(text) {
		return "there is no owner = $"
	}
	_, where, _ := strings.Cut(text, "WHERE ")
	if strings.Contains(where, " OR ") {
		return "an OR may reach around the owner"
	}
	// What is joined must be joined by owner too.
	for _, m := range regexp.MustCompile(`JOIN\s+(\w+)\s+(\w)\s+ON ([^J]*)`).FindAllStringSubmatch(text, -1) {
		if slices.Contains(personal, m[1]) && !strings.Contains(m[3], m[2]+".owner = ") {
			return m[1] + " is not joined by owner"
		}
	}
	return ""
}

func TestOwnerProblemIsFound(t *testing.T) {
	personal := []string{"portfolios", "users"}
	for text, bad := range map[string]bool{
		`SELECT id FROM portfolios WHERE owner = $1`:                                           false,
		`SELECT id FROM portfolios p WHERE p.owner = $2 AND id = $1`:                           false,
		`SELECT id FROM portfolios WHERE id = $1`:                                              true,
		`SELECT id FROM portfolios WHERE id = $1 OR owner = $2`:                                true,
		`UPDATE portfolios SET body = $1`:                                                      true,
		`DELETE FROM portfolios WHERE created_at < $1`:                                         true,
		`SELECT 1 FROM users u JOIN portfolios p ON p.id = $2 WHERE u.owner = $1`:              true,
		`SELECT 1 FROM users u LEFT JOIN portfolios p ON p.owner = u.owner WHERE u.owner = $1`: false,
		`INSERT INTO portfolios (owner, id) VALUES `:                                           false,
		`INSERT INTO portfolios (id, owner) VALUES `:                                           true,
		`SELECT price FROM quotes WHERE sequence > $1`:                                         false,
		`SELECT id FROM portfolios WHERE owner = 'anna'`:                                       true,
	} {
		if problem := ownerProblem(personal, text); (problem != "") != bad {
			t.Errorf("%s: %q", text, problem)
		}
	}
}

// TestSQLIsReadByBothDatabases prepares every statement on both. Prefixes that end in VALUES get a row.
func TestSQLIsReadByBothDatabases(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		for name, text := range statements(t) {
			if strings.HasSuffix(name, "Suffix") || strings.Contains(text, "to_regclass") || strings.Contains(text, "pg_roles") || strings.Contains(text, "clock_timestamp") || strings.Contains(text, "pg_is_in_recovery") || strings.Contains(text, "pg_stat_replication") || strings.Contains(text, "keyring") {
				continue
			}
			if strings.HasSuffix(text, "VALUES ") {
				text += tuples(2, strings.Count(text, ",")+1)
			}
			if strings.HasSuffix(text, "(") {
				text += "$1)"
			}
			if err := b.prepares(text); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// migrates takes the steps that the database doesn't have.
func (b *bench) migrates(steps []schemaStep) {
	b.t.Helper()
	switch db := bare(b.db).(type) {
	case *postgres:
		b.ok(migrate(b.t.Context(), db.migrating(), goose.DialectPostgres, steps, false))
	case *sqlite:
		files, err := db.migrating()
		b.ok(err)
		b.ok(migrate(b.t.Context(), files, goose.DialectSQLite3, steps, false))
		b.ok(files.Close())
	}
}

func (b *bench) prepares(text string) error {
	switch db := bare(b.db).(type) {
	case *postgres:
		conn, err := db.pool.Acquire(b.t.Context())
		b.ok(err)
		defer conn.Release()
		_, err = conn.Conn().Prepare(b.t.Context(), "", text)
		return err
	case *sqlite:
		rewritten, _, err := forSQLite(text)
		if err != nil {
			return err
		}
		c, err := db.writer.take(b.t.Context())
		b.ok(err)
		defer db.writer.give(c)
		prepared, err := c.conn.PrepareContext(b.t.Context(), rewritten)
		if err != nil {
			return err
		}
		return prepared.Close()
	}
	return nil
}

// A later release says which earlier ones can work on its schema. Those do, and change nothing of it; the others are told what to do.
func TestLaterSchema(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		versions := func() (n int) {
			b.ok(b.db.one(t.Context(), `SELECT COUNT(*) FROM schema_versions`, nil, &n))
			return n
		}
		_, err := b.db.exec(t.Context(), `INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, $1)`, true)
		b.ok(err)
		before := versions()
		for _, lookOnly := range []bool{false, true} {
			options := b.options
			options.LookOnly = lookOnly
			beside, err := Open(t.Context(), options)
			if err != nil {
				t.Fatalf("a schema of a later release that only added something: %v", err)
			}
			_, _, err = beside.Users(t.Context(), "", 10)
			b.ok(err)
			b.ok(beside.Close())
		}
		if after := versions(); after != before {
			t.Errorf("%d steps are noted, %d before", after, before)
		}
		_, err = b.db.exec(t.Context(), sqlRaiseFloor, int64(9000))
		b.ok(err)
		_, err = Open(t.Context(), b.options)
		if err == nil || fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "wants a release that knows 9000") || !strings.Contains(err.Error(), "Start the later release") {
			t.Errorf("a schema of a later release that took something away: %v", err)
		}
	})
}

// A step that is marked says so in the database, in its own transaction.
func TestAMarkedStepRaisesTheFloor(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		steps, err := schemaSteps()
		b.ok(err)
		for i, floor := range []int64{200, 0, 150} {
			steps = append(steps, schemaStep{version: 9001 + int64(i), text: "UPDATE schema_floor SET version = version", floor: floor})
			b.migrates(steps)
		}
		var got int64
		b.ok(b.db.one(t.Context(), sqlSchemaFloor, nil, &got))
		if got != 200 {
			t.Errorf("the floor is %d", got)
		}
	})
}

var takesAway = regexp.MustCompile(`(?i)\b(DROP|RENAME|ALTER COLUMN|UPDATE|DELETE|UNIQUE INDEX)\b`)

// Nodes of two releases work on one schema while they are replaced: a step that does more than add tables, indexes and columns with a
// default has to say from which release on that can be.
func TestStepsThatTakeAwayAreMarked(t *testing.T) {
	const first = 120 // steps before it were made when all nodes stopped for an upgrade
	steps, err := schemaSteps()
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range steps {
		if i > 0 && step.version <= steps[i-1].version {
			t.Errorf("step %d comes after %d", step.version, steps[i-1].version)
		}
		if step.version < first || step.floor > 0 {
			if step.floor >= step.version {
				t.Errorf("step %d locks out the release before it: it lives with %d", step.version, step.floor)
			}
			continue
		}
		if problem := stepProblem(step.text); problem != "" {
			t.Errorf("step %d is not marked with \"-- lives with N\", and %s", step.version, problem)
		}
	}
}

func stepProblem(text string) string {
	var sql strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "--") {
			sql.WriteString(line)
		}
	}
	for statement := range strings.SplitSeq(sql.String(), ";") {
		if what := takesAway.FindString(statement); what != "" {
			return "has " + what
		}
		if strings.Contains(statement, "ADD COLUMN") && !strings.Contains(statement, "DEFAULT") {
			return "adds a column without a default, which the release before doesn't fill"
		}
	}
	return ""
}

func TestStepProblemIsFound(t *testing.T) {
	for text, bad := range map[string]bool{
		"-- DROP is a word here\nCREATE TABLE t (\n    a TEXT NOT NULL PRIMARY KEY\n) /* by key */;": false,
		"ALTER TABLE t ADD COLUMN b BIGINT NOT NULL DEFAULT 0;":                                      false,
		"ALTER TABLE t ADD COLUMN b BIGINT NOT NULL;":                                                true,
		"ALTER TABLE t DROP COLUMN b;":                                                               true,
		"UPDATE t SET b = 1;":                                                                        true,
		"CREATE UNIQUE INDEX i ON t (b);":                                                            true,
	} {
		if problem := stepProblem(text); (problem != "") != bad {
			t.Errorf("%s: %q", text, problem)
		}
	}
}

// Whoever only looks is refused a schema of an earlier release and leaves it as it is.
func TestEarlierSchemaIsLeftToWhoChangesIt(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		look := b.options
		look.LookOnly = true
		current, err := Open(t.Context(), look)
		b.ok(err)
		b.ok(current.Close())
		_, err = b.db.exec(t.Context(), `DELETE FROM schema_versions WHERE version_id = (SELECT MAX(version_id) FROM schema_versions)`)
		b.ok(err)
		for range 2 { // the first would have changed it
			if _, err := Open(t.Context(), look); err == nil || !strings.Contains(err.Error(), "earlier release") {
				t.Errorf("a database of an earlier release: %v", err)
			}
		}
	})
}

func TestDialect(t *testing.T) {
	const text = "CREATE TABLE t (\n    a BYTEA NOT NULL,\n    n BIGINT NOT NULL\n) /* by key */;"
	if got := forDialect(text, goose.DialectPostgres); got != text {
		t.Errorf("PostgreSQL: %s", got)
	}
	if got := forDialect(text, goose.DialectSQLite3); !strings.Contains(got, "BLOB") || !strings.Contains(got, ") WITHOUT ROWID, STRICT;") || !strings.Contains(got, "n INTEGER") {
		t.Errorf("SQLite: %s", got)
	}
}
