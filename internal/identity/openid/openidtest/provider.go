// Package openidtest is a service of OpenID Connect for tests: a real one over HTTP, with keys of its own, that lies on demand.
//
// It owns the service's half of a sign-in. It never checks who a person is: whoever comes is the person it was told of.
package openidtest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// How the one client of a Provider signs itself.
const (
	ClientID     = "folioscope"
	ClientSecret = "the client's secret"
)

// Claims are what a token says.
type Claims = map[string]any

// Lies are what a Provider does wrong. The zero value is an honest one.
type Lies struct {
	Discovery    func(Claims)                                    // changes the description
	Describe     http.HandlerFunc                                // is the description instead
	Redirect     func(url.Values)                                // changes what people are sent back with
	Token        func(Claims)                                    // changes the ID token's claims
	Sign         func(p *Provider, header, claims Claims) string // signs it in another way
	Answer       func(Claims)                                    // changes the token endpoint's answer
	UserInfo     func(Claims)                                    // changes what is said besides
	Keys         func(p *Provider, keys []Claims) []Claims       // changes the published keys
	AnyVerifier  bool                                            // takes codes with a wrong PKCE verifier
	CodesForEver bool                                            // takes codes any number of times
}

// Provider is such a service. Its fields may be changed between sign-ins.
type Provider struct {
	Issuer string
	Person Claims // what it says of whoever comes: sub, email, email_verified, name, amr
	Lies   Lies
	Now    func() time.Time

	RSA     *rsa.PrivateKey
	EC      *ecdsa.PrivateKey
	Ed      ed25519.PrivateKey
	Signing string // RS256, ES256 or EdDSA

	Asked atomic.Int64 // requests in all

	server *httptest.Server
	mu     sync.Mutex
	codes  map[string]grant
	access map[string]Claims // what is said of the person whom an access token is about
}

// grant is what a code stands for.
type grant struct {
	nonce, challenge, redirect string
	person                     Claims
	used                       bool
}

// keysOnce are made once: RSA keys take long.
var keysOnce = sync.OnceValue(func() *rsa.PrivateKey {
	const bits = 2048
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
})

// New starts a Provider that ends with the test.
func New(t testing.TB, now func() time.Time) *Provider {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{Now: now, RSA: keysOnce(), EC: ec, Ed: ed, Signing: "RS256", codes: map[string]grant{}, access: map[string]Claims{}}
	p.Person = Claims{"sub": "subject-1", "email": "ann@example.com", "email_verified": true, "name": "Ann Example"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.describe)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /userinfo", p.userInfo)
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.Asked.Add(1)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.server.Close)
	p.Issuer = p.server.URL
	return p
}

// Close ends the service, as if it were down.
func (p *Provider) Close() { p.server.Close() }

func (p *Provider) describe(w http.ResponseWriter, r *http.Request) {
	if p.Lies.Describe != nil {
		p.Lies.Describe(w, r)
		return
	}
	d := Claims{
		"issuer": p.Issuer, "authorization_endpoint": p.Issuer + "/authorize", "token_endpoint": p.Issuer + "/token", "jwks_uri": p.Issuer + "/keys",
		"userinfo_endpoint": p.Issuer + "/userinfo", "end_session_endpoint": p.Issuer + "/end", "response_types_supported": []string{"code"},
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "EdDSA", "HS256", "none"}, "authorization_response_iss_parameter_supported": true,
	}
	if p.Lies.Discovery != nil {
		p.Lies.Discovery(d)
	}
	answer(w, http.StatusOK, d)
}

// authorize signs in whoever comes and sends them back.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	if asked.Get("client_id") != ClientID || asked.Get("response_type") != "code" || asked.Get("code_challenge_method") != "S256" {
		answer(w, http.StatusBadRequest, Claims{"error": "invalid_request"})
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = grant{nonce: asked.Get("nonce"), challenge: asked.Get("code_challenge"), redirect: asked.Get("redirect_uri"), person: p.said(asked)}
	p.mu.Unlock()
	back, err := url.Parse(asked.Get("redirect_uri"))
	if err != nil {
		answer(w, http.StatusBadRequest, Claims{"error": "invalid_request"})
		return
	}
	query := url.Values{"code": {code}, "state": {asked.Get("state")}, "iss": {p.Issuer}}
	if p.Lies.Redirect != nil {
		p.Lies.Redirect(query)
	}
	back.RawQuery = query.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// said is what is known of the person who comes, with when they showed it where that was asked for.
func (p *Provider) said(asked url.Values) Claims {
	person := maps.Clone(p.Person)
	if asked.Get("max_age") != "" {
		person["auth_time"] = p.Now().Unix()
	}
	return person
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	secret, err := url.QueryUnescape(secret)
	if !ok || err != nil || id != ClientID || secret != ClientSecret {
		answer(w, http.StatusUnauthorized, Claims{"error": "invalid_client"})
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := r.PostFormValue("code")
	g, known := p.codes[code]
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	rightVerifier := base64.RawURLEncoding.EncodeToString(sum[:]) == g.challenge
	if !known || g.used && !p.Lies.CodesForEver || !rightVerifier && !p.Lies.AnyVerifier || r.PostFormValue("redirect_uri") != g.redirect {
		answer(w, http.StatusBadRequest, Claims{"error": "invalid_grant"})
		return
	}
	g.used = true
	p.codes[code] = g
	access := rand.Text()
	p.access[access] = g.person
	claims := Claims{"iss": p.Issuer, "aud": ClientID, "nonce": g.nonce, "iat": p.Now().Unix(), "exp": p.Now().Add(time.Minute).Unix(), "at_hash": p.hash(access)}
	maps.Copy(claims, g.person)
	if p.Lies.Token != nil {
		p.Lies.Token(claims)
	}
	reply := Claims{"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": p.Sign(Claims{"alg": p.Signing, "kid": p.Signing}, claims)}
	if p.Lies.Answer != nil {
		p.Lies.Answer(reply)
	}
	answer(w, http.StatusOK, reply)
}

func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	const bearer = "Bearer "
	token := r.Header.Get("Authorization")
	p.mu.Lock()
	person, known := p.access[token[min(len(bearer), len(token)):]]
	p.mu.Unlock()
	if !known {
		answer(w, http.StatusUnauthorized, Claims{"error": "invalid_token"})
		return
	}
	said := maps.Clone(person)
	if p.Lies.UserInfo != nil {
		p.Lies.UserInfo(said)
	}
	answer(w, http.StatusOK, said)
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	keys := []Claims{RSAKey("RS256", &p.RSA.PublicKey), p.ecKey(), {"kty": "OKP", "crv": "Ed25519", "kid": "EdDSA", "use": "sig", "x": encode(p.Ed.Public().(ed25519.PublicKey))}}
	if p.Lies.Keys != nil {
		keys = p.Lies.Keys(p, keys)
	}
	answer(w, http.StatusOK, Claims{"keys": keys})
}

// RSAKey is a public key as services publish it.
func RSAKey(kid string, key *rsa.PublicKey) Claims {
	return Claims{"kty": "RSA", "kid": kid, "use": "sig", "n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}
}

func (p *Provider) ecKey() Claims {
	point, err := p.EC.PublicKey.Bytes() // 4, x, y
	if err != nil {
		panic(err)
	}
	half := (len(point) - 1) / 2
	return Claims{"kty": "EC", "crv": "P-256", "kid": "ES256", "use": "sig", "x": encode(point[1 : 1+half]), "y": encode(point[1+half:])}
}

// Sign makes a token, in the way that the Provider lies about if it does.
func (p *Provider) Sign(header, claims Claims) string {
	if p.Lies.Sign != nil {
		return p.Lies.Sign(p, header, claims)
	}
	return p.SignTruly(header, claims)
}

// SignTruly signs with the key that the header's alg names.
func (p *Provider) SignTruly(header, claims Claims) string {
	text := Unsigned(header, claims)
	sum := sha256.Sum256([]byte(text))
	var signature []byte
	var err error
	switch header["alg"] {
	case "RS256":
		signature, err = rsa.SignPKCS1v15(rand.Reader, p.RSA, crypto.SHA256, sum[:])
	case "ES256":
		var r, s *big.Int
		if r, s, err = ecdsa.Sign(rand.Reader, p.EC, sum[:]); err == nil {
			signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	case "EdDSA":
		signature = ed25519.Sign(p.Ed, []byte(text))
	}
	if err != nil {
		panic(err)
	}
	return text + "." + encode(signature)
}

// Unsigned is a token up to its signature.
func Unsigned(header, claims Claims) string {
	return encode(marshal(header)) + "." + encode(marshal(claims))
}

// hash is at_hash: the first half of the access token's hash.
func (p *Provider) hash(access string) string {
	if p.Signing == "EdDSA" {
		sum := sha512.Sum512([]byte(access))
		return encode(sum[:len(sum)/2])
	}
	sum := sha256.Sum256([]byte(access))
	return encode(sum[:len(sum)/2])
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func marshal(value any) []byte {
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(value); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(out.Bytes())
}

func answer(w http.ResponseWriter, status int, body Claims) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(marshal(body)) // whoever asked may have gone
}
