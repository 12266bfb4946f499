package webhook

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/fault"
)

// The vector of the standard's own libraries.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorSeconds   = 1614265330
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func secrets(t *testing.T, text string) Secrets {
	t.Helper()
	s, err := ParseSecrets(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVector(t *testing.T) {
	s, now, header := secrets(t, vectorSecret), time.Unix(vectorSeconds, 0), http.Header{}
	s.Sign(header, vectorID, now, []byte(vectorBody))
	if got := header.Get("Webhook-Signature"); got != vectorSignature {
		t.Errorf("signature %s, want %s", got, vectorSignature)
	}
	if header.Get("Webhook-Id") != vectorID || header.Get("Webhook-Timestamp") != fmt.Sprint(vectorSeconds) {
		t.Errorf("headers: %v", header)
	}
	if id, err := s.Verify(header, []byte(vectorBody), now); err != nil || id != vectorID {
		t.Errorf("%q, %v", id, err)
	}
}

func TestOnlyWhatWasSignedIsTaken(t *testing.T) {
	other := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, secretMin))
	now := time.Unix(vectorSeconds, 0)
	for name, c := range map[string]struct {
		change func(http.Header)
		body   string
		known  string
		late   time.Duration
		ok     bool
	}{
		"as it was":                 {ok: true},
		"after five minutes":        {late: toleranceMax, ok: true},
		"a slow clock here":         {late: -toleranceMax, ok: true},
		"replayed":                  {late: toleranceMax + time.Second},
		"of the future":             {late: -toleranceMax - time.Second},
		"another body":              {body: vectorBody + " "},
		"next to no body":           {body: " "},
		"another id":                {change: func(h http.Header) { h.Set("Webhook-Id", "msg_other") }},
		"no id":                     {change: func(h http.Header) { h.Del("Webhook-Id") }},
		"another time":              {change: func(h http.Header) { h.Set("Webhook-Timestamp", fmt.Sprint(vectorSeconds+1)) }},
		"no time":                   {change: func(h http.Header) { h.Del("Webhook-Timestamp") }},
		"a time that is none":       {change: func(h http.Header) { h.Set("Webhook-Timestamp", "now") }},
		"no signature":              {change: func(h http.Header) { h.Del("Webhook-Signature") }},
		"another secret":            {known: other},
		"a new secret and this one": {known: other + " " + vectorSecret, ok: true},
		"a version of later":        {change: func(h http.Header) { h.Set("Webhook-Signature", strings.Replace(vectorSignature, "v1", "v2", 1)) }},
		"several, one of them ours": {change: func(h http.Header) {
			h.Set("Webhook-Signature", "v1a,xyz v1,AAAA v1,"+other[6:]+" "+vectorSignature)
		}, ok: true},
		"more than anybody sends": {change: func(h http.Header) {
			h.Set("Webhook-Signature", strings.Repeat("v1,AAAA ", signaturesMax)+vectorSignature)
		}},
		"no base64": {change: func(h http.Header) { h.Set("Webhook-Signature", strings.TrimSuffix(vectorSignature, "=")) }},
	} {
		header := http.Header{}
		secrets(t, vectorSecret).Sign(header, vectorID, now, []byte(vectorBody))
		if c.change != nil {
			c.change(header)
		}
		body, known := vectorBody, vectorSecret
		if c.body != "" {
			body = c.body
		}
		if c.known != "" {
			known = c.known
		}
		id, err := secrets(t, known).Verify(header, []byte(body), now.Add(c.late))
		if (err == nil) != c.ok || err != nil && (!fault.Is(err, fault.Denied) || id != "") {
			t.Errorf("%s: %q, %v, want it taken: %t", name, id, err, c.ok)
		}
	}
}

// While a secret is replaced, receivers that know the old one, the new one or both take what is signed with both.
func TestASecretIsReplacedWithoutALoss(t *testing.T) {
	old, fresh := vectorSecret, "whsec_"+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", secretMax)))
	rapid.Check(t, func(r *rapid.T) {
		id, body := rapid.StringMatching(`[a-z_0-9]{1,40}`).Draw(r, "id"), rapid.SliceOf(rapid.Byte()).Draw(r, "body")
		now, header := time.Unix(rapid.Int64Range(0, 1<<33).Draw(r, "now"), 0), http.Header{}
		secrets(t, fresh+" "+old).Sign(header, id, now, body)
		for _, known := range []string{old, fresh, old + " " + fresh} {
			if got, err := secrets(t, known).Verify(header, body, now); err != nil || got != id {
				r.Fatalf("%q, %v", got, err)
			}
		}
	})
}

func TestSecretsAreLongEnoughAndNeverTold(t *testing.T) {
	for _, text := range []string{
		"", " ", "hunter2", "whsec_", "whsec_hunter2", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, secretMin-1)),
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, secretMax+1)), vectorSecret + " hunter2", strings.Repeat(vectorSecret+" ", secretsMax+1),
	} {
		if _, err := ParseSecrets(text); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
	s := secrets(t, vectorSecret)
	if text := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); text != strings.TrimSpace(strings.Repeat(s.String()+" ", 4)) {
		t.Errorf("told: %s", text)
	}
}
