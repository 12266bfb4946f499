package openid

import (
	"crypto/subtle"
	"net/url"

	"folioscope/internal/fault"
)

// Bounds of what a service sends people back with, in bytes.
const (
	queryBytesMax = 8 << 10
	stateBytesMax = 128 // ours has 43
	codeBytesMax  = 4 << 10
	issuerMax     = 512
	errorBytesMax = 64 // a word of RFC 6749 or of OpenID Connect
)

// Answer is what a service sent somebody back with. It comes through a browser: nothing in it is believed by itself.
type Answer struct {
	State  string
	Code   string
	Issuer string // RFC 9207; empty where the service doesn't say
	Error  string // instead of a code, such as access_denied
}

// ParseAnswer reads the query of the address that somebody was sent back to. It gives fault.Invalid for what no service sends.
func ParseAnswer(query string) (Answer, error) {
	values, err := url.ParseQuery(query)
	if err != nil || len(query) > queryBytesMax {
		return Answer{}, errAnswer()
	}
	var a Answer
	for _, field := range []struct {
		name     string
		into     *string
		bytesMax int
	}{{"state", &a.State, stateBytesMax}, {"code", &a.Code, codeBytesMax}, {"iss", &a.Issuer, issuerMax}, {"error", &a.Error, errorBytesMax}} {
		given := values[field.name]
		if len(given) > 1 || len(given) == 1 && (len(given[0]) > field.bytesMax || !printable(given[0])) {
			return Answer{}, errAnswer()
		}
		if len(given) == 1 {
			*field.into = given[0]
		}
	}
	if a.State == "" || (a.Code == "") == (a.Error == "") {
		return Answer{}, errAnswer()
	}
	return a, nil
}

func errAnswer() error {
	return fault.New(fault.Invalid, "This is not what a sign-in service sends people back with.")
}

func printable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// Answers says whether an answer is to what was asked with these secrets.
func (a Answer) Answers(secrets Secrets) bool {
	return secrets.State != "" && subtle.ConstantTimeCompare([]byte(a.State), []byte(secrets.State)) == 1
}
