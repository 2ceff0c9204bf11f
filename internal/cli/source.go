package cli

import (
	"cmp"
	"fmt"
	"io"

	"tollgate/internal/text"
)

// Source is what the results of a command were read from. Commands print it as a line on standard error, and results that are one JSON
// object have it as their member source.
type Source struct {
	Kind string `json:"kind"`           // [FromLog], [FromIndex] or [FromBundle]
	Path string `json:"path"`           // the directory of the log, the file of the index, or the bundle
	From uint64 `json:"from,omitempty"` // the first record read of a bundle, or of a log that is read in part
	To   uint64 `json:"to,omitempty"`   // the last record read; of an index, the last that is in it; 0: none is named
	Sums bool   `json:"sums,omitempty"` // of an index: figures are sums that it holds, which nothing compares with the log
	Log  string `json:"log,omitempty"`  // the directory of the index's log, of which the records behind To were read
}

// The kinds of sources.
const (
	FromLog    = "log"
	FromIndex  = "index"
	FromBundle = "bundle"
)

// LogSource returns the source that is a log, read to a record.
func LogSource(dir string, to uint64) Source { return Source{Kind: FromLog, Path: dir, To: to} }

// Dir returns the directory of the log.
func (s Source) Dir() string { return cmp.Or(s.Log, s.Path) }

// String returns the source in words.
func (s Source) String() string {
	switch {
	case s.Kind == FromBundle && s.To == 0:
		return "the bundle " + s.Path
	case s.To == 0:
		return "the log in " + s.Path
	case s.Kind == FromIndex && s.Sums:
		return fmt.Sprintf("the sums of the index %s, to record %d, and the log %s behind it; sums are not compared with the log (--index none reads it)", s.Path, s.To, s.Log)
	case s.Kind == FromIndex:
		return fmt.Sprintf("the index %s, to record %d, and the log %s behind it; what was removed from an index is not found (--index none reads the log)",
			s.Path, s.To, s.Log)
	case s.Kind == FromBundle:
		return fmt.Sprintf("the bundle %s, records %d to %d", s.Path, s.From, s.To)
	case s.From > 1:
		return fmt.Sprintf("the log in %s, records %d to %d", s.Path, s.From, s.To)
	}
	return fmt.Sprintf("the log in %s, to record %d", s.Path, s.To)
}

// Say prints the source on w, where notes go.
func (s Source) Say(w io.Writer) error {
	_, err := fmt.Fprintf(w, "source: %s\n", text.EscapeUnprintable(s.String()))
	return err
}
