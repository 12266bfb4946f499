package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"folioscope/internal/audit"
	"folioscope/internal/config"
	"folioscope/internal/market"
	"folioscope/internal/sqlstore"
	"folioscope/internal/webhook"
)

const checkpointsFile = "checkpoints" // inside the data directory, unless audit.checkpoints names another place

// checkpoints is where copies of audit checkpoints lie.
func checkpoints(settings config.Config) string {
	if settings.Audit.Checkpoints != "" {
		return settings.Audit.Checkpoints
	}
	return filepath.Join(settings.DataDir, checkpointsFile)
}

// buildAudit makes what signs the audit tree, where it is this node's turn, and what copies its checkpoints. A database that
// isn't a continuation of the copied ones is refused.
func (n *node) buildAudit(ctx context.Context, name string) error {
	signer, err := n.store.AuditSigner()
	if err != nil {
		return err
	}
	copies, err := audit.NewCopy(checkpoints(n.settings), n.store, signer.Verifier(), n.o.Log)
	if err != nil {
		return err
	}
	if err := copies.Check(ctx); err != nil {
		return err
	}
	sequencer := audit.NewSequencer(audit.SequencerOptions{Store: n.store, Signer: signer, Node: name, MayOwn: n.cluster.MayOwn, Now: n.o.Now, Log: n.o.Log})
	n.signs, n.copies = sequencer.Holds, copies
	n.add("audit tree", sequencer.Run)
	n.add("audit checkpoints", copies.Run)
	to := n.settings.Audit.Webhook
	if to.URL == "" {
		return nil
	}
	secrets, err := webhook.ParseSecrets(to.Secret.Reveal())
	if err != nil {
		return fmt.Errorf("audit.webhook.secret: %w", err)
	}
	n.remote = audit.NewRemote(audit.RemoteOptions{
		URL: to.URL.Reveal(), Secrets: secrets, Client: n.outbound.Operator(to.URL.Reveal()), Newest: copies.Newest, Mine: sequencer.Holds, Now: n.o.Now, Log: n.o.Log,
	})
	n.add("audit checkpoints elsewhere", n.remote.Run)
	return nil
}

// AuditChoice says what an audit is verified against; what is empty is the installation's own.
type AuditChoice struct {
	Checkpoints string // file of copied checkpoints
	Key         string // verifier key
}

// VerifyAudit verifies the audit log of the configured store. Whether there were copied checkpoints is in the report.
func VerifyAudit(ctx context.Context, settings config.Config, o Options, choice AuditChoice) (report audit.Report, err error) {
	err = withStore(ctx, settings, o, func(store *sqlstore.Store) error {
		signer, err := store.AuditSigner()
		if err != nil {
			return err
		}
		verifier := signer.Verifier()
		if choice.Key != "" {
			if verifier, err = audit.NewVerifier(choice.Key); err != nil {
				return err
			}
		}
		path := choice.Checkpoints
		if path == "" {
			path = checkpoints(settings)
		}
		copied, err := audit.ReadCopy(path) // before the database: a node that runs adds to both
		if err != nil {
			return err
		}
		report, err = audit.Verify(ctx, store, verifier, copied)
		return err
	})
	return report, err
}

// AuditKey gives the key that anybody can verify the installation's checkpoints with.
func AuditKey(ctx context.Context, settings config.Config, o Options) (key string, err error) {
	err = withStore(ctx, settings, o, func(store *sqlstore.Store) error {
		signer, err := store.AuditSigner()
		if err == nil {
			key = signer.VerifierKey()
		}
		return err
	})
	return key, err
}

// ExportAudit writes the rows that are wanted, one line of JSON each, the oldest first.
func ExportAudit(ctx context.Context, settings config.Config, o Options, filter audit.Filter, to io.Writer) error {
	return withStore(ctx, settings, o, func(store *sqlstore.Store) error {
		if err := store.RecordAudit(ctx, audit.Entry{Action: audit.AuditExported, Result: "ok"}); err != nil {
			return err
		}
		state, err := store.AuditState(ctx)
		if err != nil {
			return err
		}
		const rowsAtOnce = 4096
		for from := int64(0); from < state.Size; from += rowsAtOnce {
			err := store.AuditLeaves(ctx, from, min(from+rowsAtOnce, state.Size), func(row *audit.Row) error {
				if !filter.Matches(row) {
					return nil
				}
				line, err := row.Line()
				if err != nil {
					return err
				}
				_, err = to.Write(line)
				return err
			})
			if err != nil {
				return fmt.Errorf("export audit rows: %w", err)
			}
		}
		return nil
	})
}

// AcceptAudit takes the database as it is although the copied checkpoints are of another history, as after an older database was
// put back on purpose. The copies are kept under another name, which it gives, and the act is recorded.
func AcceptAudit(ctx context.Context, settings config.Config, o Options) (kept string, err error) {
	err = withStore(ctx, settings, o, func(store *sqlstore.Store) error {
		path := checkpoints(settings)
		if _, err := os.Stat(path); err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			return fmt.Errorf("accept: %w", err)
		}
		if err := store.RecordAudit(ctx, audit.Entry{Action: audit.RestoreAccepted, Result: "ok"}); err != nil {
			return err
		}
		kept = path + "." + o.Now().UTC().Format("20060102T150405Z")
		if err := os.Rename(path, kept); err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		return nil
	})
	return kept, err
}

// withStore opens the configured store for a moment.
func withStore(ctx context.Context, settings config.Config, o Options, use func(*sqlstore.Store) error) error {
	calendar, err := market.NewCalendar()
	if err != nil {
		return err
	}
	store, err := openStore(ctx, settings, calendar, o)
	if err != nil {
		return err
	}
	return errors.Join(use(store), store.Close())
}
