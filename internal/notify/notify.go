// Package notify tells people things: by mail what happens to their account, and by channels of their own choice what they asked to be
// told of.
//
// It owns the words, in their reader's locale and privacy; the conversation with the mail server, and what each kind of channel wants; when
// a message is due, tried again or given up. What is to be told comes in a change's own transaction, so nothing is told that didn't happen.
// Jobs name owner, message and channel alone: address, text and secrets lie sealed in rows. The package never decides who is told what,
// and never opens a connection but to the mail server: requests go out by a client that was passed in.
//
//	waiting ──> sent
//	   ^  │
//	   └──┤ the other side was busy, not there, or not as it should be: again, for a day at most
//	      └──> dead   refused for good, or a day passed
package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/jobs"
	"folioscope/internal/ledger"
)

const (
	tryFor      = 24 * time.Hour
	sendWaitMax = 45 * time.Second // one conversation with the mail server; less than a job may take
)

// JobKind is the kind of job that sends one mail.
const JobKind = "mail.send"

// AttemptsMax bounds the runs of such a job: the queue tries every five minutes at most, so that the day is over first.
const AttemptsMax = 1000

// JobArguments is all that a job knows.
type JobArguments struct {
	Owner ledger.OwnerID `json:"owner"`
	ID    string         `json:"id"`
}

// State is where a delivery stands.
type State string

// The states; see the picture in the package comment.
const (
	Waiting State = "waiting"
	Sent    State = "sent"
	Dead    State = "dead"
)

// Outcome is how the last try to send a mail ended.
type Outcome string

// The outcomes. Only OutcomeRefused is final.
const (
	OutcomeSent        Outcome = "sent"
	OutcomeBusy        Outcome = "busy"         // the server said to come back later
	OutcomeRefused     Outcome = "refused"      // the server won't have this mail, such as for an address that isn't there
	OutcomeSignIn      Outcome = "sign_in"      // the server doesn't take our name and password
	OutcomeUnreachable Outcome = "unreachable"  // nobody answers there, too slowly, or not as a mail server does
	OutcomeUnprotected Outcome = "unprotected"  // no TLS, a certificate that doesn't hold, or no way to sign in
	OutcomeOff         Outcome = "switched_off" // there is no mail server in the settings any more
	OutcomeForbidden   Outcome = "forbidden"    // the address leads where no message may go
	OutcomeGone        Outcome = "gone"         // the receiver says that it is there no more
	OutcomeDropped     Outcome = "dropped"      // the channel is off, or its owner is nobody to be told any more
)

// Outcomes is every outcome.
func Outcomes() []Outcome {
	return []Outcome{OutcomeSent, OutcomeBusy, OutcomeRefused, OutcomeSignIn, OutcomeUnreachable, OutcomeUnprotected, OutcomeOff}
}

// Delivery is one mail on its way.
type Delivery struct {
	Owner     ledger.OwnerID
	ID        string
	State     State
	Outcome   Outcome // of the last try; empty before the first
	Tries     int
	CreatedAt time.Time
	TriedAt   time.Time
	Mail      audit.Mail // only its kind once it is sent or dead
}

// Overview is how mail stands, for operators.
type Overview struct {
	Waiting, Dead int
	Troubled      []Delivery // not sent after at least one try, the newest first; without what is sealed
}

// Store keeps deliveries.
type Store interface {
	// Delivery reads one with what is sealed in it; fault.NotFound where there is none.
	Delivery(ctx context.Context, owner ledger.OwnerID, id string) (Delivery, error)
	// SettleDelivery notes a try. What is sealed goes away unless the state is Waiting.
	SettleDelivery(ctx context.Context, owner ledger.OwnerID, id string, state State, outcome Outcome, at time.Time) error
}

// Sender hands a letter to a mail server. Its errors are *SendError.
type Sender interface {
	Send(ctx context.Context, letter Letter) (said string, err error)
}

// SendError says why a letter was not taken.
type SendError struct {
	Outcome Outcome
	Cause   error // may name the address
}

// Error is for operators.
func (e *SendError) Error() string { return e.Outcome.Sentence() + ": " + e.Cause.Error() }

// Unwrap gives the cause.
func (e *SendError) Unwrap() error { return e.Cause }

// Sentence says what an outcome means, and what an operator can do.
func (o Outcome) Sentence() string {
	switch o {
	case OutcomeSent:
		return "The mail server has taken the mail."
	case OutcomeBusy:
		return "The mail server asks to come back later; nothing has to be done."
	case OutcomeRefused:
		return "The mail server refuses this mail for good: look whether address and sender are right."
	case OutcomeSignIn:
		return "The mail server doesn't take the sign-in: check smtp.username and smtp.password."
	case OutcomeUnprotected:
		return "The mail server offers no protected connection, or no way to sign in on it: check smtp.host, smtp.port and smtp.tls."
	case OutcomeOff:
		return "There is no mail server in the settings: set smtp.host."
	}
	return "The mail server doesn't answer: check smtp.host, smtp.port and the network."
}

// Options are what a Service is made of.
type Options struct {
	Store  Store
	Sender Sender // nil: none is configured; what waits is kept for its day
	Origin string // what links begin with, such as https://folio.example
	Now    func() time.Time
	Log    *slog.Logger
}

// Service sends what waits. It is safe for concurrent use.
type Service struct {
	o Options

	mu    sync.Mutex
	tries map[Outcome]uint64
}

// New makes a Service.
func New(o Options) *Service {
	o.Origin = strings.TrimSuffix(o.Origin, "/")
	return &Service{o: o, tries: map[Outcome]uint64{}}
}

// Kinds are the kinds of jobs that it works on.
func (s *Service) Kinds() []jobs.Kind {
	return []jobs.Kind{{Name: JobKind, AttemptsMax: AttemptsMax, Work: s.work}}
}

// Tries is how many tries of this node ended how since it started.
func (s *Service) Tries() map[Outcome]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[Outcome]uint64, len(s.tries))
	for _, o := range Outcomes() {
		out[o] = s.tries[o]
	}
	return out
}

// work is one try of one mail. An error makes the queue try again.
func (s *Service) work(ctx context.Context, job jobs.Job) error {
	var named JobArguments
	if err := json.Unmarshal(job.Arguments, &named); err != nil {
		return fmt.Errorf("read arguments: %w", err)
	}
	d, err := s.o.Store.Delivery(ctx, named.Owner, named.ID)
	if fault.Is(err, fault.NotFound) || err == nil && d.State != Waiting {
		return nil // its owner is gone, or another run has sent it
	}
	if err != nil {
		return fmt.Errorf("read delivery: %w", err)
	}
	outcome := s.try(ctx, d)
	s.count(outcome)
	state := after(d, outcome, s.o.Now())
	if err := s.o.Store.SettleDelivery(ctx, d.Owner, d.ID, state, outcome, s.o.Now()); err != nil {
		return fmt.Errorf("settle delivery: %w", err)
	}
	switch state {
	case Sent:
		return nil
	case Dead:
		s.o.Log.ErrorContext(ctx, "a mail is given up", "delivery", d.ID, "kind", d.Mail.Kind, "outcome", outcome, "hint", outcome.Sentence())
		return nil
	}
	return fault.New(fault.Unavailable, "%s", outcome.Sentence())
}

// after is where a try leaves a delivery.
func after(d Delivery, outcome Outcome, now time.Time) State {
	switch {
	case outcome == OutcomeSent:
		return Sent
	case outcome == OutcomeRefused || now.Sub(d.CreatedAt) >= tryFor:
		return Dead
	}
	return Waiting
}

func (s *Service) try(ctx context.Context, d Delivery) Outcome {
	if s.o.Sender == nil {
		return OutcomeOff
	}
	ctx, cancel := context.WithTimeout(ctx, sendWaitMax)
	defer cancel()
	_, err := s.o.Sender.Send(ctx, Compose(d.Mail, d.ID, s.o.Origin, d.CreatedAt))
	outcome := outcomeOf(err)
	if outcome == OutcomeSignIn || outcome == OutcomeUnprotected {
		// The operator's to mend, and only theirs. The server's own words stay out of the log: they may quote the address.
		s.o.Log.ErrorContext(ctx, "mail can't be sent until the settings are mended", "outcome", outcome, "hint", outcome.Sentence())
	}
	return outcome
}

func (s *Service) count(o Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries[o]++
}
