package sqlstore

import (
	"context"
	"encoding/hex"
	"slices"

	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

const (
	sqlNewSubject     = `INSERT INTO subjects (subject_index, owner) VALUES ($1, $2)`
	sqlOwnerBySubject = `SELECT owner FROM subjects WHERE subject_index = $1`
	sqlDropSubject    = `DELETE FROM subjects WHERE subject_index = $1`
	sqlNewLink        = `INSERT INTO linked_sign_ins (owner, subject_index, detail, created_at) VALUES ($1, $2, $3, $4)`
	sqlLinks          = `SELECT subject_index, detail, created_at FROM linked_sign_ins WHERE owner = $1 ORDER BY created_at, subject_index`
	sqlDropLink       = `DELETE FROM linked_sign_ins WHERE owner = $1 AND subject_index = $2`
	// $3 is the one to keep.
	sqlDropServiceSessions = `DELETE FROM sessions WHERE owner = $1 AND service = $2 AND hash <> $3`
)

const linksMax = 20 // of one user: twice as many as there may be services

// The fields of a linked sign-in's sealed detail.
const (
	linkIssuer  tag = 1
	linkSubject tag = 2
	linkEmail   tag = 3
)

var columnLink = seal.Column{Table: "linked_sign_ins", Name: "detail"} // under the subject's index

// subjectIndex finds a link without storing whom a service means. The length keeps an issuer and a subject apart.
func (s *Store) subjectIndex(issuer, subject string) []byte {
	var r record
	r.text(linkIssuer, issuer)
	r.text(linkSubject, subject)
	sum := s.root.Index("subject", string(r))
	return sum[:]
}

// OwnerOfSubject finds whose sign-in at a service it is; fault.NotFound where it is linked to nobody.
func (s *Store) OwnerOfSubject(ctx context.Context, issuer, subject string) (ledger.OwnerID, error) {
	var owner string
	err := s.db.one(ctx, sqlOwnerBySubject, []any{s.subjectIndex(issuer, subject)}, &owner)
	if noRow(err) {
		return "", fault.New(fault.NotFound, "this sign-in is linked to nobody")
	}
	return ledger.OwnerID(owner), s.explain("find linked user", err)
}

// CreateLinkedUser adds a user together with what they sign in with: fault.Conflict where the e-mail is taken, in whatever case, or the
// sign-in is linked to somebody.
func (s *Store) CreateLinkedUser(ctx context.Context, u identity.User, link identity.LinkedSignIn, w Write) error {
	return s.createUser(ctx, u, w, func(q queries) error { return s.addLink(ctx, q, link) })
}

// LinkSignIn lets its owner sign in at a service too: fault.Conflict where that sign-in is linked already, to whomever, or there are too many.
func (s *Store) LinkSignIn(ctx context.Context, link identity.LinkedSignIn, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		links, err := s.links(ctx, q, link.Owner)
		if err != nil {
			return err
		}
		if len(links) >= linksMax {
			return fault.New(fault.Conflict, "there are %d linked sign-ins already: unlink some first", linksMax)
		}
		if err := s.addLink(ctx, q, link); err != nil {
			return err
		}
		return s.record(ctx, q, link.Owner, w)
	})
	return s.explain("link sign-in", err)
}

// addLink adds a link in a transaction that may have made its owner, whose key must not be remembered before that is committed.
func (s *Store) addLink(ctx context.Context, q queries, link identity.LinkedSignIn) error {
	key, _, err := s.keyWithin(ctx, q, link.Owner)
	if err != nil {
		return err
	}
	index := s.subjectIndex(link.Issuer, link.Subject)
	if _, err := q.exec(ctx, sqlNewSubject, index, string(link.Owner)); err != nil {
		return s.taken(err, "this sign-in is linked already")
	}
	var detail record
	detail.text(linkIssuer, link.Issuer)
	detail.text(linkSubject, link.Subject)
	detail.text(linkEmail, link.Email)
	_, err = q.exec(ctx, sqlNewLink, string(link.Owner), index, key.Seal(detail, columnLink, hex.EncodeToString(index)), stamp(link.CreatedAt))
	return err
}

// LinkedSignIns gives what a user signs in with at other services, the oldest first.
func (s *Store) LinkedSignIns(ctx context.Context, owner ledger.OwnerID) ([]identity.LinkedSignIn, error) {
	links, err := s.links(ctx, s.db, owner)
	return links, s.explain("list linked sign-ins", err)
}

func (s *Store) links(ctx context.Context, q queries, owner ledger.OwnerID) (links []identity.LinkedSignIn, err error) {
	key, err := s.key(ctx, q, owner)
	if err != nil {
		return nil, err
	}
	err = q.each(ctx, sqlLinks, []any{string(owner)}, func(row scanner) error {
		var index, detail []byte
		var created int64
		if err := row.Scan(&index, &detail, &created); err != nil {
			return err
		}
		link := identity.LinkedSignIn{Owner: owner, CreatedAt: moment(created)}
		if copy(link.Index[:], index) != len(index) {
			return errRecord
		}
		plain, err := key.Open(detail, columnLink, hex.EncodeToString(index))
		if err != nil {
			return err
		}
		links = append(links, link)
		return openLink(&links[len(links)-1], plain)
	})
	return links, err
}

func openLink(link *identity.LinkedSignIn, plain []byte) error {
	return fields(plain, func(t tag, value []byte) error {
		switch t {
		case linkIssuer:
			link.Issuer = string(value)
		case linkSubject:
			link.Subject = string(value)
		case linkEmail:
			link.Email = string(value)
		default:
			return errUnknownField
		}
		return nil
	})
}

// UnlinkSignIn ends a link with the sessions that it opened: fault.Conflict where nothing else would be left to sign in with,
// fault.NotFound where there is no such link.
func (s *Store) UnlinkSignIn(ctx context.Context, owner ledger.OwnerID, unlink identity.Unlink, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		u, err := s.readUser(ctx, q, owner)
		if err != nil {
			return err
		}
		links, err := s.links(ctx, q, owner)
		if err != nil {
			return err
		}
		otherWay := slices.ContainsFunc(links, func(link identity.LinkedSignIn) bool {
			return link.Index != unlink.Index && slices.Contains(unlink.Issuers, link.Issuer)
		})
		if u.PasswordHash == "" && !otherWay {
			return fault.New(fault.Conflict, "nothing else is left to sign in with")
		}
		dropped, err := q.exec(ctx, sqlDropLink, string(owner), unlink.Index[:])
		if err != nil {
			return err
		}
		if dropped == 0 {
			return fault.New(fault.NotFound, "there is no such linked sign-in")
		}
		if _, err := q.exec(ctx, sqlDropSubject, unlink.Index[:]); err != nil {
			return err
		}
		if unlink.Service != "" {
			if _, err := q.exec(ctx, sqlDropServiceSessions, string(owner), unlink.Service, unlink.Keep[:]); err != nil {
				return err
			}
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("unlink sign-in", err)
}
