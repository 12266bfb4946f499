package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const oneScenario = `# Gains

## Bought and risen

Three rise from 10.10 to 11, for a fee.

Source: worked out by hand

Settings: base EUR

**Activities**

| date       | type | symbol | quantity | price | fee  |
| ---------- | ---- | ------ | -------- | ----- | ---- |
| 2026-01-02 | buy  | ABC    | 3        | 10.10 | 0.30 |

**Prices**

| Date       | ABC (EUR) |
| ---------- | --------- |
| 2026-01-09 | 11        |

**Expected**

| Figure          | Value |
| --------------- | ----- |
| ` + "`totals.profit`" + ` | 2.4   |
`

func TestEvaluateChecksScenarios(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "gains.md")
	for name, c := range map[string]struct {
		text string
		code int
		out  string
		errs string
	}{
		"as expected": {oneScenario, exitDone, "1 passed, 0 failed\n", ""},
		"not as expected": {
			strings.Replace(oneScenario, "2.4 ", "2.5 ", 1), exitFailed,
			"gains.md:27: Bought and risen: totals.profit: expected 2.5, got 2.40\n0 passed, 1 failed\n",
			"folioscope: not all scenarios came out as expected\n",
		},
		"not of the format": {
			strings.Replace(oneScenario, "totals.profit", "totals.profits", 1), exitUsage, "",
			"folioscope: gains.md:27: \"totals.profits\": no such figure\n",
		},
	} {
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, place := range []string{dir, file} {
			if code, out, errs := evaluate(t, "", "--check", place); code != c.code || out != c.out || errs != c.errs {
				t.Errorf("%s: exit %d, out %q, err %q", name, code, out, errs)
			}
		}
	}
}

func TestEvaluateTakesACaseOrScenarios(t *testing.T) {
	for name, args := range map[string][]string{
		"neither":      {},
		"both":         {"-", "--check", t.TempDir()},
		"no scenarios": {"--check", t.TempDir()},
		"no folder":    {"--check", filepath.Join(t.TempDir(), "none")},
	} {
		if code, out, errs := evaluate(t, boughtAndRisen, args...); code != exitUsage || out != "" || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d, out %q, err %q", name, code, out, errs)
		}
	}
}
