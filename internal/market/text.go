package market

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// OneLine says whether a text can stand among others as a name does: every character of it is shown, in one line and where it is read.
func OneLine(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, Unshown)
}

// Lines is OneLine for notes, which may have breaks and tabs.
func Lines(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return Unshown(r) && r != '\n' && r != '\r' && r != '\t' })
}

// Unshown says whether a character disorders what stands around it instead of being shown: control characters, separators of lines, and
// the marks that turn the direction of writing (Unicode's Bidi_Control), with which a name passes for another.
func Unshown(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}
