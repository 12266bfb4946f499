// Package archtest holds the shape of the code: who may import whom, which foreign module belongs to which package, and the
// limits that every file keeps.
//
// It owns the tables in rules.go and reads the sources itself, since the test cache would hide what a tool printed about
// them. It never judges what only a reader can: names, depth, sense.
package archtest

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Refusal is one place where the code breaks a rule.
type Refusal struct {
	File   string // slash-separated, from the root
	Line   int
	Rule   string // its name in rules.go
	Reason string
}

func (r Refusal) String() string {
	return fmt.Sprintf("%s:%d: %s (%s)", r.File, r.Line, r.Reason, r.Rule)
}

// source is one parsed file.
type source struct {
	path      string // slash-separated, from the root
	dir       string // its directory, "." for the root
	test      bool   // a _test.go file
	generated bool
	lines     int
	syntax    *ast.File
	files     *token.FileSet
	refusals  *[]Refusal
}

// refuse notes a breach at a node.
func (s source) refuse(at token.Pos, rule, format string, args ...any) {
	s.refuseLine(s.line(at), rule, format, args...)
}

func (s source) refuseLine(line int, rule, format string, args ...any) {
	*s.refusals = append(*s.refusals, Refusal{File: s.path, Line: line, Rule: rule, Reason: fmt.Sprintf(format, args...)})
}

func (s source) line(at token.Pos) int { return s.files.Position(at).Line }

// Check reads every Go file below a root and returns what breaks a rule, by file and line. The module's name is read from
// the root's go.mod.
func Check(root string) ([]Refusal, error) {
	module, err := moduleName(root)
	if err != nil {
		return nil, err
	}
	var refusals []Refusal
	sources, err := parse(root, &refusals)
	if err != nil {
		return nil, err
	}
	for _, file := range sources {
		checkImports(file, module)
		checkForm(file)
		if isGround(file.dir) && !file.test {
			checkPurity(file)
		}
		if isExact(file.dir) && !file.test {
			checkExact(file)
		}
		if self, _ := unit(file.dir); !slices.Contains(connecting, self) && !file.test && !isTestKit(file.dir) {
			checkWayOut(file)
		}
	}
	checkPackageComments(sources)
	slices.SortFunc(refusals, func(a, b Refusal) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Reason, b.Reason))
	})
	return refusals, nil
}

func moduleName(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("read the module's name: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", fmt.Errorf("%s/go.mod names no module", root)
}

// parse reads all Go files but those that Go itself leaves out, modules of their own among them.
func parse(root string, refusals *[]Refusal) ([]source, error) {
	var sources []source
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(full string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if full != root && (name == "testdata" || name == "node_modules" || name[0] == '.' || name[0] == '_') {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(full, "go.mod")); full != root && err == nil {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(files, full, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		sources = append(sources, source{
			path: relative, dir: path.Dir(relative), test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(syntax),
			lines: strings.Count(string(text), "\n"), syntax: syntax, files: files, refusals: refusals,
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the sources: %w", err)
	}
	return sources, nil
}

// importPath is an import without its quotes, which the parser has checked.
func importPath(spec *ast.ImportSpec) string {
	unquoted, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic("archtest: the parser let through the import " + spec.Path.Value)
	}
	return unquoted
}
