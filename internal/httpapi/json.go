package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// writeJSON encodes what the validator answers exactly as marshal does.
func writeJSON(w io.Writer, value any) error {
	_, err := w.Write(marshal(value))
	return err
}

var (
	// errTrailing says that something follows the JSON value.
	errTrailing = errors.New("something follows the JSON value")
	// errDoubled says that a field is there twice, in whatever letters.
	errDoubled = errors.New("a field is named twice")
	// errHalved says that there are bytes or escapes that are no character; encoding/json would put others in their place.
	errHalved = errors.New("a text has characters that are none")
)

// readJSON decodes one JSON value. Into any it keeps numbers as they are written, so that none passes for another, and refuses fields
// that are named twice: the validator sees any, would check one of them, and what is decoded later would be the other.
func readJSON(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	if _, first := into.(*any); first {
		if !wholeCharacters(data) {
			return errHalved
		}
		return namedOnce(data)
	}
	return nil
}

// wholeCharacters says whether a JSON value is UTF-8 and every escaped surrogate in it is one of a pair.
func wholeCharacters(data []byte) bool {
	const length = len(`\u0000`)
	escaped := func(at []byte) rune {
		if len(at) < length || at[0] != '\\' || at[1] != 'u' {
			return 0
		}
		r, err := strconv.ParseUint(string(at[2:length]), 16, 16)
		if err != nil {
			return 0
		}
		return rune(r)
	}
	for at := bytes.IndexByte(data, '\\'); at >= 0; {
		next := 2
		if r := escaped(data[at:]); utf16.IsSurrogate(r) {
			if utf16.DecodeRune(r, escaped(data[at+length:])) == unicode.ReplacementChar {
				return false
			}
			next = 2 * length
		}
		rest := bytes.IndexByte(data[at+next:], '\\')
		if rest < 0 {
			break
		}
		at += next + rest
	}
	return utf8.Valid(data)
}

// namedOnce says whether every object of a JSON value, which was decoded before, names its fields once; encoding/json takes Amount for
// amount.
func namedOnce(data []byte) error {
	type level struct {
		names map[string]bool // nil for a list
		value bool            // the name was read, its value is next
	}
	var open []level
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			open = open[:len(open)-1]
			continue
		}
		if last := len(open) - 1; last >= 0 && open[last].names != nil {
			name, isText := token.(string)
			if isText && !open[last].value {
				name = folded(name)
				if open[last].names[name] {
					return errDoubled
				}
				open[last].names[name], open[last].value = true, true
				continue
			}
			open[last].value = false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		}
	}
}

// folded is a name as encoding/json compares it: the same for upper and lower case.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}
