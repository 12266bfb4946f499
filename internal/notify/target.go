package notify

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"folioscope/internal/fault"
)

const targetBytesMax = 2000 // of a URL: what services take at most

// ParseTarget reads where a channel leads, as its owner wrote it, and gives it as it is kept. Its errors are of kind Invalid, name the field
// and repeat nothing: the text may hold a secret. An e-mail's address is whoever's who calls to judge.
func ParseTarget(kind ChannelKind, text string) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case !slices.Contains(ChannelKinds(), kind):
		return "", fault.At("kind", "There is no such channel.")
	case kind == ChannelEmail:
		return text, nil
	case kind == ChannelPush:
		return parseSubscription(text)
	}
	if _, ok := requestTo(kind, text, Words{ID: "x"}); !ok {
		return "", fault.At("url", "This is not the address of such a channel. One looks like %s", examples[kind])
	}
	return text, nil
}

// requestTo is the request that brings words to a channel's URL.
func requestTo(kind ChannelKind, text string, w Words) (post, bool) {
	u, err := url.Parse(text)
	if err != nil || len(text) > targetBytesMax || u.Opaque != "" {
		return post{}, false
	}
	if kind == ChannelWebhook {
		return post{address: text}, u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http")
	}
	request, ok := services[kind]
	if !ok {
		return post{}, false
	}
	return request(u, w)
}

// host is what a channel's messages wait for.
func (c Channel) host() string {
	switch c.Kind {
	case ChannelEmail:
		return "e-mail"
	case ChannelPush:
		return subscribedAt(c.Target)
	}
	p, ok := requestTo(c.Kind, c.Target, Words{})
	if !ok {
		return ""
	}
	u, err := url.Parse(p.address)
	if err != nil {
		return ""
	}
	return u.Host
}

func subscribedAt(target string) string {
	var to struct {
		Endpoint string `json:"endpoint"`
	}
	if json.Unmarshal([]byte(target), &to) != nil {
		return ""
	}
	u, err := url.Parse(to.Endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}

// Masked is where a channel leads, without what would let somebody write there.
func (c Channel) Masked() string {
	if c.Kind != ChannelEmail {
		return c.host() + "/…"
	}
	name, domain, ok := strings.Cut(c.Target, "@")
	if !ok {
		return ""
	}
	return cut(name, 2) + "@" + domain
}
