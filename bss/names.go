package bss

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// names holds the folded names of the members of all open objects, innermost last, to find those that occur twice.
type names struct {
	text    []byte
	entries []nameEntry

	// Where they begin.
	textSpace  [128]byte
	entrySpace [16]nameEntry
}

type nameEntry struct {
	hash       uint32
	start, end int // in text
}

// open begins an object; its frame is needed to add to it and to close it.
func (n *names) open() (frame int) {
	if n.entries == nil {
		n.entries, n.text = n.entrySpace[:0], n.textSpace[:0]
	}
	return len(n.entries)
}

// close ends the innermost object.
func (n *names) close(frame int) {
	if frame < len(n.entries) {
		n.text = n.text[:n.entries[frame].start]
		n.entries = n.entries[:frame]
	}
}

// add remembers a name of the innermost object and says what is wrong with it, "" for nothing.
func (n *names) add(frame int, name []byte) (problem string) {
	if len(n.entries)-frame == maxMembers {
		return "error.body.members"
	}
	start := len(n.text)
	n.text = appendFolded(n.text, name)
	added := nameEntry{hash(n.text[start:]), start, len(n.text)}
	for _, e := range n.entries[frame:] {
		if e.hash == added.hash && bytes.Equal(n.text[e.start:e.end], n.text[start:]) {
			return "error.body.twice"
		}
	}
	n.entries = append(n.entries, added)
	return ""
}

// hash is FNV-1a: good enough to skip most comparisons; members are bounded, so forged collisions gain nothing.
func hash(b []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

// appendFolded appends name with all that encoding/json takes for the same mapped to one form: Unicode simple folding,
// by the smallest rune of each set of equals. For ASCII letters that is the upper-case letter.
func appendFolded(dst, name []byte) []byte {
	for len(name) > 0 {
		if c := name[0]; c < utf8.RuneSelf {
			if 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			dst, name = append(dst, c), name[1:]
			continue
		}
		r, size := utf8.DecodeRune(name)
		dst, name = utf8.AppendRune(dst, smallest(r)), name[size:]
	}
	return dst
}

func smallest(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}
