package sqlstore

import (
	"context"
	"encoding/hex"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

const (
	sqlNewMailedLink = `INSERT INTO mailed_links (owner, hash, purpose, address, expires_at) VALUES ($1, $2, $3, $4, $5)`
	sqlMailedLink    = `SELECT address, expires_at FROM mailed_links WHERE owner = $1 AND hash = $2 AND purpose = $3 AND expires_at > $4`
	// A link works once: whoever comes second finds it gone.
	sqlUseMailedLink    = `DELETE FROM mailed_links WHERE owner = $1 AND hash = $2 AND purpose = $3 AND expires_at > $4`
	sqlDropMailedLinks  = `DELETE FROM mailed_links WHERE owner = $1`
	sqlSetEmail         = `UPDATE users SET profile = $2, confirmed_at = $3 WHERE owner = $1`
	sqlSweepMailedLinks = `DELETE FROM mailed_links WHERE expires_at < $1`
)

var columnMailedAddress = seal.Column{Table: "mailed_links", Name: "address"} // under the link's hash

// CreateMailedLink keeps a link's hash, with the mail that brings it there.
func (s *Store) CreateMailedLink(ctx context.Context, link identity.MailedLink, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		key, err := s.key(ctx, q, link.Owner)
		if err != nil {
			return err
		}
		address := key.Seal([]byte(link.Address), columnMailedAddress, hex.EncodeToString(link.Hash[:]))
		if _, err := q.exec(ctx, sqlNewMailedLink, string(link.Owner), link.Hash[:], string(link.Purpose), address, stamp(link.ExpiresAt)); err != nil {
			return err
		}
		return s.record(ctx, q, link.Owner, w)
	})
	return s.explain("create mailed link", err)
}

// MailedLink reads a link that still works; fault.NotFound where there is none.
func (s *Store) MailedLink(ctx context.Context, owner ledger.OwnerID, hash identity.TokenHash, purpose identity.LinkPurpose, now time.Time) (identity.MailedLink, error) {
	link := identity.MailedLink{Owner: owner, Hash: hash, Purpose: purpose}
	var address []byte
	var expires int64
	err := s.db.one(ctx, sqlMailedLink, []any{string(owner), hash[:], string(purpose), stamp(now)}, &address, &expires)
	if noRow(err) {
		return identity.MailedLink{}, errNoMailedLink()
	}
	if err != nil {
		return identity.MailedLink{}, s.explain("read mailed link", err)
	}
	key, err := s.key(ctx, s.db, owner)
	if err != nil {
		return identity.MailedLink{}, s.explain("read mailed link", err)
	}
	plain, err := key.Open(address, columnMailedAddress, hex.EncodeToString(hash[:]))
	link.Address, link.ExpiresAt = string(plain), moment(expires)
	return link, s.explain("read mailed link", err)
}

func errNoMailedLink() error {
	return fault.New(fault.NotFound, "this link is not known, was used or has expired")
}

// useMailedLink uses a link up; fault.NotFound where it doesn't work any more.
func useMailedLink(ctx context.Context, q queries, owner ledger.OwnerID, hash identity.TokenHash, purpose identity.LinkPurpose, now time.Time) error {
	used, err := q.exec(ctx, sqlUseMailedLink, string(owner), hash[:], string(purpose), stamp(now))
	if err == nil && used == 0 {
		return errNoMailedLink()
	}
	return err
}

// Recover sets a password by a link, which it uses up with the code of the second factor, and ends everything that opened the account
// before: sessions, API tokens and other links. fault.NotFound where the link doesn't work any more, fault.Unauthenticated where the
// code was used before.
func (s *Store) Recover(ctx context.Context, owner ledger.OwnerID, r identity.Recovery, w Write) error {
	return s.setPassword(ctx, owner, r.PasswordHash, w, func(q queries) error {
		if err := useMailedLink(ctx, q, owner, r.Link, identity.LinkRecovers, r.At); err != nil {
			return err
		}
		if err := s.spend(ctx, q, owner, r.Spend); err != nil {
			return err
		}
		for _, statement := range [...]string{sqlDropSessions, sqlDropTokens, sqlDropMailedLinks} {
			if _, err := q.exec(ctx, statement, string(owner)); err != nil {
				return err
			}
		}
		return nil
	})
}

// ConfirmEmail uses a link up and makes its address the user's own and confirmed. Where it is another than before, other links that were
// mailed do nothing any more. fault.NotFound where the link doesn't work any more, fault.Conflict where the address is another user's.
func (s *Store) ConfirmEmail(ctx context.Context, link identity.MailedLink, now time.Time, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		if err := useMailedLink(ctx, q, link.Owner, link.Hash, identity.LinkConfirms, now); err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlHoldUser, string(link.Owner)); err != nil {
			return err
		}
		u, err := s.readUser(ctx, q, link.Owner)
		if err != nil {
			return err
		}
		if u.Email != link.Address {
			if err := s.moveEmail(ctx, q, u, link.Address); err != nil {
				return err
			}
		}
		key, err := s.key(ctx, q, link.Owner)
		if err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlSetEmail, string(link.Owner), sealProfile(key, link.Address, u.Name), stamp(now)); err != nil {
			return err
		}
		return s.record(ctx, q, link.Owner, w)
	})
	return s.explain("confirm address", err)
}

// moveEmail has a user found by another address.
func (s *Store) moveEmail(ctx context.Context, q queries, u identity.User, address string) error {
	if err := insertRows(ctx, q, sqlNewEmail, emailColumns, "", []any{s.emailIndex(address), string(u.ID)}); err != nil {
		return s.taken(err, "there is a user with this e-mail already")
	}
	if _, err := q.exec(ctx, sqlEraseEmail, s.emailIndex(u.Email), string(u.ID)); err != nil {
		return err
	}
	_, err := q.exec(ctx, sqlDropMailedLinks, string(u.ID))
	return err
}

// DeleteMailedLinksBefore forgets the links that expired before a time.
func (s *Store) DeleteMailedLinksBefore(ctx context.Context, before time.Time) error {
	_, err := s.db.exec(ctx, sqlSweepMailedLinks, stamp(before))
	return s.explain("delete old links", err)
}
