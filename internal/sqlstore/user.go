package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

const usersPageMax = 500 // users opened for one page of an administrator's list

const (
	sqlNewUser = `INSERT INTO users (owner, role, status, key_version, profile, password, created_at, confirmed_at) VALUES `
	sqlNewKey  = `INSERT INTO user_keys (owner, version, wrapped) VALUES `
	sqlUser    = `SELECT u.role, u.status, u.profile, u.password, u.created_at, u.confirmed_at, u.breached_at FROM users u WHERE u.owner = $1`
	// The administrator's list is the one query across owners besides counts and sweeps.
	sqlSweepUsers = `SELECT u.owner, u.role, u.status, u.profile, u.password, u.created_at, u.confirmed_at, k.version, k.wrapped
FROM users u JOIN user_keys k ON k.owner = u.owner AND k.version = u.key_version WHERE u.owner > $1 AND k.owner > $1 ORDER BY u.owner LIMIT $2`
	sqlSetPassword = `UPDATE users SET password = $2, breached_at = 0 WHERE owner = $1`
	sqlAcceptUser  = `UPDATE users SET status = $2, profile = $3, password = $4, confirmed_at = $6 WHERE owner = $1 AND status = $5`

	sqlNewEmail     = `INSERT INTO emails (email_index, owner) VALUES `
	sqlOwnerByEmail = `SELECT owner FROM emails WHERE email_index = $1`

	sqlNewInvitation = `INSERT INTO invitations (hash, owner, created_at, expires_at, used_at, mailed) VALUES ($1, $2, $3, $4, 0, $5)`
	sqlInvitedUser   = `SELECT owner FROM invitations WHERE hash = $1 AND used_at = 0 AND expires_at > $2`
	sqlUseInvitation = `UPDATE invitations SET used_at = $2 WHERE hash = $1 AND used_at = 0 AND expires_at > $2 RETURNING owner, mailed`
)

const (
	userColumns    = 8
	userKeyColumns = 3
	emailColumns   = 2
)

// The fields of a sealed profile.
const (
	profileEmail tag = 1
	profileName  tag = 2
)

var (
	columnProfile  = seal.Column{Table: "users", Name: "profile"}
	columnPassword = seal.Column{Table: "users", Name: "password"}
)

// emailIndex finds a user by e-mail without storing it; case and outer blanks don't count.
func (s *Store) emailIndex(email string) []byte {
	sum := s.root.Index("e-mail", strings.ToLower(strings.TrimSpace(email)))
	return sum[:]
}

// sealedUser is a user's row of each table.
type sealedUser struct{ user, key, email []any }

func (s *Store) sealUser(u identity.User, by seal.RootKey) (sealedUser, *seal.Key, error) {
	const firstVersion = 1
	key, wrapped, err := s.root.NewUserKey(u.ID, firstVersion, by)
	if err != nil {
		return sealedUser{}, nil, err
	}
	return sealedUser{
		user: []any{string(u.ID), string(u.Role), string(u.Status), firstVersion, sealProfile(key, u.Email, u.Name),
			key.Seal([]byte(u.PasswordHash), columnPassword), stamp(u.CreatedAt), stamp(u.ConfirmedAt)},
		key:   []any{string(u.ID), firstVersion, wrapped},
		email: []any{s.emailIndex(u.Email), string(u.ID)},
	}, key, nil
}

func sealProfile(key *seal.Key, email, name string) []byte {
	var r record
	r.text(profileEmail, email)
	r.text(profileName, name)
	return key.Seal(r, columnProfile)
}

func openUser(key *seal.Key, u *identity.User, profile, password []byte) error {
	plain, err := key.Open(profile, columnProfile)
	if err != nil {
		return err
	}
	if err := fields(plain, func(t tag, value []byte) error {
		switch t {
		case profileEmail:
			u.Email = string(value)
		case profileName:
			u.Name = string(value)
		default:
			return errUnknownField
		}
		return nil
	}); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	hash, err := key.Open(password, columnPassword)
	u.PasswordHash = string(hash)
	return err
}

// addUser inserts a user with a key of their own: fault.Conflict when the e-mail or the id is taken.
func (s *Store) addUser(ctx context.Context, q queries, u identity.User) (*seal.Key, error) {
	by, err := s.wrapping(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, key, err := s.sealUser(u, by)
	if err != nil {
		return nil, err
	}
	if err := insertRows(ctx, q, sqlNewEmail, emailColumns, "", rows.email); err != nil {
		return nil, s.taken(err, "there is a user with this e-mail already")
	}
	if err := insertRows(ctx, q, sqlNewUser, userColumns, "", rows.user); err != nil {
		return nil, s.taken(err, "there is a user with this id already")
	}
	return key, insertRows(ctx, q, sqlNewKey, userKeyColumns, "", rows.key)
}

// taken turns the refusal of a unique key into fault.Conflict.
func (s *Store) taken(err error, message string) error {
	if s.db.classify(err) == classExists {
		return fault.Wrap(fault.Conflict, err, "%s", message)
	}
	return err
}

// CreateUser adds a user and makes their key. An e-mail that exists, in whatever case, gives fault.Conflict.
func (s *Store) CreateUser(ctx context.Context, u identity.User, w Write) error {
	return s.createUser(ctx, u, w, func(queries) error { return nil })
}

func (s *Store) createUser(ctx context.Context, u identity.User, w Write, also func(queries) error) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := s.addUser(ctx, q, u); err != nil {
			return err
		}
		if err := also(q); err != nil {
			return err
		}
		return s.record(ctx, q, u.ID, w)
	})
	return s.explain("create user", err)
}

// CreateInvitation adds a user who may not sign in yet, and the secret's hash with which they will become one who may.
func (s *Store) CreateInvitation(ctx context.Context, u identity.User, i identity.Invitation, w Write) error {
	if u.Status != identity.Invited || i.User != u.ID {
		return fmt.Errorf("create invitation: user %s is not the one invited", u.ID)
	}
	return s.createUser(ctx, u, w, func(q queries) error {
		mailed := 0
		if i.Mailed {
			mailed = 1
		}
		_, err := q.exec(ctx, sqlNewInvitation, i.Hash[:], string(i.User), stamp(i.CreatedAt), stamp(i.ExpiresAt), mailed)
		return s.taken(err, "this invitation exists already")
	})
}

// InvitedUser is whom an invitation makes a user; fault.NotFound where it is unknown, used or expired.
func (s *Store) InvitedUser(ctx context.Context, hash identity.TokenHash, now time.Time) (identity.User, error) {
	var owner string
	err := s.db.one(ctx, sqlInvitedUser, []any{hash[:], stamp(now)}, &owner)
	if noRow(err) {
		return identity.User{}, fault.New(fault.NotFound, "this invitation is not known, was used or has expired")
	}
	if err != nil {
		return identity.User{}, s.explain("find invited user", err)
	}
	return s.User(ctx, ledger.OwnerID(owner))
}

// AcceptInvitation makes an invited user an active one, once. A secret that is unknown, used or expired gives
// fault.NotFound. An empty name keeps the one the invitation came with. Where its link was mailed, the address is confirmed. Actor, owner and object of the audit entry are the user.
func (s *Store) AcceptInvitation(ctx context.Context, hash identity.TokenHash, name, passwordHash string, now time.Time, w Write) (identity.User, error) {
	var u identity.User
	err := s.db.write(ctx, func(q queries) error {
		var owner string
		var mailed int
		if err := q.one(ctx, sqlUseInvitation, []any{hash[:], stamp(now)}, &owner, &mailed); noRow(err) {
			return fault.New(fault.NotFound, "this invitation is not known, was used or has expired")
		} else if err != nil {
			return err
		}
		key, err := s.key(ctx, q, ledger.OwnerID(owner))
		if err != nil {
			return err
		}
		if u, err = s.readUser(ctx, q, ledger.OwnerID(owner)); err != nil {
			return err
		}
		if name != "" {
			u.Name = name
		}
		if mailed > 0 {
			u.ConfirmedAt = now
		}
		u.Status, u.PasswordHash = identity.Active, passwordHash
		changed, err := q.exec(ctx, sqlAcceptUser, owner, string(u.Status), sealProfile(key, u.Email, u.Name),
			key.Seal([]byte(passwordHash), columnPassword), string(identity.Invited), stamp(u.ConfirmedAt))
		if err != nil {
			return err
		}
		if changed == 0 { // suspended meanwhile
			return fault.New(fault.NotFound, "this invitation is not known, was used or has expired")
		}
		entry := w
		entry.Audit.Actor, entry.Audit.Owner, entry.Audit.Object = u.ID, u.ID, owner
		return s.record(ctx, q, u.ID, entry)
	})
	if err != nil {
		return identity.User{}, s.explain("accept invitation", err)
	}
	return u, nil
}

// UserByEmail finds a user by their whole e-mail, in whatever case; fault.NotFound where there is none.
func (s *Store) UserByEmail(ctx context.Context, email string) (identity.User, error) {
	var owner string
	err := s.db.one(ctx, sqlOwnerByEmail, []any{s.emailIndex(email)}, &owner)
	if noRow(err) {
		return identity.User{}, fault.New(fault.NotFound, "there is no such user")
	}
	if err != nil {
		return identity.User{}, s.explain("find user", err)
	}
	return s.User(ctx, ledger.OwnerID(owner))
}

// User reads a user; fault.NotFound where there is none.
func (s *Store) User(ctx context.Context, owner ledger.OwnerID) (identity.User, error) {
	u, err := s.readUser(ctx, s.db, owner)
	return u, s.explain("read user", err)
}

func (s *Store) readUser(ctx context.Context, q queries, owner ledger.OwnerID) (identity.User, error) {
	u := identity.User{ID: owner}
	var role, status string
	var profile, password []byte
	var created, confirmed, breached int64
	if err := q.one(ctx, sqlUser, []any{string(owner)}, &role, &status, &profile, &password, &created, &confirmed, &breached); noRow(err) {
		return identity.User{}, fault.New(fault.NotFound, "there is no such user")
	} else if err != nil {
		return identity.User{}, err
	}
	key, err := s.key(ctx, q, owner)
	if err != nil {
		return identity.User{}, err
	}
	u.Role, u.Status, u.CreatedAt, u.ConfirmedAt = identity.Role(role), identity.Status(status), moment(created), moment(confirmed)
	u.BreachedAt = moment(breached)
	if err := openUser(key, &u, profile, password); err != nil {
		return identity.User{}, err
	}
	return u, nil
}

// Users gives a page of all users by id: those after the cursor ("" for the first page), at most limit, and the next cursor,
// "" after the last page.
func (s *Store) Users(ctx context.Context, cursor string, limit int) (users []identity.User, next string, err error) {
	limit = max(1, min(limit, usersPageMax))
	err = s.db.each(ctx, sqlSweepUsers, []any{cursor, limit + 1}, func(row scanner) error {
		var owner, role, status string
		var profile, password, wrapped []byte
		var created, confirmed int64
		var version int
		if err := row.Scan(&owner, &role, &status, &profile, &password, &created, &confirmed, &version, &wrapped); err != nil {
			return err
		}
		if len(users) == limit {
			next = string(users[limit-1].ID)
			return nil
		}
		key, err := s.openKey(ctx, ledger.OwnerID(owner), version, wrapped)
		if err != nil {
			return err
		}
		u := identity.User{ID: ledger.OwnerID(owner), Role: identity.Role(role), Status: identity.Status(status), CreatedAt: moment(created), ConfirmedAt: moment(confirmed)}
		users = append(users, u)
		return openUser(key, &users[len(users)-1], profile, password)
	})
	if err != nil {
		return nil, "", s.explain("list users", err)
	}
	return users, next, nil
}

// SetPassword replaces a password's hash.
func (s *Store) SetPassword(ctx context.Context, owner ledger.OwnerID, hash string, w Write) error {
	return s.setPassword(ctx, owner, hash, w, func(queries) error { return nil })
}

// ChangePassword replaces a password's hash, uses up the code of the second factor, and ends every session but the one to keep, and
// all API tokens unless they are to stay. Links that were mailed before do nothing any more.
func (s *Store) ChangePassword(ctx context.Context, owner ledger.OwnerID, c identity.ChangePassword, w Write) error {
	return s.setPassword(ctx, owner, c.PasswordHash, w, func(q queries) error {
		if err := s.spend(ctx, q, owner, c.Spend); err != nil {
			return err
		}
		if !c.KeepTokens {
			if _, err := q.exec(ctx, sqlDropTokens, string(owner)); err != nil {
				return err
			}
		}
		if _, err := q.exec(ctx, sqlDropMailedLinks, string(owner)); err != nil {
			return err
		}
		_, err := q.exec(ctx, sqlDropOtherSessions, string(owner), c.Keep[:])
		return err
	})
}

func (s *Store) setPassword(ctx context.Context, owner ledger.OwnerID, hash string, w Write, also func(queries) error) error {
	err := s.db.write(ctx, func(q queries) error {
		key, err := s.key(ctx, q, owner)
		if err != nil {
			return err
		}
		changed, err := q.exec(ctx, sqlSetPassword, string(owner), key.Seal([]byte(hash), columnPassword))
		if err != nil {
			return err
		}
		if changed == 0 {
			return fault.New(fault.NotFound, "there is no such user")
		}
		if err := also(q); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("set password", err)
}
