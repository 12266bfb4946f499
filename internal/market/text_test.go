package market

import "testing"

func TestOneLine(t *testing.T) {
	for text, want := range map[string]struct{ line, lines bool }{
		"":                        {true, true},
		"Zürich, 日本 \u202f %":     {true, true},
		"שלום مرحبا":              {true, true}, // turns by itself
		"=cmd()|'/C calc'!A1":     {true, true}, // a text like any other here: what writes tables for others guards it
		"👩\u200d🌾":                {true, true}, // joined, not turned
		"two\nlines\r\n\tand tab": {false, true},
		"nul\x00":                 {false, false},
		"bell\a":                  {false, false},
		"escape\x1b[2J":           {false, false},
		"delete\x7f":              {false, false},
		"next line\u0085":         {false, false},
		"line\u2028":              {false, false},
		"paragraph\u2029":         {false, false},
		"broken\xff":              {false, false},
	} {
		if got := OneLine(text); got != want.line {
			t.Errorf("OneLine(%q) = %t", text, got)
		}
		if got := Lines(text); got != want.lines {
			t.Errorf("Lines(%q) = %t", text, got)
		}
	}
	turns := []rune{0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069}
	for _, r := range turns {
		if text := "Acc" + string(r) + "tnuo"; OneLine(text) || Lines(text) {
			t.Errorf("%+q is taken", text)
		}
	}
}
