package transfer

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"folioscope/internal/fault"
)

const header = "date,type,symbol,quantity,price\n"

func TestParseCSVUnderstandsWhatProgramsWrite(t *testing.T) {
	want := Entry{Date: "2026-01-05", Type: "buy", Symbol: "WRLD", Quantity: "3", Price: "100.5", Note: "a \"b\", c"}
	for name, file := range map[string]string{
		"plain":           "date,type,symbol,quantity,price,note\n2026-01-05,buy,WRLD,3,100.5,\"a \"\"b\"\", c\"\n",
		"no last newline": "date,type,symbol,quantity,price,note\n2026-01-05,buy,WRLD,3,100.5,\"a \"\"b\"\", c\"",
		"CRLF and BOM":    "\ufeffdate,type,symbol,quantity,price,note\r\n2026-01-05,buy,WRLD,3,100.5,\"a \"\"b\"\", c\"\r\n",
		"semicolons":      "date;type;symbol;quantity;price;note\n2026-01-05;buy;WRLD;3;100.5;\"a \"\"b\"\", c\"\n",
		"tabs":            "date\ttype\tsymbol\tquantity\tprice\tnote\n2026-01-05\tbuy\tWRLD\t3\t100.5\t\"a \"\"b\"\", c\"\n",
		"any order":       "Price, NOTE ,type,date,quantity,symbol\n100.5,\"a \"\"b\"\", c\",buy,2026-01-05,3,WRLD\n",
		"blanks":          "date,type,symbol,quantity,price,note\n\n 2026-01-05 ,buy, WRLD,3 ,100.5,\"a \"\"b\"\", c\"\n,,,,,\n",
		"spare cells":     "date,type,symbol,quantity,price,note\n2026-01-05,buy,WRLD,3,100.5,\"a \"\"b\"\", c\",,\n",
		"an id":           "id,date,type,symbol,quantity,price,note\nx1,2026-01-05,buy,WRLD,3,100.5,\"a \"\"b\"\", c\"\n",
	} {
		rows, mistakes, err := ParseCSV(t.Context(), strings.NewReader(file))
		if err != nil || len(mistakes) != 0 || len(rows) != 1 || !reflect.DeepEqual(rows[0].Entry, want) {
			t.Errorf("%s: %+v %v %v", name, rows, mistakes, err)
		}
	}
}

func TestParseCSVNamesTheRow(t *testing.T) {
	for name, c := range map[string]struct {
		file, place string
		kind        fault.Kind
	}{
		"empty":            {"", "row 1", fault.Invalid},
		"unknown column":   {"date,type,ticker\n", "row 1, ticker", fault.Invalid},
		"column twice":     {"date,type,date\n", "row 1, date", fault.Invalid},
		"no date":          {"type,symbol\n", "row 1, date", fault.Invalid},
		"no type":          {"date,symbol\n", "row 1, type", fault.Invalid},
		"empty column":     {"date,type,\n", "row 1, empty column", fault.Invalid},
		"HTML":             {"<!doctype html>\n<html>\n", "row 1, <!doctype html>", fault.Invalid},
		"a program":        {"\x7fELF\x00\x01", "row 1", fault.Invalid},
		"Latin-1":          {"date,type,note\n2026-01-01,deposit,caf\xe9\n", "row 2", fault.Invalid},
		"UTF-16":           {"\xff\xfed\x00a\x00", "row 1", fault.Invalid},
		"quotes":           {"date,type,note\n2026-01-01,deposit,ok\n2026-01-01,deposit,\"open\n", "row 3", fault.Invalid},
		"quote inside":     {"date,type,note\n2026-01-01,deposit,a\"b\n", "row 2", fault.Invalid},
		"a million rows":   {header + strings.Repeat("a,b,,,\n", 1_000_000), "", fault.TooLarge},
		"too many columns": {strings.Repeat("date,", 50) + "\n", "row 1", fault.Invalid},
		"eleven megabytes": {header + strings.Repeat("x", 11<<20), "", fault.TooLarge},
	} {
		_, _, err := ParseCSV(t.Context(), strings.NewReader(c.file))
		wrong, ok := errors.AsType[*fault.Error](err)
		if !ok || wrong.Kind != c.kind || wrong.Message == "" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.place != "" && wrong.Places[0].Location != c.place {
			t.Errorf("%s: at %q, want %q", name, wrong.Places[0].Location, c.place)
		}
		if len(wrong.Message) > 400 {
			t.Errorf("%s: %d bytes of message", name, len(wrong.Message))
		}
	}
}

func TestParseCSVCollectsMistakes(t *testing.T) {
	rows, mistakes, err := ParseCSV(t.Context(), strings.NewReader("date,type,reinvest\n2026-01-01,dividend,yes\n2026-01-02,dividend\n2026-01-03,dividend,TRUE\n2026-01-04,dividend,,x\n"))
	if err != nil || len(rows) != 1 || !rows[0].Entry.Reinvest || rows[0].Line != 4 {
		t.Fatalf("%+v %v", rows, err)
	}
	want := []RowError{{2, "reinvest", `not true or false: "yes"`}, {3, "", "2 cells, but the header names 3 columns"}, {5, "", "4 cells, but the header names 3 columns"}}
	if len(mistakes) != len(want) {
		t.Fatalf("%+v", mistakes)
	}
	for i := range want {
		if mistakes[i] != want[i] {
			t.Errorf("%+v, want %+v", mistakes[i], want[i])
		}
	}
	if want[0].Place() != "row 2, reinvest" || want[1].Place() != "row 3" {
		t.Errorf("%q %q", want[0].Place(), want[1].Place())
	}
}

// A cell over several lines moves the rows after it.
func TestParseCSVCountsLinesOfTheFile(t *testing.T) {
	rows, _, err := ParseCSV(t.Context(), strings.NewReader("date,type,note\n2026-01-01,deposit,\"two\nlines\"\n2026-01-02,deposit,x\n"))
	if err != nil || len(rows) != 2 || rows[0].Line != 2 || rows[1].Line != 4 {
		t.Fatalf("%+v %v", rows, err)
	}
}

// Lines that make no sense end the reading early: a thousand mistakes are enough to look at.
func TestAMillionMistakesAreNotCollected(t *testing.T) {
	rows, mistakes, err := ParseCSV(t.Context(), strings.NewReader(header+strings.Repeat("x,y,\n", 1_000_000)))
	if err != nil || len(rows) != 0 || len(mistakes) != errorsMax {
		t.Fatalf("%d rows, %d mistakes, %v", len(rows), len(mistakes), err)
	}
}

func FuzzParseCSV(f *testing.F) {
	f.Add(header + "2026-01-05,buy,WRLD,3,100.5\n")
	f.Add("\ufeffdate;type;note\r\n2026-01-05;buy;\"=cmd|' /C calc'!A0\"\r\n")
	f.Add("date,type\n\"\"\"")
	f.Add("date\ttype\treinvest\n\x00\t\xff\ttrue")
	f.Fuzz(func(t *testing.T, file string) {
		rows, mistakes, err := ParseCSV(t.Context(), strings.NewReader(file))
		if err != nil {
			if kind := fault.KindOf(err); kind != fault.Invalid && kind != fault.TooLarge {
				t.Fatalf("%v", err)
			}
			return
		}
		lines := strings.Count(file, "\n") + 1
		last := 1
		for _, row := range rows {
			if row.Line <= last || row.Line > lines {
				t.Fatalf("row %d after %d of %d", row.Line, last, lines)
			}
			last = row.Line
		}
		for _, m := range mistakes {
			if m.Row < 2 || m.Row > lines || m.Message == "" {
				t.Fatalf("%+v of %d lines", m, lines)
			}
		}
	})
}
