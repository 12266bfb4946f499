package identity

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"folioscope/internal/fault"
	"folioscope/internal/market"
)

// Bounds of what people type.
const (
	PasswordRunesMin = 12
	PasswordRunesMax = 128
	NameRunesMax     = 120
	EmailBytesMax    = 254 // RFC 5321
)

// commonPasswords are the ones of twelve and more characters that every guesser tries first, one a line, lower case.
//
//go:embed common_passwords.txt
var commonPasswords string

// CheckPassword refuses passwords that are too short, too long, among the first to be guessed, or little more than words that belong to
// this service and its user. Any characters may be used.
func CheckPassword(password string, of User) error {
	runes := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password):
		return fault.At("password", "The password holds bytes that are no characters.")
	case runes < PasswordRunesMin:
		return fault.At("password", "The password needs at least %d characters.", PasswordRunesMin)
	case runes > PasswordRunesMax:
		return fault.At("password", "The password may have at most %d characters.", PasswordRunesMax)
	case guessable(strings.ToLower(password)):
		return fault.At("password", "This password is one of the first that are guessed. Choose another.")
	case contextual(strings.ToLower(password), contextWords(of)):
		return fault.At("password", "This password is little more than your name, your address or the name of this service. Choose another.")
	}
	return nil
}

func guessable(password string) bool {
	if distinct(password) < 4 {
		return true
	}
	for line := range strings.Lines(commonPasswords) {
		if password == strings.TrimSuffix(line, "\n") {
			return true
		}
	}
	return false
}

// Words that are guessed first where the service and the user are known.
const (
	contextRunesMin = 4 // of a word: shorter ones are in many others
	beyondRunesMin  = 8 // characters that a password has to have besides them
)

// contextWords are the service's own, and the ones of the user's name and address, in lower case, the longest first.
func contextWords(of User) []string {
	words := []string{"folioscope", "portfolio"}
	for _, text := range []string{of.Name, of.Email} {
		text = strings.ToLower(text)
		words = append(words, text, strings.ReplaceAll(text, " ", ""))
		words = append(words, strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	}
	words = slices.DeleteFunc(words, func(word string) bool { return utf8.RuneCountInString(word) < contextRunesMin })
	slices.SortStableFunc(words, func(a, b string) int { return len(b) - len(a) })
	return words
}

// contextual says whether a password is little more than some words.
func contextual(password string, words []string) bool {
	rest := password
	for _, word := range words {
		rest = strings.ReplaceAll(rest, word, " ")
	}
	return rest != password && utf8.RuneCountInString(strings.ReplaceAll(rest, " ", "")) < beyondRunesMin
}

// distinct is how many different characters a text has.
func distinct(text string) int {
	seen := map[rune]bool{}
	for _, r := range text {
		seen[r] = true
	}
	return len(seen)
}

// NormalEmail is an e-mail address as it is looked up: trimmed and in lower case. It gives fault.Invalid for what can't be one.
func NormalEmail(text string) (string, error) {
	email := strings.ToLower(strings.TrimSpace(text))
	local, domain, found := strings.Cut(email, "@")
	plain := found && local != "" && domain != "" && !strings.ContainsAny(email, " \t\r\n<>\"(),;:\\") && !strings.Contains(domain, "@")
	if !plain || len(email) > EmailBytesMax || !market.OneLine(email) {
		return "", fault.At("email", "This is not an e-mail address.")
	}
	return email, nil
}

// CleanName is a person's name as it is kept: trimmed, one line. It gives fault.Invalid for an empty or overlong one.
func CleanName(text string) (string, error) {
	name := strings.TrimSpace(text)
	switch {
	case name == "":
		return "", fault.At("name", "A name is needed.")
	case utf8.RuneCountInString(name) > NameRunesMax:
		return "", fault.At("name", "The name may have at most %d characters.", NameRunesMax)
	case !market.OneLine(name):
		return "", fault.At("name", "The name holds characters that can't be shown, such as marks that turn the direction of writing.")
	}
	return name, nil
}
