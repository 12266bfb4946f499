// Command notice writes NOTICE: every piece of others' work that a release of Folioscope carries, with its licence; and the same
// list without the texts, from which `folioscope version --sbom` knows licences.
//
//	go run ./scripts/notice            writes both
//	go run ./scripts/notice -check     exits 1 when one is not current
//
// It reads which Go modules are linked into the binary on any platform that is built, which npm packages end up in the
// dashboard, and their licences from the module cache and web/node_modules. A piece without a licence, or with one that a
// release may not carry, is an error.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// What is written.
const (
	noticePath = "NOTICE"
	partsPath  = "cmd/folioscope/parts.txt"
)

const standardLibrary = "Go standard library"

// platforms are those that make check builds for: some modules are linked on one only.
var platforms = []string{"linux", "darwin", "windows"}

// compiledIn are npm packages that are tools by package.json and yet leave code in the built dashboard.
var compiledIn = []string{"svelte", "vite"}

// piece is one module or package of others.
type piece struct {
	name, version string
	dir           string
	integrity     string // of npm: the hash of the package, as the lock file has it
	license       string // SPDX id
	texts         []string
}

func main() {
	check := len(os.Args) == 2 && os.Args[1] == "-check"
	if len(os.Args) > 1 && !check {
		fmt.Fprintln(os.Stderr, "usage: notice [-check]")
		os.Exit(2)
	}
	if err := run(check); err != nil {
		fmt.Fprintln(os.Stderr, "notice:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	modules, err := goModules()
	if err != nil {
		return err
	}
	packages, err := npmPackages()
	if err != nil {
		return err
	}
	var errs []error
	for i := range modules {
		errs = append(errs, modules[i].read())
	}
	for i := range packages {
		errs = append(errs, packages[i].read())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var notice, parts bytes.Buffer
	write(&notice, modules, packages)
	list(&parts, modules, packages)
	for _, file := range []struct {
		path string
		text []byte
	}{{noticePath, notice.Bytes()}, {partsPath, parts.Bytes()}} {
		if err := put(check, file.path, file.text); err != nil {
			return err
		}
	}
	return nil
}

// put writes a file, or checks that it is there already.
func put(check bool, path string, text []byte) error {
	if !check {
		return os.WriteFile(path, text, 0o644)
	}
	present, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(present, text) {
		return fmt.Errorf("%s is not current: run make generate", path)
	}
	return nil
}

// goModules are the modules linked into the binary on any platform, and the standard library.
func goModules() ([]piece, error) {
	found := map[string]piece{}
	for _, platform := range platforms {
		command := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/folioscope")
		command.Env = append(os.Environ(), "GOOS="+platform, "CGO_ENABLED=0")
		command.Stderr = os.Stderr
		listed, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("list the modules for %s: %w", platform, err)
		}
		decoder := json.NewDecoder(bytes.NewReader(listed))
		for {
			var item struct {
				Module *struct {
					Path, Version, Dir string
					Main               bool
				}
			}
			if err := decoder.Decode(&item); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("read the list of modules: %w", err)
			}
			if m := item.Module; m != nil && !m.Main {
				found[m.Path] = piece{name: m.Path, version: m.Version, dir: m.Dir}
			}
		}
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("find the standard library: %w", err)
	}
	found[standardLibrary] = piece{name: standardLibrary, dir: strings.TrimSpace(string(root))}
	return sorted(found), nil
}

// npmPackages are the packages whose code is in the built dashboard.
func npmPackages() ([]piece, error) {
	text, err := os.ReadFile("web/package-lock.json")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat("web/node_modules"); err != nil {
		return nil, fmt.Errorf("the dashboard's packages are not here (run make build first): %w", err)
	}
	var lock struct {
		Packages map[string]struct {
			Version, Integrity string
			Dev, Optional      bool
		}
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("read web/package-lock.json: %w", err)
	}
	found := map[string]piece{}
	for path, listed := range lock.Packages {
		cut := strings.LastIndex(path, "node_modules/")
		if cut < 0 {
			continue // the dashboard itself
		}
		name := path[cut+len("node_modules/"):]
		if listed.Optional || listed.Dev && !slices.Contains(compiledIn, name) {
			continue
		}
		dir := filepath.Join("web", filepath.FromSlash(path))
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			continue // a peer that is not asked for, so npm did not install it
		}
		found[path] = piece{name: name, version: listed.Version, integrity: listed.Integrity, dir: dir}
	}
	return sorted(found), nil
}

func sorted(found map[string]piece) []piece {
	return slices.SortedFunc(maps.Values(found), func(a, b piece) int {
		return strings.Compare(a.name+" "+a.version, b.name+" "+b.version)
	})
}

// licenseFile matches what projects call the files that must travel with their code.
var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|unlicense)([.-].*)?$`)

// read fills in a piece's licence from its directory.
func (p *piece) read() error {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return fmt.Errorf("%s is not here: %w", p.name, err)
	}
	for _, entry := range entries {
		extension := strings.ToLower(filepath.Ext(entry.Name()))
		if entry.IsDir() || !licenseFile.MatchString(entry.Name()) || extension == ".go" || extension == ".js" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(p.dir, entry.Name()))
		if err != nil {
			return err
		}
		p.texts = append(p.texts, tidy(string(text)))
		if p.license == "" {
			p.license = identify(string(text))
		}
	}
	if id := declared(p.dir); id != "" {
		p.license = id
	}
	switch p.license {
	case "MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "MPL-2.0", "OFL-1.1", "Unlicense", "CC0-1.0", "0BSD", "Zlib":
		return nil
	case "":
		return fmt.Errorf("%s %s has no licence that is known here (in %s)", p.name, p.version, p.dir)
	default:
		return fmt.Errorf("%s %s is under %s, which a release may not carry", p.name, p.version, p.license)
	}
}

// declared is the licence that an npm package names in its package.json, which is surer than a guess from its text.
func declared(dir string) string {
	var manifest struct{ License string }
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil || json.Unmarshal(text, &manifest) != nil {
		return ""
	}
	return manifest.License
}

// signs tell licences apart by words that only they have; the first that matches counts.
var signs = []struct{ license, words string }{
	{"AGPL-3.0", "gnu affero general public license version"},
	{"LGPL-3.0", "gnu lesser general public license version"},
	{"GPL-3.0", "gnu general public license version"},
	{"MPL-2.0", "mozilla public license version 2.0"},
	{"MPL-2.0", "mozilla public license, version 2.0"},
	{"OFL-1.1", "sil open font license"},
	{"Apache-2.0", "apache license version 2.0"},
	{"BSD-3-Clause", "neither the name"},
	{"BSD-3-Clause", "the name of the author may not be used"},
	{"BSD-2-Clause", "redistributions in binary form must reproduce"},
	{"ISC", "permission to use, copy, modify, and/or distribute this software"},
	{"ISC", "permission to use, copy, modify, and distribute this software"},
	{"MIT", "the above copyright notice and this permission notice"},
	{"MIT-0", "permission is hereby granted, free of charge, to any person"},
	{"Unlicense", "this is free and unencumbered software released into the public domain"},
	{"CC0-1.0", "cc0 1.0 universal"},
	{"Zlib", "the origin of this software must not be misrepresented"},
}

func identify(text string) string {
	plain := strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, sign := range signs {
		if strings.Contains(plain, sign.words) {
			return sign.license
		}
	}
	return ""
}

// tidy makes equal texts equal: line ends, blanks at line ends, empty lines around.
func tidy(text string) string {
	var lines []string
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		lines = append(lines, strings.TrimRight(line, " \t\r\n"))
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

const head = `Folioscope
Copyright 2026 The Folioscope authors

Licensed under the Apache License, Version 2.0 (see LICENSE).

This file is generated by scripts/notice; run make generate after a change of dependencies.
A release carries the following work of others. Their licences are below, each once.
`

func write(out *bytes.Buffer, modules, packages []piece) {
	out.WriteString(head)
	out.WriteString("\nIn the binary:\n")
	table(out, modules)
	out.WriteString("\nIn the dashboard:\n")
	table(out, packages)

	users := map[string][]string{}
	var order []string
	for _, p := range slices.Concat(modules, packages) {
		for _, text := range p.texts {
			if users[text] == nil {
				order = append(order, text)
			}
			if name := p.name; !slices.Contains(users[text], name) {
				users[text] = append(users[text], name)
			}
		}
	}
	for _, text := range order {
		fmt.Fprintf(out, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(users[text], "\n"), text)
	}
}

// list is a line for each piece: where it is from, name, version, licence, hash.
func list(out *bytes.Buffer, modules, packages []piece) {
	for _, p := range modules {
		name := p.name
		if name == standardLibrary {
			name = "std"
		}
		fmt.Fprintf(out, "go\t%s\t%s\t%s\t\n", name, p.version, p.license)
	}
	for _, p := range packages {
		fmt.Fprintf(out, "npm\t%s\t%s\t%s\t%s\n", p.name, p.version, p.license, p.integrity)
	}
}

func table(out *bytes.Buffer, pieces []piece) {
	for _, p := range pieces {
		fmt.Fprintf(out, "  %s\n", strings.Join(strings.Fields(p.name+" "+p.version+" "+p.license), " "))
	}
}
