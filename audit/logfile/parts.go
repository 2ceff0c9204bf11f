package logfile

// Parts are members that many records have in common, encoded once. They stand in a line as they would without: a record that shares
// them has the same members itself.
type Parts struct {
	caller     []byte // from listener to source_port
	operation  []byte // from upstream to method
	credential []byte // from credential to plan
}

// usualParts is as long as the parts of most records are together.
const usualParts = 512

// NewParts returns those members of a record, or nil if they are longer than what a line has without cuts.
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

// Share makes lines of the record have the parts, which are of a record with the same members; nil does nothing.
func (r *Record) Share(p *Parts) { r.parts = p }

// Encode makes lines have the evidence as it is now without encoding it again. It is called before t is used by several records.
func (t *TLS) Encode() {
	e := encoder{limits: cuts[0], end: MaxLine}
	e.tls("", t)
	if !e.cut {
		t.encoded = string(e.b)
	}
}
