package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"folioscope/internal/app"
	"folioscope/internal/health"
)

// doctorCommand is `folioscope doctor`.
type doctorCommand struct {
	configFlags
	JSON bool `name:"json" help:"Print the findings as JSON."`
}

// Help is what --help says besides the flags.
func (doctorCommand) Help() string {
	return "Looks at the settings, the keys, the database, the bus, the sources of prices, queues, mail, the audit log, the clock, the disk, the certificate, the address and backups, and says of whatever is wrong " +
		"how to mend it. Changes nothing, and works while a node runs and while none does. The exit code is 1 where something is failing."
}

// Run looks at everything. Settings that can't be used are a finding like another.
func (c doctorCommand) Run(ctx context.Context, at console) error {
	const waitMax = 2 * time.Minute // an unreachable database is waited for, and then everything else is looked at
	ctx, cancel := context.WithTimeout(ctx, waitMax)
	defer cancel()
	settings, settled := c.load(at, nil)
	if settings.Telemetry.LogLevel == "" || settings.Telemetry.LogLevel == "info" || settings.Telemetry.LogLevel == "warn" {
		settings.Telemetry.LogLevel = "error" // what a log would warn of is among the findings
	}
	checks := app.Doctor(ctx, settings, settled, options(at, settings))
	if err := c.print(at, checks); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	if health.Worst(checks) == health.Failing {
		return errors.New("something is failing; see above")
	}
	return nil
}

func (c doctorCommand) print(at console, checks []health.Check) error {
	if c.JSON {
		encoder := json.NewEncoder(at.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			State  health.State   `json:"state"`
			Checks []health.Check `json:"checks"`
		}{health.Worst(checks), checks})
	}
	var out strings.Builder
	for _, check := range checks {
		fmt.Fprintf(&out, "%-7s  %s: %s\n", check.State, check.Name, check.Says)
		if check.Fix != "" {
			fmt.Fprintf(&out, "         to mend it: %s\n", check.Fix)
		}
	}
	_, err := fmt.Fprint(at.out, out.String())
	return err
}
