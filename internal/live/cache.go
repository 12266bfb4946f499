package live

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"folioscope/internal/cache"
	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// Rendered is a document as it goes out.
type Rendered struct {
	JSON     []byte // shared: nobody changes it
	ETag     string // quoted; equal documents have equal ones on every node
	Sequence int64
}

// cached is a rendered document with what it rests on.
type cached struct {
	rendered Rendered
	basis    journal.Basis
	needs    []need
	marks    []*market.Mark // that were there
	version  atomic.Uint64  // of all marks, as of which these are known to stand
	minute   int64          // states change with time, looked at by the minute
}

// Document gives a portfolio at a sequence or a later one, with the marks and the minute as they are. Where nothing changed
// since the last read, it costs a few comparisons. Foreign and unknown portfolios are fault.NotFound, a sequence that does
// not come in time fault.Unavailable.
func (h *Hub) Document(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, minSequence int64) (Rendered, error) {
	k := Key{owner, portfolio}
	now := h.now()
	if c, ok := h.documents.Get(k, func(c *cached) bool { return c.rendered.Sequence >= minSequence && h.current(c, now) }); ok {
		return c.rendered, nil
	}
	held, err := h.portfolios.Holdings(ctx, owner, portfolio, minSequence)
	if err != nil {
		return Rendered{}, err
	}
	b := h.builders.Get().(*builder)
	defer h.builders.Put(b)
	d, _ := b.build(held, h.marks, now)
	c := &cached{basis: held.Basis, needs: slices.Clone(b.needs), marks: slices.Clone(b.marks), minute: minuteOf(now)}
	c.version.Store(b.version)
	c.rendered = Rendered{JSON: d.AppendJSON(make([]byte, 0, 1024+1024*len(d.Holdings))), Sequence: d.Sequence}
	c.rendered.JSON = slices.Clip(c.rendered.JSON)
	c.rendered.ETag = etag(d.Sequence, c.rendered.JSON)
	h.documents.Put(k, c)
	return c.rendered, nil
}

// current says whether a document is as a new one would be.
func (h *Hub) current(c *cached, now time.Time) bool {
	if c.minute != minuteOf(now) || !c.basis.Stands() {
		return false
	}
	if c.version.Load() == h.marks.version.Load() {
		return true
	}
	var few [64]*market.Mark
	marks, version, _ := h.marks.marks(few[:0], c.needs)
	if !slices.Equal(marks, c.marks) {
		return false
	}
	c.version.Store(version)
	return true
}

// DocumentCache says how often a document needn't be made anew, and what those at hand take.
func (h *Hub) DocumentCache() cache.Meters { return h.documents.Meters() }

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

// etag has the sequence for people and the start of a hash for the rest.
func etag(sequence int64, document []byte) string {
	const hashBytes = 12 // no two documents of one portfolio meet by chance
	sum := sha256.Sum256(document)
	return `"` + strconv.FormatInt(sequence, 10) + "-" + hex.EncodeToString(sum[:hashBytes]) + `"`
}

// Valued is a portfolio with its figures, for answers that need more than the document.
type Valued struct {
	Held      *journal.Held
	Valuation figures.Valuation
	Document  *event.Document
}

// Value gives a portfolio as Document does, not yet written.
func (h *Hub) Value(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, minSequence int64) (Valued, error) {
	held, err := h.portfolios.Holdings(ctx, owner, portfolio, minSequence)
	if err != nil {
		return Valued{}, err
	}
	b := h.newBuilder() // its document stays with the caller
	d, v := b.build(held, h.marks, h.now())
	return Valued{Held: held, Valuation: v, Document: d}, nil
}

// Reach waits until prices in memory are as new as a sequence of the quotes' journal; fault.Unavailable where that takes longer than a
// caller can wait for.
func (h *Hub) Reach(ctx context.Context, sequence int64) error {
	const wait, pause = 5 * time.Second, 10 * time.Millisecond // a look at the store takes some milliseconds
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for h.marks.Cursor() < sequence {
		h.behind()
		select {
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, ctx.Err(), "the newest prices are not here yet")
		case <-time.After(pause):
		}
	}
	return nil
}
