// Package verify recomputes an audit log from its files alone, as docs/audit-format.md says under "Verifying", and tells
// every place where the log is not what was written and signed. It needs neither the gateway nor its private key.
//
// Lines are parsed and hashed by several goroutines and joined in order by one, in memory that does not grow with the
// log. A fault does not end the reading: behind it the tree goes on from the next checkpoint whose signature holds, so
// that one change gives one fault.
package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// Options say what is asked beyond the files.
type Options struct {
	// Keys are public keys that the reviewer has from elsewhere. Without any, the log's own keys are used, which proves
	// nothing against who could replace the whole log.
	Keys []checkpoint.PublicKey
	// Witnesses holds checkpoints that were kept elsewhere: one signed note, or lines of JSON with a member "checkpoint". More
	// than a few thousand of them must rise in size. Nil means none.
	Witnesses io.Reader
	// Bundle says that the files are an exported part of a log: they may begin with any checkpoint, and no record need
	// tell of segments of which only the hashes are there.
	Bundle bool
	// Blobs has the folder of the texts that records name, where that is not among the files of the log.
	Blobs fs.FS
	// AllowUnsigned takes records behind the last checkpoint, and an incomplete line, as no fault.
	AllowUnsigned bool
	// InUse reports whether a process writes the log. Then some records behind the last checkpoint are no fault, as many and as old
	// as the writer's settings allow. Nil means that none does.
	InUse func() (bool, error)
	// CheckpointEvery and CheckpointRecords are the writer's settings, as audit.Checkpoints has them. 0 means their defaults.
	CheckpointEvery   time.Duration
	CheckpointRecords uint64
	// Now returns the time against which the end of a log in use is held. Nil means that its age is not judged: the writer's clock
	// may be another.
	Now func() time.Time
	// Progress is told now and then how many bytes of all are done. Nil means nobody.
	Progress func(done, total int64)
}

// Kinds of faults.
const (
	FaultLine       = "line"       // a line was changed: it is no record, or not written as records are
	FaultOrder      = "order"      // records were removed, added or reordered
	FaultMissing    = "missing"    // a segment is missing, or two overlap
	FaultCut        = "cut"        // a segment's end was cut or damaged
	FaultRoot       = "root"       // something changed between two checkpoints: the signed root is another
	FaultPeaks      = "peaks"      // a checkpoint's peaks are not those of its root
	FaultSignature  = "signature"  // a checkpoint is not signed by the key that it needs
	FaultKey        = "key"        // keys changed otherwise than by the rules, or a given key has not signed
	FaultCommit     = "commit"     // a record names a commit that cannot be
	FaultCall       = "call"       // an intent without outcome, or an outcome without intent
	FaultStop       = "stop"       // other records stand behind a stop than may
	FaultPruned     = "pruned"     // hashes that no prune record explains, or no hashes
	FaultState      = "state"      // a checkpoint states other calls, signatures or freezes, or another checkpoint, than stand before it
	FaultPlan       = "plan"       // the text of a plan that a record names is missing, or another
	FaultUnsigned   = "unsigned"   // what stands at the end is signed by nothing
	FaultTail       = "tail"       // the same of a log in use, and it is more, or older, than a writer leaves unsigned
	FaultCheckpoint = "checkpoint" // a checkpoint kept elsewhere tells of another log than this
)

// Fault is one place where the log is not whole.
type Fault struct {
	Kind   string `json:"kind"`           // one of the Fault constants
	Seq    uint64 `json:"seq"`            // the record where it is, or the first of those among which it is
	Last   uint64 `json:"last,omitempty"` // the last of those; 0 when the record is known
	File   string `json:"file,omitempty"` // where that record stands, or should; empty when it is in no file
	Offset int64  `json:"offset"`         // of the byte in File
	Text   string `json:"text"`           // what happened, for people
}

// maxFaults bounds how many faults a report lists.
const maxFaults = 100

// Signer is a key that signed, and what.
type Signer struct {
	Key         string `json:"key"`         // public key
	First       uint64 `json:"first"`       // seq of the first checkpoint that it signed
	Last        uint64 `json:"last"`        // and of the last
	Checkpoints int    `json:"checkpoints"` // how many
	Chained     bool   `json:"chained"`     // the key before signed for it; false of the first one
}

// Range is a run of records.
type Range struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// Report is what verifying found.
type Report struct {
	Log              string    `json:"log,omitempty"` // its name
	First            uint64    `json:"first"`         // seq of the first record, pruned ones included; 0 when there is none
	Last             uint64    `json:"last"`          // seq of the last one, which is also the tree's size
	Records          uint64    `json:"records"`       // that were read
	Segments         int       `json:"segments"`      // that were read
	From             time.Time `json:"from,omitzero"` // time of the first record that was read
	To               time.Time `json:"to,omitzero"`   // and of the last
	Root             string    `json:"root,omitempty"`
	Signers          []Signer  `json:"signers,omitempty"`
	Checkpoints      int       `json:"checkpoints"`               // that were signed as they must be
	LastCheckpoint   string    `json:"last_checkpoint,omitempty"` // its note
	LastSigned       time.Time `json:"last_signed,omitzero"`      // its time
	Unsigned         uint64    `json:"unsigned"`                  // records behind the last checkpoint
	UnsignedSince    time.Time `json:"unsigned_since,omitzero"`   // the earliest of their times
	Partial          int64     `json:"partial"`                   // bytes of an incomplete line at the end
	Pruned           []Range   `json:"pruned,omitempty"`          // of which only the hashes are there
	Open             int       `json:"open"`                      // calls without an outcome at the end
	Plans            int       `json:"plans,omitempty"`           // that records name
	Starts           int       `json:"starts"`                    // times that the log was opened
	Crashes          int       `json:"crashes"`                   // starts that found unsigned records, which they then signed
	LateSigned       uint64    `json:"late_signed"`               // how many of them in all
	Witnessed        int       `json:"kept"`                      // checkpoints kept elsewhere that this log agrees with
	WitnessesSkipped int       `json:"kept_skipped,omitempty"`    // that are older than a bundle, and so not compared
	WitnessesTorn    int       `json:"kept_torn,omitempty"`       // lines of their file that a crash tore, and so not compared
	InUse            bool      `json:"in_use"`                    // a process writes the log
	Faults           []Fault   `json:"faults"`                    // the first hundred, by seq
	FaultCount       int       `json:"fault_count"`
}

// Whole tells that nothing was found wrong.
func (r *Report) Whole() bool { return r.FaultCount == 0 }

// Verify reads the log in fsys, whose files stand at the top. The error says that something could not be read, or that
// there is no log; what is wrong with the log stands in the report.
func Verify(ctx context.Context, fsys fs.FS, o Options) (*Report, error) {
	before, err := o.inUse()
	if err != nil {
		return nil, err
	}
	v := &verifier{options: o, calls: newCalls(), plans: newPlans(fsys, o.Blobs)}
	if o.Witnesses != nil {
		if v.witnesses, err = readWitnesses(o.Witnesses); err != nil {
			return nil, err
		}
	}
	if err := v.read(ctx, fsys); err != nil {
		return nil, err
	}
	after, err := o.inUse()
	if err != nil {
		return nil, err
	}
	v.report.InUse = before || after
	if err := v.finish(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(v.report.Faults, func(a, b Fault) int { return cmp.Compare(a.Seq, b.Seq) })
	return &v.report, nil
}

func (o *Options) inUse() (bool, error) {
	if o.InUse == nil {
		return false, nil
	}
	return o.InUse()
}

// read puts everything that stands in the files through the verifier.
func (v *verifier) read(ctx context.Context, fsys fs.FS) error {
	files, err := list(fsys)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("it holds no audit log: there is no file such as " + logfile.SegmentName(1) + " in it")
	}
	ctx, cancel := context.WithCancel(ctx)
	p := startPipeline(ctx, &feed{fsys: fsys, files: files, growing: !v.options.Bundle})
	defer p.group.Wait() // after cancel: then nothing is sent that nobody takes
	defer cancel()
	for it := range p.order {
		<-it.done // closed by its parser, whatever happens
		if err := v.take(it); err != nil {
			return err
		}
		if v.options.Progress != nil {
			v.options.Progress(it.read, it.total)
		}
		freeLines(it.lines)
		freeBuffer(it.buf)
	}
	return context.Cause(ctx)
}

// place is where a line begins.
type place struct {
	file   *logFile
	offset int64
}

func (v *verifier) fault(kind string, seq uint64, at place, format string, args ...any) {
	v.faultAmong(kind, seq, seq, at, format, args...)
}

// faultAmong reports a fault that is somewhere among the records first to last.
func (v *verifier) faultAmong(kind string, first, last uint64, at place, format string, args ...any) {
	v.report.FaultCount++
	if len(v.report.Faults) >= maxFaults {
		return
	}
	f := Fault{Kind: kind, Seq: first, Offset: at.offset, Text: fmt.Sprintf(format, args...)}
	if last > first {
		f.Last = last
	}
	if at.file != nil {
		f.File = at.file.Name
	}
	v.report.Faults = append(v.report.Faults, f)
}
