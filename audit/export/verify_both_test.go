package export_test

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/audit/verify"
	"tollgate/internal/testlog"
)

// The two verifiers, one written from the format's document and one beside the writer, say the same of each log.
func TestBothVerifiersAgree(t *testing.T) {
	l := newLogs(t)
	samples := slices.Concat(l.whole(), l.tampered(), l.unsignedChanges())
	for i, found := range faults(t, samples) {
		s := samples[i]
		t.Run(s.Name, func(t *testing.T) {
			if report, err := l.verify(s); (err == nil && report.Whole()) != (len(found) == 0) {
				t.Errorf("verify.py: %q\nGo: %+v, %v", found, report, err)
			}
		})
	}
}

// unsignedChanges are single bytes changed behind the last checkpoint, where it depends on the byte if a record is still one.
// What stands in the records of calls beyond their ids is not for a verifier to judge, so they are short.
func (l *logs) unsignedChanges() (samples []sample) {
	dir := l.edit(l.make(func(log *testlog.Log) {
		log.Rotate()
		l.calls(log, "iaoa", "a")
		log.Add(&logfile.Record{Kind: logfile.KindRefusal, Note: "a text"})
	}), 1, func(lines [][]byte) [][]byte { return lines[:len(lines)-1] })
	file := l.files(dir, "*.jsonl")[1]
	data, err := os.ReadFile(file)
	l.ok(err)
	for at := 0; at < len(data); at++ {
		samples = append(samples, sample{Name: fmt.Sprintf("byte %d", at), Log: dir, Allow: true, Flip: &flip{filepath.Base(file), at}})
	}
	return samples
}

// verify verifies a sample as `tollgate audit verify` does.
func (l *logs) verify(s sample) (*verify.Report, error) {
	o := verify.Options{AllowUnsigned: s.Allow}
	for _, text := range s.Keys {
		key, err := checkpoint.ParsePublicKey(text)
		l.ok(err)
		o.Keys = append(o.Keys, key)
	}
	var kept []io.Reader
	for _, file := range s.Copies {
		data, err := os.ReadFile(file)
		l.ok(err)
		kept = append(kept, strings.NewReader(string(data)))
	}
	if len(kept) > 0 {
		o.Witnesses = io.MultiReader(kept...)
	}
	var files fs.FS
	files, o.Bundle = l.open(s)
	return verify.Verify(context.Background(), files, o)
}

// open gives a sample's files, and whether it is a bundle.
func (l *logs) open(s sample) (fs.FS, bool) {
	if strings.HasSuffix(s.Log, ".zip") {
		r, err := zip.OpenReader(s.Log)
		l.ok(err)
		l.t.Cleanup(func() { _ = r.Close() })
		sub, err := fs.Sub(r, "log")
		l.ok(err)
		return sub, true
	}
	dir, bundle := s.Log, filepath.Base(s.Log) != "log"
	if bundle {
		dir = filepath.Join(dir, "log")
	}
	if s.Flip == nil {
		return os.DirFS(dir), bundle
	}
	files := fstest.MapFS{}
	for _, name := range l.files(dir, "*") {
		data, err := os.ReadFile(name)
		l.ok(err)
		if filepath.Base(name) == s.Flip.File {
			data[s.Flip.At] ^= 1
		}
		files[filepath.Base(name)] = &fstest.MapFile{Data: data}
	}
	return files, bundle
}
