package demo

import (
	"time"

	"folioscope/internal/market"
)

// Exchanges are the made-up market's trading hours. They open and close in turn around the clock, every day of the week,
// so that at any hour some are live and some closed.
type Exchanges struct{}

// hours are in UTC; an exchange whose opening is later than its close opened on the evening before.
type hours struct {
	name        string
	open, close time.Duration
}

var exchangeHours = map[string]hours{
	"XNYS": {"New York", 13*time.Hour + 30*time.Minute, 22 * time.Hour},
	"XNAS": {"Nasdaq", 13*time.Hour + 30*time.Minute, 22 * time.Hour},
	"ARCX": {"NYSE Arca", 13*time.Hour + 30*time.Minute, 22 * time.Hour},
	"XTKS": {"Tokyo", 21*time.Hour + 30*time.Minute, 7 * time.Hour},
	"XASX": {"Sydney", 22 * time.Hour, 7*time.Hour + 30*time.Minute},
	"XNSE": {"Mumbai", 3*time.Hour + 45*time.Minute, 10 * time.Hour},
	"XETR": {"Xetra", 5*time.Hour + 30*time.Minute, 14 * time.Hour},
	"XPAR": {"Paris", 5*time.Hour + 30*time.Minute, 14 * time.Hour},
	"XAMS": {"Amsterdam", 5*time.Hour + 30*time.Minute, 14 * time.Hour},
	"XSWX": {"Zurich", 5*time.Hour + 30*time.Minute, 14 * time.Hour},
	"XCSE": {"Copenhagen", 5*time.Hour + 30*time.Minute, 14 * time.Hour},
	"XSTO": {"Stockholm", 5*time.Hour + 30*time.Minute, 14 * time.Hour},
	"XLON": {"London", 7 * time.Hour, 15*time.Hour + 30*time.Minute},
}

const day = 24 * time.Hour

// session is the last session of h that began at or before t.
func (h hours) session(t time.Time) (open, end time.Time) {
	length := h.close - h.open
	if length <= 0 {
		length += day
	}
	open = t.UTC().Truncate(day).Add(h.open)
	if open.After(t) {
		open = open.Add(-day)
	}
	return open, open.Add(length)
}

// At implements market.Sessions.
func (Exchanges) At(mic string, t time.Time) market.Session {
	h, ok := exchangeHours[mic]
	if !ok {
		return market.Session{Open: true, Date: market.DateOf(t.UTC())}
	}
	open, end := h.session(t)
	if t.Before(end) {
		return market.Session{Open: true, Until: end, LastClose: end.Add(-day), Date: market.DateOf(end)}
	}
	return market.Session{Until: open.Add(day), LastClose: end, Date: market.DateOf(end)}
}

// TradingTime implements market.Sessions.
func (Exchanges) TradingTime(mic string, from, to time.Time) time.Duration {
	if !to.After(from) {
		return 0
	}
	h, ok := exchangeHours[mic]
	if !ok {
		return to.Sub(from)
	}
	var total time.Duration
	for open, end := h.session(to); end.After(from); open, end = open.Add(-day), end.Add(-day) {
		begin, finish := open, end
		if begin.Before(from) {
			begin = from
		}
		if finish.After(to) {
			finish = to
		}
		total += finish.Sub(begin)
		if total > 30*day {
			break // older than any threshold that somebody asks about
		}
	}
	return total
}

// Name implements market.Sessions.
func (Exchanges) Name(mic string) string {
	if h, ok := exchangeHours[mic]; ok {
		return h.name
	}
	return mic
}

// Simulated marks trading hours that are made up, so that a node knows to say so.
func (Exchanges) Simulated() {}
