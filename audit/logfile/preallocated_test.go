package logfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"tollgate/audit/logfile"
)

// countingFS counts what is read of its files.
type countingFS struct {
	fs.FS
	read *int
}

func (c countingFS) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return countingFile{f.(*os.File), c.read}, nil
}

type countingFile struct {
	*os.File
	read *int
}

func (c countingFile) Read(b []byte) (int, error) {
	n, err := c.File.Read(b)
	*c.read += n
	return n, err
}

func (c countingFile) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.File.ReadAt(b, at)
	*c.read += n
	return n, err
}

// TestFollowersDoNotReadWhatIsPreallocated reads on behind the last line of a segment, as each look at a log in use does.
func TestFollowersDoNotReadWhatIsPreallocated(t *testing.T) {
	dir, line := t.TempDir(), `{"seq":1,"time":"2026-10-01T00:00:00Z","kind":"checkpoint"}`+"\n"
	name := logfile.SegmentName(1)
	if err := os.WriteFile(filepath.Join(dir, name), append([]byte(line), make([]byte, 8<<20)...), 0o600); err != nil {
		t.Fatal(err)
	}
	read := 0
	r, err := logfile.Open(countingFS{os.DirFS(dir), &read}, name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Seek(2, int64(len(line)))
	for l, err := range r.Lines() {
		t.Fatalf("a line %q, error %v behind the last one", l.Text, err)
	}
	if seq, at := r.End(); seq != 2 || at != int64(len(line)) {
		t.Errorf("the next record is %d at %d", seq, at)
	}
	if _, _, err := r.LastCheckpointBefore(int64(len(line))); err != nil {
		t.Error(err)
	}
	if read > 4<<10 {
		t.Errorf("%d bytes were read where none are new", read)
	}
}
