package notify

import (
	"strings"
	"time"

	"golang.org/x/text/language"

	"folioscope/internal/money"
)

// noBreak keeps a number and its unit on one line.
const noBreak = "\u00a0"

// customs are how a language writes numbers and times. The words of messages are English; a number that can be misread must not be.
type customs struct {
	tag     language.Tag
	decimal string
	group   string
	least   int    // whole digits from which on they are grouped
	lakh    bool   // groups of two after the first three
	date    string // of time.Format
	clock   string
}

// The first serves who asks for a language that isn't here.
var known = []customs{
	{language.English, ".", ",", 4, false, "2 Jan 2006", "15:04"},
	{language.BritishEnglish, ".", ",", 4, false, "2 Jan 2006", "15:04"},
	{language.AmericanEnglish, ".", ",", 4, false, "Jan 2, 2006", "3:04 PM"},
	{language.MustParse("en-IN"), ".", ",", 4, true, "2 Jan 2006", "15:04"},
	{language.German, ",", ".", 4, false, "02.01.2006", "15:04"},
	{language.MustParse("de-AT"), ",", noBreak, 4, false, "02.01.2006", "15:04"},
	{language.MustParse("de-CH"), ".", "’", 4, false, "02.01.2006", "15:04"},
	{language.French, ",", "\u202f", 4, false, "02/01/2006", "15:04"},
	{language.Spanish, ",", ".", 5, false, "2/1/2006", "15:04"},
	{language.Italian, ",", ".", 4, false, "02/01/2006", "15:04"},
	{language.Portuguese, ",", ".", 4, false, "02/01/2006", "15:04"},
	{language.EuropeanPortuguese, ",", noBreak, 5, false, "02/01/2006", "15:04"},
	{language.Dutch, ",", ".", 4, false, "02-01-2006", "15:04"},
	{language.Swedish, ",", noBreak, 4, false, "2006-01-02", "15:04"},
	{language.Danish, ",", ".", 4, false, "02.01.2006", "15.04"},
	{language.Norwegian, ",", noBreak, 4, false, "02.01.2006", "15:04"},
	{language.Finnish, ",", noBreak, 4, false, "2.1.2006", "15.04"},
	{language.Polish, ",", noBreak, 5, false, "02.01.2006", "15:04"},
	{language.Czech, ",", noBreak, 4, false, "02.01.2006", "15:04"},
	{language.Japanese, ".", ",", 4, false, "2006/01/02", "15:04"},
	{language.Korean, ".", ",", 4, false, "2006. 1. 2.", "15:04"},
	{language.Chinese, ".", ",", 4, false, "2006/1/2", "15:04"},
	{language.Hindi, ".", ",", 4, true, "2/1/2006", "15:04"},
}

// matcher finds who of known serves a language.
var matcher = func() language.Matcher {
	tags := make([]language.Tag, len(known))
	for i, c := range known {
		tags[i] = c.tag
	}
	return language.NewMatcher(tags)
}()

func customsOf(locale string) customs {
	tag, err := language.Parse(locale)
	if err != nil {
		return known[0]
	}
	_, index, _ := matcher.Match(tag)
	return known[index]
}

// knownLocale says whether a tag is one of a language.
func knownLocale(tag string) bool {
	_, err := language.Parse(tag)
	return err == nil
}

// number writes a decimal with the digits that it has, and a true minus.
func (c customs) number(x money.Decimal) string {
	text, negative := strings.CutPrefix(x.String(), "-")
	whole, fraction, broken := strings.Cut(text, ".")
	out := c.grouped(whole)
	if broken {
		out += c.decimal + fraction
	}
	if negative && !x.IsZero() {
		return "−" + out
	}
	return out
}

func (c customs) grouped(whole string) string {
	const first = 3
	if len(whole) < c.least {
		return whole
	}
	size, cut := first, len(whole)
	var groups []string
	for cut > size {
		groups = append([]string{whole[cut-size : cut]}, groups...)
		cut -= size
		if c.lakh {
			size = 2
		}
	}
	return strings.Join(append([]string{whole[:cut]}, groups...), c.group)
}

// amount writes a number with its unit, if it has one.
func (c customs) amount(x money.Decimal, unit string) string {
	if unit == "" {
		return c.number(x)
	}
	return c.number(x) + noBreak + unit
}

// sentence writes the level that a rule's sentence ends with, before its unit if it has one.
func (c customs) sentence(text string, level *money.Decimal) string {
	if level == nil {
		return text
	}
	plain := " " + strings.Replace(level.String(), "-", "−", 1)
	at := strings.LastIndex(text, plain)
	if at < 0 {
		return text
	}
	rest := text[at+len(plain):]
	if rest != "" && !strings.HasPrefix(rest, noBreak) {
		return text
	}
	return text[:at] + " " + c.number(*level) + rest
}

// signed writes a change with its unit.
func (c customs) signed(x money.Decimal, unit string) string {
	if x.Sign() > 0 {
		return "+" + c.amount(x, unit)
	}
	return c.amount(x, unit)
}

// moment writes a time in a zone, and which zone that is.
func (c customs) moment(t time.Time, zone *time.Location) string {
	local := t.In(zone)
	return local.Format(c.date) + ", " + local.Format(c.clock) + " " + local.Format("MST")
}
