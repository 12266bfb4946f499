package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"time"

	"folioscope/internal/app"
	"folioscope/internal/config"
	"folioscope/internal/fault"
	"folioscope/internal/telemetry"
)

// configFlags say which settings a command works on.
type configFlags struct {
	Config string            `type:"existingfile" placeholder:"FILE" help:"File of settings (TOML). The environment wins over it (FOLIOSCOPE_POLL_INTERVAL for poll.interval), flags over both."`
	Set    map[string]string `placeholder:"KEY=VALUE" mapsep:"none" help:"One setting, such as --set poll.interval=5m. May be repeated."`
}

// load reads the settings of a command.
func (f configFlags) load(at console, more map[string]string) (config.Config, error) {
	flags := map[string]string{}
	maps.Copy(flags, f.Set)
	for key, value := range more {
		if value != "" {
			flags[key] = value
		}
	}
	return config.Load(config.Sources{File: f.Config, Environ: at.environ, Flags: flags})
}

// serveCommand is `folioscope serve`.
type serveCommand struct {
	configFlags
	Listen string `placeholder:"HOST:PORT" help:"Where to listen; localhost:8080 if left out."`
	TLS    string `placeholder:"self" help:"self: HTTPS with a self-signed certificate, for a try within your network. A real one is set with tls.domain, or with tls.cert and tls.key."`
	Roles  string `placeholder:"ROLES" help:"What this node does, of api, ingest and engine, with commas between. All three if left out."`
}

// Help is what --help says besides the flags.
func (serveCommand) Help() string {
	return "Runs until it is interrupted. \"ready: URL\" on standard output is its address, the log is on standard error. " +
		"Needs keys (folioscope keys init) and somebody who may sign in (folioscope user add). " +
		"Off this machine only HTTPS is served, or plain HTTP to a proxy that proxy.trusted names."
}

// Run serves until it is told to stop.
func (c serveCommand) Run(ctx context.Context, at console) error {
	more := map[string]string{"roles": c.Roles, "listen": c.Listen}
	switch c.TLS {
	case "":
	case "self":
		more["tls.self"] = "true"
	default:
		return fault.At("--tls", "is self or left out; other certificates are settings, see --config")
	}
	settings, err := c.load(at, more)
	if err != nil {
		return err
	}
	return app.Serve(ctx, settings, options(at, settings))
}

// commandOptions are those of a command that runs for a moment: its log begins with warnings, unless all of it is wanted.
func commandOptions(at console, settings config.Config) app.Options {
	if settings.Telemetry.LogLevel == "info" {
		settings.Telemetry.LogLevel = "warn"
	}
	return options(at, settings)
}

func options(at console, settings config.Config) app.Options {
	return app.Options{
		Version: version,
		Now:     time.Now,
		Log:     telemetry.NewLog(at.err, settings.Telemetry.Level(), settings.Telemetry.LogFormat),
		Ready:   func(url string) { fmt.Fprintln(at.out, "ready:", url) },
	}
}

// demoCommand is `folioscope demo`.
type demoCommand struct {
	Users   int           `default:"250" placeholder:"250" help:"How many people to make up, on the first start."`
	Seed    uint64        `default:"1" placeholder:"1" help:"The same seed makes up the same people."`
	Addr    string        `default:"localhost:8080" placeholder:"localhost:8080" help:"Where to listen; this machine only, unless --tls=self."`
	DataDir string        `placeholder:"DIR" help:"Where the demo keeps its data; a folder in your cache if left out. Remove it to start over."`
	Tick    time.Duration `default:"2s" placeholder:"2s" help:"How often the simulated market moves, 100ms or more."`
	TLS     string        `enum:"off,self" default:"off" placeholder:"self" help:"self: HTTPS with a self-signed certificate, so that other devices can look. Browsers will warn."`
}

// Help is what --help says besides the flags.
func (demoCommand) Help() string {
	return "Sign in as user001@demo.test, or as admin@demo.test, with the password demo-folioscope. Nothing leaves this machine, and no price in it is real."
}

// The demo shares somebody's laptop: the garbage of sign-ins, 19 MiB each, is cleaned up before it piles up. For 250 people
// this is 192 MiB, of which about half is in use.
const (
	demoMemoryBase = 160 << 20 // bytes
	demoMemoryUser = 128 << 10
)

// Run serves the demo until it is told to stop.
func (c demoCommand) Run(ctx context.Context, at console) error {
	if os.Getenv("GOMEMLIMIT") == "" { // an operator's own word counts more
		debug.SetMemoryLimit(demoMemoryBase + int64(c.Users)*demoMemoryUser)
	}
	settings := config.Default()
	settings.Listen, settings.DataDir, settings.TLS.Self = c.Addr, c.DataDir, c.TLS == "self"
	return app.Demo(ctx, settings, app.DemoOptions{Options: options(at, settings), Users: c.Users, Seed: c.Seed, Tick: c.Tick})
}
