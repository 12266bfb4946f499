package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
)

// Journal is what an import wants of the journal.
type Journal interface {
	Book(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64) (*ledger.Book, error)
	Record(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expectedSequence *int64,
		changes ledger.Changes, write func(journal.Recorded) audit.Write) (journal.Recorded, error)
}

// Versions knows what activities were before they were corrected.
type Versions interface {
	// Superseded gives every version but the newest of activities that aren't voided.
	Superseded(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) ([]ledger.Activity, error)
}

// Options are what a Service is made of.
type Options struct {
	Journal     Journal
	Instruments Instruments
	Versions    Versions // left out: a row that was corrected after its import is a new one
	Now         func() time.Time
	NewID       func() string // of activities; left out: random ones
}

// A large file takes two hundred megabytes of memory while it is worked on, so files are worked on one after another.
const (
	importsAtOnce     = 1
	importsWaitingMax = 16 // who comes on top is told to come back
)

// Service imports files. It is safe for concurrent use.
type Service struct {
	o       Options
	turns   chan struct{}
	waiting atomic.Int32 // with those whose turn it is
}

// NewService makes a Service.
func NewService(o Options) *Service {
	if o.NewID == nil {
		o.NewID = func() string { return strings.ToLower(rand.Text()) }
	}
	return &Service{o: o, turns: make(chan struct{}, importsAtOnce)}
}

// turn waits until a file may be worked on; who got it calls done. It gives fault.Unavailable where too many wait, or for too long.
func (s *Service) turn(ctx context.Context) (done func(), err error) {
	if s.waiting.Add(1) > importsAtOnce+importsWaitingMax {
		s.waiting.Add(-1)
		return nil, fault.New(fault.Unavailable, "Too many files are being imported at this moment. Try again in a few seconds.")
	}
	select {
	case s.turns <- struct{}{}:
		return func() { <-s.turns; s.waiting.Add(-1) }, nil
	case <-ctx.Done():
		s.waiting.Add(-1)
		return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "Other files took too long. Try again in a few seconds.")
	}
}

// ended looks every some hundred rows whether anybody still waits for the import: others wait for its turn. The error is fault.Unavailable.
func ended(ctx context.Context, row int) error {
	const rowsBetween = 256 // well below a millisecond's work
	if row%rowsBetween != 0 || ctx.Err() == nil {
		return nil
	}
	return fault.Wrap(fault.Unavailable, ctx.Err(), "The file took too long. Try again in a few seconds, or split it.")
}

// Status is what an import does with a row.
type Status string

// The statuses.
const (
	StatusNew       Status = "new"
	StatusDuplicate Status = "duplicate"
	StatusError     Status = "error"
)

// previewRowsMax is how many rows a preview shows.
const previewRowsMax = 100

// PreviewRow is a row with what an import would do with it.
type PreviewRow struct {
	Row
	Status Status
}

// Result is what an import did, or on a dry run would do. With errors nothing was stored.
type Result struct {
	Rows       int
	New        int
	Duplicates int
	Errors     []RowError
	Preview    []PreviewRow // on a dry run, the first hundred rows
	Sequence   int64        // of the portfolio, afterwards
}

// attemptsMax is how often an import starts over because the portfolio changed under it.
const attemptsMax = 4

// Import reads a folioscope-csv file into a portfolio, all of it or nothing. A row whose content the portfolio has already, or had before
// a correction, is a duplicate and skipped, as often as the portfolio has it: two equal trades in one file are two trades, the same
// file again adds none. Lots are named by the ids of rows of the file, or of activities of the portfolio.
// On a dry run mistakes are in the result and nothing is stored; otherwise they are fault.Invalid with a place for each.
// It is fault.Unavailable where too many files wait for their turn.
// Write is asked for what goes into the store with the change.
//
// What the portfolio has is read at atLeastSequence or later; where it changes meanwhile, on whichever node, the import starts over.
func (s *Service) Import(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64, file io.Reader, dryRun bool,
	write func(Result) audit.Write,
) (Result, error) {
	done, err := s.turn(ctx)
	if err != nil {
		return Result{}, err
	}
	defer done()
	rows, mistakes, err := ParseCSV(ctx, file)
	if err != nil {
		return Result{}, err
	}
	var stale error
	for range attemptsMax {
		book, err := s.o.Journal.Book(ctx, owner, portfolio, atLeastSequence)
		if err != nil {
			return Result{}, fmt.Errorf("read portfolio: %w", err)
		}
		result, err := s.attempt(ctx, book, rows, mistakes, dryRun, write)
		if !fault.Is(err, fault.Stale) {
			return result, err
		}
		stale, atLeastSequence = err, book.Portfolio.Sequence+1
	}
	return Result{}, fault.Wrap(fault.Unavailable, stale, "the portfolio changes too often right now; try again")
}

func (s *Service) attempt(ctx context.Context, book *ledger.Book, rows []Row, mistakes []RowError, dryRun bool, write func(Result) audit.Write) (Result, error) {
	owner, portfolio := book.Portfolio.Owner, book.Portfolio.ID
	var before []ledger.Activity
	var err error
	if s.o.Versions != nil && slices.ContainsFunc(book.Activities, func(a ledger.Activity) bool { return a.Version > 1 }) {
		if before, err = s.o.Versions.Superseded(ctx, owner, portfolio); err != nil {
			return Result{}, fmt.Errorf("read corrected activities: %w", err)
		}
	}
	plan, err := s.plan(ctx, book, before, rows, mistakes)
	if err != nil {
		return Result{}, err
	}
	result := plan.result(book.Portfolio.Sequence)
	switch {
	case dryRun:
		result.Preview = plan.preview(rows)
		return result, nil
	case len(plan.mistakes) > 0:
		return Result{}, refusal(plan.mistakes)
	case len(plan.added) == 0:
		return result, nil
	}
	expected := book.Portfolio.Sequence
	recorded, err := s.o.Journal.Record(ctx, owner, portfolio, &expected, ledger.Changes{Added: plan.added},
		func(recorded journal.Recorded) audit.Write {
			done := result
			done.Sequence = recorded.Sequence
			return write(done)
		})
	if err != nil {
		if mistake, ok := plan.mistakeOf(err); ok {
			return Result{}, refusal([]RowError{mistake})
		}
		return Result{}, fmt.Errorf("record import: %w", err)
	}
	result.Sequence = recorded.Sequence
	return result, nil
}

// ledgerPlace is how the ledger names a place: an index into what was added, and a field.
var ledgerPlace = regexp.MustCompile(`^activities\[(\d+)\](?:\.(\w+).*)?$`)

// mistakeOf turns what the ledger refuses into a row of the file.
func (p *plan) mistakeOf(err error) (RowError, bool) {
	wrong, ok := errors.AsType[*fault.Error](err)
	if !ok || wrong.Kind != fault.Invalid {
		return RowError{}, false
	}
	mistake := RowError{Message: wrong.Message}
	for _, place := range wrong.Places {
		parts := ledgerPlace.FindStringSubmatch(place.Location)
		if parts == nil {
			continue
		}
		if i, err := strconv.Atoi(parts[1]); err == nil && i < len(p.lines) {
			return RowError{Row: p.lines[i], Column: parts[2], Message: place.Message}, true
		}
	}
	return mistake, true
}

func (p *plan) result(sequence int64) Result {
	return Result{Rows: p.rows, New: len(p.added), Duplicates: p.duplicates, Errors: p.mistakes, Sequence: sequence}
}

func (p *plan) preview(rows []Row) []PreviewRow {
	shown := make([]PreviewRow, 0, min(len(rows), previewRowsMax))
	for _, row := range rows[:min(len(rows), previewRowsMax)] {
		status, ok := p.status[row.Line]
		if !ok {
			status = StatusError // not looked at: too many mistakes before it
		}
		shown = append(shown, PreviewRow{Row: row, Status: status})
	}
	return shown
}

// refusal is the error of a file with mistakes.
func refusal(mistakes []RowError) error {
	places := make([]fault.Place, 0, min(len(mistakes), placesMax))
	for _, m := range mistakes[:min(len(mistakes), placesMax)] {
		places = append(places, fault.Place{Location: m.Place(), Message: m.Message})
	}
	return &fault.Error{Kind: fault.Invalid, Message: places[0].Location + ": " + places[0].Message, Places: places}
}
