package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Changes is what a person wants to do to a book at once: all of it or nothing.
type Changes struct {
	Added     []Activity // with ids of the caller's making; Position and Version are set by Apply
	Corrected []Activity // whole new versions, by id
	Voided    []ActivityID
}

const placesMax = 100 // wrong places named at once: enough to mend a file, few enough to read

// Apply checks changes against a book and gives the book that follows, Sequence untouched. Nothing of the given book changes.
// today is the last day that an activity may be of.
//
// Errors are fault.Invalid with places such as "activities[3].quantity", an index into Added and then Corrected; a change that
// would make another activity impossible, such as voiding the purchase of what was sold later, names that activity and its day.
// An unknown id to correct or void is fault.NotFound.
func Apply(book Book, changes Changes, today market.Date) (Book, error) {
	if book.Portfolio.Closed {
		return book, fault.New(fault.Invalid, "the portfolio is closed")
	}
	count := len(changes.Added) + len(changes.Corrected) + len(changes.Voided)
	if count > ChangesMax {
		return book, fault.New(fault.TooLarge, "%d changes at once; at most %d", count, ChangesMax)
	}
	if len(book.Activities)+len(changes.Added) > ActivitiesMax {
		return book, fault.New(fault.TooLarge, "a portfolio has at most %d activities", ActivitiesMax)
	}
	c := change{book: book, today: today, touched: map[market.InstrumentID]struct{}{}, places: map[ActivityID]string{}}
	after, err := c.apply(changes)
	if err != nil {
		return book, err
	}
	if len(c.wrong) > 0 {
		return book, &fault.Error{Kind: fault.Invalid, Message: c.wrong[0].Message, Places: c.wrong}
	}
	if err := c.checkHeld(after); err != nil {
		return book, err
	}
	book.Activities = after
	return book, nil
}

// change is an Apply in the making.
type change struct {
	book    Book
	today   market.Date
	touched map[market.InstrumentID]struct{} // whose quantities may differ
	places  map[ActivityID]string            // of the activities that are new or corrected
	wrong   []fault.Place
}

// apply gives the activities that follow, in order, and notes what is wrong with those that came.
func (c *change) apply(changes Changes) ([]Activity, error) {
	at := make(map[ActivityID]int, len(c.book.Activities))
	last := int64(0)
	for i := range c.book.Activities {
		at[c.book.Activities[i].ID] = i
		last = max(last, c.book.Activities[i].Position)
	}
	gone := map[int]struct{}{}
	after := make([]Activity, 0, len(c.book.Activities)+len(changes.Added))
	remove := func(id ActivityID) (Activity, error) {
		i, ok := at[id]
		if !ok {
			return Activity{}, fault.New(fault.NotFound, "no such activity: %.40q", string(id))
		}
		if _, twice := gone[i]; twice {
			return Activity{}, fault.New(fault.Invalid, "the activity %.40q is changed twice at once", string(id))
		}
		gone[i] = struct{}{}
		c.touched[c.book.Activities[i].Instrument] = struct{}{}
		return c.book.Activities[i], nil
	}
	for _, id := range changes.Voided {
		if _, err := remove(id); err != nil {
			return nil, err
		}
	}
	var came []Activity
	for i, a := range changes.Added {
		prefix := fmt.Sprintf("activities[%d].", i)
		_, exists := at[a.ID]
		if _, twice := c.places[a.ID]; exists || twice || a.ID == "" {
			c.refuse(fault.At(prefix+"id", "is taken or empty: %.40q", string(a.ID)))
		}
		last++
		a.Position, a.Version, a.Voided = last, 1, false
		c.check(&a, nil, prefix)
		came = append(came, a)
	}
	for i, a := range changes.Corrected {
		old, err := remove(a.ID)
		if err != nil {
			return nil, err
		}
		a.Position, a.Version, a.Voided = old.Position, old.Version+1, false
		c.check(&a, &old, fmt.Sprintf("activities[%d].", len(changes.Added)+i))
		came = append(came, a)
	}
	for i := range c.book.Activities {
		if _, out := gone[i]; !out {
			after = append(after, c.book.Activities[i])
		}
	}
	after = append(after, came...)
	slices.SortStableFunc(after, func(a, b Activity) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Position, b.Position))
	})
	return after, nil
}

// refuse notes what is wrong with an activity.
func (c *change) refuse(err error) {
	if e, ok := errors.AsType[*fault.Error](err); ok && len(c.wrong) < placesMax {
		c.wrong = append(c.wrong, e.Places...)
	}
}

// check looks at one activity by itself and at what it names; old is the version it replaces, nil for a new one.
func (c *change) check(a, old *Activity, prefix string) {
	c.places[a.ID] = prefix
	c.touched[a.Instrument] = struct{}{}
	if err := Check(a, prefix); err != nil {
		c.refuse(err)
		return
	}
	if err := checkDate(a.Date, c.today, prefix+"date"); err != nil {
		c.refuse(err)
	}
	if len(a.Note) > NoteBytesMax {
		c.refuse(fault.At(prefix+"note", "is longer than %d bytes", NoteBytesMax))
	}
	instrument, known := c.book.Instruments[a.Instrument]
	if a.Instrument != "" && (!known || instrument.Class == market.FX) {
		c.refuse(fault.At(prefix+"symbol", "no such instrument: %.40q", string(a.Instrument)))
	}
	if a.Currency == "" {
		a.Currency = cmp.Or(instrument.Currency, c.book.Portfolio.BaseCurrency)
	}
	if _, err := money.ParseCurrency(string(a.Currency)); err != nil {
		c.refuse(fault.At(prefix+"currency", "%v", err))
	}
	if a.Account != "" || !a.Type.OfEveryAccount() {
		c.checkAccount(a.Account, old != nil && old.Account == a.Account, prefix+"account")
	}
	if a.Type == Transfer {
		c.checkAccount(a.ToAccount, old != nil && old.ToAccount == a.ToAccount, prefix+"to_account")
	}
}

// checkAccount sees that an account is there, and open unless the activity was in it before.
func (c *change) checkAccount(id AccountID, was bool, place string) {
	i := slices.IndexFunc(c.book.Accounts, func(a Account) bool { return a.ID == id })
	switch {
	case id == "":
		c.refuse(fault.At(place, "is missing"))
	case i < 0:
		c.refuse(fault.At(place, "no such account: %.40q", string(id)))
	case c.book.Accounts[i].Closed && !was:
		c.refuse(fault.At(place, "the account %.40q is closed", c.book.Accounts[i].Name))
	}
}

// inAccount is one instrument in one account.
type inAccount struct {
	instrument market.InstrumentID
	account    AccountID
}

// checkHeld walks the instruments that changes touch and refuses what would sell, move or deliver more than is there.
func (c *change) checkHeld(activities []Activity) error {
	held, splits := map[inAccount]money.Decimal{}, map[inAccount]money.Decimal{}
	for i := range activities {
		a := &activities[i]
		if _, ok := c.touched[a.Instrument]; !ok || a.Instrument == "" {
			continue
		}
		has := held[inAccount{a.Instrument, a.Account}]
		switch a.Type {
		case Dividend:
			if a.Reinvest && has.Sign() < 0 {
				return fault.At(cmp.Or(c.place(a), "activities.")+"reinvest", "%s is held short on %s: its dividends are paid, not reinvested", c.symbol(a), a.Date)
			}
		case Sell:
			if !c.book.Portfolio.AllowShort && a.Quantity.Cmp(has) > 0 {
				return c.short(a, has)
			}
		case DeliverOut, Transfer:
			if a.Quantity.Cmp(has) > 0 {
				return c.short(a, has)
			}
			if a.Type == Transfer && held[inAccount{a.Instrument, a.ToAccount}].Sign() < 0 {
				return fault.At(cmp.Or(c.place(a), "activities.")+"to_account", "the account is short of %s on %s", c.symbol(a), a.Date)
			}
		case Split:
			if err := c.multiply(splits, a); err != nil {
				return err
			}
		}
		move(held, a)
	}
	return nil
}

// move is what an activity does to the quantities that are held.
func move(held map[inAccount]money.Decimal, a *Activity) {
	key := inAccount{a.Instrument, a.Account}
	switch a.Type {
	case Buy, DeliverIn:
		held[key] = held[key].Add(*a.Quantity)
	case Dividend:
		if a.Reinvest {
			held[key] = held[key].Add(*a.Quantity)
		}
	case Sell, DeliverOut:
		held[key] = held[key].Sub(*a.Quantity)
	case Transfer:
		held[key] = held[key].Sub(*a.Quantity)
		to := inAccount{a.Instrument, a.ToAccount}
		held[to] = held[to].Add(*a.Quantity)
	case Split:
		for key, has := range held {
			if key.instrument == a.Instrument && (a.Account == "" || key.account == a.Account) {
				held[key] = a.Ratio.Apply(has)
			}
		}
	}
}

// Shorts are the instruments of which an account of a book is short after its last activity, by id. A book can't have any where its
// portfolio doesn't allow them; Apply keeps to that only for what changes touch, so ask before it is no longer allowed.
func Shorts(book Book) []market.InstrumentID {
	held := map[inAccount]money.Decimal{}
	for i := range book.Activities {
		if a := &book.Activities[i]; a.Instrument != "" {
			move(held, a)
		}
	}
	var short []market.InstrumentID
	for key, quantity := range held {
		if quantity.Sign() < 0 {
			short = append(short, key.instrument)
		}
	}
	slices.Sort(short)
	return slices.Compact(short)
}

// The bounds of what all splits of an instrument together come to.
var (
	splitsMax = money.NewDecimal(1, splitPowerMax)
	splitsMin = money.NewDecimal(1, -splitPowerMax)
)

// multiply adds a split to those before it in its account. Any split alone may be as it likes, but quantities and prices that go
// through hundreds of huge ones have so many digits that nothing can be worked out from them.
func (c *change) multiply(splits map[inAccount]money.Decimal, a *Activity) error {
	key := inAccount{a.Instrument, a.Account}
	factor, ok := splits[key]
	if !ok {
		factor = money.One
	}
	factor = a.Ratio.Apply(factor)
	if factor.Cmp(splitsMax) > 0 || factor.Cmp(splitsMin) < 0 {
		return fault.At(cmp.Or(c.place(a), "activities.")+"ratio", "the splits of %s up to %s multiply or divide it by more than 1 with %d zeros", c.symbol(a), a.Date, splitPowerMax)
	}
	splits[key] = factor
	return nil
}

// short says what is missing, and where: at the activity itself, or at the change that makes an older one impossible.
func (c *change) short(a *Activity, held money.Decimal) error {
	if held.Sign() < 0 {
		held = money.Zero
	}
	verb := map[Type]string{Sell: "sold", DeliverOut: "delivered out", Transfer: "transferred"}[a.Type]
	text := fmt.Sprintf("%s %s %s on %s, but only %s held: %s too few", a.Quantity, c.symbol(a), verb, a.Date, held.Reduced(), a.Quantity.Sub(held).Reduced())
	if _, own := c.places[a.ID]; own {
		return fault.At(c.place(a)+"quantity", "%s", text)
	}
	return fault.At("activities", "an activity that stands already would become impossible: %s", text)
}

// place is the prefix of an activity's places.
func (c *change) place(a *Activity) string { return c.places[a.ID] }

// symbol is what people call an activity's instrument.
func (c *change) symbol(a *Activity) string {
	return cmp.Or(c.book.Instruments[a.Instrument].Symbol, string(a.Instrument))
}
