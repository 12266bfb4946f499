package sqlstore

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/health"
	"folioscope/internal/jobs"
)

// A node whose clock turns out to be wrong gives back at once what it holds, however far ahead its leases end; another one needs no patience.
func TestANodeThatMayOwnNothingGivesBack(t *testing.T) {
	const ahead = 5 * time.Minute
	onEach(t, func(t *testing.T, b *bench) {
		signer, err := b.AuditSigner()
		b.ok(err)
		quiet := slog.New(slog.DiscardHandler)
		mayOwn := true
		wrong := func() time.Time { return b.clock.Now().Add(ahead) }
		sequencer := func(node string, now func() time.Time, mayOwn func() bool) *audit.Sequencer {
			return audit.NewSequencer(audit.SequencerOptions{Store: b.Store, Signer: signer, Node: node, Now: now, MayOwn: mayOwn, Log: quiet})
		}
		watch := func(node string, now func() time.Time, mayOwn func() bool) *health.Watch {
			return health.NewWatch(health.WatchOptions{Store: b.Store, Node: node, Now: now, MayOwn: mayOwn, Log: quiet, Jobs: func(context.Context) ([]jobs.Count, error) { return nil, nil }})
		}
		watches := func(w *health.Watch) bool {
			b.ok(w.Step(t.Context()))
			_, _, held := w.Latest()
			return held
		}
		signs := func(s *audit.Sequencer) bool {
			_, err := s.Step(t.Context())
			b.ok(err)
			return s.Holds()
		}
		first, second := sequencer("one", wrong, func() bool { return mayOwn }), sequencer("two", b.clock.Now, nil)
		looks, other := watch("one", wrong, func() bool { return mayOwn }), watch("two", b.clock.Now, nil)
		if !signs(first) || signs(second) || !watches(looks) || watches(other) {
			t.Fatal("the first node doesn't hold what it came to first")
		}
		mayOwn = false
		if signs(first) || watches(looks) {
			t.Error("it holds on to what it may not own")
		}
		if !signs(second) || !watches(other) {
			t.Error("the other node doesn't get what was given back")
		}
		if signs(first) || watches(looks) || !signs(second) || !watches(other) {
			t.Error("what another node holds by now is taken from it")
		}
	})
}
