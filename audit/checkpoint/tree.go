package checkpoint

import (
	"crypto/sha256"
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a SHA-256 hash of a leaf or of a node.
type Hash = tlog.Hash

// Tree is the right edge of a Merkle tree (RFC 6962 section 2.1): enough to add leaves and to compute the root, in memory
// that grows with the logarithm of the size. The zero value is the empty tree. It is not for concurrent use.
type Tree struct {
	size  uint64
	peaks []Hash // roots of the complete subtrees, the largest first: one for each bit of size that is set
}

// Resume returns the tree of a size and its peaks. It returns an error if there are too few or too many of them.
func Resume(size uint64, peaks []Hash) (*Tree, error) {
	if want := bits.OnesCount64(size); len(peaks) != want {
		return nil, fmt.Errorf("a tree of %d leaves has %d peaks, not %d", size, want, len(peaks))
	}
	return &Tree{size: size, peaks: slices.Clone(peaks)}, nil
}

// Size returns the number of leaves.
func (t *Tree) Size() uint64 { return t.size }

// Peaks returns the roots of the complete subtrees that the tree consists of, the largest and leftmost first.
func (t *Tree) Peaks() []Hash { return slices.Clone(t.peaks) }

// AddLine adds the leaf of a record's line, which is without its line feed.
func (t *Tree) AddLine(line []byte) { t.Add(LeafHash(line)) }

// LeafHash returns the hash of a record's line, which is without its line feed.
func LeafHash(line []byte) Hash { return tlog.RecordHash(line) }

// Add adds a leaf by its hash.
func (t *Tree) Add(leaf Hash) {
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.peaks) - 1
		leaf = tlog.NodeHash(t.peaks[last], leaf)
		t.peaks = t.peaks[:last]
	}
	t.peaks = append(t.peaks, leaf)
	t.size++
}

// Root returns the Merkle tree hash. That of the empty tree is the hash of the empty string.
func (t *Tree) Root() Hash {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	last := len(t.peaks) - 1
	root := t.peaks[last]
	for _, peak := range slices.Backward(t.peaks[:last]) {
		root = tlog.NodeHash(peak, root)
	}
	return root
}
