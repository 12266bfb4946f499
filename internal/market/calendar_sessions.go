package market

import "time"

// Bounds of looking around in a calendar.
const (
	daysOffMax      = 30  // in a row: China's longest have 12 days with weekends
	tradingDaysBack = 400 // that TradingTime looks at: every age that matters is shorter
)

// Calendar knows the trading hours of exchanges from embedded data: days off, half days, breaks at noon, and clocks that
// change. Beyond the days that were known when the data was made it goes by weekdays and regular hours; see Horizon.
// It never changes once made, and may be used by many goroutines.
type Calendar struct {
	markets map[string]*hours
	unknown *hours // weekdays around the clock, UTC
}

// NewCalendar reads the embedded data. It fails only where the program has no time zones (import time/tzdata).
func NewCalendar() (*Calendar, error) {
	markets, err := parseSessions(sessionsText)
	if err != nil {
		return nil, err
	}
	return &Calendar{markets: markets, unknown: &hours{
		zone:     time.UTC,
		weekdays: [7]bool{time.Monday: true, time.Tuesday: true, time.Wednesday: true, time.Thursday: true, time.Friday: true},
		regular:  []regularHours{{span: span{0, 24 * 60}}},
		last:     NoDate,
	}}, nil
}

var _ Sessions = (*Calendar)(nil)

func (c *Calendar) hours(mic string) *hours {
	if h := c.markets[mic]; h != nil {
		return h
	}
	return c.unknown
}

// Name is the market's name for people, the MIC itself where unknown.
func (c *Calendar) Name(mic string) string {
	if h := c.markets[mic]; h != nil {
		return h.name
	}
	return mic
}

// Horizon is the last day for which a market's days off are known, NoDate where they aren't at all or the market isn't
// known. After it the calendar takes every weekday of the market for a day of trading.
func (c *Calendar) Horizon(mic string) Date { return c.hours(mic).last }

// At gives the state of a market at t. The break at noon is closed time, but no close: LastClose stays that of the day before.
func (c *Calendar) At(mic string, t time.Time) Session {
	if mic == "" {
		return Session{Open: true, Date: DateOf(t.UTC())}
	}
	h := c.hours(mic)
	today := DateOf(t.In(h.zone))
	s := Session{Date: today}
	if open, closes, ok := h.session(today); ok && !t.Before(open) {
		if !t.Before(closes) {
			s.LastClose = closes
			s.Until = h.nextOpen(today + 1)
			return s
		}
		_, s.LastClose = h.lastClose(today - 1)
		s.Open, s.Until = true, closes
		if from, to, ok := h.lunchOn(today, open, closes); ok {
			switch {
			case t.Before(from):
				s.Until = from
			case t.Before(to):
				s.Open, s.Until = false, to
			}
		}
		if h.aroundTheClock() && s.Until.Equal(closes) {
			s.Until = h.endOfRun(today)
		}
		return s
	}
	s.Date, s.LastClose = h.lastClose(today - 1)
	s.Until = h.nextOpen(today)
	return s
}

// TradingTime is how long the market was open between two times, looking back from the later one for 400 days at most.
func (c *Calendar) TradingTime(mic string, from, to time.Time) time.Duration {
	if earliest := to.AddDate(0, 0, -tradingDaysBack); from.Before(earliest) {
		from = earliest
	}
	if !from.Before(to) {
		return 0
	}
	if mic == "" {
		return to.Sub(from)
	}
	h := c.hours(mic)
	var total time.Duration
	for day, last := DateOf(from.In(h.zone)), DateOf(to.In(h.zone)); day <= last; day++ {
		open, closes, ok := h.session(day)
		if !ok {
			continue
		}
		total += overlap(open, closes, from, to)
		if start, end, ok := h.lunchOn(day, open, closes); ok {
			total -= overlap(start, end, from, to)
		}
	}
	return total
}

// overlap is how much two times have in common.
func overlap(a, b, from, to time.Time) time.Duration {
	if a.Before(from) {
		a = from
	}
	if b.After(to) {
		b = to
	}
	return max(b.Sub(a), 0)
}

// session is when trading begins and ends on a day, ok is false on a day off.
func (h *hours) session(day Date) (open, closes time.Time, ok bool) {
	if h.closed[day] || !h.weekdays[day.Weekday()] && !h.extra[day] {
		return open, closes, false
	}
	s, single := h.special[day]
	if !single {
		s = h.regular[0].span
		for _, r := range h.regular[1:] {
			if day.Year() >= r.fromYear {
				s = r.span
			}
		}
	}
	return h.clock(day, s.from), h.clock(day, s.to), true
}

// clock is a minute of the local day. Minutes are counted by the clock on the wall, so it is right when clocks change.
func (h *hours) clock(day Date, minute int) time.Time {
	year, month, date := day.Time().Date()
	return time.Date(year, month, date, minute/60, minute%60, 0, 0, h.zone)
}

// lunchOn is the break of a day; ok is false where there is none between that day's hours.
func (h *hours) lunchOn(day Date, open, closes time.Time) (from, to time.Time, ok bool) {
	if h.lunch == (span{}) {
		return from, to, false
	}
	from, to = h.clock(day, h.lunch.from), h.clock(day, h.lunch.to)
	return from, to, from.After(open) && to.Before(closes)
}

// lastClose is the last day of trading at or before a day, and its end.
func (h *hours) lastClose(day Date) (Date, time.Time) {
	for d := day; d > day-daysOffMax; d-- {
		if _, closes, ok := h.session(d); ok {
			return d, closes
		}
	}
	return day, time.Time{}
}

// nextOpen is the first beginning of trading on a day or after it.
func (h *hours) nextOpen(day Date) time.Time {
	for d := day; d < day+daysOffMax; d++ {
		if open, _, ok := h.session(d); ok {
			return open
		}
	}
	return time.Time{}
}

// aroundTheClock says whether one day's trading runs into the next.
func (h *hours) aroundTheClock() bool { return h.regular[0].span == span{0, 24 * 60} }

// endOfRun is the end of the last day in a row.
func (h *hours) endOfRun(day Date) time.Time {
	_, end, _ := h.session(day)
	for d := day + 1; d < day+daysOffMax; d++ {
		_, closes, ok := h.session(d)
		if !ok {
			break
		}
		end = closes
	}
	return end
}

// TradingDay says whether a market trades on a day of its own clock. A market that isn't known trades on weekdays, and so does
// any before the days that the data begins with; an empty MIC trades every day.
func (c *Calendar) TradingDay(mic string, day Date) bool {
	if mic == "" {
		return true
	}
	_, _, ok := c.hours(mic).session(day)
	return ok
}
