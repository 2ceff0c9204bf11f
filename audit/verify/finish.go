package verify

import "tollgate/internal/text"

// finish checks the log as a whole.
func (v *verifier) finish() error {
	if v.zeroed != nil {
		v.cutByZeros(v.zeroed.seq, v.zeroed.at)
	}
	if v.gap != nil && !(v.gap.behindZeros && v.zeroed != nil) {
		v.flush(v.gap.top + 1)
	}
	r := &v.report
	r.Last, r.Open = v.want-1, len(v.calls.open)
	if v.calls.lossy {
		r.Open = 0
	}
	if !v.broken && v.tree.Size() == r.Last {
		r.Root = v.tree.Root().String()
	}
	v.unsigned()
	v.explained()
	v.signers.given(v)
	if err := v.plans.finish(v); err != nil {
		return err
	}
	return v.finishWitnesses()
}

// unsigned checks the records behind the last checkpoint.
func (v *verifier) unsigned() {
	r := &v.report
	if v.signed > 0 {
		r.Unsigned = r.Last - min(v.signed, r.Last)
	} else if r.Last > 0 {
		r.Unsigned = r.Last - r.First + 1
	}
	if r.Unsigned > 0 {
		r.UnsignedSince = v.tail.from
	}
	switch {
	case v.options.AllowUnsigned && r.Last > 0:
	case r.InUse:
		v.inUse()
	default:
		v.notInUse()
	}
}

// notInUse checks the end of a log that no process writes.
func (v *verifier) notInUse() {
	r, first, at := &v.report, v.signed+1, v.last
	switch {
	case r.Last == 0:
		v.fault(FaultCut, 1, at, "the log holds no record: it was cut, or the gateway was killed when it began")
	case v.signed == 0:
		v.faultAmong(FaultUnsigned, r.First, r.Last, at, "there is no valid checkpoint among them, so nothing is signed; a start signs logs of versions that wrote none")
	case r.Unsigned > 0:
		v.faultAmong(FaultUnsigned, first, r.Last, v.behind, "%s signed by nothing, behind the last checkpoint: the gateway was killed, or "+
			"records were added there, or cut; the next start signs what is there", text.Are(r.Unsigned, "record"))
	case r.Partial > 0:
		v.fault(FaultUnsigned, first, at, "%s left of an incomplete record behind the last one: the gateway was killed, or that was added, "+
			"or records behind it cut; the next start removes it", text.Are(r.Partial, "byte"))
	}
}

// explained checks that prune records name the records that are missing. Older prune records were pruned themselves; since the
// oldest segments go first, the last one is enough.
func (v *verifier) explained() {
	n := len(v.report.Pruned)
	if n == 0 || v.options.Bundle {
		return
	}
	// Also for a log that is being written: nothing is removed before the checkpoint behind the prune record is durable.
	if last := v.report.Pruned[n-1].Last; last > v.pruned {
		v.faultAmong(FaultPruned, max(v.pruned+1, v.report.Pruned[n-1].First), last, v.hashesAt,
			"records up to %d are there as hashes only, but no signed prune record says that they were removed", last)
	}
}
