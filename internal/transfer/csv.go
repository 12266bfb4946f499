package transfer

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"folioscope/internal/fault"
)

// FormatCSV is the name of the format: one activity a line, columns named after the fields of an activity.
const FormatCSV = "folioscope-csv"

// Bounds of a file.
const (
	FileBytesMax = 10 << 20 // a lifetime of activities is a tenth of that
	RowsMax      = 100_000
	cellBytesMax = 64 << 10
	columnsMax   = 40
	errorsMax    = 1000 // shown; the rest is counted by nobody
)

// Row is one line of a file that could be read.
type Row struct {
	Line  int    // of the file, the header being 1
	ID    string // as the file calls it, empty where it doesn't
	Entry Entry
}

// RowError is one mistake in a file.
type RowError struct {
	Row     int    // line of the file, 0 where it is the file as a whole
	Column  string // empty where it is the line as a whole
	Message string
}

// Place is where the mistake is, in words.
func (e RowError) Place() string {
	if e.Column == "" {
		return "row " + strconv.Itoa(e.Row)
	}
	return "row " + strconv.Itoa(e.Row) + ", " + e.Column
}

// columns are what a header may name, and where a cell goes. The id of a row is for lots of other rows to name: activities get ids of
// their own.
var columns = map[string]func(*Entry, string){
	"id":         nil,
	"date":       func(e *Entry, cell string) { e.Date = cell },
	"type":       func(e *Entry, cell string) { e.Type = cell },
	"account":    func(e *Entry, cell string) { e.Account = cell },
	"symbol":     func(e *Entry, cell string) { e.Symbol = cell },
	"mic":        func(e *Entry, cell string) { e.MIC = cell },
	"quantity":   func(e *Entry, cell string) { e.Quantity = cell },
	"price":      func(e *Entry, cell string) { e.Price = cell },
	"amount":     func(e *Entry, cell string) { e.Amount = cell },
	"currency":   func(e *Entry, cell string) { e.Currency = cell },
	"fee":        func(e *Entry, cell string) { e.Fee = cell },
	"tax":        func(e *Entry, cell string) { e.Tax = cell },
	"fx_rate":    func(e *Entry, cell string) { e.FXRate = cell },
	"to_account": func(e *Entry, cell string) { e.ToAccount = cell },
	"ratio":      func(e *Entry, cell string) { e.Ratio = cell },
	"note":       func(e *Entry, cell string) { e.Note = cell },

	"to_symbol":   func(e *Entry, cell string) { e.ToSymbol = cell },
	"to_mic":      func(e *Entry, cell string) { e.ToMIC = cell },
	"cost_share":  func(e *Entry, cell string) { e.CostShare = cell },
	"to_currency": func(e *Entry, cell string) { e.ToCurrency = cell },
	"to_amount":   func(e *Entry, cell string) { e.ToAmount = cell },

	"reinvest": nil, // these are read apart, since they can be wrong
	"refund":   nil,
	"lots":     nil,
}

var neededColumns = []string{"date", "type"}

const byteOrderMark = "\ufeff"

// ParseCSV reads a file. Lines that can't be read are in the errors; a file that can't be read at all is fault.Invalid, one that is too
// large fault.TooLarge. It stops where the context ends.
func ParseCSV(ctx context.Context, file io.Reader) (rows []Row, mistakes []RowError, err error) {
	err = table{FileBytesMax, RowsMax, readHeader}.read(ctx, file, func(names, cells []string, line int) bool {
		row, wrong := readRow(names, cells, line)
		if len(wrong) == 0 {
			rows = append(rows, row)
			return true
		}
		mistakes = append(mistakes, wrong[:min(len(wrong), max(errorsMax-len(mistakes), 0))]...)
		return len(mistakes) < errorsMax
	})
	if err != nil {
		return nil, nil, err
	}
	return rows, mistakes, nil
}

// table is a kind of file with a header line: its bounds, and how its header is read into the names of its columns.
type table struct {
	bytesMax, rowsMax int
	header            func(cells []string) (names []string, err error)
}

// read gives the lines of a file to take, blank ones left out, until it has enough. line counts from 1, the header's.
func (t table) read(ctx context.Context, file io.Reader, take func(names, cells []string, line int) (more bool)) error {
	data, err := io.ReadAll(io.LimitReader(file, int64(t.bytesMax)+1))
	if err != nil {
		return fmt.Errorf("read file: %w", err)
	}
	if len(data) > t.bytesMax {
		return fault.New(fault.TooLarge, "The file is larger than %d MiB. Split it.", t.bytesMax>>20)
	}
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	if at := invalidLine(data); at > 0 {
		return fault.At("row "+strconv.Itoa(at), "The file is not UTF-8 text here. Save it as UTF-8.")
	}
	in := csv.NewReader(bytes.NewReader(data))
	in.Comma, in.FieldsPerRecord, in.ReuseRecord = delimiterOf(data), -1, true
	header, err := in.Read()
	if err != nil {
		return fault.At("row 1", "The file has no header line.")
	}
	names, err := t.header(header)
	if err != nil {
		return err
	}
	rows := 0
	for read := 0; ; read++ {
		if err := ended(ctx, read); err != nil {
			return err
		}
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if broken, ok := errors.AsType[*csv.ParseError](err); ok {
			return fault.At("row "+strconv.Itoa(broken.StartLine), "The quotes of this line don't match.")
		}
		if err != nil {
			return fmt.Errorf("read file: %w", err)
		}
		line, _ := in.FieldPos(0)
		if blank(cells) {
			continue
		}
		if rows++; rows > t.rowsMax {
			return fault.New(fault.TooLarge, "The file has more than %d rows. Split it.", t.rowsMax)
		}
		if !take(names, cells, line) {
			return nil
		}
	}
}

// delimiterOf is what separates the cells of the first line: comma, semicolon or tab, whichever there are most of.
func delimiterOf(data []byte) rune {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	best, most := ',', 0
	for _, delimiter := range []rune{',', ';', '\t'} {
		if n := bytes.Count(line, []byte(string(delimiter))); n > most {
			best, most = delimiter, n
		}
	}
	return best
}

func readHeader(header []string) ([]string, error) {
	return headerOf(header, columnNames(), neededColumns)
}

// headerOf reads a header that may name known columns, each once, and has to name the needed ones.
func headerOf(header, known, needed []string) ([]string, error) {
	if len(header) > columnsMax {
		return nil, fault.At("row 1", "The header names %d columns; at most %d are known.", len(header), len(known))
	}
	names := make([]string, 0, len(header))
	for _, cell := range header {
		name := strings.ToLower(strings.TrimSpace(cell))
		if !slices.Contains(known, name) {
			return nil, fault.At("row 1, "+shown(name), "Unknown column %s. Known are %s.", quoted(name), strings.Join(known, ", "))
		}
		if slices.Contains(names, name) {
			return nil, fault.At("row 1, "+name, "The column is named twice.")
		}
		names = append(names, name)
	}
	for _, name := range needed {
		if !slices.Contains(names, name) {
			return nil, fault.At("row 1, "+name, "The column %s is missing from the header.", name)
		}
	}
	return names, nil
}

func shown(name string) string {
	if text := strings.Trim(quoted(name), `"`); text != "" {
		return text
	}
	return "empty column"
}

func columnNames() []string {
	names := make([]string, 0, len(columns))
	for name := range columns {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func readRow(names, cells []string, line int) (row Row, mistakes []RowError) {
	row.Line = line
	e := &row.Entry
	if wrong, ok := fitsHeader(names, cells, line); !ok {
		return row, []RowError{wrong}
	}
	for i, name := range names {
		cell := strings.TrimSpace(cells[i])
		if len(cell) > cellBytesMax {
			mistakes = append(mistakes, RowError{line, name, "the cell is too long"})
			continue
		}
		switch name {
		case "id":
			row.ID = strings.Clone(cell)
		case "lots":
			lots, ok := readLots(cell)
			if !ok {
				mistakes = append(mistakes, RowError{line, name, "not lots such as \"id:4 other:2.5\": " + quoted(cell)})
			}
			e.Lots = lots
		case "reinvest", "refund":
			flag, ok := readFlag(cell)
			if !ok {
				mistakes = append(mistakes, RowError{line, name, "not true or false: " + quoted(cell)})
			}
			if name == "reinvest" {
				e.Reinvest = flag
			} else {
				e.Refund = flag
			}
		default:
			columns[name](e, strings.Clone(cell))
		}
	}
	return row, mistakes
}

// fitsHeader says whether a line has a cell for each column; there may be blank ones after them.
func fitsHeader(names, cells []string, line int) (wrong RowError, ok bool) {
	if len(cells) > len(names) && !blank(cells[len(names):]) || len(cells) < len(names) {
		return RowError{Row: line, Message: fmt.Sprintf("%d cells, but the header names %d columns", len(cells), len(names))}, false
	}
	return wrong, true
}

// readLots reads lots as id:quantity, with blanks between them.
func readLots(cell string) (lots []EntryLot, ok bool) {
	for part := range strings.FieldsSeq(cell) {
		at := strings.LastIndexByte(part, ':')
		if at <= 0 || at == len(part)-1 {
			return nil, false
		}
		lots = append(lots, EntryLot{ID: strings.Clone(part[:at]), Quantity: strings.Clone(part[at+1:])})
	}
	return lots, true
}

func readFlag(cell string) (flag, ok bool) {
	switch strings.ToLower(cell) {
	case "true":
		return true, true
	case "false", "":
		return false, true
	}
	return false, false
}

func blank(cells []string) bool {
	for _, cell := range cells {
		if strings.TrimSpace(cell) != "" {
			return false
		}
	}
	return true
}

// invalidLine is the line on which a text stops being UTF-8, 0 where it doesn't.
func invalidLine(data []byte) int {
	if utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 {
		return 0
	}
	line := 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == 0 || r == utf8.RuneError && size == 1 {
			return line
		}
		if r == '\n' {
			line++
		}
		data = data[size:]
	}
	return line
}
