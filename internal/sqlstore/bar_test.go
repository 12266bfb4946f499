package sqlstore

import (
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// TestBarsFormat holds the format to its page: these bytes were worked out by hand from it.
func TestBarsFormat(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		bars      []market.Bar
	}{
		{"none", "010000", nil},
		{"scaled", "010203" + "02" + "b0a202" + "01" + "2f" + "eb02" + "00", []market.Bar{
			{Date: market.MustDate("2024-01-02"), Close: money.MustParse("185.84")},
			{Date: market.MustDate("2024-01-03"), Close: money.MustParse("185.60")},
			{Date: market.MustDate("2024-12-31"), Close: money.MustParse("185.6")},
		}},
		{"exact", "020001" + "01" + "15" + hex.EncodeToString([]byte("0.0000000000000000001")), []market.Bar{{Date: market.MustDate("2024-01-01"), Close: money.MustParse("0.0000000000000000001")}}},
	} {
		got, err := packBars(2024, c.bars)
		if err != nil || hex.EncodeToString(got) != c.hex {
			t.Errorf("%s: %x, %v; want %s", c.name, got, err, c.hex)
			continue
		}
		back, err := unpackBars(2024, got)
		if err != nil || !sameBars(back.bars(), c.bars) {
			t.Errorf("%s: %v, %v", c.name, back.bars(), err)
		}
	}
}

func sameBars(a, b []market.Bar) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Date != b[i].Date || !a[i].Close.Equal(b[i].Close) {
			return false
		}
	}
	return true
}

func TestBarsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		year := rapid.IntRange(1900, 2199).Draw(t, "year")
		days := int32(firstDay(year+1) - firstDay(year))
		var bars []market.Bar
		step := rapid.Int32Range(1, 40)
		for day := step.Draw(t, "first") - 1; day < days; day += step.Draw(t, "step") {
			close := money.NewDecimal(rapid.Int64().Draw(t, "coefficient"), -rapid.Int32Range(0, 19).Draw(t, "places"))
			bars = append(bars, market.Bar{Date: firstDay(year) + market.Date(day), Close: close})
		}
		data, err := packBars(year, bars)
		if err != nil {
			t.Fatal(err)
		}
		back, err := unpackBars(year, data)
		if err != nil || !sameBars(back.bars(), bars) {
			t.Fatalf("got %v, %v\nwant %v", back.bars(), err, bars)
		}
		series := joinYears("i", "EUR", []packed{back}, market.NoDate, firstDay(year+1))
		if series.Len() != len(bars) {
			t.Fatalf("%d of %d days", series.Len(), len(bars))
		}
		for i := range bars {
			if !series.Close(i).Equal(bars[i].Close) {
				t.Fatalf("day %d: %v, want %v", i, series.Close(i), bars[i].Close)
			}
		}
		for cut := range data {
			if _, err := unpackBars(year, data[:cut]); !errors.Is(err, errBars) {
				t.Fatalf("cut to %d of %d bytes: %v", cut, len(data), err)
			}
		}
	})
}

func TestBarsOutOfOrderAreRefused(t *testing.T) {
	one := money.One
	for _, bars := range [][]market.Bar{
		{{Date: market.MustDate("2024-01-02"), Close: one}, {Date: market.MustDate("2024-01-02"), Close: one}},
		{{Date: market.MustDate("2024-01-03"), Close: one}, {Date: market.MustDate("2024-01-02"), Close: one}},
		{{Date: market.MustDate("2023-12-31"), Close: one}},
		{{Date: market.MustDate("2025-01-01"), Close: one}},
	} {
		if data, err := packBars(2024, bars); err == nil {
			t.Errorf("%v became %x", bars, data)
		}
	}
}

func FuzzUnpackBars(f *testing.F) {
	for _, seed := range []string{"010000", "01020302b0a202012feb0200", "02000101013 1", "03", "0113ffffffffffffffff7f", "0100ffff03", "02000101ffffffffff7f"} {
		data, err := hex.DecodeString(seed)
		if err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := unpackBars(2024, data)
		if err != nil {
			if !errors.Is(err, errBars) {
				t.Fatalf("%x: %v", data, err)
			}
			return
		}
		bars := p.bars()
		again, err := packBars(2024, bars)
		if err != nil {
			t.Fatalf("%x can be read and not written: %v", data, err)
		}
		back, err := unpackBars(2024, again)
		if err != nil || !sameBars(back.bars(), bars) {
			t.Fatalf("%x: %v became %v, %v", data, bars, back.bars(), err)
		}
	})
}
