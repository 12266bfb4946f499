package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/engine"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

const (
	powerCuts     = 50
	powerCutsLong = 500
	cutsOfOneFile = 25   // what is looked at after each grows with them
	faultyCuts    = 200  // are enough for any fault to show: most show in the first, the rarest in about every eighth
	stepsMax      = 1500 // writes and syncs of files between two cuts
)

// powered is a store on a machine whose power is cut, and what its writers were told.
type powered struct {
	*audited
	disk   *disk
	dice   *rand.Rand
	worse  string // a setting that every connection that writes gets; empty: the product's
	books  map[ledger.OwnerID]*promised
	prices map[int64]string // by sequence
	events map[string]bool  // of the alert's log: whether settling it was acknowledged
}

// promised is what the writer of one book knows of it.
type promised struct {
	acked  map[ledger.ActivityID]bool
	asked  *ledger.Activity // not answered yet
	amount *big.Rat         // of all that is there
}

func newPowered(t *testing.T, seed uint64) *powered {
	t.Helper()
	p := &powered{dice: rand.New(rand.NewPCG(seed, 3)), books: make(map[ledger.OwnerID]*promised), prices: make(map[int64]string), events: make(map[string]bool)}
	p.disk = newDisk(t, rand.New(rand.NewPCG(seed, 5)))
	root := mustRoot(t)
	p.audited = openBench(t, Options{Path: p.path(), FileKey: root.FileKey(), Root: root, vfs: t.Name()}).audited()
	p.instruments("aapl")
	p.annasRule()
	p.user("berta")
	for _, owner := range []ledger.OwnerID{"anna", "berta"} {
		p.portfolio(owner, bookOf(owner))
		p.books[owner] = &promised{acked: make(map[ledger.ActivityID]bool), amount: new(big.Rat)}
	}
	return p
}

func bookOf(owner ledger.OwnerID) ledger.PortfolioID { return "p-" + ledger.PortfolioID(owner) }

func (p *powered) path() string { return filepath.Join(p.disk.dir, "folioscope.db") }

// work has all writers write until the power is cut.
func (p *powered) work(ctx context.Context) {
	p.t.Helper()
	p.set(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint=%d", []int{10, 50, 1000}[p.dice.IntN(3)])) // so that there are many checkpoints
	if p.worse != "" {
		p.set(ctx, p.worse)
	}
	lease := p.lease(ctx)
	p.disk.cutAfter(1 + p.dice.IntN(stepsMax))
	p.write(ctx, lease, math.MaxInt)
	if !p.disk.down() {
		p.t.Fatal("the writers stopped before the power was cut")
	}
}

// write has all writers write until they can't, or have so many times.
func (p *powered) write(ctx context.Context, lease engine.Lease, times int) {
	sequencer := audit.NewSequencer(audit.SequencerOptions{Store: p.Store, Signer: p.signer, Node: "n1", Now: p.clock.Now, Log: slog.New(slog.DiscardHandler)})
	var writers sync.WaitGroup
	start := func(once func() error) {
		writers.Go(func() {
			err := error(nil)
			for n := 0; n < times && err == nil; n++ {
				err = once()
			}
		})
	}
	for owner := range p.books {
		start(func() error { return p.append(ctx, owner) })
	}
	start(func() error { return p.price(ctx) })
	start(func() error { return p.settle(ctx, lease) })
	start(func() error {
		p.clock.advance(time.Second)
		if _, err := sequencer.Step(ctx); err != nil {
			return err
		}
		return p.audited.copy.Step(ctx)
	})
	writers.Wait()
}

func (p *powered) set(ctx context.Context, pragma string) {
	p.t.Helper()
	writer := bare(p.db).(*sqlite).writer
	c, err := writer.take(ctx)
	p.ok(err)
	defer writer.give(c)
	p.ok(c.each(ctx, pragma, nil, func(scanner) error { return nil }))
}

func (p *powered) lease(ctx context.Context) engine.Lease {
	p.t.Helper()
	now := p.clock.Now()
	held, err := p.ClaimPartitions(ctx, engine.Claim{Node: "node", Now: now, Until: now.AddDate(1, 0, 0), Latest: now.AddDate(2, 0, 0)})
	p.ok(err)
	return held[engine.PartitionOf("anna")]
}

// append adds one activity, and says with it what all are together.
func (p *powered) append(ctx context.Context, owner ledger.OwnerID) error {
	b := p.books[owner]
	at, err := p.Portfolio(ctx, owner, bookOf(owner))
	if err != nil {
		return err
	}
	if b.asked == nil {
		n := len(b.acked)
		a := buy(ledger.ActivityID(fmt.Sprint("a", n)), "2026-02-02", "aapl")
		a.Account, a.Quantity = ledger.AccountID("acc-"+bookOf(owner)), number(fmt.Sprintf("%d.%018d", n, n*n+1))
		b.asked = &a
	}
	amount := new(big.Rat).Add(b.amount, rational(b.asked.Quantity))
	_, err = p.Append(ctx, owner, bookOf(owner), at.Sequence, Change{Added: []ledger.Activity{*b.asked}, Snapshot: []byte(amount.String())},
		once(owner, audit.ActivitiesAdded, "key-"+string(b.asked.ID), "body", string(b.asked.ID)))
	if err == nil {
		b.acked[b.asked.ID], b.asked, b.amount = true, nil, amount
	}
	return err
}

func rational(d *money.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic("a decimal that is no number: " + d.String())
	}
	return r
}

func (p *powered) price(ctx context.Context) error {
	price := fmt.Sprint(100+len(p.prices)%7, ".", 1+len(p.prices))
	sequence, _, err := p.Accept(ctx, []market.Mark{at("aapl", len(p.prices), price)})
	if err == nil {
		p.prices[sequence] = price
	}
	return err
}

func (p *powered) settle(ctx context.Context, lease engine.Lease) error {
	kept, err := p.Rule(ctx, "anna", "r1")
	if err != nil {
		return err
	}
	id := fmt.Sprint("e", len(p.events))
	p.events[id] = false
	if _, err = p.SettleAlerts(ctx, lease, "anna", []engine.Settlement{firing(id, kept.StandingVersion)}); err == nil {
		p.events[id] = true
	}
	return err
}

// end closes a store whose files are gone.
func (p *powered) end() {
	_ = p.Close()
	p.Store = nil
}

// restart has the machine come back, sometimes to lose its power again at once.
func (p *powered) restart() {
	p.t.Helper()
	p.end()
	for again := p.dice.IntN(3) == 0; ; again = false {
		p.disk.up(p.t)
		if again {
			p.disk.cutAfter(1 + p.dice.IntN(20))
		}
		p.options.Path = p.path()
		s, err := Open(context.Background(), p.options)
		if again && err == nil && p.disk.down() {
			_ = s.Close()
		}
		if p.disk.down() {
			continue
		}
		p.ok(err)
		p.disk.cutAfter(-1)
		p.Store = s
		return
	}
}

// lost is all that is wrong with what came back.
func (p *powered) lost(ctx context.Context) error {
	errs := []error{p.Sound(ctx)}
	for owner := range p.books {
		errs = append(errs, p.compare(ctx, owner))
	}
	errs = append(errs, p.comparePrices(ctx), p.compareEvents(ctx), p.compareLog(ctx))
	return errors.Join(errs...)
}

// compare holds a book against what its writer was told: all that was acknowledged is there once, what was not is there with its answer or not
// at all, the positions are those of the activities, and each activity has its row in the audit log.
func (p *powered) compare(ctx context.Context, owner ledger.OwnerID) error {
	b := p.books[owner]
	all, err := p.Activities(ctx, owner, bookOf(owner))
	if err != nil {
		return err
	}
	var errs []error
	amount, found := new(big.Rat), make(map[ledger.ActivityID]int)
	for _, a := range all {
		found[a.ID]++
		amount.Add(amount, rational(a.Quantity))
	}
	if b.asked != nil {
		answer, err := p.Answer(ctx, owner, "key-"+string(b.asked.ID))
		if err != nil {
			return err
		}
		if (answer != nil) != (found[b.asked.ID] == 1) {
			errs = append(errs, fmt.Errorf("%s of %s is there %d times, its answer: %v", b.asked.ID, owner, found[b.asked.ID], answer))
		}
		if answer != nil {
			b.acked[b.asked.ID], b.asked = true, nil
		}
	}
	for id := range b.acked {
		if found[id] != 1 {
			errs = append(errs, fmt.Errorf("%s of %s was acknowledged and is there %d times", id, owner, found[id]))
		}
		answer, err := p.Answer(ctx, owner, "key-"+string(id))
		if err != nil {
			return err
		}
		if answer == nil || string(answer.Answer) != string(id) {
			errs = append(errs, fmt.Errorf("the request for %s of %s would not be answered again", id, owner))
		}
	}
	sequence, snapshot, err := p.Snapshot(ctx, owner, bookOf(owner))
	if err != nil {
		return err
	}
	at, err := p.Portfolio(ctx, owner, bookOf(owner))
	if err != nil {
		return err
	}
	if len(all) > 0 && (sequence != at.Sequence || string(snapshot) != amount.String()) {
		errs = append(errs, fmt.Errorf("positions of %s are %s at %d, computed anew %s at %d", owner, snapshot, sequence, amount, at.Sequence))
	}
	var rows int
	if err := p.db.one(ctx, "SELECT COUNT(*) FROM audit_rows WHERE owner = $1 AND action = $2", []any{string(owner), string(audit.ActivitiesAdded)}, &rows); err != nil {
		return err
	}
	if rows != len(all) {
		errs = append(errs, fmt.Errorf("%d activities of %s have %d audit rows", len(all), owner, rows))
	}
	b.amount = amount
	return errors.Join(errs...)
}

func (p *powered) comparePrices(ctx context.Context) error {
	quotes, err := p.QuotesAfter(ctx, 0, len(p.prices)+cutsOfOneFile)
	if err != nil {
		return err
	}
	found := make(map[int64]string)
	for _, q := range quotes {
		found[q.Sequence] = q.Price.String()
	}
	var errs []error
	for sequence, price := range p.prices {
		if found[sequence] != price {
			errs = append(errs, fmt.Errorf("price %d was %s and is %q", sequence, price, found[sequence]))
		}
	}
	return errors.Join(errs...)
}

func (p *powered) compareEvents(ctx context.Context) error {
	found := make(map[string]int)
	err := p.db.each(ctx, "SELECT id FROM alert_events WHERE owner = $1", []any{"anna"}, func(row scanner) error {
		var id string
		err := row.Scan(&id)
		found[id]++
		return err
	})
	errs := []error{err}
	for id, acked := range p.events {
		if n := found[id]; n > 1 || acked && n == 0 {
			errs = append(errs, fmt.Errorf("event %s is in the log %d times, acknowledged: %v", id, n, acked))
		}
	}
	return errors.Join(errs...)
}

// compareLog does what a start does, and the command that verifies.
func (p *powered) compareLog(ctx context.Context) error {
	var err error
	if p.audited.copy, err = audit.NewCopy(p.audited.path, p.Store, p.signer.Verifier(), slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	if err := p.audited.copy.Check(ctx); err != nil {
		return err
	}
	lines, err := audit.ReadCopy(p.audited.path)
	if err != nil {
		return err
	}
	report, err := audit.Verify(ctx, p.Store, p.signer.Verifier(), lines)
	if err == nil && len(report.Findings) > 0 {
		err = fmt.Errorf("audit log: %v", report.Findings)
	}
	return err
}

// Whenever the power is cut, and whatever of the unsynced had reached the disk in whatever order, the file opens and holds everything that was
// acknowledged, once, with its positions and its rows in the audit log.
func TestPowerCutsLoseNothing(t *testing.T) {
	cuts := powerCuts
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		cuts = powerCutsLong
	}
	for seed := range uint64(cuts / cutsOfOneFile) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			p := newPowered(t, seed)
			for n := range cutsOfOneFile {
				p.work(t.Context())
				p.restart()
				if err := p.lost(t.Context()); err != nil {
					t.Fatalf("cut %d: %v", n, err)
				}
			}
			t.Logf("%d activities of anna, %d prices, %d events; syncs %v", len(p.books["anna"].acked), len(p.prices), len(p.events), p.disk.syncs)
		})
	}
}

// After a sync that failed the system shows what the disk doesn't have. Changes are refused from then on, and the process that is started next
// loses nothing when the power is cut, neither of before nor of its own.
func TestAFailedSyncStopsChanges(t *testing.T) {
	t.Parallel()
	const (
		rounds   = 20
		syncsMax = 60
	)
	ctx := t.Context()
	p := newPowered(t, 7)
	stopped := 0
	for n := range rounds {
		p.disk.failAfter(1 + p.dice.IntN(syncsMax))
		p.write(ctx, p.lease(ctx), syncsMax)
		v, err := p.Vitals(ctx)
		p.ok(err)
		if v.Unkept { // else it was a sync of a checkpoint, which is made anew
			stopped++
			p.kind(p.price(ctx), fault.Unavailable)
		}
		if err := p.lost(ctx); err != nil {
			t.Fatalf("round %d, reading on: %v", n, err)
		}
		p.disk.again(t, p.end)
		p.options.Path = p.path()
		p.Store, err = Open(ctx, p.options)
		p.ok(err)
		if err := p.lost(ctx); err != nil {
			t.Fatalf("round %d, the next process: %v", n, err)
		}
		p.work(ctx)
		p.restart()
		if err := p.lost(ctx); err != nil {
			t.Fatalf("round %d, without power: %v", n, err)
		}
	}
	t.Logf("%d of %d failed syncs were those of changes", stopped, rounds)
	if stopped == 0 {
		t.Error("no change was refused")
	}
}

// What would lose something is found out: the test above can fail.
func TestPowerCutsShowWhatIsNotSynced(t *testing.T) {
	for name, spoil := range map[string]func(p *powered){
		"synchronous=normal":         func(p *powered) { p.worse = "PRAGMA synchronous=normal" },
		"a disk that syncs nothing":  func(p *powered) { p.disk.lies = true },
		"commits that share a block": func(p *powered) { p.disk.bold = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPowered(t, 1)
			spoil(p)
			p.reopen()
			for n := range faultyCuts {
				p.work(t.Context())
				p.end()
				p.disk.up(t)
				p.options.Path = p.path()
				s, err := Open(t.Context(), p.options)
				if err == nil {
					p.Store = s
					err = p.lost(t.Context())
				}
				if err != nil {
					t.Logf("found after %d cuts: %.200v", n+1, err)
					return
				}
			}
			t.Errorf("%d power cuts lost nothing", faultyCuts)
		})
	}
}
