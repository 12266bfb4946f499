package ledger

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of what a portfolio holds, so that no input can make one slow.
const (
	ActivitiesMax   = 1_000_000 // activities of a portfolio: a day's trader's lifetime
	ChangesMax      = 100_000   // activities in one change: an import
	PortfoliosMax   = 100       // portfolios of an owner, closed ones included: a family's, since each is read and valued on its own
	AccountsMax     = 1_000     // accounts of a portfolio
	LotsMax         = 10_000    // lots that one disposal names
	NoteBytesMax    = 2_000     // bytes of a note
	NameBytesMax    = 200       // bytes of a symbol, account or id as a case writes it
	DateMin         = "1900-01-01"
	splitPowerMax   = 30 // of 10: how far all ratios that an instrument in an account went through may multiply or divide what is held
	ratioDigitsNote = "new:old such as 2:1, neither of them 0"
)

// ParseRatio reads new:old, two plain decimals above 0.
func ParseRatio(text string) (Ratio, error) {
	before, after, ok := strings.Cut(text, ":")
	if !ok {
		return Ratio{}, fault.New(fault.Invalid, "not a ratio: %q; it is written %s", shortened(text), ratioDigitsNote)
	}
	n, err1 := money.Parse(before)
	o, err2 := money.Parse(after)
	if err1 != nil || err2 != nil || n.Sign() <= 0 || o.Sign() <= 0 {
		return Ratio{}, fault.New(fault.Invalid, "not a ratio: %q; it is written %s", shortened(text), ratioDigitsNote)
	}
	return Ratio{New: n, Old: o}, nil
}

// String is new:old.
func (r Ratio) String() string { return r.New.String() + ":" + r.Old.String() }

func shortened(s string) string {
	const shownMax = 40 // bytes; enough to recognise the value
	if len(s) > shownMax {
		return s[:shownMax] + "…"
	}
	return s
}

// IsName says whether a text can be a symbol, account or id: not empty, not long, one line of printable characters.
func IsName(text string) bool {
	return text != "" && len(text) <= NameBytesMax && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Check sees that an activity has what its type needs and nothing that can't be. It knows no book:
// Apply looks at accounts, instruments and quantities held. The error is fault.Invalid at prefix + the field.
func Check(a *Activity, prefix string) error {
	at := func(field, format string, args ...any) error { return fault.At(prefix+field, format, args...) }
	needs, known := required[a.Type]
	if !known {
		return at("type", "%q is not a type of activity", shortened(string(a.Type)))
	}
	for _, field := range needs {
		if !has(a, field) {
			if field == "price" {
				return at(field, "%s needs a price or an amount", a.Type)
			}
			return at(field, "%s needs %s", a.Type, article(field))
		}
	}
	if a.Type == Dividend && a.Reinvest && a.Quantity == nil {
		return at("quantity", "a reinvested dividend needs the quantity bought")
	}
	if a.Type == Dividend && a.Reinvest && a.Amount.Cmp(a.Fee.Add(a.Tax)) < 0 {
		return at("amount", "nothing is left to reinvest after fee and tax")
	}
	if a.Type == Transfer && a.ToAccount == a.Account {
		return at("to_account", "a transfer goes to another account")
	}
	if err := CheckNumbers(a, prefix); err != nil {
		return err
	}
	if a.ToInstrument != "" && a.ToInstrument == a.Instrument {
		return at("to_symbol", "%s is the symbol itself", a.Instrument)
	}
	if a.Type == CashTransfer {
		return checkCashTransfer(a, prefix)
	}
	return nil
}

// checkCashTransfer sees that cash goes somewhere else.
func checkCashTransfer(a *Activity, prefix string) error {
	switch {
	case a.ToAccount == "" && a.ToCurrency == "":
		return fault.At(prefix+"to_account", "cash_transfer needs it, or a to_currency")
	case a.ToCurrency != "" && a.ToAmount == nil:
		return fault.At(prefix+"to_amount", "a change of currency needs it")
	case a.staysWhereItIs():
		return fault.At(prefix+"to_account", "%s", cashStays)
	}
	return nil
}

const cashStays = "cash goes to another account or into another currency"

// staysWhereItIs says whether a cash transfer goes from an account's currency to the same.
func (a *Activity) staysWhereItIs() bool {
	return (a.ToAccount == "" || a.ToAccount == a.Account) && (a.ToCurrency == "" || a.ToCurrency == a.Currency)
}

// CheckNumbers sees that no number of an activity is one that none can have.
func CheckNumbers(a *Activity, prefix string) error {
	at := func(field, format string, args ...any) error { return fault.At(prefix+field, format, args...) }
	if a.Quantity != nil && a.Quantity.Sign() <= 0 {
		return at("quantity", "must be more than 0: %s", a.Quantity)
	}
	if a.Price != nil && a.Price.Sign() < 0 {
		return at("price", "must not be negative: %s", a.Price)
	}
	if a.Amount != nil && a.Amount.Sign() < 0 && a.Type != Interest && a.Type != external {
		return at("amount", "must not be negative: %s", a.Amount)
	}
	if a.Fee.Sign() < 0 {
		return at("fee", "must not be negative: %s", a.Fee)
	}
	if a.Tax.Sign() < 0 {
		return at("tax", "must not be negative: %s", a.Tax)
	}
	if a.FXRate != nil && a.FXRate.Sign() <= 0 {
		return at("fx_rate", "must be more than 0: %s", a.FXRate)
	}
	if a.Ratio != nil && (a.Ratio.New.Sign() <= 0 || a.Ratio.Old.Sign() <= 0) {
		return at("ratio", "not a ratio: %q; it is written %s", a.Ratio.String(), ratioDigitsNote)
	}
	if a.CostShare != nil && (a.CostShare.Sign() < 0 || a.CostShare.Cmp(money.One) > 0) {
		return at("cost_share", "must be between 0 and 1: %s", a.CostShare)
	}
	if a.ToAmount != nil && a.ToAmount.Sign() < 0 {
		return at("to_amount", "must not be negative: %s", a.ToAmount)
	}
	for i, c := range a.Lots {
		if c.Quantity.Sign() <= 0 {
			return at(fmt.Sprintf("lots[%d].quantity", i), "must be more than 0: %s", c.Quantity)
		}
	}
	return nil
}

// external is a type of cases alone whose amount has a sign.
const external Type = "external"

// required is what each type of activity needs; "price" is met by an amount too.
var required = map[Type][]string{
	Buy:        {"symbol", "quantity", "price"},
	Sell:       {"symbol", "quantity", "price"},
	DeliverIn:  {"symbol", "quantity", "price"},
	DeliverOut: {"symbol", "quantity", "price"},
	Transfer:   {"symbol", "quantity", "to_account"},
	Deposit:    {"amount"},
	Withdrawal: {"amount"},
	Dividend:   {"symbol", "amount"},
	Interest:   {"amount"},
	Fee:        {"amount"},
	Tax:        {"amount"},
	Split:      {"symbol", "ratio"},

	CashTransfer:    {"amount"},
	SpinOff:         {"symbol", "to_symbol", "ratio", "cost_share"},
	Merger:          {"symbol", "to_symbol", "ratio"},
	ReturnOfCapital: {"symbol", "amount"},
	Rename:          {"symbol", "to_symbol"},
	WriteOff:        {"symbol"},
}

// Has says whether an activity has a field, by the name that cases and columns give it.
func has(a *Activity, field string) bool {
	switch field {
	case "symbol":
		return a.Instrument != ""
	case "quantity":
		return a.Quantity != nil
	case "price":
		return a.Price != nil || a.Amount != nil
	case "amount":
		return a.Amount != nil
	case "to_symbol":
		return a.ToInstrument != ""
	case "cost_share":
		return a.CostShare != nil
	case "to_account":
		return a.ToAccount != ""
	case "ratio":
		return a.Ratio != nil
	}
	return false
}

func article(field string) string {
	if strings.ContainsAny(field[:1], "aeiou") {
		return "an " + field
	}
	return "a " + field
}

// checkDate refuses days that can't be meant.
func checkDate(on, today market.Date, place string) error {
	switch {
	case on < market.MustDate(DateMin):
		return fault.At(place, "before %s", DateMin)
	case on > today:
		return fault.At(place, "%s is in the future", on)
	}
	return nil
}
