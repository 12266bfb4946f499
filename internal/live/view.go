package live

import (
	"hash/maphash"
	"slices"
	"sync/atomic"
	"time"

	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// sessionsMax bounds what a builder remembers of markets: more than there are.
const sessionsMax = 10_000

// view is what a price says to everybody who holds it. But for second it never changes: where anything of it does, another
// view takes its place, so that whoever remembers one mostly knows by its address that it is still so.
type view struct {
	mark    *market.Mark // nil where there is none
	mic     string
	state   market.State
	sort    priceSort
	current bool         // whether the price tells of the day at its market, see currentAt
	second  atomic.Int64 // as of which it is known to stand
}

// same says whether two views are no news to each other's viewers.
func (v *view) same(other *view) bool {
	return v.mark == other.mark && v.mic == other.mic && v.state == other.state && v.current == other.current
}

// sighting is a market's session at a second; market hours begin and end at whole ones.
type sighting struct {
	second  int64
	session market.Session
}

// builder values portfolios and turns them into documents. It is used by one goroutine at a time; what it gives is good until
// the next look.
type builder struct {
	hours     market.Sessions
	seed      maphash.Seed
	simulated bool // the whole installation runs on a made-up market
	positions func(*journal.Held) *figures.Holdings

	sessions map[string]sighting

	// As of the last look.
	held    *journal.Held
	now     time.Time // whole seconds
	needs   []need    // held.Needs, with the marks that are there and what they say
	found   []need    // needs that build looked for
	marks   []*market.Mark
	needed  []*view
	next    int    // in needed, of what is probably asked for next
	version uint64 // of the marks
	cursor  int64
	rated   []rated

	list slab
}

// rated is a currency and how good its rate is.
type rated struct {
	currency money.Currency
	state    market.State
}

func (h *Hub) newBuilder() *builder {
	return &builder{
		hours: h.sessions, seed: h.seed, simulated: h.simulated, positions: h.positions,
		sessions: make(map[string]sighting),
	}
}

// look takes the marks that positions are valued with, all as of one moment.
func (b *builder) look(held *journal.Held, needs []need, marks *Marks, now time.Time) {
	b.held, b.now, b.needs, b.next = held, now.Truncate(time.Second), needs, 0
	if len(b.sessions) > sessionsMax {
		clear(b.sessions)
	}
	b.marks, b.version, b.cursor = marks.marks(b.marks[:0], needs)
	b.needed = b.needed[:0]
	second := b.now.Unix()
	for i, mark := range b.marks {
		v := needs[i].place.view.Load()
		if v == nil || v.mark != mark || v.second.Load() != second {
			v = b.viewOf(&needs[i], v, mark)
		}
		b.needed = append(b.needed, v)
	}
}

// viewOf works out what a mark says now, in place of what was there: it is worked out once a second and price, not once for each
// who holds it.
func (b *builder) viewOf(n *need, before *view, mark *market.Mark) *view {
	next := b.newView(mark, n.instrument)
	if before != nil && before.same(next) {
		before.second.Store(b.now.Unix())
		return before
	}
	if n.place.shared == nil && before != nil && before.mark != nil && (next.mark == nil || before.mark.Sequence > next.mark.Sequence) {
		return next // somebody looked later and is here already
	}
	if !n.place.view.CompareAndSwap(before, next) {
		if theirs := n.place.view.Load(); theirs.same(next) {
			return theirs
		}
	}
	return next
}

func (b *builder) newView(mark *market.Mark, instrument *market.Instrument) *view {
	v := &view{mark: mark, mic: instrument.MIC, state: market.StateNone}
	if mark != nil {
		v.state = market.StateOf(*mark, *instrument, b, b.now)
		v.current = b.currentAt(mark, instrument)
	}
	v.sort = sortOf(v.state)
	v.second.Store(b.now.Unix())
	return v
}

// currentAt says whether a price still tells of the day at its market: until the next session opens, people ask what the
// last one did. Funds have a value a day, and rates a fix: theirs tell of the day that they were made on, as do prices entered by hand.
func (b *builder) currentAt(mark *market.Mark, i *market.Instrument) bool {
	if i.Class == market.Fund || i.MIC == "" || mark.Source == market.SourceManual {
		return market.DateOf(mark.MarketTime.UTC()) >= market.DateOf(b.now.UTC())
	}
	return b.hours.At(i.MIC, mark.MarketTime).Date >= b.At(i.MIC, b.now).Date
}

// At, TradingTime and Name are the markets'; what is asked for now is remembered.
func (b *builder) At(mic string, t time.Time) market.Session {
	if !t.Equal(b.now) {
		return b.hours.At(mic, t)
	}
	seen, ok := b.sessions[mic]
	if second := t.Unix(); !ok || seen.second != second {
		seen = sighting{second, b.hours.At(mic, t)}
		b.sessions[mic] = seen
	}
	return seen.session
}

func (b *builder) TradingTime(mic string, from, to time.Time) time.Duration {
	return b.hours.TradingTime(mic, from, to)
}

func (b *builder) Name(mic string) string { return b.hours.Name(mic) }

// index finds an instrument in held.Needs, −1 where its mark isn't needed. Mostly, they are asked for in their order.
func (b *builder) index(id market.InstrumentID) int {
	if b.next < len(b.needed) && b.held.Needs[b.next] == id {
		b.next++
		return b.next - 1
	}
	i := slices.Index(b.held.Needs, id)
	b.next = i + 1
	return i
}

// view gives what was seen of an instrument, nil where its mark isn't needed.
func (b *builder) view(id market.InstrumentID) *view {
	if i := b.index(id); i >= 0 {
		return b.needed[i]
	}
	return nil
}

// read gives marks to figures.
func (b *builder) read(id market.InstrumentID) (*market.Mark, bool) {
	if v := b.view(id); v != nil {
		return v.mark, v.current
	}
	return nil, false
}

// today is the day whose activities are taken off the day change.
func (b *builder) today() market.Date { return market.DateOf(b.now.UTC()) }

// value values the positions that were looked at.
func (b *builder) value() figures.Valuation {
	return b.positions(b.held).ValueAt(b.today(), b.read)
}

// seen says of when the newest price is, and whether some price comes from a simulated market.
func (b *builder) seen() (asOf time.Time, simulated bool) {
	simulated = b.simulated
	for _, v := range b.needed {
		if v.mark == nil {
			continue
		}
		simulated = simulated || v.mark.Source == market.SourceSimulate
		if v.mark.ObservedAt.After(asOf) {
			asOf = v.mark.ObservedAt
		}
	}
	if asOf.IsZero() {
		asOf = b.held.Portfolio.CreatedAt // nothing newer is known of it
	}
	return asOf, simulated
}

// rateQuality works out how good the rate of each foreign currency is: as bad as the worse of both that it is crossed from.
func (b *builder) rateQuality(rates []figures.Rate) {
	b.rated = b.rated[:0]
	if len(rates) == 0 {
		return
	}
	own := b.rateState(b.held.Portfolio.BaseCurrency)
	for i := range rates {
		b.rated = append(b.rated, rated{rates[i].Currency, market.Worse(own, b.rateState(rates[i].Currency))})
	}
}

func (b *builder) rateState(c money.Currency) market.State {
	if c == market.RateBase {
		return market.StateLive // 1 EUR is 1 EUR
	}
	if v := b.view(market.RateID(c)); v != nil {
		return v.state
	}
	return market.StateNone
}

// quality is how good a position's value is: a price's state, or that of the rate where it is worse.
func (b *builder) quality(price market.State, c money.Currency) market.State {
	for i := range b.rated {
		if b.rated[i].currency == c {
			return worse(price, b.rated[i].state)
		}
	}
	return price
}

// worse is market.Worse; nearly always, both are the same.
func worse(a, b market.State) market.State {
	if a == b {
		return a
	}
	return market.Worse(a, b)
}

// doubtful says whether a state is stale or worse.
func doubtful(state market.State) bool { return market.Worse(state, market.StateStale) == state }

// priceSort is what people make of a price's state.
type priceSort uint8

const (
	sortLive priceSort = iota
	sortLate
	sortLost
	sortShut
	sorts // how many there are
)

// tally counts prices of each sort.
type tally [sorts]int

func sortOf(state market.State) priceSort {
	switch state {
	case market.StateLive:
		return sortLive
	case market.StateDelayed, market.StateFallback, market.StateQuarantined:
		return sortLate
	case market.StateStale, market.StateNone:
		return sortLost
	}
	return sortShut
}

// slab holds the decimals that a document points to.
type slab []money.Decimal

// exact and rounded put a figure into the slab; nil where it is unknown. A total has no zeros at its end, so that it reads
// the same in whatever order it was added up.
func (l *slab) exact(m money.Maybe) *money.Decimal {
	x, known := m.Get()
	if !known {
		return nil
	}
	return l.keep(x)
}

func (l *slab) total(m money.Maybe) *money.Decimal {
	x, known := m.Get()
	if !known {
		return nil
	}
	return l.keep(x.Reduced())
}

func (l *slab) rounded(m money.Maybe) *money.Decimal {
	x, known := m.Get()
	if !known {
		return nil
	}
	return l.keep(x.Round(sharePlaces).Reduced())
}

func (l *slab) keep(x money.Decimal) *money.Decimal {
	*l = append(*l, x) // pointers into an outgrown slab stay good: nothing writes there any more
	return &(*l)[len(*l)-1]
}

var _ market.Sessions = (*builder)(nil)

func accounts(p *figures.Position) []ledger.AccountID {
	if p.Accounts == nil {
		return []ledger.AccountID{}
	}
	return p.Accounts
}
