package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/market"
)

// Calendar is the markets' hours with what administrators say of single days.
type Calendar interface {
	Markets() []string // those whose hours are known, sorted
	Name(mic string) string
	Horizon(mic string) market.Date
	// Day is when trading begins and ends, by what holds now; ok is false on a day off.
	Day(mic string, day market.Date) (opens, closes time.Time, ok bool)
	Overrides(ctx context.Context) ([]market.Override, error)
	// PutOverride keeps one in the place of one of the same day; every node goes by it within half a minute.
	PutOverride(ctx context.Context, o market.Override, write audit.Write) error
	DeleteOverride(ctx context.Context, mic string, day market.Date, write audit.Write) error
}

// CalendarMarket is a market whose hours are known.
type CalendarMarket struct {
	MIC     string  `json:"mic"`
	Name    string  `json:"name"`
	KnownTo *string `json:"known_to" doc:"the last day for which its days off are known"`
}

// CalendarOverride is what an administrator says of one day of a market.
type CalendarOverride struct {
	MIC    string  `json:"mic"`
	Name   string  `json:"name"`
	Day    string  `json:"day"`
	Closed bool    `json:"closed" doc:"all day"`
	Opens  *string `json:"opens" doc:"by the market's own clock, as 09:30"`
	Closes *string `json:"closes"`
	Note   string  `json:"note"`
}

// MarketCalendar is the markets that are known, and the days that administrators changed.
type MarketCalendar struct {
	Markets   []CalendarMarket   `json:"markets" nullable:"false"`
	Overrides []CalendarOverride `json:"overrides" nullable:"false"`
}

// CalendarDay is what a market does on a day.
type CalendarDay struct {
	MIC      string            `json:"mic"`
	Name     string            `json:"name"`
	Day      string            `json:"day"`
	Closed   bool              `json:"closed"`
	Opens    *string           `json:"opens" doc:"by the market's own clock, as 09:30"`
	Closes   *string           `json:"closes"`
	Override *CalendarOverride `json:"override" doc:"what an administrator said of it"`
}

// CalendarDayPath names a day of a market.
type CalendarDayPath struct {
	MIC string `path:"mic" maxLength:"10"`
	Day string `path:"day" maxLength:"10" doc:"YYYY-MM-DD"`
}

type putCalendarDayInput struct {
	CalendarDayPath
	Body struct {
		Closed bool    `json:"closed"`
		Opens  *string `json:"opens,omitempty" doc:"as 09:30, by the market's own clock; not where it is closed"`
		Closes *string `json:"closes,omitempty" doc:"as 16:00"`
		Note   string  `json:"note,omitempty" maxLength:"200"`
	}
}

func (s *Server) addCalendarRoutes() {
	const tag, day = "Administration", "/api/v1/admin/calendar/{mic}/{day}"
	typed(s, route{method: "GET", path: "/api/v1/admin/calendar", class: classRead, action: access.ReadCalendar, tag: tag, summary: "Markets, and their days that administrators changed"}, http.StatusOK, s.listCalendar)
	typed(s, route{method: "GET", path: day, class: classRead, action: access.ReadCalendar, tag: tag, summary: "What a market does on a day"}, http.StatusOK, s.readCalendarDay)
	typed(s, route{method: "PUT", path: day, class: classChange, action: access.ChangeCalendar, tag: tag, summary: "Say what a market does on a day instead of what the calendar says"}, http.StatusOK, s.putCalendarDay)
	typed(s, route{method: "DELETE", path: day, class: classChange, action: access.ChangeCalendar, tag: tag, summary: "Go by the calendar again"}, http.StatusOK, s.deleteCalendarDay)
}

// calendar is the markets' hours, where this service goes by real ones.
func (s *Server) calendar() (Calendar, error) {
	if s.options.Calendar == nil {
		return nil, fault.New(fault.Unavailable, "The markets of this server are made up, and their hours can't be changed.")
	}
	return s.options.Calendar, nil
}

func (s *Server) listCalendar(ctx context.Context, _ *struct{}) (*answer[MarketCalendar], error) {
	calendar, err := s.calendar()
	if err != nil {
		return nil, err
	}
	overrides, err := calendar.Overrides(ctx)
	if err != nil {
		return nil, err
	}
	out := MarketCalendar{Markets: []CalendarMarket{}, Overrides: make([]CalendarOverride, 0, len(overrides))}
	for _, mic := range calendar.Markets() {
		m := CalendarMarket{MIC: mic, Name: calendar.Name(mic)}
		if last := calendar.Horizon(mic); last != market.NoDate {
			m.KnownTo = given(last.String())
		}
		out.Markets = append(out.Markets, m)
	}
	for _, o := range overrides {
		out.Overrides = append(out.Overrides, overrideOf(calendar, o))
	}
	return &answer[MarketCalendar]{out}, nil
}

// ofDay finds the calendar, and the market and day of a path.
func (s *Server) ofDay(in CalendarDayPath) (Calendar, market.Date, error) {
	calendar, err := s.calendar()
	if err != nil {
		return nil, market.NoDate, err
	}
	if _, known := slices.BinarySearch(calendar.Markets(), in.MIC); !known {
		return nil, market.NoDate, fault.New(fault.NotFound, "The calendar has no such market.")
	}
	day, err := market.ParseDate(in.Day)
	if err != nil {
		return nil, market.NoDate, fault.At("day", "This is no day such as 2026-12-24.")
	}
	return calendar, day, nil
}

func (s *Server) readCalendarDay(ctx context.Context, in *CalendarDayPath) (*answer[CalendarDay], error) {
	calendar, day, err := s.ofDay(*in)
	if err != nil {
		return nil, err
	}
	out, err := calendarDayOf(ctx, calendar, in.MIC, day)
	return &answer[CalendarDay]{out}, err
}

func (s *Server) putCalendarDay(ctx context.Context, in *putCalendarDayInput) (*answer[CalendarDay], error) {
	calendar, day, err := s.ofDay(in.CalendarDayPath)
	if err != nil {
		return nil, err
	}
	o := market.Override{MIC: in.MIC, Day: day, Closed: in.Body.Closed, Note: in.Body.Note}
	for _, field := range []struct {
		name string
		from *string
		to   *int
	}{{"opens", in.Body.Opens, &o.Opens}, {"closes", in.Body.Closes, &o.Closes}} {
		if field.from == nil {
			if !o.Closed {
				return nil, fault.At(field.name, "This needs a time such as 09:30.")
			}
			continue
		}
		if *field.to, err = minuteOf(*field.from); err != nil {
			return nil, fault.At(field.name, "This is no time such as 09:30.")
		}
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	if err := calendar.PutOverride(ctx, o, s.calendarWrite(ctx, in.MIC, day)); err != nil {
		return nil, err
	}
	out, err := calendarDayOf(ctx, calendar, in.MIC, day)
	return &answer[CalendarDay]{out}, err
}

func (s *Server) deleteCalendarDay(ctx context.Context, in *CalendarDayPath) (*answer[CalendarDay], error) {
	calendar, day, err := s.ofDay(*in)
	if err != nil {
		return nil, err
	}
	if err := calendar.DeleteOverride(ctx, in.MIC, day, s.calendarWrite(ctx, in.MIC, day)); err != nil {
		return nil, err
	}
	out, err := calendarDayOf(ctx, calendar, in.MIC, day)
	return &answer[CalendarDay]{out}, err
}

func (s *Server) calendarWrite(ctx context.Context, mic string, day market.Date) audit.Write {
	entry := callOf(ctx).entry(audit.CalendarChanged, mic+" "+day.String())
	entry.Owner = "" // a market is nobody's
	return audit.Write{Audit: entry}
}

func calendarDayOf(ctx context.Context, calendar Calendar, mic string, day market.Date) (CalendarDay, error) {
	overrides, err := calendar.Overrides(ctx)
	if err != nil {
		return CalendarDay{}, err
	}
	out := CalendarDay{MIC: mic, Name: calendar.Name(mic), Day: day.String(), Closed: true}
	if opens, closes, ok := calendar.Day(mic, day); ok {
		out.Closed, out.Opens, out.Closes = false, given(opens.Format("15:04")), given(closes.Format("15:04"))
		if *out.Closes == clockOf(0) {
			out.Closes = given("24:00") // it ends the day rather than begins it
		}
	}
	for _, o := range overrides {
		if o.MIC == mic && o.Day == day {
			said := overrideOf(calendar, o)
			out.Override = &said
		}
	}
	return out, nil
}

func overrideOf(calendar Calendar, o market.Override) CalendarOverride {
	out := CalendarOverride{MIC: o.MIC, Name: calendar.Name(o.MIC), Day: o.Day.String(), Closed: o.Closed, Note: o.Note}
	if !o.Closed {
		out.Opens, out.Closes = given(clockOf(o.Opens)), given(clockOf(o.Closes))
	}
	return out
}

// clockOf is a minute of the day as 09:30; 24:00 ends it.
func clockOf(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

// minuteOf reads 09:30, and 24:00 as the end of the day.
func minuteOf(text string) (int, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, fault.New(fault.Invalid, "no time of day")
	}
	return t.Hour()*60 + t.Minute(), nil
}
