package notify

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// post is one request as a service wants it.
type post struct {
	method, address string
	header          http.Header
	body            any // as JSON
}

const serviceRunesMax = 1900 // of a message's text: the least that one of the services takes

// services make the request that brings words to where a channel's URL leads. The URLs have the forms that shoutrrr has made usual; a form
// that isn't a service's own gives false.
var services = map[ChannelKind]func(u *url.URL, w Words) (post, bool){
	ChannelTelegram: telegram,
	ChannelSlack:    slack,
	ChannelDiscord:  discord,
	ChannelNtfy:     ntfy,
	ChannelGotify:   gotify,
	ChannelMatrix:   matrix,
	ChannelPushover: pushover,
}

// examples are what a form shows of each kind, and what a refusal asks for.
var examples = map[ChannelKind]string{
	ChannelWebhook:  "https://example.org/hook",
	ChannelTelegram: "telegram://TOKEN@telegram?chats=CHAT",
	ChannelSlack:    "https://hooks.slack.com/services/T…/B…/…",
	ChannelDiscord:  "https://discord.com/api/webhooks/ID/TOKEN",
	ChannelNtfy:     "ntfy://ntfy.sh/TOPIC",
	ChannelGotify:   "gotify://gotify.example.org/TOKEN",
	ChannelMatrix:   "matrix://:TOKEN@matrix.example.org/?rooms=!ROOM:example.org",
	ChannelPushover: "pushover://shoutrrr:TOKEN@USER/",
}

// What tokens and names are made of, so that none of them can lead anywhere but where it belongs in an address.
var (
	telegramToken = regexp.MustCompile(`^[0-9]+:[A-Za-z0-9_-]+$`)
	telegramChat  = regexp.MustCompile(`^(@[A-Za-z0-9_]+|-?[0-9]+)$`)
	plainToken    = regexp.MustCompile(`^[A-Za-z0-9_.~-]+$`)
	slackHook     = regexp.MustCompile(`^(T[A-Za-z0-9]+)[-/](B[A-Za-z0-9]+)[-/]([A-Za-z0-9]+)$`)
	discordHook   = regexp.MustCompile(`^([0-9]+)/([A-Za-z0-9_-]+)$`)
	ntfyTopic     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	matrixRoom    = regexp.MustCompile(`^[!#][A-Za-z0-9._=/+-]+(:[A-Za-z0-9.:-]+)?$`)
)

func token(u *url.URL) string {
	secret, _ := u.User.Password()
	return secret
}

// whole is title, text and link in one, for services that know no title.
func (w Words) whole() string {
	return cut(strings.Join(lines(w.Title, w.Text(), w.Link), "\n"), serviceRunesMax)
}

func telegram(u *url.URL, w Words) (post, bool) {
	secret, chat := u.User.Username()+":"+token(u), u.Query().Get("chats")
	body := map[string]any{"chat_id": chat, "text": w.whole(), "disable_web_page_preview": true}
	return post{address: "https://api.telegram.org/bot" + secret + "/sendMessage", body: body},
		u.Scheme == "telegram" && u.Host == "telegram" && telegramToken.MatchString(secret) && telegramChat.MatchString(chat)
}

func slack(u *url.URL, w Words) (post, bool) {
	var parts []string
	switch {
	case u.Scheme == "slack" && u.Host == "webhook":
		parts = slackHook.FindStringSubmatch(token(u))
	case u.Scheme == "https" && u.Host == "hooks.slack.com":
		parts = slackHook.FindStringSubmatch(strings.TrimPrefix(u.Path, "/services/"))
	}
	if parts == nil {
		return post{}, false
	}
	text := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(w.whole())
	return post{address: "https://hooks.slack.com/services/" + strings.Join(parts[1:], "/"), body: map[string]any{"text": text}}, true
}

func discord(u *url.URL, w Words) (post, bool) {
	path := ""
	switch {
	case u.Scheme == "discord":
		path = u.Host + "/" + u.User.Username()
	case u.Scheme == "https" && (u.Host == "discord.com" || u.Host == "discordapp.com"):
		path = strings.TrimPrefix(u.Path, "/api/webhooks/")
	}
	body := map[string]any{"content": w.whole(), "allowed_mentions": map[string]any{"parse": []string{}}}
	return post{address: "https://discord.com/api/webhooks/" + path, body: body}, discordHook.MatchString(path)
}

// base is where a service of people's own answers. It speaks https unless the URL says otherwise; what may be reached is not for the URL
// to say.
func base(u *url.URL) string {
	query := u.Query()
	scheme := "https"
	if query.Get("scheme") == "http" || query.Get("disabletls") == "yes" {
		scheme = "http"
	}
	return scheme + "://" + u.Host
}

func ntfy(u *url.URL, w Words) (post, bool) {
	topic := strings.TrimPrefix(u.Path, "/")
	p := post{address: base(u) + "/", header: http.Header{}, body: map[string]any{"topic": topic, "title": w.Title, "message": orTitle(w), "click": w.Link}}
	if secret := token(u); u.User.Username() == "" && secret != "" {
		p.header.Set("Authorization", "Bearer "+secret)
	} else if u.User != nil {
		basic := http.Request{Header: p.header}
		basic.SetBasicAuth(u.User.Username(), secret)
	}
	return p, u.Scheme == "ntfy" && u.Host != "" && ntfyTopic.MatchString(topic)
}

// orTitle is the text, for services that want one.
func orTitle(w Words) string {
	if text := w.Text(); text != "" {
		return cut(text, serviceRunesMax)
	}
	return w.Title
}

func gotify(u *url.URL, w Words) (post, bool) {
	path, secret := "", strings.TrimPrefix(u.Path, "/")
	if at := strings.LastIndexByte(u.Path, '/'); at > 0 {
		path, secret = u.Path[:at], u.Path[at+1:]
	}
	where := url.URL{Path: path + "/message"}
	p := post{address: base(u) + where.EscapedPath(), header: http.Header{"X-Gotify-Key": {secret}}}
	p.body = map[string]any{"title": w.Title, "message": orTitle(w), "priority": 5,
		"extras": map[string]any{"client::notification": map[string]any{"click": map[string]any{"url": w.Link}}}}
	return p, u.Scheme == "gotify" && u.Host != "" && plainToken.MatchString(secret) && !strings.Contains(path, "..")
}

// matrix names each message by its notice, so that a second try of the same one is none in the room.
func matrix(u *url.URL, w Words) (post, bool) {
	room, secret := u.Query().Get("rooms"), token(u)
	address := base(u) + "/_matrix/client/v3/rooms/" + url.PathEscape(room) + "/send/m.room.message/" + url.PathEscape("folioscope-"+w.ID)
	p := post{method: http.MethodPut, address: address, header: http.Header{"Authorization": {"Bearer " + secret}}}
	p.body = map[string]any{"msgtype": "m.text", "body": w.whole()}
	return p, u.Scheme == "matrix" && u.Host != "" && u.User.Username() == "" && plainToken.MatchString(secret) && matrixRoom.MatchString(room)
}

func pushover(u *url.URL, w Words) (post, bool) {
	body := map[string]any{"token": token(u), "user": u.Host, "title": w.Title, "message": orTitle(w), "device": u.Query().Get("devices")}
	if w.Link != "" {
		body["url"] = w.Link
	}
	return post{address: "https://api.pushover.net/1/messages.json", body: body},
		u.Scheme == "pushover" && plainToken.MatchString(token(u)) && plainToken.MatchString(u.Host)
}
