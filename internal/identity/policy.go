package identity

import (
	_ "embed"
	"strings"
	"unicode/utf8"

	"folioscope/internal/fault"
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

// CheckPassword refuses passwords that are too short, too long or among the first to be guessed. Any characters may be used.
func CheckPassword(password, email string) error {
	runes := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password):
		return fault.At("password", "The password holds bytes that are no characters.")
	case runes < PasswordRunesMin:
		return fault.At("password", "The password needs at least %d characters.", PasswordRunesMin)
	case runes > PasswordRunesMax:
		return fault.At("password", "The password may have at most %d characters.", PasswordRunesMax)
	case guessable(strings.ToLower(password), email):
		return fault.At("password", "This password is one of the first that are guessed. Choose another.")
	}
	return nil
}

func guessable(password, email string) bool {
	if email != "" && password == email {
		return true
	}
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
	if !plain || len(email) > EmailBytesMax || !utf8.ValidString(email) || hasControl(email) {
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
	case !utf8.ValidString(name) || hasControl(name):
		return "", fault.At("name", "The name holds characters that can't be shown.")
	}
	return name, nil
}

func hasControl(text string) bool {
	for _, r := range text {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return true
		}
	}
	return false
}
