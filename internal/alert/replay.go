package alert

import "time"

// Replay is what a rule would have done with a past, rising by time: the events that the engine would have had of it, from a rule that
// was made at its first observation. A snooze and an expiry are of the present and left out.
func Replay(r *Rule, past []Observation, zone *time.Location) []Event {
	if len(past) == 0 {
		return nil
	}
	rule := *r
	rule.SnoozedUntil, rule.ExpiresAt = time.Time{}, time.Time{}
	standing := Begin(past[0].At, 0)
	var all []Event
	for _, seen := range past {
		seen.Sequence = 0
		var events []Event
		standing, events = rule.Step(standing, seen, zone)
		all = append(all, events...)
	}
	return all
}
