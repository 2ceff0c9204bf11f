package logfile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
)

// File is a file of a log: a segment, or the hashes that pruning left of one.
type File struct {
	Name   string
	First  uint64 // seq of its first record
	Hashes bool

	entry fs.DirEntry
}

// Size returns the length of the file, or 0 if it is gone.
func (f File) Size() int64 {
	info, err := f.entry.Info()
	if err != nil {
		return 0
	}
	return info.Size()
}

// List returns the files of the log in fsys, in order. Where a segment and its hashes are both there, it returns the segment.
// It ignores names that are not of a log, and returns an error for links, pipes and directories that have one: a pipe would never
// end, and the target of a link is not in this directory.
func List(fsys fs.FS) ([]File, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("reading the log's directory: %w", err)
	}
	var files []File
	for _, entry := range entries {
		first, hashes, ok := ParseFileName(entry.Name())
		if !ok {
			continue
		}
		if !entry.Type().IsRegular() {
			return nil, fmt.Errorf("%s is a directory, a link or a pipe, and no regular file, as all files of a log are", entry.Name())
		}
		files = append(files, File{entry.Name(), first, hashes, entry})
	}
	slices.SortFunc(files, func(a, b File) int {
		return cmp.Or(cmp.Compare(a.First, b.First), strings.Compare(b.Name, a.Name)) // the segment first
	})
	return slices.CompactFunc(files, func(a, b File) bool { return a.First == b.First }), nil
}

// Segments returns the segments among the files of a log.
func Segments(files []File) []File {
	return slices.DeleteFunc(slices.Clone(files), func(f File) bool { return f.Hashes })
}

// Lines returns an iterator over the lines of segments, from the line of record seq on, which stands at a position in one of
// them. All but the last segment have to be whole and to be followed by the next. It stops after an error.
func Lines(fsys fs.FS, segments []File, seq uint64, at Position) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		i := slices.IndexFunc(segments, func(f File) bool { return f.First == at.Segment })
		if i < 0 {
			yield(Line{}, &fs.PathError{Op: "open", Path: SegmentName(at.Segment), Err: fs.ErrNotExist})
			return
		}
		for seq, offset := seq, at.Offset; i < len(segments); i++ {
			goOn, err := linesOf(fsys, segments[i:], seq, offset, yield)
			if err != nil {
				yield(Line{}, err)
			}
			if err != nil || !goOn || i+1 == len(segments) {
				return
			}
			seq, offset = segments[i+1].First, 0
		}
	}
}

// linesOf yields the lines of the first of the segments and reports whether to go on behind it.
func linesOf(fsys fs.FS, segments []File, seq uint64, offset int64, yield func(Line, error) bool) (goOn bool, err error) {
	r, err := Open(fsys, segments[0].Name)
	if err != nil {
		return false, err
	}
	defer r.Close() // opened for reading: nothing can be lost
	r.Seek(seq, offset)
	for line, err := range r.Lines() {
		if err != nil || !yield(line, nil) {
			return false, err
		}
	}
	if len(segments) == 1 {
		return true, nil
	}
	return true, r.FollowedBy(segments[1])
}

// prunedFrom follows the hashes of pruned segments from record seq on and returns the first record that has none, or
// end. If both hashes and a segment are there, the segment counts, which begins at end.
func prunedFrom(fsys fs.FS, seq, end uint64) (uint64, error) {
	for seq < end {
		name := HashesName(seq)
		info, err := fs.Stat(fsys, name)
		if errors.Is(err, fs.ErrNotExist) {
			return seq, nil
		}
		if err != nil {
			return seq, err
		}
		if info.Size() == 0 || info.Size()%HashLength != 0 {
			return seq, fmt.Errorf("audit hashes %s: %d bytes are no list of hashes of %d bytes each", name, info.Size(), HashLength)
		}
		seq += uint64(info.Size() / HashLength)
	}
	return seq, nil
}

// checkPruned returns an error unless the records from seq up to end, which has a segment, were pruned.
func checkPruned(fsys fs.FS, seq, end uint64) error {
	pruned, err := prunedFrom(fsys, seq, end)
	if err != nil || pruned == end {
		return err
	}
	if pruned > end {
		return fmt.Errorf("audit hashes reach into the segment %s", SegmentName(end))
	}
	return fmt.Errorf("audit segment %s follows record %d: the records %d to %d are missing, there is neither a segment nor what "+
		"pruning leaves of one (%s)", SegmentName(end), pruned-1, pruned, end-1, HashesName(pruned))
}
