package market

import (
	"maps"
	"slices"
	"time"

	"folioscope/internal/fault"
)

// Override is what one market does on one day instead of what the calendar says: an administrator's word on a day of mourning, a
// storm, a session on a Saturday.
type Override struct {
	MIC    string
	Day    Date
	Closed bool // all day; then Opens and Closes are 0
	Opens  int  // minutes after the market's midnight, by its own clock
	Closes int  // after Opens, at most 24 hours
	Note   string
}

const overrideNoteMax = 200 // bytes; a sentence

// Check says what is wrong with an override, fault.Invalid by field.
func (o Override) Check() error {
	const dayMinutes = 24 * 60
	switch {
	case o.MIC == "" || len(o.MIC) > 10:
		return fault.At("mic", "needs a market")
	case o.Day == NoDate:
		return fault.At("day", "needs a day")
	case len(o.Note) > overrideNoteMax:
		return fault.At("note", "has more than %d bytes", overrideNoteMax)
	case !OneLine(o.Note):
		return fault.At("note", "has a character that can't be shown in it")
	case o.Closed && (o.Opens != 0 || o.Closes != 0):
		return fault.At("opens", "a market that is closed has no hours")
	case !o.Closed && (o.Opens < 0 || o.Closes <= o.Opens || o.Closes > dayMinutes):
		return fault.At("opens", "needs hours of one day, the first before the last")
	}
	return nil
}

// With is the calendar as overrides change it; the one that it is asked of stays as it is. Those of markets that it doesn't know
// change nothing: an unknown market has no hours of its own.
func (c *Calendar) With(overrides []Override) *Calendar {
	changed := &Calendar{markets: maps.Clone(c.markets), unknown: c.unknown}
	copied := map[string]bool{}
	for _, o := range overrides {
		h := changed.markets[o.MIC]
		if h == nil || o.Check() != nil {
			continue
		}
		if !copied[o.MIC] {
			other := *h
			other.closed, other.extra, other.special = maps.Clone(h.closed), maps.Clone(h.extra), maps.Clone(h.special)
			changed.markets[o.MIC], copied[o.MIC] = &other, true
			h = &other
		}
		if o.Closed {
			h.closed[o.Day] = true
			continue
		}
		delete(h.closed, o.Day)
		h.extra[o.Day] = true
		h.special[o.Day] = span{o.Opens, o.Closes}
	}
	return changed
}

// MICs are the markets that the calendar knows, sorted.
func (c *Calendar) MICs() []string { return slices.Sorted(maps.Keys(c.markets)) }

// Known says whether the calendar knows a market.
func (c *Calendar) Known(mic string) bool { return c.markets[mic] != nil }

// Day is when trading begins and ends on a day, in the market's own zone; ok is false on a day off, and for a market that isn't
// known. A break at noon isn't told.
func (c *Calendar) Day(mic string, day Date) (opens, closes time.Time, ok bool) {
	h := c.markets[mic]
	if h == nil {
		return opens, closes, false
	}
	return h.session(day)
}
