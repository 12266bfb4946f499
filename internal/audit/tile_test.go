package audit

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// shelf is tiles in memory.
type shelf map[tileKey][]byte

func (s shelf) AuditTile(_ context.Context, level int, n int64) ([]byte, error) {
	return s[tileKey{level, n}], nil
}

// grown is a tree of so many leaves, with the root that it had at each size.
func grown(t *testing.T, leaves int64, called string) (shelf, []Hash) {
	t.Helper()
	s := shelf{}
	roots := []Hash{{}}
	var tree growing
	add := additions{read: within(t.Context(), s), tiles: map[tileKey][]byte{}}
	for n := range leaves {
		tree.push(Hash(tlog.RecordHash(fmt.Append(nil, called, n))), func(level int, n int64, h Hash) {
			if err := add.add(level, n, h); err != nil {
				t.Fatal(err)
			}
		})
		roots = append(roots, tree.root())
	}
	for _, tile := range add.list() {
		s[tileKey{tile.Level, tile.N}] = tile.Hashes
	}
	return s, roots
}

// A checkpoint continues another only if its tree begins with the other's: a fork of the same size doesn't, nor a shorter tree, nor
// a longer one of other leaves.
func TestContinues(t *testing.T) {
	tiles, roots := grown(t, 300, "leaf ")
	otherTiles, otherRoots := grown(t, 300, "fork ")
	at := func(size int64) Checkpoint { return Checkpoint{Size: size, Root: roots[size]} }
	fork := func(size int64) Checkpoint { return Checkpoint{Size: size, Root: otherRoots[size]} }
	for name, c := range map[string]struct {
		tiles          shelf
		earlier, later Checkpoint
		continues      bool
	}{
		"anything continues nothing":    {tiles, Checkpoint{}, at(300), true},
		"the same":                      {tiles, at(300), at(300), true},
		"a longer tree":                 {tiles, at(7), at(300), true},
		"longer by one":                 {tiles, at(256), at(257), true},
		"a fork of the same size":       {tiles, at(300), fork(300), false},
		"a shorter tree":                {tiles, at(300), at(299), false},
		"a longer tree of other leaves": {otherTiles, at(7), fork(300), false},
		"a root that is no tree's":      {tiles, at(7), fork(300), false},
	} {
		err := continues(t.Context(), c.tiles, c.earlier, c.later)
		if (err == nil) != c.continues || err != nil && !errors.Is(err, ErrInconsistent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
