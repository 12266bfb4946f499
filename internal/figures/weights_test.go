package figures

import (
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

func TestWeightsByHand(t *testing.T) {
	book := bookOf(t, []market.Instrument{dollarShare, euroFund},
		"2024-01-02 deposit -  1000 -   EUR 0 0",
		"2024-01-02 buy     us 5    100 USD 0 0",
		"2024-02-05 buy     eu 5    40  EUR 0 0",
	)
	m := marketOf(map[market.InstrumentID]string{
		"us": "USD 2024-01-02 100 2024-02-01 120", "eu": "EUR 2024-02-09 40", market.RateID("USD"): "USD 2024-01-02 1",
	})
	for name, c := range map[string]struct {
		part Part
		want map[string]string
	}{ // the shares were paid with 500 dollars that the account owes
		"an instrument":   {Part{Instrument: "us"}, map[string]string{"2024-01-31": "0.5", "2024-02-01": "0.5454545454545454545454545454545455"}},
		"a sector":        {Part{By: BySector, Key: "Energy"}, map[string]string{"2024-01-31": "0.5"}},
		"cash":            {Part{By: BySector, Key: CashKey}, map[string]string{"2024-01-31": "0.5", "2024-02-05": "unknown"}},
		"a currency":      {Part{By: ByCurrency, Key: "EUR"}, map[string]string{"2024-01-31": "1"}},
		"what isn't held": {Part{Instrument: "eu"}, map[string]string{"2024-01-31": "0", "2024-02-04": "0"}},
	} {
		got, err := Weights(book, m, c.part, market.NoDate, market.MustDate("2024-02-10"))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 40 || got[0].Date != market.MustDate("2024-01-02") {
			t.Errorf("%s: %d days from %s", name, len(got), got[0].Date)
		}
		for _, day := range got {
			if want, asked := c.want[day.Date.String()]; asked {
				is(t, name+" on "+day.Date.String(), day.Weight, want)
			}
		}
	}
}

// The weight of a group is its share of the exposure, on every day that this knows.
func TestWeightsAreTheExposure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, m, from, to := drawPast(t)
		by := rapid.SampledFrom([]By{ByClass, BySector, ByCountry, ByCurrency}).Draw(t, "by")
		exposed, err := Exposure(book, m, by, from, to)
		if err != nil {
			discardRefused(t, err)
		}
		for _, point := range exposed.Points {
			for _, group := range point.Shares {
				days, err := Weights(book, m, Part{By: by, Key: group.Key}, from, to)
				if err != nil {
					t.Fatal(err)
				}
				weight := money.Unknown
				for _, day := range days {
					if day.Date == point.Date {
						weight = day.Weight
					}
				}
				sameMaybe(t, "weight of "+group.Key, weight, group.Share)
			}
		}
	})
}
