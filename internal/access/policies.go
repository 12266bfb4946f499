package access

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"sync"

	"github.com/cedar-policy/cedar-go"

	"folioscope/internal/identity"
)

//go:embed policies/*.cedar
var policyFiles embed.FS

// A principal is a Role, a resource the Level that is had of it. The roles of people are in Group::"people"; each level is in the one
// below.
const (
	typeRole   = "Role"
	typeGroup  = "Group"
	typeLevel  = "Level"
	typeAction = "Action"

	people                = "people"
	visitor identity.Role = "visitor" // not signed in
)

var (
	roles  = [...]identity.Role{identity.RoleUser, identity.RoleAdviser, identity.RoleAuditor, identity.RoleAdmin}
	scopes = map[identity.Scopes]cedar.String{identity.ScopeRead: "read", identity.ScopeWrite: "write", identity.ScopeAdmin: "admin"}
)

// rulebook is the policies as they are asked: only those that name an action, or name none, are looked at for it.
type rulebook struct {
	of       map[Action]*chapter
	entities cedar.EntityMap
}

// chapter is what there is to one action.
type chapter struct {
	book    *rulebook
	action  cedar.EntityUID
	rules   []rule
	open    bool // anyone may, signed in or not
	browser bool // no API token ever may

	answers sync.Map // of question to Decision: there are few, and asking the policies takes longer than all else about a request
}

// rule is one policy under its id.
type rule struct {
	id     cedar.PolicyID
	policy *cedar.Policy
	named  []Action // in its scope; nil for every action
}

// house is the rulebook of this binary. Policies that can't be read are a mistake of ours, which every test finds.
var house = sync.OnceValue(func() *rulebook {
	book, err := readRulebook(policyFiles)
	if err != nil {
		panic("access: " + err.Error())
	}
	return book
})

func readRulebook(files fs.FS) (*rulebook, error) {
	rules, err := readRules(files)
	if err != nil {
		return nil, err
	}
	book := &rulebook{of: make(map[Action]*chapter), entities: entities()}
	for _, r := range rules {
		if r.policy.Effect() != cedar.Permit {
			continue
		}
		for _, action := range r.named {
			if book.of[action] == nil {
				book.of[action] = &chapter{book: book, action: cedar.NewEntityUID(typeAction, cedar.String(action))}
			}
		}
	}
	for action, c := range book.of {
		for _, r := range rules {
			if r.named == nil || slices.Contains(r.named, action) {
				c.rules = append(c.rules, r)
			}
		}
		c.open = c.decide(question{role: visitor}).Allowed
		c.browser = !c.open && !slices.ContainsFunc(roles[:], func(role identity.Role) bool {
			return c.decide(question{role: role, level: LevelOwn, scopes: identity.ScopeRead | identity.ScopeWrite | identity.ScopeAdmin}).Allowed
		})
	}
	return book, nil
}

// readRules reads every policy of every file. Each needs an id of its own, and what permits has to name its actions.
func readRules(files fs.FS) ([]rule, error) {
	names, err := fs.Glob(files, "policies/*.cedar")
	if err != nil {
		return nil, err
	}
	var rules []rule
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		policies, err := cedar.NewPolicyListFromBytes(path.Base(name), text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, policy := range policies {
			r := rule{id: cedar.PolicyID(policy.Annotations()["id"]), policy: policy}
			if r.named, err = actionsOf(policy); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			line := policy.Position().Line
			switch {
			case r.id == "":
				return nil, fmt.Errorf("%s:%d: a policy without an @id", name, line)
			case slices.ContainsFunc(rules, func(other rule) bool { return other.id == r.id }):
				return nil, fmt.Errorf("%s:%d: another policy is called %s", name, line, r.id)
			case r.named == nil && policy.Effect() == cedar.Permit:
				return nil, fmt.Errorf("%s:%d: %s permits every action", name, line, r.id)
			}
			rules = append(rules, r)
		}
	}
	return rules, nil
}

// actionsOf is the actions that a policy names in its scope, nil for one that is about all of them.
func actionsOf(policy *cedar.Policy) ([]Action, error) {
	type entity struct{ Type, ID string }
	var form struct {
		Action struct {
			Entity   *entity
			Entities []entity
		}
	}
	text, err := policy.MarshalJSON()
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &form); err != nil {
		return nil, err
	}
	if form.Action.Entity != nil {
		form.Action.Entities = []entity{*form.Action.Entity}
	}
	var named []Action
	for _, e := range form.Action.Entities {
		named = append(named, Action(e.ID))
	}
	return named, nil
}

// entities are who and what the policies speak of.
func entities() cedar.EntityMap {
	all := cedar.EntityMap{}
	add := func(uid cedar.EntityUID, parents ...cedar.EntityUID) {
		all[uid] = cedar.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(parents...)}
	}
	for _, role := range roles {
		add(roleUID(role), cedar.NewEntityUID(typeGroup, people))
	}
	for i, level := range levels[1:] {
		add(levelUID(level), levelUID(levels[i]))
	}
	return all
}

func roleUID(role identity.Role) cedar.EntityUID {
	return cedar.NewEntityUID(typeRole, cedar.String(role))
}

func levelUID(level Level) cedar.EntityUID {
	return cedar.NewEntityUID(typeLevel, cedar.String(level))
}

// question is all that a decision rests on.
type question struct {
	role      identity.Role
	level     Level
	scopes    identity.Scopes
	mustEnrol bool
}

// context is what the policies see besides who, what and whose.
func (q question) context() cedar.Record {
	var held []cedar.Value
	for scope, name := range scopes {
		if q.scopes.Has(scope) {
			held = append(held, name)
		}
	}
	return cedar.NewRecord(cedar.RecordMap{
		"token": cedar.Boolean(q.scopes != 0), "scopes": cedar.NewSet(held...), "must_enrol": cedar.Boolean(q.mustEnrol),
	})
}

// answer decides, once for each question.
func (c *chapter) answer(q question) Decision {
	if d, known := c.answers.Load(q); known {
		return d.(Decision)
	}
	d := c.decide(question{role: visitor}) // what anyone may, somebody signed in may however they are
	if !d.Allowed {
		d = c.decide(q)
		d.SignIn = !d.Allowed && q.role == visitor
		easier := q
		easier.mustEnrol = false
		d.Enrol = !d.Allowed && c.decide(easier).Allowed
	}
	if slices.Contains(roles[:], q.role) {
		c.answers.Store(q, d)
	}
	return d
}

// decide asks the policies. One that can't be evaluated refuses.
func (c *chapter) decide(q question) Decision {
	verdict, why := cedar.Authorize(c, c.book.entities, cedar.Request{
		Principal: roleUID(q.role), Action: c.action, Resource: levelUID(q.level), Context: q.context(),
	})
	d := Decision{Allowed: verdict == cedar.Allow && len(why.Errors) == 0}
	switch {
	case len(why.Errors) > 0:
		d.Policy = string(why.Errors[0].PolicyID)
	case len(why.Reasons) > 0:
		d.Policy = string(why.Reasons[0].PolicyID)
	}
	return d
}

// All gives the policies that are about the action, in the order of the files.
func (c *chapter) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, r := range c.rules {
			if !yield(r.id, r.policy) {
				return
			}
		}
	}
}
