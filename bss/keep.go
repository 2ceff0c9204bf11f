package bss

import "strings"

// What keeper shares one allocation between.
const (
	keptText  = 128 // bytes of small values
	keptLists = 8   // lists of one value
)

// keeper copies what is recorded out of a body, which is not kept. Most records are a few short values of a few fields, and
// would be as many small allocations.
type keeper struct {
	text  strings.Builder
	lists []string
}

func (k *keeper) string(b []byte) string {
	if len(b) > keptText/4 {
		return string(b)
	}
	if k.text.Cap()-k.text.Len() < len(b) {
		k.text.Reset()
		k.text.Grow(keptText)
	}
	start := k.text.Len()
	k.text.Write(b)
	return k.text.String()[start:]
}

// bounded keeps an account: of one that is too long no more than shows that it is.
func (k *keeper) bounded(b []byte) string {
	return k.string(b[:min(len(b), maxValueBytes+1)])
}

// add appends a value to a list.
func (k *keeper) add(list []string, value string) []string {
	if list == nil {
		list = k.list()
	}
	return append(list, value)
}

// list gives an empty list with room for one value.
func (k *keeper) list() []string {
	if len(k.lists) == 0 {
		k.lists = make([]string, keptLists)
	}
	list := k.lists[:0:1]
	k.lists = k.lists[1:]
	return list
}
