package seal

import (
	"context"
	"fmt"
	"slices"

	"folioscope/internal/fault"
)

// Change is a keyring that is ready to take the place of the one that is there. Root keys come and go by two of them:
//
//	AddRootKey ──> every node has read it ──> user keys are wrapped by the new key ──> RetireRootKeys
type Change struct {
	root *Root
	kek  *KEK
	old  []byte
	next *held
}

// AddRootKey adds a root key. Nothing is wrapped by it before whoever keeps the user keys says so.
func (r *Root) AddRootKey(ctx context.Context) (*Change, RootKey, error) {
	from := r.held.Load()
	keys, err := from.keys.with()
	if err != nil {
		return nil, 0, err
	}
	c, err := r.change(ctx, r.opener(), from, keys)
	return c, keys.ids[len(keys.ids)-1], err
}

// RetireRootKeys leaves one root key alone. What another one wrapped opens never again.
func (r *Root) RetireRootKeys(ctx context.Context, kept RootKey) (*Change, error) {
	from := r.held.Load()
	keys, err := from.keys.keeping(kept)
	if err != nil {
		return nil, err
	}
	return r.change(ctx, r.opener(), from, keys)
}

// Rewrap encrypts the same keyset with another KEK, after which the one of before opens nothing.
func (r *Root) Rewrap(ctx context.Context, kek *KEK) (*Change, error) {
	from := r.held.Load()
	return r.change(ctx, kek, from, from.keys)
}

func (r *Root) opener() *KEK {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kek
}

func (r *Root) change(ctx context.Context, kek *KEK, from *held, keys *rootKeys) (*Change, error) {
	data, err := r.encode(ctx, kek, keys)
	if err != nil {
		return nil, fmt.Errorf("change the keyring: %w", err)
	}
	if len(data) > keyringBytesMax {
		return nil, fault.New(fault.TooLarge, "the keyring would hold too many root keys")
	}
	return &Change{root: r, kek: kek, old: from.data, next: &held{data, keys}}, nil
}

// Digest names the state that the keyring will have.
func (c *Change) Digest() string { return digestOf(c.next.data) }

// RootKeys names the root keys that the keyring will hold.
func (c *Change) RootKeys() []RootKey { return slices.Clone(c.next.keys.ids) }

// Apply puts the keyring in its place; done twice it does nothing more. Where the keyring was changed meanwhile it gives
// fault.Conflict.
func (c *Change) Apply(ctx context.Context) error {
	c.root.mu.Lock()
	defer c.root.mu.Unlock()
	if err := c.root.place.Replace(ctx, c.old, c.next.data); err != nil {
		return fmt.Errorf("replace the keyring: %w", err)
	}
	c.root.kek = c.kek
	c.root.held.Store(c.next)
	return nil
}
