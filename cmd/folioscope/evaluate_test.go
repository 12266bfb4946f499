package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const boughtAndRisen = `{"base_currency":"EUR","activities":[
 {"id":"b1","date":"2026-01-02","type":"buy","symbol":"ABC","quantity":"3","price":"10.10","fee":"0.30","currency":"EUR"}],
 "prices":{"ABC":{"currency":"EUR","closes":{"2026-01-02":"10.10","2026-01-09":"11"}}}}`

func evaluate(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"evaluate"}, args...), console{in: strings.NewReader(stdin), out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}

func TestEvaluateWorksOutACase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "case.json")
	if err := os.WriteFile(path, []byte(boughtAndRisen), 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile, out, errs := evaluate(t, "", path)
	fromStdin, same, _ := evaluate(t, boughtAndRisen, "-")
	if fromFile != exitDone || fromStdin != exitDone || out != same || errs != "" {
		t.Fatalf("exit %d and %d, %q", fromFile, fromStdin, errs)
	}
	var got struct {
		Totals   struct{ Value, Cost, Unrealised, Profit string }
		Identity struct{ Holds bool }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Totals.Value != "33.0" || got.Totals.Cost != "30.60" || got.Totals.Unrealised != "2.40" || got.Totals.Profit != "2.40" || !got.Identity.Holds {
		t.Errorf("%+v", got)
	}
}

func TestEvaluateRefusesWhatItCannotUse(t *testing.T) {
	for name, c := range map[string]struct{ stdin, arg, says string }{
		"no number":     {strings.Replace(boughtAndRisen, `"3"`, `"1O"`, 1), "-", `activities[0].quantity: not a number: "1O"`},
		"unknown field": {strings.Replace(boughtAndRisen, `"fee"`, `"fees"`, 1), "-", "activities[0].fees"},
		"no JSON":       {"hello", "-", ""},
		"no file":       {"", filepath.Join(t.TempDir(), "none.json"), "the case can't be read"},
	} {
		code, out, errs := evaluate(t, c.stdin, c.arg)
		if code != exitUsage || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit %d, out %q, err %q", name, code, out, errs)
		}
	}
}
