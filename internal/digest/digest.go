// Package digest hashes lists of texts, so that what a record leaves out can be recognised.
//
// The hash is the SHA-256 of the texts in order, each as a netstring: its length in bytes, in decimal, a colon, the text, a
// comma. So no two lists have one form: "5:hello,0:," is the list of hello and an empty text.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
)

// List is the hash of a list that is still growing. Its size does not depend on that of the texts.
type List struct {
	hash  hash.Hash
	bytes int64
	part  [256]byte // of a text, on its way to hash
}

// New returns the hash of an empty list.
func New() *List { return &List{hash: sha256.New()} }

// Add appends a text to a list.
func Add[T string | []byte](l *List, text T) {
	l.bytes += int64(len(text))
	l.hash.Write(append(strconv.AppendInt(l.part[:0], int64(len(text)), 10), ':'))
	for len(text) > 0 {
		n := copy(l.part[:], text)
		l.hash.Write(l.part[:n])
		text = text[n:]
	}
	l.hash.Write(append(l.part[:0], ','))
}

// Bytes returns the length of all texts together.
func (l *List) Bytes() int64 { return l.bytes }

// Hash returns the hash in lower-case hex.
func (l *List) Hash() string { return hex.EncodeToString(l.hash.Sum(nil)) }

// Of returns length and hash of a list.
func Of(texts []string) (bytes int64, hash string) {
	l := New()
	for _, text := range texts {
		Add(l, text)
	}
	return l.Bytes(), l.Hash()
}

// OfText returns the SHA-256 of one text as it is, in lower-case hex.
func OfText(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
