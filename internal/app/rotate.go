package app

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"

	"folioscope/internal/config"
	"folioscope/internal/fault"
	"folioscope/internal/seal"
	"folioscope/internal/sqlstore"
)

const (
	keyringPollInterval = 2 * time.Second        // of a node that looks whether the keyring was changed
	nodesPollInterval   = 250 * time.Millisecond // of a rotation that waits for nodes
	nodesWaitMax        = 90 * time.Second       // for all nodes to read a new keyring; one that died is forgotten within half a minute
	leaveWaitMax        = 2 * time.Second        // of a node that stops
)

// followKeyring keeps a node's root keys those of the keyring, so that keys can be rotated while it runs.
func (n *node) followKeyring(ctx context.Context) error {
	ticker := time.NewTicker(cmp.Or(n.o.keyringPoll, keyringPollInterval))
	defer ticker.Stop()
	last := ""
	for {
		err := n.store.FollowKeyring(ctx)
		if ctx.Err() != nil {
			return n.leaveKeyring(ctx)
		}
		last = tellOnce(n.o.Log, err, last)
		select {
		case <-ctx.Done():
			return n.leaveKeyring(ctx)
		case <-ticker.C:
		}
	}
}

func (n *node) leaveKeyring(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWaitMax)
	defer cancel()
	return n.store.LeaveKeyring(ctx)
}

// tellOnce logs a trouble when it begins and when it ends.
func tellOnce(log *slog.Logger, err error, last string) string {
	switch {
	case err == nil && last != "":
		log.Info("the keyring is read again")
	case err != nil && err.Error() != last:
		log.Warn("the keyring was changed and can't be read: this node goes on with the keys that it holds, but can't start again before keys.kek fits", "error", err)
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// KeyStatus says what wraps what; nothing in it is secret.
type KeyStatus struct {
	KEK      string // its kind
	KEKPlace string // where it is, as keys.kek says
	Keyring  string // its name
	Place    string // where it is
	RootKeys []sqlstore.RootKey
	Nodes    []sqlstore.KeyringNode
}

// StatusOfKeys reads what wraps what in the configured store.
func StatusOfKeys(ctx context.Context, settings config.Config, o Options) (KeyStatus, error) {
	reference, err := kekReference(settings)
	if err != nil {
		return KeyStatus{}, err
	}
	status := KeyStatus{KEK: kindOfKEK(reference), KEKPlace: reference, Place: keyringPlace(settings)}
	err = withStore(ctx, settings, o, func(store *sqlstore.Store) (err error) {
		status.Keyring = store.Keyring()
		if status.RootKeys, err = store.RootKeys(ctx); err != nil {
			return err
		}
		status.Nodes, err = store.KeyringNodes(ctx)
		return err
	})
	return status, err
}

// Rotated is what a rotation did.
type Rotated struct {
	Key      seal.RootKey // wraps everything now
	UserKeys int          // that were looked at
	WentOn   bool         // with a rotation that was begun before
}

// RotateKeys gives the configured store a new root key while nodes run on it, wraps every user's key by it and retires all others.
// A rotation that was cut short goes on. Progress is called after each batch.
//
//	add the key ──> all nodes hold it ──> new users' keys by it ──> all users' keys by it ──> the others go
func RotateKeys(ctx context.Context, settings config.Config, o Options, progress func(done, all int)) (rotated Rotated, err error) {
	err = withStore(ctx, settings, o, func(store *sqlstore.Store) error {
		held, err := store.SettleKeyring(ctx)
		if err != nil {
			return err
		}
		rotated.Key, rotated.WentOn = held[len(held)-1], len(held) > 1
		if !rotated.WentOn {
			if rotated.Key, err = store.AddRootKey(ctx); err != nil {
				return err
			}
		}
		if err := awaitNodes(ctx, store); err != nil {
			return err
		}
		if err := store.UseRootKey(ctx, rotated.Key); err != nil {
			return err
		}
		if rotated.UserKeys, err = rewrapAll(ctx, store, rotated.Key, progress); err != nil {
			return err
		}
		return store.RetireRootKeys(ctx, rotated.Key)
	})
	return rotated, err
}

func rewrapAll(ctx context.Context, store *sqlstore.Store, key seal.RootKey, progress func(done, all int)) (done int, err error) {
	keys, err := store.RootKeys(ctx)
	if err != nil {
		return 0, err
	}
	all := 0
	for _, k := range keys {
		all += k.UserKeys
	}
	var at sqlstore.UserKeyPlace
	for {
		last, seen, err := store.RewrapUserKeys(ctx, at, key)
		if err != nil || seen == 0 {
			return done, err
		}
		at = last
		done += seen
		progress(done, max(done, all))
	}
}

// awaitNodes waits until every node that runs holds the keyring as it is now.
func awaitNodes(ctx context.Context, store *sqlstore.Store) error {
	deadline := time.NewTimer(nodesWaitMax)
	defer deadline.Stop()
	ticker := time.NewTicker(nodesPollInterval)
	defer ticker.Stop()
	for {
		nodes, err := store.KeyringNodes(ctx)
		if err != nil {
			return err
		}
		var behind []string
		for _, node := range nodes {
			if !node.Current {
				behind = append(behind, node.Name)
			}
		}
		if len(behind) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return fault.New(fault.Unavailable, "the new root key is not in use yet, because it is not held by %s: its log says why; mend or stop it, then run `folioscope keys rotate` again", strings.Join(behind, ", "))
		case <-ticker.C:
		}
	}
}

// RewrapKeyring encrypts the keyring with the key-encryption key that another reference names, and makes that one where it is a
// file that doesn't exist yet. The one of before opens nothing afterwards.
func RewrapKeyring(ctx context.Context, settings config.Config, o Options, to string) error {
	return withStore(ctx, settings, o, func(store *sqlstore.Store) error {
		kek, err := openKEK(ctx, settings, to)
		if fault.Is(err, fault.NotFound) && seal.KindOf(to) == seal.KindFile && to != "" {
			kek, err = seal.CreateKEK(to)
		}
		if err != nil {
			return err
		}
		warnAboutKEK(o.Log, to)
		return store.RewrapKeyring(ctx, kek, kindOfKEK(to))
	})
}
