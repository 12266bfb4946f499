package conformance

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"folioscope/internal/figures"
)

// expectation is one figure that must come out.
type expectation struct {
	line      int
	figure    string // as written, such as positions[symbol=ABC].lots[0].cost
	steps     []step
	wants     []string // one value, or those of a list
	isList    bool
	tolerance *big.Rat
}

// step goes from one part of the answer into another: to a field, to an element of a list or to a list's length.
type step struct {
	field  string
	index  int
	pairs  [][2]string // the fields that single an element out; where nil, index does
	length bool
}

const (
	wantsNull = "null" // must be there and unknown
	wantsAny  = "any"  // must be there and say something
)

// plain is a number as evaluate writes it.
var plain = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

func (d *draft) expectations(t table) ([]expectation, error) {
	header := t.rows[0].cells
	if !slices.Equal(header, []string{"Figure", "Value"}) && !slices.Equal(header, []string{"Figure", "Value", "Tolerance"}) {
		return nil, d.at(t.rows[0].line, "the columns are Figure, Value and, where it is needed, Tolerance")
	}
	var all []expectation
	seen := map[string]bool{}
	for _, r := range t.rows[2:] {
		e := expectation{line: r.line, figure: strings.Trim(r.cells[0], "`"), tolerance: new(big.Rat)}
		if seen[e.figure] {
			return nil, d.at(r.line, "%s was given twice", e.figure)
		}
		seen[e.figure] = true
		var err error
		if e.steps, err = parseFigure(e.figure); err != nil {
			return nil, d.at(r.line, "%v", err)
		}
		value := r.cells[1]
		if inner, ok := strings.CutPrefix(value, "["); ok {
			if inner, ok = strings.CutSuffix(inner, "]"); !ok {
				return nil, d.at(r.line, "a list ends with ]: %.60q", value)
			}
			e.isList = true
			for one := range strings.SplitSeq(inner, ",") {
				if one = strings.TrimSpace(one); one != "" {
					e.wants = append(e.wants, one)
				}
			}
		} else {
			e.wants = []string{value}
		}
		if slices.Contains(e.wants, "") {
			return nil, d.at(r.line, "%s has no value", e.figure)
		}
		if len(r.cells) == 3 && r.cells[2] != "" {
			if !plain.MatchString(r.cells[2]) || strings.HasPrefix(r.cells[2], "-") {
				return nil, d.at(r.line, "not a tolerance: %.60q", r.cells[2])
			}
			if slices.ContainsFunc(e.wants, func(want string) bool { return !plain.MatchString(want) }) {
				return nil, d.at(r.line, "a tolerance is of numbers: %s", e.figure)
			}
			e.tolerance.SetString(r.cells[2])
		}
		all = append(all, e)
	}
	return all, nil
}

// parseFigure reads the path of a figure and sees that evaluate can answer it.
func parseFigure(text string) ([]step, error) {
	var steps []step
	at := reflect.TypeFor[figures.Output]()
	for rest := text; rest != "" || len(steps) == 0; {
		next, after, err := parseStep(rest)
		if err != nil {
			return nil, fmt.Errorf("%.60q: %w", text, err)
		}
		if at, err = next.typeOf(at); err != nil {
			return nil, fmt.Errorf("%.60q: %w", text, err)
		}
		steps, rest = append(steps, next), after
	}
	if at != nil && isObject(at) {
		return nil, fmt.Errorf("%.60q is not one figure", text)
	}
	return steps, nil
}

func parseStep(text string) (next step, rest string, err error) {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		inner, rest, ok = strings.Cut(inner, "]")
		if !ok {
			return next, "", fmt.Errorf("[ without ]")
		}
		if next.index, err = strconv.Atoi(inner); err == nil {
			if next.index < 0 || strings.HasPrefix(inner, "+") {
				return next, "", fmt.Errorf("not an element: %.60q", inner)
			}
			return next, rest, nil
		}
		for pair := range strings.SplitSeq(inner, ",") {
			name, value, ok := strings.Cut(pair, "=")
			if !ok {
				return next, "", fmt.Errorf("not an element: %.60q", inner)
			}
			next.pairs = append(next.pairs, [2]string{name, value})
		}
		return next, rest, nil
	}
	text = strings.TrimPrefix(text, ".")
	end := strings.IndexAny(text, ".[")
	if end < 0 {
		end = len(text)
	}
	if next.field = text[:end]; next.field == "#" {
		next = step{length: true}
	} else if next.field == "" {
		return next, "", fmt.Errorf("no figure")
	}
	return next, text[end:], nil
}

// typeOf is what a step arrives at, nil for a list's length.
func (s step) typeOf(at reflect.Type) (reflect.Type, error) {
	if at == nil {
		return nil, fmt.Errorf("a length has no parts")
	}
	if at.Kind() == reflect.Pointer {
		at = at.Elem()
	}
	if s.field != "" {
		if next, ok := fieldOf(at, s.field); ok {
			return next, nil
		}
		return nil, fmt.Errorf("no such figure")
	}
	if at.Kind() != reflect.Slice {
		return nil, fmt.Errorf("not a list")
	}
	if s.length {
		return nil, nil
	}
	for _, pair := range s.pairs {
		if _, ok := fieldOf(at.Elem(), pair[0]); !ok {
			return nil, fmt.Errorf("its elements have no %.60q", pair[0])
		}
	}
	return at.Elem(), nil
}

// fieldOf finds a field of the answer by its name in JSON.
func fieldOf(at reflect.Type, name string) (reflect.Type, bool) {
	if at.Kind() != reflect.Struct {
		return nil, false
	}
	for field := range at.Fields() {
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag == name && tag != "" {
			return field.Type, true
		}
	}
	return nil, false
}

// isObject says whether a part of the answer has parts itself, as amounts and dates have not.
func isObject(at reflect.Type) bool {
	if at.Kind() == reflect.Slice {
		return isObject(at.Elem())
	}
	if at.Kind() != reflect.Struct {
		return false
	}
	for field := range at.Fields() {
		if field.Tag.Get("json") != "" {
			return true
		}
	}
	return false
}

// find follows a figure's path through an answer.
func find(at any, steps []step) (any, error) {
	for _, s := range steps {
		if s.field != "" {
			fields, ok := at.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("nothing")
			}
			if at, ok = fields[s.field]; !ok {
				return nil, fmt.Errorf("nothing")
			}
			continue
		}
		list, ok := at.([]any)
		if !ok {
			return nil, fmt.Errorf("nothing")
		}
		if s.length {
			return strconv.Itoa(len(list)), nil
		}
		if s.pairs != nil {
			hits := slices.DeleteFunc(slices.Clone(list), func(element any) bool { return !s.fits(element) })
			if len(hits) != 1 {
				return nil, fmt.Errorf("%d that fit", len(hits))
			}
			at = hits[0]
			continue
		}
		if s.index >= len(list) {
			return nil, fmt.Errorf("%d elements", len(list))
		}
		at = list[s.index]
	}
	return at, nil
}

func (s step) fits(element any) bool {
	fields, _ := element.(map[string]any)
	return !slices.ContainsFunc(s.pairs, func(pair [2]string) bool {
		return !same(pair[1], fields[pair[0]], new(big.Rat))
	})
}

// holds says whether what came out is what was expected.
func (e expectation) holds(got any) bool {
	if !e.isList {
		return same(e.wants[0], got, e.tolerance)
	}
	list, ok := got.([]any)
	return ok && slices.EqualFunc(e.wants, list, func(want string, got any) bool { return same(want, got, e.tolerance) })
}

// same compares numbers as numbers, exactly but for the tolerance, and all else as text.
func same(want string, got any, tolerance *big.Rat) bool {
	switch got := got.(type) {
	case nil:
		return want == wantsNull
	case bool:
		return want == strconv.FormatBool(got)
	case string:
		if want == wantsAny {
			return got != ""
		}
		if !plain.MatchString(want) || !plain.MatchString(got) {
			return want == got
		}
		a, _ := new(big.Rat).SetString(want)
		b, _ := new(big.Rat).SetString(got)
		return a.Sub(a, b).Abs(a).Cmp(tolerance) <= 0
	}
	return false
}

// shown is a part of an answer for a person.
func shown(got any) string {
	text, ok := got.(string)
	if ok && text != "" {
		return text
	}
	data, err := json.Marshal(got)
	if err != nil {
		return fmt.Sprint(got)
	}
	return strings.ReplaceAll(string(data), `"`, "")
}
