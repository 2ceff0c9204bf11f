package logfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func openText(t testing.TB, text string) *Reader {
	t.Helper()
	r, err := Open(fstest.MapFS{SegmentName(1): {Data: []byte(text)}}, SegmentName(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// FuzzReader cuts bytes into chunks with a buffer of any size, and compares them with the lines of the bytes.
func FuzzReader(f *testing.F) {
	f.Add([]byte("a\nbc\n"), uint8(3))
	f.Add([]byte("\n\nabcdefgh\n\x00\x00"), uint8(1))
	f.Add([]byte("a\x00b\nabcdefgh\x00ijklm\nx\nabcdefghijkl\x00\x00n"), uint8(4))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		r := openText(t, string(text))
		buf := make([]byte, int(size)+1)
		at := int64(0)
		for {
			c, err := r.Next(buf)
			rest := text[at:]
			want, inside := wantZeros(rest, c, err)
			if got, ok := r.ZerosInside(c, err); ok != inside || inside && got != at+want {
				t.Fatalf("at %d of %q: zeros inside %v at %d", at, text, ok, got)
			}
			if err == io.EOF {
				if bytes.IndexByte(rest, '\n') >= 0 {
					t.Fatalf("%q is left of %q", rest, text)
				}
				if got := r.Tail(); got != wantTail(rest, at) {
					t.Fatalf("behind %d of %q: %+v", at, text, got)
				}
				return
			}
			if err != nil || c.Offset != at {
				t.Fatalf("at %d of %q: %+v, %v", at, text, c, err)
			}
			if c.Long != nil {
				end := bytes.IndexByte(rest, '\n')
				if want := wantTail(rest[:end], 0); end < len(buf) || *c.Long != want {
					t.Fatalf("at %d of %q: %+v is too long for %d", at, text, *c.Long, len(buf))
				}
				at += int64(end) + 1
				continue
			}
			if !bytes.HasPrefix(rest, c.Data) || !bytes.HasSuffix(c.Data, []byte{'\n'}) {
				t.Fatalf("at %d of %q: %q", at, text, c.Data)
			}
			at += int64(len(c.Data))
		}
	})
}

// wantZeros returns where, from the beginning of rest, the first line begins that has zeros in front of other bytes, and whether there is
// one.
func wantZeros(rest []byte, c Chunk, err error) (at int64, inside bool) {
	switch {
	case err == io.EOF:
		return 0, wantTail(rest, 0).After
	case c.Long != nil:
		return 0, bytes.IndexByte(rest[:bytes.IndexByte(rest, '\n')], 0) >= 0
	}
	for line := range bytes.Lines(rest[:len(c.Data)]) {
		if bytes.IndexByte(line, 0) >= 0 {
			return at, true
		}
		at += int64(len(line))
	}
	return 0, false
}

func wantTail(rest []byte, at int64) Tail {
	before, behind, zeros := bytes.Cut(rest, []byte{0})
	return Tail{at, int64(len(rest)), int64(len(before)), zeros, len(bytes.Trim(behind, "\x00")) > 0}
}

// TestLinesOfAnyLength reads lines around the greatest length, and around the buffer's, up to zeros or to the end.
func TestLinesOfAnyLength(t *testing.T) {
	for _, n := range []int{1, MaxLine - 1, MaxLine, MaxLine + 1, linesBuffer - 1, linesBuffer, linesBuffer + 1, 3 * linesBuffer} {
		long := strings.Repeat("x", n-1)
		for _, c := range []struct {
			text string
			want []string
			bad  bool
		}{
			{"a\n" + long + "\nb\n", []string{"a", long, "b"}, n > MaxLine},
			{"a\n" + long, []string{"a"}, n > MaxLine},
			{"a\n" + long + zeros(5), []string{"a"}, n > MaxLine},
			{"a\n" + long + zeros(2*linesBuffer), []string{"a"}, n > MaxLine},
			{"a\n" + zeros(1) + long + "\nb\n", []string{"a"}, false},
			{"a\n" + long + zeros(1) + "\nb\n", []string{"a"}, n > MaxLine},
		} {
			if c.bad {
				c.want = c.want[:1]
			}
			r := openText(t, c.text)
			var got []string
			var problem error
			at := int64(0)
			for line, err := range r.Lines() {
				if problem = err; err != nil {
					break
				}
				if line.Seq != uint64(len(got)+1) || line.At != (Position{1, at}) {
					t.Errorf("line %d of %d bytes: %+v", len(got)+1, n, line.At)
				}
				got, at = append(got, string(line.Text)), line.End()
			}
			fault := (*FaultError)(nil)
			if !slices.Equal(got, c.want) || errors.As(problem, &fault) != c.bad {
				t.Errorf("%d bytes: %d lines, %v", n, len(got), problem)
			}
			if end := c.text[r.end:]; (r.CheckWhole() == nil) != (end == "") {
				t.Errorf("%d bytes: %d are left, %v", n, len(end), r.CheckWhole())
			}
		}
	}
}

// A line at which the loop was left is read again, and then what was written since.
func TestLinesGoOn(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 1, "a\nb\n"+zeros(9))
	r, err := Open(os.DirFS(dir), SegmentName(1))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for line := range r.Lines() {
		if string(line.Text) == "b" {
			break
		}
	}
	write(t, dir, 1, "a\nb\nc\n"+zeros(7))
	var got []string
	for line, err := range r.Lines() {
		got = append(got, string(line.Text))
		if err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("%q", got)
	}
}

func write(t *testing.T, dir string, first uint64, text string) {
	t.Helper()
	if err := os.WriteFile(dir+"/"+SegmentName(first), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLinesFromAPosition(t *testing.T) {
	fsys := fstest.MapFS{
		SegmentName(1): {Data: []byte("a\nbc\n")}, SegmentName(3): {Data: []byte("d\n")}, SegmentName(4): {Data: []byte("e\nf" + zeros(3))},
		HashesName(3): {Data: []byte(zeros(32))}, "lock": {},
	}
	files, err := List(fsys)
	if err != nil {
		t.Fatal(err)
	}
	segments := Segments(files)
	read := func(seq uint64, at Position) (texts []string, problem error) {
		for line, err := range Lines(fsys, segments, seq, at) {
			if err != nil {
				return texts, err
			}
			if line.Seq != seq+uint64(len(texts)) {
				t.Errorf("line %q has seq %d", line.Text, line.Seq)
			}
			texts = append(texts, string(line.Text))
		}
		return texts, nil
	}
	all := []string{"a", "bc", "d", "e"}
	for i, at := range []Position{{1, 0}, {1, 2}, {3, 0}, {4, 0}} {
		if got, err := read(uint64(i+1), at); err != nil || !slices.Equal(got, all[i:]) {
			t.Errorf("from %v: %q, %v", at, got, err)
		}
	}
	if got, err := read(2, Position{2, 0}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("from a segment that is not there: %q, %v", got, err)
	}
	if got, err := read(2, Position{1, 0}); err == nil || len(got) != 2 {
		t.Errorf("with another number than the line's: %q, %v", got, err)
	}
	for name, text := range map[string]string{"zeros": "d\n" + zeros(1), "a part": "d\ne", "a line too many": "d\ne\n", "none": ""} {
		fsys[SegmentName(3)].Data = []byte(text)
		if got, err := read(1, Position{1, 0}); err == nil || slices.Contains(got, "f") {
			t.Errorf("%s in a closed segment: %q, %v", name, got, err)
		}
	}
}
