package auditcmd

import (
	"errors"
	"io"
	"io/fs"

	"tollgate/audit/export"
	"tollgate/audit/logfile"
	"tollgate/internal/cli"
)

// readLines calls fn with a function that reads the records of the place with their lines, and prints then to which record it did.
func (p *place) readLines(notes io.Writer, fn func(read func(lineFunc) error) error) error {
	if p.bundle == "" {
		r := &reading{from: cli.LogSource(p.dir, 0), notes: notes}
		return r.say(fn(func(add lineFunc) error { return logfile.Read(p.dir, r.seeing(add)) }))
	}
	log, _, bundle, err := export.Open(p.bundle)
	if err != nil {
		return err
	}
	defer bundle.Close() // opened for reading: nothing can be lost
	r := &reading{from: cli.Source{Kind: cli.FromBundle, Path: p.bundle}, notes: notes}
	return r.say(fn(func(add lineFunc) error { return archived(log, r.seeing(add)) }))
}

// archived calls add for each record in the folder of a bundle, whose first may be any.
func archived(log fs.FS, add lineFunc) error {
	files, err := logfile.List(log)
	segments := logfile.Segments(files)
	if err == nil && len(segments) == 0 {
		err = errors.New("there is no segment of a log")
	}
	if err != nil {
		return err
	}
	first := segments[0].First
	for line, err := range logfile.Lines(log, segments, first, logfile.Position{Segment: first}) {
		if err != nil {
			return err
		}
		r, err := line.Record()
		if err == nil {
			err = add(r, line.Text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lineFunc takes a record with its line, which may be overwritten then.
type lineFunc = func(*logfile.Record, []byte) error

// seeing returns add with a note of each record that it takes.
func (r *reading) seeing(add lineFunc) lineFunc {
	return func(record *logfile.Record, line []byte) error {
		r.saw(record.Seq)
		return add(record, line)
	}
}
