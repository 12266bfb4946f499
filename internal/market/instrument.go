// Package market holds the facts of markets: instruments and their identifiers, quotes, daily bars, exchange rates and trading hours.
//
// It owns what a price is and which state it is in. It never fetches, stores or values anything, and reads no clock.
package market

import "folioscope/internal/money"

// InstrumentID names an instrument for good; symbols and names change, it doesn't.
type InstrumentID string

// Class is an asset class.
type Class string

// The asset classes. FX is internal: a currency's rate is an instrument like any other, so that it is polled, checked and shown like one.
const (
	Stock  Class = "stock"
	ETF    Class = "etf"
	Fund   Class = "fund"
	Bond   Class = "bond"
	Crypto Class = "crypto"
	Other  Class = "other"
	FX     Class = "fx"

	Property Class = "property" // land and buildings; no source prices it
	Private  Class = "private"  // private equity, funds that are closed to the public, loans; nor these
)

// Instrument is something that has a price.
type Instrument struct {
	ID       InstrumentID
	Symbol   string // as its market writes it
	MIC      string // ISO 10383 market, empty where there is none (funds, crypto, fx)
	ISIN     string // ISO 6166, may be empty
	Name     string
	Currency money.Currency // prices are kept in this major unit
	Class    Class
	Sector   string            // GICS sector or a fund's own group, may be empty
	Country  string            // ISO 3166 alpha-2, may be empty
	Names    map[string]string // provider → its name for this instrument

	Delisted   bool // its market doesn't trade it any more
	DelistedOn Date // the last day on which it did, NoDate where unknown; means nothing of what is listed
}

// RateID is the instrument of a currency's rate: units of EUR's counter currency per 1 EUR, as the ECB quotes it.
// Its Currency is c, so that a quote of "1.158" for RateID("USD") says 1 EUR = 1.158 USD.
func RateID(c money.Currency) InstrumentID { return InstrumentID("fx-eur-" + string(c)) }

// RateBase is the currency that all rates are quoted against; others cross through it.
const RateBase money.Currency = "EUR"
