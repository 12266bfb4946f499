package provider

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"folioscope/internal/market"
)

// jsonInt is a whole number for a query.
func jsonInt(n int64) string { return strconv.FormatInt(n, 10) }

// yahooMarkets are Yahoo's codes of markets.
var yahooMarkets = map[string]string{
	"NMS": "XNAS", "NGM": "XNAS", "NCM": "XNAS", "NAS": "XNAS", "NYQ": "XNYS", "PCX": "ARCX", "ASE": "XASE", "BTS": "BATS",
	"TOR": "XTSE", "VAN": "XTSX", "LSE": "XLON", "GER": "XETR", "FRA": "XFRA", "STU": "XSTU", "PAR": "XPAR", "AMS": "XAMS",
	"BRU": "XBRU", "LIS": "XLIS", "ISE": "XDUB", "MIL": "XMIL", "MCE": "XMAD", "EBS": "XSWX", "VIE": "XWBO", "STO": "XSTO",
	"HEL": "XHEL", "CPH": "XCSE", "OSL": "XOSL", "ICE": "XICE", "WSE": "XWAR", "PRA": "XPRA", "BUD": "XBUD", "ATH": "ASEX",
	"IST": "XIST", "TLV": "XTAE", "JNB": "XJSE", "ASX": "XASX", "NZE": "XNZE", "HKG": "XHKG", "SHH": "XSHG", "SHZ": "XSHE",
	"JPX": "XTKS", "KSC": "XKRX", "KOE": "XKOS", "TAI": "XTAI", "TWO": "ROCO", "SES": "XSES", "KLS": "XKLS", "SET": "XBKK",
	"JKT": "XIDX", "BSE": "XBOM", "NSI": "XNSE", "SAO": "BVMF", "BUE": "XBUE", "MEX": "XMEX", "SGO": "XSGO",
}

// yahooPrompt are the markets outside of the United States whose prices aren't late, yahooLater those that are later than the rest.
var (
	yahooPrompt = []string{"XTSE", "XTSX", "CNSX", "NEOE", "XBOM", "XNSE", "XSTO", "XHEL", "XCSE", "XICE", "XTAL", "XRIS", "XLIT"}
	yahooLater  = []string{"XTKS", "XASX", "XNZE", "XMIL", "MTAA", "XKRX", "XKOS", "XSES", "XTAI", "ROCO", "XTAE", "XMEX", "XPRA"}
)

// yahooClasses are Yahoo's kinds of instruments that can be held; options and indices can't here.
var yahooClasses = map[string]market.Class{
	"EQUITY": market.Stock, "ETF": market.ETF, "MUTUALFUND": market.Fund, "CRYPTOCURRENCY": market.Crypto,
}

type yahooSearch struct {
	Quotes []struct {
		Symbol, Exchange, QuoteType, Shortname, Longname, Sector string
		IsYahooFinance                                           bool
	}
}

// Search finds instruments by name or symbol. Yahoo doesn't tell the currency, except by the name of a coin.
func (y *YahooSource) Search(ctx context.Context, query string) ([]market.Instrument, error) {
	values := url.Values{"q": {query}, "quotesCount": {strconv.Itoa(yahooSearchMax)}, "newsCount": {"0"}}
	a, err := y.get(ctx, request{path: "/v1/finance/search", query: values, classify: y.classify})
	if err != nil {
		return nil, err
	}
	var found yahooSearch
	if err := y.decodeJSON(a.body, "", &found); err != nil {
		return nil, err
	}
	var hits []market.Instrument
	for _, q := range found.Quotes {
		class, held := yahooClasses[q.QuoteType]
		if !held || !q.IsYahooFinance || !plainName(q.Symbol) || len(hits) == yahooSearchMax {
			continue
		}
		hit := market.Instrument{
			Symbol: q.Symbol, MIC: yahooMarkets[q.Exchange], Name: clip(q.Longname, q.Shortname, q.Symbol), Class: class,
			Sector: clip(q.Sector), Names: map[string]string{Yahoo: q.Symbol},
		}
		if suffix := yahooSuffix[hit.MIC]; suffix != "" {
			hit.Symbol = strings.TrimSuffix(q.Symbol, "."+suffix)
		}
		hits = append(hits, hit)
	}
	return hits, nil
}

// textBytesMax bounds names from outside: the longest fund names have 150 bytes.
const textBytesMax = 256

// clip is the first text that isn't empty, cut to its bound and freed of what isn't shown.
func clip(texts ...string) string {
	for _, text := range texts {
		text = strings.Map(func(r rune) rune {
			if market.Unshown(r) || r == utf8.RuneError {
				return -1
			}
			return r
		}, strings.TrimSpace(text))
		if text == "" {
			continue
		}
		if len(text) > textBytesMax {
			text = strings.ToValidUTF8(text[:textBytesMax], "")
		}
		return text
	}
	return ""
}
