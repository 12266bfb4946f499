package notify

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode"

	"folioscope/internal/audit"
)

// Letter is a mail as it goes out.
type Letter struct {
	ID      string // makes the same Message-ID in every try, so that a receiver can tell a second copy
	To      string
	Subject string
	Text    string
	HTML    string
	Chart   []byte // a PNG that HTML shows as chartID; nil: none
	At      time.Time
}

// words are what a kind of mail says. {what} is the mail's What, and {when} the time of the change.
type words struct {
	subject string
	body    []string // paragraphs
	link    string   // what the link does; empty: there is none
	path    string   // where the link leads, unless the mail has a path of its own
}

const (
	notYou     = "If this wasn't you, sign in and change your password now."
	notYouAsk  = "If this wasn't you, tell whoever runs this server now: somebody else can get into your account."
	myAccount  = "Look at your account"
	accountWay = "/account"
)

// letters has the words of every kind.
var letters = map[audit.MailKind]words{
	audit.MailInvitation: {
		subject: "Your account at Folioscope",
		body:    []string{"An account was made for you at Folioscope, which watches over investments. Choose a password to begin.", "The link works once, for seven days. If you don't know what this is about, do nothing."},
		link:    "Choose a password",
	},
	audit.MailRecovery: {
		subject: "A new password for Folioscope",
		body:    []string{"Somebody asked for a new password for your account on {when}. If it was you, choose one.", "The link works once, for 30 minutes. If it wasn't you, do nothing: your password stays as it is."},
		link:    "Choose a new password",
	},
	audit.MailConfirmEmail: {
		subject: "Confirm your address",
		body:    []string{"Somebody said on {when} that this is their address at Folioscope. If it was you, confirm it.", "The link works once, for 24 hours. If it wasn't you, do nothing."},
		link:    "Confirm this address",
	},
	audit.MailConfirmChannel: {
		subject: "Confirm that notifications may come here",
		body:    []string{"Somebody asked on {when} that Folioscope send their notifications to this address. If it was you, or if you agree, confirm it.", "The link works once, for 24 hours. If you don't know what this is about, do nothing: nothing more will come."},
		link:    "Let notifications come here",
	},
	audit.MailTest: {
		subject: "A test of mail from Folioscope",
		body:    []string{"Whoever runs this server tried on {when} whether mail gets through. It does."},
	},
	audit.MailPasswordChanged: {
		subject: "Your password was changed",
		body:    []string{"The password of your account was changed on {when}. All other devices were signed out.", notYouAsk},
	},
	audit.MailPasswordBreached: {
		subject: "Change your password",
		body:    []string{"The password that you signed in with on {when} came to light in a breach somewhere, so it is tried at accounts such as yours. Change it, here and wherever else you use it."},
		link:    myAccount, path: accountWay,
	},
	audit.MailRecovered: {
		subject: "Your password was set anew",
		body:    []string{"A new password was set on {when} with a link that was made because the old one was forgotten. All devices were signed out, and all API tokens ended.", notYouAsk},
	},
	audit.MailEmailChanged: {
		subject: "Your address was changed",
		body:    []string{"Your account at Folioscope has had another e-mail address since {when}. Nothing more goes to this one.", notYouAsk},
	},
	audit.MailSignInLinked: {
		subject: "A new way to sign in",
		body:    []string{"Since {when} your account can also be signed in to with {what}.", notYou},
		link:    myAccount, path: accountWay,
	},
	audit.MailNewDevice: {
		subject: "A sign-in from a new device",
		body:    []string{"Somebody signed in to your account on {when} with a device or a browser that you haven't signed in with before: {what}.", "If it was you, there is nothing to do. " + notYou},
		link:    myAccount, path: accountWay,
	},
	audit.MailCodesRefused: {
		subject: "Wrong codes at your sign-in",
		body:    []string{"Somebody gave several wrong codes for your second factor until {when}. They know your password: without it no code is asked for.", "If it wasn't you, sign in and change your password now."},
		link:    myAccount, path: accountWay,
	},
	audit.MailFactorAdded: {
		subject: "A second factor was added",
		body:    []string{"A second factor was set up for your account on {when}: {what}.", notYou},
		link:    myAccount, path: accountWay,
	},
	audit.MailFactorRemoved: {
		subject: "A second factor was removed",
		body:    []string{"A second factor of your account was removed on {when}: {what}.", notYou},
		link:    myAccount, path: accountWay,
	},
	audit.MailTokenCreated: {
		subject: "A new API token",
		body:    []string{"A program can now get at your account with an API token that was made on {when}: {what}.", "If this wasn't you, end the token and change your password now."},
		link:    myAccount, path: accountWay,
	},
}

// Compose writes a mail. Whatever people chose goes into the text alone, never into a header but the address itself, and without
// characters that can't be seen.
func Compose(mail audit.Mail, id, origin string, at time.Time) Letter {
	w, ok := letters[mail.Kind]
	if !ok { // of a later release: better plain than lost
		w = words{subject: "A message about your account", body: []string{"Something about your account changed on {when}."}, link: myAccount, path: accountWay}
	}
	filled := strings.NewReplacer("{what}", shown(mail.What), "{when}", at.UTC().Format("2 January 2006 at 15:04 UTC"))
	page := letterPage{Greeting: "Hello,", Origin: origin, LinkText: w.link}
	if name := shown(mail.Name); name != "" {
		page.Greeting = fmt.Sprintf("Hello %s,", name)
	}
	for _, paragraph := range w.body {
		page.Body = append(page.Body, filled.Replace(paragraph))
	}
	if w.link != "" {
		path := w.path
		if path == "" {
			path = mail.Path
		}
		page.Link = origin + path
	}
	return Letter{ID: id, To: mail.Address, Subject: w.subject, Text: page.text(), HTML: page.html(), At: at}
}

// letterPage is a letter's content before it takes one of its two forms.
type letterPage struct {
	Greeting       string
	Body           []string
	Link, LinkText string
	Origin         string
	ChartOf        string // what the letter's chart shows; empty: it has none
}

const chartID = "chart.png" // of the picture that comes with a letter

func (p letterPage) text() string {
	parts := append([]string{p.Greeting}, p.Body...)
	if p.Link != "" {
		parts = append(parts, p.LinkText+":\n"+p.Link)
	}
	return strings.Join(append(parts, p.Sender()), "\n\n") + "\n"
}

// Sender says who wrote, and where that is where it has an address.
func (p letterPage) Sender() string {
	if p.Origin == "" {
		return "Folioscope"
	}
	return "Folioscope at " + p.Origin
}

// pageHTML loads nothing from anywhere, so that opening a mail tells nobody.
var pageHTML = template.Must(template.New("letter").Parse(`<!doctype html>
<html lang="en"><body style="font-family:sans-serif;line-height:1.5;max-width:34em">
<p>{{.Greeting}}</p>
{{range .Body}}<p>{{.}}</p>
{{end}}{{if .ChartOf}}<p><img src="cid:chart.png" alt="{{.ChartOf}}" width="480" height="120"><br>{{.ChartOf}}</p>
{{end}}{{if .Link}}<p><a href="{{.Link}}">{{.LinkText}}</a></p>
<p>If that doesn't open, copy this address into your browser:<br>{{.Link}}</p>
{{end}}<p>{{.Sender}}</p>
</body></html>
`))

func (p letterPage) html() string {
	var out bytes.Buffer
	if err := pageHTML.Execute(&out, p); err != nil {
		panic(fmt.Sprintf("notify: the letter's template: %v", err)) // its values are texts
	}
	return out.String()
}

const shownRunesMax = 200 // of what people chose: longer than any name

// shown is a text that people chose, without what can't be seen and what turns others around, and not too long.
func shown(text string) string {
	count := 0
	return strings.Map(func(r rune) rune {
		if count == shownRunesMax || r == unicode.ReplacementChar || unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) {
			return -1
		}
		count++
		return r
	}, text)
}
