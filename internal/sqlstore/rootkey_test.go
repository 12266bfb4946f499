package sqlstore

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

// rotating is a node on a keyring that may be changed, and what opens further ones beside it.
type rotating struct {
	*bench
	place *memoryPlace
}

// onEachRotating runs on both databases. The keyring is the one that all tests begin with.
func onEachRotating(t *testing.T, test func(t *testing.T, r *rotating)) {
	t.Helper()
	var mu sync.Mutex
	places := map[*seal.Root]*memoryPlace{}
	open := func(t *testing.T) *seal.Root {
		t.Helper()
		place := &memoryPlace{}
		root, err := openRoot(place)
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		places[root] = place
		return root
	}
	onEachRoot(t, open, func(t *testing.T, b *bench) {
		mu.Lock()
		place := places[b.root]
		mu.Unlock()
		test(t, &rotating{b, place})
	})
}

// another opens the same store as another process does.
func (r *rotating) another(name string) *Store {
	r.t.Helper()
	options := r.options
	var err error
	options.Root, err = openRoot(r.place)
	r.ok(err)
	options.Node = name
	s, err := Open(r.t.Context(), options)
	r.ok(err)
	r.t.Cleanup(func() { _ = s.Close() })
	return s
}

// rewrapAll wraps every user's key by a root key and gives how many it saw.
func (r *rotating) rewrapAll(s *Store, by seal.RootKey) (all int) {
	r.t.Helper()
	var at UserKeyPlace
	for {
		last, seen, err := s.RewrapUserKeys(r.t.Context(), at, by)
		r.ok(err)
		if seen == 0 {
			return all
		}
		at, all = last, all+seen
	}
}

// opens fails unless a store that remembers no key opens what every user has.
func (r *rotating) opens(s *Store, users ...ledger.OwnerID) {
	r.t.Helper()
	s.keys.DropWhere(func(ledger.OwnerID, *seal.Key) bool { return true })
	for _, id := range users {
		u, err := s.User(r.t.Context(), id)
		r.ok(err)
		if u.Name == "" {
			r.t.Fatalf("the name of %s is gone", id)
		}
	}
}

// add creates users by a store and gives their ids.
func (r *rotating) add(s *Store, ids ...ledger.OwnerID) []ledger.OwnerID {
	r.t.Helper()
	own := &bench{Store: s, t: r.t}
	for _, id := range ids {
		own.user(id)
	}
	return ids
}

// wraps gives how many users' keys each root key wraps that the keyring holds.
func (r *rotating) wraps(s *Store) map[seal.RootKey]int {
	r.t.Helper()
	keys, err := s.RootKeys(r.t.Context())
	r.ok(err)
	wraps := map[seal.RootKey]int{}
	for _, k := range keys {
		if k.RetiredAt.IsZero() {
			wraps[k.Key] = k.UserKeys
		}
	}
	return wraps
}

func (r *rotating) current(s *Store) (current, behind int) {
	r.t.Helper()
	nodes, err := s.KeyringNodes(r.t.Context())
	r.ok(err)
	for _, n := range nodes {
		if n.Current {
			current++
		} else {
			behind++
		}
	}
	return current, behind
}

// A node that runs sees the new root key before anything is wrapped by it, and the old one goes last.
func TestRootKeysAreRotatedUnderANode(t *testing.T) {
	onEachRotating(t, func(t *testing.T, r *rotating) {
		ctx, node := t.Context(), r.Store
		users := r.add(node, "anna", "berta")
		r.ok(node.RecordKeys(ctx))
		r.ok(node.FollowKeyring(ctx))
		command := r.another("command")
		held, err := command.SettleKeyring(ctx)
		r.ok(err)
		if len(held) != 1 {
			t.Fatalf("a keyring of %d root keys", len(held))
		}
		first := held[0]
		second, err := command.AddRootKey(ctx)
		r.ok(err)
		if current, behind := r.current(command); current != 0 || behind != 1 {
			t.Errorf("%d nodes hold the new key already, %d don't", current, behind)
		}
		r.ok(node.FollowKeyring(ctx))
		if current, behind := r.current(command); current != 1 || behind != 0 {
			t.Errorf("%d nodes hold the new key, %d don't", current, behind)
		}
		users = append(users, r.add(node, "carla")...) // still by the first: the second isn't in use
		if wraps := r.wraps(command); wraps[first] != 3 || wraps[second] != 0 {
			t.Errorf("before it is in use: %v", wraps)
		}
		r.kind(command.RetireRootKeys(ctx, second), fault.Conflict) // nothing is wrapped by it
		r.ok(command.UseRootKey(ctx, second))
		users = append(users, r.add(node, "dora")...)
		if wraps := r.wraps(command); wraps[first] != 3 || wraps[second] != 1 {
			t.Errorf("once it is in use: %v", wraps)
		}
		r.kind(command.RetireRootKeys(ctx, second), fault.Conflict) // three are left
		if seen := r.rewrapAll(command, second); seen != 4 {
			t.Errorf("%d keys were looked at", seen)
		}
		r.opens(node, users...)
		r.ok(command.RetireRootKeys(ctx, second))
		r.opens(node, users...) // that has not heard of it yet
		r.ok(node.FollowKeyring(ctx))
		r.opens(node, users...)
		if held := node.root.RootKeys(); len(held) != 1 || held[0] != second {
			t.Errorf("the node holds %v", held)
		}
		if wraps := r.wraps(node); len(wraps) != 1 || wraps[second] != 4 {
			t.Errorf("at the end: %v", wraps)
		}
		r.ok(node.LeaveKeyring(ctx))
		if current, behind := r.current(command); current+behind != 0 {
			t.Errorf("%d nodes are left", current+behind)
		}
		r.recorded(audit.KeysCreated, audit.RootKeyAdded, audit.KeysRotated, audit.RootKeysRetired)
	})
}

// recorded fails unless the service's own audit rows about keys are these.
func (r *rotating) recorded(want ...audit.Action) {
	r.t.Helper()
	rows, err := r.Audits(r.t.Context(), "", 0, 100)
	r.ok(err)
	var got []audit.Action
	for _, row := range rows {
		switch row.Action {
		case audit.KeysCreated, audit.RootKeyAdded, audit.KeysRotated, audit.RootKeysRetired, audit.KeyringRewrapped:
			got = append(got, row.Action)
		}
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("recorded of keys: %v, want %v", got, want)
	}
}

// A node that heard of nothing from the first step to the last reads the keyring when it meets a key that it can't open, and
// when it makes one.
func TestNodeThatMissedARotation(t *testing.T) {
	onEachRotating(t, func(t *testing.T, r *rotating) {
		ctx := t.Context()
		users := r.add(r.Store, "anna", "berta")
		reads, adds := r.another("reads"), r.another("adds")
		key, err := r.AddRootKey(ctx)
		r.ok(err)
		r.ok(r.UseRootKey(ctx, key))
		r.rewrapAll(r.Store, key)
		r.ok(r.RetireRootKeys(ctx, key))
		r.opens(reads, users...)
		users = append(users, r.add(adds, "carla")...)
		r.opens(r.Store, users...)
		if wraps := r.wraps(r.Store); wraps[key] != 3 {
			t.Errorf("%v", wraps)
		}
	})
}

// A process that dies between the keyring and the database leaves the database behind. The next one goes on from there, at
// every step of it.
func TestRotationThatDiedGoesOn(t *testing.T) {
	onEachRotating(t, func(t *testing.T, r *rotating) {
		ctx, died := t.Context(), errors.New("died")
		users := r.add(r.Store, "anna", "berta")
		dies := func(do func(s *Store) error) {
			t.Helper()
			s := r.another("dies")
			r.place.dies = died
			if err := do(s); !errors.Is(err, died) {
				t.Fatalf("it lived: %v", err)
			}
			r.place.dies = nil
		}
		dies(func(s *Store) error { _, err := s.AddRootKey(ctx); return err })
		r.opens(r.another("after adding"), users...)
		next := r.another("goes on")
		held, err := next.SettleKeyring(ctx)
		r.ok(err)
		if len(held) != 2 {
			t.Fatalf("the keyring holds %d root keys", len(held))
		}
		key := held[1]
		r.ok(r.FollowKeyring(ctx)) // the state was announced, though its writer died
		if !r.holds(key) {
			t.Error("a node doesn't hear of the key")
		}
		r.ok(next.UseRootKey(ctx, key))
		r.rewrapAll(next, key)
		dies(func(s *Store) error { return s.RetireRootKeys(ctx, key) })
		r.opens(r.another("after retiring"), users...)
		held, err = next.SettleKeyring(ctx)
		r.ok(err)
		if len(held) != 1 || held[0] != key {
			t.Errorf("the keyring holds %v", held)
		}
		if wraps := r.wraps(next); len(wraps) != 1 || wraps[key] != 2 {
			t.Errorf("%v", wraps)
		}
		r.opens(r.Store, users...)
	})
}

// The database says which root key its users' keys are wrapped by: a keyring of before the rotation is refused.
func TestKeyringOfBeforeIsRefused(t *testing.T) {
	onEachRotating(t, func(t *testing.T, r *rotating) {
		ctx, before := t.Context(), bytes.Clone(r.place.data)
		users := r.add(r.Store, "anna")
		key, err := r.AddRootKey(ctx)
		r.ok(err)
		r.ok(r.UseRootKey(ctx, key))
		after := bytes.Clone(r.place.data)
		r.place.data = before
		options := r.options
		if options.Root, err = openRoot(r.place); err != nil {
			t.Fatal(err)
		}
		_, err = Open(ctx, options)
		r.kind(err, fault.Denied)
		r.place.data = after
		r.opens(r.another("with the right one"), users...)
	})
}

// Another key-encryption key opens the same keyring, and the one of before doesn't. Nodes go on.
func TestKeyringUnderAnotherKey(t *testing.T) {
	onEachRotating(t, func(t *testing.T, r *rotating) {
		ctx := t.Context()
		users := r.add(r.Store, "anna")
		node := r.another("node")
		other, err := testKEK(testSecret + 1)
		r.ok(err)
		r.ok(r.RewrapKeyring(ctx, other, seal.KindFile))
		_, err = openRoot(r.place)
		r.kind(err, fault.Denied)
		root, err := seal.Open(ctx, other, r.place)
		r.ok(err)
		if root.Fingerprint() != r.root.Fingerprint() || !slices.Equal(root.RootKeys(), r.root.RootKeys()) {
			t.Error("the keyring became another one")
		}
		r.kind(node.FollowKeyring(ctx), fault.Denied)
		r.opens(node, users...)
		users = append(users, r.add(node, "berta")...)
		if current, behind := r.current(r.Store); current != 0 || behind != 1 {
			t.Errorf("%d nodes hold the keyring, %d don't", current, behind)
		}
		key, err := r.AddRootKey(ctx) // by the new key-encryption key
		r.ok(err)
		r.ok(r.UseRootKey(ctx, key))
		r.opens(r.Store, users...)
		r.recorded(audit.KeyringRewrapped, audit.RootKeyAdded, audit.KeysRotated)
	})
}

// Of two who change the keyring at once one is told so.
func TestTwoRotationsAtOnce(t *testing.T) {
	onEachRotating(t, func(t *testing.T, r *rotating) {
		one, other := r.another("one"), r.another("other")
		_, err := one.AddRootKey(t.Context())
		r.ok(err)
		_, err = other.AddRootKey(t.Context())
		r.kind(err, fault.Conflict)
		held, err := other.SettleKeyring(t.Context())
		r.ok(err)
		if len(held) != 2 {
			t.Errorf("the keyring holds %d root keys", len(held))
		}
		r.recorded(audit.RootKeyAdded)
	})
}

// More keys than one transaction takes; and an erased user's key isn't put back.
func TestManyKeysAreRewrapped(t *testing.T) {
	onEachRotating(t, func(t *testing.T, r *rotating) {
		ctx := t.Context()
		r.ok(r.Seed(ctx, seedUsers(2*rewrapBatch+1, 0)))
		key, err := r.AddRootKey(ctx)
		r.ok(err)
		r.ok(r.UseRootKey(ctx, key))
		place, seen, err := r.RewrapUserKeys(ctx, UserKeyPlace{}, key)
		r.ok(err)
		if seen != rewrapBatch {
			t.Errorf("%d keys at once", seen)
		}
		r.ok(r.EraseUser(ctx, "user00003", entry("", audit.UserErased)))
		r.ok(r.EraseUser(ctx, "user01500", entry("", audit.UserErased)))
		if last, seen, err := r.another("goes on").RewrapUserKeys(ctx, place, key); err != nil || seen != rewrapBatch || last == place {
			t.Errorf("%d more, %v", seen, err)
		}
		if all := r.rewrapAll(r.Store, key); all != 2*rewrapBatch-1 {
			t.Errorf("%d keys in all", all)
		}
		r.ok(r.RetireRootKeys(ctx, key))
		r.opens(r.Store, "user00000", "user00999", "user01000", "user02000")
	})
}
