package notify

import (
	"strings"
	"testing"
	"time"

	"folioscope/internal/money"
)

func decimal(text string) *money.Decimal {
	x, err := money.Parse(text)
	if err != nil {
		panic(err)
	}
	return &x
}

func TestNumbersAndTimesAreWrittenAsTheirReaderDoes(t *testing.T) {
	when := time.Date(2026, 3, 2, 14, 5, 0, 0, time.UTC)
	for locale, want := range map[string][2]string{
		"":       {"−1,234,567.50", "2 Mar 2026, 14:05 UTC"},
		"en-GB":  {"−1,234,567.50", "2 Mar 2026, 14:05 UTC"},
		"en-US":  {"−1,234,567.50", "Mar 2, 2026, 2:05 PM UTC"},
		"en-IN":  {"−12,34,567.50", "2 Mar 2026, 14:05 UTC"},
		"de":     {"−1.234.567,50", "02.03.2026, 14:05 UTC"},
		"de-CH":  {"−1’234’567.50", "02.03.2026, 14:05 UTC"},
		"fr":     {"−1\u202f234\u202f567,50", "02/03/2026, 14:05 UTC"},
		"es":     {"−1.234.567,50", "2/3/2026, 14:05 UTC"},
		"it":     {"−1.234.567,50", "02/03/2026, 14:05 UTC"},
		"pt-BR":  {"−1.234.567,50", "02/03/2026, 14:05 UTC"},
		"nl":     {"−1.234.567,50", "02-03-2026, 14:05 UTC"},
		"sv":     {"−1\u00a0234\u00a0567,50", "2026-03-02, 14:05 UTC"},
		"ja":     {"−1,234,567.50", "2026/03/02, 14:05 UTC"},
		"hi":     {"−12,34,567.50", "2/3/2026, 14:05 UTC"},
		"x-none": {"−1,234,567.50", "2 Mar 2026, 14:05 UTC"},
	} {
		c := customsOf(locale)
		if got := c.number(*decimal("-1234567.50")); got != want[0] {
			t.Errorf("%s: %q, want %q", locale, got, want[0])
		}
		if got := c.moment(when, time.UTC); got != want[1] {
			t.Errorf("%s: %q, want %q", locale, got, want[1])
		}
	}
	for text, want := range map[string]string{"0": "0", "-0": "0", "999": "999", "1000": "1000", "10000": "10.000", "0.05": "0,05"} {
		if got := customsOf("es").number(*decimal(text)); got != want {
			t.Errorf("%s in Spanish: %q, want %q", text, got, want)
		}
	}
}

func TestTheLevelOfASentenceIsWrittenAsItsReaderDoes(t *testing.T) {
	german := customsOf("de")
	for _, test := range []struct {
		sentence string
		level    *money.Decimal
		want     string
	}{
		{"Price of Acme above 1250.00\u00a0USD", decimal("1250.00"), "Price of Acme above 1.250,00\u00a0USD"},
		{"Change of Fund 5000 today below −5000.5\u00a0%", decimal("-5000.5"), "Change of Fund 5000 today below −5.000,5\u00a0%"},
		{"Price of Fund 2000 above 1000", decimal("1000"), "Price of Fund 2000 above 1.000"},
		{"Value of Fund 1000 above 5\u00a0EUR", decimal("1000"), "Value of Fund 1000 above 5\u00a0EUR"},
		{"An import failed", nil, "An import failed"},
	} {
		if got := german.sentence(test.sentence, test.level); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestValuesHaveTheDigitsOfTheirKind(t *testing.T) {
	for _, test := range []struct {
		value, unit string
		personal    bool
		want        string
	}{
		{"219857.6357", "EUR", true, "219857.64"}, {"219857.6357", "JPY", true, "219858"}, {"1.123456", "USD", false, "1.1235"},
		{"56.2271", "%", false, "56.23"}, {"1.255", "pt", false, "1.26"}, {"3", "h", false, "3"},
	} {
		got := shownValue(NoticeFacts{Value: decimal(test.value), Unit: test.unit, Personal: test.personal})
		if got.String() != test.want {
			t.Errorf("%s %s: %s, want %s", test.value, test.unit, got, test.want)
		}
	}
}

func alertNotice() Notice {
	return Notice{Owner: "anna", ID: "n1", Kind: NoticeAlert, At: testNow, Rule: "r1", Facts: NoticeFacts{
		Rule: "Pension", Sentence: "Value of Pension below 123456.78\u00a0EUR", Subject: "Pension", Value: decimal("123400.5"), Threshold: decimal("123456.78"), Unit: "EUR", Personal: true,
	}}
}

func TestAlertsInWords(t *testing.T) {
	settings := Settings{Zone: "Europe/Berlin", Locale: "de"}
	w := Write(alertNotice(), settings, "https://folio.example")
	want := "Value of Pension below 123.456,78\u00a0EUR\nNow 123.400,5\u00a0EUR\n02.03.2026, 15:30 CET"
	if w.Title != "Pension" || w.Text() != want || w.Link != "https://folio.example/alerts" || w.ID != "n1" {
		t.Errorf("%q\n%s", w.Title, w.Text())
	}
	unnamed := alertNotice()
	unnamed.Facts.Rule, unnamed.Facts.Personal, unnamed.Facts.Sentence, unnamed.Facts.Subject = "", false, "Price of Nvidia above 200 USD", "Nvidia"
	if w := Write(unnamed, Settings{}, ""); w.Title != "Price of Nvidia above 200 USD" || w.Lines[0] != "Now 123,400.5\u00a0EUR" || w.Link != "" {
		t.Errorf("%+v", w)
	}
	operator := Notice{Kind: NoticeOperator, At: testNow, Facts: NoticeFacts{Text: "Prices are 25 minutes old.", Fix: "Look at the sources."}}
	if w := Write(operator, Settings{}, "https://folio.example"); w.Title != "Prices are 25 minutes old." || w.Lines[0] != "Look at the sources." || !strings.HasSuffix(w.Link, "/admin/status") {
		t.Errorf("%+v", w)
	}
}

// Where amounts are hidden none is in any form of the message; what is no amount of theirs stays.
func TestHiddenAmountsAreInNoMessage(t *testing.T) {
	hide := Settings{Locale: "de", HideAmounts: true}
	w := Write(alertNotice(), hide, "https://folio.example")
	_, raw, err := signed("https://example.org/hook", testSecret, w, testNow)
	if err != nil {
		t.Fatal(err)
	}
	letter := w.letter("anna@example.net", "c1", "https://folio.example")
	for name, text := range map[string]string{"title": w.Title, "text": w.Text(), "webhook": string(raw), "mail": letter.Text, "HTML": letter.HTML, "subject": letter.Subject} {
		if strings.Contains(text, "123") {
			t.Errorf("the %s names an amount: %s", name, text)
		}
	}
	if w.Title != "Pension" {
		t.Errorf("title %q", w.Title)
	}
	price := alertNotice()
	price.Facts.Personal = false
	if w := Write(price, hide, ""); !strings.Contains(w.Text(), "123.400,5") {
		t.Errorf("a price is nobody's secret: %s", w.Text())
	}
}

// Whatever people call things, a title is one line without what can't be seen.
func TestTitlesAreOneLine(t *testing.T) {
	n := alertNotice()
	n.Facts.Rule = "Pay\r\nBcc: all@example.net\u202e" + strings.Repeat("x", 400)
	w := Write(n, Settings{}, "")
	if strings.ContainsAny(w.Title, "\r\n\u202e") || len([]rune(w.Title)) > titleRunesMax {
		t.Errorf("%q", w.Title)
	}
}

// What is over the bound of an hour is said in one message, without naming any of it.
func TestHeldAlertsInWords(t *testing.T) {
	for count, title := range map[int]string{1: "… and one more alert", 37: "… and 37 more alerts"} {
		w := Inbox(Notice{Kind: NoticeAlert, Facts: NoticeFacts{More: count}}, Settings{HideAmounts: true})
		if w.Title != title || w.Text() != "No more than 60 go out in an hour. These lie in your inbox." {
			t.Errorf("%q: %q", w.Title, w.Text())
		}
	}
}

// A server that nobody told its address says in its letters who it is, and no more.
func TestALetterOfAServerWithoutAnAddress(t *testing.T) {
	for origin, want := range map[string]string{"": "Folioscope", "https://folio.example": "Folioscope at https://folio.example"} {
		letter := Words{Title: "Price of Nvidia above 200 USD"}.letter("anna@example.net", "id", origin)
		if !strings.HasSuffix(letter.Text, "\n\n"+want+"\n") || !strings.Contains(letter.HTML, "<p>"+want+"</p>") {
			t.Errorf("%q: %s%s", origin, letter.Text, letter.HTML)
		}
	}
}
