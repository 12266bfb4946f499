package sqlstore

import (
	"fmt"
	"strconv"
	"strings"
)

// parametersMax is the number of parameters that one statement may have: SQLite's bound is 32,766, PostgreSQL's 65,535.
const parametersMax = 30_000

// forSQLite turns the parameters $1… of a statement into ?1…, and says how many there are. SQLite reads $1 as a name and gives
// it a number by its first appearance, silently: "b = $2 AND owner = $1" would look for the wrong owner's rows. Whatever this
// reader can't tell for certain is an error, never a guess.
func forSQLite(text string) (rewritten string, parameters int, err error) {
	var out strings.Builder
	out.Grow(len(text))
	seen := make(map[int]bool)
	for i := 0; i < len(text); {
		end, err := skipQuoted(text, i)
		if err != nil {
			return "", 0, err
		}
		if end > i {
			out.WriteString(text[i:end])
			i = end
			continue
		}
		switch c := text[i]; c {
		case '?', ':', '@':
			return "", 0, fmt.Errorf("sql: %q at byte %d is no parameter that both databases read alike", c, i)
		case '$':
			end := i + 1
			for end < len(text) && text[end] >= '0' && text[end] <= '9' {
				end++
			}
			number, err := strconv.Atoi(text[i+1 : end])
			if err != nil || number < 1 || number > parametersMax || text[i+1] == '0' || end < len(text) && wordByte(text[end]) || i > 0 && wordByte(text[i-1]) {
				return "", 0, fmt.Errorf("sql: no parameter number follows $ at byte %d", i)
			}
			seen[number] = true
			parameters = max(parameters, number)
			out.WriteByte('?')
			out.WriteString(text[i+1 : end])
			i = end
		default:
			out.WriteByte(c)
			i++
		}
	}
	if len(seen) != parameters {
		return "", 0, fmt.Errorf("sql: %d parameters are numbered up to %d", len(seen), parameters)
	}
	return out.String(), parameters, nil
}

// wordByte says whether a byte can be part of a name.
func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// skipQuoted gives the end of the string literal, quoted name or comment that begins at i, or i where none begins.
func skipQuoted(text string, i int) (end int, err error) {
	switch {
	case text[i] == '\'' || text[i] == '"':
		if i > 0 && wordByte(text[i-1]) {
			return 0, fmt.Errorf("sql: the databases read the prefixed literal at byte %d differently", i)
		}
		// A doubled quote inside reads as the end of one literal and the begin of the next, which comes to the same.
		for j := i + 1; j < len(text); j++ {
			if text[j] != text[i] {
				continue
			}
			if j+1 < len(text) && text[j+1] == text[i] {
				j++
				continue
			}
			return j + 1, nil
		}
		return 0, fmt.Errorf("sql: the quote at byte %d has no end", i)
	case strings.HasPrefix(text[i:], "--"):
		if length := strings.IndexByte(text[i:], '\n'); length >= 0 {
			return i + length, nil
		}
		return len(text), nil
	case strings.HasPrefix(text[i:], "/*"):
		length := strings.Index(text[i+2:], "*/")
		if length < 0 {
			return 0, fmt.Errorf("sql: the comment at byte %d has no end", i)
		}
		if strings.Contains(text[i+2:i+2+length], "/*") { // PostgreSQL nests comments, SQLite doesn't
			return 0, fmt.Errorf("sql: the databases read the nested comment at byte %d differently", i)
		}
		return i + 2 + length + 2, nil
	case text[i] == '`' || text[i] == '[' || text[i] == 0:
		return 0, fmt.Errorf("sql: %q at byte %d is no SQL that both databases read", text[i], i)
	}
	return i, nil
}
