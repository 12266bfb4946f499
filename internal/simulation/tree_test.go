package simulation

import (
	"context"
	"log/slog"
	"time"

	"folioscope/internal/audit"
)

const (
	signEvery  = 40 * time.Minute // of each node, at most: half a second in the product
	signSteps  = 3                // in a row: a lease is for seconds, and the one before may still be on its way
	signPause  = 12 * time.Second // between them, at most: longer than a lease
	signerWait = 20 * time.Second // for a step, as the product has it
)

// sign has a node extend and sign the tree over the audit log.
func (n *node) sign() {
	w := n.world
	signer, err := w.store.AuditSigner()
	if err != nil {
		w.violated("%s has no signer: %v", n.name, err)
		return
	}
	s := audit.NewSequencer(audit.SequencerOptions{Store: n.cable, Signer: signer, Node: n.name, MayOwn: n.cluster.MayOwn, Now: n.now, Log: slog.New(slog.DiscardHandler)})
	r := w.dice.of("signs", n.name)
	for n.sleep(between(r, time.Second, signEvery)) {
		for range signSteps {
			ctx, cancel := context.WithTimeout(n.ctx, signerWait)
			_, err := s.Step(ctx)
			cancel()
			switch {
			case err != nil:
				w.trail.reached("tree: not extended")
			case s.Holds():
				w.trail.reached("tree: held")
			}
			if !n.sleep(between(r, time.Millisecond, signPause)) {
				return
			}
		}
	}
}

// checkTree has the verifier read the whole audit log: each row has one leaf, below a signed checkpoint.
func (w *world) checkTree(ctx context.Context) {
	signer, err := w.store.AuditSigner()
	if err != nil {
		w.violated("the signer: %v", err)
		return
	}
	report, err := audit.Verify(ctx, w.store, signer.Verifier(), nil)
	if err != nil {
		w.violated("I6: the audit log can't be verified: %v", err)
		return
	}
	for _, f := range report.Findings {
		w.violated("I6: the audit log: %s: %s", f.Kind, f.Text)
	}
	if report.Waiting > 0 || report.Latest.Size != report.Rows {
		w.violated("I6: %d rows wait for a leaf, and %d of %d leaves are signed", report.Waiting, report.Latest.Size, report.Rows)
	}
	w.trail.note(w.now(), "the audit log ends with %d rows", report.Rows)
}

// ClaimAudit implements audit.SequencerStore.
func (c *cable) ClaimAudit(ctx context.Context, node string, now, until, latest time.Time) (audit.Lease, bool, error) {
	type claimed struct {
		lease audit.Lease
		ok    bool
	}
	got, err := through(ctx, c, "claim tree", "", func(ctx context.Context) (claimed, error) {
		lease, ok, err := c.Store.ClaimAudit(ctx, node, now, until, latest)
		return claimed{lease, ok}, err
	})
	return got.lease, got.ok, err
}

// WaitingAudits implements audit.SequencerStore.
func (c *cable) WaitingAudits(ctx context.Context, limit int, old bool) ([]audit.Row, int, error) {
	type waiting struct {
		rows   []audit.Row
		forged int
	}
	got, err := through(ctx, c, "waiting audits", "", func(ctx context.Context) (waiting, error) {
		rows, forged, err := c.Store.WaitingAudits(ctx, limit, old)
		return waiting{rows, forged}, err
	})
	return got.rows, got.forged, err
}

// ExtendAudit implements audit.SequencerStore.
func (c *cable) ExtendAudit(ctx context.Context, e audit.Extension) error {
	_, err := through(ctx, c, "extend tree", "", func(ctx context.Context) (struct{}, error) {
		err := c.Store.ExtendAudit(ctx, e)
		if err != nil {
			c.world.trail.reached("tree: another node's turn")
		}
		return struct{}{}, err
	})
	return err
}
