package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// statusOf is the only table from kinds of error to HTTP.
var statusOf = map[fault.Kind]int{
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Denied:          http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Stale:           http.StatusPreconditionFailed,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Limited:         http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
	fault.Internal:        http.StatusInternalServerError,
}

// What is said where an error has no message that is safe to show.
const (
	internalDetail    = "Something went wrong on our side. It has been logged under the request id."
	unavailableDetail = "The service is busy or starting. Try again in a moment."
	errorsShownMax    = 100              // places named in one answer
	retrySeconds      = 2                // where nothing better is known
	problemType       = "about:blank"    // titles and codes say all there is to say
	retryHorizonMax   = 15 * time.Minute // never send anybody away for longer
)

// Place is one spot of the request with what is wrong there.
type Place struct {
	Location string `json:"location" doc:"Where, such as activities[3].quantity"`
	Message  string `json:"message" doc:"A sentence to show"`

	ActivityID string `json:"activity_id,omitempty" doc:"Where a recorded activity is in the way: which"`
}

// Problem is every error answer (RFC 9457).
type Problem struct {
	Type       string       `json:"type" doc:"Always about:blank: code says which kind it is"`
	Title      string       `json:"title"`
	Status     int          `json:"status"`
	Detail     string       `json:"detail" doc:"A sentence to show"`
	Code       string       `json:"code" enum:"invalid,unauthenticated,denied,not_found,conflict,stale,too_large,limited,unavailable,internal"`
	RequestID  string       `json:"request_id" doc:"To name when asking for help"`
	Errors     []Place      `json:"errors,omitempty"`
	Candidates []Instrument `json:"candidates,omitempty" doc:"Where a symbol is ambiguous: what it may mean"`
	Existing   *Instrument  `json:"existing,omitempty" doc:"Where an instrument exists already: that one"`

	SecondFactor string       `json:"second_factor,omitempty" enum:"required,enrol" doc:"required: a code or a passkey is needed. enrol: a second factor has to be set up first"`
	StepUp       string       `json:"step_up,omitempty" enum:"password,password_and_code" doc:"What POST /api/v1/session/step-up has to be given before this is done"`
	Passkey      *browserJSON `json:"passkey,omitempty" doc:"What to ask a passkey with, where one does in place of the code, or of password and code to step up: PublicKeyCredentialRequestOptionsJSON"`

	retryAfter time.Duration
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders is what goes with the answer.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	p.setHeaders(h)
	return h
}

// ContentType is that of problems.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func (p *Problem) setHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	if p.retryAfter > 0 {
		seconds := math.Ceil(min(p.retryAfter, retryHorizonMax).Seconds())
		h.Set("Retry-After", strconv.Itoa(int(seconds)))
	}
}

func newProblem(kind fault.Kind, detail string) *Problem {
	status := statusOf[kind]
	return &Problem{Type: problemType, Title: http.StatusText(status), Status: status, Detail: detail, Code: string(kind)}
}

// ambiguous is an error that offers what a symbol may mean.
type ambiguous struct {
	fault      *fault.Error
	candidates []Instrument
	existing   *Instrument
}

func (e *ambiguous) Error() string { return e.fault.Error() }
func (e *ambiguous) Unwrap() error { return e.fault }

// hindered is a refusal of one field because of a recorded activity.
type hindered struct {
	fault    *fault.Error
	activity ledger.ActivityID
}

func (e *hindered) Error() string { return e.fault.Error() }
func (e *hindered) Unwrap() error { return e.fault }

// statusClientGone is what logs and metrics show of a request that its client didn't wait for, as nginx has it: no fault of the service.
const statusClientGone = 499

// problemOf turns any error into what is answered. What has no kind is logged in full and answered blandly.
func (s *Server) problemOf(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.with(ctx)
	}
	kind, detail := fault.KindOf(err), internalDetail
	var places []fault.Place
	if e, ok := errors.AsType[*fault.Error](err); ok {
		detail, places = e.Message, e.Places
	}
	if kind == fault.Internal && errors.Is(err, context.DeadlineExceeded) {
		kind, detail = fault.Unavailable, unavailableDetail
	}
	if _, known := statusOf[kind]; !known {
		kind, detail = fault.Internal, internalDetail
	}
	clientGone := kind == fault.Internal && errors.Is(err, context.Canceled) && ctx.Err() != nil
	switch {
	case clientGone: // nobody reads the answer, and nothing of ours is broken
	case kind == fault.Internal || kind == fault.Unavailable:
		s.log.ErrorContext(ctx, "request failed", "request_id", callOf(ctx).id, "route", callOf(ctx).route.pattern(), "error", err)
	}
	if len(places) > 0 {
		detail = placed(places[0].Location, detail)
	}
	p := newProblem(kind, sentence(detail))
	if clientGone {
		p.Status, p.Title = statusClientGone, "Client Closed Request"
	}
	for _, place := range places[:min(len(places), errorsShownMax)] {
		p.Errors = append(p.Errors, Place{Location: place.Location, Message: sentence(place.Message)})
	}
	if kind == fault.Unavailable {
		p.retryAfter = retrySeconds * time.Second
	}
	if e, ok := errors.AsType[*identity.TooOften](err); ok {
		p.retryAfter = e.Wait
	}
	if e, ok := errors.AsType[*identity.NeedsCode](err); ok {
		p.SecondFactor = factorRequired
		if e.Passkey != nil {
			p.Passkey = &browserJSON{e.Passkey}
		}
	}
	if e, ok := errors.AsType[*ambiguous](err); ok {
		p.Candidates, p.Existing = e.candidates, e.existing
	}
	if e, ok := errors.AsType[*hindered](err); ok {
		p.Errors[0].ActivityID = string(e.activity)
	}
	return p.with(ctx)
}

func (p *Problem) with(ctx context.Context) *Problem {
	p.RequestID = callOf(ctx).id
	return p
}

// fail answers with an error, for handlers written by hand.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.problemOf(r.Context(), err).write(w)
}

func (p *Problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil {
		panic("httpapi: a problem can't be written: " + err.Error()) // strings and ints always can
	}
	h := w.Header()
	p.setHeaders(h)
	h.Del("ETag")
	h.Set("Content-Type", p.ContentType(""))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the client may have gone; there is nobody to tell
}

// fromHuma turns the validator's errors into ours: same places, no values echoed.
func fromHuma(ctx huma.Context, _ string, value any) (any, error) {
	m, ok := value.(*huma.ErrorModel)
	if !ok {
		return value, nil
	}
	kind := fault.Invalid
	for k, status := range statusOf {
		if status == m.Status {
			kind = k
		}
	}
	p := newProblem(kind, "The request can't be used as it is.")
	p.Status, p.Title = m.Status, http.StatusText(m.Status)
	switch m.Status {
	case http.StatusBadRequest:
		p.Detail = "The request can't be read."
	case http.StatusInternalServerError:
		p.Detail = internalDetail
	case http.StatusRequestEntityTooLarge:
		p.Detail = "The request is too large."
	}
	for _, e := range m.Errors[:min(len(m.Errors), errorsShownMax)] {
		p.Errors = append(p.Errors, Place{Location: placeOf(e.Location), Message: sentence(messageOf(e.Message))})
	}
	if len(p.Errors) > 0 && p.Status != http.StatusInternalServerError {
		first := p.Errors[0]
		p.Detail = sentence(strings.TrimPrefix(first.Location+": "+first.Message, ": "))
	}
	return p.with(ctx.Context()), nil
}

// placed makes a sentence of what follows the place in a detail.
func placed(location, detail string) string {
	if rest, ok := strings.CutPrefix(detail, location+": "); ok && location != "" {
		return location + ": " + sentence(rest)
	}
	return detail
}

// sentence is a message as people are shown it: with a capital and a full stop. Packages below write errors in Go's way, without
// either. A first word that isn't all plain small letters is a name, such as a symbol or a field's, and stays as it is.
func sentence(message string) string {
	message = strings.TrimSpace(message)
	if message == "" {
		return ""
	}
	first, _, _ := strings.Cut(message, " ")
	if strings.Trim(first, "abcdefghijklmnopqrstuvwxyz") == "" {
		message = strings.ToUpper(message[:1]) + message[1:]
	}
	if !strings.HasSuffix(message, ".") && !strings.HasSuffix(message, "!") && !strings.HasSuffix(message, "?") {
		message += "."
	}
	return message
}

// placeOf drops where in the request a field was, which the caller knows: "body.activities[3].price" is "activities[3].price".
func placeOf(location string) string {
	for _, in := range []string{"body.", "query.", "path.", "header."} {
		if rest, ok := strings.CutPrefix(location, in); ok {
			return rest
		}
	}
	return location
}

// messageOf says in our words what the validator says most often.
func messageOf(message string) string {
	switch {
	case message == "expected string":
		return "not a string: numbers, too, are written as strings, \"12.50\""
	case message == "unexpected property":
		return "unknown field"
	case strings.HasPrefix(message, "expected string to match pattern "+decimalPattern):
		return "not a number: a plain decimal such as \"-12.50\" is expected"
	case strings.Contains(message, "expected string to match pattern"):
		return "not in the expected form"
	case strings.HasPrefix(message, "expected required property "):
		name := strings.TrimSuffix(strings.TrimPrefix(message, "expected required property "), " to be present")
		return "needed field " + name + " is missing"
	}
	return message
}
