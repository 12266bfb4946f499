package market

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/money"
)

func split(day, fresh, old string) Action {
	return Action{Instrument: "aapl", Kind: ActionSplit, Date: MustDate(day), PayDate: NoDate, New: money.MustParse(fresh), Old: money.MustParse(old)}
}

func dividend(day, amount string, currency money.Currency) Action {
	return Action{Instrument: "aapl", Kind: ActionDividend, Date: MustDate(day), PayDate: NoDate, Amount: money.MustParse(amount), Currency: currency}
}

func TestTwoWordsOnOneAction(t *testing.T) {
	for name, c := range map[string]struct {
		a, b Action
		same bool
	}{
		"the same":                  {split("2020-08-31", "4", "1"), split("2020-08-31", "4", "1"), true},
		"written otherwise":         {split("2020-08-31", "4", "1"), split("2020-08-31", "400", "100"), true},
		"rounded":                   {split("2020-08-31", "4", "3"), split("2020-08-31", "1.3333", "1"), true},
		"three days later":          {split("2020-08-31", "4", "1"), split("2020-09-03", "4", "1"), true},
		"four days later":           {split("2020-08-31", "4", "1"), split("2020-09-04", "4", "1"), false},
		"the other way round":       {split("2020-08-31", "4", "1"), split("2020-08-31", "1", "4"), false},
		"another kind":              {split("2020-08-31", "4", "1"), dividend("2020-08-31", "4", "USD"), false},
		"a dividend, earlier":       {dividend("2020-08-07", "0.82", "USD"), dividend("2020-08-05", "0.82", "USD"), true},
		"a dividend, rounded":       {dividend("2020-08-07", "0.82", "USD"), dividend("2020-08-07", "0.8204", "USD"), true},
		"a dividend, more":          {dividend("2020-08-07", "0.82", "USD"), dividend("2020-08-07", "0.85", "USD"), false},
		"a dividend, other coin":    {dividend("2020-08-07", "0.82", "USD"), dividend("2020-08-07", "0.82", "GBP"), false},
		"a dividend, pence as such": {dividend("2020-08-07", "82", "GBP"), dividend("2020-08-07", "0.82", "GBP"), false},
	} {
		if SameAction(&c.a, &c.b) != c.same || SameAction(&c.b, &c.a) != c.same {
			t.Errorf("%s: want %v", name, c.same)
		}
	}
}

func TestImpossibleActions(t *testing.T) {
	good := []Action{split("2020-08-31", "4", "1"), split("2020-08-31", "1", "30"), split("2020-08-31", "1.05", "1"), dividend("2020-08-07", "0.000001", "USD")}
	for _, a := range good {
		if err := a.Check(); err != nil {
			t.Errorf("%+v: %v", a, err)
		}
	}
	bad := []Action{
		split("2020-08-31", "0", "1"), split("2020-08-31", "1", "0"), split("2020-08-31", "-4", "1"), split("2020-08-31", "3", "3"),
		split("2020-08-31", "1000000", "1"), split("2020-08-31", "1", "1000000"),
		dividend("2020-08-07", "0", "USD"), dividend("2020-08-07", "-1", "USD"), dividend("2020-08-07", "1", ""), {Kind: "merger"}, {},
	}
	for _, a := range bad {
		if err := a.Check(); !errors.Is(err, ErrAction) {
			t.Errorf("%+v: %v", a, err)
		}
	}
}

func TestActionIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Action{Instrument: InstrumentID(rapid.StringN(1, 40, -1).Draw(t, "instrument")), Kind: rapid.SampledFrom([]ActionKind{ActionSplit, ActionDividend}).Draw(t, "kind"),
			Date: Date(rapid.IntRange(int(MustDate("1900-01-01")), int(MustDate("2199-12-31"))).Draw(t, "date"))}
		id := a.ID()
		instrument, kind, day, err := id.Parts()
		if err != nil || instrument != a.Instrument || kind != a.Kind || day != a.Date {
			t.Fatalf("%q: %q %q %s %v", id, instrument, kind, day, err)
		}
	})
	for _, id := range []ActionID{"", "/", "aapl/split", "aapl/merger/2020-08-31", "/split/2020-08-31", "aapl/split/2020-02-30", "split/2020-08-31"} {
		if _, _, _, err := id.Parts(); !errors.Is(err, ErrActionID) {
			t.Errorf("%q: %v", id, err)
		}
	}
	a := split("2020-08-31", "4", "1")
	ratio := a.Ratio()
	if a.ID() != "aapl/split/2020-08-31" || ratio.String() != "4" {
		t.Errorf("%s %s", a.ID(), ratio)
	}
}
