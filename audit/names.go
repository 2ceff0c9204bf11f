package audit

import (
	"math"
	"strings"
)

// SegmentName is the file name of the segment that begins with a record.
func SegmentName(first uint64) string { return segmentName(first) }

// HashesName is the name of what pruning leaves of that segment.
func HashesName(first uint64) string { return hashesName(first) }

// ParseFileName gives the number of the first record of a segment, or of the hashes of one, by the file's name. It gives
// false for names that are of no part of a log.
func ParseFileName(name string) (first uint64, hashes, ok bool) {
	digits, hashes := strings.CutSuffix(name, hashesSuffix)
	if hashes {
		name = digits + segmentSuffix
	}
	first, ok = parseSegmentName(name)
	return first, hashes, ok && first <= math.MaxInt64
}
