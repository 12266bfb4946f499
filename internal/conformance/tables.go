package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// scenario understands a draft.
func (d *draft) scenario() (Scenario, error) {
	s := Scenario{
		File: d.file, Line: d.line, Title: d.title, About: strings.Join(d.about, " "), Source: d.lines["Source"].text,
	}
	switch {
	case s.About == "":
		return s, d.at(d.line, "no sentence says what it shows")
	case s.Source == "":
		return s, d.at(d.line, "no Source: says where its facts come from")
	}
	for _, name := range captions {
		if part, ok := d.parts[name]; ok && name != "Case" && len(part.rows) < 2 {
			return s, d.at(part.line, "%s has no table", name)
		}
	}
	var err error
	if s.input, err = d.input(); err != nil {
		return s, err
	}
	refusal, table := d.lines["Expected"], d.parts["Expected"]
	switch {
	case refusal.line != 0 && table.line != 0:
		return s, d.at(refusal.line, "Expected was given twice")
	case refusal.line != 0:
		s.refusal = refusal.line
		var ok bool
		if s.refusedAt, ok = strings.CutPrefix(refusal.text, "refused at "); !ok || s.refusedAt == "" {
			return s, d.at(refusal.line, "not an expectation: %.60q; refused at which place?", refusal.text)
		}
	case len(table.rows) < 3:
		return s, d.at(d.line, "nothing is Expected of it")
	default:
		s.expected, err = d.expectations(table)
	}
	return s, err
}

// input is the case that settings and tables make, or the one that is written out.
func (d *draft) input() ([]byte, error) {
	if part, ok := d.parts["Case"]; ok {
		if d.json.line == 0 {
			return nil, d.at(part.line, "Case has no block of JSON")
		}
		if others := len(d.parts); d.lines["Settings"].line != 0 || others > 2 || others == 2 && d.parts["Expected"].line == 0 {
			return nil, d.at(part.line, "a Case goes without settings and tables")
		}
		return []byte(d.json.text), nil
	}
	fields, err := d.settings()
	if err != nil {
		return nil, err
	}
	for name, read := range map[string]func(table, map[string]any) error{
		"Activities": d.activities, "Prices": d.prices, "Rates": d.rates, "Benchmark": d.benchmark,
		"Flows":      func(t table, to map[string]any) error { return d.pairs(t, to, "flows", "Date", "Amount") },
		"Valuations": func(t table, to map[string]any) error { return d.pairs(t, to, "valuations", "Date", "Value") },
	} {
		if part, ok := d.parts[name]; ok {
			if err := read(part, fields); err != nil {
				return nil, err
			}
		}
	}
	input, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("write case: %w", err)
	}
	return input, nil
}

// settings reads such as "base EUR; lots average; scope portfolio; fees apart; from 2023-01-01; daily series".
func (d *draft) settings() (map[string]any, error) {
	line := d.lines["Settings"]
	if line.line == 0 {
		return nil, d.at(d.line, "no Settings:")
	}
	fields := map[string]any{}
	for item := range strings.SplitSeq(line.text, ";") {
		item = strings.TrimSpace(item)
		var name string
		var value any
		if item == "daily series" {
			name, value = "series", true
		} else {
			cut := strings.LastIndexByte(item, ' ')
			if cut < 0 {
				return nil, d.at(line.line, "not a setting: %.60q", item)
			}
			value = item[cut+1:]
			switch item[:cut] {
			case "base":
				name = "base_currency"
			case "from", "to":
				name = item[:cut]
			case "lots":
				name = "lot_method"
			case "scope":
				name = "lot_scope"
			case "risk-free rate":
				name = "risk_free_rate"
			case "fees", "fees in":
				name = "fees_in_cost"
				if item != "fees apart" && item != "fees in cost" {
					return nil, d.at(line.line, "not a setting: %.60q", item)
				}
				value = item == "fees in cost"
			default:
				return nil, d.at(line.line, "not a setting: %.60q", item)
			}
		}
		if _, twice := fields[name]; twice {
			return nil, d.at(line.line, "set twice: %.60q", item)
		}
		fields[name] = value
	}
	return fields, nil
}

// columns of an activity are the fields of a case under their own names. An empty cell leaves its field out.
var activityColumns = []string{
	"id", "date", "type", "account", "symbol", "quantity", "price", "amount", "currency", "fee", "tax", "fx_rate", "to_account",
	"to_symbol", "to_currency", "to_amount", "ratio", "cost_share", "lots", "reinvest", "refund",
}

func (d *draft) activities(t table, to map[string]any) error {
	header := t.rows[0]
	for i, name := range header.cells {
		if !slices.Contains(activityColumns, name) {
			return d.at(header.line, "no such column: %.60q", name)
		}
		if slices.Contains(header.cells[:i], name) {
			return d.at(header.line, "two columns are %s", name)
		}
	}
	list := []any{}
	for _, r := range t.rows[2:] {
		one := map[string]any{}
		for i, cell := range r.cells {
			if cell == "" {
				continue
			}
			switch name := header.cells[i]; name {
			case "lots":
				lots, err := d.lots(r.line, cell)
				if err != nil {
					return err
				}
				one[name] = lots
			case "reinvest", "refund":
				if cell != "yes" {
					return d.at(r.line, "%s is yes or empty: %.60q", name, cell)
				}
				one[name] = true
			default:
				one[name] = cell
			}
		}
		list = append(list, one)
	}
	to["activities"] = list
	return nil
}

// lots reads such as "b2 × 3, b1 × 2".
func (d *draft) lots(line int, cell string) ([]any, error) {
	var lots []any
	for item := range strings.SplitSeq(cell, ",") {
		id, quantity, ok := strings.Cut(strings.TrimSpace(item), " × ")
		if !ok {
			return nil, d.at(line, "lots are written as ID × QUANTITY: %.60q", cell)
		}
		lots = append(lots, map[string]any{"id": id, "quantity": quantity})
	}
	return lots, nil
}

// prices reads a column a symbol, headed "SYMBOL (CURRENCY)".
func (d *draft) prices(t table, to map[string]any) error {
	closes, err := d.byDate(t)
	if err != nil {
		return err
	}
	all := map[string]any{}
	for i, head := range t.rows[0].cells[1:] {
		symbol, rest, ok := strings.Cut(head, " (")
		currency, closed := strings.CutSuffix(rest, ")")
		if !ok || !closed || symbol == "" {
			return d.at(t.rows[0].line, "prices are headed SYMBOL (CURRENCY): %.60q", head)
		}
		if _, twice := all[symbol]; twice {
			return d.at(t.rows[0].line, "two columns are %s", symbol)
		}
		all[symbol] = map[string]any{"currency": currency, "closes": closes[i]}
	}
	to["prices"] = all
	return nil
}

// rates reads a column a currency: units of the base currency for 1 of it.
func (d *draft) rates(t table, to map[string]any) error {
	closes, err := d.byDate(t)
	if err != nil {
		return err
	}
	all := map[string]any{}
	for i, currency := range t.rows[0].cells[1:] {
		if _, twice := all[currency]; twice || currency == "" {
			return d.at(t.rows[0].line, "each column is another currency: %.60q", currency)
		}
		all[currency] = closes[i]
	}
	to["fx"] = all
	return nil
}

func (d *draft) benchmark(t table, to map[string]any) error {
	if cells := t.rows[0].cells; !slices.Equal(cells, []string{"Date", "Close"}) {
		return d.at(t.rows[0].line, "the columns are Date, Close")
	}
	closes, err := d.byDate(t)
	if err != nil {
		return err
	}
	to["benchmark"] = map[string]any{"closes": closes[0]}
	return nil
}

// byDate reads the columns after the first, each as what stands beside a date. Empty cells are left out.
func (d *draft) byDate(t table) ([]map[string]any, error) {
	header := t.rows[0]
	if header.cells[0] != "Date" || len(header.cells) < 2 {
		return nil, d.at(header.line, "the first column is Date, and another follows")
	}
	columns := make([]map[string]any, len(header.cells)-1)
	for i := range columns {
		columns[i] = map[string]any{}
	}
	dates := map[string]bool{}
	for _, r := range t.rows[2:] {
		on := r.cells[0]
		if dates[on] {
			return nil, d.at(r.line, "%.60q was given twice", on)
		}
		dates[on] = true
		for i, cell := range r.cells[1:] {
			if cell != "" {
				columns[i][on] = cell
			}
		}
	}
	return columns, nil
}

// pairs reads a table of two columns into a list of objects.
func (d *draft) pairs(t table, to map[string]any, name, first, second string) error {
	if cells := t.rows[0].cells; !slices.Equal(cells, []string{first, second}) {
		return d.at(t.rows[0].line, "the columns are %s, %s", first, second)
	}
	list := []any{}
	for _, r := range t.rows[2:] {
		list = append(list, map[string]any{strings.ToLower(first): r.cells[0], strings.ToLower(second): r.cells[1]})
	}
	to[name] = list
	return nil
}
