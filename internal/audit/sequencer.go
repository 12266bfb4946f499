package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"folioscope/internal/failpoint"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// How the sequencer works.
const (
	stepInterval   = 500 * time.Millisecond // a row is signed within a second
	leaseTime      = 10 * time.Second       // a node that dies keeps the others from it for so long
	silenceMax     = 10 * time.Minute       // a checkpoint comes at least so often, so that silence shows
	batchRowsMax   = 1000                   // rows numbered in one transaction
	complainEvery  = time.Minute
	stepWaitMax    = 20 * time.Second
	leaseFutureMax = time.Hour // a lease beyond was taken by a wrong clock
)

// Lease is the right to extend the tree, and how far that is. A later claim has a greater fence, and ends the earlier one.
type Lease struct {
	Fence  int64
	Size   int64
	Root   Hash
	Number int64  // of the latest checkpoint, 0 where none was signed yet
	Signed []byte // the latest checkpoint
}

// Extension is one step of the tree: rows with their leaves, the tiles they change, and a checkpoint where one was signed.
type Extension struct {
	Fence    int64
	From     int64 // the size that the tree has to have still
	To       int64
	Root     Hash
	Rows     []Row // in the order of their leaves
	Tiles    []Tile
	Number   int64  // of the checkpoint
	Signed   []byte // nil where none is signed
	SignedAt time.Time
}

// SequencerStore is what the sequencer works on.
type SequencerStore interface {
	TileStore
	// ClaimAudit takes or renews the lease; ok is false where another node has it. A lease that ends after latest is no lease.
	ClaimAudit(ctx context.Context, node string, now, until, latest time.Time) (lease Lease, ok bool, err error)
	// WaitingAudits gives rows that are in no tree yet, by owner and number, and how many it left out since this installation
	// didn't write them. Rows of the time before there was a tree count only where old is set.
	WaitingAudits(ctx context.Context, limit int, old bool) (rows []Row, forged int, err error)
	// ExtendAudit takes a step whole or not at all; fault.Conflict where the lease or the size is another by now.
	ExtendAudit(ctx context.Context, e Extension) error
}

// SequencerOptions are what a Sequencer is made of.
type SequencerOptions struct {
	Store  SequencerStore
	Signer *Signer
	Node   string
	MayOwn func() bool // whether the node may hold the lease now; nil: always
	Now    func() time.Time
	Log    *slog.Logger
}

// Sequencer gives the rows of all owners their places in one tree and signs it. Of the nodes one does so at a time:
//
//	      claim               half of the time over: claim again
//	idle ───────► holding ◄──────────────────────────────┐
//	  ▲              │ every half second: number, hash, sign, one transaction
//	  └──────────────┘ another node's fence, or a database that doesn't answer
type Sequencer struct {
	o        SequencerOptions
	verifier *Verifier
	held     atomic.Bool
	lease    Lease
	renewAt  time.Time
	tree     growing
	last     Checkpoint
	quietTo  time.Time // no complaint before
}

// NewSequencer makes one; Run works.
func NewSequencer(o SequencerOptions) *Sequencer {
	return &Sequencer{o: o, verifier: o.Signer.Verifier()}
}

// Holds says whether it is this node that numbers and signs now. It may be asked while Run works.
func (s *Sequencer) Holds() bool { return s.held.Load() }

// Run numbers and signs until ctx ends. What goes wrong is logged and tried again: rows wait, changes go on.
func (s *Sequencer) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		for {
			more, err := s.bounded(ctx)
			if err != nil && ctx.Err() == nil {
				s.complain(ctx, err)
			}
			if !more || err != nil || ctx.Err() != nil {
				break
			}
		}
		timer.Reset(stepInterval)
	}
}

func (s *Sequencer) bounded(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, stepWaitMax)
	defer cancel()
	return s.Step(ctx)
}

func (s *Sequencer) complain(ctx context.Context, err error) {
	now := s.o.Now()
	if now.Before(s.quietTo) {
		return
	}
	s.quietTo = now.Add(complainEvery)
	if errors.Is(err, ErrInconsistent) {
		s.o.Log.ErrorContext(ctx, "the audit tree was tampered with and is not signed any more: run folioscope audit verify", "error", err)
		return
	}
	s.o.Log.WarnContext(ctx, "the audit tree was not extended; it is tried again", "error", err)
}

// Step takes one step if this node may; more says that rows are left over.
func (s *Sequencer) Step(ctx context.Context) (more bool, err error) {
	now := s.o.Now()
	if s.o.MayOwn != nil && !s.o.MayOwn() {
		return false, s.giveBack(ctx)
	}
	if !s.held.Load() || !now.Before(s.renewAt) {
		if err := s.claim(ctx, now); err != nil || !s.held.Load() {
			return false, err
		}
	}
	rows, forged, err := s.o.Store.WaitingAudits(ctx, batchRowsMax, s.lease.Number == 0)
	if err != nil {
		return false, err
	}
	if forged > 0 {
		s.complain(ctx, fmt.Errorf("%w: %d rows were not written by this installation", ErrInconsistent, forged))
	}
	drained := len(rows) < batchRowsMax
	quiet := len(rows) == 0 && s.lease.Number > 0 && s.last.Size == s.tree.size
	if quiet && now.Sub(s.last.At) < silenceMax {
		return false, nil
	}
	if err := s.extend(ctx, now, rows, drained); err != nil {
		s.held.Store(false) // whatever it was: look again before the next step
		if fault.Is(err, fault.Conflict) {
			return false, nil // another node's turn
		}
		return false, err
	}
	return !drained, nil
}

// giveBack ends the lease where it is this node's, by a claim that is over at once: one made by a wrong clock might keep the others from it
// for as long as that is ahead.
func (s *Sequencer) giveBack(ctx context.Context) error {
	if !s.held.Swap(false) {
		return nil
	}
	_, _, err := s.o.Store.ClaimAudit(ctx, s.o.Node, time.Time{}, time.Time{}, s.o.Now().Add(leaseFutureMax))
	return err
}

func (s *Sequencer) claim(ctx context.Context, now time.Time) error {
	lease, ok, err := s.o.Store.ClaimAudit(ctx, s.o.Node, now, now.Add(leaseTime), now.Add(leaseFutureMax))
	if err != nil || !ok {
		s.held.Store(false)
		return err
	}
	if !s.held.Load() || lease.Size != s.tree.size || lease.Root != s.tree.root() || lease.Number != s.lease.Number {
		if err := s.adopt(ctx, lease); err != nil {
			s.held.Store(false)
			return err
		}
	}
	s.lease, s.renewAt = lease, now.Add(leaseTime/2)
	s.held.Store(true)
	return nil
}

// adopt takes a tree over that others may have extended. It has to continue what was signed last.
func (s *Sequencer) adopt(ctx context.Context, lease Lease) error {
	now := Checkpoint{Size: lease.Size, Root: lease.Root}
	var last Checkpoint
	if lease.Number > 0 {
		var err error
		if last, err = s.verifier.Open(lease.Signed); err != nil {
			return fmt.Errorf("%w: %w", ErrInconsistent, err)
		}
	}
	for _, earlier := range []Checkpoint{last, s.last} { // s.last is what this node saw itself
		if err := continues(ctx, s.o.Store, earlier, now); err != nil {
			return err
		}
	}
	tree, err := resume(ctx, s.o.Store, lease.Size, lease.Root)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInconsistent, err)
	}
	s.tree, s.last = tree, last
	return nil
}

// extend numbers rows and, where none are left over, signs.
func (s *Sequencer) extend(ctx context.Context, now time.Time, rows []Row, sign bool) error {
	tree := growing{size: s.tree.size, edge: slices.Clone(s.tree.edge)}
	add := additions{read: within(ctx, s.o.Store), tiles: make(map[tileKey][]byte)}
	var failed error
	var room []byte
	inOrder(rows)
	for i := range rows {
		rows[i].Leaf = tree.size
		var h Hash
		h, room = rows[i].hash(room)
		tree.push(h, func(level int, n int64, h Hash) {
			if failed == nil {
				failed = add.add(level, n, h)
			}
		})
	}
	if failed != nil {
		return failed
	}
	e := Extension{Fence: s.lease.Fence, From: s.tree.size, To: tree.size, Root: tree.root(), Rows: rows, Tiles: add.list()}
	last := s.last
	if sign {
		at := now
		if at.Before(s.last.At) {
			at = s.last.At // the clock went back; the verifier will find the rows
		}
		var err error
		if last, e.Signed, err = s.o.Signer.sign(tree.size, e.Root, at); err != nil {
			return err
		}
		e.Number, e.SignedAt = s.lease.Number+1, last.At
	}
	failpoint.Reach(failpoint.BeforeExtend)
	if err := s.o.Store.ExtendAudit(ctx, e); err != nil {
		return err
	}
	failpoint.Reach(failpoint.AfterExtend)
	s.tree, s.last = tree, last
	if sign {
		s.lease.Number, s.lease.Signed = e.Number, e.Signed
	}
	return nil
}

// inOrder sorts rows by time, but keeps each owner's in the order of their numbers, whatever the clocks of the nodes say.
func inOrder(rows []Row) {
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Number, b.Number))
	})
	places := make(map[ledger.OwnerID][]int)
	for i := range rows {
		places[rows[i].Owner] = append(places[rows[i].Owner], i)
	}
	for _, of := range places {
		own := make([]Row, len(of))
		for i, at := range of {
			own[i] = rows[at]
		}
		slices.SortFunc(own, func(a, b Row) int { return cmp.Compare(a.Number, b.Number) })
		for i, at := range of {
			rows[at] = own[i]
		}
	}
}
