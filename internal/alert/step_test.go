package alert

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"folioscope/internal/money"
)

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC) // a Monday

// play runs a rule through lines of "minute what" and gives "minute event" for each event. What is a value, "?" for missing,
// "!" for an error, "tick", or a key.
func play(t *testing.T, rule Rule, zone *time.Location, lines ...string) (Standing, []string) {
	t.Helper()
	standing := Begin(start, 0)
	var out []string
	for i, line := range lines {
		var minute int
		var what string
		if _, err := fmt.Sscan(line, &minute, &what); err != nil {
			t.Fatal(line, err)
		}
		at := start.Add(time.Duration(minute) * time.Minute)
		seen := Observation{At: at, Sequence: int64(i + 1)}
		var events []Event
		switch {
		case what == "tick":
			standing, events = rule.Tick(standing, at, zone)
		case what == "?":
			seen.Missing = "no price"
		case what == "!":
			seen.Error = "too costly"
		case strings.Contains(what, ":"):
			seen.Occurrence = what
		default:
			seen.Value = decimal(what)
		}
		if what != "tick" {
			standing, events = rule.Step(standing, seen, zone)
		}
		for _, e := range events {
			told := ""
			if e.Tell {
				told = " told"
			}
			out = append(out, fmt.Sprintf("%d %s%s", int(e.At.Sub(start).Minutes()), e.Kind, told))
		}
	}
	return standing, out
}

func TestSteps(t *testing.T) {
	minutes := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	below := func(r *Rule) { r.Condition.Direction = Below }
	crossing := func(r *Rule) { r.Condition.Direction = Crossing }
	for name, one := range map[string]struct {
		change func(*Rule)
		lines  []string
		want   []string
		state  State
	}{
		"at once where it is so already": {nil, []string{"0 11"}, []string{"0 fired told"}, StateFiring},
		"at the threshold":               {nil, []string{"0 9", "1 10.00", "2 10"}, []string{"1 fired told"}, StateFiring},
		"back and again":                 {nil, []string{"0 10", "1 9.99", "2 10"}, []string{"0 fired told", "1 resolved", "2 fired told"}, StateFiring},
		"below":                          {below, []string{"0 11", "1 10", "2 10.01", "3 3"}, []string{"1 fired told", "2 resolved", "3 fired told"}, StateFiring},
		"armed again beyond": {
			func(r *Rule) { r.Condition.Rearm = decimal("8") },
			[]string{"0 10", "1 9", "2 10", "3 8", "4 10", "5 7.9", "6 10"},
			[]string{"0 fired told", "5 resolved", "6 fired told"}, StateFiring,
		},
		"below, armed again beyond": {
			func(r *Rule) { r.Condition.Direction, r.Condition.Rearm = Below, decimal("12") },
			[]string{"0 10", "1 12", "2 9", "3 12.1", "4 11", "5 10"},
			[]string{"0 fired told", "3 resolved", "5 fired told"}, StateFiring,
		},
		"crossing wants a crossing": {crossing, []string{"0 11", "1 12"}, nil, StateInactive},
		"crossing, either way":      {crossing, []string{"0 11", "1 9", "2 8", "3 10", "4 10", "5 9.9"}, []string{"1 fired told", "3 fired told", "5 fired told"}, StateResolved},
		"crossing for a while":      {func(r *Rule) { crossing(r); r.For = 10 * time.Minute }, []string{"0 9", "5 11", "9 9", "20 11", "40 12"}, []string{"30 fired told"}, StateResolved},
		"once":                      {func(r *Rule) { r.Repeat = RepeatOnce }, []string{"0 10", "1 9", "2 10"}, []string{"0 fired told", "0 ended"}, StateFiring},
		"once isn't over by holding back": {
			func(r *Rule) {
				r.Repeat, r.Condition, r.SnoozedUntil = RepeatOnce, valid(Dividend).Condition, minutes(5)
			},
			[]string{"0 dividend:a", "6 dividend:b", "7 dividend:c"},
			[]string{"0 held_back", "6 fired told", "6 ended"}, StateResolved,
		},
		"for a while": {
			func(r *Rule) { r.For = 10 * time.Minute },
			[]string{"0 10", "9 9", "10 10", "19 tick", "20 tick", "21 tick"},
			[]string{"20 fired told"}, StateFiring,
		},
		"for a while, learned of later": {func(r *Rule) { r.For = 10 * time.Minute }, []string{"0 10", "30 9"}, []string{"10 fired told", "30 resolved"}, StateResolved},
		"not while nothing is known": {
			func(r *Rule) { r.For = 10 * time.Minute },
			[]string{"0 10", "5 ?", "15 tick", "16 10", "25 tick", "26 tick"},
			[]string{"26 fired told"}, StateFiring,
		},
		"cooldown": {
			func(r *Rule) { r.Cooldown = time.Hour },
			[]string{"0 10", "1 9", "59 10", "60 9", "61 10", "62 9", "70 10"},
			[]string{"0 fired told", "1 resolved", "59 held_back", "60 resolved", "61 fired told", "62 resolved", "70 held_back"}, StateFiring,
		},
		"told by a wrong clock": {nil, []string{"60 10", "1 9", "2 10"}, []string{"60 fired told", "1 resolved", "2 fired told"}, StateFiring},
		"told by a wrong clock, with a cooldown": {
			func(r *Rule) { r.Cooldown = 10 * time.Minute },
			[]string{"60 10", "1 9", "2 10", "3 9", "4 10"},
			[]string{"60 fired told", "1 resolved", "2 fired told", "3 resolved", "4 held_back"}, StateFiring,
		},
		"expiry": {func(r *Rule) { r.ExpiresAt = minutes(10) }, []string{"0 9", "10 11", "12 11"}, []string{"10 ended"}, StateInactive},
		"what was due before the expiry": {
			func(r *Rule) { r.ExpiresAt, r.For = minutes(10), 5*time.Minute },
			[]string{"0 11", "12 tick"},
			[]string{"5 fired told", "10 ended"}, StateFiring,
		},
		"what would be due after it": {
			func(r *Rule) { r.ExpiresAt, r.For = minutes(10), 10*time.Minute },
			[]string{"0 11", "12 tick"},
			[]string{"10 ended"}, StatePending,
		},
		"snoozed, and still so": {func(r *Rule) { r.SnoozedUntil = minutes(60) }, []string{"0 11", "59 tick", "61 tick"}, []string{"60 fired told"}, StateFiring},
		"snoozed, and over":     {func(r *Rule) { r.SnoozedUntil = minutes(60) }, []string{"0 11", "59 9", "61 tick", "62 11"}, []string{"62 fired told"}, StateFiring},
		"no data for a day": {
			func(r *Rule) { r.NoData = true },
			[]string{"0 ?", "1439 tick", "1440 tick", "1441 tick", "1500 ?", "1501 9", "1502 11"},
			[]string{"1440 no_data told", "1502 fired told"}, StateFiring,
		},
		"no data, of no interest": {nil, []string{"0 ?", "2000 ?"}, []string{"1440 no_data"}, StateNoData},
		"one firing, with a gap in it": {
			nil, []string{"0 11", "1 ?", "2 11", "3 ?", "4 9", "5 11"},
			[]string{"0 fired told", "4 resolved", "5 fired told"}, StateFiring,
		},
		"errors are told once in a day": {nil, []string{"0 !", "1 !", "2 9", "3 !", "1441 9", "1442 !"}, []string{"0 error told", "1442 error told"}, StateError},
		"daily": {
			func(r *Rule) { r.Repeat = RepeatDaily },
			[]string{"0 11", "60 9", "70 11", "1439 tick", "1440 tick", "1441 tick", "4500 9", "4600 11", "4601 9", "4602 11"},
			[]string{"0 fired told", "60 resolved", "70 held_back", "1440 fired told", "4500 fired told", "4500 resolved", "4600 held_back", "4601 resolved", "4602 held_back"},
			StateFiring,
		},
		"daily, in the band": {
			func(r *Rule) { r.Repeat, r.Condition.Rearm = RepeatDaily, decimal("8") },
			[]string{"0 11", "1 9", "1440 tick", "1501 10"}, []string{"0 fired told", "1440 fired told"}, StateFiring,
		},
	} {
		rule := valid(Price)
		if one.change != nil {
			one.change(&rule)
		}
		if err := rule.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		standing, got := play(t, rule, time.UTC, one.lines...)
		if !slices.Equal(got, one.want) || standing.State != one.state {
			t.Errorf("%s: %q, %s\nwant %q, %s", name, got, standing.State, one.want, one.state)
		}
	}
}

// A day is 23 hours long in Berlin on 29 March 2026, and 25 on 25 October.
func TestDailyByTheOwnersClock(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	rule := valid(Price)
	rule.Repeat = RepeatDaily
	for _, one := range []struct {
		at    time.Time
		hours int
	}{{time.Date(2026, 3, 28, 12, 0, 0, 0, berlin), 23}, {time.Date(2026, 10, 24, 12, 0, 0, 0, berlin), 25}} {
		standing, _ := rule.Step(Begin(one.at, 0), Observation{At: one.at, Sequence: 1, Value: decimal("11")}, berlin)
		due := one.at.Add(time.Duration(one.hours) * time.Hour)
		if _, events := rule.Tick(standing, due.Add(-time.Second), berlin); len(events) != 0 {
			t.Errorf("%v: %v", one.at, events)
		}
		if _, events := rule.Tick(standing, due, berlin); len(events) != 1 || !events[0].At.Equal(due) {
			t.Errorf("%v: %v", one.at, events)
		}
	}
}

func TestResume(t *testing.T) {
	before := valid(Price)
	fired := Standing{State: StateFiring, Held: true, Firings: 1, Through: 7, Ended: true}
	for name, one := range map[string]struct {
		change func(*Rule)
		anew   bool
	}{
		"nothing":         {func(*Rule) {}, false},
		"name":            {func(r *Rule) { r.Name = "Entry" }, false},
		"snooze":          {func(r *Rule) { r.SnoozedUntil = start }, false},
		"the same number": {func(r *Rule) { r.Condition.Threshold = money.MustParse("10.00") }, false},
		"threshold":       {func(r *Rule) { r.Condition.Threshold = money.MustParse("11") }, true},
		"rearm":           {func(r *Rule) { r.Condition.Rearm = decimal("9") }, true},
		"repeat":          {func(r *Rule) { r.Repeat = RepeatOnce }, true},
		"expiry":          {func(r *Rule) { r.ExpiresAt = start }, true},
	} {
		after := before
		one.change(&after)
		got := after.Resume(&before, fired, start, 9)
		if anew := got == Begin(start, 9); anew != one.anew || !anew && got != fired {
			t.Errorf("%s: %+v", name, got)
		}
	}
	running := fired
	running.Ended = false
	after := before
	after.Repeat = RepeatOnce
	if got := after.Resume(&before, running, start, 9); got != running {
		t.Errorf("%+v", got)
	}
}

func TestLongValuesAreKeptShort(t *testing.T) {
	rule := valid(Price)
	long := money.MustParse("9." + strings.Repeat("9", 40))
	standing, events := rule.Step(Begin(start, 0), Observation{At: start, Sequence: 1, Value: &long}, time.UTC)
	if len(events) != 0 || standing.Value.String() != "10.000000000000000000" {
		t.Errorf("%v, %s: what is just short of 10 isn't 10", events, standing.Value)
	}
}
