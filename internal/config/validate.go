package config

import (
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"folioscope/internal/fault"
)

// Bounds of the poll: a second serves tests with a stand-in for a provider, and after a day nothing is live any more.
const (
	pollIntervalMin = time.Second
	pollIntervalMax = 24 * time.Hour
)

// drainWaitMax is longer than any load balancer takes; whoever stops a node has it killed after some minutes at most.
const drainWaitMax = 5 * time.Minute

// probeIntervalMin keeps the probe from being what the service is busy with.
const probeIntervalMin = 100 * time.Millisecond

// Validate checks every setting and how they fit together. Its error is of kind Invalid and names each key that is wrong.
func (c Config) Validate() error {
	var wrong []error
	refuse := func(key, format string, args ...any) { wrong = append(wrong, fault.At(key, format, args...)) }

	c.validateServer(refuse)
	c.validateProviders(refuse)
	c.validateOIDC(refuse)
	if c.DataDir == "" {
		refuse("data_dir", "is needed: where the node keeps its data")
	}
	if len(c.Roles) == 0 {
		refuse("roles", "needs one of api, ingest, engine")
	}
	for _, role := range c.Roles {
		if !slices.Contains([]string{RoleAPI, RoleIngest, RoleEngine}, role) {
			refuse("roles", "no role is called %.40q: api, ingest, engine", role)
		}
	}
	if database := c.Database.URL.Reveal(); database != "" {
		if u, err := url.Parse(database); err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" && u.Path == "" {
			refuse("database.url", "needs postgres://…, or nothing for the database in data_dir")
		}
	}
	c.NATS.validate(refuse)
	if c.Poll.Interval < pollIntervalMin || c.Poll.Interval > pollIntervalMax {
		refuse("poll.interval", "needs %s to %s, got %s", pollIntervalMin, pollIntervalMax, c.Poll.Interval)
	}
	for _, role := range c.Identity.RequireSecondFactor {
		if !slices.Contains([]string{"user", "adviser", "auditor", "admin"}, role) {
			refuse("identity.require_second_factor", "no role of users is called %.40q: user, adviser, auditor, admin", role)
		}
	}
	c.validateSMTP(refuse)
	if c.Audit.Webhook != (AuditWebhook{}) {
		u, err := url.Parse(c.Audit.Webhook.URL.Reveal())
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !plainHere(u) {
			refuse("audit.webhook.url", "needs an address such as https://keeper.example/checkpoints")
		}
		if c.Audit.Webhook.Secret == "" {
			refuse("audit.webhook.secret", "is needed: with it the other end knows that a checkpoint is from here")
		}
	}
	c.validateProbe(refuse)
	if c.Health.BackupAgeMax < time.Hour {
		refuse("health.backup_age_max", "needs at least an hour, got %s", c.Health.BackupAgeMax)
	}
	const percentMax = 100
	if c.Telemetry.Traces.Percent < 1 || c.Telemetry.Traces.Percent > percentMax {
		refuse("telemetry.traces.percent", "needs 1 to %d, got %d", percentMax, c.Telemetry.Traces.Percent)
	}
	if to := c.Telemetry.Traces.Endpoint.Reveal(); to != "" {
		if u, err := url.Parse(to); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") == "" {
			refuse("telemetry.traces.endpoint", "needs a whole address such as https://collector.example:4318/v1/traces")
		}
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Telemetry.LogLevel) {
		refuse("telemetry.log_level", "needs debug, info, warn or error, got %.40q", c.Telemetry.LogLevel)
	}
	if !slices.Contains([]string{"text", "json"}, c.Telemetry.LogFormat) {
		refuse("telemetry.log_format", "needs text or json, got %.40q", c.Telemetry.LogFormat)
	}
	return joined(wrong)
}

// validateServer checks where and how HTTP is served: in the clear on loopback only, or behind a proxy that is named.
func (c Config) validateServer(refuse func(key, format string, args ...any)) {
	ways := 0
	for _, on := range []bool{c.TLS.Cert != "" || c.TLS.Key != "", c.TLS.Domain != "", c.TLS.Self} {
		if on {
			ways++
		}
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		refuse("tls.cert", "and tls.key go together")
	}
	if ways > 1 {
		refuse("tls.cert", "tls.cert with tls.key, tls.domain and tls.self are three ways: choose one")
	}
	if c.TLS.Domain != "" && (strings.ContainsAny(c.TLS.Domain, "/: ") || !strings.Contains(c.TLS.Domain, ".")) {
		refuse("tls.domain", "needs a public name such as folio.example, got %.60q", c.TLS.Domain)
	}
	for _, text := range c.Proxy.Trusted {
		if !isNetwork(text) {
			refuse("proxy.trusted", "needs addresses or networks such as 10.0.0.0/8, got %.60q", text)
		}
	}
	if c.Drain.Wait < 0 || c.Drain.Wait > drainWaitMax {
		refuse("drain.wait", "needs 0s to %s, got %s", drainWaitMax, c.Drain.Wait)
	}
	for _, text := range c.Outbound.Allow {
		if !isNetwork(text) && !isHostPort(text) {
			refuse("outbound.allow", "needs networks such as 10.1.0.0/16, addresses, or HOST:PORT, got %.60q", text)
		}
	}
	for _, text := range c.Outbound.Messages {
		if !isHostPort(text) {
			refuse("outbound.messages", "needs HOST:PORT, got %.60q", text)
		}
	}
	if proxy := c.Outbound.Proxy.Reveal(); proxy != "" {
		if u, err := url.Parse(proxy); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			refuse("outbound.proxy", "needs an address such as http://proxy:3128")
		}
	}
	if c.PublicURL != "" && !isOrigin(c.PublicURL) {
		refuse("public_url", "needs an origin such as https://folio.example")
	}
	switch {
	case !isHostPort(c.Listen):
		refuse("listen", "needs HOST:PORT, got %.60q", c.Listen)
	case !c.TLS.On() && len(c.Proxy.Trusted) == 0 && !isLoopback(c.Listen):
		refuse("listen", "%s is not loopback, and passwords never travel in the clear: set tls.domain, tls.cert and tls.key, tls.self, or name the proxy that ends TLS in proxy.trusted", c.Listen)
	}
}

// validateSMTP checks how mail goes out: never in the clear but to this machine itself, and with links that no request can choose.
func (c Config) validateSMTP(refuse func(key, format string, args ...any)) {
	m := c.SMTP
	if m.Port < 1 || m.Port > 65535 {
		refuse("smtp.port", "needs 1 to 65535, got %d", m.Port)
	}
	if !slices.Contains([]string{"", TLSStart, TLSImplicit, TLSNone}, m.TLS) {
		refuse("smtp.tls", "needs starttls, implicit or none, got %.40q", m.TLS)
	}
	if m.Host == "" {
		return
	}
	if sender, err := mail.ParseAddress(m.From); err != nil || !strings.Contains(sender.Address, "@") {
		refuse("smtp.from", "is needed where smtp.host is set: an address such as Folioscope <folio@example.org>")
	}
	if c.PublicURL == "" {
		refuse("public_url", "is needed where smtp.host is set: links in mails begin with it, and must not with what a request claims")
	}
	if m.TLS == TLSNone && !isLoopback(net.JoinHostPort(m.Host, strconv.Itoa(m.Port))) {
		refuse("smtp.tls", "none is for a mail server on this machine alone: links in mails open accounts")
	}
	if m.Username == "" && m.Password != "" {
		refuse("smtp.username", "is needed where smtp.password is set")
	}
}

func (c Config) validateProviders(refuse func(key, format string, args ...any)) {
	names := ProviderNames()
	for _, name := range names {
		p, key := c.Providers[name], "providers."+name
		if p.BaseURL != "" {
			if u, err := url.Parse(p.BaseURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
				refuse(key+".base_url", "needs an address such as https://host")
			}
		}
		for _, limit := range []struct {
			span  string
			count int
		}{{"minute", p.RequestsPerMinute}, {"hour", p.RequestsPerHour}, {"day", p.RequestsPerDay}, {"month", p.RequestsPerMonth}} {
			if limit.count < 0 {
				refuse(key+".requests_per_"+limit.span, "needs 0 or more, got %d", limit.count)
			}
		}
	}
	for _, chain := range []struct {
		key  string
		list []string
	}{{"stock", c.Chain.Stock}, {"fund", c.Chain.Fund}, {"fx", c.Chain.FX}, {"crypto", c.Chain.Crypto}} {
		for i, name := range chain.list {
			switch {
			case !slices.Contains(names, name):
				refuse("providers.chain."+chain.key, "no provider is called %.40q: %s", name, strings.Join(names, ", "))
			case name == "openfigi":
				refuse("providers.chain."+chain.key, "openfigi knows identifiers and no prices: it is asked when people search")
			case slices.Contains(chain.list[:i], name):
				refuse("providers.chain."+chain.key, "names %s twice", name)
			}
		}
	}
}

func (c Config) validateProbe(refuse func(key, format string, args ...any)) {
	if c.Probe.Read < probeIntervalMin {
		refuse("probe.read", "needs at least %s, got %s", probeIntervalMin, c.Probe.Read)
	}
	if c.Probe.Write < probeIntervalMin {
		refuse("probe.write", "needs at least %s, got %s", probeIntervalMin, c.Probe.Write)
	}
	if c.Probe.URL != "" && !isOrigin(c.Probe.URL) {
		refuse("probe.url", "needs an origin such as https://folio.example")
	}
}

// isOrigin says whether an address is a scheme, a host and a port alone.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && strings.Trim(u.Path, "/") == "" && u.RawQuery == ""
}

func isHostPort(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// isLoopback says whether an address can be reached from this machine alone.
func isLoopback(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

func isNetwork(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	_, err := netip.ParsePrefix(text)
	return err == nil
}
