package sqlstore

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestForSQLite(t *testing.T) {
	for _, c := range []struct {
		text, want string
		parameters int
	}{
		{`SELECT 1`, `SELECT 1`, 0},
		{`a = $1 AND b = $2`, `a = ?1 AND b = ?2`, 2},
		{`b = $2 AND owner = $1`, `b = ?2 AND owner = ?1`, 2},
		{`$1,$1,$2`, `?1,?1,?2`, 2},
		{`($10,$9,$8,$7,$6,$5,$4,$3,$2,$1)`, `(?10,?9,?8,?7,?6,?5,?4,?3,?2,?1)`, 10},
		{`a = '$2' AND b = $1`, `a = '$2' AND b = ?1`, 1},
		{`a = 'it''s $2' AND b = $1`, `a = 'it''s $2' AND b = ?1`, 1},
		{`a = '''$2' AND b = $1`, `a = '''$2' AND b = ?1`, 1},
		{`a = '' AND b = $1`, `a = '' AND b = ?1`, 1},
		{`"odd $2" = $1`, `"odd $2" = ?1`, 1},
		{"a = $1 -- and $2 's\n AND b = $2", "a = ?1 -- and $2 's\n AND b = ?2", 2},
		{`a = $1 -- the end $2`, `a = ?1 -- the end $2`, 1},
		{`a /* $2 ' */ = $1`, `a /* $2 ' */ = ?1`, 1},
		{`a - $1 / $2`, `a - ?1 / ?2`, 2},
		{`LIKE $1 ESCAPE '!'`, `LIKE ?1 ESCAPE '!'`, 1},
	} {
		got, parameters, err := forSQLite(c.text)
		if err != nil || got != c.want || parameters != c.parameters {
			t.Errorf("%s: got %s with %d, %v", c.text, got, parameters, err)
		}
	}
	for _, text := range []string{
		`a = ?`, `a = ?1`, `a = :name`, `a = @name`, `a = $name`, `a = $`, `a = $0`, `a = $01`, `a = $1x`, `a = x$1`, `a = $1$2`, `$$text$$`, `a::text`,
		`a = $2`, `a = $1 AND b = $3`, `a = 'open`, `a = "open`, `/* open`, `/* a /* b */ $1 */`, `a = E'\' OR $1'`, `a = x'00'`, `a = $99999`, `a = $99999999999999999999`, "a = `b` AND $1", `a = [b $1]`, "a\x00",
	} {
		if got, _, err := forSQLite(text); err == nil {
			t.Errorf("%s: became %s", text, got)
		}
	}
}

// TestDriverBindsByFirstAppearance keeps the reason for the rewriting known: the driver, left alone, mixes up parameters.
func TestDriverBindsByFirstAppearance(t *testing.T) {
	db := plainSQLite(t)
	const text = `SELECT $2 || '-' || $1`
	var got string
	if err := db.QueryRowContext(t.Context(), text, "first", "second").Scan(&got); err != nil {
		t.Fatal(err)
	}
	if got != "first-second" {
		t.Logf("the driver now binds by number: %s", got)
	}
	rewritten, _, err := forSQLite(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), rewritten, "first", "second").Scan(&got); err != nil || got != "second-first" {
		t.Errorf("rewritten: %s, %v", got, err)
	}
}

func plainSQLite(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file::memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// TestParametersReachTheirPlaces makes statements with parameters in any order among literals and comments, and asks SQLite.
func TestParametersReachTheirPlaces(t *testing.T) {
	db := plainSQLite(t)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "parameters")
		order := rapid.Permutation(numbers(n)).Draw(t, "order")
		order = append(order, rapid.SliceOfN(rapid.IntRange(1, n), 0, 5).Draw(t, "again")...)
		noise := rapid.SampledFrom([]string{"", " ", "/* $1 */", "/* ' $2 */", "-- $3 '\n", "-- \" /*\n"})
		var text strings.Builder
		var want []string
		text.WriteString("SELECT ")
		for i, p := range order {
			if i > 0 {
				text.WriteString(" || ',' || ")
			}
			text.WriteString(noise.Draw(t, "noise"))
			if rapid.Bool().Draw(t, "literal") {
				literal := rapid.StringMatching(`[a-z$0-9' "?:/*-]{0,8}`).Draw(t, "text")
				text.WriteString("'" + strings.ReplaceAll(literal, "'", "''") + "' || ',' || ")
				want = append(want, literal)
			}
			fmt.Fprintf(&text, "$%d", p)
			text.WriteString(noise.Draw(t, "noise"))
			want = append(want, fmt.Sprintf("value%d", p))
		}
		args := make([]any, n)
		for i := range args {
			args[i] = fmt.Sprintf("value%d", i+1)
		}
		rewritten, parameters, err := forSQLite(text.String())
		if err != nil || parameters != n {
			t.Fatalf("%s: %d, %v", text.String(), parameters, err)
		}
		var got string
		if err := db.QueryRow(rewritten, args...).Scan(&got); err != nil {
			t.Fatalf("%s: %v", rewritten, err)
		}
		if got != strings.Join(want, ",") {
			t.Fatalf("%s\ngot  %s\nwant %s", text.String(), got, strings.Join(want, ","))
		}
	})
}

func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i + 1
	}
	return all
}

func FuzzForSQLite(f *testing.F) {
	for _, seed := range []string{`a = $1`, `b = $2 AND owner = $1`, `'$1' "$2" -- $3`, `/* $1 */ $1`, `E'\'' $1`, `$$`, `''''`, `'`, `--`, `/*`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rewritten, parameters, err := forSQLite(text)
		if err != nil {
			return
		}
		// Only parameters changed, each in its place and with its number.
		if len(rewritten) != len(text) {
			t.Fatalf("%q became %q", text, rewritten)
		}
		changed := 0
		for i := range len(text) {
			if text[i] == rewritten[i] {
				continue
			}
			if text[i] != '$' || rewritten[i] != '?' {
				t.Fatalf("%q became %q", text, rewritten)
			}
			changed++
		}
		if changed < parameters || (parameters == 0) != (changed == 0) {
			t.Fatalf("%q: %d parameters, %d changed", text, parameters, changed)
		}
	})
}

func TestArgumentsAreCounted(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		for _, args := range [][]any{nil, {"a"}, {"a", "b", "c"}} {
			if _, err := b.db.exec(t.Context(), sqlDropSession, args...); err == nil {
				t.Errorf("%d arguments for 2 parameters were taken", len(args))
			}
		}
	})
}
