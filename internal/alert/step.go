package alert

import (
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Why a firing wasn't told, and why a rule has ended: sentences that are safe to show.
const (
	whySnoozed  = "The rule was snoozed."
	whyCooldown = "It was told a short while ago."
	whySameDay  = "It was told on this day already."
	whyOnce     = "It was to be told once."
	whyExpired  = "It has expired."
	whyNoData   = "Nothing is known of it."
)

// shownPlaces is how many digits after the point a value is kept with: it is shown, and decides nothing any more.
const shownPlaces = 18

// Step is what an observation makes of a rule, and the events that came of it, in order. What is at or before Standing.Through changes
// nothing, so that a replay is harmless. What time did until then comes first, as Tick has it: when ticks come doesn't decide what
// fires. zone is its owner's, for days.
func (r *Rule) Step(before Standing, seen Observation, zone *time.Location) (after Standing, events []Event) {
	if before.Ended || seen.Sequence != 0 && seen.Sequence <= before.Through {
		return before, nil
	}
	s := stepping{Standing: before, rule: r, zone: zone, subject: seen.Subject}
	s.pass(seen.At)
	if s.Ended {
		return s.Standing, s.events
	}
	s.Through = max(s.Through, seen.Sequence)
	switch {
	case seen.Occurrence != "":
		s.fire(seen.At, seen.Occurrence)
	case seen.Error != "":
		s.trouble(StateError, seen.Error, seen.At)
	case seen.Value == nil && seen.Missing == "":
		s.trouble(StateNoData, whyNoData, seen.At)
	case seen.Value == nil:
		s.trouble(StateNoData, seen.Missing, seen.At)
	default:
		s.value(*seen.Value, seen.At)
	}
	return s.Standing, s.events
}

// Tick is what time alone makes of a rule by now: For or a snooze is over, the next day has come, nothing was known for a day, it has
// expired. It goes by the last value that Step was given. Events are of when they were due, however late the tick is, but for what is told
// daily: that is of the tick, once for all the days that nobody ticked.
func (r *Rule) Tick(before Standing, now time.Time, zone *time.Location) (after Standing, events []Event) {
	if before.Ended {
		return before, nil
	}
	s := stepping{Standing: before, rule: r, zone: zone}
	s.pass(now)
	return s.Standing, s.events
}

// stepping is one step in the making.
type stepping struct {
	Standing
	rule    *Rule
	zone    *time.Location
	subject string
	events  []Event
}

// pass lets time go by until now.
func (s *stepping) pass(now time.Time) {
	expired := !s.rule.ExpiresAt.IsZero() && !now.Before(s.rule.ExpiresAt)
	if expired {
		now = s.rule.ExpiresAt.Add(-1) // what was due before comes before
	}
	if s.State == StatePending {
		s.mature(now)
	}
	switch s.State {
	case StateFiring:
		s.repeat(now)
	case StateNoData:
		if due := s.Since.Add(NoDataAfter); !due.After(now) && s.TroubleAt.Before(s.Since) {
			s.TroubleAt = due
			s.note(Event{Kind: EventNoData, At: due, Why: s.Why, Tell: s.rule.NoData && !s.snoozed(due)})
		}
	}
	if expired && !s.Ended {
		s.end(s.rule.ExpiresAt, whyExpired)
	}
}

// mature fires what has held for long enough by now.
func (s *stepping) mature(now time.Time) {
	if due := later(s.Since.Add(s.rule.For), s.rule.SnoozedUntil); !due.After(now) {
		s.fire(due, "")
	}
}

// repeat fires once more what is told daily, as long as it isn't armed again.
func (s *stepping) repeat(now time.Time) {
	if s.rule.Repeat != RepeatDaily || s.ToldAt.IsZero() {
		return
	}
	nextDay := s.ToldAt.In(s.zone).AddDate(0, 0, 1)
	if due := later(nextDay, later(s.ToldAt.Add(s.rule.Cooldown), s.rule.SnoozedUntil)); !due.After(now) {
		s.fire(now, "")
	}
}

// value takes a value in.
func (s *stepping) value(v money.Decimal, at time.Time) {
	shown := v.Round(min(v.Places(), shownPlaces))
	s.Value, s.ValueAt = &shown, at
	switch {
	case s.Held:
		s.enter(StateFiring, at)
	case s.State != StatePending:
		s.arm(at)
	}
	c := &s.rule.Condition
	if c.Direction == Crossing && s.Side == "" {
		s.Side = c.side(v)
		return
	}
	switch holds := s.reached(v); {
	case s.Held && c.rearms(v):
		s.Held = false
		s.enter(StateResolved, at)
		s.note(Event{Kind: EventResolved, At: at, Value: s.Value})
	case s.Held:
		s.repeat(at) // it was due while nothing was known
	case holds:
		s.enter(StatePending, at)
		s.mature(at)
	case s.State == StatePending:
		s.arm(at)
	}
}

// reached says whether a value is where the rule waits for it.
func (s *stepping) reached(v money.Decimal) bool {
	if c := &s.rule.Condition; c.Direction == Crossing {
		return c.side(v) != s.Side
	}
	return s.rule.Condition.holds(v)
}

// fire notes a firing: told, or held back.
func (s *stepping) fire(at time.Time, occurrence string) {
	event := Event{Kind: EventFired, At: at, Occurrence: occurrence, Tell: true}
	if occurrence == "" {
		event.Value = s.Value
	}
	s.FiredAt = at
	s.Firings++
	switch {
	case occurrence != "":
		s.State = StateResolved
	case s.rule.Condition.Direction == Crossing: // what crossed is armed for the way back
		s.State, s.Side = StateResolved, s.Side.other()
	default:
		s.State, s.Held = StateFiring, true
	}
	s.Since = at
	if why := s.silence(at); why != "" {
		event.Kind, event.Why, event.Tell = EventHeldBack, why, false
		s.note(event)
		return
	}
	s.ToldAt = at
	s.note(event)
	if s.rule.Repeat == RepeatOnce {
		s.end(at, whyOnce)
	}
}

// silence is why a firing at a time isn't told, empty where it is.
func (s *stepping) silence(at time.Time) string {
	switch {
	case s.snoozed(at):
		return whySnoozed
	case s.ToldAt.IsZero():
		return ""
	case at.Sub(s.ToldAt).Abs() < s.rule.Cooldown: // told at a time that is far ahead was told by a wrong clock
		return whyCooldown
	case s.rule.Repeat == RepeatDaily && market.DateOf(at.In(s.zone)) == market.DateOf(s.ToldAt.In(s.zone)):
		return whySameDay
	}
	return ""
}

// trouble notes that a rule can't be looked at. Errors are told at once, but not twice within NoDataAfter.
func (s *stepping) trouble(state State, why string, at time.Time) {
	fresh := s.State != state
	s.enter(state, at)
	s.Why = why
	if state == StateError && fresh && (s.TroubleAt.IsZero() || !at.Before(s.TroubleAt.Add(NoDataAfter))) {
		s.TroubleAt = at
		s.note(Event{Kind: EventError, At: at, Why: why, Tell: !s.snoozed(at)})
	}
}

func (s *stepping) end(at time.Time, why string) {
	s.Ended = true
	s.note(Event{Kind: EventEnded, At: at, Why: why})
}

// arm is inactive, or resolved where it has fired.
func (s *stepping) arm(at time.Time) {
	if s.FiredAt.IsZero() {
		s.enter(StateInactive, at)
	} else {
		s.enter(StateResolved, at)
	}
}

func (s *stepping) enter(state State, at time.Time) {
	if s.State != state {
		s.State, s.Since, s.Why = state, at, ""
	}
}

func (s *stepping) note(event Event) {
	event.Sequence, event.Subject = s.Through, s.subject
	s.events = append(s.events, event)
}

func (s *stepping) snoozed(at time.Time) bool { return at.Before(s.rule.SnoozedUntil) }

// holds says whether a value is where a condition wants it.
func (c *Condition) holds(v money.Decimal) bool {
	threshold := c.threshold()
	if c.Direction == Below {
		return v.Cmp(threshold) <= 0
	}
	return v.Cmp(threshold) >= 0
}

// rearms says whether a value is beyond where a condition is armed again.
func (c *Condition) rearms(v money.Decimal) bool {
	if c.Direction == Below {
		return v.Cmp(c.rearm()) > 0
	}
	return v.Cmp(c.rearm()) < 0
}

// side is where a value is; what is at the threshold is above it.
func (c *Condition) side(v money.Decimal) Direction {
	if v.Cmp(c.Threshold) >= 0 {
		return Above
	}
	return Below
}

// threshold is 1 for an expression, whose value is 1 where it is true.
func (c *Condition) threshold() money.Decimal {
	if c.Kind == Expressed {
		return money.One
	}
	return c.Threshold
}

func (c *Condition) rearm() money.Decimal {
	if c.Rearm != nil {
		return *c.Rearm
	}
	return c.threshold()
}

func (d Direction) other() Direction {
	if d == Above {
		return Below
	}
	return Above
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
