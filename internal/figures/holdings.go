package figures

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Holdings is a portfolio's positions after all its activities, worked out once per (portfolio, sequence). It is never changed
// after, so any number of callers may value it at once.
type Holdings struct {
	base     money.Currency
	sequence int64
	tracked  bool
	held     []holding // open ones, by instrument
	cash     []CashBalance
	splits   map[market.InstrumentID][]splitOn
	problems []Problem
	last     lastDay

	currencies []money.Currency // what Currencies gives
}

// holding is one open position, all its accounts together; figures are since the beginning.
type holding struct {
	instrument  market.InstrumentID
	currency    money.Currency
	quantity    money.Decimal
	inAccount   []accountPart // accounts that hold some, by id
	total       ledger.Carried
	realised    money.Maybe
	income      money.Maybe
	fees        money.Maybe
	taxes       money.Maybe
	outside     money.Maybe
	fxEffect    money.Maybe
	lots        []Lot
	averageCost money.Maybe
	accounts    []ledger.AccountID // of inAccount; shared by all who value it
}

type accountPart struct {
	account  ledger.AccountID
	quantity money.Decimal
}

// lastDay is the last day with activities, and what there was at its start.
type lastDay struct {
	date    market.Date
	paid    map[market.InstrumentID]paid
	moved   map[money.Currency]paid
	in, out money.Maybe
	before  map[market.InstrumentID]money.Decimal  // quantities at its start of what changed on it, closed ones too
	cash    map[money.Currency]money.Decimal       // the same of cash
	units   map[market.InstrumentID]money.Currency // currency of what changed on it, for what isn't held any more
}

// bookEvaluation is a book as evaluate walks it: lots by the portfolio's scope, fees inside cost, cash tracked where it was paid in.
// An empty method is the portfolio's.
func bookEvaluation(book ledger.Book, m *Market, method ledger.LotMethod) evaluation {
	method = cmp.Or(method, book.Portfolio.LotMethod, ledger.FIFO)
	scope := cmp.Or(book.Portfolio.LotScope, ledger.ScopeAccount)
	entries := make([]entry, len(book.Activities))
	for i := range book.Activities {
		entries[i] = entry{Activity: &book.Activities[i], index: i}
	}
	if !slices.IsSortedFunc(entries, func(a, b entry) int { return int(a.Date) - int(b.Date) }) {
		order(entries)
	}
	var series map[market.InstrumentID]*market.Series
	if m != nil {
		series = m.Series
	}
	base := book.Portfolio.BaseCurrency
	return evaluation{
		rules:    rules{base: base, method: method, scope: scope, feesInCost: true, tracked: trackedCash(entries)},
		rates:    newCrossRates(base, m),
		prices:   newPriceBook(series, entries),
		currency: func(id market.InstrumentID) money.Currency { return book.Instruments[id].Currency },
		entries:  entries,
	}
}

// Hold works out the positions of a book, whose activities must have passed ledger.Apply. The rates of the days on which
// something was paid in another currency come from m; one that is missing leaves the costs that need it unknown.
func Hold(book ledger.Book, m *Market) (*Holdings, error) {
	v := bookEvaluation(book, m, "")
	k := newBookkeeper(v.rules, v.rates, v.prices, v.currency)
	for _, e := range v.entries {
		if err := k.apply(e); err != nil {
			return nil, fmt.Errorf("hold portfolio: %w", err)
		}
	}
	return k.holdings(book.Portfolio.Sequence), nil
}

// HoldDaily shows the positions of a book at the end of each day of a period, rising. What see is given is good until it returns; its error
// ends it. The book is as Hold wants it.
func HoldDaily(book ledger.Book, m *Market, from, to market.Date, see func(on market.Date, h *Holdings) error) error {
	v := bookEvaluation(book, m, "")
	k := newBookkeeper(v.rules, v.rates, v.prices, v.currency)
	h, left := (*Holdings)(nil), v.entries
	for on := from; on <= to; on++ {
		changed := h == nil
		for ; len(left) > 0 && left[0].Date <= on; left = left[1:] {
			if err := k.apply(left[0]); err != nil {
				return fmt.Errorf("hold portfolio: %w", err)
			}
			changed = true
		}
		if changed {
			h = k.holdings(book.Portfolio.Sequence)
		}
		if err := see(on, h); err != nil {
			return err
		}
	}
	return nil
}

// holdings are the positions after all that was applied, at a sequence of the portfolio. They share with the bookkeeper what it knows of the
// last day.
func (k *bookkeeper) holdings(sequence int64) *Holdings {
	h := &Holdings{
		base: k.base, sequence: sequence, tracked: k.tracked, splits: k.prices.splits, problems: k.problems.list,
	}
	for _, id := range slices.Sorted(maps.Keys(k.of)) {
		if one := k.holding(k.of[id]); !one.quantity.IsZero() || len(one.inAccount) > 0 {
			h.held = append(h.held, one)
		}
	}
	for key, amount := range k.cash {
		h.cash = append(h.cash, CashBalance{Account: key.account, Currency: key.currency, Amount: amount})
	}
	slices.SortFunc(h.cash, func(a, b CashBalance) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Currency, b.Currency))
	})
	h.last = k.lastDay()
	h.currencies = h.foreign()
	return h
}

// holding sums an instrument's positions over its accounts.
func (k *bookkeeper) holding(positions []*position) holding {
	nothing := money.Known(money.Zero)
	one := holding{
		instrument: positions[0].instrument, currency: positions[0].currency, total: ledger.NewCarried(nothing, nothing),
		realised: nothing, income: nothing, fees: nothing, taxes: nothing, outside: nothing, fxEffect: nothing,
	}
	for _, p := range positions {
		one.realised, one.income = one.realised.Add(p.realised), one.income.Add(p.income)
		one.fees, one.taxes, one.outside = one.fees.Add(p.fees), one.taxes.Add(p.taxes), one.outside.Add(p.outside)
		one.fxEffect = one.fxEffect.Add(p.fxEffect)
		quantity := p.lots.Quantity()
		if quantity.IsZero() {
			continue
		}
		one.quantity = one.quantity.Add(quantity)
		one.total = one.total.Add(p.lots.Total())
		if k.scope != ledger.ScopePortfolio {
			one.inAccount = append(one.inAccount, accountPart{p.account, quantity})
		}
		for _, lot := range p.lots.All() {
			account := p.account
			if account == everyAccount { // nobody can say where it is now; this is where it was opened
				account = lot.Account
			}
			one.lots = append(one.lots, Lot{
				ID: lot.ID, Opened: lot.Opened, Account: account, Quantity: lot.Quantity.Reduced(),
				UnitCost: lot.Carried.Local.Quo(money.Known(lot.Quantity)), Cost: lot.Carried.Local, CostBase: lot.Carried.Base,
			})
		}
	}
	if k.scope == ledger.ScopePortfolio {
		one.inAccount = k.shares(one)
	}
	slices.SortFunc(one.inAccount, func(a, b accountPart) int { return cmp.Compare(a.account, b.account) })
	for _, part := range one.inAccount {
		one.accounts = append(one.accounts, part.account)
	}
	slices.SortStableFunc(one.lots, func(a, b Lot) int { return cmp.Compare(a.Opened, b.Opened) })
	one.quantity = one.quantity.Reduced()
	one.averageCost = one.total.Local.Quo(money.Known(one.quantity))
	return one
}

// shares is what each account holds of a position that all share. They sum to it: what roundings of ratios left is with the last.
func (k *bookkeeper) shares(one holding) []accountPart {
	var parts []accountPart
	left := one.quantity
	for _, part := range k.parts(one.instrument) {
		parts = append(parts, accountPart{part.Account, part.Quantity})
		left = left.Sub(part.Quantity)
	}
	if n := len(parts); n > 0 {
		parts[n-1].quantity = parts[n-1].quantity.Add(left)
	}
	return parts
}

// lastDay looks back to the start of the last day.
func (k *bookkeeper) lastDay() lastDay {
	nothing := money.Known(money.Zero)
	last := lastDay{
		date: market.NoDate, in: nothing, out: nothing, before: map[market.InstrumentID]money.Decimal{},
		cash: map[money.Currency]money.Decimal{}, units: map[market.InstrumentID]money.Currency{},
	}
	if k.day.paid == nil {
		return last
	}
	last.date, last.paid, last.moved = k.day.date, k.day.paid, k.day.moved
	for id := range last.paid {
		last.units[id] = k.of[id][0].currency
	}
	for _, f := range k.track.flowsWithin(last.date, last.date) {
		last.in, last.out = f.in, f.out
	}
	for _, l := range k.track.lines {
		if l.steps[len(l.steps)-1].date == last.date {
			last.before[l.instrument] = l.before(last.date)
			last.units[l.instrument] = l.currency
		}
	}
	for _, l := range k.track.cash {
		if l.steps[len(l.steps)-1].date == last.date {
			last.cash[l.currency] = l.before(last.date)
		}
	}
	return last
}

// before is how much there was at the start of a day.
func (l *line) before(on market.Date) money.Decimal {
	for _, step := range slices.Backward(l.steps) {
		if step.date < on {
			return step.quantity
		}
	}
	return money.Zero
}

// Base is the portfolio's base currency.
func (h *Holdings) Base() money.Currency { return h.base }

// Sequence is the portfolio's sequence that the holdings are of.
func (h *Holdings) Sequence() int64 { return h.sequence }

// Instruments are those with an open position, rising.
func (h *Holdings) Instruments() []market.InstrumentID {
	ids := make([]market.InstrumentID, len(h.held))
	for i := range h.held {
		ids[i] = h.held[i].instrument
	}
	return ids
}

// Currencies are the foreign currencies that are held, as the currency of a position or as cash, rising. Valuing needs the
// marks of market.RateID of each, and of the base where it isn't market.RateBase.
func (h *Holdings) Currencies() []money.Currency { return slices.Clone(h.currencies) }

func (h *Holdings) foreign() []money.Currency {
	seen := map[money.Currency]struct{}{}
	for i := range h.held {
		seen[h.held[i].currency] = struct{}{}
	}
	for _, c := range h.cash {
		if !c.Amount.IsZero() {
			seen[c.Currency] = struct{}{}
		}
	}
	delete(seen, h.base)
	return slices.Sorted(maps.Keys(seen))
}

// Marks are the instruments whose marks valuing needs: those held and the rates of Currencies.
func (h *Holdings) Marks() []market.InstrumentID {
	ids := h.Instruments()
	currencies := h.Currencies()
	if len(currencies) > 0 {
		currencies = append(currencies, h.base)
	}
	for _, c := range currencies {
		if c != market.RateBase {
			ids = append(ids, market.RateID(c))
		}
	}
	return ids
}

// Lots are the open lots of an instrument, oldest first; the slice is the caller's.
func (h *Holdings) Lots(id market.InstrumentID) []Lot {
	if one := h.find(id); one != nil {
		return slices.Clone(one.lots)
	}
	return nil
}

func (h *Holdings) find(id market.InstrumentID) *holding {
	i, ok := slices.BinarySearchFunc(h.held, id, func(one holding, id market.InstrumentID) int { return cmp.Compare(one.instrument, id) })
	if !ok {
		return nil
	}
	return &h.held[i]
}

// Snapshot is a portfolio's open positions and cash at a sequence, without its ledger.
type Snapshot struct {
	Version   int                `json:"version"` // of this encoding
	Sequence  int64              `json:"sequence"`
	Base      money.Currency     `json:"base"`
	Positions []SnapshotPosition `json:"positions"`
	Cash      []CashBalance      `json:"cash,omitempty"`
}

// SnapshotPosition is one open position, all its accounts together.
type SnapshotPosition struct {
	Instrument market.InstrumentID `json:"instrument"`
	Currency   money.Currency      `json:"currency"`
	Quantity   money.Decimal       `json:"quantity"`
	Cost       money.Maybe         `json:"cost"`
	CostBase   money.Maybe         `json:"cost_base"`
	Split      *market.Date        `json:"split,omitempty"` // of its last one: a price of a day before doesn't fit Quantity
}

const snapshotVersion = 2 // 1 said nothing of splits

// Open are the open positions and cash.
func (h *Holdings) Open() Snapshot {
	s := Snapshot{Version: snapshotVersion, Sequence: h.sequence, Base: h.base, Positions: make([]SnapshotPosition, len(h.held)), Cash: h.cash}
	for i, one := range h.held {
		s.Positions[i] = SnapshotPosition{one.instrument, one.currency, one.quantity, one.total.Local, one.total.Base, h.lastSplit(one.instrument)}
	}
	return s
}

// Snapshot encodes Open; ReadSnapshot decodes it.
func (h *Holdings) Snapshot() []byte {
	data, err := json.Marshal(h.Open())
	if err != nil {
		panic("figures: encode snapshot: " + err.Error()) // its types always encode
	}
	return data
}

func (h *Holdings) lastSplit(id market.InstrumentID) *market.Date {
	splits := h.splits[id]
	if len(splits) == 0 {
		return nil
	}
	return &splits[len(splits)-1].date
}

// ReadSnapshot decodes what (*Holdings).Snapshot encoded.
func ReadSnapshot(data []byte) (Snapshot, error) {
	var s Snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("read snapshot: %w", err)
	}
	if s.Version != snapshotVersion {
		return s, fault.New(fault.Internal, "a snapshot of version %d can't be read", s.Version)
	}
	return s, nil
}
