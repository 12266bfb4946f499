package httpapi

import (
	"strconv"

	"folioscope/internal/money"
)

// What is left of shares, percents and rates where amounts aren't shown. Exact ones would give quantities away: what two holdings are worth
// to each other, divided by their prices, is a fraction of small whole numbers, and so are the weights that many days' changes lead to.
const (
	coarseSharePlaces   = 4 // of 1
	coarsePercentPlaces = 2 // of 100
)

// coarse is a figure to so many places.
func coarse(x *money.Decimal, places int32) *string {
	if x == nil {
		return nil
	}
	text := x.Round(places).Reduced().String()
	return &text
}

// coarseRate is a rate to the places of shares.
func coarseRate[F ~float64](x *F) *string {
	if x == nil {
		return nil
	}
	text := strconv.FormatFloat(float64(*x), 'f', coarseSharePlaces, 64)
	return &text
}
