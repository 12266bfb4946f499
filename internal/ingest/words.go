package ingest

import "strings"

// Title is a source by its own spelling.
func Title(name string) string {
	switch name {
	case "alphavantage":
		return "Alpha Vantage"
	case "amfi", "ecb", "eodhd", "fred":
		return strings.ToUpper(name)
	case "coingecko":
		return "CoinGecko"
	case "http":
		return "The page"
	case "mfapi":
		return "MFapi"
	case "openfigi":
		return "OpenFIGI"
	case "twelvedata":
		return "Twelve Data"
	case "":
		return "A source"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// OutcomeText is how a call ended, in words that go on from the source's name.
func OutcomeText(outcome Outcome) string {
	switch outcome {
	case OK:
		return "answers as it should"
	case Empty:
		return "knows the name, but has no price for it now"
	case UnknownSymbol:
		return "doesn't know the name"
	case NotEntitled:
		return "doesn't give this name with our key"
	case BadKey:
		return "refuses our key"
	case Blocked:
		return "refuses us as a client"
	case SchemaDrift:
		return "answers in a shape that isn't known"
	case RateBurst, RateMinute, RateHour, RateDay, RateMonth:
		return "was asked too often and wants us to wait"
	}
	return "doesn't answer"
}
