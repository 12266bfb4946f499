package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

// The keyring says which root keys there are; the database says which of them wraps new users' keys. So a rotation that was cut
// short, wherever it was, is seen from both and goes on from there.

const (
	sqlHoldInstallation = `UPDATE installation SET value = value WHERE name = $1 RETURNING value`
	sqlPutInstallation  = `INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`

	sqlNewRootKey    = `INSERT INTO root_keys (id, made_at, retired_at) VALUES ($1, $2, 0) ON CONFLICT (id) DO NOTHING`
	sqlRootKeys      = `SELECT id, made_at, retired_at FROM root_keys ORDER BY made_at, id`
	sqlRetireRootKey = `UPDATE root_keys SET retired_at = $2 WHERE id = $1 AND retired_at = 0`

	sqlSweepWrappings   = `SELECT substr(wrapped, 1, 5), COUNT(*) FROM user_keys GROUP BY 1`
	sqlSweepOtherwise   = `SELECT COUNT(*) FROM user_keys WHERE substr(wrapped, 1, 5) <> $1`
	sqlSweepUserKeys    = `SELECT owner, version, wrapped FROM user_keys WHERE (owner, version) > ($1, $2) ORDER BY owner, version LIMIT $3`
	sqlRewrapUserKey    = `UPDATE user_keys SET wrapped = $4 WHERE owner = $1 AND version = $2 AND wrapped = $3`
	sqlSeeKeyringNode   = `INSERT INTO keyring_nodes (node, keyring, seen_at) VALUES ($1, $2, $3) ON CONFLICT (node) DO UPDATE SET keyring = excluded.keyring, seen_at = excluded.seen_at`
	sqlLeaveKeyringNode = `DELETE FROM keyring_nodes WHERE node = $1`
	sqlForgetNodes      = `DELETE FROM keyring_nodes WHERE seen_at < $1`
	sqlKeyringNodes     = `SELECT node, keyring, seen_at FROM keyring_nodes WHERE seen_at >= $1 ORDER BY node`
)

// What is kept of the keys in the table installation.
const (
	nameRootKey  = "root key" // wraps new users' keys
	nameKeyring  = "keyring state"
	nameRecorded = "keys recorded" // their making is in the audit log
)

const (
	rewrapBatch      = 1_000            // users' keys in one transaction: some 10 ms, during which SQLite has no other writer
	keyringSeenEvery = 10 * time.Second // a node says at least this often that it runs
	keyringSeenMax   = 30 * time.Second // a node that says nothing for longer doesn't run
	nodesForgotten   = 24 * time.Hour
	keyringReads     = 100 // at once, of a keyring that lacks a root key; one a second afterwards: no key of a damaged row keeps us reading
)

// checkKeyring refuses a keyring that is not the one this database was made with, or that lacks the root key in use. A database
// that is new is tied to the keyring here.
func (s *Store) checkKeyring(ctx context.Context) error {
	return s.db.write(ctx, func(q queries) error {
		fresh, err := q.exec(ctx, sqlNewInstallation, nameFingerprint, s.root.Fingerprint())
		if err != nil {
			return err
		}
		var fingerprint string
		if err := q.one(ctx, sqlInstallation, []any{nameFingerprint}, &fingerprint); err != nil {
			return err
		}
		if fingerprint != s.root.Fingerprint() {
			return fault.New(fault.Denied, "the database was sealed with the keyring %s, not with %s", fingerprint, s.root.Fingerprint())
		}
		return s.checkRootKey(ctx, q, fresh > 0)
	})
}

func (s *Store) checkRootKey(ctx context.Context, q queries, fresh bool) error {
	first := s.root.RootKeys()[0]
	added, err := q.exec(ctx, sqlNewInstallation, nameRootKey, first.String())
	if err != nil {
		return err
	}
	if added > 0 {
		made := stamp(s.now())
		if !fresh { // keys that are older than this table: nothing is known of their making
			made = 0
			if _, err := q.exec(ctx, sqlNewInstallation, nameRecorded, ""); err != nil {
				return err
			}
		}
		if _, err := q.exec(ctx, sqlNewRootKey, int64(first), made); err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlPutInstallation, nameKeyring, s.root.Digest()); err != nil {
			return err
		}
	}
	used, err := rootKeyIn(ctx, q, sqlInstallation)
	if err != nil {
		return err
	}
	if !s.holds(used) { // it may have been added since the keyring was read
		if err := s.root.Reload(ctx); err != nil {
			return err
		}
	}
	if !s.holds(used) {
		return fault.New(fault.Denied, "the users' keys of this database are wrapped by the root key %s, which this keyring doesn't hold: put the keyring back that belongs to the database", used)
	}
	return nil
}

// RecordKeys writes the making of an installation's keys into the audit log, once: they are made before there is a log.
func (s *Store) RecordKeys(ctx context.Context) error {
	err := s.db.write(ctx, func(q queries) error {
		first, err := q.exec(ctx, sqlNewInstallation, nameRecorded, "")
		if err != nil || first == 0 {
			return err
		}
		return s.audit(ctx, q, audit.Entry{Action: audit.KeysCreated, Object: s.root.Fingerprint(), Result: "ok"})
	})
	return s.explain("record the keys", err)
}

// Keyring names the keyring; it is no secret.
func (s *Store) Keyring() string { return s.root.Fingerprint() }

func (s *Store) holds(key seal.RootKey) bool { return slices.Contains(s.root.RootKeys(), key) }

func rootKeyIn(ctx context.Context, q queries, text string) (seal.RootKey, error) {
	var value string
	if err := q.one(ctx, text, []any{nameRootKey}, &value); err != nil {
		return 0, err
	}
	return seal.ParseRootKey(value)
}

// wrapping names the root key that wraps new users' keys, and holds it until the transaction ends: a rotation waits for those
// who wrap by the key of before, and nobody does so after it.
func (s *Store) wrapping(ctx context.Context, q queries) (seal.RootKey, error) {
	key, err := rootKeyIn(ctx, q, sqlHoldInstallation)
	if err != nil || s.holds(key) {
		return key, err
	}
	return key, s.root.Reload(ctx)
}

// openKey opens a wrapped key of a user, after a look at the keyring where a rotation went past this node unseen.
func (s *Store) openKey(ctx context.Context, owner ledger.OwnerID, version int, wrapped []byte) (*seal.Key, error) {
	key, err := s.root.UserKey(owner, version, wrapped)
	if !errors.Is(err, seal.ErrRootKey) || !s.keyringReads.Allow() {
		return key, err
	}
	if err := s.root.Reload(ctx); err != nil {
		return nil, err
	}
	return s.root.UserKey(owner, version, wrapped)
}

// changeKeyring puts a keyring in its place, with what is recorded of it; nodes find out by its state.
func (s *Store) changeKeyring(ctx context.Context, c *seal.Change, entry audit.Entry, also func(q queries) error) error {
	return s.db.write(ctx, func(q queries) error {
		if err := s.audit(ctx, q, entry); err != nil {
			return err
		}
		if err := also(q); err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlPutInstallation, nameKeyring, c.Digest()); err != nil {
			return err
		}
		return c.Apply(ctx) // last: what failed before has changed nothing
	})
}

// AddRootKey adds a root key to the keyring. Nothing is wrapped by it before UseRootKey.
func (s *Store) AddRootKey(ctx context.Context) (seal.RootKey, error) {
	c, key, err := s.root.AddRootKey(ctx)
	if err != nil {
		return 0, s.explain("add a root key", err)
	}
	err = s.changeKeyring(ctx, c, audit.Entry{Action: audit.RootKeyAdded, Object: key.String(), Result: "ok"}, func(q queries) error {
		if _, err := q.exec(ctx, sqlForgetNodes, stamp(s.now().Add(-nodesForgotten))); err != nil {
			return err
		}
		return s.listRootKeys(ctx, q, c.RootKeys())
	})
	return key, s.explain("add a root key", err)
}

// listRootKeys brings the list of root keys to what the keyring holds.
func (s *Store) listRootKeys(ctx context.Context, q queries, held []seal.RootKey) error {
	for _, key := range held {
		if _, err := q.exec(ctx, sqlNewRootKey, int64(key), stamp(s.now())); err != nil {
			return err
		}
	}
	listed, err := listedRootKeys(ctx, q)
	if err != nil {
		return err
	}
	for _, key := range listed {
		if key.RetiredAt.IsZero() && !slices.Contains(held, key.Key) {
			if _, err := q.exec(ctx, sqlRetireRootKey, int64(key.Key), stamp(s.now())); err != nil {
				return err
			}
		}
	}
	return nil
}

func listedRootKeys(ctx context.Context, q queries) ([]RootKey, error) {
	var keys []RootKey
	err := q.each(ctx, sqlRootKeys, nil, func(row scanner) error {
		var id, made, retired int64
		err := row.Scan(&id, &made, &retired)
		keys = append(keys, RootKey{Key: seal.RootKey(id), MadeAt: moment(made), RetiredAt: moment(retired)})
		return err
	})
	return keys, err
}

// SettleKeyring makes good what a process left undone that died between the keyring and the database, and gives the root keys
// that the keyring holds, as they were added: more than one while a rotation is under way.
func (s *Store) SettleKeyring(ctx context.Context) ([]seal.RootKey, error) {
	var held []seal.RootKey
	err := s.db.write(ctx, func(q queries) error {
		if err := s.root.Reload(ctx); err != nil {
			return err
		}
		held = s.root.RootKeys()
		if err := s.listRootKeys(ctx, q, held); err != nil {
			return err
		}
		_, err := q.exec(ctx, sqlPutInstallation, nameKeyring, s.root.Digest())
		return err
	})
	return held, s.explain("settle the keyring", err)
}

// UseRootKey makes a root key the one that wraps new users' keys.
func (s *Store) UseRootKey(ctx context.Context, key seal.RootKey) error {
	err := s.db.write(ctx, func(q queries) error {
		used, err := rootKeyIn(ctx, q, sqlHoldInstallation)
		if err != nil || used == key {
			return err
		}
		if _, err := q.exec(ctx, sqlPutInstallation, nameRootKey, key.String()); err != nil {
			return err
		}
		return s.audit(ctx, q, audit.Entry{Action: audit.KeysRotated, Object: key.String(), Result: "ok"})
	})
	return s.explain("use a root key", err)
}

// UserKeyPlace is where a walk over the users' keys is. The zero value is its begin.
type UserKeyPlace struct {
	owner   ledger.OwnerID
	version int
}

// RewrapUserKeys wraps the users' keys after a place by a root key, at most a batch of them. It says how far it came and how many
// keys it saw; none is the end. A key that is wrapped by the root key already stays as it is.
func (s *Store) RewrapUserKeys(ctx context.Context, after UserKeyPlace, by seal.RootKey) (last UserKeyPlace, seen int, err error) {
	type userKey struct {
		UserKeyPlace
		wrapped []byte
	}
	err = s.db.write(ctx, func(q queries) error {
		batch := make([]userKey, 0, rewrapBatch)
		err := q.each(ctx, sqlSweepUserKeys, []any{string(after.owner), after.version, rewrapBatch}, func(row scanner) error {
			var k userKey
			var owner string
			err := row.Scan(&owner, &k.version, &k.wrapped)
			k.owner = ledger.OwnerID(owner)
			batch = append(batch, k)
			return err
		})
		if err != nil {
			return err
		}
		last, seen = after, len(batch)
		for _, k := range batch {
			last = k.UserKeyPlace
			if held, ok := seal.WrappedBy(k.wrapped); ok && held == by {
				continue
			}
			wrapped, err := s.root.RewrapUserKey(k.owner, k.version, k.wrapped, by)
			if err != nil {
				return fmt.Errorf("the key of user %s: %w", k.owner, err)
			}
			// A key that was deleted meanwhile, with its user, stays deleted.
			if _, err := q.exec(ctx, sqlRewrapUserKey, string(k.owner), k.version, k.wrapped, wrapped); err != nil {
				return err
			}
		}
		return nil
	})
	return last, seen, s.explain("wrap users' keys anew", err)
}

// RetireRootKeys takes all root keys but one out of the keyring: fault.Conflict while a user's key is wrapped by another.
func (s *Store) RetireRootKeys(ctx context.Context, kept seal.RootKey) error {
	c, err := s.root.RetireRootKeys(ctx, kept)
	if err != nil {
		return s.explain("retire root keys", err)
	}
	err = s.changeKeyring(ctx, c, audit.Entry{Action: audit.RootKeysRetired, Object: kept.String(), Result: "ok"}, func(q queries) error {
		used, err := rootKeyIn(ctx, q, sqlHoldInstallation)
		if err != nil {
			return err
		}
		var others int
		if err := q.one(ctx, sqlSweepOtherwise, []any{kept.Prefix()}, &others); err != nil {
			return err
		}
		if used != kept || others > 0 {
			return fault.New(fault.Conflict, "%d users' keys are wrapped by a root key that was to be retired", others)
		}
		return s.listRootKeys(ctx, q, c.RootKeys())
	})
	return s.explain("retire root keys", err)
}

// RewrapKeyring encrypts the keyring with another KEK; kind says in words what that is.
func (s *Store) RewrapKeyring(ctx context.Context, kek *seal.KEK, kind string) error {
	c, err := s.root.Rewrap(ctx, kek)
	if err != nil {
		return s.explain("encrypt the keyring", err)
	}
	err = s.changeKeyring(ctx, c, audit.Entry{Action: audit.KeyringRewrapped, Object: kind, Result: "ok"}, func(queries) error { return nil })
	return s.explain("encrypt the keyring", err)
}

// RootKey is what is known of a root key.
type RootKey struct {
	Key       seal.RootKey
	MadeAt    time.Time // zero where it is older than this was recorded
	RetiredAt time.Time // zero while the keyring holds it
	Used      bool      // wraps new users' keys
	UserKeys  int       // that it wraps
}

// State says in words what becomes of a root key.
func (k RootKey) State() string {
	switch {
	case !k.RetiredAt.IsZero():
		return "retired " + k.RetiredAt.Format(time.DateOnly)
	case k.Used:
		return "in use"
	case k.UserKeys > 0:
		return "being replaced"
	}
	return "waiting" // for the rotation to go on
}

// RootKeys gives every root key that there ever was, the oldest first.
func (s *Store) RootKeys(ctx context.Context) ([]RootKey, error) {
	var keys []RootKey
	err := s.db.read(ctx, func(q queries) error {
		used, err := rootKeyIn(ctx, q, sqlInstallation)
		if err != nil {
			return err
		}
		wraps := make(map[seal.RootKey]int)
		if err := q.each(ctx, sqlSweepWrappings, nil, func(row scanner) error {
			var prefix []byte
			var count int
			err := row.Scan(&prefix, &count)
			key, _ := seal.WrappedBy(prefix)
			wraps[key] += count
			return err
		}); err != nil {
			return err
		}
		keys, err = listedRootKeys(ctx, q)
		for i := range keys {
			keys[i].Used, keys[i].UserKeys = keys[i].Key == used, wraps[keys[i].Key]
		}
		return err
	})
	return keys, s.explain("read root keys", err)
}

// KeyringNode is a running node, and whether it holds the keyring as it is now.
type KeyringNode struct {
	Name    string
	Current bool
}

// KeyringNodes gives the nodes that run.
func (s *Store) KeyringNodes(ctx context.Context) ([]KeyringNode, error) {
	var nodes []KeyringNode
	err := s.db.each(ctx, sqlKeyringNodes, []any{stamp(s.now().Add(-keyringSeenMax))}, func(row scanner) error {
		var node KeyringNode
		var digest string
		var seen int64
		err := row.Scan(&node.Name, &digest, &seen)
		node.Current = digest == s.root.Digest()
		nodes = append(nodes, node)
		return err
	})
	return nodes, s.explain("read the nodes' keyrings", err)
}

// FollowKeyring reads the keyring anew where it was changed, and says which state this node holds. It is called every few seconds.
// Where the keyring can't be read the node goes on with the keys that it holds.
func (s *Store) FollowKeyring(ctx context.Context) error {
	var announced string
	if err := s.db.one(ctx, sqlInstallation, []any{nameKeyring}, &announced); err != nil {
		return s.explain("follow the keyring", err)
	}
	var failed error
	if announced != s.root.Digest() {
		failed = s.root.Reload(ctx)
	}
	digest, now := s.root.Digest(), s.now()
	s.mu.Lock()
	due := s.followed != digest || now.Sub(s.followedAt) >= keyringSeenEvery
	s.mu.Unlock()
	if due {
		if _, err := s.db.exec(ctx, sqlSeeKeyringNode, s.node, digest, stamp(now)); err != nil {
			return s.explain("follow the keyring", errors.Join(failed, err))
		}
		s.mu.Lock()
		s.followed, s.followedAt = digest, now
		s.mu.Unlock()
	}
	return s.explain("follow the keyring", failed)
}

// LeaveKeyring says that this node stops.
func (s *Store) LeaveKeyring(ctx context.Context) error {
	_, err := s.db.exec(ctx, sqlLeaveKeyringNode, s.node)
	return s.explain("follow the keyring", err)
}
