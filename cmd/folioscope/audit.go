package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"folioscope/internal/app"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// auditCommand is `folioscope audit`.
type auditCommand struct {
	Verify auditVerifyCommand `cmd:"" help:"Check that nothing in the audit log was changed, taken away or added."`
	Export auditExportCommand `cmd:"" help:"Write the audit log, one line of JSON for each row."`
	Key    auditKeyCommand    `cmd:"" help:"Print the key that anybody can check the log's checkpoints with."`
	Accept auditAcceptCommand `cmd:"" help:"After an older database was put back on purpose: go on from it."`
}

type auditVerifyCommand struct {
	configFlags
	Checkpoints string `placeholder:"FILE" help:"The copy of checkpoints to check against; the installation's own if left out. A copy that lies elsewhere says more."`
	Key         string `placeholder:"VERIFIER" help:"The key that checkpoints have to be signed with, as audit key printed it once; the installation's own if left out."`
}

// Help is what --help says besides the flags.
func (auditVerifyCommand) Help() string {
	return "Reads all rows and holds them against their hashes, these against every signed checkpoint in the database and in the copy, and what there is of people and portfolios " +
		"against the rows that tell of it. Says in one sentence each what is wrong and where; then the exit code is 1. May run beside a node."
}

// Run verifies.
func (c auditVerifyCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	report, err := app.VerifyAudit(ctx, settings, commandOptions(at, settings), app.AuditChoice{Checkpoints: c.Checkpoints, Key: c.Key})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(at.out)
	for _, f := range report.Findings {
		fmt.Fprintf(out, "%s: %s\n", f.Kind, f.Text)
	}
	if report.More > 0 {
		fmt.Fprintf(out, "and %d more\n", report.More)
	}
	fmt.Fprintf(out, "checked %d rows, %d checkpoints and %d copies of checkpoints", report.Rows, report.Checkpoints, report.Copied)
	if report.Waiting > 0 {
		fmt.Fprintf(out, "; %d rows wait for a running node to sign them", report.Waiting)
	}
	if report.Erased > 0 {
		fmt.Fprintf(out, "; %d details can't be read any more, since their owner's key was erased", report.Erased)
	}
	fmt.Fprintln(out)
	if report.Copied == 0 {
		fmt.Fprintln(out, "there is no copy of checkpoints: whoever can change the database and has its keys could have changed everything")
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if n := len(report.Findings) + report.More; n > 0 {
		return fmt.Errorf("the audit log was tampered with: %d findings", n)
	}
	return nil
}

type auditExportCommand struct {
	configFlags
	Action string `placeholder:"ACTION" help:"Only rows of this action, such as session.create."`
	Actor  string `placeholder:"ID" help:"Only what this person did."`
	Object string `placeholder:"ID" help:"Only what was done to this."`
	From   string `placeholder:"TIME" help:"Only rows from then on, as 2026-12-24 or 2026-12-24T18:00:00Z."`
	Until  string `placeholder:"TIME" help:"Only rows before then."`
}

// Run exports.
func (c auditExportCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	filter := audit.Filter{Action: audit.Action(c.Action), Actor: ledger.OwnerID(c.Actor), Object: c.Object}
	if filter.From, err = timeFlag("--from", c.From); err != nil {
		return err
	}
	if filter.Until, err = timeFlag("--until", c.Until); err != nil {
		return err
	}
	out := bufio.NewWriter(at.out)
	err = app.ExportAudit(ctx, settings, commandOptions(at, settings), filter, out)
	return errors.Join(err, out.Flush())
}

// timeFlag reads a day or a time; an empty one is none.
func timeFlag(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fault.At(name, "needs a day such as 2026-12-24, or a time such as 2026-12-24T18:00:00Z")
}

type auditKeyCommand struct{ configFlags }

// Run prints the key.
func (c auditKeyCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	key, err := app.AuditKey(ctx, settings, commandOptions(at, settings))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(at.out, key)
	return err
}

type auditAcceptCommand struct{ configFlags }

// Help is what --help says besides the flags.
func (auditAcceptCommand) Help() string {
	return "A node refuses to start on a database that is older than the copied checkpoints say. This puts the copies aside, under a name with the time, and records that it did; " +
		"run it on every node, with the node stopped."
}

// Run accepts.
func (c auditAcceptCommand) Run(ctx context.Context, at console) error {
	settings, err := c.load(at, nil)
	if err != nil {
		return err
	}
	kept, err := app.AcceptAudit(ctx, settings, commandOptions(at, settings))
	if err != nil {
		return err
	}
	if kept == "" {
		_, err = fmt.Fprintln(at.out, "there are no copies of checkpoints: nothing to accept")
		return err
	}
	_, err = fmt.Fprintf(at.out, "the next start goes on from this database; the copied checkpoints are kept in %s\n", kept)
	return err
}
