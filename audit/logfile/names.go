package logfile

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ParseFileName returns the number of the first record of a segment, or of the hashes of one, by the file's name. It returns
// false for names of other files.
func ParseFileName(name string) (first uint64, hashes, ok bool) {
	digits, hashes := strings.CutSuffix(name, hashesSuffix)
	if hashes {
		name = digits + SegmentSuffix
	}
	first, ok = ParseSegmentName(name)
	return first, hashes, ok && first <= math.MaxInt64
}

const (
	SegmentSuffix = ".jsonl"
	segmentDigits = 20 // of the largest uint64
)

// SegmentName returns the file name of the segment that begins with a record.
func SegmentName(first uint64) string {
	return fmt.Sprintf("%0*d%s", segmentDigits, first, SegmentSuffix)
}

// ParseSegmentName returns the first seq of a segment, or false for a name that is not a segment's.
func ParseSegmentName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, SegmentSuffix)
	if !ok || len(digits) != segmentDigits {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil && first > 0 && SegmentName(first) == name
}

// SegmentNames returns the segments among the names of a directory, in order.
func SegmentNames(names []string) []string {
	var segments []string
	for _, name := range names {
		if _, ok := ParseSegmentName(name); ok {
			segments = append(segments, name)
		}
	}
	slices.Sort(segments)
	return segments
}

const (
	hashesSuffix = ".hashes"
	HashLength   = 32 // of a leaf hash, in bytes
)

// HashesName returns the name of the file that pruning leaves of that segment.
func HashesName(first uint64) string {
	return strings.TrimSuffix(SegmentName(first), SegmentSuffix) + hashesSuffix
}

// IndexName is the name of an index of the log in its folder.
const IndexName = "index.sqlite"
