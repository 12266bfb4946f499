package httpapi

import (
	"context"
	"net/http"

	"folioscope/internal/access"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// How administrators look after people, and how people leave. All of it is for browsers alone and asks for the password again.

type userPath struct {
	User string `path:"user" maxLength:"64"`
}

type changeUserInput struct {
	User string `path:"user" maxLength:"64"`
	Body struct {
		Role   string `json:"role,omitempty" enum:"user,adviser,auditor,admin"`
		Status string `json:"status,omitempty" enum:"active,suspended" doc:"suspended: signed out everywhere, and may not sign in; API tokens end"`
	}
}

func (s *Server) addPeopleRoutes() {
	const tag = "Administration"
	typed(s, route{method: "PATCH", path: "/api/v1/admin/users/{user}", class: classChange, action: access.ChangeUser, stepUp: true, tag: tag, summary: "Give somebody another role, suspend them or let them in again"}, http.StatusOK, s.changeUser)
	typed(s, route{method: "DELETE", path: "/api/v1/admin/users/{user}/sessions", class: classChange, action: access.SignOutUser, stepUp: true, tag: tag, summary: "Sign somebody out everywhere; API tokens stay"}, http.StatusNoContent, s.signOutUser)
	typed(s, route{method: "DELETE", path: "/api/v1/admin/users/{user}", class: classChange, action: access.EraseUser, stepUp: true, tag: tag, summary: "Delete somebody with all that is theirs, for good"}, http.StatusNoContent, s.eraseUser)
	typed(s, route{method: "DELETE", path: "/api/v1/me", class: classChange, action: access.EraseSelf, stepUp: true, tag: "Account", summary: "Delete the caller with all that is theirs, for good"}, http.StatusNoContent, s.eraseSelf)
}

func (s *Server) changeUser(ctx context.Context, in *changeUserInput) (*answer[AdminUser], error) {
	c := callOf(ctx)
	change := identity.ChangeUser{Role: identity.Role(in.Body.Role), Status: identity.Status(in.Body.Status)}
	user, err := s.identity.ChangeUser(ctx, c.owner(), ledger.OwnerID(in.User), change, c.from())
	if err != nil {
		return nil, err
	}
	s.revokedOf(ctx, user.ID)
	return &answer[AdminUser]{adminUserOf(user)}, nil
}

func (s *Server) signOutUser(ctx context.Context, in *userPath) (*none, error) {
	c := callOf(ctx)
	if err := s.identity.SignOutUser(ctx, c.owner(), ledger.OwnerID(in.User), c.from()); err != nil {
		return nil, err
	}
	s.revokedOf(ctx, ledger.OwnerID(in.User))
	return nil, nil
}

func (s *Server) eraseUser(ctx context.Context, in *userPath) (*none, error) {
	c := callOf(ctx)
	if err := s.identity.EraseUser(ctx, c.owner(), ledger.OwnerID(in.User), c.from()); err != nil {
		return nil, err
	}
	s.revokedOf(ctx, ledger.OwnerID(in.User))
	return nil, nil
}

func (s *Server) eraseSelf(ctx context.Context, _ *none) (*signedOutOutput, error) {
	c := callOf(ctx)
	if err := s.identity.EraseSelf(ctx, c.session, c.from()); err != nil {
		return nil, err
	}
	s.revoked(ctx)
	return s.signedOut(), nil
}

func adminUserOf(u identity.User) AdminUser {
	return AdminUser{ID: string(u.ID), Email: u.Email, Name: u.Name, Role: string(u.Role), Status: string(u.Status), CreatedAt: u.CreatedAt.UTC()}
}
