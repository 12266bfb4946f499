package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// Codes of authenticator apps (RFC 6238): six digits, a new one every 30 s. The one before and the one after count too, for clocks that
// are off by as much.
const (
	codePeriod      = 30 // seconds
	codeSkew        = 1  // periods to either side
	seedBytes       = 20 // as RFC 4226 has it
	qrPixels        = 232
	codeBytesMax    = 40 // of what is typed, before it is looked at
	recoveryCodes   = 10
	recoveryLetters = 24 // of 5 bits: nobody guesses 120 bits, so a plain hash keeps them (ASVS 6.5.2 asks for 112)
)

// The issuer's name as apps show it.
const codeIssuer = "Folioscope"

// NeedsCode is the error of somebody who is known, by a right password or a session, and has to show a second factor too.
type NeedsCode struct {
	Passkey json.RawMessage // what to ask a passkey with; nil where they have none

	cause *fault.Error
}

// Error is a sentence that is safe to show.
func (e *NeedsCode) Error() string { return e.cause.Error() }

// Unwrap gives the fault.
func (e *NeedsCode) Unwrap() error { return e.cause }

// errNeedsCode asks for the second factor that there is; passkey is what to ask one with.
func errNeedsCode(passkey json.RawMessage) error {
	words := "Enter the code that your authenticator app shows."
	if passkey != nil {
		words = "Use your passkey, or enter a code."
	}
	return &NeedsCode{Passkey: passkey, cause: fault.New(fault.Unauthenticated, "%s", words)}
}

// errWrongCode is one sentence for a code that was never right, is no longer, or was used: who guesses learns nothing more.
func errWrongCode(passkey json.RawMessage) error {
	e := fault.At("totp", "This code is wrong, too old or was used already.")
	e.Kind = fault.Unauthenticated
	return &NeedsCode{Passkey: passkey, cause: e}
}

// proof is how somebody showed who they are beyond the password. Its zero value is of somebody who has no second factor.
type proof struct {
	code    *Spend
	attempt attempt
	alone   bool   // a passkey without a password, of who isn't signed in
	service string // the sign-in service that vouched for them, instead of the password
	vouched bool   // for a second factor too
}

// how is what was shown, for the audit.
func (p proof) how() string {
	switch {
	case p.service != "":
		return "service " + p.service
	case p.code == nil:
		return "password"
	case p.code.Passkey != nil:
		return "passkey"
	case p.code.Recovery != nil:
		return "recovery_code"
	}
	return "totp"
}

// secondProof checks the second factor of somebody whose password was right. What it gives has to be spent in the store together with
// what it opens.
func (s *Service) secondProof(ctx context.Context, owner ledger.OwnerID, second Second, from Request) (proof, error) {
	f, err := s.store.SecondFactor(ctx, owner)
	switch {
	case err != nil:
		return proof{}, fmt.Errorf("read second factor: %w", err)
	case !f.Any():
		return proof{}, nil
	case len(second.Passkey) > 0:
		return s.passkeyProof(ctx, owner, second.Passkey, from)
	}
	passkey, err := s.AskPasskey(ctx, owner)
	if err != nil {
		return proof{}, err
	}
	if strings.TrimSpace(second.Code) == "" {
		return proof{}, errNeedsCode(passkey)
	}
	attempt, err := s.codeAttempt(ctx, owner)
	if err != nil {
		return proof{}, err
	}
	if spend := s.match(f, second.Code); spend != nil {
		return proof{code: spend, attempt: attempt}, nil
	}
	return proof{}, s.codeRefused(ctx, owner, from, errWrongCode(passkey))
}

// match reads a code of the app or for recovery; nil where it can't be right. Whether one for recovery is, the store knows.
func (s *Service) match(f SecondFactor, code string) *Spend {
	code = plainCode(code)
	if len(code) == recoveryLetters {
		hash := TokenHash(sha256.Sum256([]byte(code)))
		return &Spend{Recovery: &hash}
	}
	if counter, ok := counterOf(f.Seed, code, s.now()); ok && f.On() && counter > f.Counter {
		return &Spend{Counter: counter}
	}
	return nil
}

// plainCode is a code without what people put in to read it better.
func plainCode(code string) string {
	if len(code) > codeBytesMax {
		return ""
	}
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code))
}

// counterOf is the time step that a code belongs to, of the few that count at a time.
func counterOf(seed []byte, code string, now time.Time) (int64, bool) {
	secret := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(seed)
	middle := now.Unix() / codePeriod
	found, ok := int64(0), false
	for counter := middle - codeSkew; counter <= middle+codeSkew; counter++ {
		right, err := hotp.ValidateCustom(code, uint64(max(counter, 0)), secret, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}) // never negative
		if err == nil && right {
			found, ok = counter, true
		}
	}
	return found, ok
}

// spent turns the store's word that a proof was used before into its refusal, and records it.
func (s *Service) spent(ctx context.Context, owner ledger.OwnerID, p proof, from Request, err error) error {
	if !fault.Is(err, fault.Unauthenticated) {
		return err
	}
	if p.alone {
		return s.passkeyRefused(ctx, owner, whyOver, from, errPasskey(whyOver))
	}
	if p.code != nil && p.code.Passkey != nil {
		return s.passkeyRefused(ctx, owner, whyOver, from, s.askAgain(ctx, owner, whyOver))
	}
	passkey, err := s.AskPasskey(ctx, owner)
	if err != nil {
		return err
	}
	return s.codeRefused(ctx, owner, from, errWrongCode(passkey))
}

// Enrolment is what an authenticator app is set up with. It is shown once.
type Enrolment struct {
	Secret string // as people type it, base32
	URL    string // otpauth://…
	QR     string // the URL as a picture: data:image/png;base64,…
}

// StartSecondFactor draws a seed, which counts once a code has confirmed it. One that is in use stays so until then.
func (s *Service) StartSecondFactor(ctx context.Context, session Session, from Request) (Enrolment, error) {
	user, err := s.User(ctx, session.Owner)
	if err != nil {
		return Enrolment{}, err
	}
	seed := make([]byte, seedBytes)
	if _, err := io.ReadFull(s.random, seed); err != nil {
		return Enrolment{}, fmt.Errorf("draw seed: %w", err)
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: codeIssuer, AccountName: user.Email, Secret: seed, Period: codePeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		return Enrolment{}, fmt.Errorf("make key: %w", err)
	}
	picture, err := key.Image(qrPixels, qrPixels)
	if err != nil {
		return Enrolment{}, fmt.Errorf("draw key: %w", err)
	}
	var drawn bytes.Buffer
	if err := png.Encode(&drawn, picture); err != nil {
		return Enrolment{}, fmt.Errorf("draw key: %w", err)
	}
	entry := audit.Entry{Actor: user.ID, Owner: user.ID, Action: audit.FactorStarted, Object: string(user.ID), RequestID: from.ID, Result: "ok"}
	if err := s.store.PendSecondFactor(ctx, user.ID, seed, audit.Write{Audit: entry}); err != nil {
		return Enrolment{}, fmt.Errorf("keep new second factor: %w", err)
	}
	return Enrolment{Secret: key.Secret(), URL: key.URL(), QR: "data:image/png;base64," + base64.StdEncoding.EncodeToString(drawn.Bytes())}, nil
}

// ConfirmSecondFactor puts the pending seed into use by a code of it, and gives new codes for recovery, which are shown once. Every
// other session ends: it was opened with less.
func (s *Service) ConfirmSecondFactor(ctx context.Context, session Session, code string, from Request) ([]string, error) {
	f, err := s.store.SecondFactor(ctx, session.Owner)
	if err != nil {
		return nil, fmt.Errorf("read second factor: %w", err)
	}
	if len(f.Pending) == 0 {
		return nil, errNotStarted()
	}
	counter, ok := counterOf(f.Pending, plainCode(code), s.now())
	if !ok {
		return nil, fault.At("totp", "This code is not of this key. Check that the clock of your device is right.")
	}
	codes, hashes, err := newRecoveryCodes(s.random)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Actor: session.Owner, Owner: session.Owner, Action: audit.FactorConfirmed, Object: string(session.Owner), RequestID: from.ID, Result: "ok"}
	confirm := ConfirmFactor{Seed: f.Pending, Counter: counter, Recovery: hashes, Keep: session.Hash, At: s.now()}
	mail, err := s.mailToOwner(ctx, session.Owner, audit.MailFactorAdded, factorApp)
	if err != nil {
		return nil, err
	}
	err = s.store.ConfirmSecondFactor(ctx, session.Owner, confirm, audit.Write{Audit: entry, Mail: mail})
	if fault.Is(err, fault.Conflict) {
		return nil, errNotStarted()
	}
	if err != nil {
		return nil, fmt.Errorf("confirm second factor: %w", err)
	}
	return codes, nil
}

func errNotStarted() error {
	return fault.New(fault.Conflict, "There is no key to confirm. Begin again.")
}

// NewRecoveryCodes replaces the codes for recovery; earlier ones are worthless from then on.
func (s *Service) NewRecoveryCodes(ctx context.Context, session Session, from Request) ([]string, error) {
	codes, hashes, err := newRecoveryCodes(s.random)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Actor: session.Owner, Owner: session.Owner, Action: audit.RecoveryRenewed, Object: string(session.Owner), RequestID: from.ID, Result: "ok"}
	if err := s.store.ReplaceRecoveryCodes(ctx, session.Owner, hashes, audit.Write{Audit: entry}); err != nil {
		return nil, noFactorOr(err)
	}
	return codes, nil
}

// RemoveSecondFactor goes on without the authenticator app, unless the role needs a second factor and there is no passkey. Every other
// session ends.
func (s *Service) RemoveSecondFactor(ctx context.Context, session Session, from Request) error {
	entry := audit.Entry{Actor: session.Owner, Owner: session.Owner, Action: audit.FactorRemoved, Object: string(session.Owner), RequestID: from.ID, Result: "ok"}
	mail, err := s.mailToOwner(ctx, session.Owner, audit.MailFactorRemoved, factorApp)
	if err != nil {
		return err
	}
	err = s.store.DeleteSecondFactor(ctx, session.Owner, s.Requires(session.Role), session.Hash, audit.Write{Audit: entry, Mail: mail})
	if fault.Is(err, fault.Conflict) {
		return errLastFactor()
	}
	return noFactorOr(err)
}

// ResetSecondFactor takes app, passkeys and codes from somebody who has lost them all, as an operator does on the machine itself.
// Every session of theirs ends; where their role needs a second factor, they set another up at the next sign-in.
func (s *Service) ResetSecondFactor(ctx context.Context, email string) error {
	user, err := s.byEmail(ctx, email)
	if err != nil {
		return err
	}
	entry := audit.Entry{Owner: user.ID, Action: audit.FactorRemoved, Object: string(user.ID), Result: "ok"}
	w := audit.Write{Audit: entry, Mail: s.mailTo(user, audit.MailFactorRemoved, factorsAll)}
	return noFactorOr(s.store.DeleteFactors(ctx, user.ID, w))
}

func noFactorOr(err error) error {
	switch {
	case err == nil:
		return nil
	case fault.Is(err, fault.NotFound):
		return fault.New(fault.NotFound, "There is no second factor.")
	}
	return fmt.Errorf("change second factor: %w", err)
}

// Requires says whether a role needs a second factor.
func (s *Service) Requires(role Role) bool { return slices.Contains(s.required, role) }

// SecondFactor is how somebody's stands. Seeds are left out.
func (s *Service) SecondFactor(ctx context.Context, owner ledger.OwnerID) (SecondFactor, error) {
	f, err := s.store.SecondFactor(ctx, owner)
	if err != nil {
		return SecondFactor{}, fmt.Errorf("read second factor: %w", err)
	}
	f.Seed, f.Pending = nil, nil
	return f, nil
}

// newRecoveryCodes draws codes such as k3m9-x2p7-0a1b-c4de-h8r2-v6qs, and their hashes.
func newRecoveryCodes(random io.Reader) (codes []string, hashes []TokenHash, err error) {
	for range recoveryCodes {
		var raw [recoveryLetters * 5 / 8]byte
		if _, err := io.ReadFull(random, raw[:]); err != nil {
			return nil, nil, errors.Join(errors.New("draw recovery codes"), err)
		}
		letters := idEncoding.EncodeToString(raw[:])
		hashes = append(hashes, sha256.Sum256([]byte(letters)))
		var groups []string
		for group := range slices.Chunk([]byte(letters), 4) {
			groups = append(groups, string(group))
		}
		codes = append(codes, strings.Join(groups, "-"))
	}
	return codes, hashes, nil
}
