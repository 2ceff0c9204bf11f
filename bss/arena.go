package bss

import "strings"

// What an arena shares one allocation between.
const (
	arenaText  = 128 // bytes of small values
	arenaLists = 8   // lists of one value
)

// arena copies what is recorded out of a body, which is not kept. Most records are a few short values of a few fields, and
// would be as many small allocations.
type arena struct {
	text  strings.Builder
	lists []string
}

func (k *arena) string(b []byte) string {
	if len(b) > arenaText/4 {
		return string(b)
	}
	if k.text.Cap()-k.text.Len() < len(b) {
		k.text.Reset()
		k.text.Grow(arenaText)
	}
	start := k.text.Len()
	k.text.Write(b)
	return k.text.String()[start:]
}

// bounded keeps an account: of one that is too long no more than shows that it is.
func (k *arena) bounded(b []byte) string {
	return k.string(b[:min(len(b), maxValueBytes+1)])
}

// add appends a value to a list.
func (k *arena) add(list []string, value string) []string {
	if list == nil {
		list = k.list()
	}
	return append(list, value)
}

// list returns an empty list with room for one value.
func (k *arena) list() []string {
	if len(k.lists) == 0 {
		k.lists = make([]string, arenaLists)
	}
	list := k.lists[:0:1]
	k.lists = k.lists[1:]
	return list
}
