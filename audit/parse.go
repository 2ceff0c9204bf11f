package audit

// ParseLine reads one line of a log, given without its line feed, into r, as strictly as [Read] does: one JSON object,
// names by exact case and once each, valid UTF-8. Members that r does not know are ignored.
func ParseLine(line []byte, r *Record) error {
	*r = Record{}
	return decode(line, r)
}

// Known tells whether k is one of the kinds above.
func (k Kind) Known() bool { return k.known() }
