package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// Bounds of the search for history.
const (
	backfilledMax   = 20                           // instruments that sources are asked about in one run: what those that want to be asked slowly bear
	lookedAtMax     = 500                          // instruments that are looked at in one run; most have all there is
	historyDays     = 20 * 365                     // where nobody said since when: what was held before that was asked for
	historyDaysMax  = 60 * 366                     // no source has more, and a slip of the finger in a year costs no more
	historyLead     = 10                           // days before the first of the month, so that the first day has a close before it
	togetherDays    = 100                          // between missing days that are asked for at once
	piecesMax       = 40                           // of one instrument in one run
	historyLease    = time.Minute + 30*time.Second // of one call; the claim is prolonged before each
	historyDeadline = 60 * time.Second
	failedAgain     = time.Hour
	failedSoon      = time.Minute // where some of it came
	lookedFrom      = time.Hour   // after midnight UTC, when the day before is looked for: most markets' closes are out
	lookedOver      = 3 * time.Hour
	endHistoryMax   = 10 * time.Second // to give a claim back, whoever stopped the run
)

// Backfill looks for closes that are missing, and for splits and dividends: of an instrument that somebody began to hold, from the
// month of its first day on; of all that are held, once a day. What is left of a run is found again by the next one. An error
// means that the store failed.
func (g *Ingest) Backfill(ctx context.Context) error {
	if !g.filling.TryLock() {
		return nil // the last run goes on
	}
	defer g.filling.Unlock()
	wanted, err := g.Store.Wanted(ctx)
	if err != nil {
		return fmt.Errorf("backfill: read what is wanted: %w", err)
	}
	states, err := g.Store.Histories(ctx, nil)
	if err != nil {
		return fmt.Errorf("backfill: %w", err)
	}
	now := g.now()
	var due []market.Instrument
	unasked := map[market.InstrumentID]market.Date{}
	for _, i := range wanted {
		h, there := states[i.ID]
		if !there && len(unasked) < lookedAtMax && g.hasHistorian(i) {
			unasked[i.ID] = market.DateOf(now.UTC()) - historyDays
			there = true
		}
		if there && (!h.AgainAt.After(now) || h.AgainAt.After(now.Add(2*upkeepEvery))) {
			due = append(due, i)
		}
	}
	if err := g.Store.WantHistory(ctx, unasked); err != nil {
		return fmt.Errorf("backfill: %w", err)
	}
	if err := g.readReports(ctx, wanted); err != nil {
		return fmt.Errorf("backfill: %w", err)
	}
	if len(due) > 0 {
		if err := g.catchUp(ctx); err != nil {
			return fmt.Errorf("backfill: %w", err)
		}
	}
	// Somebody waits for those that were never looked at; the others come by turns.
	slices.SortFunc(due, func(a, b market.Instrument) int {
		return cmp.Or(states[a.ID].TriedAt.Compare(states[b.ID].TriedAt), cmp.Compare(a.ID, b.ID))
	})
	asked := 0
	for _, i := range due[:min(len(due), lookedAtMax)] {
		if ctx.Err() != nil || asked >= backfilledMax {
			return nil
		}
		calls, err := g.backfill(ctx, i)
		if err != nil {
			return fmt.Errorf("backfill: %w", err)
		}
		if calls > 0 {
			asked++
		}
	}
	return nil
}

// hasHistorian says whether any source of the instrument's chain could have its history.
func (g *Ingest) hasHistorian(i market.Instrument) bool {
	return slices.ContainsFunc(g.Chains[ChainOf(i.Class)], func(source provider.Provider) bool {
		_, ok := provider.AdjustmentOf(source)
		_, named := nameAt(source, i)
		return ok && named
	})
}

// search is the search for one instrument's history, by whoever claimed it.
type search struct {
	g     *Ingest
	i     market.Instrument
	h     HistoryState
	lease time.Time
	today market.Date
	first market.Date // closes are looked for from here on
	calls int         // of sources

	refused    map[string]bool // sources that don't have this name
	failed     bool            // a source failed, or was left alone, that may have what is missing
	sawUnlike  bool            // a source's closes were not taken
	unlike     bool            // and nobody else had what they were wanted for
	nobody     bool            // there is no source to ask for what is missing
	before     Outcome         // of the run before
	gained     int             // closes
	splits     []market.Action // known by now, rising
	splitsFrom market.Date     // from this day on all splits are known; NoDate: none are
	dividends  *answered       // wait for the closes that they are held against
}

// errLost says that another node has the claim by now.
var errLost = errors.New("the claim is lost")

// backfill looks for what is missing of one instrument, and says how often sources were asked.
func (g *Ingest) backfill(ctx context.Context, i market.Instrument) (calls int, err error) {
	now := g.now()
	lease := now.Add(historyLease)
	h, ours, err := g.Store.ClaimHistory(ctx, i.ID, now, lease, lease.Add(skewMax))
	if err != nil || !ours {
		return 0, err
	}
	today := market.DateOf(now.UTC())
	s := &search{g: g, i: i, h: h, before: h.Outcome, lease: lease, today: today, first: max(h.WantedFrom, today-historyDaysMax) - historyLead, refused: map[string]bool{}, splitsFrom: market.NoDate}
	if of := s.historians(); of != h.SilentOf {
		s.h.Silent, s.h.SilentOf = nil, of // another source may have what these had not
	}
	s.h.Outcome = ""
	err = s.run(ctx)
	if errors.Is(err, errLost) {
		return s.calls, nil
	}
	if err != nil || ctx.Err() != nil {
		s.h.State, s.h.AgainAt = BackfillWaiting, time.Time{} // the next run goes on where this one was
	} else {
		s.conclude()
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endHistoryMax)
	defer cancel()
	if _, ended := g.Store.PutHistory(ending, s.h, s.lease, time.Time{}); ended != nil && err == nil {
		err = ended
	}
	return s.calls, err
}

// run asks for splits first, since closes may have to be held against them, then for closes, the newest first.
func (s *search) run(ctx context.Context) error {
	if err := s.askActions(ctx); err != nil {
		return err
	}
	trading := s.g.tradingDays(s.i, s.first, s.today-1)
	for range piecesMax {
		series, err := s.read(ctx)
		if err != nil {
			return err
		}
		missing := missingDays(trading, &series, s.h.Silent, s.today)
		if len(missing) == 0 || ctx.Err() != nil {
			break
		}
		inVain, err := s.fill(ctx, trading, &series, newestOf(missing, s.pieceDays()))
		if err != nil {
			return err
		}
		if s.failed || s.nobody {
			break // asked again before long, or when there is somebody to ask
		}
		if series, err = s.read(ctx); err != nil {
			return err
		}
		s.h.Silent = keepSilent(trading, &series, s.h.Silent, inVain, s.today)
		if err := s.keep(ctx); err != nil {
			return err
		}
	}
	if err := s.mendSplits(ctx); err != nil {
		return err
	}
	return s.putDividends(ctx)
}

// conclude says how the search ended.
func (s *search) conclude() {
	now := s.g.now()
	midnight := (s.today + 1).Time()
	s.h.AgainAt = midnight.Add(lookedFrom + spread(s.i.ID, lookedOver))
	switch {
	case s.failed:
		s.h.State, s.h.AgainAt = BackfillFailed, now.Add(failedAgain)
		if s.gained > 0 {
			s.h.AgainAt = now.Add(failedSoon)
		}
	case s.unlike, s.before == OutcomeUnlike && s.gained == 0:
		s.h.State, s.h.Outcome = BackfillFailed, OutcomeUnlike
	case s.h.Bars == 0:
		s.h.State = BackfillNone
	default:
		s.h.State, s.h.DoneAt, s.h.Outcome = BackfillDone, now, ""
	}
}

// spread is a part of a span that an instrument always gets, so that not all are asked for at once.
func spread(id market.InstrumentID, over time.Duration) time.Duration {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(id)) // never fails
	return over / 1000 * time.Duration(sum.Sum32()%1000)
}

// read gives the stored closes and takes down how far they go.
func (s *search) read(ctx context.Context) (market.Series, error) {
	series, err := s.g.Store.Series(ctx, s.i.ID, s.first-overlapDays, s.today)
	if err != nil {
		return market.Series{}, fmt.Errorf("read bars of %s: %w", s.i.ID, err)
	}
	s.h.From, s.h.Until, s.h.Bars = market.NoDate, market.NoDate, 0
	if n := series.Len(); n > 0 {
		s.h.From, s.h.Until, s.h.Bars = series.Dates[0], series.Dates[n-1], n
	}
	return series, nil
}

// keep writes down how far the search is, and prolongs the claim.
func (s *search) keep(ctx context.Context) error {
	next := s.g.now().Add(historyLease)
	ours, err := s.g.Store.PutHistory(ctx, s.h, s.lease, next)
	if err != nil {
		return fmt.Errorf("keep how far history is: %w", err)
	}
	if !ours {
		return errLost
	}
	s.lease = next
	return nil
}

// pieceDays is how long a period the source that is asked first wants to be asked for at most.
func (s *search) pieceDays() market.Date {
	for _, source := range s.g.Chains[ChainOf(s.i.Class)] {
		if s.historian(source, s.first) == nil || s.g.gates[source.Name()].closedUntil(s.g.now()).After(s.g.now()) {
			continue
		}
		return reachDays(source)
	}
	return historyDaysMax
}

// reachDays is how long a period of missing days a source can be asked for at once.
func reachDays(source provider.Provider) market.Date {
	if pieced, ok := source.(provider.Pieced); ok {
		return max(market.Date(pieced.HistoryDays())-2*overlapDays, 1)
	}
	return historyDaysMax
}

// historians names the sources that could have closes of the instrument, in the order of their chain.
func (s *search) historians() string {
	var names []string
	for _, source := range s.g.Chains[ChainOf(s.i.Class)] {
		_, ok := provider.AdjustmentOf(source)
		if _, named := nameAt(source, s.i); ok && named {
			names = append(names, source.Name())
		}
	}
	return strings.Join(names, " ")
}

// newestOf are the newest of the missing days, within one piece: what is far apart is asked for by itself, so that a source which
// has one day but not the other isn't taken to have answered.
func newestOf(missing []market.Date, days market.Date) []market.Date {
	newest, from := missing[len(missing)-1], len(missing)-1
	for from > 0 && missing[from]-missing[from-1] <= togetherDays && newest-missing[from-1] < days {
		from--
	}
	return missing[from:]
}

// fill asks one source after the other for the missing days of one piece. It gives those that all who answered were asked for in
// vain; none where a source that may have them failed. What lies before the reach of some is left for another piece.
func (s *search) fill(ctx context.Context, trading []market.Date, series *market.Series, missing []market.Date) (inVain []market.Date, err error) {
	asked, gained, failed := 0, false, false
	reached := missing[0] // the days from here on were asked for of all
	for _, source := range s.g.Chains[ChainOf(s.i.Class)] {
		if gained && !lastingRun(trading, missing) || len(missing) == 0 {
			break
		}
		to := missing[len(missing)-1]
		from := max(missing[0], to-reachDays(source)+1)
		raw := s.historian(source, from)
		if raw == nil {
			continue
		}
		bars, err := s.ask(ctx, source, raw, from-overlapDays, min(to+overlapDays, s.today-1))
		switch {
		case errors.Is(err, errOpen):
			failed = true
			continue
		case err != nil && isStore(err), errors.Is(err, errLost):
			return nil, err
		}
		asked++
		if err != nil {
			s.h.Outcome = provider.OutcomeOf(err)
			failed = failed || !s.h.Outcome.PerSymbol()
			continue
		}
		if err := likeStored(series, bars, s.splits, s.g.book.mark(s.i.ID)); err != nil {
			s.sawUnlike, s.refused[source.Name()] = true, true
			s.g.Log.Warn("history not taken", "source", source.Name(), "instrument", s.i.ID, "reason", err)
			continue
		}
		reached = max(reached, from)
		fresh := slices.DeleteFunc(bars, func(b market.Bar) bool {
			_, day, ok := series.At(b.Date)
			return ok && day == b.Date || b.Date < from || b.Date > to
		})
		if len(fresh) == 0 {
			continue
		}
		if err := s.put(ctx, source.Name(), fresh); err != nil {
			return nil, err
		}
		gained = true
		*series = market.NewSeries(s.i.ID, s.i.Currency, mergeBars(barsOf(series), fresh))
		missing = missingDays(missing, series, nil, s.today)
		if err := s.keep(ctx); err != nil {
			return nil, err
		}
	}
	first, _ := slices.BinarySearch(missing, reached)
	inVain = missing[first:]
	incomplete := len(inVain) > 0 && (lastingRun(trading, inVain) || !gained)
	s.failed = failed && incomplete
	s.unlike = s.unlike || s.sawUnlike && incomplete
	s.nobody = asked == 0 && !failed
	if s.failed || s.nobody {
		return nil, nil
	}
	return inVain, nil
}

// mergeBars joins bars of days that differ, rising.
func mergeBars(a, b []market.Bar) []market.Bar {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b market.Bar) int { return cmp.Compare(a.Date, b.Date) })
	return all
}

// put stores closes of a source.
func (s *search) put(ctx context.Context, source string, bars []market.Bar) error {
	defer s.g.tellCloses(ctx)
	if err := s.g.putBars(ctx, s.i.ID, bars); err != nil {
		return fmt.Errorf("keep bars of %s: %w", s.i.ID, err)
	}
	s.h.Source = source
	s.h.From, s.h.Until = bars[0].Date, max(s.h.Until, bars[len(bars)-1].Date)
	s.gained += len(bars)
	s.h.Bars += len(bars)
	s.g.Log.Info("history filled", "source", source, "instrument", s.i.ID, "from", bars[0].Date.String(), "bars", len(bars))
	return nil
}
