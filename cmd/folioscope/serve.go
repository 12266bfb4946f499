package main

import (
	"context"
	"fmt"
	"maps"
	"time"

	"folioscope/internal/app"
	"folioscope/internal/config"
	"folioscope/internal/telemetry"
)

// configFlags say which settings a command works on.
type configFlags struct {
	Config string            `type:"existingfile" placeholder:"FILE" help:"Settings (TOML). Environment variables FOLIOSCOPE_… and flags win over it."`
	Set    map[string]string `placeholder:"KEY=VALUE" mapsep:"none" help:"One setting, such as --set poll.interval=5m; may be repeated."`
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
	Roles string `placeholder:"ROLES" help:"What this node does: api, ingest, engine, with commas. All of it if left out."`
}

// Run serves until it is told to stop.
func (c serveCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, map[string]string{"roles": c.Roles})
	if err != nil {
		return err
	}
	return app.Serve(ctx, settings, options(at, settings))
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
	Users   int           `default:"250" help:"How many made-up people."`
	Seed    uint64        `default:"1" help:"The same seed makes the same people and prices."`
	Addr    string        `default:"localhost:8080" placeholder:"HOST:PORT" help:"Where to listen; loopback only unless --tls=self."`
	DataDir string        `placeholder:"DIR" help:"Where the demo keeps its data; a folder of its own if left out."`
	Tick    time.Duration `default:"2s" help:"How often the simulated market moves."`
	TLS     string        `enum:"off,self" default:"off" help:"self: HTTPS with a self-signed certificate. Passkeys and push need a real one, or http://localhost."`
}

// Run serves the demo until it is told to stop.
func (c demoCommand) Run(ctx context.Context, at console) error {
	settings := config.Default()
	settings.Listen, settings.DataDir, settings.TLS.Self = c.Addr, c.DataDir, c.TLS == "self"
	return app.Demo(ctx, settings, app.DemoOptions{Options: options(at, settings), Users: c.Users, Seed: c.Seed, Tick: c.Tick})
}
