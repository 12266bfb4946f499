// Package transfer brings activities in: it reads what people write and what other programs export, and turns it into activities of a
// portfolio's own accounts and instruments.
//
// It owns the form of an entry, the file format folioscope-csv, and which rows of a file are new. It never stores anything itself:
// what it has understood goes to the journal as one change, all of it or nothing.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of texts in an entry.
const (
	NoteRunesMax     = 2000
	accountBytesMax  = 400
	symbolBytesMax   = 80 // names of funds used as symbols
	placesMax        = 100
	candidatesMax    = 20
	resolvedKindsMax = 20000 // different symbols in one file
)

// Entry is one activity as a person writes it: texts, empty where nothing was given.
type Entry struct {
	Date, Type, Account, Symbol, MIC, Quantity, Price, Amount, Currency string
	Fee, Tax, FXRate, ToAccount, Ratio, Note                            string
	ToSymbol, ToMIC, CostShare, ToCurrency, ToAmount                    string
	Lots                                                                []EntryLot
	Reinvest, Refund                                                    bool
}

// EntryLot is a lot that a disposal names: the id of the activity that opened it, and how much of it goes.
type EntryLot struct{ ID, Quantity string }

// types are the activity types, in the order of the contract.
var types = []ledger.Type{
	ledger.Buy, ledger.Sell, ledger.DeliverIn, ledger.DeliverOut, ledger.Transfer, ledger.Deposit, ledger.Withdrawal,
	ledger.Dividend, ledger.Interest, ledger.Fee, ledger.Tax, ledger.CashTransfer,
	ledger.Split, ledger.SpinOff, ledger.Merger, ledger.ReturnOfCapital, ledger.Rename, ledger.WriteOff,
}

// Instruments finds instruments by what people call them.
type Instruments interface {
	Instrument(ctx context.Context, id market.InstrumentID) (market.Instrument, error)
	InstrumentBySymbol(ctx context.Context, symbol, mic string) ([]market.Instrument, error)
	InstrumentByISIN(ctx context.Context, isin string) ([]market.Instrument, error)
}

// Ambiguous is the error of a symbol that may mean several instruments.
type Ambiguous struct {
	Candidates []market.Instrument
	fault      *fault.Error
}

// Error names the place.
func (e *Ambiguous) Error() string { return e.fault.Error() }

// Unwrap gives the fault.Invalid.
func (e *Ambiguous) Unwrap() error { return e.fault }

// Reader turns entries into activities of one portfolio; the journal gives them their ids. It is for one request: it remembers the symbols it has looked up.
type Reader struct {
	accounts    []ledger.Account
	base        money.Currency
	instruments Instruments
	known       map[[3]string]found
}

type found struct {
	all []market.Instrument
	err error
}

// NewReader makes a Reader for a portfolio with these accounts.
func NewReader(base money.Currency, accounts []ledger.Account, instruments Instruments) *Reader {
	return &Reader{accounts: accounts, base: base, instruments: instruments, known: map[[3]string]found{}}
}

// reading collects what is wrong with one entry.
type reading struct {
	place  func(field string) string
	places []fault.Place
}

func (r *reading) refuse(field, format string, args ...any) {
	r.places = append(r.places, fault.Place{Location: r.place(field), Message: fmt.Sprintf(format, args...)})
}

func (r *reading) decimal(field, text string) *money.Decimal {
	if text == "" {
		return nil
	}
	x, err := money.Parse(text)
	switch {
	case errors.Is(err, money.ErrRange):
		r.refuse(field, "too many digits")
	case err != nil:
		r.refuse(field, "not a number: %s", quoted(text))
	default:
		return &x
	}
	return nil
}

// quoted is a text as it is shown in a message: short, and with nothing in it that could act.
func quoted(text string) string {
	const shownMax = 40 // bytes
	if len(text) > shownMax {
		text = strings.ToValidUTF8(text[:shownMax], "") + "…"
	}
	return fmt.Sprintf("%q", text)
}

// Activity turns an entry into an activity. Place gives the place of a field for messages. What is wrong is fault.Invalid
// with every place, or *Ambiguous; what an activity of its type needs besides is the ledger's to say.
func (r *Reader) Activity(ctx context.Context, e Entry, place func(field string) string) (ledger.Activity, error) {
	in := &reading{place: place}
	a := ledger.Activity{Type: ledger.Type(e.Type), Reinvest: e.Reinvest, Refund: e.Refund, Note: strings.TrimSpace(e.Note)}
	if !slices.Contains(types, a.Type) {
		in.refuse("type", "%s is not one of %s", quoted(e.Type), listed(types))
	}
	var err error
	if a.Date, err = market.ParseDate(e.Date); err != nil {
		in.refuse("date", "not a date: %s; dates are written YYYY-MM-DD", quoted(e.Date))
	}
	a.Account = r.account(in, "account", e.Account, !a.Type.OfEveryAccount())
	if e.ToAccount != "" {
		a.ToAccount = r.account(in, "to_account", e.ToAccount, true)
	}
	if utf8.RuneCountInString(a.Note) > NoteRunesMax {
		in.refuse("note", "longer than %d characters", NoteRunesMax)
	}
	if !market.Lines(a.Note) {
		in.refuse("note", "a character that can't be shown is in it")
	}
	instrument, err := r.instrument(ctx, in, "symbol", e.Symbol, e.MIC, e.Currency)
	var several *Ambiguous
	if err != nil && !errors.As(err, &several) {
		return a, err
	}
	becomes, err := r.instrument(ctx, in, "to_symbol", e.ToSymbol, e.ToMIC, "")
	if err != nil && !errors.As(err, &several) {
		return a, err
	}
	a.Instrument, a.ToInstrument = instrument.ID, becomes.ID
	r.amounts(in, &a, e, instrument)
	a.Lots = lots(in, e.Lots)
	if len(in.places) > 0 {
		wrong := &fault.Error{Kind: fault.Invalid, Message: in.places[0].Location + ": " + in.places[0].Message, Places: in.places}
		if several != nil {
			return a, &Ambiguous{Candidates: several.Candidates, fault: wrong}
		}
		return a, wrong
	}
	return a, nil
}

// amounts reads the numbers, in the major unit of their currency.
func (r *Reader) amounts(in *reading, a *ledger.Activity, e Entry, instrument market.Instrument) {
	unit := money.Unit{Currency: r.base}
	switch {
	case e.Currency != "":
		var err error
		if unit, err = money.ParseUnit(e.Currency); err != nil {
			in.refuse("currency", "not a currency: %s", quoted(e.Currency))
			unit = money.Unit{Currency: r.base}
		}
	case instrument.Currency != "":
		unit.Currency = instrument.Currency
	}
	major := func(x *money.Decimal) *money.Decimal {
		if x == nil {
			return nil
		}
		y := unit.Major(*x)
		return &y
	}
	a.Currency = unit.Currency
	a.Quantity = in.decimal("quantity", e.Quantity)
	a.Price = major(in.decimal("price", e.Price))
	a.Amount = major(in.decimal("amount", e.Amount))
	a.FXRate = in.decimal("fx_rate", e.FXRate)
	if fee := major(in.decimal("fee", e.Fee)); fee != nil {
		a.Fee = *fee
	}
	if tax := major(in.decimal("tax", e.Tax)); tax != nil {
		a.Tax = *tax
	}
	if e.Ratio != "" {
		a.Ratio = ratio(in, e.Ratio)
	}
	a.CostShare = in.decimal("cost_share", e.CostShare)
	a.ToAmount = in.decimal("to_amount", e.ToAmount)
	if e.ToCurrency == "" {
		if a.ToAmount != nil { // of the same currency
			a.ToAmount = major(a.ToAmount)
		}
		return
	}
	to, err := money.ParseUnit(e.ToCurrency)
	if err != nil {
		in.refuse("to_currency", "not a currency: %s", quoted(e.ToCurrency))
		return
	}
	a.ToCurrency = to.Currency
	if a.ToAmount != nil {
		amount := to.Major(*a.ToAmount)
		a.ToAmount = &amount
	}
}

// lots reads the lots that a disposal names.
func lots(in *reading, named []EntryLot) []ledger.Choice {
	var chosen []ledger.Choice
	for i, lot := range named {
		if quantity := in.decimal(fmt.Sprintf("lots[%d].quantity", i), lot.Quantity); quantity != nil {
			chosen = append(chosen, ledger.Choice{ID: ledger.ActivityID(lot.ID), Quantity: *quantity})
		} else if lot.Quantity == "" {
			in.refuse(fmt.Sprintf("lots[%d].quantity", i), "is missing")
		}
	}
	return chosen
}

// with is a book that knows the instruments that were found, too.
func (r *Reader) with(book ledger.Book) ledger.Book {
	book.Instruments = maps.Clone(book.Instruments)
	if book.Instruments == nil {
		book.Instruments = map[market.InstrumentID]market.Instrument{}
	}
	for _, f := range r.known {
		for _, i := range f.all {
			book.Instruments[i.ID] = i
		}
	}
	return book
}

func ratio(in *reading, text string) *ledger.Ratio {
	left, right, found := strings.Cut(text, ":")
	newer, err1 := money.Parse(left)
	older, err2 := money.Parse(right)
	if !found || err1 != nil || err2 != nil {
		in.refuse("ratio", "not a ratio such as \"2:1\" (new to old): %s", quoted(text))
		return nil
	}
	return &ledger.Ratio{New: newer, Old: older}
}

// account finds an account by id or exact name; left out, it is the only open one.
func (r *Reader) account(in *reading, field, text string, needed bool) ledger.AccountID {
	if text == "" {
		if !needed {
			return ""
		}
		var open []ledger.Account
		for _, a := range r.accounts {
			if !a.Closed {
				open = append(open, a)
			}
		}
		switch len(open) {
		case 1:
			return open[0].ID
		case 0:
			in.refuse(field, "the portfolio has no open account: make one first")
		default:
			in.refuse(field, "the portfolio has %d accounts: name one", len(open))
		}
		return ""
	}
	var named []ledger.AccountID
	for _, a := range r.accounts {
		if string(a.ID) == text {
			return a.ID
		}
		if a.Name == text {
			named = append(named, a.ID)
		}
	}
	switch {
	case len(named) == 1:
		return named[0]
	case len(named) > 1:
		in.refuse(field, "%d accounts have this name: use the id", len(named))
	case len(text) > accountBytesMax:
		in.refuse(field, "no account has so long a name")
	default:
		in.refuse(field, "no account is called %s", quoted(text))
	}
	return ""
}

// instrument finds what the symbol in a field means, with the market and the currency that stand beside it. The error is *Ambiguous, or of the store.
func (r *Reader) instrument(ctx context.Context, in *reading, field, symbol, mic, currency string) (market.Instrument, error) {
	if symbol == "" {
		return market.Instrument{}, nil
	}
	if len(symbol) > symbolBytesMax || !ledger.IsName(symbol) { // nor would every database search for other characters
		in.refuse(field, "no instrument is called %s", quoted(symbol))
		return market.Instrument{}, nil
	}
	key := [3]string{symbol, mic, currency}
	f, known := r.known[key]
	if !known {
		f.all, f.err = r.find(ctx, symbol, mic, currency)
		if len(r.known) < resolvedKindsMax {
			r.known[key] = f
		}
	}
	switch {
	case f.err != nil:
		return market.Instrument{}, f.err
	case len(f.all) == 0 && mic != "":
		in.refuse(field, "no instrument %s is known at %s", quoted(symbol), quoted(mic))
	case len(f.all) == 0:
		in.refuse(field, "no instrument is called %s", quoted(symbol))
	case len(f.all) > 1:
		in.refuse(field, "%s may be one of %d instruments: name the market with mic, or the id", quoted(symbol), len(f.all))
		return market.Instrument{}, &Ambiguous{Candidates: f.all[:min(len(f.all), candidatesMax)]}
	default:
		return f.all[0], nil
	}
	return market.Instrument{}, nil
}

func (r *Reader) find(ctx context.Context, symbol, mic, currency string) ([]market.Instrument, error) {
	byID, err := r.instruments.Instrument(ctx, market.InstrumentID(symbol))
	if err == nil && byID.Class != market.FX {
		return []market.Instrument{byID}, nil
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, fmt.Errorf("find instrument: %w", err)
	}
	var all []market.Instrument
	if isISIN(symbol) {
		if all, err = r.instruments.InstrumentByISIN(ctx, symbol); err != nil {
			return nil, fmt.Errorf("find instrument by ISIN: %w", err)
		}
		all = slices.DeleteFunc(slices.Clone(all), func(i market.Instrument) bool { return mic != "" && i.MIC != mic })
	}
	if len(all) == 0 {
		if all, err = r.instruments.InstrumentBySymbol(ctx, symbol, mic); err != nil {
			return nil, fmt.Errorf("find instrument by symbol: %w", err)
		}
	}
	all = slices.DeleteFunc(slices.Clone(all), func(i market.Instrument) bool { return i.Class == market.FX })
	if len(all) < 2 || currency == "" {
		return all, nil
	}
	if unit, err := money.ParseUnit(currency); err == nil {
		same := slices.DeleteFunc(slices.Clone(all), func(i market.Instrument) bool { return i.Currency != unit.Currency })
		if len(same) > 0 {
			return same, nil
		}
	}
	return all, nil
}

// isISIN says whether a text has the form of an ISIN: two letters, nine letters or digits, a digit.
func isISIN(text string) bool {
	const length = 12
	if len(text) != length {
		return false
	}
	for i, c := range []byte(text) {
		letter, digit := c >= 'A' && c <= 'Z', c >= '0' && c <= '9'
		if i < 2 && !letter || i == length-1 && !digit || !letter && !digit {
			return false
		}
	}
	return true
}

func listed(all []ledger.Type) string {
	words := make([]string, 0, len(all))
	for _, t := range all {
		words = append(words, string(t))
	}
	return strings.Join(words, ", ")
}

// Batch turns entries into activities, all or none. Place gives the place of a field of the i-th entry.
func (r *Reader) Batch(ctx context.Context, entries []Entry, place func(i int, field string) string) ([]ledger.Activity, error) {
	activities := make([]ledger.Activity, 0, len(entries))
	var places []fault.Place
	var candidates []market.Instrument
	for i, e := range entries {
		a, err := r.Activity(ctx, e, func(field string) string { return place(i, field) })
		if several, ok := errors.AsType[*Ambiguous](err); ok && candidates == nil {
			candidates = several.Candidates
		}
		wrong, ok := errors.AsType[*fault.Error](err)
		switch {
		case err == nil:
			activities = append(activities, a)
		case ok && wrong.Kind == fault.Invalid:
			places = append(places, wrong.Places...)
		default:
			return nil, err
		}
		if len(places) >= placesMax {
			break
		}
	}
	if len(places) == 0 {
		return activities, nil
	}
	wrong := &fault.Error{Kind: fault.Invalid, Message: places[0].Location + ": " + places[0].Message, Places: places}
	if candidates != nil {
		return nil, &Ambiguous{Candidates: candidates, fault: wrong}
	}
	return nil, wrong
}
