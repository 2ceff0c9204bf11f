package proof

import (
	"errors"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"tollgate/audit/checkpoint"
)

// nodes is a tree that grows leaf by leaf and retains only the nodes of a proof: [nodes.want], as [tlog.HashReader], notes them beforehand,
// and [nodes.ReadHashes] returns them afterwards. A proof for leaves behind some size needs no node within the peaks of that size, so a tree
// may begin with those.
type nodes struct {
	size   int64
	peaks  []checkpoint.Hash // as in checkpoint.Tree
	cached map[int64]*checkpoint.Hash
}

func newNodes(size uint64, peaks []checkpoint.Hash) (*nodes, error) {
	if _, err := checkpoint.Resume(size, peaks); err != nil {
		return nil, err
	}
	return &nodes{size: int64(size), peaks: slices.Clone(peaks), cached: map[int64]*checkpoint.Hash{}}, nil
}

// want notes the nodes that will be read. It returns no usable hashes.
func (n *nodes) want(indexes []int64) ([]checkpoint.Hash, error) {
	for _, index := range indexes {
		n.cached[index] = nil
	}
	return make([]checkpoint.Hash, len(indexes)), nil
}

// keepPeaks retains the wanted ones of the peaks. The peak of each bit of size that is set ends where its bit does.
func (n *nodes) keepPeaks() {
	i := len(n.peaks)
	for level := range 63 {
		if n.size>>level&1 == 1 {
			i--
			n.cache(level, n.size>>level-1, n.peaks[i])
		}
	}
}

func (n *nodes) cache(level int, at int64, h checkpoint.Hash) {
	index := tlog.StoredHashIndex(level, at)
	if _, wanted := n.cached[index]; wanted {
		n.cached[index] = &h
	}
}

// add adds a leaf.
func (n *nodes) add(h checkpoint.Hash) {
	level, at := 0, n.size
	n.cache(level, at, h)
	for ; at&1 == 1; at >>= 1 {
		last := len(n.peaks) - 1
		h = tlog.NodeHash(n.peaks[last], h)
		n.peaks = n.peaks[:last]
		level++
		n.cache(level, at>>1, h)
	}
	n.peaks = append(n.peaks, h)
	n.size++
}

// root returns the root of the leaves so far, at least one.
func (n *nodes) root() checkpoint.Hash {
	last := len(n.peaks) - 1
	root := n.peaks[last]
	for _, peak := range slices.Backward(n.peaks[:last]) {
		root = tlog.NodeHash(peak, root)
	}
	return root
}

// ReadHashes returns nodes that were wanted.
func (n *nodes) ReadHashes(indexes []int64) ([]checkpoint.Hash, error) {
	out := make([]checkpoint.Hash, len(indexes))
	for i, index := range indexes {
		h := n.cached[index]
		if h == nil {
			return nil, errors.New("a node of the tree was not asked for, or its leaves were not read")
		}
		out[i] = *h
	}
	return out, nil
}

// grow runs a proof twice: to learn which nodes it needs, and, after the leaves behind the first from up to size were read, to make it. The
// peaks are those of the first from leaves. Unless visit is nil, it is called with the tree after each leaf.
func (l *Log) grow(from uint64, peaks []checkpoint.Hash, size uint64, prove func(tlog.HashReader) error, visit func(*nodes) error) error {
	tree, err := newNodes(from, peaks)
	if err != nil {
		return damaged("%w", err)
	}
	if err := prove(tlog.HashReaderFunc(tree.want)); err != nil {
		return err
	}
	if tree.keepPeaks(); from == size {
		return prove(tree)
	}
	for leaf, err := range l.leaves(from) {
		if err != nil {
			return err
		}
		tree.add(leaf)
		if visit != nil {
			if err := visit(tree); err != nil {
				return err
			}
		}
		if uint64(tree.size) == size {
			return prove(tree)
		}
	}
	return damaged("it ends before record %d", size)
}
