package bss

import (
	"slices"
	"strings"

	"tollgate/catalog"
)

// itemList is where answers list items that failed, or items with the result of each.
type itemList struct {
	elements, id string
	failed       bool // all of them
}

var itemLists = [...]itemList{
	{"error_details[]", "error_details[].id", true},
	{"fail_resource_infos[]", "fail_resource_infos[].resource_id", true},
	{"to_ondemand_service_results[]", "to_ondemand_service_results[].resource_id", false},
}

// maxItems is the most items of an answer that are listed: a request has no more.
const maxItems = 256

// items are the things whose results are in an answer to a call that spends. Ids are in lower case.
type items struct {
	allFailed, allDone []string
	ambiguous          bool // it cannot be said which failed

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
	i.ambiguous = i.ambiguous || i.id != "" || id == ""
	i.id = id
}

// end takes up the element that was read.
func (i *items) end() {
	if !i.open {
		return
	}
	i.ambiguous = i.ambiguous || i.id == "" || i.failed && i.fine
	if i.failed {
		i.allFailed = i.add(i.allFailed, i.id)
	} else {
		i.allDone = i.add(i.allDone, i.id)
	}
	i.open, i.id = false, ""
}

func (i *items) add(list []string, id string) []string {
	if len(list) == maxItems || slices.Contains(list, strings.ToLower(id)) {
		i.ambiguous = true
		return list
	}
	return append(list, strings.ToLower(id))
}

// failedItems returns the items that failed; none where the answer does not say so unambiguously.
func (r *answerReader) failedItems() []string {
	r.items.end()
	if r.items.ambiguous {
		return nil
	}
	for _, id := range r.items.allFailed {
		if slices.Contains(r.items.allDone, id) || r.wasDone(id) {
			return nil
		}
	}
	return r.items.allFailed
}

// wasDone reports whether a member that repeats what was asked for may say of an item that it was done.
func (r *answerReader) wasDone(id string) bool {
	for i := range r.found.list {
		f := &r.found.list[i].value
		if !r.repeatsRequest(f.Name) {
			continue
		}
		if f.Omitted > 0 || slices.ContainsFunc(f.Values, func(value string) bool { return strings.EqualFold(value, id) }) {
			return true
		}
	}
	return false
}

// repeatsRequest reports whether a member repeats one of the request, and is not in a list of items, where what failed is named too.
func (r *answerReader) repeatsRequest(name string) bool {
	return slices.ContainsFunc(r.op.Repeats, func(repeat catalog.Repeat) bool { return repeat.Answer == name }) &&
		!slices.ContainsFunc(itemLists[:], func(list itemList) bool { return list.id == name })
}

// checkItemName reports a name that some readers take for that of a list, or of an id in one.
func (r *answerReader) checkItemName(top bool) {
	path := r.walker.path
	for n := range itemLists {
		list := &itemLists[n]
		name := strings.TrimSuffix(list.elements, "[]")
		if top && equalFold(path, name) {
			r.items.ambiguous = r.items.ambiguous || string(path) != name || r.lists&(1<<n) != 0
			r.lists |= 1 << n
		} else if equalFold(path, list.id) && string(path) != list.id {
			r.items.ambiguous = true
		}
	}
}

// readItem takes up an element of a list of items, or its id.
func (r *answerReader) readItem(kind kind, raw []byte) {
	for n := range itemLists {
		if list := &itemLists[n]; string(r.walker.path) == list.elements {
			r.items.begin(list.failed)
		} else if string(r.walker.path) == list.id {
			r.items.name(r.lenient(kind, raw))
		}
	}
}
