package identity

import (
	"encoding/base64"
	"io"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/ledger"
)

// DeviceAgeMax is how long a browser is remembered after somebody last signed in with it.
const DeviceAgeMax = 365 * 24 * time.Hour

// Device is the browser that a session is opened in, as it is remembered of one person.
type Device struct {
	Hash   TokenHash
	Notice []audit.Mail // goes to an owner who has signed in before, but not with this browser
}

// deviceSecret is what a browser is known by: the secret that it brings, or a new one. Browsers keep one for everybody who uses them.
func deviceSecret(random io.Reader, brought string) (string, error) {
	if raw, err := base64.RawURLEncoding.DecodeString(brought); err == nil && len(raw) == secretBytes {
		return brought, nil
	}
	secret, _, err := NewSecret(random)
	return secret, err
}

// deviceHash is another for each person, so that nobody sees from what is stored who shares a browser.
func deviceHash(owner ledger.OwnerID, secret string) TokenHash {
	return HashOf("device of " + string(owner) + "." + secret)
}

// words name where a session was opened to its owner.
func (o Origin) words() string {
	device := o.Device
	if device == "" {
		device = "a device that doesn't say what it is"
	}
	if o.Place == "" {
		return device
	}
	return device + ", from " + o.Place
}
