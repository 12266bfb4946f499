package openid

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"folioscope/internal/fault"
)

// ClockSkewMax is how far a service's clock may be off ours, either way.
const ClockSkewMax = 2 * time.Minute

const subjectBytesMax = 255 // OpenID Connect Core §2

// Person is whom a service vouches for.
type Person struct {
	Issuer        string
	Subject       string // who it is, for this issuer alone; never anything else
	Email         string // as the service has it; empty where it doesn't say
	EmailVerified bool
	Name          string
	SecondFactor  bool // the service says that more than a password was shown
}

// Reason says why an answer of a service isn't taken, for whoever looks after the installation.
type Reason string

// The reasons.
const (
	Declined         Reason = "declined"          // the person or the service says no
	WrongState       Reason = "state"             // an answer to something else
	WrongIssuerParam Reason = "issuer_parameter"  // the answer names another service, or none where it should
	WrongCode        Reason = "code"              // the service doesn't know its own code
	WrongToken       Reason = "id_token"          // not signed by this issuer's keys, or of another issuer, or for somebody else
	WrongParty       Reason = "authorized_party"  // for another client
	WrongNonce       Reason = "nonce"             // made for another sign-in
	WrongTime        Reason = "time"              // expired, of the future, or older than the question
	WrongAccessHash  Reason = "access_token_hash" // the access token isn't the one that goes with it
	WrongClaims      Reason = "claims"            // not in the form that they have to have
	WrongSubject     Reason = "userinfo_subject"  // what is said besides is about somebody else
	NotAskedAgain    Reason = "auth_time"         // the service didn't ask again who it is
)

// Refusal is the error of an answer that isn't taken.
type Refusal struct {
	Reason Reason
	cause  error // nil where the reason says it all
}

// Error is for the log.
func (r *Refusal) Error() string {
	if r.cause == nil {
		return "answer refused: " + string(r.Reason)
	}
	return "answer refused: " + string(r.Reason) + ": " + r.cause.Error()
}

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.cause }

func refuse(reason Reason, cause error) error { return &Refusal{reason, cause} }

// Finish finds out from an answer who somebody is. It gives a *Refusal for an answer that isn't believed, and fault.Unavailable where
// the service doesn't answer in turn.
func (s *Service) Finish(ctx context.Context, secrets Secrets, answer Answer) (Person, error) {
	if !answer.Answers(secrets) {
		return Person{}, refuse(WrongState, nil)
	}
	d, err := s.describe(ctx)
	if err != nil {
		return Person{}, err
	}
	// Before the code goes anywhere: one of another service must not reach this one (mix-up).
	if answer.Issuer != s.settings.Issuer && (answer.Issuer != "" || d.NamesIssuer) {
		return Person{}, refuse(WrongIssuerParam, nil)
	}
	if answer.Error != "" {
		return Person{}, refuse(Declined, errors.New(answer.Error))
	}
	ctx = oidc.ClientContext(ctx, s.client)
	access, err := d.oauth.Exchange(ctx, answer.Code, oauth2.VerifierOption(secrets.Verifier))
	if err != nil {
		return Person{}, exchangeError(err)
	}
	raw, _ := access.Extra("id_token").(string)
	if raw == "" {
		return Person{}, refuse(WrongToken, errors.New("there is none"))
	}
	// Times are checked with a tolerance of our own, see check.
	verifier := d.provider.Verifier(&oidc.Config{ClientID: s.settings.ClientID, SupportedSigningAlgs: algorithms, SkipExpiryCheck: true})
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		return Person{}, refuse(WrongToken, err)
	}
	var c claims
	if err := token.Claims(&c); err != nil {
		return Person{}, refuse(WrongClaims, err)
	}
	if err := s.check(token, c, secrets, access.AccessToken); err != nil {
		return Person{}, err
	}
	if c.Email == "" && d.UserInfo != "" && slices.Contains(s.settings.Scopes, oidc.ScopeEmail) {
		if err := c.askMore(ctx, d.provider, access, token.Subject); err != nil {
			return Person{}, err
		}
	}
	return Person{
		Issuer: s.settings.Issuer, Subject: token.Subject, Email: c.Email, EmailVerified: bool(c.EmailVerified), Name: c.Name, SecondFactor: c.secondFactor(),
	}, nil
}

// exchangeError tells a service that refuses a code from one that doesn't work.
func exchangeError(err error) error {
	refused, said := errors.AsType[*oauth2.RetrieveError](err)
	if said && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError {
		return refuse(WrongCode, errors.New(refused.Response.Status)) // without the body, which is the service's
	}
	return fault.Wrap(fault.Unavailable, err, "the sign-in service is not available")
}

// claims are what an ID token says beyond what the library reads.
type claims struct {
	AuthorizedParty string  `json:"azp"`
	NotBefore       seconds `json:"nbf"`
	AuthTime        seconds `json:"auth_time"`
	Email           string  `json:"email"`
	EmailVerified   truth   `json:"email_verified"`
	Name            string  `json:"name"`
	Methods         words   `json:"amr"`
	Class           string  `json:"acr"`
}

// check holds a signed token of this issuer for this client against what was asked.
func (s *Service) check(token *oidc.IDToken, c claims, secrets Secrets, accessToken string) error {
	now, own := s.settings.Now(), s.settings.ClientID
	late, early := now.Add(ClockSkewMax), now.Add(-ClockSkewMax)
	switch {
	case token.Subject == "" || len(token.Subject) > subjectBytesMax:
		return refuse(WrongClaims, errors.New("no subject, or a long one"))
	case c.AuthorizedParty != "" && c.AuthorizedParty != own, len(token.Audience) > 1 && c.AuthorizedParty == "":
		return refuse(WrongParty, nil)
	case secrets.Nonce == "" || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(secrets.Nonce)) != 1:
		return refuse(WrongNonce, nil)
	case !token.Expiry.After(early):
		return refuse(WrongTime, errors.New("expired"))
	case token.IssuedAt.After(late) || c.NotBefore.time().After(late):
		return refuse(WrongTime, errors.New("of the future"))
	case token.IssuedAt.Before(secrets.BegunAt.Add(-ClockSkewMax)):
		return refuse(WrongTime, errors.New("older than the question"))
	case token.AccessTokenHash != "" && token.VerifyAccessToken(accessToken) != nil:
		return refuse(WrongAccessHash, nil)
	case secrets.Fresh && c.AuthTime.time().Before(secrets.BegunAt.Add(-ClockSkewMax)):
		return refuse(NotAskedAgain, nil)
	}
	return nil
}

// askMore asks for what the ID token doesn't say, which may only be about the same person.
func (c *claims) askMore(ctx context.Context, provider *oidc.Provider, access *oauth2.Token, subject string) error {
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(access))
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the sign-in service is not available")
	}
	if info.Subject != subject {
		return refuse(WrongSubject, nil)
	}
	c.Email, c.EmailVerified = info.Email, truth(info.EmailVerified)
	var more struct {
		Name string `json:"name"`
	}
	if err := info.Claims(&more); err != nil {
		return refuse(WrongClaims, err)
	}
	if c.Name == "" {
		c.Name = more.Name
	}
	return nil
}

// strongClasses are the contexts of authentication that mean more than a password: OpenID's own, and those of its profile for phishing
// resistance.
var strongClasses = []string{"http://schemas.openid.net/pape/policies/2007/06/multi-factor", "phr", "phrh"}

// secondFactor says whether a service vouches for several factors (RFC 8176: mfa) or for a class that means them.
func (c claims) secondFactor() bool {
	return slices.Contains(c.Methods, "mfa") || slices.Contains(strongClasses, c.Class)
}

// seconds are a time as tokens write it.
type seconds float64

func (s seconds) time() time.Time { return time.UnixMilli(int64(s * 1000)) }

// truth is a bool that some services write as a text.
type truth bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *truth) UnmarshalJSON(data []byte) error {
	switch strings.Trim(string(data), `"`) {
	case "true":
		*t = true
	case "false", "null":
		*t = false
	default:
		return errors.New("neither true nor false")
	}
	return nil
}

// words are a list of texts, or one.
type words []string

// UnmarshalJSON implements json.Unmarshaler.
func (w *words) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*w = words{one}
		return nil
	}
	var several []string
	if err := json.Unmarshal(data, &several); err != nil {
		return err
	}
	*w = several
	return nil
}
