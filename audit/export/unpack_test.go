package export

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/audit/proof"
	"tollgate/audit/store"
	"tollgate/internal/testlog"
)

// TestUnpack: lines of an archive's log are read at their places, each segment is unpacked once and privately, also when several read.
func TestUnpack(t *testing.T) {
	name := filepath.Join(t.TempDir(), "bundle.zip")
	if err := os.WriteFile(name, whole(t), 0o600); err != nil {
		t.Fatal(err)
	}
	packed, _, closer, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	dir := t.TempDir()
	log := Unpack(packed, dir)
	files, err := logfile.List(log)
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			lines := logfile.LineReader{Files: log}
			defer lines.Close()
			for line, err := range logfile.Lines(packed, files, files[0].First, logfile.Position{Segment: files[0].First}) {
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := lines.Line(line.At); err != nil || string(got) != string(line.Text) {
					t.Errorf("%v: %q, %v", line.At, got, err)
				}
			}
		})
	}
	readers.Wait()
	for _, f := range files {
		if info, err := os.Stat(filepath.Join(dir, f.Name)); err != nil || info.Mode() != 0o600 || info.Size() != f.Size() {
			t.Errorf("%s: %v, %v", f.Name, info, err)
		}
	}
	if _, err := log.Open("../bundle.zip"); !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("outside: %v", err)
	}
}

// TestIndexOfABundle: an index finds in an archive what a scan of it finds, and is refused for another one.
func TestIndexOfABundle(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	l.Step = 3 * time.Minute
	for range 3 {
		l.Mixture(700)
		l.Rotate()
	}
	l.Close()
	log, err := proof.OpenLog(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	packed := func(from, to time.Time) fs.FS {
		var b bytes.Buffer
		if _, err := Write(&b, log, from, to); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "bundle.zip")
		if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		fsys, _, closer, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = closer.Close() })
		return fsys
	}
	whole, later := packed(testlog.Start, testlog.Start.AddDate(1, 0, 0)), packed(testlog.Start.AddDate(0, 0, 3), testlog.Start.AddDate(1, 0, 0))
	file := filepath.Join(t.TempDir(), "index")
	x := store.NewIn(Unpack(later, t.TempDir()), file)
	done := int64(0)
	if _, err := x.Rebuild(t.Context(), func(n, of int64) { done = max(done, n) }); err != nil || done == 0 {
		t.Fatalf("after %d bytes: %v", done, err)
	}
	for _, f := range []calls.Filter{{}, {Effect: "spend"}, {State: logfile.Failed}, {Decision: logfile.Refused}} {
		got, want := idsOf(t, x, &f), idsOf(t, calls.Files{FS: later}, &f)
		if !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("%+v: %d calls, want %d", f, len(got), len(want))
		}
	}
	if _, err := store.NewIn(Unpack(whole, t.TempDir()), file).Seq(t.Context()); !errors.Is(err, store.ErrUnusable) {
		t.Errorf("the index of another bundle: %v", err)
	}
}

func idsOf(t *testing.T, source calls.Source, f *calls.Filter) (list []string) {
	t.Helper()
	if err := source.Calls(t.Context(), f, func(c *calls.Call) error { list = append(list, c.ID()+c.State()); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestUnpackDamaged: of a file that does not unpack nothing stays, and it is an error each time.
func TestUnpackDamaged(t *testing.T) {
	archive := whole(t)
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	damaged := ""
	for _, f := range z.File {
		if at, err := f.DataOffset(); err == nil && strings.HasPrefix(f.Name, logFolder) {
			damaged = strings.TrimPrefix(f.Name, logFolder)
			archive[at+int64(f.CompressedSize64)/2] ^= 0x55
			break
		}
	}
	name, dir := filepath.Join(t.TempDir(), "bundle.zip"), t.TempDir()
	if err := os.WriteFile(name, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	packed, _, closer, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	log := Unpack(packed, dir)
	for range 2 {
		if _, err := log.Open(damaged); err == nil || !strings.Contains(err.Error(), "unpacking "+damaged) {
			t.Errorf("%s: %v", damaged, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
