package notify

import (
	"encoding/json"
	"strings"
	"testing"

	"folioscope/internal/fault"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestServicesAreAskedInTheirOwnForm(t *testing.T) {
	w := Words{ID: "n1", Title: "Nvidia <above> 200", Lines: []string{"Now 201 USD"}, Link: "https://folio.example/alerts"}
	for _, c := range []struct {
		kind            ChannelKind
		target          string
		method, address string
		header, value   string
		body            []string
		masked          string
	}{
		{ChannelTelegram, "telegram://123:ABC-def@telegram?chats=-100200", "", "https://api.telegram.org/bot123:ABC-def/sendMessage", "", "", []string{`"chat_id":"-100200"`, `Now 201 USD`}, "api.telegram.org/…"},
		{ChannelSlack, "https://hooks.slack.com/services/T01/B02/xyz", "", "https://hooks.slack.com/services/T01/B02/xyz", "", "", []string{`Nvidia \u0026lt;above\u0026gt; 200`}, "hooks.slack.com/…"},
		{ChannelSlack, "slack://hook:T01-B02-xyz@webhook", "", "https://hooks.slack.com/services/T01/B02/xyz", "", "", nil, "hooks.slack.com/…"},
		{ChannelDiscord, "https://discord.com/api/webhooks/77/tok_en", "", "https://discord.com/api/webhooks/77/tok_en", "", "", []string{`"allowed_mentions":{"parse":[]}`}, "discord.com/…"},
		{ChannelDiscord, "discord://tok_en@77", "", "https://discord.com/api/webhooks/77/tok_en", "", "", nil, "discord.com/…"},
		{ChannelNtfy, "ntfy://ntfy.sh/my-topic", "", "https://ntfy.sh/", "", "", []string{`"topic":"my-topic"`, `"click":"https://folio.example/alerts"`}, "ntfy.sh/…"},
		{ChannelNtfy, "ntfy://:tk_1@push.lan:8443/topic?scheme=http", "", "http://push.lan:8443/", "Authorization", "Bearer tk_1", nil, "push.lan:8443/…"},
		{ChannelNtfy, "ntfy://me:pass@push.lan/topic", "", "https://push.lan/", "Authorization", "Basic bWU6cGFzcw==", nil, "push.lan/…"},
		{ChannelGotify, "gotify://gotify.lan/sub/path/AbC.1", "", "https://gotify.lan/sub/path/message", "X-Gotify-Key", "AbC.1", []string{`"title":"Nvidia`}, "gotify.lan/…"},
		{ChannelMatrix, "matrix://:syt_abc@matrix.org/?rooms=!room:matrix.org", "PUT", "https://matrix.org/_matrix/client/v3/rooms/%21room:matrix.org/send/m.room.message/folioscope-n1", "Authorization", "Bearer syt_abc", []string{`"msgtype":"m.text"`}, "matrix.org/…"},
		{ChannelPushover, "pushover://shoutrrr:apptoken@userkey/?devices=phone", "", "https://api.pushover.net/1/messages.json", "", "", []string{`"token":"apptoken"`, `"user":"userkey"`, `"device":"phone"`}, "api.pushover.net/…"},
	} {
		target, err := ParseTarget(c.kind, " "+c.target+"\n")
		if err != nil {
			t.Errorf("%s: %v", c.target, err)
			continue
		}
		p, _ := requestTo(c.kind, target, w)
		raw, err := json.Marshal(p.body)
		if err != nil || p.method != c.method || p.address != c.address || c.header != "" && strings.Join(p.header[c.header], "") != c.value {
			t.Errorf("%s: %s %s %v, %v", c.target, p.method, p.address, p.header, err)
		}
		for _, part := range c.body {
			if !strings.Contains(string(raw), part) {
				t.Errorf("%s: no %s in %s", c.target, part, raw)
			}
		}
		if got := (Channel{Kind: c.kind, Target: target}).Masked(); got != c.masked {
			t.Errorf("%s is shown as %s", c.target, got)
		}
	}
}

// What isn't the form of a service leads nowhere, and the refusal repeats none of it.
func TestOtherAddressesAreRefused(t *testing.T) {
	for _, c := range []struct {
		kind   ChannelKind
		target string
	}{
		{ChannelTelegram, "telegram://123:ABC@evil.example?chats=1"}, {ChannelTelegram, "telegram://123:ABC/../x@telegram?chats=1"}, {ChannelTelegram, "telegram://123:ABC@telegram"},
		{ChannelSlack, "https://hooks.slack.com.evil.example/services/T01/B02/xyz"}, {ChannelSlack, "https://hooks.slack.com/services/T01/B02/../x"},
		{ChannelDiscord, "https://discord.com/api/webhooks/77/tok/../../users"}, {ChannelDiscord, "discord://tok@evil.example"},
		{ChannelNtfy, "ntfy://ntfy.sh/a/b"}, {ChannelNtfy, "ntfy://push.example/"}, {ChannelNtfy, "https://ntfy.sh/topic"},
		{ChannelGotify, "gotify://gotify.lan/"}, {ChannelGotify, "gotify://gotify.lan/../x/token"},
		{ChannelMatrix, "matrix://user:password@matrix.org/?rooms=!r:m"}, {ChannelMatrix, "matrix://:tok@matrix.org/?rooms=../../x"},
		{ChannelPushover, "pushover://shoutrrr:app@"}, {ChannelPushover, "pushover://user/"},
		{ChannelWebhook, "ftp://example.org/"}, {ChannelWebhook, "https://name:pass@example.org/"}, {ChannelWebhook, "javascript:alert(1)"}, {ChannelWebhook, "/etc/passwd"},
		{ChannelWebhook, "https://example.org/" + strings.Repeat("x", targetBytesMax)},
		{ChannelPush, "{}"}, {ChannelPush, `{"endpoint":"http://push.example/","keys":{"p256dh":"","auth":""}}`}, {ChannelPush, "no JSON"},
		{"pigeon", "https://example.org/"},
	} {
		_, err := ParseTarget(c.kind, c.target)
		if !fault.Is(err, fault.Invalid) || fieldOf(err) == "" {
			t.Errorf("%s %s: %v", c.kind, c.target, err)
		} else if strings.Contains(err.Error(), c.target) {
			t.Errorf("the refusal repeats the address: %v", err)
		}
	}
}

func TestAnAddressIsShownMasked(t *testing.T) {
	for address, want := range map[string]string{"anna@example.net": "a…@example.net", "": "", "a@b.example": "a@b.example"} {
		if got := (Channel{Kind: ChannelEmail, Target: address}).Masked(); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}

// FuzzParseTarget: whatever is pasted is refused or makes a request that leads where its mask says.
func FuzzParseTarget(f *testing.F) {
	for kind, example := range examples {
		f.Add(string(kind), example)
	}
	f.Fuzz(func(t *testing.T, kind, text string) {
		target, err := ParseTarget(ChannelKind(kind), text)
		if err != nil || kind == string(ChannelEmail) || kind == string(ChannelPush) {
			return
		}
		p, ok := requestTo(ChannelKind(kind), target, Words{ID: "n"})
		if !ok || !strings.HasPrefix(p.address, "https://") && !strings.HasPrefix(p.address, "http://") {
			t.Errorf("%s %q leads to %q", kind, text, p.address)
		}
	})
}
