// Package verify recomputes an audit log from its files alone, as docs/audit-format.md says under "Verifying", and reports
// every place where the log is not what was written and signed. It needs neither the gateway nor its private key.
//
// Lines are parsed and hashed by several goroutines and joined in order by one, in memory that does not grow with the
// log. Reading does not end at a fault: behind it the tree goes on from the next checkpoint whose signature is valid, so
// that one change is one fault.
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

// Options are what a verification needs beyond the files.
type Options struct {
	// Keys are public keys that the reviewer has from elsewhere. Without any, the log's own keys are used, which is no
	// proof against the replacement of the whole log.
	Keys []checkpoint.PublicKey
	// Witnesses reads checkpoints that were kept elsewhere: one signed note, or lines of JSON with a member "checkpoint". More
	// than a few thousand of them must rise in size. Nil means none.
	Witnesses io.Reader
	// Bundle is set if the files are an exported part of a log: they may begin with any checkpoint, and segments of which
	// only the hashes are there need no prune record.
	Bundle bool
	// Ends is the note of the checkpoint with which a bundle says that its log ends. Empty: it says none.
	Ends string
	// Blobs has the folder of the texts that records name, where that is not among the files of the log.
	Blobs fs.FS
	// AllowUnsigned allows records behind the last checkpoint, and an incomplete line at the end.
	AllowUnsigned bool
	// InUse reports whether a process writes the log. Then some records behind the last checkpoint are no fault, as many and as old
	// as the writer's settings allow. Nil: none does.
	InUse func() (bool, error)
	// CheckpointEvery and CheckpointRecords are the writer's settings, as audit.Checkpoints has them. 0 means their defaults.
	CheckpointEvery   time.Duration
	CheckpointRecords uint64
	// Now returns the time with which the end of a log in use is compared. Nil: its age is not checked, since the writer's clock may
	// be another.
	Now func() time.Time
	// Progress, unless nil, is called now and then with the number of bytes that are done, and of all.
	Progress func(done, total int64)
	// Do, unless nil, calls each piece of the work, of about a millisecond or less; several goroutines call it. It may let one work at a time,
	// and rest between.
	Do func(work func())
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
	FaultKey        = "key"        // keys changed against the rules, or a key of the reviewer has not signed
	FaultCommit     = "commit"     // a record names an impossible commit
	FaultCall       = "call"       // an intent without outcome, or an outcome without intent
	FaultStop       = "stop"       // records that must not be there are behind a stop
	FaultPruned     = "pruned"     // hashes that no prune record explains, or no hashes
	FaultState      = "state"      // a checkpoint states calls, signatures, freezes or a checkpoint other than those before it
	FaultPlan       = "plan"       // the text of a plan that a record names is missing, or another
	FaultUnsigned   = "unsigned"   // the end is not signed
	FaultTail       = "tail"       // the unsigned end of a log in use is longer, or older, than a writer leaves it
	FaultCheckpoint = "checkpoint" // a witness is of another log
)

// Fault is one place where the log is not whole.
type Fault struct {
	Kind   string `json:"kind"`           // one of the Fault constants
	Seq    uint64 `json:"seq"`            // the record where it is, or the first of those among which it is
	Last   uint64 `json:"last,omitempty"` // the last of those; 0 if the record is known
	File   string `json:"file,omitempty"` // where that record stands, or should; empty if it is in no file
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

// Report is the result of a verification.
type Report struct {
	Log              string    `json:"log,omitempty"` // its name
	First            uint64    `json:"first"`         // seq of the first record, pruned ones included; 0 if there is none
	Last             uint64    `json:"last"`          // seq of the last one, which is also the tree's size
	Records          uint64    `json:"records"`       // that were read
	Segments         int       `json:"segments"`      // that were read
	From             time.Time `json:"from,omitzero"` // time of the first record that was read
	To               time.Time `json:"to,omitzero"`   // and of the last
	Root             string    `json:"root,omitempty"`
	Signers          []Signer  `json:"signers,omitempty"`
	Checkpoints      int       `json:"checkpoints"`               // with valid signatures
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
	Witnessed        int       `json:"kept"`                      // witnesses that agree with this log
	WitnessesSkipped int       `json:"kept_skipped,omitempty"`    // that are older than a bundle, and so not compared
	WitnessesPartial int       `json:"kept_torn,omitempty"`       // partial lines of their file, which were not compared
	InUse            bool      `json:"in_use"`                    // a process writes the log
	Faults           []Fault   `json:"faults"`                    // the first hundred, by seq
	FaultCount       int       `json:"fault_count"`
}

// Whole reports whether no fault was found.
func (r *Report) Whole() bool { return r.FaultCount == 0 }

// Verify verifies the log whose files are at the top of fsys. It returns an error if something could not be read, or if there is no log;
// faults of the log are in the report.
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
	v.checkEnd()
	slices.SortStableFunc(v.report.Faults, func(a, b Fault) int { return cmp.Compare(a.Seq, b.Seq) })
	return &v.report, nil
}

func (o *Options) inUse() (bool, error) {
	if o.InUse == nil {
		return false, nil
	}
	return o.InUse()
}

func (o *Options) do(work func()) {
	if o.Do == nil {
		work()
		return
	}
	o.Do(work)
}

// read reads all files and adds them to the verifier.
func (v *verifier) read(ctx context.Context, fsys fs.FS) error {
	files, err := list(fsys)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("it holds no audit log: there is no file such as " + logfile.SegmentName(1) + " in it")
	}
	ctx, cancel := context.WithCancel(ctx)
	p := startPipeline(ctx, &feed{fsys: fsys, files: files, growing: !v.options.Bundle, do: v.options.do})
	defer p.group.Wait() // after cancel, so that no goroutine waits to send
	defer cancel()
	for it := range p.order {
		<-it.done // closed by its parser, whatever happens
		v.options.do(func() { err = v.take(it) })
		if err != nil {
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

// endFile is the file of a bundle that has [Options.Ends].
const endFile = "checkpoint.txt"

// checkEnd compares the last checkpoint with the one that the bundle says is the last.
func (v *verifier) checkEnd() {
	if end := v.options.Ends; end != "" && end != v.report.LastCheckpoint {
		at := place{file: &logFile{File: logfile.File{Name: endFile}}}
		v.fault(FaultCheckpoint, v.report.Last, at, "it is not the checkpoint with which the bundle's log ends: one of them, and perhaps key.txt, was replaced")
	}
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
