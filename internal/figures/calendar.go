package figures

import (
	"math"
	"slices"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// MonthReturn is the time-weighted return of one month, within the period: what evaluate's twr is for those days.
type MonthReturn struct {
	Month  Month
	Return *Float // a share, 0.01 is 1 %; nil where a day of it can't be known
}

// YearReturn is the time-weighted return of one calendar year, within the period.
type YearReturn struct {
	Year     int
	Return   *Float
	Complete bool // the period holds all its days
}

// DatedReturn is the time-weighted return of one day, from the end of the day before.
type DatedReturn struct {
	Date   market.Date
	Return Float
}

// RollingReturns are time-weighted returns over windows of so many months.
type RollingReturns struct {
	Months int
	Points []RollingPoint // at each month's end and at the end of the period, rising
}

// RollingPoint is the return over the window that ends with a day. A window begins after the same day so many months before,
// a month's last day counting as the same as another's; none begins before the portfolio does.
type RollingPoint struct {
	Date       market.Date
	Return     *Float // over the whole window; nil where a day of it can't be known
	Annualised *Float // (1 + return)^(365 / days) − 1, for windows of 365 days and more
}

// ReturnTable is how a period went, by month, year, window and fall. Returns chain: the months of a year to the year's, the
// years to evaluate's twr of the period. A month with nothing invested returned 0; before the first activity of all there is
// nothing to list.
type ReturnTable struct {
	From, To   market.Date
	Months     []MonthReturn    // every month of the period, rising
	Years      []YearReturn     // every year of it, rising
	Rolling    []RollingReturns // of 12, 36 and 60 months; windows may begin before the period
	BestDay    *DatedReturn     // of the trading days: those on which something held or traded has a price of its own
	WorstDay   *DatedReturn
	BestMonth  *MonthReturn // of Months, the first of equals; parts of months at both ends of the period count too
	WorstMonth *MonthReturn
	Drawdowns  []DrawdownPeriod // the deepest ten, deepest first; of the days before the first that can't be known
	Problems   []Problem
}

// rollingMonths are the windows of rolling returns: one, three and five years, as funds print them.
var rollingMonths = [...]int{12, 36, 60}

// CalendarReturns works out the returns of a period, both days whole, by the conventions of evaluate's twr; market.NoDate as
// from begins with the first activity.
func CalendarReturns(book ledger.Book, m *Market, from, to market.Date) (ReturnTable, error) {
	from, err := checkPeriod(book, from, to)
	if err != nil {
		return ReturnTable{}, err
	}
	if len(book.Activities) == 0 || book.Activities[0].Date > to {
		return ReturnTable{From: from, To: to, Problems: []Problem{}}, nil
	}
	begin := min(from, book.Activities[0].Date) // of the walk: rolling windows look back
	w, err := walkBook(book, m, begin, to, nil)
	if err != nil {
		return ReturnTable{}, err
	}
	life := dayLinks{first: begin, days: daily(&w.track, w.prices, w.rates, begin, to, &w.problems)}
	life.link(w.start, &w.problems)
	out := ReturnTable{From: from, To: to}
	out.months(life)
	out.extremes(life)
	out.rolling(life, book.Activities[0].Date)
	out.falls(w, life)
	out.Problems = w.gapsFound()
	return out, nil
}

// dayLinks are days with a link of the chain each. One that can't be known leaves the others as they are.
type dayLinks struct {
	first market.Date
	days  []dayValue
	links []dayReturn
}

func (l *dayLinks) link(start money.Maybe, found *problems) {
	l.links = make([]dayReturn, len(l.days))
	for i := range l.days {
		into := found
		if i > 0 && l.links[i-1].unknown {
			into = new(problems) // the first day of a stretch that can't be known says it for all
		}
		l.links[i] = chain(start, l.days[i:i+1], into)[0]
		start = l.days[i].value
	}
}

// over is the return from a day to a day, both whole, chained as evaluate chains; nil where one of the days can't be known.
func (l *dayLinks) over(from, to market.Date) *Float {
	index := 1.0
	for _, link := range l.links[from-l.first : to-l.first+1] {
		if link.unknown {
			return nil
		}
		index *= link.growth
	}
	return rated(index - 1)
}

func (r *ReturnTable) months(life dayLinks) {
	for month := monthOf(r.From); month <= monthOf(r.To); month++ {
		r.Months = append(r.Months, MonthReturn{month, life.over(max(month.First(), r.From), min(month.Last(), r.To))})
	}
	for year := r.From.Year(); year <= r.To.Year(); year++ {
		first, last := market.NewDate(year, 1, 1), market.NewDate(year, 12, 31)
		r.Years = append(r.Years, YearReturn{
			Year: year, Return: life.over(max(first, r.From), min(last, r.To)), Complete: first >= r.From && last <= r.To,
		})
	}
}

func (r *ReturnTable) extremes(life dayLinks) {
	for _, link := range life.links[r.From-life.first:] {
		if link.unknown || !link.counts {
			continue
		}
		rate := rated(link.rate)
		if rate == nil {
			continue
		}
		if r.BestDay == nil || *rate > r.BestDay.Return {
			r.BestDay = &DatedReturn{link.date, *rate}
		}
		if r.WorstDay == nil || *rate < r.WorstDay.Return {
			r.WorstDay = &DatedReturn{link.date, *rate}
		}
	}
	for i := range r.Months {
		month := &r.Months[i]
		if month.Return == nil {
			continue
		}
		if r.BestMonth == nil || *month.Return > *r.BestMonth.Return {
			r.BestMonth = month
		}
		if r.WorstMonth == nil || *month.Return < *r.WorstMonth.Return {
			r.WorstMonth = month
		}
	}
}

// rolling works out the windows that lie within the portfolio's life, of which first is the first day.
func (r *ReturnTable) rolling(life dayLinks, first market.Date) {
	for _, months := range rollingMonths {
		one := RollingReturns{Months: months, Points: []RollingPoint{}}
		for _, on := range monthEnds(r.From, r.To) {
			begin := monthsBefore(on, months) + 1
			if begin < first {
				continue
			}
			point := RollingPoint{Date: on, Return: life.over(begin, on)}
			if days := int(on-begin) + 1; days >= daysPerYear && point.Return != nil && *point.Return >= -1 {
				point.Annualised = rated(math.Pow(1+float64(*point.Return), daysPerYear/float64(days)) - 1)
			}
			one.Points = append(one.Points, point)
		}
		r.Rolling = append(r.Rolling, one)
	}
}

// falls lists the drawdowns of the period, up to the first day that can't be known.
func (r *ReturnTable) falls(w walked, life dayLinks) {
	links := life.links[r.From-life.first:]
	if unknown := slices.IndexFunc(links, func(link dayReturn) bool { return link.unknown }); unknown >= 0 {
		w.problems.add("returns.drawdowns", "not known from %s on", links[unknown].date)
		links = links[:unknown]
	}
	start := w.start
	if before := int(r.From - life.first); before > 0 {
		start = life.days[before-1].value
	}
	chained := chain(start, life.days[int(r.From-life.first):][:len(links)], &w.problems)
	r.Drawdowns = deepest(drawdowns(chained, r.From).periods)
}
