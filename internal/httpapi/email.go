package httpapi

import (
	"context"
	"net/http"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// The address that somebody signs in with: whether mail there reaches them, and another one.

// addresses is what these routes want of identity.
type addresses interface {
	SendsMail() bool
	TakeAddressMail(ctx context.Context, user ledger.OwnerID) error
	AskEmail(ctx context.Context, session identity.Session, email string, from identity.Request) error
	ConfirmEmail(ctx context.Context, token string, from identity.Request) error
}

// EmailAddress is somebody's address.
type EmailAddress struct {
	Email       string     `json:"email"`
	ConfirmedAt *time.Time `json:"confirmed_at" doc:"When it was shown, or an operator said, that mail reaches them; null: not yet, and no link for a forgotten password goes there"`
	Mail        bool       `json:"mail" doc:"This server sends mail: the address can be confirmed and changed"`
}

type askEmailInput struct {
	Body struct {
		Email string `json:"email" maxLength:"254" minLength:"1" doc:"The present one, to confirm it, or another"`
	}
}

type confirmEmailInput struct {
	Body struct {
		Token string `json:"token" maxLength:"200" minLength:"1" doc:"The last part of the link"`
	}
}

func (s *Server) addEmailRoutes() {
	const tag = "Account"
	typed(s, route{method: "GET", path: "/api/v1/me/email", class: classRead, action: access.ReadAccount, tag: tag, summary: "Your address"}, http.StatusOK, s.emailAddress)
	typed(s, route{method: "POST", path: "/api/v1/me/email", class: classChange, action: access.ChangeAccount, stepUp: true, tag: tag, summary: "Ask for a link to an address, which becomes yours when you follow it"}, http.StatusAccepted,
		func(ctx context.Context, in *askEmailInput) (*none, error) {
			c := callOf(ctx)
			return nil, s.identity.AskEmail(ctx, c.session, in.Body.Email, c.from())
		})
	typed(s, route{method: "POST", path: "/api/v1/email/confirm", class: classChange, action: access.ConfirmEmail, tag: tag, summary: "Make an address yours by the link that went there"}, http.StatusNoContent,
		func(ctx context.Context, in *confirmEmailInput) (*none, error) {
			return nil, s.identity.ConfirmEmail(ctx, in.Body.Token, callOf(ctx).from())
		})
}

func (s *Server) emailAddress(ctx context.Context, _ *none) (*answer[EmailAddress], error) {
	user, err := s.identity.User(ctx, callOf(ctx).owner())
	if err != nil {
		return nil, err
	}
	out := EmailAddress{Email: user.Email, Mail: s.identity.SendsMail()}
	if !user.ConfirmedAt.IsZero() {
		at := user.ConfirmedAt.UTC()
		out.ConfirmedAt = &at
	}
	return &answer[EmailAddress]{out}, nil
}
