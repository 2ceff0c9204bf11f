package evidence

import "tollgate/audit/calls"

// Source is what rows and figures were read from.
type Source struct {
	Log  string `json:"log"`
	Kind string `json:"kind"` // FromLog, FromIndex or FromBundle
}

// The kinds of sources, as commands name them.
const (
	FromLog    = "log"
	FromIndex  = "index" // found by an index, and read from the log
	FromBundle = "bundle"
)

// Kind returns the kind of what the log is read from.
func (l *Log) Kind() string {
	switch {
	case l.Index != nil:
		return FromIndex
	case l.Dir == "":
		return FromBundle
	}
	return FromLog
}

// Described returns the source that the log is.
func (l *Log) Described() Source { return Source{l.Name, l.Kind()} }

// Seeing returns the source of the log's calls; one that reads all records calls seen with the seq of each.
func (l *Log) Seeing(seen func(seq uint64)) calls.Source {
	if l.Index != nil {
		return l.Index
	}
	return calls.Files{FS: l.FS}.Seeing(seen)
}
