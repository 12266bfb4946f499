package access

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"folioscope/internal/identity"
)

// constants are the actions that access.go declares.
func constants(t *testing.T) (actions []Action) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "access.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typed, ok := spec.Type.(*ast.Ident); ok && typed.Name == "Action" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			actions = append(actions, Action(text))
		}
		return true
	})
	return actions
}

// Every action is permitted to somebody by name, and no policy names an action that there is none of.
func TestEveryActionHasItsPolicy(t *testing.T) {
	all := constants(t)
	if len(all) < 30 {
		t.Fatalf("only %d actions were found", len(all))
	}
	for _, action := range all {
		if !Known(action) {
			t.Errorf("no policy permits %s", action)
		}
	}
	names, err := filepath.Glob("policies/*.cedar")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`Action::"([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
			if !slices.Contains(all, Action(m[1])) {
				t.Errorf("%s names %s, which is no action", name, m[1])
			}
		}
	}
}

// Every policy decides something: one that never does is a mistake in it, or not needed.
func TestEveryPolicyDecides(t *testing.T) {
	decided := map[string]bool{}
	for _, c := range house().of {
		for _, role := range append(roles[:], visitor, bearer) {
			for _, level := range levels {
				for scope := range identity.Scopes(8) {
					for _, enrol := range []bool{false, true} {
						decided[c.decide(question{role, level, scope, enrol}).Policy] = true
					}
				}
			}
		}
	}
	rules, err := readRules(policyFiles)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if !decided[string(r.id)] {
			t.Errorf("%s never decides", r.id)
		}
		if file, _, ok := strings.Cut(string(r.id), "."); !ok || file+".cedar" != r.policy.Position().Filename {
			t.Errorf("%s is in %s", r.id, r.policy.Position().Filename)
		}
	}
}

func TestDecisionNamesItsPolicy(t *testing.T) {
	me, admin := Subject{Owner: "me", Role: identity.RoleUser}, Subject{Owner: "root", Role: identity.RoleAdmin}
	token, enrolling := me, admin
	token.Scopes, enrolling.MustEnrol = identity.ScopeRead, true
	for _, c := range []struct {
		subject Subject
		action  Action
		want    string
	}{
		{Subject{}, SignIn, "open.anyone"},
		{me, ReadPortfolio, "portfolios.view"},
		{me, ListUsers, ""},
		{admin, ListUsers, "admin.users"},
		{token, WriteActivities, "tokens.scopes"},
		{enrolling, ListUsers, "enrolment.first"},
		{me, "no.such.action", ""},
	} {
		if got := May(c.subject, c.action, Resource{Owner: "me"}); got.Policy != c.want {
			t.Errorf("%s %s: %+v, want %q", c.subject.Role, c.action, got, c.want)
		}
	}
}

// Policies that say nothing, say it twice or say too much don't get into a rulebook.
func TestBadPoliciesAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`permit (principal, action == Action::"a", resource);`:                                                             "without an @id",
		`@id("x.a") permit (principal, action, resource);`:                                                                 "permits every action",
		`@id("x.a") permit (principal, action == Action::"a", resource); @id("x.a") forbid (principal, action, resource);`: "another policy",
		`@id("x.a") allow everything`:                                                                                      "x.cedar",
	} {
		_, err := readRulebook(fstest.MapFS{"policies/x.cedar": {Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// A policy that can't be evaluated refuses, also where it would forbid.
func TestBrokenPolicyRefuses(t *testing.T) {
	book, err := readRulebook(fstest.MapFS{"policies/x.cedar": {Data: []byte(
		`@id("x.a") permit (principal, action == Action::"a", resource); @id("x.b") forbid (principal, action, resource) when { context.mood == "bad" };`)}})
	if err != nil {
		t.Fatal(err)
	}
	if d := book.of["a"].decide(question{role: identity.RoleAdmin, level: LevelOwn}); d.Allowed || d.Policy != "x.b" {
		t.Errorf("%+v", d)
	}
}

// BenchmarkRatioDecision asks the policies whether somebody may read their portfolio, and whether they do by a look at a table. Nothing
// is remembered; a decision takes at most 10 µs.
func BenchmarkRatioDecision(b *testing.B) {
	const turns = 1000
	q := question{role: identity.RoleUser, level: LevelOwn}
	table := map[Action]map[question]bool{ReadPortfolio: {q: true}}
	c := house().of[ReadPortfolio]
	var asked, looked time.Duration
	for b.Loop() {
		began := time.Now()
		for range turns {
			if !c.decide(q).Allowed {
				b.Fatal("refused")
			}
		}
		between := time.Now()
		for range turns {
			if !table[ReadPortfolio][q] {
				b.Fatal("refused")
			}
		}
		asked, looked = asked+between.Sub(began), looked+time.Since(between)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(asked.Seconds()*1e6/float64(turns*b.N), "µs/decision") // at most 10
	b.ReportMetric(asked.Seconds()/looked.Seconds(), "ratio")             // to a table in memory: what is remembered costs about 1
}
