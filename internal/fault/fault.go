// Package fault names the kinds of error that a caller can act on, each with a message that is safe to show.
//
// An error without a kind is internal: users see a bland sentence and operators the whole chain.
// The package never maps kinds to a protocol; httpapi holds the only table that does.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what a caller can do about an error.
type Kind string

// The kinds. Internal is the kind of every error that has no other.
const (
	Invalid         Kind = "invalid"         // the input is wrong; change it
	Unauthenticated Kind = "unauthenticated" // sign in first
	Denied          Kind = "denied"          // signed in, but not allowed
	NotFound        Kind = "not_found"       // no such thing, or not the caller's
	Conflict        Kind = "conflict"        // it exists already, or is in flight
	Stale           Kind = "stale"           // the caller's version is not the newest; read again
	TooLarge        Kind = "too_large"       // over a stated bound
	Limited         Kind = "limited"         // too often; later
	Unavailable     Kind = "unavailable"     // a dependency is down; later
	Internal        Kind = "internal"        // ours to mend
)

// Place is one spot of the input with what is wrong there.
type Place struct {
	Location string // such as "activities[3].quantity" or "row 7, quantity"
	Message  string // a sentence without the operation, safe to show
}

// Error is an error of a known kind.
type Error struct {
	Kind    Kind
	Message string  // safe to show
	Places  []Place // for Invalid: where; may be empty
	Cause   error   // for operators; never shown
}

// Error gives the operators' text: the message, then the cause.
func (e *Error) Error() string {
	text := e.Message
	if len(e.Places) == 1 {
		text = e.Places[0].Location + ": " + e.Places[0].Message
	}
	if e.Cause != nil {
		return text + ": " + e.Cause.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes an error of a kind with a message that is safe to show.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// At makes an Invalid error that names one place of the input.
func At(location, format string, args ...any) *Error {
	message := fmt.Sprintf(format, args...)
	return &Error{Kind: Invalid, Message: message, Places: []Place{{Location: location, Message: message}}}
}

// Wrap gives a cause a kind and a message that is safe to show.
func Wrap(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// KindOf is the kind of the first *Error in the chain, Internal where there is none, and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is says whether an error is of a kind.
func Is(err error, kind Kind) bool { return KindOf(err) == kind }
