package archtest

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
)

// checkImports holds a file's imports against the tables.
func checkImports(file source, module string) {
	self, known := unit(file.dir)
	if !known {
		file.refuse(file.syntax.Package, ruleUnknown,
			"%s is in no table: give it a line in internal/archtest/rules.go and a place in ARCHITECTURE.md", file.dir)
		return
	}
	for _, spec := range file.syntax.Imports {
		name := importPath(spec)
		first, _, _ := strings.Cut(name, "/")
		switch {
		case name == module || strings.HasPrefix(name, module+"/"):
			checkOwn(file, spec, self, strings.TrimPrefix(strings.TrimPrefix(name, module), "/"))
		case strings.Contains(first, "."):
			checkForeign(file, spec, self, name)
		default:
			checkStandard(file, spec, self, name)
		}
	}
}

// checkOwn judges an import of ours. Tests outside the ground may use every real thing: a temporary store proves more than a
// fake one, and the compiler refuses circles.
func checkOwn(file source, spec *ast.ImportSpec, self, dir string) {
	target, known := unit(dir)
	switch {
	case !known:
		file.refuse(spec.Pos(), ruleUnknown, "%s is in no table", dir)
	case isTestKit(dir) && !file.test && !isTestKit(file.dir):
		file.refuse(spec.Pos(), ruleTesting, "%s is made for tests, and this file is not one", dir)
	case target == self, file.test && isTestKit(dir), file.test && !isGround(file.dir):
	case !slices.Contains(mayImport[self], target):
		file.refuse(spec.Pos(), ruleImport, "%s must not import %s; it may import %s", self, target, list(mayImport[self]))
	}
}

func checkForeign(file source, spec *ast.ImportSpec, self, name string) {
	for _, module := range foreignInTests {
		if within(name, module) {
			if !file.test && !isTestKit(file.dir) {
				file.refuse(spec.Pos(), ruleTesting, "%s is for tests only", module)
			}
			return
		}
	}
	for module, homes := range foreign {
		if !within(name, module) {
			continue
		}
		everywhere := slices.Contains(homes, "*") && !isGround(file.dir)
		if !everywhere && !slices.Contains(homes, self) {
			file.refuse(spec.Pos(), ruleForeign, "%s belongs to %s, not to %s", module, list(homes), self)
		}
		return
	}
	file.refuse(spec.Pos(), ruleForeign, "%s has no home: give it one in internal/archtest/rules.go and a decision in docs/decisions", name)
}

func checkStandard(file source, spec *ast.ImportSpec, self, name string) {
	if (name == "testing" || strings.HasPrefix(name, "testing/")) && !file.test && !isTestKit(file.dir) {
		file.refuse(spec.Pos(), ruleTesting, "%s is for tests only", name)
	}
	homes, listed := standard[name]
	if listed && !file.test && !isTestKit(file.dir) && !slices.Contains(homes, self) {
		file.refuse(spec.Pos(), ruleStandard, "%s is for %s, not for %s", name, list(homes), self)
	}
}

// within says whether an import path is a module or inside it, whatever its major version.
func within(name, module string) bool {
	return name == module || strings.HasPrefix(name, module+"/")
}

// list names packages for a reader.
func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// checkForm holds a file against the limits that do not depend on where it lies.
func checkForm(file source) {
	if file.generated {
		return
	}
	if file.lines > fileLinesMax {
		file.refuseLine(file.lines, ruleFile, "%d lines, at most %d", file.lines, fileLinesMax)
	}
	for _, declared := range file.syntax.Decls {
		function, ok := declared.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if function.Recv == nil && function.Name.Name == "init" {
			file.refuse(function.Pos(), ruleInit, "init runs before main can pass anything in: make it a function that somebody calls")
		}
		lines := file.line(function.End()) - file.line(function.Pos()) + 1
		if lines > functionLinesMax && !file.test {
			file.refuse(function.Pos(), ruleFunction, "%s has %d lines, at most %d", function.Name.Name, lines, functionLinesMax)
		}
	}
	for _, group := range file.syntax.Comments {
		for _, comment := range group.List {
			if strings.HasPrefix(comment.Text, "//go:linkname") {
				file.refuse(comment.Pos(), ruleLinkname, "go:linkname reaches into what others did not offer")
			}
		}
	}
}

// checkPurity refuses what would make a function of values depend on anything else.
func checkPurity(file source) {
	times := ""
	for _, spec := range file.syntax.Imports {
		name := importPath(spec)
		for _, outside := range impure {
			if within(name, outside) {
				file.refuse(spec.Pos(), rulePure, "%s reaches outside the arguments", name)
				break
			}
		}
		if name == "time" {
			times = "time"
			if spec.Name != nil {
				times = spec.Name.Name
			}
		}
	}
	ast.Inspect(file.syntax, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GoStmt:
			file.refuse(node.Pos(), rulePure, "no goroutine: the caller decides what runs beside what")
		case *ast.SelectorExpr:
			if x, ok := node.X.(*ast.Ident); ok && times != "" && x.Name == times && slices.Contains(clock, node.Sel.Name) {
				file.refuse(node.Pos(), rulePure, "time.%s asks the clock: take the time as an argument", node.Sel.Name)
			}
		}
		return true
	})
}

// checkExact refuses binary floating point where amounts are held.
func checkExact(file source) {
	for _, declared := range file.syntax.Decls {
		function, ok := declared.(*ast.FuncDecl)
		if ok && function.Recv != nil && slices.Contains(floatAccessors, function.Name.Name) {
			continue
		}
		ast.Inspect(declared, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.Ident:
				if node.Name == "float64" || node.Name == "float32" {
					file.refuse(node.Pos(), ruleExact, "%s cannot hold an amount: use money.Decimal", node.Name)
				}
			case *ast.SelectorExpr:
				if slices.Contains([]string{"ParseFloat", "FormatFloat", "AppendFloat", "SetFloat64"}, node.Sel.Name) {
					file.refuse(node.Pos(), ruleExact, "%s rounds an amount to binary", node.Sel.Name)
				}
			case *ast.BasicLit:
				if node.Kind == token.FLOAT {
					file.refuse(node.Pos(), ruleExact, "%s is a binary fraction: write a decimal", node.Value)
				}
			}
			return true
		})
	}
}

// checkWayOut refuses connections that nobody judges. A pointer to a client may be passed on: somebody made it with the judge inside.
func checkWayOut(file source) {
	names := map[string][]string{} // by what the file calls the package
	for _, spec := range file.syntax.Imports {
		name := importPath(spec)
		local := path.Base(name)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		names[local] = waysOut[name]
	}
	ast.Inspect(file.syntax, func(node ast.Node) bool {
		if pointer, ok := node.(*ast.StarExpr); ok {
			if named, ok := pointer.X.(*ast.SelectorExpr); ok && !strings.HasPrefix(named.Sel.Name, "Default") {
				return false
			}
		}
		if selector, ok := node.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && slices.Contains(names[x.Name], selector.Sel.Name) {
				file.refuse(node.Pos(), ruleOutbound, "%s.%s goes out unjudged: take a client that package %s made", x.Name, selector.Sel.Name, wayOut)
			}
		}
		return true
	})
}

// checkPackageComments wants one comment for each package, which says what it owns.
func checkPackageComments(sources []source) {
	const wordsMin = 4 // "Package x does y" at the very least
	type directory struct {
		first     source
		commented bool
	}
	packages := map[string]*directory{}
	for _, file := range sources {
		if strings.HasSuffix(file.syntax.Name.Name, "_test") {
			continue
		}
		seen := packages[file.dir]
		if seen == nil {
			seen = &directory{first: file}
			packages[file.dir] = seen
		}
		if file.syntax.Doc != nil && len(strings.Fields(file.syntax.Doc.Text())) >= wordsMin {
			seen.commented = true
		}
	}
	for _, seen := range packages {
		if !seen.commented {
			seen.first.refuse(seen.first.syntax.Package, ruleComment,
				"package %s says nowhere what it owns and what it never does", seen.first.syntax.Name.Name)
		}
	}
}
