// Package money is where a binary fraction crept in.
package money

import (
	"strconv"

	"github.com/cockroachdb/apd/v3"
	"github.com/shopspring/decimal" // want: has no home
)

// Amount keeps the bad and the good side by side.
type Amount struct {
	d     apd.Decimal
	other decimal.Decimal
	rough float32 // want: float32 cannot hold an amount
}

// Float64 is the named accessor, and may.
func (a Amount) Float64() float64 { return 1.5 }

// Float64 as a plain function is no accessor.
func Float64() float64 { // want: float64 cannot hold an amount
	x, _ := strconv.ParseFloat("1", 64) // want: ParseFloat rounds an amount
	return x * 1.5                      // want: 1.5 is a binary fraction
}
