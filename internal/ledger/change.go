package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

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
		c.touch(&c.book.Activities[i])
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
	c.touch(a)
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
	c.checkTarget(a, prefix)
	if a.Account != "" || !a.Type.OfEveryAccount() {
		c.checkAccount(a.Account, old != nil && old.Account == a.Account, prefix+"account")
	}
	if a.ToAccount != "" {
		c.checkAccount(a.ToAccount, old != nil && old.ToAccount == a.ToAccount, prefix+"to_account")
	}
}

// touch notes whose quantities an activity changes.
func (c *change) touch(a *Activity) {
	for _, id := range []market.InstrumentID{a.Instrument, a.ToInstrument} {
		if id != "" {
			c.touched[id] = struct{}{}
		}
	}
}

// checkTarget looks at what an activity turns something into, and at what would be passed over in silence.
func (c *change) checkTarget(a *Activity, prefix string) {
	if target, known := c.book.Instruments[a.ToInstrument]; a.ToInstrument != "" && (!known || target.Class == market.FX) {
		c.refuse(fault.At(prefix+"to_symbol", "no such instrument: %.40q", string(a.ToInstrument)))
	}
	if a.ToCurrency != "" {
		if _, err := money.ParseCurrency(string(a.ToCurrency)); err != nil {
			c.refuse(fault.At(prefix+"to_currency", "%v", err))
		}
	}
	if a.Type == CashTransfer && a.staysWhereItIs() {
		c.refuse(fault.At(prefix+"to_account", "%s", cashStays))
	}
	if a.Account == "" && a.Type.OfEveryAccount() && !(a.Fee.IsZero() && a.Tax.IsZero()) {
		field := "fee"
		if a.Fee.IsZero() {
			field = "tax"
		}
		c.refuse(fault.At(prefix+field, "name the account that pays the %s of the %s", field, strings.ReplaceAll(string(a.Type), "_", "-")))
	}
	if len(a.Lots) > LotsMax {
		c.refuse(fault.At(prefix+"lots", "more than %d", LotsMax))
	}
	for i, lot := range a.Lots {
		if !IsName(string(lot.ID)) {
			c.refuse(fault.At(fmt.Sprintf("%slots[%d].id", prefix, i), "is missing or not an id"))
		}
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

// checkHeld follows the instruments that changes touch and refuses what can't have happened. What the portfolio doesn't allow any
// more, but did when it was entered, stays: the same sale short of no more than before, and covered in the end.
func (c *change) checkHeld(activities []Activity) error {
	instruments := linked(activities, c.touched)
	var before map[ActivityID]money.Decimal // sales short of something in the book as it was; worked out where one is met
	var let *refusal                        // the last of them
	s := newStock(c.book)
	for i := range activities {
		a := &activities[i]
		if _, ok := instruments[a.Instrument]; !ok || a.Instrument == "" {
			continue
		}
		bad := s.take(a)
		if bad == nil {
			continue
		}
		if prefix, own := c.places[a.ID]; own {
			return fault.At(prefix+bad.field, "%s", bad.text)
		}
		if !bad.missing.IsZero() {
			if before == nil {
				before = shortSales(c.book)
			}
			if was, ok := before[a.ID]; ok && bad.missing.Cmp(was) <= 0 {
				let = bad
				continue
			}
		}
		return impossible(bad)
	}
	if let != nil && len(s.shorts()) > 0 {
		return impossible(let)
	}
	return nil
}

func impossible(bad *refusal) error {
	return fault.At("activities", "an activity that stands already would become impossible: %s", bad.text)
}

// shortSales is how much was missing for each sale that opened a short position, where the portfolio doesn't allow it any more.
func shortSales(book Book) map[ActivityID]money.Decimal {
	missing := map[ActivityID]money.Decimal{}
	s := newStock(book)
	for i := range book.Activities {
		a := &book.Activities[i]
		if a.Instrument == "" {
			continue
		}
		if bad := s.take(a); bad != nil && !bad.missing.IsZero() {
			missing[a.ID] = bad.missing
		}
	}
	return missing
}
