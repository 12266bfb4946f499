package provider

import "slices"

// figiMarkets are Bloomberg's codes of single markets, as OpenFIGI gives them; codes of whole countries aren't among them.
var figiMarkets = map[string]string{
	"LN": "XLON", "GY": "XETR", "GF": "XFRA", "GS": "XSTU", "GM": "XMUN", "GB": "XBER", "GD": "XDUS", "GH": "XHAM", "GI": "XHAN",
	"FP": "XPAR", "NA": "XAMS", "BB": "XBRU", "PL": "XLIS", "ID": "XDUB", "IM": "XMIL", "SQ": "XMAD", "SE": "XSWX", "AV": "XWBO",
	"SS": "XSTO", "FH": "XHEL", "DC": "XCSE", "NO": "XOSL", "IR": "XICE", "PW": "XWAR", "CK": "XPRA", "HB": "XBUD", "GA": "XATH",
	"TI": "XIST", "IT": "XTAE", "SJ": "XJSE", "AT": "XASX", "NZ": "XNZE", "HK": "XHKG", "CG": "XSHG", "CS": "XSHE", "JT": "XTKS",
	"KP": "XKRX", "KQ": "XKOS", "TT": "XTAI", "SP": "XSES", "MK": "XKLS", "TB": "XBKK", "IJ": "XIDX", "IB": "XBOM", "IS": "XNSE",
	"CT": "XTSE", "CV": "XTSX", "BS": "BVMF", "AR": "XBUE", "MM": "XMEX", "CI": "XSGO",
}

// americanCodes are Bloomberg's codes of the markets of the United States, the ones that tell where a share is listed first: it trades on
// all others too. Nasdaq's tiers are given to its own shares only.
var americanCodes = []struct{ code, mic string }{
	{"UW", "XNAS"}, {"UQ", "XNAS"}, {"UR", "XNAS"}, {"UP", "ARCX"}, {"UN", "XNYS"}, {"UA", "XASE"}, {"US", "XNYS"},
}

// ListingOn is a listing with its market.
type ListingOn struct {
	Listing
	MIC string
}

// OnMarkets gives the listings of which it is known on which market they trade, each market's first. Of the many lines of one
// ticker in the United States one is given, on the market that it is most likely listed on: names of sources don't depend on it.
func OnMarkets(listings []Listing) []ListingOn {
	var out []ListingOn
	seen := map[[2]string]bool{}
	add := func(l Listing, mic string) {
		if key := [2]string{mic, l.Ticker}; !seen[key] && l.Ticker != "" && l.Class != "" {
			seen[key] = true
			out = append(out, ListingOn{l, mic})
		}
	}
	for _, l := range listings {
		if mic := figiMarkets[l.Exchange]; mic != "" {
			add(l, mic)
			continue
		}
		best := -1
		for _, other := range listings {
			if other.Ticker != l.Ticker {
				continue
			}
			for rank, c := range americanCodes {
				if c.code == other.Exchange && (best < 0 || rank < best) {
					best = rank
				}
			}
		}
		if slices.ContainsFunc(americanCodes, func(c struct{ code, mic string }) bool { return c.code == l.Exchange }) {
			add(l, americanCodes[best].mic)
		}
	}
	return out
}
