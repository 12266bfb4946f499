package ingest

import (
	"time"

	"folioscope/internal/provider"
)

// Span is the length of a window in which a source grants so many requests.
type Span int

// The spans, in the order in which a Ration holds them.
const (
	Minute Span = iota
	Hour
	Day
	Month
	spans
)

// String is the span's name, as configuration writes it.
func (s Span) String() string { return [...]string{"minute", "hour", "day", "month"}[s] }

// Limits are how many requests an operator allows a source in each span; 0 leaves it at what the source itself says.
type Limits [spans]int

// Spend is what one request takes from one window.
type Spend struct {
	Cost int64
	Max  int64     // what the window holds
	Ends time.Time // when the window that now lies in ends; it names the window
	// EndsMax is the latest end that another node's clock may give the same moment. A window that is stored with a later one
	// was made by a clock that was wrong, and counts no more than one that is over.
	EndsMax time.Time
}

// Ration is what one request takes from all windows.
type Ration [spans]Spend

// Used is what was taken from one window.
type Used struct {
	Count int64
	Ends  time.Time
}

// Usage is what was taken from all windows of a source.
type Usage [spans]Used

// In is what counts for a request now: nothing where the stored window is over, or from a wrong clock.
func (u Used) In(s Spend) int64 {
	if u.Ends.Before(s.Ends) || u.Ends.After(s.EndsMax) {
		return 0
	}
	return u.Count
}

const (
	unlimited = int64(1) << 62 // counted all the same, so that it can be shown
	skewMax   = 10 * time.Minute
)

// window is one of a source's windows.
type window struct {
	max      int64
	perName  bool // every name of a request counts
	distinct bool // every name counts once in the window
	ends     func(time.Time) time.Time
}

// load is what a call takes from the windows of a source.
type load struct {
	requests int
	names    int
	fresh    []string // of the names those that weren't asked for in this window yet, where the source counts different ones
}

// in is what counts in a window. What is more than the window ever holds takes all of it.
func (l load) in(w window) int64 {
	switch {
	case w.distinct:
		return int64(len(l.fresh))
	case w.perName:
		return min(int64(l.names), w.max)
	}
	return min(int64(l.requests), w.max)
}

// ration is a source's windows, put together from what it grants and what the operator allows.
type ration struct {
	windows [spans]window
	limited bool // there is any limit at all
}

// rationOf reads a source's own quotas. A limit of the operator's takes the place of the source's in the same span, and is
// counted as the source counts there. A window that slides at the source is counted here from full minute to full minute:
// the pace inside provider keeps two of them from being spent at once.
func rationOf(source provider.Provider, limits Limits) ration {
	r := ration{windows: [spans]window{
		Minute: {max: unlimited, ends: endOf(time.Minute)},
		Hour:   {max: unlimited, ends: endOf(time.Hour)},
		Day:    {max: unlimited, ends: endOf(24 * time.Hour)},
		Month:  {max: unlimited, ends: endOfMonth},
	}}
	if rationed, ok := source.(provider.Rationed); ok {
		for _, quota := range rationed.Quotas() {
			span, known := spanOf(quota.Outcome)
			if !known || quota.Max <= 0 {
				continue
			}
			w := &r.windows[span]
			w.max, w.perName, r.limited = int64(quota.Max), quota.PerName, true
			w.distinct = span == Month && quota.PerName // nobody asks for a name only once in a month
			if quota.Reset != nil {
				w.ends = quota.Reset
			}
		}
	}
	for span, limit := range limits {
		if limit > 0 {
			r.windows[span].max, r.limited = int64(limit), true
		}
	}
	return r
}

func spanOf(outcome provider.Outcome) (Span, bool) {
	switch outcome {
	case provider.RateMinute:
		return Minute, true
	case provider.RateHour:
		return Hour, true
	case provider.RateDay:
		return Day, true
	case provider.RateMonth:
		return Month, true
	}
	return 0, false
}

func endOf(length time.Duration) func(time.Time) time.Time {
	return func(now time.Time) time.Time { return now.UTC().Truncate(length).Add(length) }
}

func endOfMonth(now time.Time) time.Time {
	year, month, _ := now.UTC().Date()
	return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
}

// requests is how many requests a source makes for names.
func requests(source provider.Provider, names []string) int {
	if counted, ok := source.(provider.Batching); ok {
		return counted.Requests(names)
	}
	return 1
}

// distinct says whether the source counts different names, and until when one that was asked for counts.
func (r ration) distinct(now time.Time) (until time.Time, ok bool) {
	w := r.windows[Month]
	return w.ends(now), w.distinct
}

// spend is what a load takes, now.
func (r ration) spend(l load, now time.Time) Ration {
	var out Ration
	for span, w := range r.windows {
		out[span] = Spend{Cost: l.in(w), Max: w.max, Ends: w.ends(now), EndsMax: w.ends(now.Add(skewMax))}
	}
	return out
}

// fits says whether no window is too small for a load, however much is left in it.
func (r ration) fits(l load) bool {
	for _, w := range r.windows {
		if w.perName && !w.distinct && int64(l.names) > w.max || !w.perName && int64(l.requests) > w.max {
			return false
		}
	}
	return true
}

// spent is the window that has no room for a request, the one that ends last; ok is false where all have room.
func (r Ration) spent(used Usage) (span Span, ends time.Time, ok bool) {
	for n, s := range r {
		if used[n].In(s)+s.Cost > s.Max && (!ok || s.Ends.After(ends)) {
			span, ends, ok = Span(n), s.Ends, true
		}
	}
	return span, ends, ok
}
