package export

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tollgate/audit/logfile"
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
