package figures

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// A case is read in one walk over its bytes: objects and lists are cut into the texts of their parts, which are read as they are
// asked for. The walk takes nothing that is no JSON. Where it stumbles, the standard library says what is wrong.

// place says where something stands, such as activities[3].lots[0].id. It is only written out for an error.
type place struct {
	up    *place // nil for the case itself
	name  string // of a field, or
	index int    // in a list, from 1
}

func (p *place) String() string {
	switch {
	case p.up == nil:
		return ""
	case p.index > 0:
		return fmt.Sprintf("%s[%d]", p.up, p.index-1)
	case p.up.up == nil:
		return p.name
	}
	return p.up.String() + "." + p.name
}

// value is a piece of JSON with its place.
type value struct {
	raw string
	at  place
}

func (v *value) refuse(format string, args ...any) error {
	return fault.At(v.at.String(), format, args...)
}

// object is a JSON object with its place.
type object struct {
	at      place
	members []member
	order   []int // index of each member in a table of fields, as last found
}

// member is a field of an object with the text of its value.
type member struct{ name, raw string }

// field is how one field of an object is read.
type field struct {
	name     string
	required bool
	read     func(*value) error
}

// shown is a name as it may stand in a place: one short line, whose end is seen.
func shown(name string) string {
	if !ledger.IsName(name) || len(name) > 60 || strings.ContainsAny(name, `: "`) {
		quoted, err := json.Marshal(name)
		if err != nil || len(quoted) > 60 {
			return "?"
		}
		return string(quoted)
	}
	return name
}

// readObject cuts an object into its members.
func readObject(v *value) (object, error) {
	o := object{at: v.at}
	return o, o.cut(v)
}

// cut makes o the object that v is, in place of what it was.
func (o *object) cut(v *value) (err error) {
	var ok bool
	o.at = v.at
	if o.members, ok = cutObject(v.raw, o.members[:0]); ok {
		return nil
	}
	where := v.at.String()
	if where == "" {
		where = "case"
	}
	return fault.At(where, "not an object")
}

// find is the text of a field. All of what fields says is found in o.
func (o *object) find(name string) (raw string, given bool) {
	for i := range o.members {
		if o.members[i].name == name {
			return o.members[i].raw, true
		}
	}
	return "", false
}

// sorted are the members by name. Of two of one name nobody can say which was meant, so they are refused.
func (o *object) sorted() ([]member, error) {
	rising := func(a, b member) int { return strings.Compare(a.name, b.name) }
	for i := 1; i < len(o.members); i++ {
		if o.members[i-1].name >= o.members[i].name {
			slices.SortStableFunc(o.members, rising)
			break
		}
	}
	for i := 1; i < len(o.members); i++ {
		if o.members[i-1].name == o.members[i].name {
			return nil, o.twice(o.members[i])
		}
	}
	return o.members, nil
}

func (o *object) twice(m member) error {
	v := o.value(m)
	return v.refuse("was given twice")
}

// value is a member's.
func (o *object) value(m member) value { return value{m.raw, place{up: &o.at, name: shown(m.name)}} }

// unknown refuses a field by its name, the first by name where there are more.
func (o *object) unknown(known func(string) bool) error {
	if !slices.ContainsFunc(o.members, func(m member) bool { return !known(m.name) }) {
		return nil
	}
	members, err := o.sorted()
	for _, m := range members {
		if !known(m.name) {
			v := o.value(m)
			return v.refuse("no such field")
		}
	}
	return err
}

func (o *object) missing(name string) error {
	v := value{at: place{up: &o.at, name: name}}
	return v.refuse("is missing")
}

// read reads an object's fields in the order given; an unknown field is refused by its name.
func (o *object) read(fields ...field) error {
	known := func(name string) bool {
		return slices.ContainsFunc(fields, func(f field) bool { return f.name == name })
	}
	if err := o.unknown(known); err != nil {
		return err
	}
	for i, m := range o.members { // all are known, so they are few
		if slices.ContainsFunc(o.members[:i], func(other member) bool { return other.name == m.name }) {
			return o.twice(m)
		}
	}
	var v value
	for i := range fields {
		f := &fields[i]
		raw, given := o.find(f.name)
		if !given {
			if f.required {
				return o.missing(f.name)
			}
			continue
		}
		v = value{raw, place{up: &o.at, name: f.name}}
		if err := f.read(&v); err != nil {
			return err
		}
	}
	return nil
}

// list reads the items of a list, each as it comes.
func (v *value) list(each func(*value) error) error {
	text := v.raw
	refuse := func() error { return v.refuse("not a list: %s", v.shown()) }
	if text == "" || text[0] != '[' {
		return refuse()
	}
	at := pastBlank(text, 1)
	if at < len(text) && text[at] == ']' && pastBlank(text, at+1) == len(text) {
		return nil
	}
	var item value
	for i := 1; ; i++ {
		end := pastValue(text, at)
		if end < 0 {
			return refuse()
		}
		item = value{text[at:end], place{up: &v.at, index: i}}
		if err := each(&item); err != nil {
			return err
		}
		at = pastBlank(text, end)
		switch {
		case at == len(text):
			return refuse()
		case text[at] == ']' && pastBlank(text, at+1) == len(text):
			return nil
		case text[at] != ',':
			return refuse()
		}
		at = pastBlank(text, at+1)
	}
}

// cutObject gives the members of an object in the order they stand in; ok is false where it isn't one.
func cutObject(text string, into []member) (members []member, ok bool) {
	if text == "" || text[0] != '{' {
		return into, false
	}
	at := pastBlank(text, 1)
	if at < len(text) && text[at] == '}' {
		return into, pastBlank(text, at+1) == len(text)
	}
	for at < len(text) {
		end, plain := pastString(text, at)
		if end < 0 {
			return into, false
		}
		name := text[at+1 : end-1]
		if !plain && json.Unmarshal([]byte(text[at:end]), &name) != nil {
			return into, false
		}
		at = pastBlank(text, end)
		if at == len(text) || text[at] != ':' {
			return into, false
		}
		at = pastBlank(text, at+1)
		if end = pastValue(text, at); end < 0 {
			return into, false
		}
		into = append(into, member{name, text[at:end]})
		at = pastBlank(text, end)
		switch {
		case at == len(text):
			return into, false
		case text[at] == '}':
			return into, pastBlank(text, at+1) == len(text)
		case text[at] != ',':
			return into, false
		}
		at = pastBlank(text, at+1)
	}
	return into, false
}

// pastBlank is the first place from at on that isn't white space.
func pastBlank(text string, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t') {
		at++
	}
	return at
}

// pastString is the end of the string that begins at a place, −1 where none does. Plain: what it holds is what stands there.
func pastString(text string, at int) (end int, plain bool) {
	if at >= len(text) || text[at] != '"' {
		return -1, false
	}
	plain = true
	for i := at + 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1, plain
		case c == '\\':
			i++
			plain = false
		case c < ' ' || c >= 0x7f:
			plain = false
		}
	}
	return -1, false
}

// pastValue is the end of the value that begins at a place, −1 where none does. What is within it is looked at when it is read.
func pastValue(text string, at int) (end int) {
	if at >= len(text) {
		return -1
	}
	switch text[at] {
	case '"':
		end, _ = pastString(text, at)
		return end
	case '{', '[':
		for i, depth := at, 0; i < len(text); {
			switch text[i] {
			case '"':
				if i, _ = pastString(text, i); i < 0 {
					return -1
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return -1
	}
	for end = at; end < len(text) && !strings.ContainsRune(",]} \n\r\t", rune(text[end])); {
		end++
	}
	if end == at {
		return -1
	}
	return end
}
