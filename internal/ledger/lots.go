package ledger

import (
	"cmp"
	"slices"
	"sort"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Carried is what a lot carries with it until it is gone, each in proportion to its quantity and signed like it. What can't be
// known is unknown: a missing rate leaves Base open, never 0.
type Carried struct {
	Local   money.Maybe // cost in the position's currency
	Base    money.Maybe // cost in the base currency, at the rates of when it was paid
	Start   money.Maybe // unrealised gain in the base currency when the period under review began
	StartFX money.Maybe // how much of Start came from the currency
}

// NewCarried is a cost that arises now, within any period under review.
func NewCarried(local, base money.Maybe) Carried {
	return Carried{Local: local, Base: base, Start: money.Known(money.Zero), StartFX: money.Known(money.Zero)}
}

// Add is the sum of both.
func (c Carried) Add(o Carried) Carried {
	return Carried{Local: c.Local.Add(o.Local), Base: c.Base.Add(o.Base), Start: c.Start.Add(o.Start), StartFX: c.StartFX.Add(o.StartFX)}
}

// Sub is what is left of c without o.
func (c Carried) Sub(o Carried) Carried {
	return Carried{Local: c.Local.Sub(o.Local), Base: c.Base.Sub(o.Base), Start: c.Start.Sub(o.Start), StartFX: c.StartFX.Sub(o.StartFX)}
}

// Share is c · part / whole to 34 digits, and c itself where part is the whole. Where next to nothing is left, the rest is worked out
// and part is what it leaves: else what is left of 1e15 and is 1e-18 would be nothing but the rounding of the part.
func (c Carried) Share(part, whole money.Decimal) Carried {
	rest := whole.Sub(part)
	switch {
	case rest.IsZero():
		return c
	case rest.Abs().Mul(hardlyAny).Cmp(whole.Abs()) < 0:
		return c.Sub(c.share(rest, whole))
	}
	return c.share(part, whole)
}

var hardlyAny = money.NewDecimal(1, 10) // one part in so many leaves 24 digits of 34

func (c Carried) share(part, whole money.Decimal) Carried {
	return Carried{
		Local: c.Local.Share(part, whole), Base: c.Base.Share(part, whole),
		Start: c.Start.Share(part, whole), StartFX: c.StartFX.Share(part, whole),
	}
}

// Lot is what was opened at once and is still there.
type Lot struct {
	ID       ActivityID
	Opened   market.Date
	Order    int64     // order of entry, breaks ties within a day
	Account  AccountID // where it was opened, or moved to
	Quantity money.Decimal
	Carried  Carried // of this lot; under Average it is kept for the pool, see Lots.All

	gone bool // it only keeps its place, see order
}

// Taken is what a disposal took of one lot; quantity and what it carries are signed like the lot.
type Taken struct{ Lot }

// Lots are the open lots of one position in the order of their opening: all long or all short. The zero value of everything
// but Method is an empty position.
type Lots struct {
	Method   LotMethod
	lots     []Lot
	quantity money.Decimal
	pool     Carried // of all lots together, under Average only
	order    order
	taken    []Taken // what Take gave last, to be used again
	front    []Lot   // what lots is a part of, where insert made it
}

// NewLots is an empty position whose disposals take lots by a method.
func NewLots(method LotMethod) Lots {
	nothing := money.Known(money.Zero)
	return Lots{Method: method, pool: NewCarried(nothing, nothing)}
}

// Quantity is the sum of all lots, below 0 for a short position.
func (l *Lots) Quantity() money.Decimal { return l.quantity }

// Len is the number of open lots.
func (l *Lots) Len() int { return len(l.lots) - l.order.gone }

// Open puts a lot to the others, where its opening date and order say. Its sign must be that of the position.
func (l *Lots) Open(lot Lot) {
	if lot.Quantity.IsZero() {
		return
	}
	if l.quantity.Sign()*lot.Quantity.Sign() < 0 {
		panic("ledger: a lot of the other sign: " + lot.Quantity.String() + " to " + l.quantity.String()) // callers close first
	}
	l.quantity = l.quantity.Add(lot.Quantity)
	if l.Method == Average {
		l.pool = l.pool.Add(lot.Carried)
		lot.Carried = Carried{}
	}
	at := len(l.lots)
	if at > 0 && older(&lot, &l.lots[at-1]) < 0 { // nearly always it is the newest
		at = sort.Search(at, func(i int) bool { return older(&lot, &l.lots[i]) < 0 })
	}
	l.insert(at, lot)
	l.inserted(at)
}

// insert puts a lot at a place. Lots that are moved here newest first all come to the front, so there is kept room too: tens of
// thousands of them must not take the square of that. What lots that were taken leave before the others is used again.
func (l *Lots) insert(at int, lot Lot) {
	n, room := len(l.lots), l.roomBefore()
	if at > n/2 || n == 0 {
		if n == cap(l.lots) {
			if room <= n/2 {
				l.front = make([]Lot, n, 2*n+roomLeast)
			}
			l.lots = l.front[:copy(l.front[:n], l.lots)]
		}
		l.lots = slices.Insert(l.lots, at, lot)
		return
	}
	if room == 0 {
		room = n/2 + roomLeast
		l.front = make([]Lot, room+n, room+n+roomLeast)
		copy(l.front[room:], l.lots)
	}
	l.lots = l.front[room-1 : room+n]
	copy(l.lots[:at], l.lots[1:at+1])
	l.lots[at] = lot
}

// roomLeast is how many lots there is room for at least, where some is made.
const roomLeast = 8

// roomBefore is how many places are free before the lots, in what they are a part of.
func (l *Lots) roomBefore() int {
	room := cap(l.front) - cap(l.lots) // both end where it ends
	if len(l.lots) == 0 || room <= 0 || &l.front[:room+1][room] != &l.lots[0] {
		return 0
	}
	return room
}

// older orders lots by opening date, then by entry.
func older(a, b *Lot) int {
	return cmp.Or(cmp.Compare(a.Opened, b.Opened), cmp.Compare(a.Order, b.Order))
}

// Total is what all lots carry.
func (l *Lots) Total() Carried {
	if l.Method == Average {
		return l.pool
	}
	nothing := money.Known(money.Zero)
	total := NewCarried(nothing, nothing)
	l.tidy()
	for _, lot := range l.lots {
		total = total.Add(lot.Carried)
	}
	return total
}

// All is a copy of the lots. Under Average each carries its share of the pool; the shares sum to the pool to the last digit.
func (l *Lots) All() []Lot {
	l.tidy()
	all := slices.Clone(l.lots)
	if l.Method == Average {
		spread(all, l.pool, l.quantity)
	}
	return all
}

// spread shares an amount over lots by quantity so that nothing is lost: each gets what is due up to it less what was given.
func spread(lots []Lot, amount Carried, quantity money.Decimal) {
	nothing := money.Known(money.Zero)
	given, upTo := NewCarried(nothing, nothing), money.Zero
	for i := range lots {
		upTo = upTo.Add(lots[i].Quantity)
		due := amount.Share(upTo, quantity)
		lots[i].Carried = due.Sub(given)
		given = due
	}
}

// Choice names a part of a lot, for disposals that choose theirs.
type Choice struct {
	ID       ActivityID
	Quantity money.Decimal // above 0
}

// Take closes a quantity above 0, of a long position by the method, of a short one the oldest first. It must not be more than
// is there. chosen is only read under Specific, and then must sum to the quantity and be there: see Choose. What it gives is good
// until it is called again.
func (l *Lots) Take(quantity money.Decimal, chosen []Choice) []Taken {
	if quantity.Cmp(l.quantity.Abs()) > 0 {
		panic("ledger: takes " + quantity.String() + " of " + l.quantity.String()) // callers compare first
	}
	if quantity.IsZero() {
		return nil
	}
	if l.Method == Average {
		return l.takeAverage(quantity)
	}
	if l.Method == Specific && l.quantity.Sign() > 0 {
		return l.takeChosen(chosen)
	}
	if l.Method == HIFO && l.quantity.Sign() > 0 {
		return l.takeDearest(quantity)
	}
	l.tidy() // of when it was long
	l.order = order{}
	taken := l.taken[:0]
	emptied := 0
	for left := quantity; left.Sign() > 0; {
		i := l.next(emptied)
		part := l.takeFrom(i, left)
		taken = append(taken, part)
		left = left.Sub(part.Quantity.Abs())
		if l.lots[i].Quantity.IsZero() {
			if i == emptied {
				emptied++ // oldest first: cut off once, at the end
			} else {
				l.lots = slices.Delete(l.lots, i, i+1)
			}
		}
	}
	l.lots = l.lots[emptied:]
	l.taken = taken
	return taken
}

// takeFrom takes up to a quantity from the i-th lot; an emptied lot stays for the caller to remove.
func (l *Lots) takeFrom(i int, quantity money.Decimal) Taken {
	lot := &l.lots[i]
	part := *lot
	if quantity.Cmp(lot.Quantity.Abs()) < 0 {
		part.Quantity = quantity
		if lot.Quantity.Sign() < 0 {
			part.Quantity = quantity.Neg()
		}
		part.Carried = lot.Carried.Share(part.Quantity, lot.Quantity)
	}
	lot.Quantity = lot.Quantity.Sub(part.Quantity)
	lot.Carried = lot.Carried.Sub(part.Carried)
	l.quantity = l.quantity.Sub(part.Quantity)
	return Taken{part}
}

// next is the lot that is taken first, of those from an index on.
func (l *Lots) next(from int) int {
	if l.quantity.Sign() < 0 {
		return from
	}
	if l.Method == LIFO {
		return len(l.lots) - 1
	}
	return from
}

func (l *Lots) takeDearest(quantity money.Decimal) []Taken {
	taken := l.taken[:0]
	for left := quantity; left.Sign() > 0; {
		part := l.takeFrom(l.first(), left)
		taken = append(taken, part)
		left = left.Sub(part.Quantity)
		l.took()
	}
	l.settle()
	l.taken = taken
	return taken
}

// dearer says whether a unit of a cost more than one of b, in the position's currency. An unknown cost is never dearer, and neither
// is one that only rounding made so: two lots bought at one price, 7 for 6, may be a few units of the last digit apart.
func dearer(a, b *Lot) bool {
	x, ok := a.Carried.Local.Get()
	if !ok {
		return false
	}
	y, ok := b.Carried.Local.Get()
	if !ok {
		return true
	}
	x, y = x.Mul(b.Quantity), y.Mul(a.Quantity)
	return x.Cmp(y) > 0 && x.Sub(y).Cmp(x.Abs().Mul(roundingMax)) > 0
}

func (l *Lots) takeAverage(quantity money.Decimal) []Taken {
	taken := l.taken[:0]
	whole, left, emptied := l.quantity, quantity, 0
	for left.Sign() > 0 {
		part := l.takeFrom(emptied, left)
		taken = append(taken, part)
		left = left.Sub(part.Quantity.Abs())
		if l.lots[emptied].Quantity.IsZero() {
			emptied++
		}
	}
	l.lots = l.lots[emptied:]
	closed := whole.Sub(l.quantity)
	amount := l.pool.Share(closed, whole)
	if l.pool = l.pool.Sub(amount); l.quantity.IsZero() { // forget what was unknown too
		l.pool = NewLots(Average).pool
	}
	parts := make([]Lot, len(taken))
	for i := range taken {
		parts[i] = taken[i].Lot
	}
	spread(parts, amount, closed)
	for i := range taken {
		taken[i].Lot = parts[i]
	}
	l.taken = taken
	return taken
}

func (l *Lots) takeChosen(chosen []Choice) []Taken {
	taken := l.taken[:0]
	for _, choice := range chosen {
		left := choice.Quantity
		for _, place := range l.places(choice.ID) {
			if left.Sign() <= 0 {
				break
			}
			if l.lots[place].gone || l.lots[place].Quantity.IsZero() {
				continue
			}
			part := l.takeFrom(int(place), left)
			taken = append(taken, part)
			left = left.Sub(part.Quantity)
			if l.lots[place].Quantity.IsZero() {
				l.drop(int(place))
			}
		}
	}
	l.settle()
	l.taken = taken
	return taken
}

// Held is how much of the lots opened under an id is there.
func (l *Lots) Held(id ActivityID) money.Decimal {
	var held money.Decimal
	if l.Method == Specific {
		for _, place := range l.places(id) {
			held = held.Add(l.lots[place].Quantity)
		}
		return held
	}
	for _, lot := range l.lots {
		if lot.ID == id {
			held = held.Add(lot.Quantity)
		}
	}
	return held
}

// Choose sees whether chosen parts of lots are there: id is the first lot of which there isn't enough, with how much of it is held.
// sum is what the choices come to.
func (l *Lots) Choose(chosen []Choice) (id ActivityID, held, sum money.Decimal) {
	wanted := make(map[ActivityID]money.Decimal, len(chosen))
	for _, choice := range chosen {
		wanted[choice.ID] = wanted[choice.ID].Add(choice.Quantity)
		sum = sum.Add(choice.Quantity)
		if held := l.Held(choice.ID); wanted[choice.ID].Cmp(held) > 0 {
			return choice.ID, held, sum
		}
	}
	return "", money.Zero, sum
}

// Split multiplies quantities by new/old and leaves costs as they are.
func (l *Lots) Split(ratio Ratio) { l.SplitPart(ratio, l.quantity, ratio.Apply(l.quantity)) }

// SplitPart multiplies a part of the whole by new/old, the same share of every lot, and leaves costs as they are. to is what the part
// comes to, as its holders round it.
func (l *Lots) SplitPart(ratio Ratio, part, to money.Decimal) {
	l.tidy()
	l.order = order{}
	if part.Equal(l.quantity) {
		l.quantity = ratio.Multiply(l.lots, to)
		return
	}
	parts := slices.Clone(l.lots)
	for i, quantity := range partsOf(l.lots, part, l.quantity) {
		parts[i].Quantity = quantity
		l.lots[i].Quantity = l.lots[i].Quantity.Sub(quantity)
	}
	l.quantity = l.quantity.Sub(part).Add(ratio.Multiply(parts, to))
	for i := range parts {
		l.lots[i].Quantity = l.lots[i].Quantity.Add(parts[i].Quantity)
	}
}

// Multiply multiplies the quantities of lots by new/old, so that they sum to what is given: the whole after the ratio, rounded once,
// or the sum of what several holders of it round for themselves. The lots share the rounding; what holders make of it is with the
// biggest, and so is what a lot carries that is rounded away. Without lots nothing becomes of them: the sum is 0.
func (r Ratio) Multiply(lots []Lot, to money.Decimal) (sum money.Decimal) {
	if len(lots) == 0 {
		return money.Zero
	}
	var before, after money.Decimal
	biggest := 0
	for i := range lots {
		before = before.Add(lots[i].Quantity)
		upTo := r.Apply(before)
		lots[i].Quantity, after = upTo.Sub(after), upTo
		if lots[i].Quantity.Abs().Cmp(lots[biggest].Quantity.Abs()) > 0 {
			biggest = i
		}
	}
	lots[biggest].Quantity = lots[biggest].Quantity.Add(to.Sub(after))
	nothing := money.Known(money.Zero)
	for i := range lots { // what is rounded away isn't opened any more
		if lots[i].Quantity.IsZero() && i != biggest {
			lots[biggest].Carried = lots[biggest].Carried.Add(lots[i].Carried)
			lots[i].Carried = NewCarried(nothing, nothing)
		}
	}
	return to
}

// Part takes the same share of every lot, so that a quantity goes: signed like the position and not more than it. What is taken and
// what stays sum to what was there.
func (l *Lots) Part(quantity money.Decimal) Lots {
	taken := NewLots(l.Method)
	if quantity.Equal(l.quantity) {
		taken, *l = *l, taken
		return taken
	}
	l.tidy()
	l.order = order{}
	parts := partsOf(l.lots, quantity, l.quantity)
	stay := l.lots[:0:0]
	for i, lot := range l.lots {
		part := lot
		part.Quantity = parts[i]
		if part.Quantity.IsZero() {
			stay = append(stay, lot)
			continue
		}
		if l.Method != Average {
			part.Carried = lot.Carried.Share(part.Quantity, lot.Quantity)
			lot.Carried = lot.Carried.Sub(part.Carried)
		}
		lot.Quantity = lot.Quantity.Sub(part.Quantity)
		taken.lots = append(taken.lots, part)
		if !lot.Quantity.IsZero() {
			stay = append(stay, lot)
		}
	}
	if l.Method == Average {
		taken.pool = l.pool.Share(quantity, l.quantity)
		l.pool = l.pool.Sub(taken.pool)
	}
	taken.quantity = quantity
	l.lots, l.quantity = stay, l.quantity.Sub(quantity)
	return taken
}

// partsOf shares a quantity over lots, to each no more than it has. The rounding of quotients goes where there is room.
func partsOf(lots []Lot, quantity, whole money.Decimal) []money.Decimal {
	parts := make([]money.Decimal, len(lots))
	within := func(part, most money.Decimal) money.Decimal { // between 0 and most, whose sign it has
		if part.Sign()*most.Sign() < 0 {
			return money.Zero
		}
		if part.Abs().Cmp(most.Abs()) > 0 {
			return most
		}
		return part
	}
	left := quantity
	for i, lot := range lots {
		parts[i] = within(lot.Quantity.Mul(quantity).Quo(whole), lot.Quantity)
		left = left.Sub(parts[i])
	}
	for i := 0; i < len(lots) && !left.IsZero(); i++ {
		better := within(parts[i].Add(left), lots[i].Quantity)
		left = left.Sub(better.Sub(parts[i]))
		parts[i] = better
	}
	return parts
}

// Apply is a quantity after a split: quantity · new / old, to 34 digits where that has no end. Back from such an end it is whole
// again: 8 shares 1 for 3 and then 3 for 1 are 8 shares, of which 8 can be sold and none stay.
func (r Ratio) Apply(quantity money.Decimal) money.Decimal {
	y := scaled(quantity, r.New, r.Old)
	whole := y.Round(quantityPlaces).Reduced()
	if _, _, short := whole.Narrow(); short {
		if off := y.Sub(whole).Abs(); off.Cmp(dustMax) < 0 && off.Cmp(y.Abs().Mul(roundingMax)) <= 0 {
			return whole
		}
	}
	return y
}

// quantityPlaces are the decimal places of the smallest quantities that are traded, 1e-18.
const quantityPlaces = 18

// dustMax is less than any ratio makes of the smallest quantity, a thousandth of it: a billion shares and more beside 1e-18 of one stay
// what they are.
var dustMax = money.NewDecimal(1, -quantityPlaces-3)

// roundingMax is the part of a quantity that ten thousand roundings to 34 digits may come to.
var roundingMax = money.NewDecimal(1, -30)

// Unapply is a price after a split: price · old / new, to 34 digits where that has no end.
func (r Ratio) Unapply(price money.Decimal) money.Decimal { return scaled(price, r.Old, r.New) }

var scaledMax = money.NewDecimal(1, scaledDigitsMax)

const scaledDigitsMax = 60 // on either side of the point, as many as an amount is read with; splits on splits must not grow without end

// scaled is x · by / per. 5:4 is 1.25: a product, of which nothing is rounded away. Only a quotient without an end, such as 1:3, or one
// longer than any amount is rounded.
func scaled(x, by, per money.Decimal) money.Decimal {
	factor := by
	if !per.Equal(money.One) {
		factor = by.Quo(per)
	}
	if factor.Mul(per).Equal(by) {
		if y := x.Mul(factor).Reduced(); y.Places() <= scaledDigitsMax && y.Abs().Cmp(scaledMax) < 0 {
			return y
		}
	}
	return x.Mul(by).Quo(per)
}

// Change replaces what each lot carries; under Average the shares are changed and make up the new pool.
func (l *Lots) Change(change func(Lot) Carried) {
	l.tidy()          // what is gone carries nothing
	l.order = order{} // other lots may be the dearest
	if l.Method != Average {
		for i := range l.lots {
			l.lots[i].Carried = change(l.lots[i])
		}
		return
	}
	all, nothing := l.All(), money.Known(money.Zero)
	l.pool = NewCarried(nothing, nothing)
	for _, lot := range all {
		l.pool = l.pool.Add(change(lot))
	}
}

// Copy is the same lots, to be changed apart.
func (l *Lots) Copy() Lots {
	same := *l
	same.lots, same.order = slices.Clone(l.lots), order{gone: l.order.gone}
	return same
}

// Clear closes every lot and gives them back.
func (l *Lots) Clear() []Lot {
	all := l.All()
	*l = NewLots(l.Method)
	return all
}

// SetPool replaces what the lots carry together, under Average.
func (l *Lots) SetPool(pool Carried) { l.pool = pool }
