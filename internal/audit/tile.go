package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Tiles hold 256 hashes of one level; the levels between are worked out. A level of tiles is 8 levels of the tree.
const (
	tileHeight = 8
	tileHashes = 1 << tileHeight
)

// Tile is a stretch of one level's hashes; the last of a level may be shorter than 256.
type Tile struct {
	Level  int
	N      int64
	Hashes []byte // 32 bytes each
}

// TileStore reads tiles.
type TileStore interface {
	// AuditTile gives a tile's hashes, none where there is no such tile.
	AuditTile(ctx context.Context, level int, n int64) ([]byte, error)
}

// tiles is a store in tlog's words.
type tiles struct{ read readTile }

// readTile is AuditTile of the one call that it serves.
type readTile func(level int, n int64) ([]byte, error)

func within(ctx context.Context, store TileStore) readTile {
	return func(level int, n int64) ([]byte, error) { return store.AuditTile(ctx, level, n) }
}

// Height implements tlog.TileReader.
func (tiles) Height() int { return tileHeight }

// SaveTiles implements tlog.TileReader.
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements tlog.TileReader.
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(wanted))
	for i, w := range wanted {
		data, err := t.read(w.L, w.N)
		if err != nil {
			return nil, err
		}
		if bytes := w.W * sha256.Size; len(data) < bytes {
			return nil, fmt.Errorf("tile %d/%d of the audit tree has %d hashes, not %d", w.L, w.N, len(data)/sha256.Size, w.W)
		}
		out[i] = data[:w.W*sha256.Size]
	}
	return out, nil
}

// proven reads hashes of a tree, each checked against its root.
func proven(ctx context.Context, store TileStore, size int64, root Hash) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: size, Hash: tlog.Hash(root)}, tiles{within(ctx, store)})
}

// ErrInconsistent says that a tree is not the continuation of an earlier one.
var ErrInconsistent = errors.New("the audit tree is not a continuation of what was signed before")

// continues checks that the tree of a later checkpoint begins with the earlier one's.
func continues(ctx context.Context, store TileStore, earlier, later Checkpoint) error {
	switch {
	case earlier.Size == 0:
		return nil // everything continues nothing
	case later.Size < earlier.Size, later.Size == earlier.Size && later.Root != earlier.Root:
		return ErrInconsistent
	case later.Size == earlier.Size:
		return nil
	}
	proof, err := tlog.ProveTree(later.Size, earlier.Size, proven(ctx, store, later.Size, later.Root))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInconsistent, err)
	}
	if err := tlog.CheckTree(proof, later.Size, tlog.Hash(later.Root), earlier.Size, tlog.Hash(earlier.Root)); err != nil {
		return fmt.Errorf("%w: %w", ErrInconsistent, err)
	}
	return nil
}

// Prove gives the hashes that lead from a leaf to the root of a checkpoint.
func Prove(ctx context.Context, store TileStore, in Checkpoint, leaf int64) ([]Hash, error) {
	if leaf < 0 || leaf >= in.Size {
		return nil, fmt.Errorf("leaf %d is not among the %d of the checkpoint", leaf, in.Size)
	}
	proof, err := tlog.ProveRecord(in.Size, leaf, proven(ctx, store, in.Size, in.Root))
	if err != nil {
		return nil, fmt.Errorf("prove leaf %d: %w", leaf, err)
	}
	out := make([]Hash, len(proof))
	for i, h := range proof {
		out[i] = Hash(h)
	}
	return out, nil
}

// CheckProof checks that a leaf with this hash is in the tree of a checkpoint.
func CheckProof(proof []Hash, in Checkpoint, leaf int64, hash Hash) error {
	steps := make(tlog.RecordProof, len(proof))
	for i, h := range proof {
		steps[i] = tlog.Hash(h)
	}
	return tlog.CheckRecord(steps, in.Size, tlog.Hash(in.Root), leaf, tlog.Hash(hash))
}

// resume reads the right edge of a tree from its tiles, proven by its root.
func resume(ctx context.Context, store TileStore, size int64, root Hash) (growing, error) {
	g := growing{size: size}
	var indexes []int64
	for start, level := int64(0), 62; level >= 0; level-- {
		if width := int64(1) << level; size&width != 0 {
			indexes = append(indexes, tlog.StoredHashIndex(level, start>>level))
			start += width
		}
	}
	if len(indexes) == 0 {
		return g, nil
	}
	hashes, err := proven(ctx, store, size, root).ReadHashes(indexes)
	if err != nil {
		return g, fmt.Errorf("read the audit tree: %w", err)
	}
	for _, h := range hashes {
		g.edge = append(g.edge, Hash(h))
	}
	return g, nil
}

// tileKey names a tile.
type tileKey struct {
	level int
	n     int64
}

// additions are the tiles that new leaves change.
type additions struct {
	read  readTile
	tiles map[tileKey][]byte
}

// add keeps a subtree's hash where it is one that tiles hold.
func (a *additions) add(level int, n int64, h Hash) error {
	if level%tileHeight != 0 {
		return nil
	}
	key := tileKey{level / tileHeight, n / tileHashes}
	data, begun := a.tiles[key]
	if !begun && n%tileHashes > 0 {
		stored, err := a.read(key.level, key.n)
		if err != nil {
			return err
		}
		data = slices.Clone(stored[:min(len(stored), int(n%tileHashes)*sha256.Size)])
	}
	if len(data) != int(n%tileHashes)*sha256.Size {
		return fmt.Errorf("tile %d/%d of the audit tree is too short", key.level, key.n)
	}
	a.tiles[key] = append(data, h[:]...)
	return nil
}

func (a *additions) list() []Tile {
	out := make([]Tile, 0, len(a.tiles))
	for key, data := range a.tiles {
		out = append(out, Tile{Level: key.level, N: key.n, Hashes: data})
	}
	slices.SortFunc(out, func(a, b Tile) int {
		if a.Level != b.Level {
			return a.Level - b.Level
		}
		return int(min(max(a.N-b.N, -1), 1))
	})
	return out
}
