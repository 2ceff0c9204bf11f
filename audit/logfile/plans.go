package logfile

import (
	"bytes"
	"iter"
	"strings"
)

// plansBefore are the texts in front of the ids of plans in lines: the member of records of calls, and those of an event's data. Within a text
// the quotes would be escaped.
var plansBefore = [...][]byte{[]byte(`"plan":"`), []byte(`"plan_before":"`)}

// PlansNamed returns the ids of plans in a line, as [Record.Plan] and the entries "plan" and "plan_before" of [Record.Data] have them. It
// does not parse the line, which is fast, and may yield an id twice.
func PlansNamed(line []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, before := range plansBefore {
			for rest := line; ; {
				i := bytes.Index(rest, before)
				if i < 0 {
					break
				}
				rest = rest[i+len(before):]
				id, _, _ := bytes.Cut(rest, []byte{'"'})
				if IsPlan(string(id)) && !yield(string(id)) {
					return
				}
			}
		}
	}
}

// IsPlan reports whether a text can be the id of a plan.
func IsPlan(id string) bool {
	return len(id) == PlanDigits && strings.Trim(id, "0123456789abcdef") == ""
}
