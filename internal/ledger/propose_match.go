package ledger

import (
	"cmp"
	"slices"

	"folioscope/internal/market"
)

// When a dividend is booked, in days from its ex-date and its day of payment: brokers may be quick or slow.
const (
	paidDaysBefore = 3
	paidDaysAfter  = 45
	paidDaysLate   = 10 // after a known day of payment
)

// payment is when a dividend may have been booked.
type payment struct {
	exDate                     market.Date // of which an instrument has one dividend
	earliest, expected, latest market.Date
}

func paymentOf(a *market.Action, expected market.Date) payment {
	p := payment{a.Date, a.Date - paidDaysBefore, expected, a.Date + paidDaysAfter}
	if a.PayDate != market.NoDate {
		p.latest = max(p.latest, a.PayDate+paidDaysLate)
	}
	return p
}

// match pairs dividends, which it sorts, with the days on which some were booked, rising, and gives the ex-dates of those that have
// one. A booking stands for one dividend, though those of a monthly payer fit several: as many as can be are paired, in the order of
// their payments, and as near to these as can be.
func match(payments []payment, booked []market.Date) map[market.Date]bool {
	slices.SortStableFunc(payments, func(a, b payment) int { return cmp.Compare(a.expected, b.expected) })
	rows := make([]pairing, len(payments)+1)
	first := len(booked)
	for i, p := range slices.Backward(payments) { // what is too early for one dividend may be right for a later one
		at, _ := slices.BinarySearch(booked, p.earliest)
		first = min(first, at)
		rows[i+1].from = first
	}
	to := 0
	for i, p := range payments {
		for to < len(booked) && booked[to] <= p.latest {
			to++
		}
		rows[i+1].fill(&rows[i], booked, to, p)
	}
	taken := map[market.Date]bool{}
	left := len(booked)
	for i := len(payments); i > 0; i-- {
		var paired bool
		if left, paired = rows[i].last(left); paired {
			taken[payments[i-1].exDate] = true
		}
	}
	return taken
}

// pairing is how well the first dividends can be paired with the first bookings, for every number of bookings that makes a difference.
type pairing struct {
	from  int // bookings that are too early for this dividend and for all later ones
	best  []score
	steps []choice // how each came about
}

// score counts pairs, then how far their days are apart in all; more is better.
type score int64

const onePair score = 1 << 40 // more than all days can come to

// choice is what the last step of a pairing was.
type choice uint8

const (
	leaveDividend choice = iota
	leaveBooking
	pair
)

// at is the best for so many bookings.
func (p *pairing) at(n int) score {
	if len(p.best) == 0 {
		return 0
	}
	return p.best[min(n-p.from, len(p.best)-1)]
}

// fill works a row out from the one before it, with one dividend more; the bookings from to on are too late for it and for all before.
func (p *pairing) fill(before *pairing, booked []market.Date, to int, due payment) {
	to = max(to, p.from)
	p.best, p.steps = make([]score, to-p.from+1), make([]choice, to-p.from+1)
	for n := p.from; n <= to; n++ {
		best, by := before.at(n), leaveDividend
		if n > p.from {
			if s := p.best[n-p.from-1]; s > best {
				best, by = s, leaveBooking
			}
			if day := booked[n-1]; day >= due.earliest && day <= due.latest {
				if s := before.at(n-1) + onePair - score(max(day-due.expected, due.expected-day)); s > best {
					best, by = s, pair
				}
			}
		}
		p.best[n-p.from], p.steps[n-p.from] = best, by
	}
}

// last says whether the best pairing with so many bookings has one for the last dividend, and how many are left for those before it.
func (p *pairing) last(n int) (left int, paired bool) {
	n = min(n-p.from, len(p.steps)-1)
	if n < 0 {
		return p.from + n, false
	}
	for p.steps[n] == leaveBooking {
		n--
	}
	if p.steps[n] == pair {
		return p.from + n - 1, true
	}
	return p.from + n, false
}
