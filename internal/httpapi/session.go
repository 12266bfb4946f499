package httpapi

import (
	"context"
	"net/http"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/cache"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// The cookie. The prefix makes browsers insist on HTTPS and this host; on plain loopback some browsers would drop such a cookie.
const (
	secureCookie = "__Host-folioscope"
	plainCookie  = "folioscope"
)

func (s *Server) cookieName() string {
	if s.options.Secure {
		return secureCookie
	}
	return plainCookie
}

// deviceCookieName is of what a browser is remembered by, long after its sessions.
func (s *Server) deviceCookieName() string { return s.cookieName() + "-device" }

func (s *Server) cookie(token string, maxAge time.Duration) http.Cookie {
	seconds := int(maxAge.Seconds())
	if token == "" {
		seconds = -1
	}
	return http.Cookie{
		Name: s.cookieName(), Value: token, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: s.options.Secure, SameSite: http.SameSiteLaxMode,
	}
}

type signInInput struct {
	Body struct {
		Email    string `json:"email" maxLength:"254" minLength:"1"`
		Password string `json:"password" maxLength:"1024" minLength:"1"`
		TOTP     string `json:"totp,omitempty" maxLength:"40" doc:"What the authenticator app shows, or a recovery code. Needed where the answer is 401 with second_factor: required"`

		Passkey *browserJSON `json:"passkey,omitempty" doc:"Or the answer of a passkey to that problem's passkey: AuthenticationResponseJSON"`
	}
}

// secondOf is what was shown besides the password.
func secondOf(code string, passkey *browserJSON) identity.Second {
	second := identity.Second{Code: code}
	if passkey != nil {
		second.Passkey = passkey.RawMessage
	}
	return second
}

type acceptInput struct {
	Body struct {
		Token    string `json:"token" maxLength:"200" minLength:"1"`
		Name     string `json:"name,omitempty" maxLength:"480"`
		Password string `json:"password" maxLength:"1024"`
	}
}

type signedInOutput struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      SignedIn
}

type signedOutOutput struct {
	SetCookie     http.Cookie `header:"Set-Cookie"`
	ClearSiteData string      `header:"Clear-Site-Data"`
	SignOutAt     string      `header:"Sign-Out-At" doc:"Where the browser goes on to sign out at the service that it signed in with"`
}

type none struct{}

type answer[T any] struct{ Body T }

func (s *Server) addSessionRoutes() {
	const tag = "Session"
	typed(s, route{method: "POST", path: "/api/v1/session", class: classChange, action: access.SignIn, bodyBytesMax: passkeyBytesMax, tag: tag, summary: "Sign in"}, http.StatusOK,
		func(ctx context.Context, in *signInInput) (*signedInOutput, error) {
			signed, err := s.identity.SignIn(ctx, in.Body.Email, in.Body.Password, secondOf(in.Body.TOTP, in.Body.Passkey), callOf(ctx).from())
			return s.signedIn(signed, err)
		})
	typed(s, route{method: "DELETE", path: "/api/v1/session", class: classChange, action: access.SignOut, tag: tag, summary: "Sign out"}, http.StatusNoContent,
		func(ctx context.Context, _ *none) (*signedOutOutput, error) {
			c := callOf(ctx)
			if err := s.identity.SignOut(ctx, c.session, c.from()); err != nil {
				return nil, err
			}
			s.revoked(ctx)
			out := s.signedOut()
			out.SignOutAt = s.identity.SignOutAddress(ctx, c.session, s.origin(ctx)+signInPage)
			return out, nil
		})
	typed(s, route{method: "GET", path: "/api/v1/me", class: classRead, action: access.ReadSelf, kept: true, tag: tag, summary: "Who is signed in"}, http.StatusOK,
		func(ctx context.Context, _ *none) (*answer[User], error) {
			c := callOf(ctx)
			user, err := s.identity.User(ctx, c.owner())
			if err != nil {
				return nil, err
			}
			out := userOf(user)
			out.MustEnrol = c.session.MustEnrol
			return &answer[User]{out}, nil
		})
	typed(s, route{method: "POST", path: "/api/v1/invitations/accept", class: classChange, action: access.AcceptInvitation, tag: tag, summary: "Accept an invitation and sign in"}, http.StatusOK,
		func(ctx context.Context, in *acceptInput) (*signedInOutput, error) {
			signed, err := s.identity.Accept(ctx, in.Body.Token, in.Body.Name, in.Body.Password, callOf(ctx).from())
			return s.signedIn(signed, err)
		})
}

// signedOut has the browser forget what it knows.
func (s *Server) signedOut() *signedOutOutput {
	return &signedOutOutput{SetCookie: s.cookie("", 0), ClearSiteData: `"cache", "storage"`}
}

func (s *Server) signedIn(in identity.SignedIn, err error) (*signedInOutput, error) {
	if err != nil {
		return nil, err
	}
	return &signedInOutput{SetCookie: s.cookiesOf(in), Body: SignedIn{User: signedInUser(in)}}, nil
}

// cookiesOf are what the browser keeps of a sign-in: the session, and what the browser itself is remembered by.
func (s *Server) cookiesOf(in identity.SignedIn) []http.Cookie {
	cookies := []http.Cookie{s.cookie(in.Token, identity.SessionAgeMax)}
	if in.Device != "" {
		device := s.cookie(in.Device, identity.DeviceAgeMax)
		device.Name = s.deviceCookieName()
		cookies = append(cookies, device)
	}
	return cookies
}

func signedInUser(in identity.SignedIn) User {
	out := userOf(in.User)
	out.MustEnrol = in.Session.MustEnrol
	return out
}

// revoked makes it felt at once that sessions or tokens of the caller ended: nothing of theirs is believed from memory, and their
// streams end on every node; those whose session still stands come back by themselves.
func (s *Server) revoked(ctx context.Context) { s.revokedOf(ctx, callOf(ctx).owner()) }

// revokedOf is revoked for somebody else.
func (s *Server) revokedOf(ctx context.Context, owner ledger.OwnerID) {
	s.Forget(owner)
	if err := s.live.Revoke(ctx, owner); err != nil {
		s.log.WarnContext(ctx, "streams on other nodes end later", "error", err) // when they next look at the session
	}
}

// sessionAndSequence asks for both in one query; while the session is cached, for the sequence alone.
func (s *Server) sessionAndSequence(ctx context.Context, token string, portfolio ledger.PortfolioID) (identity.Session, int64, error) {
	now := s.now()
	if session, ok := s.sessions.get(token, now); ok && s.options.Sequence != nil {
		sequence, err := s.options.Sequence(ctx, session.Owner, portfolio)
		return session, sequence, err
	}
	session, sequence, err := s.identity.SessionAndSequence(ctx, token, portfolio)
	if session.Owner != "" {
		s.sessions.put(token, session, now)
	}
	return session, sequence, err
}

// sessionCache believes a session for a moment, so that a burst of reads asks once. A sign-out here forgets it at once, one on another
// node within the moment.
type sessionCache struct {
	age    time.Duration
	byName *cache.Cache[string, cachedSession]
}

type cachedSession struct {
	session identity.Session
	until   time.Time
}

const (
	sessionBytes          = 512     // about what one takes, but for its name
	cachedSessionBytesMax = 8 << 20 // 14,000 of them
)

func newSessionCache(age time.Duration) *sessionCache {
	return &sessionCache{age: age, byName: cache.New(cachedSessionBytesMax, func(name string, _ cachedSession) int { return sessionBytes + len(name) })}
}

func (c *sessionCache) get(token string, now time.Time) (identity.Session, bool) {
	if c.age <= 0 {
		return identity.Session{}, false
	}
	cached, ok := c.byName.Get(token, func(s cachedSession) bool { return now.Before(s.until) })
	return cached.session, ok
}

func (c *sessionCache) put(token string, session identity.Session, now time.Time) {
	if c.age <= 0 {
		return
	}
	c.byName.Put(token, cachedSession{session, now.Add(c.age)})
}

// SessionCache says how often a session was believed, and what those at hand take.
func (s *Server) SessionCache() cache.Meters { return s.sessions.byName.Meters() }

// forgetAll forgets every session and token of an owner.
func (c *sessionCache) forgetAll(owner ledger.OwnerID) {
	c.byName.DropWhere(func(_ string, cached cachedSession) bool { return cached.session.Owner == owner })
}
