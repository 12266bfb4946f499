package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// Bounds of passkeys.
const (
	passkeyNameRunesMax = 80
	ownerBytesMax       = 64 // of a user handle, as the standard has it
)

// Passkey is a key pair of somebody's device, of which the service has the public half. Devices make sure by PIN, fingerprint or face
// that it is them, so that it counts as both factors. ID, PublicKey and Name are sealed at rest.
type Passkey struct {
	Owner     ledger.OwnerID
	ID        []byte // as the device names it
	PublicKey []byte // COSE
	Name      string // as its owner calls it
	Counter   uint32 // of the newest signature; 0 from devices that don't count
	Synced    bool   // a password manager carries it from device to device
	CreatedAt time.Time
	SeenAt    time.Time // last use; zero: never
}

// Public names a passkey to its owner; it is no secret.
func (p Passkey) Public() string { return TokenHash(sha256.Sum256(p.ID)).ID() }

// AddPasskey keeps a new passkey, of whoever has none yet and no authenticator app with codes for recovery.
type AddPasskey struct {
	Passkey  Passkey
	Answered Answered
	First    bool        // there is no other second factor, which the store makes sure of
	Recovery []TokenHash // with the first; earlier codes are worthless then
	Keep     TokenHash   // the session that stays where it is the first: all others were opened with less
}

// DropPasskey forgets a passkey.
type DropPasskey struct {
	ID       []byte
	Required bool      // a second factor has to be left
	Keep     TokenHash // the session that stays; all others end
}

// Answered is a challenge that was answered: it counts once.
type Answered struct {
	Challenge TokenHash
	EndsAt    time.Time // by then it would have ended by itself
}

// UsedPasskey is a right answer of a passkey, to be used up in the transaction of what it opens.
type UsedPasskey struct {
	ID       []byte
	Counter  uint32
	At       time.Time
	Answered Answered
}

// passkeyStore is what passkeys want of the store.
type passkeyStore interface {
	Passkeys(ctx context.Context, owner ledger.OwnerID) ([]Passkey, error)
	// AddPasskey gives fault.Conflict where there are too many or First no longer holds, and fault.Unauthenticated where the challenge
	// was answered before.
	AddPasskey(ctx context.Context, add AddPasskey, write audit.Write) error
	RenamePasskey(ctx context.Context, owner ledger.OwnerID, id []byte, name string, write audit.Write) error
	// DeletePasskey gives fault.Conflict where none would be left that has to be.
	DeletePasskey(ctx context.Context, owner ledger.OwnerID, drop DropPasskey, write audit.Write) error
}

// RelyingParty is the one site that passkeys are for.
type RelyingParty struct{ site *webauthn.WebAuthn }

// NewRelyingParty makes the site of an origin such as https://folio.example. It gives fault.Invalid for one that browsers give no
// passkeys: an address in numbers, or plain HTTP anywhere but on localhost.
func NewRelyingParty(origin string) (*RelyingParty, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost") {
		return nil, fault.New(fault.Invalid, "passkeys need HTTPS, or localhost")
	}
	yes := true
	site, err := webauthn.New(&webauthn.Config{
		RPID: strings.ToLower(u.Hostname()), RPDisplayName: codeIssuer, RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &yes, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil || u.Hostname() == "" {
		return nil, fault.Wrap(fault.Invalid, err, "passkeys need a name, such as folio.example, not %.60q", u.Hostname())
	}
	return &RelyingParty{site}, nil
}

func errNoPasskeys() error {
	return fault.New(fault.Conflict, "This server takes no passkeys: it was not told the address that people reach it at.")
}

// passkeyUser is somebody as the library wants them.
type passkeyUser struct {
	user User
	keys []Passkey
}

// WebAuthnID is the user handle, which a device gives back at sign-in.
func (u passkeyUser) WebAuthnID() []byte { return []byte(u.user.ID) }

// WebAuthnName is shown by the device, to tell accounts apart.
func (u passkeyUser) WebAuthnName() string { return u.user.Email }

// WebAuthnDisplayName is shown by the device.
func (u passkeyUser) WebAuthnDisplayName() string { return u.user.Name }

// WebAuthnCredentials are what answers are checked with.
func (u passkeyUser) WebAuthnCredentials() []webauthn.Credential {
	all := make([]webauthn.Credential, len(u.keys))
	for i, k := range u.keys {
		all[i] = webauthn.Credential{
			ID: k.ID, PublicKey: k.PublicKey,
			Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: k.Synced},
			Authenticator: webauthn.Authenticator{SignCount: k.Counter},
		}
	}
	return all
}

// PasskeysOn says whether this service takes passkeys.
func (s *Service) PasskeysOn() bool { return s.party != nil }

// Passkeys are somebody's, the newest first.
func (s *Service) Passkeys(ctx context.Context, owner ledger.OwnerID) ([]Passkey, error) {
	keys, err := s.store.Passkeys(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	return keys, nil
}

// StartPasskey gives what a browser makes a new passkey with: PublicKeyCredentialCreationOptionsJSON.
func (s *Service) StartPasskey(ctx context.Context, session Session) (json.RawMessage, error) {
	if s.party == nil {
		return nil, errNoPasskeys()
	}
	user, err := s.User(ctx, session.Owner)
	if err != nil {
		return nil, err
	}
	keys, err := s.Passkeys(ctx, session.Owner)
	if err != nil {
		return nil, err
	}
	challenge, err := s.challenge(forAdding(session))
	if err != nil {
		return nil, err
	}
	holder := passkeyUser{user, keys}
	creation, _, err := s.party.site.BeginRegistration(holder, func(o *protocol.PublicKeyCredentialCreationOptions) error {
		o.Challenge, o.Timeout, o.Parameters = challenge, int(challengeAgeMax.Milliseconds()), webauthn.CredentialParametersRecommendedL3()
		o.CredentialExcludeList = webauthn.Credentials(holder.WebAuthnCredentials()).CredentialDescriptors()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("begin passkey: %w", err)
	}
	return json.Marshal(creation.Response)
}

// AddedPasskey is a new passkey; with the first second factor of somebody come codes for recovery, which are shown once.
type AddedPasskey struct {
	Passkey  Passkey
	Recovery []string
}

// AddPasskey keeps a passkey that a browser made, by its RegistrationResponseJSON. Where it is the first second factor every other
// session ends. Write turns the audit row and the result into what is stored, so that a repeated request gets the same codes.
func (s *Service) AddPasskey(ctx context.Context, session Session, name string, answer json.RawMessage, from Request, write func(audit.Entry, AddedPasskey) audit.Write) (AddedPasskey, error) {
	if s.party == nil {
		return AddedPasskey{}, errNoPasskeys()
	}
	name, err := cleanPasskeyName(name)
	if err != nil {
		return AddedPasskey{}, err
	}
	attempt, err := s.codeAttempt(ctx, session.Owner)
	if err != nil {
		return AddedPasskey{}, err
	}
	passkey, answered, why := s.newPasskey(session, answer)
	if why != "" {
		return AddedPasskey{}, s.passkeyRefused(ctx, session.Owner, why, from, invalidPasskey(why))
	}
	passkey.Name = name
	factor, err := s.SecondFactor(ctx, session.Owner)
	if err != nil {
		return AddedPasskey{}, err
	}
	add, added := AddPasskey{Passkey: passkey, Answered: answered, First: !factor.Any(), Keep: session.Hash}, AddedPasskey{Passkey: passkey}
	if add.First {
		if added.Recovery, add.Recovery, err = newRecoveryCodes(s.random); err != nil {
			return AddedPasskey{}, err
		}
	}
	w := write(audit.Entry{Actor: session.Owner, Owner: session.Owner, Action: audit.PasskeyAdded, Object: passkey.Public(), RequestID: from.ID, Result: "ok"}, added)
	if w.Mail, err = s.mailToOwner(ctx, session.Owner, audit.MailFactorAdded, factorPasskey(name)); err != nil {
		return AddedPasskey{}, err
	}
	err = s.store.AddPasskey(ctx, add, w)
	if fault.Is(err, fault.Unauthenticated) {
		return AddedPasskey{}, s.passkeyRefused(ctx, session.Owner, whyOver, from, invalidPasskey(whyOver))
	}
	if err != nil {
		return AddedPasskey{}, fmt.Errorf("add passkey: %w", err)
	}
	s.forgive(ctx, attempt)
	return added, nil
}

// newPasskey checks what a browser made.
func (s *Service) newPasskey(session Session, answer json.RawMessage) (Passkey, Answered, why) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Passkey{}, Answered{}, whyUnreadable
	}
	data := parsed.Response.CollectedClientData
	answered, problem := s.answered(data, forAdding(session))
	if problem != "" {
		return Passkey{}, Answered{}, problem
	}
	if !parsed.Response.AttestationObject.AuthData.Flags.HasUserVerified() {
		return Passkey{}, Answered{}, whyUnverified
	}
	holder := passkeyUser{user: User{ID: session.Owner}}
	made, err := s.party.site.CreateCredential(holder, webauthn.SessionData{
		Challenge: data.Challenge, UserID: holder.WebAuthnID(), UserVerification: protocol.VerificationRequired, CredParams: webauthn.CredentialParametersRecommendedL3(),
	}, parsed)
	if err != nil {
		return Passkey{}, Answered{}, whyInvalid
	}
	return Passkey{
		Owner: session.Owner, ID: made.ID, PublicKey: made.PublicKey, Counter: made.Authenticator.SignCount, Synced: made.Flags.BackupEligible, CreatedAt: s.now(),
	}, answered, ""
}

func cleanPasskeyName(text string) (string, error) {
	name, err := CleanName(text)
	if err == nil && utf8.RuneCountInString(name) > passkeyNameRunesMax {
		err = fault.At("name", "The name may have at most %d characters.", passkeyNameRunesMax)
	}
	return name, err
}

// RenamePasskey calls one of somebody's passkeys otherwise; fault.NotFound where there is none.
func (s *Service) RenamePasskey(ctx context.Context, owner ledger.OwnerID, id, name string, from Request) (Passkey, error) {
	name, err := cleanPasskeyName(name)
	if err != nil {
		return Passkey{}, err
	}
	key, err := s.passkey(ctx, owner, id)
	if err != nil {
		return Passkey{}, err
	}
	entry := audit.Entry{Actor: owner, Owner: owner, Action: audit.PasskeyRenamed, Object: id, RequestID: from.ID, Result: "ok"}
	if err := s.store.RenamePasskey(ctx, owner, key.ID, name, audit.Write{Audit: entry}); err != nil {
		return Passkey{}, noPasskeyOr(err)
	}
	key.Name = name
	return key, nil
}

// RemovePasskey forgets one of somebody's passkeys; every other session ends. It gives fault.Conflict for the last second factor of
// somebody whose role needs one.
func (s *Service) RemovePasskey(ctx context.Context, session Session, id string, from Request) error {
	key, err := s.passkey(ctx, session.Owner, id)
	if err != nil {
		return err
	}
	mail, err := s.mailToOwner(ctx, session.Owner, audit.MailFactorRemoved, factorPasskey(key.Name))
	if err != nil {
		return err
	}
	entry := audit.Entry{Actor: session.Owner, Owner: session.Owner, Action: audit.PasskeyRemoved, Object: id, RequestID: from.ID, Result: "ok"}
	drop := DropPasskey{ID: key.ID, Required: s.Requires(session.Role), Keep: session.Hash}
	err = s.store.DeletePasskey(ctx, session.Owner, drop, audit.Write{Audit: entry, Mail: mail})
	if fault.Is(err, fault.Conflict) {
		return errLastFactor()
	}
	return noPasskeyOr(err)
}

func errLastFactor() error {
	return fault.New(fault.Conflict, "Your role needs a second factor, and this is the last one. Set up another first.")
}

func (s *Service) passkey(ctx context.Context, owner ledger.OwnerID, id string) (Passkey, error) {
	keys, err := s.Passkeys(ctx, owner)
	if err != nil {
		return Passkey{}, err
	}
	at := slices.IndexFunc(keys, func(k Passkey) bool { return k.Public() == id })
	if at < 0 {
		return Passkey{}, errNoPasskey()
	}
	return keys[at], nil
}

func errNoPasskey() error { return fault.New(fault.NotFound, "There is no such passkey.") }

func noPasskeyOr(err error) error {
	switch {
	case err == nil:
		return nil
	case fault.Is(err, fault.NotFound):
		return errNoPasskey()
	}
	return fmt.Errorf("change passkey: %w", err)
}
