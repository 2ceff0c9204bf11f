package logfile

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
)

// TestLastLine compares the search from the end with reading from the beginning, over chunks whose borders fall everywhere.
func TestLastLine(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		var b bytes.Buffer
		want, at := "", 0
		for b.Len() < backwardChunk*2+rng.IntN(1000) {
			line := strings.Repeat("x", rng.IntN(30000))
			if rng.IntN(40) == 0 {
				line = "wanted" + line
				want, at = line, b.Len()
			}
			b.WriteString(line + "\n")
		}
		b.WriteString("wanted, but incomplete")
		b.Write(make([]byte, rng.IntN(2*backwardChunk)))
		r, err := Open(fstest.MapFS{SegmentName(1): &fstest.MapFile{Data: b.Bytes()}}, SegmentName(1))
		if err != nil {
			t.Fatal(err)
		}
		line, offset, err := r.lastLine(int64(b.Len()), func(line []byte) bool { return bytes.HasPrefix(line, []byte("wanted")) })
		if err != nil || string(line) != want || offset != int64(at) {
			t.Fatalf("%d bytes at %d, %v; want %d at %d", len(line), offset, err, len(want), at)
		}
	}
}
