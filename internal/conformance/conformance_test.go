package conformance

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"folioscope/internal/fault"
)

// The suite of this project holds, each scenario of it.
func TestSuite(t *testing.T) {
	scenarios, err := Read(os.DirFS(filepath.Join("..", "..", "docs", "conformance")))
	if err != nil {
		t.Fatal(err)
	}
	if len(scenarios) < 150 {
		t.Errorf("%d scenarios; the suite has lost some", len(scenarios))
	}
	for _, s := range scenarios {
		for _, failure := range s.Check() {
			t.Error(failure)
		}
	}
	t.Logf("%d scenarios", len(scenarios))
}

const small = `# Small

Words about the topic: not read.

## Bought and risen

Ten at ten
are worth 120.

Source: worked out by hand

Settings: base EUR; lots average; scope portfolio; fees apart; from 2023-01-02; to 2023-01-03; risk-free rate 0.01; daily series

**Activities**

| id | date       | type | symbol | quantity | price | currency |
| --- | ---------- | ---- | ------ | -------- | ----- | --- |
| b1 | 2023-01-02 | buy  | ABC    | 10       | 11    | USD |

**Prices**

| Date       | ABC (USD) |
| ---------- | --------- |
| 2023-01-02 | 11        |
| 2023-01-03 | 13        |

**Rates**

| Date       | USD |
| ---------- | --- |
| 2023-01-01 | 0.5 |

**Benchmark**

| Date       | Close |
| ---------- | ----- |
| 2023-01-01 | 40    |
| 2023-01-03 | 44    |

**Expected**

| Figure                            | Value | Tolerance |
| --------------------------------- | ----- | --------- |
| ` + "`totals.profit`" + `         | 10    |           |
| positions[account=*].lots[0].id   | b1    |           |
| positions.#                       | 1     |           |
| returns.twr                       | 0.18  | 0.002     |
| returns.benchmark_twr             | 0.1   | 0.000001  |
| returns.xirr.roots                | []    |           |
| series[date=2023-01-03].value     | 65    |           |
| identity.holds                    | true  |           |
| risk.sharpe                       | null  |           |
| period.to                         | 2023-01-03 |      |
| positions[0].currency             | any   |           |

More words, which are not read.

## Refused

The quantity is missing.

Source: worked out by hand

Settings: base EUR

**Activities**

| date | type | symbol |
| --- | --- | --- |
| 2023-01-02 | buy | ABC |

Expected: refused at activities[0].quantity

## Not a case

The case itself is wrong.

Source: worked out by hand

**Case**

` + "```json" + `
{"base_currency": 3}
` + "```" + `

Expected: refused at base_currency
`

func TestScenariosAreReadAndChecked(t *testing.T) {
	scenarios, err := Parse("small.md", small)
	if err != nil {
		t.Fatal(err)
	}
	if len(scenarios) != 3 || scenarios[0].Title != "Bought and risen" || scenarios[0].About != "Ten at ten are worth 120." ||
		scenarios[0].Source != "worked out by hand" || scenarios[0].Line != 5 {
		t.Fatalf("%+v", scenarios[0])
	}
	for _, s := range scenarios {
		for _, failure := range s.Check() {
			t.Error(failure)
		}
	}
}

// Each wrong figure, refusal and tolerance must show, with the place of the expectation.
func TestWhatDiffersIsTold(t *testing.T) {
	for name, c := range map[string]struct{ old, changed, want string }{
		"a number":       {"| 10    |", "| 10.1 |", "small.md:44: Bought and risen: totals.profit: expected 10.1, got 10"},
		"a text":         {"| b1    |", "| b2 |", "expected b2, got b1"},
		"a length":       {"| 1     |           |", "| 2 | |", "positions.#: expected 2, got 1"},
		"a tolerance":    {"0.002", "0.001", "returns.twr: expected 0.18 ± 0.001, got 0.1818"},
		"a list":         {"| []    ", "| [1, 2] ", "returns.xirr.roots: expected [1, 2], got []"},
		"a truth":        {"| true  |", "| false |", "expected false, got true"},
		"null":           {"totals.profit`         | 10 ", "totals.profit` | null ", "expected null, got 10.0"},
		"not null":       {"| null  |", "| 0 |", "risk.sharpe: expected 0, got null"},
		"any":            {"risk.sharpe                       | null ", "risk.sharpe | any ", "expected any, got null"},
		"no element":     {"lots[0].id ", "lots[1].id ", "expected b1, got 1 elements"},
		"none fits":      {"series[date=2023-01-03].value", "series[date=2023-01-04].value", "got 0 that fit"},
		"refused":        {"| 11    | USD |", "| 1O | USD |", "small.md:5: Bought and risen: expected figures, got refused at activities[0].price"},
		"not refused":    {"| date | type | symbol |\n| --- | --- | --- |\n| 2023-01-02 | buy |", "| date | type | amount |\n| --- | --- | --- |\n| 2023-01-02 | deposit |", "Refused: expected refused at activities[0].quantity, got"},
		"another place":  {"refused at base_currency", "refused at case", "Not a case: expected refused at case, got refused at base_currency"},
		"case not JSON":  {`{"base_currency": 3}`, `{"base_currency"`, "got refused at case: not JSON"},
		"unknown symbol": {"positions[account=*]", "positions[account=*,symbol=XYZ]", "got 0 that fit"},
	} {
		text := strings.Replace(small, c.old, c.changed, 1)
		if text == small {
			t.Fatalf("%s: nothing was changed", name)
		}
		scenarios, err := Parse("small.md", text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var told []string
		for _, s := range scenarios {
			for _, failure := range s.Check() {
				told = append(told, failure.String())
			}
		}
		if !strings.Contains(strings.Join(told, "\n"), c.want) {
			t.Errorf("%s: want %q in\n%s", name, c.want, strings.Join(told, "\n"))
		}
	}
}

// Whatever is not of the format is refused at its line, so that no typing mistake makes a scenario prove less.
func TestWhatIsNotOfTheFormatIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ old, changed, want string }{
		"no title":              {"# Small\n", "", "small.md:2: no title"},
		"no scenario":           {small, "# Small\n", "small.md:1: no scenario"},
		"deeper heading":        {"More words, which", "### More words, which", `small.md:56: not a heading of this format`},
		"second title":          {"## Refused", "# Refused", "not a heading of this format"},
		"same title":            {"## Refused", "## bought and Risen", "a scenario of this title stands above"},
		"no about":              {"Ten at ten\nare worth 120.\n", "", "small.md:5: no sentence says what it shows"},
		"no source":             {"Source: worked out by hand\n", "", "small.md:5: no Source:"},
		"source twice":          {"Source: worked", "Source: x\n\nSource: worked", "small.md:12: Source was given twice"},
		"unknown line":          {"Settings: base EUR; lots", "Setting: base EUR; lots", "small.md:12: not a line of this format"},
		"no settings":           {"Settings: base EUR; lots average", "base EUR; lots average", "small.md:5: no Settings"},
		"unknown setting":       {"lots average", "lot average", `small.md:12: not a setting: "lot average"`},
		"fees somewhere":        {"fees apart", "fees above", "not a setting"},
		"setting twice":         {"lots average", "lots average; lots fifo", "set twice"},
		"unknown caption":       {"**Rates**", "**Rate**", "small.md:27: not a caption of this format"},
		"caption twice":         {"**Rates**", "**Prices**", "Prices was given twice"},
		"caption alone":         {"**Expected**\n\n| Figure", "**Valuations**\n\n**Expected**\n\n| Figure", "Valuations has no table"},
		"table alone":           {"**Activities**\n", "", "a table without a caption"},
		"two tables":            {"| 2023-01-03 | 13        |", "\n| 2023-01-03 | 13        |", "Prices has two tables"},
		"no rule":               {"| ---------- | --- |\n| 2023-01-01 | 0.5 |", "| 2023-01-01 | 0.5 |", "the second row of a table"},
		"short row":             {"| 2023-01-01 | 0.5 |", "| 2023-01-01 |", "1 cells under 2 columns"},
		"open row":              {"| 2023-01-01 | 0.5 |", "| 2023-01-01 | 0.5", "a row ends with |"},
		"words in a table":      {"| 2023-01-01 | 0.5 |", "| 2023-01-01 | 0.5 |\nhello", "not a row of Rates"},
		"long cell":             {"| 0.5 |", "| " + strings.Repeat("1", cellBytesMax+1) + " |", "a cell of more than"},
		"many columns":          {"| 0.5 |", strings.Repeat("| ", columnsMax+1) + "|", "more than 64 columns"},
		"many rows":             {"| 2023-01-03 | 13        |\n", strings.Repeat("| 2023-01-03 | 13 |\n", rowsMax), "more than 5000 rows"},
		"unknown column":        {"| currency |", "| curency |", `small.md:16: no such column: "curency"`},
		"column twice":          {"| currency |", "| price |", "two columns are price"},
		"date twice":            {"| 2023-01-03 | 44    |", "| 2023-01-01 | 44 |", "was given twice"},
		"no date":               {"| Date       | USD |", "| Day | USD |", "the first column is Date"},
		"price without money":   {"ABC (USD)", "ABC", "prices are headed SYMBOL (CURRENCY)"},
		"benchmark columns":     {"| Date       | Close |", "| Date | Price |", "the columns are Date, Close"},
		"expected columns":      {"| Figure                            | Value |", "| Figure | Values |", "the columns are Figure, Value"},
		"unknown figure":        {"returns.twr ", "returns.twrr ", `small.md:47: "returns.twrr": no such figure`},
		"unknown part":          {"positions[account=*].lots[0].id", "positions[acount=*].lots[0].id", "its elements have no"},
		"not one figure":        {"positions[0].currency", "positions[0]", "is not one figure"},
		"not a list":            {"positions[0].currency", "totals[0].currency", "not a list"},
		"open bracket":          {"positions[0].currency", "positions[0.currency", "[ without ]"},
		"below 0":               {"positions[0].currency", "positions[-1].currency", "not an element"},
		"no figure":             {"positions[0].currency", "positions[0]..currency", "no figure"},
		"part of a length":      {"positions.# ", "positions.#.# ", "a length has no parts"},
		"figure twice":          {"period.to ", "totals.profit ", "was given twice"},
		"no value":              {"| any   |", "| |", "has no value"},
		"open list":             {"| []    ", "| [1 ", "a list ends with ]"},
		"wrong tolerance":       {"0.000001", "1e-6", "not a tolerance"},
		"tolerance below 0":     {"0.000001", "-1", "not a tolerance"},
		"tolerance of a word":   {"| b1    |           |", "| b1 | 1 |", "a tolerance is of numbers"},
		"nothing expected":      {"Expected: refused at activities[0].quantity\n", "", "small.md:58: nothing is Expected of it"},
		"expected twice":        {"**Expected**", "Expected: refused at to\n\n**Expected**", "Expected was given twice"},
		"refused nowhere":       {"refused at base_currency", "refused", "refused at which place?"},
		"block alone":           {"**Case**\n", "", "a block that is not the JSON of a **Case**"},
		"other block":           {"```json", "```yaml", "a block that is not the JSON of a **Case**"},
		"open block":            {"```\n\nExpected: refused at base_currency\n", "", "the block has no end"},
		"case without a block":  {"```json\n{\"base_currency\": 3}\n```", "", "Case has no block of JSON"},
		"case and tables":       {"**Case**", "Settings: base EUR\n\n**Case**", "a Case goes without settings and tables"},
		"reinvest is a word":    {"| id | date       | type | symbol | quantity | price | currency |", "| reinvest | date | type | symbol | quantity | price | currency |", "reinvest is yes or empty"},
		"lots without quantity": {"| id | date       | type | symbol | quantity | price | currency |", "| lots | date | type | symbol | quantity | price | currency |", "lots are written as"},
		"not text":              {"Ten at ten", "Ten at \xff", "not UTF-8"},
	} {
		text := strings.Replace(small, c.old, c.changed, 1)
		if text == small {
			t.Fatalf("%s: nothing was changed", name)
		}
		_, err := Parse("small.md", text)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "small.md:") {
			t.Errorf("%s: want %q, got %v", name, c.want, err)
		}
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	scenarios, err := Read(fstest.MapFS{
		"README.md": file("no title"), "notes.txt": file("no title"), "a/small.md": file(small), "b.md": file(small),
	})
	if err != nil || len(scenarios) != 6 || scenarios[0].File != "a/small.md" {
		t.Errorf("%d scenarios, %v", len(scenarios), err)
	}
	for name, suite := range map[string]fstest.MapFS{
		"nothing":      {"README.md": file(small)},
		"too large":    {"a.md": file("# A\n" + strings.Repeat("x", fileBytesMax))},
		"a broken one": {"a.md": file(small), "b.md": file("## B\n")},
	} {
		if _, err := Read(suite); !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.TooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := fstest.MapFS{}
	for i := range filesMax + 1 {
		many[strings.Repeat("d/", i%7)+string(rune('a'+i%26))+strings.Repeat("x", i/26)+".md"] = file(small)
	}
	if _, err := Read(many); len(many) > filesMax && !fault.Is(err, fault.TooLarge) {
		t.Errorf("%d files: %v", len(many), err)
	}
	if _, err := ReadFile(fstest.MapFS{}, "none.md"); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

// No text may crash the reader; what it refuses it refuses by name, and what it reads twice is the same.
func FuzzParse(f *testing.F) {
	f.Add(small)
	f.Add("# A\n## B\nc\nSource: d\nSettings: base EUR\n**Flows**\n| Date | Amount |\n| --- | --- |\n**Expected**\n| Figure | Value |\n|---|---|\n| returns.xirr.status | ok |\n")
	f.Fuzz(func(t *testing.T, text string) {
		scenarios, err := Parse("f.md", text)
		if err != nil {
			if refusal, ok := errors.AsType[*fault.Error](err); !ok || refusal.Kind != fault.Invalid && refusal.Kind != fault.TooLarge || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%v", err)
			}
			return
		}
		again, err := Parse("f.md", text)
		if err != nil || len(again) != len(scenarios) {
			t.Fatalf("%d scenarios, then %d, %v", len(scenarios), len(again), err)
		}
		for i, s := range scenarios {
			if s.Title == "" || s.About == "" || s.Source == "" || (len(s.expected) == 0) == (s.refusedAt == "") || string(s.input) != string(again[i].input) {
				t.Fatalf("%+v", s)
			}
		}
	})
}
