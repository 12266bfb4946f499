package market

import (
	"strings"
)

// Scheme is a scheme of identifiers of instruments.
type Scheme string

// The schemes. Each but the WKN ends in a check digit.
const (
	ISIN  Scheme = "isin"  // ISO 6166: country, nine characters, check digit
	CUSIP Scheme = "cusip" // United States and Canada: eight characters and a check digit
	SEDOL Scheme = "sedol" // United Kingdom and Ireland: six characters without vowels and a check digit
	WKN   Scheme = "wkn"   // Germany: six characters without I and O
	FIGI  Scheme = "figi"  // Bloomberg's open identifier: eleven characters without vowels and a check digit
)

// Schemes are all of them, the most certain to be recognised first.
func Schemes() []Scheme { return []Scheme{ISIN, FIGI, CUSIP, SEDOL, WKN} }

// Identifier is an instrument's name in a scheme. Value is in capitals.
type Identifier struct {
	Scheme Scheme
	Value  string
}

// identifierBytesMax is the length of the longest identifier with the blanks and hyphens that people write into it.
const identifierBytesMax = 24

// ParseIdentifier reads an identifier of a scheme as people write it: in whatever case, with blanks and hyphens. It is false
// where the text isn't one: wrong characters, wrong length, wrong check digit.
func ParseIdentifier(scheme Scheme, text string) (Identifier, bool) {
	if len(text) > identifierBytesMax {
		return Identifier{}, false
	}
	value := strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(text))
	valid := false
	switch scheme {
	case ISIN:
		valid = isISIN(value)
	case CUSIP:
		valid = isCUSIP(value)
	case SEDOL:
		valid = isSEDOL(value)
	case WKN:
		valid = isWKN(value)
	case FIGI:
		valid = isFIGI(value)
	}
	if !valid {
		return Identifier{}, false
	}
	return Identifier{scheme, value}, true
}

// ReadIdentifiers gives what a text may be an identifier of, the most certain first. A name or a symbol is none, but that
// any word of six characters with a digit in it may be a WKN.
func ReadIdentifiers(text string) []Identifier {
	var all []Identifier
	for _, scheme := range Schemes() {
		id, ok := ParseIdentifier(scheme, text)
		if ok && scheme == WKN && (len(strings.TrimSpace(text)) != wknLength || !strings.ContainsAny(id.Value, "0123456789")) {
			continue // "SIEMEN" is the beginning of a name, "AB-C 1 2D" is no WKN that anybody writes
		}
		if ok {
			all = append(all, id)
		}
	}
	return all
}

// ISINs are those that an identifier is a part of, by the rules of the countries that make ISINs of it: CUSIP in the United
// States and Canada, SEDOL in the United Kingdom and Ireland, WKN in Germany. Which of them exists nobody can tell from here;
// a foreign share's WKN is a part of none. An ISIN gives itself, a FIGI nothing.
func (i Identifier) ISINs() []string {
	switch i.Scheme {
	case ISIN:
		return []string{i.Value}
	case CUSIP:
		if strings.ContainsAny(i.Value, "*@#") {
			return nil // kept for own use; no ISIN holds these
		}
		return withCheckDigit("US"+i.Value, "CA"+i.Value)
	case SEDOL:
		return withCheckDigit("GB00"+i.Value, "IE00"+i.Value)
	case WKN:
		return withCheckDigit("DE000" + i.Value)
	}
	return nil
}

// Contained are the identifiers of other schemes that an ISIN has within it.
func Contained(isin string) []Identifier {
	if !isISIN(isin) {
		return nil
	}
	var scheme Scheme
	var value string
	switch isin[:2] {
	case "US", "CA":
		scheme, value = CUSIP, isin[2:11]
	case "GB", "IE":
		if isin[2:4] != "00" {
			return nil
		}
		scheme, value = SEDOL, isin[4:11]
	case "DE":
		if isin[2:5] != "000" {
			return nil
		}
		scheme, value = WKN, isin[5:11]
	default:
		return nil
	}
	if id, ok := ParseIdentifier(scheme, value); ok {
		return []Identifier{id}
	}
	return nil
}

func withCheckDigit(bodies ...string) []string {
	var all []string
	for _, body := range bodies {
		all = append(all, body+string(rune('0'+isinCheck(body))))
	}
	return all
}

const (
	isinLength  = 12
	cusipLength = 9
	sedolLength = 7
	wknLength   = 6
	figiLength  = 12
)

// ValidISIN says whether a text in capitals is an ISIN with the right check digit.
func ValidISIN(isin string) bool { return isISIN(isin) }

func isISIN(s string) bool {
	return len(s) == isinLength && isLetters(s[:2]) && isAlphanumeric(s) && isDigit(s[11]) && isinCheck(s[:11]) == int(s[11]-'0')
}

// isinCheck is the last digit of an ISIN by the first eleven characters: the Luhn sum of their digits, letters being 10 to 35.
func isinCheck(body string) int {
	digits := make([]int, 0, 2*isinLength)
	for _, c := range []byte(body) {
		if v := valueOf(c); v >= 10 {
			digits = append(digits, v/10, v%10)
		} else {
			digits = append(digits, v)
		}
	}
	sum := 0
	for n := range digits {
		d := digits[len(digits)-1-n]
		if n%2 == 0 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return (10 - sum%10) % 10
}

// isCUSIP: every second value is doubled, and the digits of all are summed.
func isCUSIP(s string) bool {
	if len(s) != cusipLength || !isDigit(s[8]) {
		return false
	}
	sum := 0
	for n, c := range []byte(s[:8]) {
		var v int
		switch {
		case isDigit(c) || isLetter(c):
			v = valueOf(c)
		case c == '*':
			v = 36
		case c == '@':
			v = 37
		case c == '#':
			v = 38
		default:
			return false
		}
		if n%2 == 1 {
			v *= 2
		}
		sum += v/10 + v%10
	}
	return (10-sum%10)%10 == int(s[8]-'0')
}

// isSEDOL: six digits and consonants, weighted.
func isSEDOL(s string) bool {
	if len(s) != sedolLength || !isAlphanumeric(s) || hasVowel(s) || !isDigit(s[6]) {
		return false
	}
	sum := 0
	for n, weight := range []int{1, 3, 1, 7, 3, 9} {
		sum += weight * valueOf(s[n])
	}
	return (10-sum%10)%10 == int(s[6]-'0')
}

// isWKN: six digits and letters but I and O, which look like digits; there is no check digit.
func isWKN(s string) bool {
	return len(s) == wknLength && isAlphanumeric(s) && !strings.ContainsAny(s, "IO")
}

// isFIGI: two consonants that begin no ISIN of a country that could be taken for one, a G, eight digits and consonants, and
// a check digit that is made like a CUSIP's.
func isFIGI(s string) bool {
	if len(s) != figiLength || !isAlphanumeric(s) || hasVowel(s) || !isLetters(s[:2]) || s[2] != 'G' || !isDigit(s[11]) {
		return false
	}
	switch s[:2] {
	case "BS", "BM", "GG", "GB", "GH", "KY", "VG":
		return false
	}
	sum := 0
	for n, c := range []byte(s[:11]) {
		v := valueOf(c)
		if n%2 == 1 {
			v *= 2
		}
		sum += v/10 + v%10
	}
	return (10-sum%10)%10 == int(s[11]-'0')
}

// valueOf is a digit's own value, and 10 to 35 for letters.
func valueOf(c byte) int {
	if isDigit(c) {
		return int(c - '0')
	}
	return int(c-'A') + 10
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'A' && c <= 'Z' }

func isLetters(s string) bool {
	for _, c := range []byte(s) {
		if !isLetter(c) {
			return false
		}
	}
	return true
}

func isAlphanumeric(s string) bool {
	for _, c := range []byte(s) {
		if !isDigit(c) && !isLetter(c) {
			return false
		}
	}
	return true
}

func hasVowel(s string) bool { return strings.ContainsAny(s, "AEIOU") }
