package health

import "time"

// How long something has to be so before anybody is told. A restart, a slow minute and a source that is asked again shall wake nobody.
const (
	failingFor = 2 * time.Minute
	warningFor = 15 * time.Minute
	mendedFor  = 5 * time.Minute
)

// Trouble is a check that isn't as it should be, from its first bad look until everybody was told that it is mended.
//
//	        bad                   long enough
//	none ─────────► noticed ─────────────────────► told ──── worse, long enough: told again
//	  ▲   mended       │                            │
//	  └────────────────┘        mended, long enough │
//	  └─────────────────────── all clear ◄──────────┘
type Trouble struct {
	Node  string // that found it; empty: it is everybody's
	Name  string // of the check
	State State
	Since time.Time // when it got as bad as it is
	Says  string
	Fix   string

	Told       State     // the worst that administrators were told; empty: nothing yet
	MendedAt   time.Time // since when it is good again; zero while it isn't
	QuietUntil time.Time // administrators don't want to hear of it before
}

// News is what administrators are told of a trouble.
type News string

// The kinds of news.
const (
	NoNews   News = ""
	BadNews  News = "bad"
	AllClear News = "all clear"
)

// Follow takes a look further: after is the trouble as it is now, nil where there is none any more. Seen is nil where the check is gone.
func Follow(before *Trouble, node string, seen *Check, now time.Time) (after *Trouble, news News) {
	if seen == nil || seen.State.Rank() < Warning.Rank() {
		return mending(before, now)
	}
	var t Trouble
	if before != nil {
		t = *before
	}
	if seen.State.Rank() > t.State.Rank() {
		t.Since = now
	}
	t.Node, t.Name, t.State, t.Says, t.Fix, t.MendedAt = node, seen.Name, seen.State, seen.Says, seen.Fix, time.Time{}
	wait := warningFor
	if t.State == Failing {
		wait = failingFor
	}
	if t.State.Rank() > t.Told.Rank() && now.Sub(t.Since) >= wait && !now.Before(t.QuietUntil) {
		t.Told = t.State
		return &t, BadNews
	}
	return &t, NoNews
}

// mending waits before it gives the all clear, so that what comes and goes is told once.
func mending(before *Trouble, now time.Time) (*Trouble, News) {
	if before == nil || before.Told == "" {
		return nil, NoNews
	}
	t := *before
	if t.MendedAt.IsZero() {
		t.MendedAt = now
	}
	switch {
	case now.Sub(t.MendedAt) < mendedFor:
		return &t, NoNews
	case now.Before(t.QuietUntil):
		return nil, NoNews
	}
	return nil, AllClear
}

// Title names what it is about.
func (t *Told) Title() string {
	if t.Node == "" {
		return t.Name
	}
	return t.Name + " on " + t.Node
}

// Text is the sentence of it.
func (t *Told) Text() string {
	if t.News == AllClear {
		return "It is as it should be again. It was: " + t.Says
	}
	return t.Says
}
