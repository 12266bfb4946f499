package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"folioscope/internal/access"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// Signing in at other services (OpenID Connect). People go there with a ticket in a cookie and come back to a route of their own, which
// answers a browser with the page to go on with, and everybody else with a problem.

// signInServices is what these routes want of identity.
type signInServices interface {
	SignInServices() []identity.SignInService
	BeginSignIn(ctx context.Context, service, returnTo string, from identity.Request) (identity.Begun, error)
	BeginLink(ctx context.Context, session identity.Session, service, returnTo string, from identity.Request) (identity.Begun, error)
	BeginStepUp(ctx context.Context, session identity.Session, service, returnTo string, from identity.Request) (identity.Begun, error)
	Arrive(ctx context.Context, service, query, ticket string, session *identity.Session, from identity.Request) (identity.Arrival, error)
	FinishWithFactor(ctx context.Context, ticket string, second identity.Second, session *identity.Session, from identity.Request) (identity.SignedIn, error)
	LinkedSignIns(ctx context.Context, owner ledger.OwnerID) ([]identity.LinkedAt, error)
	UnlinkSignIn(ctx context.Context, session identity.Session, id string, from identity.Request) error
	SignOutAddress(ctx context.Context, session identity.Session, returnTo string) string
}

// Cookies that hold a ticket, named as the session's are.
const (
	secureTicketCookie = "__Host-folioscope-ticket"
	plainTicketCookie  = "folioscope-ticket"
)

// Pages that somebody who comes back goes to.
const (
	signInPage  = "/sign-in"
	accountPage = "/account"
	codePage    = "/sign-in/code"
)

// SignInServiceItem is a service that people may sign in with.
type SignInServiceItem struct {
	Name  string `json:"name"`
	Label string `json:"label" doc:"As people read it"`
}

// SignInServices is a list of them.
type SignInServices struct {
	Items []SignInServiceItem `json:"items" nullable:"false"`
}

// Begun says where a sign-in goes on.
type Begun struct {
	Address string `json:"address" doc:"At the service; the browser goes there"`
}

// LinkedSignIn is what somebody signs in with at another service.
type LinkedSignIn struct {
	ID        string    `json:"id"`
	Service   string    `json:"service" doc:"Its name; empty where it is no longer offered here"`
	Label     string    `json:"label"`
	Email     string    `json:"email" doc:"As the service had it when it was linked; may be empty, and decides nothing"`
	CreatedAt time.Time `json:"created_at"`
}

// LinkedSignIns is a list of them.
type LinkedSignIns struct {
	Items []LinkedSignIn `json:"items" nullable:"false"`
}

type beginInput struct {
	Name string `path:"name" maxLength:"20"`
	Body struct {
		ReturnTo string `json:"return_to,omitempty" maxLength:"512" doc:"A path of this site to be sent to afterwards; the overview if left out"`
	}
}

type factorInput struct {
	Body struct {
		TOTP    string       `json:"totp,omitempty" maxLength:"40" doc:"What the authenticator app shows, or a recovery code. Without it the answer says what to show"`
		Passkey *browserJSON `json:"passkey,omitempty" doc:"Or the answer of a passkey to the problem's passkey: AuthenticationResponseJSON"`
	}
}

type linkPath struct {
	Link string `path:"link" maxLength:"64"`
}

type begunOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      Begun
}

func (s *Server) addSignInServiceRoutes() {
	const tag = "Sign-in services"
	typed(s, route{method: "GET", path: "/api/v1/oidc", class: classRead, action: access.SignIn, tag: tag, summary: "Services that people may sign in with"}, http.StatusOK, s.listSignInServices)
	typed(s, route{method: "POST", path: "/api/v1/oidc/{name}", class: classChange, action: access.SignIn, tag: tag, summary: "Begin to sign in at a service"}, http.StatusOK,
		func(ctx context.Context, in *beginInput) (*begunOutput, error) {
			return s.begun(s.identity.BeginSignIn(ctx, in.Name, in.returnTo("/"), callOf(ctx).from()))
		})
	s.written(route{method: "GET", path: "/api/v1/oidc/{name}/callback", class: classChange, action: access.SignIn, tag: tag, summary: "Where a service sends people back"},
		huma.Operation{Responses: map[string]*huma.Response{"303": {Description: "To the page to go on with"}}}, s.arrive)
	typed(s, route{method: "POST", path: "/api/v1/session/code", class: classChange, action: access.SignIn, bodyBytesMax: passkeyBytesMax, tag: tag, summary: "Show the second factor after a sign-in service"}, http.StatusOK, s.finishWithFactor)
	typed(s, route{method: "POST", path: "/api/v1/session/step-up/{name}", class: classChange, action: access.StepUp, tag: tag, summary: "Begin to show at a service who you are again"}, http.StatusOK,
		func(ctx context.Context, in *beginInput) (*begunOutput, error) {
			c := callOf(ctx)
			return s.begun(s.identity.BeginStepUp(ctx, c.session, in.Name, in.returnTo(accountPage), c.from()))
		})
	typed(s, route{method: "GET", path: "/api/v1/me/sign-ins", class: classRead, action: access.ReadAccount, tag: tag, summary: "What you sign in with at services"}, http.StatusOK, s.listLinkedSignIns)
	typed(s, route{method: "POST", path: "/api/v1/me/sign-ins/{name}", class: classChange, action: access.ChangeAccount, stepUp: true, tag: tag, summary: "Begin to link your sign-in at a service"}, http.StatusOK,
		func(ctx context.Context, in *beginInput) (*begunOutput, error) {
			c := callOf(ctx)
			return s.begun(s.identity.BeginLink(ctx, c.session, in.Name, in.returnTo(accountPage), c.from()))
		})
	typed(s, route{method: "DELETE", path: "/api/v1/me/sign-ins/{link}", class: classChange, action: access.ChangeAccount, stepUp: true, tag: tag, summary: "Unlink a sign-in; sessions that were opened with it end"}, http.StatusNoContent,
		func(ctx context.Context, in *linkPath) (*none, error) {
			c := callOf(ctx)
			return s.endedOr(ctx, s.identity.UnlinkSignIn(ctx, c.session, in.Link, c.from()))
		})
}

// returnTo is where somebody goes afterwards.
func (in *beginInput) returnTo(otherwise string) string {
	if in.Body.ReturnTo == "" {
		return otherwise
	}
	return in.Body.ReturnTo
}

// finishWithFactor ends what began at a service and waits for a second factor only.
func (s *Server) finishWithFactor(ctx context.Context, in *factorInput) (*signedInOutput, error) {
	c := callOf(ctx)
	session, err := s.sessionIfAny(ctx)
	if err != nil {
		return nil, err
	}
	signed, err := s.identity.FinishWithFactor(ctx, c.ticket, secondOf(in.Body.TOTP, in.Body.Passkey), session, c.from())
	if err != nil {
		return nil, err
	}
	s.sessions.forgetAll(signed.User.ID)
	out, err := s.signedIn(signed, nil)
	if err == nil {
		out.SetCookie = append(out.SetCookie, s.ticketCookie("")) // it was used
	}
	return out, err
}

func (s *Server) listSignInServices(context.Context, *none) (*answer[SignInServices], error) {
	out := SignInServices{Items: []SignInServiceItem{}}
	for _, service := range s.identity.SignInServices() {
		out.Items = append(out.Items, SignInServiceItem{Name: service.Name, Label: service.Label})
	}
	return &answer[SignInServices]{out}, nil
}

func (s *Server) listLinkedSignIns(ctx context.Context, _ *none) (*answer[LinkedSignIns], error) {
	links, err := s.identity.LinkedSignIns(ctx, callOf(ctx).owner())
	if err != nil {
		return nil, err
	}
	out := LinkedSignIns{Items: make([]LinkedSignIn, 0, len(links))}
	for _, link := range links {
		out.Items = append(out.Items, LinkedSignIn{ID: link.ID(), Service: link.Service, Label: link.Label, Email: link.Email, CreatedAt: link.CreatedAt.UTC()})
	}
	return &answer[LinkedSignIns]{out}, nil
}

func (s *Server) begun(begun identity.Begun, err error) (*begunOutput, error) {
	if err != nil {
		return nil, err
	}
	return &begunOutput{SetCookie: s.ticketCookie(begun.Ticket), Body: Begun{begun.Address}}, nil
}

// ticketCookie keeps a ticket, or forgets it where it is empty. It has to come along when another site sends somebody back: SameSite=Lax.
func (s *Server) ticketCookie(ticket string) http.Cookie {
	cookie := s.cookie(ticket, identity.TicketAgeMax)
	cookie.Name = s.ticketCookieName()
	return cookie
}

func (s *Server) ticketCookieName() string {
	if s.options.Secure {
		return secureTicketCookie
	}
	return plainTicketCookie
}

// arrive takes up a sign-in where a service sent somebody back.
func (s *Server) arrive(w http.ResponseWriter, r *http.Request) {
	ctx, c := r.Context(), callOf(r.Context())
	session, err := s.sessionIfAny(ctx)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	arrival, err := s.identity.Arrive(ctx, r.PathValue("name"), r.URL.RawQuery, c.ticket, session, c.from())
	next := s.ticketCookie(arrival.Ticket)
	http.SetCookie(w, &next)
	switch {
	case err != nil:
		s.unarrived(w, r, err)
		return
	case arrival.Ticket != "":
		redirectTo(w, codePage+"?"+url.Values{"to": {arrival.ReturnTo}}.Encode())
		return
	case arrival.SignedIn != nil:
		s.sessions.forgetAll(arrival.SignedIn.User.ID) // a step-up made the old secret worthless
		for _, cookie := range s.cookiesOf(*arrival.SignedIn) {
			http.SetCookie(w, &cookie)
		}
	}
	redirectTo(w, arrival.ReturnTo)
}

// unarrived says that a sign-in came to nothing: to a browser by the page where it can be begun again.
func (s *Server) unarrived(w http.ResponseWriter, r *http.Request, err error) {
	trouble, ok := errors.AsType[*identity.Trouble](err)
	if !ok || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.fail(w, r, err)
		return
	}
	page := signInPage
	if trouble.Linking {
		page = accountPage
	}
	redirectTo(w, page+"?"+url.Values{"trouble": {string(trouble.Kind)}, "with": {trouble.Service}}.Encode())
}

// redirectTo sends a browser to a path of ours.
func redirectTo(w http.ResponseWriter, path string) {
	w.Header().Set("Location", path)
	w.WriteHeader(http.StatusSeeOther)
}

// sessionIfAny is the session of the browser that asks, nil where it has none that holds.
func (s *Server) sessionIfAny(ctx context.Context) (*identity.Session, error) {
	token := callOf(ctx).cookie
	if token == "" || strings.HasPrefix(token, identity.TokenPrefix) {
		return nil, nil
	}
	session, err := s.identity.Session(ctx, token)
	switch {
	case err == nil:
		return &session, nil
	case fault.Is(err, fault.Unauthenticated):
		return nil, nil
	}
	return nil, err
}

func cookieValue(r *http.Request, name string) string {
	cookie, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}
