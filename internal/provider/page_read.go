package provider

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// path leads into JSON, step by step: a key, or a place in a list.
type path []step

type step struct {
	key   string
	place int // in a list, from its end where below 0
	list  bool
}

// parsePath reads paths such as $.a.b[0]["with.dot"][-1] and a.0.b, where a number after a point may be a key or a place.
func parsePath(text string) (path, error) {
	text = strings.TrimPrefix(text, "$")
	p := path{}
	for text != "" {
		if len(p) == pageStepsMax {
			return nil, fmt.Errorf("a path has at most %d steps", pageStepsMax)
		}
		if strings.HasPrefix(text, "[") {
			inside, rest, ok := strings.Cut(text[1:], "]")
			if strings.HasPrefix(text, `["`) {
				inside, rest, ok = strings.Cut(text[2:], `"]`)
				p = append(p, step{key: inside})
			} else {
				place, err := strconv.Atoi(inside)
				ok = ok && err == nil
				p = append(p, step{place: place, list: true})
			}
			if !ok {
				return nil, errors.New(`a path needs [number] or ["key"] in its brackets`)
			}
			text = rest
			continue
		}
		text = strings.TrimPrefix(text, ".")
		end := strings.IndexAny(text, ".[")
		if end < 0 {
			end = len(text)
		}
		if end == 0 {
			return nil, errors.New("a path has an empty step")
		}
		p = append(p, step{key: text[:end]})
		text = text[end:]
	}
	return p, nil
}

// errNothing says that a path leads nowhere.
var errNothing = errors.New("nothing at the path")

// follow walks a path without decoding what lies beside it.
func (p path) follow(data json.RawMessage) (json.RawMessage, error) {
	for _, s := range p {
		trimmed := strings.TrimLeft(string(data[:min(len(data), 16)]), " \t\r\n")
		if strings.HasPrefix(trimmed, "[") {
			place := s.place
			if !s.list {
				n, err := strconv.Atoi(s.key)
				if err != nil {
					return nil, errNothing
				}
				place = n
			}
			var list []json.RawMessage
			if err := json.Unmarshal(data, &list); err != nil {
				return nil, err
			}
			if place < 0 {
				place += len(list)
			}
			if place < 0 || place >= len(list) {
				return nil, errNothing
			}
			data = list[place]
			continue
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(data, &fields); err != nil {
			return nil, errNothing
		}
		next, ok := fields[s.key]
		if !ok || s.list {
			return nil, errNothing
		}
		data = next
	}
	return data, nil
}

// scalar is the figure or text at a path, empty where there is none.
func (p path) scalar(data json.RawMessage) (figure, error) {
	if p == nil {
		return figure{}, nil
	}
	found, err := p.follow(data)
	if err != nil {
		return figure{}, err
	}
	var f figure
	if err := json.Unmarshal(found, &f); err != nil {
		return figure{}, fmt.Errorf("%w: no number at the path", errShape)
	}
	return f, nil
}

// values reads the rows of JSON.
func (p page) values(a answer) ([]row, error) {
	body := json.RawMessage(strings.TrimPrefix(string(a.body), string(byteOrderMark)))
	var top json.RawMessage
	if err := json.Unmarshal(body, &top); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && syntax.Offset >= int64(len(body)) {
			return nil, errCut
		}
		return nil, err
	}
	elements := []json.RawMessage{top}
	if p.hasRows {
		list, err := p.rows.follow(top)
		if err != nil {
			return nil, err
		}
		if elements = nil; json.Unmarshal(list, &elements) != nil {
			return nil, fmt.Errorf("%w: no list at the path of the rows", errShape)
		}
	}
	if len(elements) > pageRowsMax {
		return nil, fmt.Errorf("%w: more than %d rows", errShape, pageRowsMax)
	}
	rows := make([]row, 0, len(elements))
	for _, element := range elements {
		price, err := p.price.scalar(element)
		if err != nil {
			return nil, err
		}
		at, err := p.time.scalar(element)
		if err != nil {
			return nil, err
		}
		unit, err := p.unitAt.scalar(element)
		if err != nil {
			return nil, err
		}
		r, ok, err := p.row(price.text, at.text, unit.text, price.quoted)
		if err != nil {
			return nil, err
		}
		if ok {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// table reads the rows of a table by the names of its columns.
func (p page) table(a answer) ([]row, error) {
	text := strings.TrimPrefix(string(a.body), string(byteOrderMark))
	if end := strings.LastIndexByte(text, '\n'); !a.whole && end+1 < len(text) {
		text = text[:end+1] // the last line may be cut in the middle of its number
	}
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma = rune(p.separator[0])
	reader.FieldsPerRecord, reader.ReuseRecord, reader.LazyQuotes, reader.TrimLeadingSpace = -1, true, true, true
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, errCut
	} else if err != nil {
		return nil, err
	}
	find := func(column string) int {
		return slices.IndexFunc(header, func(title string) bool {
			return column != "" && strings.EqualFold(strings.TrimSpace(title), column)
		})
	}
	price, at, unit, columns := find(p.column), find(p.timeColumn), find(p.unitColumn), len(header)
	if price < 0 || p.timed && at < 0 || p.unitColumn != "" && unit < 0 || columns > pageColumnsMax {
		return nil, fmt.Errorf("%w: not all columns are there", errShape)
	}
	cell := func(cells []string, column int) string {
		if column < 0 {
			return ""
		}
		return cells[column]
	}
	var rows []row
	for {
		cells, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return nil, err
		}
		if len(cells) != columns || len(rows) == pageRowsMax {
			return nil, fmt.Errorf("%w: %d cells under %d columns after %d rows", errShape, len(cells), columns, len(rows))
		}
		unitText := ""
		if p.unitColumn != "" {
			unitText = cell(cells, unit)
		}
		r, ok, err := p.row(cell(cells, price), cell(cells, at), unitText, true)
		if err != nil {
			return nil, err
		}
		if ok {
			rows = append(rows, r)
		}
	}
}
