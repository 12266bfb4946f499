package identity

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"folioscope/internal/ledger"
)

// How many wrong codes are evaluated after a right password. Three codes of a million count at any time, so that a guesser who has the
// password and never rests has one chance in two thousand a day.
const (
	codeFailuresMax = 10
	codeRefill      = 10 * time.Minute
)

// attempt is what an attempt at a secret took, to be given back when the secret was right. Its zero value took nothing.
type attempt struct {
	account, address string
	counted          bool // on this node too
	at               time.Time
	takes            []Take
}

// attempt takes one attempt at an account's password, first of this node, then of all; without an e-mail one of the address alone.
func (s *Service) attempt(ctx context.Context, email string, from Request) (attempt, error) {
	a := attempt{address: from.Address, counted: true, at: s.now()}
	if email != "" {
		a.account = accountKey(email)
		a.takes = append(a.takes, Take{Key: "account " + a.account, Max: accountFailuresMax, Refill: accountRefill})
	}
	a.takes = append(a.takes, Take{Key: "address " + from.Address, Max: addressFailuresMax, Refill: addressRefill})
	if wait, ok := s.addresses.take(a.address, a.at); !ok {
		return attempt{}, tooOften(wait)
	}
	if a.account != "" {
		if wait, ok := s.accounts.take(a.account, a.at); !ok {
			s.addresses.giveBack(a.address, a.at)
			return attempt{}, tooOften(wait)
		}
	}
	wait, err := s.store.TakeAttempts(ctx, a.at, a.takes)
	if err != nil || wait > 0 {
		s.giveBack(a)
	}
	if err != nil {
		return attempt{}, fmt.Errorf("count attempt: %w", err)
	}
	if wait > 0 {
		return attempt{}, tooOften(wait)
	}
	return a, nil
}

// codeAttempt takes one attempt at the code of somebody whose password was right.
func (s *Service) codeAttempt(ctx context.Context, owner ledger.OwnerID) (attempt, error) {
	a := attempt{at: s.now(), takes: []Take{{Key: "code of " + string(owner), Max: codeFailuresMax, Refill: codeRefill}}}
	wait, err := s.store.TakeAttempts(ctx, a.at, a.takes)
	if err != nil {
		return attempt{}, fmt.Errorf("count attempt: %w", err)
	}
	if wait > 0 {
		return attempt{}, tooOften(wait)
	}
	return a, nil
}

// forgive gives back an attempt that was right. One that stays counted for want of the store grows back by itself.
func (s *Service) forgive(ctx context.Context, a attempt) {
	if len(a.takes) == 0 {
		return
	}
	if a.counted {
		s.giveBack(a)
	}
	if err := s.store.ReturnAttempts(ctx, a.takes); err != nil {
		s.log.WarnContext(ctx, "a right sign-in stays counted as an attempt until it grows back", "error", err)
	}
}

func (s *Service) giveBack(a attempt) {
	if a.account != "" {
		s.accounts.giveBack(a.account, a.at)
	}
	s.addresses.giveBack(a.address, a.at)
}

// accountKey is the throttle's key of an e-mail address: hashed, so that memory holds no addresses and every key is short.
func accountKey(email string) string {
	if normal, err := NormalEmail(email); err == nil {
		email = normal
	}
	sum := sha256.Sum256([]byte(email))
	return string(sum[:])
}
