package httpapi

import (
	"context"
	"net/http"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/identity"
)

// TokenItem is an API token without its secret.
type TokenItem struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes" nullable:"false" enum:"read,write,admin"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	SeenAt    *time.Time `json:"seen_at" doc:"Last use, to the minute"`
	Expired   bool       `json:"expired"`
}

// Tokens is a list of them.
type Tokens struct {
	Items []TokenItem `json:"items" nullable:"false"`
}

// NewToken is an API token with its secret, which is shown once.
type NewToken struct {
	TokenItem
	Token string `json:"token" doc:"fsc_…, for Authorization: Bearer"`
}

type newTokenInput struct {
	Body struct {
		Name      string    `json:"name" minLength:"1" maxLength:"320"`
		Scopes    []string  `json:"scopes" nullable:"false" minItems:"1" maxItems:"3" enum:"read,write,admin"`
		ExpiresAt time.Time `json:"expires_at" doc:"At most 366 days from now"`
	}
}

type tokenPath struct {
	Token string `path:"token" maxLength:"64"`
}

func (s *Server) addTokenRoutes() {
	const tag = "Account"
	typed(s, route{method: "GET", path: "/api/v1/me/tokens", class: classRead, action: access.ReadAccount, tag: tag, summary: "Your API tokens"}, http.StatusOK, s.listTokens)
	typed(s, route{method: "POST", path: "/api/v1/me/tokens", class: classChange, action: access.ChangeAccount, creates: true, stepUp: true, tag: tag, summary: "Make an API token; it is shown once"}, http.StatusCreated, s.createToken)
	typed(s, route{method: "DELETE", path: "/api/v1/me/tokens/{token}", class: classChange, action: access.ChangeAccount, tag: tag, summary: "Revoke an API token"}, http.StatusNoContent, s.revokeToken)
}

func (s *Server) tokenOf(t identity.Token) TokenItem {
	out := TokenItem{
		ID: t.Hash.ID(), Name: t.Name, Scopes: []string{}, CreatedAt: t.CreatedAt.UTC(), ExpiresAt: t.ExpiresAt.UTC(), Expired: !s.now().Before(t.ExpiresAt),
	}
	for _, one := range scopeNames {
		if t.Scopes.Has(one.scope) {
			out.Scopes = append(out.Scopes, one.name)
		}
	}
	if !t.SeenAt.IsZero() {
		seen := t.SeenAt.UTC()
		out.SeenAt = &seen
	}
	return out
}

func (s *Server) listTokens(ctx context.Context, _ *none) (*answer[Tokens], error) {
	tokens, err := s.identity.Tokens(ctx, callOf(ctx).owner())
	if err != nil {
		return nil, err
	}
	out := Tokens{Items: make([]TokenItem, 0, len(tokens))}
	for _, t := range tokens {
		out.Items = append(out.Items, s.tokenOf(t))
	}
	return &answer[Tokens]{out}, nil
}

func (s *Server) createToken(ctx context.Context, in *newTokenInput) (*answer[NewToken], error) {
	c := callOf(ctx)
	wanted := identity.NewToken{Name: in.Body.Name, ExpiresAt: in.Body.ExpiresAt}
	for _, one := range scopeNames {
		for _, name := range in.Body.Scopes {
			if name == one.name {
				wanted.Scopes |= one.scope
			}
		}
	}
	shown := func(issued identity.IssuedToken) NewToken { return NewToken{s.tokenOf(issued.Token), issued.Secret} }
	issued, err := s.identity.CreateToken(ctx, c.session, wanted, c.from(), func(entry audit.Entry, issued identity.IssuedToken) audit.Write {
		return c.write(entry, shown(issued))
	})
	if err != nil {
		return nil, err
	}
	return &answer[NewToken]{shown(issued)}, nil
}

func (s *Server) revokeToken(ctx context.Context, in *tokenPath) (*none, error) {
	c := callOf(ctx)
	return s.endedOr(ctx, s.identity.RevokeToken(ctx, c.owner(), c.owner(), in.Token, c.from()))
}
