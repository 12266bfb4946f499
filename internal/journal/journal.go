// Package journal records changes of portfolios and gives portfolios as of their newest change.
//
// A change goes one way: the book is read, the ledger checks the change, the store appends it with the snapshot of positions
// and what began or ended to be held, all in one transaction, and a hint tells every node. The package owns that order, the
// retries of writers that met, and the caches of what is worked out from a book. It holds no rule of its own: what is allowed
// is the ledger's, what is worth what is figures'.
package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	mathrand "math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"folioscope/internal/audit"
	"folioscope/internal/bus"
	"folioscope/internal/cache"
	"folioscope/internal/event"
	"folioscope/internal/failpoint"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// Bounds of what is kept in memory and of how long anybody waits.
const (
	heldBytesMax   = 48 << 20 // positions of portfolios that were looked at lately
	booksBytesMax  = 64 << 20 // their activities: one portfolio of 100,000 has room
	seriesBytesMax = 32 << 20 // daily closes: about 500 instruments of 20 years
	attemptsMax    = 6        // of an append that met others; each costs a read of the book

	seriesAgeMax     = time.Hour        // of closes that no change is known of: releases before the numbers of changes wrote without one
	emptyAgeMax      = 3 * time.Second  // of a series without a close: it is being looked for, and somebody waits
	incompleteAgeMax = 2 * time.Minute  // of positions that miss rates of past days
	awayAgeMax       = 15 * time.Minute // of what is at hand, while the store can't be asked for newer
	sequenceWait     = 2 * time.Second  // for a sequence that a caller has seen and this node's store has not
	sequencePause    = 50 * time.Millisecond
	loadTimeout      = 15 * time.Second // of one read from the store, whoever gave up meanwhile
	hintTimeout      = time.Second
)

// Caches are what a journal keeps in memory.
type Caches struct{ Positions, Books, Series cache.Meters }

// Caches may be asked for at any time.
func (j *Journal) Caches() Caches {
	return Caches{Positions: j.held.Meters(), Books: j.books.Meters(), Series: j.series.Meters()}
}

// Change is one append.
type Change struct {
	Added     []ledger.Activity
	Corrected []ledger.Activity
	Voided    []ledger.ActivityID
	Snapshot  []byte
	Interest  map[market.InstrumentID]int         // 1 where the portfolio begins to hold, −1 where it ends to
	Since     map[market.InstrumentID]market.Date // from when on closes and rates are needed, where that is earlier than before
	Accepted  []ledger.Decision                   // the proposals that Added came of
}

// Store is what the journal needs of the truth.
type Store interface {
	// Book is one consistent read; fault.NotFound also where it is somebody else's.
	Book(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) (ledger.Book, error)
	// Append gives the new sequence, expected + 1, or fault.Stale where the portfolio is at another.
	Append(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expected int64, change Change, write audit.Write) (int64, error)
	// Instruments leaves out what it doesn't know.
	Instruments(ctx context.Context, ids []market.InstrumentID) ([]market.Instrument, error)
	// Series are raw closes; without any it is empty, not an error.
	Series(ctx context.Context, id market.InstrumentID, from, to market.Date) (market.Series, error)
	// SeriesChanges gives the newest change of each instrument whose closes changed after a sequence, and the newest of all; below 0
	// the newest of all alone.
	SeriesChanges(ctx context.Context, after int64) (changed map[market.InstrumentID]int64, newest int64, err error)
}

// Gate lets only so much work that takes long go on at once that others find a processor free; a weighted semaphore of x/sync is one.
type Gate interface {
	Acquire(ctx context.Context, n int64) error
	Release(n int64)
}

// largeBook is the number of activities from which on work on a book goes through the gate: below it takes some milliseconds, as long as
// Go lets any goroutine have a processor.
const largeBook = 2000

// Options are what may be left out.
type Options struct {
	Large  Gate // for reading and working out books of very many activities
	Log    *slog.Logger
	Now    func() time.Time
	NewID  func() string  // of activities
	Random func() float64 // in [0, 1), for how long writers that met stand back
}

// Journal is safe for many goroutines.
type Journal struct {
	store  Store
	bus    bus.Bus
	log    *slog.Logger
	now    func() time.Time
	newID  func() string
	random func() float64
	large  Gate // nil: none

	held   *cache.Cache[key, *Held]
	books  *cache.Cache[key, *ledger.Book]
	series *cache.Cache[market.InstrumentID, *loadedSeries]
	closes *closes
	flight singleflight.Group
	turns  turns
}

// key has the owner in it, so that no cache can answer somebody else.
type key struct {
	owner     ledger.OwnerID
	portfolio ledger.PortfolioID
}

// New makes a journal over a store, with hints on a bus.
func New(store Store, hints bus.Bus, options Options) *Journal {
	j := &Journal{store: store, bus: hints, closes: newCloses(), log: options.Log, now: options.Now, newID: options.NewID, random: options.Random,
		large: options.Large}
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	if j.now == nil {
		j.now = time.Now
	}
	if j.newID == nil {
		j.newID = func() string { return strings.ToLower(rand.Text()) }
	}
	if j.random == nil {
		j.random = mathrand.Float64
	}
	j.held = cache.New(heldBytesMax, func(_ key, h *Held) int { return h.bytes })
	j.books = cache.New(booksBytesMax, func(_ key, b *ledger.Book) int { return bookBytes(b) })
	j.series = cache.New(seriesBytesMax, func(_ market.InstrumentID, s *loadedSeries) int { return s.bytes })
	return j
}

// Recorded says what became of a change.
type Recorded struct {
	Sequence int64
	IDs      []ledger.ActivityID // of what was added, in order
}

// Record checks a change and appends it. Where expectedSequence is given and the portfolio is elsewhere, the answer is
// fault.Stale; without it, writers that meet are put in a row. Activities without an id get one. What travels with the change
// is asked for once its sequence and ids are known, and again if the append has to be tried again.
// A change that the ledger refuses is fault.Invalid with places as in ledger.Apply.
func (j *Journal) Record(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expectedSequence *int64,
	changes ledger.Changes, write func(Recorded) audit.Write,
) (Recorded, error) {
	return j.record(ctx, owner, portfolio, expectedSequence, changes, nil, write)
}

// record is Record with the proposals that what is added came of.
func (j *Journal) record(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expectedSequence *int64,
	changes ledger.Changes, accepted []ledger.Decision, write func(Recorded) audit.Write,
) (Recorded, error) {
	changes.Added = slices.Clone(changes.Added)
	result := Recorded{IDs: make([]ledger.ActivityID, len(changes.Added))}
	for i := range changes.Added {
		if changes.Added[i].ID == "" {
			changes.Added[i].ID = ledger.ActivityID(j.newID())
		}
		result.IDs[i] = changes.Added[i].ID
	}
	giveBack, err := j.turns.take(ctx, key{owner, portfolio})
	if err != nil {
		return Recorded{}, err
	}
	defer giveBack()
	var stale error
	fresh := false
	for range attemptsMax {
		book, read, err := j.bookToChange(ctx, owner, portfolio, expectedSequence, fresh)
		if err != nil {
			return Recorded{}, err
		}
		fresh = true // from the second attempt on
		result.Sequence = book.Portfolio.Sequence + 1
		change, after, err := j.prepare(ctx, *book, changes)
		if err != nil && !read {
			stale = err
			continue // refused by what was at hand; the newest decides
		}
		if err != nil {
			return Recorded{}, err
		}
		change.Accepted = accepted
		failpoint.Reach(failpoint.BeforeAppend)
		got, err := j.store.Append(ctx, owner, portfolio, book.Portfolio.Sequence, change, write(result))
		if fault.Is(err, fault.Stale) && expectedSequence == nil {
			stale = err
			if err := j.standBack(ctx); err != nil {
				return Recorded{}, err
			}
			continue
		}
		if err != nil {
			return Recorded{}, fmt.Errorf("record change: %w", err)
		}
		if got != result.Sequence {
			return Recorded{}, fmt.Errorf("record change: the store says %d after %d", got, book.Portfolio.Sequence)
		}
		k := key{owner, portfolio}
		j.books.Drop(k) // the store adds what only it knows, such as positions and times; who wants the book reads it
		j.keep(k, after)
		failpoint.Reach(failpoint.BeforeHint)
		j.Announce(ctx, owner, portfolio, got)
		failpoint.Reach(failpoint.AfterHint)
		return result, nil
	}
	return Recorded{}, fault.Wrap(fault.Unavailable, stale, "the portfolio changes too often right now; try again")
}

// bookToChange gives the book at the sequence that the writer has seen, or the one at hand, and says whether it was read now.
func (j *Journal) bookToChange(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expected *int64, fresh bool) (book *ledger.Book, read bool, err error) {
	k := key{owner, portfolio}
	book, ok := j.books.Get(k, func(b *ledger.Book) bool { return !fresh && (expected == nil || b.Portfolio.Sequence == *expected) })
	if !ok {
		read = true
		if book, err = j.readBook(ctx, k); err != nil { // not shared: a read that began earlier may give what was stale already
			return nil, false, err
		}
	}
	if expected != nil && book.Portfolio.Sequence != *expected {
		return nil, false, fault.New(fault.Stale, "the portfolio is at %d, not at %d: read it again", book.Portfolio.Sequence, *expected)
	}
	return book, read, nil
}

// prepare checks the changes and works out what is stored with them.
func (j *Journal) prepare(ctx context.Context, book ledger.Book, changes ledger.Changes) (Change, *Held, error) {
	book, err := j.withInstruments(ctx, book, changes)
	if err != nil {
		return Change{}, nil, err
	}
	after, err := through(ctx, j, len(book.Activities), func() (ledger.Book, error) { return ledger.Apply(book, changes, LatestDay(j.now())) })
	if err != nil {
		return Change{}, nil, err // the place is named in it, and nothing may come before it
	}
	after.Portfolio.Sequence = book.Portfolio.Sequence + 1
	before, known := j.held.Get(key{book.Portfolio.Owner, book.Portfolio.ID}, func(h *Held) bool {
		return h.Portfolio.Sequence == book.Portfolio.Sequence && !h.Outdated(j.now())
	})
	if !known {
		if before, err = j.hold(ctx, book); err != nil {
			return Change{}, nil, err
		}
	}
	held, err := j.hold(ctx, after)
	if err != nil {
		return Change{}, nil, err
	}
	return Change{
		Added: changes.Added, Corrected: changes.Corrected, Voided: changes.Voided,
		Snapshot: held.Holdings.Snapshot(), Interest: interestChange(before, held),
		Since: earlier(firstDays(book), firstDays(after)),
	}, held, nil
}

// LatestDay is the day that it is in the first of the world's time zones: nobody enters tomorrow by mistake of ours.
func LatestDay(now time.Time) market.Date {
	const aheadMost = 14 * time.Hour // UTC+14, Kiribati
	return market.DateOf(now.UTC().Add(aheadMost))
}

// withInstruments adds what the changes name and the book does not know yet. The book that was given is not touched.
func (j *Journal) withInstruments(ctx context.Context, book ledger.Book, changes ledger.Changes) (ledger.Book, error) {
	var missing []market.InstrumentID
	for _, list := range [][]ledger.Activity{changes.Added, changes.Corrected} {
		for i := range list {
			for _, id := range [...]market.InstrumentID{list[i].Instrument, list[i].ToInstrument} {
				if _, ok := book.Instruments[id]; id != "" && !ok && !slices.Contains(missing, id) {
					missing = append(missing, id)
				}
			}
		}
	}
	if len(missing) == 0 {
		return book, nil
	}
	found, err := j.store.Instruments(ctx, missing)
	if err != nil {
		return ledger.Book{}, fmt.Errorf("read instruments: %w", err)
	}
	known := make(map[market.InstrumentID]market.Instrument, len(book.Instruments)+len(found))
	maps.Copy(known, book.Instruments)
	for _, one := range found {
		known[one.ID] = one
	}
	book.Instruments = known
	return book, nil
}

// interestChange says which prices and rates the portfolio begins and ends to need from sources. Own instruments have none, and
// nobody else is to know of them.
func interestChange(before, after *Held) map[market.InstrumentID]int {
	changed := make(map[market.InstrumentID]int)
	for _, id := range after.Needs {
		if !ledger.IsOwn(id) && !slices.Contains(before.Needs, id) {
			changed[id] = 1
		}
	}
	for _, id := range before.Needs {
		if !ledger.IsOwn(id) && !slices.Contains(after.Needs, id) {
			changed[id] = -1
		}
	}
	return changed
}

// firstDays are the days from which on a book needs closes: of each instrument since its first activity, of the rates since the
// first of all. Own instruments have no history but what their owner enters.
func firstDays(book ledger.Book) map[market.InstrumentID]market.Date {
	first := make(map[market.InstrumentID]market.Date)
	for i := range book.Activities { // in the order of their dates
		a := &book.Activities[i]
		for _, id := range [...]market.InstrumentID{a.Instrument, a.ToInstrument} {
			if _, known := first[id]; id != "" && !known && !ledger.IsOwn(id) {
				first[id] = a.Date
			}
		}
	}
	if len(book.Activities) > 0 {
		for _, id := range ratesOf(book) {
			first[id] = book.Activities[0].Date
		}
	}
	return first
}

// earlier is what is needed after a change and was not before.
func earlier(before, after map[market.InstrumentID]market.Date) map[market.InstrumentID]market.Date {
	maps.DeleteFunc(after, func(id market.InstrumentID, day market.Date) bool {
		known, there := before[id]
		return there && known <= day
	})
	return after
}

// Announce tells every node that a portfolio reached a sequence; for changes that did not go through Record, such as a new
// name or account. A hint that can't be sent is only logged: watchers look by themselves after a while.
func (j *Journal) Announce(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, sequence int64) {
	hint := event.PortfolioChanged{OwnerID: owner, PortfolioID: portfolio, Sequence: sequence}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hintTimeout) // the change is made, whoever hung up
	defer cancel()
	if err := j.bus.Publish(ctx, event.PortfolioChangedSubject(portfolio), hint.Payload()); err != nil {
		j.log.WarnContext(ctx, "no hint of a portfolio's change", "portfolio", string(portfolio), "sequence", sequence, "error", err)
	}
}

// Book gives a portfolio's book at a sequence or a later one; 0 is whichever is at hand. A sequence that does not come
// within 2 s is fault.Unavailable. The book is shared: nobody changes it.
func (j *Journal) Book(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64) (*ledger.Book, error) {
	k := key{owner, portfolio}
	if book, ok := j.books.Get(k, bookAt(atLeastSequence)); ok {
		return book, nil
	}
	var book *ledger.Book
	err := j.untilAt(ctx, atLeastSequence, func() (int64, error) {
		var err error
		if book, err = j.loadBook(ctx, k, atLeastSequence); err != nil {
			return 0, err
		}
		return book.Portfolio.Sequence, nil
	})
	return book, err
}

// bookAt is what is good enough for who has seen a sequence.
func bookAt(sequence int64) func(*ledger.Book) bool {
	return func(b *ledger.Book) bool { return b.Portfolio.Sequence >= sequence }
}

// untilAt loads until a sequence is reached.
func (j *Journal) untilAt(ctx context.Context, sequence int64, load func() (int64, error)) error {
	deadline := time.NewTimer(sequenceWait)
	defer deadline.Stop()
	for {
		got, err := load()
		if err != nil || got >= sequence {
			return err
		}
		select {
		case <-time.After(sequencePause):
		case <-deadline.C:
			return fault.New(fault.Unavailable, "the portfolio is at %d here, not yet at %d", got, sequence)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// loadBook is readBook, once for all who want the same at the same time.
func (j *Journal) loadBook(ctx context.Context, k key, atLeast int64) (*ledger.Book, error) {
	return share(ctx, j, flightName("book", k, atLeast), func(ctx context.Context) (*ledger.Book, error) { return j.readBook(ctx, k) })
}

// readBook reads a book and keeps it.
func (j *Journal) readBook(ctx context.Context, k key) (*ledger.Book, error) {
	expected := 0 // activities, as far as is known before it is read
	if held, ok := j.held.Peek(k); ok {
		expected = held.activities
	}
	book, err := through(ctx, j, expected, func() (ledger.Book, error) { return j.store.Book(ctx, k.owner, k.portfolio) })
	if err != nil {
		return nil, fmt.Errorf("read book: %w", err)
	}
	if book.Portfolio.Owner != k.owner || book.Portfolio.ID != k.portfolio {
		return nil, errors.New("read book: the store gave another portfolio") // never into a cache
	}
	// Not backwards: a read may end after a later one.
	j.books.PutNewer(k, &book, func(there *ledger.Book) bool { return there.Portfolio.Sequence > book.Portfolio.Sequence })
	return &book, nil
}

// through does work on so many activities, through the gate where they are many.
func through[T any](ctx context.Context, j *Journal, activities int, work func() (T, error)) (T, error) {
	if j.large != nil && activities >= largeBook {
		if err := j.large.Acquire(ctx, 1); err != nil {
			var none T
			return none, err
		}
		defer j.large.Release(1)
	}
	return work()
}

// flightName tells apart who wants how new a state: nobody joins a read that began before what they know of.
func flightName(what string, k key, atLeast int64) string {
	return fmt.Sprintf("%s %d %q %q", what, atLeast, k.owner, k.portfolio)
}

// share runs load once for all who ask for the same name now. It goes on when the one who came first gives up.
func share[T any](ctx context.Context, j *Journal, name string, load func(context.Context) (T, error)) (T, error) {
	done := j.flight.DoChan(name, func() (loaded any, err error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		defer func() { // this goroutine is nobody's request: a panic of one book must not end the node for all
			if cause := recover(); cause != nil {
				j.log.ErrorContext(ctx, "panic", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
				loaded, err = nil, fmt.Errorf("load: panic: %v", cause)
			}
		}()
		return load(ctx)
	})
	var none T
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case result := <-done:
		if result.Err != nil {
			return none, result.Err
		}
		return result.Val.(T), nil
	}
}

// bookBytes estimates what a book takes.
func bookBytes(b *ledger.Book) int {
	const activityBytes, instrumentBytes, priceBytes, bookOverhead = 560, 420, 80, 1024
	n := bookOverhead + len(b.Activities)*activityBytes + (len(b.Instruments)+len(b.Own))*instrumentBytes
	for _, prices := range b.Prices {
		n += len(prices) * priceBytes
	}
	return n
}
