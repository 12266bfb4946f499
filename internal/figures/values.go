package figures

import (
	"encoding/json"
	"slices"
	"strings"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func (v *value) text(into *string) error {
	end, plain := pastString(v.raw, 0)
	switch {
	case end != len(v.raw):
		return v.refuse("not a text: %s", v.shown())
	case plain:
		*into = v.raw[1 : end-1]
	case json.Unmarshal([]byte(v.raw), into) != nil:
		return v.refuse("not a text: %s", v.shown())
	}
	return nil
}

// shown is the start of the raw value on one line.
func (v *value) shown() string {
	const shownMax = 40 // bytes; enough to recognise the value
	text := strings.Join(strings.Fields(v.raw), " ")
	if len(text) > shownMax {
		text = text[:shownMax] + "…"
	}
	return strings.ToValidUTF8(text, "?")
}

func (v *value) name(into *string) error {
	if err := v.text(into); err != nil {
		return err
	}
	if !ledger.IsName(*into) {
		return v.refuse("not a name: %.40q; it is 1 to %d printable characters", *into, ledger.NameBytesMax)
	}
	return nil
}

func (v *value) oneOf(into *string, choices ...string) error {
	if err := v.text(into); err != nil {
		return err
	}
	if !slices.Contains(choices, *into) {
		return v.refuse("%.40q is none of %s", *into, strings.Join(choices, ", "))
	}
	return nil
}

func (v *value) boolean(into *bool) error {
	switch v.raw {
	case "true":
		*into = true
	case "false":
		*into = false
	default:
		return v.refuse("not true or false: %s", v.shown())
	}
	return nil
}

func (v *value) date(into *market.Date) error {
	var text string
	if err := v.text(&text); err != nil {
		return err
	}
	on, err := dateOf(text)
	if err != nil {
		return v.refuse("%v", err)
	}
	*into = on
	return nil
}

// dateOf is market.ParseDate, at once for a day that there is in every month.
func dateOf(text string) (market.Date, error) {
	if len(text) != len("2006-01-02") || text[4] != '-' || text[7] != '-' {
		return market.ParseDate(text)
	}
	digit := func(i int) int { return int(text[i] - '0') }
	for _, i := range [...]int{0, 1, 2, 3, 5, 6, 8, 9} {
		if uint(digit(i)) > 9 {
			return market.ParseDate(text)
		}
	}
	year, month, day := digit(0)*1000+digit(1)*100+digit(2)*10+digit(3), digit(5)*10+digit(6), digit(8)*10+digit(9)
	if year < 1970 || year > 2099 || month < 1 || month > 12 || day < 1 || day > 28 {
		return market.ParseDate(text)
	}
	// Years begin in March, so that the leap day is their last.
	if month < 3 {
		year, month = year-1, month+12
	}
	const epoch = 719163 + 306 // 1970-01-01
	return market.Date(365*year + year/4 - year/100 + year/400 + (153*month-457)/5 + day - epoch), nil
}

func (v *value) number(into *money.Decimal) error {
	if len(v.raw) == 0 || v.raw[0] != '"' {
		return v.refuse("not a number in a text, such as \"12.50\": %s", v.shown())
	}
	var text string
	if err := v.text(&text); err != nil {
		return err
	}
	x, err := money.Parse(text)
	if err != nil {
		return v.refuse("%v", err)
	}
	*into = x
	return nil
}

func (v *value) currency(into *money.Currency) error {
	var text string
	if err := v.text(&text); err != nil {
		return err
	}
	c, err := money.ParseCurrency(text)
	if err != nil {
		return v.refuse("%v", err)
	}
	*into = c
	return nil
}

func (v *value) unit(into *money.Unit) error {
	var text string
	if err := v.text(&text); err != nil {
		return err
	}
	u, err := money.ParseUnit(text)
	if err != nil {
		return v.refuse("%v", err)
	}
	*into = u
	return nil
}

func (v *value) ratio(into **ledger.Ratio) error {
	var text string
	if err := v.text(&text); err != nil {
		return err
	}
	r, err := ledger.ParseRatio(text)
	if err != nil {
		return v.refuse("%v", err)
	}
	*into = &r
	return nil
}
