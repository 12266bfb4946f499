package live

import (
	"encoding/binary"
	"hash/maphash"
	"time"

	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// viewsMax bounds what a builder remembers of instruments: more than one node ever has prices of, at some 150 bytes each.
const viewsMax = 100_000

// view is what a price is worth to everybody at a time. It is the same in each portfolio, so that it is worked out once a
// second and price, not once for each who holds it.
type view struct {
	mark    *market.Mark // nil where there is none; never changed
	version uint64       // of all marks, as of which mark is known to stand
	second  int64
	known   bool // whether the rest is worked out
	mic     string
	state   market.State
	current bool   // whether the price tells of the day at its market, see currentAt
	hash    uint64 // of what a position's figures rest on: which mark it is, its state and whether it is current
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

	views    map[market.InstrumentID]*view
	sessions map[string]sighting

	// As of the last look.
	held    *journal.Held
	now     time.Time // whole seconds
	needed  []*view   // of held.Needs
	next    int       // in needed, of what is probably asked for next
	version uint64    // of the marks
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
		views: make(map[market.InstrumentID]*view), sessions: make(map[string]sighting),
	}
}

// look takes the marks that positions are valued with, all as of one moment.
func (b *builder) look(held *journal.Held, marks *Marks, now time.Time) {
	b.held, b.now, b.needed, b.next = held, now.Truncate(time.Second), b.needed[:0], 0
	if len(b.views) > viewsMax || len(b.sessions) > viewsMax {
		clear(b.views)
		clear(b.sessions)
	}
	second := now.Unix()
	marks.mu.RLock()
	b.version, b.cursor = marks.version.Load(), marks.cursor
	for _, id := range held.Needs {
		v := b.views[id]
		if v == nil {
			v = &view{}
			b.views[id] = v
		}
		if v.version != b.version || !v.known {
			if mark := marks.byID[id]; mark != v.mark {
				v.mark, v.known = mark, false
			}
			v.version = b.version
		}
		if v.second != second {
			v.second, v.known = second, false
		}
		b.needed = append(b.needed, v)
	}
	marks.mu.RUnlock()
	for i, v := range b.needed {
		if !v.known {
			b.fill(v, held.Needs[i])
		}
	}
}

// fill works out what goes with a mark.
func (b *builder) fill(v *view, id market.InstrumentID) {
	instrument, held := b.held.Instruments[id]
	if !held { // a currency's rate
		instrument = market.Instrument{ID: id, Class: market.FX}
	}
	v.known, v.mic, v.state, v.current = true, instrument.MIC, market.StateNone, false
	if v.mark != nil {
		v.state = market.StateOf(*v.mark, instrument, b, b.now)
		v.current = b.currentAt(v.mark, &instrument)
	}
	v.hash = b.hash(v)
}

func (b *builder) hash(v *view) uint64 {
	var buffer [32]byte
	key := append(buffer[:0], v.state...)
	if v.mark != nil {
		key = appendBools(binary.LittleEndian.AppendUint64(key, uint64(v.mark.Sequence)), v.current)
	}
	return maphash.Bytes(b.seed, key)
}

// currentAt says whether a price still tells of the day at its market: until the next session opens, people ask what the
// last one did. Funds have a value a day, and rates a fix: theirs tell of the day that they were made on.
func (b *builder) currentAt(mark *market.Mark, i *market.Instrument) bool {
	if i.Class == market.Fund || i.MIC == "" {
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

// view gives what was seen of an instrument, nil where its mark isn't needed. It is asked for in the order of held.Needs.
func (b *builder) view(id market.InstrumentID) *view {
	if b.next < len(b.needed) && b.held.Needs[b.next] == id {
		b.next++
		return b.needed[b.next-1]
	}
	for i := range b.held.Needs {
		if b.held.Needs[i] == id {
			b.next = i + 1
			return b.needed[i]
		}
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

// tally counts prices by what people make of their states.
type tally struct{ live, late, lost, shut int }

func (t *tally) add(state market.State) {
	switch state {
	case market.StateLive:
		t.live++
	case market.StateDelayed, market.StateFallback, market.StateQuarantined:
		t.late++
	case market.StateStale, market.StateNone:
		t.lost++
	default:
		t.shut++
	}
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
