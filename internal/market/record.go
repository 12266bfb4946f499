package market

import (
	"cmp"
	"slices"
	"strings"

	"folioscope/internal/fault"
)

// Schemes of aliases that are no identifiers: what an instrument was called before.
const (
	FormerSymbol Scheme = "symbol"
	FormerName   Scheme = "name"
)

// aliasesMax bounds what one instrument is called: a share that was renamed every year of a long life has fewer.
const aliasesMax = 40

// Alias is something else that an instrument is, or was, called.
type Alias struct {
	Scheme Scheme
	Value  string
	Former bool // it isn't called so any more; always true of FormerSymbol and FormerName
	Until  Date // the last day of a former one, NoDate where unknown
}

// Record is an instrument with what is kept beside it.
type Record struct {
	Instrument
	Version int64   // counts its changes, from 1
	Aliases []Alias // by scheme and value
}

// Keys are what no two instruments share: symbol and market; ISIN, market and currency; and of what has no market class, symbol,
// currency and, for a coin whose symbol others have too, its id at CoinGecko.
func (i Instrument) Keys() []string {
	var keys []string
	if i.MIC != "" {
		keys = append(keys, "listing "+i.Symbol+" "+i.MIC)
	} else {
		coin := ""
		if i.Class == Crypto {
			coin = i.Names["coingecko"]
		}
		keys = append(keys, string(i.Class)+" "+i.Symbol+" "+string(i.Currency)+" "+coin)
	}
	if i.ISIN != "" {
		keys = append(keys, "isin "+i.ISIN+" "+i.MIC+" "+string(i.Currency))
	}
	return keys
}

// Same says whether two instruments are one and the same by what they say of themselves.
func (i Instrument) Same(other Instrument) bool {
	return slices.ContainsFunc(i.Keys(), func(key string) bool { return slices.Contains(other.Keys(), key) })
}

// Identifiers are the current identifiers of a record, its ISIN left out.
func (r Record) Identifiers() []Identifier {
	var all []Identifier
	for _, a := range r.Aliases {
		if !a.Former {
			all = append(all, Identifier{a.Scheme, a.Value})
		}
	}
	return all
}

// Former is what it was called before, the latest first: symbols, ISINs and names.
func Former(aliases []Alias) []Alias {
	former := slices.DeleteFunc(slices.Clone(aliases), func(a Alias) bool { return !a.Former })
	slices.SortStableFunc(former, func(a, b Alias) int { return cmp.Compare(b.Until, a.Until) })
	return former
}

// Change is the record after somebody mended it: next takes the instrument's place, and identifiers those that stand. What
// it was called until now becomes an alias of before the day, unless it was wrong all along. The currency stays: every price that is stored is in it.
func (r Record) Change(next Instrument, identifiers []Identifier, wrongBefore bool, day Date) (Record, error) {
	if next.ID != r.ID || next.Currency != r.Currency {
		return Record{}, fault.At("currency", "The currency of an instrument stays what it is: all its prices are in it. Add another instrument.")
	}
	out := Record{Instrument: next, Version: r.Version + 1}
	for _, a := range r.Aliases {
		if a.Former {
			out.Aliases = append(out.Aliases, a)
		}
	}
	if !wrongBefore {
		was := func(scheme Scheme, before, after string) {
			if before != "" && before != after {
				out.Aliases = append(out.Aliases, Alias{Scheme: scheme, Value: before, Former: true, Until: day - 1})
			}
		}
		was(FormerSymbol, r.Symbol, next.Symbol)
		was(FormerName, r.Name, next.Name)
		was(ISIN, r.ISIN, next.ISIN)
		for _, id := range r.Identifiers() {
			if !slices.Contains(identifiers, id) {
				was(id.Scheme, id.Value, "")
			}
		}
	}
	for _, id := range identifiers {
		out.Aliases = append(out.Aliases, Alias{Scheme: id.Scheme, Value: id.Value, Until: NoDate})
	}
	out.Aliases = tidy(out.Aliases, next)
	if len(out.Aliases) > aliasesMax {
		return Record{}, fault.New(fault.TooLarge, "An instrument may have at most %d other names.", aliasesMax)
	}
	return out, nil
}

// tidy sorts aliases and drops those that say the same twice: what stands goes before what was, the newest of what was before the rest, and what it is called now is
// no former name.
func tidy(aliases []Alias, of Instrument) []Alias {
	slices.SortStableFunc(aliases, func(a, b Alias) int {
		standing := 0
		if a.Former != b.Former {
			standing = 1
			if b.Former {
				standing = -1
			}
		}
		return cmp.Or(strings.Compare(string(a.Scheme), string(b.Scheme)), strings.Compare(a.Value, b.Value), standing, cmp.Compare(b.Until, a.Until))
	})
	aliases = slices.CompactFunc(aliases, func(a, b Alias) bool { return a.Scheme == b.Scheme && a.Value == b.Value })
	return slices.DeleteFunc(aliases, func(a Alias) bool {
		return a == Alias{FormerSymbol, of.Symbol, true, a.Until} || a == Alias{FormerName, of.Name, true, a.Until} || a == Alias{ISIN, of.ISIN, true, a.Until}
	})
}
