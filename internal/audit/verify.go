package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"folioscope/internal/ledger"
)

// What a verification goes by.
const (
	verifyRows     = 8192            // read and hashed at once by one worker; whole tiles
	findingsMax    = 100             // told one by one; more are counted
	clockSlackMax  = 6 * time.Minute // between a row's time and the checkpoints around it: the longest transaction takes 5
	momentsAllowed = time.RFC3339
)

// DetailState is what a look at a row's sealed detail gave.
type DetailState int

// The states: whole or none, unreadable since its owner's key was erased, not what the row is bound to.
const (
	DetailWhole  = DetailState(0)
	DetailErased = DetailState(1)
	DetailWrong  = DetailState(2)
)

// State is what a database says of itself at one moment.
type State struct {
	Size        int64
	Root        Hash
	Checkpoints []string // signed, in the order in which they were made
	Heads       map[ledger.OwnerID]int64
	Portfolios  []PortfolioState
	Users       []ledger.OwnerID
	Waiting     []Row // in no tree yet, by owner and number
	Stray       int64 // rows that claim a leaf at or after Size
	Forged      int   // rows that wait and that this installation didn't write
}

// PortfolioState is how far a portfolio is.
type PortfolioState struct {
	Owner    ledger.OwnerID
	ID       ledger.PortfolioID
	Sequence int64
	Rows     int64 // of activities, all versions
}

// Source is what is verified.
type Source interface {
	TileStore
	// AuditState reads one consistent state.
	AuditState(ctx context.Context) (State, error)
	// AuditStretch calls see for the rows from one leaf to before another, in any order. The row is see's only until it returns.
	AuditStretch(ctx context.Context, from, to int64, see func(*Row) error) error
	// CheckDetail opens a row's detail.
	CheckDetail(ctx context.Context, row *Row) (DetailState, error)
}

// Kind is what was found.
type Kind string

// What a verification finds.
const (
	FoundRow        Kind = "row"         // a row is not what was hashed: edited, or another's
	FoundMoved      Kind = "moved"       // a row stands in the place of another
	FoundMissing    Kind = "missing"     // a row is gone
	FoundInserted   Kind = "inserted"    // a row is there that was never appended
	FoundCut        Kind = "cut"         // the end is gone, or an older database is in place
	FoundDetail     Kind = "detail"      // a sealed detail is another's, or changed
	FoundReplay     Kind = "replay"      // an older checkpoint stands after a later one
	FoundFork       Kind = "fork"        // two histories of the same size
	FoundRoot       Kind = "root"        // what was signed is not what the rows come to
	FoundClock      Kind = "clock"       // a row's time can't be
	FoundKey        Kind = "key"         // signed with another key, or not at all
	FoundNoMutation Kind = "no_mutation" // a row tells of a change that isn't there
	FoundUnaudited  Kind = "unaudited"   // a change is there that no row tells of
	FoundTile       Kind = "tile"        // a stored hash is wrong
)

// Finding is one thing that is wrong, in a sentence that says where.
type Finding struct {
	Kind Kind
	Text string
}

// Report is what a verification came to.
type Report struct {
	Rows        int64 // in the tree
	Waiting     int
	Checkpoints int // in the database
	Copied      int // in the second place
	Latest      Checkpoint
	Erased      int // details whose owner's key was erased
	Findings    []Finding
	More        int // findings beyond those told
}

func (r *Report) find(kind Kind, format string, args ...any) {
	if len(r.Findings) >= findingsMax {
		r.More++
		return
	}
	r.Findings = append(r.Findings, Finding{kind, fmt.Sprintf(format, args...)})
}

// Verify reads a whole log and says what is wrong with it: rows against their hashes, hashes against every signed checkpoint of
// the database and of the copy, times against checkpoints, details against commitments, numbers against gaps, and portfolios and
// users against the rows that tell of them. Copied was read before; it may be empty. An error says that it couldn't be done.
func Verify(ctx context.Context, source Source, verifier *Verifier, copied []string) (Report, error) {
	state, err := source.AuditState(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("read the audit state: %w", err)
	}
	v := &verification{source: source, report: Report{Rows: state.Size, Waiting: len(state.Waiting), Checkpoints: len(state.Checkpoints), Copied: len(copied)},
		accounts: newAccounts(), upper: make(map[tileKey][]byte)}
	v.signed = v.open(verifier, state.Checkpoints, "checkpoint %d of the database")
	outside := v.open(verifier, copied, "line %d of the copy")
	v.compare(state, outside)
	if err := v.walk(ctx, state.Size); err != nil {
		return Report{}, err
	}
	if err := v.checkUpper(ctx); err != nil {
		return Report{}, err
	}
	if state.Stray > 0 {
		v.report.find(FoundInserted, "%d rows claim places after the end of the tree: they were inserted", state.Stray)
	}
	if state.Forged > 0 {
		v.report.find(FoundInserted, "%d rows that wait for their place were not written by this installation, or were changed while they waited", state.Forged)
	}
	for i := range state.Waiting {
		v.accounts.see(&v.report, &state.Waiting[i])
	}
	v.accounts.close(&v.report, &state)
	return v.report, nil
}

// expected is a root that the rows have to come to.
type expected struct {
	Checkpoint
	where string
}

type verification struct {
	source   Source
	report   Report
	signed   []expected // of the database, those that are good
	expect   []expected // all that the walk checks, by size
	tree     growing
	accounts *accounts
	upper    map[tileKey][]byte
	next     int // of expect
	cover    int // of signed: the first that covers the leaf at hand
	badRoot  bool
}

// open reads signed checkpoints and finds those that go back.
func (v *verification) open(verifier *Verifier, signed []string, where string) []expected {
	var good []expected
	var last Checkpoint
	for i, text := range signed {
		place := fmt.Sprintf(where, i+1)
		c, err := verifier.Open([]byte(text))
		if err != nil {
			v.report.find(FoundKey, "%s is not signed with the key that it is checked with, or was changed", place)
			continue
		}
		if c.Size < last.Size || c.At.Before(last.At) {
			v.report.find(FoundReplay, "%s says %d rows at %s, but one of %d rows at %s stands before it: an old checkpoint was put in again", place, c.Size,
				c.At.Format(momentsAllowed), last.Size, last.At.Format(momentsAllowed))
			continue
		}
		last = c
		good = append(good, expected{c, place})
	}
	return good
}

// compare holds what the database says against the copy, and collects the roots that the rows have to come to.
func (v *verification) compare(state State, outside []expected) {
	if n := len(v.signed); n > 0 {
		newest := v.signed[n-1]
		v.report.Latest = newest.Checkpoint
		if newest.Size > state.Size {
			v.report.find(FoundCut, "%s has %d rows, but the tree has %d: its end was cut off", newest.where, newest.Size, state.Size)
		}
	}
	if n := len(outside); n > 0 {
		newest := outside[n-1]
		switch known := v.report.Latest; {
		case newest.Size > state.Size:
			v.report.find(FoundCut, "the copy has a checkpoint of %d rows made at %s, but the database has only %d: its end was cut off, or an older database was put back",
				newest.Size, newest.At.Format(momentsAllowed), state.Size)
		case newest.At.After(known.At) || newest.Size > known.Size:
			v.report.find(FoundReplay, "the copy has a checkpoint of %d rows made at %s, but the newest of the database has %d rows and is of %s: an old checkpoint stands in its place",
				newest.Size, newest.At.Format(momentsAllowed), known.Size, known.At.Format(momentsAllowed))
		}
	}
	v.expect = slices.Concat(v.signed, outside)
	slices.SortStableFunc(v.expect, func(a, b expected) int { return int(min(max(a.Size-b.Size, -1), 1)) })
	for i := 1; i < len(v.expect); i++ {
		if a, b := v.expect[i-1], v.expect[i]; a.Size == b.Size && a.Root != b.Root {
			v.report.find(FoundFork, "%s and %s are both of %d rows and have other roots: two histories were signed", a.where, b.where, a.Size)
		}
	}
}

// seen is what the walk keeps of a row beyond its hash.
type seen struct {
	Row
	hash   Hash
	there  bool
	detail DetailState
}

// stretch is a part of the log, read and hashed.
type stretch struct {
	from   int64
	rows   []seen
	stored [][]byte // level 0 tiles
	extra  int      // rows whose leaf another row has too
	erased int
	wrong  []string
}

// walk reads all rows, some stretches ahead of the one that goes through them in order.
func (v *verification) walk(ctx context.Context, size int64) error {
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	count := (size + verifyRows - 1) / verifyRows
	slots := make([]chan *stretch, workers)
	for i := range slots {
		slots[i] = make(chan *stretch, 1)
		group.Go(func() error {
			for part := int64(i); part < count; part += int64(workers) {
				read, err := v.read(ctx, part*verifyRows, min((part+1)*verifyRows, size))
				if err != nil {
					return err
				}
				select {
				case slots[i] <- read:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		v.checkRoots()
		for part := range count {
			select {
			case read := <-slots[part%int64(workers)]:
				v.through(read)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return group.Wait()
}

// read reads and hashes a stretch.
func (v *verification) read(ctx context.Context, from, to int64) (*stretch, error) {
	s := &stretch{from: from, rows: make([]seen, to-from)}
	for n := from / tileHashes; n*tileHashes < to; n++ {
		data, err := v.source.AuditTile(ctx, 0, n)
		if err != nil {
			return nil, fmt.Errorf("read a tile: %w", err)
		}
		s.stored = append(s.stored, data)
	}
	var room []byte
	var detailed []int
	err := v.source.AuditStretch(ctx, from, to, func(row *Row) error {
		at := &s.rows[row.Leaf-from]
		if at.there {
			s.extra++
			s.wrong = append(s.wrong, fmt.Sprintf("two rows claim leaf %d, one of them is %s", row.Leaf, named(row)))
			return nil
		}
		at.there, at.Row = true, *row
		at.hash, room = row.hash(room)
		if len(row.Commitment) > 0 || len(row.Sealed) > 0 {
			detailed = append(detailed, int(row.Leaf-from))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	for _, i := range detailed { // not in the loop above: the database is asked
		found, err := v.source.CheckDetail(ctx, &s.rows[i].Row)
		if err != nil {
			return nil, fmt.Errorf("open a detail: %w", err)
		}
		s.rows[i].detail = found
		if found == DetailErased {
			s.erased++
		}
	}
	return s, nil
}

// storedHash is a leaf's hash as its tile has it.
func (s *stretch) storedHash(leaf int64) (Hash, bool) {
	tile := s.stored[leaf/tileHashes-s.from/tileHashes]
	at := int(leaf%tileHashes) * sha256.Size
	if len(tile) < at+sha256.Size {
		return Hash{}, false
	}
	return Hash(tile[at:]), true
}

// through goes through a stretch in order.
func (v *verification) through(s *stretch) {
	v.report.Erased += s.erased
	for _, text := range s.wrong {
		v.report.find(FoundInserted, "%s", text)
	}
	moved := s.moved()
	for i := range s.rows {
		row, leaf := &s.rows[i], s.from+int64(i)
		hash, stored := s.storedHash(leaf)
		switch {
		case !stored && !row.there:
			v.report.find(FoundMissing, "leaf %d is missing, with its hash", leaf)
		case !stored:
			v.report.find(FoundTile, "the stored hash of leaf %d is missing", leaf)
			hash = row.hash
		case !row.there:
			v.report.find(FoundMissing, "leaf %d is missing: a row was deleted", leaf)
		case row.hash != hash:
			if was, ok := moved[i]; ok {
				v.report.find(FoundMoved, "leaf %d, %s, was leaf %d when it was signed: rows were put in another order", leaf, named(&row.Row), was)
			} else {
				v.report.find(FoundRow, "leaf %d, %s, is not what was signed: the row was changed, or is another", leaf, named(&row.Row))
			}
		}
		if row.there {
			if row.detail == DetailWrong {
				v.report.find(FoundDetail, "leaf %d, %s: its sealed detail is another's, or was changed", leaf, named(&row.Row))
			}
			v.checkTime(leaf, &row.Row)
			v.accounts.see(&v.report, &row.Row)
		}
		v.tree.push(hash, v.keepUpper)
		v.checkRoots()
	}
}

// moved finds rows of a stretch that stand where another one was: by row, the leaf at which they were signed.
func (s *stretch) moved() map[int]int64 {
	const triedMax = 64 // rows that don't fit; more were hardly moved
	var wrong []int
	for i := range s.rows {
		if hash, stored := s.storedHash(s.from + int64(i)); stored && s.rows[i].there && hash != s.rows[i].hash {
			if wrong = append(wrong, i); len(wrong) > triedMax {
				return nil
			}
		}
	}
	found := make(map[int]int64)
	for _, i := range wrong {
		for _, j := range wrong {
			try := s.rows[i].Row
			try.Leaf = s.from + int64(j)
			if hash, _ := s.storedHash(try.Leaf); i != j && try.Hash() == hash {
				found[i] = try.Leaf
			}
		}
	}
	return found
}

// named is a row as a finding names it: ids only.
func named(r *Row) string {
	owner := string(r.Owner)
	if owner == "" {
		owner = "the service"
	}
	return fmt.Sprintf("%s (number %d of %.40q, at %s)", r.Action, r.Number, owner, r.At.UTC().Format(momentsAllowed))
}

// checkTime holds a row's time between the checkpoint that covers it and the one before.
func (v *verification) checkTime(leaf int64, row *Row) {
	for v.cover < len(v.signed) && v.signed[v.cover].Size <= leaf {
		v.cover++
	}
	if v.cover > 0 {
		if before := v.signed[v.cover-1]; row.At.Before(before.At.Add(-clockSlackMax)) {
			v.report.find(FoundClock, "leaf %d, %s, is dated before %s, when a checkpoint without it was signed: a clock was put back", leaf, named(row), before.At.Format(momentsAllowed))
		}
	}
	if v.cover < len(v.signed) {
		if after := v.signed[v.cover]; row.At.After(after.At.Add(clockSlackMax)) {
			v.report.find(FoundClock, "leaf %d, %s, is dated after %s, when the checkpoint with it was signed: a clock was wrong", leaf, named(row), after.At.Format(momentsAllowed))
		}
	}
}

// checkRoots compares the tree, at the size that it has now, with what was signed of that size. Once a root is wrong all later
// ones are, so that the first says it.
func (v *verification) checkRoots() {
	if v.next >= len(v.expect) || v.expect[v.next].Size != v.tree.size {
		return
	}
	root, before := v.tree.root(), int64(0)
	if v.next > 0 {
		before = v.expect[v.next-1].Size
	}
	for ; v.next < len(v.expect) && v.expect[v.next].Size == v.tree.size; v.next++ {
		if e := v.expect[v.next]; e.Root != root && !v.badRoot {
			v.badRoot = true
			v.report.find(FoundRoot, "%s (%d rows, %s) is not what the rows come to: something in leaves %d to %d was changed after it was signed, or all later history is another",
				e.where, e.Size, e.At.Format(momentsAllowed), before, e.Size-1)
		}
	}
}

// keepUpper collects the tiles above the lowest as the rows make them.
func (v *verification) keepUpper(level int, n int64, h Hash) {
	if level == 0 || level%tileHeight != 0 {
		return
	}
	key := tileKey{level / tileHeight, n / tileHashes}
	v.upper[key] = append(v.upper[key], h[:]...)
}

func (v *verification) checkUpper(ctx context.Context) error {
	for key, want := range v.upper {
		got, err := v.source.AuditTile(ctx, key.level, key.n)
		if err != nil {
			return fmt.Errorf("read a tile: %w", err)
		}
		if !bytes.Equal(got, want) {
			v.report.find(FoundTile, "tile %d of level %d is not what the rows come to", key.n, key.level)
		}
	}
	return nil
}
