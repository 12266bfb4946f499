package notify

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"folioscope/internal/jobs"
	"folioscope/internal/ledger"
	"folioscope/internal/money"
)

const (
	digestJobKind  = "digest.write"
	digestInterval = 5 * time.Minute
	digestWaitMax  = 4 * time.Minute // one run
	digestsMax     = 500             // of one run; those left are due in the next
	digestLateMax  = 6 * time.Hour   // later than that it is no digest of the day any more
	moversMax      = 5               // of one portfolio
)

// Digest is a day or a week of somebody's portfolios.
type Digest struct {
	Every      DigestEvery       `json:"every"`
	Portfolios []DigestPortfolio `json:"portfolios"`
	Fired      int               `json:"fired"` // alerts that they were told of
}

// DigestPortfolio is how one portfolio did. What is unknown is nil.
type DigestPortfolio struct {
	Name     string         `json:"name"`
	Currency string         `json:"currency"`
	Value    *money.Decimal `json:"value,omitempty"`
	Change   *money.Decimal `json:"change,omitempty"`  // without what was paid in and out
	Percent  *money.Decimal `json:"percent,omitempty"` // time-weighted
	Movers   []DigestMover  `json:"movers,omitempty"`  // the largest contributions first
	Line     []float64      `json:"line,omitempty"`    // the value by day, as drawn: shares of the largest
}

// DigestMover is a holding that moved its portfolio.
type DigestMover struct {
	Name   string        `json:"name"`
	Change money.Decimal `json:"change"` // in the portfolio's currency
}

// DigestDue is a digest that somebody is waiting for.
type DigestDue struct {
	Owner    ledger.OwnerID
	At       time.Time
	Settings Settings
}

// DigestStore keeps when digests are due.
type DigestStore interface {
	// DueDigests are those due at a time, the longest due first.
	DueDigests(ctx context.Context, now time.Time, limit int) ([]DigestDue, error)
	// SettleDigest makes the next one due and tells this one, unless another node has done so; without a notice nothing is told.
	SettleDigest(ctx context.Context, due DigestDue, next time.Time, told *Notice) error
}

// Digester works out digests.
type Digester interface {
	// Digest is somebody's until a time. A portfolio that can't be worked out is left out; without any there is nothing to tell.
	Digest(ctx context.Context, owner ledger.OwnerID, every DigestEvery, now time.Time) (Digest, error)
}

// Digests writes those that are due.
type Digests struct {
	Store    DigestStore
	Digester Digester
	Now      func() time.Time
	Log      *slog.Logger
}

// Kinds are the kinds of jobs that it works on.
func (d Digests) Kinds() []jobs.Kind {
	return []jobs.Kind{{Name: digestJobKind, Every: digestInterval, Timeout: digestWaitMax, Work: d.work}}
}

func (d Digests) work(ctx context.Context, _ jobs.Job) error {
	now := d.Now()
	due, err := d.Store.DueDigests(ctx, now, digestsMax)
	if err != nil {
		return fmt.Errorf("find digests: %w", err)
	}
	for _, one := range due {
		if err := d.write(ctx, one, now); err != nil {
			d.Log.WarnContext(ctx, "a digest waits for the next run", "owner", one.Owner, "error", err)
		}
	}
	return nil
}

func (d Digests) write(ctx context.Context, due DigestDue, now time.Time) error {
	next := due.Settings.NextDigest(now)
	if now.Sub(due.At) > digestLateMax {
		return d.Store.SettleDigest(ctx, due, next, nil)
	}
	made, err := d.Digester.Digest(ctx, due.Owner, due.Settings.Digest, now)
	if err != nil {
		return err
	}
	if len(made.Portfolios) == 0 {
		return d.Store.SettleDigest(ctx, due, next, nil)
	}
	notice := Notice{Owner: due.Owner, ID: fmt.Sprintf("digest-%d", due.At.Unix()), Kind: NoticeDigest, At: now, Facts: NoticeFacts{Digest: &made}}
	return d.Store.SettleDigest(ctx, due, next, &notice)
}

// digest puts a digest in words. Where amounts are hidden only percentages are left, and no line.
func (w *Words) digest(local customs, hidden bool) {
	d := w.Facts.Digest
	if d == nil {
		return
	}
	w.Title = "Your day"
	if d.Every == DigestWeekly {
		w.Title = "Your week"
	}
	for _, p := range d.Portfolios {
		w.Lines = append(w.Lines, line(p.Name)+": "+p.words(local, hidden))
		if !hidden {
			for i, m := range p.Movers {
				if i == moversMax {
					break
				}
				w.Lines = append(w.Lines, "  "+line(m.Name)+" "+local.signed(m.Change.Round(centPlaces), p.Currency))
			}
		}
	}
	switch {
	case d.Fired == 1:
		w.Lines = append(w.Lines, "One of your rules fired.")
	case d.Fired > 1:
		w.Lines = append(w.Lines, fmt.Sprintf("Your rules fired %d times.", d.Fired))
	}
	if chart := d.chart(); chart != nil && !hidden {
		w.Chart, w.ChartOf = chart, line(d.Portfolios[0].Name)+", its value by day"
	}
	w.Facts.Digest = nil // it is all in words now
}

const centPlaces = 2 // of amounts and percentages in a digest

func (p DigestPortfolio) words(local customs, hidden bool) string {
	change := "its change isn't known"
	if p.Percent != nil {
		change = local.signed(p.Percent.Round(centPlaces), "%")
	}
	if hidden {
		return change
	}
	if p.Change != nil {
		change += " (" + local.signed(p.Change.Round(centPlaces), p.Currency) + ")"
	}
	if p.Value == nil {
		return change
	}
	return local.amount(p.Value.Round(centPlaces), p.Currency) + ", " + change
}
