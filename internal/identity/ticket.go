package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"folioscope/internal/identity/openid"
	"folioscope/internal/ledger"
)

// Tickets hold a sign-in at another service together: the browser that began it keeps one in a cookie, and only our nodes can read it.
const (
	TicketAgeMax   = 10 * time.Minute // somebody may have to find a phone first
	ticketBytesMax = 3 << 10          // browsers keep cookies of 4 KB
	ticketKeyText  = "v1"             // of the key that tickets are sealed with
	ticketPurpose  = "sign-in tickets"
)

// errand is what somebody went to a service for.
type errand string

const (
	toSignIn errand = "sign-in"
	toLink   errand = "link"
	toStepUp errand = "step-up"
)

// ticket is what the cookie holds.
type ticket struct {
	Errand   errand         `json:"e"`
	Service  string         `json:"p"`
	ReturnTo string         `json:"r"`
	Owner    ledger.OwnerID `json:"o,omitempty"` // who went, where they were signed in
	At       time.Time      `json:"a"`
	Secrets  openid.Secrets `json:"k"`

	Subject string `json:"u,omitempty"` // whom the service vouched for: only the second factor is missing
}

// ticketBox seals tickets with a key that all nodes have.
func (s *Service) ticketBox() (cipher.AEAD, error) {
	key := s.store.Vouch(ticketPurpose, ticketKeyText)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("ticket key: %w", err)
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("ticket key: %w", err)
	}
	return box, nil
}

func (s *Service) sealTicket(t ticket) (string, error) {
	box, err := s.ticketBox()
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("write ticket: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(box.Seal(nil, nil, plain, []byte(ticketPurpose))), nil
}

// openTicket reads a cookie's value; ok is false for one that isn't ours or is too old.
func (s *Service) openTicket(sealed string) (t ticket, ok bool, err error) {
	box, err := s.ticketBox()
	if err != nil {
		return ticket{}, false, err
	}
	t, ok = readTicket(box, sealed)
	if !ok {
		return ticket{}, false, nil
	}
	age := s.now().Sub(t.At)
	return t, age > -openid.ClockSkewMax && age < TicketAgeMax, nil // another node's clock may be ahead
}

// readTicket opens a ticket; ok is false for one that isn't ours, or of another release.
func readTicket(box cipher.AEAD, sealed string) (t ticket, ok bool) {
	if len(sealed) > ticketBytesMax {
		return ticket{}, false
	}
	data, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return ticket{}, false
	}
	plain, err := box.Open(nil, nil, data, []byte(ticketPurpose))
	if err != nil {
		return ticket{}, false
	}
	return t, json.Unmarshal(plain, &t) == nil
}

// use is the one use of a ticket, counted on all nodes together until it is too old.
func (t ticket) use() []Take {
	name := sha256.Sum256([]byte(string(t.Errand) + t.Secrets.State + t.Subject))
	return []Take{{Key: "ticket " + TokenHash(name).ID(), Max: 1, Refill: 2 * TicketAgeMax}}
}
