package journal

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Held is a portfolio's positions at one sequence, with what is needed to show them. It never changes once made.
type Held struct {
	Portfolio   ledger.Portfolio
	Accounts    []ledger.Account
	Instruments map[market.InstrumentID]market.Instrument // of the whole book
	Holdings    *figures.Holdings
	Needs       []market.InstrumentID // whose marks it is valued with: open positions, then rates; rising in each
	// Manual is what its owner entered by hand, of those of Needs that have such a price, and of own ones without: those are nil. It is
	// nil itself for nearly everybody.
	Manual map[market.InstrumentID]*market.Mark

	Basis Basis

	activities int // of the book
	bytes      int
	until      time.Time // when to work it out anew since rates of past days were missing; zero for never
}

// Basis is the closes that positions were worked out with.
type Basis struct {
	from   []market.InstrumentID
	at     int64 // of the changes of closes
	closes *closes
}

// Stands says that none of them is known to have changed.
func (b Basis) Stands() bool { return len(b.from) == 0 || b.closes.stand(b.at, b.from...) }

// Outdated says that closes have changed that positions were worked out with, or that rates of past days were missing then, long enough ago to
// try again.
func (h *Held) Outdated(now time.Time) bool {
	return !h.until.IsZero() && !now.Before(h.until) || !h.Basis.Stands()
}

// Holdings gives a portfolio's positions at a sequence or a later one, as Book does.
func (j *Journal) Holdings(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64) (*Held, error) {
	k := key{owner, portfolio}
	if held, ok := j.held.Get(k, func(h *Held) bool { return h.Portfolio.Sequence >= atLeastSequence && !h.Outdated(j.now()) }); ok {
		return held, nil
	}
	outdated, _ := j.held.Peek(k)
	name := flightName("held", k, atLeastSequence)
	var held *Held
	err := j.untilAt(ctx, atLeastSequence, func() (int64, error) {
		var err error
		held, err = share(ctx, j, name, func(ctx context.Context) (*Held, error) {
			book, ok := j.books.Get(k, bookAt(atLeastSequence))
			if !ok {
				var err error
				if book, err = j.loadBook(ctx, k, atLeastSequence); err != nil {
					return nil, err
				}
			}
			held, err := j.hold(ctx, *book)
			if err != nil {
				return nil, err
			}
			j.keep(k, held)
			return held, nil
		})
		if err != nil {
			return 0, err
		}
		return held.Portfolio.Sequence, nil
	})
	if fault.Is(err, fault.Unavailable) && outdated != nil && outdated.Portfolio.Sequence >= atLeastSequence && j.closes.within(awayAgeMax, j.now()) {
		return outdated, nil // some rates of past days are missing in it, which it says, or were others
	}
	return held, err
}

// keep caches positions, never older ones over newer.
func (j *Journal) keep(k key, held *Held) {
	j.held.PutNewer(k, held, func(there *Held) bool { return there.Portfolio.Sequence > held.Portfolio.Sequence })
}

// hold works out a book's positions; it needs the rates of the days on which something happened in another currency.
func (j *Journal) hold(ctx context.Context, book ledger.Book) (*Held, error) {
	from := ratesOf(book)
	rates, at, err := j.load(ctx, from)
	if err != nil {
		return nil, err
	}
	holdings, err := through(ctx, j, len(book.Activities), func() (*figures.Holdings, error) { return figures.Hold(book, rates) })
	if err != nil {
		return nil, fmt.Errorf("work out positions: %w", err)
	}
	open := holdings.Instruments()
	held := &Held{
		Portfolio: book.Portfolio, Accounts: book.Accounts, Holdings: holdings,
		Instruments: book.Instruments, activities: len(book.Activities),
		Needs: slices.Concat(open, neededRates(holdings.Currencies(), book.Portfolio.BaseCurrency)),
		Basis: Basis{from: slices.AppendSeq(from, sourced(book.Prices)), at: at, closes: j.closes},
	}
	if held.Manual, err = j.manual(ctx, book, open); err != nil {
		return nil, err
	}
	held.bytes = heldBytes(held, len(book.Activities))
	if ratesMissing(book, rates) {
		held.until = j.now().Add(incompleteAgeMax)
	}
	return held, nil
}

// ratesMissing says whether a rate has no closes, or none as old as the book: they may still be on their way.
func ratesMissing(book ledger.Book, rates *figures.Market) bool {
	const fixesApartMax = 10 // days: no fix is awaited longer than a long holiday
	ids := ratesOf(book)
	for _, id := range ids {
		series := rates.Series[id]
		if series == nil || len(book.Activities) > 0 && series.Dates[0] > book.Activities[0].Date+fixesApartMax {
			return true
		}
	}
	return false
}

// neededRates are the marks that turn currencies into the base one.
func neededRates(foreign []money.Currency, base money.Currency) []market.InstrumentID {
	var ids []market.InstrumentID
	if len(foreign) == 0 {
		return nil
	}
	for _, c := range append(slices.Clone(foreign), base) {
		if c != market.RateBase {
			ids = append(ids, market.RateID(c))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// ratesOf are the rates of every currency that a book names.
func ratesOf(book ledger.Book) []market.InstrumentID {
	var foreign []money.Currency
	add := func(c money.Currency) {
		if c != "" && c != book.Portfolio.BaseCurrency && !slices.Contains(foreign, c) {
			foreign = append(foreign, c)
		}
	}
	for i := range book.Activities {
		add(book.Activities[i].Currency)
		add(book.Activities[i].ToCurrency)
	}
	for _, instrument := range book.Instruments {
		add(instrument.Currency)
	}
	for _, account := range book.Accounts {
		add(account.Currency)
	}
	return neededRates(foreign, book.Portfolio.BaseCurrency)
}

// Market gives the past that a book's history and performance are worked out with: the closes of all it ever held, and the
// rates of all its currencies. Series are shared: nobody changes them.
func (j *Journal) Market(ctx context.Context, book *ledger.Book) (*figures.Market, error) {
	ids := ratesOf(*book)
	for id := range book.Instruments {
		if !ledger.IsOwn(id) {
			ids = append(ids, id)
		}
	}
	m, _, err := j.load(ctx, ids)
	if err != nil {
		return nil, err
	}
	for id, prices := range book.Prices {
		if i, named := book.Instruments[id]; named && len(prices) > 0 {
			m.Series[id] = withManual(m.Series[id], i, prices)
		}
	}
	return m, nil
}

// SeriesIn gives the closes of an instrument as a book knows them: those of its sources and, on days that they have none of, those
// that its owner entered.
func (j *Journal) SeriesIn(ctx context.Context, book *ledger.Book, id market.InstrumentID) (*market.Series, error) {
	series := &market.Series{Instrument: id, Currency: book.Instruments[id].Currency}
	if !ledger.IsOwn(id) {
		var err error
		if series, err = j.Series(ctx, id); err != nil {
			return nil, err
		}
	}
	return withManual(series, book.Instruments[id], book.Prices[id]), nil
}

// withManual fills the days that a series has no close of with manual prices.
func withManual(series *market.Series, i market.Instrument, prices []ledger.ManualPrice) *market.Series {
	if len(prices) == 0 {
		return series
	}
	filled := series.Fill(i.ID, i.Currency, ledger.ManualBars(prices))
	filled.Sparse = ledger.IsOwn(i.ID)
	return filled
}

// manual is the newest manual price of each of some instruments; see Held.Manual.
func (j *Journal) manual(ctx context.Context, book ledger.Book, ids []market.InstrumentID) (map[market.InstrumentID]*market.Mark, error) {
	if len(book.Own) == 0 && len(book.Prices) == 0 {
		return nil, nil
	}
	marks := make(map[market.InstrumentID]*market.Mark)
	for _, id := range ids {
		prices := book.Prices[id]
		if len(prices) == 0 {
			if ledger.IsOwn(id) {
				marks[id] = nil
			}
			continue
		}
		series, err := j.SeriesIn(ctx, &book, id)
		if err != nil {
			return nil, err
		}
		marks[id] = ledger.ManualMark(book.Instruments[id], prices, series)
	}
	return marks, nil
}

// sourced are the instruments with manual prices that sources have closes of as well.
func sourced(prices map[market.InstrumentID][]ledger.ManualPrice) iter.Seq[market.InstrumentID] {
	return func(yield func(market.InstrumentID) bool) {
		for id := range prices {
			if !ledger.IsOwn(id) && !yield(id) {
				return
			}
		}
	}
}

// Series gives an instrument's closes as they are.
func (j *Journal) Series(ctx context.Context, id market.InstrumentID) (*market.Series, error) {
	if err := j.lookAtCloses(ctx); err != nil {
		return nil, err
	}
	return j.seriesAt(ctx, id, j.closes.at())
}

// seriesAt gives an instrument's closes as of a number of their changes, or later.
func (j *Journal) seriesAt(ctx context.Context, id market.InstrumentID, at int64) (*market.Series, error) {
	if cached, ok := j.series.Get(id, j.fresh(id)); ok {
		return cached.series, nil
	}
	return share(ctx, j, fmt.Sprintf("series %d %s", at, id), func(ctx context.Context) (*market.Series, error) {
		series, err := j.store.Series(ctx, id, market.NoDate, lastDate)
		if cached, ok := j.series.Peek(id); ok && fault.Is(err, fault.Unavailable) && j.closes.within(awayAgeMax, j.now()) {
			return cached.series, nil
		}
		if err != nil {
			return nil, fmt.Errorf("load closes of %s: %w", id, err)
		}
		read := &loadedSeries{series: &series, at: at, since: j.now(), bytes: seriesBytes(&series)}
		j.series.PutNewer(id, read, func(there *loadedSeries) bool { return there.at > at })
		return &series, nil
	})
}

// lastDate is after every close that there can be.
const lastDate = market.Date(84006) // 2200-01-01

type loadedSeries struct {
	series *market.Series
	at     int64 // of changes of closes that it has at least
	since  time.Time
	bytes  int
}

// fresh says whether an instrument's series needn't be read again.
func (j *Journal) fresh(id market.InstrumentID) func(*loadedSeries) bool {
	return func(l *loadedSeries) bool {
		ageMax := seriesAgeMax
		if l.series.Len() == 0 {
			ageMax = emptyAgeMax
		}
		return j.now().Sub(l.since) < ageMax && j.closes.stand(l.at, id)
	}
}

// load reads several series at once, as of a number of the changes of closes or later.
func (j *Journal) load(ctx context.Context, ids []market.InstrumentID) (m *figures.Market, at int64, err error) {
	if len(ids) > 0 {
		if err := j.lookAtCloses(ctx); err != nil {
			return nil, 0, err
		}
	}
	at = j.closes.at()
	const readersMax = 4 // at once for one caller: enough to hide the way to a database
	loaded := make([]*market.Series, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readersMax)
	for i, id := range ids {
		if cached, ok := j.series.Get(id, j.fresh(id)); ok {
			loaded[i] = cached.series
			continue
		}
		group.Go(func() (err error) {
			loaded[i], err = j.seriesAt(ctx, id, at)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, 0, err
	}
	m = &figures.Market{Series: make(map[market.InstrumentID]*market.Series, len(ids))}
	for i, id := range ids {
		if loaded[i].Len() > 0 {
			m.Series[id] = loaded[i]
		}
	}
	return m, at, nil
}

// heldBytes estimates what positions take: their lots come from activities.
func heldBytes(h *Held, activities int) int {
	const positionBytes, lotBytes, overhead = 1500, 160, 1024
	return overhead + len(h.Instruments)*positionBytes + activities*lotBytes // marks by hand are within a position's
}

func seriesBytes(s *market.Series) int {
	const dayBytes, exactDayBytes, overhead = 12, 52, 256
	perDay := dayBytes
	if s.Exact != nil {
		perDay = exactDayBytes
	}
	return overhead + s.Len()*perDay
}
