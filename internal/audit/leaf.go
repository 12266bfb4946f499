package audit

import (
	"crypto/sha256"
	"encoding/binary"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a hash of the tree: SHA-256 as RFC 6962 has it.
type Hash = [sha256.Size]byte

const leafFormat = 1 // the first byte of a leaf; docs/formats/audit.md

// AppendLeaf adds a row's leaf, the bytes that are hashed, to what is there. What is sealed is not among them, its commitment is.
func (r *Row) AppendLeaf(to []byte) []byte {
	to = append(to, leafFormat)
	for _, n := range [...]int64{r.Leaf, r.At.UnixMicro(), r.Number, r.Mark.Sequence, r.Mark.Rows} {
		to = binary.BigEndian.AppendUint64(to, uint64(n))
	}
	for _, text := range [...]string{string(r.Owner), string(r.Actor), r.Session, r.Node, string(r.Action), r.Object, r.RequestID, r.Result,
		string(r.Mark.Portfolio)} {
		to = binary.AppendUvarint(to, uint64(len(text)))
		to = append(to, text...)
	}
	to = binary.AppendUvarint(to, uint64(len(r.Commitment)))
	return append(to, r.Commitment...)
}

// hash is the row's hash in the tree. Room is memory to work in, given back for the next one.
func (r *Row) hash(room []byte) (Hash, []byte) {
	const recordPrefix = 0 // RFC 6962: leaves are hashed after a 0, nodes after a 1
	room = r.AppendLeaf(append(room[:0], recordPrefix))
	return sha256.Sum256(room), room
}

// Hash is the row's hash in the tree.
func (r *Row) Hash() Hash {
	h, _ := r.hash(nil)
	return h
}

// growing is the right edge of a tree: the roots of the whole subtrees that its size is made of, the largest first.
type growing struct {
	size int64
	edge []Hash
}

// push adds a leaf. See is called for every subtree that it makes whole, the leaf first: its level, its number in that level.
func (g *growing) push(leaf Hash, see func(level int, n int64, h Hash)) {
	see(0, g.size, leaf)
	h := leaf
	for level, n := 0, g.size; n&1 == 1; {
		last := len(g.edge) - 1
		h = Hash(tlog.NodeHash(tlog.Hash(g.edge[last]), tlog.Hash(h)))
		g.edge = g.edge[:last]
		level, n = level+1, n>>1
		see(level, n, h)
	}
	g.edge = append(g.edge, h)
	g.size++
}

// root is the hash of the whole tree; that of an empty one is the hash of nothing.
func (g *growing) root() Hash {
	if len(g.edge) == 0 {
		return EmptyRoot()
	}
	h := g.edge[len(g.edge)-1]
	for i := len(g.edge) - 2; i >= 0; i-- {
		h = Hash(tlog.NodeHash(tlog.Hash(g.edge[i]), tlog.Hash(h)))
	}
	return h
}

// EmptyRoot is the root of a tree without leaves.
func EmptyRoot() Hash { return sha256.Sum256(nil) }
