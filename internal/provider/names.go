package provider

import (
	"strings"

	"folioscope/internal/market"
)

// The sources' names.
const (
	Yahoo     = "yahoo"
	ECB       = "ecb"
	AMFI      = "amfi"
	MFAPI     = "mfapi"
	CoinGecko = "coingecko"

	AlphaVantage = "alphavantage"
	EODHD        = "eodhd"
	Finnhub      = "finnhub"
	Frankfurter  = "frankfurter"
	FRED         = "fred"
	HTTP         = "http"
	Massive      = "massive"
	OpenFIGI     = "openfigi"
	Tiingo       = "tiingo"
	TwelveData   = "twelvedata"
)

// NameFor is a source's name for an instrument: what the instrument says itself, else derived where that is certain.
// ok is false where the source has no name for it, so that it need not be asked.
func NameFor(provider string, i market.Instrument) (name string, ok bool) {
	explicit := i.Names[provider]
	switch provider {
	case Yahoo:
		if explicit != "" {
			return explicit, true
		}
		return yahooName(i)
	case HTTP:
		return pageName(explicit, i)
	case ECB, Frankfurter, FRED:
		if i.Class == market.FX && i.ID == market.RateID(i.Currency) {
			return string(i.Currency), true
		}
		return "", false
	case AMFI, MFAPI:
		if explicit != "" {
			return explicit, true
		}
		return schemeName(provider, i)
	case CoinGecko:
		return coinName(explicit, i)
	}
	if explicit != "" {
		return explicit, true
	}
	return vendorName(provider, i)
}

// schemeName derives the code of an Indian fund: the two sources share AMFI's codes, and AMFI's file also lists ISINs.
func schemeName(provider string, i market.Instrument) (string, bool) {
	if i.Class != market.Fund {
		return "", false
	}
	for _, other := range []string{AMFI, MFAPI} {
		if isSchemeCode(i.Names[other]) {
			return i.Names[other], true
		}
	}
	if i.Currency != "INR" {
		return "", false
	}
	if i.MIC == "" && isSchemeCode(i.Symbol) {
		return i.Symbol, true
	}
	if provider == AMFI && strings.HasPrefix(i.ISIN, "INF") {
		return i.ISIN, true
	}
	return "", false
}

// isSchemeCode says whether a text is an AMFI scheme code: digits, six of them today.
func isSchemeCode(s string) bool {
	if len(s) < 5 || len(s) > 7 {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// coins are the ids of coins whose symbol nobody takes for another: symbols in general collide, so all others need an
// explicit name.
var coins = map[string]string{
	"BTC": "bitcoin", "ETH": "ethereum", "SOL": "solana", "XRP": "ripple", "ADA": "cardano", "DOGE": "dogecoin",
	"DOT": "polkadot", "LTC": "litecoin", "USDT": "tether", "USDC": "usd-coin", "BNB": "binancecoin",
	"AVAX": "avalanche-2", "LINK": "chainlink", "BCH": "bitcoin-cash", "XLM": "stellar", "XMR": "monero",
}

// coinName is the coin's id, followed by "/" and the currency where that isn't the dollar: "bitcoin", "bitcoin/eur".
func coinName(explicit string, i market.Instrument) (string, bool) {
	id := explicit
	if id == "" {
		base, _, _ := strings.Cut(i.Symbol, "-")
		if id = coins[base]; id == "" || i.Class != market.Crypto {
			return "", false
		}
	}
	if i.Currency != "" && i.Currency != "USD" && !strings.Contains(id, "/") {
		id += "/" + strings.ToLower(string(i.Currency))
	}
	return id, true
}

// yahooName derives the symbol with the suffix of its market. Funds have codes of their own there, which only an
// explicit name can tell.
func yahooName(i market.Instrument) (string, bool) {
	symbol := strings.NewReplacer(".", "-", " ", "-", "/", "-").Replace(i.Symbol) // share classes: BRK.B is BRK-B
	switch {
	case i.Class == market.FX:
		return string(market.RateBase) + string(i.Currency) + "=X", i.Currency != ""
	case i.Symbol == "":
		return "", false
	case i.Class == market.Crypto:
		base, _, _ := strings.Cut(i.Symbol, "-")
		return base + "-" + string(i.Currency), i.Currency != ""
	}
	suffix, known := yahooSuffix[i.MIC]
	if !known {
		return "", false
	}
	if suffix == "" {
		return symbol, true
	}
	if suffix == "HK" {
		for len(symbol) < hongKongDigits {
			symbol = "0" + symbol
		}
	}
	return strings.TrimSuffix(symbol, "-") + "." + suffix, true
}

// hongKongDigits is the length that codes of Hong Kong are filled up to with zeros: 5 is 0005.HK.
const hongKongDigits = 4

// yahooSuffix is what follows the symbol for a market (ISO 10383), empty for those of the United States.
var yahooSuffix = map[string]string{
	"XNYS": "", "XNAS": "", "XNGS": "", "XNMS": "", "XNCM": "", "ARCX": "", "XASE": "", "BATS": "", "OTCM": "", "PINX": "",
	"XTSE": "TO", "XTSX": "V", "CNSX": "CN", "XCNQ": "CN", "NEOE": "NE", "XMEX": "MX", "BVMF": "SA", "XBUE": "BA",
	"XSGO": "SN", "XBOG": "CL", "XLON": "L", "XDUB": "IR", "XPAR": "PA", "XAMS": "AS", "XBRU": "BR", "XLIS": "LS",
	"XETR": "DE", "XFRA": "F", "XSTU": "SG", "XBER": "BE", "XDUS": "DU", "XHAM": "HM", "XHAN": "HA", "XMUN": "MU",
	"XMIL": "MI", "MTAA": "MI", "XMAD": "MC", "BMEX": "MC", "XSWX": "SW", "XVTX": "SW", "XWBO": "VI", "XVIE": "VI",
	"XSTO": "ST", "XHEL": "HE", "XCSE": "CO", "XOSL": "OL", "XICE": "IC", "XTAL": "TL", "XRIS": "RG", "XVIL": "VS",
	"XLIT": "VS", "XWAR": "WA", "XPRA": "PR", "XBUD": "BD", "XBSE": "RO", "XATH": "AT", "XIST": "IS", "XTAE": "TA",
	"XSAU": "SR", "XQAT": "QA", "DSMD": "QA", "XDFM": "AE", "XCAI": "CA", "XJSE": "JO", "XASX": "AX", "XNZE": "NZ",
	"XHKG": "HK", "XSHG": "SS", "XSHE": "SZ", "XTKS": "T", "XJPX": "T", "XKRX": "KS", "XKOS": "KQ", "XTAI": "TW",
	"ROCO": "TWO", "XSES": "SI", "XKLS": "KL", "XBKK": "BK", "XIDX": "JK", "XBOM": "BO", "XNSE": "NS", "XSTC": "VN",
}
