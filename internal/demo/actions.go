package demo

import (
	"slices"
	"time"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// unbooked are what paid a dividend lately that the first person has not booked, so that whoever looks around finds one to accept.
var unbooked = [...]string{"MSFT", "JNJ"}

// forgetful is the number of the person who did not book the split of what forgotten names.
const (
	forgetful = 5
	forgotten = "NVDA"
)

// Of a dividend, in days: when it is paid, and around which of its days a booking is taken for it.
const (
	paidAfter    = 10
	bookedBefore = 4
	bookedAfter  = 46
)

// actions makes up what companies did of late: the splits that the history has, and dividends.
func (w *World) actions(h *history, now time.Time) []market.Action {
	var all []market.Action
	for i := range w.all {
		l := &w.all[i]
		if split, ok := splits[l.Symbol]; ok {
			all = append(all, market.Action{Instrument: l.ID, Kind: market.ActionSplit, Date: split.date, PayDate: market.NoDate,
				New: money.NewDecimal(split.new, 0), Old: money.One, Source: market.SourceSimulate, ObservedAt: now})
		}
		if slices.Contains(unbooked[:], l.Symbol) && l.Class == market.Stock {
			if d, ok := w.quiet(h, l.ID); ok {
				all = append(all, market.Action{Instrument: l.ID, Kind: market.ActionDividend, Date: h.dates[d], PayDate: h.dates[d] + paidAfter,
					Amount: decimal(h.closes[i][d]*l.yield/4, 2), Currency: l.Currency, Source: market.SourceSimulate, ObservedAt: now})
			}
		}
	}
	return all
}

// quiet is the newest day whose dividend is paid by now and around which the first person has none of an instrument booked.
func (w *World) quiet(h *history, id market.InstrumentID) (d int, ok bool) {
	const daysMax = 200 // quarters have quiet days
	for d := len(h.dates) - 1; d >= max(0, len(h.dates)-daysMax); d-- {
		weekday := h.dates[d].Weekday()
		if h.dates[d]+paidAfter > h.dates[len(h.dates)-1] || weekday == time.Saturday || weekday == time.Sunday {
			continue
		}
		if !slices.ContainsFunc(w.People[0].Activities, func(a ledger.Activity) bool {
			return a.Type == ledger.Dividend && a.Instrument == id && a.Date >= h.dates[d]-bookedBefore && a.Date <= h.dates[d]+bookedAfter
		}) {
			return d, true
		}
	}
	return 0, false
}
