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

func TestEvaluateExplainsAFigure(t *testing.T) {
	code, out, errs := evaluate(t, boughtAndRisen, "--explain", "totals.unrealised", "-")
	if code != exitDone || errs != "" {
		t.Fatalf("exit %d, %q", code, errs)
	}
	want := `totals.unrealised, 2026-01-02 to 2026-01-09

unrealised gain = 2.40 EUR: sum of
  | Value less cost of what is still there.
  unrealised gain of ABC = 2.40 EUR: difference of
    value of ABC = 33.0 EUR: product of
      price of ABC = 11.0 EUR/units  (price ABC, 2026-01-09)
      quantity of ABC = 3 units: sum of
        quantity of b1 = 3 units  (activity b1, quantity, 2026-01-02)
    cost of ABC = 30.60 EUR: sum of
      cost of lot b1 = 30.60 EUR: sum of
        amount of b1 = 30.30 EUR: product of
          price of b1 = 10.10 EUR/units  (activity b1, price, 2026-01-02)
          quantity of b1 = 3 units  (activity b1, quantity, 2026-01-02)
        fee of b1 = 0.30 EUR  (activity b1, fee, 2026-01-02)
`
	if out != want {
		t.Errorf("%s\nnot\n%s", out, want)
	}
	code, out, _ = evaluate(t, boughtAndRisen, "--explain", "totals.unrealised", "--path", "0.1", "--depth", "1", "--json", "-")
	var got struct {
		Figure, Value string
		Trail         struct {
			Label  string
			Inputs []struct{ Omitted int }
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitDone {
		t.Fatalf("exit %d, %v", code, err)
	}
	if got.Figure != "totals.unrealised" || got.Value != "2.40" || got.Trail.Label != "cost of ABC" || len(got.Trail.Inputs) != 1 || got.Trail.Inputs[0].Omitted != 2 {
		t.Errorf("%+v", got)
	}
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no such figure":         {[]string{"--explain", "totals.nonsense", "-"}, `"totals.nonsense" is no figure; there are `},
		"no such step":           {[]string{"--explain", "totals.value", "--path", "7", "-"}, "path: there is no input 7"},
		"no path":                {[]string{"--explain", "totals.value", "--path", "a.b", "-"}, "path: not a path"},
		"path alone":             {[]string{"--path", "0", "-"}, "go with --explain"},
		"depth of nothing":       {[]string{"--explain", "totals.value", "--depth", "0", "-"}, "--depth not less than 1"},
		"figure of a wrong case": {[]string{"--explain", "totals.value", filepath.Join(t.TempDir(), "none.json")}, "the case can't be read"},
	} {
		code, out, errs := evaluate(t, boughtAndRisen, c.args...)
		if code != exitUsage || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit %d, out %q, err %q", name, code, out, errs)
		}
	}
}
