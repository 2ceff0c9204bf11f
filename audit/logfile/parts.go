package logfile

// Parts are members that many records have in common, encoded once. A record that shares them has the same members itself, and the same
// line without them.
type Parts struct {
	caller     []byte // from listener to source_port
	operation  []byte // from upstream to method
	credential []byte // from credential to plan
}

// usualParts is the length of the parts of most records together.
const usualParts = 512

// NewParts returns those members of a record, or nil if they would be cut in a line.
func NewParts(r *Record) *Parts {
	e := encoder{b: make([]byte, 0, usualParts), limits: cuts[0], end: MaxLine}
	e.caller(r)
	caller := len(e.b)
	e.operation(r)
	operation := len(e.b)
	e.credential(r)
	if e.cut {
		return nil
	}
	return &Parts{e.b[:caller:caller], e.b[caller:operation:operation], e.b[operation:]}
}

// Share makes lines of the record use parts, which are of a record with the same members; nil does nothing.
func (r *Record) Share(p *Parts) { r.parts = p }

// Encode encodes the evidence once for all lines. It must be called before several records use t.
func (t *TLS) Encode() {
	e := encoder{limits: cuts[0], end: MaxLine}
	e.tls("", t)
	if !e.cut {
		t.encoded = string(e.b)
	}
}
