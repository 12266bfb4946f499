package market

import (
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// sessionsText is the embedded data; its format is described in its first lines.
//
//go:embed sessions.txt
var sessionsText string

// hours are those of one exchange.
type hours struct {
	name     string
	zone     *time.Location
	weekdays [7]bool // by time.Weekday
	regular  []regularHours
	lunch    span // empty where there is none
	closed   map[Date]bool
	extra    map[Date]bool
	special  map[Date]span
	last     Date // to which days off are known, NoDate where they never were
}

// span is from one minute of the local day to another.
type span struct{ from, to int }

type regularHours struct {
	fromYear int
	span
}

var errSessions = errors.New("trading hours")

// parseSessions reads the format of sessions.txt.
func parseSessions(text string) (map[string]*hours, error) {
	markets := map[string]*hours{}
	var h *hours
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		var err error
		switch {
		case word == "market":
			var mic string
			if mic, h, err = parseMarket(rest); err == nil {
				markets[mic] = h
			}
		case word == "alias":
			err = parseAlias(markets, rest)
		case h == nil:
			err = errors.New("no market yet")
		default:
			err = h.parse(word, strings.Fields(rest))
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %.60q: %w", errSessions, line, err)
		}
	}
	return markets, nil
}

func parseMarket(rest string) (string, *hours, error) {
	cells := strings.SplitN(rest, " ", 6)
	if len(cells) != 6 || len(cells[2]) != 7 {
		return "", nil, errors.New("want MIC ZONE WEEKDAYS FIRST LAST NAME")
	}
	zone, err := time.LoadLocation(cells[1])
	if err != nil {
		return "", nil, err
	}
	h := &hours{name: cells[5], zone: zone, closed: map[Date]bool{}, extra: map[Date]bool{}, special: map[Date]span{}, last: NoDate}
	for i, c := range []byte(cells[2]) {
		h.weekdays[(i+1)%7] = c == '1' // the text begins with Monday, time.Weekday with Sunday
	}
	if cells[4] != "-" {
		if h.last, err = ParseDate(cells[4]); err != nil {
			return "", nil, err
		}
	}
	return cells[0], h, nil
}

// parseAlias gives a market another one's hours under a name of its own.
func parseAlias(markets map[string]*hours, rest string) error {
	cells := strings.SplitN(rest, " ", 3)
	if len(cells) != 3 || markets[cells[1]] == nil {
		return errors.New("want MIC OF NAME")
	}
	same := *markets[cells[1]]
	same.name = cells[2]
	markets[cells[0]] = &same
	return nil
}

func (h *hours) parse(word string, cells []string) error {
	if len(cells) < 2 {
		return errors.New("too few words")
	}
	switch word {
	case "hours":
		year, err := strconv.Atoi(cells[0])
		if err != nil || len(cells) != 3 {
			return errors.New("want YEAR OPEN CLOSE")
		}
		s, err := parseSpan(cells[1], cells[2])
		h.regular = append(h.regular, regularHours{fromYear: year, span: s})
		return err
	case "lunch":
		var err error
		h.lunch, err = parseSpan(cells[0], cells[1])
		return err
	case "special":
		s, err := parseSpan(cells[0], cells[1])
		if err != nil {
			return err
		}
		return eachDay("", cells[2:], func(d Date) { h.special[d] = s })
	case "closed":
		return eachDay(cells[0], cells[1:], func(d Date) { h.closed[d] = true })
	case "extra":
		return eachDay(cells[0], cells[1:], func(d Date) { h.extra[d] = true })
	}
	return errors.New("unknown word")
}

// eachDay reads days written MMDD after their year, or YYYYMMDD after none.
func eachDay(year string, days []string, do func(Date)) error {
	for _, text := range days {
		t, err := time.Parse("20060102", year+text)
		if err != nil {
			return err
		}
		do(DateOf(t))
	}
	return nil
}

// parseSpan reads two clock times; the second may be 24:00.
func parseSpan(from, to string) (span, error) {
	a, err := parseClock(from)
	if err != nil {
		return span{}, err
	}
	b, err := parseClock(to)
	if err != nil || b <= a {
		return span{}, fmt.Errorf("%s to %s is no time of trading", from, to)
	}
	return span{a, b}, nil
}

func parseClock(text string) (minute int, err error) {
	hour, rest, _ := strings.Cut(text, ":")
	h, err := strconv.Atoi(hour)
	if err != nil {
		return 0, err
	}
	m, err := strconv.Atoi(rest)
	if err != nil || h < 0 || m < 0 || m > 59 || h*60+m > 24*60 {
		return 0, fmt.Errorf("%q is no time of day", text)
	}
	return h*60 + m, nil
}
