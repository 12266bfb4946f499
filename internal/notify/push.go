package notify

import (
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	webpush "github.com/SherClockHolmes/webpush-go"

	"folioscope/internal/fault"
)

const (
	pushTTL          = 24 * 60 * 60 // seconds that a push service keeps a message for a browser that is off
	endpointBytesMax = 2000
	authBytes        = 16 // RFC 8291
	pushSeedTries    = 8
)

// PushKey is the installation's own, by which push services know that it is the one that browsers subscribed to (RFC 8292).
type PushKey struct{ private, public string }

// NewPushKey makes the key of an installation from secret bytes for a count, always the same one from the same bytes: derived has to give
// other bytes for each count, since a few in four billion are no key.
func NewPushKey(derived func(count int) []byte) (PushKey, error) {
	for count := range pushSeedTries {
		key, err := ecdh.P256().NewPrivateKey(derived(count))
		if err != nil {
			continue
		}
		return PushKey{private: base64.RawURLEncoding.EncodeToString(key.Bytes()), public: base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes())}, nil
	}
	return PushKey{}, fault.New(fault.Internal, "no key for web push comes of %d tries", pushSeedTries)
}

// Public is what a browser subscribes with.
func (k PushKey) Public() string { return k.public }

// String hides the key.
func (k PushKey) String() string { return "(hidden)" }

// pushMessage is what a browser shows.
type pushMessage struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Text  string `json:"text"`
	Link  string `json:"link"`
}

// push hands words to a browser's push service, encrypted for the browser (RFC 8291). The answer's body is the caller's to close.
func push(ctx context.Context, client Doer, key PushKey, subscriber, target string, w Words) (*http.Response, error) {
	var to webpush.Subscription
	if err := json.Unmarshal([]byte(target), &to); err != nil {
		return nil, fmt.Errorf("a browser's subscription: %w", err)
	}
	raw, err := json.Marshal(pushMessage{w.ID, w.Title, cut(w.Text(), serviceRunesMax), w.Link})
	if err != nil {
		return nil, fmt.Errorf("encode a push message: %w", err)
	}
	return webpush.SendNotificationWithContext(ctx, raw, &to, &webpush.Options{
		HTTPClient: client, Subscriber: subscriber, TTL: pushTTL, Urgency: webpush.UrgencyHigh, VAPIDPublicKey: key.public, VAPIDPrivateKey: key.private,
	})
}

// parseSubscription reads what a browser's PushManager gave, and gives it as it is kept.
func parseSubscription(text string) (string, error) {
	refused := fault.At("subscription", "This is not what a browser gives. Try again with notifications allowed for this site.")
	var s webpush.Subscription
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return "", refused
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil || len(s.Endpoint) > endpointBytesMax || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", refused
	}
	point, err := base64.RawURLEncoding.DecodeString(s.Keys.P256dh)
	if err != nil {
		return "", refused
	}
	if _, err := ecdh.P256().NewPublicKey(point); err != nil {
		return "", refused
	}
	if auth, err := base64.RawURLEncoding.DecodeString(s.Keys.Auth); err != nil || len(auth) != authBytes {
		return "", refused
	}
	kept, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("encode a subscription: %w", err)
	}
	return string(kept), nil
}
