package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/identity"
)

// Passkeys: signing in with one, asking for one again, and somebody's own. What browsers and this server say to each other are the JSON
// forms of the Web Authentication standard, which both sides hand on to their libraries.

const passkeyBytesMax = 64 << 10 // of a body with an answer: keys and signatures are a few KiB

// browserJSON is what a browser's API takes or gives: an object of the standard, not ours to describe.
type browserJSON struct{ json.RawMessage }

// Schema implements huma.SchemaProvider.
func (browserJSON) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// PasskeyOptions is what a browser is given.
type PasskeyOptions struct {
	Options *browserJSON `json:"options,omitempty" doc:"Of the Web Authentication API: for parseCreationOptionsFromJSON or parseRequestOptionsFromJSON. Good for five minutes and one answer. Left out where this server takes no passkeys"`
}

// PasskeyItem is one passkey.
type PasskeyItem struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Synced    bool       `json:"synced" doc:"A password manager carries it from device to device"`
	CreatedAt time.Time  `json:"created_at"`
	SeenAt    *time.Time `json:"seen_at" doc:"Last use; null: never"`
}

// Passkeys is a list of them.
type Passkeys struct {
	Available bool          `json:"available" doc:"This server takes passkeys"`
	Items     []PasskeyItem `json:"items" nullable:"false"`
}

// NewPasskey is a passkey that was added.
type NewPasskey struct {
	PasskeyItem
	RecoveryCodes []string `json:"recovery_codes" nullable:"false" doc:"With the first second factor, shown once; otherwise empty"`
}

type passkeySignInInput struct {
	Body struct {
		Credential browserJSON `json:"credential" doc:"AuthenticationResponseJSON"`
	}
}

type newPasskeyInput struct {
	Body struct {
		Name       string      `json:"name" minLength:"1" maxLength:"320"`
		Credential browserJSON `json:"credential" doc:"RegistrationResponseJSON"`
	}
}

type renamePasskeyInput struct {
	Passkey string `path:"passkey" maxLength:"64"`
	Body    struct {
		Name string `json:"name" minLength:"1" maxLength:"320"`
	}
}

type passkeyPath struct {
	Passkey string `path:"passkey" maxLength:"64"`
}

func (s *Server) addPasskeyRoutes() {
	typed(s, route{method: "POST", path: "/api/v1/session/passkey/options", class: classChange, action: access.SignIn, bodyBytesMax: passkeyBytesMax, tag: "Session", summary: "What to ask a browser for a passkey with"}, http.StatusOK,
		func(context.Context, *none) (*answer[PasskeyOptions], error) {
			if !s.identity.PasskeysOn() {
				return &answer[PasskeyOptions]{}, nil
			}
			return optionsOr(s.identity.StartPasskeySignIn())
		})
	typed(s, route{method: "POST", path: "/api/v1/session/passkey", class: classChange, action: access.SignIn, bodyBytesMax: passkeyBytesMax, tag: "Session", summary: "Sign in with a passkey, which is both factors"}, http.StatusOK,
		func(ctx context.Context, in *passkeySignInInput) (*signedInOutput, error) {
			return s.signedIn(s.identity.SignInWithPasskey(ctx, in.Body.Credential.RawMessage, callOf(ctx).from()))
		})
	const tag = "Account"
	typed(s, route{method: "GET", path: "/api/v1/me/passkeys", class: classRead, action: access.ReadAccount, tag: tag, summary: "Your passkeys"}, http.StatusOK, s.listPasskeys)
	typed(s, route{method: "POST", path: "/api/v1/me/passkeys/options", class: classChange, action: access.EnrolFactor, bodyBytesMax: passkeyBytesMax, stepUp: true, tag: tag, summary: "What to make a passkey with"}, http.StatusOK,
		func(ctx context.Context, _ *none) (*answer[PasskeyOptions], error) {
			return optionsOr(s.identity.StartPasskey(ctx, callOf(ctx).session))
		})
	typed(s, route{method: "POST", path: "/api/v1/me/passkeys", class: classChange, action: access.EnrolFactor, bodyBytesMax: passkeyBytesMax, creates: true, stepUp: true, tag: tag, summary: "Add a passkey; where it is the first second factor, recovery codes are shown once, and every other session ends"}, http.StatusCreated, s.addPasskey)
	typed(s, route{method: "PATCH", path: "/api/v1/me/passkeys/{passkey}", class: classChange, action: access.ChangeAccount, tag: tag, summary: "Rename a passkey"}, http.StatusOK, s.renamePasskey)
	typed(s, route{method: "DELETE", path: "/api/v1/me/passkeys/{passkey}", class: classChange, action: access.ChangeAccount, stepUp: true, tag: tag, summary: "Remove a passkey; every other session ends"}, http.StatusNoContent,
		func(ctx context.Context, in *passkeyPath) (*none, error) {
			c := callOf(ctx)
			return s.endedOr(ctx, s.identity.RemovePasskey(ctx, c.session, in.Passkey, c.from()))
		})
}

func optionsOr(options json.RawMessage, err error) (*answer[PasskeyOptions], error) {
	if err != nil {
		return nil, err
	}
	return &answer[PasskeyOptions]{PasskeyOptions{&browserJSON{options}}}, nil
}

func passkeyOf(p identity.Passkey) PasskeyItem {
	out := PasskeyItem{ID: p.Public(), Name: p.Name, Synced: p.Synced, CreatedAt: p.CreatedAt.UTC()}
	if !p.SeenAt.IsZero() {
		seen := p.SeenAt.UTC()
		out.SeenAt = &seen
	}
	return out
}

func (s *Server) listPasskeys(ctx context.Context, _ *none) (*answer[Passkeys], error) {
	keys, err := s.identity.Passkeys(ctx, callOf(ctx).owner())
	if err != nil {
		return nil, err
	}
	out := Passkeys{Available: s.identity.PasskeysOn(), Items: make([]PasskeyItem, 0, len(keys))}
	for _, p := range keys {
		out.Items = append(out.Items, passkeyOf(p))
	}
	return &answer[Passkeys]{out}, nil
}

func (s *Server) addPasskey(ctx context.Context, in *newPasskeyInput) (*answer[NewPasskey], error) {
	c := callOf(ctx)
	shown := func(a identity.AddedPasskey) NewPasskey {
		return NewPasskey{passkeyOf(a.Passkey), append([]string{}, a.Recovery...)}
	}
	added, err := s.identity.AddPasskey(ctx, c.session, in.Body.Name, in.Body.Credential.RawMessage, c.from(), func(entry audit.Entry, added identity.AddedPasskey) audit.Write {
		return c.write(entry, shown(added))
	})
	if err != nil {
		return nil, err
	}
	s.revoked(ctx)
	return &answer[NewPasskey]{shown(added)}, nil
}

func (s *Server) renamePasskey(ctx context.Context, in *renamePasskeyInput) (*answer[PasskeyItem], error) {
	c := callOf(ctx)
	renamed, err := s.identity.RenamePasskey(ctx, c.owner(), in.Passkey, in.Body.Name, c.from())
	if err != nil {
		return nil, err
	}
	return &answer[PasskeyItem]{passkeyOf(renamed)}, nil
}
