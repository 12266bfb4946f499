package market

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseIdentifier(t *testing.T) {
	for _, c := range []struct {
		scheme Scheme
		text   string
		want   string // empty: none
	}{
		{ISIN, "US0378331005", "US0378331005"}, // Apple
		{ISIN, "us 0378 3310 05", "US0378331005"},
		{ISIN, "US0378331006", ""},
		{ISIN, "DE0007164600", "DE0007164600"}, // SAP
		{ISIN, "IE00B4L5Y983", "IE00B4L5Y983"},
		{ISIN, "GB0002634946", "GB0002634946"}, // BAE
		{ISIN, "AU0000XVGZA3", "AU0000XVGZA3"}, // the standard's own example
		{ISIN, "U50378331005", ""},
		{ISIN, "US03783310O5", ""},
		{ISIN, "US037833100", ""},
		{ISIN, "", ""},
		{CUSIP, "037833100", "037833100"}, // Apple
		{CUSIP, "17275R102", "17275R102"}, // Cisco
		{CUSIP, "38259P508", "38259P508"}, // Google
		{CUSIP, "594918104", "594918104"}, // Microsoft
		{CUSIP, "68389X105", "68389X105"}, // Oracle
		{CUSIP, "68389X106", ""},
		{CUSIP, "03783310", ""},
		{CUSIP, "0378331é", ""},
		{SEDOL, "0263494", "0263494"}, // BAE
		{SEDOL, "B0WNLY7", "B0WNLY7"},
		{SEDOL, "7108899", "7108899"},
		{SEDOL, "B0YBKJ7", "B0YBKJ7"},
		{SEDOL, "B0YBKJ8", ""},
		{SEDOL, "B0YBKA7", ""}, // a vowel
		{WKN, "716460", "716460"},
		{WKN, "a1ewww", "A1EWWW"},
		{WKN, "A1OWWW", ""},
		{WKN, "71646", ""},
		{FIGI, "BBG000B9XRY4", "BBG000B9XRY4"}, // Apple
		{FIGI, "BBG000BLNNH6", "BBG000BLNNH6"}, // IBM
		{FIGI, "BBG000BLNNH7", ""},
		{FIGI, "GBG000BLNNH6", ""}, // looks like an ISIN of Britain
		{"isbn", "9780262033848", ""},
	} {
		got, ok := ParseIdentifier(c.scheme, c.text)
		if ok != (c.want != "") || got.Value != c.want {
			t.Errorf("%s %q: %q %v, want %q", c.scheme, c.text, got.Value, ok, c.want)
		}
	}
}

func TestReadIdentifiers(t *testing.T) {
	for text, want := range map[string][]Scheme{
		"US0378331005": {ISIN},
		"BBG000B9XRY4": {FIGI},
		"037833100":    {CUSIP},
		"0263494":      {SEDOL},
		"865985":       {WKN},
		"A1EWWW":       {WKN},
		"AMAZON":       nil, // no digit
		"Apple":        nil,
		"Apple Inc":    nil,
		"118955":       {WKN}, // as well as AMFI's code of a fund
		"":             nil,
	} {
		var got []Scheme
		for _, id := range ReadIdentifiers(text) {
			got = append(got, id.Scheme)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestISINsOfOtherSchemes(t *testing.T) {
	for _, c := range []struct {
		scheme Scheme
		value  string
		want   []string
	}{
		{ISIN, "US0378331005", []string{"US0378331005"}},
		{CUSIP, "037833100", []string{"US0378331005"}},
		{CUSIP, "780087102", []string{"CA7800871021"}}, // Royal Bank of Canada
		{CUSIP, "0378331@7", nil},
		{SEDOL, "0263494", []string{"GB0002634946"}},
		{SEDOL, "BYTBXV3", []string{"IE00BYTBXV33"}}, // Ryanair
		{WKN, "716460", []string{"DE0007164600"}},
		{WKN, "A1EWWW", []string{"DE000A1EWWW0"}},
		{FIGI, "BBG000B9XRY4", nil},
	} {
		id, ok := ParseIdentifier(c.scheme, c.value)
		got := id.ISINs()
		for _, want := range c.want {
			if !ok || !slices.Contains(got, want) {
				t.Errorf("%s %s: %v, want %s", c.scheme, c.value, got, want)
			}
		}
		if len(c.want) == 0 && len(got) > 0 {
			t.Errorf("%s %s: %v, want none", c.scheme, c.value, got)
		}
	}
	for isin, want := range map[string]string{"US0378331005": "037833100", "GB0002634946": "0263494", "DE000A1EWWW0": "A1EWWW", "FR0000120271": "", "x": "", "DE1234567890": ""} {
		got := ""
		for _, id := range Contained(isin) {
			got += id.Value
		}
		if got != want {
			t.Errorf("%s holds %q, want %q", isin, got, want)
		}
	}
}

// One wrong character is always noticed where there is a check digit, whatever is derived from an identifier is an ISIN that
// holds it again.
func TestIdentifiersProve(t *testing.T) {
	const characters = "0123456789BCDFGHJKLMNPQRSTVWXYZ"
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringOfN(rapid.RuneFrom([]rune(characters)), 9, 9, -1).Draw(t, "body")
		country := rapid.SampledFrom([]string{"US", "DE", "IE", "FR", "XS", "GB"}).Draw(t, "country")
		isin := withCheckDigit(country + body)[0]
		if !ValidISIN(isin) {
			t.Fatalf("%s is refused", isin)
		}
		at := rapid.IntRange(2, 11).Draw(t, "at")
		digit := rune('0' + rapid.IntRange(0, 9).Draw(t, "digit"))
		wrong := isin[:at] + string(digit) + isin[at+1:]
		if isDigit(isin[at]) && wrong != isin && ValidISIN(wrong) {
			t.Fatalf("%s and %s are both right", isin, wrong)
		}
		for _, id := range Contained(isin) {
			if !slices.Contains(id.ISINs(), isin) {
				t.Fatalf("%s holds %v, which isn't a part of it: %v", isin, id, id.ISINs())
			}
		}
	})
}

func FuzzReadIdentifiers(f *testing.F) {
	for _, seed := range []string{"US0378331005", "BBG000B9XRY4", "037833100", "0263494", "A1EWWW", "apple", "ß\x00", "03783310*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, id := range ReadIdentifiers(text) {
			again, ok := ParseIdentifier(id.Scheme, id.Value)
			if !ok || again != id || id.Value != strings.ToUpper(id.Value) {
				t.Errorf("%q: %v isn't what it says", text, id)
			}
			for _, isin := range id.ISINs() {
				if !ValidISIN(isin) {
					t.Errorf("%q: %s is no ISIN", text, isin)
				}
			}
		}
	})
}
