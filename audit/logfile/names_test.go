package logfile

import (
	"fmt"
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

// FuzzSegmentName: a name is a segment's exactly if it is the one that its number has.
func FuzzSegmentName(f *testing.F) {
	for _, seed := range []string{SegmentName(1), SegmentName(1 << 63), "00000000000000000000.jsonl", "99999999999999999999.jsonl", "+0000000000000000001.jsonl", "1.jsonl", "next"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		var number uint64
		n, err := fmt.Sscanf(name, "%020d.jsonl", &number)
		want := n == 1 && err == nil && number > 0 && fmt.Sprintf("%020d.jsonl", number) == name
		if first, ok := ParseSegmentName(name); ok != want || ok && first != number {
			t.Errorf("%q: %d, %v", name, first, ok)
		}
	})
}
