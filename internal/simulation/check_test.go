package simulation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"folioscope/internal/audit"
	"folioscope/internal/ledger"
	"folioscope/internal/money"
)

// check holds all that people were told and shown against what there is in the end.
func (w *world) check(ctx context.Context) {
	for _, p := range w.people {
		w.checkPerson(ctx, p)
	}
}

// checkPerson works out from the audit log in which order the person's requests were done, and plays that order through a model.
func (w *world) checkPerson(ctx context.Context, p *person) {
	rows, err := w.audits(ctx, p.id)
	if err != nil {
		w.violated("the audit log of %s: %v", p.id, err)
		return
	}
	changes := slices.DeleteFunc(rows, func(r audit.Row) bool { return r.Mark.Portfolio == "" || r.RequestID == "setup" })
	first := int64(len(accounts)) // what making the portfolio comes to
	byID := make(map[string]int64)
	var m model
	shown := map[int64]string{first: m.figures()}
	for i, row := range changes {
		sequence := row.Mark.Sequence
		if sequence != first+int64(i)+1 {
			w.violated("I6: change %d of %s brought the portfolio to %d", i+1, p.id, sequence)
			return
		}
		at := slices.IndexFunc(p.requests, func(q *request) bool { return q.id == row.RequestID })
		if at < 0 {
			w.violated("I6: nobody asked for %s", row.RequestID)
			return
		}
		q := p.requests[at]
		if before, twice := byID[q.id]; twice {
			w.violated("I2: %s was done twice, as %d and %d", q.id, before, sequence)
		}
		byID[q.id] = sequence
		ids := q.answer.IDs
		if q.state != granted {
			ids = w.idsOf(ctx, p, q)
		}
		if err := m.apply(q, ids); err != nil {
			w.violated("I4: %s at %d: %v", q.id, sequence, err)
			return
		}
		shown[sequence] = m.figures()
	}
	w.checkRequests(p, byID)
	w.checkLooks(p, shown)
	w.checkEnd(ctx, p, first+int64(len(changes)), &m)
}

// audits are all rows of an owner.
func (w *world) audits(ctx context.Context, owner ledger.OwnerID) (all []audit.Row, err error) {
	const page = 500
	for {
		after := int64(0)
		if n := len(all); n > 0 {
			after = all[n-1].Number
		}
		rows, err := w.store.Audits(ctx, owner, after, page)
		all = append(all, rows...)
		if err != nil || len(rows) < page {
			return all, err
		}
	}
}

// idsOf finds the ids that an addition got whose answer nobody heard: each activity carries its request's name.
func (w *world) idsOf(ctx context.Context, p *person, q *request) (ids []ledger.ActivityID) {
	all, err := w.store.Activities(ctx, p.id, p.portfolio)
	if err != nil {
		w.violated("the activities of %s: %v", p.id, err)
	}
	slices.SortFunc(all, func(a, b ledger.Activity) int { return int(a.Position - b.Position) })
	for i := range all {
		versions, err := w.store.History(ctx, p.id, p.portfolio, all[i].ID)
		if err == nil && versions[0].Note == q.id {
			ids = append(ids, all[i].ID)
		}
	}
	return ids
}

// checkRequests holds what people were told against what was done: what was granted is there as it was answered, what was refused is not,
// and the order of answers is the order of changes.
func (w *world) checkRequests(p *person, done map[string]int64) {
	for _, q := range p.requests {
		sequence, is := done[q.id]
		switch {
		case q.state == granted && !is:
			w.violated("I1, I6: %s was granted at %d, and is not there with its audit row", q.id, q.answer.Sequence)
		case q.state == granted && sequence != q.answer.Sequence:
			w.violated("I1: %s was answered %d, and is %d", q.id, q.answer.Sequence, sequence)
		case q.state == refused && is && !q.doubtful:
			w.violated("I3: %s was refused, and is %d", q.id, sequence)
		case q.state == unknown:
			w.violated("I3: nobody learned what became of %s", q.id)
		}
		if q.doubtful && is {
			w.trail.reached("request: done, and its answer was lost")
		}
		for _, later := range p.requests {
			at, is := done[later.id]
			if q.state == granted && is && later.asked.After(q.told) && at < sequence {
				w.violated("I5: %s was answered %d before %s was asked for, which is %d", q.id, sequence, later.id, at)
			}
		}
	}
}

// checkLooks holds what people were shown against the model at the same sequence.
func (w *world) checkLooks(p *person, shown map[int64]string) {
	for _, l := range p.looks {
		want, known := shown[l.sequence]
		switch {
		case !known:
			w.violated("I5: %s was shown %d on %s, which there never was", p.id, l.sequence, l.node)
		case l.shown != want:
			w.violated("I4: %s was shown at %d on %s:\n%s\nwant\n%s", p.id, l.sequence, l.node, l.shown, want)
		}
	}
}

// checkEnd holds the store and every node against the model when all is over.
func (w *world) checkEnd(ctx context.Context, p *person, sequence int64, m *model) {
	book, err := w.store.Book(ctx, p.id, p.portfolio)
	if err != nil {
		w.violated("the book of %s: %v", p.id, err)
		return
	}
	if book.Portfolio.Sequence != sequence {
		w.violated("I6: the portfolio of %s is at %d after %d changes with an audit row", p.id, book.Portfolio.Sequence, sequence)
	}
	if got, want := entries(book.Activities), entries(m.standing()); got != want {
		w.violated("I1, I4: the book of %s differs:\n%s", p.id, difference(got, want))
	}
	for _, place := range w.nodes {
		n := place.here()
		if n == nil {
			w.violated("there is no node at %d in the end", place.index)
			continue
		}
		seen, err := n.show(ctx, p, sequence)
		switch {
		case err != nil:
			w.violated("I5: %s can't show the portfolio of %s in the end: %v", n.name, p.id, err)
		case seen.shown != m.figures():
			w.violated("I4: %s shows the portfolio of %s as\n%s\nwant\n%s", n.name, p.id, seen.shown, m.figures())
		}
	}
	w.trail.note(w.now(), "%s ends at %d with %d activities", p.id, sequence, len(book.Activities))
}

// entries are activities in words: what a person entered, and the version.
func entries(all []ledger.Activity) string {
	var out strings.Builder
	for _, a := range all {
		fmt.Fprintln(&out, a.ID, a.Version, a.Date, a.Type, a.Account, a.Instrument, plain(a.Quantity), plain(a.Price), plain(a.Amount), a.Currency, plain(&a.Fee), plain(&a.Tax), a.Note)
	}
	return out.String()
}

// plain is a number, however it is written, or a dash.
func plain(x *money.Decimal) string {
	if x == nil {
		return "-"
	}
	return fraction(x.String()).RatString()
}

// difference are the lines that only one of two texts has.
func difference(got, want string) string {
	var out strings.Builder
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for _, line := range a {
		if !slices.Contains(b, line) {
			fmt.Fprintln(&out, "is    ", line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			fmt.Fprintln(&out, "wanted", line)
		}
	}
	return out.String()
}
