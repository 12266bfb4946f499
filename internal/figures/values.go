package figures

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func (v value) text(into *string) error {
	if len(v.raw) == 0 || v.raw[0] != '"' || json.Unmarshal(v.raw, into) != nil {
		return fault.At(v.path, "not a text: %s", v.shown())
	}
	return nil
}

// shown is the start of the raw value on one line.
func (v value) shown() string {
	const shownMax = 40 // bytes; enough to recognise the value
	text := strings.Join(strings.Fields(string(v.raw)), " ")
	if len(text) > shownMax {
		text = text[:shownMax] + "…"
	}
	return strings.ToValidUTF8(text, "?")
}

func (v value) name(into *string) error {
	if err := v.text(into); err != nil {
		return err
	}
	if !ledger.IsName(*into) {
		return fault.At(v.path, "not a name: %.40q; it is 1 to %d printable characters", *into, ledger.NameBytesMax)
	}
	return nil
}

func (v value) oneOf(into *string, choices ...string) error {
	if err := v.text(into); err != nil {
		return err
	}
	if !slices.Contains(choices, *into) {
		return fault.At(v.path, "%.40q is none of %s", *into, strings.Join(choices, ", "))
	}
	return nil
}

func (v value) boolean(into *bool) error {
	switch string(v.raw) {
	case "true":
		*into = true
	case "false":
		*into = false
	default:
		return fault.At(v.path, "not true or false: %s", v.shown())
	}
	return nil
}

func (v value) date(into *market.Date) error {
	var text string
	if err := v.text(&text); err != nil {
		return err
	}
	on, err := market.ParseDate(text)
	if err != nil {
		return fault.At(v.path, "%v", err)
	}
	*into = on
	return nil
}

func (v value) number(into *money.Decimal) error {
	if len(v.raw) == 0 || v.raw[0] != '"' {
		return fault.At(v.path, "not a number in a text, such as \"12.50\": %s", v.shown())
	}
	var text string
	if err := v.text(&text); err != nil {
		return err
	}
	x, err := money.Parse(text)
	if err != nil {
		return fault.At(v.path, "%v", err)
	}
	*into = x
	return nil
}

func (v value) optional(into **money.Decimal) error {
	var x money.Decimal
	if err := v.number(&x); err != nil {
		return err
	}
	*into = &x
	return nil
}

func (v value) currency(into *money.Currency) error {
	var text string
	if err := v.text(&text); err != nil {
		return err
	}
	c, err := money.ParseCurrency(text)
	if err != nil {
		return fault.At(v.path, "%v", err)
	}
	*into = c
	return nil
}

func (v value) unit(into *money.Unit) error {
	var text string
	if err := v.text(&text); err != nil {
		return err
	}
	u, err := money.ParseUnit(text)
	if err != nil {
		return fault.At(v.path, "%v", err)
	}
	*into = u
	return nil
}

func (v value) ratio(into **ledger.Ratio) error {
	var text string
	if err := v.text(&text); err != nil {
		return err
	}
	r, err := ledger.ParseRatio(text)
	if err != nil {
		return fault.At(v.path, "%v", err)
	}
	*into = &r
	return nil
}

func (v value) list(each func(value) error) error {
	var items []json.RawMessage
	if err := json.Unmarshal(v.raw, &items); err != nil || items == nil {
		return fault.At(v.path, "not a list: %s", v.shown())
	}
	for i, raw := range items {
		if err := each(value{raw, fmt.Sprintf("%s[%d]", v.path, i)}); err != nil {
			return err
		}
	}
	return nil
}
