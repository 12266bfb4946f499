package notify

import (
	"fmt"
	"strings"
	"time"

	"folioscope/internal/money"
)

// Words are a notice as its reader gets it, in the words of every channel.
type Words struct {
	ID      string // of the notice: the same in every try and by every channel
	Kind    NoticeKind
	At      time.Time
	Title   string
	Lines   []string    // what there is to say besides the title; may be empty
	Link    string      // where to look
	Chart   []byte      // a PNG for mail; nil: none
	ChartOf string      // what it shows
	Facts   NoticeFacts // without what is hidden
}

// Text is all lines as one text.
func (w Words) Text() string { return strings.Join(w.Lines, "\n") }

const (
	titleRunesMax = 150 // what a phone shows of a title, and more
	placesMax     = 4   // of a number in a message: more are noise
	percentPlaces = 2
)

// Write puts a notice in words, as the settings of its reader ask for. Origin is what links begin with; empty: there are none. Where
// amounts are hidden, neither an amount nor a sentence that names one is left.
func Write(n Notice, s Settings, origin string) Words {
	w := Inbox(n, s)
	switch w.Lines = append(w.Lines, customsOf(s.Locale).moment(n.At, s.Location())); n.Kind {
	case NoticeTest:
		w.Link = link(origin, "/alerts/channels")
	case NoticeOperator:
		w.Link = link(origin, "/admin/status")
	case NoticeDigest:
		w.Link = link(origin, "/")
	default:
		w.Link = link(origin, "/alerts")
	}
	return w
}

// Inbox is a notice as its inbox shows it: beside it stands when it was, and a link.
func Inbox(n Notice, s Settings) Words {
	w := Words{ID: n.ID, Kind: n.Kind, At: n.At, Facts: n.Facts}
	local, hidden := customsOf(s.Locale), s.HideAmounts && n.Facts.Personal
	if hidden {
		w.Facts.Value, w.Facts.Threshold, w.Facts.Sentence = nil, nil, ""
	}
	switch n.Kind {
	case NoticeTest:
		w.Title, w.Lines = "A test from Folioscope", []string{"This channel works: alerts come this way."}
	case NoticeOperator:
		w.Title, w.Lines = line(n.Facts.Text), lines(line(n.Facts.Fix))
	case NoticeDigest:
		w.digest(local, s.HideAmounts)
	default:
		w.alert(local)
	}
	return w
}

func (w *Words) alert(local customs) {
	f := w.Facts
	name, sentence, subject := line(f.Rule), local.sentence(line(f.Sentence), f.Threshold), line(f.Subject)
	switch {
	case f.More > 0:
		w.Title, w.Lines = moreAlerts(f.More), lines(fmt.Sprintf("No more than %d go out in an hour. These lie in your inbox.", MessagesHourMax))
	case name != "":
		w.Title = name
		w.Lines = lines(sentence, unsaid(subject, name+sentence))
	case sentence != "":
		w.Title = sentence
		w.Lines = lines(unsaid(subject, sentence))
	case subject != "":
		w.Title = "One of your rules fired: " + subject
	default:
		w.Title = "One of your rules fired"
	}
	if f.Value != nil {
		w.Lines = append(w.Lines, "Now "+local.amount(shownValue(f), line(f.Unit)))
	}
	w.Title = cut(w.Title, titleRunesMax)
}

func moreAlerts(count int) string {
	if count == 1 {
		return "… and one more alert"
	}
	return fmt.Sprintf("… and %d more alerts", count)
}

// unsaid is a name, unless a text has it already.
func unsaid(name, in string) string {
	if strings.Contains(in, name) {
		return ""
	}
	return name
}

// shownValue is a value in the digits of a message: an amount of its owner's in whole minor units, a percentage in hundredths; prices and
// rates have more.
func shownValue(f NoticeFacts) money.Decimal {
	places := int32(placesMax)
	switch {
	case f.Unit == "%" || f.Unit == "pt":
		places = percentPlaces
	case f.Personal:
		places = money.Currency(f.Unit).Digits()
	}
	if f.Value.Places() <= places {
		return *f.Value
	}
	return f.Value.Round(places)
}

func link(origin, path string) string {
	if origin == "" {
		return ""
	}
	return origin + path
}

// line is a text of somebody's on one line, without what can't be seen.
func line(text string) string { return strings.TrimSpace(shown(text)) }

// lines are those that say something.
func lines(all ...string) []string {
	var out []string
	for _, text := range all {
		if text != "" {
			out = append(out, text)
		}
	}
	return out
}

func cut(text string, runesMax int) string {
	if runes := []rune(text); len(runes) > runesMax {
		return string(runes[:runesMax-1]) + "…"
	}
	return text
}

// letter is the words as a mail.
func (w Words) letter(to string, channel ChannelID, origin string) Letter {
	page := letterPage{Greeting: w.Title, Body: w.Lines, Link: w.Link, LinkText: "Look at it", Origin: origin, ChartOf: w.ChartOf}
	return Letter{ID: w.ID + "." + string(channel), To: to, Subject: w.Title, Text: page.text(), HTML: page.html(), Chart: w.Chart, At: w.At}
}
