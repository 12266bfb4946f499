package app

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"

	"folioscope/internal/config"
	"folioscope/internal/identity"
	"folioscope/internal/identity/openid"
	"folioscope/internal/outbound"
)

const secretFileBytesMax = 4 << 10 // of a client's secret in a file

// signInServices are the services that people may sign in with. None of them is asked anything before somebody does.
func signInServices(settings config.Config, out *outbound.Outbound, now func() time.Time) ([]identity.SignInService, error) {
	var all []identity.SignInService
	for _, name := range settings.ServiceNames() {
		of := settings.OIDC[name]
		secret, err := clientSecret(of)
		if err != nil {
			return nil, fmt.Errorf("oidc.%s.client_secret_file: %w", name, err)
		}
		scopes := of.Scopes
		if len(scopes) == 0 {
			scopes = []string{"profile", "email"}
		}
		service := identity.SignInService{
			Name: name, Label: of.Label, CreateUsers: of.CreateUsers, Role: identity.Role(of.Role), SecondFactor: of.SecondFactor, SignOut: of.SignOut,
			OpenID: openid.New(openid.Settings{
				Issuer: of.Issuer, ClientID: of.ClientID, ClientSecret: secret, Scopes: scopes,
				RedirectURL: strings.TrimSuffix(settings.PublicURL, "/") + "/api/v1/oidc/" + name + "/callback",
				Client:      out.Operator(of.Issuer), Random: rand.Reader, Now: now,
			}),
		}
		if service.Label == "" {
			service.Label = name
		}
		if service.Role == "" {
			service.Role = identity.RoleUser
		}
		for _, domain := range of.AllowedEmailDomains {
			service.EmailDomains = append(service.EmailDomains, strings.ToLower(domain))
		}
		all = append(all, service)
	}
	return all, nil
}

func clientSecret(of config.OIDC) (string, error) {
	if of.ClientSecretFile == "" {
		return of.ClientSecret.Reveal(), nil
	}
	info, err := os.Stat(of.ClientSecretFile)
	if err != nil {
		return "", err
	}
	if info.Size() > secretFileBytesMax {
		return "", fmt.Errorf("has more than %d bytes", secretFileBytesMax)
	}
	data, err := os.ReadFile(of.ClientSecretFile)
	return strings.TrimSpace(string(data)), err
}
