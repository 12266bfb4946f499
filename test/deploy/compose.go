package deploy

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"folioscope/internal/config"
)

const composeDir = root + "/deploy/compose"

// readyWithin is how long a stopped node may take to leave and to answer what it was asked.
const readyWithin = 30 * time.Second

// loadCompose reads a Compose file as strictly as Compose does.
func loadCompose(text string, environment map[string]string) (*types.Project, error) {
	return loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir: composeDir, ConfigFiles: []types.ConfigFile{{Filename: "compose.yml", Content: []byte(text)}}, Environment: environment,
	})
}

// checkCompose reads a Compose file with the settings of .env.example and names everything that is wrong with it. The secrets that it names
// are looked for in made, which secrets.sh has filled.
func checkCompose(text string, environment map[string]string, made string) *faults {
	var wrong faults
	project, err := loadCompose(text, environment)
	if err != nil {
		wrong.take(err)
		return &wrong
	}
	for name, secret := range project.Secrets {
		wrong.exists("secret "+name, filepath.Join(made, filepath.Base(secret.File)))
	}
	for _, service := range project.Services {
		checkService(&wrong, project, service)
	}
	for _, name := range []string{"bus", "database", "nodes", "watch"} {
		if !project.Networks[name].Internal {
			wrong.add("network %s: is open to the outside", name)
		}
	}
	return &wrong
}

// checkService holds what every container is bound by, and what makes a node of one.
func checkService(wrong *faults, project *types.Project, s types.ServiceConfig) {
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			wrong.add("service "+s.Name+": "+format, args...)
		}
	}
	refuse(!s.ReadOnly, "its root can be written to")
	refuse(!slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0, "it keeps capabilities")
	refuse(!slices.Contains(s.SecurityOpt, "no-new-privileges:true"), "it can gain privileges")
	refuse(s.Privileged || s.NetworkMode != "" || s.Pid != "" || s.Ipc != "", "it shares something with the machine")
	refuse(s.MemLimit == 0, "its memory has no end")
	refuse(s.Restart != types.RestartPolicyUnlessStopped, "it stays away once it has ended")
	refuse(s.User == "root" || strings.HasPrefix(s.User, "0"), "it runs as root")
	_, tag, tagged := strings.Cut(s.Image, ":")
	refuse(s.Build == nil && (!tagged || tag == "latest"), "image %s is whichever is the newest", s.Image)
	for network := range s.Networks {
		_, known := project.Networks[network]
		refuse(!known, "network %s isn't there", network)
	}
	for _, secret := range s.Secrets {
		_, known := project.Secrets[secret.Source]
		refuse(!known, "secret %s isn't there", secret.Source)
	}
	for _, volume := range s.Volumes {
		if volume.Type == types.VolumeTypeBind {
			refuse(!volume.ReadOnly, "it can write to %s", volume.Source)
			wrong.exists("service "+s.Name, volume.Source)
		} else {
			_, known := project.Volumes[volume.Source]
			refuse(!known, "volume %s isn't there", volume.Source)
		}
	}
	if s.Name == "proxy" {
		checkProxy(wrong, s)
	}
	for name, value := range s.Environment {
		refuse(value != nil && secretValue(name, *value), "%s is a secret in the environment", name)
	}
	if strings.HasPrefix(s.Name, "node-") {
		checkNode(wrong, project, s)
	} else {
		refuse(s.HealthCheck == nil, "nobody looks whether it works")
	}
}

// checkProxy refuses variables that the proxy's configuration doesn't read.
func checkProxy(wrong *faults, s types.ServiceConfig) {
	configuration, err := os.ReadFile(root + "/deploy/haproxy/haproxy.cfg")
	if err != nil {
		wrong.take(err)
		return
	}
	for name := range s.Environment {
		if !strings.Contains(string(configuration), "presetenv "+name+" ") {
			wrong.add("service %s: nothing reads %s", s.Name, name)
		}
	}
}

// secretValue says whether a variable holds a secret instead of naming the file that does.
func secretValue(name, value string) bool {
	u, err := url.Parse(value)
	if err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			return true
		}
	}
	name = strings.ToUpper(name)
	for _, word := range []string{"PASSWORD", "TOKEN", "SECRET"} {
		if strings.Contains(name, word) && !strings.HasSuffix(name, "_FILE") {
			return true
		}
	}
	return false
}

// checkNode holds a node's settings against the product's own rules, and against the services around it.
func checkNode(wrong *faults, project *types.Project, s types.ServiceConfig) {
	variables := map[string]string{"FOLIOSCOPE_DATA_DIR": "/var/lib/folioscope"} // the image says so
	if s.Name == "proxy" {
		checkProxy(wrong, s)
	}
	for name, value := range s.Environment {
		if value != nil {
			variables[name] = *value
		}
	}
	c, err := settings(variables)
	if err != nil {
		wrong.add("service %s: %w", s.Name, err)
		return
	}
	held := map[string]bool{}
	for _, secret := range s.Secrets {
		name := secret.Target
		if name == "" {
			name = secret.Source
		}
		held["/run/secrets/"+filepath.Base(name)] = true
	}
	database, err := url.Parse(c.Database.URL.Reveal())
	if err != nil {
		wrong.add("service %s: database.url: %w", s.Name, err)
		return
	}
	query := database.Query()
	for _, file := range []string{c.Keys.KEK, c.NATS.TLS.Cert, c.NATS.TLS.Key, c.NATS.TLS.CA, query.Get("sslrootcert"), query.Get("passfile")} {
		if !held[file] {
			wrong.add("service %s: %q is no secret that it has", s.Name, file)
		}
	}
	if query.Get("sslmode") != "verify-full" {
		wrong.add("service %s: anybody could answer in the database's place", s.Name)
	}
	reach(wrong, project, s, strings.Split(database.Host, ","))
	var routes []string
	for _, route := range c.NATS.Cluster.Routes {
		host, _, _ := net.SplitHostPort(route) // config has checked it
		routes = append(routes, host)
	}
	reach(wrong, project, s, routes)
	if !slices.Contains(routes, s.Name) || len(routes) < 3 {
		wrong.add("service %s: the routes %v don't name every node", s.Name, routes)
	}
	proxy := project.Services["proxy"].Networks["nodes"]
	own, asked := s.Networks["nodes"], project.Services["proxy"].Environment["NODE"+strings.TrimPrefix(s.Name, "node-")]
	if own == nil || asked == nil || *asked != own.Ipv4Address+c.Listen {
		wrong.add("service %s: the proxy looks for it elsewhere", s.Name)
	}
	if proxy == nil || !slices.Equal(c.Proxy.Trusted, []string{proxy.Ipv4Address}) {
		wrong.add("service %s: it trusts %v, and the proxy is elsewhere", s.Name, c.Proxy.Trusted)
	}
	checkLeaving(wrong, s, c)
}

// reach refuses hosts that are no service, or that no network joins with this one.
func reach(wrong *faults, project *types.Project, s types.ServiceConfig, hosts []string) {
	for _, host := range hosts {
		other, known := project.Services[host]
		shared := false
		for network := range other.Networks {
			_, here := s.Networks[network]
			shared = shared || here
		}
		if !known || !shared {
			wrong.add("service %s: can't reach %s", s.Name, host)
		}
	}
}

// noticedWithin is how long the proxy takes to notice that a node leaves: two checks and a second to spare.
const noticedWithin = 2 * time.Second

// checkLeaving refuses a node that people are still sent to when it ends.
func checkLeaving(wrong *faults, s types.ServiceConfig, c config.Config) {
	if c.Drain.Wait < noticedWithin {
		wrong.add("service %s: has gone before the proxy notices", s.Name)
	}
	if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < c.Drain.Wait+readyWithin {
		wrong.add("service %s: is killed before it has left", s.Name)
	}
}

// readEnvironment reads an environment file of Compose: NAME=value and comments.
func readEnvironment(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	variables := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(name, "#") {
			variables[name] = value
		}
	}
	return variables, nil
}
