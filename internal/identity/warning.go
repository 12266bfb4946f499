package identity

import (
	"context"
	"fmt"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/ledger"
)

// How many wrong codes are taken for somebody's own mistakes before they are told. A code is asked for after the password alone, so
// that whoever gives them knows it.
const (
	codesUntoldMax = 4              // in a row, as long as attempts at codes take to grow back
	codesTellEvery = 24 * time.Hour // more than once a day would only annoy
)

// codeRefused records a wrong code and gives its refusal; with the fifth in a row its owner is told.
func (s *Service) codeRefused(ctx context.Context, owner ledger.OwnerID, from Request, refusal error) error {
	write := audit.Write{Audit: refusalOf(owner, audit.CodeRefused, from, refusal)}
	warn, err := s.tooManyCodes(ctx, owner)
	if err != nil {
		return err
	}
	if warn {
		write.Incident = audit.IncidentCodesRefused
		if write.Mail, err = s.mailToOwner(ctx, owner, audit.MailCodesRefused, ""); err != nil {
			return err
		}
	}
	if err := s.store.RecordRefusal(ctx, write); err != nil {
		return fmt.Errorf("record refusal: %w", err)
	}
	return refusal
}

// tooManyCodes counts a refused code, and says whether its owner is to be told of them now.
func (s *Service) tooManyCodes(ctx context.Context, owner ledger.OwnerID) (bool, error) {
	for _, t := range []struct {
		take     Take
		goesOver bool // being over it is what is waited for
	}{
		{Take{Key: "wrong codes of " + string(owner), Max: codesUntoldMax, Refill: codeRefill}, true},
		{Take{Key: "told of wrong codes: " + string(owner), Max: 1, Refill: codesTellEvery}, false},
	} {
		wait, err := s.store.TakeAttempts(ctx, s.now(), []Take{t.take})
		if err != nil {
			return false, fmt.Errorf("count wrong codes: %w", err)
		}
		if (wait > 0) != t.goesOver {
			return false, nil
		}
	}
	return true, nil
}
