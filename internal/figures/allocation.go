package figures

import (
	"cmp"
	"slices"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// CashKey is the group of cash where the grouping says nothing about it.
const CashKey = "cash"

// Allocation spreads a valuation's value, as (*Holdings).Value gave it. Groups sum to the value and items to their group to
// the last digit; short positions and debts count below 0.
func Allocation(v Valuation, h *Holdings, book ledger.Book, by By) (Shares, error) {
	if !slices.Contains([]By{ByClass, BySector, ByCountry, ByCurrency, ByAccount}, by) {
		return Shares{}, fault.At("by", "%.40q is none of asset_class, sector, country, currency, account", string(by))
	}
	s := Shares{By: by, Base: v.Base, Value: v.Value}
	groups := map[string]*Group{}
	add := func(key string, item Item) {
		g := groups[key]
		if g == nil {
			g = &Group{Key: key}
			groups[key] = g
		}
		g.Value = g.Value.Add(item.Value)
		g.Items = append(g.Items, item)
	}
	rates := map[money.Currency]money.Maybe{v.Base: money.Known(money.One)}
	for _, r := range v.Rates {
		rates[r.Currency] = r.Rate
	}
	for _, p := range v.Positions {
		value, ok := p.ValueBase.Get()
		if !ok {
			s.Unvalued = append(s.Unvalued, p.Instrument)
			continue
		}
		item := Item{
			Instrument: p.Instrument, Currency: p.Currency, Value: value, DayChangePercent: p.DayChangePercent,
			ReturnPercent: p.UnrealisedBase.Times(hundred).Quo(p.CostBase),
		}
		if by != ByAccount {
			add(groupOf(book.Instruments[p.Instrument], p.Currency, by), item)
			continue
		}
		for _, part := range h.find(p.Instrument).inAccount {
			item.Value = p.Price.Times(part.quantity).Mul(rates[p.Currency]).Or(money.Zero) // known as the whole is
			add(string(part.account), item)
		}
	}
	for _, c := range v.CashBalances {
		value, ok := rates[c.Currency].Times(c.Amount).Get()
		if !ok || value.IsZero() {
			continue
		}
		key := CashKey
		switch by {
		case ByCurrency:
			key = string(c.Currency)
		case ByAccount:
			key = string(c.Account)
		}
		add(key, Item{Currency: c.Currency, Value: value})
	}
	s.Groups = weighed(groups, v.Value)
	return s, nil
}

// groupOf is the group that an instrument belongs to, empty where that isn't known.
func groupOf(i market.Instrument, currency money.Currency, by By) string {
	switch by {
	case ByClass:
		return string(i.Class)
	case BySector:
		return i.Sector
	case ByCountry:
		return i.Country
	default:
		return string(currency)
	}
}

// weighed gives groups and items their shares of the whole and puts the biggest first.
func weighed(groups map[string]*Group, whole money.Maybe) []Group {
	if x, ok := whole.Get(); !ok || x.Sign() <= 0 {
		whole = money.Unknown
	}
	all := make([]Group, 0, len(groups))
	for _, g := range groups {
		g.Share = money.Known(g.Value).Quo(whole)
		for i := range g.Items {
			g.Items[i].Share = money.Known(g.Items[i].Value).Quo(whole)
		}
		slices.SortFunc(g.Items, func(a, b Item) int {
			return cmp.Or(b.Value.Cmp(a.Value), cmp.Compare(a.Instrument, b.Instrument), cmp.Compare(a.Currency, b.Currency))
		})
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b Group) int { return cmp.Or(b.Value.Cmp(a.Value), cmp.Compare(a.Key, b.Key)) })
	return all
}
