package identity

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// A challenge is what a passkey signs: when it ends, 16 random bytes, and the vouching of this installation for both and for what it is
// to open. Nothing is stored until it is answered, so that asking for challenges costs nobody anything, and any node knows one of any
// other's. The answer leaves its hash in the store, in the transaction of what it opens: it counts once.
const (
	challengeAgeMax     = 5 * time.Minute
	challengeEndBytes   = 8 // seconds since 1970
	challengeNonceBytes = 16
	challengeUse        = "passkey challenge"
)

// purpose is what a challenge opens, and for whom.
type purpose string

const forSignIn purpose = "sign-in"

func forProof(owner ledger.OwnerID) purpose { return purpose("prove " + owner) }

// forAdding is bound to a session, and so to the browser that began.
func forAdding(session Session) purpose {
	return purpose("add " + string(session.Owner) + " " + session.Hash.ID())
}

// challenge makes one.
func (s *Service) challenge(of purpose) (protocol.URLEncodedBase64, error) {
	raw := make([]byte, challengeEndBytes+challengeNonceBytes, challengeEndBytes+challengeNonceBytes+sha256.Size)
	binary.BigEndian.PutUint64(raw, uint64(s.now().Add(challengeAgeMax).Unix()))
	if _, err := io.ReadFull(s.random, raw[challengeEndBytes:]); err != nil {
		return nil, fmt.Errorf("draw challenge: %w", err)
	}
	vouched := s.store.Vouch(challengeUse, string(raw)+string(of))
	return append(raw, vouched[:]...), nil
}

// why is the reason for refusing a passkey's answer, empty for none. It goes into the audit row.
type why string

const (
	whyUnreadable why = "unreadable"
	whyOver       why = "challenge" // not one of ours for this, too old, or answered before
	whyOrigin     why = "origin"
	whyUnverified why = "user_verification"
	whyUnknown    why = "unknown" // no passkey of whom it should be
	whyInvalid    why = "invalid" // wrong kind of answer, site, algorithm or signature
	whyCounter    why = "counter" // counted backwards
)

// whyWords say it to who tried. Whose passkeys there are is not told.
var whyWords = map[why]string{
	whyUnreadable: "What the passkey answered can't be read.",
	whyOver:       "This took too long, or was answered already. Try again.",
	whyOrigin:     "This passkey was asked for at another address than the one that this server is to be reached at.",
	whyUnverified: "Your device has to make sure that it is you, by PIN, fingerprint or face.",
	whyUnknown:    "This passkey doesn't belong to this account here.",
	whyInvalid:    "What the passkey answered is not valid here.",
	whyCounter:    "This passkey counts backwards, as a copy of it would. Sign in another way, and remove it.",
}

// errPasskey refuses somebody who isn't signed in.
func errPasskey(w why) error { return fault.New(fault.Unauthenticated, "%s", whyWords[w]) }

// invalidPasskey refuses somebody who is.
func invalidPasskey(w why) error { return fault.At("credential", "%s", whyWords[w]) }

// passkeyRefused records a refusal with its reason, and gives it.
func (s *Service) passkeyRefused(ctx context.Context, owner ledger.OwnerID, w why, from Request, refusal error) error {
	action := audit.PasskeyRefused
	if w == whyCounter {
		action = audit.PasskeyCloned
	}
	entry := audit.Entry{Owner: owner, Action: action, Object: string(w), RequestID: from.ID, Result: string(fault.KindOf(refusal)), Detail: from.Address}
	if err := s.store.RecordAudit(ctx, entry); err != nil {
		return fmt.Errorf("record refusal: %w", err)
	}
	return refusal
}

// answered checks the challenge that a browser answered, and from where.
func (s *Service) answered(data protocol.CollectedClientData, of purpose) (Answered, why) {
	raw, err := base64.RawURLEncoding.DecodeString(data.Challenge)
	const heldBytes = challengeEndBytes + challengeNonceBytes
	if err != nil || len(raw) != heldBytes+sha256.Size {
		return Answered{}, whyOver
	}
	vouched := s.store.Vouch(challengeUse, string(raw[:heldBytes])+string(of))
	ends := time.Unix(int64(binary.BigEndian.Uint64(raw)), 0) // vouched for, so that it is one that we wrote
	if !hmac.Equal(raw[heldBytes:], vouched[:]) || !s.now().Before(ends) {
		return Answered{}, whyOver
	}
	if !protocol.IsOriginInHaystack(data.Origin, s.party.site.Config.RPOrigins) {
		return Answered{}, whyOrigin
	}
	return Answered{Challenge: sha256.Sum256(raw), EndsAt: ends}, ""
}

// verify checks an answer of one of somebody's passkeys.
func (s *Service) verify(owner ledger.OwnerID, keys []Passkey, of purpose, parsed *protocol.ParsedCredentialAssertionData) (*UsedPasskey, why) {
	data, device := parsed.Response.CollectedClientData, parsed.Response.AuthenticatorData
	answered, problem := s.answered(data, of)
	if problem != "" {
		return nil, problem
	}
	holder := passkeyUser{user: User{ID: owner}, keys: keys}
	handle := parsed.Response.UserHandle
	if len(handle) > 0 && !bytes.Equal(handle, holder.WebAuthnID()) || !slices.ContainsFunc(keys, func(k Passkey) bool { return bytes.Equal(k.ID, parsed.RawID) }) {
		return nil, whyUnknown
	}
	if !device.Flags.HasUserVerified() {
		return nil, whyUnverified
	}
	used, err := s.party.site.ValidateLogin(holder, webauthn.SessionData{Challenge: data.Challenge, UserID: holder.WebAuthnID(), UserVerification: protocol.VerificationRequired}, parsed)
	switch {
	case err != nil:
		return nil, whyInvalid
	case used.Authenticator.CloneWarning:
		return nil, whyCounter
	}
	return &UsedPasskey{ID: used.ID, Counter: device.Counter, At: s.now(), Answered: answered}, ""
}

// StartPasskeySignIn gives what a browser asks any passkey for this site with: PublicKeyCredentialRequestOptionsJSON.
func (s *Service) StartPasskeySignIn() (json.RawMessage, error) {
	if s.party == nil {
		return nil, errNoPasskeys()
	}
	challenge, err := s.challenge(forSignIn)
	if err != nil {
		return nil, err
	}
	assertion, _, err := s.party.site.BeginDiscoverableLogin(asking(challenge))
	if err != nil {
		return nil, fmt.Errorf("begin sign-in: %w", err)
	}
	return json.Marshal(assertion.Response)
}

func asking(challenge protocol.URLEncodedBase64) webauthn.LoginOption {
	return func(o *protocol.PublicKeyCredentialRequestOptions) error {
		o.Challenge, o.Timeout = challenge, int(challengeAgeMax.Milliseconds())
		return nil
	}
}

// SignInWithPasskey opens a session for whose passkey answered, by its AuthenticationResponseJSON. Wrong answers count as wrong
// passwords do.
func (s *Service) SignInWithPasskey(ctx context.Context, answer json.RawMessage, from Request) (SignedIn, error) {
	if s.party == nil {
		return SignedIn{}, errNoPasskeys()
	}
	parsed, unreadable := protocol.ParseCredentialRequestResponseBytes(answer)
	var user User
	var keys []Passkey
	if unreadable == nil {
		var err error
		if user, keys, err = s.holder(ctx, parsed.Response.UserHandle); err != nil {
			return SignedIn{}, err
		}
	}
	attempt, err := s.attempt(ctx, user.Email, from)
	if err != nil {
		return SignedIn{}, err
	}
	used, problem := (*UsedPasskey)(nil), whyUnreadable
	if unreadable == nil {
		used, problem = s.verify(user.ID, keys, forSignIn, parsed)
	}
	if problem != "" {
		return SignedIn{}, s.passkeyRefused(ctx, user.ID, problem, from, errPasskey(problem))
	}
	return s.open(ctx, user, proof{code: &Spend{Passkey: used}, attempt: attempt, alone: true}, from)
}

// holder is the active user of a user handle with their passkeys; nobody where there is none.
func (s *Service) holder(ctx context.Context, handle []byte) (User, []Passkey, error) {
	if len(handle) == 0 || len(handle) > ownerBytesMax || bytes.ContainsFunc(handle, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return User{}, nil, nil
	}
	user, err := s.store.User(ctx, ledger.OwnerID(handle))
	if fault.Is(err, fault.NotFound) || err == nil && user.Status != Active {
		return User{}, nil, nil
	}
	if err != nil {
		return User{}, nil, fmt.Errorf("find user: %w", err)
	}
	keys, err := s.Passkeys(ctx, user.ID)
	return user, keys, err
}

// AskPasskey gives what a browser asks one of somebody's passkeys with, nil where they have none.
func (s *Service) AskPasskey(ctx context.Context, owner ledger.OwnerID) (json.RawMessage, error) {
	if s.party == nil {
		return nil, nil
	}
	keys, err := s.Passkeys(ctx, owner)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	challenge, err := s.challenge(forProof(owner))
	if err != nil {
		return nil, err
	}
	assertion, _, err := s.party.site.BeginLogin(passkeyUser{user: User{ID: owner}, keys: keys}, asking(challenge))
	if err != nil {
		return nil, fmt.Errorf("ask passkey: %w", err)
	}
	return json.Marshal(assertion.Response)
}

// passkeyProof checks a passkey of somebody who is known, and takes one of the attempts that codes have.
func (s *Service) passkeyProof(ctx context.Context, owner ledger.OwnerID, answer json.RawMessage, from Request) (proof, error) {
	if s.party == nil {
		return proof{}, errNoPasskeys()
	}
	attempt, err := s.codeAttempt(ctx, owner)
	if err != nil {
		return proof{}, err
	}
	keys, err := s.Passkeys(ctx, owner)
	if err != nil {
		return proof{}, err
	}
	used, problem := (*UsedPasskey)(nil), whyUnreadable
	if parsed, err := protocol.ParseCredentialRequestResponseBytes(answer); err == nil {
		used, problem = s.verify(owner, keys, forProof(owner), parsed)
	}
	if problem != "" {
		return proof{}, s.passkeyRefused(ctx, owner, problem, from, s.askAgain(ctx, owner, problem))
	}
	return proof{code: &Spend{Passkey: used}, attempt: attempt}, nil
}

// askAgain refuses a passkey's answer and asks for another.
func (s *Service) askAgain(ctx context.Context, owner ledger.OwnerID, w why) error {
	e := fault.At("passkey", "%s", whyWords[w])
	e.Kind = fault.Unauthenticated
	options, err := s.AskPasskey(ctx, owner)
	if err != nil {
		return err
	}
	return &NeedsCode{cause: e, Passkey: options}
}

// Second is what somebody shows besides the password: a code of the app or for recovery, or a passkey's answer.
type Second struct {
	Code    string
	Passkey json.RawMessage
}
