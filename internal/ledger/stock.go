package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// inAccount is one instrument in one account.
type inAccount struct {
	instrument market.InstrumentID
	account    AccountID
}

// everyAccount is the account of a position that all accounts share.
const everyAccount AccountID = "*"

// stock is what is held while activities go by: lots without their cost, just enough to say what can't have happened. It follows
// the quantities and the lots that figures follow, so that what it lets pass can be evaluated.
type stock struct {
	portfolio   Portfolio
	instruments map[market.InstrumentID]market.Instrument

	positions map[inAccount]*Lots // by account, or under everyAccount where the scope is the portfolio
	of        map[market.InstrumentID][]AccountID
	held      map[inAccount]money.Decimal // by account where positions don't say it
	stretched map[inAccount]stretch
	order     int64
}

// stretch is how far ratios have multiplied and divided what is held of an instrument, with all that it once was.
type stretch struct{ most, least money.Decimal }

// refusal is why an activity can't have happened.
type refusal struct {
	field   string
	text    string
	missing money.Decimal // of a sale without short positions: how much isn't there
}

// refuse is a refusal at a field.
func refuse(field, format string, args ...any) *refusal {
	return &refusal{field: field, text: fmt.Sprintf(format, args...)}
}

func newStock(book Book) *stock {
	return &stock{
		portfolio: book.Portfolio, instruments: book.Instruments, positions: map[inAccount]*Lots{}, of: map[market.InstrumentID][]AccountID{},
		held: map[inAccount]money.Decimal{}, stretched: map[inAccount]stretch{},
	}
}

func (s *stock) shared() bool { return s.portfolio.LotScope == ScopePortfolio }

// symbol is what people call an instrument.
func (s *stock) symbol(id market.InstrumentID) string {
	return cmp.Or(s.instruments[id].Symbol, string(id))
}

// position is where lots of an instrument in an account lie.
func (s *stock) position(id market.InstrumentID, account AccountID) *Lots {
	if s.shared() {
		account = everyAccount
	}
	key := inAccount{id, account}
	lots := s.positions[key]
	if lots == nil {
		method := FIFO // by quantity alone, they are all the same but for lots that are named
		if s.portfolio.LotMethod == Specific {
			method = Specific
		}
		fresh := NewLots(method)
		lots = &fresh
		s.positions[key] = lots
		s.of[id] = append(s.of[id], account)
	}
	return lots
}

// has is how much an account holds, below 0 where it is short.
func (s *stock) has(id market.InstrumentID, account AccountID) money.Decimal {
	if s.shared() {
		return s.held[inAccount{id, account}]
	}
	return s.position(id, account).Quantity()
}

func (s *stock) hold(id market.InstrumentID, account AccountID, change money.Decimal) {
	if s.shared() {
		key := inAccount{id, account}
		s.held[key] = s.held[key].Add(change)
	}
}

// stake is what an action touches of one position.
type stake struct {
	Stake
	account AccountID // of the position
	lots    *Lots
}

// stakes is what an action touches: of every account that holds the instrument, or of the one that is named.
func (s *stock) stakes(a *Activity) ([]stake, *refusal) {
	var all []stake
	for _, account := range s.of[a.Instrument] {
		lots := s.positions[inAccount{a.Instrument, account}]
		if !s.shared() {
			if quantity := lots.Quantity(); !quantity.IsZero() && (a.Account == "" || account == a.Account) {
				all = append(all, stake{Stake{Parts: []AccountPart{{account, quantity}}, Whole: true}, account, lots})
			}
			continue
		}
		var parts []AccountPart
		for key, quantity := range s.held {
			if key.instrument == a.Instrument {
				parts = append(parts, AccountPart{key.account, quantity})
			}
		}
		one, err := SharedStake(parts, a.Account, lots.Quantity())
		if err != nil {
			return nil, refuse("account", "%s of %s on %s: %v", a.Type, s.symbol(a.Instrument), a.Date, err)
		}
		if len(one.Parts) > 0 {
			all = append(all, stake{one, account, lots})
		}
	}
	slices.SortFunc(all, func(a, b stake) int { return cmp.Compare(a.account, b.account) }) // in which order they opened is no matter
	return all, nil
}

// leave takes what an action touches out of its position.
func (s *stake) leave() Lots { return s.lots.Part(s.Of(s.lots)) }

// take follows an activity, or says why it can't have happened. Then the stock is of no use any more, unless what was refused is a
// short position.
func (s *stock) take(a *Activity) *refusal {
	s.order++
	switch a.Type {
	case Buy, DeliverIn:
		s.acquire(a)
	case Dividend:
		if !a.Reinvest {
			return nil
		}
		if s.position(a.Instrument, a.Account).Quantity().Sign() < 0 && a.Amount.Add(a.Fee).Add(a.Tax).Sign() > 0 {
			return refuse("reinvest", "%s is held short on %s: its dividends are paid, not reinvested", s.symbol(a.Instrument), a.Date)
		}
		s.acquire(a)
	case Sell:
		return s.sell(a)
	case DeliverOut:
		if bad := s.enough(a); bad != nil {
			return bad
		}
		return s.release(a)
	case Transfer:
		return s.transfer(a)
	case ReturnOfCapital:
		if s.position(a.Instrument, a.Account).Quantity().IsZero() {
			return refuse("symbol", "no %s is held on %s", s.symbol(a.Instrument), a.Date)
		}
	case Split:
		return s.split(a)
	case SpinOff, Merger, Rename:
		return s.become(a)
	case WriteOff:
		stakes, bad := s.stakes(a)
		for _, one := range stakes {
			one.leave()
			for _, part := range one.Parts {
				s.hold(a.Instrument, part.Account, part.Quantity.Neg())
			}
		}
		return bad
	}
	return nil
}

// acquire covers a short position first, the rest is a new lot.
func (s *stock) acquire(a *Activity) {
	lots, quantity := s.position(a.Instrument, a.Account), *a.Quantity
	s.hold(a.Instrument, a.Account, quantity)
	if short := lots.Quantity(); short.Sign() < 0 {
		part := smaller(quantity, short.Abs())
		lots.Take(part, nil)
		quantity = quantity.Sub(part)
	}
	s.open(lots, a, a.Account, quantity)
}

func (s *stock) open(lots *Lots, a *Activity, account AccountID, quantity money.Decimal) {
	lots.Open(Lot{ID: a.ID, Opened: a.Date, Order: s.order, Account: account, Quantity: quantity})
}

func smaller(a, b money.Decimal) money.Decimal {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

// sell is refused where it would open a short position that the portfolio doesn't allow, but followed all the same.
func (s *stock) sell(a *Activity) *refusal {
	var bad *refusal
	if has := s.has(a.Instrument, a.Account); !s.portfolio.AllowShort && a.Quantity.Cmp(has) > 0 {
		bad = s.tooFew(a, has)
	}
	worse := s.release(a)
	if bad == nil {
		return worse
	}
	if worse != nil { // it couldn't be followed
		bad.missing = money.Zero
	}
	return bad
}

// release takes from what is held first, the rest opens a short position.
func (s *stock) release(a *Activity) *refusal {
	lots, quantity := s.position(a.Instrument, a.Account), *a.Quantity
	s.hold(a.Instrument, a.Account, quantity.Neg())
	if long := lots.Quantity(); long.Sign() > 0 {
		part := smaller(quantity, long)
		if bad := s.checkChoice(a, lots, part); bad != nil {
			return bad
		}
		lots.Take(part, a.Lots)
		quantity = quantity.Sub(part)
	} else if s.portfolio.LotMethod == Specific && len(a.Lots) > 0 {
		return refuse("lots", "names lots, but no %s is held on %s", s.symbol(a.Instrument), a.Date)
	}
	s.open(lots, a, a.Account, quantity.Neg())
	return nil
}

// enough refuses to move or deliver more than is there: in the account, and of what all accounts share.
func (s *stock) enough(a *Activity) *refusal {
	if has := s.has(a.Instrument, a.Account); a.Quantity.Cmp(has) > 0 {
		return s.tooFew(a, has)
	}
	if has := s.position(a.Instrument, a.Account).Quantity(); a.Type == DeliverOut && a.Quantity.Cmp(has) > 0 { // another account is short
		return s.tooFew(a, has)
	}
	return nil
}

// tooFew says what is missing.
func (s *stock) tooFew(a *Activity, held money.Decimal) *refusal {
	if held.Sign() < 0 {
		held = money.Zero
	}
	missing := a.Quantity.Sub(held)
	verb := map[Type]string{Sell: "sold", DeliverOut: "delivered out", Transfer: "transferred"}[a.Type]
	bad := refuse("quantity", "%s %s %s on %s, but only %s held: %s too few", a.Quantity, s.symbol(a.Instrument), verb, a.Date, held.Reduced(), missing.Reduced())
	if a.Type == Sell {
		bad.missing = missing
	}
	return bad
}

func (s *stock) transfer(a *Activity) *refusal {
	if bad := s.enough(a); bad != nil {
		return bad
	}
	s.hold(a.Instrument, a.Account, a.Quantity.Neg())
	s.hold(a.Instrument, a.ToAccount, *a.Quantity)
	from := s.position(a.Instrument, a.Account)
	if s.shared() { // one position, the same lots; those named must be there all the same
		if long := from.Quantity(); long.Sign() > 0 {
			return s.checkChoice(a, from, smaller(*a.Quantity, long))
		}
		return nil
	}
	to := s.position(a.Instrument, a.ToAccount)
	if to.Quantity().Sign() < 0 {
		return refuse("to_account", "the account is short of %s on %s", s.symbol(a.Instrument), a.Date)
	}
	if bad := s.checkChoice(a, from, *a.Quantity); bad != nil {
		return bad
	}
	for _, taken := range from.Take(*a.Quantity, a.Lots) {
		taken.Account = a.ToAccount
		to.Open(taken.Lot)
	}
	s.stretch(inAccount{a.Instrument, a.Account}, inAccount{a.Instrument, a.ToAccount}, Ratio{New: money.One, Old: money.One})
	return nil
}

// checkChoice sees that what goes under specific lots names lots that are there and sum to it.
func (s *stock) checkChoice(a *Activity, lots *Lots, quantity money.Decimal) *refusal {
	if s.portfolio.LotMethod != Specific {
		return nil
	}
	noun := map[Type]string{Sell: "sale", DeliverOut: "delivery", Transfer: "transfer"}[a.Type]
	what := fmt.Sprintf("%s of %s on %s", noun, s.symbol(a.Instrument), a.Date)
	switch id, held, sum := lots.Choose(a.Lots); {
	case len(a.Lots) == 0:
		return refuse("lots", "the %s names no lots", what)
	case id != "":
		return refuse("lots", "the %s takes more of lot %q than the %s of it that are held", what, string(id), held.Reduced())
	case !sum.Equal(quantity):
		return refuse("lots", "the lots of the %s sum to %s, not to %s", what, sum.Reduced(), quantity.Reduced())
	}
	return nil
}

func (s *stock) split(a *Activity) *refusal {
	key := inAccount{a.Instrument, a.Account}
	if !s.stretch(key, key, *a.Ratio) {
		return s.tooFar(a)
	}
	stakes, bad := s.stakes(a)
	var rounding Rounding
	for _, one := range stakes {
		parts, to := one.Multiplied(*a.Ratio, &rounding)
		one.lots.SplitPart(*a.Ratio, one.Of(one.lots), to)
		for i, part := range parts {
			s.hold(a.Instrument, part.Account, part.Quantity.Sub(one.Parts[i].Quantity))
		}
	}
	return bad
}

// become turns lots into lots of another instrument, or adds some to them.
func (s *stock) become(a *Activity) *refusal {
	ratio, stays := Ratio{New: money.One, Old: money.One}, a.Type == SpinOff
	if a.Type != Rename {
		ratio = *a.Ratio
		if !s.stretch(inAccount{a.Instrument, a.Account}, inAccount{a.ToInstrument, a.Account}, ratio) {
			return s.tooFar(a)
		}
	}
	stakes, bad := s.stakes(a)
	if bad != nil {
		return bad
	}
	total := money.Zero
	for _, one := range stakes {
		total = total.Add(one.Quantity())
	}
	if a.Type == Merger && a.Amount != nil && !a.Amount.IsZero() && total.IsZero() {
		return refuse("amount", "no %s is held on %s to share cash by", s.symbol(a.Instrument), a.Date)
	}
	var rounding Rounding
	for _, one := range stakes {
		to := s.position(a.ToInstrument, one.account)
		if one.lots.Quantity().Sign()*to.Quantity().Sign() < 0 {
			return refuse("to_symbol", "on %s the account is long of one and short of the other of %s and %s", a.Date, s.symbol(a.Instrument), s.symbol(a.ToInstrument))
		}
		if stays { // what comes out has the same lots, and those stay
			same := one.lots.Copy()
			one.lots = &same
		}
		leaving := one.leave()
		lots := leaving.Clear()
		parts, sum := one.Multiplied(ratio, &rounding)
		ratio.Multiply(lots, sum)
		for _, lot := range lots {
			to.Open(lot)
		}
		for i, part := range parts {
			s.hold(a.ToInstrument, part.Account, part.Quantity)
			if !stays {
				s.hold(a.Instrument, part.Account, one.Parts[i].Quantity.Neg())
			}
		}
	}
	return nil
}

// The bounds of what all ratios that an instrument went through come to together.
var (
	stretchMax = money.NewDecimal(1, splitPowerMax)
	stretchMin = money.NewDecimal(1, -splitPowerMax)
)

// stretch notes that what is held of one became so much of another, or of itself. Any ratio alone may be as it likes, but quantities
// and prices that go through hundreds of huge ones have so many digits that nothing can be worked out from them.
func (s *stock) stretch(from, to inAccount, ratio Ratio) (ok bool) {
	unity := stretch{money.One, money.One}
	was, known := s.stretched[from]
	if !known {
		was = unity
	}
	next := stretch{ratio.Apply(was.most), ratio.Apply(was.least)}
	if from != to {
		if there, known := s.stretched[to]; known {
			next = stretch{larger(next.most, there.most), smaller(next.least, there.least)}
		}
	}
	if next != unity {
		s.stretched[to] = next
	}
	return next.most.Cmp(stretchMax) <= 0 && next.least.Cmp(stretchMin) >= 0
}

func larger(a, b money.Decimal) money.Decimal {
	if a.Cmp(b) > 0 {
		return a
	}
	return b
}

func (s *stock) tooFar(a *Activity) *refusal {
	return refuse("ratio", "the ratios of %s up to %s multiply or divide it by more than 1 with %d zeros", s.symbol(a.Instrument), a.Date, splitPowerMax)
}

// shorts are the instruments of which an account is short, by id.
func (s *stock) shorts() []market.InstrumentID {
	var short []market.InstrumentID
	for key, lots := range s.positions {
		if !s.shared() && lots.Quantity().Sign() < 0 {
			short = append(short, key.instrument)
		}
	}
	for key, quantity := range s.held {
		if quantity.Sign() < 0 {
			short = append(short, key.instrument)
		}
	}
	slices.Sort(short)
	return slices.Compact(short)
}

// Shorts are the instruments of which an account of a book is short after its last activity, by id. While there is one, short
// positions can't be forbidden; sales that opened some in the past, and were covered, stay as they are.
func Shorts(book Book) []market.InstrumentID {
	book.Portfolio.AllowShort, book.Portfolio.LotMethod, book.Portfolio.LotScope = true, FIFO, ScopeAccount
	s := newStock(book)
	for i := range book.Activities {
		if a := &book.Activities[i]; a.Instrument != "" && s.take(a) != nil {
			break // of a scope of its own
		}
	}
	return s.shorts()
}

// CheckLots sees whether a book can be worked out by a method and a scope: under Specific every disposal and transfer has to name its lots, and
// positions that all accounts share may be shorter than one of them. The error is fault.Invalid and says which activity of which
// day stands in the way; its place is that activity's id.
func CheckLots(book Book, method LotMethod, scope LotScope) error {
	book.Portfolio.AllowShort, book.Portfolio.LotMethod, book.Portfolio.LotScope = true, method, scope
	s := newStock(book)
	for i := range book.Activities {
		a := &book.Activities[i]
		if a.Instrument == "" {
			continue
		}
		if bad := s.take(a); bad != nil {
			return fault.At(string(a.ID), "%s", bad.text)
		}
	}
	return nil
}

// linked are the instruments that what is held of others may come from or go to, with the others.
func linked(activities []Activity, touched map[market.InstrumentID]struct{}) map[market.InstrumentID]struct{} {
	all := maps.Clone(touched)
	for grown := true; grown; {
		grown = false
		for i := range activities {
			a := &activities[i]
			if a.ToInstrument == "" {
				continue
			}
			_, from := all[a.Instrument]
			_, to := all[a.ToInstrument]
			if from != to {
				all[a.Instrument], all[a.ToInstrument] = struct{}{}, struct{}{}
				grown = true
			}
		}
	}
	return all
}
