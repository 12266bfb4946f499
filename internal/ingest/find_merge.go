package ingest

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// merge puts together what several sources say of one listing, with ours first. Nobody's word takes the place of ours; of the sources
// the first to say something is believed.
func merge(ours []Candidate, hits []hit) []Candidate {
	all := slices.Clone(ours)
	for _, h := range hits {
		at := slices.IndexFunc(all, func(c Candidate) bool { return matches(c, h) })
		if at < 0 {
			c := Candidate{Instrument: h.Instrument, Sources: []string{h.source}}
			c.Names = nil
			c.addNames(h)
			all = append(all, c)
			continue
		}
		c := &all[at]
		if !slices.Contains(c.Sources, h.source) {
			c.Sources = append(c.Sources, h.source)
		}
		if c.ID != "" {
			continue
		}
		c.Symbol, c.MIC = cmp.Or(c.Symbol, h.Symbol), cmp.Or(c.MIC, h.MIC)
		c.ISIN, c.Currency = cmp.Or(c.ISIN, h.ISIN), cmp.Or(c.Currency, h.Currency)
		c.Sector, c.Country = cmp.Or(c.Sector, h.Sector), cmp.Or(c.Country, h.Country)
		c.addNames(h)
	}
	for n := range all {
		if all[n].ID == "" {
			all[n].Names = explicit(all[n].Instrument)
		}
	}
	return all
}

func (c *Candidate) addNames(h hit) {
	for source, name := range h.Names {
		if c.Names == nil {
			c.Names = map[string]string{}
		}
		if c.Names[source] == "" {
			c.Names[source] = name
		}
	}
}

// explicit leaves out the names that follow from symbol and market anyway: they would be wrong after a change of those.
func explicit(i market.Instrument) map[string]string {
	kept := map[string]string{}
	for source, name := range i.Names {
		plain := i
		plain.Names = nil
		if derived, ok := provider.NameFor(source, plain); !ok || derived != name {
			kept[source] = name
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

// matches says whether a hit is the listing of a candidate: by ISIN, market and currency, by symbol and market, or because a source
// calls both the same.
func matches(c Candidate, h hit) bool {
	switch {
	case h.Currency != "" && c.Currency != "" && h.Currency != c.Currency:
		return false
	case (c.Class == market.Crypto) != (h.Class == market.Crypto), h.ISIN != "" && c.ISIN != "" && h.ISIN != c.ISIN:
		return false
	case h.MIC != "" && h.MIC == c.MIC && plainSymbol(h.Symbol) == plainSymbol(c.Symbol):
		return true
	case h.ISIN != "" && h.ISIN == c.ISIN && h.MIC == c.MIC && h.Currency == c.Currency && h.Currency != "":
		return true
	case c.Class == market.Crypto && !(commonCoin(c.Instrument) && commonCoin(h.Instrument)):
		return c.Names[h.source] != "" && c.Names[h.source] == h.Names[h.source]
	}
	return calledTheSame(c.Instrument, h.Names) || calledTheSame(h.Instrument, c.Names)
}

// calledTheSame says whether a source's name for an instrument is one of these.
func calledTheSame(i market.Instrument, names map[string]string) bool {
	for source, name := range names {
		if mine, ok := provider.NameFor(source, i); ok && mine == name {
			return true
		}
	}
	return false
}

// commonCoin says whether a coin is the one that everybody means by its symbol: others share symbols.
func commonCoin(i market.Instrument) bool {
	plain := i
	plain.Names = nil
	common, ok := provider.NameFor(provider.CoinGecko, plain)
	id := i.Names[provider.CoinGecko]
	return ok && (id == "" || id == common || strings.HasPrefix(common, id+"/"))
}

// coin parts a coin's symbol with its currency, such as BTC-USD, into the two.
func coin(i market.Instrument) market.Instrument {
	base, unit, pair := strings.Cut(i.Symbol, "-")
	if currency, err := money.ParseCurrency(unit); i.Class == market.Crypto && pair && err == nil && (i.Currency == "" || i.Currency == currency) {
		i.Symbol, i.Currency = base, currency
	}
	return i
}

// plainSymbol is a symbol with one mark before the letter of a class of shares, whatever the source writes.
func plainSymbol(symbol string) string {
	return strings.NewReplacer("/", "-", ".", "-", " ", "-").Replace(strings.ToUpper(symbol))
}

// groupCompanies gives all listings of one company the same Company: those of one ISIN, and those of one name. Its text is a name that
// the group has.
func groupCompanies(all []Candidate) {
	group := make([]int, len(all)) // to whose group each belongs; the first of a group to its own
	find := func(n int) int {
		for group[n] != n {
			n = group[n]
		}
		return n
	}
	byKey := map[string]int{}
	for n, c := range all {
		group[n] = n
		keys := []string{c.ISIN, companyKey(c.Name, c.Class)}
		if c.Class == market.Crypto {
			keys = []string{c.Name + "\n" + c.Names[provider.CoinGecko]}
		}
		for _, key := range keys {
			if key == "" {
				continue
			}
			first, seen := byKey[key]
			if !seen {
				byKey[key] = n
				continue
			}
			a, b := find(first), find(n)
			group[max(a, b)] = min(a, b)
		}
	}
	for n := range all {
		all[n].Company = all[find(n)].Name
	}
}

// legalForms are words at the end of a name that say what kind of company it is.
var legalForms = strings.Fields(`INC INCORPORATED CORP CORPORATION CO COMPANY LTD LIMITED PLC AG SE SA NV SPA AB ASA OYJ AS KGAA ` +
	`AKTIENGESELLSCHAFT HOLDING HOLDINGS GROUP ADR REG REGISTERED SHS SHARES COMMON STOCK ORD ORDINARY`)

// companyKey is a name without punctuation, case and legal form. Funds of one house have long names that differ in a word, so theirs stay whole.
func companyKey(name string, class market.Class) string {
	words := strings.FieldsFunc(strings.ToUpper(strings.NewReplacer(".", "", "'", "").Replace(name)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for class != market.Fund && class != market.ETF && len(words) > 1 && slices.Contains(legalForms, words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	return strings.Join(words, " ")
}
