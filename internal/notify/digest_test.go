package notify

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"log/slog"
	"strings"
	"testing"
	"time"

	"folioscope/internal/jobs"
	"folioscope/internal/ledger"
	"folioscope/internal/notify/notifytest"
)

func week() Notice {
	return Notice{Owner: "anna", ID: "digest-1", Kind: NoticeDigest, At: testNow, Facts: NoticeFacts{Digest: &Digest{
		Every: DigestWeekly, Fired: 2, Portfolios: []DigestPortfolio{
			{Name: "Pension", Currency: "EUR", Value: decimal("123456.789"), Change: decimal("-987.654"), Percent: decimal("-0.7935"),
				Movers: []DigestMover{{"Nvidia", *decimal("-1200")}, {"SAP", *decimal("212.35")}}, Line: []float64{1, 0.98, 0.99, 0.95}},
			{Name: "Unpriced", Currency: "USD"},
		},
	}}}
}

func TestADigestInWords(t *testing.T) {
	w := Write(week(), Settings{Locale: "de", Zone: "Europe/Berlin"}, "https://folio.example")
	want := "Pension: 123.456,79\u00a0EUR, −0,79\u00a0% (−987,65\u00a0EUR)\n  Nvidia −1.200,00\u00a0EUR\n  SAP +212,35\u00a0EUR\nUnpriced: its change isn't known\nYour rules fired 2 times.\n02.03.2026, 15:30 CET"
	if w.Title != "Your week" || w.Text() != want || w.Link != "https://folio.example/" || w.Chart == nil {
		t.Errorf("%s\n%s", w.Title, w.Text())
	}
	hidden := Write(week(), Settings{HideAmounts: true}, "")
	if want := "Pension: −0.79\u00a0%\nUnpriced: its change isn't known\nYour rules fired 2 times.\n2 Mar 2026, 14:30 UTC"; hidden.Text() != want || hidden.Chart != nil || hidden.Facts.Digest != nil {
		t.Errorf("hidden: %s", hidden.Text())
	}
}

// A digest is one mail, whose picture lies in it, so that opening it tells nobody.
func TestADigestIsOneMailWithItsChart(t *testing.T) {
	server := notifytest.Start(t, notifytest.Behaviour{})
	letter := Write(week(), Settings{}, "https://folio.example").letter("anna@example.net", "c1", "https://folio.example")
	if said, outcome, err := send(t, serverOf(server, nil), letter); err != nil || outcome != OutcomeSent {
		t.Fatalf("%q, %s, %v", said, outcome, err)
	}
	got := server.Wait(t, 1)[0]
	if got.Header.Get("Subject") != "Your week" || !strings.Contains(got.Text, "Pension: 123,456.79") || !strings.Contains(got.HTML, `src="cid:chart.png" alt="Pension, its value by day"`) {
		t.Errorf("%v\n%s\n%s", got.Header, got.Text, got.HTML)
	}
	picture, err := png.Decode(bytes.NewReader(got.Inline["chart.png"]))
	if err != nil || picture.Bounds().Dx() != chartWidth || picture.Bounds().Dy() != chartHeight {
		t.Fatalf("the picture: %v, %d bytes", err, len(got.Inline["chart.png"]))
	}
}

func TestTheChartRunsFromMarginToMargin(t *testing.T) {
	for name, values := range map[string][]float64{"rises": {0.5, 1}, "level": {1, 1, 1}, "falls": {1, 0.2}} {
		points := plotted(values)
		first, last := points[0], points[len(points)-1]
		if first.x != chartMargin || last.x != chartWidth-chartMargin || (last.y < first.y) != (name == "rises") || (last.y > first.y) != (name == "falls") {
			t.Errorf("%s: %v", name, points)
		}
		d := Digest{Portfolios: []DigestPortfolio{{Line: values}}}
		picture, err := png.Decode(bytes.NewReader(d.chart()))
		if err != nil {
			t.Fatal(err)
		}
		if r, _, _, _ := picture.At(int(first.x), int(first.y)).RGBA(); r>>8 != uint32(chartInk.R) {
			t.Errorf("%s: nothing is drawn at its start", name)
		}
	}
	if (&Digest{Portfolios: []DigestPortfolio{{Line: []float64{1}}}}).chart() != nil {
		t.Error("a line of one point")
	}
}

// waiting keeps digests that are due.
type waiting struct {
	due   []DigestDue
	next  []time.Time
	tells []*Notice
}

// DueDigests implements DigestStore.
func (w *waiting) DueDigests(context.Context, time.Time, int) ([]DigestDue, error) { return w.due, nil }

// SettleDigest implements DigestStore.
func (w *waiting) SettleDigest(_ context.Context, _ DigestDue, next time.Time, told *Notice) error {
	w.next, w.tells = append(w.next, next), append(w.tells, told)
	return nil
}

// digesting works out everybody's but one's.
type digesting struct{}

// Digest implements Digester.
func (digesting) Digest(_ context.Context, owner ledger.OwnerID, every DigestEvery, _ time.Time) (Digest, error) {
	switch owner {
	case "broken":
		return Digest{}, errors.New("no prices")
	case "empty":
		return Digest{Every: every}, nil
	}
	return Digest{Every: every, Portfolios: []DigestPortfolio{{Name: "Pension"}}}, nil
}

// One whose digest can't be worked out keeps nobody else waiting; one that is far too late is none any more.
func TestDigestsThatAreDueAreWritten(t *testing.T) {
	settings := Settings{Digest: DigestDaily, DigestAt: clock("14:30")}
	w := &waiting{due: []DigestDue{{"broken", testNow, settings}, {"anna", testNow, settings}, {"empty", testNow, settings}, {"late", testNow.Add(-digestLateMax - time.Hour), settings}}}
	d := Digests{Store: w, Digester: digesting{}, Now: func() time.Time { return testNow }, Log: slog.New(slog.DiscardHandler)}
	if err := d.work(t.Context(), jobs.Job{}); err != nil {
		t.Fatal(err)
	}
	if len(w.tells) != 3 || w.tells[0] == nil || w.tells[0].Owner != "anna" || w.tells[0].Kind != NoticeDigest || w.tells[1] != nil || w.tells[2] != nil {
		t.Errorf("%+v", w.tells)
	}
	for _, next := range w.next {
		if !next.Equal(testNow.AddDate(0, 0, 1)) {
			t.Errorf("the next is due at %v", next)
		}
	}
}
