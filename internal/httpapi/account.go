package httpapi

import (
	"context"
	"net/http"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/identity"
)

// What people change about how they sign in. All of it is for browsers alone, and the risky part asks for the password again.

// SessionItem is one signed-in browser.
type SessionItem struct {
	ID        string    `json:"id"`
	Device    string    `json:"device" doc:"Such as Firefox on Windows; empty where it isn't known"`
	Place     string    `json:"place" doc:"The network it signed in from, such as 203.0.113.x; empty where it isn't known"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	Current   bool      `json:"current" doc:"The one that asks"`
}

// Sessions is a list of them.
type Sessions struct {
	Items []SessionItem `json:"items" nullable:"false"`
}

// SecondFactor is how somebody's second factor stands.
type SecondFactor struct {
	On            bool       `json:"on" doc:"An authenticator app is in use"`
	Required      bool       `json:"required" doc:"The role needs one"`
	Since         *time.Time `json:"since"`
	Passkeys      int        `json:"passkeys" doc:"Beside the app, or in its place"`
	RecoveryCodes int        `json:"recovery_codes" doc:"Not used yet"`
}

// Enrolment is what an authenticator app is set up with.
type Enrolment struct {
	Secret string `json:"secret" doc:"To type into the app"`
	URL    string `json:"url" doc:"otpauth://…, for an app on the same device"`
	QR     string `json:"qr" doc:"The URL as a picture, data:image/png;base64,…"`
}

// RecoveryCodes are shown once.
type RecoveryCodes struct {
	RecoveryCodes []string `json:"recovery_codes" nullable:"false"`
}

type proofInput struct {
	Body struct {
		Password string       `json:"password,omitempty" maxLength:"1024" doc:"Not needed with a passkey"`
		TOTP     string       `json:"totp,omitempty" maxLength:"40"`
		Passkey  *browserJSON `json:"passkey,omitempty" doc:"The answer of a passkey to the problem's passkey: AuthenticationResponseJSON"`
	}
}

type codeInput struct {
	Body struct {
		TOTP string `json:"totp" maxLength:"40" minLength:"1"`
	}
}

type passwordInput struct {
	Body struct {
		Password    string       `json:"password" maxLength:"1024" minLength:"1" doc:"The present one"`
		TOTP        string       `json:"totp,omitempty" maxLength:"40"`
		Passkey     *browserJSON `json:"passkey,omitempty" doc:"Or the answer of a passkey to the problem's passkey: AuthenticationResponseJSON"`
		NewPassword string       `json:"new_password" maxLength:"1024" minLength:"1"`
		KeepTokens  bool         `json:"keep_tokens,omitempty" doc:"API tokens stay; otherwise they end with the other sessions"`
	}
}

type sessionPath struct {
	Session string `path:"session" maxLength:"64"`
}

func (s *Server) addAccountRoutes() {
	const tag = "Account"
	typed(s, route{method: "POST", path: "/api/v1/session/step-up", class: classChange, action: access.StepUp, bodyBytesMax: passkeyBytesMax, tag: tag, summary: "Show who you are again, for risky acts of the next 15 minutes"}, http.StatusOK, s.stepUp)
	typed(s, route{method: "POST", path: "/api/v1/me/password", class: classChange, action: access.ChangeAccount, bodyBytesMax: passkeyBytesMax, tag: tag, summary: "Change the password; every other session ends"}, http.StatusNoContent, s.changePassword)
	typed(s, route{method: "GET", path: "/api/v1/me/sessions", class: classRead, action: access.ReadAccount, tag: tag, summary: "Where you are signed in"}, http.StatusOK, s.listSessions)
	typed(s, route{method: "DELETE", path: "/api/v1/me/sessions", class: classChange, action: access.ChangeAccount, stepUp: true, tag: tag, summary: "End every other session"}, http.StatusNoContent, s.endOtherSessions)
	typed(s, route{method: "DELETE", path: "/api/v1/me/sessions/{session}", class: classChange, action: access.ChangeAccount, stepUp: true, tag: tag, summary: "End a session"}, http.StatusNoContent, s.endSession)
	typed(s, route{method: "GET", path: "/api/v1/me/second-factor", class: classRead, action: access.ReadAccount, tag: tag, summary: "How the second factor stands"}, http.StatusOK, s.secondFactor)
	typed(s, route{method: "POST", path: "/api/v1/me/second-factor", class: classChange, action: access.EnrolFactor, stepUp: true, tag: tag, summary: "Begin to set up an authenticator app; what is in use stays until a code confirms the new one"}, http.StatusOK, s.startFactor)
	typed(s, route{method: "POST", path: "/api/v1/me/second-factor/confirm", class: classChange, action: access.EnrolFactor, stepUp: true, tag: tag, summary: "Put the app into use; the recovery codes are shown once, and every other session ends"}, http.StatusOK, s.confirmFactor)
	typed(s, route{method: "POST", path: "/api/v1/me/second-factor/recovery-codes", class: classChange, action: access.ChangeAccount, stepUp: true, tag: tag, summary: "New recovery codes, shown once; earlier ones end"}, http.StatusOK, s.newRecoveryCodes)
	typed(s, route{method: "DELETE", path: "/api/v1/me/second-factor", class: classChange, action: access.ChangeAccount, stepUp: true, tag: tag, summary: "Go on without the authenticator app; every other session ends"}, http.StatusNoContent, s.removeFactor)
}

func (s *Server) stepUp(ctx context.Context, in *proofInput) (*signedInOutput, error) {
	c := callOf(ctx)
	signed, err := s.identity.StepUp(ctx, c.session, in.Body.Password, secondOf(in.Body.TOTP, in.Body.Passkey), c.from())
	if err == nil {
		s.sessions.forgetAll(c.owner())
	}
	return s.signedIn(signed, err)
}

func (s *Server) changePassword(ctx context.Context, in *passwordInput) (*none, error) {
	c := callOf(ctx)
	err := s.identity.ChangePassword(ctx, c.session, in.Body.Password, secondOf(in.Body.TOTP, in.Body.Passkey), in.Body.NewPassword, in.Body.KeepTokens, c.from())
	return s.endedOr(ctx, err)
}

// endedOr answers what ended sessions, once that is felt everywhere.
func (s *Server) endedOr(ctx context.Context, err error) (*none, error) {
	if err != nil {
		return nil, err
	}
	s.revoked(ctx)
	return nil, nil
}

func (s *Server) listSessions(ctx context.Context, _ *none) (*answer[Sessions], error) {
	c := callOf(ctx)
	sessions, err := s.identity.Sessions(ctx, c.owner())
	if err != nil {
		return nil, err
	}
	out := Sessions{Items: make([]SessionItem, 0, len(sessions))}
	for _, one := range sessions {
		out.Items = append(out.Items, SessionItem{
			ID: one.ID(), Device: one.Origin.Device, Place: one.Origin.Place, CreatedAt: one.CreatedAt.UTC(), SeenAt: one.SeenAt.UTC(), Current: one.Hash == c.session.Hash,
		})
	}
	return &answer[Sessions]{out}, nil
}

func (s *Server) endOtherSessions(ctx context.Context, _ *none) (*none, error) {
	c := callOf(ctx)
	return s.endedOr(ctx, s.identity.EndOtherSessions(ctx, c.session, c.from()))
}

func (s *Server) endSession(ctx context.Context, in *sessionPath) (*none, error) {
	c := callOf(ctx)
	return s.endedOr(ctx, s.identity.EndSession(ctx, c.owner(), in.Session, c.from()))
}

func (s *Server) secondFactor(ctx context.Context, _ *none) (*answer[SecondFactor], error) {
	c := callOf(ctx)
	f, err := s.identity.SecondFactor(ctx, c.owner())
	if err != nil {
		return nil, err
	}
	out := SecondFactor{On: f.On(), Required: s.identity.Requires(c.session.Role), Passkeys: f.Passkeys, RecoveryCodes: f.RecoveryLeft}
	if f.On() {
		since := f.ConfirmedAt.UTC()
		out.Since = &since
	}
	return &answer[SecondFactor]{out}, nil
}

func (s *Server) startFactor(ctx context.Context, _ *none) (*answer[Enrolment], error) {
	c := callOf(ctx)
	enrolment, err := s.identity.StartSecondFactor(ctx, c.session, c.from())
	if err != nil {
		return nil, err
	}
	return &answer[Enrolment]{Enrolment(enrolment)}, nil
}

func (s *Server) confirmFactor(ctx context.Context, in *codeInput) (*answer[RecoveryCodes], error) {
	c := callOf(ctx)
	codes, err := s.identity.ConfirmSecondFactor(ctx, c.session, in.Body.TOTP, c.from())
	if err != nil {
		return nil, err
	}
	s.revoked(ctx)
	return &answer[RecoveryCodes]{RecoveryCodes{codes}}, nil
}

func (s *Server) newRecoveryCodes(ctx context.Context, _ *none) (*answer[RecoveryCodes], error) {
	c := callOf(ctx)
	codes, err := s.identity.NewRecoveryCodes(ctx, c.session, c.from())
	if err != nil {
		return nil, err
	}
	return &answer[RecoveryCodes]{RecoveryCodes{codes}}, nil
}

func (s *Server) removeFactor(ctx context.Context, _ *none) (*none, error) {
	c := callOf(ctx)
	return s.endedOr(ctx, s.identity.RemoveSecondFactor(ctx, c.session, c.from()))
}

// scopeNames are the scopes as people write them, in the order in which they are shown.
var scopeNames = []struct {
	name  string
	scope identity.Scopes
}{{"read", identity.ScopeRead}, {"write", identity.ScopeWrite}, {"admin", identity.ScopeAdmin}}
