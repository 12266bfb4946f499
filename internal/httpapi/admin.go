package httpapi

import (
	"context"
	"net/http"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/identity"
)

type listUsersInput struct {
	Cursor string `query:"cursor" maxLength:"200"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type inviteInput struct {
	Body struct {
		Email string `json:"email" minLength:"3" maxLength:"254"`
		Name  string `json:"name" minLength:"1" maxLength:"480"`
		Role  string `json:"role" enum:"user,adviser,auditor,admin"`
	}
}

func (s *Server) addAdminRoutes() {
	const tag = "Administration"
	typed(s, route{method: "GET", path: "/api/v1/admin/users", class: classRead, action: access.ListUsers, tag: tag, summary: "All users"}, http.StatusOK, s.listUsers)
	typed(s, route{method: "POST", path: "/api/v1/admin/invitations", class: classChange, action: access.InviteUser, creates: true, tag: tag, summary: "Invite somebody; the link is shown once"}, http.StatusCreated, s.invite)
}

func (s *Server) listUsers(ctx context.Context, in *listUsersInput) (*answer[AdminUsers], error) {
	c := callOf(ctx)
	users, next, err := s.identity.Users(ctx, c.owner(), in.Cursor, in.Limit, c.from())
	if err != nil {
		return nil, err
	}
	out := AdminUsers{Items: make([]AdminUser, 0, len(users)), NextCursor: given(next)}
	for _, u := range users {
		out.Items = append(out.Items, adminUserOf(u))
	}
	return &answer[AdminUsers]{out}, nil
}

func (s *Server) invite(ctx context.Context, in *inviteInput) (*answer[Invitation], error) {
	c := callOf(ctx)
	user := identity.NewUser{Email: in.Body.Email, Name: in.Body.Name, Role: identity.Role(in.Body.Role)}
	invited, err := s.identity.Invite(ctx, c.owner(), user, c.from(), func(entry audit.Entry, invited identity.IssuedInvitation) (audit.Write, error) {
		return c.write(entry, s.invitationOf(ctx, invited)), nil
	})
	if err != nil {
		return nil, err
	}
	return &answer[Invitation]{s.invitationOf(ctx, invited)}, nil
}

func (s *Server) invitationOf(ctx context.Context, invited identity.IssuedInvitation) Invitation {
	out := Invitation{ExpiresAt: invited.ExpiresAt.UTC()}
	if invited.Token != "" {
		link := s.origin(ctx) + "/invite/" + invited.Token
		out.URL = &link
	}
	return out
}

// origin is what browsers see before a path: as configured, else as this request came.
func (s *Server) origin(ctx context.Context) string {
	switch {
	case s.options.PublicURL != "":
		return s.options.PublicURL
	case s.options.Secure:
		return "https://" + callOf(ctx).host
	}
	return "http://" + callOf(ctx).host
}
