package httpapi

import (
	"context"
	"net/http"

	"folioscope/internal/access"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// A forgotten password: asking for a link, and setting a new one with it. Answers to the first say nothing about who there is.

// recoveries is what these routes want of identity.
type recoveries interface {
	AskRecovery(ctx context.Context, email string, from identity.Request) error
	Recover(ctx context.Context, token, next string, second identity.Second, from identity.Request) (ledger.OwnerID, error)
}

// RecoveryWays says how a forgotten password is set anew here.
type RecoveryWays struct {
	Mail bool `json:"mail" doc:"A link can be asked for by mail; otherwise whoever runs the server makes one"`
}

type askRecoveryInput struct {
	Body struct {
		Email string `json:"email" maxLength:"254" minLength:"1"`
	}
}

type recoverInput struct {
	Body struct {
		Token       string       `json:"token" maxLength:"200" minLength:"1" doc:"The last part of the link"`
		NewPassword string       `json:"new_password" maxLength:"1024" minLength:"1"`
		TOTP        string       `json:"totp,omitempty" maxLength:"40" doc:"What the authenticator app shows, or a recovery code. Needed where the answer is 401 with second_factor: required"`
		Passkey     *browserJSON `json:"passkey,omitempty" doc:"Or the answer of a passkey to that problem's passkey: AuthenticationResponseJSON"`
	}
}

func (s *Server) addRecoveryRoutes() {
	const tag = "Session"
	typed(s, route{method: "GET", path: "/api/v1/recovery", class: classRead, action: access.Recover, tag: tag, summary: "How a forgotten password is set anew"}, http.StatusOK,
		func(context.Context, *none) (*answer[RecoveryWays], error) {
			return &answer[RecoveryWays]{RecoveryWays{Mail: s.identity.SendsMail()}}, nil
		})
	typed(s, route{method: "POST", path: "/api/v1/recovery", class: classChange, action: access.Recover, tag: tag, summary: "Ask for a link to set a password anew; the same answer for every address"}, http.StatusAccepted,
		func(ctx context.Context, in *askRecoveryInput) (*none, error) {
			return nil, s.identity.AskRecovery(ctx, in.Body.Email, callOf(ctx).from())
		})
	typed(s, route{method: "POST", path: "/api/v1/recovery/confirm", class: classChange, action: access.Recover, tag: tag, summary: "Set a password by such a link; every session, API token and other link ends"}, http.StatusNoContent, s.recover)
}

func (s *Server) recover(ctx context.Context, in *recoverInput) (*none, error) {
	owner, err := s.identity.Recover(ctx, in.Body.Token, in.Body.NewPassword, secondOf(in.Body.TOTP, in.Body.Passkey), callOf(ctx).from())
	if err != nil {
		return nil, err
	}
	s.revokedOf(ctx, owner)
	return nil, nil
}
