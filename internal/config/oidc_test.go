package config

import (
	"slices"
	"strings"
	"testing"
)

const oneService = `
public_url = "https://folio.example"
[oidc.acme]
issuer = "https://login.acme.example"
client_id = "folioscope"
`

func TestSignInServicesHaveNamesOfTheOperators(t *testing.T) {
	c, err := Load(Sources{
		File: write(t, oneService+"label = \"Acme\"\nscopes = [\"profile\"]\n"),
		Environ: append(slices.Clone(home),
			"FOLIOSCOPE_OIDC_ACME_CLIENT_SECRET=hunter2-planted",
			"FOLIOSCOPE_OIDC_HOME1_ISSUER=http://localhost:9000/x",
			"FOLIOSCOPE_OIDC_HOME1_CLIENT_ID=here",
			"FOLIOSCOPE_OIDC_HOME1_ALLOWED_EMAIL_DOMAINS=example.org, example.net",
			"FOLIOSCOPE_OIDC_HOME1_CREATE_USERS=true"),
		Flags: map[string]string{"oidc.home1.role": "auditor"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if names := c.ServiceNames(); !slices.Equal(names, []string{"acme", "home1"}) {
		t.Fatalf("services: %v", names)
	}
	acme, home1 := c.OIDC["acme"], c.OIDC["home1"]
	if acme.Label != "Acme" || acme.ClientSecret.Reveal() != "hunter2-planted" || !slices.Equal(acme.Scopes, []string{"profile"}) || acme.CreateUsers {
		t.Errorf("acme: %s", c)
	}
	if !home1.CreateUsers || home1.Role != "auditor" || !slices.Equal(home1.AllowedEmailDomains, []string{"example.org", "example.net"}) {
		t.Errorf("home1: %s", c)
	}
	if text := c.String(); strings.Contains(text, "hunter2") || !strings.Contains(text, "oidc.acme.client_secret = (hidden)") {
		t.Errorf("listed: %s", text)
	}
}

func TestSignInServicesAreChecked(t *testing.T) {
	for _, test := range []struct{ name, file, environment, want string }{
		{name: "no public address", file: strings.Replace(oneService, "public_url", "data_dir", 1), want: "public_url: is needed"},
		{name: "plain issuer", file: strings.Replace(oneService, "https://login", "http://login", 1), want: "oidc.acme.issuer: needs an address"},
		{name: "issuer with a query", file: strings.Replace(oneService, "acme.example", "acme.example/?a=b", 1), want: "oidc.acme.issuer: needs an address"},
		{name: "issuer with a password", file: strings.Replace(oneService, "https://login", "https://a:b@login", 1), want: "oidc.acme.issuer: needs an address"},
		{name: "no client", file: strings.Replace(oneService, `"folioscope"`, `""`, 1), want: "oidc.acme.client_id: is needed"},
		{name: "unknown key", file: oneService + "secret = \"x\"\n", want: "oidc.acme.secret: unknown key"},
		{name: "unknown variable", environment: "FOLIOSCOPE_OIDC_ACME_SECRET=x", want: "FOLIOSCOPE_OIDC_ACME_SECRET: unknown"},
		{name: "name of the file", file: strings.Replace(oneService, "[oidc.acme]", "[oidc.Ac-me]", 1), want: "oidc.Ac-me: the name needs"},
		{name: "two secrets", file: oneService + "client_secret = \"x\"\nclient_secret_file = \"/y\"\n", want: "oidc.acme.client_secret_file: and client_secret are two ways"},
		{name: "administrators", file: oneService + "create_users = true\nrole = \"admin\"\n", want: "oidc.acme.role: is user, adviser or auditor"},
		{name: "role for nobody", file: oneService + "role = \"user\"\n", want: "oidc.acme.create_users: is off"},
		{name: "domain", file: oneService + "create_users = true\nallowed_email_domains = [\"@example.org\"]\n", want: "oidc.acme.allowed_email_domains: needs names"},
		{name: "scope", file: oneService + "scopes = [\"pro file\"]\n", want: "oidc.acme.scopes: needs at most"},
		{name: "label", file: oneService + "label = \"" + strings.Repeat("a", serviceLabelMax+1) + "\"\n", want: "oidc.acme.label: may have at most"},
		{name: "the same issuer twice", file: oneService + strings.Replace(strings.SplitAfterN(oneService, "\n", 3)[2], "acme]", "other]", 1), want: "oidc.other.issuer: is that of acme too"},
	} {
		t.Run(test.name, func(t *testing.T) {
			from := Sources{Environ: home}
			if test.file != "" {
				from.File = write(t, test.file)
			}
			if test.environment != "" {
				from.Environ = append(slices.Clone(home), test.environment)
			}
			if _, err := Load(from); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
