package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

func TestBillOfMaterials(t *testing.T) {
	built := &debug.BuildInfo{
		GoVersion: "go1.26.1",
		Deps: []*debug.Module{
			{Path: "example.org/one/v2", Version: "v2.0.0+incompatible", Sum: "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="},
			{Path: "example.org/gone", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/fork", Version: "v1.0.1"}},
		},
		Settings: []debug.BuildSetting{{Key: "vcs.time", Value: "2026-11-23T12:00:00Z"}},
	}
	list := "go\texample.org/one/v2\tv2.0.0+incompatible\tMIT\t\ngo\tstd\t\tBSD-3-Clause\t\ngo\texample.org/not-linked\tv1.0.0\tMIT\t\nnpm\t@scope/name\t1.2.3\tISC\tsha512-" + strings.Repeat("A", 86) + "==\n"
	text, err := billOfMaterials("v1", built, list)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "bill.json")
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(text, want) {
		t.Errorf("the bill isn't what %s has (%v):\n%s", path, err, text)
	}
}

// TestEveryPartHasALicence: the list that the binary carries is that of NOTICE.
func TestEveryPartHasALicence(t *testing.T) {
	notice, err := os.ReadFile(filepath.Join("..", "..", "NOTICE"))
	if err != nil {
		t.Fatal(err)
	}
	parts, err := parseParts(carried)
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Count(string(notice), "\n  ")
	lines := strings.Split(string(notice), "\n")
	for _, p := range parts {
		line := strings.Join(strings.Fields(p.name+" "+p.version+" "+p.licence), " ")
		if p.name == "std" {
			line = "Go standard library " + p.licence
		}
		if p.licence == "" || !slices.Contains(lines, "  "+line) {
			t.Errorf("NOTICE doesn't say %q", line)
		}
	}
	if len(parts) < 50 || len(parts) > names {
		t.Errorf("%d parts", len(parts))
	}
}

func TestVersionPrintsTheBill(t *testing.T) {
	var out bytes.Buffer
	if code := run(t.Context(), []string{"version", "--sbom"}, console{out: &out, err: &out}); code != exitDone {
		t.Fatalf("%d: %s", code, out.String())
	}
	var b bill
	if err := json.Unmarshal(out.Bytes(), &b); err != nil || b.BOMFormat != "CycloneDX" || b.SpecVersion != "1.6" {
		t.Errorf("%v: %.200s", err, out.String())
	}
	if !slices.ContainsFunc(b.Components, func(c component) bool { return strings.HasPrefix(c.PURL, "pkg:npm/svelte@") }) {
		t.Error("the dashboard's parts are missing")
	}
}
