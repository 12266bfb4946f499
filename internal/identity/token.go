package identity

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"folioscope/internal/ledger"
)

const (
	secretBytes   = 32  // of sessions and invitations: nobody guesses 256 bits
	idBytes       = 16  // of identifiers: no two are ever drawn alike
	tokenBytesMax = 200 // of what is read from a cookie or a form, before it is looked at
)

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID draws an identifier of 26 characters that mean nothing.
func NewID(random io.Reader) (string, error) {
	var raw [idBytes]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("draw id: %w", err)
	}
	return idEncoding.EncodeToString(raw[:]), nil
}

// NewSecret draws a secret and its hash; the hash is stored, the secret given away.
func NewSecret(random io.Reader) (string, TokenHash, error) {
	var raw [secretBytes]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", TokenHash{}, fmt.Errorf("draw secret: %w", err)
	}
	secret := base64.RawURLEncoding.EncodeToString(raw[:])
	return secret, HashOf(secret), nil
}

// HashOf is what is stored of a secret.
func HashOf(secret string) TokenHash { return sha256.Sum256([]byte(secret)) }

// OwnedToken is what a cookie, a link or an API token holds: the owner, so that one row is looked at, and the secret.
func OwnedToken(owner ledger.OwnerID, secret string) string { return string(owner) + "." + secret }

// ParseOwnedToken takes such a token apart; ok is false for what can't be one.
func ParseOwnedToken(token string) (owner ledger.OwnerID, hash TokenHash, ok bool) {
	if len(token) > tokenBytesMax {
		return "", TokenHash{}, false
	}
	left, secret, found := strings.Cut(token, ".")
	if !found || left == "" || len(secret) != base64.RawURLEncoding.EncodedLen(secretBytes) {
		return "", TokenHash{}, false
	}
	return ledger.OwnerID(left), HashOf(secret), true
}
