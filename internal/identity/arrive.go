package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity/openid"
)

// Arrival is what becomes of somebody whom a service sent back.
type Arrival struct {
	SignedIn *SignedIn // a new session; nil where there is none
	Ticket   string    // what the browser keeps where only the second factor is missing, for FinishWithFactor; otherwise empty
	ReturnTo string    // a path of ours
}

// Arrive takes up a sign-in where a service has sent somebody back: with the query of that address, the ticket that their browser kept,
// and their session where they have one. It gives a *Trouble where that comes to nothing; nothing has changed then.
func (s *Service) Arrive(ctx context.Context, name, query, sealed string, session *Session, from Request) (Arrival, error) {
	service, err := s.service(name)
	if err != nil {
		return Arrival{}, err
	}
	// Each arrival asks others outside: nobody may cause that on and on.
	attempt, err := s.attempt(ctx, "", from)
	if err != nil {
		return Arrival{}, err
	}
	t, answer, why, err := s.redeem(ctx, service, query, sealed, session)
	if err != nil {
		return Arrival{}, err
	}
	if why != "" {
		trouble := s.troubled(ctx, service, t.Owner, TroubleOver, why, from)
		trouble.Linking = t.Errand != toSignIn && session != nil
		return Arrival{}, trouble
	}
	arrival, err := s.arrive(ctx, service, t, answer, session, from)
	if trouble, ok := errors.AsType[*Trouble](err); ok {
		trouble.Linking = t.Errand != toSignIn
		return Arrival{}, trouble
	}
	if err != nil {
		return Arrival{}, err
	}
	s.forgive(ctx, attempt)
	return arrival, nil
}

// readAnswer reads what a service sent the browser back with; ok is false for what no service sends.
func readAnswer(query string) (answer openid.Answer, ok bool) {
	answer, err := openid.ParseAnswer(query)
	return answer, err == nil
}

// redeem opens a ticket and uses it up; why is empty where an answer to it may be looked at.
func (s *Service) redeem(ctx context.Context, service *SignInService, query, sealed string, session *Session) (t ticket, answer openid.Answer, why string, err error) {
	answer, ok := readAnswer(query)
	if !ok {
		return t, answer, "answer", nil
	}
	t, ours, err := s.openTicket(sealed)
	switch {
	case err != nil:
		return t, answer, "", err
	case !ours || t.Service != service.Name || t.Subject != "":
		return ticket{}, answer, "ticket", nil
	case !answer.Answers(t.Secrets):
		return t, answer, string(openid.WrongState), nil
	case t.Errand != toSignIn && (session == nil || session.Owner != t.Owner):
		return t, answer, "session", nil
	}
	wait, err := s.store.TakeAttempts(ctx, s.now(), t.use())
	if err != nil {
		return t, answer, "", fmt.Errorf("use ticket: %w", err)
	}
	if wait > 0 {
		return t, answer, "used", nil
	}
	return t, answer, "", nil
}

// arrive finds out at the service who somebody is, and does what they went there for.
func (s *Service) arrive(ctx context.Context, service *SignInService, t ticket, answer openid.Answer, session *Session, from Request) (Arrival, error) {
	person, err := service.OpenID.Finish(ctx, t.Secrets, answer)
	if err != nil {
		return Arrival{}, s.disbelieve(ctx, service, t, err, from)
	}
	switch t.Errand {
	case toLink:
		return s.link(ctx, service, t, person, *session, from)
	case toStepUp:
		return s.stepUpAt(ctx, service, t, person, *session, from)
	}
	return s.signInAt(ctx, service, t, person, from)
}

// disbelieve turns the refusal of an answer into what the person is told.
func (s *Service) disbelieve(ctx context.Context, service *SignInService, t ticket, err error, from Request) error {
	refusal, refused := errors.AsType[*openid.Refusal](err)
	switch {
	case refused && refusal.Reason == openid.Declined:
		return s.troubled(ctx, service, t.Owner, TroubleDeclined, string(refusal.Reason), from)
	case refused:
		s.log.WarnContext(ctx, "the answer of a sign-in service is refused; look at its settings", "request_id", from.ID, "service", service.Name, "error", err)
		return s.troubled(ctx, service, t.Owner, TroubleUntrusted, string(refusal.Reason), from)
	case fault.Is(err, fault.Unavailable):
		s.log.WarnContext(ctx, "a sign-in service is not available", "request_id", from.ID, "service", service.Name, "error", err)
		return s.troubled(ctx, service, t.Owner, TroubleUnavailable, "unavailable", from)
	}
	return fmt.Errorf("finish sign-in: %w", err)
}

// signInAt signs in whom a service vouches for, and makes a user of somebody unknown where that is wanted.
func (s *Service) signInAt(ctx context.Context, service *SignInService, t ticket, person openid.Person, from Request) (Arrival, error) {
	owner, err := s.store.OwnerOfSubject(ctx, person.Issuer, person.Subject)
	var user User
	switch {
	case fault.Is(err, fault.NotFound):
		user, err = s.createAt(ctx, service, person, from)
	case err == nil:
		user, err = s.User(ctx, owner)
	}
	if err != nil {
		return Arrival{}, wrapUnlessTrouble("find linked user", err)
	}
	if user.Status != Active {
		return Arrival{}, s.troubled(ctx, service, user.ID, TroubleBarred, "barred", from)
	}
	t.Owner = user.ID
	vouched := service.SecondFactor && person.SecondFactor
	if !vouched {
		waiting, err := s.waitForFactor(ctx, t, person)
		if err != nil || waiting.Ticket != "" {
			return waiting, err
		}
	}
	signed, err := s.open(ctx, user, proof{service: service.Name, vouched: vouched}, from)
	if err != nil {
		return Arrival{}, err
	}
	return Arrival{SignedIn: &signed, ReturnTo: t.ReturnTo}, nil
}

func wrapUnlessTrouble(operation string, err error) error {
	if _, ok := errors.AsType[*Trouble](err); ok {
		return err
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// waitForFactor gives an arrival that waits for the second factor, where there is one; otherwise an empty one.
func (s *Service) waitForFactor(ctx context.Context, t ticket, person openid.Person) (Arrival, error) {
	f, err := s.store.SecondFactor(ctx, t.Owner)
	if err != nil {
		return Arrival{}, fmt.Errorf("read second factor: %w", err)
	}
	if !f.Any() {
		return Arrival{}, nil
	}
	t.Subject, t.At = person.Subject, s.now()
	sealed, err := s.sealTicket(t)
	return Arrival{Ticket: sealed, ReturnTo: t.ReturnTo}, err
}

// FinishWithFactor finishes what waits for the second factor. It gives NeedsCode for a wrong one, and to ask for it.
func (s *Service) FinishWithFactor(ctx context.Context, sealed string, second Second, session *Session, from Request) (SignedIn, error) {
	over := fault.New(fault.Unauthenticated, "This sign-in took too long. Begin again.")
	t, ours, err := s.openTicket(sealed)
	if err != nil {
		return SignedIn{}, err
	}
	service, err := s.service(t.Service)
	if !ours || err != nil || t.Subject == "" || t.Errand == toStepUp && (session == nil || session.Owner != t.Owner) {
		return SignedIn{}, over
	}
	// The link may have ended meanwhile.
	if owner, err := s.store.OwnerOfSubject(ctx, service.OpenID.Issuer(), t.Subject); err != nil || owner != t.Owner {
		return SignedIn{}, notFoundOr(err, over)
	}
	user, err := s.User(ctx, t.Owner)
	if err != nil || user.Status != Active {
		return SignedIn{}, notFoundOr(err, over)
	}
	proof, err := s.secondProof(ctx, user.ID, second, from)
	if err != nil {
		return SignedIn{}, err
	}
	if wait, err := s.store.TakeAttempts(ctx, s.now(), t.use()); err != nil || wait > 0 {
		return SignedIn{}, notFoundOr(err, over)
	}
	proof.service = service.Name
	if t.Errand == toStepUp {
		return s.step(ctx, user, *session, proof, from)
	}
	return s.open(ctx, user, proof, from)
}

// notFoundOr gives an error of the store, and where there is none or nothing was found what is said instead.
func notFoundOr(err error, otherwise error) error {
	if err == nil || fault.Is(err, fault.NotFound) {
		return otherwise
	}
	return err
}

// createAt makes a user of somebody whom nobody here knows, where the operator wants that: only with an address that the service has
// verified, and never one that is somebody's already. An address proves nothing about an account that exists.
func (s *Service) createAt(ctx context.Context, service *SignInService, person openid.Person, from Request) (User, error) {
	if !service.CreateUsers {
		return User{}, s.troubled(ctx, service, "", TroubleUnknown, "unknown", from)
	}
	email, err := NormalEmail(person.Email)
	if err != nil || !person.EmailVerified {
		return User{}, s.troubled(ctx, service, "", TroubleUnverified, "unverified", from)
	}
	if !service.welcome(email) {
		return User{}, s.troubled(ctx, service, "", TroubleUnknown, "email_domain", from)
	}
	name, err := CleanName(person.Name)
	if err != nil {
		name, _, _ = strings.Cut(email, "@")
	}
	user, err := s.newUser(NewUser{Email: email, Name: name, Role: service.Role}, Active)
	if err != nil {
		return User{}, fmt.Errorf("make user: %w", err)
	}
	user.ConfirmedAt = user.CreatedAt // the service has verified it
	link := LinkedSignIn{Owner: user.ID, Issuer: person.Issuer, Subject: person.Subject, Email: email, CreatedAt: user.CreatedAt}
	entry := audit.Entry{Actor: user.ID, Owner: user.ID, Action: audit.UserCreated, Object: string(user.ID), RequestID: from.ID, Result: "ok", Detail: from.Address}
	err = s.store.CreateLinkedUser(ctx, user, link, audit.Write{Audit: entry})
	if fault.Is(err, fault.Conflict) {
		return User{}, s.troubled(ctx, service, "", TroubleTaken, "email_taken", from)
	}
	if err != nil {
		return User{}, fmt.Errorf("create user: %w", err)
	}
	return user, nil
}

// link lets somebody who is signed in sign in at a service too.
func (s *Service) link(ctx context.Context, service *SignInService, t ticket, person openid.Person, session Session, from Request) (Arrival, error) {
	link := LinkedSignIn{Owner: session.Owner, Issuer: person.Issuer, Subject: person.Subject, CreatedAt: s.now()}
	if email, err := NormalEmail(person.Email); err == nil {
		link.Email = email // to be read, nothing more
	}
	entry := audit.Entry{Actor: session.Owner, Owner: session.Owner, Session: audit.SessionName(session.Hash), Action: audit.SignInLinked, Object: service.Name, RequestID: from.ID, Result: "ok", Detail: from.Address}
	mail, err := s.mailToOwner(ctx, session.Owner, audit.MailSignInLinked, service.Label)
	if err != nil {
		return Arrival{}, err
	}
	err = s.store.LinkSignIn(ctx, link, audit.Write{Audit: entry, Mail: mail})
	if fault.Is(err, fault.Conflict) {
		return Arrival{}, s.troubled(ctx, service, session.Owner, TroubleLinked, "linked", from)
	}
	if err != nil {
		return Arrival{}, fmt.Errorf("link sign-in: %w", err)
	}
	return Arrival{ReturnTo: t.ReturnTo}, nil
}

// stepUpAt takes a service's word that it asked again who somebody is, and gives their session a new secret.
func (s *Service) stepUpAt(ctx context.Context, service *SignInService, t ticket, person openid.Person, session Session, from Request) (Arrival, error) {
	owner, err := s.store.OwnerOfSubject(ctx, person.Issuer, person.Subject)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Arrival{}, fmt.Errorf("find linked user: %w", err)
	}
	if err != nil || owner != session.Owner {
		return Arrival{}, s.troubled(ctx, service, session.Owner, TroubleOther, "other_subject", from)
	}
	vouched := service.SecondFactor && person.SecondFactor
	if !vouched {
		waiting, err := s.waitForFactor(ctx, t, person)
		if err != nil || waiting.Ticket != "" {
			return waiting, err
		}
	}
	user, err := s.User(ctx, session.Owner)
	if err != nil {
		return Arrival{}, err
	}
	signed, err := s.step(ctx, user, session, proof{service: service.Name, vouched: vouched}, from)
	if err != nil {
		return Arrival{}, err
	}
	return Arrival{SignedIn: &signed, ReturnTo: t.ReturnTo}, nil
}
