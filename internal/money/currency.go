package money

import (
	"errors"
	"fmt"
)

// Currency is an ISO 4217 code such as "EUR", always a major unit.
type Currency string

// ErrCurrency says that a text is no currency code.
var ErrCurrency = errors.New("not a currency")

// minor lists the codes that vendors use for hundredths and thousandths: their case matters, "GBp" is not "GBP".
var minor = map[string]struct {
	major    Currency
	exponent int32
}{
	"GBp": {"GBP", -2}, "GBX": {"GBP", -2},
	"ZAc": {"ZAR", -2}, "ZAC": {"ZAR", -2},
	"ILA": {"ILS", -2}, "ILa": {"ILS", -2},
	"KWF": {"KWD", -3}, "USX": {"USD", -2}, "USx": {"USD", -2},
}

// digits holds the currencies whose minor unit is not a hundredth (ISO 4217 list one).
var digits = map[Currency]int32{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0,
	"UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3, "CLF": 4, "UYW": 4,
}

// Unit is what a price is quoted in: a currency, or a fraction of one. The price times Factor is in Currency.
type Unit struct {
	Currency Currency
	exponent int32
}

// Factor is 1 for a currency, 0.01 for pence and cents quoted as such.
func (u Unit) Factor() Decimal { return NewDecimal(1, u.exponent) }

// Major turns an amount in this unit into its currency, exact.
func (u Unit) Major(amount Decimal) Decimal {
	if u.exponent == 0 {
		return amount
	}
	return amount.Mul(u.Factor())
}

// ParseUnit reads a currency code or a vendor's code for a minor unit; case is kept, since "GBp" is a hundredth of "GBP".
func ParseUnit(code string) (Unit, error) {
	if m, ok := minor[code]; ok {
		return Unit{Currency: m.major, exponent: m.exponent}, nil
	}
	c, err := ParseCurrency(code)
	return Unit{Currency: c}, err
}

// ParseCurrency reads three capital letters. Lower case is refused, never mended.
func ParseCurrency(code string) (Currency, error) {
	if len(code) != 3 {
		return "", fmt.Errorf("%w: %q", ErrCurrency, shorten(code))
	}
	for _, c := range []byte(code) {
		if c < 'A' || c > 'Z' {
			return "", fmt.Errorf("%w: %q", ErrCurrency, shorten(code))
		}
	}
	if m, ok := minor[code]; ok {
		return "", fmt.Errorf("%w: %q is a minor unit of %s", ErrCurrency, code, m.major)
	}
	return Currency(code), nil
}

// Digits is how many digits the currency's minor unit has: 2 for EUR, 0 for JPY.
func (c Currency) Digits() int32 {
	if d, ok := digits[c]; ok {
		return d
	}
	return 2
}

// Amount is an exact amount of one currency.
type Amount struct {
	Number   Decimal
	Currency Currency
}

// Add sums like with like; unlike currencies are an error, never a guess.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.Currency != b.Currency {
		return Amount{}, fmt.Errorf("%w: %s and %s don't add", ErrCurrency, a.Currency, b.Currency)
	}
	return Amount{Number: a.Number.Add(b.Number), Currency: a.Currency}, nil
}

// Rounded is the amount in whole minor units, half to even: for screens and files, never inside a sum.
func (a Amount) Rounded() Amount {
	return Amount{Number: a.Number.Round(a.Currency.Digits()), Currency: a.Currency}
}
