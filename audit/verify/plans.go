package verify

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"slices"

	"tollgate/audit/blobs"
	"tollgate/audit/logfile"
)

const (
	// maxPlans bounds how many plans are followed: one an hour for thirty years.
	maxPlans = 1 << 18
	// maxPlan bounds how much of a plan's id is stored, in bytes. Ids have 16.
	maxPlan = 64
)

// plans compares the plans that records name with the texts that are there.
type plans struct {
	log   fs.FS
	blobs fs.FS // that has the folder of texts
	named map[string]*naming
	over  *naming // the first record that names one more than are followed
}

// naming has the records that name a plan.
type naming struct {
	first, last uint64
	at          place // of the first
}

func newPlans(log, other fs.FS) plans {
	p := plans{log: log, blobs: other, named: map[string]*naming{}}
	if other == nil {
		p.blobs = log
	}
	return p
}

// plansOf returns the plans that a record names. Those of events are in their data, which may be anything in unknown events.
func plansOf(r *logfile.Record) (ids [2][]byte) {
	if r.Plan != "" {
		ids[0] = []byte(r.Plan)
	}
	if r.Kind != logfile.KindEvent {
		return ids
	}
	for i, name := range [...]string{"plan", "plan_before"} {
		if id := r.Data[name]; logfile.IsPlan(id) {
			ids[i] = []byte(id)
		}
	}
	return ids
}

func (p *plans) add(at place, l *line) {
	for _, id := range l.plans {
		if id = id[:min(len(id), maxPlan)]; len(id) == 0 {
			continue
		}
		n := p.named[string(id)]
		switch {
		case n != nil:
			n.last = l.seq
		case len(p.named) < maxPlans:
			p.named[string(id)] = &naming{l.seq, l.seq, at}
		case p.over == nil:
			p.over = &naming{l.seq, l.seq, at}
		}
	}
}

// finish reports texts that are missing, or do not have the hash of their name.
func (p *plans) finish(v *verifier) error {
	v.report.Plans = len(p.named)
	there, err := p.there(v)
	if err != nil {
		return err
	}
	if p.over != nil {
		v.fault(FaultPlan, p.over.first, p.over.at, "it names one more plan than the %d that are followed", maxPlans)
	}
	kept, err := p.keptFrom(v)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(p.named)) {
		if n := p.named[id]; !there[id] && n.last >= kept {
			v.fault(FaultPlan, n.first, n.at, "it names the plan %.64q, whose text is missing: there is no such file in %s", id, blobs.Folder)
		}
	}
	return nil
}

// there returns the ids that have texts, and reports texts that do not have the hash of their name.
func (p *plans) there(v *verifier) (map[string]bool, error) {
	names, err := blobs.List(p.blobs)
	there := map[string]bool{}
	for _, name := range names {
		id := name[:logfile.PlanDigits]
		problem := blobs.Check(p.blobs, name)
		if errors.Is(problem, fs.ErrNotExist) { // pruned since it was listed
			continue
		}
		if there[id] = true; problem != nil {
			n := cmp.Or(p.named[id], &naming{})
			v.fault(FaultPlan, n.first, n.at, "the text of a plan was changed, or cannot be read: %v", problem)
		}
	}
	return there, err
}

// keptFrom returns the first record that is still there: texts that only earlier ones name may have been removed meanwhile.
func (p *plans) keptFrom(v *verifier) (uint64, error) {
	if v.options.Bundle || !v.report.InUse {
		return 0, nil
	}
	files, err := logfile.List(p.log)
	if segments := logfile.Segments(files); len(segments) > 0 {
		return segments[0].First, err
	}
	return 0, err
}
