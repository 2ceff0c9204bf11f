package logfile

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
)

// finder opens a segment of some bytes.
func finder(t *testing.T, text []byte) *Reader {
	t.Helper()
	r, err := Open(fstest.MapFS{SegmentName(1): {Data: text}}, SegmentName(1))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// counting counts the bytes that are read.
type counting struct {
	fs.File
	read int
}

func (c *counting) ReadAt(p []byte, offset int64) (int, error) {
	n, err := c.File.(interface {
		ReadAt([]byte, int64) (int, error)
	}).ReadAt(p, offset)
	c.read += n
	return n, err
}

// TestFind finds each line of segments with short and long lines, also with zeros or a partial line behind them.
func TestFind(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const first, count = 9_990, 300
	var text []byte
	var want []string
	for seq := first; seq < first+count; seq++ {
		length := rng.IntN(3000)
		if rng.IntN(20) == 0 {
			length = rng.IntN(MaxLine - 100)
		}
		line := fmt.Sprintf(`{"seq":%d,"commit":1,"note":"%s"}`, seq, strings.Repeat("x", length))
		text, want = append(append(text, line...), '\n'), append(want, line)
	}
	for name, tail := range map[string]string{
		"whole": "", "preallocated": strings.Repeat("\x00", 4<<20), "partial": fmt.Sprintf(`{"seq":%d,"com`, first+count), "short partial": `{"s`,
	} {
		r := finder(t, append(text[:len(text):len(text)], tail...))
		for i, line := range want {
			got, err := r.Find(uint64(first + i))
			if err != nil || string(got) != line {
				t.Fatalf("%s: record %d: %.60q, %v", name, first+i, got, err)
			}
		}
		for _, seq := range []uint64{1, first - 1, first + count, 1 << 62} {
			if got, err := r.Find(seq); got != nil || err != nil {
				t.Errorf("%s: record %d: %.60q, %v", name, seq, got, err)
			}
		}
	}
}

// TestFindReadsLittle: of 100 MB it reads two.
func TestFindReadsLittle(t *testing.T) {
	const count = 100_000
	var text bytes.Buffer
	for seq := 1; seq <= count; seq++ {
		fmt.Fprintf(&text, `{"seq":%d,"commit":1,"note":"%0960d"}`+"\n", seq, 0)
	}
	r := finder(t, text.Bytes())
	in := &counting{File: r.file}
	r.file = in
	if got, err := r.Find(77_777); err != nil || !bytes.HasPrefix(got, []byte(`{"seq":77777,`)) {
		t.Fatalf("%.40q, %v", got, err)
	}
	if in.read > 2<<20 {
		t.Errorf("it read %d bytes of %d", in.read, text.Len())
	}
}

// FuzzFind compares the search with the searched bytes and, if lines are in order, with all lines.
func FuzzFind(f *testing.F) {
	f.Add([]byte("{\"seq\":1,\"a\":1}\n{\"seq\":2,\"a\":1}\n"), uint64(2), 3)
	f.Fuzz(func(t *testing.T, text []byte, seq uint64, repeat int) {
		text = bytes.Repeat(text, 1+max(0, repeat)%2000)
		if len(text) > 256<<10 {
			return
		}
		got, err := finder(t, text).Find(seq)
		if found, ok := seqOf(got); got != nil && (err != nil || !ok || found != seq || !bytes.Contains(text, got)) {
			t.Fatalf("record %d: %q, %v", seq, got, err)
		}
	})
}
