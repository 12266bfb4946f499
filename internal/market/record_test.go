package market

import (
	"slices"
	"testing"

	"folioscope/internal/fault"
)

var meta = Record{Version: 3, Instrument: Instrument{ID: "i1", Symbol: "FB", MIC: "XNAS", ISIN: "US30303M1027", Name: "Facebook, Inc.", Currency: "USD", Class: Stock},
	Aliases: []Alias{{Scheme: CUSIP, Value: "30303M102", Until: NoDate}}}

func TestChangeKeepsWhatItWasCalled(t *testing.T) {
	next := meta.Instrument
	next.Symbol, next.Name = "META", "Meta Platforms, Inc."
	day := MustDate("2022-06-09")
	got, err := meta.Change(next, meta.Identifiers(), false, day)
	want := []Alias{
		{Scheme: CUSIP, Value: "30303M102", Until: NoDate},
		{Scheme: FormerName, Value: "Facebook, Inc.", Former: true, Until: day - 1},
		{Scheme: FormerSymbol, Value: "FB", Former: true, Until: day - 1},
	}
	if err != nil || got.Version != 4 || got.Symbol != "META" || !slices.Equal(got.Aliases, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	if former := Former(got.Aliases); len(former) != 2 {
		t.Errorf("former: %v", former)
	}
	// Back again: what it is called isn't what it was called.
	back, err := got.Change(meta.Instrument, nil, false, day+10)
	if err != nil || slices.ContainsFunc(back.Aliases, func(a Alias) bool { return a.Value == "FB" || a.Value == "Facebook, Inc." }) {
		t.Errorf("%+v, %v", back.Aliases, err)
	}
	if !slices.Contains(back.Aliases, Alias{CUSIP, "30303M102", true, day + 9}) || !slices.Contains(back.Aliases, Alias{FormerSymbol, "META", true, day + 9}) {
		t.Errorf("%+v", back.Aliases)
	}
}

func TestChangeOfWhatWasWrongKeepsNothing(t *testing.T) {
	next := meta.Instrument
	next.Symbol, next.ISIN = "META", ""
	got, err := meta.Change(next, nil, true, 19000)
	if err != nil || len(got.Aliases) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	next.Currency = "EUR"
	if _, err := meta.Change(next, nil, true, 19000); !fault.Is(err, fault.Invalid) {
		t.Errorf("another currency: %v", err)
	}
	r := meta
	for n := range aliasesMax + 1 {
		next.Currency, next.Symbol = "USD", string(rune('A'+n))
		if r, err = r.Change(next, nil, false, 19000); err != nil {
			break
		}
	}
	if !fault.Is(err, fault.TooLarge) {
		t.Errorf("without an end: %v", err)
	}
}

func TestKeysTellInstrumentsApart(t *testing.T) {
	coin := Instrument{Symbol: "BTC", Currency: "USD", Class: Crypto}
	fork := coin
	fork.Names = map[string]string{"coingecko": "btc-fork"}
	euro := coin
	euro.Currency = "EUR"
	vwrl := Instrument{Symbol: "VWRL", MIC: "XLON", ISIN: "IE00B3RBWM25", Currency: "GBP", Class: ETF}
	dollars := Instrument{Symbol: "VWRD", MIC: "XLON", ISIN: "IE00B3RBWM25", Currency: "USD", Class: ETF}
	other := Instrument{Symbol: "VWRL2", MIC: "XLON", ISIN: "IE00B3RBWM25", Currency: "GBP", Class: ETF}
	for _, c := range []struct {
		a, b Instrument
		same bool
	}{{coin, coin, true}, {coin, fork, false}, {coin, euro, false}, {vwrl, dollars, false}, {vwrl, other, true}, {vwrl, coin, false}} {
		if got := c.a.Same(c.b); got != c.same {
			t.Errorf("%v and %v: %v", c.a.Keys(), c.b.Keys(), got)
		}
	}
}
