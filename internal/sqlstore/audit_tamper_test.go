package sqlstore

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/ledger"
)

// audited is a store with a log of some length, signed as it grew and copied to a file.
type audited struct {
	*bench
	signer    *audit.Signer
	sequencer *audit.Sequencer
	path      string
	copy      *audit.Copy
}

func (b *bench) audited() *audited {
	b.t.Helper()
	signer, err := b.AuditSigner()
	b.ok(err)
	a := &audited{bench: b, signer: signer, path: filepath.Join(b.t.TempDir(), "checkpoints")}
	a.restarted()
	return a
}

// restarted is another process on the same data.
func (a *audited) restarted() {
	a.t.Helper()
	a.sequencer = audit.NewSequencer(audit.SequencerOptions{Store: a.Store, Signer: a.signer, Node: "n1", Now: a.clock.Now, Log: slog.New(slog.DiscardHandler)})
	var err error
	a.copy, err = audit.NewCopy(a.path, a.Store, a.signer.Verifier(), slog.New(slog.DiscardHandler))
	a.ok(err)
}

// signed has all rows numbered, signed and copied.
func (a *audited) signed() {
	a.t.Helper()
	for more := true; more; {
		var err error
		more, err = a.sequencer.Step(a.t.Context())
		a.ok(err)
	}
	a.ok(a.copy.Step(a.t.Context()))
}

// lived fills the log: two people, each with a portfolio, some changes, sign-ins with details; a checkpoint a minute.
func (a *audited) lived() {
	a.t.Helper()
	a.instruments("acme")
	for _, owner := range []ledger.OwnerID{"anna", "berta"} {
		a.user(owner)
		a.minute()
		a.portfolio(owner, "p1-"+ledger.PortfolioID(owner))
		a.minute()
	}
	for i := range 6 {
		for _, owner := range []ledger.OwnerID{"anna", "berta"} {
			a.changed(owner, i)
			a.ok(a.RecordAudit(a.t.Context(), audit.Entry{Actor: owner, Owner: owner, Action: audit.SignIn, Result: "ok", Detail: fmt.Sprintf("192.0.2.%d", i)}))
		}
		a.minute()
	}
}

func (a *audited) changed(owner ledger.OwnerID, i int) {
	a.t.Helper()
	portfolio := "p1-" + ledger.PortfolioID(owner)
	activity := buy(ledger.ActivityID(fmt.Sprint("a", i, owner)), "2026-01-05", "acme")
	activity.Account = "acc-" + ledger.AccountID(portfolio)
	a.appended(owner, portfolio, Change{Added: []ledger.Activity{activity}})
}

func (a *audited) minute() {
	a.t.Helper()
	a.clock.advance(time.Minute)
	a.signed()
}

func (a *audited) verified() audit.Report {
	a.t.Helper()
	lines, err := audit.ReadCopy(a.path)
	a.ok(err)
	report, err := audit.Verify(a.t.Context(), a.Store, a.signer.Verifier(), lines)
	a.ok(err)
	return report
}

func (a *audited) sql(text string, args ...any) {
	a.t.Helper()
	if _, err := a.db.exec(a.t.Context(), text, args...); err != nil {
		a.t.Fatalf("%s: %v", text, err)
	}
}

func kinds(r audit.Report) []audit.Kind {
	var all []audit.Kind
	for _, f := range r.Findings {
		all = append(all, f.Kind)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// rebuilt numbers and signs all rows anew with some key, as one would who has the database and that key.
func (a *audited) rebuilt(signer *audit.Signer) {
	a.t.Helper()
	a.sql(`UPDATE audit_rows SET leaf = -1`)
	a.sql(`DELETE FROM audit_tiles`)
	a.sql(`DELETE FROM audit_checkpoints`)
	a.sql(`UPDATE audit_tree SET size = 0, root = CAST('' AS ` + a.bytes() + `)`)
	other := audit.NewSequencer(audit.SequencerOptions{Store: a.Store, Signer: signer, Node: "n1", Now: a.clock.Now, Log: slog.New(slog.DiscardHandler)})
	for more := true; more; {
		var err error
		more, err = other.Step(a.t.Context())
		a.ok(err)
	}
}

func (a *audited) bytes() string {
	if _, ok := bare(a.db).(*postgres); ok {
		return "BYTEA"
	}
	return "BLOB"
}

func (a *audited) leafOf(owner ledger.OwnerID, number int64) (leaf int64) {
	a.t.Helper()
	a.ok(a.db.one(a.t.Context(), `SELECT leaf FROM audit_rows WHERE owner = $1 AND number = $2`, []any{string(owner), number}, &leaf))
	return leaf
}

type tampering struct {
	name   string
	tamper func(a *audited)
	want   audit.Kind
	says   string // part of the sentence
}

// tamperings are those that an audit log has to find, all of them, with more than one way to do most.
func tamperings() []tampering {
	return []tampering{
		{"edit", func(a *audited) {
			a.sql(`UPDATE audit_rows SET action = 'user.list' WHERE owner = 'anna' AND number = 4`)
		}, audit.FoundRow, "number 4 of \"anna\""},
		{"edit of a commitment", func(a *audited) {
			a.sql(`UPDATE audit_rows SET commitment = tag WHERE owner = 'anna' AND number = 5`)
		}, audit.FoundRow, "number 5 of \"anna\""},
		{"edit, hashes made to fit", func(a *audited) {
			a.sql(`UPDATE audit_rows SET actor = 'berta' WHERE owner = 'anna' AND number = 4`)
			a.refit()
		}, audit.FoundRoot, "something in leaves"},
		{"edit before it is signed", func(a *audited) {
			a.changed("anna", 100)
			a.sql(`UPDATE audit_rows SET actor = 'berta' WHERE leaf < 0`)
		}, audit.FoundInserted, "not written by this installation"},
		{"delete", func(a *audited) {
			a.sql(`DELETE FROM audit_rows WHERE owner = 'anna' AND number = 6`)
		}, audit.FoundMissing, "a row was deleted"},
		{"delete, numbers made to fit", func(a *audited) {
			a.sql(`DELETE FROM audit_rows WHERE owner = 'anna' AND number = 6`)
			a.sql(`UPDATE audit_rows SET number = number + 1000 WHERE owner = 'anna' AND number > 6`)
			a.sql(`UPDATE audit_rows SET number = number - 1001 WHERE owner = 'anna' AND number > 1000`)
			a.sql(`UPDATE audit_heads SET number = number - 1 WHERE owner = 'anna'`)
		}, audit.FoundMissing, "a row was deleted"},
		{"insert", func(a *audited) {
			a.sql(`UPDATE audit_heads SET number = number + 1 WHERE owner = 'anna'`)
			a.sql(`INSERT INTO audit_rows SELECT owner, (SELECT number FROM audit_heads WHERE owner = 'anna'), at, actor, session, node, action, object, request_id, result, portfolio, portfolio_sequence, portfolio_rows, detail, commitment, tag, -1 FROM audit_rows WHERE owner = 'anna' AND number = 5`)
		}, audit.FoundInserted, "not written by this installation"},
		{"insert at a taken place", func(a *audited) {
			a.sql(`INSERT INTO audit_rows SELECT owner, 99, at, actor, session, node, action, object, request_id, result, portfolio, portfolio_sequence, portfolio_rows, detail, commitment, tag, leaf FROM audit_rows WHERE owner = 'anna' AND number = 5`)
		}, audit.FoundInserted, "two rows claim leaf"},
		{"insert after the end", func(a *audited) {
			a.sql(`INSERT INTO audit_rows SELECT owner, 99, at, actor, session, node, action, object, request_id, result, portfolio, portfolio_sequence, portfolio_rows, detail, commitment, tag, leaf + 1000 FROM audit_rows WHERE owner = 'anna' AND number = 5`)
		}, audit.FoundInserted, "after the end"},
		{"reorder", func(a *audited) {
			one, two := a.leafOf("anna", 4), a.leafOf("berta", 5)
			a.sql(`UPDATE audit_rows SET leaf = $1 WHERE owner = 'anna' AND number = 4`, two)
			a.sql(`UPDATE audit_rows SET leaf = $1 WHERE owner = 'berta' AND number = 5`, one)
		}, audit.FoundMoved, "another order"},
		{"cut tail", func(a *audited) { a.cut() }, audit.FoundCut, "cut off"},
		{"cut tail, checkpoints left", func(a *audited) {
			a.sql(`DELETE FROM audit_rows WHERE leaf >= 20`)
			a.sql(`UPDATE audit_tree SET size = 20`)
		}, audit.FoundCut, "cut off"},
		{"swap two owners' details", func(a *audited) {
			var anna, berta []byte
			a.ok(a.db.one(a.t.Context(), `SELECT detail FROM audit_rows WHERE owner = 'anna' AND number = 5`, nil, &anna))
			a.ok(a.db.one(a.t.Context(), `SELECT detail FROM audit_rows WHERE owner = 'berta' AND number = 5`, nil, &berta))
			a.sql(`UPDATE audit_rows SET detail = $1 WHERE owner = 'anna' AND number = 5`, berta)
			a.sql(`UPDATE audit_rows SET detail = $1 WHERE owner = 'berta' AND number = 5`, anna)
		}, audit.FoundDetail, "sealed detail"},
		{"swap two details of one owner", func(a *audited) {
			a.sql(`UPDATE audit_rows SET detail = (SELECT detail FROM audit_rows r WHERE r.owner = 'anna' AND r.number = 7) WHERE owner = 'anna' AND number = 5`)
		}, audit.FoundDetail, "sealed detail"},
		{"a detail taken away", func(a *audited) {
			a.sql(`UPDATE audit_rows SET detail = CAST('' AS ` + a.bytes() + `) WHERE owner = 'anna' AND number = 5`)
		}, audit.FoundDetail, "sealed detail"},
		{"replay old checkpoint", func(a *audited) {
			a.sql(`INSERT INTO audit_checkpoints SELECT 1000, size, at, text FROM audit_checkpoints WHERE number = 3`)
		}, audit.FoundReplay, "old checkpoint"},
		{"replay old checkpoint as the newest", func(a *audited) {
			a.sql(`DELETE FROM audit_checkpoints WHERE number > 3`)
		}, audit.FoundReplay, "old checkpoint"},
		{"replay old checkpoint in the copy", func(a *audited) {
			lines, err := audit.ReadCopy(a.path)
			a.ok(err)
			a.line(lines[2])
		}, audit.FoundReplay, "line"},
		{"fork", func(a *audited) {
			// Whoever has the key signs another history of the same size.
			a.sql(`UPDATE audit_rows SET actor = 'mallory', tag = CAST('' AS ` + a.bytes() + `) WHERE owner = 'anna' AND number = 4`)
			a.sql(`UPDATE audit_rows SET tag = CAST('' AS ` + a.bytes() + `)`)
			a.rebuilt(a.signer)
		}, audit.FoundFork, "two histories"},
		{"restore old database", func(a *audited) { a.cut() }, audit.FoundCut, "an older database was put back"},
		{"restore old database, and go on", func(a *audited) {
			a.cut()
			a.restartedApart()
			for i := range 12 {
				a.changed("berta", 200+i)
			}
			a.clock.advance(time.Minute)
			_, err := a.sequencer.Step(a.t.Context())
			a.ok(err)
		}, audit.FoundRoot, "all later history is another"},
		{"back-dated clock", func(a *audited) {
			a.clock.advance(-time.Hour)
			a.changed("anna", 300)
			_, err := a.sequencer.Step(a.t.Context())
			a.ok(err)
			a.clock.advance(2 * time.Hour)
			a.restarted()
			a.signed()
		}, audit.FoundClock, "a clock was put back"},
		{"wrong key", func(a *audited) {
			root, err := newRoot(9, &memoryPlace{})
			a.ok(err)
			other, err := AuditSigner(root)
			a.ok(err)
			a.sql(`UPDATE audit_rows SET tag = CAST('' AS ` + a.bytes() + `)`)
			a.rebuilt(other)
		}, audit.FoundKey, "not signed with the key"},
		{"wrong verifier", func(a *audited) {
			root, err := newRoot(9, &memoryPlace{})
			a.ok(err)
			a.signer, err = AuditSigner(root)
			a.ok(err)
		}, audit.FoundKey, "not signed with the key"},
		{"audit row without mutation", func(a *audited) {
			w := marked(entry("anna", audit.ActivitiesAdded), "p1-anna", 8, 1)
			a.ok(a.db.write(a.t.Context(), func(q queries) error { return a.Store.record(a.t.Context(), q, "anna", w) }))
			a.minute()
		}, audit.FoundNoMutation, "but the rows tell of changes up to 8"},
		{"mutation taken back", func(a *audited) {
			a.sql(`DELETE FROM activities WHERE owner = 'anna' AND id = 'a3anna'`)
		}, audit.FoundNoMutation, "some are gone"},
		{"mutation without audit row", func(a *audited) {
			a.sql(`UPDATE portfolios SET sequence = sequence + 1 WHERE owner = 'anna'`)
		}, audit.FoundUnaudited, "the rows tell of changes up to 7 only"},
		{"activities without audit row", func(a *audited) {
			a.sql(`INSERT INTO activities SELECT owner, portfolio, 'planted', version, position, voided, recorded_at, body FROM activities WHERE owner = 'anna' AND id = 'a3anna'`)
		}, audit.FoundUnaudited, "rows of activities"},
		{"user without audit row", func(a *audited) {
			a.sql(`INSERT INTO users SELECT 'eve', role, status, key_version, profile, password, created_at, confirmed_at, breached_at FROM users WHERE owner = 'anna'`)
		}, audit.FoundUnaudited, "\"eve\""},
		{"stored hash", func(a *audited) {
			a.sql(`UPDATE audit_tiles SET hashes = (SELECT tag FROM audit_rows WHERE owner = 'anna' AND number = 2) WHERE level = 0`)
		}, audit.FoundTile, "stored hash"},
	}
}

// line adds a line to the copy.
func (a *audited) line(signed string) {
	a.t.Helper()
	text, err := json.Marshal(map[string]string{"checkpoint": signed})
	a.ok(err)
	file, err := os.OpenFile(a.path, os.O_APPEND|os.O_WRONLY, 0o600)
	a.ok(err)
	_, err = file.Write(append(text, '\n'))
	a.ok(err)
	a.ok(file.Close())
}

// cut makes the database what it was some minutes ago, all of it, as a backup would.
func (a *audited) cut() {
	a.t.Helper()
	const size = 16 // at a checkpoint
	a.sql(`DELETE FROM audit_checkpoints WHERE size > $1`, size)
	a.sql(`DELETE FROM audit_rows WHERE leaf >= $1`, size)
	for _, owner := range []string{"anna", "berta"} {
		a.sql(`UPDATE audit_heads SET number = (SELECT MAX(number) FROM audit_rows WHERE owner = $1) WHERE owner = $1`, owner)
		var rows int64
		a.ok(a.db.one(a.t.Context(), `SELECT MAX(portfolio_sequence) FROM audit_rows WHERE owner = $1`, []any{owner}, &rows))
		a.sql(`UPDATE portfolios SET sequence = $2 WHERE owner = $1`, owner, rows)
		a.sql(`DELETE FROM activities WHERE owner = $1 AND position >= $2`, owner, rows)
	}
	var text string
	a.ok(a.db.one(a.t.Context(), `SELECT text FROM audit_checkpoints ORDER BY number DESC LIMIT 1`, nil, &text))
	c, err := a.signer.Verifier().Open([]byte(text))
	a.ok(err)
	a.sql(`UPDATE audit_tree SET size = $1, root = $2`, c.Size, c.Root[:])
}

// restartedApart is another process that has no copy.
func (a *audited) restartedApart() {
	path := a.path
	a.path = filepath.Join(a.t.TempDir(), "elsewhere")
	a.restarted()
	a.path = path
}

// refit makes the stored hashes fit rows that were changed.
func (a *audited) refit() {
	a.t.Helper()
	var hashes []byte
	a.ok(a.AuditLeaves(a.t.Context(), 0, 1<<30, func(r *audit.Row) error {
		h := r.Hash()
		hashes = append(hashes, h[:]...)
		return nil
	}))
	a.sql(`UPDATE audit_tiles SET hashes = $1 WHERE level = 0 AND tile = 0`, hashes)
}

func TestEveryTamperingIsFound(t *testing.T) {
	for _, c := range tamperings() {
		t.Run(c.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, b *bench) {
				a := b.audited()
				a.lived()
				if r := a.verified(); len(r.Findings) > 0 {
					t.Fatalf("an untouched log: %v", r.Findings)
				}
				c.tamper(a)
				r := a.verified()
				if !slices.Contains(kinds(r), c.want) {
					t.Fatalf("found %v, want %s", r.Findings, c.want)
				}
				for _, f := range r.Findings {
					if f.Kind == c.want && strings.Contains(f.Text, c.says) {
						return
					}
				}
				t.Errorf("nothing says %q: %v", c.says, r.Findings)
			})
		})
	}
}

// TestErasedKeyLeavesTheTreeWhole: what was sealed is gone for good, all else is proven as before.
func TestErasedKeyLeavesTheTreeWhole(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		a := b.audited()
		a.lived()
		a.sql(`DELETE FROM user_keys WHERE owner = 'anna'`)
		a.reopen()
		r := a.verified()
		if len(r.Findings) > 0 || r.Erased != 6 || r.Rows != 30 {
			t.Errorf("%+v", r)
		}
	})
}

// TestInconsistentTreeIsNeitherSignedNorCopied: a node doesn't lend its key or its copy to a tampered database.
func TestInconsistentTreeIsNeitherSignedNorCopied(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		a := b.audited()
		a.lived()
		before, err := os.ReadFile(a.path)
		a.ok(err)
		copied := a.copy
		a.cut()
		a.changed("anna", 400)
		if _, err := a.sequencer.Step(t.Context()); err == nil {
			// The lease lasts; the step after it looks again.
			a.clock.advance(time.Minute)
			if _, err := a.sequencer.Step(t.Context()); err == nil {
				t.Error("the sequencer goes on over a tree that was cut")
			}
		}
		if err := copied.Step(t.Context()); err == nil {
			t.Error("an inconsistent checkpoint was copied")
		}
		again, err := audit.NewCopy(a.path, a.Store, a.signer.Verifier(), slog.New(slog.DiscardHandler))
		a.ok(err)
		if err := again.Check(t.Context()); err == nil {
			t.Error("a node starts on an older database")
		}
		if after, err := os.ReadFile(a.path); err != nil || string(after) != string(before) {
			t.Errorf("the copy changed: %v", err)
		}
	})
}

// TestOnlyOneNodeSigns: of many at once, rows get one place each and checkpoints follow one another.
func TestOnlyOneNodeSigns(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		a := b.audited()
		a.user("anna")
		nodes := make([]*audit.Sequencer, 4)
		done := make(chan error)
		for i := range nodes {
			nodes[i] = audit.NewSequencer(audit.SequencerOptions{Store: a.Store, Signer: a.signer, Node: fmt.Sprint("n", i), Now: a.clock.Now, Log: slog.New(slog.DiscardHandler)})
			go func() {
				var failed error
				for range 40 {
					a.clock.advance(time.Second)
					if _, err := nodes[i].Step(t.Context()); err != nil {
						failed = err
					}
				}
				done <- failed
			}()
		}
		for i := range 60 {
			a.ok(a.RecordAudit(t.Context(), audit.Entry{Owner: "anna", Actor: "anna", Action: audit.SignIn, Result: "ok", Detail: fmt.Sprint(i)}))
		}
		for range nodes {
			a.ok(<-done)
		}
		a.clock.advance(time.Hour)
		a.signed()
		if r := a.verified(); len(r.Findings) > 0 || r.Rows != 61 || r.Waiting != 0 {
			t.Errorf("%+v", r)
		}
	})
}

// TestProof: a row is proven by the hashes that lead to the root, and no other row is.
func TestProof(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		a := b.audited()
		a.lived()
		signed, err := a.LatestCheckpoint(t.Context())
		a.ok(err)
		c, err := a.signer.Verifier().Open(signed)
		a.ok(err)
		var rows []audit.Row
		a.ok(a.AuditLeaves(t.Context(), 0, c.Size, func(r *audit.Row) error {
			rows = append(rows, *r)
			return nil
		}))
		for i := range rows {
			r := &rows[i]
			proof, err := audit.Prove(t.Context(), a.Store, c, r.Leaf)
			a.ok(err)
			a.ok(audit.CheckProof(proof, c, r.Leaf, r.Hash()))
			other := *r
			other.Result = "denied"
			if audit.CheckProof(proof, c, r.Leaf, other.Hash()) == nil {
				t.Errorf("leaf %d proves another row", r.Leaf)
			}
		}
		if len(rows) != 30 {
			t.Errorf("%d rows", len(rows))
		}
	})
}

var (
	_ audit.Source         = (*Store)(nil)
	_ audit.SequencerStore = (*Store)(nil)
	_ audit.CopyStore      = (*Store)(nil)
)
