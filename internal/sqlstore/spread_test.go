package sqlstore

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sharedByOwners is what engines that spread tables by owner don't have, or have at one place for all.
var sharedByOwners = regexp.MustCompile(`(?i)\b(SERIAL|BIGSERIAL|CREATE\s+SEQUENCE|nextval|IDENTITY|pg_advisory\w*|pg_try_advisory\w*|LISTEN|NOTIFY|pg_notify|FOR\s+UPDATE|FOR\s+SHARE|FOREIGN\s+KEY|REFERENCES|TRIGGER)\b`)

// Nothing in the SQL needs what owners would have to share.
func TestNothingIsSharedByOwners(t *testing.T) {
	steps, err := schemaSteps()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		var sql strings.Builder
		for line := range strings.Lines(step.text) {
			if !strings.HasPrefix(line, "--") {
				sql.WriteString(line)
			}
		}
		if found := sharedByOwners.FindString(sql.String()); found != "" {
			t.Errorf("step %d has %s", step.version, found)
		}
	}
	for name, text := range statements(t) {
		if found := sharedByOwners.FindString(text); found != "" {
			t.Errorf("%s has %s", name, found)
		}
	}
	for _, text := range []string{"id BIGSERIAL", "CREATE SEQUENCE s", "SELECT pg_advisory_xact_lock(1)", "LISTEN hints", "SELECT 1 FOR\n UPDATE", "owner TEXT REFERENCES users"} {
		if !sharedByOwners.MatchString(text) {
			t.Errorf("%q is not found", text)
		}
	}
}

// guideTables reads which tables the guide puts where.
func guideTables(t *testing.T) map[string][]string {
	t.Helper()
	data, err := os.ReadFile("../../docs/guide/beyond-one-postgres.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(\\w+)`")
	found := make(map[string][]string)
	for section := range strings.SplitSeq(string(data), "\n## ") {
		heading, rest, _ := strings.Cut(section, "\n")
		list, _, _ := strings.Cut(strings.TrimSpace(rest), "\n\n")
		for _, m := range named.FindAllStringSubmatch(list, -1) {
			found[heading] = append(found[heading], m[1])
		}
	}
	return found
}

// The guide puts every table somewhere: personal ones by owner and all others not.
func TestTheGuidePutsEveryTableSomewhere(t *testing.T) {
	guide, personal := guideTables(t), personalTables(t)
	places := make(map[string][]string)
	for _, place := range []string{"Distributed by owner", "Reference tables", "On the coordinator"} {
		for _, table := range guide[place] {
			places[table] = append(places[table], place)
		}
	}
	all := tables(t)
	for table := range all {
		switch at := places[table]; {
		case len(at) != 1:
			t.Errorf("%s is put at %q", table, at)
		case slices.Contains(personal, table) != (at[0] == "Distributed by owner"):
			t.Errorf("%s is put at %q", table, at)
		}
	}
	for table := range places {
		if all[table] == "" {
			t.Errorf("there is no table %s", table)
		}
	}
}

// What is asked beside personal tables in one statement has to be on every machine.
func TestWhatIsAskedBesidePersonalTablesIsEverywhere(t *testing.T) {
	everywhere, personal := guideTables(t)["Reference tables"], personalTables(t)
	all := tables(t)
	for name, text := range statements(t) {
		var mine bool
		var others []string
		for _, m := range mention.FindAllStringSubmatch(text, -1) {
			mine = mine || slices.Contains(personal, m[1])
			if all[m[1]] != "" && !slices.Contains(personal, m[1]) {
				others = append(others, m[1])
			}
		}
		for _, table := range others {
			if mine && !slices.Contains(everywhere, table) {
				t.Errorf("%s asks %s beside a personal table", name, table)
			}
		}
	}
}
