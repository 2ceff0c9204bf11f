package bss

import (
	"slices"
	"strings"
)

// itemList is where answers list items that failed, or items with what became of each.
type itemList struct{ elements, id string }

var itemLists = [...]itemList{
	{"error_details[]", "error_details[].id"},
	{"fail_resource_infos[]", "fail_resource_infos[].resource_id"},
	{"to_ondemand_service_results[]", "to_ondemand_service_results[].resource_id"},
}

// maxItems bounds the items of an answer that are told apart: a request has no more.
const maxItems = 256

// items are the things of which an answer to a call that spends says what became of them. Ids are in lower case.
type items struct {
	allFailed, allDone []string
	doubtful           bool // it cannot be said which failed

	// The element of a list that is being read.
	open   bool
	id     string
	failed bool // something in it says that it failed
	fine   bool // something in it says that it did not
}

// begin begins an element of a list, which ends the one before it.
func (i *items) begin(failed bool) {
	i.end()
	i.open, i.failed, i.fine = true, failed, false
}

// judge takes up what a member of the element says of it; the empty text says nothing.
func (i *items) judge(said string, failed bool) {
	i.failed = i.failed || said != "" && failed
	i.fine = i.fine || said != "" && !failed
}

// name sets the id of the element that is being read.
func (i *items) name(id string) {
	i.doubtful = i.doubtful || i.id != "" || id == ""
	i.id = id
}

// end takes up the element that was read.
func (i *items) end() {
	if !i.open {
		return
	}
	i.doubtful = i.doubtful || i.id == "" || i.failed && i.fine
	if i.failed {
		i.allFailed = i.add(i.allFailed, i.id)
	} else {
		i.allDone = i.add(i.allDone, i.id)
	}
	i.open, i.id = false, ""
}

func (i *items) add(list []string, id string) []string {
	if len(list) == maxItems || slices.Contains(list, strings.ToLower(id)) {
		i.doubtful = true
		return list
	}
	return append(list, strings.ToLower(id))
}

// result returns the items that failed; none where the answer does not say so without doubt.
func (i *items) result() []string {
	i.end()
	both := slices.ContainsFunc(i.allFailed, func(id string) bool { return slices.Contains(i.allDone, id) })
	if i.doubtful || both {
		return nil
	}
	return i.allFailed
}

// checkItemName reports a name that some readers take for that of a list, or of an id in one.
func (r *answerReader) checkItemName(top bool) {
	path := r.walker.path
	for n := range itemLists {
		list := &itemLists[n]
		name := strings.TrimSuffix(list.elements, "[]")
		if top && equalFold(path, name) {
			r.items.doubtful = r.items.doubtful || string(path) != name || r.lists&(1<<n) != 0
			r.lists |= 1 << n
		} else if equalFold(path, list.id) && string(path) != list.id {
			r.items.doubtful = true
		}
	}
}

// readItem takes up an element of a list of items, its id, and an id of what the answer says was done.
func (r *answerReader) readItem(kind kind, raw []byte) {
	path := r.walker.path
	for n := range itemLists {
		switch list := &itemLists[n]; string(path) {
		case list.elements:
			r.items.begin(n < 2)
			return
		case list.id:
			r.items.name(r.lenient(kind, raw))
			return
		}
	}
	for i := range r.op.Repeats {
		if string(path) == r.op.Repeats[i].Answer && raw != nil {
			r.items.allDone = append(r.items.allDone, strings.ToLower(r.lenient(kind, raw)))
		}
	}
}
