package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity/openid"
	"folioscope/internal/ledger"
)

// SignInService is a service of OpenID Connect that people may sign in with, as the operator set it.
type SignInService struct {
	Name   string // small letters and digits
	Label  string // as people read it
	OpenID *openid.Service

	CreateUsers  bool     // whoever is unknown becomes a user
	Role         Role     // of these
	EmailDomains []string // of these, in lower case; empty: all
	SecondFactor bool     // a second factor that was shown there counts here
	SignOut      bool     // signing out here goes on there
}

// Trouble is the error of a sign-in at a service that came to nothing.
type Trouble struct {
	Kind    TroubleKind
	Service string // its name
	Linking bool   // somebody wanted to link it, or to show again who they are: they are signed in
	cause   *fault.Error
}

// TroubleKind is what somebody can do about it.
type TroubleKind string

// The kinds of trouble.
const (
	TroubleUnavailable TroubleKind = "unavailable" // later
	TroubleDeclined    TroubleKind = "declined"    // nothing: it was their choice
	TroubleOver        TroubleKind = "over"        // begin again
	TroubleUntrusted   TroubleKind = "untrusted"   // tell whoever runs the service
	TroubleUnknown     TroubleKind = "unknown"     // sign in and link
	TroubleUnverified  TroubleKind = "unverified"  // have the address verified there
	TroubleTaken       TroubleKind = "taken"       // sign in and link
	TroubleLinked      TroubleKind = "linked"      // nothing: it is somebody's
	TroubleOther       TroubleKind = "other"       // take the one that is linked
	TroubleBarred      TroubleKind = "barred"      // ask an administrator
)

// Error is a sentence that is safe to show.
func (t *Trouble) Error() string { return t.cause.Error() }

// Unwrap gives the fault.
func (t *Trouble) Unwrap() error { return t.cause }

// troubles are what is said of each kind; %s is the service's label.
var troubles = map[TroubleKind]struct {
	kind fault.Kind
	text string
}{
	TroubleUnavailable: {fault.Unavailable, "Sign-in with %s is not available at the moment. Try again later, or sign in another way."},
	TroubleDeclined:    {fault.Unauthenticated, "%s did not sign you in. Try again, or sign in another way."},
	TroubleOver:        {fault.Unauthenticated, "This sign-in with %s took too long, was used already or was begun in another browser. Begin again."},
	TroubleUntrusted:   {fault.Unauthenticated, "The answer of %s can't be trusted, so nobody was signed in. Tell whoever runs this server."},
	TroubleUnknown:     {fault.Unauthenticated, "No account here is linked with this sign-in at %s. Sign in another way first, then link it under Account and security."},
	TroubleUnverified:  {fault.Unauthenticated, "%s has no verified e-mail address of yours, so no account can be made. Have it verified there, or ask for an invitation here."},
	TroubleTaken:       {fault.Conflict, "There is an account with your e-mail address already. Sign in to it another way first, then link %s under Account and security."},
	TroubleLinked:      {fault.Conflict, "This sign-in at %s is linked to an account already."},
	TroubleOther:       {fault.Denied, "This is not the sign-in at %s that is linked to your account."},
	TroubleBarred:      {fault.Denied, "The account that is linked with this sign-in at %s may not be used. Ask an administrator."},
}

func (service *SignInService) trouble(kind TroubleKind) *Trouble {
	said := troubles[kind]
	return &Trouble{Kind: kind, Service: service.Name, cause: fault.New(said.kind, said.text, service.Label)}
}

// troubled records why a sign-in came to nothing and gives what the person is told. Why is for auditors: a word that names nobody.
func (s *Service) troubled(ctx context.Context, service *SignInService, owner ledger.OwnerID, kind TroubleKind, why string, from Request) *Trouble {
	trouble := service.trouble(kind)
	entry := audit.Entry{Owner: owner, Action: audit.ServiceRefused, Object: service.Name + " " + why, RequestID: from.ID, Result: string(trouble.cause.Kind), Detail: from.Address}
	if err := s.store.RecordAudit(ctx, entry); err != nil {
		// The person is refused in any case; what is missing is the row.
		s.log.ErrorContext(ctx, "a refusal is missing in the audit log", "request_id", from.ID, "error", err)
	}
	return trouble
}

// SignInServices are the services that people may sign in with, in the order in which they are shown.
func (s *Service) SignInServices() []SignInService { return s.services }

func (s *Service) service(name string) (*SignInService, error) {
	at := slices.IndexFunc(s.services, func(service SignInService) bool { return service.Name == name })
	if at < 0 {
		return nil, fault.New(fault.NotFound, "There is no such sign-in service.")
	}
	return &s.services[at], nil
}

// serviceOf is the service of an issuer, nil where there is none.
func (s *Service) serviceOf(issuer string) *SignInService {
	at := slices.IndexFunc(s.services, func(service SignInService) bool { return service.OpenID.Issuer() == issuer })
	if at < 0 {
		return nil
	}
	return &s.services[at]
}

// Begun is a sign-in that goes on at a service.
type Begun struct {
	Address string // where the browser goes
	Ticket  string // what it keeps meanwhile
}

// BeginSignIn sends somebody to a service to sign in; afterwards they are sent to returnTo, a path of ours.
func (s *Service) BeginSignIn(ctx context.Context, name, returnTo string, from Request) (Begun, error) {
	return s.begin(ctx, name, ticket{Errand: toSignIn, ReturnTo: returnTo}, from)
}

// BeginLink sends somebody who is signed in to a service to link their sign-in there.
func (s *Service) BeginLink(ctx context.Context, session Session, name, returnTo string, from Request) (Begun, error) {
	return s.begin(ctx, name, ticket{Errand: toLink, ReturnTo: returnTo, Owner: session.Owner}, from)
}

// BeginStepUp sends somebody who is signed in to a service to show again who they are, instead of giving the password.
func (s *Service) BeginStepUp(ctx context.Context, session Session, name, returnTo string, from Request) (Begun, error) {
	return s.begin(ctx, name, ticket{Errand: toStepUp, ReturnTo: returnTo, Owner: session.Owner}, from)
}

func (s *Service) begin(ctx context.Context, name string, t ticket, from Request) (Begun, error) {
	if !LocalPath(t.ReturnTo) {
		return Begun{}, fault.At("return_to", "This is not a page of this site.")
	}
	service, err := s.service(name)
	if err != nil {
		return Begun{}, err
	}
	var address string
	address, t.Secrets, err = service.OpenID.Begin(ctx, t.Errand == toStepUp)
	if fault.Is(err, fault.Unavailable) {
		s.log.WarnContext(ctx, "a sign-in service is not available", "service", name, "error", err)
		return Begun{}, s.troubled(ctx, service, t.Owner, TroubleUnavailable, "unavailable", from)
	}
	if err != nil {
		return Begun{}, fmt.Errorf("begin sign-in: %w", err)
	}
	t.Service, t.At = name, s.now()
	sealed, err := s.sealTicket(t)
	if err != nil {
		return Begun{}, err
	}
	return Begun{Address: address, Ticket: sealed}, nil
}

// SignOutAddress is where somebody whose session has ended signs out at the service that they came through; empty where that isn't
// wanted. The service sends them back to returnTo, a whole address.
func (s *Service) SignOutAddress(ctx context.Context, session Session, returnTo string) string {
	service, err := s.service(session.Service)
	if err != nil || !service.SignOut {
		return ""
	}
	return service.OpenID.SignOutAddress(ctx, returnTo)
}

// welcome says whether somebody unknown with this address becomes a user.
func (service *SignInService) welcome(email string) bool {
	_, domain, _ := strings.Cut(email, "@")
	return len(service.EmailDomains) == 0 || slices.Contains(service.EmailDomains, domain)
}
