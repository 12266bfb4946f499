package provider

import (
	"strings"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Vendors' names of more than one kind begin with what they are.
const (
	fxPrefix     = "fx:"
	coinPrefix   = "crypto:"
	fundPrefix   = "fund:"
	unitDivider  = "/" // between a name and the unit of its price, where the source doesn't tell that
	placeDivider = "@" // between a name and its market
)

// unitName parts a name into the source's symbol and the unit after it. has is false where no unit is given.
func unitName(name string) (symbol string, unit money.Unit, has, ok bool) {
	symbol, code, has := strings.Cut(name, unitDivider)
	if !has {
		return symbol, money.Unit{}, false, plainName(symbol)
	}
	unit, err := money.ParseUnit(code)
	return symbol, unit, true, err == nil && plainName(symbol)
}

// pairUnit is the second currency of a pair such as EURUSD, in which its price is.
func pairUnit(pair string) (money.Unit, bool) {
	if len(pair) <= 3 {
		return money.Unit{}, false
	}
	return currencyUnit(strings.ToUpper(pair[len(pair)-3:]))
}

// isAmerican says whether a market is one of the United States.
func isAmerican(mic string) bool {
	suffix, known := yahooSuffix[mic]
	return known && suffix == ""
}

// traded says whether a class is what exchanges trade.
func traded(class market.Class) bool {
	return class == market.Stock || class == market.ETF || class == market.Other
}

// withUnit adds the unit in which a market quotes where that isn't the instrument's currency: pence in London, cents in
// Johannesburg, agorot in Tel Aviv. Vendors don't say so in a quote.
func withUnit(name string, i market.Instrument) string {
	switch {
	case i.MIC == "XLON" && i.Currency == "GBP":
		return name + unitDivider + "GBX"
	case i.MIC == "XJSE" && i.Currency == "ZAR":
		return name + unitDivider + "ZAC"
	case i.MIC == "XTAE" && i.Currency == "ILS":
		return name + unitDivider + "ILA"
	}
	return name
}

// coinBase is the coin of an instrument such as BTC or BTC-EUR.
func coinBase(i market.Instrument) string {
	base, _, _ := strings.Cut(i.Symbol, "-")
	if !plainName(base) || i.Currency == "" {
		return ""
	}
	return base
}

// vendorName derives the names of the vendors that need a key, where they follow from market and symbol.
func vendorName(provider string, i market.Instrument) (string, bool) {
	var name string
	switch provider {
	case Finnhub:
		if traded(i.Class) && isAmerican(i.MIC) {
			name = share(i.Symbol, ".")
		}
	case Massive:
		name = massiveName(i)
	case Tiingo:
		name = tiingoName(i)
	case TwelveData:
		name = twelveName(i)
	case EODHD:
		name = eodhdName(i)
	case AlphaVantage:
		name = alphaName(i)
	}
	return name, name != ""
}

// share is a symbol with a vendor's mark before the letter of a class of shares.
func share(symbol, mark string) string {
	return strings.NewReplacer(".", mark, " ", mark, "/", mark, "-", mark).Replace(symbol)
}

func massiveName(i market.Instrument) string {
	switch base := coinBase(i); {
	case i.Class == market.FX && i.Currency != "":
		return "C:" + string(market.RateBase) + string(i.Currency)
	case i.Class == market.Crypto && base != "":
		return "X:" + base + string(i.Currency)
	case traded(i.Class) && isAmerican(i.MIC):
		return share(i.Symbol, ".")
	}
	return ""
}

func tiingoName(i market.Instrument) string {
	switch base := coinBase(i); {
	case i.Class == market.FX && i.Currency != "":
		return fxPrefix + strings.ToLower(string(market.RateBase)+string(i.Currency))
	case i.Class == market.Crypto && base != "":
		return coinPrefix + strings.ToLower(base+string(i.Currency))
	case i.Class == market.Fund && isAmericanFund(i):
		return fundPrefix + i.Symbol
	case traded(i.Class) && isAmerican(i.MIC):
		return share(i.Symbol, "-")
	}
	return ""
}

// isAmericanFund goes by the symbol: mutual funds of the United States have five letters, the last of them X.
func isAmericanFund(i market.Instrument) bool {
	return i.Currency == "USD" && len(i.Symbol) == 5 && strings.HasSuffix(i.Symbol, "X") && strings.Trim(i.Symbol, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func twelveName(i market.Instrument) string {
	switch base := coinBase(i); {
	case i.Class == market.FX && i.Currency != "":
		return string(market.RateBase) + "/" + string(i.Currency)
	case i.Class == market.Crypto && base != "":
		return base + "/" + string(i.Currency)
	case traded(i.Class) && isAmerican(i.MIC):
		return share(i.Symbol, ".")
	case traded(i.Class) && i.MIC != "" && i.Symbol != "":
		return share(i.Symbol, ".") + placeDivider + i.MIC
	}
	return ""
}

// eodhdMarkets are EODHD's codes of the markets outside the United States.
var eodhdMarkets = map[string]string{
	"XLON": "LSE", "XETR": "XETRA", "XFRA": "F", "XSTU": "STU", "XMUN": "MU", "XBER": "BE", "XHAM": "HM", "XDUS": "DU",
	"XPAR": "PA", "XAMS": "AS", "XBRU": "BR", "XLIS": "LS", "XMIL": "MI", "MTAA": "MI", "XMAD": "MC", "BMEX": "MC",
	"XSWX": "SW", "XWBO": "VI", "XSTO": "ST", "XHEL": "HE", "XCSE": "CO", "XOSL": "OL", "XICE": "IC", "XDUB": "IR",
	"XWAR": "WAR", "XBUD": "BUD", "XATH": "AT", "ASEX": "AT", "XTSE": "TO", "XTSX": "V", "NEOE": "NEO", "BVMF": "SA",
	"XMEX": "MX", "XBUE": "BA", "XSGO": "SN", "XASX": "AU", "XHKG": "HK", "XSHG": "SHG", "XSHE": "SHE", "XKRX": "KO",
	"XKOS": "KQ", "XTAI": "TW", "ROCO": "TWO", "XBKK": "BK", "XIDX": "JK", "XKLS": "KLSE", "XTAE": "TA", "XJSE": "JSE",
}

func eodhdName(i market.Instrument) string {
	switch base := coinBase(i); {
	case i.Class == market.FX && i.Currency != "":
		return string(market.RateBase) + string(i.Currency) + ".FOREX"
	case i.Class == market.Crypto && base != "":
		return base + "-" + string(i.Currency) + ".CC"
	case i.Class == market.Fund && isAmericanFund(i):
		return i.Symbol + ".US"
	case i.Class == market.Fund && len(i.ISIN) == 12 && (strings.HasPrefix(i.ISIN, "IE") || strings.HasPrefix(i.ISIN, "LU")):
		return i.ISIN + ".EUFUND"
	case !traded(i.Class) || i.Symbol == "":
		return ""
	case isAmerican(i.MIC):
		return share(i.Symbol, "-") + ".US"
	case eodhdMarkets[i.MIC] != "":
		return withUnit(share(i.Symbol, "-")+"."+eodhdMarkets[i.MIC], i)
	}
	return ""
}

// alphaMarkets are Alpha Vantage's suffixes, empty for the United States.
var alphaMarkets = map[string]string{
	"XLON": "LON", "XTSE": "TRT", "XTSX": "TRV", "XETR": "DEX", "XFRA": "FRK", "XPAR": "PAR", "XAMS": "AMS",
	"XSHG": "SHH", "XSHE": "SHZ", "XBOM": "BSE",
}

func alphaName(i market.Instrument) string {
	switch base := coinBase(i); {
	case i.Class == market.FX && i.Currency != "":
		return fxPrefix + string(market.RateBase) + string(i.Currency)
	case i.Class == market.Crypto && base != "":
		return coinPrefix + base + string(i.Currency)
	case !traded(i.Class) || i.Symbol == "":
		return ""
	case isAmerican(i.MIC):
		return share(i.Symbol, "-")
	case alphaMarkets[i.MIC] != "":
		return withUnit(share(i.Symbol, "-")+"."+alphaMarkets[i.MIC], i)
	}
	return ""
}
