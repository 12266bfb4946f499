package ledger

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"folioscope/internal/fault"
	"folioscope/internal/market"
)

// Own is an instrument that belongs to one portfolio: a house, a private fund, anything that no source knows. Nobody polls it;
// its prices are entered by hand.
type Own struct {
	Instrument market.Instrument // with neither market nor ISIN; Class is one of OwnClasses
	Group      string            // the owner's own word for its kind, may be empty
	Note       string            // may be empty
}

// ManualPrice is a close that the owner entered, in the currency of its instrument.
type ManualPrice struct {
	market.Bar
	EnteredAt time.Time
}

// PriceChange is what the owner wants of the prices of one instrument: closes that are set, one a day, and days that are to have none.
type PriceChange struct {
	Instrument market.InstrumentID
	Set        []market.Bar
	Removed    []market.Date
}

// Bounds of what is entered by hand.
const (
	OwnMax           = 500    // own instruments of a portfolio: more than anybody has who values them by hand
	ManualPricesMax  = 20_000 // manual prices of one instrument: 55 years of daily ones
	ManualTotalMax   = 50_000 // of one portfolio: they are read with its book, 2 MB at most
	SymbolRunesMax   = 40     // of an own symbol
	OwnNameRunesMax  = 120
	OwnGroupRunesMax = 80 // of group and sector
)

// ownPrefix begins the id of every own instrument and of no other: theirs have no hyphen after three letters.
const ownPrefix = "own-"

// OwnID makes an id of an own instrument from a random text.
func OwnID(random string) market.InstrumentID { return market.InstrumentID(ownPrefix + random) }

// IsOwn says whether an id is one of an own instrument, of whichever portfolio.
func IsOwn(id market.InstrumentID) bool { return strings.HasPrefix(string(id), ownPrefix) }

// OwnClasses are the classes that an own instrument may have.
func OwnClasses() []market.Class {
	return []market.Class{market.Property, market.Private, market.Stock, market.ETF, market.Fund, market.Bond, market.Crypto, market.Other}
}

// CheckOwn sees that an own instrument can be kept in a book: it is complete, and no other instrument of the book has its symbol,
// since activities and files name instruments by it. The error is fault.Invalid at the field, fault.TooLarge for one too many.
func CheckOwn(book Book, own Own) error {
	i := own.Instrument
	switch {
	case book.Portfolio.Closed:
		return fault.New(fault.Invalid, "The portfolio is closed.")
	case !shortText(i.Symbol, SymbolRunesMax) || strings.TrimSpace(i.Symbol) != i.Symbol || i.Symbol == "" || IsOwn(market.InstrumentID(i.Symbol)):
		return fault.At("symbol", "A symbol has 1 to %d characters, in one line, none of them hidden, and doesn't begin with %q.", SymbolRunesMax, ownPrefix)
	case !shortText(i.Name, OwnNameRunesMax) || strings.TrimSpace(i.Name) == "":
		return fault.At("name", "A name has 1 to %d characters, in one line, none of them hidden.", OwnNameRunesMax)
	case i.Currency == "":
		return fault.At("currency", "This is not a currency.")
	case !slices.Contains(OwnClasses(), i.Class):
		return fault.At("asset_class", "This is not a class of things that people own.")
	case !shortText(i.Sector, OwnGroupRunesMax):
		return fault.At("sector", "A sector has at most %d characters, in one line, none of them hidden.", OwnGroupRunesMax)
	case !shortText(own.Group, OwnGroupRunesMax):
		return fault.At("group", "A group has at most %d characters, in one line, none of them hidden.", OwnGroupRunesMax)
	case len(own.Note) > NoteBytesMax || !market.Lines(own.Note):
		return fault.At("note", "A note has at most %d bytes of text, without hidden characters.", NoteBytesMax)
	}
	for id, other := range book.Instruments {
		if id != i.ID && other.Symbol == i.Symbol {
			return fault.At("symbol", "Another holding of this portfolio has this symbol.")
		}
	}
	if _, known := book.Own[i.ID]; !known && len(book.Own) >= OwnMax {
		return fault.New(fault.TooLarge, "A portfolio has at most %d instruments of your own.", OwnMax)
	}
	return nil
}

func shortText(text string, runesMax int) bool {
	return market.OneLine(text) && utf8.RuneCountInString(text) <= runesMax
}

// Uses says whether an activity of the book names an instrument.
func (b *Book) Uses(id market.InstrumentID) bool {
	return slices.ContainsFunc(b.Activities, func(a Activity) bool { return a.Instrument == id || a.ToInstrument == id })
}

// Reprice applies a change to the prices of one instrument, which rise by date, and gives what follows, entered now where it is new
// or other than before; changed says whether anything is. Nothing of what was given changes.
// latest is the last day that a price may be of. The error is CheckPrice's, or fault.TooLarge for too many.
func Reprice(prices []ManualPrice, change PriceChange, latest market.Date, now time.Time) (after []ManualPrice, changed bool, err error) {
	byDay := make(map[market.Date]ManualPrice, len(prices)+len(change.Set))
	for _, p := range prices {
		byDay[p.Date] = p
	}
	for _, day := range change.Removed {
		if _, there := byDay[day]; there {
			delete(byDay, day)
			changed = true
		}
	}
	for _, bar := range change.Set {
		if err := CheckPrice(bar, latest); err != nil {
			return nil, false, err
		}
		if old, there := byDay[bar.Date]; !there || !old.Close.Equal(bar.Close) {
			byDay[bar.Date] = ManualPrice{Bar: bar, EnteredAt: now}
			changed = true
		}
	}
	if !changed {
		return prices, false, nil
	}
	if len(byDay) > ManualPricesMax {
		return nil, false, fault.New(fault.TooLarge, "An instrument has at most %d prices entered by hand.", ManualPricesMax)
	}
	after = make([]ManualPrice, 0, len(byDay))
	for _, p := range byDay {
		after = append(after, p)
	}
	slices.SortFunc(after, func(a, b ManualPrice) int { return int(a.Date - b.Date) })
	return after, true, nil
}

// priceDigitsMax is how long a price may be as it is written: more than any has that means something.
const priceDigitsMax = 30

// CheckPrice sees that a price that is entered by hand can be one. latest is the last day that it may be of. The error is fault.Invalid
// at date or price.
func CheckPrice(bar market.Bar, latest market.Date) error {
	first, _ := market.ParseDate(DateMin) // a constant
	switch {
	case bar.Date < first || bar.Date > latest:
		return fault.At("date", "A price is of a day from %s to today.", DateMin)
	case bar.Close.Sign() <= 0:
		return fault.At("price", "A price is above 0. What is worth nothing any more is written off.")
	case len(bar.Close.String()) > priceDigitsMax:
		return fault.At("price", "A price has at most %d digits.", priceDigitsMax)
	}
	return nil
}

// ManualBars are the closes of manual prices.
func ManualBars(prices []ManualPrice) []market.Bar {
	bars := make([]market.Bar, len(prices))
	for i := range prices {
		bars[i] = prices[i].Bar
	}
	return bars
}

// ManualMark is the newest of manual prices, which rise by date, as a mark; nil where there is none. before is the close that came
// before its day in the series that it is a part of. Its market time is noon UTC of its day, so that it is that day all over the
// world, or when it was entered if that was earlier that day: no price is of the future.
func ManualMark(instrument market.Instrument, prices []ManualPrice, series *market.Series) *market.Mark {
	if len(prices) == 0 {
		return nil
	}
	newest := prices[len(prices)-1]
	start := newest.Date.Time()
	made := start.Add(12 * time.Hour)
	if newest.EnteredAt.Before(made) {
		made = newest.EnteredAt
	}
	if made.Before(start) {
		made = start
	}
	mark := &market.Mark{
		Quote: market.Quote{
			Instrument: instrument.ID, Price: newest.Close, Currency: instrument.Currency, Source: market.SourceManual,
			ObservedAt: newest.EnteredAt, MarketTime: made,
		},
		PreviousDate: market.NoDate,
	}
	if series != nil {
		if price, day, ok := series.At(newest.Date - 1); ok {
			mark.PreviousClose, mark.PreviousDate = &price, day
		}
	}
	return mark
}
