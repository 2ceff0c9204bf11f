package logfile

import (
	"math"
	"strings"
	"testing"
)

func TestFileNames(t *testing.T) {
	for _, want := range []uint64{1, 4711, math.MaxInt64} {
		if first, hashes, ok := ParseFileName(SegmentName(want)); first != want || hashes || !ok {
			t.Errorf("%s is read as %d, %t, %t", SegmentName(want), first, hashes, ok)
		}
		if first, hashes, ok := ParseFileName(HashesName(want)); first != want || !hashes || !ok {
			t.Errorf("%s is read as %d, %t, %t", HashesName(want), first, hashes, ok)
		}
	}
	one := strings.TrimSuffix(SegmentName(1), SegmentSuffix)
	for _, name := range []string{
		"", one, SegmentSuffix, hashesSuffix, "1.jsonl", "0" + one + ".jsonl", "+" + one[1:] + ".jsonl", "-" + one[1:] + ".hashes", strings.Repeat("0", 20) + ".jsonl",
		SegmentName(math.MaxInt64 + 1), one + ".jsonl.hashes", one + ".hashes.jsonl", one + ".jsonl.jsonl", one + ".JSONL", "a/" + one + ".jsonl",
	} {
		if first, _, ok := ParseFileName(name); ok {
			t.Errorf("%q is taken for the file of record %d", name, first)
		}
	}
}
