package alert

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/money"
)

// drawnRule is a price rule with whatever settings, about a threshold of 10.
func drawnRule(t *rapid.T) Rule {
	minutes := func(most int, label string) int { return rapid.IntRange(0, most).Draw(t, label) }
	r := valid(Price)
	r.Condition.Direction = rapid.SampledFrom([]Direction{Above, Below, Crossing}).Draw(t, "direction")
	r.Repeat = rapid.SampledFrom([]Repeat{RepeatOnce, RepeatEach, RepeatDaily}).Draw(t, "repeat")
	r.For = time.Duration(max(0, minutes(60, "for")-30)) * time.Minute
	r.Cooldown = time.Duration(max(0, minutes(600, "cooldown")-300)) * time.Minute
	r.NoData = rapid.Bool().Draw(t, "no data")
	switch band := int64(rapid.IntRange(0, 3).Draw(t, "band")); {
	case r.Condition.Direction == Above && band > 0:
		rearm := money.NewDecimal(10-band, 0)
		r.Condition.Rearm = &rearm
	case r.Condition.Direction == Below && band > 0:
		rearm := money.NewDecimal(10+band, 0)
		r.Condition.Rearm = &rearm
	}
	if at := minutes(3000, "expiry"); at > 500 {
		r.ExpiresAt = start.Add(time.Duration(at) * time.Minute)
	}
	if at := minutes(1000, "snooze"); at > 500 {
		r.SnoozedUntil = start.Add(time.Duration(at-500) * time.Minute)
	}
	return r
}

// drawnPast is a sequence of observations some minutes apart.
func drawnPast(t *rapid.T) []Observation {
	n := rapid.IntRange(1, 60).Draw(t, "observations")
	past := make([]Observation, n)
	minute := 0
	for i := range past {
		minute += rapid.SampledFrom([]int{0, 1, 2, 5, 20, 90, 700, 1500}).Draw(t, "apart")
		past[i] = Observation{At: start.Add(time.Duration(minute) * time.Minute), Sequence: int64(i + 1)}
		switch what := rapid.IntRange(5, 16).Draw(t, "value"); what {
		case 16:
			past[i].Missing = "no price"
		default:
			value := money.NewDecimal(int64(what), 0)
			past[i].Value = &value
		}
	}
	return past
}

func run(r *Rule, standing Standing, past []Observation) (Standing, []Event) {
	var all []Event
	for _, seen := range past {
		var events []Event
		standing, events = r.Step(standing, seen, time.UTC)
		all = append(all, events...)
	}
	return standing, all
}

// texts are events as they can be compared. What was seen when is left out: a tick has seen less than what comes after it.
func texts(events []Event) []string {
	var out []string
	for _, e := range events {
		value := "-"
		if e.Value != nil {
			value = e.Value.String()
		}
		out = append(out, fmt.Sprintf("%d %s %s %v %s", int(e.At.Sub(start).Minutes()), e.Kind, value, e.Tell, e.Why))
	}
	return out
}

// minutely is an oracle: it looks at everything in every minute, and knows nothing of due times, of Standing or of how Step goes about it.
type minutely struct {
	rule                   *Rule
	value, missing         int // −1: none; missing since, in minutes
	noted                  bool
	side                   int // of crossing: 1 above, −1 below
	armed, held, ended     bool
	holdsSince             int
	told                   int
	out                    []string
	threshold, rearm, sign int
}

func newMinutely(r *Rule) *minutely {
	m := &minutely{rule: r, value: -1, missing: -1, armed: true, holdsSince: -1, told: -1, threshold: 10, rearm: 10, sign: 1}
	if r.Condition.Direction == Below {
		m.sign = -1
	}
	if r.Condition.Rearm != nil {
		c, _, _ := r.Condition.Rearm.Narrow()
		m.rearm = int(c)
	}
	return m
}

func (m *minutely) minutes(t time.Time) int {
	if t.IsZero() {
		return -1
	}
	return int(t.Sub(start) / time.Minute)
}

func (m *minutely) say(minute int, kind EventKind, value string, tell bool, why string) {
	m.out = append(m.out, fmt.Sprintf("%d %s %s %v %s", minute, kind, value, tell, why))
}

func (m *minutely) holds() bool {
	if m.rule.Condition.Direction == Crossing {
		return m.side != 0 && (m.value >= m.threshold) != (m.side > 0)
	}
	return m.sign*m.value >= m.sign*m.threshold
}

// minute is one minute: time first, then what is seen in it.
func (m *minutely) minute(now int) {
	if expiry := m.minutes(m.rule.ExpiresAt); !m.ended && expiry >= 0 && now >= expiry {
		m.ended = true
		m.say(expiry, EventEnded, "-", false, whyExpired)
	}
	if m.ended {
		return
	}
	snoozed := now < m.minutes(m.rule.SnoozedUntil)
	if m.missing >= 0 && !m.noted && now-m.missing >= int(NoDataAfter/time.Minute) {
		m.noted = true
		m.say(now, EventNoData, "-", m.rule.NoData && !snoozed, "no price")
	}
	if m.missing >= 0 || snoozed {
		return
	}
	cooling := m.told >= 0 && now < m.told+int(m.rule.Cooldown/time.Minute)
	day := func(minute int) int { return (minute + 9*60) / (24 * 60) } // the start is at nine
	clock := func(minute int) int { return (minute + 9*60) % (24 * 60) }
	switch {
	case m.holdsSince >= 0 && now-m.holdsSince >= int(m.rule.For/time.Minute):
		m.holdsSince = -1
		if m.rule.Condition.Direction == Crossing {
			m.side = -m.side
		} else {
			m.armed, m.held = false, true
		}
		switch {
		case cooling:
			m.say(now, EventHeldBack, fmt.Sprint(m.value), false, whyCooldown)
			return
		case m.rule.Repeat == RepeatDaily && m.told >= 0 && day(m.told) == day(now):
			m.say(now, EventHeldBack, fmt.Sprint(m.value), false, whySameDay)
			return
		}
	case m.held && m.rule.Repeat == RepeatDaily && m.told >= 0 && !cooling &&
		(day(now)-day(m.told) > 1 || day(now)-day(m.told) == 1 && clock(now) >= clock(m.told)):
	default:
		return
	}
	m.told = now
	m.say(now, EventFired, fmt.Sprint(m.value), true, "")
	if m.rule.Repeat == RepeatOnce {
		m.ended = true
		m.say(now, EventEnded, "-", false, whyOnce)
	}
}

func (m *minutely) see(now int, seen Observation) {
	if m.ended {
		return
	}
	if seen.Value == nil {
		if m.missing < 0 {
			m.missing, m.noted = now, false
		}
		m.holdsSince = -1
		return
	}
	m.missing = -1
	c, _, _ := seen.Value.Narrow()
	m.value = int(c)
	if m.rule.Condition.Direction == Crossing && m.side == 0 {
		m.side = -1
		if m.value >= m.threshold {
			m.side = 1
		}
		return
	}
	switch {
	case m.held && m.sign*m.value < m.sign*m.rearm:
		m.armed, m.held = true, false
		m.say(now, EventResolved, fmt.Sprint(m.value), false, "")
	case m.armed && !m.holds():
		m.holdsSince = -1
	case m.armed && m.holdsSince < 0:
		m.holdsSince = now
	}
	m.minute(now)
}

func TestStepIsWhatMinutesSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, past := drawnRule(t), drawnPast(t)
		m := newMinutely(&r)
		now := 0
		standing, got := Begin(start, 0), []Event(nil)
		for _, seen := range past {
			for at := m.minutes(seen.At); now <= at; now++ {
				var events []Event
				standing, events = r.Tick(standing, start.Add(time.Duration(now)*time.Minute), time.UTC)
				got = append(got, events...)
				m.minute(now)
			}
			var events []Event
			standing, events = r.Step(standing, seen, time.UTC)
			got = append(got, events...)
			m.see(now-1, seen)
		}
		if !slices.Equal(texts(got), m.out) {
			t.Fatalf("%+v\n%q\nthe oracle says\n%q", r, texts(got), m.out)
		}
	})
}

// When ticks come decides nothing but what is told daily, which is of the tick.
func TestTicksDecideNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, past := drawnRule(t), drawnPast(t)
		if r.Repeat == RepeatDaily {
			r.Repeat = RepeatEach
		}
		_, want := run(&r, Begin(start, 0), past)
		standing, got := Begin(start, 0), []Event(nil)
		for i, seen := range past {
			if i > 0 {
				for range rapid.IntRange(0, 2).Draw(t, "ticks") {
					between := rapid.Int64Range(0, int64(seen.At.Sub(past[i-1].At))).Draw(t, "tick")
					var events []Event
					standing, events = r.Tick(standing, past[i-1].At.Add(time.Duration(between)), time.UTC)
					got = append(got, events...)
				}
			}
			var events []Event
			standing, events = r.Step(standing, seen, time.UTC)
			got = append(got, events...)
		}
		if !slices.Equal(texts(got), texts(want)) {
			t.Fatalf("%+v\n%q\nwithout ticks\n%q", r, texts(got), texts(want))
		}
	})
}

func TestReplaysChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, past := drawnRule(t), drawnPast(t)
		_, want := run(&r, Begin(start, 0), past)
		standing, got := Begin(start, 0), []Event(nil)
		for done := 0; done < len(past); {
			from := rapid.IntRange(0, done).Draw(t, "from")
			to := rapid.IntRange(done+1, len(past)).Draw(t, "to")
			before := standing
			if again, events := run(&r, standing, past[from:done]); again != before || len(events) != 0 {
				t.Fatalf("%+v became %+v, %v", before, again, events)
			}
			var events []Event
			standing, events = run(&r, standing, past[from:to])
			got = append(got, events...)
			done = to
		}
		if !slices.Equal(texts(got), texts(want)) {
			t.Fatalf("%q, in one go %q", texts(got), texts(want))
		}
	})
}

// What doesn't reach the watched level leaves the rule as it is; what does, changes it.
func TestOnlyTheWatchedLevelChangesAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, past := drawnRule(t), drawnPast(t)
		standing := Begin(start, 0)
		for _, seen := range past {
			standing, _ = r.Tick(standing, seen.At, time.UTC) // so that the step is the value's alone
			w, ok := r.Watch(standing)
			if !ok && !standing.Ended {
				t.Fatal("nothing is watched for")
			}
			after, events := r.Step(standing, seen, time.UTC)
			if seen.Value != nil {
				left := after
				left.Value, left.ValueAt, left.Through = standing.Value, standing.ValueAt, standing.Through
				changed := left != standing || len(events) > 0
				if reached := ok && w.Reached(*seen.Value); reached != changed && !w.Always {
					t.Fatalf("%s: watching for %+v in %+v, got %+v", seen.Value, w, standing, after)
				}
			}
			standing = after
		}
	})
}
