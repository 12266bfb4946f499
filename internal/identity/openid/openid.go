// Package openid asks services of OpenID Connect who somebody is.
//
// It owns the talk with such a service (discovery, authorization code with PKCE, keys) and which of its answers are believed. It never
// knows whose account somebody is, keeps nothing of a person, and takes no word of a service for more than that service's own people.
package openid

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"folioscope/internal/fault"
)

// Bounds of the talk with a service.
const (
	requestWaitMax  = 5 * time.Second  // for one answer, body included: somebody waits before a blank page
	answerBytesMax  = 1 << 20          // of one answer; the largest sets of keys have a tenth
	discoveryAgeMax = time.Hour        // then it is asked for anew, keys too
	failureAge      = 10 * time.Second // a service that failed isn't asked again before
	secretBytes     = 32               // of state, nonce and verifier: nobody guesses 256 bits
)

// Algorithms that an ID token may be signed with. What a service announces besides, none and HMAC above all, doesn't count.
var algorithms = []string{oidc.RS256, oidc.ES256, oidc.EdDSA}

// Settings are what a Service is made of; none may be missing but where it says so.
type Settings struct {
	Issuer       string // exactly as the service names itself
	ClientID     string
	ClientSecret string       // empty for a client without one
	RedirectURL  string       // where the service sends people back
	Scopes       []string     // besides openid
	Client       *http.Client // its transport judges where requests lead, so it has to have one
	Random       io.Reader
	Now          func() time.Time
}

// Service is one service that people may sign in with. It is safe for concurrent use.
type Service struct {
	settings Settings
	client   *http.Client

	mu     sync.Mutex // held while the service is asked for its description: whoever comes then waits for the same answer
	known  *description
	failed error
	until  time.Time // of what is known or failed
}

// New makes a Service; nothing is asked before somebody wants to sign in.
func New(settings Settings) *Service {
	client := *settings.Client
	client.Transport = boundedTransport{client.Transport}
	client.Timeout = requestWaitMax
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return errors.New("a redirect where an answer belongs") }
	return &Service{settings: settings, client: &client}
}

// Issuer is how the service names itself.
func (s *Service) Issuer() string { return s.settings.Issuer }

// Secrets bind one sign-in to one browser, which keeps them where only we can read them.
type Secrets struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Fresh    bool      `json:"f,omitempty"` // the service was told to ask again who it is
	BegunAt  time.Time `json:"t"`
}

// Begin gives the address at the service where somebody signs in. With fresh the service has to ask who it is even if it knows. The
// error is of kind Unavailable, whatever the service did wrong.
func (s *Service) Begin(ctx context.Context, fresh bool) (address string, secrets Secrets, err error) {
	d, err := s.describe(ctx)
	if err != nil {
		return "", Secrets{}, err
	}
	secrets = Secrets{Fresh: fresh, BegunAt: s.settings.Now()}
	for _, secret := range []*string{&secrets.State, &secrets.Nonce, &secrets.Verifier} {
		var raw [secretBytes]byte
		if _, err := io.ReadFull(s.settings.Random, raw[:]); err != nil {
			return "", Secrets{}, fmt.Errorf("draw secret: %w", err)
		}
		*secret = base64.RawURLEncoding.EncodeToString(raw[:])
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(secrets.Nonce), oauth2.S256ChallengeOption(secrets.Verifier)}
	if fresh {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return d.oauth.AuthCodeURL(secrets.State, options...), secrets, nil
}

// SignOutAddress is where the service signs people out and then sends them back to returnTo; empty where it has no such page or doesn't
// answer.
func (s *Service) SignOutAddress(ctx context.Context, returnTo string) string {
	d, err := s.describe(ctx)
	if err != nil || d.EndSession == "" {
		return ""
	}
	address, err := url.Parse(d.EndSession)
	if err != nil {
		return ""
	}
	query := address.Query()
	query.Set("client_id", s.settings.ClientID)
	query.Set("post_logout_redirect_uri", returnTo)
	address.RawQuery = query.Encode()
	return address.String()
}

// description is what a service says of itself.
type description struct {
	provider *oidc.Provider
	oauth    oauth2.Config

	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Keys          string   `json:"jwks_uri"`
	UserInfo      string   `json:"userinfo_endpoint"`
	EndSession    string   `json:"end_session_endpoint"`
	TokenMethods  []string `json:"token_endpoint_auth_methods_supported"`
	NamesIssuer   bool     `json:"authorization_response_iss_parameter_supported"`
}

// describe asks a service what it is, once in a while.
func (s *Service) describe(ctx context.Context) (*description, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.settings.Now()
	if now.Before(s.until) {
		return s.known, s.failed
	}
	// Whoever asks first may leave; the answer is for all.
	s.known, s.failed = s.discover(context.WithoutCancel(ctx))
	s.until = now.Add(discoveryAgeMax)
	if s.failed != nil {
		s.failed = fault.Wrap(fault.Unavailable, s.failed, "the sign-in service is not available")
		s.until = now.Add(failureAge)
	}
	return s.known, s.failed
}

func (s *Service) discover(ctx context.Context) (*description, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, s.client), s.settings.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover: %w", err)
	}
	d := &description{provider: provider}
	if err := provider.Claims(d); err != nil {
		return nil, fmt.Errorf("discover: %w", err)
	}
	for _, endpoint := range []struct {
		name, address string
		needed        bool
	}{
		{"authorization_endpoint", d.Authorization, true}, {"token_endpoint", d.Token, true}, {"jwks_uri", d.Keys, true},
		{"userinfo_endpoint", d.UserInfo, false}, {"end_session_endpoint", d.EndSession, false},
	} {
		if endpoint.address == "" && !endpoint.needed {
			continue
		}
		if err := s.checkEndpoint(endpoint.address); err != nil {
			return nil, fmt.Errorf("discover: %s %w", endpoint.name, err)
		}
	}
	d.oauth = oauth2.Config{
		ClientID: s.settings.ClientID, ClientSecret: s.settings.ClientSecret, RedirectURL: s.settings.RedirectURL,
		Scopes: append([]string{oidc.ScopeOpenID}, s.settings.Scopes...), Endpoint: provider.Endpoint(),
	}
	// To find out by trying would use up the code where the first way is wrong.
	d.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if s.settings.ClientSecret == "" || len(d.TokenMethods) > 0 && !slices.Contains(d.TokenMethods, "client_secret_basic") {
		d.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return d, nil
}

// checkEndpoint refuses an address that isn't HTTPS, unless the issuer itself is plain HTTP on this machine and the address is too.
func (s *Service) checkEndpoint(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("is no address")
	}
	issuer, err := url.Parse(s.settings.Issuer)
	if err != nil {
		return fmt.Errorf("read issuer: %w", err)
	}
	if u.Scheme == "https" || u.Scheme == "http" && issuer.Scheme == "http" && loopback(u.Hostname()) {
		return nil
	}
	return errors.New("is not HTTPS")
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// boundedTransport cuts answers off that are longer than any honest one.
type boundedTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = http.MaxBytesReader(nil, answer.Body, answerBytesMax)
	return answer, nil
}
