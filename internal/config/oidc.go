package config

import (
	"maps"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"
)

// OIDC is one service that people may sign in with, by OpenID Connect. Its name is the operator's: small letters and digits, so that
// oidc.acme.client_id and FOLIOSCOPE_OIDC_ACME_CLIENT_ID are the same.
type OIDC struct {
	Issuer              string   `key:"issuer"`    // as the service names itself: https://…, or http:// on this machine
	ClientID            string   `key:"client_id"` // as the service knows this installation
	ClientSecret        Secret   `key:"client_secret"`
	ClientSecretFile    string   `key:"client_secret_file"`    // a file that holds the secret and nothing else, instead of client_secret
	Label               string   `key:"label"`                 // as people read it: Sign in with LABEL; empty: the name
	Scopes              []string `key:"scopes"`                // asked for besides openid; empty: profile, email
	CreateUsers         bool     `key:"create_users"`          // whoever is unknown here becomes a user
	Role                string   `key:"role"`                  // of whom is created: user, adviser or auditor; empty: user
	AllowedEmailDomains []string `key:"allowed_email_domains"` // whose verified addresses may become users; empty: all
	SecondFactor        bool     `key:"second_factor"`         // a second factor that was shown there counts here
	SignOut             bool     `key:"sign_out"`              // signing out here goes on to sign out there
}

// Bounds of what an operator writes about a sign-in service.
const (
	servicesMax      = 10  // buttons that fit below a form
	serviceNameMax   = 20  // bytes: it is a part of the address that the service calls
	serviceLabelMax  = 40  // characters on a button
	serviceScopesMax = 10  // more than any service has for signing in
	clientIDMax      = 256 // bytes
)

var (
	serviceName  = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	serviceScope = regexp.MustCompile(`^[!#-\[\]-~]+$`) // RFC 6749 §3.3
)

// namedServices are the sign-in services that any source names, each with nothing set yet.
func namedServices(file *koanf.Koanf, from Sources) map[string]OIDC {
	named := map[string]OIDC{}
	note := func(key string) {
		rest, ours := strings.CutPrefix(key, "oidc.")
		if name, _, found := strings.Cut(rest, "."); ours && found {
			named[name] = OIDC{}
		}
	}
	for _, key := range slices.Concat(file.Keys(), slices.Collect(maps.Keys(from.Flags))) {
		note(key)
	}
	var fields []string
	visit(reflect.ValueOf(&OIDC{}).Elem(), "", func(field string, _ reflect.Value) { fields = append(fields, field) })
	prefix := EnvironmentName("oidc") + "_"
	for _, entry := range from.Environ {
		variable, _, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(variable, prefix)
		name, field, found := strings.Cut(strings.ToLower(rest), "_")
		if ours && found && slices.Contains(fields, field) {
			named[name] = OIDC{}
		}
	}
	return named
}

// ServiceNames are the names of the sign-in services, in the order of the alphabet.
func (c Config) ServiceNames() []string { return slices.Sorted(maps.Keys(c.OIDC)) }

func (c Config) validateOIDC(refuse func(key, format string, args ...any)) {
	if len(c.OIDC) == 0 {
		return
	}
	if len(c.OIDC) > servicesMax {
		refuse("oidc", "holds %d sign-in services, at most %d fit on the page", len(c.OIDC), servicesMax)
	}
	if c.PublicURL == "" {
		refuse("public_url", "is needed where people sign in with %s: that service sends them back there", c.ServiceNames()[0])
	}
	issuers := map[string]string{}
	for _, name := range c.ServiceNames() {
		service, key := c.OIDC[name], "oidc."+name
		service.validate(key, name, refuse)
		if other := issuers[service.Issuer]; other != "" && service.Issuer != "" {
			refuse(key+".issuer", "is that of %s too: what one says of a person would hold for the other", other)
		}
		issuers[service.Issuer] = name
	}
}

func (o OIDC) validate(key, name string, refuse func(key, format string, args ...any)) {
	if !serviceName.MatchString(name) || len(name) > serviceNameMax {
		refuse(key, "the name needs small letters and digits, a letter first, at most %d", serviceNameMax)
	}
	if u, err := url.Parse(o.Issuer); err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && !plainHere(u) {
		refuse(key+".issuer", "needs an address such as https://login.example, as the service itself writes it")
	}
	if o.ClientID == "" || len(o.ClientID) > clientIDMax {
		refuse(key+".client_id", "is needed: how the service knows this installation")
	}
	if o.ClientSecret != "" && o.ClientSecretFile != "" {
		refuse(key+".client_secret_file", "and client_secret are two ways: choose one")
	}
	if len([]rune(o.Label)) > serviceLabelMax {
		refuse(key+".label", "may have at most %d characters: it stands on a button", serviceLabelMax)
	}
	if !slices.Contains([]string{"", "user", "adviser", "auditor"}, o.Role) {
		refuse(key+".role", "is user, adviser or auditor: nobody becomes an administrator by another service's word")
	}
	if len(o.Scopes) > serviceScopesMax || slices.ContainsFunc(o.Scopes, func(scope string) bool { return !serviceScope.MatchString(scope) }) {
		refuse(key+".scopes", "needs at most %d words such as profile", serviceScopesMax)
	}
	for _, domain := range o.AllowedEmailDomains {
		if domain == "" || strings.ContainsAny(domain, "@/ *") || !strings.Contains(domain, ".") {
			refuse(key+".allowed_email_domains", "needs names such as example.org, got %.60q", domain)
		}
	}
	if !o.CreateUsers && (o.Role != "" || len(o.AllowedEmailDomains) > 0) {
		refuse(key+".create_users", "is off, so role and allowed_email_domains have no meaning")
	}
}

// plainHere says whether an address is plain HTTP on this machine, which nobody else hears.
func plainHere(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return u.Scheme == "http" && isLoopback(net.JoinHostPort(u.Hostname(), port))
}
