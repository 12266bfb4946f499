// Package passkeytest is a device with passkeys, made of software: it answers as browsers and authenticators do, and lies where it is
// told to.
//
// It writes CBOR and COSE by hand, so that what it says doesn't come from the library that reads it.
package passkeytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
)

// The flags of authenticator data.
const (
	UserPresent  byte = 1 << 0
	UserVerified byte = 1 << 2
	Backed       byte = 1<<3 | 1<<4 // may be synced, and is
	attested     byte = 1 << 6
)

// ES256 is the algorithm that devices have; Unknown is one that nobody offers.
const (
	ES256   = -7
	Unknown = -65000
)

// Device holds one passkey.
type Device struct {
	Origin     string
	RPID       string
	UserHandle []byte // as it was given with the passkey
	ID         []byte
	Counter    uint32 // of the next answer; 0 stays 0, as with devices that don't count

	key *ecdsa.PrivateKey
}

// Lie changes what a device says. The zero value is the truth.
type Lie struct {
	Type       string // of the ceremony, in the browser's words
	Challenge  string // base64url
	Origin     string
	RPID       string
	ID         []byte
	UserHandle []byte
	Algorithm  int // that the new key claims
	NoUser     bool
	Unverified bool
	Other      bool // signs with another key
	Crossed    bool // from within a frame of another site
	Cut        int  // bytes that are missing at the end of the CBOR, or of the authenticator data
	Trailing   bool // a byte too many there
}

// New is a device at an origin, without a passkey yet.
func New(origin, rpID string) *Device { return &Device{Origin: origin, RPID: rpID, Counter: 1} }

type options struct {
	Challenge string `json:"challenge"`
	User      struct {
		ID string `json:"id"`
	} `json:"user"`
}

func read(data []byte) options {
	var o options
	if err := json.Unmarshal(data, &o); err != nil || o.Challenge == "" {
		panic(fmt.Sprintf("passkeytest: options %s: %v", data, err))
	}
	return o
}

// Create makes a passkey as PublicKeyCredentialCreationOptionsJSON wants it, and gives RegistrationResponseJSON.
func (d *Device) Create(data []byte, lie Lie) json.RawMessage {
	o := read(data)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	handle, decoding := base64.RawURLEncoding.DecodeString(o.User.ID)
	if err != nil || decoding != nil {
		panic(fmt.Sprintf("passkeytest: key %v, user %v", err, decoding))
	}
	d.key, d.UserHandle, d.ID = key, handle, []byte(rand.Text())
	client := d.client("webauthn.create", o.Challenge, lie)
	point, err := key.PublicKey.Bytes()
	if err != nil {
		panic(err) // of our own curve
	}
	algorithm := ES256
	if lie.Algorithm != 0 {
		algorithm = lie.Algorithm
	}
	cose := pairs(5, integer(1), integer(2), integer(3), integer(algorithm), integer(-1), integer(1), integer(-2), octets(point[1:33]), integer(-3), octets(point[33:]))
	id := d.id(lie)
	inner := slices.Concat(make([]byte, 16), binary.BigEndian.AppendUint16(nil, uint16(len(id))), id, cose)
	object := pairs(3, text("fmt"), text("none"), text("attStmt"), pairs(0), text("authData"), octets(d.data(attested, inner, lie)))
	object = damaged(object, lie)
	return d.answer(lie, map[string]any{"clientDataJSON": encode(client), "attestationObject": encode(object), "transports": []string{"internal"}})
}

// Get answers PublicKeyCredentialRequestOptionsJSON with AuthenticationResponseJSON.
func (d *Device) Get(data []byte, lie Lie) json.RawMessage {
	client := d.client("webauthn.get", read(data).Challenge, lie)
	said := damaged(d.data(0, nil, lie), lie)
	sum := sha256.Sum256(client)
	signed := sha256.Sum256(slices.Concat(said, sum[:]))
	key := d.key
	if lie.Other {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			panic(err)
		}
	}
	signature, err := ecdsa.SignASN1(rand.Reader, key, signed[:])
	if err != nil {
		panic(err)
	}
	handle := d.UserHandle
	if lie.UserHandle != nil {
		handle = lie.UserHandle
	}
	return d.answer(lie, map[string]any{"clientDataJSON": encode(client), "authenticatorData": encode(said), "signature": encode(signature), "userHandle": encode(handle)})
}

// client is what the browser says.
func (d *Device) client(kind, challenge string, lie Lie) []byte {
	said := map[string]any{"type": or(lie.Type, kind), "challenge": or(lie.Challenge, challenge), "origin": or(lie.Origin, d.Origin), "crossOrigin": lie.Crossed}
	return marshal(said)
}

// data is what the authenticator says.
func (d *Device) data(flags byte, more []byte, lie Lie) []byte {
	flags |= UserPresent | UserVerified | Backed
	if lie.NoUser {
		flags &^= UserPresent
	}
	if lie.Unverified {
		flags &^= UserVerified
	}
	site := sha256.Sum256([]byte(or(lie.RPID, d.RPID)))
	counter := d.Counter
	if d.Counter > 0 {
		d.Counter++
	}
	return slices.Concat(site[:], []byte{flags}, binary.BigEndian.AppendUint32(nil, counter), more)
}

func (d *Device) id(lie Lie) []byte {
	if lie.ID != nil {
		return lie.ID
	}
	return d.ID
}

func (d *Device) answer(lie Lie, response map[string]any) json.RawMessage {
	id := encode(d.id(lie))
	return marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": map[string]any{}, "response": response})
}

func damaged(data []byte, lie Lie) []byte {
	if lie.Trailing {
		data = append(data, 0)
	}
	return data[:len(data)-lie.Cut]
}

func or(lie, truth string) string {
	if lie != "" {
		return lie
	}
	return truth
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func marshal(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts and booleans have no error to give
	}
	return data
}

// CBOR (RFC 8949), as much as authenticators write.

func head(major byte, n uint64) []byte {
	const direct, one, two = 23, 24, 25
	switch {
	case n <= direct:
		return []byte{major<<5 | byte(n)}
	case n < 1<<8:
		return []byte{major<<5 | one, byte(n)}
	}
	return binary.BigEndian.AppendUint16([]byte{major<<5 | two}, uint16(n))
}

func integer(n int) []byte {
	if n < 0 {
		return head(1, uint64(-1-n))
	}
	return head(0, uint64(n))
}

func octets(data []byte) []byte { return append(head(2, uint64(len(data))), data...) }
func text(words string) []byte  { return append(head(3, uint64(len(words))), words...) }

// pairs is a map of n keys with their values.
func pairs(n uint64, items ...[]byte) []byte { return append(head(5, n), slices.Concat(items...)...) }
